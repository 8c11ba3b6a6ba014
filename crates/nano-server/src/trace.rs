//! W3C Trace Context: what a request brings of the trace that it belongs to. What is not exactly as the
//! recommendation has it counts as not there (sections 3.2 and 3.3). Knows nothing of what is done with it.

/// Bytes of a `traceparent` of version 00.
const PARENT_BYTES: usize = 55;

/// A `tracestate` that is passed on.
///
/// Limit (bytes): the recommendation wants at least as much to be passed on.
const STATE_BYTES: usize = 512;

/// A valid `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent<'a> {
    whole: &'a [u8],
}

impl<'a> TraceParent<'a> {
    /// Reads the field's value. `None`: it is not valid.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let (head, rest) = value.split_at_checked(PARENT_BYTES)?;
        let version = &head[..2];
        let (trace, parent, flags) = (&head[3..35], &head[36..52], &head[53..55]);
        let hex = |digits: &[u8]| digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let none = |digits: &[u8]| digits.iter().all(|byte| *byte == b'0');
        let dashes = [head[2], head[35], head[52]] == *b"---";
        let digits = hex(version) && hex(trace) && hex(parent) && hex(flags);
        // Later versions may say more, behind another dash.
        let ends = rest.is_empty() || version != b"00" && rest[0] == b'-';
        let valid = dashes && digits && ends && version != b"ff" && !none(trace) && !none(parent);
        valid.then_some(Self { whole: value })
    }

    /// The trace's id: 32 hexadecimal digits.
    pub(crate) fn trace_id(self) -> &'a [u8] {
        &self.whole[3..35]
    }

    /// Who has sent it, in that trace: 16 hexadecimal digits.
    pub(crate) fn span_id(self) -> &'a [u8] {
        &self.whole[36..52]
    }

    /// Whether its sender records the trace.
    pub(crate) fn is_sampled(self) -> bool {
        // The last bit of two hexadecimal digits.
        matches!(self.whole[54], b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f')
    }
}

/// The ids of a span in a trace that is recorded, in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceIds {
    pub(crate) trace: [u8; 32],
    pub(crate) span: [u8; 16],
}

impl TraceIds {
    /// Appends the field by which other servers know that a request belongs to the trace.
    pub(crate) fn pass_on(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b"traceparent: 00-");
        into.extend_from_slice(&self.trace);
        into.push(b'-');
        into.extend_from_slice(&self.span);
        into.extend_from_slice(b"-01\r\n");
    }
}

/// The one valid `traceparent` among these fields. Two of them are none.
pub(crate) fn parent<'a>(mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<TraceParent<'a>> {
    let mut named = fields.by_ref().filter(|(name, _)| name.eq_ignore_ascii_case(b"traceparent"));
    let (_, value) = named.next()?;
    if named.next().is_some() {
        return None;
    }
    TraceParent::parse(value)
}

/// Appends what is passed on to requests that this one causes: nothing, if these fields have no valid
/// `traceparent`.
pub(crate) fn pass_on<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone, into: &mut Vec<u8>) {
    let Some(parent) = parent(fields.clone()) else { return };
    into.extend_from_slice(b"traceparent: ");
    into.extend_from_slice(parent.whole);
    into.extend_from_slice(b"\r\n");
    pass_state_on(fields, into);
}

/// Appends the `tracestate` of these fields, which belong to a valid `traceparent`, if it can be passed on.
pub(crate) fn pass_state_on<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    into: &mut Vec<u8>,
) {
    let states = || {
        fields.clone().filter(|(name, value)| name.eq_ignore_ascii_case(b"tracestate") && !value.is_empty())
    };
    let length: usize = states().map(|(_, value)| value.len() + 1).sum();
    let plain = states().all(|(_, value)| value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
    if length == 0 || length > STATE_BYTES + 1 || !plain {
        return;
    }
    for (index, (_, value)) in states().enumerate() {
        into.extend_from_slice(if index == 0 { b"tracestate: " } else { b"," });
        into.extend_from_slice(value);
    }
    into.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn passed(fields: &[(&str, &str)]) -> String {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut into = Vec::new();
        pass_on(fields, &mut into);
        String::from_utf8(into).unwrap()
    }

    #[test]
    fn a_valid_parent_is_read() {
        let parent = TraceParent::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(parent.trace_id(), b"4bf92f3577b34da6a3ce929d0e0e4736");
        // A version to come may say more.
        let later = GOOD.replacen("00", "cc", 1) + "-what-the-future-will-be-like";
        assert!(TraceParent::parse(later.as_bytes()).is_some());
        assert!(TraceParent::parse(GOOD.replacen("00", "cc", 1).as_bytes()).is_some());
    }

    #[test]
    fn whether_it_is_recorded_is_the_last_bit() {
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("ff", true), ("fe", false)] {
            let value = GOOD.replace("-01", &format!("-{flags}"));
            assert_eq!(TraceParent::parse(value.as_bytes()).unwrap().is_sampled(), sampled, "{flags}");
        }
    }

    #[test]
    fn what_is_passed_on_can_be_read() {
        let ids = TraceIds { trace: *b"4bf92f3577b34da6a3ce929d0e0e4736", span: *b"00f067aa0ba902b7" };
        let mut into = Vec::new();
        ids.pass_on(&mut into);
        assert_eq!(into, format!("traceparent: {GOOD}\r\n").into_bytes());
        let parent = TraceParent::parse(&into[13..into.len() - 2]).unwrap();
        assert_eq!((parent.trace_id(), parent.span_id()), (&ids.trace[..], &ids.span[..]));
    }

    #[test]
    fn whatever_else_is_none() {
        let wrong = [
            "".to_owned(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-x"),
            format!("{GOOD} "),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "cc", 1) + "x",
            GOOD.replace('-', "_"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace("-01", "-0g"),
        ];
        for value in wrong {
            assert_eq!(TraceParent::parse(value.as_bytes()), None, "{value:?}");
        }
    }

    #[test]
    fn what_is_passed_on_is_what_came() {
        let with_state =
            [("Traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", ""), ("TraceState", "b=2")];
        assert_eq!(passed(&with_state), format!("traceparent: {GOOD}\r\ntracestate: a=1,b=2\r\n"));
        assert_eq!(passed(&[("traceparent", GOOD)]), format!("traceparent: {GOOD}\r\n"));
        // A state without a parent is nobody's; two parents are none.
        assert_eq!(passed(&[("tracestate", "a=1")]), "");
        assert_eq!(passed(&[("traceparent", GOOD), ("traceparent", GOOD)]), "");
        let (fits, long) = ("x".repeat(STATE_BYTES), "x".repeat(STATE_BYTES + 1));
        assert!(passed(&[("traceparent", GOOD), ("tracestate", &fits)]).contains("tracestate"));
        assert!(!passed(&[("traceparent", GOOD), ("tracestate", &long)]).contains("tracestate"));
        assert!(!passed(&[("traceparent", GOOD), ("tracestate", "a=\u{e9}")]).contains("tracestate"));
    }
}
