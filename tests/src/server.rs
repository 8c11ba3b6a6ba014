//! A `nano serve` that runs while a test looks at it.

use crate::{Client, Dir, PATIENCE, Usage, nano};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How a server is started.
#[derive(Debug, Default)]
pub struct Options {
    /// Arguments beside the application and the port.
    pub args: Vec<OsString>,
    /// How many files it may have open (`ulimit -n`).
    pub files: Option<u64>,
    /// Environment variables beside this process's.
    pub env: Vec<(String, OsString)>,
}

impl Options {
    /// One worker thread, so that all requests meet in one isolate.
    pub fn one_thread() -> Self {
        Self::args(&["--threads", "1"])
    }

    /// These arguments.
    pub fn args(args: &[&str]) -> Self {
        Self { args: args.iter().map(OsString::from).collect(), ..Self::default() }
    }

    /// The same, with a variable in the process's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

/// The lines so far, and whether the output has ended.
type LinesSoFar = (Vec<String>, bool);

/// Lines that a process prints, as they come.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<(Mutex<LinesSoFar>, Condvar)>);

impl Lines {
    fn follow(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let theirs = lines.clone();
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while matches!(source.read_until(b'\n', &mut line), Ok(count) if count > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                theirs.with(|lines| lines.0.push(text));
                line.clear();
            }
            theirs.with(|lines| lines.1 = true);
        });
        lines
    }

    fn with(&self, change: impl FnOnce(&mut (Vec<String>, bool))) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    /// All lines so far.
    pub fn all(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// The first line for which `wanted` has a value: waits until it is printed.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        self.wait_all(what, |lines| lines.iter().find_map(|line| wanted(line)))
    }

    #[track_caller]
    fn wait_all<T>(&self, what: &str, wanted: impl Fn(&[String]) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = wanted(&lines.0) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!lines.1 && !left.is_zero(), "no line with {what} among:\n{}", lines.0.join("\n"));
            lines = self.0.1.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until so many lines have this text in them.
    ///
    /// # Panics
    ///
    /// If they do not come.
    #[track_caller]
    pub fn wait_count(&self, text: &str, count: usize) {
        self.wait_all(text, |lines| {
            (lines.iter().filter(|line| line.contains(text)).count() >= count).then_some(())
        });
    }

    /// Waits for a line with this text in it, and returns the line.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        self.wait(text, |line| line.contains(text).then(|| line.to_owned()))
    }
}

/// A server under test. Killed when it is dropped; a test that has passed has also found it alive then.
#[derive(Debug)]
pub struct Nano {
    child: Child,
    port: u16,
    /// Standard output: the log.
    pub log: Lines,
    /// Standard error.
    pub errors: Lines,
    ended: bool,
    _dir: Option<Dir>,
}

impl Nano {
    /// Serves the application in a directory or file.
    pub fn serve(path: &Path, options: Options) -> Self {
        Self::start(&[path.as_os_str()], options)
    }

    /// Serves an application that is this module, with one thread.
    pub fn app(code: &str) -> Self {
        Self::app_with(code, Options::one_thread())
    }

    /// Serves an application that is this module.
    pub fn app_with(code: &str, options: Options) -> Self {
        Self::dir(Dir::app(code), options)
    }

    /// Serves the application in a temporary directory, which lives as long as the server.
    pub fn dir(dir: Dir, options: Options) -> Self {
        let mut server = Self::serve(dir.path(), options);
        server._dir = Some(dir);
        server
    }

    /// Serves the applications of a configuration, `nano.jsonc` in a temporary directory.
    pub fn config(dir: Dir, options: Options) -> Self {
        let mut server = Self::start(&["--config".as_ref(), dir.join("nano.jsonc").as_os_str()], options);
        server._dir = Some(dir);
        server
    }

    fn start(what: &[&std::ffi::OsStr], options: Options) -> Self {
        let mut command = Command::new(nano());
        command.arg("serve").args(what).args(["--port", "0"]).args(&options.args);
        command.env_remove("NANO_PORT").env_remove("NANO_LOG_FORMAT");
        command.env_remove("NANO_ADMIN_TOKEN");
        command.envs(options.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(files) = options.files {
            let limit = libc::rlimit { rlim_cur: files, rlim_max: files };
            // SAFETY: setrlimit may be called between fork and exec; the limit is copied into the closure.
            unsafe {
                command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_NOFILE, &limit) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                });
            }
        }
        let mut child = command.spawn().expect("the binary can be started");
        let log = Lines::follow(child.stdout.take().expect("piped"));
        let errors = Lines::follow(child.stderr.take().expect("piped"));
        let mut server = Self { child, port: 0, log, errors, ended: false, _dir: None };
        server.port = server.errors.wait("its address", |line| {
            let address = line.split("http://").nth(1)?;
            address.rsplit(':').next()?.trim().parse().ok()
        });
        server
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A new connection.
    #[track_caller]
    pub fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// Its process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the system says of it.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn usage(&self) -> Usage {
        Usage::of(self.id())
            .unwrap_or_else(|| panic!("the server has ended:\n{}", self.errors.all().join("\n")))
    }

    /// Waits until what the system says fulfils a condition.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn wait_usage(&self, what: &str, wanted: impl Fn(&Usage) -> bool) -> Usage {
        let until = Instant::now() + PATIENCE;
        loop {
            let usage = self.usage();
            if wanted(&usage) {
                return usage;
            }
            assert!(Instant::now() < until, "not {what}: {usage:?}");
            // There is no event for this: look again a little later.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    ///
    /// If the process is gone.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child has not been waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(self.id() as libc::pid_t, signal) }, 0, "the process is gone");
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                self.ended = true;
                return status;
            }
            assert!(Instant::now() < until, "the server does not end:\n{}", self.errors.all().join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it by SIGTERM, as an operator would, and checks that it ends well.
    ///
    /// # Panics
    ///
    /// If it does not end with exit code 0.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(libc::SIGTERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{status}:\n{}", self.errors.all().join("\n"));
    }

    /// Kills it, whatever state it is in.
    pub fn abandon(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.ended = true;
    }

    /// Whether it still runs; if not, how it ended.
    ///
    /// # Errors
    ///
    /// A text that says how it ended, and what it printed last.
    pub fn alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                self.ended = true;
                let how = match status.signal() {
                    Some(signal) => format!("signal {signal}"),
                    None => status.to_string(),
                };
                let errors = self.errors.all();
                let fatal = errors.iter().find(|line| line.contains("atal")).cloned().unwrap_or_default();
                Err(format!("the process has ended: {how}; {fatal}"))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Nano {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let alive = self.alive();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking()
            && let Err(how) = alive
        {
            panic!("{how}");
        }
    }
}
