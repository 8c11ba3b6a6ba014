//! Messages from other threads to a worker, and its answers.

use crate::heavy::{self, Handed, Link};
use crate::site::Site;
use nano_loop::Sender;
use std::sync::{Arc, mpsc};

/// Tells the process, when all workers have dropped it, that all of them turn their loops.
pub(crate) struct Heartbeat(Box<dyn Fn() + Send + Sync>);

impl Heartbeat {
    /// `beat` is called when the last worker has received it.
    pub(crate) fn new(beat: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self(Box::new(beat)))
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Messages from other threads to a worker.
pub(crate) enum Command {
    /// Serve this from now on, and say so.
    Site(Arc<Site>, mpsc::Sender<()>),
    /// Drop it: this tells the process that the loop still turns.
    Heartbeat(Arc<Heartbeat>),
    /// Panic, for a test.
    #[cfg(debug_assertions)]
    Fault,
    /// Report the worker's current figures.
    Measure(mpsc::Sender<Measured>),
    /// The other thread of the worker's pair has something.
    Pair(heavy::Message),
    /// Stop accepting; finish what is in flight, then end.
    Drain,
    /// End now.
    Stop,
}

impl Link for Sender<Command> {
    fn hand_over(&self, handed: Box<Handed>) -> Result<(), Box<Handed>> {
        match self
            .send(Command::Pair(heavy::Message::Adopt(handed)))
            .map_err(nano_loop::SendError::into_message)
        {
            Err(Command::Pair(heavy::Message::Adopt(handed))) => Err(handed),
            _ => Ok(()),
        }
    }

    fn drain(&self) {
        let _ = self.send(Command::Drain);
    }
}

/// A worker's figures at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Its place; companions come after the workers.
    pub(crate) worker: usize,
    pub(crate) companion: bool,
    pub(crate) connections: usize,
    /// Isolates of all versions.
    pub(crate) isolates: usize,
    /// The applications that have an isolate.
    pub(crate) apps: Vec<MeasuredApp>,
}

/// An application's isolate on a worker's thread.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredApp {
    pub(crate) name: String,
    pub(crate) heap_bytes: usize,
    pub(crate) external_bytes: usize,
    pub(crate) in_flight: usize,
}
