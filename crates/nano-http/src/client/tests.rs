//! Responses of every framing, at every split, valid and not.

use super::*;

const LIMITS: ResponseLimits = ResponseLimits { head_bytes: 256 << 10, fields: 256, interim: 16 };

/// What a program would do about an error.
#[derive(Debug, PartialEq)]
enum ErrorKind {
    Protocol,
    TooLarge,
    Truncated,
}

fn kind(error: ResponseError) -> ErrorKind {
    match error {
        ResponseError::HeadTooLarge(..) | ResponseError::BodyTooLarge(_) => ErrorKind::TooLarge,
        ResponseError::Body(_) | ResponseError::Head(_) => ErrorKind::Protocol,
        ResponseError::Truncated(_) | ResponseError::Missing(_) => ErrorKind::Truncated,
    }
}

/// Reads a whole response that arrives in pieces of `size` bytes and then ends: status, body, bytes left
/// over.
fn read(method: &str, bytes: &[u8], size: usize) -> Result<(u16, Vec<u8>, usize), ResponseError> {
    let mut reader = ResponseReader::new(method, LIMITS);
    let (mut input, mut body, mut status) = (Vec::new(), Vec::new(), 0);
    let mut pieces = bytes.chunks(size);
    loop {
        let Some(piece) = pieces.next() else {
            reader.end()?;
            return Ok((status, body, input.len()));
        };
        input.extend_from_slice(piece);
        if reader.wants_head() {
            let (used, head) = reader.head(&input)?;
            input.drain(..used);
            let Some(head) = head else { continue };
            status = head.status;
        }
        loop {
            match reader.body(&input)? {
                ResponseStep::More(used) => {
                    input.drain(..used);
                    break;
                }
                ResponseStep::Data(skip, len) => {
                    // Half of it, to see that the rest is found again.
                    let used = len.div_ceil(2);
                    body.extend_from_slice(&input[skip..skip + used]);
                    input.drain(..skip + used);
                    reader.took(used);
                }
                ResponseStep::End(used) => {
                    input.drain(..used);
                    let left = input.len() + pieces.map(<[u8]>::len).sum::<usize>();
                    return Ok((status, body, left));
                }
            }
        }
    }
}

#[test]
fn framings_at_every_split() {
    let cases: &[(&str, &str, u16, &str, usize)] = &[
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 0),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", 200, "hello", 4),
        ("GET", "HTTP/1.1 200 OK\nContent-Length: 5, 5\n\nhello", 200, "hello", 0),
        ("GET", "\r\nHTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", 0),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nuntil close", 200, "until close", 0),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", 0),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", 0),
        ("GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, "", 0),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=\"y\"\r\nlo\r\n0\r\nA: b\r\n\r\n!",
            200,
            "hello",
            1,
        ),
        (
            "GET",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 201 Yes\r\nContent-Length: 1\r\n\r\n!",
            201,
            "!",
            0,
        ),
    ];
    for (method, text, status, body, left) in cases {
        for size in 1..=text.len() {
            let got = read(method, text.as_bytes(), size);
            assert_eq!(got, Ok((*status, body.as_bytes().to_vec(), *left)), "{text:?} by {size}");
        }
    }
}

#[test]
fn truncations_are_errors() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n",
        "HTTP/1.1 200 OK\r\nContent-",
        "HTTP/1.1 200 OK\r\nA: b\r\n",
        "HT",
    ] {
        for size in 1..=text.len() {
            let got = read("GET", text.as_bytes(), size).map_err(kind);
            assert_eq!(got, Err(ErrorKind::Truncated), "{text:?}");
        }
    }
}

#[test]
fn what_is_refused() {
    for text in [
        "HTTP/2.0 200 OK\r\n\r\n",
        "hello",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhellox\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n",
    ] {
        for size in 1..=text.len() {
            let got = read("GET", text.as_bytes(), size).map_err(kind);
            assert_eq!(got, Err(ErrorKind::Protocol), "{text:?} by {size}");
        }
    }
    let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(17);
    assert_eq!(read("GET", many.as_bytes(), 7).map_err(kind), Err(ErrorKind::Protocol));
    let fields = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert!(read("HEAD", fields(256).as_bytes(), 999).is_ok());
    assert_eq!(read("HEAD", fields(257).as_bytes(), 999).map_err(kind), Err(ErrorKind::TooLarge));
    let sized = |size: usize| format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(size - 24));
    assert!(read("HEAD", sized(256 << 10).as_bytes(), 4096).is_ok());
    let beyond = read("HEAD", sized((256 << 10) + 1).as_bytes(), 4096);
    assert_eq!(beyond.map_err(kind), Err(ErrorKind::TooLarge));
}

#[test]
fn keep_alive() {
    for (text, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", false),
    ] {
        let head = ResponseReader::new("GET", LIMITS).head(text.as_bytes()).unwrap().1.unwrap();
        assert_eq!(head.keep_alive, expected, "{text:?}");
    }
}

#[test]
fn folded_lines_become_spaces() {
    let text = b"HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\n\r\n";
    let head = ResponseReader::new("GET", LIMITS).head(text).unwrap().1.unwrap();
    assert_eq!(head.headers.get("a"), Some(&b"b c d"[..]));
}
