//! The fetch as a machine: one variant for each state, with what only that state has.
//!
//! While it exchanges, the request's body ([`Upload`]) and the response ([`Download`]) advance independently
//! of each other: a response may be complete before its request is. What its owner has not taken yet lies in
//! its [`Inbox`], whatever the state.

use crate::connection::Connection;
use crate::error::{ErrorKind, FetchError};
use crate::limits::Limits;
use crate::origin::Origin;
use crate::race::Race;
use crate::request::{Request, Response};
use crate::trace_event::trace_event;
use crate::wire::READ_BYTES;
use nano_time::Moment;
use std::rc::Rc;

/// What is received of a body that is passed on before it is, and what one read from a socket gets of it, in
/// bytes: enough for a socket's buffer, and little enough for a processor's cache.
pub(super) const PASS_BYTES: usize = 8 * READ_BYTES;

/// A request on its way to its response.
pub(super) struct Fetch {
    pub(super) request: Request,
    pub(super) origin: Rc<Origin>,
    pub(super) state: State,
    pub(super) inbox: Inbox,
    pub(super) deadline: Deadline,
    pub(super) redirects: u32,
    /// It met a connection that its server had just closed, and was sent again.
    pub(super) is_retried: bool,
}

/// What a fetch awaits.
pub(super) enum State {
    /// That a limit allows a connection.
    Queued,
    /// The addresses of its host's name.
    Resolving,
    /// One of several sockets.
    Connecting(Connecting),
    /// That its connection has its tunnel and TLS.
    Securing(u64),
    /// The ends of its request and its response.
    Exchanging(Exchanging),
    /// That its owner takes the rest.
    Over(End),
}

#[cfg(feature = "tracing")]
impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Resolving => "resolving",
            Self::Connecting(_) => "connecting",
            Self::Securing(_) => "securing",
            Self::Exchanging(_) => "exchanging",
            Self::Over(_) => "over",
        }
    }
}

/// Sockets are being connected.
pub(super) struct Connecting {
    pub(super) race: Race,
    /// When that has taken too long; the fetch's deadline may be earlier, for the next attempt.
    pub(super) by: Moment,
}

/// A request and its response are on their way over a connection.
pub(super) struct Exchanging {
    pub(super) conn: u64,
    pub(super) upload: Upload,
    pub(super) download: Download,
}

/// What the owner still writes.
pub(super) enum Upload {
    /// Nothing: the connection has the whole request, or nobody wants the rest.
    Finished,
    /// The request's body.
    Body(BodyUpload),
    /// Bytes of another protocol.
    Upgraded(Room),
}

/// A request's body that is being written.
pub(super) struct BodyUpload {
    /// Bytes still due, where the length was said; else it is chunked.
    pub(super) left: Option<u64>,
    /// Bytes so far.
    pub(super) sent: u64,
    pub(super) room: Room,
    /// The owner has written some of it, perhaps nothing but its end: it cannot be sent again.
    pub(super) is_touched: bool,
}

/// Whether the writer of a body waits for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    Awaited,
}

/// What is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Download {
    /// The response's head is awaited.
    Head,
    /// The body, or another protocol, is being received.
    Body(Storage),
}

/// Where what was received of a body waits for the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// In the inbox.
    Inbox,
    /// What is not decoded stays in the connection's input until it is passed on; there is nothing at
    /// present.
    InputEmpty,
    /// The same, and there is something.
    InputFilled,
}

/// How a fetch has ended.
pub(super) enum End {
    /// The response is complete.
    Complete,
    /// The response broke off.
    Failed(FetchError),
    /// There was no response: the inbox has the error.
    Refused,
}

/// What the owner has not taken yet.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) head: HeadSlot,
    pub(super) body: Vec<u8>,
    /// Bytes of the body so far, taken ones included.
    pub(super) received: u64,
    pub(super) interest: Interest,
}

/// The response's head on its way to the owner.
#[derive(Default)]
pub(super) enum HeadSlot {
    #[default]
    Awaited,
    Ready(Response),
    Refused(FetchError),
    Taken,
}

/// What the owner wants of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Interest {
    /// It has not asked for it.
    #[default]
    None,
    /// It has asked before.
    Asked,
    /// It was told that there is nothing, and waits.
    Waiting,
}

/// When a fetch has taken too long.
pub(super) struct Deadline {
    /// In its present state.
    pub(super) due: Moment,
    /// The entry in the table of deadlines; MAX: none.
    pub(super) armed: Moment,
    /// As a whole.
    pub(super) total: Moment,
}

impl Fetch {
    pub(super) fn new(request: Request, origin: Rc<Origin>, total: Moment) -> Self {
        Self {
            request,
            origin,
            state: State::Queued,
            inbox: Inbox::default(),
            deadline: Deadline { due: Moment::MAX, armed: Moment::MAX, total },
            redirects: 0,
            is_retried: false,
        }
    }

    /// Enters the next state. `id` is this fetch's.
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables, reason = "only the event has it"))]
    pub(super) fn set_state(&mut self, id: u64, state: State) {
        trace_event!(DEBUG, fetch = id, from = self.state.name(), to = state.name(), "state");
        self.state = state;
    }

    pub(super) fn exchanging(&mut self) -> Option<&mut Exchanging> {
        match &mut self.state {
            State::Exchanging(exchanging) => Some(exchanging),
            _ => None,
        }
    }

    /// The connection that its response's body comes from.
    pub(super) fn receiving(&self) -> Option<u64> {
        match &self.state {
            State::Exchanging(Exchanging { conn, download: Download::Body(_), .. }) => Some(*conn),
            _ => None,
        }
    }

    /// Where the body waits that is being received.
    pub(super) fn storage(&mut self) -> Option<&mut Storage> {
        match &mut self.state {
            State::Exchanging(Exchanging { download: Download::Body(storage), .. }) => Some(storage),
            _ => None,
        }
    }

    /// Whether the body stays where it was received until it is passed on.
    pub(super) fn is_passed(&self) -> bool {
        let State::Exchanging(exchanging) = &self.state else { return false };
        matches!(exchanging.download, Download::Body(Storage::InputEmpty | Storage::InputFilled))
    }

    /// Whether the connection's input has something of the body that stays there.
    pub(super) fn note_input(&mut self, has_some: bool) {
        if self.is_passed()
            && let Some(storage) = self.storage()
        {
            *storage = if has_some { Storage::InputFilled } else { Storage::InputEmpty };
        }
    }

    /// Whether the owner has something to take of the body, or its end.
    pub(super) fn has_body_news(&self) -> bool {
        let has_input = match &self.state {
            State::Exchanging(exchanging) => exchanging.download == Download::Body(Storage::InputFilled),
            State::Over(End::Complete | End::Failed(_)) => true,
            _ => false,
        };
        has_input || !self.inbox.body.is_empty()
    }

    /// What is received of its body at once, and stays where it was received until it is passed on, in bytes.
    pub(super) fn input_bytes(&self) -> usize {
        // Little, until somebody asks for it.
        if self.is_passed() && self.inbox.interest != Interest::None { PASS_BYTES } else { READ_BYTES }
    }

    /// Whether so much was received that is not read that no more is taken from the socket. `share` is what
    /// it may hold.
    pub(super) fn is_full(&self, connection: &Connection, limits: &Limits, share: usize) -> bool {
        // Little, until somebody asks for it: it may be passed on.
        let ahead = if self.inbox.interest == Interest::None { READ_BYTES } else { usize::MAX };
        self.inbox.body.len() >= ahead.min(limits.body_ahead).min(share)
            || self.is_passed() && connection.wire.input.bytes().len() >= self.input_bytes().min(share)
    }

    /// Counts `bytes` of the response's body.
    ///
    /// # Errors
    ///
    /// It is larger than it may be.
    pub(super) fn count_received(&mut self, bytes: usize, limits: &Limits) -> Result<(), FetchError> {
        self.inbox.received += bytes as u64;
        let most = limits.body_bytes.min(self.request.max_received);
        if self.inbox.received <= most {
            return Ok(());
        }
        let message = format!("the response's body is larger than {most} bytes");
        Err(FetchError::new(ErrorKind::TooLarge, message))
    }
}

impl Interest {
    /// The owner asks.
    pub(super) fn asked(self) -> Self {
        if self == Interest::None { Interest::Asked } else { self }
    }
}

impl Upload {
    /// Whether the owner still writes.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Upload::Finished)
    }

    /// Ends it. Returns whether the owner was writing: it is told that nobody wants the rest.
    pub(super) fn give_up(&mut self) -> bool {
        std::mem::replace(self, Upload::Finished).is_open()
    }

    pub(super) fn room(&mut self) -> Option<&mut Room> {
        match self {
            Upload::Finished => None,
            Upload::Body(body) => Some(&mut body.room),
            Upload::Upgraded(room) => Some(room),
        }
    }

    /// Whether the writer waits for room; it does no longer.
    pub(super) fn take_wait(&mut self) -> bool {
        self.room().is_some_and(|room| std::mem::replace(room, Room::Free) == Room::Awaited)
    }
}
