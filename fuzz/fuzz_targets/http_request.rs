//! Fuzzes nano-http's request side: arbitrary bytes, in arbitrary pieces. Whatever comes, nothing panics; the same
//! bytes mean the same however they are split; no head is taken that another parser could read differently.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/nano-http/tests/it/common.rs"]
mod common;

use common::{Handler, Random, Seen, drive};
use nano_http::{Connection, Input, Limits};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The first byte chooses the handler and the limits, the second how the bytes are split.
    let [mode, seed, message @ ..] = data else { return };
    let handler = if mode & 1 == 0 { Handler::ReadsAll } else { Handler::AnswersAtOnce };
    let mut limits = Limits::default();
    if mode & 2 != 0 {
        limits.head_bytes = 80;
        limits.fields = 3;
        limits.body_bytes = 20;
        limits.trailer_bytes = 16;
        limits.chunk_line_bytes = 10;
        limits.chunk_extension_bytes = 8;
        limits.discard_bytes = 5;
    }
    let whole = drive(&limits, handler, [message]);
    let mut random = Random::new(u64::from(*seed));
    let mut pieces = vec![];
    let mut rest = message;
    let most = 1 + usize::from(*seed) % 40;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + random.below(most)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    assert_eq!(drive(&limits, handler, pieces), whole, "another split, another meaning");
    for seen in &whole.0 {
        if let Seen::Head(head) = seen {
            let count =
                |name: &str| head.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
            assert!(count("content-length") + count("transfer-encoding") <= 1);
            assert!(count("host") <= 1);
            assert!(head.target == "*" || head.path.starts_with('/'));
        }
    }
    first_head_is_strict(&limits, message);
});

/// The raw bytes of the first head, if it is taken.
fn first_head_is_strict(limits: &Limits, message: &[u8]) {
    let mut http = Connection::new(limits.clone());
    http.receive(message);
    if http.next() != Ok(Input::Head) {
        return;
    }
    let head = http.head().head_bytes();
    assert!(head.len() <= limits.head_bytes && head.ends_with(b"\r\n\r\n"));
    for (i, &b) in head.iter().enumerate() {
        match b {
            b'\n' => assert!(i > 0 && head[i - 1] == b'\r', "LF without CR"),
            b'\r' => assert!(head.get(i + 1) == Some(&b'\n'), "CR without LF"),
            b'\t' => {}
            _ => assert!(b >= 0x20 && b != 0x7f, "control character"),
        }
    }
    for line in head.split(|&b| b == b'\n') {
        assert!(!matches!(line.first(), Some(b' ' | b'\t')), "folded line");
    }
}
