//! One side of an open connection: frames in, messages out, and the other way round. It knows no sockets and
//! no clocks.

use std::io::{self, Read, Write};
use std::ops::Deref;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role as Side, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message, Utf8Bytes};

/// The bytes that one read of tungstenite takes from the input; it clears that much memory for each read.
const READ_BYTES: usize = 4 << 10;

/// Output buffer that is kept for later output.
///
/// Limit (bytes): the buffer of one large message should not stay.
const KEPT_OUTPUT_BYTES: usize = 16 << 10;

/// Reason of a close frame.
///
/// Limit (bytes): a control frame has 125 bytes, of which two are the code (RFC 6455, section 5.5).
const REASON_BYTES: usize = 123;

/// An empty ping as a server sends it, for a driver that checks whether a silent client is still there.
///
/// The driver may write it between frames, that is, between two outputs of a [`Connection`].
pub const PING: [u8; 2] = [0x89, 0];

/// The side of a connection. The frames of a client are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The side that requested the connection.
    Client,
    /// The side that accepted the connection.
    Server,
}

/// The limits of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most bytes of one message, over all its fragments. A larger one makes the connection fail with
    /// 1009.
    ///
    /// Default 32 MiB: other hosting platforms have this limit, and it is a quarter of an application's
    /// default memory.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 32 << 20 }
    }
}

/// The text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Utf8Bytes);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_str()
    }
}

/// The content of a peer's close frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// The code; `None` if the frame has none (1005).
    pub code: Option<u16>,
    /// The reason, at most 123 bytes.
    pub reason: String,
}

/// A failed connection. The peer gets the code in a close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code: 1002 (a violation of the protocol), 1007 (text that is not UTF-8) or 1009 (a message is too
    /// large).
    pub code: u16,
    /// A message for people.
    pub message: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the WebSocket failed with {}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}

/// An event that the peer caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole text message arrived.
    Text(Text),
    /// A whole binary message arrived.
    Binary(Vec<u8>),
    /// The peer sent a close frame. If it began the closing handshake, the answer is in the output.
    Close(Close),
    /// The peer violated the protocol or a limit. No event follows. The close frame for the peer is in the
    /// output.
    Failed(Failure),
    /// The peer ended the stream of bytes. Without an [`Event::Close`] before it, the connection was cut off.
    End,
}

/// A message was not sent, since the connection is closing or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the WebSocket is closing or closed")
    }
}

impl std::error::Error for Closed {}

/// The stream that tungstenite reads and writes: two buffers.
#[derive(Debug, Default)]
struct Wire {
    input: Vec<u8>,
    taken: usize,
    eof: bool,
    output: Vec<u8>,
    /// The bytes of the output that were written to the peer.
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

/// How far the closing handshake is. RFC 6455, section 7.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    /// Messages go both ways.
    NotStarted,
    /// A close frame was sent, or is in the output; the peer's is awaited.
    Sent,
    /// Both sides have sent a close frame.
    Complete,
}

/// One side of an open connection.
///
/// Pass bytes from the peer to [`receive`](Self::receive) and take events from
/// [`next_event`](Self::next_event) until there is none; after each call that sends, write
/// [`output`](Self::output) to the peer.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    context: WebSocketContext,
    wire: Wire,
    /// Bytes received since the last message, without control frames.
    partial: usize,
    closing: Closing,
    /// Whether no event follows, whatever the peer sends. Independent of `closing`: a connection may end
    /// before, during or after the handshake.
    is_ended: bool,
}

impl Connection {
    /// Makes a connection after the opening handshake.
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
            closing: Closing::NotStarted,
            is_ended: false,
        }
    }

    // ---- from the peer ----

    /// Adds bytes from the peer.
    ///
    /// Take the events of [`next_event`](Self::next_event) before the next call: bytes that were not read are
    /// kept as a copy.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.is_ended {
            self.wire.input.extend_from_slice(bytes);
            self.partial += bytes.len();
        }
    }

    /// Tells the connection that the peer ended the stream of bytes.
    pub fn receive_end(&mut self) {
        self.wire.eof = true;
    }

    /// Takes the next event; `None` until more bytes arrive. Pings are answered on the way.
    pub fn next_event(&mut self) -> Option<Event> {
        while !self.is_ended {
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
                    self.closing = Closing::Complete;
                    // Writes the answer, if this side has not sent a close frame.
                    self.flush();
                    return Some(Event::Close(frame.map_or_else(Close::default, |frame| Close {
                        code: Some(frame.code.into()),
                        reason: frame.reason.as_str().to_owned(),
                    })));
                }
                // Reading never returns a bare frame.
                Ok(Message::Frame(_)) => continue,
                Err(error) => error,
            };
            let (code, message) = match error {
                Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Error::ConnectionClosed | Error::AlreadyClosed => {
                    self.is_ended = true;
                    return Some(Event::End);
                }
                Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
                    self.is_ended = true;
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

    /// Bytes that were received and that tungstenite has not read yet.
    fn unread(&self) -> usize {
        self.wire.input.len() - self.wire.taken
    }

    /// About the memory that the connection takes: bytes received of messages that are not complete.
    pub fn partial_bytes(&self) -> usize {
        self.partial
    }

    // ---- to the peer ----

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the connection is closing or closed.
    pub fn send_text(&mut self, text: &str) -> Result<(), Closed> {
        self.send(Message::Text(text.into()))
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the connection is closing or closed.
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        self.send(Message::Binary(bytes.to_vec().into()))
    }

    fn send(&mut self, message: Message) -> Result<(), Closed> {
        if self.is_close_sent() || self.is_ended {
            return Err(Closed);
        }
        self.context.write(&mut self.wire, message).map_err(|_| Closed)
    }

    /// Begins the closing handshake; does nothing if it has begun already.
    ///
    /// Without a code the close frame is empty. A reason longer than 123 bytes is cut between characters.
    pub fn close(&mut self, code: Option<u16>, reason: &str) {
        if self.is_close_sent() || self.is_ended {
            return;
        }
        self.closing = Closing::Sent;
        let mut end = reason.len().min(REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = code.map(|code| CloseFrame { code: CloseCode::from(code), reason: reason[..end].into() });
        // It fails only if the connection is over.
        let _ = self.context.close(&mut self.wire, frame);
    }

    /// Fails the connection: sends a close frame with `code` and ignores everything that the peer sends. RFC
    /// 6455, section 7.1.7
    pub fn fail(&mut self, code: u16, reason: &str) {
        self.close(Some(code), reason);
        self.is_ended = true;
        self.wire.input = Vec::new();
        self.wire.taken = 0;
        self.partial = 0;
    }

    fn flush(&mut self) {
        // If this ends the connection, the next read returns that.
        let _ = self.context.flush(&mut self.wire);
    }

    /// The bytes for the peer: whole frames, or their rest after [`wrote`](Self::wrote).
    pub fn output(&self) -> &[u8] {
        &self.wire.output[self.wire.sent..]
    }

    /// Removes the first `count` bytes of the output, which were written to the peer.
    pub fn wrote(&mut self, count: usize) {
        let Wire { output, sent, .. } = &mut self.wire;
        *sent += count;
        if *sent >= output.len() {
            self.clear_output();
        } else if *sent >= output.len() / 2 {
            // At half of the output, so that each byte is moved at most once on average.
            output.drain(..*sent);
            *sent = 0;
        }
    }

    /// Removes the whole output, which was written to the peer.
    pub fn clear_output(&mut self) {
        self.wire.sent = 0;
        if self.wire.output.capacity() > KEPT_OUTPUT_BYTES {
            self.wire.output = Vec::new();
        } else {
            self.wire.output.clear();
        }
    }

    // ---- the end ----

    /// Whether a close frame was sent or is in the output.
    pub fn is_close_sent(&self) -> bool {
        self.closing != Closing::NotStarted
    }

    /// Whether the peer has sent a close frame.
    pub fn is_close_received(&self) -> bool {
        self.closing == Closing::Complete
    }

    /// Whether the closing handshake is complete or the connection has ended, so that only the output remains
    /// to be written.
    ///
    /// A server then closes its socket; a client waits a short time for that (RFC 6455, section 7.1.1).
    pub fn is_finished(&self) -> bool {
        self.is_ended || self.closing == Closing::Complete
    }
}
