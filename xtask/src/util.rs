//! What every command of xtask shares: the workspace's folders, running other programs with progress and with
//! errors that say what to do, and installers for the few system and npm packages that a command may need.
//!
//! Knows the operating system's tools; knows nothing of V8, of the tests or of the benchmarks.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The folder that holds the workspace's Cargo.toml.
pub fn workspace_root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => workspace_root().join(dir),
        _ => workspace_root().join("target"),
    }
}

/// Cargo's home folder: `CARGO_HOME`, or `.cargo` in the user's home.
pub fn cargo_home() -> Result<PathBuf, String> {
    if let Some(dir) = std::env::var_os("CARGO_HOME").filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir));
    }
    let home = std::env::var_os("HOME").filter(|dir| !dir.is_empty());
    home.map(|home| PathBuf::from(home).join(".cargo"))
        .ok_or_else(|| "neither CARGO_HOME nor HOME is set".into())
}

/// A cargo command in the workspace's root.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace_root()).args(args);
    command
}

/// The command as a person would type it, for messages.
pub fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    // Cargo hands over its own path; the name says enough.
    let program = if program.is_absolute() && program.file_stem().is_some_and(|name| name == "cargo") {
        "cargo".into()
    } else {
        program.to_string_lossy()
    };
    let quote = |text: &str| {
        if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\"'$`\\*?;&|<>(){}".contains(c))
        {
            text.to_string()
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    let mut text = quote(&program);
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&quote(&arg.to_string_lossy()));
    }
    text
}

/// Prints a line of progress to standard error.
pub fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// Runs a command with the terminal's own input and output; says which it is. Error: what failed and how.
pub fn run(command: &mut Command) -> Result<(), String> {
    say(&show(command));
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", show(command))) }
}

/// Runs a command quietly and gives what it printed to standard output. Error: what failed, with the end of
/// what it printed to standard error.
pub fn capture(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed: {}\n{}", show(command), output.status, indent(&last_lines(&said, 10))))
}

/// Runs a long command with its output in a file (appended), and a line of progress now and then: every ten
/// seconds on a terminal, every minute elsewhere. `progress` makes the line's text from the end of what the
/// command printed. Error: what failed, the end of the log, and where the whole is.
pub fn run_logged(
    what: &str,
    command: &mut Command,
    log: &Path,
    progress: impl Fn(&str) -> Option<String> + Sync,
) -> Result<(), String> {
    use std::io::IsTerminal;
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|error| format!("cannot write the log {}: {error}", log.display()))?;
    let _ = writeln!(file, "\n$ {}", show(command));
    let clone =
        || file.try_clone().map_err(|error| format!("cannot write the log {}: {error}", log.display()));
    command.stdin(Stdio::null()).stdout(clone()?).stderr(clone()?);
    let every =
        if std::io::stderr().is_terminal() { Duration::from_secs(10) } else { Duration::from_secs(60) };
    let begun = Instant::now();
    let ended = AtomicBool::new(false);
    let status = std::thread::scope(|scope| {
        let ticker = scope.spawn(|| {
            let mut next = every;
            while !ended.load(Ordering::Acquire) {
                std::thread::park_timeout(Duration::from_secs(1));
                if begun.elapsed() >= next && !ended.load(Ordering::Acquire) {
                    let detail = progress(&tail(log, 16 << 10)).unwrap_or_default();
                    say(&format!(
                        "{what}: {} so far{}{detail}",
                        duration(begun.elapsed()),
                        if detail.is_empty() { "" } else { ", " }
                    ));
                    next = begun.elapsed() + every;
                }
            }
        });
        let status = command.status();
        ended.store(true, Ordering::Release);
        ticker.thread().unpark();
        status
    });
    let status = status.map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(());
    }
    let end = indent(&last_lines(&tail(log, 8192), 15));
    Err(format!("{what} failed: `{}`: {status}\n{end}\nThe whole log is in {}", show(command), log.display()))
}

/// The error of a program that did not start.
pub fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` cannot be started: {error}", show(command))
}

fn tail(path: &Path, bytes: u64) -> String {
    use std::io::{Seek, SeekFrom};
    let Ok(mut file) = File::open(path) else { return String::new() };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut end = Vec::new();
    let _ = file.seek(SeekFrom::Start(length.saturating_sub(bytes)));
    let _ = file.read_to_end(&mut end);
    String::from_utf8_lossy(&end).into_owned()
}

/// The last `count` lines that are not empty.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Each line two columns further right.
pub fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// A duration for people: `0.2 s`, `14 s`, `3 min 05 s`, `1 h 12 min`.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Where a program lies that the shell would find by this name.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Copies a file so that it is there whole or not at all, and writable by its owner.
pub fn copy_whole(from: &Path, to: &Path) -> Result<(), String> {
    let mut source = File::open(from).map_err(|error| format!("cannot read {}: {error}", from.display()))?;
    write_whole(to, &mut source)
}

/// Writes a file so that it is there whole or not at all.
pub fn write_whole(to: &Path, source: &mut dyn Read) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot write {}: {error}", to.display());
    let folder = to.parent().ok_or_else(|| format!("{} has no folder", to.display()))?;
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let mut name = to.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = folder.join(name);
    let written = (|| {
        let mut file = File::create(&part)?;
        std::io::copy(source, &mut file)?;
        file.sync_all()?;
        fs::rename(&part, to)
    })();
    written.map_err(|error| {
        let _ = fs::remove_file(&part);
        fail(error)
    })
}

/// Whether this process may install system packages.
pub fn is_root() -> bool {
    capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Sees to it that Debian packages are installed. `why` completes "needed for". Installs what is missing when
/// run as root where apt-get is; otherwise the error says the command to run.
pub fn ensure_apt(packages: &[&str], why: &str) -> Result<(), String> {
    let installed = |package: &&&str| {
        capture(Command::new("dpkg-query").args(["-W", "-f=${Status}", package]))
            .is_ok_and(|status| status.ends_with("ok installed"))
    };
    let missing: Vec<&str> = packages.iter().filter(|package| !installed(package)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if which("apt-get").is_none() {
        return Err(format!("needed for {why}, and there is no apt-get to install it with: {list}"));
    }
    if !is_root() {
        return Err(format!(
            "needed for {why}: run `sudo apt-get update && sudo apt-get install -y {list}` and try again"
        ));
    }
    say(&format!("installing with apt-get, needed for {why}: {list}"));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // An update that fails for one source may still have brought the lists that are needed: let the
    // installation decide.
    let update = capture(&mut apt(&["update"]));
    let mut install = apt(&["install", "-y", "--no-install-recommends"]);
    capture(install.args(&missing)).map(drop).map_err(|error| match update {
        Ok(_) => error,
        Err(before) => format!("{error}\nand before that {before}"),
    })
}

/// Sees to it that one program is there, by installing the Debian package that has it.
pub fn ensure_program(program: &str, package: &str, why: &str) -> Result<(), String> {
    if which(program).is_some() { Ok(()) } else { ensure_apt(&[package], why) }
}

/// Sees to it that `node` and `npm` are there.
pub fn ensure_node(why: &str) -> Result<(), String> {
    ensure_program("node", "nodejs", why)?;
    ensure_program("npm", "npm", why)
}

/// Installs the npm packages of a folder that has a package-lock.json, unless they are there as the lock file
/// has them. Does nothing for a folder without one.
pub fn ensure_npm(folder: &Path) -> Result<(), String> {
    let Ok(lock) = fs::read(folder.join("package-lock.json")) else { return Ok(()) };
    let mark = folder.join("node_modules/.installed-lock.json");
    if fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    ensure_node("the npm packages of the test applications")?;
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).stdin(Stdio::null());
    say(&format!("npm packages of {}", folder.strip_prefix(workspace_root()).unwrap_or(folder).display()));
    capture(&mut npm)?;
    // A lock file without packages makes no folder.
    write_whole(&mark, &mut &lock[..])
}

/// A command's options: true if `name` is among them; removes it.
pub fn take_flag(args: &mut Vec<String>, name: &str) -> bool {
    let before = args.len();
    args.retain(|arg| arg != name);
    args.len() != before
}

/// A command's option with a value, `--name VALUE` or `--name=VALUE`; removes it.
pub fn take_value(args: &mut Vec<String>, name: &str) -> Result<Option<String>, String> {
    for at in 0..args.len() {
        if args[at] == name {
            if at + 1 == args.len() {
                return Err(format!("{name} wants a value"));
            }
            args.remove(at);
            return Ok(Some(args.remove(at)));
        }
        if let Some(value) = args[at].strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
            let value = value.to_string();
            args.remove(at);
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The error for options that a command does not have.
pub fn no_more(args: &[String]) -> Result<(), String> {
    if args.is_empty() { Ok(()) } else { Err(format!("does not know `{}`; see --help", args.join(" "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("sh");
        assert_eq!(
            show(command.args(["-c", "echo 'a b'", "plain", ""])),
            r"sh -c 'echo '\''a b'\''' plain ''"
        );
        assert_eq!(show(Command::new("/opt/toolchain/bin/cargo").arg("test")), "cargo test");
    }

    #[test]
    fn durations_read_well() {
        let shown =
            [0.24, 14.9, 60.0, 185.0, 4330.0].map(|seconds| duration(Duration::from_secs_f64(seconds)));
        assert_eq!(shown, ["0.2 s", "14 s", "1 min 00 s", "3 min 05 s", "1 h 12 min"]);
    }

    #[test]
    fn options_are_taken_in_both_forms() {
        let mut args: Vec<String> = ["a", "--port", "1", "--work=x", "--flag"].map(String::from).into();
        assert_eq!(take_value(&mut args, "--port"), Ok(Some("1".into())));
        assert_eq!(take_value(&mut args, "--work"), Ok(Some("x".into())));
        assert_eq!(take_value(&mut args, "--work"), Ok(None));
        assert!(take_value(&mut args, "--flag").is_err());
        assert!(take_flag(&mut args, "--flag") && !take_flag(&mut args, "--flag"));
        assert_eq!(no_more(&args), Err("does not know `a`; see --help".into()));
    }

    #[test]
    fn failures_carry_what_the_program_said() {
        let error = capture(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("why"), "{error}");
        assert!(
            capture(&mut Command::new("/nonexistent/program")).unwrap_err().contains("cannot be started")
        );
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("the disk is gone"))
            }
        }
        let folder = std::env::temp_dir().join(format!("xtask-util-{}", std::process::id()));
        let file = folder.join("deep/file");
        write_whole(&file, &mut &b"first"[..]).unwrap();
        assert!(
            write_whole(&file, &mut (&b"second"[..]).chain(Broken)).unwrap_err().contains("the disk is gone")
        );
        assert_eq!(fs::read(&file).unwrap(), b"first");
        assert_eq!(
            fs::read_dir(folder.join("deep")).unwrap().count(),
            1,
            "the unfinished file was left behind"
        );
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failed_long_command_names_its_log() {
        let log = std::env::temp_dir().join(format!("xtask-log-{}", std::process::id()));
        let error =
            run_logged("work", Command::new("sh").args(["-c", "echo the cause; exit 1"]), &log, |_| None)
                .unwrap_err();
        assert!(error.contains("the cause") && error.contains(&log.display().to_string()), "{error}");
        fs::remove_file(&log).unwrap();
    }
}
