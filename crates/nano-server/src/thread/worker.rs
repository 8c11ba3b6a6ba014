//! A worker's state, and how it is made.

use super::acceptor::Acceptor;
use super::apps::{Apps, Lifetimes};
use super::command::Command;
use super::deadlines::RequestDeadlines;
use super::deferred::DeferredWrites;
use crate::connection::{Connection, Serving};
use crate::heavy::Pair;
use crate::metrics::Metrics;
use crate::request::{Context, ContextOptions};
use crate::site::Site;
use crate::tls::Tls;
use crate::transport::{Channel, Parts, WakeList, Wire};
use mio::net::TcpListener;
use nano_http::BufferPool;
use nano_loop::{Loop, Mailbox};
use nano_runtime::Runtime;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// Pairs of buffers that a thread keeps for connections that become active.
///
/// Limit (pairs): a burst of as many connections allocates nothing.
const POOLED_BUFFERS: usize = 256;

/// Whether a worker takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// It finishes what is in flight.
    Draining,
    Stopped,
}

/// A worker's connections, by their places.
pub(super) struct Connections {
    pub(super) table: RefCell<Slab<Connection>>,
    /// Those that JavaScript has written to, or read from, since they were last driven.
    pub(super) wakes: Rc<WakeList>,
    /// Those whose response waits to be written with others.
    pub(super) deferred: DeferredWrites,
    pub(super) buffers: RefCell<BufferPool>,
}

impl Connections {
    fn new() -> Self {
        Self {
            table: RefCell::default(),
            wakes: Rc::default(),
            deferred: DeferredWrites::default(),
            buffers: RefCell::new(BufferPool::new(POOLED_BUFFERS)),
        }
    }

    /// One more, which was not driven yet. `None`: the system cannot watch it, and it is closed.
    pub(super) fn insert(&self, event_loop: &Loop, parts: Parts, peer: IpAddr) -> Option<Rc<Channel>> {
        let mut table = self.table.borrow_mut();
        let entry = table.vacant_entry();
        let channel = Channel::new(entry.key() as u32, peer, Wire::new(parts), Rc::clone(&self.wakes));
        entry.insert(Connection::new(event_loop, Rc::clone(&channel)).ok()?);
        Some(channel)
    }

    /// The channel of the connection at a place.
    pub(super) fn channel(&self, place: u32) -> Option<Rc<Channel>> {
        self.table.borrow().get(place as usize).map(|connection| Rc::clone(connection.channel()))
    }

    /// The channels of all connections.
    pub(super) fn channels(&self) -> Vec<Rc<Channel>> {
        self.table.borrow().iter().map(|(_, connection)| Rc::clone(connection.channel())).collect()
    }

    /// Calls `with` with a channel's connection; `None` if it is closed. Its place may be another's then.
    #[inline]
    pub(super) fn with<R>(
        &self,
        channel: &Rc<Channel>,
        with: impl FnOnce(&mut Connection) -> R,
    ) -> Option<R> {
        let mut table = self.table.borrow_mut();
        let connection = table.get_mut(channel.place() as usize)?;
        Rc::ptr_eq(connection.channel(), channel).then(|| with(connection))
    }

    /// Removes a channel's connection.
    pub(super) fn remove(&self, channel: &Rc<Channel>) -> Option<Connection> {
        self.with(channel, |_| ())?;
        self.table.borrow_mut().try_remove(channel.place() as usize)
    }
}

/// The parts of a worker.
pub(crate) struct WorkerOptions {
    /// Its place in the metrics.
    pub(crate) thread: usize,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) context: ContextOptions,
    pub(crate) runtime: Rc<Runtime>,
    /// None: connections come from another thread.
    pub(crate) listener: Option<TcpListener>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) pair: Pair,
    pub(crate) commands: Mailbox<Command>,
    pub(crate) site: Arc<Site>,
    pub(crate) lifetimes: Lifetimes,
}

/// A worker's state. All of it belongs to the thread that runs the loop.
pub(crate) struct Worker {
    pub(super) context: Rc<Context>,
    pub(super) runtime: Rc<Runtime>,
    pub(super) acceptor: Acceptor,
    pub(super) connections: Connections,
    pub(super) apps: Apps,
    pub(super) deadlines: RequestDeadlines,
    pub(super) commands: Mailbox<Command>,
    /// The thread for applications that compute for long, or the worker whose companion this is.
    pub(super) pair: Pair,
    pub(super) phase: Cell<Phase>,
    /// The last pass admitted requests that had waited, and there may be room for more: poll without
    /// blocking.
    pub(super) admits_more: Cell<bool>,
    /// The log's writer did not take everything.
    pub(super) log_pending: Cell<bool>,
    /// A buffer for the head of a request, as the platform takes it.
    pub(super) head: Cell<Vec<u8>>,
}

impl Worker {
    pub(crate) fn new(options: WorkerOptions) -> io::Result<Rc<Self>> {
        let context = Context::new(options.context);
        let acceptor = Acceptor::new(context.event_loop(), options.listener, options.tls)?;
        let worker = Rc::new(Self {
            context,
            runtime: options.runtime,
            acceptor,
            connections: Connections::new(),
            apps: Apps::new(options.site, options.metrics, options.thread, options.lifetimes),
            deadlines: RequestDeadlines::default(),
            commands: options.commands,
            pair: options.pair,
            phase: Cell::new(Phase::Serving),
            admits_more: Cell::new(false),
            log_pending: Cell::new(false),
            head: Cell::default(),
        });
        worker.apps.set_isolate_lifetimes(&worker.runtime, worker.pair.role());
        let weak = Rc::downgrade(&worker);
        worker.runtime.set_turn(Rc::new(move |time| {
            if let Some(worker) = weak.upgrade() {
                worker.nested_turn(time);
            }
        }));
        Ok(worker)
    }

    #[inline]
    pub(super) fn event_loop(&self) -> &Loop {
        self.context.event_loop()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.phase.get() == Phase::Draining
    }

    /// Whether requests are taken, for the deadlines of connections.
    pub(super) fn serving(&self) -> Serving {
        if self.is_draining() { Serving::Draining } else { Serving::Open }
    }
}
