//! The oracle of nano-log's formats: whatever clients and applications send, a record is one record, a line
//! has no control characters, and JSON gives the fields back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nano_log::{Field, Format, Level, Lines, RequestIds, RequestRecord};

/// 2026-07-31 12:00:00.123 UTC.
const NOON_MS: u64 = 1_785_499_200_123;

/// The first byte chooses which optional fields there are, the second the numbers; the fields follow, each
/// with a byte for its length before it.
pub fn check(data: &[u8]) {
    let [flags, numbers, rest @ ..] = data else { return };
    let mut rest = rest;
    let mut next = || {
        let (&length, after) = rest.split_first().unwrap_or((&0, rest));
        let (field, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        field
    };
    let (app, method, target, referer, user_agent, trace) = (next(), next(), next(), next(), next(), next());
    let app = String::from_utf8_lossy(app);
    let text = String::from_utf8_lossy(rest);
    let number = u64::from(*numbers);
    let client = match flags & 1 {
        0 => IpAddr::V4(Ipv4Addr::new(203, 0, 113, *numbers)),
        _ => IpAddr::V6(Ipv6Addr::from(u128::from(number) << 77)),
    };
    let record = RequestRecord {
        app: &app,
        id: RequestIds::from_seed(number).next_id(),
        client,
        method,
        target,
        http_minor: flags >> 1 & 1,
        status: u16::from(*numbers) * 4,
        bytes: number << (flags >> 2 & 0x3f),
        duration: Duration::from_micros(number.pow(3)),
        referer: (flags & 4 != 0).then_some(referer),
        user_agent: (flags & 8 != 0).then_some(user_agent),
        trace: (flags & 16 != 0).then_some(trace),
    };
    for format in [Format::Text, Format::Json, Format::Apache] {
        let mut lines = Lines::with_clock(format, || NOON_MS);
        lines.request(&record);
        let request = one_record(&mut lines, format);
        lines.console(&app, Level::Warn, &text);
        let console = one_record(&mut lines, format);
        lines.message(Level::Error, &text, &[("app", Field::Text(&app)), ("count", Field::Number(number))]);
        let message = one_record(&mut lines, format);
        if format == Format::Json {
            let value = |line: &str| -> serde_json::Value {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
            };
            let request = value(&request);
            assert_eq!(request["app"], *app);
            assert_eq!(request["bytes"], record.bytes);
            for (name, field) in [
                ("method", Some(method)),
                ("path", Some(target)),
                ("referer", record.referer),
                ("user_agent", record.user_agent),
                ("trace", record.trace),
            ] {
                match field.map(std::str::from_utf8) {
                    None => assert!(request.get(name).is_none(), "{name}"),
                    Some(Ok(text)) => assert_eq!(request[name], *text),
                    Some(Err(_)) => {
                        assert!(request[name].as_str().is_some_and(|text| text.contains('\u{fffd}')))
                    }
                }
            }
            for line in [console, message] {
                let line = value(&line);
                assert_eq!((line["app"].as_str(), line["text"].as_str()), (Some(&*app), Some(&*text)));
            }
        }
    }
}

/// The record that `lines` has, which is removed there.
fn one_record(lines: &mut Lines, format: Format) -> String {
    let record = String::from_utf8(lines.as_bytes().to_vec()).expect("lines are UTF-8");
    lines.clear();
    let body = record.strip_suffix('\n').expect("a record ends its line");
    for (number, line) in body.split('\n').enumerate() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        match number {
            0 => assert!(begins_record(format, line), "{line:?}"),
            _ => assert!(format == Format::Text && line.starts_with("    | "), "{line:?}"),
        }
    }
    assert!(format != Format::Apache || record.is_ascii(), "{record:?}");
    record
}

fn begins_record(format: Format, line: &str) -> bool {
    match format {
        Format::Text => line.starts_with("2026-07-31T12:00:00.123Z "),
        Format::Json => line.starts_with("{\"time\":\"2026-07-31T12:00:00.123Z\",\"type\":\""),
        Format::Apache => {
            let request = line.split_once(" - - [").map(|(client, _)| client.parse::<IpAddr>());
            line.starts_with("[31/Jul/2026:12:00:00 +0000] [") || matches!(request, Some(Ok(_)))
        }
    }
}
