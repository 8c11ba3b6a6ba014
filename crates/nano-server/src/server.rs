//! The server: its listening sockets, its worker threads, signals, and the orderly end.
//!
//! Knows what is configured; what happens on a thread is the [`Worker`]'s.

use crate::config::{App, Config, EnvValue, Network};
use crate::log::LogWriter;
use crate::worker::{AppSlot, Command, KIND_COMMANDS, LogConsole, Parts, Worker};
use nano_loop::{Capacity, Config as LoopConfig, Loop, Sender};
use nano_runtime::{
    Application, ClientOptions, Exceptions, FetchLimits, Limits, LoadError, Proxies, Proxy, Runtime,
    RuntimeOptions, THREAD_STACK_BYTES,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use socket2::{Domain, Protocol, Socket, Type};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Isolates that each thread keeps ready for applications that were never visited. Two: while one is taken, the other is
/// there for the next, and making one takes less than the time between two first visits that anyone would notice.
const SPARE_ISOLATES: usize = 2;

/// Connections that wait to be accepted, for each thread.
const BACKLOG: i32 = 4096;

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
            Self::System(what, error) => write!(f, "cannot {what}: {error}"),
            Self::Worker => f.write_str("a worker thread has died"),
        }
    }
}

impl std::error::Error for ServeError {}

/// Opens a configured application: finds its entry, compiles nothing.
pub fn open_application(app: &App, confine: bool) -> Result<Arc<Application>, LoadError> {
    let limits = Limits {
        memory_bytes: usize::try_from(app.limits.memory_bytes).unwrap_or(usize::MAX),
        fetch: FetchLimits {
            allow_private: app.fetch.allow_private,
            max_subrequests: app.limits.max_subrequests,
        },
    };
    Application::open(&app.name, &app.path, Some(env_json(&app.env)), limits, confine)
}

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

/// The variables as a JSON object.
fn env_json(env: &[(String, EnvValue)]) -> String {
    let mut out = String::from("{");
    for (index, (name, value)) in env.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        json_string(&mut out, name);
        out.push(':');
        match value {
            EnvValue::Text(text) => json_string(&mut out, text),
            EnvValue::Json(json) => out.push_str(json),
        }
    }
    out.push('}');
    out
}

fn json_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\u{0}'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Serves until a signal to stop has come and everything in flight is finished.
///
/// `listening` is called once, when requests are accepted, with the address (its port picked, if 0 was asked for).
///
/// # Errors
///
/// If an application of a single-application configuration cannot be loaded, the address cannot be had, or the system lacks
/// something. Applications of a larger configuration are loaded when they are first visited.
pub fn serve(
    config: &Config,
    options: ServeOptions,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let threads = config.worker_threads();
    let listeners = listen(config.listen_address(), threads)?;
    let address = listeners[0]
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket())
        .unwrap_or_else(|| config.listen_address());
    let confine = config.file.is_some();
    let mut apps = Vec::with_capacity(config.apps.len());
    for app in &config.apps {
        let opened = open_application(app, confine)
            .map_err(|error| ServeError::Application(app.name.clone(), error.to_string()))?;
        apps.push((opened, app.limits.max_body_bytes));
    }
    let writer =
        LogWriter::stdout(config.log_format).map_err(|error| ServeError::System("write the log", error))?;
    nano_runtime::initialize();
    let shared = Arc::new(Shared {
        config: config.clone(),
        network: network(&config.network)?,
        apps,
        options,
        writer: writer.clone(),
    });
    let (reports, ready) = mpsc::channel();
    // Before anybody can be told that the server is there: a signal that comes then is an orderly end already.
    let signals = watch_signals(reports.clone())?;
    // The first worker answers before the others begin: making isolates on all cores at once would delay the first answer.
    let mut listeners = listeners.into_iter().enumerate();
    let mut workers = Vec::with_capacity(threads);
    for (index, listener) in listeners.by_ref().take(1) {
        workers.push(Thread::start(index, listener, Arc::clone(&shared), reports.clone())?);
        wait_until_ready(&workers, &ready, 1)?;
    }
    for (index, listener) in listeners {
        workers.push(Thread::start(index, listener, Arc::clone(&shared), reports.clone())?);
    }
    drop(reports);
    wait_until_ready(&workers, &ready, threads - 1)?;
    listening(address);
    let ended = wait_for_the_end(config.drain_timeout, &workers, &ready);
    signals.close();
    writer.close(Duration::from_secs(1));
    if matches!(ended, Ok(false)) {
        leave();
    }
    ended.map(|_| ())
}

/// Waits until so many workers accept connections.
fn wait_until_ready(
    workers: &[Thread],
    reports: &mpsc::Receiver<Report>,
    count: usize,
) -> Result<(), ServeError> {
    let mut waiting = count;
    while waiting > 0 {
        match reports.recv() {
            Ok(Report::Ready) => waiting -= 1,
            Ok(Report::Signal) => leave(),
            Ok(Report::Failed(error)) => {
                stop_all(workers, Command::Stop);
                return Err(error);
            }
            Ok(Report::Ended) | Err(_) => return Err(ServeError::Worker),
        }
    }
    Ok(())
}

/// Ends the process at once, with success: an application still runs on some thread, and nothing may be taken apart under it.
fn leave() -> ! {
    // SAFETY: `_exit` has no preconditions; it runs no destructors, which is its point here.
    unsafe { libc::_exit(0) }
}

/// What all worker threads read.
struct Shared {
    config: Config,
    network: ClientOptions,
    apps: Vec<(Arc<Application>, u64)>,
    options: ServeOptions,
    writer: LogWriter,
}

/// What a worker thread tells the main thread.
enum Report {
    Ready,
    Failed(ServeError),
    Ended,
    /// SIGTERM or SIGINT has come.
    Signal,
}

struct Thread {
    commands: Sender<Command>,
}

impl Thread {
    fn start(
        index: usize,
        listener: Socket,
        shared: Arc<Shared>,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, ServeError> {
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new()
            .name(format!("nano-worker-{index}"))
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    work(listener, &shared, &sender, &reports)
                }));
                let ended = worked.unwrap_or(Err(ServeError::Worker));
                // The receiver is gone only when the process ends anyway.
                let _ = reports.send(match ended {
                    Ok(()) => Report::Ended,
                    Err(error) => Report::Failed(error),
                });
            })
            .map_err(|error| ServeError::System("start a worker thread", error))?;
        let commands = receiver.recv().map_err(|_| ServeError::Worker)?;
        Ok(Self { commands })
    }
}

/// A worker thread, from its beginning to its end.
fn work(
    listener: Socket,
    shared: &Shared,
    commands: &mpsc::Sender<Sender<Command>>,
    reports: &mpsc::Sender<Report>,
) -> Result<(), ServeError> {
    let system = |what| move |error| ServeError::System(what, error);
    let lp = Rc::new(Loop::new(LoopConfig::default()).map_err(system("make an event loop"))?);
    let (sender, mailbox) = lp.mailbox(KIND_COMMANDS, Capacity::Unbounded);
    let _ = commands.send(sender);
    let log = Rc::new(RefCell::new(shared.writer.sink()));
    let console = Rc::new(LogConsole(Rc::clone(&log)));
    let single = shared.apps.len() == 1;
    let spares = if single { 0 } else { SPARE_ISOLATES };
    let accepting = listener.try_clone().map_err(system("share the listening socket"))?;
    let runtime =
        Runtime::new(Rc::clone(&lp), RuntimeOptions { spares, console, network: shared.network.clone() })
            .map_err(system("start a runtime"))?;
    let slots: Vec<_> =
        shared.apps.iter().map(|(app, max_body)| AppSlot::new(Arc::clone(app), *max_body)).collect();
    let worker = Worker::new(Parts {
        lp,
        runtime,
        listener: mio::net::TcpListener::from_std(listener.into()),
        commands: mailbox,
        routes: shared.config.routes(),
        slots: slots.clone(),
        log,
        log_requests: !shared.options.no_request_log,
        dev: shared.options.dev,
    })
    .map_err(system("watch the listening socket"))?;
    if single {
        worker
            .preload(&slots[0])
            .map_err(|error| ServeError::Application(shared.apps[0].0.name().to_owned(), error))?;
    }
    // The first is listening already.
    accepting.listen(BACKLOG).map_err(system("listen"))?;
    drop(accepting);
    let _ = reports.send(Report::Ready);
    worker.run().map_err(system("wait for events"))
}

/// A listening socket for each thread; the system deals connections out among them.
fn listen(address: SocketAddr, threads: usize) -> Result<Vec<Socket>, ServeError> {
    if address.port() != 0 {
        // The sockets below share their port with each other, and would with another server's: whether there is one is
        // found out first, by a socket that shares with nobody.
        bind(address, false).map_err(|error| ServeError::Listen(address, error))?;
    }
    let mut address = address;
    let mut sockets = Vec::with_capacity(threads);
    for index in 0..threads {
        // Clients may connect to the first socket from now on, and wait; to the others when their workers are there (`work`).
        let socket = bind(address, true)
            .and_then(|socket| if index == 0 { socket.listen(BACKLOG).map(|()| socket) } else { Ok(socket) })
            .map_err(|error| ServeError::Listen(address, error))?;
        if let Some(bound) = socket.local_addr().ok().and_then(|bound| bound.as_socket()) {
            // A port that was picked is everybody's.
            address = bound;
        }
        sockets.push(socket);
    }
    Ok(sockets)
}

fn bind(address: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(share)?;
    // Inherited by what is accepted: no call for each connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn stop_all(workers: &[Thread], command: Command) {
    for worker in workers {
        // A worker that has ended needs no command.
        let _ = worker.commands.send(command);
    }
}

/// Reports SIGTERM and SIGINT from now on.
fn watch_signals(reports: mpsc::Sender<Report>) -> Result<signal_hook::iterator::Handle, ServeError> {
    let failed = |error| ServeError::System("watch for signals", error);
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
    let handle = signals.handle();
    std::thread::Builder::new()
        .name("nano-signals".into())
        .spawn(move || {
            for _ in signals.forever() {
                if reports.send(Report::Signal).is_err() {
                    return;
                }
            }
        })
        .map_err(failed)?;
    Ok(handle)
}

/// Waits for a signal, then for the workers to drain. False: some have not, in their time or before a second signal.
fn wait_for_the_end(
    drain_timeout: Duration,
    workers: &[Thread],
    reports: &mpsc::Receiver<Report>,
) -> Result<bool, ServeError> {
    // A worker that ends before the signal is a fault.
    match reports.recv() {
        Ok(Report::Signal) => {}
        Ok(Report::Failed(error)) => return Err(error),
        Ok(Report::Ended | Report::Ready) | Err(_) => return Err(ServeError::Worker),
    }
    stop_all(workers, Command::Drain);
    let deadline = Instant::now() + drain_timeout;
    let mut left = workers.len();
    while left > 0 {
        match reports.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Report::Ended) => left -= 1,
            Ok(Report::Failed(error)) => return Err(error),
            Ok(Report::Ready) => {}
            // A second signal ends at once.
            Ok(Report::Signal) | Err(_) => break,
        }
    }
    Ok(left == 0)
}
