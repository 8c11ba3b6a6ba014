//! One server-side connection: what came in becomes events, responses become bytes. It does no I/O, reads no
//! clock, and allocates nothing for a request once its buffers are warm.
//!
//! `Phase` says which part of the exchange runs; within `Phase::Request` the request's body (`Body`) and the
//! response (`Response`) advance independently of each other, as HTTP allows.

mod input;
mod output;

use crate::buffer::{BufferPool, Incoming, Outgoing};
use crate::head::{HeaderRange, Parsed};
use crate::scan::Scanner;
use crate::{Limits, Refusal};

/// What [`Connection::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing more without more input: read from the socket.
    NeedMore,
    /// A request begins: see [`Connection::head`].
    Head,
    /// There are body bytes: see [`Connection::body`] and [`Connection::consume`].
    Body,
    /// The request's body is complete (or there was none); reported once. See [`Connection::trailers`].
    BodyEnd,
    /// Nothing can go on until a response is finished or output has been written:
    /// [`Connection::awaiting`] says which.
    Wait,
    /// The input has ended in the middle of a request, which cannot be completed any more.
    Truncated,
    /// There will be no more requests. Write what output is left, then close.
    Closed,
}

/// What becomes of the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next request may come, or is there already: call [`Connection::next`].
    KeepAlive,
    /// There will be no other request. The connection ends as [`Connection::closing`] says, at once or when
    /// the rest of the request's body was thrown away.
    Close,
}

/// What the driver should do about the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The connection goes on.
    Open,
    /// Write the output, then close.
    Flush,
    /// Write the output, shut down the sending side, and go on reading ([`Connection::fill`], then
    /// [`Connection::next`], which discards) until `next` returns [`Input::Closed`] or a time has passed. Closing
    /// at once would reset the connection over unread input, and the client might lose our answer.
    Linger,
    /// Close at once with a reset: the response has no length, so an orderly end would look complete.
    Reset,
}

/// What the connection waits for: the driver picks the timeout that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaiting {
    /// A request: idle, no byte of it has come.
    Head,
    /// The rest of a head.
    HeadRest,
    /// The client: more of the request's body.
    Body,
    /// The client: the rest of a body that is thrown away, since the response is complete. When this takes
    /// too long, call [`stop_discarding`](Connection::stop_discarding).
    Discard,
    /// The application: a response, or more of it.
    Handler,
    /// The client: that it reads our output.
    Output,
    /// The client: that it closes its side.
    Linger,
    /// Nothing.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests, or in the middle of a head.
    Head,
    /// From the head, or a refusal, to the end of the response.
    Request,
    /// The response is finished; the rest of the request's body is read and thrown away. Then the next
    /// request begins, or the connection closes if `keep_alive` is false.
    Discard,
    Closing {
        linger: bool,
        reset: bool,
    },
    /// After an upgrade: the bytes are no longer HTTP/1.
    HandedOver,
}

/// The request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Ended,
    /// Bytes to come with Content-Length.
    Length(u64),
    ChunkLine,
    /// Bytes to come of this chunk.
    ChunkData(u64),
    ChunkEnd,
    Trailers(Scanner),
    Failed(Refusal),
}

/// The response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    None,
    /// Bytes that are still due.
    Known(u64),
    Chunked,
    UntilClose,
    /// HEAD, 204, 304: what is sent is dropped.
    Bodiless,
}

/// One server-side HTTP/1.1 connection.
///
/// The driver moves bytes: [`fill`](Connection::fill) in, [`output`](Connection::output) and
/// [`wrote`](Connection::wrote) out. In between, [`next`](Connection::next) says what there is to do.
///
/// ```
/// use nano_http::{Connection, Input, Limits, Next, ResponseHead};
///
/// let mut connection = Connection::new(Limits::default());
/// connection.receive(b"GET /hi?x=1 HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// assert_eq!(connection.next(), Ok(Input::Head));
/// assert_eq!(connection.head().path(), b"/hi");
/// let next = connection.respond_with(ResponseHead::new(200, b""), b"hello").unwrap();
/// assert_eq!(next, Next::KeepAlive);
/// assert_eq!(connection.output(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
/// ```
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    phase: Phase,
    incoming: Incoming,
    outgoing: Outgoing,

    scanner: Scanner,
    leading_lines: u8,
    parsed: Parsed,
    fields: Vec<HeaderRange>,
    /// Where the pinned head lies in the incoming buffer.
    head_at: usize,

    body: Body,
    body_limit: u64,
    /// Body bytes announced by the chunks so far.
    chunked_bytes: u64,
    extension_bytes: usize,
    end_reported: bool,
    trailers_at: (usize, usize),
    trailer_fields: Vec<HeaderRange>,
    /// Bytes thrown away in `Discard` or `Closing`.
    discarded: u64,

    response: Response,
    /// The client waits for 100, which has not been sent.
    continue_due: bool,
    keep_alive: bool,

    eof: bool,
    draining: bool,
    /// The last `next` wanted more input.
    starved: bool,
    /// The last read filled all the room there was: the next one gets more.
    read_full: bool,
}

impl Connection {
    /// A connection that has been accepted. It holds no memory until the first [`fill`](Connection::fill).
    pub fn new(limits: Limits) -> Connection {
        Connection {
            phase: Phase::Head,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            scanner: Scanner::default(),
            leading_lines: 0,
            parsed: Parsed::EMPTY,
            fields: Vec::new(),
            head_at: 0,
            body: Body::Ended,
            body_limit: limits.body_bytes,
            chunked_bytes: 0,
            extension_bytes: 0,
            end_reported: false,
            trailers_at: (0, 0),
            trailer_fields: Vec::new(),
            discarded: 0,
            response: Response::None,
            continue_due: false,
            keep_alive: true,
            eof: false,
            draining: false,
            starved: false,
            read_full: false,
            limits,
        }
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    // ---- memory ----

    /// Takes buffers from the pool if this connection holds none. Call it before [`fill`](Connection::fill).
    pub fn take_buffers(&mut self, pool: &mut BufferPool) {
        if !self.incoming.has_memory()
            && self.incoming.is_empty()
            && self.outgoing.len() == 0
            && let Some((incoming, outgoing, fields)) = pool.take()
        {
            self.incoming = incoming;
            self.outgoing = outgoing;
            self.fields = fields;
        }
    }

    /// Gives the buffers to the pool if nothing is in them: call it when the driver is done with the connection
    /// for now. In the middle of a request it does nothing.
    pub fn give_buffers(&mut self, pool: &mut BufferPool) {
        let unused = !matches!(self.phase, Phase::Request | Phase::Discard);
        if unused && self.incoming.has_memory() && self.incoming.is_empty() && self.outgoing.len() == 0 {
            self.incoming.unpin();
            pool.give(
                std::mem::take(&mut self.incoming),
                std::mem::take(&mut self.outgoing),
                std::mem::take(&mut self.fields),
            );
            self.trailer_fields = Vec::new();
        }
    }

    // ---- the end ----

    fn begin_next(&mut self) {
        self.phase = Phase::Head;
        self.scanner = Scanner::default();
        self.leading_lines = 0;
        self.response = Response::None;
        self.body = Body::Ended;
        self.incoming.unpin();
    }

    fn close(&mut self, linger: bool) -> Input {
        self.incoming.unpin();
        self.discarded = 0;
        self.phase = Phase::Closing { linger: linger && !self.eof, reset: false };
        Input::Closed
    }

    fn discard_all(&mut self) {
        self.discarded += self.incoming.len() as u64;
        self.incoming.consume(usize::MAX >> 1);
    }

    /// Throws away no more of a body ([`Awaiting::Discard`]): the connection closes, lingering. Without such
    /// a body it does nothing.
    pub fn stop_discarding(&mut self) {
        if self.phase == Phase::Discard {
            self.close(true);
        }
    }

    /// The server is shutting down: the response in progress, or the next one, says `Connection: close`, and
    /// an idle connection closes at the next [`next`](Connection::next).
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Gives up: a response in the middle is never completed. See [`closing`](Connection::closing).
    pub fn abort(&mut self) {
        let reset = self.phase == Phase::Request && self.response == Response::UntilClose;
        self.close(false);
        self.phase = Phase::Closing { linger: false, reset };
    }

    fn is_reset(&self) -> bool {
        matches!(self.phase, Phase::Closing { reset: true, .. })
    }

    /// How the connection should end, if it should.
    pub fn closing(&self) -> Closing {
        match self.phase {
            Phase::Closing { reset: true, .. } => Closing::Reset,
            Phase::Closing { linger: true, .. } if !self.eof => Closing::Linger,
            Phase::Closing { .. } => Closing::Flush,
            _ => Closing::Open,
        }
    }

    /// Whether the driver should close the socket now.
    pub fn should_close(&self) -> bool {
        match self.closing() {
            Closing::Reset => true,
            Closing::Flush => self.outgoing.len() == 0,
            Closing::Open | Closing::Linger => false,
        }
    }

    /// What it waits for. Call it after [`next`](Connection::next).
    pub fn awaiting(&self) -> Awaiting {
        if self.outgoing.len() > 0 {
            return Awaiting::Output;
        }
        match self.phase {
            Phase::Head if self.incoming.is_empty() => Awaiting::Head,
            Phase::Head => Awaiting::HeadRest,
            Phase::Request if self.starved => Awaiting::Body,
            Phase::Request => Awaiting::Handler,
            Phase::Discard => Awaiting::Discard,
            Phase::Closing { .. } if self.closing() == Closing::Linger => Awaiting::Linger,
            Phase::Closing { .. } | Phase::HandedOver => Awaiting::Nothing,
        }
    }
}
