//! Tests of the log: the exact lines (which the documentation shows), that nothing forges a line, and that a
//! slow reader costs lines and nothing else.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use proptest::prelude::*;

use super::writer::Output;
use super::*;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

/// 2026-07-31 12:00:00.123 UTC.
fn noon() -> u64 {
    1_785_499_200_123
}

fn record<'a>() -> RequestRecord<'a> {
    RequestRecord {
        app: "api",
        id: RequestIds::from_seed(1).next_id(),
        client: [203, 0, 113, 9].into(),
        method: b"GET",
        target: b"/hello?to=you",
        http_minor: 1,
        status: 200,
        bytes: 13,
        duration: Duration::from_micros(412_345),
        referer: None,
        user_agent: Some(b"curl/8.5.0"),
        trace: None,
    }
}

/// What `write` logs in `format` at noon.
fn logged(format: Format, write: impl FnOnce(&mut LogSink)) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    let writer = LogWriter::to(file.try_clone().unwrap().into(), format);
    let mut sink = writer.sink_at(noon);
    write(&mut sink);
    assert!(sink.flush());
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn example(sink: &mut LogSink) {
    sink.message(
        Level::Info,
        "listening",
        &[("address", Field::Text("127.0.0.1:3000")), ("threads", Field::Number(4))],
    );
    sink.request(&record());
    sink.console("api", Level::Warn, "stock is low:\n  coffee \"beans\"");
    let fields = [("app", Field::Text("api")), ("id", Field::Id(record().id))];
    sink.message(Level::Error, "TypeError: x is not a function\n    at fetch (worker.js:3:9)", &fields);
}

#[test]
fn the_formats_are_as_documented() {
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let text = "\
2026-07-31T12:00:00.123Z info: listening address=127.0.0.1:3000 threads=4
2026-07-31T12:00:00.123Z api GET /hello?to=you 200 13B 412.345ms 203.0.113.9 d6e2c15bdd934f63 \"curl/8.5.0\"
2026-07-31T12:00:00.123Z api console.warn: stock is low:
    |   coffee \"beans\"
2026-07-31T12:00:00.123Z error: TypeError: x is not a function app=api id=d6e2c15bdd934f63
    |     at fetch (worker.js:3:9)
";
    let json = "\
{\"time\":\"2026-07-31T12:00:00.123Z\",\"type\":\"message\",\"level\":\"info\",\"text\":\"listening\",\"address\":\"127.0.0.1:3000\",\"threads\":4}
{\"time\":\"2026-07-31T12:00:00.123Z\",\"type\":\"request\",\"app\":\"api\",\"id\":\"d6e2c15bdd934f63\",\"method\":\"GET\",\"path\":\"/hello?to=you\",\"status\":200,\"bytes\":13,\"duration_ms\":412.345,\"client\":\"203.0.113.9\",\"user_agent\":\"curl/8.5.0\"}
{\"time\":\"2026-07-31T12:00:00.123Z\",\"type\":\"console\",\"app\":\"api\",\"level\":\"warn\",\"text\":\"stock is low:\\n  coffee \\\"beans\\\"\"}
{\"time\":\"2026-07-31T12:00:00.123Z\",\"type\":\"message\",\"level\":\"error\",\"text\":\"TypeError: x is not a function\\n    at fetch (worker.js:3:9)\",\"app\":\"api\",\"id\":\"d6e2c15bdd934f63\"}
";
    let apache = "\
[31/Jul/2026:12:00:00 +0000] [info] listening address=\"127.0.0.1:3000\" threads=4
203.0.113.9 - - [31/Jul/2026:11:59:59 +0000] \"GET /hello?to=you HTTP/1.1\" 200 13 \"-\" \"curl/8.5.0\" api d6e2c15bdd934f63 412345
[31/Jul/2026:12:00:00 +0000] [warn] [api] stock is low:\\n  coffee \\\"beans\\\"
[31/Jul/2026:12:00:00 +0000] [error] TypeError: x is not a function\\n    at fetch (worker.js:3:9) app=\"api\" id=d6e2c15bdd934f63
";
    for (format, expected) in [(Format::Text, text), (Format::Json, json), (Format::Apache, apache)] {
        let bytes = logged(format, example);
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        assert!(docs.contains(expected), "docs/configuration.md lacks the example of {}", format.name());
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
}

#[test]
fn absent_and_odd_values_have_a_form() {
    let record = RequestRecord {
        app: "-",
        client: "::ffff:127.0.0.1".parse().unwrap(),
        http_minor: 0,
        status: 0,
        bytes: 0,
        duration: Duration::from_micros(7),
        referer: Some(b"http://a/"),
        user_agent: None,
        trace: Some(b"4bf92f3577b34da6a3ce929d0e0e4736"),
        ..record()
    };
    let v6 = RequestRecord { client: "2001:db8::1".parse().unwrap(), bytes: u64::MAX, ..record };
    let both = |format| {
        let bytes = logged(format, |sink| {
            sink.request(&record);
            sink.request(&v6);
        });
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        both(Format::Apache),
        "127.0.0.1 - - [31/Jul/2026:12:00:00 +0000] \"GET /hello?to=you HTTP/1.0\" 0 - \"http://a/\" \"-\" - d6e2c15bdd934f63 7\n\
         2001:db8::1 - - [31/Jul/2026:12:00:00 +0000] \"GET /hello?to=you HTTP/1.0\" 0 18446744073709551615 \"http://a/\" \"-\" - d6e2c15bdd934f63 7\n"
    );
    assert!(both(Format::Text).ends_with(
        "- GET /hello?to=you 0 18446744073709551615B 0.007ms 2001:db8::1 d6e2c15bdd934f63 \"-\" trace=4bf92f3577b34da6a3ce929d0e0e4736\n"
    ));
    assert!(both(Format::Json).contains(
        "\"client\":\"127.0.0.1\",\"referer\":\"http://a/\",\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\"}\n"
    ));
}

#[test]
fn deceptive_text_is_escaped() {
    let target = "/\n\r\t\u{1b}[2J\u{0}\u{7f}\u{85}\u{202e}\u{2028}\\\"é";
    let record = RequestRecord { target: target.as_bytes(), user_agent: Some(b"\"\xff\xc3"), ..record() };
    let line = |format| String::from_utf8(logged(format, |sink| sink.request(&record))).unwrap();
    let text = line(Format::Text);
    assert!(text.contains(r#"/\n\r\t\x1b[2J\x00\x7f\u{85}\u{202e}\u{2028}\\"é 200"#), "{text}");
    assert!(text.ends_with("\"\\\"\\xff\\xc3\"\n"), "{text}");
    let apache = line(Format::Apache);
    assert!(
        apache.contains(r#"/\n\r\t\x1b[2J\x00\x7f\xc2\x85\xe2\x80\xae\xe2\x80\xa8\\\"\xc3\xa9 HTTP"#),
        "{apache}"
    );
    let json = line(Format::Json);
    assert!(json.contains(r#"[2J\u0000\u007f\u0085\u202e\u2028\\\"é""#), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["path"], target);
    assert_eq!(value["user_agent"], "\"\u{fffd}\u{fffd}");
}

/// Bytes as clients and applications may send them, rich in what could break a line.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[\n\r\"\\\\{}|:a \u{85}\u{9b}\u{2028}\u{202e}é\u{1f600}-]{0,30}".prop_map(String::into_bytes),
        Just(b"\n2026-07-31T12:00:00.123Z api GET /forged 200".to_vec()),
    ]
}

proptest! {
    #[test]
    fn no_field_forges_a_line(app in hostile(), method in hostile(), target in hostile(), agent in hostile(), text in hostile()) {
        let app = String::from_utf8_lossy(&app);
        let text = String::from_utf8_lossy(&text);
        let record = RequestRecord { app: &app, method: &method, target: &target, user_agent: Some(&agent), ..record() };
        for format in [Format::Text, Format::Json, Format::Apache] {
            let bytes = logged(format, |sink| {
                sink.request(&record);
                sink.console(&app, Level::Info, &text);
                sink.message(Level::Error, &text, &[("app", Field::Text(&app))]);
            });
            let lines = String::from_utf8(bytes).unwrap();
            let lines: Vec<&str> = lines.strip_suffix('\n').unwrap().split('\n').collect();
            let begins = |line: &&str| match format {
                Format::Text => line.starts_with("2026-07-31T12:00:00.123Z "),
                Format::Json => line.starts_with("{\"time\":\"2026-07-31T12:00:00.123Z\",\"type\":\""),
                Format::Apache => line.starts_with("203.0.113.9 - - [") || line.starts_with("[31/Jul/2026:12:00:00 +0000] ["),
            };
            prop_assert_eq!(lines.iter().filter(|line| begins(line)).count(), 3, "{:?}", lines);
            for line in &lines {
                prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
                prop_assert!(begins(line) || (format == Format::Text && line.starts_with("    | ")), "{:?}", line);
            }
            if format == Format::Json {
                let console: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
                prop_assert_eq!(console["app"].as_str(), Some(&*app));
                prop_assert_eq!(console["text"].as_str(), Some(&*text));
                let request: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
                if let Ok(target) = std::str::from_utf8(&target) {
                    prop_assert_eq!(request["path"].as_str(), Some(target));
                }
            }
        }
    }
}

#[test]
fn the_date_follows_the_clock() {
    let mut clock = clock::Clock::of(noon);
    let mut shown = |unix_ms| {
        let mut text = Vec::new();
        let stamp = clock.at(unix_ms);
        stamp.write_iso(&mut text);
        (String::from_utf8(text).unwrap(), stamp.apache.clone())
    };
    for (unix_ms, iso, apache) in [
        (0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z", "28/Feb/2000:23:59:59 +0000"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z", "29/Feb/2000:00:00:00 +0000"),
        (951_782_400_050, "2000-02-29T00:00:00.050Z", "29/Feb/2000:00:00:00 +0000"),
        (253_402_200_000_000, "9999-12-30T20:00:00.000Z", "30/Dec/9999:20:00:00 +0000"),
    ] {
        assert_eq!(shown(unix_ms), (iso.to_string(), apache.to_string()));
    }
    // Beyond what can be shown: something, and no panic.
    shown(u64::MAX);
}

#[test]
fn request_ids_are_sixteen_digits_and_differ() {
    let mut ids = RequestIds::from_seed(u64::MAX - 500);
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        let id = ids.next_id();
        assert_eq!(id.to_string().as_bytes(), id.to_hex());
        assert_eq!(id.to_hex().len(), 16);
        assert!(seen.insert(id));
    }
    assert_ne!(RequestIds::new().next_id(), RequestIds::new().next_id());
}

/// The numbered lines `first..` of one thread, padded so that a few thousand fill any pipe.
fn numbered(sink: &mut LogSink, thread: usize, numbers: std::ops::Range<usize>) {
    for number in numbers {
        sink.console("api", Level::Info, &format!("thread={thread} number={number} {}", "x".repeat(100)));
    }
}

/// Reads all lines, which must be whole, and answers the numbers of each thread, which must ascend, and how
/// many lines the log says it dropped.
fn read_numbered(mut from: impl io::Read, threads: usize) -> (Vec<Vec<usize>>, u64) {
    let mut bytes = String::new();
    from.read_to_string(&mut bytes).unwrap();
    let (mut numbers, mut dropped) = (vec![Vec::new(); threads], 0);
    assert!(bytes.is_empty() || bytes.ends_with('\n'));
    for line in bytes.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = line["text"].as_str().unwrap();
        if let Some(lines) = line["lines"].as_u64() {
            dropped += lines;
            continue;
        }
        assert!(text.ends_with(&"x".repeat(100)));
        let value = |name: &str| -> usize {
            text.split(' ').find_map(|word| word.strip_prefix(name)).unwrap().parse().unwrap()
        };
        numbers[value("thread=")].push(value("number="));
    }
    for numbers in &numbers {
        assert!(numbers.is_sorted_by(|a, b| a < b));
    }
    (numbers, dropped)
}

/// An output that nobody reads for a while: what waits is bounded, what is dropped is counted, nothing is
/// torn.
fn a_slow_reader_loses_whole_lines(output: Output, reader: impl io::Read + Send + 'static) {
    const LINES: usize = 20_000;
    let writer = LogWriter::of(output, Format::Json);
    let mut sink = writer.sink_at(noon);
    for start in (0..LINES).step_by(100) {
        numbered(&mut sink, 0, start..start + 100);
        sink.flush();
    }
    assert!(!sink.flush(), "the output took all: make LINES larger");
    assert!(writer.waiting() <= WAITING_BYTES_MAX);
    assert!(!writer.close(Duration::from_millis(1)));

    let reader = thread::spawn(move || read_numbered(reader, 1));
    // The reader is back: the log goes on, and says what was lost.
    assert!(writer.close(Duration::from_secs(60)));
    numbered(&mut sink, 0, LINES..LINES + 1);
    sink.flush();
    assert!(writer.close(Duration::from_secs(60)));
    drop((sink, writer));
    let (numbers, dropped) = reader.join().unwrap();
    assert!(dropped > 0);
    assert_eq!(numbers[0].len() as u64 + dropped, LINES as u64 + 1);
    assert_eq!(numbers[0].last(), Some(&LINES));
}

#[test]
fn a_slow_pipe_loses_whole_lines() {
    let (reader, writer) = io::pipe().unwrap();
    let output = Output::new(writer.into());
    assert!(matches!(output, Output::NonBlocking(_)), "{output:?}");
    a_slow_reader_loses_whole_lines(output, reader);
}

#[test]
fn a_slow_pipe_of_another_user_loses_whole_lines() {
    let (reader, writer) = io::pipe().unwrap();
    a_slow_reader_loses_whole_lines(Output::Polled(File::from(OwnedFd::from(writer))), reader);
}

#[test]
fn a_slow_socket_loses_whole_lines() {
    let (reader, writer) = UnixStream::pair().unwrap();
    let output = Output::new(writer.into());
    assert!(matches!(output, Output::Socket(_)), "{output:?}");
    a_slow_reader_loses_whole_lines(output, reader);
}

#[test]
fn a_shared_output_stays_blocking() {
    let (_reader, writer) = io::pipe().unwrap();
    let log = LogWriter::to(writer.try_clone().unwrap().into(), Format::Text);
    let mut sink = log.sink();
    sink.console("api", Level::Info, "hello");
    assert!(sink.flush());
    // SAFETY: the descriptor is open, and the command takes no argument.
    let flags = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETFL) };
    assert_eq!(flags & libc::O_NONBLOCK, 0);
}

#[test]
fn a_closed_output_does_not_stop_the_log() {
    let (reader, writer) = io::pipe().unwrap();
    let log = LogWriter::to(writer.into(), Format::Text);
    let mut sink = log.sink();
    drop(reader);
    for _ in 0..3 {
        sink.console("api", Level::Info, &"x".repeat(SINK_BYTES_MAX));
        assert!(sink.flush());
    }
    assert!(log.close(Duration::ZERO));
}

#[test]
fn threads_do_not_tear_each_others_lines() {
    let (reader, output) = io::pipe().unwrap();
    let writer = LogWriter::to(output.into(), Format::Json);
    let reader = thread::spawn(move || read_numbered(reader, 4));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let mut sink = writer.sink_at(noon);
            thread::spawn(move || {
                for start in (0..5000).step_by(50) {
                    numbered(&mut sink, number, start..start + 50);
                    sink.flush();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    writer.sink().flush();
    assert!(writer.close(Duration::from_secs(60)));
    // What the last lines were dropped for is reported with the next flush, if there were any.
    writer.sink_at(noon).flush();
    assert!(writer.close(Duration::from_secs(60)));
    drop(writer);
    let (numbers, dropped) = reader.join().unwrap();
    assert_eq!(numbers.iter().map(Vec::len).sum::<usize>() as u64 + dropped, 4 * 5000);
}

#[test]
fn a_full_buffer_is_handed_over_unasked_and_dropping_a_sink_flushes() {
    let mut file = tempfile::tempfile().unwrap();
    let writer = LogWriter::to(file.try_clone().unwrap().into(), Format::Text);
    let mut sink = writer.sink();
    sink.console("api", Level::Info, "short");
    assert_eq!(file.metadata().unwrap().len(), 0);
    sink.console("api", Level::Info, &"x".repeat(SINK_BYTES_MAX));
    assert!(file.metadata().unwrap().len() > SINK_BYTES_MAX as u64);
    sink.console("api", Level::Info, "last");
    drop(sink);
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("last\n"));
}
