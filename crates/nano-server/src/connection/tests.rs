//! A connection over a real socket, driven step by step, without a worker and without JavaScript.

use super::{Connection, Effect, Transmitted};
use crate::metrics::Block;
use crate::request::{Context, ContextOptions};
use crate::transport::{Channel, Parts, WakeList, Wire};
use nano_http::{BufferPool, Connection as Http, Limits};
use nano_log::LogWriter;
use nano_loop::{Config, Event, Loop, Wait};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;

struct Setup {
    context: Rc<Context>,
    buffers: RefCell<BufferPool>,
    connection: Connection,
    client: TcpStream,
}

fn setup() -> Setup {
    let event_loop = Rc::new(Loop::new(Config::default()).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, peer) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let stream = mio::net::TcpStream::from_std(stream);
    let wire = Wire::new(Parts { stream, http: Http::new(Limits::default()), tls: None, charge: None });
    let channel = Channel::new(0, peer.ip(), wire, Rc::new(WakeList::default()));
    let connection = Connection::new(&event_loop, channel).unwrap();
    let context = Context::new(ContextOptions {
        event_loop,
        log: Rc::new(RefCell::new(LogWriter::stdout(None).unwrap().sink())),
        logs_requests: false,
        shows_errors: false,
        telemetry: None,
        unrouted: Arc::new(Block::default()),
    });
    Setup { context, buffers: RefCell::new(BufferPool::new(1)), connection, client }
}

impl Setup {
    /// Waits for an event of the socket.
    fn wait(&mut self) {
        self.context.event_loop().poll(Wait::UntilNext).unwrap();
        while let Some(event) = self.context.event_loop().next() {
            if let Event::Ready { readiness, .. } = event {
                self.connection.channel().wire().handle_readiness(readiness);
            }
        }
    }

    /// Reads until the connection has an effect.
    fn effect(&mut self) -> Effect {
        loop {
            self.connection.receive(self.context.event_loop(), &self.buffers).unwrap();
            match self.connection.next_effect(&self.context) {
                Effect::None => self.wait(),
                effect => return effect,
            }
        }
    }

    /// Answers the request whose head was found.
    fn answer(&mut self, text: &str) {
        let mut head = Vec::new();
        let (exchange, written) = self.connection.begin_request(&self.context, &mut head);
        assert_eq!(written, Ok(()));
        exchange.answer(200, text);
    }
}

#[test]
fn a_small_response_waits_for_others_and_takes_one_round() {
    let mut setup = setup();
    setup.client.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(matches!(setup.effect(), Effect::Dispatch));
    setup.answer("small");
    assert!(matches!(setup.connection.next_effect(&setup.context), Effect::None));
    assert_eq!(setup.connection.transmit(), Transmitted::Defer);
    assert!(setup.connection.is_deferred() && !setup.connection.wants_receive());
    assert_eq!(setup.connection.transmit(), Transmitted::Wait, "it is in the list once");
    assert_eq!(setup.connection.transmit_deferred(), Transmitted::Wait);
    assert!(!setup.connection.is_deferred());
    let mut response = [0; 1024];
    let count = setup.client.read(&mut response).unwrap();
    assert!(response[..count].ends_with(b"\r\n\r\nsmall"));
}

#[test]
fn a_request_behind_a_large_response_goes_on_when_it_is_written() {
    let mut setup = setup();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    setup.client.write_all(&request.repeat(2)).unwrap();
    assert!(matches!(setup.effect(), Effect::Dispatch));
    setup.answer(&"x".repeat(Limits::default().output_ahead + 1));
    assert!(matches!(setup.connection.next_effect(&setup.context), Effect::None), "output comes first");
    assert_eq!(setup.connection.transmit(), Transmitted::Again);
    assert!(matches!(setup.connection.next_effect(&setup.context), Effect::Dispatch));
}

#[test]
fn a_refused_request_is_answered_and_closes() {
    let mut setup = setup();
    setup.client.write_all(b"GET / HTTP/9.9\r\n\r\n").unwrap();
    setup.client.shutdown(std::net::Shutdown::Write).unwrap();
    while setup.connection.transmit() != Transmitted::Close {
        if !setup.connection.wants_receive() {
            setup.wait();
        }
        setup.connection.receive(setup.context.event_loop(), &setup.buffers).unwrap();
        assert!(matches!(setup.connection.next_effect(&setup.context), Effect::None));
    }
    assert!(setup.connection.close(setup.context.event_loop()).is_none());
    let mut response = String::new();
    setup.client.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 505 "), "{response}");
}
