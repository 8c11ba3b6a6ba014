//! The runtime from outside, in one process: what applications do to it, and what it makes of them.

mod embedding;
mod imports;
mod isolates;

use nano_runtime::{Application, Console, FetchLimits, Level, Limits, RunError, THREAD_STACK_BYTES, run};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// A console that keeps what is printed.
#[derive(Default)]
pub struct Lines(RefCell<Vec<String>>);

impl Lines {
    /// What was printed so far.
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

impl Console for Lines {
    fn print(&self, _: &str, _: Level, text: &str) {
        self.0.borrow_mut().push(text.to_owned());
    }
}

/// Calls `with` on a thread that may run JavaScript.
pub fn on_thread<R: Send + 'static>(with: impl FnOnce() -> R + Send + 'static) -> R {
    nano_runtime::initialize();
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(with).unwrap();
    thread.join().unwrap()
}

/// Writes files into a directory made for them.
pub fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

/// Runs a script to its end: what it has printed, and its error.
pub fn run_script(script: &Path, limits: Limits) -> (Vec<String>, Option<String>) {
    let script = script.to_owned();
    on_thread(move || {
        let lines = Rc::new(Lines::default());
        let console = Rc::clone(&lines) as Rc<dyn Console>;
        let limits = Limits { fetch: FetchLimits::UNLIMITED, ..limits };
        let ran = Application::script(&script, Vec::new(), limits)
            .map_err(RunError::Load)
            .and_then(|app| run(&app, console));
        (lines.take(), ran.err().map(|error| error.to_string()))
    })
}
