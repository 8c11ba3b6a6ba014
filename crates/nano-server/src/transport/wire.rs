//! A socket, the TLS session on it, and the HTTP state machine behind it.

use super::{OUTPUT_HIGH_BYTES, Upgraded};
use crate::event_key::EventKey;
use crate::tls::Session;
use mio::net::TcpStream;
use nano_arena::Charge;
use nano_http::{BufferPool, Closing, Connection as Http, Misuse};
use nano_loop::{Loop, Readiness};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::Shutdown;

/// Pieces of a response's body that are worth a system call of their own: they go to the socket from where
/// they are.
const DIRECT_BYTES: usize = 16 << 10;

/// Output of one connection that waits for the other responses of its turn.
///
/// Limit (bytes): more is worth a system call of its own at once.
const DEFERRED_OUTPUT_BYTES: usize = 16 << 10;

/// The parts of a wire.
pub(crate) struct Parts {
    pub(crate) stream: TcpStream,
    pub(crate) http: Http,
    pub(crate) tls: Option<Session>,
    /// The charge for output that an application has made, until the output is written.
    pub(crate) charge: Option<Charge>,
}

/// The socket's readiness, as far as its events have said. They are edge-triggered, so this is remembered.
#[derive(Clone, Copy, Debug)]
struct Ready {
    read: bool,
    write: bool,
}

/// The client's sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiving {
    Open,
    /// The loop has said that the client sends no more. There will be no other event for what is unread.
    EndAnnounced,
}

/// Our sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    /// Shut down: only the client's end is awaited.
    ShutDown,
}

/// A client's socket and its protocols.
pub(crate) struct Wire {
    /// None: closed.
    stream: Option<TcpStream>,
    tls: Option<Session>,
    pub(crate) http: Http,
    /// The bytes after a 101.
    upgraded: Option<Upgraded>,
    charge: Option<Charge>,
    ready: Ready,
    receiving: Receiving,
    sending: Sending,
    /// Bytes were moved since the deadline was set.
    moved: bool,
}

impl Wire {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            stream: Some(parts.stream),
            tls: parts.tls,
            http: parts.http,
            upgraded: None,
            charge: parts.charge,
            // There is often a request in the socket already when it is accepted.
            ready: Ready { read: true, write: true },
            receiving: Receiving::Open,
            sending: Sending::Open,
            moved: true,
        }
    }

    pub(crate) fn stream_mut(&mut self) -> Option<&mut TcpStream> {
        self.stream.as_mut()
    }

    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(Session::is_handshaking)
    }

    /// Output is in the buffers that is charged to an application until it is written.
    pub(crate) fn hold(&mut self, charge: Charge) {
        self.charge = Some(charge);
    }

    /// Bytes were moved since the last call.
    pub(crate) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// The next deadline counts from now.
    pub(crate) fn set_moved(&mut self) {
        self.moved = true;
    }

    /// The loop has an event of the socket.
    pub(crate) fn handle_readiness(&mut self, readiness: Readiness) {
        if readiness.is_readable() || readiness.is_read_closed() || readiness.is_error() {
            self.ready.read = true;
        }
        if readiness.is_read_closed() || readiness.is_error() {
            self.receiving = Receiving::EndAnnounced;
        }
        if readiness.is_writable() || readiness.is_write_closed() || readiness.is_error() {
            self.ready.write = true;
        }
    }

    /// The socket may have something to read that no event tells of.
    pub(crate) fn expect_input(&mut self) {
        self.ready.read = true;
    }

    pub(crate) fn may_read(&self) -> bool {
        self.ready.read
    }

    // ---- Reading ----

    /// Whether the socket may have something that is wanted.
    pub(crate) fn wants_receive(&self) -> bool {
        self.ready.read
            && match &self.upgraded {
                Some(upgraded) => upgraded.wants_read(),
                None => self.http.want_read(),
            }
    }

    /// Reads once, if HTTP wants input.
    pub(crate) fn receive(
        &mut self,
        event_loop: &Loop,
        place: u32,
        buffers: &RefCell<BufferPool>,
    ) -> io::Result<()> {
        if !self.wants_receive() {
            return Ok(());
        }
        self.http.take_buffers(&mut buffers.borrow_mut());
        let Some(stream) = &self.stream else { return Ok(()) };
        let tls = self.tls.as_ref();
        let mut filled = false;
        let read = self.http.fill(|room| {
            if let Some(tls) = tls {
                // How much the socket has left is not seen from here.
                filled = true;
                return tls.read(stream, room);
            }
            let (count, _) = rustix::net::recv(stream, &mut *room, RecvFlags::empty())?;
            filled = count == room.len();
            Ok(count)
        });
        self.after_read(read, filled, |tls| {
            tls.compute(event_loop, EventKey::Handshake(place).into());
            tls.is_lost()
        })
    }

    /// Notes what a read says of the socket: whether it has filled its room, and whether (`blocked`) TLS will
    /// never have more.
    pub(super) fn after_read(
        &mut self,
        read: io::Result<usize>,
        filled: bool,
        blocked: impl FnOnce(&Session) -> bool,
    ) -> io::Result<()> {
        match read {
            Ok(count) => {
                self.moved = true;
                // A read that did not fill its room has emptied the socket: the next edge tells of more,
                // unless the end of the input was announced together with the last of it.
                if !filled && count > 0 && self.receiving == Receiving::Open {
                    self.ready.read = false;
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.read = false;
                match &self.tls {
                    Some(tls) if blocked(tls) => Err(error),
                    _ => Ok(()),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A step of the TLS handshake was computed on another thread.
    pub(crate) fn finish_handshake_step(&mut self) -> io::Result<()> {
        if let (Some(tls), Some(stream)) = (&self.tls, &self.stream) {
            tls.computed(stream)?;
        }
        // Bytes that came meanwhile were not read.
        self.ready.read = true;
        Ok(())
    }

    // ---- Writing ----

    /// Whether all there is to do is to write a small response that is complete: it may wait for the others
    /// of its turn.
    pub(crate) fn may_defer(&self) -> bool {
        self.ready.write
            && self.receiving == Receiving::Open
            && self.tls.is_none()
            && (1..=DEFERRED_OUTPUT_BYTES).contains(&self.http.pending_output())
            && self.http.closing() == Closing::Open
    }

    /// Whether so much output waits that HTTP does not look at the next request.
    pub(crate) fn holds_requests_back(&self) -> bool {
        self.http.pending_output() > self.http.limits().output_ahead
    }

    /// Writes HTTP's output, as far as the socket takes it. True: something was written, and nothing is left.
    ///
    /// By a system call of its own, as it is read: the C library's are points where a thread may be
    /// cancelled, which costs a request 1 to 2 % of its time.
    pub(crate) fn transmit(&mut self) -> io::Result<bool> {
        let Some(stream) = &self.stream else { return Ok(false) };
        if let Some(tls) = &self.tls {
            let emptied =
                Self::transmit_sealed(&mut self.http, tls, stream, &mut self.ready, &mut self.moved)?;
            if self.http.pending_output() == 0 {
                self.charge = None;
            }
            return Ok(emptied);
        }
        let mut emptied = false;
        while self.ready.write && self.http.pending_output() > 0 {
            match rustix::net::send(stream, self.http.output(), SendFlags::NOSIGNAL).map_err(io::Error::from)
            {
                Ok(count) => {
                    self.http.wrote(count);
                    self.moved = true;
                    emptied = self.http.pending_output() == 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready.write = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.http.pending_output() == 0 {
            self.charge = None;
        }
        Ok(emptied)
    }

    /// The same through TLS.
    fn transmit_sealed(
        http: &mut Http,
        tls: &Session,
        stream: &TcpStream,
        ready: &mut Ready,
        moved: &mut bool,
    ) -> io::Result<bool> {
        let mut sent = false;
        while ready.write {
            if http.pending_output() > 0 {
                let count = tls.seal(http.output())?;
                http.wrote(count);
            }
            if !tls.has_sealed() {
                break;
            }
            match tls.send(stream) {
                Ok(_) => {
                    *moved = true;
                    sent = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.write = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent && http.pending_output() == 0 && !tls.has_sealed())
    }

    /// Appends to the response's body; a large piece goes to the socket at once, as far as the socket takes
    /// it, so that it need not be copied. True: the producer is to wait.
    pub(crate) fn send_body(&mut self, bytes: &[u8]) -> Result<bool, Misuse> {
        if bytes.len() < DIRECT_BYTES || self.tls.is_some() || self.stream.is_none() {
            self.http.send_body(bytes)?;
            return Ok(self.http.pending_output() >= OUTPUT_HIGH_BYTES);
        }
        let Self { stream, http, ready, moved, .. } = self;
        let all =
            http.send_body_through(bytes, |before, bytes| match stream.as_ref().filter(|_| ready.write) {
                Some(stream) => Self::send_now(stream, ready, moved, before, bytes),
                None => 0,
            })?;
        // A socket that has not taken all has enough for now.
        Ok(!all)
    }

    /// Sends the output that waits (`before`) and the bytes that come after it, as far as the socket takes
    /// them: how many. An error of the socket is met again by the connection's next write.
    fn send_now(
        stream: &TcpStream,
        ready: &mut Ready,
        moved: &mut bool,
        before: &[u8],
        bytes: &[u8],
    ) -> usize {
        let parts = [IoSlice::new(before), IoSlice::new(bytes)];
        let parts = if before.is_empty() { &parts[1..] } else { &parts[..] };
        let mut control = SendAncillaryBuffer::default();
        match rustix::net::sendmsg(stream, parts, &mut control, SendFlags::NOSIGNAL) {
            Ok(count) => {
                *moved = true;
                // The rest goes with the next edge.
                ready.write = count == before.len() + bytes.len();
                count
            }
            Err(_) => 0,
        }
    }

    // ---- The end ----

    /// Whether sealed bytes wait for the socket.
    pub(crate) fn has_sealed(&self) -> bool {
        self.tls.as_ref().is_some_and(Session::has_sealed)
    }

    /// Whether HTTP is at its end and everything is written.
    pub(crate) fn is_over(&self) -> bool {
        self.http.should_close() && !self.has_sealed()
    }

    /// Shuts the sending side down where the connection lingers and everything is written. False: the socket
    /// cannot.
    pub(crate) fn shut_down_if_lingering(&mut self) -> bool {
        let due = self.sending == Sending::Open
            && self.http.closing() == Closing::Linger
            && self.http.pending_output() == 0
            && !self.has_sealed();
        !due || self.shut_down()
    }

    pub(super) fn shut_down(&mut self) -> bool {
        self.sending = Sending::ShutDown;
        let Some(stream) = &self.stream else { return false };
        if let Some(tls) = &self.tls {
            tls.say_end();
            // Where the socket takes no more, the client learns of the end from the socket's own.
            let _ = tls.send(stream);
        }
        stream.shutdown(Shutdown::Write).is_ok()
    }

    /// Closes the socket: with a reset where an orderly end would look like the response's.
    pub(crate) fn close(&mut self) {
        self.charge = None;
        let Some(stream) = self.stream.take() else { return };
        if self.http.closing() == Closing::Reset {
            let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
        } else if let Some(tls) = &self.tls {
            tls.say_end();
            let _ = tls.send(&stream);
        }
    }

    /// Takes the wire apart, to go on with on another thread. `None`: the socket is closed.
    pub(crate) fn take_apart(&mut self) -> Option<Parts> {
        let stream = self.stream.take()?;
        let http = std::mem::replace(&mut self.http, Http::new(nano_http::Limits::default()));
        Some(Parts { stream, http, tls: self.tls.take(), charge: self.charge.take() })
    }

    // ---- After an upgrade ----

    pub(crate) fn upgrade(&mut self, upgraded: Upgraded) {
        self.upgraded = Some(upgraded);
    }

    #[inline]
    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.is_some()
    }

    pub(crate) fn upgraded(&mut self) -> Option<&mut Upgraded> {
        self.upgraded.as_mut()
    }

    /// The parts that a step of the upgraded protocol works on.
    pub(super) fn upgraded_parts(&mut self) -> Option<(&mut Upgraded, Option<&Session>, &TcpStream)> {
        Some((self.upgraded.as_mut()?, self.tls.as_ref(), self.stream.as_ref()?))
    }

    pub(super) fn may_write(&self) -> bool {
        self.ready.write
    }

    pub(super) fn after_write(&mut self, blocked: bool) {
        if blocked {
            self.ready.write = false;
        } else {
            self.moved = true;
        }
    }
}
