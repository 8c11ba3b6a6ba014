//! What the web platform asks of its embedder: time, timers, a place to print, and the requests that it answers.
//!
//! `nano-web` knows no sockets and no event loop. An embedder implements [`Host`] once for an isolate and [`Exchange`] for
//! each request, puts both into a [`State`](crate::State), and wakes the isolate through the functions of
//! [`entry`](crate::entry).

pub use nano_http::{BodyLength, Written};
use std::any::Any;
use std::sync::Arc;

/// How important a printed line is, as the console's log levels have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `console.debug`
    Debug,
    /// `console.log`, `console.info` and everything else that only informs
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`, and exceptions that nobody caught
    Error,
}

/// Work for another thread, and what it makes.
pub type Work = Box<dyn FnOnce() -> WorkResult + Send>;

/// What [`Work`] has made; who gave it the work knows its type.
pub type WorkResult = Box<dyn Any + Send>;

/// What became of work that was handed over.
pub enum Offloaded {
    /// [`entry::work_done`](crate::entry::work_done) will be called with its id, unless the isolate ends before.
    Started,
    /// Too much waits already; the work was dropped.
    Refused,
    /// There are no threads for this: the isolate does it at once.
    Here(Work),
}

/// What one isolate needs of the world. All methods are called on the isolate's thread, from inside JavaScript; they must
/// not enter an isolate.
pub trait Host {
    /// Milliseconds since [`time_origin`](Host::time_origin), never going backwards.
    fn performance_now(&self) -> f64;
    /// When the isolate's clock began, in milliseconds since the Unix epoch.
    fn time_origin(&self) -> f64;
    /// What one WebSocket may hold.
    fn websocket_limits(&self) -> WebSocketLimits {
        WebSocketLimits::default()
    }
    /// Starts a timer; `internal.timers.fire` is to be called with the id when `delay_ms` have passed, and again each time
    /// if it repeats. Ids are positive and not reused while the timer is live.
    fn timer_start(&self, delay_ms: f64, repeat: bool) -> u32;
    /// Stops a timer. An unknown id is ignored.
    fn timer_cancel(&self, id: u32);
    /// Prints what the tenant wrote to its console: without the final newline, possibly of several lines.
    fn print(&self, level: Level, text: &str);
    /// Whether printed text may carry terminal colours.
    fn colors(&self) -> bool;
    /// An exception or a rejection that nobody caught was just printed.
    fn uncaught(&self) {}
    /// [`Entries::run_task`](crate::entry::Entries::run_task) is to be called soon, as a task of its own: once for each call of this,
    /// and in turn with whatever else is to be done on the thread.
    fn post_task(&self);
    /// One more thing, or one less, may still bring messages, so that a script has not come to its end yet.
    fn keep_alive(&self, change: i32);
    /// Messages for this name's broadcast channels, from the application's other isolates, are wanted from now on, and come through
    /// [`Entries::receive_broadcast`](crate::entry::Entries::receive_broadcast). The name is in UTF-16.
    fn broadcast_join(&self, name: &[u16]);
    /// They are not wanted any more.
    fn broadcast_leave(&self, name: &[u16]);
    /// Sends a message to the application's other isolates that want messages for this name. In order, for each of them.
    fn broadcast_post(&self, name: &[u16], message: &Arc<nano_clone::Message>);
    /// The application's own view of the HTTP cache. `None`: it has none, and says so to whoever uses it.
    fn caches(&self) -> Option<nano_cache::Tenant> {
        None
    }
    /// Has `work` done on another thread, for what would hold this one up for longer than a millisecond. Ids are not reused
    /// while the work is under way. When the isolate ends, work that has not begun is dropped, and what other work makes too.
    fn offload(&self, id: u32, work: Work) -> Offloaded {
        let _ = id;
        Offloaded::Here(work)
    }
    /// What fetches; without it `fetch()` fails.
    fn network(&self) -> Option<&dyn Network> {
        None
    }
}

/// What an isolate needs of the network. Ids are the platform's: positive, below 2^36 and never used twice. News of a fetch goes to
/// [`entry::network_event`](crate::entry::network_event). What was cancelled, or told to be over, is forgotten.
pub trait Network {
    /// Begins a request.
    ///
    /// # Errors
    ///
    /// If it cannot even begin. All else is said by [`response`](Network::response).
    fn start(&self, id: u64, request: OutgoingRequest<'_>) -> Result<(), NetworkError>;
    /// The response's head, once, after [`NetworkEvent::Head`]; or why there is none: then the fetch is over.
    fn response(&self, id: u64) -> Option<Result<IncomingResponse, NetworkError>>;
    /// Takes the next bytes of the response's body.
    fn read(&self, id: u64) -> NetworkRead;
    /// Takes the response's body if it is complete, or has failed, with at most so many bytes that nobody has taken: then the fetch is
    /// over.
    fn take_whole(&self, id: u64, most: usize) -> Option<Result<Vec<u8>, NetworkError>>;
    /// Gives the next bytes of a response's body to `take`, which must not call back: without a copy of its own where that is possible.
    fn pass(&self, id: u64, take: &mut dyn FnMut(&[u8]) -> Written) -> NetworkPassed;
    /// Writes a piece of an [`OutgoingBody::Stream`].
    fn write(&self, id: u64, bytes: &[u8]) -> Written;
    /// The request's body is complete.
    fn finish(&self, id: u64);
    /// Ends a fetch, whatever it is at.
    fn cancel(&self, id: u64);
    /// How many requests one incoming request may lead to.
    fn max_subrequests(&self) -> u32;
}

/// What one WebSocket of an isolate may hold. All of it counts for the isolate's memory besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketLimits {
    /// Bytes of one message that is received. Beyond: the connection fails with 1009.
    pub message_bytes: usize,
    /// Bytes that were sent and that the network has not taken. Beyond: the connection is dropped, as the standard says.
    pub queue_bytes: usize,
}

impl Default for WebSocketLimits {
    /// 32 MiB, what hosts of Workers allow; and two such messages.
    fn default() -> Self {
        Self { message_bytes: 32 << 20, queue_bytes: 64 << 20 }
    }
}

/// A request that an application makes.
#[derive(Debug)]
pub struct OutgoingRequest<'a> {
    /// A token.
    pub method: &'a str,
    /// Serialized, `http` or `https`.
    pub url: &'a str,
    /// `name: value\r\n` lines, valid, in Latin-1.
    pub headers: &'a [u8],
    /// The body.
    pub body: OutgoingBody,
    /// What happens to redirects.
    pub redirect: Redirect,
    /// Another protocol that is asked for instead of a response.
    pub upgrade: Option<&'a str>,
    /// The service that it is for, of those whose names [`Entries::start`](crate::entry::Entries::start) was given; `None`: for the
    /// network.
    pub service: Option<&'a str>,
    /// Who is told what becomes of it.
    pub trace: Option<Box<dyn FetchTrace>>,
}

/// Is told what becomes of a request that an application makes; dropped when that is over, at its end or before.
pub trait FetchTrace {
    /// The response's head has come.
    fn answered(&mut self, status: u16);
    /// It has failed, before or after that.
    fn failed(&mut self, code: &str);
}

impl std::fmt::Debug for dyn FetchTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FetchTrace")
    }
}

/// The body of an [`OutgoingRequest`].
#[derive(Debug)]
pub enum OutgoingBody {
    /// None at all.
    None,
    /// All of it.
    Bytes(Vec<u8>),
    /// It is written piece by piece when [`NetworkEvent::Room`] has come; of that length, if it is known.
    Stream(Option<u64>),
}

/// What happens to redirects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// They are followed.
    Follow,
    /// They are errors.
    Error,
    /// They are responses as others.
    Manual,
}

/// The head of a response to an [`OutgoingRequest`].
#[derive(Debug)]
pub struct IncomingResponse {
    /// 101, or 200 and above.
    pub status: u16,
    /// The reason phrase, in Latin-1.
    pub status_text: Vec<u8>,
    /// Of the last request.
    pub url: String,
    /// Whether there were redirects.
    pub redirected: bool,
    /// `name: value\r\n` lines in lower case, in Latin-1.
    pub headers: Vec<u8>,
    /// Whether there is nothing to read.
    pub is_empty: bool,
}

/// Why a fetch failed.
#[derive(Debug)]
pub struct NetworkError {
    /// A short name that stays as it is, for programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// One step of reading a response's body. After its end, or a failure, the fetch is over; after `Pending`
/// [`NetworkEvent::Body`] follows.
pub type NetworkRead = nano_http::BodyRead<NetworkError>;

/// One step of passing a response's body on, with what its receiver said; else as [`NetworkRead`].
pub type NetworkPassed = nano_http::BodyRead<NetworkError, Written>;

/// News of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkEvent {
    /// The response's head is there, or there will be none.
    Head,
    /// There is something to read.
    Body,
    /// There is room for the request's body.
    Room,
}

/// One step of reading a request's body. After `Pending` the embedder calls
/// [`entry::body_ready`](crate::entry::body_ready) when something has arrived. The text of a failure says how the body
/// broke off or which rule it broke.
pub type BodyRead = nano_http::BodyRead<String>;

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// 200 to 599, or 101.
    pub status: u16,
    /// The reason phrase; empty for the standard one.
    pub status_text: &'a str,
    /// `name: value\r\n` lines, valid, in Latin-1, without headers that concern the connection or the message's framing.
    pub headers: &'a [u8],
    /// The Content-Length that the application set itself; for HEAD and for streams of a known length.
    pub content_length: Option<u64>,
}

/// Why a response cannot be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The handler threw, its promise was rejected, or what it returned is no Response; or its body's stream failed.
    Exception,
    /// The application could not be loaded, or was unloaded.
    NotLoaded,
    /// The isolate exceeded its memory limit and was ended.
    Memory,
    /// A request of the isolate exceeded its CPU time, and the isolate was ended.
    Cpu,
}

/// One request and its response, as the platform sees it.
///
/// After the client is gone everything still works and has no effect.
pub trait Exchange {
    /// An outgoing request begins in this one's name. Appends the fields, lines of `name: value CRLF`, by which it is known elsewhere to
    /// belong to it (W3C Trace Context), unless the application has set its own (`headers` is `None`); and says who wants to know what becomes
    /// of it. By default there are none, and nobody.
    fn trace_fetch(
        &self,
        method: &str,
        url: &str,
        headers: Option<&mut Vec<u8>>,
    ) -> Option<Box<dyn FetchTrace>> {
        let _ = (method, url, headers);
        None
    }
    /// What is known of the request body's length.
    fn body_length(&self) -> BodyLength;
    /// Takes the next bytes of the request's body.
    fn read_body(&self) -> BodyRead;
    /// The application will read no more of the body.
    fn cancel_body(&self);
    /// Sends a whole response. `None` is no body at all.
    fn respond(&self, head: &ResponseHead<'_>, body: Option<&[u8]>);
    /// Sends a response's head; the body follows by [`write`](Exchange::write) and [`finish`](Exchange::finish).
    /// False: there will be no body (the request is a HEAD, or the status has none), so none should be produced.
    fn respond_stream(&self, head: &ResponseHead<'_>) -> bool;
    /// Sends a response's head, and as its body what is left of the request's own, without passing through JavaScript.
    fn respond_pipe(&self, head: &ResponseHead<'_>);
    /// Answers 101 with these headers and hands the connection over to the WebSocket protocol: [`read_body`](Exchange::read_body) and
    /// [`write`](Exchange::write) are for its bytes from now on; [`finish`](Exchange::finish) closes it when they are written. With
    /// `whole_frames` each write has whole frames, so that the embedder may ask a silent client with a ping whether it is still there.
    ///
    /// # Errors
    ///
    /// Why it cannot: the client did not ask for it. Nothing was sent then.
    fn upgrade(&self, head: &ResponseHead<'_>, whole_frames: bool) -> Result<(), String> {
        let _ = (head, whole_frames);
        Err("the connection cannot be handed over".to_owned())
    }
    /// Sends bytes of the body.
    fn write(&self, bytes: &[u8]) -> Written;
    /// The response is complete.
    fn finish(&self);
    /// The response cannot be completed: the connection closes, or an error is sent if nothing was sent yet. `reason` is for
    /// the log, and for the client only in development.
    fn fail(&self, cause: FailureCause, reason: &str);
    /// One more promise, or one less, keeps the request's work alive after its response (`ctx.waitUntil`).
    fn wait_until(&self, change: i32);
    /// Whether the response is complete (or given up) and no promise keeps the request alive: then it is forgotten.
    fn is_over(&self) -> bool;
}
