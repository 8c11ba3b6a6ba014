//! A thread takes over what is served: its first application, and each new site.

use super::apps::{App, Prepared};
use super::worker::Worker;
use crate::site::Site;
use std::rc::Rc;
use std::sync::Arc;

impl Worker {
    /// Loads an application that is served alone before its first request. An error: it cannot be loaded.
    pub(crate) fn preload_single(&self) -> Option<String> {
        let app = self.apps.single()?;
        self.preload(&app).err()
    }

    fn preload(&self, app: &App) -> Result<(), String> {
        let instance = self.runtime.create(&app.deployed().app).map_err(|error| error.to_string())?;
        app.set_instance(Rc::clone(&instance));
        self.runtime.load(&instance);
        instance.expects_no_request();
        instance.failure().map_or(Ok(()), |error| Err(error.to_string()))
    }

    /// Serves a site from now on. A new version of what was visited on this thread is loaded before requests
    /// go to it, and the old one finishes those that it has.
    pub(super) fn serve_site(&self, site: Arc<Site>) {
        let Some(Prepared { apps, warm }) = self.apps.prepare(&site) else { return };
        for app in warm {
            // JavaScript runs here, and a slice of it may bring the next site. One that cannot be loaded is
            // tried again by its first request.
            let _ = self.preload(&app);
        }
        let retired = self.apps.replace(site, apps);
        self.apps.set_isolate_lifetimes(&self.runtime, self.pair.role());
        for (old, new) in retired {
            self.pass_on_waiting(&old, new.as_ref());
            if let Some(instance) = old.live() {
                self.runtime.retire(&instance, self.apps.drain_timeout());
            }
        }
    }
}
