//! Every limit and every time limit of the client, in one place, each with its default and the reason for it.

use nano_http::{ResponseLimits, ResponseReader};
use std::time::Duration;

/// What the client keeps, accepts and holds at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a response's head, of all interim ones together, and of a trailer section.
    ///
    /// 256 KiB: what browsers take; some services answer with tens of cookies and long policies.
    pub head_bytes: usize,
    /// Header fields in a head. Values above [`Limits::MOST_FIELDS`] count as that.
    ///
    /// 256: four times what the largest sites send.
    pub fields: usize,
    /// Bytes of a response's body after it is decoded; beyond, the fetch fails.
    ///
    /// No limit: bodies are streamed, and a reader that gathers one has a limit of its own.
    pub body_bytes: u64,
    /// Bytes of a body that were received (and decoded) and that nobody has taken: at so many the socket is
    /// not read on.
    ///
    /// 256 KiB: a few reads, so that producer and consumer overlap.
    pub body_ahead: usize,
    /// Bytes that the fetches of one partition share for what was received and not taken, and as much again
    /// for what waits for their sockets: where they are so many that `body_ahead` for each would be more,
    /// each has an equal part of this, [`Limits::LEAST_AHEAD`] at least.
    ///
    /// 16 MiB: sixty-four fetches have what they want; two thousand of one tenant, which it does not read,
    /// take no more from its neighbours.
    pub partition_ahead: usize,
    /// Bytes of a request that wait for the socket before a writer is told to wait.
    ///
    /// 256 KiB, likewise.
    pub output_ahead: usize,
    /// Bytes below which a waiting writer goes on.
    pub output_low: usize,
    /// Connections to one origin of one partition. Further fetches wait for one.
    ///
    /// 2,048: a backend that answers slowly must not make its callers queue; beyond, it is being flooded.
    pub connections_per_origin: usize,
    /// All connections of the client, idle ones included. Idle ones are closed to make room; then fetches
    /// wait.
    ///
    /// 8,192: below what a server's limit of open files usually is.
    pub connections: usize,
    /// Idle connections kept for one origin of one partition.
    ///
    /// 64: a burst's worth.
    pub idle_per_origin: usize,
    /// Idle connections kept in all.
    ///
    /// 512.
    pub idle: usize,
    /// Redirects that are followed: the Fetch standard's 20.
    pub redirects: u32,
    /// Names that are being looked up at the same time; further ones wait.
    ///
    /// 16: what a small pool of threads works off in a moment.
    pub lookups: usize,
    /// Names that are remembered.
    ///
    /// 1,024.
    pub names: usize,
    /// Interim (1xx) responses before the final one.
    ///
    /// 16: more have no use.
    pub interim: u32,
    /// Content codings of one body, one inside the other.
    ///
    /// 3: two are an accident already.
    pub codings: usize,
}

impl Limits {
    /// The most fields that [`Limits::fields`] can allow (their parse state lives on the stack).
    pub const MOST_FIELDS: usize = ResponseLimits::MOST_FIELDS;
    /// The least that a fetch may hold, however many there are, in bytes: a page.
    pub const LEAST_AHEAD: usize = 4096;

    /// A reader for the response to a request with this method.
    pub(crate) fn reader(&self, method: &str) -> ResponseReader {
        let Limits { head_bytes, fields, interim, .. } = *self;
        ResponseReader::new(method, ResponseLimits { head_bytes, fields, interim })
    }
}

// A chunk-size line must fit into what a fetch may hold, or it would never be complete.
const _: () = assert!(ResponseLimits::CHUNK_LINE_BYTES <= Limits::LEAST_AHEAD);

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 256 << 10,
            fields: 256,
            body_bytes: u64::MAX,
            body_ahead: 256 << 10,
            partition_ahead: 16 << 20,
            output_ahead: 256 << 10,
            output_low: 64 << 10,
            connections_per_origin: 2048,
            connections: 8192,
            idle_per_origin: 64,
            idle: 512,
            redirects: 20,
            lookups: 16,
            names: 1024,
            interim: 16,
            codings: 3,
        }
    }
}

/// How long each phase may take. A caller that wants less cancels the fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Waiting for a connection when [`Limits`] allow no more.
    ///
    /// 30 s.
    pub queue: Duration,
    /// Resolving the name. 20 s: resolvers try several servers for 5 s each.
    pub resolve: Duration,
    /// Connecting, over all addresses. 20 s: three retransmissions of the first packet and some.
    pub connect: Duration,
    /// How long one address has before the next is tried beside it: RFC 8305, section 8 recommends 250 ms.
    pub attempt: Duration,
    /// A proxy's tunnel and the TLS handshake. 20 s.
    pub secure: Duration,
    /// Without progress while the request is sent. 60 s.
    pub send: Duration,
    /// From the request's last byte to the response's head. 300 s, as others have it: reports that take
    /// minutes are computed before their first byte.
    pub head: Duration,
    /// Between two pieces of the response's body, while somebody wants it. 300 s.
    pub body: Duration,
    /// From the beginning to the body's end. None.
    pub total: Option<Duration>,
    /// How long an idle connection is kept; a server's own `Keep-Alive: timeout` counts if it is shorter.
    ///
    /// 15 s: most servers wait longer, and those that do not are noticed.
    pub idle: Duration,
    /// How long a resolved name is remembered. The system's resolver does not tell its time to live; 10 s
    /// follows a failover soon, and spares a busy client nearly all look-ups.
    pub name: Duration,
    /// How long it is remembered that a name could not be resolved. 1 s.
    pub no_name: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            queue: seconds(30),
            resolve: seconds(20),
            connect: seconds(20),
            attempt: Duration::from_millis(250),
            secure: seconds(20),
            send: seconds(60),
            head: seconds(300),
            body: seconds(300),
            total: None,
            idle: seconds(15),
            name: seconds(10),
            no_name: seconds(1),
        }
    }
}
