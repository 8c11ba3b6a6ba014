//! Runs scripts with a program, NANO or another, several at a time, each in a process and so in an isolate of
//! its own, and reads the lines that the reporter prints.
//!
//! Knows processes and the reporter's lines; nothing of web-platform-tests.

use std::borrow::Cow;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What runs the scripts.
#[derive(Clone, Debug)]
pub struct Program {
    pub path: PathBuf,
    /// What comes before the file on the command line.
    pub args: &'static [&'static str],
    /// Whether a `.cjs` file is a module to it, and not a classic script: the script is evaluated by one
    /// then.
    pub wraps: bool,
    /// Variables that it finds beside its parent's.
    pub environment: Vec<(&'static str, PathBuf)>,
}

impl Program {
    pub fn nano(path: PathBuf) -> Self {
        Self { path, args: &["run"], wraps: false, environment: Vec::new() }
    }

    /// The text of the file that makes it run a classic script.
    fn file<'a>(&self, script: &'a str) -> Cow<'a, str> {
        if !self.wraps {
            return script.into();
        }
        // By an indirect call eval takes the text as a script of the global scope.
        format!("(0, eval)({});\n", Value::from(script)).into()
    }
}

/// A script to run.
pub struct Job {
    /// How the results name it.
    pub name: String,
    pub script: String,
    /// It has four times the time.
    pub long: bool,
}

/// Longer than the reporter's own limit, which ends tests with their names; this one is for a file that never
/// gives back control. Debug builds on a busy machine are slow, hence generous.
const LIMIT: Duration = Duration::from_secs(30);

/// What a subtest came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    Pass,
    /// With the harness's message.
    Fail(String),
    /// An optional feature that is not there: counts as neither.
    Optional,
}

/// What a file came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In the order in which they ended. Where a name comes again, ` (2)` and so on is added.
    pub subtests: Vec<(String, Status)>,
}

/// The name of the failure that is a file's as a whole: it threw outside of its tests, crashed or ran out of
/// time.
pub const WHOLE: &str = "(the file)";

/// Runs all jobs, `parallel` at a time. The outcomes come in the jobs' order.
pub fn all(program: &Program, jobs: &[Job], parallel: usize) -> Result<Vec<(String, Outcome)>, String> {
    let folder = std::env::temp_dir().join(format!("nano-wpt-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Outcome>>> = Mutex::new(jobs.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(at) else { return };
                    let outcome = one(program, &folder.join(format!("{at}.cjs")), job);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[at] = Some(outcome);
                }
            });
        }
    });
    let _ = fs::remove_dir_all(&folder);
    let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(jobs.iter().zip(done).map(|(job, outcome)| (job.name.clone(), outcome.unwrap_or_default())).collect())
}

/// A child that does not outlive its reader.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn one(program: &Program, file: &Path, job: &Job) -> Outcome {
    let mut reader = Reader::default();
    if let Err(problem) = run(program, file, job, &mut reader) {
        reader.outcome.subtests.push((WHOLE.into(), Status::Fail(problem)));
    }
    let _ = fs::remove_file(file);
    reader.outcome
}

/// Error: what befell the file as a whole.
fn run(program: &Program, file: &Path, job: &Job, reader: &mut Reader) -> Result<(), String> {
    fs::write(file, program.file(&job.script).as_bytes())
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut command = Command::new(&program.path);
    command.args(program.args).arg(file).env("NO_COLOR", "1");
    command.envs(program.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child =
        command.spawn().map_err(|error| format!("cannot start {}: {error}", program.path.display()))?;
    let mut child = Running(child);
    let (Some(out), Some(mut err)) = (child.0.stdout.take(), child.0.stderr.take()) else {
        return Err("no pipes".into());
    };
    let (send, lines) = mpsc::channel();
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = err.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    std::thread::spawn(move || {
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let deadline = Instant::now() + if job.long { LIMIT * 4 } else { LIMIT };
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(end) = reader.line(&line) {
                    return end;
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => return Err("ran out of time".into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.0.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    let said = said.join().unwrap_or_default();
    Err(format!("ended before its tests, {status}: {}", said.lines().take(3).collect::<Vec<_>>().join(" | ")))
}

/// Collects what the reporter printed.
#[derive(Default)]
struct Reader {
    outcome: Outcome,
}

impl Reader {
    /// Takes a line. At the last one it gives what the harness makes of the whole.
    fn line(&mut self, line: &[u8]) -> Option<Result<(), String>> {
        let record: Value = serde_json::from_slice(line.strip_prefix(b"@@WPT ")?).ok()?;
        let message = record["message"].as_str().unwrap_or_default();
        if let Some(end) = record["end"].as_u64() {
            // A timeout of the harness has left its mark at the subtests.
            return Some(if end == 1 { Err(message.into()) } else { Ok(()) });
        }
        let status = match record["status"].as_u64()? {
            0 => Status::Pass,
            2 => Status::Fail(format!("timed out. {message}")),
            3 => Status::Fail("not run".into()),
            4 => Status::Optional,
            _ => Status::Fail(message.into()),
        };
        let name = record["name"].as_str()?;
        let same = |other: &str| {
            other == name
                || other.strip_prefix(name).is_some_and(|rest| rest.starts_with(" (") && rest.ends_with(')'))
        };
        let mut unique = name.to_string();
        if self.outcome.subtests.iter().any(|(other, _)| other == name) {
            let before = self.outcome.subtests.iter().filter(|(other, _)| same(other)).count();
            unique = format!("{name} ({})", before + 1);
        }
        self.outcome.subtests.push((unique, status));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_outcomes() {
        let mut reader = Reader::default();
        for line in [
            r#"something a test printed"#,
            r#"@@WPT {"name":"a","status":0,"message":null}"#,
            r#"@@WPT {"name":"a","status":1,"message":"no"}"#,
            r#"@@WPT {"name":"b","status":4,"message":""}"#,
        ] {
            assert_eq!(reader.line(line.as_bytes()), None);
        }
        assert_eq!(reader.line(br#"@@WPT {"end":0}"#), Some(Ok(())));
        let expected = [
            ("a".to_string(), Status::Pass),
            ("a (2)".to_string(), Status::Fail("no".into())),
            ("b".to_string(), Status::Optional),
        ];
        assert_eq!(reader.outcome.subtests, expected);
    }

    #[test]
    fn a_script_in_a_module_is_evaluated_as_a_script() {
        let nano = Program::nano("nano".into());
        assert_eq!(nano.file("var a = \"b\";"), "var a = \"b\";");
        let peer = Program { wraps: true, ..nano };
        assert_eq!(peer.file("var a = \"b\";"), "(0, eval)(\"var a = \\\"b\\\";\");\n");
    }

    #[test]
    fn a_harness_error_is_the_files() {
        let end = Reader::default().line(br#"@@WPT {"end":1,"message":"thrown"}"#);
        assert_eq!(end, Some(Err("thrown".into())));
    }
}
