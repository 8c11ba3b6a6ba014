//! The connection as a machine: one struct for each state, with what only that state has. A transition
//! consumes the state and gives the next, so what belonged to the former cannot be used any more.
//!
//! ```text
//! Connecting -> Tunnelling -> Securing -> InUse <-> Idle
//!      |             |____________^         |
//!      |____________________________________^-> Upgraded
//! ```
//!
//! It knows neither sockets nor what fetches do with it.

use crate::decode::Decoder;
use crate::origin::Origin;
use crate::wire::Wire;
use nano_http::ResponseReader;
use nano_time::Moment;
use std::rc::Rc;
use std::time::Duration;

/// A connection of the client.
pub(crate) struct Connection {
    pub(crate) origin: Rc<Origin>,
    pub(crate) wire: Wire,
    pub(crate) state: State,
}

/// What a connection awaits.
pub(crate) enum State {
    Connecting(Connecting),
    Tunnelling(Tunnelling),
    Securing(Securing),
    InUse(InUse),
    Idle(Idle),
    Upgraded(Upgraded),
}

/// The socket is being connected for a fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connecting {
    pub(crate) fetch: u64,
}

/// A proxy was asked for a tunnel.
#[derive(Debug)]
pub(crate) struct Tunnelling {
    pub(crate) fetch: u64,
    pub(crate) reader: ResponseReader,
}

/// TLS is being agreed on. Its session does not exist while the configuration is being loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Securing {
    pub(crate) fetch: u64,
}

/// A request is sent, and its response received.
pub(crate) struct InUse {
    pub(crate) fetch: u64,
    pub(crate) reader: ResponseReader,
    pub(crate) decoder: Option<Decoder>,
    history: History,
    traffic: Traffic,
    afterwards: Afterwards,
}

/// Nobody uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    pub(crate) since: Moment,
    /// When it is closed.
    pub(crate) until: Moment,
}

/// It speaks another protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upgraded {
    pub(crate) fetch: u64,
}

/// Whether a connection served another request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    New,
    Reused,
}

/// What went over a connection since the current request was given to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Traffic {
    Nothing,
    /// Something of the request was written.
    Sent,
    /// Something came.
    Received,
}

/// What becomes of the connection after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Afterwards {
    Close,
    /// It serves another request, unless it is idle for longer than this.
    Keep(Duration),
}

impl Connecting {
    pub(crate) fn tunnel(self, reader: ResponseReader) -> Tunnelling {
        Tunnelling { fetch: self.fetch, reader }
    }

    pub(crate) fn secure(self) -> Securing {
        Securing { fetch: self.fetch }
    }

    pub(crate) fn use_for(self, reader: ResponseReader) -> InUse {
        InUse::new(self.fetch, reader, History::New)
    }
}

impl Tunnelling {
    pub(crate) fn secure(self) -> Securing {
        Securing { fetch: self.fetch }
    }
}

impl Securing {
    pub(crate) fn use_for(self, reader: ResponseReader) -> InUse {
        InUse::new(self.fetch, reader, History::New)
    }
}

impl Idle {
    pub(crate) fn use_for(self, fetch: u64, reader: ResponseReader) -> InUse {
        InUse::new(fetch, reader, History::Reused)
    }
}

impl InUse {
    fn new(fetch: u64, reader: ResponseReader, history: History) -> Self {
        let (traffic, afterwards) = (Traffic::Nothing, Afterwards::Close);
        Self { fetch, reader, decoder: None, history, traffic, afterwards }
    }

    /// Whether the request that is sent again on a new connection may have found this one closed by its
    /// server.
    pub(crate) fn may_be_stale(&self) -> bool {
        self.history == History::Reused
    }

    /// Whether something came for the current request.
    pub(crate) fn has_received(&self) -> bool {
        self.traffic == Traffic::Received
    }

    /// Whether something of the current request was written, or its response has begun.
    pub(crate) fn has_traffic(&self) -> bool {
        self.traffic != Traffic::Nothing
    }

    pub(crate) fn note_sent(&mut self) {
        self.traffic = self.traffic.max(Traffic::Sent);
    }

    pub(crate) fn note_received(&mut self) {
        self.traffic = Traffic::Received;
    }

    /// The response's head allows another request, for at most this time of idleness.
    pub(crate) fn keep_afterwards(&mut self, idle: Duration) {
        self.afterwards = Afterwards::Keep(idle);
    }

    pub(crate) fn close_afterwards(&mut self) {
        self.afterwards = Afterwards::Close;
    }

    /// The request is over: how the connection goes on at most `longest` idle; `None`: it is to be closed.
    pub(crate) fn finish(&self, now: Moment, longest: Duration) -> Option<Idle> {
        let Afterwards::Keep(idle) = self.afterwards else { return None };
        let idle = idle.min(longest);
        (!idle.is_zero()).then(|| Idle { since: now, until: now + idle })
    }

    pub(crate) fn upgrade(&self) -> Upgraded {
        Upgraded { fetch: self.fetch }
    }
}

impl Connection {
    pub(crate) fn new(origin: Rc<Origin>, fetch: u64) -> Self {
        Self { origin, wire: Wire::new(), state: State::Connecting(Connecting { fetch }) }
    }

    /// The fetch that it belongs to; none while it is idle.
    pub(crate) fn fetch(&self) -> Option<u64> {
        match &self.state {
            State::Connecting(Connecting { fetch })
            | State::Tunnelling(Tunnelling { fetch, .. })
            | State::Securing(Securing { fetch })
            | State::InUse(InUse { fetch, .. })
            | State::Upgraded(Upgraded { fetch }) => Some(*fetch),
            State::Idle(_) => None,
        }
    }

    pub(crate) fn in_use(&mut self) -> Option<&mut InUse> {
        match &mut self.state {
            State::InUse(in_use) => Some(in_use),
            _ => None,
        }
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        matches!(self.state, State::Upgraded(_))
    }

    /// Makes the next state of this one. `next` gives a state back that has no such transition.
    pub(crate) fn transition(&mut self, next: impl FnOnce(State) -> State) {
        // In the place of the state while it is consumed.
        let placeholder = State::Securing(Securing { fetch: 0 });
        self.state = next(std::mem::replace(&mut self.state, placeholder));
    }
}
