//! The driver: does with mio's sockets, the loop's clock and its pool of threads what the [`Core`] asks for.

use crate::core::{
    Action, BodyPassed, BodyRead, ConnId, Core, CoreOptions, Counts, Event, FetchId, Fill, Phase, Target,
};
use crate::error::FetchError;
use crate::keys::Key;
use crate::request::{Request, Response};
use crate::tls::{TlsOptions, tls_config};
use nano_http::Written;
use nano_loop::mio::event::Source;
use nano_loop::mio::net::{TcpStream, UnixStream};
use nano_loop::{Event as LoopEvent, Interest, Job, Loop, Moment, Pool, Readiness, SourceId, TimerId};
use rustls::ClientConfig;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Rounds of reading and writing on one connection before others have their turn.
///
/// Limit (rounds): one fast peer must not starve the others.
const ROUNDS: usize = 8;

/// How a client is made.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Limits, times and proxies.
    pub core: CoreOptions,
    /// Whom to trust.
    pub tls: TlsOptions,
    /// The client's keys on the loop: those whose upper 29 bits are these. The lower 35 are to be zero.
    pub keys: u64,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Unix(stream) => stream,
        }
    }

    /// Whether it is connected by now, or why it never will be.
    fn finish_connect(&self) -> io::Result<bool> {
        let error = match self {
            Stream::Tcp(stream) => stream.take_error()?,
            Stream::Unix(stream) => stream.take_error()?,
        };
        if let Some(error) = error {
            return Err(error);
        }
        let peer = match self {
            Stream::Tcp(stream) => stream.peer_addr().map(drop),
            Stream::Unix(stream) => stream.peer_addr().map(drop),
        };
        match peer {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(room),
            Stream::Unix(stream) => stream.read(room),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Socket {
    conn: ConnId,
    stream: Stream,
    source: SourceId,
    state: SocketState,
    reads: ReadSide,
    writable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketState {
    Connecting,
    Connected,
}

/// What the loop has told of a socket's incoming side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadSide {
    /// There is nothing to read.
    Drained,
    Readable,
    /// The peer sends no more: what is left is read up to the end, since no further edge tells of it.
    Closed,
}

/// The open sockets, each at its connection's index.
#[derive(Default)]
struct Sockets {
    places: Vec<Option<Socket>>,
}

impl Sockets {
    fn at_mut(&mut self, index: u32) -> Option<&mut Socket> {
        self.places.get_mut(index as usize)?.as_mut()
    }

    fn get(&self, conn: ConnId) -> Option<&Socket> {
        self.places.get(conn.index() as usize)?.as_ref().filter(|socket| socket.conn == conn)
    }

    fn get_mut(&mut self, conn: ConnId) -> Option<&mut Socket> {
        self.at_mut(conn.index()).filter(|socket| socket.conn == conn)
    }

    fn insert(&mut self, socket: Socket) {
        let index = socket.conn.index() as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        self.places[index] = Some(socket);
    }

    fn remove(&mut self, conn: ConnId) -> Option<Socket> {
        self.get(conn)?;
        self.places[conn.index() as usize].take()
    }
}

type LookUpJob = Job<io::Result<Vec<IpAddr>>>;
type TlsJob = Job<Result<Arc<ClientConfig>, String>>;

/// A client on a loop. It never leaves its thread, never blocks and calls nothing back: give it the loop's
/// events with [`handle_event`](Client::handle_event), and take its own with
/// [`poll_event`](Client::poll_event) afterwards.
pub struct Client {
    event_loop: Rc<Loop>,
    pool: Pool,
    keys: u64,
    tls: TlsOptions,
    core: RefCell<Core>,
    sockets: RefCell<Sockets>,
    lookups: RefCell<HashMap<u32, (String, LookUpJob)>>,
    next_lookup: Cell<u32>,
    tls_job: RefCell<Option<TlsJob>>,
    deadline: Cell<Option<(TimerId, Moment)>>,
    waking: Cell<bool>,
}

impl Client {
    /// A client on a loop, with a pool for what blocks: names and the system's roots.
    pub fn new(event_loop: Rc<Loop>, pool: Pool, options: ClientOptions) -> Self {
        Self {
            event_loop,
            pool,
            keys: options.keys,
            tls: options.tls,
            core: RefCell::new(Core::new(options.core)),
            sockets: RefCell::default(),
            lookups: RefCell::default(),
            next_lookup: Cell::new(0),
            tls_job: RefCell::new(None),
            deadline: Cell::new(None),
            waking: Cell::new(false),
        }
    }

    // ---- For the owner of fetches; see `Core` for what each does ----

    /// Begins a fetch.
    pub fn start(&self, request: Request) -> FetchId {
        let now = self.event_loop.now();
        let id = self.core.borrow_mut().start(request, now);
        self.settle();
        id
    }

    /// The response's head, once, or why there is none.
    pub fn response(&self, id: FetchId) -> Option<Result<Response, FetchError>> {
        self.core.borrow_mut().response(id)
    }

    /// Takes what has come of the response's body.
    pub fn read_body(&self, id: FetchId) -> BodyRead {
        let read = self.core.borrow_mut().read_body(id, self.event_loop.now());
        if matches!(read, BodyRead::Bytes(_)) {
            self.settle();
        }
        read
    }

    /// Takes the response's body if it is complete, or has failed, with at most so many bytes.
    pub fn take_whole(&self, id: FetchId, most: usize) -> Option<Result<Vec<u8>, FetchError>> {
        self.core.borrow_mut().take_whole(id, most)
    }

    /// Gives what has come of the response's body to `take`, which must not call the client.
    pub fn pass_body(&self, id: FetchId, take: &mut dyn FnMut(&[u8]) -> bool) -> BodyPassed {
        let passed = self.core.borrow_mut().pass_body(id, self.event_loop.now(), take);
        if passed != BodyPassed::Pending {
            self.settle();
        }
        passed
    }

    /// Writes a piece of the request's body.
    pub fn write_body(&self, id: FetchId, bytes: &[u8]) -> Written {
        let written = self.core.borrow_mut().write_body(id, bytes, self.event_loop.now());
        self.settle();
        written
    }

    /// The request's body is complete.
    pub fn finish_body(&self, id: FetchId) {
        self.core.borrow_mut().finish_body(id, self.event_loop.now());
        self.settle();
    }

    /// Ends a fetch and forgets it: its socket is closed when this returns.
    pub fn cancel(&self, id: FetchId) {
        self.core.borrow_mut().cancel(id, self.event_loop.now());
        self.settle();
    }

    /// Closes the idle connections of a partition.
    pub fn close_partition(&self, partition: u64) {
        self.core.borrow_mut().close_partition(partition, self.event_loop.now());
        self.settle();
    }

    /// How far a fetch is.
    pub fn phase(&self, id: FetchId) -> Option<Phase> {
        self.core.borrow().phase(id)
    }

    /// Numbers for metrics and tests.
    pub fn counts(&self) -> Counts {
        self.core.borrow().counts()
    }

    /// Sockets that are open: for tests.
    pub fn sockets(&self) -> usize {
        self.sockets.borrow().places.iter().flatten().count()
    }

    // ---- For the loop's driver ----

    /// Takes an event of the loop. False: it is not the client's. Afterwards, take what
    /// [`poll_event`](Self::poll_event) has.
    pub fn handle_event(&self, event: &LoopEvent) -> bool {
        let key = match *event {
            LoopEvent::Ready { key, .. }
            | LoopEvent::Timer { key, .. }
            | LoopEvent::Mail { key }
            | LoopEvent::Done { key } => key,
            LoopEvent::Woken => return false,
        };
        if key & !Key::BITS != self.keys {
            return false;
        }
        match (Key::from_bits(key), event) {
            (Some(Key::Socket(index)), LoopEvent::Ready { readiness, .. }) => self.ready(index, *readiness),
            (Some(Key::LookUp(number)), LoopEvent::Done { .. }) => self.looked_up(number),
            (Some(Key::Tls), LoopEvent::Done { .. }) => {
                let job = self.tls_job.borrow_mut().take();
                let config = match job.and_then(|job| job.take()) {
                    Some(Ok(config)) => config,
                    Some(Err(panicked)) => Err(panicked.to_string()),
                    None => Err("TLS is not available".to_owned()),
                };
                self.core.borrow_mut().handle_tls_loaded(config, self.event_loop.now());
            }
            (Some(Key::Deadline), _) => {
                self.deadline.set(None);
                self.core.borrow_mut().handle_deadline(self.event_loop.now());
            }
            (Some(Key::Events), _) => self.waking.set(false),
            // An id that is stale by now names another socket: looking at that one does no harm.
            (Some(Key::SocketAgain(index)), _) => self.ready(index, Readiness::NONE),
            _ => {}
        }
        // The caller takes the events next: nobody needs to be woken for them.
        self.act();
        true
    }

    /// What has happened to fetches.
    pub fn poll_event(&self) -> Option<Event> {
        self.core.borrow_mut().poll_event()
    }

    // ---- Inside ----

    fn ready(&self, index: u32, readiness: Readiness) {
        let conn = {
            let mut sockets = self.sockets.borrow_mut();
            let Some(socket) = sockets.at_mut(index) else { return };
            let failed = readiness.is_error();
            if readiness.is_read_closed() || failed {
                socket.reads = ReadSide::Closed;
            } else if readiness.is_readable() && socket.reads == ReadSide::Drained {
                socket.reads = ReadSide::Readable;
            }
            socket.writable |= readiness.is_writable() || readiness.is_write_closed() || failed;
            socket.conn
        };
        self.drive(conn);
    }

    /// Moves a connection as far as it goes.
    fn drive(&self, conn: ConnId) {
        if self.is_connecting(conn) && !self.finish_connect(conn) {
            return;
        }
        for _ in 0..ROUNDS {
            let progress = self.read(conn) | self.write(conn);
            if !progress {
                return;
            }
        }
        // Others first; what the socket still has is not announced again.
        let sockets = self.sockets.borrow();
        if let Some(socket) = sockets.get(conn)
            && (socket.reads != ReadSide::Drained && self.core.borrow().wants_read(conn)
                || socket.writable && !self.core.borrow().output(conn).is_empty())
        {
            self.event_loop
                .insert(self.event_loop.now(), self.keys | Key::SocketAgain(conn.index()).to_bits());
        }
    }

    fn is_connecting(&self, conn: ConnId) -> bool {
        let sockets = self.sockets.borrow();
        sockets.get(conn).is_some_and(|socket| socket.state == SocketState::Connecting)
    }

    /// Whether the socket is connected now.
    fn finish_connect(&self, conn: ConnId) -> bool {
        let now = self.event_loop.now();
        let finished = {
            let mut sockets = self.sockets.borrow_mut();
            let Some(socket) = sockets.get_mut(conn) else { return false };
            if !socket.writable {
                return false;
            }
            let finished = socket.stream.finish_connect();
            if let Ok(true) = finished {
                socket.state = SocketState::Connected;
            }
            finished
        };
        match finished {
            Ok(true) => {
                self.core.borrow_mut().handle_connected(conn, now);
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.core.borrow_mut().handle_connect_failed(conn, &error, now);
                false
            }
        }
    }

    /// Reads once, if there is something and it is wanted. Whether it is worth another look.
    fn read(&self, conn: ConnId) -> bool {
        let mut sockets = self.sockets.borrow_mut();
        let Some(socket) = sockets.get_mut(conn) else { return false };
        let mut core = self.core.borrow_mut();
        if socket.reads == ReadSide::Drained || !core.wants_read(conn) {
            return false;
        }
        let mut filled = false;
        let stream = &mut socket.stream;
        let fill = core.fill(conn, self.event_loop.now(), |room| {
            let count = stream.read(room)?;
            filled = count == room.len();
            Ok(count)
        });
        match fill {
            Fill::WouldBlock => {
                socket.reads = ReadSide::Drained;
                false
            }
            Fill::Bytes(count) => {
                // A read that did not fill its room has emptied the socket, unless the end was told together
                // with the last of it.
                if count > 0 && !filled && socket.reads == ReadSide::Readable {
                    socket.reads = ReadSide::Drained;
                }
                true
            }
            Fill::Over => false,
        }
    }

    fn write(&self, conn: ConnId) -> bool {
        let mut sockets = self.sockets.borrow_mut();
        let Some(socket) = sockets.get_mut(conn) else { return false };
        let mut core = self.core.borrow_mut();
        let output = core.output(conn);
        if !socket.writable || socket.state == SocketState::Connecting || output.is_empty() {
            return false;
        }
        match socket.stream.write(output) {
            Ok(count) => {
                core.handle_written(conn, count, self.event_loop.now());
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.writable = false;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                core.handle_write_failed(conn, &error, self.event_loop.now());
                true
            }
        }
    }

    /// Does what the core asks for, and sees to it that events are taken soon.
    fn settle(&self) {
        self.act();
        if self.core.borrow().has_events() && !self.waking.replace(true) {
            self.event_loop.insert(self.event_loop.now(), self.keys | Key::Events.to_bits());
        }
    }

    /// Does what the core asks for, until it asks for nothing; then sees to timers.
    fn act(&self) {
        loop {
            let action = self.core.borrow_mut().poll_action();
            let Some(action) = action else { break };
            match action {
                Action::Drive { conn } => self.drive(conn),
                Action::Close { conn } => {
                    let mut sockets = self.sockets.borrow_mut();
                    if let Some(socket) = sockets.remove(conn) {
                        self.event_loop.forget(socket.source);
                    }
                }
                Action::Connect { conn, target } => self.connect(conn, &target),
                Action::Resolve { host } => self.look_up(host),
                Action::LoadTls => self.load_tls(),
            }
        }
        let next = self.core.borrow().poll_deadline();
        if let Some(next) = next {
            let earlier = match self.deadline.get() {
                None => true,
                // A later one finds out for itself.
                Some((timer, at)) if next < at => {
                    self.event_loop.cancel(timer);
                    true
                }
                Some(_) => false,
            };
            if earlier {
                let timer = self.event_loop.insert(next, self.keys | Key::Deadline.to_bits());
                self.deadline.set(Some((timer, next)));
            }
        }
    }

    fn connect(&self, conn: ConnId, target: &Target) {
        let connected = match target {
            Target::Tcp(address) => TcpStream::connect(*address).map(|stream| {
                // Requests are written whole: waiting for more to send with them only delays them.
                let _ = stream.set_nodelay(true);
                Stream::Tcp(stream)
            }),
            Target::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
        };
        let registered = connected.and_then(|mut stream| {
            let key = self.keys | Key::Socket(conn.index()).to_bits();
            let source =
                self.event_loop.register(stream.source(), Interest::READABLE | Interest::WRITABLE, key)?;
            Ok((stream, source))
        });
        match registered {
            Ok((stream, source)) => {
                let socket = Socket {
                    conn,
                    stream,
                    source,
                    state: SocketState::Connecting,
                    reads: ReadSide::Drained,
                    writable: false,
                };
                self.sockets.borrow_mut().insert(socket);
            }
            Err(error) => self.core.borrow_mut().handle_connect_failed(conn, &error, self.event_loop.now()),
        }
    }

    fn look_up(&self, host: String) {
        let index = self.next_lookup.get();
        self.next_lookup.set(index.wrapping_add(1));
        let name = host.clone();
        let work = move || {
            let addresses = (name.as_str(), 0).to_socket_addrs()?;
            let mut list: Vec<IpAddr> = Vec::new();
            for address in addresses {
                if !list.contains(&address.ip()) {
                    list.push(address.ip());
                }
            }
            Ok(list)
        };
        match self.event_loop.run_blocking(&self.pool, self.keys | Key::LookUp(index).to_bits(), work) {
            Ok(job) => drop(self.lookups.borrow_mut().insert(index, (host, job))),
            Err(full) => {
                self.core.borrow_mut().handle_resolved(&host, Err(full.to_string()), self.event_loop.now())
            }
        }
    }

    fn looked_up(&self, index: u32) {
        let Some((host, job)) = self.lookups.borrow_mut().remove(&index) else { return };
        let answer = match job.take() {
            Some(Ok(Ok(addresses))) => Ok(addresses),
            Some(Ok(Err(error))) => Err(resolver_text(&error)),
            Some(Err(panicked)) => Err(panicked.to_string()),
            None => Err("the look-up was given up".to_owned()),
        };
        self.core.borrow_mut().handle_resolved(&host, answer, self.event_loop.now());
    }

    fn load_tls(&self) {
        let options = self.tls.clone();
        let work = move || shared_tls_config(&options);
        match self.event_loop.run_blocking(&self.pool, self.keys | Key::Tls.to_bits(), work) {
            Ok(job) => *self.tls_job.borrow_mut() = Some(job),
            Err(full) => {
                self.core.borrow_mut().handle_tls_loaded(Err(full.to_string()), self.event_loop.now())
            }
        }
    }
}

/// What getaddrinfo says, without what the standard library puts before it.
fn resolver_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").map_or(text.clone(), str::to_owned)
}

/// The configuration with the system's roots only is read once for the process.
fn shared_tls_config(options: &TlsOptions) -> Result<Arc<ClientConfig>, String> {
    static SHARED: OnceLock<Mutex<Option<Arc<ClientConfig>>>> = OnceLock::new();
    if options.only_extra_roots || !options.extra_roots.is_empty() {
        return tls_config(options);
    }
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = &*shared {
        return Ok(Arc::clone(config));
    }
    let config = tls_config(options)?;
    *shared = Some(Arc::clone(&config));
    Ok(config)
}
