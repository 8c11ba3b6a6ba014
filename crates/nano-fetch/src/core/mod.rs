//! All fetches and connections of a client, as one state machine: without sockets, without a clock, without a
//! resolver.
//!
//! The driver does what [`Core::poll_action`] asks for, and tells what came of it with the methods
//! `handle_*`, each with the time. The fetches' owner is told by [`Core::poll_event`]. `Client` is such a
//! driver; a simulation is another.
//!
//! Files, in reading order: `fetch.rs` the machine of a fetch (that of a connection is `connection.rs` above
//! this folder), `owner.rs` what the owner calls, `driver.rs` what the driver calls, `connect.rs` from a
//! request to a connection, `receive.rs` from there to the response, `ends.rs` how fetches and connections
//! end, `buffers.rs` their shared memory.

mod buffers;
mod connect;
mod driver;
mod ends;
mod fetch;
mod owner;
mod receive;

use crate::connection::Connection;
use crate::error::FetchError;
use crate::limits::{Limits, Timeouts};
use crate::origin::Origin;
use crate::proxy::Proxies;
use crate::resolve::Resolver;
use crate::slots::Slots;
use buffers::Buffers;
use fetch::Fetch;
use nano_time::Moment;
use rustls::ClientConfig;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

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
    /// Resolve a name; [`Core::handle_resolved`] takes the answer.
    Resolve {
        /// The name.
        host: String,
    },
    /// Make a configuration for TLS; [`Core::handle_tls_loaded`] takes it.
    LoadTls,
    /// Connect a new socket; [`Core::handle_connected`] or [`Core::handle_connect_failed`] says how it went.
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

/// An event of a fetch, for its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// The fetch.
    pub fetch: FetchId,
    /// [`Request::owner`](crate::Request::owner)
    pub owner: u64,
    /// What has happened.
    pub kind: EventKind,
}

/// One step of reading a response's body. After its end, or a failure, the fetch is over.
pub type BodyRead = nano_http::BodyRead<FetchError>;

/// One step of passing a response's body on. After its end, or a failure, the fetch is over.
pub type BodyPassed = nano_http::BodyRead<FetchError, ()>;

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

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A fetch has taken too long in its present state, or the next address is to be tried.
    Fetch(u64),
    /// A connection was idle for too long.
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

/// The client as a state machine, without I/O.
///
/// The owner calls [`start`](Core::start), then, as [`poll_event`](Core::poll_event) tells,
/// [`response`](Core::response), [`read_body`](Core::read_body) or [`pass_body`](Core::pass_body),
/// [`write_body`](Core::write_body) and [`finish_body`](Core::finish_body); or [`cancel`](Core::cancel) at
/// any time. The driver calls [`poll_action`](Core::poll_action) after each of them and after each
/// `handle_*`, until there is none.
pub struct Core {
    limits: Limits,
    timeouts: Timeouts,
    proxies: Proxies,
    fetches: Slots<Fetch>,
    /// How many fetches each partition has.
    partitions: BTreeMap<u64, usize>,
    conns: Slots<Connection>,
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
    buffers: Buffers,
}

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
            buffers: Buffers::default(),
        }
    }
}

fn event(id: u64, fetch: &Fetch, kind: EventKind) -> Event {
    Event { fetch: FetchId(id), owner: fetch.request.owner, kind }
}
