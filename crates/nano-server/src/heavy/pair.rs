//! A worker and its companion, and what they send each other.

use crate::tls::Session;
use crate::transport::Parts;
use mio::net::TcpStream;
use nano_arena::Charge;
use nano_http::Connection as Http;
use nano_runtime::Weight;
use rustls::ServerConnection;
use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How much a companion gives way to the other threads of the machine. It has a third of the processor that a
/// worker has beside it, where both have enough to do, and all of what the workers leave.
pub(crate) const NICENESS: i32 = 5;

/// Isolates of a companion that had no request for so long are closed: theirs are the large ones, and the
/// application may have another on the worker's thread.
pub(crate) const IDLE: Duration = Duration::from_secs(10);

/// A connection between the head of a request and its application, on its way to the other thread.
pub(crate) struct Handed {
    stream: TcpStream,
    /// The head that was found is in it, and what came after that; and output that the socket has not taken
    /// yet.
    http: Http,
    tls: Option<Box<ServerConnection>>,
    charge: Option<Charge>,
    pub(crate) peer: IpAddr,
}

impl Handed {
    pub(crate) fn new(parts: Parts, peer: IpAddr) -> Box<Self> {
        let Parts { stream, http, tls, charge } = parts;
        Box::new(Self { stream, http, tls: tls.as_ref().and_then(Session::take), charge, peer })
    }

    pub(crate) fn into_parts(self) -> Parts {
        Parts {
            stream: self.stream,
            http: self.http,
            tls: self.tls.map(Session::resume),
            charge: self.charge,
        }
    }
}

/// What the two threads send each other.
pub(crate) enum Message {
    /// Go on with a connection.
    Adopt(Box<Handed>),
    /// The companion is there.
    Started(Arc<dyn Link>),
    /// The companion has ended: everything that it has sent was before this.
    Ended,
}

/// The way to one of the two threads.
pub(crate) trait Link: Send + Sync {
    /// Sends a connection; it comes back if the thread has ended.
    fn hand_over(&self, handed: Box<Handed>) -> Result<(), Box<Handed>>;

    /// Has the thread finish what it has, and end.
    fn drain(&self);
}

/// Starts a worker's companion, which says when it is there ([`Message::Started`]) and, whatever happens to
/// it, when it has ended ([`Message::Ended`]). False: it could not be started.
type Start = Box<dyn Fn() -> bool>;

/// Which of the two threads this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Worker,
    /// Heavy applications are served here, and light ones there.
    Companion,
}

/// What there is of a worker's companion.
pub(crate) enum State {
    /// None yet, or it has ended.
    None,
    /// It was started and has not said anything yet.
    Starting,
    Running(Arc<dyn Link>),
}

/// The pair that a worker and its companion are, as one of the two threads sees it.
pub(crate) enum Pair {
    Worker { start: Start, companion: RefCell<State> },
    Companion { worker: Arc<dyn Link> },
}

impl Pair {
    /// A worker's, whose companion is started when it is needed.
    pub(crate) fn worker(start: Start) -> Self {
        Self::Worker { start, companion: RefCell::new(State::None) }
    }

    #[inline]
    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Worker { .. } => Role::Worker,
            Self::Companion { .. } => Role::Companion,
        }
    }

    /// Whether the other thread should have requests for an application of this weight. What this costs, each
    /// request pays.
    #[inline]
    pub(crate) fn is_misplaced(&self, weight: &Weight) -> bool {
        weight.is_heavy() != (self.role() == Role::Companion)
    }

    /// Whether a worker's companion may still send something.
    pub(crate) fn is_expected(&self) -> bool {
        matches!(self, Self::Worker { companion, .. } if !matches!(*companion.borrow(), State::None))
    }

    /// The way to the other thread; a companion that is not there is started, and can be used later.
    pub(crate) fn link(&self) -> Option<Arc<dyn Link>> {
        match self {
            Self::Companion { worker } => Some(Arc::clone(worker)),
            Self::Worker { start, companion } => {
                let mut state = companion.borrow_mut();
                match &*state {
                    State::Running(link) => Some(Arc::clone(link)),
                    State::Starting => None,
                    State::None => {
                        if start() {
                            *state = State::Starting;
                        }
                        None
                    }
                }
            }
        }
    }

    /// A worker's companion has nothing more to come: it finishes what it has, and ends.
    pub(crate) fn drain(&self) {
        if let Self::Worker { companion, .. } = self
            && let State::Running(link) = &*companion.borrow()
        {
            link.drain();
        }
    }

    /// The companion is there, or has ended (`None`).
    pub(crate) fn set_companion(&self, link: Option<Arc<dyn Link>>) {
        if let Self::Worker { companion, .. } = self {
            *companion.borrow_mut() = link.map_or(State::None, State::Running);
        }
    }
}
