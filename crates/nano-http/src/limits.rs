//! Every limit of a connection, in one place, each with its default and the reason for it.
//! Time limits are not here: the connection knows no clock, the driver times what
//! [`Connection::awaiting`](crate::Connection::awaiting) names.

/// What one connection accepts, in bytes unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Request line and header fields, with the empty line that ends them. Beyond: 431.
    ///
    /// 32 KiB: twice what Node and four times what nginx take, since cookies and bearer tokens grow;
    /// small enough that 10,000 half-sent heads stay under 320 MB.
    pub head_bytes: usize,
    /// Header fields in one head, and trailer fields in one trailer section. Beyond: 431. Values above
    /// [`Limits::MOST_FIELDS`] count as that.
    ///
    /// 128: browsers behind several proxies send about 40.
    pub fields: usize,
    /// Request body after the transfer coding is removed. Beyond: 413, at once when Content-Length tells,
    /// else at the chunk that would exceed it.
    /// [`Connection::set_body_limit`](crate::Connection::set_body_limit) replaces it for one request.
    ///
    /// 100 MiB: what the hosting platforms that the product's users come from allow by default.
    pub body_bytes: u64,
    /// The trailer section of a chunked body, with the empty line that ends it. Beyond: 431.
    ///
    /// 8 KiB: trailers carry a checksum or a status, never a cookie jar.
    pub trailer_bytes: usize,
    /// One chunk-size line with its extensions and line end. Beyond: 400.
    ///
    /// 256: sixteen digits, and room for the extensions nobody uses.
    pub chunk_line_bytes: usize,
    /// All chunk extensions of one body together. Beyond: 400. Without it one-byte chunks with long
    /// extensions would make us read hundreds of times what the body limit says.
    ///
    /// 16 KiB.
    pub chunk_extension_bytes: usize,
    /// How much of a request's body is read and thrown away after a response that did not need it. The
    /// connection stays open meanwhile: many clients write their whole request before they read, and one that
    /// finds the connection closed while it writes never sees the response. Beyond this limit the connection
    /// closes as [`Closing::Linger`](crate::Closing::Linger) says.
    ///
    /// 16 MiB: photos and documents are smaller, and throwing this much away takes a thread a few
    /// milliseconds.
    pub discard_bytes: u64,
    /// How much input is thrown away while lingering on a connection that is about to close, so that the
    /// client reads our answer before its own unread data provokes a reset.
    ///
    /// 16 MiB: more than Linux's largest default socket buffers on both sides hold together (4 MiB to send,
    /// 6 MiB received), so that everything that was sent before the client could know is read.
    pub linger_bytes: u64,
    /// Body bytes kept in memory, not delivered yet, before [`want_read`](crate::Connection::want_read)
    /// says no: the request side of back-pressure.
    ///
    /// 64 KiB: one large read.
    pub body_ahead: usize,
    /// Bytes of later (pipelined) requests kept in memory while a response is due.
    ///
    /// 8 KiB: reading on is only needed to notice a client that hangs up.
    pub pipeline_ahead: usize,
    /// Unsent output at which no further pipelined request is begun: a client that sends and never reads
    /// gets no more answers.
    ///
    /// 64 KiB: about a socket's send buffer.
    pub output_ahead: usize,
}

impl Limits {
    /// The most header fields that [`Limits::fields`] can allow (their parse state lives on the stack).
    pub const MOST_FIELDS: usize = 256;

    /// Empty lines allowed before a request line. RFC 9112 2.2 wants at least one skipped (old clients sent
    /// one after a body); more have no use.
    pub const LEADING_EMPTY_LINES: u8 = 2;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head_bytes: 32 << 10,
            fields: 128,
            body_bytes: 100 << 20,
            trailer_bytes: 8 << 10,
            chunk_line_bytes: 256,
            chunk_extension_bytes: 16 << 10,
            discard_bytes: 16 << 20,
            linger_bytes: 16 << 20,
            body_ahead: 64 << 10,
            pipeline_ahead: 8 << 10,
            output_ahead: 64 << 10,
        }
    }
}
