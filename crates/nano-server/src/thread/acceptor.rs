//! The listening socket, and the settings of new connections.

use crate::config;
use crate::event_key::EventKey;
use crate::tls::Tls;
use crate::transport::Parts;
use mio::net::{TcpListener, TcpStream};
use nano_http::{Connection as Http, Limits};
use nano_loop::{Interest, Loop, SourceId};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// The listening socket, and the settings of new connections.
pub(super) struct Acceptor {
    /// None: connections come from another thread, or none are accepted any more.
    listener: RefCell<Option<(TcpListener, SourceId)>>,
    /// Connections may wait. The socket's events are edge-triggered, so this is remembered.
    pub(super) is_ready: Cell<bool>,
    tls: Option<Arc<Tls>>,
    limits: Limits,
}

impl Acceptor {
    pub(super) fn new(
        event_loop: &Loop,
        listener: Option<TcpListener>,
        tls: Option<Arc<Tls>>,
    ) -> io::Result<Self> {
        let watch = |mut listener: TcpListener| {
            let source = event_loop.register(&mut listener, Interest::READABLE, EventKey::Listener.into())?;
            Ok::<_, io::Error>((listener, source))
        };
        // A head comes before its application is known; that one's own limit is set then.
        let mut limits = Limits::default();
        limits.body_bytes = config::limits::MAX_BODY_MB.max << 20;
        let listener = RefCell::new(listener.map(watch).transpose()?);
        Ok(Self { listener, is_ready: Cell::new(true), tls, limits })
    }

    /// Accepts one connection. `None`: none are accepted here.
    pub(super) fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        self.listener.borrow().as_ref().map(|(listener, _)| listener.accept())
    }

    /// The parts of a new connection's wire. `None`: TLS has no session for it.
    pub(super) fn parts(&self, stream: TcpStream) -> Option<Parts> {
        let tls = self.tls.as_ref().map(|tls| tls.session()).transpose().ok()?;
        Some(Parts { stream, http: Http::new(self.limits.clone()), tls, charge: None })
    }

    /// Closes the socket.
    pub(super) fn close(&self, event_loop: &Loop) {
        if let Some((mut listener, source)) = self.listener.borrow_mut().take() {
            let _ = event_loop.deregister(&mut listener, source);
        }
    }
}
