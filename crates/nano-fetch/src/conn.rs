//! One connection: its buffers, its TLS session, how far it is. It knows neither sockets nor fetches.

use crate::decode::Decoder;
use crate::error::{ErrorKind, FetchError};
use crate::proxy::Proxy;
use crate::response::Reader;
use crate::tls::describe;
use nano_loop::Moment;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What one read from a socket gets at most, in bytes.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// Connections with the same key can stand in for each other.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub partition: u64,
    pub tls: bool,
    pub host: String,
    pub port: u16,
    pub proxy: Option<Proxy>,
    pub unix: Option<PathBuf>,
}

/// The connections of one key, and who waits for them. Equal to, and found by, its key.
#[derive(Debug)]
pub(crate) struct Origin {
    pub key: Key,
    /// Connections, idle ones included.
    pub open: Cell<usize>,
    pub idle: RefCell<Vec<u64>>,
    /// Fetches that wait for a connection.
    pub waiting: RefCell<VecDeque<u64>>,
}

impl Origin {
    pub(crate) fn new(key: Key) -> Self {
        Self { key, open: Cell::new(0), idle: RefCell::default(), waiting: RefCell::default() }
    }
}

impl Borrow<Key> for Rc<Origin> {
    fn borrow(&self) -> &Key {
        &self.key
    }
}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.key.hash(hasher);
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Origin {}

/// How far a connection is.
pub(crate) enum Stage {
    /// The socket is being connected.
    Connecting,
    /// A proxy was asked for a tunnel.
    Tunnel,
    /// TLS is being agreed on; without a session yet while the configuration is being loaded.
    Securing,
    /// It speaks HTTP, or is idle.
    Open,
    /// It speaks another protocol.
    Raw,
}

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
    pub(crate) fn spare(&mut self, least: usize) -> &mut [u8] {
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

    pub(crate) fn filled(&mut self, count: usize) {
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

pub(crate) struct Conn {
    pub origin: Rc<Origin>,
    pub stage: Stage,
    /// Whose it is; none while it is idle.
    pub fetch: Option<u64>,
    tls: Option<Box<ClientConnection>>,
    pub input: Input,
    output: Vec<u8>,
    sent: usize,
    pub reader: Reader,
    pub decoder: Option<Decoder>,
    pub keep_alive: bool,
    /// The server's own word on how long it waits.
    pub idle_for: Option<Duration>,
    /// It has served a request before the current one.
    pub reused: bool,
    /// Something has come for the current request.
    pub heard: bool,
    /// Something of the current request has been written to the socket.
    pub spoke: bool,
    /// The peer sends no more.
    pub eof: bool,
    /// The peer's last words were those of TLS.
    pub clean_end: bool,
    /// The socket takes no more.
    pub write_broken: bool,
    pub idle_since: Moment,
}

/// What has come.
pub(crate) enum Filled {
    Bytes,
    End,
}

impl Conn {
    pub(crate) fn new(origin: Rc<Origin>, fetch: u64) -> Self {
        Self {
            origin,
            stage: Stage::Connecting,
            fetch: Some(fetch),
            tls: None,
            input: Input::default(),
            output: Vec::new(),
            sent: 0,
            reader: Reader::new(""),
            decoder: None,
            keep_alive: false,
            idle_for: None,
            reused: false,
            heard: false,
            spoke: false,
            eof: false,
            clean_end: false,
            write_broken: false,
            idle_since: Moment::ZERO,
        }
    }

    /// Begins TLS.
    pub(crate) fn begin_tls(&mut self, config: &Arc<ClientConfig>) -> Result<(), FetchError> {
        let fail = |reason: String| FetchError::new(ErrorKind::Tls, reason);
        let host = &self.origin.key.host;
        let name = ServerName::try_from(host.clone()).map_err(|_| {
            fail(format!("no secure connection to {host}: it is no name a certificate can have"))
        })?;
        let mut session =
            ClientConnection::new(Arc::clone(config), name).map_err(|error| fail(describe(host, &error)))?;
        // What waits is counted by those who send.
        session.set_buffer_limit(None);
        self.tls = Some(Box::new(session));
        self.flush_tls();
        Ok(())
    }

    pub(crate) fn is_securing(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.is_handshaking())
    }

    /// Appends to what is to be sent.
    pub(crate) fn send(&mut self, parts: &[&[u8]]) {
        if self.write_broken {
            return;
        }
        match &mut self.tls {
            None => parts.iter().for_each(|part| self.output.extend_from_slice(part)),
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
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                if tls.write_tls(&mut self.output).is_err() {
                    return;
                }
            }
        }
    }

    /// What is to be written to the socket.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    pub(crate) fn wrote(&mut self, count: usize) {
        self.spoke |= count > 0;
        self.sent = (self.sent + count).min(self.output.len());
        if self.sent == self.output.len() {
            self.sent = 0;
            if self.output.capacity() > 4 * READ_BYTES {
                self.output = Vec::new();
            }
            self.output.clear();
        } else if self.sent >= READ_BYTES && self.sent * 2 >= self.output.len() {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Nothing more can be written.
    pub(crate) fn break_output(&mut self) {
        self.write_broken = true;
        self.output = Vec::new();
        self.sent = 0;
    }

    /// Reads once from the socket, at most so many bytes.
    pub(crate) fn fill(
        &mut self,
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
        let mut cipher = &scratch[..count];
        let mut result = Ok(Filled::Bytes);
        while !cipher.is_empty() {
            // From memory: it cannot fail, but for a peer that goes on after it has said that it will not.
            match tls.read_tls(&mut cipher) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    result =
                        Err(FetchError::new(ErrorKind::Tls, format!("{}: {error}", self.origin.key.host)));
                    break;
                }
            }
            match tls.process_new_packets() {
                Ok(state) => {
                    let mut plain = state.plaintext_bytes_to_read();
                    while plain > 0 {
                        let room = self.input.spare(plain);
                        let room_len = room.len().min(plain);
                        match tls.reader().read(&mut room[..room_len]) {
                            Ok(0) | Err(_) => break,
                            Ok(count) => {
                                self.input.filled(count);
                                plain -= count;
                            }
                        }
                    }
                    if state.peer_has_closed() {
                        self.clean_end = true;
                        break;
                    }
                }
                Err(error) => {
                    result = Err(FetchError::new(ErrorKind::Tls, describe(&self.origin.key.host, &error)));
                    break;
                }
            }
        }
        // Answers of the protocol itself, alerts among them.
        self.flush_tls();
        Ok(result)
    }
}
