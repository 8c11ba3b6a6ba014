//! A connection whose request was answered with 101: moves bytes between its socket and the application, asks a silent client whether
//! it is there, and closes when both ends have. What the bytes mean is the application's isolate's business.

use super::Conn;
use crate::exchange::{OUTPUT_LOW_BYTES, Response};
use crate::tls::Session;
use crate::upgraded::Upgraded;
use crate::worker::Worker;
use nano_loop::Moment;
use rustix::net::{RecvFlags, SendFlags};
use std::io;
use std::net::Shutdown;
use std::rc::Rc;

impl Conn {
    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.borrow().is_some()
    }

    /// The connection speaks HTTP no more.
    pub(crate) fn upgrade(&self, upgraded: Upgraded) {
        *self.upgraded.borrow_mut() = Some(upgraded);
    }

    fn with_upgraded<R>(&self, with: impl FnOnce(&mut Upgraded) -> R) -> Option<R> {
        self.upgraded.borrow_mut().as_mut().map(with)
    }

    // ---- What the application does ----

    /// What has been received. None: nothing, for now or for ever.
    pub(crate) fn read_upgraded(&self) -> Option<Vec<u8>> {
        let taken = self.with_upgraded(Upgraded::take)?;
        // There is room now for what waits in the socket.
        if taken.is_some() && self.readable.get() {
            self.mark();
        }
        taken
    }

    /// Whether the client has sent its last byte, and all of them were taken.
    pub(crate) fn is_upgraded_at_end(&self) -> bool {
        self.with_upgraded(|upgraded| upgraded.is_at_end()).unwrap_or(true)
    }

    /// Bytes that wait for the client then.
    pub(crate) fn write_upgraded(&self, bytes: &[u8]) -> usize {
        self.mark();
        self.with_upgraded(|upgraded| upgraded.send(bytes)).unwrap_or(0)
    }

    /// There will be no more output: the connection closes when the client has it.
    pub(crate) fn finish_upgraded(&self) {
        self.with_upgraded(Upgraded::finish);
        self.mark();
    }

    /// The application is gone: the client is told `code`, if it can be.
    pub(crate) fn abort_upgraded(&self, code: u16) {
        // Where the application waits for room, a frame may be cut.
        let whole = self.exchange.borrow().as_ref().is_some_and(|exchange| !exchange.wants_room.get());
        self.with_upgraded(|upgraded| upgraded.abort(whole.then_some(code)));
        self.mark();
    }

    // ---- The socket ----

    /// One round, as of [`step`](Self::step). False: the connection is over.
    pub(super) fn step_upgraded(&self, worker: &Rc<Worker>) -> bool {
        if self.receive_upgraded().is_err() {
            return false;
        }
        self.serve_upgraded(worker);
        // The 101 goes first.
        if self.write().is_err() || self.http.borrow().pending_output() == 0 && self.send_upgraded().is_err()
        {
            return false;
        }
        if self.has_sealed() || self.http.borrow().pending_output() > 0 {
            return true;
        }
        let Some((over, shuts)) = self.with_upgraded(|upgraded| (upgraded.is_over(), upgraded.shuts()))
        else {
            return false;
        };
        if shuts {
            let stream = self.stream.borrow();
            let Some(stream) = &*stream else { return false };
            if let Some(tls) = &self.tls {
                tls.say_end();
                // Where the socket takes no more, the client learns of the end from the socket's own.
                let _ = tls.send(stream);
            }
            return stream.shutdown(Shutdown::Write).is_ok();
        }
        !over
    }

    fn receive_upgraded(&self) -> io::Result<()> {
        let mut upgraded = self.upgraded.borrow_mut();
        let stream = self.stream.borrow();
        let (Some(upgraded), Some(stream)) = (&mut *upgraded, &*stream) else { return Ok(()) };
        if !self.readable.get() || !upgraded.wants_read() {
            return Ok(());
        }
        let read = upgraded.fill(|room| match &self.tls {
            Some(tls) => tls.read(stream, room),
            None => Ok(rustix::net::recv(stream, room, RecvFlags::empty())?.0),
        });
        match read {
            Ok(filled) => {
                self.progress.set(true);
                // As in `read`.
                if !filled && self.tls.is_none() && !self.read_closed.get() {
                    self.readable.set(false);
                } else {
                    self.again.set(true);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable.set(false);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.again.set(true);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn send_upgraded(&self) -> io::Result<()> {
        let mut upgraded = self.upgraded.borrow_mut();
        let stream = self.stream.borrow();
        let (Some(upgraded), Some(stream)) = (&mut *upgraded, &*stream) else { return Ok(()) };
        let sealed = || self.tls.as_ref().is_some_and(Session::has_sealed);
        while self.writable.get() && (!upgraded.output().is_empty() || sealed()) {
            let sent = match &self.tls {
                Some(tls) => {
                    let count = tls.seal(upgraded.output())?;
                    upgraded.wrote(count);
                    tls.send(stream)
                }
                None => rustix::net::send(stream, upgraded.output(), SendFlags::NOSIGNAL)
                    .map_err(io::Error::from)
                    .inspect(|count| upgraded.wrote(*count)),
            };
            match sent {
                Ok(_) => {
                    self.progress.set(true);
                    if upgraded.output().len() <= OUTPUT_LOW_BYTES && self.wants_room() {
                        self.again.set(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable.set(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives the application what has arrived, and tells it of room.
    fn serve_upgraded(&self, worker: &Rc<Worker>) {
        let Some(exchange) = self.exchange.borrow().clone() else { return };
        let instance = exchange.instance.borrow().clone();
        let (Some(instance), Some(id)) = (instance, exchange.id.get()) else { return };
        if exchange.response.get() == Response::Over {
            exchange.detach();
            if exchange.is_kept() {
                worker.keep(Rc::clone(&exchange));
            }
            self.exchange.borrow_mut().take();
            return;
        }
        let Some((news, waiting)) =
            self.with_upgraded(|upgraded| (upgraded.has_news(), upgraded.output().len()))
        else {
            return;
        };
        if news && exchange.wants_body.replace(false) {
            worker.runtime().body_ready(&instance, id);
        }
        if waiting <= OUTPUT_LOW_BYTES && exchange.wants_room.replace(false) {
            worker.runtime().writable(&instance, id);
        }
    }

    // ---- Time ----

    pub(super) fn set_upgraded_deadline(&self, worker: &Worker) {
        // Nothing has moved: the deadline stands.
        if !self.progress.replace(false) && self.deadline.get() != Moment::MAX {
            return;
        }
        let Some(time) = self.with_upgraded(|upgraded| upgraded.deadline()) else { return };
        let deadline = worker.now() + time;
        let sooner = deadline < self.deadline.replace(deadline);
        // As for HTTP: a timer that is due too early is moved then.
        if sooner && let Some(timer) = self.timer.take() {
            worker.event_loop().cancel(timer);
        }
        if self.timer.get().is_none() {
            self.arm(worker, deadline);
        }
    }

    /// Nothing has moved for long: a silent client is asked whether it is there; one that does not answer is not.
    pub(super) fn upgraded_late(&self, worker: &Worker) {
        let whole = self.exchange.borrow().as_ref().is_some_and(|exchange| !exchange.wants_room.get());
        if !whole || self.with_upgraded(Upgraded::ping) != Some(true) {
            return self.close(worker);
        }
        self.progress.set(true);
        self.drive();
    }

    /// The server is shutting down: the client is told (1001), and the connection closes when it has answered.
    pub(super) fn drain_upgraded(&self) {
        let Some(exchange) = self.exchange.borrow().clone() else { return };
        let instance = exchange.instance.borrow().clone();
        if let (Some(instance), Some(id)) = (instance, exchange.id.get()) {
            self.worker().runtime().go_away(&instance, id);
        }
        self.drive();
    }
}
