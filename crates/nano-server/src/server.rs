//! The server: its listening sockets, its worker threads, signals, and the orderly end.
//!
//! Knows what is configured; what happens on a thread is the [`Worker`]'s.

use crate::admin;
use crate::config::{Config, Network};
use crate::control::{self, Change, Control};
use crate::heavy::{self, Partner, Seated};
use crate::listen;
use crate::log::{Field, Level, LogWriter};
use crate::metrics::{Metrics, Stage};
use crate::sandbox;
use crate::site::{Deployed, Site, open_application};
use crate::systemd::ServiceManager;
use crate::telemetry::Telemetry;
use crate::tls::Tls;
use crate::worker::{Command, KIND_COMMANDS, LogConsole, Parts, Worker};
use nano_loop::{Capacity, Config as LoopConfig, Loop, Sender};
use nano_runtime::{
    ClientOptions, Exceptions, Proxies, Proxy, Runtime, RuntimeOptions, THREAD_STACK_BYTES, YOUNG_BYTES,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use socket2::Socket;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// A worker that dies is replaced, so many times in [`DEATHS_WITHIN`]; more is a fault that lasts, and the process ends.
const DEATHS_AT_MOST: usize = 10;

/// See [`DEATHS_AT_MOST`].
const DEATHS_WITHIN: Duration = Duration::from_secs(60);

/// In builds for tests, has the first worker panic.
#[cfg(debug_assertions)]
const FAULT_SIGNAL: i32 = signal_hook::consts::SIGUSR2;

/// The same for its companion.
#[cfg(debug_assertions)]
const COMPANION_FAULT_SIGNAL: i32 = signal_hook::consts::SIGUSR1;

/// What is said on the command line alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServeOptions {
    /// Errors of applications are shown to clients.
    pub dev: bool,
    /// Requests are not logged.
    pub no_request_log: bool,
}

/// Why serving ended, or did not begin.
#[derive(Debug)]
pub enum ServeError {
    /// An application cannot be loaded: its name, and why.
    Application(String, String),
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// A certificate cannot be used: what is wrong with which file.
    Certificate(String),
    /// Something else of the system failed: what was tried, and why.
    System(&'static str, io::Error),
    /// A worker thread has died; the process cannot go on serving.
    Worker,
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Application(name, error) => write!(f, "the application {name:?} cannot be loaded: {error}"),
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "{address} is in use: another server is listening there. Stop it, or choose another port with --port"
            ),
            Self::Listen(address, error) if error.kind() == io::ErrorKind::PermissionDenied => write!(
                f,
                "{address} needs privileges: choose a port above 1023 with --port, or let a proxy have this one"
            ),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Certificate(what) => write!(f, "the listener's certificate cannot be used: {what}"),
            Self::System(what, error) => write!(f, "cannot {what}: {error}"),
            Self::Worker => f.write_str("a worker thread has died"),
        }
    }
}

impl std::error::Error for ServeError {}

/// How the applications' fetches are made.
fn network(config: &Network) -> Result<ClientOptions, ServeError> {
    let mut options = ClientOptions::default();
    if let Some(proxy) = &config.proxy {
        let proxy = Proxy::parse(proxy)
            .map_err(|error| ServeError::System("use the proxy", io::Error::other(error)))?;
        let except = Exceptions::parse(config.no_proxy.as_deref().unwrap_or_default());
        options.core.proxies = Proxies { http: Some(proxy.clone()), https: Some(proxy), except };
    }
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path)
            .map_err(|error| ServeError::System("read the configuration's ca_file", error))?;
        options.tls.extra_roots.push(pem);
    }
    Ok(options)
}

fn tell_sandbox(writer: &LogWriter, entered: &sandbox::Entered) {
    let mut log = writer.sink();
    let holds = entered.holds.join(", ");
    let lacks = entered.lacks.join("; ");
    let level = if entered.lacks.is_empty() { Level::Info } else { Level::Warn };
    let mut fields = vec![("holds", Field::Text(if holds.is_empty() { "nothing" } else { &holds }))];
    if !lacks.is_empty() {
        fields.push(("lacks", Field::Text(&lacks)));
    }
    log.message(level, "sandbox", &fields);
    log.flush();
}

/// What the listener speaks TLS with, if it does.
fn tls(config: &Config) -> Result<Option<Arc<Tls>>, ServeError> {
    if config.certificates.is_empty() {
        return Ok(None);
    }
    let tls = Tls::new(&config.certificates).map_err(ServeError::Certificate)?;
    Ok(Some(Arc::new(tls)))
}

/// Serves until a signal to stop has come and everything in flight is finished.
///
/// `listening` is called once, when requests are accepted, with the address (its port picked, if 0 was asked for) and the way to change
/// what is served.
///
/// # Errors
///
/// If an application of a single-application configuration cannot be loaded, the address cannot be had, or the system lacks
/// something. Applications of a larger configuration are loaded when they are first visited.
pub fn serve(
    config: &Config,
    options: ServeOptions,
    listening: impl FnOnce(SocketAddr, &Control),
) -> Result<(), ServeError> {
    let threads = config.worker_threads();
    let listeners = listen::open(config.listen_address(), threads)?;
    let address = listeners.address;
    let admin_socket = config.admin.as_ref().map(admin::bind).transpose()?;
    let confine = config.file.is_some();
    let mut apps = Vec::with_capacity(config.apps.len());
    for app in &config.apps {
        let opened = open_application(app, confine)
            .map_err(|error| ServeError::Application(app.name.clone(), error.to_string()))?;
        apps.push(Arc::new(Deployed { app: opened, config: app.clone(), version: 1 }));
    }
    let writer =
        LogWriter::stdout(config.log_format).map_err(|error| ServeError::System("write the log", error))?;
    nano_runtime::set_isolate_budget(usize::try_from(config.isolate_memory_bytes).unwrap_or(usize::MAX));
    // Before any other thread is started: what is given up here holds for those that come.
    if config.sandbox {
        tell_sandbox(&writer, &sandbox::enter(config));
    }
    nano_runtime::initialize();
    let network = network(&config.network)?;
    let telemetry = config.telemetry.as_ref().map(|telemetry| Telemetry::start(telemetry, network.clone()));
    let telemetry =
        telemetry.transpose().map_err(|error| ServeError::System("start the telemetry's thread", error))?;
    let shared = Arc::new(Shared {
        config: config.clone(),
        network,
        telemetry,
        options,
        writer: writer.clone(),
        tls: tls(config)?,
        metrics: Arc::new(Metrics::new()),
        site: Mutex::new(Site::new(1, apps)),
        workers: Mutex::default(),
    });
    let admin = match (admin_socket, &config.admin) {
        (Some(bound), Some(admin)) => Some(admin::start(bound, admin, &shared)?),
        _ => None,
    };
    let (reports, received) = mpsc::channel();
    // Before anybody can be told that the server is there: a signal that comes then is an orderly end already.
    let signals = watch_signals(reports.clone())?;
    let mut workers = Workers { threads: Vec::with_capacity(threads), shared: Arc::clone(&shared), reports };
    // The first worker answers before the others begin: making isolates on all cores at once would delay the first answer.
    let mut sockets = listeners.sockets.into_iter();
    for socket in sockets.by_ref().take(1) {
        workers.add(socket)?;
        wait_until_ready(&shared, &received, 1)?;
    }
    for socket in sockets {
        workers.add(socket)?;
    }
    wait_until_ready(&shared, &received, threads - 1)?;
    let manager = Arc::new(ServiceManager::from_env());
    let control =
        control::start(Arc::clone(&shared), Arc::clone(&manager), admin.as_ref().map(|admin| admin.address))
            .map_err(|error| ServeError::System("start the control thread", error))?;
    if let Some(admin) = &admin {
        admin.set_control(control.clone());
    }
    shared.metrics.set_stage(Stage::Ready);
    listening(address, &control);
    manager.ready();
    let ended = workers.attend(&received, &control, &manager).and_then(|()| {
        shared.metrics.set_stage(Stage::Draining);
        manager.stopping();
        workers.drain(config.drain_timeout, &received)
    });
    control.end();
    if let Some(admin) = admin {
        admin.end();
    }
    signals.close();
    if let Some(telemetry) = &shared.telemetry {
        telemetry.close(Duration::from_secs(1));
    }
    writer.close(Duration::from_secs(1));
    if matches!(ended, Ok(false)) {
        leave();
    }
    ended.map(|_| ())
}

/// Waits until so many workers accept connections.
fn wait_until_ready(
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

/// Ends the process at once, with success: an application still runs on some thread, and nothing may be taken apart under it.
fn leave() -> ! {
    // SAFETY: `_exit` has no preconditions; it runs no destructors, which is its point here.
    unsafe { libc::_exit(0) }
}

/// What all threads of the server read.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) network: ClientOptions,
    options: ServeOptions,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) telemetry: Option<Arc<Telemetry>>,
    pub(crate) writer: LogWriter,
    pub(crate) metrics: Arc<Metrics>,
    /// What a worker that starts begins with; one that runs is sent it.
    site: Mutex<Arc<Site>>,
    /// The way to each worker and its companion. Who changes `site` holds this meanwhile.
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
    /// What is served now.
    pub(crate) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_site(&self, site: Arc<Site>) {
        *self.site.lock().unwrap_or_else(PoisonError::into_inner) = site;
    }

    /// Tells every worker that runs, and no companion; returns how many those are.
    fn tell_workers(&self, command: impl Fn() -> Command) -> usize {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.seats.iter().filter(|seat| seat.worker.send(command()).is_ok()).count()
    }
}

/// What a worker thread or a signal tells the main thread.
enum Report {
    Ready,
    /// The worker with this number has ended: as it was told to, or by a fault.
    Ended(usize, Result<(), ServeError>),
    /// The companion of this worker has ended by a fault. It gets another when it needs one.
    Lost(usize),
    /// SIGTERM, SIGINT or SIGHUP has come.
    Signal(i32),
}

/// The worker threads, as the main thread sees them.
struct Workers {
    /// Each one's socket: one that dies leaves the clients that wait in it to its successor.
    threads: Vec<Socket>,
    shared: Arc<Shared>,
    reports: mpsc::Sender<Report>,
}

impl Workers {
    /// Starts one more.
    fn add(&mut self, socket: Socket) -> Result<(), ServeError> {
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
    fn attend(
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
                    // Alive is a server all of whose workers' loops turn. A companion is there for what may keep it from that.
                    let manager = Arc::clone(manager);
                    let alive = Arc::new(Alive(manager));
                    self.shared.tell_workers(|| Command::ShowLife(Arc::clone(&alive)));
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
    fn drain(&mut self, timeout: Duration, reports: &mpsc::Receiver<Report>) -> Result<bool, ServeError> {
        // The workers' own are the last: who comes when they are closed is refused, and does not wait in vain.
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

/// Tells the service manager of life when all workers have let go of it.
pub(crate) struct Alive(Arc<ServiceManager>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive();
    }
}

/// Starts a worker thread.
fn start(
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
        (index, Partner::companion(Box::new(start)))
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
        // What the worker has is taken apart in its order, not by the unwinding.
        worker.abandon();
    }
    ran.unwrap_or_else(|_| Err(io::Error::other("a panic")))
        .map_err(|error| ServeError::System("go on", error))
}

/// What works on this thread: as a worker, or as a companion. `known` is given the way to it before it begins, and says which number and
/// which partner it has.
fn make_worker(
    shared: &Shared,
    listener: Option<mio::net::TcpListener>,
    known: impl FnOnce(&Sender<Command>) -> (usize, Partner),
) -> Result<Rc<Worker>, ServeError> {
    let system = |what| move |error| ServeError::System(what, error);
    let lp = Rc::new(Loop::new(LoopConfig::default()).map_err(system("make an event loop"))?);
    let (sender, commands) = lp.mailbox(KIND_COMMANDS, Capacity::Unbounded);
    let (index, partner) = known(&sender);
    let log = Rc::new(RefCell::new(shared.writer.sink()));
    let console = Rc::new(LogConsole(Rc::clone(&log)));
    let runtime = Runtime::new(
        Rc::clone(&lp),
        RuntimeOptions { spares: 0, young_bytes: YOUNG_BYTES, console, network: shared.network.clone() },
    )
    .map_err(system("start a runtime"))?;
    Worker::new(Parts {
        index,
        metrics: Arc::clone(&shared.metrics),
        lp,
        runtime,
        listener,
        partner,
        commands,
        site: shared.site(),
        tls: shared.tls.clone(),
        telemetry: shared.telemetry.clone(),
        log,
        log_requests: !shared.options.no_request_log,
        dev: shared.options.dev,
        drain_timeout: shared.config.drain_timeout,
        isolate_idle: shared.config.isolate_idle,
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
        // A worker that has died meanwhile has a successor, with a companion of its own: then this one ends when it begins.
        if worker.send(Command::Companion(sender.clone())).is_err() {
            let _ = sender.send(Command::Drain);
        }
        (place, Partner::Worker(worker))
    })?;
    run(&companion)
}

/// Reports SIGTERM, SIGINT and SIGHUP from now on.
fn watch_signals(reports: mpsc::Sender<Report>) -> Result<signal_hook::iterator::Handle, ServeError> {
    let failed = |error| ServeError::System("watch for signals", error);
    let watched = [
        SIGTERM,
        SIGINT,
        SIGHUP,
        #[cfg(debug_assertions)]
        FAULT_SIGNAL,
        #[cfg(debug_assertions)]
        COMPANION_FAULT_SIGNAL,
    ];
    let mut signals = signal_hook::iterator::Signals::new(watched).map_err(failed)?;
    let handle = signals.handle();
    std::thread::Builder::new()
        .name("nano-signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if reports.send(Report::Signal(signal)).is_err() {
                    return;
                }
            }
        })
        .map_err(failed)?;
    Ok(handle)
}
