//! One script, one expression, one check: what `nano run`, `nano eval` and `nano check` do on a loop of their
//! own.
//!
//! Knows nothing of servers. Each function wants a thread with
//! [`THREAD_STACK_BYTES`](crate::THREAD_STACK_BYTES) of stack.

use crate::app::{Application, FetchLimits, Limits};
use crate::errors::exception_error;
use crate::host::{Console, InstanceHost};
use crate::platform::{self, IsolateFactory};
use crate::runtime::{Runtime, RuntimeOptions};
use crate::{instance::Instance, pools};
use nano_fetch::{Client, ClientOptions, Proxies};
use nano_isolate::modules::{self, ModuleMap};
use nano_isolate::{Need, SCRIPT_YOUNG_BYTES, YOUNG_BYTES};
use nano_loop::{Config, Loop, Wait};
use nano_modules::LoadError;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How often to look whether V8's threads have finished.
const BACKGROUND_LOOK: std::time::Duration = std::time::Duration::from_millis(10);

/// Why a script did not come to a good end.
#[derive(Debug)]
pub enum RunError {
    /// The event loop or the isolate could not be made.
    System(io::Error),
    /// It could not be loaded, or its top level threw.
    Load(LoadError),
    /// Something was thrown and not caught later; it was printed.
    Uncaught,
    /// Its top level awaits something that nothing can bring about.
    Stalled,
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System(error) => write!(f, "the runtime cannot start: {error}"),
            Self::Load(error) => error.fmt(f),
            Self::Uncaught => f.write_str("an exception was not caught"),
            Self::Stalled => f.write_str("the script awaits a promise that nothing is going to settle"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::Load(error) => Some(error),
            Self::Uncaught | Self::Stalled => None,
        }
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Runs a script until nothing is pending.
///
/// # Errors
///
/// See [`RunError`].
pub fn run(app: &Arc<Application>, console: Rc<dyn Console>) -> Result<(), RunError> {
    let runtime = start(console)?;
    let instance = instance(&runtime, app)?;
    turn_until_done(&runtime, &instance)
}

/// Evaluates code (an expression, or statements; `await` is allowed) and returns its value as the console
/// prints it.
///
/// # Errors
///
/// See [`RunError`].
pub fn evaluate(code: &str, console: Rc<dyn Console>) -> Result<String, RunError> {
    let runtime = start(console)?;
    let app = Application::code(code, Limits { fetch: FetchLimits::UNLIMITED, ..Limits::default() });
    let instance = instance(&runtime, &app)?;
    turn_until_done(&runtime, &instance)?;
    runtime.completion(&instance).ok_or(RunError::Stalled)
}

/// Compiles and links an application without evaluating any of it: every problem.
///
/// # Errors
///
/// If no isolate could be made. Problems of the application are the result, not an error.
pub fn check(app: &Arc<Application>, console: Rc<dyn Console>) -> Result<Vec<LoadError>, RunError> {
    platform::initialize();
    let event_loop = Rc::new(Loop::new(Config::default())?);
    let client = Rc::new(Client::new(Rc::clone(&event_loop), pools::waiting(), ClientOptions::default()));
    let host = InstanceHost::new(event_loop, console, None, client);
    let isolates = IsolateFactory::new(nano_isolate::stack_base(), YOUNG_BYTES);
    let realm = isolates.make(host, Need::Request).map_err(io::Error::other)?;
    let entry = match app.sources().entry() {
        Ok(entry) => entry,
        Err(error) => return Ok(vec![error]),
    };
    let map = ModuleMap::new(Arc::clone(app.sources()));
    let problems = realm.enter(|scope, realm| {
        // SAFETY: the map outlives the isolate's last use, below.
        unsafe { map.attach(scope) };
        modules::check_graph(scope, &map, entry, &mut |scope, exception, message| {
            exception_error(scope, realm, exception, message)
        })
    });
    map.clear();
    Ok(problems)
}

/// Compiles and links an application, and evaluates its modules in an isolate of their own, which is thrown
/// away: every problem that would keep it from serving. Its top level may take `patience`, what it awaits
/// included.
///
/// # Errors
///
/// If no isolate could be made. Problems of the application are the result, not an error.
pub fn rehearse(
    app: &Arc<Application>,
    console: Rc<dyn Console>,
    network: ClientOptions,
    patience: Duration,
) -> Result<Vec<LoadError>, RunError> {
    let problems = check(app, Rc::clone(&console))?;
    if !problems.is_empty() {
        return Ok(problems);
    }
    let event_loop = Rc::new(Loop::new(Config::default())?);
    let runtime = Runtime::new(
        event_loop,
        RuntimeOptions { spares: 0, young_bytes: SCRIPT_YOUNG_BYTES, console, network },
    )?;
    let instance = runtime.create(app).map_err(|error| RunError::System(io::Error::other(error)))?;
    let late = || LoadError::new(format!("its top level takes longer than {} s", patience.as_secs_f64()));
    let Some(realm) = instance.realm() else { return Ok(vec![late()]) };
    let timer = Deadline::set(patience, realm.handle())?;
    drop(realm);
    runtime.load(&instance);
    let event_loop = runtime.event_loop();
    while instance.is_loading() && !timer.is_over() {
        event_loop.poll(Wait::AtMost(DEADLINE_LOOK))?;
        while let Some(event) = event_loop.next() {
            runtime.handle(&event);
        }
    }
    if timer.is_over() {
        return Ok(vec![late()]);
    }
    Ok(instance.failure().into_iter().collect())
}

/// How often a top level that awaits is looked after.
const DEADLINE_LOOK: Duration = Duration::from_millis(50);

/// Ends JavaScript that runs for too long, from another thread.
struct Deadline {
    over: Arc<AtomicBool>,
    /// Dropped: it is not needed any more.
    _cancel: mpsc::Sender<()>,
}

impl Deadline {
    fn set(patience: Duration, handle: v8::IsolateHandle) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&over);
        let (cancel, cancelled) = mpsc::channel::<()>();
        std::thread::Builder::new().name("nano-deadline".into()).spawn(move || {
            if let Err(mpsc::RecvTimeoutError::Timeout) = cancelled.recv_timeout(patience) {
                theirs.store(true, Ordering::Release);
                handle.terminate_execution();
            }
        })?;
        Ok(Self { over, _cancel: cancel })
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

fn start(console: Rc<dyn Console>) -> Result<Rc<Runtime>, RunError> {
    platform::initialize();
    let event_loop = Rc::new(Loop::new(Config::default())?);
    let mut network = ClientOptions::default();
    network.core.proxies = Proxies::from_env(|name| std::env::var(name).ok())
        .map_err(|error| RunError::System(io::Error::other(error)))?;
    Ok(Runtime::new(
        event_loop,
        RuntimeOptions { spares: 0, young_bytes: SCRIPT_YOUNG_BYTES, console, network },
    )?)
}

fn instance(runtime: &Rc<Runtime>, app: &Arc<Application>) -> Result<Rc<Instance>, RunError> {
    let instance = runtime.instance(app).map_err(|error| RunError::System(io::Error::other(error)))?;
    match instance.failure() {
        Some(error) => Err(RunError::Load(error)),
        None => Ok(instance),
    }
}

fn turn_until_done(runtime: &Rc<Runtime>, instance: &Rc<Instance>) -> Result<(), RunError> {
    let event_loop = runtime.event_loop();
    loop {
        if let Some(error) = instance.failure() {
            return Err(RunError::Load(error));
        }
        if instance.uncaught() > 0 {
            return Err(RunError::Uncaught);
        }
        let expects = instance.timers() > 0
            || instance.expected() > 0
            || instance.works() > 0
            || runtime.has_messages()
            || instance.awaits_network();
        if !expects && !runtime.has_foreground_work() {
            if instance.has_background_work() {
                // A compilation on V8's own threads; its end is posted, and looked for in case it is not.
                event_loop.poll(Wait::AtMost(BACKGROUND_LOOK))?;
                while let Some(event) = event_loop.next() {
                    runtime.handle(&event);
                }
                continue;
            }
            return if instance.is_ready() { Ok(()) } else { Err(RunError::Stalled) };
        }
        event_loop.poll(Wait::UntilNext)?;
        while let Some(event) = event_loop.next() {
            runtime.handle(&event);
            if instance.uncaught() > 0 {
                break;
            }
        }
    }
}
