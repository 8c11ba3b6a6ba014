//! A WebSocket that is passed on: the bytes of a client's connection go to an upstream server and back as
//! they are, without passing through JavaScript. Pings, closing and messages are a matter of the two ends.
//! Knows no frames.

use crate::host::{BodyRead, NetworkRead, Written};
use crate::infra::{Scope, state};
use crate::state::{ExchangeId, State, Upgraded};
use std::cell::Cell;
use std::rc::Rc;

/// Two connections, each of which gets what the other sends.
pub(crate) struct Pipe {
    /// Towards the upstream server.
    fetch: u64,
    /// Towards the client.
    exchange: ExchangeId,
    to_upstream: Cell<Upload>,
    /// The client reads slower than the upstream server sends.
    client_full: Cell<bool>,
}

/// How far the client's bytes are on their way to the upstream server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Upload {
    /// More is read from the client.
    Open,
    /// The upstream server reads slower than the client sends.
    Full,
    /// The client has ended its side; nothing more comes.
    Ended,
}

impl Pipe {
    pub(crate) fn new(fetch: u64, exchange: ExchangeId) -> Self {
        Self { fetch, exchange, to_upstream: Cell::new(Upload::Open), client_full: Cell::new(false) }
    }

    /// One of the two has room; which one is found by trying.
    fn has_room(&self, scope: &mut Scope<'_, '_>, gone: bool) {
        if gone {
            return self.close(scope);
        }
        if self.to_upstream.get() == Upload::Full {
            self.to_upstream.set(Upload::Open);
        }
        self.client_full.set(false);
        self.relay(scope);
    }

    /// Passes on what has arrived, as far as there is room.
    pub(crate) fn relay(&self, scope: &mut Scope<'_, '_>) {
        let over = match state(scope) {
            Some(state) => match (state.host().network(), state.exchange(self.exchange)) {
                (Some(network), Some(exchange)) => {
                    let mut over = false;
                    while !self.client_full.get() && !over {
                        match network.read(self.fetch) {
                            NetworkRead::Bytes(bytes) => match exchange.write(&bytes) {
                                Written::Ready => {}
                                Written::Full => self.client_full.set(true),
                                Written::Gone => over = true,
                            },
                            NetworkRead::Pending => break,
                            NetworkRead::End | NetworkRead::Failed(_) => over = true,
                        }
                    }
                    while self.to_upstream.get() == Upload::Open && !over {
                        match exchange.read_body() {
                            BodyRead::Bytes(bytes) => match network.write(self.fetch, &bytes) {
                                Written::Ready => {}
                                Written::Full => self.to_upstream.set(Upload::Full),
                                Written::Gone => over = true,
                            },
                            BodyRead::Pending => break,
                            BodyRead::End => {
                                // The server's last bytes are still passed on.
                                self.to_upstream.set(Upload::Ended);
                                network.finish(self.fetch);
                            }
                            BodyRead::Failed(_) => over = true,
                        }
                    }
                    over
                }
                _ => true,
            },
            None => return,
        };
        if over {
            self.close(scope);
        }
    }

    /// Ends both.
    fn close(&self, scope: &mut Scope<'_, '_>) {
        let Some(state) = state(scope) else { return };
        state.cancel_fetch(self.fetch);
        let Some(active) = state.active_exchange(self.exchange) else { return };
        active.upgraded.borrow_mut().take();
        active.exchange.finish();
        if active.exchange.is_over() {
            state.remove_exchange(self.exchange);
        }
    }
}

impl Upgraded for Pipe {
    fn readable(self: Rc<Self>, scope: &mut Scope<'_, '_>) {
        self.relay(scope);
    }

    fn writable(self: Rc<Self>, scope: &mut Scope<'_, '_>, closed: bool) {
        self.has_room(scope, closed);
    }

    fn shut_down(self: Rc<Self>, scope: &mut Scope<'_, '_>) {
        self.close(scope);
    }

    fn abandon(&self, _: &State) {}

    fn is_open(&self) -> bool {
        // JavaScript gets nothing of it.
        false
    }
}
