//! A WebSocket that is passed on: the bytes of a client's connection go to an upstream server and back as they are, without passing
//! through JavaScript. Pings, closing and messages are a matter of the two ends. Knows no frames.

use crate::host::{BodyRead, NetworkRead, Written};
use crate::infra::{Scope, state};
use crate::state::ExchangeId;
use std::cell::Cell;

/// Two connections, each of which gets what the other sends.
pub(crate) struct Pipe {
    /// Towards the upstream server.
    fetch: u64,
    /// Towards the client.
    exchange: ExchangeId,
    /// The upstream server reads slower than the client sends.
    fetch_full: Cell<bool>,
    /// The other way round.
    exchange_full: Cell<bool>,
    client_ended: Cell<bool>,
}

impl Pipe {
    pub(crate) fn new(fetch: u64, exchange: ExchangeId) -> Self {
        Self {
            fetch,
            exchange,
            fetch_full: Cell::new(false),
            exchange_full: Cell::new(false),
            client_ended: Cell::new(false),
        }
    }

    /// One of the two has room; which one is found by trying.
    pub(crate) fn writable(&self, scope: &mut Scope<'_, '_>, gone: bool) {
        if gone {
            return self.close(scope);
        }
        self.fetch_full.set(false);
        self.exchange_full.set(false);
        self.pump(scope);
    }

    /// Passes on what has arrived, as far as there is room.
    pub(crate) fn pump(&self, scope: &mut Scope<'_, '_>) {
        let over = match state(scope) {
            Some(state) => match (state.host().network(), state.exchange(self.exchange)) {
                (Some(network), Some(exchange)) => {
                    let mut over = false;
                    while !self.exchange_full.get() && !over {
                        match network.read(self.fetch) {
                            NetworkRead::Bytes(bytes) => match exchange.write(&bytes) {
                                Written::Ready => {}
                                Written::Full => self.exchange_full.set(true),
                                Written::Gone => over = true,
                            },
                            NetworkRead::Pending => break,
                            NetworkRead::End | NetworkRead::Failed(_) => over = true,
                        }
                    }
                    while !self.fetch_full.get() && !over && !self.client_ended.get() {
                        match exchange.read_body() {
                            BodyRead::Bytes(bytes) => match network.write(self.fetch, &bytes) {
                                Written::Ready => {}
                                Written::Full => self.fetch_full.set(true),
                                Written::Gone => over = true,
                            },
                            BodyRead::Pending => break,
                            BodyRead::End => {
                                // What the server has still to say is passed on.
                                self.client_ended.set(true);
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
    pub(crate) fn close(&self, scope: &mut Scope<'_, '_>) {
        let Some(state) = state(scope) else { return };
        state.cancel_fetch(self.fetch);
        let Some(slot) = state.slot(self.exchange) else { return };
        slot.attached.borrow_mut().take();
        slot.exchange.finish();
        if slot.exchange.is_over() {
            state.remove_exchange(self.exchange);
        }
    }
}
