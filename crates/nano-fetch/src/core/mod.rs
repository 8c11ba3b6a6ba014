//! All fetches and connections of a client, as one state machine: without sockets, without a clock, without a resolver.
//!
//! Whoever drives it does what [`Core::next_action`] asks for, tells what came of it, and tells the time. What the fetches' owner
//! needs to know comes from [`Core::next_event`]. [`Client`](crate::Client) is such a driver; a simulation is another.

mod connect;
mod driver;
mod ends;
mod owner;
mod receive;

use crate::conn::{Conn, Origin, READ_BYTES};
use crate::error::{ErrorKind, FetchError};
use crate::limits::{Limits, Timeouts};
use crate::proxy::Proxies;
use crate::race::Race;
use crate::request::{Request, Response};
use crate::resolve::Resolver;
use crate::slots::Slots;
use nano_loop::Moment;
use rustls::ClientConfig;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::SocketAddr;
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

impl Fetch {
    /// What is received of its body at once, and stays where it was received until it is passed on.
    fn input_bytes(&self) -> usize {
        // Little, until somebody asks for it.
        if self.passing && self.begun { PASS_BYTES } else { READ_BYTES }
    }
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

/// Bytes of buffers kept for connections that become active; each is 64 KiB, or what a body that is passed on takes at most.
const SPARE_BYTES: usize = 4 * PASS_BYTES;

/// What is received of a body that is passed on before it is, and what one read from a socket gets of it: enough for a socket's buffer,
/// and little enough for a processor's cache.
const PASS_BYTES: usize = 8 * READ_BYTES;

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

fn idle_until(connection: &Conn, timeouts: &Timeouts) -> Moment {
    connection.idle_since + connection.idle_for.unwrap_or(Duration::MAX).min(timeouts.idle)
}
