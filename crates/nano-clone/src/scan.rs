//! Checks the bytes of a serialized value before V8 reads them: whether they are well formed, how deep they
//! nest, and how much memory they would take. It knows the wire format and no V8.
//!
//! V8's reader checks its input, but it trusts sizes: an array of a few bytes that claims 30 million elements
//! gets memory for them, as does each of thousands inside of it, and a full heap ends the process. So bytes
//! from outside reach V8 only after this check. Where V8 is lenient (varints of too many bytes, obsolete
//! tags, numbers that do not match the version) this check is strict. V8 reads bytes that pass it in the same
//! way, or refuses them.

/// Versions that are read: 14 gave views their flags and 15 and 16 changed nothing for sizes below 4 GiB.
pub(crate) const VERSIONS: std::ops::RangeInclusive<u32> = 14..=16;

/// The form of host objects in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostFormat {
    /// The form of this crate: a number for the kind, then one value.
    Kinds,
    /// The form of Node's `v8.serialize`: views as a number for the type, a length and the bytes.
    NodeViews,
    /// Host objects are refused.
    None,
}

/// The limits of a check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) memory: usize,
    pub(crate) depth: u32,
    pub(crate) hosts: HostFormat,
    /// The number of buffers that were transferred beside the bytes.
    pub(crate) transferred: u32,
}

/// The bytes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Invalid { at: usize, what: &'static str },
    TooDeep,
    TooMuchMemory { estimate: usize },
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// An estimate of the memory that the value takes; it is too high rather than too low.
    pub(crate) memory: usize,
    /// The depth of the deepest value: 0 for a primitive.
    pub(crate) depth: u32,
    /// The changes that must be made before V8 reads, in this order. Only in Node's format.
    pub(crate) moves: Vec<Move>,
}

/// The stack of an error, which comes after its cause and must be moved before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// The bytes of the cause and the stack.
    pub(crate) range: std::ops::Range<usize>,
    /// The length of the stack in bytes.
    pub(crate) stack: usize,
}

// Estimates of the bytes that values take in V8's heap without compressed pointers, including temporary
// memory.
const VALUE: usize = 16;
const OBJECT: usize = 96;
const PROPERTY: usize = 64;
const ELEMENT: usize = 8;
const MAP_ENTRY: usize = 128;
const SET_ENTRY: usize = 96;
const BUFFER: usize = 256;
const REGEXP: usize = 512;
const ERROR: usize = 512;
/// The longest array for which V8 allocates all elements at once.
const FAST_LENGTH_MAX: u32 = 32 << 20;
/// The largest index of an element for which V8 may allocate all elements before it.
const FAST_INDEX_MAX: u32 = 2_000;
/// Size of a BigInt that is read.
///
/// Limit (bytes): V8 ends the process beyond 2^30 bits.
const BIGINT_BYTES_MAX: usize = 1 << 27;
/// Length of a string that is read.
///
/// Limit (UTF-16 units): V8 makes no longer strings.
const STRING_UNITS_MAX: usize = (1 << 29) - 24;

/// A container whose parts are being read.
enum Frame {
    /// Keys and values until the end tag, which is followed by their numbers.
    Properties {
        end: u8,
        count: u32,
        length: Option<u32>,
        index: u32,
        value: bool,
    },
    /// Elements of a dense array, then its properties.
    Elements {
        left: u32,
        length: u32,
    },
    Map {
        count: u32,
    },
    Set {
        count: u32,
    },
    /// An error whose cause is read, and where the cause begins. The rest of the error follows.
    Cause {
        start: usize,
    },
    /// A host object, which ends with its value.
    Host,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    rules: Rules,
    memory: usize,
    objects: u32,
    frames: Vec<Frame>,
    depth: usize,
    moves: Vec<Move>,
}

/// Checks all of `bytes`: the header with the version, and one value.
pub(crate) fn scan(bytes: &[u8], rules: Rules) -> Result<Found, Refusal> {
    let mut scanner = Scanner {
        bytes,
        at: 0,
        rules,
        memory: 0,
        objects: 0,
        frames: Vec::new(),
        depth: 0,
        moves: Vec::new(),
    };
    if scanner.byte()? != 0xff {
        return Err(Refusal::Invalid { at: 0, what: "there is no version" });
    }
    if !VERSIONS.contains(&scanner.varint()?) {
        return Err(Refusal::Invalid { at: 1, what: "the version is not known" });
    }
    scanner.run()?;
    // Padding may follow.
    if scanner.bytes[scanner.at..].iter().any(|byte| *byte != 0) {
        return scanner.invalid("something follows the value");
    }
    Ok(Found { memory: scanner.memory, depth: scanner.depth as u32, moves: scanner.moves })
}

impl Scanner<'_> {
    fn invalid<T>(&self, what: &'static str) -> Result<T, Refusal> {
        Err(Refusal::Invalid { at: self.at, what })
    }

    fn byte(&mut self) -> Result<u8, Refusal> {
        let Some(byte) = self.bytes.get(self.at) else { return self.invalid("the bytes end") };
        self.at += 1;
        Ok(*byte)
    }

    /// The next byte that is not padding.
    fn tag(&mut self) -> Result<u8, Refusal> {
        loop {
            let tag = self.byte()?;
            if tag != 0 {
                return Ok(tag);
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes[self.at..].iter().copied().find(|byte| *byte != 0)
    }

    fn varint(&mut self) -> Result<u32, Refusal> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            if shift == 28 && byte > 0x0f {
                return self.invalid("a number has too many bits");
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.invalid("a number has too many bytes")
    }

    /// Reads a size that is possible: at most the bytes that are left, or the memory limit.
    fn size(&mut self) -> Result<usize, Refusal> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28, 35, 42, 49] {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // At most 2^53, by the number of bytes.
                return usize::try_from(value).or_else(|_| self.invalid("a size is too large"));
            }
        }
        self.invalid("a size has too many bytes")
    }

    fn skip(&mut self, length: usize) -> Result<(), Refusal> {
        if length > self.bytes.len() - self.at {
            return self.invalid("a length goes beyond the end");
        }
        self.at += length;
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.memory = self.memory.saturating_add(bytes);
        if self.memory > self.rules.memory {
            return Err(Refusal::TooMuchMemory { estimate: self.memory });
        }
        Ok(())
    }

    /// Counts one more object, to which later references may refer.
    fn object(&mut self, cost: usize) -> Result<(), Refusal> {
        self.objects += 1;
        // Four times the size of a reference, since V8's table of objects doubles.
        self.charge(cost + 4 * ELEMENT)
    }

    fn enter(&mut self, frame: Frame) -> Result<(), Refusal> {
        if self.frames.len() >= self.rules.depth as usize {
            return Err(Refusal::TooDeep);
        }
        self.frames.push(frame);
        self.depth = self.depth.max(self.frames.len());
        Ok(())
    }

    fn run(&mut self) -> Result<(), Refusal> {
        let tag = self.tag()?;
        self.value(tag)?;
        while let Some(frame) = self.frames.pop() {
            self.step(frame)?;
        }
        Ok(())
    }

    /// Continues with a container: reads at most one value, which may open another container.
    fn step(&mut self, mut frame: Frame) -> Result<(), Refusal> {
        match &mut frame {
            Frame::Elements { left, length } => {
                if *left == 0 {
                    let (end, length) = (b'$', Some(*length));
                    self.frames.push(Frame::Properties { end, count: 0, length, index: 0, value: false });
                    return Ok(());
                }
                *left -= 1;
                self.frames.push(frame);
                let tag = self.tag()?;
                if tag == b'-' { Ok(()) } else { self.value(tag) }
            }
            Frame::Properties { end, count, length, index, value } => {
                let tag = self.tag()?;
                if *value {
                    *value = false;
                    *count += 1;
                    self.frames.push(frame);
                    return self.value(tag);
                }
                if tag == *end {
                    if self.varint()? != *count {
                        return self.invalid("the number of properties is wrong");
                    }
                    if let Some(length) = *length
                        && self.varint()? != length
                    {
                        return self.invalid("the array's length is wrong");
                    }
                    return Ok(());
                }
                self.charge(PROPERTY)?;
                if let Some(key) = self.key(tag)?
                    && key < FAST_INDEX_MAX
                    && key >= *index
                {
                    // V8 allocates half as much again, and a constant.
                    let before = if *index == 0 { 0 } else { *index as usize * 2 + 17 };
                    self.charge((key as usize * 2 + 19 - before) * ELEMENT)?;
                    *index = key + 1;
                }
                *value = true;
                self.frames.push(frame);
                Ok(())
            }
            Frame::Map { count } => {
                let tag = self.tag()?;
                if tag == b':' {
                    let count = *count;
                    return self.end_of_collection(count, count % 2 == 0);
                }
                *count += 1;
                self.frames.push(frame);
                self.charge(MAP_ENTRY / 2)?;
                self.value(tag)
            }
            Frame::Set { count } => {
                let tag = self.tag()?;
                if tag == b',' {
                    let count = *count;
                    return self.end_of_collection(count, true);
                }
                *count += 1;
                self.frames.push(frame);
                self.charge(SET_ENTRY)?;
                self.value(tag)
            }
            Frame::Cause { start } => {
                let (start, end) = (*start, self.at);
                let mut tag = self.byte()?;
                if tag == b's' && self.rules.hosts == HostFormat::NodeViews {
                    self.any_string()?;
                    self.moves.push(Move { range: start..self.at, stack: self.at - end });
                    tag = self.byte()?;
                }
                if tag == b'.' { Ok(()) } else { self.invalid("an error has no end") }
            }
            Frame::Host => Ok(()),
        }
    }

    fn end_of_collection(&mut self, count: u32, even: bool) -> Result<(), Refusal> {
        if self.varint()? == count && even { Ok(()) } else { self.invalid("the number of entries is wrong") }
    }

    /// Reads the key of a property; returns its index if it is one.
    fn key(&mut self, tag: u8) -> Result<Option<u32>, Refusal> {
        match tag {
            b'"' | b'c' | b'S' => {
                let start = self.at;
                self.string(tag)?;
                // A name that is an index is an element too.
                let digits = &self.bytes[start..self.at];
                let digits = digits.get(1..).filter(|digits| (1..=8).contains(&digits.len()));
                let index = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                // A name of two-byte units, or of another length, is not a small index.
                Ok(index)
            }
            b'I' => {
                let zigzag = self.varint()?;
                Ok((zigzag % 2 == 0).then_some(zigzag / 2))
            }
            b'U' => self.varint().map(Some),
            b'N' => {
                let start = self.at;
                self.skip(8)?;
                let value = f64::from_ne_bytes(self.bytes[start..self.at].try_into().unwrap_or_default());
                Ok((value >= 0.0 && value < f64::from(FAST_INDEX_MAX)).then_some(value as u32))
            }
            _ => self.invalid("a key is neither a string nor a number"),
        }
    }

    /// Reads a string after its tag.
    fn string(&mut self, tag: u8) -> Result<(), Refusal> {
        let length = self.varint()? as usize;
        let units = if tag == b'c' { length / 2 } else { length };
        if units > STRING_UNITS_MAX || (tag == b'c' && !length.is_multiple_of(2)) {
            return self.invalid("a string's length is not possible");
        }
        self.skip(length)?;
        self.charge(VALUE + length * if tag == b'S' { 2 } else { 1 })
    }

    fn any_string(&mut self) -> Result<(), Refusal> {
        match self.tag()? {
            tag @ (b'"' | b'c' | b'S') => self.string(tag),
            _ => self.invalid("there is no string where one belongs"),
        }
    }

    fn bigint(&mut self) -> Result<(), Refusal> {
        let bits = self.varint()?;
        let length = (bits >> 1) as usize;
        if length > BIGINT_BYTES_MAX || bits == 1 {
            return self.invalid("a BigInt is not possible");
        }
        self.skip(length)?;
        self.charge(VALUE + length)
    }

    fn value(&mut self, tag: u8) -> Result<(), Refusal> {
        match tag {
            b'_' | b'0' | b'T' | b'F' => Ok(()),
            b'I' | b'U' => {
                self.varint()?;
                self.charge(VALUE)
            }
            b'N' => {
                self.skip(8)?;
                self.charge(VALUE)
            }
            b'Z' => self.bigint(),
            b'"' | b'c' | b'S' => self.string(tag),
            b'^' => {
                if self.varint()? >= self.objects {
                    return self.invalid("a reference is to an object that is not there yet");
                }
                self.view()
            }
            b'o' => {
                self.object(OBJECT)?;
                self.enter(Frame::Properties { end: b'{', count: 0, length: None, index: 0, value: false })
            }
            b'a' => {
                let length = self.varint()?;
                self.object(OBJECT)?;
                if length <= FAST_LENGTH_MAX {
                    self.charge(length as usize * ELEMENT)?;
                }
                let (end, length) = (b'@', Some(length));
                self.enter(Frame::Properties { end, count: 0, length, index: 0, value: false })
            }
            b'A' => {
                let length = self.varint()?;
                if length as usize > self.bytes.len() - self.at {
                    return self.invalid("an array has more elements than there are bytes");
                }
                self.object(OBJECT)?;
                self.charge(length as usize * ELEMENT)?;
                self.enter(Frame::Elements { left: length, length })
            }
            b'D' => {
                self.skip(8)?;
                self.object(OBJECT)
            }
            b'y' | b'x' => self.object(OBJECT),
            b'n' => {
                self.skip(8)?;
                self.object(OBJECT)
            }
            b'z' => {
                self.bigint()?;
                self.object(OBJECT)
            }
            b's' => {
                self.any_string()?;
                self.object(OBJECT)
            }
            b'R' => {
                let start = self.at;
                self.any_string()?;
                // While V8 parses a pattern, it takes far more memory than the text.
                self.charge((self.at - start) * 64)?;
                self.varint()?;
                self.object(REGEXP)
            }
            b';' => {
                self.object(OBJECT + MAP_ENTRY)?;
                self.enter(Frame::Map { count: 0 })
            }
            b'\'' => {
                self.object(OBJECT + SET_ENTRY)?;
                self.enter(Frame::Set { count: 0 })
            }
            b'B' => {
                let length = self.size()?;
                self.skip(length)?;
                self.charge(length)?;
                self.object(BUFFER)?;
                self.view()
            }
            b'~' => {
                let (length, most) = (self.size()?, self.size()?);
                if length > most {
                    return self.invalid("a buffer is larger than it may become");
                }
                self.skip(length)?;
                // V8 reserves whole pages for the buffer's maximum length.
                self.charge(most.saturating_add(1 << 12))?;
                self.object(BUFFER)?;
                self.view()
            }
            b't' => {
                if self.varint()? >= self.rules.transferred {
                    return self.invalid("a buffer was transferred that is not there");
                }
                self.object(BUFFER)?;
                self.view()
            }
            b'r' => self.error(),
            b'\\' => self.host(),
            b'C' | b'u' | b'w' | b'm' | b'p' => self.invalid("something is shared that cannot be here"),
            _ => self.invalid("the tag is not known"),
        }
    }

    /// Reads a view, which follows its buffer or a reference to the buffer.
    fn view(&mut self) -> Result<(), Refusal> {
        if self.peek() != Some(b'V') {
            return Ok(());
        }
        self.tag()?;
        if self.byte()? >= 0x80 {
            return self.invalid("the type of a view is not known");
        }
        // V8 checks that they fit the buffer.
        self.size()?;
        self.size()?;
        self.varint()?;
        self.object(BUFFER)
    }

    fn error(&mut self) -> Result<(), Refusal> {
        self.object(ERROR)?;
        let mut tag = self.byte()?;
        if matches!(tag, b'E' | b'R' | b'F' | b'S' | b'T' | b'U') {
            tag = self.byte()?;
        }
        for part in [b'm', b's'] {
            if tag == part {
                self.any_string()?;
                tag = self.byte()?;
            }
        }
        match tag {
            b'.' => Ok(()),
            b'c' => {
                self.enter(Frame::Cause { start: self.at - 1 })?;
                let tag = self.tag()?;
                self.value(tag)
            }
            _ => self.invalid("an error has a part that is not known"),
        }
    }

    fn host(&mut self) -> Result<(), Refusal> {
        match self.rules.hosts {
            HostFormat::None => self.invalid("there is a host's object"),
            HostFormat::Kinds => {
                self.varint()?;
                self.object(OBJECT * 4)?;
                self.enter(Frame::Host)?;
                let tag = self.tag()?;
                self.value(tag)
            }
            HostFormat::NodeViews => {
                self.varint()?;
                let length = self.varint()? as usize;
                self.skip(length)?;
                self.charge(length)?;
                self.object(2 * BUFFER)
            }
        }
    }
}
