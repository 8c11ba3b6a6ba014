//! The bytes of a connection after a 101, in both directions, until both ends have closed. Knows no socket
//! and no clock. Of WebSockets it knows the handshake's header, the ping and the close frame.

use crate::timeouts;
use std::io;
use std::time::Duration;

/// Input of a WebSocket that waits for the application; then the socket is not read.
///
/// Limit (bytes): one large read.
const INPUT_AHEAD_BYTES: usize = 64 << 10;

/// The most that one read takes. An idle connection holds no memory for it.
const READ_BYTES: usize = 16 << 10;

/// Header fields that are the handshake's own.
const OWN_FIELDS: [&[u8]; 4] =
    [b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-key", b"sec-websocket-version"];

/// The header lines of a 101: the handshake's own, and those that the application has set, in lower case.
pub(crate) fn header_block(accept: &str, given: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(given.len() + 96);
    block.extend_from_slice(b"Upgrade: websocket\r\nSec-WebSocket-Accept: ");
    block.extend_from_slice(accept.as_bytes());
    block.extend_from_slice(b"\r\n");
    for line in given.split_inclusive(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if !OWN_FIELDS.contains(&name) && name != b"date" {
            block.extend_from_slice(line);
        }
    }
    block
}

/// The server's knowledge of the frames on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frames {
    /// The application passes bytes on as they come: the server may put no frame between.
    Opaque,
    /// Each output has whole WebSocket frames, so that the server may put a frame between.
    Whole,
    /// The same, and the client has not answered our ping.
    PingSent,
}

/// Our sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    /// The application sends no more; what waits is written, then the socket's sending side is shut down.
    Finishing,
    /// It is shut down. The client's bytes are read and thrown away until it closes, too, so that nothing of
    /// ours is lost.
    ShutDown,
    /// Nothing is written any more: the socket closes.
    Aborted,
}

/// The bytes of a connection that no longer speaks HTTP.
#[derive(Debug)]
pub(crate) struct Upgraded {
    input: Vec<u8>,
    /// The client has sent its last byte.
    input_ended: bool,
    output: Vec<u8>,
    written: usize,
    frames: Frames,
    sending: Sending,
}

impl Upgraded {
    /// With what has been received beyond the request.
    pub(crate) fn new(input: Vec<u8>, whole_frames: bool) -> Self {
        let frames = if whole_frames { Frames::Whole } else { Frames::Opaque };
        Self { input, input_ended: false, output: Vec::new(), written: 0, frames, sending: Sending::Open }
    }

    // ---- From the client ----

    pub(crate) fn wants_read(&self) -> bool {
        !self.input_ended && (self.is_finished() || self.input.len() < INPUT_AHEAD_BYTES)
    }

    /// Reads once. Whether there may be more.
    pub(crate) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<bool> {
        let before = self.input.len();
        self.input.resize(before + READ_BYTES, 0);
        let result = read(&mut self.input[before..]);
        self.input.truncate(before + result.as_ref().copied().unwrap_or(0));
        let count = result?;
        self.input_ended = count == 0;
        if self.frames == Frames::PingSent {
            self.frames = Frames::Whole;
        }
        if self.is_finished() {
            // The application wants none of it; it is read so that the client can read our last bytes.
            self.input = Vec::new();
        }
        Ok(count == READ_BYTES)
    }

    /// Whether a reader would find something: bytes or the end.
    pub(crate) fn has_input(&self) -> bool {
        !self.input.is_empty() || self.input_ended
    }

    /// All that has been received.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        (!self.input.is_empty()).then(|| std::mem::take(&mut self.input))
    }

    /// The client has sent its last byte, and all of them were taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.input_ended && self.input.is_empty()
    }

    // ---- To the client ----

    /// Bytes that wait then.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> usize {
        if !self.is_finished() {
            self.output.extend_from_slice(bytes);
        }
        self.output.len() - self.written
    }

    pub(crate) fn output(&self) -> &[u8] {
        &self.output[self.written..]
    }

    pub(crate) fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written == self.output.len() {
            self.output = Vec::new();
            self.written = 0;
        }
    }

    /// Sends a ping. False: one was sent already, or none can be sent.
    pub(crate) fn ping(&mut self) -> bool {
        let can = self.frames == Frames::Whole && !self.is_finished() && self.output().is_empty();
        if can {
            self.frames = Frames::PingSent;
            self.output.extend_from_slice(&nano_websocket::PING);
        }
        can
    }

    // ---- The end ----

    fn is_finished(&self) -> bool {
        self.sending != Sending::Open
    }

    /// Nothing is sent after what was sent.
    pub(crate) fn finish(&mut self) {
        if self.sending == Sending::Open {
            self.sending = Sending::Finishing;
        }
        self.input = Vec::new();
    }

    /// Nothing is sent any more but, where a frame may come now, the reason: a close frame with this code.
    /// RFC 6455, section 7.1.6
    pub(crate) fn abort(&mut self, code: Option<u16>) {
        match code {
            Some(code) if self.frames != Frames::Opaque && !self.is_finished() => {
                let [high, low] = code.to_be_bytes();
                self.output.extend_from_slice(&[0x88, 2, high, low]);
            }
            _ => self.sending = Sending::Aborted,
        }
        self.finish();
    }

    /// Whether the socket's sending side is to be shut down now, since all is written. True once.
    pub(crate) fn take_shut_down(&mut self) -> bool {
        let due = self.sending == Sending::Finishing && self.output().is_empty() && !self.input_ended;
        if due {
            self.sending = Sending::ShutDown;
        }
        due
    }

    /// Whether the socket is to be closed: all is written, and the client has closed its side, so that
    /// nothing of ours is lost.
    pub(crate) fn is_over(&self) -> bool {
        self.sending == Sending::Aborted || self.is_finished() && self.input_ended && self.output().is_empty()
    }

    /// How long it may take until something moves.
    pub(crate) fn deadline(&self) -> Duration {
        match (self.output().is_empty(), self.is_finished()) {
            (false, _) => timeouts::OUTPUT,
            (true, true) => timeouts::LINGER,
            (true, false) => timeouts::SOCKET_IDLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(upgraded: &mut Upgraded, bytes: &[u8]) -> bool {
        let fill = upgraded.fill(|room| {
            room[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        });
        fill.unwrap()
    }

    #[test]
    fn the_handshakes_own_fields_are_not_the_applications() {
        let given = b"sec-websocket-accept: x\r\nsec-websocket-protocol: chat\r\nsec-websocket-extensions: y\r\nx-a: 1\r\n";
        let block = String::from_utf8(header_block("abc", given)).unwrap();
        assert_eq!(
            block,
            "Upgrade: websocket\r\nSec-WebSocket-Accept: abc\r\nsec-websocket-protocol: chat\r\nx-a: 1\r\n"
        );
    }

    #[test]
    fn input_is_bounded_and_an_idle_connection_holds_none() {
        let mut upgraded = Upgraded::new(b"early".to_vec(), true);
        assert!(upgraded.has_input());
        assert_eq!(upgraded.take().unwrap(), b"early");
        assert_eq!(upgraded.input.capacity(), 0);
        let mut count = 0;
        while upgraded.wants_read() {
            assert!(filled(&mut upgraded, &[7; READ_BYTES]));
            count += 1;
        }
        assert_eq!(count * READ_BYTES, INPUT_AHEAD_BYTES);
        assert_eq!(upgraded.take().unwrap().len(), INPUT_AHEAD_BYTES);
        assert!(upgraded.wants_read());
        assert!(!filled(&mut upgraded, b""));
        assert!(upgraded.is_at_end() && upgraded.has_input() && !upgraded.wants_read());
    }

    #[test]
    fn a_silent_client_is_asked_once() {
        let mut upgraded = Upgraded::new(Vec::new(), true);
        assert!(upgraded.ping());
        assert!(!upgraded.ping(), "it waits to be written");
        assert_eq!(upgraded.output(), nano_websocket::PING);
        upgraded.wrote(2);
        assert!(!upgraded.ping(), "it was not answered");
        filled(&mut upgraded, b"pong");
        assert!(upgraded.ping());
        assert!(!Upgraded::new(Vec::new(), false).ping(), "between bytes that are not whole frames");
    }

    #[test]
    fn the_last_bytes_are_written_before_it_closes() {
        let mut upgraded = Upgraded::new(Vec::new(), true);
        assert_eq!(upgraded.send(b"last"), 4);
        upgraded.finish();
        assert_eq!(upgraded.send(b"too late"), 4);
        assert!(!upgraded.take_shut_down() && !upgraded.is_over());
        upgraded.wrote(4);
        assert!(upgraded.take_shut_down() && !upgraded.take_shut_down(), "this side closes, once");
        assert!(!upgraded.is_over() && upgraded.wants_read());
        filled(&mut upgraded, b"unread");
        assert_eq!(upgraded.take(), None);
        filled(&mut upgraded, b"");
        assert!(upgraded.is_over());
    }

    #[test]
    fn an_aborted_one_is_over_at_once() {
        let mut upgraded = Upgraded::new(Vec::new(), true);
        upgraded.send(b"half");
        upgraded.abort(None);
        assert!(upgraded.is_over());
    }

    #[test]
    fn a_client_is_told_why_its_connection_is_aborted_where_a_frame_may_come() {
        let mut upgraded = Upgraded::new(Vec::new(), true);
        upgraded.send(b"frame");
        upgraded.abort(Some(1011));
        assert_eq!(upgraded.output(), b"frame\x88\x02\x03\xf3");
        assert!(!upgraded.is_over());
        let mut piped = Upgraded::new(Vec::new(), false);
        piped.abort(Some(1011));
        assert!(piped.output().is_empty() && piped.is_over());
    }
}
