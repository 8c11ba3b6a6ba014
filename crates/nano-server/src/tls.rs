//! TLS for the listener: certificates by host name, and one connection's session between its socket and
//! nano-http.
//!
//! Handshakes compute for up to a millisecond and so are computed on threads of their own; the loop goes on
//! meanwhile. Once a session is open, records are sealed and opened where the bytes are. Knows nothing of
//! requests.

use crate::config::Certificate;
use crate::routes::{HostPattern, Routes};
use mio::net::TcpStream;
use nano_loop::{Job, Loop, Pool, PoolConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Encrypted output that waits for a client, beside nano-http's.
///
/// Limit (bytes): four records of TLS.
const SEALED_BYTES: usize = 64 << 10;

/// Threads for TLS handshakes.
///
/// Limit (threads): they compute, so more than the cores would gain nothing.
const HANDSHAKE_THREADS: usize = 16;

/// What all connections of the listener have.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

/// The certificates as they are now. Looked up in handshakes only, so that a lock holds no request up.
#[derive(Debug)]
struct Certificates(RwLock<Routes<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        routes.get(hello.server_name().unwrap_or_default().as_bytes()).cloned()
    }
}

impl Tls {
    /// Reads all certificates.
    ///
    /// # Errors
    ///
    /// What is wrong with which file.
    pub(crate) fn new(configured: &[Certificate]) -> Result<Self, String> {
        let certificates = Arc::new(Certificates(RwLock::new(read_all(configured)?)));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), certificates })
    }

    /// Reads all certificates anew. If something is wrong, those that were there stay.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub(crate) fn reload(&self, configured: &[Certificate]) -> Result<(), String> {
        let routes = read_all(configured)?;
        *self.certificates.0.write().unwrap_or_else(PoisonError::into_inner) = routes;
        Ok(())
    }

    /// A session with a new client.
    pub(crate) fn session(&self) -> Result<Session, rustls::Error> {
        let mut connection = ServerConnection::new(Arc::clone(&self.config))?;
        connection.set_buffer_limit(Some(SEALED_BYTES));
        Ok(Session {
            connection: RefCell::new(Some(Box::new(connection))),
            job: RefCell::new(None),
            handshaking: Cell::new(true),
            due: Cell::new(false),
        })
    }
}

fn read_all(configured: &[Certificate]) -> Result<Routes<Arc<CertifiedKey>>, String> {
    let mut routes = Routes::new();
    let mut first = None;
    for certificate in configured {
        let key = Arc::new(read(certificate)?);
        first.get_or_insert_with(|| Arc::clone(&key));
        for host in &certificate.hosts {
            // The configuration has refused duplicates.
            let _ = routes.insert(host.clone(), Arc::clone(&key));
        }
    }
    if let Some(first) = first {
        // Who names no host, or another, gets the first one.
        let _ = routes.insert(HostPattern::EVERY, first);
    }
    Ok(routes)
}

fn read(certificate: &Certificate) -> Result<CertifiedKey, String> {
    let (cert, key) = (&certificate.cert, &certificate.key);
    let wrong =
        |path: &std::path::Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(cert, &error))?;
    if chain.is_empty() {
        return Err(wrong(cert, &"no certificate is in it"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let private =
        rustls::crypto::ring::sign::any_supported_type(&private).map_err(|error| wrong(key, &error))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        // Some kinds of keys do not tell.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(_) => Err(wrong(key, &format!("it is not the key of the certificate in {}", cert.display()))),
    }
}

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Pool::new(PoolConfig { max_threads: cores.clamp(1, HANDSHAKE_THREADS), ..PoolConfig::default() })
    })
}

type Computed = (Box<ServerConnection>, Result<(), rustls::Error>);

/// One client's session.
pub(crate) struct Session {
    /// None: it is on another thread, where its handshake is computed.
    connection: RefCell<Option<Box<ServerConnection>>>,
    job: RefCell<Option<Job<Computed>>>,
    handshaking: Cell<bool>,
    /// A step of the handshake is to be computed.
    due: Cell<bool>,
}

/// A socket as rustls wants it.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut stream = self.0;
        stream.read(room)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = self.0;
        stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    /// Whether the client has not shown yet that it speaks TLS to the end of the handshake.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.handshaking.get()
    }

    /// Opened bytes of what the socket has. `WouldBlock`: the socket has no more, or a step of the handshake
    /// is due or under way.
    pub(crate) fn read(&self, stream: &TcpStream, room: &mut [u8]) -> io::Result<usize> {
        let mut connection = self.connection.borrow_mut();
        let Some(connection) = &mut *connection else { return Err(io::ErrorKind::WouldBlock.into()) };
        loop {
            match connection.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Closed without a word: for a request that is not complete it is as if the connection had
                // broken.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            let count = connection.read_tls(&mut Socket(stream))?;
            if connection.is_handshaking() {
                if count == 0 {
                    return Ok(0);
                }
                self.due.set(true);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if let Err(error) = connection.process_new_packets() {
                // The client learns the reason, if it still reads.
                let _ = connection.write_tls(&mut Socket(stream));
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// Has a step of the handshake computed, if one is due. The loop has an event with `key` when it is done.
    pub(crate) fn compute(&self, lp: &Loop, key: u64) {
        if !self.due.replace(false) {
            return;
        }
        let Some(mut connection) = self.connection.borrow_mut().take() else { return };
        let work = move || {
            let result = connection.process_new_packets().map(drop);
            (connection, result)
        };
        // Where so many wait that the pool takes no more, the client is better turned away: its session is
        // dropped with the work.
        *self.job.borrow_mut() = lp.run_blocking(pool(), key, work).ok();
    }

    /// The step is computed.
    ///
    /// # Errors
    ///
    /// If the client speaks no TLS, or none that is spoken here.
    pub(crate) fn computed(&self, stream: &TcpStream) -> io::Result<()> {
        let job = self.job.borrow_mut().take();
        let Some(Ok((mut connection, result))) = job.and_then(|job| job.take()) else {
            return Err(io::ErrorKind::ConnectionAborted.into());
        };
        if let Err(error) = result {
            let _ = connection.write_tls(&mut Socket(stream));
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        self.handshaking.set(connection.is_handshaking());
        *self.connection.borrow_mut() = Some(connection);
        Ok(())
    }

    /// Whether the handshake can never go on: there was no thread for it.
    pub(crate) fn is_lost(&self) -> bool {
        self.connection.borrow().is_none() && self.job.borrow().is_none()
    }

    /// An open session is continued on another thread, by [`resume`](Self::resume). `None`: it is not open.
    pub(crate) fn take(&self) -> Option<Box<ServerConnection>> {
        self.connection.borrow_mut().take()
    }

    /// A session that was open on another thread.
    pub(crate) fn resume(connection: Box<ServerConnection>) -> Self {
        Self {
            handshaking: Cell::new(connection.is_handshaking()),
            connection: RefCell::new(Some(connection)),
            job: RefCell::new(None),
            due: Cell::new(false),
        }
    }

    /// Seals bytes, as many as there is room for.
    pub(crate) fn seal(&self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.connection.borrow_mut() {
            Some(connection) if !connection.is_handshaking() => connection.writer().write(bytes),
            _ => Ok(0),
        }
    }

    /// Whether sealed bytes wait for the socket.
    pub(crate) fn has_sealed(&self) -> bool {
        self.connection.borrow().as_ref().is_some_and(|connection| connection.wants_write())
    }

    /// Writes sealed bytes, as far as the socket takes them.
    pub(crate) fn send(&self, stream: &TcpStream) -> io::Result<usize> {
        match &mut *self.connection.borrow_mut() {
            Some(connection) => connection.write_tls(&mut Socket(stream)),
            None => Ok(0),
        }
    }

    /// Says that nothing more will come. To be sent.
    pub(crate) fn say_end(&self) {
        if let Some(connection) = &mut *self.connection.borrow_mut() {
            connection.send_close_notify();
        }
    }
}
