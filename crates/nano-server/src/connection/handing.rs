//! A connection that goes to another thread between the head of a request and its application, with all that was read of it.

use super::Conn;
use crate::worker::{Command, Worker};
use mio::net::TcpStream;
use nano_http::{Connection as Http, Limits};
use nano_loop::Sender;
use nano_runtime::Held;
use rustls::ServerConnection;
use std::net::IpAddr;

/// What a connection is made of when no request is under way in it.
pub(crate) struct Handed {
    pub(crate) stream: TcpStream,
    /// The head that was found is in it, and what came after that; and output that the socket has not taken yet.
    pub(crate) http: Http,
    pub(crate) tls: Option<Box<ServerConnection>>,
    pub(crate) peer: IpAddr,
    /// What counts for the application of the response before until that is written.
    pub(crate) held: Option<Held>,
}

impl Conn {
    /// Gives the connection, whose next request's head was found, to another thread; nothing of it is left here. False: it stays, since
    /// it has no socket any more.
    pub(super) fn hand_over(&self, worker: &Worker, to: &Sender<Command>) -> bool {
        let Some(source) = self.source.take() else { return false };
        let Some(mut stream) = self.stream.borrow_mut().take() else { return false };
        // Whoever still holds on to it finds it closed.
        self.closed.set(true);
        if let Some(timer) = self.timer.take() {
            worker.event_loop().cancel(timer);
        }
        worker.forget(self.key);
        if worker.event_loop().deregister(&mut stream, source).is_err() {
            // The system is out of something: the client finds the connection closed.
            return true;
        }
        let handed = Handed {
            stream,
            http: self.http.replace(Http::new(Limits::default())),
            tls: self.tls.as_ref().and_then(crate::tls::Session::take),
            peer: self.peer,
            held: self.held.take(),
        };
        // Where the other thread has just ended, it is served here after all.
        if let Err(back) = to.send(Command::Adopt(Box::new(handed)))
            && let Command::Adopt(handed) = back.into_message()
        {
            worker.adopt(*handed);
        }
        true
    }

    /// Goes on with the request whose head was found on the other thread.
    pub(crate) fn resume(&self, held: Option<Held>) {
        let worker = self.worker();
        self.held.set(held);
        self.driving.set(true);
        self.begin(&worker, true);
        self.driving.set(false);
        if worker.is_draining() {
            self.drain();
        }
        self.drive();
    }
}
