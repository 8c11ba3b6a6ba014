//! The commands, one function each: they turn parsed arguments into calls of the server and the runtime. They
//! do not know how arguments are written.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use nano_runtime::{Application, FetchLimits, Limits, RunError, THREAD_STACK_BYTES};
use nano_server::config::{Config, EnvValue, Overrides, env_file};
use nano_server::{ServeError, ServeOptions};

use crate::cli::{Check, Cli, Command, Eval, Run, Serve};
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::top;

/// Executes the command, and prints a failure to standard error.
pub fn execute(cli: Cli) -> ExitCode {
    #[cfg(feature = "tracing")]
    if let Err(failure) = crate::trace::start() {
        return report(failure);
    }
    let result = match cli.command {
        _ if cli.version => version(),
        Some(Command::Serve(args)) => serve(&args),
        Some(Command::Run(args)) => run(&args),
        Some(Command::Eval(args)) => eval(&args),
        Some(Command::Check(args)) => check(&args),
        Some(Command::Top(args)) => top::top(&args),
        Some(Command::Repl) => repl(),
        None => no_command(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(failure),
    }
}

/// Prints a failure, and returns its exit code.
fn report(failure: Failure) -> ExitCode {
    if let Some(message) = failure.message() {
        print_to_stderr(&format!("error: {message}"));
    }
    failure.exit_code()
}

/// `nano serve`: serves until a signal to stop.
fn serve(args: &Serve) -> Result<(), Failure> {
    let config = serve_config(args)?;
    let options = ServeOptions { dev: args.dev, no_request_log: args.no_request_log };
    let count = config.apps.len();
    nano_server::serve(&config, options, |address, control| {
        match count {
            1 => print_to_stderr(&format!("nano: serving {} on http://{address}", config.apps[0].name)),
            count => print_to_stderr(&format!("nano: serving {count} applications on http://{address}")),
        }
        if let Some(admin) = control.admin_address() {
            print_to_stderr(&format!("nano: administration at http://{admin}"));
        }
        if let Some(notice) = profile_notice(env!("NANO_PROFILE")) {
            print_to_stderr(&notice);
        }
    })
    .map_err(|error| match error {
        ServeError::Application(..) | ServeError::Certificate(_) => Failure::Usage(error.to_string()),
        error => Failure::Runtime(error.to_string()),
    })
}

/// The notice at start of a build that is not for measurements.
fn profile_notice(profile: &str) -> Option<String> {
    (profile != "release")
        .then(|| format!("nano: built with the profile {profile}; measure with `cargo xtask release`"))
}

/// `nano run`: runs a script until nothing is pending.
fn run(args: &Run) -> Result<(), Failure> {
    must_exist(&args.file)?;
    let arguments = args.args.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let file = args.file.clone();
    on_large_stack(move || {
        let app = Application::script(&file, arguments, script_limits())
            .map_err(|error| Failure::Runtime(error.to_string()))?;
        nano_runtime::run(&app, Rc::new(Terminal::new())).map_err(|error| match error {
            // The exception was printed when it was thrown.
            RunError::Uncaught => Failure::Silent,
            error => Failure::Runtime(error.to_string()),
        })
    })
}

/// `nano eval`: prints the value of the code.
fn eval(args: &Eval) -> Result<(), Failure> {
    let code = args.code.clone();
    on_large_stack(move || match nano_runtime::evaluate(&code, Rc::new(Terminal::new())) {
        Ok(text) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            Ok(())
        }
        Err(RunError::Uncaught) => Err(Failure::Silent),
        Err(error) => Err(Failure::Runtime(error.to_string())),
    })
}

/// `nano check`: prints every problem, or that there is none.
fn check(args: &Check) -> Result<(), Failure> {
    let config = match &args.config {
        Some(file) => read_config(file)?,
        None => {
            let path = application_path(&args.path, &args.app)?;
            Config::single(&path, Vec::new(), &Overrides::default())
        }
    };
    on_large_stack(move || {
        let confine = config.file.is_some();
        let mut problems = 0;
        for app in &config.apps {
            let found = match nano_server::open_application(app, confine) {
                Ok(opened) => nano_runtime::check(&opened, Rc::new(Terminal::new()))
                    .map_err(|error| Failure::Runtime(error.to_string()))?,
                Err(error) => vec![error],
            };
            for mut problem in found {
                problem.file = problem.file.map(|file| path_from_here(&app.path, &file));
                print_to_stderr(&problem.to_string());
                problems += 1;
            }
        }
        let apps = match config.apps.len() {
            1 => "the application".to_owned(),
            count => format!("{count} applications"),
        };
        match problems {
            0 => {
                let _ = writeln!(std::io::stdout(), "{apps}: no problems");
                Ok(())
            }
            1 => Err(Failure::Usage(format!("{apps}: 1 problem"))),
            count => Err(Failure::Usage(format!("{apps}: {count} problems"))),
        }
    })
}

/// The path of an application's file from the working directory, so that an editor can open it.
fn path_from_here(app: &Path, file: &str) -> String {
    let root = if app.is_dir() { app } else { app.parent().unwrap_or(Path::new("")) };
    root.join(file).display().to_string()
}

/// `nano repl`.
fn repl() -> Result<(), Failure> {
    Err(Failure::Usage(
        "this version of NANO has no interactive prompt: evaluate code with `nano eval CODE`".into(),
    ))
}

/// `nano` without a command: prints the help on a terminal; elsewhere it is a mistake.
fn no_command() -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        let _ = write!(std::io::stdout(), "{}", Cli::help());
        return Ok(());
    }
    Err(Failure::Usage(
        "a command is missing: try `nano serve` or `nano run FILE`; `nano --help` lists all".into(),
    ))
}

/// `nano --version`.
fn version() -> Result<(), Failure> {
    let (nano, v8) = (env!("CARGO_PKG_VERSION"), nano_runtime::v8_version());
    let _ = writeln!(std::io::stdout(), "nano {nano}\nv8 {v8}");
    Ok(())
}

/// Prints a line to standard error. If that is closed, only the exit code tells the caller of a failure.
fn print_to_stderr(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The limits of a script, which its own user starts: 2 GiB of heap, and no limit on requests.
fn script_limits() -> Limits {
    Limits { memory_bytes: 2 << 30, fetch: FetchLimits::UNLIMITED, ..Limits::default() }
}

/// Runs `work` on a thread with a stack for JavaScript, which the program's first thread may not have.
fn on_large_stack(work: impl FnOnce() -> Result<(), Failure> + Send + 'static) -> Result<(), Failure> {
    nano_runtime::initialize();
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(work);
    let thread =
        thread.map_err(|error| Failure::Runtime(format!("a thread for the script cannot start: {error}")))?;
    // The panic hook has printed the reason.
    thread.join().map_err(|_| Failure::Runtime("NANO itself has failed: please report this".into()))?
}

/// The whole configuration of `nano serve`: of a file or of a single application, with the options of the
/// command line.
fn serve_config(args: &Serve) -> Result<Config, Failure> {
    let overrides = Overrides {
        port: args.port,
        host: args.host,
        threads: args.threads,
        log_format: args.log_format,
        watch: args.watch,
        admin: args.admin,
        no_sandbox: args.no_sandbox,
    };
    if let Some(file) = &args.config {
        let mut config = read_config(file)?;
        config.apply(&overrides);
        return Ok(config);
    }
    let path = application_path(&args.path, &args.app)?;
    let mut env: Vec<(String, EnvValue)> = Vec::new();
    let from_file = match &args.env_file {
        Some(file) => read_env_file(file)?,
        None => Vec::new(),
    };
    for (name, value) in from_file.into_iter().chain(args.env.iter().cloned()) {
        let value = EnvValue::Text(value);
        match env.iter_mut().find(|(other, _)| *other == name) {
            Some(variable) => variable.1 = value,
            None => env.push((name, value)),
        }
    }
    Ok(Config::single(&path, env, &overrides))
}

fn read_config(file: &Path) -> Result<Config, Failure> {
    Config::from_file(file).map_err(|errors| {
        let count = match errors.count() {
            1 => "1 problem".to_string(),
            count => format!("{count} problems"),
        };
        Failure::Usage(format!("the configuration has {count}\n{errors}"))
    })
}

fn application_path(path: &Option<PathBuf>, app: &Option<PathBuf>) -> Result<PathBuf, Failure> {
    let path = path.as_ref().or(app.as_ref()).cloned().unwrap_or_else(|| PathBuf::from("."));
    must_exist(&path)?;
    Ok(path)
}

fn must_exist(path: &Path) -> Result<(), Failure> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Usage(format!("there is no file or directory {path:?}: check the path"))),
        Err(error) => Err(Failure::Usage(format!("{path:?} cannot be read: {error}"))),
    }
}

fn read_env_file(file: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", file.display())))?;
    env_file::parse(&text).map_err(|problems| {
        let lines: Vec<String> =
            problems.iter().map(|problem| format!("\n{}:{problem}", file.display())).collect();
        Failure::Usage(format!("the file of variables has mistakes{}", lines.concat()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_command_line_replace_those_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("variables");
        std::fs::write(&file, "A=1\nB=2\nA=3\n").unwrap();
        let args = Serve {
            app: Some(directory.path().into()),
            env_file: Some(file.clone()),
            env: vec![("B".into(), "4".into()), ("C".into(), "5".into())],
            port: Some(0),
            ..Serve::default()
        };
        let config = serve_config(&args).unwrap();
        let expected = [("A", "3"), ("B", "4"), ("C", "5")];
        assert_eq!(
            config.apps[0].env,
            expected.map(|(name, value)| (name.to_string(), EnvValue::Text(value.to_string())))
        );
        assert_eq!((config.port, config.apps.len()), (0, 1));

        std::fs::write(&file, "A=1\nB\n").unwrap();
        let Err(Failure::Usage(message)) = serve_config(&args) else { panic!() };
        let expected = format!(
            "the file of variables has mistakes\n{}:2:2: a variable is written NAME=VALUE: there is no = here",
            file.display()
        );
        assert_eq!(message, expected);
        std::fs::remove_file(&file).unwrap();
        assert!(
            matches!(serve_config(&args), Err(Failure::Usage(message)) if message.contains("cannot be read"))
        );
    }

    #[test]
    fn options_of_the_command_line_replace_those_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("nano.jsonc");
        std::fs::write(&file, r#"{ "port": 1, "threads": 2, "apps": [{ "name": "a", "path": "." }] }"#)
            .unwrap();
        let mut args = Serve { config: Some(file.clone()), port: Some(0), ..Serve::default() };
        let config = serve_config(&args).unwrap();
        assert_eq!((config.port, config.threads), (0, Some(2)));

        std::fs::write(&file, r#"{ "prt": 1, "apps": 2 }"#).unwrap();
        let Err(Failure::Usage(message)) = serve_config(&args) else { panic!() };
        assert!(message.starts_with("the configuration has 2 problems\n"), "{message}");
        assert!(
            message.contains("nano.jsonc:1:3: unknown key \"prt\" (did you mean \"port\"?)"),
            "{message}"
        );

        args = Serve { path: Some(directory.path().join("nowhere")), ..Serve::default() };
        assert!(
            matches!(serve_config(&args), Err(Failure::Usage(message)) if message.starts_with("there is no"))
        );
    }

    #[test]
    fn only_the_release_profile_is_silent() {
        assert_eq!(profile_notice("release"), None);
        assert!(profile_notice("quick").is_some_and(|notice| notice.contains("profile quick")));
    }
}
