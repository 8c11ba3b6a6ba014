//! The rows. Their order is that of the documentation.

use std::time::Duration;

use crate::row::{Limit, Place, Unit};

/// The most memory, in megabytes, that can be given to isolates.
const MEMORY_MB_MAX: u64 = if cfg!(feature = "pointer-compression") { 4_096 } else { 1_048_576 };

limits! {
    Top;
    PORT: port {
        key: "port",
        default: 3_000,
        range: 0 => 65_535,
        option: "port",
        meaning: "the applications' port; 0 picks a free one and prints it",
        effect: "",
        reason: "0 picks a free port, which is printed at start",
        enforced by: "Config",
    }
    THREADS: count {
        key: "threads",
        default: 0, in words "one for each core",
        range: 1 => 256,
        option: "threads",
        meaning: "worker threads",
        effect: "",
        reason: "threads beyond the cores only add isolates, and every thread keeps its own",
        enforced by: "Config",
    }
}

limits! {
    Top;
    /// The limits of the whole server.
    struct ServerLimits;
    DRAIN_TIMEOUT_MS => drain_timeout: milliseconds {
        key: "drain_timeout_ms",
        default: 30_000,
        range: 0 => 3_600_000,
        meaning: "time that requests in flight may take to finish after SIGTERM or SIGINT",
        effect: "the connections of requests that are not finished are closed",
        reason: "as long as service managers commonly wait before they kill",
        enforced by: "serve",
    }
    ISOLATE_MEMORY_MB => isolate_memory_bytes: megabytes {
        key: "isolate_memory_mb",
        default: 2_048,
        range: 64 => MEMORY_MB_MAX,
        meaning: "JavaScript heap and buffers of all isolates together. While all isolates have requests under way they may take a quarter more",
        effect: "idle isolates are closed, the one that has been idle longest first",
        reason: "with compressed pointers all isolates share 4 GB, of which a part is kept for what grows at the moment",
        enforced by: "Worker",
    }
    ISOLATE_IDLE_MS => isolate_idle: milliseconds_or_never {
        key: "isolate_idle_ms",
        default: 600_000,
        range: 0 => 604_800_000,
        meaning: "time that an isolate is kept after its last event; 0 keeps all. One application alone is always kept",
        effect: "the isolate is closed; the next request makes another",
        reason: "making one anew takes about a millisecond, so that keeping one for long gains little",
        enforced by: "Worker",
    }
}

limits! {
    App;
    /// The resource limits of one application.
    struct AppLimits;
    TIMEOUT_MS => timeout: milliseconds {
        key: "timeout_ms",
        default: 5_000,
        range: 1 => 300_000,
        meaning: "CPU time that one request may use, on helper threads (keys, digests) included",
        effect: "503. The isolate ends, with its other requests; the next request makes another",
        reason: "far above what a request needs, low enough that a runaway loop ends while somebody is still looking",
        enforced by: "Runtime",
    }
    WALL_TIMEOUT_MS => wall_timeout: milliseconds {
        key: "wall_timeout_ms",
        default: 30_000,
        range: 1 => 3_600_000,
        meaning: "time until the response's head is due",
        effect: "504. The request's signal is aborted with a TimeoutError. What `ctx.waitUntil()` was given has as long again after the response",
        reason: "proxies in front commonly give up after 60 seconds; the application should answer before they do",
        enforced by: "Worker",
    }
    MEMORY_MB => memory_bytes: megabytes {
        key: "memory_mb",
        default: 128,
        range: 8 => MEMORY_MB_MAX,
        meaning: "JavaScript heap of one isolate; its buffers may take as much again",
        effect: "503, and the isolate ends as for `timeout_ms`. For buffers, a RangeError that the application can catch",
        reason: "an idle application takes about 1 MB; with compressed pointers all isolates share 4 GB",
        enforced by: "HeapLimit",
    }
    MAX_BODY_MB => max_body_bytes: megabytes {
        key: "max_body_mb",
        default: 100,
        range: 0 => 1_048_576,
        meaning: "size of a request's body",
        effect: "413",
        reason: "bodies stream and are not held in memory, so the limit guards the application's time, not the host's memory",
        enforced by: "HttpExchange",
    }
    MAX_SUBREQUESTS => max_subrequests: count {
        key: "max_subrequests",
        default: 50,
        range: 0 => 100_000,
        meaning: "outgoing requests that one request may start",
        effect: "`fetch()` throws; the `cause` has the code `ERR_TOO_MANY_SUBREQUESTS`",
        reason: "hosts of Workers allow 50 by default; 0 forbids outgoing requests",
        enforced by: "FetchLimits",
    }
    MAX_CONCURRENT_SUBREQUESTS => max_concurrent_subrequests: count {
        key: "max_concurrent_subrequests",
        default: 2_048,
        range: 1 => 2_048,
        meaning: "outgoing requests that an isolate has under way at a time, until their bodies are read",
        effect: "`fetch()` throws; the `cause` has the code `EBUSY`",
        reason: "each may hold a socket; together they hold at most some tens of megabytes that were not read yet",
        enforced by: "FetchLimits",
    }
    MAX_SUBREQUEST_MB => max_subrequest_bytes: megabytes {
        key: "max_subrequest_mb",
        default: 10_240,
        range: 0 => 1_048_576,
        meaning: "size of the body of an outgoing request, and of the response to it after it is decoded. What a WebSocket carries does not count",
        effect: "`fetch()`, or the reader of the body, throws with the code `ERR_TOO_LARGE`; the connection is closed",
        reason: "bodies stream and are not held in memory, so the limit guards the line; what decodes to more than ten gigabytes is no answer",
        enforced by: "FetchLimits",
    }
    MAX_CONCURRENT_REQUESTS => max_concurrent_requests: count {
        key: "max_concurrent_requests",
        default: 1_000,
        range: 1 => 65_535,
        meaning: "requests that an isolate has under way at a time; more wait",
        effect: "the request waits: see `max_queued_requests`",
        reason: "each holds some kilobytes in JavaScript and a connection; an application that has so many is stuck rather than busy",
        enforced by: "Admission",
    }
    MAX_QUEUED_REQUESTS => max_queued_requests: count {
        key: "max_queued_requests",
        default: 100,
        range: 0 => 65_535,
        meaning: "requests that wait for their turn, on each thread",
        effect: "503 with `Retry-After`",
        reason: "a burst passes; a longer queue only makes clients wait for an answer that comes too late",
        enforced by: "Admission",
    }
    MAX_WEBSOCKETS => max_websockets: count {
        key: "max_websockets",
        default: 10_000,
        range: 0 => 60_000,
        meaning: "WebSockets that clients may have open to an isolate. They are not requests under way",
        effect: "503 with `Retry-After`",
        reason: "each takes about 10 KB of `memory_mb`; an isolate has at most 65,536 requests and WebSockets together",
        enforced by: "Admission",
    }
    MAX_WEBSOCKET_MESSAGE_MB => max_websocket_message_bytes: megabytes {
        key: "max_websocket_message_mb",
        default: 32,
        range: 1 => 1_024,
        meaning: "size of a message that a WebSocket receives",
        effect: "a close frame with 1009; the application's close event has the code 1006",
        reason: "hosts of Workers allow as much, and it is a quarter of an application's usual memory: messages are held whole",
        enforced by: "WebSocketLimits",
    }
    MAX_WEBSOCKET_QUEUE_MB => max_websocket_queue_bytes: megabytes {
        key: "max_websocket_queue_mb",
        default: 64,
        range: 1 => 4_096,
        meaning: "bytes that a WebSocket has sent and its peer has not taken",
        effect: "the connection ends. `send()` throws nothing; an error and a close event with the code 1006 follow",
        reason: "two of the largest messages; a peer that is so far behind will not catch up",
        enforced by: "WebSocketLimits",
    }
    LOG_LINES_PER_SECOND => log_lines_per_second: count {
        key: "log_lines_per_second",
        default: 1_000,
        range: 0 => 1_000_000,
        meaning: "lines that an isolate may print; 0 silences the application",
        effect: "more lines are dropped, and a line in the log says how many",
        reason: "more than anybody reads, and a small part of what the log can take",
        enforced by: "LogLimits",
    }
    LOG_KB_PER_SECOND => log_bytes_per_second: kilobytes {
        key: "log_kb_per_second",
        default: 1_024,
        range: 128 => 1_048_576,
        meaning: "text that an isolate may print; one line has at most 64 KB",
        effect: "as for `log_lines_per_second`",
        reason: "a thousand lines of a kilobyte; the least is two of the longest lines",
        enforced by: "LogLimits",
    }
}

limits! {
    Telemetry;
    SAMPLE_PERCENT: percent {
        key: "sample_percent",
        default: 100,
        range: 0 => 100,
        meaning: "share of requests that are recorded, of those that bring no trace of their own",
        effect: "",
        reason: "a busy server records fewer; a client that sends a trace has decided for its requests",
        enforced by: "Telemetry",
    }
}

limits! {
    Hardening;
    TIMER_RESOLUTION_US: microseconds {
        key: "timer_resolution_us",
        default: 5,
        range: 5 => 1_000_000,
        meaning: "step of `performance.now()` and of the clocks that are derived from it. `Date` has steps of a millisecond",
        effect: "",
        reason: "browsers give isolated pages 5 µs; larger steps make it harder to time what others do",
        enforced by: "Hardening",
    }
}

const _: () = {
    // An isolate has at most 65,536 requests and WebSockets together.
    assert!(MAX_WEBSOCKETS.max + MAX_CONCURRENT_REQUESTS.default < 65_536);
    assert!(MAX_WEBSOCKET_QUEUE_MB.default >= 2 * MAX_WEBSOCKET_MESSAGE_MB.default);
    assert!(MEMORY_MB.default < ISOLATE_MEMORY_MB.default);
};

/// Rows that are no field of [`ServerLimits`] or [`AppLimits`].
const OTHERS: [Limit; 4] = [PORT, THREADS, SAMPLE_PERCENT, TIMER_RESOLUTION_US];

/// Every row.
pub fn all() -> impl Iterator<Item = Limit> {
    OTHERS.into_iter().chain(ServerLimits::ALL).chain(AppLimits::ALL)
}
