//! A connection's bytes: the buffers of both directions, TLS between them and the socket, and which side has
//! ended.
//!
//! Knows nothing of HTTP and of fetches.

use crate::error::{ErrorKind, FetchError};
use crate::tls::describe;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// What one read from a socket gets at most, in bytes.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// Received bytes that are not used yet: `data[start..end]`.
#[derive(Default)]
pub(crate) struct Input {
    data: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room for at least `least` bytes.
    fn spare(&mut self, least: usize) -> &mut [u8] {
        if self.data.len() - self.end < least && self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.data.len() - self.end < least {
            self.data.resize(self.end + least, 0);
        }
        &mut self.data[self.end..]
    }

    fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.data.len());
    }

    pub(crate) fn has_memory(&self) -> bool {
        !self.data.is_empty()
    }

    pub(crate) fn give_memory(&mut self, memory: Vec<u8>) {
        if self.is_empty() {
            *self = Self { data: memory, start: 0, end: 0 };
        }
    }

    /// Its memory, when it is empty.
    pub(crate) fn take_memory(&mut self) -> Option<Vec<u8>> {
        (self.is_empty() && self.has_memory()).then(|| std::mem::take(&mut self.data))
    }
}

/// What is to be written to the socket.
enum Output {
    /// Of these bytes so many were written.
    Open { bytes: Vec<u8>, sent: usize },
    /// The socket takes no more.
    Broken,
}

/// Whether the peer sends more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerSide {
    Open,
    /// It has said in TLS that it sends no more. The socket has not ended, or there is input that was not
    /// used.
    Closed,
    /// The socket has ended after [`PeerSide::Closed`]: nobody cut it off.
    EndedAsAnnounced,
    /// The socket has ended.
    Ended,
}

/// What has come of a read.
pub(crate) enum Filled {
    Bytes,
    End,
}

/// The two directions of a connection.
pub(crate) struct Wire {
    tls: Option<Box<ClientConnection>>,
    pub(crate) input: Input,
    output: Output,
    peer: PeerSide,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self {
            tls: None,
            input: Input::default(),
            output: Output::Open { bytes: Vec::new(), sent: 0 },
            peer: PeerSide::Open,
        }
    }

    /// Begins TLS with the host of this name.
    pub(crate) fn start_tls(&mut self, host: &str, config: &Arc<ClientConfig>) -> Result<(), FetchError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            let message = format!("no secure connection to {host}: it is no name a certificate can have");
            FetchError::new(ErrorKind::Tls, message).with_source(error)
        })?;
        let mut session = ClientConnection::new(Arc::clone(config), name)
            .map_err(|error| FetchError::new(ErrorKind::Tls, describe(host, &error)).with_source(error))?;
        // The senders count what waits.
        session.set_buffer_limit(None);
        self.tls = Some(Box::new(session));
        self.flush_tls();
        Ok(())
    }

    /// Whether TLS is agreed on.
    pub(crate) fn is_secured(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking())
    }

    pub(crate) fn peer(&self) -> PeerSide {
        self.peer
    }

    /// Whether the socket has nothing more to read.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.peer, PeerSide::Ended | PeerSide::EndedAsAnnounced)
    }

    /// The socket has ended, or is treated so since the peer has said that it sends no more.
    pub(crate) fn end(&mut self) {
        self.peer = match self.peer {
            PeerSide::Open | PeerSide::Ended => PeerSide::Ended,
            PeerSide::Closed | PeerSide::EndedAsAnnounced => PeerSide::EndedAsAnnounced,
        };
    }

    /// Appends to what is to be sent.
    pub(crate) fn send(&mut self, parts: &[&[u8]]) {
        let Output::Open { bytes, .. } = &mut self.output else { return };
        match &mut self.tls {
            None => parts.iter().for_each(|part| bytes.extend_from_slice(part)),
            Some(tls) => {
                for part in parts {
                    // Into memory, without limit: it cannot fail.
                    let _ = tls.writer().write_all(part);
                }
                self.flush_tls();
            }
        }
    }

    /// Says in TLS that nothing more will be sent.
    pub(crate) fn end_tls(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            self.flush_tls();
        }
    }

    fn flush_tls(&mut self) {
        let (Some(tls), Output::Open { bytes, .. }) = (&mut self.tls, &mut self.output) else { return };
        while tls.wants_write() {
            if tls.write_tls(bytes).is_err() {
                return;
            }
        }
    }

    /// What is to be written to the socket.
    pub(crate) fn output(&self) -> &[u8] {
        match &self.output {
            Output::Open { bytes, sent } => &bytes[*sent..],
            Output::Broken => &[],
        }
    }

    /// `count` bytes of the output were written.
    pub(crate) fn wrote(&mut self, count: usize) {
        let Output::Open { bytes, sent } = &mut self.output else { return };
        *sent = (*sent + count).min(bytes.len());
        if *sent == bytes.len() {
            *sent = 0;
            if bytes.capacity() > 4 * READ_BYTES {
                *bytes = Vec::new();
            }
            bytes.clear();
        } else if *sent >= READ_BYTES && *sent * 2 >= bytes.len() {
            bytes.drain(..*sent);
            *sent = 0;
        }
    }

    /// Nothing more can be written.
    pub(crate) fn break_output(&mut self) {
        self.output = Output::Broken;
    }

    pub(crate) fn is_output_broken(&self) -> bool {
        matches!(self.output, Output::Broken)
    }

    /// Whether the connection can serve another request, as far as its bytes tell.
    pub(crate) fn is_quiet(&self) -> bool {
        self.peer == PeerSide::Open
            && !self.is_output_broken()
            && self.input.is_empty()
            && self.output().is_empty()
    }

    /// Reads once from the socket, at most so many bytes. `host` is for error messages.
    pub(crate) fn fill(
        &mut self,
        host: &str,
        scratch: &mut Vec<u8>,
        most: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<Result<Filled, FetchError>> {
        let Some(tls) = &mut self.tls else {
            let room = self.input.spare(most);
            let room_len = room.len().min(most);
            let count = read(&mut room[..room_len])?;
            self.input.filled(count);
            return Ok(Ok(if count == 0 { Filled::End } else { Filled::Bytes }));
        };
        scratch.resize(READ_BYTES, 0);
        let count = read(&mut scratch[..most.min(READ_BYTES)])?;
        if count == 0 {
            return Ok(Ok(Filled::End));
        }
        let decrypted = decrypt(tls, &scratch[..count], &mut self.input, host);
        // Answers of the protocol itself, alerts among them.
        self.flush_tls();
        Ok(decrypted.map(|peer| {
            if peer == PeerSide::Closed && self.peer == PeerSide::Open {
                self.peer = PeerSide::Closed;
            }
            Filled::Bytes
        }))
    }
}

/// Decrypts what a socket gave. Whether the peer has said that it sends no more.
fn decrypt(
    tls: &mut ClientConnection,
    mut cipher: &[u8],
    input: &mut Input,
    host: &str,
) -> Result<PeerSide, FetchError> {
    while !cipher.is_empty() {
        // From memory: it cannot fail, but for a peer that goes on after it has said that it will not.
        let count = tls.read_tls(&mut cipher).map_err(|error| {
            FetchError::new(ErrorKind::Tls, format!("{host}: {error}")).with_source(error)
        })?;
        if count == 0 {
            break;
        }
        let state = tls
            .process_new_packets()
            .map_err(|error| FetchError::new(ErrorKind::Tls, describe(host, &error)).with_source(error))?;
        let mut plain = state.plaintext_bytes_to_read();
        while plain > 0 {
            let room = input.spare(plain);
            let room_len = room.len().min(plain);
            match tls.reader().read(&mut room[..room_len]) {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    input.filled(count);
                    plain -= count;
                }
            }
        }
        if state.peer_has_closed() {
            return Ok(PeerSide::Closed);
        }
    }
    Ok(PeerSide::Open)
}
