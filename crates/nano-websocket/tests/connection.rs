//! Both sides against each other and against bytes written by hand: messages arrive however the bytes are
//! split, and every violation of the protocol has its code.

use nano_websocket::{Close, Connection, Event, Limits, Role};
use proptest::prelude::*;

fn server() -> Connection {
    Connection::new(Role::Server, &Limits::default())
}

fn client() -> Connection {
    Connection::new(Role::Client, &Limits::default())
}

/// The events of a connection that receives `bytes` in pieces of these sizes, over and over.
fn receive(connection: &mut Connection, bytes: &[u8], sizes: &[usize]) -> Vec<Event> {
    let (mut events, mut rest, mut sizes) = (Vec::new(), bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, others) = rest.split_at((*sizes.next().unwrap()).clamp(1, rest.len()));
        rest = others;
        connection.receive(piece);
        events.extend(std::iter::from_fn(|| connection.next_event()));
    }
    events
}

fn failure(bytes: &[u8], size: usize) -> Option<u16> {
    let mut client = client();
    match receive(&mut client, bytes, &[size]).pop() {
        Some(Event::Failed(failure)) => {
            assert!(client.is_finished());
            assert!(client.next_event().is_none(), "a failure is the last event");
            // FIN and close, masked, with the code.
            let output = client.output();
            assert_eq!((output[0], output[1] & 0x80), (0x88, 0x80));
            let code = [output[6] ^ output[2], output[7] ^ output[3]];
            assert_eq!(u16::from_be_bytes(code), failure.code);
            Some(failure.code)
        }
        _ => None,
    }
}

#[test]
fn violations_have_their_codes_at_every_split() {
    let cases: &[(&[u8], u16, &str)] = &[
        (&[0xc1, 1, b'a'], 1002, "a reserved bit"),
        (&[0x83, 0], 1002, "a reserved opcode"),
        (&[0x8b, 0], 1002, "a reserved control opcode"),
        (&[0x81, 0x81, 0, 0, 0, 0, b'a'], 1002, "a masked frame from a server"),
        (&[0x80, 1, b'a'], 1002, "a continuation of nothing"),
        (&[0x01, 1, b'a', 0x81, 1, b'b'], 1002, "a message within another"),
        (&[0x09, 0], 1002, "a ping in fragments"),
        (&[0x88, 1, 3], 1002, "half a code"),
        (&[0x81, 2, 0xc3, 0x28], 1007, "text that is not UTF-8"),
        (&[0x01, 1, 0xc3, 0x80, 1, 0x28], 1007, "text in fragments that is not UTF-8"),
        (&[0x81, 2, 0xed, 0xa0], 1007, "a surrogate"),
        (&[0x88, 4, 3, 0xe8, 0xc3, 0x28], 1007, "a reason that is not UTF-8"),
    ];
    for (bytes, code, what) in cases {
        for size in 1..=bytes.len() {
            assert_eq!(failure(bytes, size), Some(*code), "{what}, by {size}");
        }
    }
    let mut ping = vec![0x89, 126, 0, 126];
    ping.resize(4 + 126, 0);
    assert_eq!(failure(&ping, 7), Some(1002), "a ping of 126 bytes");
}

#[test]
fn frames_of_a_client_are_masked() {
    let mut server = server();
    server.receive(&[0x81, 1, b'a']);
    assert!(matches!(server.next_event(), Some(Event::Failed(failure)) if failure.code == 1002));
}

#[test]
fn a_message_at_the_limit_is_taken_and_a_larger_one_refused() {
    let mut limits = Limits::default();
    limits.message_bytes = 300;
    for (count, fits) in [(300, true), (301, false)] {
        let mut whole = vec![0x82, 126, 1, (count - 256) as u8];
        whole.resize(4 + count, 7);
        // The same message in three fragments.
        let mut fragments = vec![0x02, 100];
        fragments.resize(102, 7);
        fragments.extend([0x00, 100]);
        fragments.resize(204, 7);
        fragments.extend([0x80, (count - 200) as u8]);
        fragments.resize(206 + count - 200, 7);
        for bytes in [whole, fragments] {
            let mut client = Connection::new(Role::Client, &limits);
            let last = receive(&mut client, &bytes, &[64]).pop();
            match last {
                Some(Event::Binary(bytes)) if fits => assert_eq!(bytes.len(), count),
                Some(Event::Failed(failure)) if !fits => assert_eq!(failure.code, 1009),
                other => panic!("{count}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_length_above_the_limit_is_refused_before_its_bytes_arrive() {
    assert_eq!(failure(&[0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 3), Some(1009));
}

#[test]
fn pings_are_answered_and_take_no_memory() {
    let mut client = client();
    client.receive(&[0x01, 2, b'h', b'e']);
    assert_eq!(client.next_event(), None);
    let before = client.partial_bytes();
    assert!(before >= 2);
    for _ in 0..1000 {
        client.receive(&[0x89, 3, b'a', b'b', b'c']);
        assert_eq!(client.next_event(), None);
        assert_eq!(client.output().len(), 9);
        client.clear_output();
    }
    assert_eq!(client.partial_bytes(), before);
    client.receive(&[0x80, 1, b'y']);
    assert!(matches!(client.next_event(), Some(Event::Text(text)) if &*text == "hey"));
    assert_eq!(client.partial_bytes(), 0);
}

#[test]
fn both_sides_close_at_once_and_both_finish() {
    for server_begins in [true, false] {
        let (mut server, mut client) = (server(), client());
        let (one, other) =
            if server_begins { (&mut server, &mut client) } else { (&mut client, &mut server) };
        one.close(Some(3001), "ciao");
        one.close(Some(3002), "only the first counts");
        assert_eq!(one.send_text("late"), Err(nano_websocket::Closed));
        other.receive(one.output());
        assert_eq!(other.next_event(), Some(Event::Close(Close { code: Some(3001), reason: "ciao".into() })));
        assert!(other.is_finished() && !one.is_finished());
        assert_eq!(other.send_text("late"), Err(nano_websocket::Closed));
        one.receive(other.output());
        assert_eq!(one.next_event(), Some(Event::Close(Close { code: Some(3001), reason: "ciao".into() })));
        assert!(one.is_finished());
        one.receive_end();
        other.receive_end();
        assert_eq!(one.next_event(), Some(Event::End));
        assert_eq!(other.next_event(), Some(Event::End));
        assert_eq!((one.next_event(), other.next_event()), (None, None));
    }
}

#[test]
fn messages_arrive_until_the_peer_has_closed_too() {
    let (mut server, mut client) = (server(), client());
    client.close(None, "");
    server.send_text("still").unwrap();
    server.receive(client.output());
    assert_eq!(server.next_event(), Some(Event::Close(Close::default())));
    client.receive(server.output());
    assert!(matches!(client.next_event(), Some(Event::Text(text)) if &*text == "still"));
    assert_eq!(client.next_event(), Some(Event::Close(Close::default())));
}

#[test]
fn an_end_without_a_close_frame_is_an_event() {
    let mut client = client();
    client.receive(&[0x81, 5, b'h']);
    client.receive_end();
    assert_eq!(client.next_event(), Some(Event::End));
    assert!(!client.is_close_received());
}

#[test]
fn a_reason_is_cut_at_a_character() {
    let mut client = client();
    client.close(Some(1000), &"ä".repeat(100));
    let mut server = server();
    server.receive(client.output());
    let Some(Event::Close(close)) = server.next_event() else { panic!() };
    assert_eq!(close.reason, "ä".repeat(61));
}

#[derive(Clone, Debug)]
enum Sent {
    Text(String),
    Binary(Vec<u8>),
}

fn messages() -> impl Strategy<Value = Vec<Sent>> {
    let one = prop_oneof![
        "\\PC{0,40}".prop_map(Sent::Text),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(Sent::Binary),
        (60_000usize..70_000).prop_map(|count| Sent::Binary(vec![3; count])),
    ];
    proptest::collection::vec(one, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Messages arrive as they were sent, however the bytes are split.
    #[test]
    fn messages_arrive_however_the_bytes_are_split(sent in messages(), sizes in proptest::collection::vec(1usize..5000, 1..20), to_server in any::<bool>()) {
        let (mut from, mut to) = if to_server { (client(), server()) } else { (server(), client()) };
        for message in &sent {
            match message {
                Sent::Text(text) => from.send_text(text).unwrap(),
                Sent::Binary(bytes) => from.send_binary(bytes).unwrap(),
            }
        }
        let got = receive(&mut to, from.output(), &sizes);
        prop_assert_eq!(got.len(), sent.len());
        for (got, sent) in got.iter().zip(&sent) {
            match (got, sent) {
                (Event::Text(got), Sent::Text(sent)) => prop_assert_eq!(&**got, sent),
                (Event::Binary(got), Sent::Binary(sent)) => prop_assert_eq!(got, sent),
                _ => prop_assert!(false, "another kind"),
            }
        }
        prop_assert_eq!(to.partial_bytes(), 0);
    }

    /// Random bytes give the same events however they are split, and at most one failure.
    #[test]
    fn random_bytes_give_the_same_events_however_they_are_split(bytes in proptest::collection::vec(any::<u8>(), 0..300), sizes in proptest::collection::vec(1usize..40, 1..10)) {
        let mut whole = client();
        let mut pieces = client();
        let expected = receive(&mut whole, &bytes, &[bytes.len().max(1)]);
        let got = receive(&mut pieces, &bytes, &sizes);
        prop_assert_eq!(&got, &expected);
        let failures = got.iter().filter(|event| matches!(event, Event::Failed(_))).count();
        prop_assert!(failures <= 1);
    }
}
