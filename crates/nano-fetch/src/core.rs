//! All fetches and connections of a client, as one state machine: without sockets, without a clock, without a resolver.
//!
//! Whoever drives it does what [`Core::next_action`] asks for, tells what came of it, and tells the time. What the fetches' owner
//! needs to know comes from [`Core::next_event`]. [`Client`](crate::Client) is such a driver; a simulation is another.

use crate::conn::{Conn, Filled, Key, Origin, Stage};
use crate::decode::Decoder;
use crate::error::{ErrorKind, FetchError, io_text};
use crate::headers::list;
use crate::limits::{Limits, Timeouts};
use crate::proxy::Proxies;
use crate::race::Race;
use crate::redirect;
use crate::request::{RedirectMode, Request, RequestBody, Response};
use crate::resolve::{self, Answer, LookUp, Resolver};
use crate::response::{Head, Reader, Step};
use crate::slots::Slots;
use nano_loop::Moment;
use rustls::ClientConfig;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Names a fetch. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub(crate) u64);

impl FetchId {
    /// The id as a number, for those who keep it where only numbers go. Never zero.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// What [`FetchId::to_bits`] gave, back. Any other number names no fetch, or another one; nothing worse.
    pub const fn from_bits(bits: u64) -> FetchId {
        FetchId(bits)
    }
}

/// Names a connection towards the driver. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(crate) u64);

impl ConnId {
    /// A small number that no other open connection has.
    pub const fn index(self) -> u32 {
        self.0 as u32
    }
}

/// Where a socket is to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address, which the policy has seen.
    Tcp(SocketAddr),
    /// A socket of the file system.
    Unix(PathBuf),
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Resolve a name; [`Core::resolved`] takes the answer.
    Resolve {
        /// The name.
        host: String,
    },
    /// Make a configuration for TLS; [`Core::tls_loaded`] takes it.
    LoadTls,
    /// Connect a new socket; [`Core::connected`] or [`Core::connect_failed`] says how it went.
    Connect {
        /// The name of the connection from now on.
        conn: ConnId,
        /// Where to.
        target: Target,
    },
    /// There is something to write, or reading is wanted again.
    Drive {
        /// The connection.
        conn: ConnId,
    },
    /// Close the socket. Its id is stale already.
    Close {
        /// The connection.
        conn: ConnId,
    },
}

/// What has happened to a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// [`Core::response`] has the response, or the error.
    Head,
    /// A [`Core::read_body`] that found nothing is worth another try.
    Body,
    /// The request's body may be written, or be written on; or is no longer wanted.
    Room,
}

/// News for the owner of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// The fetch.
    pub fetch: FetchId,
    /// [`Request::owner`]
    pub owner: u64,
    /// What.
    pub kind: EventKind,
}

/// One step of reading a response's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyRead {
    /// The next bytes; never empty.
    Bytes(Vec<u8>),
    /// The body is complete. The fetch is over.
    End,
    /// Nothing has come: [`EventKind::Body`] tells when that changes.
    Pending,
    /// The body broke off. The fetch is over.
    Failed(FetchError),
}

/// One step of passing a response's body on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyPassed {
    /// Bytes were given.
    Bytes,
    /// The body is complete. The fetch is over.
    End,
    /// Nothing has come: [`EventKind::Body`] tells when that changes.
    Pending,
    /// The body broke off. The fetch is over.
    Failed(FetchError),
}

/// What is left of the room for a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There is room for more.
    Ready,
    /// It was taken; the writer should wait for [`EventKind::Room`].
    Full,
    /// Nobody wants it (any more); nothing was taken.
    Gone,
}

/// What came of a read from a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// So many bytes.
    Bytes(usize),
    /// The socket has nothing now.
    WouldBlock,
    /// The connection is over; its socket is to be closed, as an action says.
    Over,
}

/// How far a fetch is.
enum State {
    /// Waits until a limit allows a connection.
    Queued,
    /// Its host's name is being resolved.
    Resolving,
    /// Sockets are being connected.
    Connecting(Race),
    /// The connection is being secured: a proxy's tunnel, TLS.
    Securing(u64),
    /// The request is being sent, the response's head awaited.
    Sending(u64),
    /// The response's body is being received.
    Receiving(u64),
    /// The response was received, or it has failed.
    Over,
}

/// The phases, as [`Core::phase`] tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waits until a limit allows a connection.
    Queued,
    /// The name is being resolved.
    Resolving,
    /// Sockets are being connected.
    Connecting,
    /// A tunnel or TLS is being agreed on.
    Securing,
    /// The request is being sent, the response's head awaited.
    Sending,
    /// The response's body is being received.
    Receiving,
    /// All was received, or it has failed.
    Over,
}

/// A request's body that is being written.
struct Upload {
    /// Bytes still due, where the length was said; else it is chunked.
    left: Option<u64>,
    /// Bytes so far.
    sent: u64,
    raw: bool,
    wants_room: bool,
    touched: bool,
}

struct Fetch {
    request: Request,
    state: State,
    origin: Rc<Origin>,
    redirects: u32,
    retried: bool,
    upload: Option<Upload>,
    response: Option<Result<Response, FetchError>>,
    /// The owner has the response's head.
    told: bool,
    body: Vec<u8>,
    received: u64,
    complete: bool,
    error: Option<FetchError>,
    /// The owner waits for the body.
    reading: bool,
    /// The body is passed on from where it is received: [`Core::pass_body`]. What is not decoded stays in the connection's input.
    passing: bool,
    /// There is something of it in the connection's input.
    has_input: bool,
    /// The owner has asked for the body.
    begun: bool,
    /// When the phase has taken too long.
    due: Moment,
    /// The entry in the table of deadlines; MAX: none.
    armed: Moment,
    /// When connecting has taken too long; `due` may be earlier then, for the next attempt.
    connect_by: Moment,
    total: Moment,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Fetch(u64),
    Idle(u64),
}

enum Tls {
    Unloaded,
    /// Connections that wait.
    Loading(Vec<u64>),
    Ready(Arc<ClientConfig>),
}

/// How a client is made.
#[derive(Clone, Debug, Default)]
pub struct CoreOptions {
    /// What it keeps and accepts.
    pub limits: Limits,
    /// How long phases may take.
    pub timeouts: Timeouts,
    /// Which URLs go through proxies.
    pub proxies: Proxies,
}

/// Numbers for metrics and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Fetches that are not over, or whose owner has not taken all.
    pub fetches: usize,
    /// Connections, idle ones included.
    pub connections: usize,
    /// Idle connections.
    pub idle: usize,
}

/// See the module.
pub struct Core {
    limits: Limits,
    timeouts: Timeouts,
    proxies: Proxies,
    fetches: Slots<Fetch>,
    /// How many fetches each partition has.
    partitions: BTreeMap<u64, usize>,
    conns: Slots<Conn>,
    /// Those that have a fetch or a connection.
    origins: HashSet<Rc<Origin>>,
    idle: usize,
    /// Fetches that wait because all connections are in use.
    blocked: VecDeque<u64>,
    resolver: Resolver,
    tls: Tls,
    deadlines: BTreeSet<(Moment, Timer)>,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
    scratch: Vec<u8>,
    /// Memory of input buffers that nobody uses now.
    spare: Vec<Vec<u8>>,
}

/// Buffers kept for connections that become active; each is 64 KiB, or what a body that is passed on takes at most.
const SPARE_BUFFERS: usize = 16;

/// What is received of a body that is passed on before it is, and what one read from a socket gets of it: enough for a socket's buffer,
/// and little enough for a processor's cache.
const PASS_BYTES: usize = 4 * crate::conn::READ_BYTES;

impl Core {
    /// A client without fetches.
    pub fn new(options: CoreOptions) -> Self {
        let CoreOptions { limits, timeouts, proxies } = options;
        Self {
            resolver: Resolver::new(limits.lookups, limits.names),
            limits,
            timeouts,
            proxies,
            fetches: Slots::new(),
            partitions: BTreeMap::new(),
            conns: Slots::new(),
            origins: HashSet::new(),
            idle: 0,
            blocked: VecDeque::new(),
            tls: Tls::Unloaded,
            deadlines: BTreeSet::new(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
            scratch: Vec::new(),
            spare: Vec::new(),
        }
    }

    // ---- For the driver ----

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What has happened, to fetches that are not over for their owner.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let event = self.events.pop_front()?;
            let Some(fetch) = self.fetches.get(event.fetch.0) else { continue };
            // The connection that had room for the body is gone, and another is looked for: it will have its own word.
            let retries = event.kind == EventKind::Room
                && matches!(fetch.request.body, RequestBody::Stream(_))
                && !matches!(fetch.state, State::Sending(_) | State::Receiving(_) | State::Over);
            if !retries {
                return Some(event);
            }
        }
    }

    /// Whether [`next_event`](Self::next_event) has something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// When [`expire`](Self::expire) is due; it may find nothing then.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Ends what has taken too long.
    pub fn expire(&mut self, now: Moment) {
        while let Some((at, timer)) = self.deadlines.first().copied() {
            if at > now {
                return;
            }
            self.deadlines.pop_first();
            match timer {
                Timer::Idle(conn) => self.close(conn, now),
                Timer::Fetch(id) => {
                    let Some(fetch) = self.fetches.get_mut(id) else { continue };
                    fetch.armed = Moment::MAX;
                    if fetch.due > now {
                        self.arm(id);
                    } else {
                        self.late(id, now);
                    }
                }
            }
        }
    }

    /// The answer for a name that an action asked for: addresses in the order of preference, or why there are none.
    pub fn resolved(&mut self, host: &str, answer: Result<Vec<IpAddr>, String>, now: Moment) {
        let (answer, keep): (Answer, Duration) = match answer {
            Ok(addresses) if !addresses.is_empty() => (Ok(addresses.into()), self.timeouts.name),
            Ok(_) => (Err("it has no address".into()), self.timeouts.no_name),
            Err(reason) => (Err(reason.into()), self.timeouts.no_name),
        };
        for id in self.resolver.answer(host, answer.clone(), keep, now) {
            self.located(id, answer.clone(), now);
        }
        self.ask();
    }

    /// The configuration for TLS, or why there is none.
    pub fn tls_loaded(&mut self, config: Result<Arc<ClientConfig>, String>, now: Moment) {
        let waiting = match std::mem::replace(&mut self.tls, Tls::Unloaded) {
            Tls::Loading(waiting) => waiting,
            Tls::Unloaded | Tls::Ready(_) => Vec::new(),
        };
        match config {
            Ok(config) => {
                self.tls = Tls::Ready(config);
                waiting.into_iter().for_each(|conn| self.secure(conn, now));
            }
            Err(reason) => {
                for conn in waiting {
                    self.fail_conn(conn, FetchError::new(ErrorKind::Tls, reason.clone()), now);
                }
            }
        }
    }

    /// A socket is connected.
    pub fn connected(&mut self, conn: ConnId, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        let Some(id) = connection.fetch else { return };
        let origin = Rc::clone(&connection.origin);
        let key = &origin.key;
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let State::Connecting(race) = &fetch.state else { return };
        let losers: Vec<u64> = race.running().filter(|other| *other != conn.0).collect();
        fetch.state = State::Securing(conn.0);
        losers.into_iter().for_each(|loser| self.close(loser, now));
        self.set_due(id, now + self.timeouts.secure);
        if let (true, Some(proxy)) = (key.tls, &key.proxy)
            && let Some(connection) = self.conns.get_mut(conn.0)
        {
            connection.stage = Stage::Tunnel;
            connection.reader = Reader::new("CONNECT");
            let host = if key.host.contains(':') { format!("[{}]", key.host) } else { key.host.clone() };
            let authority = format!("{host}:{}", key.port);
            let mut head = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n");
            if let Some(value) = &proxy.authorization {
                head.push_str(&format!("proxy-authorization: {value}\r\n"));
            }
            head.push_str("\r\n");
            connection.send(&[head.as_bytes()]);
            self.actions.push_back(Action::Drive { conn });
        } else if key.tls {
            self.secure(conn.0, now);
        } else {
            self.assign(conn.0, id, now);
        }
    }

    /// A socket could not be connected.
    pub fn connect_failed(&mut self, conn: ConnId, error: &io::Error, now: Moment) {
        let Some(connection) = self.conns.get(conn.0) else { return };
        let Some(id) = connection.fetch else { return };
        self.close(conn.0, now);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let State::Connecting(race) = &mut fetch.state else { return };
        let address = race.failed(conn.0);
        if race.is_lost() {
            let (key, reason) = (&fetch.origin.key, io_text(error));
            let (host, port) =
                key.proxy.as_ref().map_or((&key.host, key.port), |proxy| (&proxy.host, proxy.port));
            let message = match (&key.unix, address) {
                (Some(path), _) => format!("no connection to {}: {reason}", path.display()),
                (None, Some(address)) if address.to_string() != *host => {
                    format!("no connection to {host}:{port} ({address}): {reason}")
                }
                _ => format!("no connection to {host}:{port}: {reason}"),
            };
            self.fail(id, FetchError::new(ErrorKind::Connect, message), now);
        } else {
            self.race(id, now);
        }
    }

    /// Whether a read from the socket is wanted.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        let Some(connection) = self.conns.get(conn.0) else { return false };
        if connection.eof {
            return false;
        }
        match connection.stage {
            Stage::Connecting => false,
            Stage::Tunnel | Stage::Securing => true,
            Stage::Open | Stage::Raw => match connection.fetch.and_then(|id| self.fetches.get(id)) {
                Some(fetch) => !self.is_full(fetch, connection),
                None => true,
            },
        }
    }

    /// Whether so much was received that is not read that no more is taken from the socket.
    fn is_full(&self, fetch: &Fetch, connection: &Conn) -> bool {
        // Little, until somebody asks for it: it may be passed on.
        let (ahead, input) = match fetch.begun {
            true => (self.limits.body_ahead, PASS_BYTES),
            false => (crate::conn::READ_BYTES.min(self.limits.body_ahead), crate::conn::READ_BYTES),
        };
        let share = self.share(fetch.request.partition);
        fetch.body.len() >= ahead.min(share)
            || fetch.passing && connection.input.bytes().len() >= input.min(share)
    }

    /// What each fetch of a partition may hold, where its fetches are many.
    fn share(&self, partition: u64) -> usize {
        // Nearly always.
        if self.fetches.len().saturating_mul(self.limits.body_ahead) <= self.limits.partition_ahead {
            return usize::MAX;
        }
        let count = self.partitions.get(&partition).copied().unwrap_or_default().max(1);
        (self.limits.partition_ahead / count).max(Limits::LEAST_AHEAD)
    }

    /// The same, of the partition that a fetch belongs to.
    fn share_of(&self, id: u64) -> usize {
        self.fetches.get(id).map_or(usize::MAX, |fetch| self.share(fetch.request.partition))
    }

    /// Reads once from a socket with `read`, which gets the room, and acts on what came.
    pub fn fill(
        &mut self,
        conn: ConnId,
        now: Moment,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Fill {
        let Some(connection) = self.conns.get(conn.0) else { return Fill::Over };
        let fetch = connection.fetch.and_then(|id| self.fetches.get(id));
        let share = fetch.map_or(usize::MAX, |fetch| self.share(fetch.request.partition));
        let most = match fetch {
            Some(fetch) if fetch.passing && fetch.begun => PASS_BYTES,
            _ => crate::conn::READ_BYTES,
        };
        let Some(connection) = self.conns.get_mut(conn.0) else { return Fill::Over };
        if !connection.input.has_memory()
            && let Some(memory) = self.spare.pop()
        {
            connection.input.give_memory(memory);
        }
        let mut count = 0;
        let read = |room: &mut [u8]| {
            count = read(room)?;
            Ok(count)
        };
        let filled = connection.fill(&mut self.scratch, most.min(share), read);
        match filled {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock) => {
                self.give_back(conn.0);
                return Fill::WouldBlock;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted) => return Fill::Bytes(0),
            Err(error) => {
                self.broken(conn.0, &error, now);
                return Fill::Over;
            }
            Ok(Err(error)) => {
                self.fail_conn(conn.0, error, now);
                return Fill::Over;
            }
            Ok(Ok(Filled::End)) => {
                connection.eof = true;
                self.ended(conn.0, now);
            }
            Ok(Ok(Filled::Bytes)) => {
                connection.heard |= !connection.input.is_empty();
                if let Some(id) = connection.fetch {
                    self.touch(id, now);
                }
                self.advance(conn.0, now);
                if self.conns.get(conn.0).is_some_and(|connection| connection.clean_end && !connection.eof) {
                    if let Some(connection) = self.conns.get_mut(conn.0) {
                        connection.eof = connection.input.is_empty();
                    }
                    self.ended_if_eof(conn.0, now);
                }
                if self.conns.get(conn.0).is_some_and(|connection| !connection.output().is_empty()) {
                    self.actions.push_back(Action::Drive { conn });
                }
            }
        }
        self.give_back(conn.0);
        if self.conns.get(conn.0).is_some() { Fill::Bytes(count) } else { Fill::Over }
    }

    /// What is to be written to a socket.
    pub fn output(&self, conn: ConnId) -> &[u8] {
        self.conns.get(conn.0).map_or(&[], Conn::output)
    }

    /// So many bytes of [`output`](Self::output) were written.
    pub fn wrote(&mut self, conn: ConnId, count: usize, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        connection.wrote(count);
        let pending = connection.output().len();
        let Some(id) = connection.fetch else { return };
        self.touch(id, now);
        if pending <= self.limits.output_low.min(self.share_of(id) / 2) {
            self.tell_room(id);
        }
    }

    /// A write to a socket failed. The response may have come nevertheless: what the socket still has is read.
    pub fn write_failed(&mut self, conn: ConnId, error: &io::Error, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        connection.break_output();
        match connection.fetch {
            Some(id) if matches!(connection.stage, Stage::Open) => {
                if let Some(fetch) = self.fetches.get_mut(id)
                    && fetch.upload.take().is_some_and(|upload| upload.wants_room)
                {
                    self.events.push_back(event(id, fetch, EventKind::Room));
                }
                if self.conns.get(conn.0).is_some_and(|connection| connection.eof) {
                    self.broken(conn.0, error, now);
                }
            }
            _ => self.broken(conn.0, error, now),
        }
    }

    /// Numbers for metrics and tests.
    pub fn counts(&self) -> Counts {
        Counts { fetches: self.fetches.len(), connections: self.conns.len(), idle: self.idle }
    }

    /// Bytes that were received and not taken, and bytes that wait for their sockets. Walks through everything: for tests.
    pub fn held_bytes(&self) -> (usize, usize) {
        let taken = self.fetches.iter().map(|(_, fetch)| fetch.body.len()).sum::<usize>();
        let (input, output) = self.conns.iter().fold((0, 0), |(input, output), (_, connection)| {
            (input + connection.input.bytes().len(), output + connection.output().len())
        });
        (taken + input, output)
    }

    // ---- For the owner ----

    /// Begins a fetch. Its outcome, failures included, is told by [`EventKind::Head`].
    pub fn start(&mut self, request: Request, now: Moment) -> FetchId {
        let origin = self.origin(self.key(&request));
        let total = self.timeouts.total.map_or(Moment::MAX, |total| now + total);
        *self.partitions.entry(request.partition).or_default() += 1;
        let id = self.fetches.insert(Fetch {
            request,
            state: State::Queued,
            origin,
            redirects: 0,
            retried: false,
            upload: None,
            response: None,
            told: false,
            body: Vec::new(),
            received: 0,
            complete: false,
            error: None,
            reading: false,
            passing: false,
            has_input: false,
            begun: false,
            due: Moment::MAX,
            armed: Moment::MAX,
            connect_by: Moment::MAX,
            total,
        });
        self.begin(id, now);
        FetchId(id)
    }

    /// The response's head, once; or why there is none: then the fetch is over. `None`: not yet.
    pub fn response(&mut self, id: FetchId) -> Option<Result<Response, FetchError>> {
        let fetch = self.fetches.get_mut(id.0)?;
        let response = fetch.response.take()?;
        fetch.told = response.is_ok();
        if response.is_err() {
            self.remove(id.0);
        }
        Some(response)
    }

    /// Takes what has come of the response's body.
    pub fn read_body(&mut self, id: FetchId, now: Moment) -> BodyRead {
        if let Some(fetch) = self.fetches.get_mut(id.0)
            && std::mem::take(&mut fetch.passing)
            && let State::Receiving(conn) = fetch.state
        {
            // What stayed where it was received.
            fetch.has_input = false;
            self.advance(conn, now);
            self.ended_if_eof(conn, now);
        }
        let Some(fetch) = self.fetches.get_mut(id.0) else {
            return BodyRead::Failed(FetchError::new(ErrorKind::Reset, "the fetch is over"));
        };
        fetch.begun = true;
        if !fetch.body.is_empty() {
            let bytes = std::mem::take(&mut fetch.body);
            if let State::Receiving(conn) = fetch.state {
                // There is room again, perhaps for what is here already.
                self.touch(id.0, now);
                self.advance(conn, now);
                self.ended_if_eof(conn, now);
                self.give_back(conn);
                self.actions.push_back(Action::Drive { conn: ConnId(conn) });
            }
            return BodyRead::Bytes(bytes);
        }
        if let Some(error) = fetch.error.take() {
            self.remove(id.0);
            return BodyRead::Failed(error);
        }
        if fetch.complete {
            self.remove(id.0);
            return BodyRead::End;
        }
        fetch.reading = true;
        BodyRead::Pending
    }

    /// Takes the response's body if it is complete, or has failed, with at most so many bytes that nobody has taken: then the fetch is
    /// over. `None`: it is not, or is larger.
    pub fn take_whole(&mut self, id: FetchId, most: usize) -> Option<Result<Vec<u8>, FetchError>> {
        let fetch = self.fetches.get_mut(id.0)?;
        if fetch.body.len() > most || !(fetch.complete || fetch.error.is_some()) {
            return None;
        }
        let whole = fetch.error.take().map_or_else(|| Ok(std::mem::take(&mut fetch.body)), Err);
        self.remove(id.0);
        Some(whole)
    }

    /// Gives what has come of the response's body to `take`, piece by piece for as long as that returns true: from where it was received
    /// if nothing has to be decoded, without a copy.
    pub fn pass_body(&mut self, id: FetchId, now: Moment, take: &mut dyn FnMut(&[u8]) -> bool) -> BodyPassed {
        let Some(fetch) = self.fetches.get_mut(id.0) else {
            return BodyPassed::Failed(FetchError::new(ErrorKind::Reset, "the fetch is over"));
        };
        fetch.begun = true;
        let mut passed = !fetch.body.is_empty();
        let mut goes_on = true;
        if passed {
            goes_on = take(&fetch.body);
            fetch.body.clear();
        }
        if let State::Receiving(conn) = fetch.state {
            fetch.passing = true;
            if passed {
                // Decoders have room again.
                self.advance(conn, now);
            }
            if goes_on {
                passed |= match self.pass_input(conn, id.0, take) {
                    Ok((passed, false)) => passed,
                    Ok((passed, true)) => {
                        self.complete(conn, id.0, now);
                        passed
                    }
                    Err(error) => {
                        self.fail_conn(conn, error, now);
                        false
                    }
                };
            }
            if passed {
                self.touch(id.0, now);
                self.ended_if_eof(conn, now);
                self.give_back(conn);
                self.actions.push_back(Action::Drive { conn: ConnId(conn) });
            }
        }
        if passed {
            return BodyPassed::Bytes;
        }
        let Some(fetch) = self.fetches.get_mut(id.0) else { return BodyPassed::End };
        if !fetch.body.is_empty() {
            // What a decoder has made meanwhile.
            take(&fetch.body);
            fetch.body.clear();
            return BodyPassed::Bytes;
        }
        if let Some(error) = fetch.error.take() {
            self.remove(id.0);
            return BodyPassed::Failed(error);
        }
        if fetch.complete {
            self.remove(id.0);
            return BodyPassed::End;
        }
        fetch.reading = true;
        BodyPassed::Pending
    }

    /// Passes on what a connection's input has of a body that is not decoded. Whether there was something, and whether it is complete.
    fn pass_input(
        &mut self,
        conn: u64,
        id: u64,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(bool, bool), FetchError> {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok((false, false));
        };
        if connection.decoder.is_some()
            || !matches!(connection.stage, Stage::Open)
            || connection.fetch != Some(id)
        {
            return Ok((false, false));
        }
        let Conn { input, reader, .. } = connection;
        let (mut passed, mut goes_on) = (false, true);
        fetch.has_input = false;
        loop {
            match reader.body(input.bytes(), &self.limits)? {
                Step::End(used) => {
                    input.consume(used);
                    return Ok((passed, true));
                }
                Step::More(used) => {
                    input.consume(used);
                    return Ok((passed, false));
                }
                Step::Data(skip, _) if !goes_on => {
                    input.consume(skip);
                    fetch.has_input = true;
                    return Ok((passed, false));
                }
                Step::Data(skip, count) => {
                    input.consume(skip);
                    fetch.received += count as u64;
                    check_received(fetch, &self.limits)?;
                    goes_on = take(&input.bytes()[..count]);
                    passed = true;
                    reader.took(count);
                    input.consume(count);
                }
            }
        }
    }

    /// Writes a piece of a [`RequestBody::Stream`], or, after an upgrade, of the other protocol. To be called when
    /// [`EventKind::Room`] has come.
    pub fn write_body(&mut self, id: FetchId, bytes: &[u8], now: Moment) -> Written {
        let share = self.share_of(id.0);
        let Some(fetch) = self.fetches.get_mut(id.0) else { return Written::Gone };
        let (State::Sending(conn) | State::Receiving(conn)) = fetch.state else { return Written::Gone };
        let Some(upload) = &mut fetch.upload else { return Written::Gone };
        let Some(connection) = self.conns.get_mut(conn) else { return Written::Gone };
        if connection.write_broken {
            return Written::Gone;
        }
        upload.touched = true;
        if bytes.is_empty() {
            return Written::Ready;
        }
        upload.sent += bytes.len() as u64;
        if !upload.raw && upload.sent > fetch.request.max_sent {
            let error = fetch.request.too_large();
            self.fail(id.0, error, now);
            return Written::Gone;
        }
        match &mut upload.left {
            _ if upload.raw => connection.send(&[bytes]),
            Some(left) if bytes.len() as u64 > *left => {
                let error = FetchError::new(
                    ErrorKind::Body,
                    "the request's body is longer than its length was said to be",
                );
                self.fail(id.0, error, now);
                return Written::Gone;
            }
            Some(left) => {
                *left -= bytes.len() as u64;
                connection.send(&[bytes]);
            }
            None => connection.send(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"]),
        }
        let full = connection.output().len() >= self.limits.output_ahead.min(share);
        upload.wants_room = full;
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id.0, now);
        if full { Written::Full } else { Written::Ready }
    }

    /// The request's body is complete.
    pub fn finish_body(&mut self, id: FetchId, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id.0) else { return };
        let (State::Sending(conn) | State::Receiving(conn)) = fetch.state else { return };
        let Some(upload) = fetch.upload.take() else { return };
        let Some(connection) = self.conns.get_mut(conn) else { return };
        match upload.left {
            _ if upload.raw => connection.end_tls(),
            Some(0) => {}
            Some(_) => {
                let error = FetchError::new(
                    ErrorKind::Body,
                    "the request's body is shorter than its length was said to be",
                );
                return self.fail(id.0, error, now);
            }
            None => connection.send(&[b"0\r\n\r\n"]),
        }
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id.0, now);
    }

    /// Ends a fetch, at whatever phase it is, and forgets it; no event of it comes any more.
    pub fn cancel(&mut self, id: FetchId, now: Moment) {
        self.detach(id.0, now);
        self.remove(id.0);
    }

    /// Closes the idle connections of a partition: its tenant is gone.
    pub fn close_partition(&mut self, partition: u64, now: Moment) {
        let idle: Vec<u64> = self
            .origins
            .iter()
            .filter(|origin| origin.key.partition == partition)
            .flat_map(|origin| origin.idle.borrow().clone())
            .collect();
        idle.into_iter().for_each(|conn| self.close(conn, now));
    }

    /// How far a fetch is; `None` if there is none of that name.
    pub fn phase(&self, id: FetchId) -> Option<Phase> {
        Some(match self.fetches.get(id.0)?.state {
            State::Queued => Phase::Queued,
            State::Resolving => Phase::Resolving,
            State::Connecting(_) => Phase::Connecting,
            State::Securing(_) => Phase::Securing,
            State::Sending(_) => Phase::Sending,
            State::Receiving(_) => Phase::Receiving,
            State::Over => Phase::Over,
        })
    }

    // ---- From a request to a connection ----

    fn key(&self, request: &Request) -> Key {
        let (tls, port) = (request.is_tls(), request.port());
        let host = request.host().to_owned();
        let proxy = match request.unix {
            None => self.proxies.for_host(tls, &host, port).cloned(),
            Some(_) => None,
        };
        Key { partition: request.partition, tls, host, port, proxy, unix: request.unix.clone() }
    }

    /// The origin with this key.
    fn origin(&mut self, key: Key) -> Rc<Origin> {
        if let Some(origin) = self.origins.get(&key) {
            return Rc::clone(origin);
        }
        let origin = Rc::new(Origin::new(key));
        self.origins.insert(Rc::clone(&origin));
        origin
    }

    /// Finds a connection for a fetch, or what leads to one.
    fn begin(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        if let Err(error) = fetch.request.check() {
            return self.fail(id, error, now);
        }
        let origin = Rc::clone(&fetch.origin);
        // A retry wants a new connection: the others are as stale, likely.
        while !fetch_retried(&self.fetches, id) {
            let Some(conn) = origin.idle.borrow_mut().pop() else { break };
            self.idle -= 1;
            if let Some(connection) = self.conns.get_mut(conn) {
                self.deadlines.remove(&(
                    idle_until(connection.idle_since, connection.idle_for, &self.timeouts),
                    Timer::Idle(conn),
                ));
                connection.reused = true;
                return self.assign(conn, id, now);
            }
        }
        if origin.open.get() >= self.limits.connections_per_origin {
            origin.waiting.borrow_mut().push_back(id);
            return self.enqueue(id, now);
        }
        if self.conns.len() >= self.limits.connections && !self.close_oldest_idle(now) {
            self.blocked.push_back(id);
            return self.enqueue(id, now);
        }
        self.locate(id, now);
    }

    fn enqueue(&mut self, id: u64, now: Moment) {
        if let Some(fetch) = self.fetches.get_mut(id) {
            fetch.state = State::Queued;
        }
        self.set_due(id, now + self.timeouts.queue);
    }

    fn close_oldest_idle(&mut self, now: Moment) -> bool {
        let idle = self.conns.iter().filter(|(_, connection)| connection.fetch.is_none());
        let Some((oldest, _)) = idle.min_by_key(|(_, connection)| connection.idle_since) else {
            return false;
        };
        self.close(oldest, now);
        true
    }

    /// A connection has become free, or is gone: who waits for that goes on.
    fn admit(&mut self, origin: &Rc<Origin>, now: Moment) {
        while origin.open.get() < self.limits.connections_per_origin || !origin.idle.borrow().is_empty() {
            let Some(id) = origin.waiting.borrow_mut().pop_front() else { break };
            if self.is_queued(id) {
                self.begin(id, now);
                break;
            }
        }
        while self.conns.len() < self.limits.connections || self.idle > 0 {
            let Some(id) = self.blocked.pop_front() else { break };
            if self.is_queued(id) {
                self.begin(id, now);
                break;
            }
        }
    }

    /// Whoever had an origin has it no more: the last one takes it along.
    fn release(&mut self, origin: Rc<Origin>) {
        // The table's own, and this one.
        if Rc::strong_count(&origin) == 2 {
            self.origins.remove(&origin.key);
        }
    }

    fn is_queued(&self, id: u64) -> bool {
        self.fetches.get(id).is_some_and(|fetch| matches!(fetch.state, State::Queued))
    }

    /// Finds the addresses for a fetch.
    fn locate(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let origin = Rc::clone(&fetch.origin);
        let key = &origin.key;
        if let Some(path) = &key.unix {
            if !fetch.request.policy.allows_unix() {
                let error =
                    FetchError::new(ErrorKind::Policy, "sockets of the file system may not be reached");
                return self.fail(id, error, now);
            }
            let target = Target::Unix(path.clone());
            fetch.state = State::Connecting(Race::new(&[], self.timeouts.attempt));
            fetch.connect_by = now + self.timeouts.connect;
            self.connect(id, target, None);
            return self.set_due(id, now + self.timeouts.connect);
        }
        if key.proxy.is_some()
            && let Some(addresses) = resolve::known(&key.host)
            && let Err(error) = judge(&fetch.request, key, &addresses)
        {
            return self.fail(id, error, now);
        }
        let host = key.proxy.as_ref().map_or(&key.host, |proxy| &proxy.host);
        if let Some(addresses) = resolve::known(host) {
            return self.located(id, Ok(addresses), now);
        }
        match self.resolver.look_up(host, id, now) {
            LookUp::Known(answer) => self.located(id, answer, now),
            LookUp::Wait => {
                fetch.state = State::Resolving;
                self.set_due(id, now + self.timeouts.resolve);
                self.ask();
            }
        }
    }

    fn ask(&mut self) {
        while let Some(host) = self.resolver.next() {
            self.actions.push_back(Action::Resolve { host });
        }
    }

    fn located(&mut self, id: u64, answer: Answer, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let origin = Rc::clone(&fetch.origin);
        let key = &origin.key;
        let addresses = match answer {
            Ok(addresses) if key.proxy.is_some() => addresses.to_vec(),
            Ok(addresses) => match judge(&fetch.request, key, &addresses) {
                Ok(allowed) => allowed,
                Err(error) => return self.fail(id, error, now),
            },
            Err(reason) => {
                let host = key.proxy.as_ref().map_or(&key.host, |proxy| &proxy.host);
                let message = format!("the name {host} cannot be resolved: {reason}");
                return self.fail(id, FetchError::new(ErrorKind::Resolve, message), now);
            }
        };
        fetch.state = State::Connecting(Race::new(&addresses, self.timeouts.attempt));
        fetch.connect_by = now + self.timeouts.connect;
        self.race(id, now);
    }

    /// Begins the attempts that are due.
    fn race(&mut self, id: u64, now: Moment) {
        loop {
            let Some(fetch) = self.fetches.get_mut(id) else { return };
            let key = &fetch.origin.key;
            let port = key.proxy.as_ref().map_or(key.port, |proxy| proxy.port);
            let State::Connecting(race) = &mut fetch.state else { return };
            let Some(address) = race.next(now) else {
                let due = race.deadline().min(fetch.connect_by);
                return self.set_due(id, due);
            };
            self.connect(id, Target::Tcp(SocketAddr::new(address, port)), Some(address));
        }
    }

    fn connect(&mut self, id: u64, target: Target, address: Option<IpAddr>) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let conn = self.conns.insert(Conn::new(Rc::clone(&fetch.origin), id));
        fetch.origin.open.set(fetch.origin.open.get() + 1);
        if let State::Connecting(race) = &mut fetch.state {
            race.began(conn, address.unwrap_or(IpAddr::from([0, 0, 0, 0])));
        }
        self.actions.push_back(Action::Connect { conn: ConnId(conn), target });
    }

    fn secure(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        connection.stage = Stage::Securing;
        match &mut self.tls {
            Tls::Unloaded => {
                self.tls = Tls::Loading(vec![conn]);
                self.actions.push_back(Action::LoadTls);
            }
            Tls::Loading(waiting) => waiting.push(conn),
            Tls::Ready(config) => match connection.begin_tls(config) {
                Ok(()) => self.actions.push_back(Action::Drive { conn: ConnId(conn) }),
                Err(error) => self.fail_conn(conn, error, now),
            },
        }
    }

    /// Gives a connection to a fetch and sends its request.
    fn assign(&mut self, conn: u64, id: u64, now: Moment) {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return;
        };
        connection.stage = Stage::Open;
        connection.fetch = Some(id);
        connection.reader = Reader::new(&fetch.request.method);
        connection.decoder = None;
        connection.keep_alive = false;
        connection.heard = false;
        connection.spoke = false;
        let mut head = Vec::with_capacity(512 + fetch.request.headers.block().len());
        let plain_proxy = fetch.origin.key.proxy.as_ref().filter(|_| !fetch.origin.key.tls);
        let authorization = plain_proxy.and_then(|proxy| proxy.authorization.as_deref());
        fetch.request.write_head(&mut head, plain_proxy.is_some(), authorization);
        fetch.state = State::Sending(conn);
        match &fetch.request.body {
            RequestBody::None => connection.send(&[&head]),
            RequestBody::Bytes(bytes) => connection.send(&[&head, bytes]),
            RequestBody::Stream(left) => {
                connection.send(&[&head]);
                fetch.upload =
                    Some(Upload { left: *left, sent: 0, raw: false, wants_room: false, touched: false });
                self.events.push_back(event(id, fetch, EventKind::Room));
            }
        }
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id, now);
    }

    // ---- What comes in ----

    /// Acts on what a connection has received.
    fn advance(&mut self, conn: u64, now: Moment) {
        loop {
            let Some(connection) = self.conns.get_mut(conn) else { return };
            let Some(id) = connection.fetch else {
                if !connection.input.is_empty() {
                    // Nothing was asked for.
                    self.close(conn, now);
                }
                return;
            };
            match connection.stage {
                Stage::Connecting => return,
                Stage::Tunnel => {
                    let (used, head) = match connection.reader.head(connection.input.bytes(), &self.limits) {
                        Ok(found) => found,
                        Err(error) => {
                            let error = FetchError::new(ErrorKind::Proxy, format!("the proxy: {error}"));
                            return self.fail_conn(conn, error, now);
                        }
                    };
                    connection.input.consume(used);
                    let Some(head) = head else { return };
                    if !(200..300).contains(&head.status) {
                        let reason = String::from_utf8_lossy(&head.reason).into_owned();
                        let host = &connection.origin.key.host;
                        let message =
                            format!("the proxy refuses a tunnel to {host}: {} {reason}", head.status);
                        return self.fail_conn(conn, FetchError::new(ErrorKind::Proxy, message), now);
                    }
                    return self.secure(conn, now);
                }
                Stage::Securing => {
                    if connection.is_securing() {
                        return;
                    }
                    self.assign(conn, id, now);
                }
                Stage::Open if connection.reader.wants_head() => {
                    let (used, head) = match connection.reader.head(connection.input.bytes(), &self.limits) {
                        Ok(found) => found,
                        Err(error) => return self.fail_conn(conn, error, now),
                    };
                    connection.input.consume(used);
                    let Some(head) = head else { return };
                    if let Err(error) = self.head(conn, id, head, now) {
                        return self.fail_conn(conn, error, now);
                    }
                }
                Stage::Open => {
                    return match self.body(conn, id) {
                        Ok(true) => self.complete(conn, id, now),
                        Ok(false) => self.tell_body(id),
                        Err(error) => self.fail_conn(conn, error, now),
                    };
                }
                Stage::Raw => {
                    let ahead = self.limits.body_ahead.min(self.share_of(id));
                    let (Some(connection), Some(fetch)) =
                        (self.conns.get_mut(conn), self.fetches.get_mut(id))
                    else {
                        return;
                    };
                    let room = ahead.saturating_sub(fetch.body.len());
                    let count = connection.input.bytes().len().min(room);
                    fetch.body.extend_from_slice(&connection.input.bytes()[..count]);
                    connection.input.consume(count);
                    return self.tell_body(id);
                }
            }
        }
    }

    /// A response's head has come.
    fn head(&mut self, conn: u64, id: u64, head: Head, now: Moment) -> Result<(), FetchError> {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok(());
        };
        let Head { status, reason, mut headers, keep_alive } = head;
        connection.keep_alive = keep_alive;
        connection.idle_for = list(&headers, "keep-alive").find_map(|parameter| {
            let seconds = std::str::from_utf8(parameter.strip_prefix(b"timeout=")?).ok()?.parse().ok()?;
            // So that it is not closed while a request is on its way.
            Some(Duration::from_secs(seconds).saturating_sub(Duration::from_secs(1)))
        });
        if let (true, Some(location)) = (redirect::is_redirect(status), headers.get("location")) {
            match fetch.request.redirect {
                RedirectMode::Manual => {}
                RedirectMode::Error => {
                    let message =
                        format!("{} redirects, which the request does not allow", fetch.request.url);
                    return Err(FetchError::new(ErrorKind::Redirect, message));
                }
                RedirectMode::Follow if fetch.redirects >= self.limits.redirects => {
                    let message = format!("more than {} redirects", self.limits.redirects);
                    return Err(FetchError::new(ErrorKind::Redirect, message));
                }
                RedirectMode::Follow => {
                    let location = location.to_vec();
                    redirect::follow(&mut fetch.request, status, &location)?;
                    fetch.redirects += 1;
                    fetch.retried = false;
                    self.redirected(conn, id, now);
                    return Ok(());
                }
            }
        }
        if status == 101 && fetch.request.upgrade.is_none() {
            let message = "the server speaks another protocol, which it was not asked for";
            return Err(FetchError::new(ErrorKind::Protocol, message));
        }
        let mut decoded = false;
        if fetch.request.decode && !connection.reader.is_done() {
            connection.decoder = Decoder::new(list(&headers, "content-encoding"), self.limits.codings)?;
            if connection.decoder.is_some() {
                decoded = true;
                headers.remove(&["content-encoding", "content-length"]);
            }
        }
        let length = connection.reader.remaining().filter(|length| !decoded || *length == 0);
        fetch.state = State::Receiving(conn);
        // A large body stays where it was received until somebody asks for it: it may be passed on.
        fetch.passing = !decoded
            && connection.reader.remaining().is_some_and(|length| length > crate::conn::READ_BYTES as u64);
        if status == 101 {
            connection.stage = Stage::Raw;
            fetch.upload = Some(Upload { left: None, sent: 0, raw: true, wants_room: false, touched: false });
        }
        let url = fetch.request.url.clone();
        let response = Response { status, reason, headers, url, redirects: fetch.redirects, length, decoded };
        fetch.response = Some(Ok(response));
        self.events.push_back(event(id, fetch, EventKind::Head));
        self.touch(id, now);
        Ok(())
    }

    /// The request was changed to follow a redirect: the connection goes back or away, and the next is found.
    fn redirected(&mut self, conn: u64, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        // Whoever writes a body finds out that it is not wanted any more.
        if fetch.upload.take().is_some() {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        fetch.state = State::Queued;
        if let Some(connection) = self.conns.get_mut(conn) {
            // Its body is of no interest; if all of it is here, the connection can go on.
            let mut ended = false;
            while let Ok(step) = connection.reader.body(connection.input.bytes(), &self.limits) {
                match step {
                    Step::More(used) => {
                        connection.input.consume(used);
                        break;
                    }
                    Step::Data(skip, count) => {
                        connection.input.consume(skip + count);
                        connection.reader.took(count);
                    }
                    Step::End(used) => {
                        connection.input.consume(used);
                        ended = true;
                        break;
                    }
                }
            }
            connection.keep_alive &= ended;
            connection.fetch = None;
            self.retire(conn, now);
        }
        let Some(fetch) = self.fetches.get(id) else { return };
        let origin = self.origin(self.key(&fetch.request));
        if let Some(fetch) = self.fetches.get_mut(id) {
            let before = std::mem::replace(&mut fetch.origin, origin);
            self.release(before);
        }
        self.begin(id, now);
    }

    /// Moves the body from the connection to its reader, as far as there is room. Whether it is complete.
    fn body(&mut self, conn: u64, id: u64) -> Result<bool, FetchError> {
        let ahead = self.limits.body_ahead.min(self.share_of(id));
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok(false);
        };
        let Conn { input, reader, decoder, .. } = connection;
        if fetch.passing && decoder.is_none() {
            // It stays where it is until it is passed on.
            let step = reader.body(input.bytes(), &self.limits)?;
            let (Step::End(used) | Step::More(used) | Step::Data(used, _)) = step;
            input.consume(used);
            fetch.has_input = matches!(step, Step::Data(..));
            return Ok(matches!(step, Step::End(_)));
        }
        let before = fetch.body.len();
        let complete = loop {
            let room = ahead.saturating_sub(fetch.body.len());
            match reader.body(input.bytes(), &self.limits)? {
                Step::End(used) => {
                    input.consume(used);
                    match decoder {
                        None => break true,
                        Some(decoder) if decoder.has_more() => {
                            let made = fetch.body.len();
                            decoder.decode(&[], &mut fetch.body, room)?;
                            if fetch.body.len() == made {
                                if room == 0 {
                                    break false;
                                }
                                decoder.finish()?;
                                break true;
                            }
                        }
                        Some(decoder) => {
                            decoder.finish()?;
                            break true;
                        }
                    }
                }
                // What frames the body was taken note of: it is used.
                Step::More(used) | Step::Data(used, _) if room == 0 => {
                    input.consume(used);
                    break false;
                }
                Step::More(used) => {
                    input.consume(used);
                    let made = fetch.body.len();
                    if let Some(decoder) = decoder
                        && decoder.has_more()
                    {
                        decoder.decode(&[], &mut fetch.body, room)?;
                    }
                    if fetch.body.len() == made {
                        break false;
                    }
                }
                Step::Data(skip, count) => {
                    input.consume(skip);
                    let made = fetch.body.len();
                    let used = match decoder {
                        Some(decoder) => decoder.decode(&input.bytes()[..count], &mut fetch.body, room)?,
                        None => {
                            let used = count.min(room);
                            fetch.body.extend_from_slice(&input.bytes()[..used]);
                            used
                        }
                    };
                    if used == 0 && fetch.body.len() == made {
                        return Err(FetchError::new(
                            ErrorKind::Decode,
                            "the response's body cannot be decoded",
                        ));
                    }
                    reader.took(used);
                    input.consume(used);
                }
            }
        };
        fetch.received += (fetch.body.len() - before) as u64;
        check_received(fetch, &self.limits)?;
        Ok(complete)
    }

    /// The response was received.
    fn complete(&mut self, conn: u64, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        fetch.complete = true;
        fetch.state = State::Over;
        let unsent = fetch.upload.take().is_some();
        if unsent {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        self.disarm(id);
        self.tell_body(id);
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.keep_alive &= !unsent;
            connection.fetch = None;
            connection.decoder = None;
            self.retire(conn, now);
        }
    }

    /// A connection without a fetch is kept for the next one, or closed.
    fn retire(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let origin = Rc::clone(&connection.origin);
        let idle_for = connection.idle_for.unwrap_or(Duration::MAX).min(self.timeouts.idle);
        let reusable = connection.keep_alive
            && !connection.eof
            && !connection.clean_end
            && !connection.write_broken
            && connection.input.is_empty()
            && connection.output().is_empty()
            && !idle_for.is_zero()
            && origin.idle.borrow().len() < self.limits.idle_per_origin
            && self.idle < self.limits.idle;
        if !reusable {
            return self.close(conn, now);
        }
        connection.idle_since = now;
        let until = idle_until(connection.idle_since, connection.idle_for, &self.timeouts);
        self.deadlines.insert((until, Timer::Idle(conn)));
        self.idle += 1;
        origin.idle.borrow_mut().push(conn);
        self.give_back(conn);
        self.admit(&origin, now);
    }

    fn ended_if_eof(&mut self, conn: u64, now: Moment) {
        if self.conns.get(conn).is_some_and(|connection| connection.eof) {
            self.ended(conn, now);
        }
    }

    /// The peer sends no more.
    fn ended(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let Some(id) = connection.fetch else { return self.close(conn, now) };
        let host = connection.origin.key.host.clone();
        match connection.stage {
            Stage::Connecting => {}
            Stage::Tunnel => {
                let error = FetchError::new(ErrorKind::Proxy, "the proxy has closed the connection");
                self.fail_conn(conn, error, now);
            }
            Stage::Securing => {
                let message = format!("no secure connection to {host}: it has closed the connection");
                self.fail_conn(conn, FetchError::new(ErrorKind::Tls, message), now);
            }
            Stage::Raw => {
                if connection.input.is_empty() {
                    connection.keep_alive = false;
                    self.complete(conn, id, now);
                }
            }
            Stage::Open => {
                if !connection.input.is_empty() && !connection.reader.wants_head() {
                    // There was no room for all of it yet; the end is found when there is.
                    return;
                }
                let silent = connection.reader.wants_head() && !connection.heard;
                let cut = connection.origin.key.tls
                    && !connection.clean_end
                    && connection.reader.remaining() != Some(0);
                let end = match connection.reader.end() {
                    Ok(()) if cut => {
                        let message =
                            "the connection was closed without saying that the response is complete";
                        Err(FetchError::new(ErrorKind::Truncated, message))
                    }
                    end => end,
                };
                match end {
                    Ok(()) => self.advance(conn, now),
                    Err(_) if silent => {
                        let message = format!("{host} has closed the connection without a response");
                        self.fail_or_retry(conn, id, FetchError::new(ErrorKind::Reset, message), now);
                    }
                    Err(error) => self.fail_conn(conn, error, now),
                }
            }
        }
    }

    /// The socket has failed.
    fn broken(&mut self, conn: u64, error: &io::Error, now: Moment) {
        let Some(connection) = self.conns.get(conn) else { return };
        let Some(id) = connection.fetch else { return self.close(conn, now) };
        let message = format!("the connection to {} broke: {}", connection.origin.key.host, io_text(error));
        let error = FetchError::new(ErrorKind::Reset, message);
        if connection.heard || !matches!(connection.stage, Stage::Open) {
            self.fail_conn(conn, error, now);
        } else {
            self.fail_or_retry(conn, id, error, now);
        }
    }

    /// A connection has ended before anything of the response came. If it was one that was kept, the server may just have closed it:
    /// then the request is sent again where that is safe (RFC 9112 9.3.1).
    fn fail_or_retry(&mut self, conn: u64, id: u64, error: FetchError, now: Moment) {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return;
        };
        let unheard = fetch.request.is_idempotent() || !connection.spoke;
        let replayable = match fetch.request.body {
            RequestBody::None | RequestBody::Bytes(_) => true,
            RequestBody::Stream(_) => fetch.upload.as_ref().is_some_and(|upload| !upload.touched),
        };
        if !connection.reused || fetch.retried || !unheard || !replayable {
            return self.fail_conn(conn, error, now);
        }
        fetch.retried = true;
        fetch.upload = None;
        fetch.state = State::Queued;
        connection.fetch = None;
        self.close(conn, now);
        self.begin(id, now);
    }

    // ---- Ends ----

    /// Closes a connection, and fails the fetch that it belongs to.
    fn fail_conn(&mut self, conn: u64, error: FetchError, now: Moment) {
        let fetch = self.conns.get(conn).and_then(|connection| connection.fetch);
        match fetch {
            Some(id) => self.fail(id, error, now),
            None => self.close(conn, now),
        }
    }

    /// A fetch has failed: all that it holds is freed, its owner is told.
    fn fail(&mut self, id: u64, error: FetchError, now: Moment) {
        self.detach(id, now);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if fetch.upload.take().is_some() {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        fetch.state = State::Over;
        if fetch.complete {
            return;
        }
        if fetch.told || matches!(fetch.response, Some(Ok(_))) {
            fetch.error = Some(error);
        } else {
            fetch.response = Some(Err(error));
            self.events.push_back(event(id, fetch, EventKind::Head));
        }
        self.tell_body(id);
    }

    /// Frees what a fetch holds of others.
    fn detach(&mut self, id: u64, now: Moment) {
        self.disarm(id);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let conns: Vec<u64> = match &fetch.state {
            State::Queued | State::Over => return,
            State::Resolving => {
                let key = &fetch.origin.key;
                let host = key.proxy.as_ref().map_or(&key.host, |proxy| &proxy.host);
                return self.resolver.forget(host, id);
            }
            State::Connecting(race) => race.running().collect(),
            State::Securing(conn) | State::Sending(conn) | State::Receiving(conn) => vec![*conn],
        };
        conns.into_iter().for_each(|conn| self.close(conn, now));
    }

    fn remove(&mut self, id: u64) {
        self.disarm(id);
        let Some(fetch) = self.fetches.remove(id) else { return };
        if let Entry::Occupied(mut count) = self.partitions.entry(fetch.request.partition) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        self.release(fetch.origin);
    }

    fn close(&mut self, conn: u64, now: Moment) {
        let Some(mut connection) = self.conns.remove(conn) else { return };
        if let Some(memory) = connection.input.take_memory() {
            self.keep_memory(memory);
        }
        let Conn { origin, idle_since, idle_for, .. } = connection;
        origin.open.set(origin.open.get().saturating_sub(1));
        let was_idle = {
            let mut idle = origin.idle.borrow_mut();
            let at = idle.iter().position(|other| *other == conn);
            at.map(|at| idle.remove(at)).is_some()
        };
        if was_idle {
            self.idle -= 1;
            self.deadlines.remove(&(idle_until(idle_since, idle_for, &self.timeouts), Timer::Idle(conn)));
        }
        self.actions.push_back(Action::Close { conn: ConnId(conn) });
        self.admit(&origin, now);
        self.release(origin);
    }

    fn give_back(&mut self, conn: u64) {
        if let Some(memory) = self.conns.get_mut(conn).and_then(|connection| connection.input.take_memory()) {
            self.keep_memory(memory);
        }
    }

    fn keep_memory(&mut self, memory: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS && memory.len() <= PASS_BYTES + crate::conn::READ_BYTES {
            self.spare.push(memory);
        }
    }

    // ---- News ----

    fn tell_body(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let news = !fetch.body.is_empty() || fetch.has_input || fetch.complete || fetch.error.is_some();
        if news && std::mem::take(&mut fetch.reading) {
            self.events.push_back(event(id, fetch, EventKind::Body));
        }
    }

    fn tell_room(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if let Some(upload) = &mut fetch.upload
            && std::mem::take(&mut upload.wants_room)
        {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
    }

    // ---- Deadlines ----

    /// There was progress: the phase's time begins anew.
    fn touch(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        let due = match fetch.state {
            State::Sending(conn) => {
                let sent = self.conns.get(conn).is_none_or(|connection| connection.output().is_empty());
                match (sent, &fetch.upload) {
                    (false, _) => now + self.timeouts.send,
                    // Whoever writes the body may take time.
                    (true, Some(_)) => Moment::MAX,
                    (true, None) => now + self.timeouts.head,
                }
            }
            State::Receiving(conn) => {
                let connection = self.conns.get(conn);
                let full = connection.is_some_and(|connection| self.is_full(fetch, connection));
                let raw = connection.is_some_and(|connection| matches!(connection.stage, Stage::Raw));
                // Whoever does not read may take time; other protocols may be silent for long.
                if full || raw { Moment::MAX } else { now + self.timeouts.body }
            }
            // Their time is for the whole phase.
            _ => return,
        };
        self.set_due(id, due);
    }

    fn set_due(&mut self, id: u64, due: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        fetch.due = due.min(fetch.total);
        self.arm(id);
    }

    fn arm(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        // An earlier entry finds out for itself that it is too early.
        if fetch.armed <= fetch.due {
            return;
        }
        if fetch.armed != Moment::MAX {
            self.deadlines.remove(&(fetch.armed, Timer::Fetch(id)));
        }
        fetch.armed = fetch.due;
        self.deadlines.insert((fetch.due, Timer::Fetch(id)));
    }

    fn disarm(&mut self, id: u64) {
        if let Some(fetch) = self.fetches.get_mut(id)
            && fetch.armed != Moment::MAX
        {
            self.deadlines.remove(&(fetch.armed, Timer::Fetch(id)));
            fetch.armed = Moment::MAX;
            fetch.due = Moment::MAX;
        }
    }

    /// A fetch's time is up.
    fn late(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        let host = &fetch.origin.key.host;
        let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
        let message = if now >= fetch.total {
            format!("the fetch of {} was not over in time", fetch.request.url)
        } else {
            match &fetch.state {
                State::Connecting(_) if now < fetch.connect_by => return self.race(id, now),
                State::Connecting(_) => {
                    format!("no connection to {host} within {}", seconds(self.timeouts.connect))
                }
                State::Queued => {
                    format!("no connection to {host} was free within {}", seconds(self.timeouts.queue))
                }
                State::Resolving => {
                    format!("the name {host} was not resolved within {}", seconds(self.timeouts.resolve))
                }
                State::Securing(_) => {
                    format!("no secure connection to {host} within {}", seconds(self.timeouts.secure))
                }
                State::Sending(_) => format!("{host} did not answer in time"),
                // It is the reader who pauses.
                State::Receiving(conn)
                    if self.conns.get(*conn).is_some_and(|connection| self.is_full(fetch, connection)) =>
                {
                    return self.set_due(id, Moment::MAX);
                }
                State::Receiving(_) => format!("{host} did not send on for {}", seconds(self.timeouts.body)),
                State::Over => return,
            }
        };
        self.fail(id, FetchError::new(ErrorKind::Timeout, message), now);
    }
}

/// Whether the response's body is not larger than it may be.
fn check_received(fetch: &Fetch, limits: &Limits) -> Result<(), FetchError> {
    let most = limits.body_bytes.min(fetch.request.max_received);
    if fetch.received <= most {
        return Ok(());
    }
    Err(FetchError::new(ErrorKind::TooLarge, format!("the response's body is larger than {most} bytes")))
}

fn event(id: u64, fetch: &Fetch, kind: EventKind) -> Event {
    Event { fetch: FetchId(id), owner: fetch.request.owner, kind }
}

fn fetch_retried(fetches: &Slots<Fetch>, id: u64) -> bool {
    fetches.get(id).is_none_or(|fetch| fetch.retried)
}

fn idle_until(since: Moment, allowed: Option<Duration>, timeouts: &Timeouts) -> Moment {
    since + allowed.unwrap_or(Duration::MAX).min(timeouts.idle)
}

/// The addresses that the policy allows; an error if it allows none.
fn judge(request: &Request, key: &Key, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, FetchError> {
    let mut allowed = Vec::with_capacity(addresses.len());
    let mut refused = None;
    for address in addresses {
        match request.policy.check(&key.host, *address, key.port) {
            Ok(()) => allowed.push(*address),
            Err(reason) => refused = Some(reason),
        }
    }
    match refused {
        Some(reason) if allowed.is_empty() => {
            let message = format!("{} may not be reached: {reason}", key.host);
            Err(FetchError::new(ErrorKind::Policy, message))
        }
        _ => Ok(allowed),
    }
}
