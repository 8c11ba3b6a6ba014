//! The worker threads, as the main thread sees them: started, replaced when they die, drained.

use super::report::Report;
#[cfg(debug_assertions)]
use super::report::{COMPANION_FAULT_SIGNAL, FAULT_SIGNAL};
use super::start::start;
use crate::control::{Change, Control, Seat, Shared};
use crate::error::ServeError;
use crate::log::{Field, Level};
use crate::systemd::ServiceManager;
use crate::thread::{Command, Heartbeat};
use signal_hook::consts::SIGHUP;
use socket2::Socket;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Workers that are replaced after they died, within `DEATHS_WITHIN`; then the process ends.
///
/// Limit (workers): more are a fault that lasts.
const DEATHS_AT_MOST: usize = 10;

/// Time in which the deaths of workers are counted.
///
/// Limit (s): see `DEATHS_AT_MOST`.
const DEATHS_WITHIN: Duration = Duration::from_secs(60);

/// The worker threads, as the main thread sees them.
pub(super) struct Workers {
    /// Each one's socket: one that dies leaves the clients that wait in it to its successor.
    threads: Vec<Socket>,
    shared: Arc<Shared>,
    reports: mpsc::Sender<Report>,
}

impl Workers {
    pub(super) fn new(shared: &Arc<Shared>, reports: mpsc::Sender<Report>) -> Self {
        Self { threads: Vec::new(), shared: Arc::clone(shared), reports }
    }

    /// Starts one more.
    pub(super) fn add(&mut self, socket: Socket) -> Result<(), ServeError> {
        let listener =
            socket.try_clone().map_err(|error| ServeError::System("share the listening socket", error))?;
        let mut senders = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = start(self.threads.len(), listener, Arc::clone(&self.shared), self.reports.clone())?;
        senders.seats.push(Seat { worker, companion: None });
        self.threads.push(socket);
        Ok(())
    }

    /// Starts another in the place of one that has died.
    fn replace(&mut self, index: usize) -> Result<(), ServeError> {
        let listener = self.threads[index]
            .try_clone()
            .map_err(|error| ServeError::System("share the listening socket", error))?;
        let mut senders = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = start(index, listener, Arc::clone(&self.shared), self.reports.clone())?;
        senders.seats[index] = Seat { worker, companion: None };
        Ok(())
    }

    /// Sees to it that the workers work, until a signal to stop comes.
    pub(super) fn attend(
        &mut self,
        reports: &mpsc::Receiver<Report>,
        control: &Control,
        manager: &Arc<ServiceManager>,
    ) -> Result<(), ServeError> {
        // Twice in the time that the service manager gives.
        let look = manager.watchdog().map(|time| time / 2);
        let mut deaths = Deaths::default();
        loop {
            let received = match look {
                Some(time) => reports.recv_timeout(time),
                None => reports.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(Report::Signal(SIGHUP)) => control.order(Change::Reload, drop),
                #[cfg(debug_assertions)]
                Ok(Report::Signal(signal @ (FAULT_SIGNAL | COMPANION_FAULT_SIGNAL))) => {
                    let workers = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
                    let first = workers.seats.first();
                    let thread = first.and_then(|seat| match (signal, &seat.companion) {
                        (FAULT_SIGNAL, _) => Some(&seat.worker),
                        (_, companion) => companion.as_ref().map(|(_, sender)| sender),
                    });
                    let _ = thread.map(|thread| thread.send(Command::Fault));
                }
                Ok(Report::Signal(_)) => return Ok(()),
                Ok(Report::Ready) => {}
                Ok(Report::Ended(_, Ok(()))) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(ServeError::Worker);
                }
                Ok(Report::Ended(index, Err(error))) => {
                    if deaths.are_too_many() {
                        return Err(error);
                    }
                    self.log(index, "a worker is replaced", &error);
                    self.replace(index)?;
                }
                Ok(Report::Lost(index)) => {
                    if deaths.are_too_many() {
                        return Err(ServeError::Worker);
                    }
                    self.log(index, "a worker's companion has ended", &ServeError::Worker);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    // A server is alive when the loops of all its workers turn. Companions run what may keep
                    // a loop from that.
                    let manager = Arc::clone(manager);
                    let heartbeat = Heartbeat::new(move || manager.alive());
                    self.shared.tell_workers(|| Command::Heartbeat(Arc::clone(&heartbeat)));
                }
            }
        }
    }

    fn log(&self, index: usize, what: &str, error: &ServeError) {
        let mut log = self.shared.writer.sink();
        let text = error.to_string();
        let fields = [("worker", Field::Number(index as u64)), ("error", Field::Text(&text))];
        log.message(Level::Error, what, &fields);
        log.flush();
    }

    /// Has the workers finish. False: some have not, in their time or before a second signal.
    pub(super) fn drain(
        &mut self,
        timeout: Duration,
        reports: &mpsc::Receiver<Report>,
    ) -> Result<bool, ServeError> {
        // The workers' own are the last: a client that connects when they are closed is refused, and does not
        // wait in vain.
        self.threads.clear();
        // Each tells its companion, and ends after it.
        let mut left = self.shared.tell_workers(|| Command::Drain);
        let deadline = Instant::now() + timeout;
        while left > 0 {
            match reports.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Report::Ended(_, Ok(()))) => left -= 1,
                Ok(Report::Ended(_, Err(error))) => return Err(error),
                Ok(Report::Ready | Report::Signal(SIGHUP) | Report::Lost(_)) => {}
                // A second signal ends at once.
                Ok(Report::Signal(_)) | Err(_) => break,
            }
        }
        Ok(left == 0)
    }
}

/// When threads have ended by faults lately.
#[derive(Default)]
struct Deaths(VecDeque<Instant>);

impl Deaths {
    /// One more has; whether the fault is one that lasts.
    fn are_too_many(&mut self) -> bool {
        self.0.push_back(Instant::now());
        while self.0.front().is_some_and(|at| at.elapsed() > DEATHS_WITHIN) {
            self.0.pop_front();
        }
        self.0.len() > DEATHS_AT_MOST
    }
}

/// Waits until so many workers accept connections.
pub(super) fn wait_until_ready(
    shared: &Shared,
    reports: &mpsc::Receiver<Report>,
    count: usize,
) -> Result<(), ServeError> {
    let mut waiting = count;
    while waiting > 0 {
        match reports.recv() {
            Ok(Report::Ready) => waiting -= 1,
            Ok(Report::Signal(SIGHUP) | Report::Lost(_)) => {}
            Ok(Report::Signal(_)) => leave(),
            Ok(Report::Ended(_, Err(error))) => {
                shared.tell_workers(|| Command::Stop);
                return Err(error);
            }
            Ok(Report::Ended(_, Ok(()))) | Err(_) => return Err(ServeError::Worker),
        }
    }
    Ok(())
}

/// Ends the process at once, with success: an application still runs on some thread, and nothing may be taken
/// apart under it.
pub(super) fn leave() -> ! {
    // SAFETY: `_exit` has no preconditions; it runs no destructors, which is its point here.
    unsafe { libc::_exit(0) }
}
