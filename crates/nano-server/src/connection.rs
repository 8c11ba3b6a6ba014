//! One client's connection: its socket, its HTTP state machine, the exchange under way, its deadline.
//!
//! [`Conn::drive`] moves it as far as it goes. It may be called at any time; while it is on the stack for this connection
//! (a time slice has turned the loop from within the application), a second call only leaves a note for the first.

mod handing;
mod upgraded;

pub(crate) use handing::Handed;

use crate::admission::NO_APPLICATION;
use crate::exchange::{HttpExchange, Noted, OUTPUT_LOW_BYTES, Response};
use crate::timeouts;
use crate::tls::Session;
use crate::trace;
use crate::upgraded::Upgraded;
use crate::worker::{KIND_DEADLINE, KIND_HANDSHAKE, Worker};
use mio::net::TcpStream;
use nano_http::{Awaiting, Closing, Connection as Http, Head, Input, Refusal, Version};
use nano_loop::{Moment, Readiness, SourceId, TimerId};
use nano_runtime::{BodyLength, Held};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, IoSlice};
use std::net::{IpAddr, Shutdown};
use std::rc::{Rc, Weak};

/// Reads in one turn of one connection; then others have theirs. The rest waits in the socket.
const READS_PER_TURN: usize = 16;

/// The most output of one connection that waits for the others of its turn: more is worth a system call of its own at once.
const DEFERRED_OUTPUT_BYTES: usize = 16 << 10;

/// A client's connection.
pub(crate) struct Conn {
    key: u32,
    me: Weak<Conn>,
    worker: Weak<Worker>,
    peer: IpAddr,
    /// None: closed. What holds on to the connection (an exchange that `waitUntil` keeps) does not keep the socket.
    stream: RefCell<Option<TcpStream>>,
    /// What is spoken on the socket, if it is TLS.
    tls: Option<Session>,
    source: Cell<Option<SourceId>>,
    http: RefCell<Http>,
    /// After a request was answered with 101.
    upgraded: RefCell<Option<Upgraded>>,
    exchange: RefCell<Option<Rc<HttpExchange>>>,
    /// What counts for the application until its output is written.
    held: Cell<Option<Held>>,
    /// The socket may have something to read; edge-triggered, so this is remembered.
    readable: Cell<bool>,
    /// The loop has told that the client sends no more; no further edge will.
    read_closed: Cell<bool>,
    /// The socket may take output.
    writable: Cell<bool>,
    driving: Cell<bool>,
    again: Cell<bool>,
    /// In the worker's list of connections to look after.
    marked: Cell<bool>,
    /// In the worker's list of connections whose complete response waits to be written.
    deferred: Cell<bool>,
    lingering: Cell<bool>,
    closed: Cell<bool>,
    timer: Cell<Option<TimerId>>,
    deadline: Cell<Moment>,
    awaiting: Cell<Awaiting>,
    /// Output was written or input was read since the deadline was set.
    progress: Cell<bool>,
}

impl Conn {
    pub(crate) fn new(
        key: u32,
        worker: &Rc<Worker>,
        stream: TcpStream,
        peer: IpAddr,
        http: Http,
        tls: Option<Session>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            key,
            me: me.clone(),
            worker: Rc::downgrade(worker),
            peer,
            stream: RefCell::new(Some(stream)),
            tls,
            source: Cell::new(None),
            http: RefCell::new(http),
            upgraded: RefCell::new(None),
            exchange: RefCell::new(None),
            held: Cell::new(None),
            // There is often a request in the socket already when it is accepted.
            readable: Cell::new(true),
            read_closed: Cell::new(false),
            writable: Cell::new(true),
            driving: Cell::new(false),
            again: Cell::new(false),
            marked: Cell::new(false),
            deferred: Cell::new(false),
            lingering: Cell::new(false),
            closed: Cell::new(false),
            timer: Cell::new(None),
            deadline: Cell::new(Moment::MAX),
            awaiting: Cell::new(Awaiting::Nothing),
            progress: Cell::new(true),
        })
    }

    /// Registers the socket with the loop.
    pub(crate) fn register(&self, worker: &Worker) -> io::Result<()> {
        let interest = nano_loop::Interest::READABLE | nano_loop::Interest::WRITABLE;
        if let Some(stream) = &mut *self.stream.borrow_mut() {
            self.source.set(Some(worker.event_loop().register(stream, interest, u64::from(self.key))?));
        }
        Ok(())
    }

    /// The worker. It outlives its connections.
    pub(crate) fn worker(&self) -> Rc<Worker> {
        self.worker.upgrade().expect("a worker drops its connections before itself")
    }

    /// Output is in the buffers that counts for an application until it is written.
    pub(crate) fn hold(&self, held: Held) {
        self.held.set(Some(held));
    }

    /// The request under way.
    pub(crate) fn exchange(&self) -> Option<Rc<HttpExchange>> {
        self.exchange.borrow().clone()
    }

    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The protocol's state. Borrowed briefly: never across a call into JavaScript.
    pub(crate) fn http(&self) -> RefMut<'_, Http> {
        self.http.borrow_mut()
    }

    /// The worker is to drive this connection soon.
    pub(crate) fn mark(&self) {
        if self.driving.get() {
            self.again.set(true);
        } else if !self.marked.replace(true)
            && let (Some(worker), Some(me)) = (self.worker.upgrade(), self.me.upgrade())
        {
            worker.mark(me);
        }
    }

    pub(crate) fn unmark(&self) {
        self.marked.set(false);
    }

    /// The loop has news of the socket.
    pub(crate) fn ready(&self, readiness: Readiness) {
        if readiness.is_readable() || readiness.is_read_closed() || readiness.is_error() {
            self.readable.set(true);
        }
        if readiness.is_read_closed() || readiness.is_error() {
            self.read_closed.set(true);
        }
        if readiness.is_writable() || readiness.is_write_closed() || readiness.is_error() {
            self.writable.set(true);
        }
        self.drive();
        if readiness.is_write_closed()
            && readiness.is_read_closed()
            && !self.closed.get()
            && !self.is_upgraded()
        {
            // Both sides are shut: the client is gone, though nothing may be due to be written.
            self.hangup();
        }
    }

    /// Moves the connection as far as it goes.
    pub(crate) fn drive(&self) {
        if self.closed.get() {
            return;
        }
        if self.driving.replace(true) {
            self.again.set(true);
            return;
        }
        let worker = self.worker();
        for _ in 0..READS_PER_TURN {
            self.again.set(false);
            let alive = self.step(&worker);
            if !alive {
                self.close(&worker);
                return;
            }
            if !self.again.get() {
                break;
            }
        }
        self.driving.set(false);
        if self.again.replace(false) {
            self.mark();
        }
        // What waits to be written is looked after when it is.
        if !self.deferred.get() {
            self.settle(&worker);
        }
    }

    /// The connection waits for what comes next.
    fn settle(&self, worker: &Worker) {
        if self.is_upgraded() {
            return self.set_upgraded_deadline(worker);
        }
        self.set_deadline(worker);
        if self.exchange.borrow().is_none() {
            self.http.borrow_mut().give_buffers(&mut worker.buffers());
        }
    }

    /// Writes what was deferred: see [`Worker::defer`].
    pub(crate) fn flush(&self) {
        if !self.deferred.replace(false) || self.closed.get() {
            return;
        }
        if self.driving.get() {
            // Whoever drives goes on to write.
            self.again.set(true);
            return;
        }
        let worker = self.worker();
        if self.write().is_err() || self.http.borrow().should_close() && !self.has_sealed() {
            self.close(&worker);
        } else if self.again.replace(false) {
            self.mark();
        } else {
            self.settle(&worker);
        }
    }

    /// One round: read, act, write. False: the connection is over.
    fn step(&self, worker: &Rc<Worker>) -> bool {
        if self.is_upgraded() {
            return self.step_upgraded(worker);
        }
        match self.read(worker) {
            Ok(()) => {}
            Err(_) => return false,
        }
        if !self.act(worker) {
            return false;
        }
        if self.is_upgraded() {
            // What came with the request is there to be read, and what was answered to be written.
            return self.step_upgraded(worker);
        }
        if self.may_defer() {
            if !self.deferred.replace(true)
                && let Some(me) = self.me.upgrade()
            {
                worker.defer(me);
            }
            return true;
        }
        if self.write().is_err() {
            return false;
        }
        let sealed = self.has_sealed();
        let http = self.http.borrow();
        if http.should_close() && !sealed {
            return false;
        }
        if http.closing() == Closing::Linger
            && http.pending_output() == 0
            && !sealed
            && !self.lingering.replace(true)
        {
            drop(http);
            if let Some(tls) = &self.tls {
                tls.say_end();
                let _ = self.write();
            }
            return self
                .stream
                .borrow()
                .as_ref()
                .is_some_and(|stream| stream.shutdown(Shutdown::Write).is_ok());
        }
        true
    }

    /// Whether all there is to do is to write a small response that is complete: then it may wait for the others of its turn.
    fn may_defer(&self) -> bool {
        let http = self.http.borrow();
        self.exchange.borrow().is_none()
            && self.writable.get()
            && !self.read_closed.get()
            && self.tls.is_none()
            && (1..=DEFERRED_OUTPUT_BYTES).contains(&http.pending_output())
            && http.closing() == Closing::Open
    }

    fn read(&self, worker: &Worker) -> io::Result<()> {
        if !self.readable.get() {
            return Ok(());
        }
        let mut http = self.http.borrow_mut();
        if !http.want_read() {
            return Ok(());
        }
        http.take_buffers(&mut worker.buffers());
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = &mut *stream else { return Ok(()) };
        let mut filled = false;
        let read = http.fill(|room| {
            if let Some(tls) = &self.tls {
                // How much the socket has left is not seen from here.
                filled = true;
                return tls.read(stream, room);
            }
            let (count, _) = rustix::net::recv(&*stream, &mut *room, RecvFlags::empty())?;
            filled = count == room.len();
            Ok(count)
        });
        match read {
            Ok(count) => {
                self.progress.set(true);
                // A read that did not fill its room has emptied the socket: the next edge will tell of more, unless the end of
                // the input was told together with the last of it.
                if !filled && count > 0 && !self.read_closed.get() {
                    self.readable.set(false);
                } else if count > 0 {
                    self.again.set(true);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable.set(false);
                if let Some(tls) = &self.tls {
                    tls.compute(worker.event_loop(), KIND_HANDSHAKE | u64::from(self.key));
                    if tls.is_lost() {
                        return Err(error);
                    }
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.again.set(true);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A step of the handshake was computed on another thread.
    pub(crate) fn handshake_computed(&self) {
        let Some(tls) = &self.tls else { return };
        let computed = match &*self.stream.borrow() {
            Some(stream) => tls.computed(stream),
            None => return,
        };
        if computed.is_err() {
            let worker = self.worker();
            return self.close(&worker);
        }
        // What came meanwhile was not read.
        self.readable.set(true);
        self.drive();
    }

    /// Whether sealed bytes wait for the socket.
    fn has_sealed(&self) -> bool {
        self.tls.as_ref().is_some_and(Session::has_sealed)
    }

    /// The same as [`write`](Self::write) through TLS.
    fn write_sealed(&self, tls: &Session) -> io::Result<()> {
        let mut http = self.http.borrow_mut();
        let stream = self.stream.borrow();
        let Some(stream) = &*stream else { return Ok(()) };
        while self.writable.get() {
            if http.pending_output() > 0 {
                let count = tls.seal(http.output())?;
                http.wrote(count);
            }
            if !tls.has_sealed() {
                break;
            }
            match tls.send(stream) {
                Ok(_) => self.progress.set(true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable.set(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if http.pending_output() == 0 && !tls.has_sealed() && self.wants_room() {
            self.again.set(true);
        }
        Ok(())
    }

    /// Writes what is there to write, as far as the socket takes it. By a system call of its own, as it is read: the C library's are
    /// points where a thread may be cancelled, which costs a request 1 to 2 % of its time.
    fn write(&self) -> io::Result<()> {
        if let Some(tls) = &self.tls {
            return self.write_sealed(tls);
        }
        let mut http = self.http.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = &mut *stream else { return Ok(()) };
        while self.writable.get() && http.pending_output() > 0 {
            match rustix::net::send(&*stream, http.output(), SendFlags::NOSIGNAL).map_err(io::Error::from) {
                Ok(count) => {
                    http.wrote(count);
                    self.progress.set(true);
                    // Somebody may wait for room, or the next request be held back by output.
                    if http.pending_output() == 0 && self.wants_room() {
                        self.again.set(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable.set(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if http.pending_output() == 0 {
            self.held.take();
        }
        Ok(())
    }

    /// Whether [`send_now`](Self::send_now) may send something.
    pub(crate) fn sends_directly(&self) -> bool {
        self.tls.is_none() && !self.closed.get()
    }

    /// Sends at once, as far as the socket takes them, the output that waits (`before`) and the bytes that come after it: how many. An
    /// error of the socket is met again by whoever drives the connection.
    pub(crate) fn send_now(&self, before: &[u8], bytes: &[u8]) -> usize {
        let stream = self.stream.borrow();
        let Some(stream) = stream.as_ref().filter(|_| self.writable.get()) else { return 0 };
        let parts = [IoSlice::new(before), IoSlice::new(bytes)];
        let parts = if before.is_empty() { &parts[1..] } else { &parts[..] };
        let mut control = SendAncillaryBuffer::default();
        match rustix::net::sendmsg(stream, parts, &mut control, SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.progress.set(true);
                // What is left goes with the next edge.
                self.writable.set(count == before.len() + bytes.len());
                count
            }
            Err(_) => 0,
        }
    }

    fn wants_room(&self) -> bool {
        self.exchange
            .borrow()
            .as_ref()
            .is_some_and(|exchange| exchange.wants_room.get() || exchange.pipes.get())
    }

    /// Acts on what has been read: new requests to their applications, bodies to who waits for them. False: the connection is
    /// another thread's.
    fn act(&self, worker: &Rc<Worker>) -> bool {
        loop {
            let current = self.exchange.borrow().clone();
            if let Some(exchange) = current {
                if exchange.response.get() != Response::Over {
                    self.serve(worker, &exchange);
                    return true;
                }
                // The response is complete; whatever else the application does with the exchange has no effect.
                exchange.detach();
                if exchange.is_kept() {
                    worker.keep(Rc::clone(&exchange));
                }
                self.exchange.borrow_mut().take();
                self.progress.set(true);
            }
            let input = self.http.borrow_mut().next();
            match input {
                Ok(Input::Head) => {
                    if !self.begin(worker, false) {
                        return false;
                    }
                }
                Ok(Input::Body) => {
                    // What no application wants is read away, as far as the limits allow.
                    let mut http = self.http.borrow_mut();
                    let count = http.body().len();
                    http.consume(count);
                }
                Ok(Input::BodyEnd) => {}
                Ok(Input::NeedMore | Input::Wait | Input::Closed | Input::Truncated) => return true,
                Err(refusal) => {
                    self.refuse(worker, refusal);
                    return true;
                }
            }
        }
    }

    /// A request under way: gives its application what has arrived.
    fn serve(&self, worker: &Rc<Worker>, exchange: &Rc<HttpExchange>) {
        if exchange.pipes.get() {
            exchange.pump();
            if exchange.response.get() == Response::Over {
                if let (Some(instance), Some(id)) = (exchange.instance.borrow().as_ref(), exchange.id.get()) {
                    instance.release(id);
                }
                self.again.set(true);
            }
            return;
        }
        let instance = exchange.instance.borrow().clone();
        if let (Some(instance), Some(id)) = (instance, exchange.id.get()) {
            if exchange.wants_body.get() && !exchange.body_ended() && self.has_body_news() {
                exchange.wants_body.set(false);
                worker.runtime().body_ready(&instance, id);
            }
            if exchange.wants_room.get() && self.http.borrow().pending_output() <= OUTPUT_LOW_BYTES {
                exchange.wants_room.set(false);
                worker.runtime().writable(&instance, id);
            }
            if self.http.borrow().is_eof() && !exchange.told_hangup.replace(true) {
                // It may have only closed its side and still read: the application decides whether to go on.
                worker.runtime().hung_up(&instance, id);
            }
        }
        if exchange.discards_body.get() && exchange.response.get() == Response::Streaming {
            self.discard_body();
        }
        if exchange.response.get() == Response::Over {
            self.again.set(true);
        }
    }

    /// Whether a reader of the body would find something: bytes, the end, or a failure.
    fn has_body_news(&self) -> bool {
        let mut http = self.http.borrow_mut();
        if !http.body().is_empty() {
            return true;
        }
        match http.next() {
            Ok(Input::NeedMore | Input::Wait | Input::Head) => false,
            // `BodyEnd` is said once: tell it here.
            Ok(Input::BodyEnd) => {
                drop(http);
                if let Some(exchange) = self.exchange.borrow().as_ref() {
                    exchange.note_body_end();
                }
                true
            }
            Ok(Input::Body | Input::Truncated | Input::Closed) | Err(_) => true,
        }
    }

    fn discard_body(&self) {
        let mut http = self.http.borrow_mut();
        while let Ok(Input::Body) = http.next() {
            let count = http.body().len();
            http.consume(count);
        }
    }

    /// A request's head is there: finds its application and gives it the request. False: the connection has gone to the thread that
    /// serves the application, from where it would not come back here with this request: it is `handed` then.
    fn begin(&self, worker: &Rc<Worker>, handed: bool) -> bool {
        let Some(me) = self.me.upgrade() else { return true };
        let slot = worker.route(self.http.borrow().head().authority().unwrap_or_default());
        if !handed
            && let Some(slot) = &slot
            && worker.is_misplaced(slot)
            && let Some(other) = worker.other_thread(slot)
            && self.hand_over(worker, &other)
        {
            return false;
        }
        let mut text = worker.take_head();
        let (exchange, written) = {
            let http = self.http.borrow();
            let head = http.head();
            let length = match (head.has_body(), head.content_length()) {
                // `Content-Length: 0` announces a body, an empty one; but a GET with a body could not be made into a new
                // Request (Fetch, section 5.4), so that a client's needless header would break what passes it on.
                (false, Some(0)) if !matches!(head.method(), b"GET" | b"HEAD") => BodyLength::Known(0),
                (false, _) => BodyLength::None,
                (true, Some(length)) => BodyLength::Known(length),
                (true, None) => BodyLength::Unknown,
            };
            let minor = u8::from(head.version() == Version::Http11);
            let noted = worker.logs_requests().then(|| note(worker, &head)).flatten();
            let exchange =
                HttpExchange::new(&me, worker.next_request_id(), worker.now(), noted, minor, length);
            if let Some(telemetry) = worker.telemetry() {
                *exchange.span.borrow_mut() =
                    worker.begin_span(telemetry, &head, exchange.request_id, self.tls.is_some());
            }
            let written = crate::head::write(&mut text, &head, self.tls.is_some());
            (exchange, written)
        };
        *self.exchange.borrow_mut() = Some(Rc::clone(&exchange));
        // The next head has a deadline of its own.
        self.awaiting.set(Awaiting::Nothing);
        match slot {
            // One that was handed here came before that.
            _ if worker.is_draining() && !handed => {
                self.http.borrow_mut().drain();
                exchange.answer(503, "Service Unavailable: the server is shutting down\n");
            }
            None => exchange.answer(404, NO_APPLICATION),
            Some(_) if written.is_err() => exchange.answer(400, "Bad Request: the URL is invalid\n"),
            Some(slot) => {
                exchange.slot.replace(Some(Rc::clone(&slot)));
                let limited = self.http.borrow_mut().set_body_limit(slot.max_body_bytes);
                match limited {
                    Ok(()) => worker.dispatch(&slot, &exchange, &text),
                    Err(refusal) => {
                        self.refuse(worker, refusal);
                    }
                }
            }
        }
        worker.give_head(text);
        true
    }

    /// The request breaks a rule: answers with its status, and closes.
    fn refuse(&self, worker: &Rc<Worker>, refusal: Refusal) {
        let date = worker.date();
        let mut http = self.http.borrow_mut();
        let message = format!("{}\n", refusal.message());
        if http.respond_error(refusal.status(), &message, Some(&date)).is_err() {
            http.abort();
        }
        drop(http);
        let current = self.exchange.borrow_mut().take();
        if let Some(exchange) = current {
            exchange.refused(refusal.status());
            self.abandon(worker, &exchange);
        } else {
            worker.log_refusal(self.peer, refusal);
        }
    }

    /// Tells the application that its client is gone, and forgets the exchange.
    fn abandon(&self, worker: &Worker, exchange: &Rc<HttpExchange>) {
        exchange.lost();
        let instance = exchange.instance.borrow().clone();
        if let (Some(instance), Some(id)) = (instance, exchange.id.get()) {
            worker.runtime().gone(&instance, id);
            if exchange.is_kept() {
                worker.keep(Rc::clone(exchange));
            }
        }
    }

    /// The client is gone.
    fn hangup(&self) {
        let worker = self.worker();
        if self.driving.get() {
            // Whoever drives finds out by reading or writing.
            self.readable.set(true);
            return;
        }
        if self.http.borrow().pending_output() == 0 {
            self.close(&worker);
        }
    }

    /// Ends the connection at once.
    pub(crate) fn close(&self, worker: &Worker) {
        if self.closed.replace(true) {
            return;
        }
        if let Some(timer) = self.timer.take() {
            worker.event_loop().cancel(timer);
        }
        self.held.take();
        let stream = self.stream.borrow_mut().take();
        if let (Some(tls), Some(stream)) = (&self.tls, &stream)
            && self.http.borrow().closing() != Closing::Reset
        {
            tls.say_end();
            let _ = tls.send(stream);
        }
        if let Some(source) = self.source.take() {
            // Closing the socket, below, ends its registration with the system.
            worker.event_loop().forget(source);
        }
        if let Some(stream) = stream
            && self.http.borrow().closing() == Closing::Reset
        {
            let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
        }
        worker.forget(self.key);
        let current = self.exchange.borrow_mut().take();
        if let Some(exchange) = current {
            self.abandon(worker, &exchange);
        }
    }

    // ---- Time ----

    /// Sets the time until which something must happen. The timer itself is moved only when it fires too early: a busy
    /// keep-alive connection pays a store for each request, not a timer.
    fn set_deadline(&self, worker: &Worker) {
        if self.tls.as_ref().is_some_and(Session::is_handshaking) {
            // One time for all of it, from the connection's begin.
            if self.timer.get().is_none() {
                let leaving = worker.is_draining();
                let time = if leaving { timeouts::DRAIN_IDLE } else { timeouts::HANDSHAKE };
                let deadline = worker.now() + time;
                self.deadline.set(deadline);
                self.arm(worker, deadline);
            }
            return;
        }
        let awaiting = self.http.borrow().awaiting();
        let Some(mut time) = timeouts::of(awaiting) else {
            self.deadline.set(Moment::MAX);
            self.awaiting.set(awaiting);
            return;
        };
        let leaving = awaiting == Awaiting::Head && worker.is_draining();
        if leaving {
            time = timeouts::DRAIN_IDLE;
        }
        // These have one deadline, from their first byte; everything else counts from the last progress.
        let is_total = matches!(awaiting, Awaiting::HeadRest | Awaiting::Discard | Awaiting::Linger);
        if awaiting == self.awaiting.get() && (is_total || !self.progress.get()) {
            return;
        }
        self.progress.set(false);
        self.awaiting.set(awaiting);
        let deadline = worker.now() + time;
        self.deadline.set(deadline);
        let armed = self.timer.get();
        match armed {
            // Earlier than what is armed: a head's time is shorter than the idle time.
            Some(timer) if awaiting != Awaiting::Head || leaving => {
                worker.event_loop().cancel(timer);
                self.arm(worker, deadline);
            }
            Some(_) => {}
            None => self.arm(worker, deadline),
        }
    }

    fn arm(&self, worker: &Worker, deadline: Moment) {
        self.timer.set(Some(worker.event_loop().insert(deadline, KIND_DEADLINE | u64::from(self.key))));
    }

    /// The timer has fired: too early, or the time is over.
    pub(crate) fn timer_due(&self) {
        self.timer.set(None);
        if self.closed.get() {
            return;
        }
        let worker = self.worker();
        let deadline = self.deadline.get();
        if deadline == Moment::MAX {
            return;
        }
        if worker.now() < deadline {
            return self.arm(&worker, deadline);
        }
        if self.is_upgraded() {
            return self.upgraded_late(&worker);
        }
        match self.awaiting.get() {
            Awaiting::HeadRest | Awaiting::Body => {
                let date = worker.date();
                let mut http = self.http.borrow_mut();
                if http.respond_error(408, "request timeout\n", Some(&date)).is_err() {
                    drop(http);
                    return self.close(&worker);
                }
                drop(http);
                let current = self.exchange.borrow_mut().take();
                if let Some(exchange) = current {
                    exchange.refused(408);
                    self.abandon(&worker, &exchange);
                }
                self.drive();
            }
            Awaiting::Discard => {
                self.http.borrow_mut().stop_discarding();
                self.drive();
            }
            _ => self.close(&worker),
        }
    }

    /// Reads what may have come unnoticed, and acts on it.
    pub(crate) fn look(&self) {
        self.readable.set(true);
        self.drive();
    }

    /// The server is shutting down: the response that is due says that the connection closes after it. A connection that cannot say so
    /// any more, or is idle, closes a little later: a request may be on its way to it, which shall have an answer.
    pub(crate) fn drain(&self) {
        if self.is_upgraded() {
            return self.drain_upgraded();
        }
        let due =
            self.exchange.borrow().as_ref().is_some_and(|exchange| exchange.response.get() == Response::Due);
        if due || self.http.borrow().awaiting() != Awaiting::Head {
            if due {
                self.http.borrow_mut().drain();
            }
            return self.drive();
        }
        if self.tls.as_ref().is_some_and(Session::is_handshaking) {
            // It has no more time than the others.
            if let Some(timer) = self.timer.take() {
                self.worker().event_loop().cancel(timer);
            }
        }
        // As if it had become idle just now.
        self.progress.set(true);
        self.set_deadline(&self.worker());
    }
}

/// Copies what the log needs of a head into an arena. `None` if memory is short: then the request is not logged.
fn note(worker: &Worker, head: &Head<'_>) -> Option<Noted> {
    let arena = worker.arenas().arena();
    let method = arena.store_bytes(head.method()).ok()?;
    let target = arena.store_bytes(head.target()).ok()?;
    let store = |value: Option<&[u8]>| match value {
        Some(value) => arena.store_bytes(value).ok(),
        None => None,
    };
    let (mut referer, mut user_agent, mut trace) = (None, None, false);
    for (name, value) in head.headers() {
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"referer") => referer = Some(value),
            10 if name.eq_ignore_ascii_case(b"user-agent") => user_agent = Some(value),
            11 if name.eq_ignore_ascii_case(b"traceparent") => trace = true,
            _ => {}
        }
    }
    let (referer, user_agent) = (store(referer), store(user_agent));
    let trace =
        store(trace.then(|| trace::parent(head.headers())).flatten().map(trace::TraceParent::trace_id));
    Some(Noted { arena, method, target, referer, user_agent, trace })
}
