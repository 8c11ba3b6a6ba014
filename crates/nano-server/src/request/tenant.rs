//! An application in one version, as the requests of a thread see it.

use crate::metrics::Block;
use crate::site::Deployed;
use nano_runtime::Counters;
use std::sync::Arc;

/// One application in one version: its configuration, and where its requests are counted.
pub(crate) struct Tenant {
    pub(crate) deployed: Arc<Deployed>,
    /// Requests by status, for this thread.
    pub(crate) block: Arc<Block>,
    counters: Arc<Counters>,
}

impl Tenant {
    pub(crate) fn new(deployed: Arc<Deployed>, block: Arc<Block>) -> Self {
        let counters = Arc::clone(deployed.app.counters());
        Self { deployed, block, counters }
    }

    /// The application's name.
    pub(crate) fn name(&self) -> &str {
        &self.deployed.config.name
    }

    /// The runtime's counts for the application, on all threads.
    #[inline]
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}
