//! Worker threads and their companions, from their beginning to their end.

use super::listen;
use super::report::Report;
use crate::control::Shared;
use crate::error::ServeError;
use crate::event_key::EventKey;
use crate::heavy::{self, Message, Pair};
use crate::log::{Level, LogSink};
use crate::request::ContextOptions;
use crate::thread::{Command, Lifetimes, Worker, WorkerOptions};
use nano_loop::{Capacity, Config as LoopConfig, Loop, Sender};
use nano_runtime::{Console, Runtime, RuntimeOptions, THREAD_STACK_BYTES, YOUNG_BYTES};
use socket2::Socket;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, mpsc};

/// Starts a worker thread.
pub(super) fn start(
    index: usize,
    listener: Socket,
    shared: Arc<Shared>,
    reports: mpsc::Sender<Report>,
) -> Result<Sender<Command>, ServeError> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new()
        .name(format!("nano-worker-{index}"))
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                work(index, listener, &shared, sender, &reports)
            }));
            // The receiver is gone only when the process ends anyway.
            let _ = reports.send(Report::Ended(index, worked.unwrap_or(Err(ServeError::Worker))));
        })
        .map_err(|error| ServeError::System("start a worker thread", error))?;
    receiver.recv().map_err(|_| ServeError::Worker)
}

/// A worker thread, from its beginning to its end.
fn work(
    index: usize,
    listener: Socket,
    shared: &Arc<Shared>,
    commands: mpsc::Sender<Sender<Command>>,
    reports: &mpsc::Sender<Report>,
) -> Result<(), ServeError> {
    let system = |what| move |error| ServeError::System(what, error);
    nano_loop::run_promptly();
    let accepting = listener.try_clone().map_err(system("share the listening socket"))?;
    let listener = mio::net::TcpListener::from_std(listener.into());
    let worker = make_worker(shared, Some(listener), |sender| {
        let _ = commands.send(sender.clone());
        let (shared, reports, sender) = (Arc::clone(shared), reports.clone(), sender.clone());
        let start = move || start_companion(index, sender.clone(), Arc::clone(&shared), reports.clone());
        (index, Pair::worker(Box::new(start)))
    })?;
    if let Some(error) = worker.preload_single() {
        let name = shared.config.apps[0].name.clone();
        return Err(ServeError::Application(name, error));
    }
    // The first is listening already.
    accepting.listen(listen::BACKLOG).map_err(system("listen"))?;
    drop(accepting);
    let _ = reports.send(Report::Ready);
    run(&worker)
}

/// Runs a worker to its end.
fn run(worker: &Worker) -> Result<(), ServeError> {
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run()));
    if ran.is_err() {
        // The worker's state is dropped in its order, not by the unwinding.
        worker.abandon();
    }
    ran.unwrap_or_else(|_| Err(io::Error::other("a panic")))
        .map_err(|error| ServeError::System("go on", error))
}

/// The worker of this thread, or the companion. `known` is given the way to it before it begins, and says
/// which place in the metrics and which pair it has.
fn make_worker(
    shared: &Shared,
    listener: Option<mio::net::TcpListener>,
    known: impl FnOnce(&Sender<Command>) -> (usize, Pair),
) -> Result<Rc<Worker>, ServeError> {
    let system = |what| move |error| ServeError::System(what, error);
    let event_loop = Rc::new(Loop::new(LoopConfig::default()).map_err(system("make an event loop"))?);
    let (sender, commands) = event_loop.mailbox(EventKey::Commands.into(), Capacity::Unbounded);
    let (thread, pair) = known(&sender);
    let log = Rc::new(RefCell::new(shared.writer.sink()));
    let console = Rc::new(LogConsole(Rc::clone(&log)));
    let runtime = Runtime::new(
        Rc::clone(&event_loop),
        RuntimeOptions { spares: 0, young_bytes: YOUNG_BYTES, console, network: shared.network.clone() },
    )
    .map_err(system("start a runtime"))?;
    let context = ContextOptions {
        event_loop,
        log,
        logs_requests: !shared.options.no_request_log,
        shows_errors: shared.options.dev,
        telemetry: shared.telemetry.clone(),
        unrouted: shared.metrics.unrouted_block(thread),
    };
    Worker::new(WorkerOptions {
        thread,
        metrics: Arc::clone(&shared.metrics),
        context,
        runtime,
        listener,
        tls: shared.tls.clone(),
        pair,
        commands,
        site: shared.site(),
        lifetimes: Lifetimes {
            drain_timeout: shared.config.limits.drain_timeout,
            isolate_idle: shared.config.limits.isolate_idle,
        },
    })
    .map_err(system("watch the listening socket"))
}

/// Starts the companion of a worker. False: the system has no thread for it.
fn start_companion(
    index: usize,
    worker: Sender<Command>,
    shared: Arc<Shared>,
    reports: mpsc::Sender<Report>,
) -> bool {
    let thread = std::thread::Builder::new()
        .name(format!("nano-companion-{index}"))
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            let mut seated = Seated { shared, worker: index, sender: worker, place: None };
            let accompanied =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| accompany(&mut seated)));
            if !matches!(accompanied, Ok(Ok(()))) {
                let _ = reports.send(Report::Lost(index));
            }
        });
    thread.is_ok()
}

/// A companion's thread, from its beginning to its end.
fn accompany(seated: &mut Seated) -> Result<(), ServeError> {
    nano_loop::give_way(heavy::NICENESS);
    let (shared, worker) = (Arc::clone(&seated.shared), seated.sender.clone());
    let companion = make_worker(&shared, None, |sender| {
        let place = shared.add_companion(seated.worker, sender);
        seated.place = Some(place);
        // A worker that has died meanwhile has a successor, with a companion of its own: then this one ends
        // when it begins.
        if worker.send(Command::Pair(Message::Started(Arc::new(sender.clone())))).is_err() {
            let _ = sender.send(Command::Drain);
        }
        (place, Pair::Companion { worker: Arc::new(worker) })
    })?;
    run(&companion)
}

/// Removes a companion from the seats when it ends, however it does, and tells its worker.
struct Seated {
    shared: Arc<Shared>,
    worker: usize,
    sender: Sender<Command>,
    place: Option<usize>,
}

impl Drop for Seated {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.remove_companion(self.worker, place);
        }
        // After everything else that it has sent.
        let _ = self.sender.send(Command::Pair(Message::Ended));
    }
}

/// Writes the output of applications to the thread's log.
struct LogConsole(Rc<RefCell<LogSink>>);

impl Console for LogConsole {
    fn print(&self, app: &str, level: nano_runtime::Level, text: &str) {
        let level = match level {
            nano_runtime::Level::Debug => Level::Debug,
            nano_runtime::Level::Info => Level::Info,
            nano_runtime::Level::Warn => Level::Warn,
            nano_runtime::Level::Error => Level::Error,
        };
        self.0.borrow_mut().console(app, level, text);
    }
}
