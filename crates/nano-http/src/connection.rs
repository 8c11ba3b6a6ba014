//! One server-side connection: what came in becomes events, responses become bytes. It does no I/O, reads no
//! clock, and allocates nothing for a request once its buffers are warm.
//!
//! `Phase` has one variant for each state, which holds what only that state has. Within `Phase::Request` the
//! request's body (`BodyDecoder`) and the response (`Response`) advance independently of each other, as HTTP
//! allows.

mod input;
mod output;

use crate::Limits;
use crate::body::BodyDecoder;
use crate::buffer::{BufferPool, Incoming, Outgoing};
use crate::head::{HeaderRange, Parsed, Persistence};
use crate::scan::Scanner;

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
    /// [`Connection::next`], which discards) until `next` returns [`Input::Closed`] or a time has passed.
    /// Closing at once would reset the connection over unread input, and the client might lose our answer.
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

#[derive(Debug)]
enum Phase {
    /// Between requests, or in the middle of a head.
    Head(HeadReading),
    /// From the head, or a refusal, to the end of the response.
    Request(Exchange),
    /// The response is finished; the rest of the request's body is read and thrown away.
    Discard(Discarding),
    Closing(Ending),
    /// After an upgrade: the bytes are no longer HTTP/1.
    HandedOver,
}

/// How far the next head was read.
#[derive(Debug, Default)]
struct HeadReading {
    scanner: Scanner,
    /// Empty lines before it.
    leading_lines: u8,
}

/// One request with its response.
#[derive(Debug)]
struct Exchange {
    head: Parsed,
    /// Where the pinned head lies in the incoming buffer.
    head_at: usize,
    body: BodyDecoder,
    body_limit: u64,
    body_end: BodyEnd,
    response: Response,
    expectation: Expectation,
    persistence: Persistence,
}

/// Whether [`Input::BodyEnd`] was given for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyEnd {
    Due,
    Reported,
}

/// Whether the client waits for 100, which has not been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expectation {
    None,
    ContinueDue,
}

/// What is read away after a response.
#[derive(Debug)]
struct Discarding {
    body: BodyDecoder,
    body_limit: u64,
    /// Bytes thrown away so far.
    discarded: u64,
    afterwards: Afterwards,
}

/// What follows when the rest of a body was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Afterwards {
    NextRequest,
    /// The connection closes. The client's own word may have been that it goes on.
    Close(Persistence),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Flush,
    /// Bytes thrown away so far.
    Linger(u64),
    Reset,
}

/// Where the trailer fields of the current request lie.
#[derive(Debug, Default)]
struct Trailers {
    at: usize,
    len: usize,
    fields: Vec<HeaderRange>,
}

/// What is known of the next read.
#[derive(Clone, Copy, Debug, Default)]
struct Reads {
    /// The last `next` wanted more input.
    are_awaited: bool,
    /// The last read filled all the room there was: the next one gets more.
    fill_their_room: bool,
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
    /// The fields of the current head; kept, so that the next one needs no memory.
    fields: Vec<HeaderRange>,
    trailers: Trailers,
    reads: Reads,
    /// The client has ended its side.
    is_eof: bool,
    /// The server is shutting down.
    is_draining: bool,
}

impl Connection {
    /// A connection that has been accepted. It holds no memory until the first [`fill`](Connection::fill).
    pub fn new(limits: Limits) -> Connection {
        Connection {
            limits,
            phase: Phase::Head(HeadReading::default()),
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            fields: Vec::new(),
            trailers: Trailers::default(),
            reads: Reads::default(),
            is_eof: false,
            is_draining: false,
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

    /// Gives the buffers to the pool if nothing is in them: call it when the driver is done with the
    /// connection for now. In the middle of a request it does nothing.
    pub fn give_buffers(&mut self, pool: &mut BufferPool) {
        let unused = !matches!(self.phase, Phase::Request(_) | Phase::Discard(_));
        if unused && self.incoming.has_memory() && self.incoming.is_empty() && self.outgoing.len() == 0 {
            self.incoming.unpin();
            pool.give(
                std::mem::take(&mut self.incoming),
                std::mem::take(&mut self.outgoing),
                std::mem::take(&mut self.fields),
            );
            self.trailers = Trailers::default();
        }
    }

    // ---- the end ----

    fn begin_next(&mut self) {
        self.phase = Phase::Head(HeadReading::default());
        self.incoming.unpin();
    }

    fn close(&mut self, ending: Ending) -> Input {
        self.incoming.unpin();
        self.phase =
            Phase::Closing(if self.is_eof && ending != Ending::Reset { Ending::Flush } else { ending });
        Input::Closed
    }

    /// Throws away all input; how much it was.
    fn discard_all(&mut self) -> u64 {
        let discarded = self.incoming.len() as u64;
        self.incoming.consume(usize::MAX >> 1);
        discarded
    }

    /// Throws away no more of a body ([`Awaiting::Discard`]): the connection closes, lingering. Without such
    /// a body it does nothing.
    pub fn stop_discarding(&mut self) {
        if let Phase::Discard(_) = self.phase {
            self.close(Ending::Linger(0));
        }
    }

    /// The server is shutting down: the response in progress, or the next one, says `Connection: close`, and
    /// an idle connection closes at the next [`next`](Connection::next).
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Gives up: a response in the middle is never completed. See [`closing`](Connection::closing).
    pub fn abort(&mut self) {
        let reset =
            matches!(&self.phase, Phase::Request(exchange) if exchange.response == Response::UntilClose);
        self.close(if reset { Ending::Reset } else { Ending::Flush });
    }

    /// How the connection should end, if it should.
    pub fn closing(&self) -> Closing {
        match self.phase {
            Phase::Closing(Ending::Reset) => Closing::Reset,
            Phase::Closing(Ending::Linger(_)) if !self.is_eof => Closing::Linger,
            Phase::Closing(_) => Closing::Flush,
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
            Phase::Head(_) if self.incoming.is_empty() => Awaiting::Head,
            Phase::Head(_) => Awaiting::HeadRest,
            Phase::Request(_) if self.reads.are_awaited => Awaiting::Body,
            Phase::Request(_) => Awaiting::Handler,
            Phase::Discard(_) => Awaiting::Discard,
            Phase::Closing(_) if self.closing() == Closing::Linger => Awaiting::Linger,
            Phase::Closing(_) | Phase::HandedOver => Awaiting::Nothing,
        }
    }
}
