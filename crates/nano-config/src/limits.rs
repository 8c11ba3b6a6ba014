//! Every numeric limit of the configuration: its key, its default, the range a file may choose from, and why.
//! This is the only place that names these figures; `docs/configuration.md` is checked against it by a test.

/// A numeric key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The key as it is written in the file.
    pub key: &'static str,
    /// The value when the file is silent.
    pub default: u64,
    /// The smallest value a file may set.
    pub min: u64,
    /// The largest value a file may set.
    pub max: u64,
    /// Why the default and the range are what they are.
    pub reason: &'static str,
}

impl Limit {
    /// Whether `value` may be set.
    pub const fn allows(&self, value: u64) -> bool {
        self.min <= value && value <= self.max
    }
}

/// The port of the applications.
pub const PORT: Limit = Limit {
    key: "port",
    default: 3000,
    min: 0,
    max: 65_535,
    reason: "0 picks a free port, which is printed at start",
};

/// Worker threads. The default of 0 stands for one for each core and cannot be written in a file.
pub const THREADS: Limit = Limit {
    key: "threads",
    default: 0,
    min: 1,
    max: 256,
    reason: "threads beyond the cores only add isolates, and every thread keeps its own",
};

/// CPU time of one request, in milliseconds.
pub const TIMEOUT_MS: Limit = Limit {
    key: "timeout_ms",
    default: 5_000,
    min: 1,
    max: 300_000,
    reason: "far above what a request needs, low enough that a runaway loop ends while somebody is still looking",
};

/// Time until a response's head is due, in milliseconds.
pub const WALL_TIMEOUT_MS: Limit = Limit {
    key: "wall_timeout_ms",
    default: 30_000,
    min: 1,
    max: 3_600_000,
    reason: "proxies in front commonly give up after 60 seconds; the application should answer before they do",
};

/// JavaScript heap and buffers of one isolate, in megabytes (2^20 bytes).
pub const MEMORY_MB: Limit = Limit {
    key: "memory_mb",
    default: 128,
    min: 8,
    max: if cfg!(feature = "pointer-compression") { 4_096 } else { 1_048_576 },
    reason: "an idle application takes about 1 MB; with compressed pointers all isolates share 4 GB",
};

/// Size of a request's body, in megabytes (2^20 bytes).
pub const MAX_BODY_MB: Limit = Limit {
    key: "max_body_mb",
    default: 100,
    min: 0,
    max: 1_048_576,
    reason: "bodies stream and are not held in memory, so the limit guards the application's time, not the host's memory",
};

/// Outgoing requests that one request may start.
pub const MAX_SUBREQUESTS: Limit = Limit {
    key: "max_subrequests",
    default: 50,
    min: 0,
    max: 100_000,
    reason: "what hosts of Workers allow by default; 0 forbids outgoing requests",
};

/// Outgoing requests that an isolate has under way at a time.
pub const MAX_CONCURRENT_SUBREQUESTS: Limit = Limit {
    key: "max_concurrent_subrequests",
    default: 2_048,
    min: 1,
    max: 2_048,
    reason: "each may hold a socket; together they hold at most some tens of megabytes that were not read yet",
};

/// Size of the body of an outgoing request, and of the response to it, in megabytes (2^20 bytes).
pub const MAX_SUBREQUEST_MB: Limit = Limit {
    key: "max_subrequest_mb",
    default: 10_240,
    min: 0,
    max: 1_048_576,
    reason: "bodies stream and are not held in memory, so the limit guards the line; what decodes to more than ten gigabytes is no answer",
};

/// Requests of one application that an isolate has under way at a time.
pub const MAX_CONCURRENT_REQUESTS: Limit = Limit {
    key: "max_concurrent_requests",
    default: 1_000,
    min: 1,
    max: 65_535,
    reason: "each holds some kilobytes in JavaScript and a connection; what waits for so many is stuck rather than busy",
};

/// Requests of one application that wait for their turn, on each thread.
pub const MAX_QUEUED_REQUESTS: Limit = Limit {
    key: "max_queued_requests",
    default: 100,
    min: 0,
    max: 65_535,
    reason: "a burst passes; what is longer than that only makes clients wait for an answer that comes too late",
};

/// WebSockets that clients may have open to an isolate.
pub const MAX_WEBSOCKETS: Limit = Limit {
    key: "max_websockets",
    default: 10_000,
    min: 0,
    max: 60_000,
    reason: "each takes about 10 KB of `memory_mb`; an isolate has at most 65,536 requests and WebSockets together",
};

/// Size of a message that a WebSocket receives, in megabytes (2^20 bytes).
pub const MAX_WEBSOCKET_MESSAGE_MB: Limit = Limit {
    key: "max_websocket_message_mb",
    default: 32,
    min: 1,
    max: 1_024,
    reason: "what hosts of Workers allow, and a quarter of an application's usual memory: messages are held whole",
};

/// What a WebSocket has sent and its peer has not taken, in megabytes (2^20 bytes).
pub const MAX_WEBSOCKET_QUEUE_MB: Limit = Limit {
    key: "max_websocket_queue_mb",
    default: 64,
    min: 1,
    max: 4_096,
    reason: "two of the largest messages; a peer that is so far behind will not catch up",
};

/// Lines that an application may print in a second, in each isolate.
pub const LOG_LINES_PER_SECOND: Limit = Limit {
    key: "log_lines_per_second",
    default: 1_000,
    min: 0,
    max: 1_000_000,
    reason: "more than anybody reads, and a small part of what the log can take; 0 silences the application",
};

/// Text that an application may print in a second, in each isolate, in kilobytes (2^10 bytes).
pub const LOG_KB_PER_SECOND: Limit = Limit {
    key: "log_kb_per_second",
    default: 1_024,
    min: 128,
    max: 1_048_576,
    reason: "a thousand lines of a kilobyte; at least two of the longest lines, which have 64 KB",
};

/// How long requests in flight may take to finish after a signal to stop, in milliseconds.
pub const DRAIN_TIMEOUT_MS: Limit = Limit {
    key: "drain_timeout_ms",
    default: 30_000,
    min: 0,
    max: 3_600_000,
    reason: "as long as service managers commonly wait before they kill",
};

/// JavaScript heap and buffers of all isolates together, in megabytes (2^20 bytes), beyond which idle ones
/// are closed.
pub const ISOLATE_MEMORY_MB: Limit = Limit {
    key: "isolate_memory_mb",
    default: 2_048,
    min: 64,
    max: if cfg!(feature = "pointer-compression") { 4_096 } else { 1_048_576 },
    reason: "with compressed pointers all isolates share 4 GB, of which a part is kept for what grows at the moment",
};

/// How long an isolate stays without being asked for anything, in milliseconds.
pub const ISOLATE_IDLE_MS: Limit = Limit {
    key: "isolate_idle_ms",
    default: 600_000,
    min: 0,
    max: 604_800_000,
    reason: "making one anew takes about a millisecond, so that keeping one for long gains little; 0 keeps all",
};

/// How many of a hundred requests that bring no trace of their own are recorded. A key of `telemetry`.
pub const SAMPLE_PERCENT: Limit = Limit {
    key: "sample_percent",
    default: 100,
    min: 0,
    max: 100,
    reason: "a busy server records fewer; whoever sends a trace has decided for its requests",
};

/// The steps of `performance.now()`, in microseconds. A key of `hardening`.
pub const TIMER_RESOLUTION_US: Limit = Limit {
    key: "timer_resolution_us",
    default: 5,
    min: 5,
    max: 1_000_000,
    reason: "what browsers give pages that are isolated; coarser steps make it harder to time what others do",
};

/// All numeric keys of the top and of applications, in the order of the documentation.
pub const ALL: [Limit; 19] = [
    PORT,
    THREADS,
    DRAIN_TIMEOUT_MS,
    ISOLATE_MEMORY_MB,
    ISOLATE_IDLE_MS,
    TIMEOUT_MS,
    WALL_TIMEOUT_MS,
    MEMORY_MB,
    MAX_BODY_MB,
    MAX_SUBREQUESTS,
    MAX_CONCURRENT_SUBREQUESTS,
    MAX_SUBREQUEST_MB,
    MAX_CONCURRENT_REQUESTS,
    MAX_QUEUED_REQUESTS,
    MAX_WEBSOCKETS,
    MAX_WEBSOCKET_MESSAGE_MB,
    MAX_WEBSOCKET_QUEUE_MB,
    LOG_LINES_PER_SECOND,
    LOG_KB_PER_SECOND,
];

/// Largest configuration file, in bytes. A hundred thousand applications fit; a wrong file (an image, a
/// database) is refused before it is read into memory.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Problems of one file that are reported one by one. The rest are counted: nobody reads more at once.
pub const ERRORS_MAX: usize = 100;

/// Longest application name, in bytes: that of a host name, since the name is the host when none is given.
pub const NAME_BYTES_MAX: usize = 253;

/// Longest name of a variable, in bytes.
pub const ENV_NAME_BYTES_MAX: usize = 256;

/// Longest path of a service's socket, in bytes: what the system takes, without the zero at its end.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Nesting of objects and lists inside a variable. Deeper values have no use and would cost stack.
pub const ENV_DEPTH_MAX: usize = 64;

const _: () = {
    let mut i = 0;
    while i < ALL.len() {
        assert!(ALL[i].min <= ALL[i].max);
        // Only `threads` has a default that stands for something that cannot be written.
        assert!(ALL[i].allows(ALL[i].default) || ALL[i].default == 0);
        i += 1;
    }
};
