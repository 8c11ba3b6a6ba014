//! Each limit at its value, and one beyond.

use crate::common::{Driver, Handler, Seen, drive, refusal};
use nano_http::{
    Awaiting, BodyLength, BufferPool, Closing, Connection, Input, Limits, Next, Refusal, ResponseHead,
};

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn head_of(len: usize) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec();
    head.resize(len - 4, b'x');
    head.extend_from_slice(b"\r\n\r\n");
    head
}

fn chunked(body: &[u8]) -> Vec<u8> {
    [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", body].concat()
}

#[test]
fn head_bytes() {
    for limit in [64, 100, 4096, 8192, 32 << 10, 1 << 20] {
        let limits = limits(|l| l.head_bytes = limit);
        assert_eq!(refusal(&limits, &head_of(limit)), None, "{limit}");
        assert_eq!(refusal(&limits, &head_of(limit + 1)), Some(Refusal::HeadTooLarge), "{limit}");
        // Without an end it is refused at the limit, not after it.
        let endless = &head_of(2 * limit)[..limit + 1];
        assert_eq!(refusal(&limits, endless), Some(Refusal::HeadTooLarge), "{limit}");
        assert_eq!(refusal(&limits, &endless[..limit]), None, "{limit}");
    }
    assert_eq!(refusal(&Limits::default(), &head_of(32 << 10)), None);
    assert_eq!(refusal(&Limits::default(), &head_of((32 << 10) + 1)), Some(Refusal::HeadTooLarge));
}

#[test]
fn a_pipelined_head_has_the_whole_limit_too() {
    let limits = limits(|l| l.head_bytes = 100);
    let bytes: Vec<u8> = [head_of(100), head_of(60), head_of(100), head_of(101)].concat();
    let (seen, _) = drive(&limits, Handler::ReadsAll, [&bytes[..]]);
    assert_eq!(seen.iter().filter(|s| matches!(s, Seen::Head(_))).count(), 3);
    assert!(seen.contains(&Seen::Refused(Refusal::HeadTooLarge)));
}

#[test]
fn fields() {
    let head =
        |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(n - 1)).into_bytes();
    assert_eq!(refusal(&Limits::default(), &head(128)), None);
    assert_eq!(refusal(&Limits::default(), &head(129)), Some(Refusal::TooManyFields));
    let few = limits(|l| l.fields = 1);
    assert_eq!(refusal(&few, &head(1)), None);
    assert_eq!(refusal(&few, &head(2)), Some(Refusal::TooManyFields));
    let most = limits(|l| l.fields = usize::MAX);
    assert_eq!(refusal(&most, &head(Limits::MOST_FIELDS)), None);
    assert_eq!(refusal(&most, &head(Limits::MOST_FIELDS + 1)), Some(Refusal::TooManyFields));
}

#[test]
fn body_bytes() {
    let limits = limits(|l| l.body_bytes = 10);
    let with_length = |n: usize| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n{}", "x".repeat(n)).into_bytes()
    };
    assert_eq!(refusal(&limits, &with_length(10)), None);
    assert_eq!(refusal(&limits, &with_length(11)), Some(Refusal::BodyTooLarge));
    assert_eq!(refusal(&limits, &chunked(b"a\r\n0123456789\r\n0\r\n\r\n")), None);
    assert_eq!(refusal(&limits, &chunked(b"b\r\n0123456789a\r\n0\r\n\r\n")), Some(Refusal::BodyTooLarge));
    assert_eq!(refusal(&limits, &chunked(b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n")), None);
    assert_eq!(
        refusal(&limits, &chunked(b"5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n")),
        Some(Refusal::BodyTooLarge)
    );
    // The head of a body refused for its announced length is there to be logged.
    let mut http = Connection::new(limits);
    http.receive(&with_length(11));
    assert_eq!(http.next(), Err(Refusal::BodyTooLarge));
    assert_eq!(http.head().method(), b"POST");
}

#[test]
fn body_limit_of_one_request() {
    let mut http = Connection::new(Limits::default());
    http.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(http.next(), Ok(Input::Head));
    assert_eq!(http.set_body_limit(5), Ok(()));
    assert_eq!(http.set_body_limit(4), Err(Refusal::BodyTooLarge));
    assert_eq!(http.next(), Err(Refusal::BodyTooLarge));
    http.respond_error(413, "", None).unwrap();
    assert!(http.output().starts_with(b"HTTP/1.1 413 Content Too Large\r\n"));

    // It may also be raised, and holds for one request only.
    let mut http = Connection::new(limits(|l| l.body_bytes = 3));
    http.receive(&chunked(b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"));
    http.receive(&chunked(b"4\r\nabcd\r\n0\r\n\r\n"));
    assert_eq!(http.next(), Ok(Input::Head));
    http.set_body_limit(4).unwrap();
    for _ in 0..2 {
        assert_eq!(http.next(), Ok(Input::Body));
        http.consume(9);
    }
    assert_eq!(http.next(), Ok(Input::BodyEnd));
    http.respond_with(ResponseHead::new(200, b""), b"").unwrap();
    assert_eq!(http.next(), Ok(Input::Head));
    assert_eq!(http.next(), Err(Refusal::BodyTooLarge));
}

#[test]
fn trailer_bytes_and_fields() {
    let limits = limits(|l| {
        l.trailer_bytes = 20;
        l.fields = 3;
    });
    // Section with its empty line.
    let section = |len: usize| format!("0\r\nx: {}\r\n\r\n", "y".repeat(len - 7));
    assert_eq!(refusal(&limits, &chunked(section(20).as_bytes())), None);
    assert_eq!(refusal(&limits, &chunked(section(21).as_bytes())), Some(Refusal::TrailersTooLarge));
    assert_eq!(refusal(&limits, &chunked(b"0\r\na:\r\na:\r\na:\r\n\r\n")), None);
    assert_eq!(
        refusal(&limits, &chunked(b"0\r\na:\r\na:\r\na:\r\na:\r\n\r\n")),
        Some(Refusal::TooManyFields)
    );
}

#[test]
fn chunk_lines_and_extensions() {
    let limits = limits(|l| {
        l.chunk_line_bytes = 10;
        l.chunk_extension_bytes = 12;
    });
    assert_eq!(refusal(&limits, &chunked(b"1;abcdef\r\nx\r\n0\r\n\r\n")), None);
    assert_eq!(refusal(&limits, &chunked(b"1;abcdefg\r\nx\r\n0\r\n\r\n")), Some(Refusal::ChunkLineTooLong));
    assert_eq!(refusal(&limits, &chunked(b"1;aaaaaaaaaaaaaaa")), Some(Refusal::ChunkLineTooLong));
    assert_eq!(refusal(&limits, &chunked(b"1;abcde\r\nx\r\n1;abcde\r\ny\r\n0\r\n\r\n")), None);
    assert_eq!(
        refusal(&limits, &chunked(b"1;abcde\r\nx\r\n1;abcde\r\ny\r\n0;a\r\n\r\n")),
        Some(Refusal::ChunkLineTooLong)
    );
}

#[test]
fn leading_empty_lines() {
    let request = |n: usize| ["\r\n".repeat(n).as_bytes(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let most = usize::from(Limits::LEADING_EMPTY_LINES);
    assert_eq!(refusal(&Limits::default(), &request(most)), None);
    assert_eq!(refusal(&Limits::default(), &request(most + 1)), Some(Refusal::RequestLine));
    // For each request anew.
    assert_eq!(refusal(&Limits::default(), &[request(most), request(most)].concat()), None);
}

#[test]
fn a_small_unread_body_is_read_away_and_a_larger_one_closes() {
    let limits = limits(|l| l.discard_bytes = 100);
    let next = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    for chunked_framing in [false, true] {
        for (len, served) in [(100, true), (101, false)] {
            let data = "x".repeat(len);
            let first = if chunked_framing {
                chunked(format!("{len:x}\r\n{data}\r\n0\r\n\r\n").as_bytes())
            } else {
                format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n{data}").into_bytes()
            };
            for piece in [1, 10, 1000] {
                let bytes = [&first[..], next].concat();
                let (seen, output) = drive(&limits, Handler::AnswersAtOnce, bytes.chunks(piece));
                let next_served = seen.iter().any(|s| matches!(s, Seen::Head(h) if h.path == "/next"));
                assert_eq!(next_served, served, "{len} chunked {chunked_framing}");
                // With a length it is known in time to say so.
                if !chunked_framing {
                    let text = String::from_utf8(output).unwrap();
                    assert_eq!(text.contains("Connection: close"), !served);
                }
            }
        }
    }
}

#[test]
fn the_rest_of_a_body_is_thrown_away_before_the_connection_closes() {
    let body = [b'x'; 300];
    let limits = limits(|l| l.discard_bytes = 300);
    let mut http = Connection::new(limits.clone());
    http.receive(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 300\r\n\r\n");
    assert_eq!(http.next(), Ok(Input::Head));
    assert_eq!(http.respond_with(ResponseHead::new(200, b""), b"early"), Ok(Next::Close));
    http.wrote(http.pending_output());
    for piece in body.chunks(100) {
        assert_eq!((http.next(), http.closing()), (Ok(Input::NeedMore), Closing::Open));
        assert_eq!((http.awaiting(), http.want_read()), (Awaiting::Discard, true));
        http.receive(piece);
    }
    assert_eq!(http.next(), Ok(Input::Closed));
    assert_eq!(http.closing(), Closing::Flush, "nothing of the client is unread");

    // A client that waits for 100 may never send the body; a response without a length ends with the
    // connection.
    let expects = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 300\r\n\r\n";
    let http10 = "POST / HTTP/1.0\r\nContent-Length: 300\r\n\r\n";
    for request in [expects, http10] {
        let mut http = Connection::new(limits.clone());
        http.receive(request.as_bytes());
        assert_eq!(http.next(), Ok(Input::Head));
        http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
        assert_eq!(http.finish(None), Ok(Next::Close));
        assert_eq!(http.closing(), Closing::Linger, "{request}");
    }
}

#[test]
fn throwing_away_can_be_stopped() {
    for connection in ["close", "keep-alive"] {
        let mut http = Connection::new(Limits::default());
        let head =
            format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\nContent-Length: 9\r\n\r\n");
        http.receive(head.as_bytes());
        assert_eq!(http.next(), Ok(Input::Head));
        http.stop_discarding();
        assert_eq!(http.closing(), Closing::Open, "only a body that is thrown away");
        http.respond_with(ResponseHead::new(200, b""), b"").unwrap();
        http.wrote(http.pending_output());
        assert_eq!((http.next(), http.awaiting()), (Ok(Input::NeedMore), Awaiting::Discard));
        http.stop_discarding();
        assert_eq!((http.closing(), http.want_read()), (Closing::Linger, true));
        assert_eq!(http.next(), Ok(Input::NeedMore));
        http.received_eof();
        assert_eq!((http.next(), http.should_close()), (Ok(Input::Closed), true));
    }
}

#[test]
fn lingering_ends() {
    let limits = limits(|l| l.linger_bytes = 1000);
    let mut http = Connection::new(limits);
    http.receive(b"GET / HTTP/9.9\r\n");
    let refusal = http.next().unwrap_err();
    http.respond_error(refusal.status(), "", None).unwrap();
    assert_eq!(http.closing(), Closing::Linger);
    http.wrote(http.pending_output());
    assert_eq!(http.awaiting(), Awaiting::Linger);
    assert!(!http.should_close());
    http.receive(&[0; 900]);
    assert_eq!(http.next(), Ok(Input::NeedMore));
    assert!(http.want_read());
    http.receive(&[0; 200]);
    assert_eq!(http.next(), Ok(Input::Closed));
    assert!(http.should_close());
    assert!(!http.want_read());
}

#[test]
fn an_application_that_does_not_read_holds_the_client_back() {
    let mut http = Connection::new(limits(|l| {
        l.body_ahead = 10_000;
        l.body_bytes = u64::MAX;
    }));
    http.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n");
    assert_eq!(http.next(), Ok(Input::Head));
    assert_eq!(http.next(), Ok(Input::NeedMore));
    assert_eq!(http.awaiting(), Awaiting::Body);
    http.receive(&[1; 9_999]);
    assert!(http.want_read());
    http.receive(&[1; 1]);
    assert!(!http.want_read());
    assert_eq!(http.next(), Ok(Input::Body));
    assert_eq!(http.awaiting(), Awaiting::Handler);
    http.consume(1);
    assert!(http.want_read());
}

#[test]
fn a_client_that_pipelines_and_does_not_read_gets_no_more_answers() {
    let mut http = Connection::new(limits(|l| {
        l.output_ahead = 1000;
        l.pipeline_ahead = 500;
    }));
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    http.receive(&request.repeat(40));
    let mut answered = 0;
    while http.next() == Ok(Input::Head) {
        http.respond_with(ResponseHead::new(200, b""), &[b'x'; 100]).unwrap();
        answered += 1;
    }
    assert_eq!(http.next(), Ok(Input::Wait));
    assert_eq!(http.awaiting(), Awaiting::Output);
    assert!(http.pending_output() > 1000 && http.pending_output() < 1200);
    assert!(!http.want_read(), "enough is buffered");
    http.wrote(http.pending_output());
    while http.next() == Ok(Input::Head) {
        http.respond_with(ResponseHead::new(200, b""), b"").unwrap();
        answered += 1;
        http.wrote(http.pending_output());
    }
    assert_eq!(answered, 40);
}

#[test]
fn an_idle_connection_holds_no_memory_and_a_busy_one_reuses_it() {
    let mut pool = BufferPool::new(2);
    let mut idle: Vec<Connection> = (0..100).map(|_| Connection::new(Limits::default())).collect();
    for _ in 0..3 {
        for http in &mut idle {
            http.take_buffers(&mut pool);
            http.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(http.next(), Ok(Input::Head));
            let before = pool.len();
            http.give_buffers(&mut pool);
            assert_eq!(pool.len(), before, "not in the middle of a request");
            assert_eq!(http.head().path(), b"/");
            http.respond_with(ResponseHead::new(200, b""), b"hello").unwrap();
            http.give_buffers(&mut pool);
            assert_eq!(pool.len(), before, "not with output");
            http.wrote(http.pending_output());
            http.give_buffers(&mut pool);
            assert_eq!(pool.len(), before + 1);
        }
    }
    assert_eq!(pool.len(), 1, "one set served a hundred connections");
    assert!(pool.bytes() < 16 << 10, "{}", pool.bytes());
}

#[test]
fn memory_stays_bounded_while_a_large_body_passes() {
    let mut driver = Driver::new(limits(|l| l.body_bytes = u64::MAX), Handler::ReadsAll);
    let mut pool = BufferPool::new(1);
    driver.http.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n");
    assert_eq!(driver.http.next(), Ok(Input::Head));
    driver.http.respond(ResponseHead::new(200, b""), BodyLength::Unknown).unwrap();
    let mut most = 0;
    let mut passed = 0;
    let mut sent = 0;
    while passed < 67_108_864 {
        if sent < 67_108_864 {
            sent += driver.http.fill(|room| Ok(room.len().min(67_108_864 - sent))).unwrap();
        }
        assert_eq!(driver.http.next(), Ok(Input::Body));
        let body = driver.http.body().to_vec();
        most = most.max(body.len());
        passed += body.len();
        driver.http.consume(body.len());
        driver.http.send_body(&body).unwrap();
        driver.http.wrote(driver.http.pending_output());
        assert_eq!(driver.http.head().method(), b"POST", "the head stays");
    }
    assert!(most >= 60_000, "reads get large: {most}");
    driver.http.finish(None).unwrap();
    driver.http.wrote(driver.http.pending_output());
    driver.http.give_buffers(&mut pool);
    assert!(pool.bytes() < 512 << 10, "{}", pool.bytes());
}
