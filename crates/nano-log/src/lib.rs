#![doc = include_str!("../README.md")]

mod apache;
mod clock;
mod escape;
mod json;
mod request_id;
mod text;
mod writer;

use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::time::Duration;

use self::clock::Clock;
pub use self::request_id::{RequestId, RequestIds};
pub use self::writer::{LogWriter, WAITING_BYTES_MAX};

/// Lines that a sink holds before it hands them to the writer without being flushed.
///
/// Limit (bytes): the system call costs nothing beside the formatting of so many lines, and the buffers of a
/// hundred threads cost nothing beside their isolates.
pub const SINK_BYTES_MAX: usize = 64 << 10;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text for people.
    Text,
    /// A JSON object on each line.
    Json,
    /// Apache's Combined Log Format, followed by the application, the request's id and the duration in
    /// microseconds.
    Apache,
}

impl Format {
    /// The names of all formats, as the command line and the configuration take them.
    pub const NAMES: [&'static str; 3] = ["text", "json", "apache"];

    /// The format with this name.
    pub fn from_name(name: &str) -> Option<Format> {
        match name {
            "text" => Some(Format::Text),
            "json" => Some(Format::Json),
            "apache" => Some(Format::Apache),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Apache => "apache",
        }
    }

    /// The format for standard output when none is configured: text on a terminal, JSON otherwise.
    pub fn for_stdout() -> Format {
        if std::io::stdout().is_terminal() { Format::Text } else { Format::Json }
    }
}

/// The importance of a line. The methods of `console` map to them: `debug` and `trace` to debug, `log` and
/// `info` to info, `warn` to warn, `error` and a failed `assert` to error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For somebody who looks for a fault.
    Debug,
    /// For information.
    Info,
    /// Something may need attention.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// One request with its response, after both are over. Bytes are as they were on the wire: they need not be
/// UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct RequestRecord<'a> {
    /// The application; `-` if no application has the host.
    pub app: &'a str,
    /// The request's id.
    pub id: RequestId,
    /// The peer's address.
    pub client: IpAddr,
    /// The method.
    pub method: &'a [u8],
    /// The request target: path and query.
    pub target: &'a [u8],
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub http_minor: u8,
    /// The status of the response; 0 if the client closed the connection before there was one.
    pub status: u16,
    /// Bytes of the response's body that were sent.
    pub bytes: u64,
    /// From the first byte of the request to the last of the response.
    pub duration: Duration,
    /// The `Referer` field.
    pub referer: Option<&'a [u8]>,
    /// The `User-Agent` field.
    pub user_agent: Option<&'a [u8]>,
    /// The id of the trace that it belongs to (W3C Trace Context), as 32 hexadecimal digits.
    pub trace: Option<&'a [u8]>,
}

/// A value beside a server message.
#[derive(Debug, Clone, Copy)]
pub enum Field<'a> {
    /// Text, possibly from a client or an application: it is escaped.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// A request's id.
    Id(RequestId),
}

/// Lines in memory: the formats without an output.
///
/// ```
/// use nano_log::{Format, Level, Lines};
///
/// let mut lines = Lines::with_clock(Format::Text, || 1_785_499_200_123);
/// lines.console("api", Level::Info, "hello\nforged line");
/// assert_eq!(lines.as_bytes(), b"2026-07-31T12:00:00.123Z api console.info: hello\n    | forged line\n");
/// ```
#[derive(Debug)]
pub struct Lines {
    format: Format,
    clock: Clock,
    bytes: Vec<u8>,
}

impl Lines {
    /// No lines yet; the system's clock says when the next are written.
    pub fn new(format: Format) -> Lines {
        Lines { format, clock: Clock::system(), bytes: Vec::new() }
    }

    /// The same with another clock: milliseconds since 1970.
    pub fn with_clock(format: Format, unix_ms: fn() -> u64) -> Lines {
        Lines { format, clock: Clock::of(unix_ms), bytes: Vec::new() }
    }

    /// The format of the lines.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whole lines, each with its line break.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Removes the lines and keeps their memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Appends a request's line. In the Apache format the time is that at which the request began, as is the
    /// custom there.
    pub fn request(&mut self, record: &RequestRecord<'_>) {
        let into = &mut self.bytes;
        match self.format {
            Format::Text => text::request(into, self.clock.now(), record),
            Format::Json => json::request(into, self.clock.now(), record),
            Format::Apache => apache::request(into, self.clock.now_minus(record.duration), record),
        }
    }

    /// Appends text that an application wrote to its console.
    pub fn console(&mut self, app: &str, level: Level, text: &str) {
        let (into, stamp) = (&mut self.bytes, self.clock.now());
        match self.format {
            Format::Text => text::console(into, stamp, app, level, text),
            Format::Json => json::console(into, stamp, app, level, text),
            Format::Apache => apache::console(into, stamp, app, level, text),
        }
    }

    /// Appends a message of the server. The names of fields are the server's own: lower case letters and `_`.
    pub fn message(&mut self, level: Level, text: &str, fields: &[(&str, Field<'_>)]) {
        let (into, stamp) = (&mut self.bytes, self.clock.now());
        match self.format {
            Format::Text => text::message(into, stamp, level, text, fields),
            Format::Json => json::message(into, stamp, level, text, fields),
            Format::Apache => apache::message(into, stamp, level, text, fields),
        }
    }
}

/// One thread's end of the log: formats lines into a buffer of its own and hands them to the [`LogWriter`].
/// The [crate's documentation](self) shows how it is used.
///
/// Dropping it flushes.
#[derive(Debug)]
pub struct LogSink {
    writer: LogWriter,
    lines: Lines,
    /// Whether lines that were handed over may still wait for the output. True in a new sink, which cannot
    /// know.
    is_behind: bool,
}

impl LogSink {
    fn new(writer: LogWriter, mut lines: Lines) -> Self {
        // Room for the line that reaches the limit.
        lines.bytes.reserve(SINK_BYTES_MAX + 4096);
        LogSink { writer, lines, is_behind: true }
    }

    /// The format of the lines.
    pub fn format(&self) -> Format {
        self.lines.format
    }

    /// Logs a request. In the Apache format the time is that at which the request began, as is the custom
    /// there.
    pub fn request(&mut self, record: &RequestRecord<'_>) {
        self.lines.request(record);
        self.write_if_full();
    }

    /// Logs text that an application wrote to its console.
    pub fn console(&mut self, app: &str, level: Level, text: &str) {
        self.lines.console(app, level, text);
        self.write_if_full();
    }

    /// Logs a message of the server: an exception of an application (with `app` and `id` among the fields), a
    /// start, a reload. The names of fields are the server's own: lower case letters and `_`.
    pub fn message(&mut self, level: Level, text: &str, fields: &[(&str, Field<'_>)]) {
        self.lines.message(level, text, fields);
        self.write_if_full();
    }

    /// Hands all lines to the writer and writes as much as the output accepts now.
    ///
    /// False if lines wait because the output is full: call again within a tenth of a second or so, even if
    /// nothing more is logged meanwhile.
    pub fn flush(&mut self) -> bool {
        if self.lines.bytes.is_empty() && !self.is_behind {
            return true;
        }
        let dropped = self.writer.take_dropped();
        if dropped > 0 {
            let text = "log lines were dropped because the reader of the log is too slow";
            self.message(Level::Warn, text, &[("lines", Field::Number(dropped))]);
        }
        let written = self.writer.write(&self.lines.bytes);
        self.lines.bytes.clear();
        // One huge line must not keep its memory for ever.
        self.lines.bytes.shrink_to(SINK_BYTES_MAX * 2);
        self.is_behind = !written;
        written
    }

    fn write_if_full(&mut self) {
        if self.lines.bytes.len() >= SINK_BYTES_MAX {
            self.is_behind = !self.writer.write(&self.lines.bytes);
            self.lines.bytes.clear();
        }
    }
}

impl Drop for LogSink {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests;
