//! How connections go to the other thread of a worker's pair, and come from it: see [`heavy`](crate::heavy).

use super::apps::App;
use super::worker::Worker;
use crate::heavy::{Handed, Link};
use crate::transport::Channel;
use std::rc::Rc;
use std::sync::Arc;

impl Worker {
    /// The companion is there, or has ended.
    pub(super) fn set_companion(&self, companion: Option<Arc<dyn Link>>) {
        self.pair.set_companion(companion);
        if self.is_draining() {
            self.pair.drain();
        }
    }

    /// Gives a connection, whose next request's head was found, to the other thread. False: it stays.
    #[cold]
    pub(super) fn hand_over(&self, channel: &Rc<Channel>, app: &App) -> bool {
        // One application alone has no neighbours. One that is refused anyway is refused here.
        if self.is_draining() || self.apps.is_single() || app.admission.is_refused(self.context.now()) {
            return false;
        }
        let Some(link) = self.pair.link() else { return false };
        // Its next requests come there: what it had here can go.
        if let Some(instance) = app.live()
            && !app.admission.has_waiting()
        {
            self.runtime.evict(&instance);
        }
        let Some(connection) = self.connections.remove(channel) else { return false };
        let Some(parts) = connection.detach(self.event_loop()) else { return true };
        // Where the other thread has just ended, the connection is served here after all.
        if let Err(handed) = link.hand_over(Handed::new(parts, channel.peer())) {
            self.adopt(*handed);
        }
        true
    }

    /// A connection has come from the other thread, with a request that is served here whatever else it is,
    /// even if the server has begun to shut down.
    pub(super) fn adopt(&self, handed: Handed) {
        let peer = handed.peer;
        let Some(channel) = self.connections.insert(self.event_loop(), handed.into_parts(), peer) else {
            return;
        };
        channel.start_driving();
        let app = self.apps.route(channel.wire().http.head().authority().unwrap_or_default());
        self.begin_request(&channel, app, false);
        channel.finish_driving();
        if self.is_draining() {
            self.drain_connection(&channel);
        }
        self.drive(&channel);
    }
}
