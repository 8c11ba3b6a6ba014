//! Responses, and how the two sides of an exchange bear on each other.

use crate::common::{Driver, Handler, Random, Seen, drive, pairs, read_back, text};
use nano_http::{
    Awaiting, BodyLength, Closing, Connection, Input, Limits, Misuse, Next, Refusal, ResponseHead, Version,
    push_field,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

fn with(request: &[u8]) -> Connection {
    let mut http = Connection::new(Limits::default());
    http.receive(request);
    assert_eq!(http.next(), Ok(Input::Head));
    http
}

fn out(http: &Connection) -> String {
    String::from_utf8(http.output().to_vec()).unwrap()
}

#[test]
fn the_head_as_seen() {
    let http = with(b"GET /a%20b/../c?x=1?2 HTTP/1.1\r\nHost: Example.com:8080\r\nX-A:  one \r\nx-a: two\r\nUpgrade: a\r\n\r\n");
    let head = http.head();
    assert_eq!(head.method(), b"GET");
    assert_eq!(head.target(), b"/a%20b/../c?x=1?2");
    assert_eq!(head.path(), b"/a%20b/../c");
    assert_eq!(head.query(), Some(&b"x=1?2"[..]));
    assert_eq!(head.authority(), Some(&b"Example.com:8080"[..]));
    assert_eq!(head.version(), Version::Http11);
    assert_eq!(head.header(b"X-A"), Some(&b"one"[..]));
    assert_eq!(head.header(b"x-b"), None);
    assert_eq!(head.len(), 4);
    assert_eq!((head.content_length(), head.has_body(), head.expects_continue()), (None, false, false));
    assert_eq!(head.upgrade(), None, "Connection does not name it");
    assert_eq!(head.method_span().of(head.head_bytes()), b"GET");
    assert_eq!(head.target_span().of(head.head_bytes()), head.target());
    assert_eq!(head.authority_span().map(|s| s.of(head.head_bytes())), head.authority());
}

#[test]
fn an_absolute_target_has_the_say() {
    let http = with(b"GET http://B.example:1?q HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(http.head().authority(), Some(&b"B.example:1"[..]));
    assert_eq!(http.head().host(), Some(&b"a"[..]));
    assert_eq!((http.head().path(), http.head().query()), (&b"/"[..], Some(&b"q"[..])));
    let http = with(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((http.head().path(), http.head().query()), (&b"*"[..], None));
    let http = with(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(http.head().authority(), None);
}

#[test]
fn outside_of_a_request_the_head_is_empty() {
    let mut http = with(GET);
    http.respond_with(ResponseHead::new(200, b""), b"").unwrap();
    assert!(http.head().is_empty() && http.head().method().is_empty() && http.head().head_bytes().is_empty());
    assert_eq!(http.trailers().len(), 0);
    assert_eq!(http.body(), b"");
}

#[test]
fn the_fast_path() {
    let mut http = with(GET);
    let mut block = Vec::new();
    push_field(&mut block, b"x", b"y").unwrap();
    let head = ResponseHead { date: Some(DATE), ..ResponseHead::new(200, &block) };
    assert_eq!(http.respond_with(head, b"hello"), Ok(Next::KeepAlive));
    assert_eq!(
        out(&http),
        "HTTP/1.1 200 OK\r\nx: y\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\n\r\nhello"
    );
    assert_eq!(http.awaiting(), Awaiting::Output);
    http.wrote(10);
    assert!(http.output().starts_with(b"00 OK\r\n"));
    http.wrote(http.pending_output());
    assert_eq!(http.next(), Ok(Input::NeedMore));
    assert_eq!(http.awaiting(), Awaiting::Head);
    assert_eq!(http.closing(), Closing::Open);
}

#[test]
fn bodies_by_status_method_and_version() {
    use BodyLength::{Known, None, Unknown};
    // request, status, length, then: framing field, body bytes on the wire of "abc", next
    type Case = (&'static str, u16, BodyLength, Option<&'static str>, &'static str, Next);
    let cases: &[Case] = &[
        ("GET / HTTP/1.1", 200, Known(3), Some("Content-Length: 3"), "abc", Next::KeepAlive),
        (
            "GET / HTTP/1.1",
            200,
            Unknown,
            Some("Transfer-Encoding: chunked"),
            "3\r\nabc\r\n0\r\n\r\n",
            Next::KeepAlive,
        ),
        ("HEAD / HTTP/1.1", 200, Known(3), Some("Content-Length: 3"), "", Next::KeepAlive),
        ("HEAD / HTTP/1.1", 200, Unknown, Option::None, "", Next::KeepAlive),
        ("HEAD / HTTP/1.1", 200, None, Option::None, "", Next::KeepAlive),
        ("GET / HTTP/1.1", 204, Known(3), Option::None, "", Next::KeepAlive),
        ("GET / HTTP/1.1", 204, Unknown, Option::None, "", Next::KeepAlive),
        ("GET / HTTP/1.1", 304, None, Option::None, "", Next::KeepAlive),
        ("GET / HTTP/1.0", 200, Known(3), Some("Content-Length: 3"), "abc", Next::Close),
        ("GET / HTTP/1.0", 200, Unknown, Option::None, "abc", Next::Close),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive",
            200,
            Known(3),
            Some("Content-Length: 3"),
            "abc",
            Next::KeepAlive,
        ),
        ("GET / HTTP/1.0\r\nConnection: keep-alive", 200, Unknown, Option::None, "abc", Next::Close),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive, close",
            200,
            Known(3),
            Some("Content-Length: 3"),
            "abc",
            Next::Close,
        ),
        ("GET / HTTP/1.1\r\nConnection: CLOSE", 200, Known(3), Some("Content-Length: 3"), "abc", Next::Close),
        (
            "GET / HTTP/1.1\r\nConnection: x\r\nConnection: y , close",
            200,
            Known(3),
            Some("Content-Length: 3"),
            "abc",
            Next::Close,
        ),
        ("HEAD / HTTP/1.0\r\nConnection: keep-alive", 200, Unknown, Option::None, "", Next::KeepAlive),
    ];
    for (request, status, length, framing, body, next) in cases {
        let mut http = with(format!("{request}\r\nHost: a\r\n\r\n").as_bytes());
        http.respond(ResponseHead::new(*status, b""), *length).unwrap();
        if *length != None {
            http.send_body(b"").unwrap();
            http.send_body(b"abc").unwrap();
        }
        assert_eq!(http.finish(Option::None), Ok(*next), "{request} {length:?}");
        let written = out(&http);
        let (head, sent) = written.split_once("\r\n\r\n").unwrap();
        assert_eq!(&sent, body, "{request} {status} {length:?}");
        let framing_field =
            head.lines().find(|l| l.starts_with("Content-Length") || l.starts_with("Transfer"));
        assert_eq!(framing_field, *framing, "{request} {status} {length:?}");
        let connection = head.lines().find(|l| l.starts_with("Connection: "));
        let expected = match (next, request.contains("HTTP/1.0")) {
            (Next::Close, _) => Some("Connection: close"),
            (Next::KeepAlive, true) => Some("Connection: keep-alive"),
            (Next::KeepAlive, false) => Option::None,
        };
        assert_eq!(connection, expected, "{request} {status} {length:?}");
    }
}

#[test]
fn status_lines() {
    for (status, reason, line) in [
        (200, None, "HTTP/1.1 200 OK"),
        (200, Some(&b"Fine"[..]), "HTTP/1.1 200 Fine"),
        (404, None, "HTTP/1.1 404 Not Found"),
        (299, None, "HTTP/1.1 299 "),
        (404, Some(b""), "HTTP/1.1 404 "),
        (404, Some(b"a\r\nx: y"), "HTTP/1.1 404 Not Found"),
    ] {
        let mut http = with(GET);
        http.respond_with(ResponseHead { reason, ..ResponseHead::new(status, b"") }, b"").unwrap();
        assert_eq!(out(&http).lines().next(), Some(line));
    }
}

#[test]
fn misuse_is_told_and_nothing_is_written() {
    let mut http = Connection::new(Limits::default());
    let ok = ResponseHead::new(200, b"");
    assert_eq!(http.respond_with(ok, b""), Err(Misuse::NoRequest));
    assert_eq!(http.send_body(b"x"), Err(Misuse::NotResponding));
    assert_eq!(http.finish(None), Err(Misuse::NotResponding));
    http.receive(GET);
    assert_eq!(http.next(), Ok(Input::Head));
    assert_eq!(http.send_body(b"x"), Err(Misuse::NotResponding));
    for status in [0, 100, 101, 199, 1000] {
        assert_eq!(http.respond(ResponseHead::new(status, b""), BodyLength::None), Err(Misuse::Status));
    }
    assert_eq!(http.respond(ResponseHead::new(200, b"x: y"), BodyLength::None), Err(Misuse::HeaderBlock));
    assert_eq!(http.upgrade(b"Upgrade: x\r\n", None), Err(Misuse::Upgrade));
    assert_eq!(http.pending_output(), 0);
    http.respond(ok, BodyLength::Unknown).unwrap();
    assert_eq!(http.respond(ok, BodyLength::None), Err(Misuse::AlreadyResponded));
    assert_eq!(http.respond_error(500, "", None), Err(Misuse::AlreadyResponded));
    assert_eq!(http.finish(Some(b"x: y")), Err(Misuse::HeaderBlock));
    assert_eq!(http.finish(Some(b"x: y\r\n")), Ok(Next::KeepAlive));
    assert!(out(&http).ends_with("\r\n\r\n0\r\nx: y\r\n\r\n"));
}

/// Sends `body` in two pieces through a socket that takes so many bytes of each, and gives what went there
/// and what is left.
fn sent_through(length: BodyLength, body: &[u8], takes: usize) -> Vec<u8> {
    let mut http = with(GET);
    http.respond(ResponseHead::new(200, b""), length).unwrap();
    let mut socket = Vec::new();
    for piece in body.chunks(body.len().div_ceil(2)) {
        let before = http.pending_output();
        let mut taken = false;
        let all = http.send_body_through(piece, |waiting, bytes| {
            // What waits comes first, with a chunk's size; a send without room takes nothing.
            assert!(waiting.len() >= before);
            assert_eq!(bytes, piece);
            let both = [waiting, bytes].concat();
            let count = takes.min(both.len());
            socket.extend_from_slice(&both[..count]);
            taken = count == both.len();
            count
        });
        assert_eq!(all, Ok(taken), "{takes}");
        // At most the end of a chunk waits when all was sent.
        assert!(!taken || http.pending_output() <= 2, "{takes}");
    }
    http.finish(None).unwrap();
    socket.extend_from_slice(http.output());
    socket
}

#[test]
fn a_body_sent_without_a_copy_is_the_same_wherever_the_socket_stops() {
    let body = b"0123456789abcdefghij";
    for length in [BodyLength::Known(body.len() as u64), BodyLength::Unknown] {
        let mut http = with(GET);
        http.respond(ResponseHead::new(200, b""), length).unwrap();
        http.send_body(&body[..10]).unwrap();
        http.send_body(&body[10..]).unwrap();
        http.finish(None).unwrap();
        for takes in 0..http.pending_output() + 10 {
            assert_eq!(sent_through(length, body, takes), http.output(), "{takes}");
        }
    }
}

#[test]
fn a_body_that_must_not_be_sent_reaches_no_socket() {
    let never = |_: &[u8], _: &[u8]| -> usize { panic!("written to the socket") };
    let mut http = with(GET);
    assert_eq!(http.send_body_through(b"x", never), Err(Misuse::NotResponding));
    http.respond(ResponseHead::new(200, b""), BodyLength::Known(5)).unwrap();
    assert_eq!(http.send_body_through(b"abcdef", never), Err(Misuse::BodyTooLong));
    assert_eq!(http.closing(), Closing::Flush);
    let mut http = with(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    http.respond(ResponseHead::new(200, b""), BodyLength::Known(5)).unwrap();
    assert_eq!(http.send_body_through(b"abcde", never), Ok(true));
}

#[test]
fn a_body_of_the_wrong_length_never_looks_complete() {
    let mut http = with(GET);
    http.respond(ResponseHead::new(200, b""), BodyLength::Known(5)).unwrap();
    http.send_body(b"abc").unwrap();
    assert_eq!(http.send_body(b"def"), Err(Misuse::BodyTooLong));
    assert_eq!(http.closing(), Closing::Flush);
    assert!(out(&http).ends_with("\r\n\r\nabc"));
    assert_eq!(http.send_body(b"de"), Err(Misuse::NotResponding));
    assert_eq!(http.next(), Ok(Input::Closed));

    let mut http = with(GET);
    http.respond(ResponseHead::new(200, b""), BodyLength::Known(5)).unwrap();
    http.send_body(b"abcd").unwrap();
    assert_eq!(http.finish(None), Err(Misuse::BodyTooShort));
    assert_eq!(http.closing(), Closing::Flush);
    http.wrote(http.pending_output());
    assert!(http.should_close());

    let mut http = with(GET);
    http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
    http.send_body(b"abcd").unwrap();
    http.abort();
    assert_eq!(http.closing(), Closing::Flush);
    assert!(!read_back(http.output(), &[false])[0].complete);

    let mut http = with(b"GET / HTTP/1.0\r\n\r\n");
    http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
    http.send_body(b"abcd").unwrap();
    http.abort();
    assert_eq!(http.closing(), Closing::Reset, "an orderly end would look complete");
    assert!(http.should_close());
    assert_eq!(http.next(), Ok(Input::Closed));
    assert_eq!(http.closing(), Closing::Reset);
}

const EXPECTING: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n";

#[test]
fn continue_is_sent_once_and_only_when_waited_for() {
    let mut http = with(EXPECTING);
    assert!(http.head().expects_continue());
    assert!(http.send_continue());
    assert!(!http.send_continue());
    assert_eq!(out(&http), "HTTP/1.1 100 Continue\r\n\r\n");
    http.wrote(http.pending_output());
    http.receive(b"hello");
    assert_eq!(http.next(), Ok(Input::Body));
    http.consume(5);
    assert_eq!(http.respond_with(ResponseHead::new(200, b""), b""), Ok(Next::KeepAlive));

    // The body is there already.
    let mut http = with(&[EXPECTING, b"hel"].concat());
    assert!(!http.send_continue());
    assert_eq!(http.pending_output(), 0);

    // Nobody expects it.
    assert!(!with(GET).send_continue());
    let mut http = with(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    assert!(!http.send_continue());
    let mut http = with(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    assert!(!http.head().expects_continue() && !http.send_continue());
    let mut http = with(b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert!(!http.send_continue());

    // Too late.
    let mut http = with(EXPECTING);
    http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
    assert!(!http.send_continue());
}

#[test]
fn an_answer_without_continue_closes() {
    let mut http = with(EXPECTING);
    assert_eq!(http.respond_with(ResponseHead::new(401, b""), b""), Ok(Next::Close));
    assert!(out(&http).contains("Connection: close") && !out(&http).contains("100"));
    assert_eq!(http.closing(), Closing::Linger);
    // A request after it, or the body, whatever it is: it is not looked at.
    http.wrote(http.pending_output());
    http.receive(GET);
    assert_eq!(http.next(), Ok(Input::NeedMore));
    http.received_eof();
    assert_eq!(http.next(), Ok(Input::Closed));
    assert_eq!(http.pending_output(), 0);
}

#[test]
fn upgrades_hand_over() {
    let request = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00";
    let mut http = with(request);
    assert_eq!(http.head().upgrade(), Some(&b"websocket"[..]));
    let rest = http.upgrade(b"Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n", None).unwrap();
    assert_eq!(rest, b"\x81\x00");
    assert_eq!(
        out(&http),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
    );
    assert_eq!(http.next(), Ok(Input::Wait));
    assert!(!http.want_read());

    let mut http =
        with(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(http.upgrade(b"Upgrade: x\r\n", None), Err(Misuse::Upgrade), "body is unread");
    let http = with(b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    assert_eq!(http.head().upgrade(), None);
}

#[test]
fn draining() {
    // Idle: closes.
    let mut http = Connection::new(Limits::default());
    http.drain();
    assert_eq!(http.next(), Ok(Input::Closed));
    // In a request: the response says so.
    let mut http = with(GET);
    http.drain();
    assert_eq!(http.respond_with(ResponseHead::new(200, b""), b"x"), Ok(Next::Close));
    assert!(out(&http).contains("Connection: close"));
    assert_eq!(http.closing(), Closing::Linger, "the client may have sent more");
    // In a response: ends after it.
    let mut http = with(GET);
    http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
    http.drain();
    assert_eq!(http.finish(None), Ok(Next::Close));
    assert!(out(&http).ends_with("0\r\n\r\n"));
    // In the middle of a head: it is served still.
    let mut http = Connection::new(Limits::default());
    http.receive(&GET[..10]);
    http.drain();
    assert_eq!(http.next(), Ok(Input::NeedMore));
    http.receive(&GET[10..]);
    assert_eq!(http.next(), Ok(Input::Head));
}

#[test]
fn errors_in_the_middle_of_a_head_and_between_requests() {
    let mut http = Connection::new(Limits::default());
    http.receive(&GET[..10]);
    assert_eq!(http.next(), Ok(Input::NeedMore));
    assert_eq!(http.awaiting(), Awaiting::HeadRest);
    http.respond_error(408, "", Some(DATE)).unwrap();
    assert!(out(&http).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert!(out(&http).ends_with("\r\n\r\nRequest Timeout"));
    assert_eq!(http.closing(), Closing::Linger);
    assert_eq!(http.respond_error(500, "", None), Err(Misuse::NoRequest));
}

#[test]
fn a_bad_body_is_told_to_the_reader_and_the_application_may_still_answer() {
    let mut http = with(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n");
    http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
    assert_eq!(http.next(), Ok(Input::Body));
    http.consume(1);
    assert_eq!(http.next(), Err(Refusal::ChunkSize));
    http.send_body(b"so far").unwrap();
    assert_eq!(http.finish(None), Ok(Next::Close));
}

#[test]
fn the_end_of_the_input() {
    let limits = Limits::default();
    let none: [&[u8]; 0] = [];
    assert_eq!(drive(&limits, Handler::ReadsAll, none).0, [Seen::Closed]);
    assert_eq!(drive(&limits, Handler::ReadsAll, [&b"G"[..]]).0, [Seen::Truncated]);
    // A client that shuts its side down still gets its answers.
    let mut http = with(&[GET, GET].concat());
    http.received_eof();
    assert_eq!(http.next(), Ok(Input::BodyEnd));
    assert_eq!(http.next(), Ok(Input::Wait));
    assert!(http.is_eof());
    http.respond_with(ResponseHead::new(200, b""), b"1").unwrap();
    assert_eq!(http.next(), Ok(Input::Head));
    http.respond_with(ResponseHead::new(200, b""), b"2").unwrap();
    assert_eq!(http.next(), Ok(Input::Closed));
    assert_eq!(http.closing(), Closing::Flush);
    assert_eq!(read_back(http.output(), &[]).len(), 2);
}

#[test]
fn a_read_error_changes_nothing() {
    let mut http = Connection::new(Limits::default());
    http.receive(&GET[..9]);
    assert!(http.fill(|_| Err(std::io::ErrorKind::WouldBlock.into())).is_err());
    assert!(!http.is_eof());
    http.receive(&GET[9..]);
    assert_eq!(http.next(), Ok(Input::Head));
}

#[test]
fn a_thousand_pipelined_requests() {
    let mut bytes = Vec::new();
    for i in 0..1000 {
        bytes.extend_from_slice(format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    }
    for piece in [7, 1000, usize::MAX] {
        let mut driver = Driver::new(Limits::default(), Handler::ReadsAll);
        bytes.chunks(piece.min(bytes.len())).for_each(|p| driver.receive(p));
        driver.eof();
        let responses = read_back(&driver.output, &[]);
        assert_eq!(responses.len(), 1000);
        for (i, response) in responses.iter().enumerate() {
            assert_eq!(text(&response.body), format!("echo /{i}"));
        }
    }
}

#[test]
fn nothing_of_the_next_request_is_looked_at_before_the_response_is_finished() {
    let mut http = with(&[GET, b"\0\0\0"].concat());
    assert_eq!(http.next(), Ok(Input::BodyEnd));
    assert_eq!(http.next(), Ok(Input::Wait));
    assert_eq!(http.awaiting(), Awaiting::Handler);
    http.respond_with(ResponseHead::new(200, b""), b"").unwrap();
    assert_eq!(http.next(), Err(Refusal::ControlCharacter));
}

#[test]
fn what_is_sent_as_chunks_is_read_back() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut http = with(GET);
        http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
        let mut body = Vec::new();
        for _ in 0..random.below(8) {
            let size = [0, 1, 15, 16, 255, 256, 4096, 70_000][random.below(8)];
            let part = random.bytes(size);
            http.send_body(&part).unwrap();
            body.extend_from_slice(&part);
        }
        let mut trailers = Vec::new();
        for _ in 0..random.below(3) {
            push_field(&mut trailers, b"x-t", b"v").unwrap();
        }
        http.finish(Some(&trailers)).unwrap();
        let written = http.output();
        let at = written.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (seen, _) = drive(&Limits::default(), Handler::ReadsAll, [head, &written[at..]]);
        let expected = pairs(std::iter::repeat_n((&b"x-t"[..], &b"v"[..]), trailers.len() / 8));
        assert_eq!(seen[1], Seen::Body(body, expected), "seed {seed}");
    }
}
