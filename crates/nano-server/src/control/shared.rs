//! The state that all threads of the process share.

use crate::config::Config;
use crate::log::LogWriter;
use crate::metrics::Metrics;
use crate::site::Site;
use crate::telemetry::Telemetry;
use crate::thread::Command;
use crate::tls::Tls;
use nano_loop::Sender;
use nano_runtime::ClientOptions;
use std::sync::{Arc, Mutex, PoisonError};

/// Options that only the command line has.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServeOptions {
    /// Errors of applications are shown to clients.
    pub dev: bool,
    /// Requests are not logged.
    pub no_request_log: bool,
}

/// The state that all threads of the server read.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) network: ClientOptions,
    pub(crate) options: ServeOptions,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) telemetry: Option<Arc<Telemetry>>,
    pub(crate) writer: LogWriter,
    pub(crate) metrics: Arc<Metrics>,
    /// The site that a worker starts with; one that runs is sent it.
    pub(crate) site: Mutex<Arc<Site>>,
    /// The way to each worker and its companion. Locked while `site` is changed.
    pub(crate) workers: Mutex<Seats>,
}

/// The workers that run.
#[derive(Default)]
pub(crate) struct Seats {
    pub(crate) seats: Vec<Seat>,
    /// Companions that were ever started.
    pub(crate) companions: usize,
}

/// A worker and its companion.
pub(crate) struct Seat {
    pub(crate) worker: Sender<Command>,
    /// With the number under which its figures are.
    pub(crate) companion: Option<(usize, Sender<Command>)>,
}

impl Seats {
    /// Tells every worker and every companion; returns how many those are.
    pub(crate) fn tell_all(&self, command: impl Fn() -> Command) -> usize {
        let companions =
            self.seats.iter().filter_map(|seat| seat.companion.as_ref().map(|(_, sender)| sender));
        let all = self.seats.iter().map(|seat| &seat.worker).chain(companions);
        all.filter(|thread| thread.send(command()).is_ok()).count()
    }

    /// The numbers under which the figures of those that run are.
    pub(crate) fn places(&self) -> Vec<usize> {
        let companions = self.seats.iter().filter_map(|seat| seat.companion.as_ref());
        (0..self.seats.len()).chain(companions.map(|(place, _)| *place)).collect()
    }
}

impl Shared {
    /// The site that is served now.
    pub(crate) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_site(&self, site: Arc<Site>) {
        *self.site.lock().unwrap_or_else(PoisonError::into_inner) = site;
    }

    /// Tells every worker that runs, and no companion; returns how many those are.
    pub(crate) fn tell_workers(&self, command: impl Fn() -> Command) -> usize {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.seats.iter().filter(|seat| seat.worker.send(command()).is_ok()).count()
    }

    /// A companion begins: it gets the commands that all workers get. Returns the number of its figures.
    pub(crate) fn add_companion(&self, worker: usize, sender: &Sender<Command>) -> usize {
        let mut seats = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        seats.companions += 1;
        // After those of the workers. A number is used once: two threads never count in one block.
        let place = self.config.worker_threads() + seats.companions - 1;
        if let Some(seat) = seats.seats.get_mut(worker) {
            seat.companion = Some((place, sender.clone()));
        }
        place
    }

    /// It has ended.
    pub(crate) fn remove_companion(&self, worker: usize, place: usize) {
        let mut seats = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = seats.seats.get_mut(worker) {
            seat.companion.take_if(|(other, _)| *other == place);
        }
    }
}
