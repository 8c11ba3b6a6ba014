//! WebSocket frames as a test wants them, right or wrong: a client that masks what it sends and reads frame
//! by frame.

use crate::{Client, Nano, request};
use std::io;

/// A frame's opcodes. RFC 6455, section 5.2
pub const TEXT: u8 = 1;
/// Bytes.
pub const BINARY: u8 = 2;
/// The end.
pub const CLOSE: u8 = 8;
/// To be answered.
pub const PING: u8 = 9;
/// The answer.
pub const PONG: u8 = 10;

/// The key that the tests offer; its answer is the RFC's example.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The answer to [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A request for a WebSocket.
pub fn upgrade(target: &str, host: &str) -> Vec<u8> {
    let fields = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];
    request("GET", target, host, &fields, b"")
}

/// A client's frame: `first` is its first byte (FIN and opcode).
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = header(first, payload.len() as u64, 0x80);
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame's header up to its length, whatever the payload is.
pub fn header(first: u8, length: u64, mask: u8) -> Vec<u8> {
    let mut frame = vec![first];
    match length {
        0..=125 => frame.push(mask | length as u8),
        126..=0xffff => {
            frame.push(mask | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame
}

/// A connection that is a WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    /// To send what no client should.
    pub client: Client,
    buffer: Vec<u8>,
}

impl WebSocket {
    /// Connects to a server under test.
    ///
    /// # Panics
    ///
    /// If the answer is not the right 101.
    #[track_caller]
    pub fn connect(server: &Nano, target: &str) -> Self {
        Self::open(server.connect(), target, "localhost")
    }

    /// Makes a connection one.
    ///
    /// # Panics
    ///
    /// If the answer is not the right 101.
    #[track_caller]
    pub fn open(mut client: Client, target: &str, host: &str) -> Self {
        client.send(upgrade(target, host));
        let head = client.head().expect("an answer");
        assert_eq!(head.status, 101, "{}", head.head);
        assert_eq!(head.header("sec-websocket-accept").as_deref(), Some(ACCEPT));
        Self { client, buffer: Vec::new() }
    }

    /// Sends a text.
    #[track_caller]
    pub fn send(&mut self, text: &str) -> &mut Self {
        self.frame(0x80 | TEXT, text.as_bytes())
    }

    /// Sends a frame with this first byte.
    #[track_caller]
    pub fn frame(&mut self, first: u8, payload: &[u8]) -> &mut Self {
        self.client.send(masked(first, payload));
        self
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            let more = self.client.some()?;
            self.buffer.extend_from_slice(&more);
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// The next frame: its first byte and its payload.
    ///
    /// # Errors
    ///
    /// If the connection ends.
    pub fn try_next(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let head = self.take(2)?;
        let length = match head[1] {
            126 => self.take(2)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            127 => self.take(8)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            // A mask would be seen as a length beyond what any test wants.
            length => usize::from(length),
        };
        Ok((head[0], self.take(length)?))
    }

    /// The next frame, which must be a whole text.
    ///
    /// # Panics
    ///
    /// If it is another, or none.
    #[track_caller]
    pub fn text(&mut self) -> String {
        let (first, payload) = self.try_next().expect("a frame");
        assert_eq!(first, 0x80 | TEXT, "{payload:?}");
        String::from_utf8(payload).expect("UTF-8")
    }

    /// The code of the close frame that comes now, after which the connection must end.
    ///
    /// # Panics
    ///
    /// If something else comes.
    #[track_caller]
    pub fn closed(&mut self) -> Option<u16> {
        let (first, payload) = self.try_next().expect("a close frame");
        assert_eq!(first, 0x80 | CLOSE, "{payload:?}");
        let error = self.try_next().expect_err("nothing after a close frame");
        assert!(
            matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset),
            "{error}"
        );
        payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }

    /// Closes as a client should, and waits for the end.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    #[track_caller]
    pub fn close(mut self, code: u16) {
        self.frame(0x80 | CLOSE, &code.to_be_bytes());
        assert_eq!(self.closed(), Some(code));
    }
}
