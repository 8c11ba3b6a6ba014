//! What many fetches of one partition hold together that nobody takes: no more than their part, and each
//! still gets on.

use nano_fetch::{
    Account, Action, AllowAll, BodyRead, ConnId, Core, CoreOptions, EventKind, FetchId, Fill, Limits,
    Request, RequestBody, Url, Written,
};
use nano_loop::Moment;
use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::rc::Rc;

const NOW: Moment = Moment::from_nanos(1);

/// Servers that send `x` without end, and take nothing.
struct World {
    core: Core,
    conns: Vec<ConnId>,
    /// Which connection a fetch has: the one that was asked for after it began.
    of: HashMap<FetchId, ConnId>,
    /// Whose response's head was sent.
    headed: Vec<ConnId>,
}

impl World {
    fn new() -> Self {
        let mut options = CoreOptions::default();
        options.limits.connections_per_origin = 10_000;
        options.limits.connections = 10_000;
        Self { core: Core::new(options), conns: Vec::new(), of: HashMap::new(), headed: Vec::new() }
    }

    fn start(&mut self, partition: u64, body: RequestBody) -> FetchId {
        let mut request = Request::new("POST", Url::parse("http://127.0.0.1/").unwrap(), Rc::new(AllowAll));
        (request.partition, request.body) = (partition, body);
        let fetch = self.core.start(request, NOW);
        while let Some(action) = self.core.poll_action() {
            if let Action::Connect { conn, .. } = action {
                self.core.handle_connected(conn, NOW);
                self.conns.push(conn);
                self.of.insert(fetch, conn);
            }
        }
        fetch
    }

    /// Sends on every connection for as long as it is read.
    fn send_all(&mut self) {
        for conn in self.conns.clone() {
            while self.core.wants_read(conn) {
                let head = !self.headed.contains(&conn);
                let fill = self.core.fill(conn, NOW, |room| {
                    let head: &[u8] = if head { b"HTTP/1.1 200 OK\r\n\r\n" } else { b"" };
                    room[..head.len()].copy_from_slice(head);
                    room[head.len()..].fill(b'x');
                    Ok(room.len())
                });
                assert!(matches!(fill, Fill::Bytes(1..)), "{fill:?}");
                if head {
                    self.headed.push(conn);
                }
            }
        }
        while let Some(event) = self.core.poll_event() {
            if event.kind == EventKind::Head {
                assert!(self.core.response(event.fetch).unwrap().is_ok());
            }
        }
        while self.core.poll_action().is_some() {}
    }
}

#[test]
fn what_is_received_and_not_taken() {
    let limits = Limits::default();
    let mut world = World::new();
    let fetches: Vec<FetchId> = (0..2048).map(|_| world.start(1, RequestBody::None)).collect();
    world.send_all();
    // Those that are asked for and then left.
    for fetch in &fetches {
        assert!(matches!(world.core.read_body(*fetch, NOW), BodyRead::Bytes(_)));
    }
    world.send_all();
    let (held, _) = world.core.held_bytes();
    // As much again may lie in the buffers of what was just read.
    assert!(held >= limits.partition_ahead / 4, "{held}: hardly anything was received");
    assert!(held <= 2 * limits.partition_ahead, "{held}");
    // A neighbour has what it would have by itself.
    let neighbour = world.start(2, RequestBody::None);
    world.send_all();
    let mut had = 0;
    for _ in 0..4 {
        let BodyRead::Bytes(bytes) = world.core.read_body(neighbour, NOW) else { panic!("nothing came") };
        had = had.max(bytes.len());
        world.send_all();
    }
    assert!(had >= limits.body_ahead, "{had}");
    // And each of the many goes on as soon as it is read.
    for fetch in fetches.iter().step_by(100) {
        for _ in 0..3 {
            let read = world.core.read_body(*fetch, NOW);
            assert!(matches!(&read, BodyRead::Bytes(bytes) if !bytes.is_empty()), "{read:?}");
            world.send_all();
        }
    }
    // With most of them gone the others have their full part again.
    for fetch in &fetches[10..] {
        world.core.cancel(*fetch, NOW);
    }
    let _ = world.core.read_body(fetches[0], NOW);
    world.send_all();
    let BodyRead::Bytes(bytes) = world.core.read_body(fetches[0], NOW) else { panic!("nothing came") };
    assert!(bytes.len() >= limits.body_ahead, "{}", bytes.len());
}

#[test]
fn what_is_written_and_not_sent() {
    let limits = Limits::default();
    let mut world = World::new();
    let fetches: Vec<FetchId> = (0..2048).map(|_| world.start(1, RequestBody::Stream(None))).collect();
    let piece = vec![b'x'; 1000];
    for fetch in &fetches {
        // A writer stops when it is told to.
        while world.core.write_body(*fetch, &piece, NOW) == Written::Ready {}
    }
    let (_, held) = world.core.held_bytes();
    assert!(held >= limits.partition_ahead / 2, "{held}: hardly anything was taken");
    assert!(held <= 2 * limits.partition_ahead, "{held}");
    // Room is told when the socket has taken most of it.
    let conn = world.of[&fetches[7]];
    while world.core.poll_event().is_some() {}
    let written = world.core.output(conn).len();
    world.core.handle_written(conn, written, NOW);
    let event = world.core.poll_event().unwrap();
    assert_eq!((event.fetch, event.kind), (fetches[7], EventKind::Room));
    assert_eq!(world.core.write_body(fetches[7], &piece, NOW), Written::Ready);
}

#[test]
fn bodies_have_limits_both_ways() {
    const MOST: u64 = 100_000;
    for (length, allowed) in [(MOST, true), (MOST + 1, false)] {
        let mut core = Core::new(CoreOptions::default());
        let mut request = Request::new("POST", Url::parse("http://127.0.0.1/").unwrap(), Rc::new(AllowAll));
        (request.max_sent, request.max_received) = (MOST, MOST);
        request.body = RequestBody::Stream(None);
        let fetch = core.start(request.clone(), NOW);
        let Some(Action::Connect { conn, .. }) = core.poll_action() else { panic!("no connection") };
        core.handle_connected(conn, NOW);
        let written = core.write_body(fetch, &vec![b'x'; length as usize], NOW);
        assert_eq!(written == Written::Gone, !allowed, "{length}");
        if !allowed {
            let error = core.response(fetch).unwrap().unwrap_err();
            assert_eq!(error.kind.code(), "ERR_TOO_LARGE");
            assert_eq!(core.counts().connections, 0);
        }
        // The response.
        request.body = RequestBody::None;
        let fetch = core.start(request, NOW);
        while let Some(action) = core.poll_action() {
            if let Action::Connect { conn, .. } = action {
                core.handle_connected(conn, NOW);
                let text = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}",
                    "x".repeat(length as usize)
                );
                let (mut sent, mut count, mut end) = (text.as_bytes(), 0, None);
                while end.is_none() {
                    if core.wants_read(conn) {
                        core.fill(conn, NOW, |room| {
                            let count = room.len().min(sent.len());
                            if count == 0 {
                                return Err(io::ErrorKind::WouldBlock.into());
                            }
                            room[..count].copy_from_slice(&sent[..count]);
                            sent = &sent[count..];
                            Ok(count)
                        });
                    }
                    let _ = core.response(fetch);
                    loop {
                        match core.read_body(fetch, NOW) {
                            BodyRead::Bytes(bytes) => count += bytes.len() as u64,
                            BodyRead::Pending => break,
                            BodyRead::End => break end = Some(None),
                            BodyRead::Failed(error) => break end = Some(Some(error.kind.code())),
                        }
                    }
                }
                assert_eq!(end, Some((!allowed).then_some("ERR_TOO_LARGE")), "{length}");
                assert!(!allowed || count == MOST, "{count} bytes were given");
            }
        }
    }
}

/// The kind of the error that a response with this coding and body ends with, and what the account holds
/// while it is read.
fn decode(coding: &str, body: &[u8], limit: usize) -> (Option<&'static str>, usize) {
    let account = Account::new(limit);
    let mut core = Core::new(CoreOptions::default());
    let mut request = Request::new("GET", Url::parse("http://127.0.0.1/").unwrap(), Rc::new(AllowAll));
    request.memory = Some(account.clone());
    let fetch = core.start(request, NOW);
    let Some(Action::Connect { conn, .. }) = core.poll_action() else { panic!("no connection") };
    core.handle_connected(conn, NOW);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n\r\n");
    for bytes in [head.as_bytes(), body] {
        core.fill(conn, NOW, |room| {
            room[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        });
    }
    let held = account.used();
    let error = match core.response(fetch).unwrap() {
        Err(error) => Some(error),
        Ok(_) => match core.read_body(fetch, NOW) {
            BodyRead::Failed(error) => Some(error),
            _ => None,
        },
    };
    assert!(error.as_ref().is_none_or(|error| error.source().is_some()), "{error:?}");
    core.cancel(fetch, NOW);
    assert_eq!(account.used(), 0, "{coding}: not all was released");
    (error.map(|error| error.kind.code()), held)
}

#[test]
fn decoders_are_charged_to_the_account_of_their_request() {
    let text = vec![b'x'; 1000];
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, &text).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::stream::encode_all(&text[..], 1).unwrap();
    // "NANO " 2,000 times, by brotli's own tool.
    let brotli = [
        0x1b, 0x0f, 0x27, 0xf8, 0xa5, 0x41, 0x82, 0x9c, 0x9e, 0xc4, 0x6b, 0x51, 0x40, 0xb1, 0x07, 0x40, 0x36,
    ];
    for (coding, body) in [("gzip", &gzip[..]), ("zstd", &zstd[..]), ("br", &brotli[..])] {
        // All but the last byte, so that the decoder is still there.
        let (error, held) = decode(coding, &body[..body.len() - 1], 32 << 20);
        assert!(error.is_none() && held > 10_000, "{coding}: {error:?} {held}");
        assert_eq!(decode(coding, body, 10_000).0, Some("ENOMEM"), "{coding}");
    }
    // A window of 1 GiB, by the large-window extension.
    assert_eq!(decode("br", &[0x11, 0xde], 32 << 20).0, Some("ERR_CONTENT_ENCODING"));
}
