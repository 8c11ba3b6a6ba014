//! Finding the binary under test, and running it to its end.

use crate::PATIENCE;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The binary under test: what `NANO_BINARY` names, else the one of this workspace, in the profile of the
/// tests themselves. It is built first, once, so that no test judges an old one.
///
/// # Panics
///
/// If it cannot be built.
pub fn nano() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("NANO_BINARY") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    // TARGET/PROFILE/deps/it-HASH
    let me = std::env::current_exe().expect("the tests' own path");
    let folder = me.parent().and_then(Path::parent).expect("tests lie in TARGET/PROFILE/deps");
    let target = folder.parent().expect("a target directory");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "nano", "--profile", profile])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("CARGO_TARGET_DIR", target)
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "cargo build --package nano has failed: see above");
    let binary = folder.join("nano");
    assert!(binary.exists(), "cargo built no {}", binary.display());
    binary
}

/// How a run ended.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs the binary with these arguments in a directory, until it ends.
///
/// # Panics
///
/// If it cannot be started.
pub fn run(folder: &Path, args: &[&str]) -> Output {
    run_with(folder, args, &[])
}

/// The variables that a test of proxies sets, and that a developer's own environment may have.
const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// The same, with variables in the process's environment.
///
/// # Panics
///
/// If it cannot be started.
pub fn run_with(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(nano());
    for name in PROXIES {
        command.env_remove(name);
    }
    let output = command
        .args(args)
        .current_dir(folder)
        .env_remove("NANO_PORT")
        .env_remove("NANO_LOG_FORMAT")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let output = ended(output);
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits for the end; after [`PATIENCE`] the process is killed, so that the test fails instead of standing
/// still.
fn ended(mut child: Child) -> std::process::Output {
    let (done, over) = std::sync::mpsc::channel::<()>();
    let id = child.id() as libc::pid_t;
    let (mut stdout, mut stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let guard = std::thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // SAFETY: the child is waited for only after this thread has ended, so the id is still its own.
            unsafe { libc::kill(id, libc::SIGKILL) };
        }
    });
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        text
    });
    let mut text = Vec::new();
    let _ = stdout.read_to_end(&mut text);
    let stderr = errors.join().expect("a reader");
    drop(done);
    guard.join().expect("a guard");
    let status = child.wait().expect("a child of ours");
    std::process::Output { status, stdout: text, stderr }
}
