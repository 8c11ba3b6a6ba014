//! One side of an open connection: frames in, messages out, and the other way round. Knows no sockets and no clocks.

use std::io::{self, Read, Write};
use std::ops::Deref;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role as Side, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message, Utf8Bytes};

/// What one read of the library takes from what has been received; it clears so much memory each time.
const READ_BYTES: usize = 4 << 10;

/// Output above this is not kept as memory for later output.
const KEPT_OUTPUT_BYTES: usize = 16 << 10;

/// The most bytes of a reason: a control frame has 125 bytes, of which two are the code. RFC 6455, section 5.5
const REASON_BYTES: usize = 123;

/// An empty ping as a server sends it: for a driver that wants to know whether a silent client is still there. It may be written
/// between frames, which is to say: between two outputs of a [`Connection`].
pub const PING: [u8; 2] = [0x89, 0];

/// Which side of the connection: a client's frames are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has asked for the connection.
    Client,
    /// It was asked.
    Server,
}

/// What a connection accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one message, of all its fragments together. Beyond: the connection fails with 1009.
    ///
    /// 32 MiB: what the hosting platforms allow that the product's users come from; a quarter of an application's usual memory.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 32 << 20 }
    }
}

/// A message that is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Utf8Bytes);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_str()
    }
}

/// What a peer's close frame says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// None: it says nothing (1005).
    pub code: Option<u16>,
    /// At most 123 bytes.
    pub reason: String,
}

/// Why a connection has failed: the peer was told the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// 1002 (the protocol is violated), 1007 (text that is not UTF-8) or 1009 (a message is too large).
    pub code: u16,
    /// For people.
    pub message: String,
}

/// What has been received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Text(Text),
    /// A message.
    Binary(Vec<u8>),
    /// The peer closes, or has answered our closing; if it closes, the answer is in the output.
    Close(Close),
    /// The peer broke a rule: there will be nothing more. What it is told is in the output.
    Failed(Failure),
    /// The bytes have come to their end; after [`Event::Close`] that is a good end.
    End,
}

/// The connection takes no more messages: it is closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the WebSocket is closing or closed")
    }
}

impl std::error::Error for Closed {}

/// What stands in for the stream that the library reads and writes.
#[derive(Debug, Default)]
struct Wire {
    input: Vec<u8>,
    taken: usize,
    eof: bool,
    output: Vec<u8>,
    /// So many bytes of the output were taken.
    sent: usize,
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let left = &self.input[self.taken..];
        if left.is_empty() {
            self.input.clear();
            self.taken = 0;
            return if self.eof { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let count = left.len().min(room.len());
        room[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One side of an open connection. See the crate's documentation.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    context: WebSocketContext,
    wire: Wire,
    /// Bytes received since the last message, without control frames.
    partial: usize,
    close_sent: bool,
    close_received: bool,
    ended: bool,
}

impl Connection {
    /// A connection whose opening handshake is done.
    pub fn new(role: Role, limits: &Limits) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(limits.message_bytes))
            .max_frame_size(Some(limits.message_bytes));
        let side = match role {
            Role::Client => Side::Client,
            Role::Server => Side::Server,
        };
        Self {
            role,
            context: WebSocketContext::new(side, Some(config)),
            wire: Wire::default(),
            partial: 0,
            close_sent: false,
            close_received: false,
            ended: false,
        }
    }

    // ---- From the peer ----

    /// Bytes from the peer. Take what [`next_event`](Self::next_event) has before more are given: they are copied.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.wire.input.extend_from_slice(bytes);
            self.partial += bytes.len();
        }
    }

    /// The peer sends no more.
    pub fn receive_end(&mut self) {
        self.wire.eof = true;
    }

    /// What has been received; none until there is more. Pings are answered on the way.
    pub fn next_event(&mut self) -> Option<Event> {
        while !self.ended {
            let error = match self.context.read(&mut self.wire) {
                Ok(Message::Text(text)) => {
                    self.partial = self.unread();
                    return Some(Event::Text(Text(text)));
                }
                Ok(Message::Binary(bytes)) => {
                    self.partial = self.unread();
                    return Some(Event::Binary(bytes.into()));
                }
                Ok(Message::Ping(payload) | Message::Pong(payload)) => {
                    let header = if self.role == Role::Server { 6 } else { 2 };
                    self.partial = self.partial.saturating_sub(payload.len() + header);
                    self.flush();
                    continue;
                }
                Ok(Message::Close(frame)) => {
                    self.close_received = true;
                    self.close_sent = true;
                    // The answer, if it is due.
                    self.flush();
                    return Some(Event::Close(frame.map_or_else(Close::default, |frame| Close {
                        code: Some(frame.code.into()),
                        reason: frame.reason.as_str().to_owned(),
                    })));
                }
                // Never read.
                Ok(Message::Frame(_)) => continue,
                Err(error) => error,
            };
            let (code, message) = match error {
                Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Error::ConnectionClosed | Error::AlreadyClosed => {
                    self.ended = true;
                    return Some(Event::End);
                }
                Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
                    self.ended = true;
                    return Some(Event::End);
                }
                Error::Utf8(_) => (1007, "a text is not UTF-8".to_owned()),
                Error::Capacity(error) => (1009, error.to_string()),
                other => (1002, other.to_string()),
            };
            self.fail(code, "");
            return Some(Event::Failed(Failure { code, message }));
        }
        None
    }

    /// Bytes that were received and not read yet, as far as they are ours.
    fn unread(&self) -> usize {
        self.wire.input.len() - self.wire.taken
    }

    /// Bytes that were received of messages that are not complete, about: what the connection takes of memory.
    pub fn partial_bytes(&self) -> usize {
        self.partial
    }

    // ---- To the peer ----

    /// Sends a text.
    ///
    /// # Errors
    ///
    /// If the connection is closing.
    pub fn send_text(&mut self, text: &str) -> Result<(), Closed> {
        self.send(Message::Text(text.into()))
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// If the connection is closing.
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        self.send(Message::Binary(bytes.to_vec().into()))
    }

    fn send(&mut self, message: Message) -> Result<(), Closed> {
        if self.close_sent || self.ended {
            return Err(Closed);
        }
        self.context.write(&mut self.wire, message).map_err(|_| Closed)
    }

    /// Begins the closing handshake; does nothing if that has begun already. No code: the frame says nothing. A reason that is too
    /// long is cut.
    pub fn close(&mut self, code: Option<u16>, reason: &str) {
        if self.close_sent || self.ended {
            return;
        }
        self.close_sent = true;
        let mut end = reason.len().min(REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = code.map(|code| CloseFrame { code: CloseCode::from(code), reason: reason[..end].into() });
        // It fails only where the connection is over.
        let _ = self.context.close(&mut self.wire, frame);
    }

    /// Tells the peer that there will be nothing more, and takes nothing more from it. RFC 6455, section 7.1.7
    pub fn fail(&mut self, code: u16, reason: &str) {
        self.close(Some(code), reason);
        self.ended = true;
        self.wire.input = Vec::new();
        self.wire.taken = 0;
        self.partial = 0;
    }

    fn flush(&mut self) {
        // Where the connection ends with this, the next read says so.
        let _ = self.context.flush(&mut self.wire);
    }

    /// Bytes for the peer: whole frames, or what is left of them after [`wrote`](Self::wrote).
    pub fn output(&self) -> &[u8] {
        &self.wire.output[self.wire.sent..]
    }

    /// The first `count` bytes of the output were taken.
    pub fn wrote(&mut self, count: usize) {
        let Wire { output, sent, .. } = &mut self.wire;
        *sent += count;
        if *sent >= output.len() {
            self.clear_output();
        } else if *sent >= output.len() / 2 {
            // So each byte is moved once at most, on average.
            output.drain(..*sent);
            *sent = 0;
        }
    }

    /// The output was taken.
    pub fn clear_output(&mut self) {
        self.wire.sent = 0;
        if self.wire.output.capacity() > KEPT_OUTPUT_BYTES {
            self.wire.output = Vec::new();
        } else {
            self.wire.output.clear();
        }
    }

    // ---- The end ----

    /// Whether a close frame was sent, or put into the output.
    pub fn is_close_sent(&self) -> bool {
        self.close_sent
    }

    /// Whether the peer has sent a close frame.
    pub fn is_close_received(&self) -> bool {
        self.close_received
    }

    /// Whether nothing more is due from the peer and nothing to it but the output: the closing handshake is through, or the
    /// connection has failed. A server closes its socket then (RFC 6455, section 7.1.1), a client waits for that a little.
    pub fn is_finished(&self) -> bool {
        self.ended || self.close_sent && self.close_received
    }
}
