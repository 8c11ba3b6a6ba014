//! The runtime from outside, in one process: what applications do to it, and what it makes of them.

mod isolates;

use nano_runtime::{Console, Level, THREAD_STACK_BYTES};
use std::cell::RefCell;
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
