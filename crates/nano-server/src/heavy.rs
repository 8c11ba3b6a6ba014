//! The thread beside a worker for applications that compute for long, and the way of connections from one to the other.
//!
//! A tenant that computes gives way to its neighbours every two milliseconds, but not within one call of V8's that cannot be interrupted
//! (JSON, sorting, a collection), and two such tenants hold a thread up by turns. So each worker has a *companion*, a second thread with a
//! loop and isolates of its own and a lower priority, once one of its applications is found to be heavy
//! ([`nano_runtime::Weight`]). Where a connection's request is for the other of the two threads, the whole connection goes there: its
//! socket, what was read and parsed of it, its TLS. It comes back in the same way with a request for a light application.
//!
//! A companion is a [`Worker`] without a listener. What is told to all workers about what is served is told to it, too; that the
//! server ends it is told by its worker, after the last connection that it is sent.

use crate::connection::Handed;
use crate::server::Shared;
use crate::worker::{AppSlot, Command, Worker};
use nano_loop::Sender;
use std::cell::RefCell;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How much a companion gives way to the other threads of the machine. It has a third of the processor that a worker has beside it, where both
/// have enough to do, and all of what the workers leave.
pub(crate) const NICENESS: i32 = 5;

/// Isolates of a companion that nothing was asked of for so long are closed: theirs are the large ones, and the application may have another on the
/// worker's thread.
pub(crate) const IDLE: Duration = Duration::from_secs(10);

/// Starts a worker's companion, which says when it is there ([`Command::Companion`]) and, whatever happens to it, when it has ended
/// ([`Command::CompanionEnded`]). False: it could not be started.
pub(crate) type Start = Box<dyn Fn() -> bool>;

/// The other thread of the pair that a worker and its companion are.
pub(crate) enum Partner {
    /// A worker's companion.
    Companion { start: Start, state: RefCell<State> },
    /// A companion's worker.
    Worker(Sender<Command>),
}

/// What there is of a worker's companion.
pub(crate) enum State {
    /// None yet, or it has ended.
    None,
    /// It was started and has not said anything yet.
    Starting,
    There(Sender<Command>),
}

impl Partner {
    /// A worker's, of which nothing is there yet.
    pub(crate) fn companion(start: Start) -> Self {
        Self::Companion { start, state: RefCell::new(State::None) }
    }

    /// Whether a worker's companion may still send something.
    pub(crate) fn is_expected(&self) -> bool {
        matches!(self, Self::Companion { state, .. } if !matches!(*state.borrow(), State::None))
    }

    /// Whether this is a companion's.
    pub(crate) fn serves_heavy(&self) -> bool {
        matches!(self, Self::Worker(_))
    }

    /// The way to it; a companion that is not there is started, and can be used later.
    fn sender(&self) -> Option<Sender<Command>> {
        match self {
            Self::Worker(sender) => Some(sender.clone()),
            Self::Companion { start, state } => {
                let mut state = state.borrow_mut();
                match &*state {
                    State::There(sender) => Some(sender.clone()),
                    State::Starting => None,
                    State::None => {
                        if start() {
                            *state = State::Starting;
                        }
                        None
                    }
                }
            }
        }
    }

    /// A companion has nothing more to come: it finishes what it has, and ends.
    pub(crate) fn drain(&self) {
        if let Self::Companion { state, .. } = self
            && let State::There(sender) = &*state.borrow()
        {
            let _ = sender.send(Command::Drain);
        }
    }

    fn set_state(&self, new: State) {
        if let Self::Companion { state, .. } = self {
            *state.borrow_mut() = new;
        }
    }
}

impl Worker {
    /// The companion is there, or has ended.
    pub(crate) fn note_companion(&self, companion: Option<Sender<Command>>) {
        self.partner.set_state(companion.map_or(State::None, State::There));
        if self.is_draining() {
            self.partner.drain();
        }
    }

    /// Whether the other thread should have requests for this application. What this costs, each request pays.
    #[inline]
    pub(crate) fn is_misplaced(&self, slot: &AppSlot) -> bool {
        slot.weight().is_heavy() != self.serves_heavy
    }

    /// The way to the other thread for a connection whose request is for this application; `None`: it stays here.
    #[cold]
    pub(crate) fn other_thread(&self, slot: &AppSlot) -> Option<Sender<Command>> {
        // One application alone has no neighbours. One that is refused anyway is refused here.
        if self.is_draining() || self.is_single() || slot.admission.is_refused(self.now()) {
            return None;
        }
        let sender = self.partner.sender()?;
        // Its next requests come there: what it had here can go.
        if let Some(instance) = slot.live()
            && !slot.admission.is_waited_for()
        {
            self.runtime().evict(&instance);
        }
        Some(sender)
    }

    /// A connection has come from the other thread, with a request that is served here whatever else it is.
    pub(crate) fn adopt(&self, handed: Handed) {
        let Handed { stream, http, tls, peer, held } = handed;
        let tls = tls.map(crate::tls::Session::resume);
        if let Some(conn) = self.insert(stream, peer, http, tls) {
            conn.resume(held);
        }
    }
}

impl Shared {
    /// A companion begins: it is told from now on what workers are told. The number under which its figures are.
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

/// Removes a companion from the seats when it ends, however it does, and tells its worker.
pub(crate) struct Seated {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: usize,
    pub(crate) sender: Sender<Command>,
    pub(crate) place: Option<usize>,
}

impl Drop for Seated {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.remove_companion(self.worker, place);
        }
        // After everything else that it has sent.
        let _ = self.sender.send(Command::CompanionEnded);
    }
}
