//! Whatever a server sends, in pieces of any size: the client ends each fetch, keeps its limits and nothing
//! else.
//!
//! The first byte says how the input is cut, the second how far a body may be read ahead; the rest is what
//! the server sends before it closes. That covers heads, framings, redirects and the decoders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nano_fetch::{Action, AllowAll, BodyRead, ConnId, Core, CoreOptions, EventKind, Request, Url};
use nano_loop::Moment;
use std::rc::Rc;
use std::time::Duration;

/// More than this is never made of an input: bombs end there.
const BODY_BYTES: u64 = 4 << 20;

fuzz_target!(|data: &[u8]| {
    let [cut, ahead, sent @ ..] = data else { return };
    let piece = usize::from(*cut).max(1);
    let mut options = CoreOptions::default();
    options.limits.body_ahead = 1 + usize::from(*ahead) * 1024;
    options.limits.body_bytes = BODY_BYTES;
    let mut core = Core::new(options);
    let mut now = Moment::from_nanos(1);
    let request = Request::new("GET", Url::parse("http://127.0.0.1/").unwrap(), Rc::new(AllowAll));
    let id = core.start(request, now);
    // Connections and how much each was told.
    let mut open: Vec<(ConnId, usize)> = Vec::new();
    let (mut headed, mut received, mut over) = (false, 0u64, false);
    for _ in 0..200_000 {
        while let Some(action) = core.poll_action() {
            match action {
                Action::Connect { conn, .. } => {
                    open.push((conn, 0));
                    core.handle_connected(conn, now);
                }
                Action::Close { conn } => open.retain(|(other, _)| *other != conn),
                Action::Resolve { host } => core.handle_resolved(&host, Err("nobody is asked".into()), now),
                Action::LoadTls => core.handle_tls_loaded(Err("there is none".into()), now),
                Action::Drive { .. } => {}
            }
        }
        while let Some(event) = core.poll_event() {
            if event.kind == EventKind::Head {
                match core.response(event.fetch) {
                    Some(Ok(response)) => {
                        assert!((101..1000).contains(&response.status));
                        headed = true;
                    }
                    Some(Err(_)) => over = true,
                    None => panic!("a head was announced"),
                }
            }
        }
        while headed && !over {
            match core.read_body(id, now) {
                BodyRead::Bytes(bytes) => received += bytes.len() as u64,
                BodyRead::Pending => break,
                BodyRead::End | BodyRead::Failed(_) => over = true,
            }
        }
        if over {
            break;
        }
        for (conn, at) in &mut open {
            let written = core.output(*conn).len();
            core.handle_written(*conn, written, now);
            if core.wants_read(*conn) {
                core.fill(*conn, now, |room| {
                    let count = piece.min(room.len()).min(sent.len() - *at);
                    room[..count].copy_from_slice(&sent[*at..*at + count]);
                    *at += count;
                    Ok(count)
                });
            }
        }
    }
    assert!(over, "the fetch does not end");
    assert!(received <= BODY_BYTES + (300 << 10), "{received} bytes of a body");
    core.cancel(id, now);
    now += Duration::from_secs(3600);
    core.handle_deadline(now);
    let counts = core.counts();
    assert_eq!((counts.fetches, counts.connections), (0, 0));
});
