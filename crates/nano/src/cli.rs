//! The command line: options and help. It parses into plain values, and does not know what the commands do.
//!
//! Only clap reads the environment here, for NANO_PORT and NANO_LOG_FORMAT.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use nano_server::config::{DEFAULT_TOKEN_ENV, limits, parse_admin_address, parse_listen_host};
use nano_server::log::Format;

const EXAMPLES: &str = "\
Examples:
  nano serve                        serve the application in this directory on http://127.0.0.1:3000
  nano serve ./app.js --port 8080   serve one file
  nano serve --config nano.jsonc    serve many applications, by host name
  nano run script.js one two        run a script with arguments
  nano eval '6 * 7'                 print the value of an expression

An application is a module with `export default { async fetch(request, env, ctx) { … } }`.";

const SERVE_EXAMPLES: &str = "\
Examples:
  nano serve                                 the application in this directory
  nano serve ./shop -p 0                     on a free port, which NANO prints
  nano serve ./shop --env STAGE=prod --env-file secrets.env
  nano serve --config nano.jsonc --host 0.0.0.0

An application is a directory or a file. The entry of a directory is the file that package.json names as \"exports\"
or \"main\", else index.js, index.mjs, index.ts, worker.js, worker.mjs, worker.ts or _worker.js.";

const RUN_EXAMPLES: &str = "\
Examples:
  nano run build.js
  nano run report.js --month 7     options after the file go to the script

A .js, .mjs or .ts file is an ES module, a .cjs file a classic script. The program ends when nothing is pending.";

const EVAL_EXAMPLES: &str = "\
Examples:
  nano eval '6 * 7'
  nano eval 'await Promise.resolve(new URL(\"https://example.com/a?b\").search)'";

const CHECK_EXAMPLES: &str = "\
Examples:
  nano check                       the application in this directory
  nano check --config nano.jsonc   the file and all its applications

NANO prints every problem with file, line and column. The exit code is 0 without problems and 2 with some.";

const TOP_EXAMPLES: &str = "\
Examples:
  NANO_ADMIN_TOKEN=… nano top
  nano top --admin 10.0.0.5:9090 --token-env OTHER_TOKEN
  nano top --once                  print one table, for scripts

Keys: r, l, c, m, e sort by requests, latency, CPU, memory, errors; q ends.";

/// A JavaScript runtime that hosts many isolated applications in one process.
#[derive(Debug, Parser)]
#[command(name = "nano", after_help = EXAMPLES, disable_version_flag = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Print the versions of NANO and of V8
    #[arg(short = 'V', long)]
    pub version: bool,
    /// The command to execute
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve an application over HTTP, or many with --config
    Serve(Serve),
    /// Run a script
    Run(Run),
    /// Evaluate code and print the result
    Eval(Eval),
    /// Find the problems of an application or a configuration without serving it
    Check(Check),
    /// Watch the applications of a running server
    Top(Top),
    /// Open an interactive prompt
    #[command(hide = true)]
    Repl,
}

/// The options of `nano serve`.
#[derive(Debug, Default, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct Serve {
    /// The application, a directory or a file [default: this directory]
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
    /// The same as PATH
    #[arg(long, value_name = "PATH", conflicts_with = "path")]
    pub app: Option<PathBuf>,
    /// Serve the applications of this configuration file, by host name
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "app", "env", "env_file"])]
    pub config: Option<PathBuf>,
    /// The port of the applications
    #[arg(
        short,
        long,
        env = "NANO_PORT",
        hide_env_values = true,
        help = limits::PORT.help(),
        value_parser = in_range(&limits::PORT)
    )]
    pub port: Option<u16>,
    /// The address to listen on; 0.0.0.0 or :: listen on every network [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_listen_host)]
    pub host: Option<IpAddr>,
    /// Worker threads
    #[arg(long, value_name = "N", help = limits::THREADS.help(), value_parser = in_range(&limits::THREADS))]
    pub threads: Option<u16>,
    /// text, json or apache [default: text on a terminal, else json]
    #[arg(
        long,
        value_name = "FORMAT",
        env = "NANO_LOG_FORMAT",
        hide_env_values = true,
        hide_possible_values = true,
        value_parser = formats()
    )]
    pub log_format: Option<Format>,
    /// A variable for the application; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Variables for the application from a file; --env wins over it
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Reload changed files as they are saved; the default with --config
    #[arg(long)]
    pub watch: bool,
    /// Serve administration, metrics and health on this address; NANO_ADMIN_TOKEN holds the token
    #[arg(long, value_name = "ADDRESS", value_parser = parse_admin_address)]
    pub admin: Option<SocketAddr>,
    /// Keep all rights of the process after the start: see "sandbox" in docs/configuration.md
    #[arg(long)]
    pub no_sandbox: bool,
    /// For development: send the stack of an exception to the client, not only to the log
    #[arg(long)]
    pub dev: bool,
    /// Do not log each request; errors and output of applications are still logged
    #[arg(long)]
    pub no_request_log: bool,
}

/// The arguments of `nano run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct Run {
    /// The script
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The arguments of the script
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

/// The arguments of `nano eval`.
#[derive(Debug, Args)]
#[command(after_help = EVAL_EXAMPLES)]
pub struct Eval {
    /// An expression or a script
    #[arg(value_name = "CODE", allow_hyphen_values = true)]
    pub code: String,
}

/// The options of `nano check`.
#[derive(Debug, Default, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct Check {
    /// The application, a directory or a file [default: this directory]
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
    /// The same as PATH
    #[arg(long, value_name = "PATH", conflicts_with = "path")]
    pub app: Option<PathBuf>,
    /// Check this configuration file and all its applications
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "app"])]
    pub config: Option<PathBuf>,
}

/// The options of `nano top`.
#[derive(Debug, Args)]
#[command(after_help = TOP_EXAMPLES)]
pub struct Top {
    /// The address of the server's administration
    #[arg(long, value_name = "ADDRESS", value_parser = parse_admin_address, default_value = "127.0.0.1:9090")]
    pub admin: SocketAddr,
    /// The environment variable with the token of the administration
    #[arg(long, value_name = "NAME", default_value = DEFAULT_TOKEN_ENV)]
    pub token_env: String,
    /// Print one table of the next second, then end
    #[arg(long)]
    pub once: bool,
}

impl Cli {
    /// Parses the arguments, the first of which is the program's name.
    ///
    /// # Errors
    ///
    /// The text to print with its exit code, also for `--help`.
    pub fn from_args(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(args).map_err(with_advice)
    }

    /// The help that `nano --help` prints.
    pub fn help() -> String {
        Cli::command().render_help().to_string()
    }
}

/// Adds the next step to a message of clap that has none.
fn with_advice(error: clap::Error) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let advice = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = text(ContextKind::InvalidSubcommand);
            Path::new(&word).exists().then(|| format!("to serve {word}, run: nano serve {word}"))
        }
        _ => None,
    };
    match advice {
        // A raw error prints its text as it is: the advice first, then clap's text.
        Some(advice) => {
            let words = error.to_string();
            let words = words.strip_prefix("error: ").unwrap_or(&words);
            clap::Error::raw(error.kind(), format!("{advice}\n\n{words}"))
        }
        None => error,
    }
}

fn formats() -> impl clap::builder::TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::NAMES).try_map(|name| Format::from_name(&name).ok_or("no such format"))
}

/// A number in the range of a limit that the configuration file can set too.
fn in_range(limit: &limits::Limit) -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(limit.min as i64..=limit.max as i64)
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !name.contains(char::is_control) => {
            Ok((name.to_string(), value.to_string()))
        }
        _ => Err("a variable is written NAME=VALUE".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::from_args(line.split(' ').map(OsString::from))
    }

    fn serve(line: &str) -> Serve {
        match parse(line).unwrap().command {
            Some(Command::Serve(serve)) => serve,
            other => panic!("{other:?}"),
        }
    }

    fn refused(line: &str) -> String {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        assert!(error.use_stderr());
        error.to_string()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_takes_all_its_options() {
        let args = serve(
            "nano serve ./app -p 8080 --host ::1 --threads 2 --log-format apache --env A=b --env C=d=e --env-file x --dev",
        );
        assert_eq!(args.path.as_deref(), Some(Path::new("./app")));
        assert_eq!((args.port, args.threads, args.log_format), (Some(8080), Some(2), Some(Format::Apache)));
        assert_eq!(args.host, Some("::1".parse().unwrap()));
        assert_eq!(args.env, [("A".to_string(), "b".to_string()), ("C".to_string(), "d=e".to_string())]);
        assert_eq!((args.env_file.as_deref(), args.dev), (Some(Path::new("x")), true));
        assert_eq!(serve("nano serve --app a --port=0").app.as_deref(), Some(Path::new("a")));
        assert_eq!(serve("nano serve --config c").config.as_deref(), Some(Path::new("c")));
        assert_eq!(serve("nano serve --host localhost").host, Some([127, 0, 0, 1].into()));
    }

    #[test]
    fn arguments_after_the_file_go_to_the_script() {
        let Some(Command::Run(run)) = parse("nano run a.js -x --port 1 -- b").unwrap().command else {
            panic!()
        };
        assert_eq!(run.file, Path::new("a.js"));
        assert_eq!(run.args, ["-x", "--port", "1", "--", "b"]);
        let Some(Command::Eval(eval)) = parse("nano eval -1").unwrap().command else { panic!() };
        assert_eq!(eval.code, "-1");
    }

    #[test]
    fn other_commands_are_parsed() {
        assert!(parse("nano --version").unwrap().version);
        assert!(parse("nano -V").unwrap().version);
        assert!(parse("nano").unwrap().command.is_none());
        assert!(matches!(parse("nano repl").unwrap().command, Some(Command::Repl)));
        let Some(Command::Check(check)) = parse("nano check --config c").unwrap().command else { panic!() };
        assert_eq!(check.config.as_deref(), Some(Path::new("c")));
        let help = parse("nano serve --help").unwrap_err();
        assert_eq!((help.exit_code(), help.use_stderr()), (0, false));
    }

    #[test]
    fn mistakes_are_named_with_exit_code_2() {
        for (line, words) in [
            ("nano serv", "a similar subcommand exists: 'serve'"),
            ("nano serve --prot 1", "a similar argument exists: '--port'"),
            ("nano serve -p 65536", "65536 is not in 0..=65535"),
            ("nano serve --threads 0", "0 is not in 1..=256"),
            ("nano serve --log-format xml", "[possible values: text, json, apache]"),
            ("nano serve --host example.com", "is not an IP address"),
            ("nano serve --env A", "a variable is written NAME=VALUE"),
            ("nano serve --env =A", "a variable is written NAME=VALUE"),
            ("nano serve a --config b", "cannot be used with"),
            ("nano serve --config b --env A=b", "cannot be used with"),
            ("nano serve a --app b", "cannot be used with"),
            ("nano serve --admin 9090", "is not an IP address and a port, such as 127.0.0.1:9090"),
            ("nano .", "to serve ., run: nano serve ."),
            ("nano run", "<FILE>"),
            ("nano eval", "<CODE>"),
        ] {
            let message = refused(line);
            assert!(message.contains(words), "{line}:\n{message}");
        }
    }

    #[test]
    fn options_that_set_a_limit_have_its_range_and_its_help() {
        let mut command = Cli::command();
        command.build();
        let serve = command.find_subcommand("serve").unwrap();
        for limit in limits::all().filter(|limit| limit.option.is_some()) {
            let option = limit.option.unwrap();
            let argument = serve.get_arguments().find(|argument| argument.get_long() == Some(option));
            let help = argument.and_then(|argument| argument.get_help()).unwrap().to_string();
            assert_eq!(help, limit.help());
            for number in [limit.min, limit.max] {
                assert!(parse(&format!("nano serve --{option} {number}")).is_ok(), "--{option} {number}");
            }
            refused(&format!("nano serve --{option} {}", limit.max + 1));
        }
    }

    #[test]
    fn the_help_fits_a_terminal_and_every_option_is_documented() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let mut command = Cli::command();
        command.build();
        for subcommand in command.get_subcommands_mut() {
            let help = subcommand.render_help().to_string();
            assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
            for option in subcommand.get_arguments().filter_map(|arg| arg.get_long()) {
                assert!(
                    option == "help" || docs.contains(&format!("--{option}")),
                    "--{option} is not documented"
                );
            }
        }
        assert!(Cli::help().contains("nano serve --config nano.jsonc"));
    }
}
