//! Accepting connections.

use super::worker::Worker;
use crate::event_key::EventKey;
use crate::log::{Field, Level};
use crate::timeouts;
use crate::trace_event::trace_event;
use std::io;

/// Connections accepted in one turn of the loop.
///
/// Limit (connections): those that are there have their turn.
const ACCEPTS_PER_TURN: usize = 64;

impl Worker {
    pub(super) fn accept(&self) {
        self.acceptor.is_ready.set(false);
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(accepted) = self.acceptor.accept() else { return };
            match accepted {
                Ok((stream, address)) => {
                    let added = self
                        .acceptor
                        .parts(stream)
                        .and_then(|parts| self.connections.insert(self.event_loop(), parts, address.ip()));
                    if let Some(channel) = added {
                        trace_event!(DEBUG, peer = %address.ip(), "connection opened");
                        self.drive(&channel);
                    }
                    self.drive_woken();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The client has given up already, or a signal came.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    // Out of file descriptors or memory: the edge will not come again, so try later.
                    let text = error.to_string();
                    self.context.log_message(
                        Level::Error,
                        "cannot accept connections for now",
                        &[("error", Field::Text(&text))],
                    );
                    let event_loop = self.event_loop();
                    event_loop
                        .insert(event_loop.now() + timeouts::ACCEPT_RETRY, EventKey::AcceptRetry.into());
                    return;
                }
            }
        }
        self.acceptor.is_ready.set(true);
    }

    /// Accepts all connections that wait.
    pub(super) fn accept_all(&self) {
        self.acceptor.is_ready.set(true);
        while self.acceptor.is_ready.get() {
            self.accept();
        }
    }
}
