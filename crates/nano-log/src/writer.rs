//! The shared end of the log: takes whole lines of several threads to one output that may be slow. It never
//! waits for the output, and never makes the process's standard output non-blocking, which the shell and
//! other programs may share.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Format, Lines, LogSink};

/// Lines of the process that wait for a slow output; beyond, lines are dropped and counted.
///
/// Limit (bytes): about five thousand lines. A reader that pauses for a moment loses none, and one that has
/// stopped costs no more memory than this.
pub const WAITING_BYTES_MAX: usize = 1 << 20;

/// Bytes that a pipe which is ready accepts without blocking, at least (PIPE_BUF of POSIX, 4096 on Linux).
const PIPE_BYTES: usize = 4096;

/// The process's log output. Clones share it.
#[derive(Debug, Clone)]
pub struct LogWriter {
    shared: Arc<Mutex<Shared>>,
    format: Format,
}

#[derive(Debug)]
struct Shared {
    output: Output,
    /// Lines that the output did not take, the first possibly without its beginning.
    waiting: Vec<u8>,
    /// Lines dropped since the last report.
    dropped: u64,
}

impl LogWriter {
    /// Logs to standard output, in `format` or, without one, as [`Format::for_stdout`] says.
    ///
    /// # Errors
    ///
    /// If standard output is closed.
    pub fn stdout(format: Option<Format>) -> io::Result<LogWriter> {
        let fd = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(LogWriter::to(fd, format.unwrap_or_else(Format::for_stdout)))
    }

    /// Logs to a file, pipe, socket or terminal.
    pub fn to(fd: OwnedFd, format: Format) -> LogWriter {
        LogWriter::of(Output::new(fd), format)
    }

    pub(super) fn of(output: Output, format: Format) -> LogWriter {
        let shared = Shared { output, waiting: Vec::new(), dropped: 0 };
        LogWriter { shared: Arc::new(Mutex::new(shared)), format }
    }

    /// A sink for one thread.
    pub fn sink(&self) -> LogSink {
        LogSink::new(self.clone(), Lines::new(self.format))
    }

    /// A sink whose clock is `unix_ms`, in milliseconds since 1970.
    #[cfg(test)]
    pub(super) fn sink_at(&self, unix_ms: fn() -> u64) -> LogSink {
        LogSink::new(self.clone(), Lines::with_clock(self.format, unix_ms))
    }

    /// How many bytes wait for the output.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The format of the lines.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes the lines that wait, for at most `patience`: at the end of the process, after the sinks.
    ///
    /// False if some lines could not be written in that time.
    pub fn close(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let mut shared = self.lock();
            if shared.write(&[]) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            shared.output.wait(left);
        }
    }

    /// Takes whole lines. True if nothing waits afterwards.
    pub(super) fn write(&self, lines: &[u8]) -> bool {
        self.lock().write(lines)
    }

    /// How many lines were dropped since the last call, once the output takes lines again.
    pub(super) fn take_dropped(&self) -> u64 {
        let mut shared = self.lock();
        if shared.dropped == 0 || !shared.write(&[]) {
            return 0;
        }
        std::mem::take(&mut shared.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // The state is consistent after every step, so a thread that panicked elsewhere leaves it usable.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn write(&mut self, lines: &[u8]) -> bool {
        if !self.waiting.is_empty() {
            let written = self.output.write(&self.waiting);
            self.waiting.drain(..written);
        }
        if self.waiting.is_empty() {
            // Free the memory that a slow moment took.
            self.waiting.shrink_to(0);
            let written = self.output.write(lines);
            // Even beyond the limit: the rest of a line must follow its beginning, before any other.
            let rest = &lines[written..];
            let is_torn = written > 0 && lines[written - 1] != b'\n';
            let owed = if is_torn { memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1) } else { 0 };
            self.waiting.extend_from_slice(&rest[..owed]);
            self.keep(&rest[owed..]);
        } else {
            self.keep(lines);
        }
        self.waiting.is_empty()
    }

    /// Keeps as many whole lines as there is room for, and counts the others.
    fn keep(&mut self, lines: &[u8]) {
        let room = WAITING_BYTES_MAX.saturating_sub(self.waiting.len());
        let kept = match lines.len() <= room {
            true => lines.len(),
            false => memchr::memrchr(b'\n', &lines[..room]).map_or(0, |at| at + 1),
        };
        self.waiting.extend_from_slice(&lines[..kept]);
        self.dropped += memchr::memchr_iter(b'\n', &lines[kept..]).count() as u64;
    }
}

/// How to write to an output without waiting for it.
#[derive(Debug)]
pub(super) enum Output {
    /// A file or device, which takes everything at once.
    File(File),
    /// A pipe or terminal through an open file description of our own that does not block.
    NonBlocking(File),
    /// A pipe or terminal that cannot be opened anew (its owner is another user, say): polled before each
    /// write.
    Polled(File),
    /// A socket, as systemd's journal gives: each write has the flag not to block.
    Socket(socket2::Socket),
}

impl Output {
    pub(super) fn new(fd: OwnedFd) -> Output {
        let file = File::from(fd);
        let Ok(kind) = file.metadata().map(|metadata| metadata.file_type()) else {
            return Output::File(file);
        };
        if kind.is_socket() {
            return Output::Socket(socket2::Socket::from(OwnedFd::from(file)));
        }
        let is_terminal = io::IsTerminal::is_terminal(&file);
        if !kind.is_fifo() && !is_terminal {
            return Output::File(file);
        }
        let reopened = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        match reopened {
            Ok(reopened) => Output::NonBlocking(reopened),
            Err(_) => Output::Polled(file),
        }
    }

    /// Writes as much as the output accepts now and returns how much that was. An output that has failed (its
    /// reader has ended, the disk is full) accepts everything and keeps nothing: serving goes on without a
    /// log.
    fn write(&mut self, mut bytes: &[u8]) -> usize {
        let all = bytes.len();
        while !bytes.is_empty() {
            match self.write_once(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return all,
            }
        }
        all - bytes.len()
    }

    fn write_once(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Output::File(file) | Output::NonBlocking(file) => file.write(bytes)?,
            Output::Polled(file) => {
                if !is_writable(file, Duration::ZERO) {
                    return Err(ErrorKind::WouldBlock.into());
                }
                file.write(&bytes[..bytes.len().min(PIPE_BYTES)])?
            }
            Output::Socket(socket) => {
                socket.send_with_flags(bytes, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)?
            }
        };
        if written == 0 { Err(ErrorKind::WriteZero.into()) } else { Ok(written) }
    }

    /// Waits until the output accepts more, at most for `patience`.
    fn wait(&self, patience: Duration) {
        match self {
            Output::File(_) => {}
            Output::NonBlocking(file) | Output::Polled(file) => drop(is_writable(file, patience)),
            Output::Socket(socket) => drop(is_writable(socket, patience)),
        }
    }
}

/// Whether `fd` accepts bytes, or reports an error on writing them, within `patience`.
fn is_writable(fd: &impl std::os::fd::AsFd, patience: Duration) -> bool {
    let mut poll = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    let milliseconds = patience.as_millis().min(60_000) as libc::c_int;
    // SAFETY: `poll` is one valid pollfd, as the count says, and lives through the call; its descriptor is
    // borrowed and so open. The call keeps no pointer.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) > 0 }
}
