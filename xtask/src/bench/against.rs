//! `cargo xtask bench --against BINARY`: two builds of NANO in one run, in turn, and whether this one is
//! worse.
//!
//! Three programs are loaded in each round: this build, the other build, and a copy of this build. How far
//! the build is from its own copy is what the machine's noise makes of no difference at all; only what goes
//! beyond it counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::field::work_folder;
use super::load::{self, Ask, Round};
use super::page::Table;
use super::peers::{self, Peer};
use super::process::{self, Server};
use super::stats::{median, show};
use super::throughput::{self, HANDLERS, Handler};
use super::{machine, proxy};
use crate::util;

/// How much worse a row's median may be, beyond the noise.
const TOLERANCE: f64 = 0.02;
const ROUNDS: usize = 7;
const SECONDS: u64 = 4;
const WARM_UP_SECONDS: u64 = 2;

/// The rows where the command line names none: keys of throughput's handlers, and the proxy's small body.
const ROWS: [&str; 4] = ["hello", "inspect", "echo-1k", proxy::KEY];

/// What the command line asks for.
pub struct Options {
    pub other: String,
    pub nano: Option<String>,
    pub nano_args: Vec<String>,
    pub rows: Vec<String>,
    pub seconds: Option<u64>,
    pub rounds: Option<usize>,
    pub pin: bool,
}

/// What is measured of a round, and which way is better.
struct Measure {
    title: &'static str,
    value: fn(&Round) -> f64,
    more_is_better: bool,
    /// Whether a worse median fails the run. The program's and the kernel's part are told apart by ticks of
    /// 10 ms, so their sum decides.
    decides: bool,
}

const MEASURES: [Measure; 4] = [
    Measure { title: "CPU µs a request", value: |round| round.cpu_us, more_is_better: false, decides: true },
    Measure {
        title: "the program's part",
        value: |round| round.program_us,
        more_is_better: false,
        decides: false,
    },
    Measure {
        title: "the kernel's part",
        value: |round| round.kernel_us,
        more_is_better: false,
        decides: false,
    },
    Measure { title: "requests/s", value: |round| round.requests_per_s, more_is_better: true, decides: true },
];

/// The rounds of one row by program.
#[derive(Default)]
struct Rounds {
    this: Vec<Round>,
    other: Vec<Round>,
    copy: Vec<Round>,
}

/// What the rounds of one measure say.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Verdict {
    this: f64,
    this_spread: f64,
    other: f64,
    other_spread: f64,
    /// How much worse this build's median is than the other's; below 0 it is better.
    worse: f64,
    /// How far this build's median is from its own copy's, either way.
    noise: f64,
}

impl Verdict {
    fn of(this: &[f64], other: &[f64], copy: &[f64], more_is_better: bool) -> Verdict {
        let (middle, other_middle, copy_middle) = (median(this), median(other), median(copy));
        let beyond = |value: f64, base: f64| if base > 0.0 { value / base - 1.0 } else { 0.0 };
        let worse = if more_is_better { beyond(other_middle, middle) } else { beyond(middle, other_middle) };
        Verdict {
            this: middle,
            this_spread: spread(this),
            other: other_middle,
            other_spread: spread(other),
            worse,
            noise: beyond(middle, copy_middle).abs().max(beyond(copy_middle, middle).abs()),
        }
    }

    fn is_worse(&self) -> bool {
        self.worse > TOLERANCE + self.noise
    }
}

/// From the least to the greatest value, as a part of the median.
fn spread(values: &[f64]) -> f64 {
    let (least, most) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
    let middle = median(values);
    if middle > 0.0 { (most - least) / middle } else { 0.0 }
}

/// The command. Error: which rows are worse.
pub fn main(options: &Options) -> Result<(), String> {
    util::ensure_program("wrk", "wrk", "putting servers under load")?;
    util::ensure_program("taskset", "util-linux", "giving the server and its load a core each")?;
    let rows: Vec<&str> = if options.rows.is_empty() {
        ROWS.to_vec()
    } else {
        options.rows.iter().map(String::as_str).collect()
    };
    for row in &rows {
        if *row != proxy::KEY && handler(row).is_none() {
            return Err(format!("--against measures requests: there is no row `{row}`; see --help"));
        }
    }
    let this = peers::nano(options.nano.as_deref())?;
    let other = PathBuf::from(&options.other);
    let other = other.canonicalize().map_err(|error| format!("--against {}: {error}", other.display()))?;
    // A file of its own: the same file would share its pages with what it is compared to.
    let copy = work_folder().join("copy/nano");
    util::copy_whole(&this, &copy)?;
    util::capture(Command::new("chmod").arg("+x").arg(&copy))?;
    let programs = [("this build", this), ("the other build", other), ("this build's copy", copy)];
    let two = options.pin && machine::cores() >= 2;
    let cores = (two.then_some(0), two.then_some(1));
    let (rounds, seconds) = (options.rounds.unwrap_or(ROUNDS), options.seconds.unwrap_or(SECONDS));

    let mut table = Table::new(&["", "", "this", "spread", "other", "spread", "this/other", "itself", ""]);
    let mut worse = Vec::new();
    for row in rows {
        // The upstream lives as long as its row.
        let upstream = if row == proxy::KEY { Some(proxy::upstream(cores.1)?) } else { None };
        let mut found = Rounds::default();
        for round in 0..rounds {
            for at in 0..programs.len() {
                let at = (at + round) % programs.len();
                let (title, program) = &programs[at];
                let one = measure(row, program, options, cores, seconds)
                    .map_err(|error| format!("{row} by {title}: {error}"))?;
                eprintln!(
                    "  {row} round {}/{rounds} {title}: {} requests/s, {} µs CPU ({} + {})",
                    round + 1,
                    show(one.requests_per_s),
                    show(one.cpu_us),
                    show(one.program_us),
                    show(one.kernel_us)
                );
                [&mut found.this, &mut found.other, &mut found.copy][at].push(one);
            }
        }
        drop(upstream);
        for measure in &MEASURES {
            let verdict = judge(&found, measure);
            if measure.decides && verdict.is_worse() {
                worse.push(format!("{row}: {}, {}", measure.title, percent(verdict.worse)));
            }
            table.row(&cells(row, measure, &verdict));
        }
    }
    println!("{}", table.markdown());
    println!(
        "Medians of {rounds} rounds of {seconds} s each. Spread: least to greatest. Itself: this build's median against its copy's. A \
         median is worse if it is so by more than {} beyond that.",
        percent(TOLERANCE)
    );
    if worse.is_empty() { Ok(()) } else { Err(format!("worse than {}: {}", options.other, worse.join("; "))) }
}

fn handler(row: &str) -> Option<&'static Handler> {
    HANDLERS.iter().find(|handler| handler.key == row)
}

fn judge(found: &Rounds, measure: &Measure) -> Verdict {
    let values = |rounds: &[Round]| rounds.iter().map(measure.value).collect::<Vec<_>>();
    Verdict::of(&values(&found.this), &values(&found.other), &values(&found.copy), measure.more_is_better)
}

fn cells(row: &str, measure: &Measure, verdict: &Verdict) -> [String; 9] {
    let word = match (verdict.is_worse(), measure.decides) {
        (false, _) => "",
        (true, true) => "WORSE",
        (true, false) => "worse",
    };
    [
        row.into(),
        measure.title.into(),
        show(verdict.this),
        percent(verdict.this_spread),
        show(verdict.other),
        percent(verdict.other_spread),
        format!("{:.3}", if verdict.other > 0.0 { verdict.this / verdict.other } else { 0.0 }),
        percent(verdict.noise),
        word.into(),
    ]
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// One round: a fresh process, its answer checked, warmed up, loaded.
fn measure(
    row: &str,
    program: &Path,
    options: &Options,
    (server_core, load_core): (Option<usize>, Option<usize>),
    seconds: u64,
) -> Result<Round, String> {
    let port = process::free_port()?;
    let app = match handler(row) {
        Some(handler) => peers::sources().join("apps").join(handler.app),
        None => work_folder().join("apps").join(proxy::KEY),
    };
    let mut command = process::pinned(program, server_core);
    command
        .arg("serve")
        .arg(app)
        .args(["--port", &port.to_string(), "--threads", "1"])
        .args(&options.nano_args);
    let mut server =
        Server::spawn(&mut command, port, &work_folder().join(format!("logs/against-{row}.log")))?;
    server.wait_listening()?;
    let (ask, connections) = match handler(row) {
        Some(handler) => {
            throughput::check(handler, Peer::Nano, &server)?;
            (handler.ask, load::CONNECTIONS)
        }
        None => {
            proxy::check(&proxy::BODIES[0], &server)?;
            (Ask { method: "GET", path: proxy::BODIES[0].path, body: 0 }, proxy::BODIES[0].connections)
        }
    };
    load::run_with(&mut server, ask, WARM_UP_SECONDS.min(seconds), load_core, connections)?;
    load::run_with(&mut server, ask, seconds, load_core, connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_is_what_exceeds_tolerance_and_noise() {
        let cost = |this: &[f64], other: &[f64], copy: &[f64]| Verdict::of(this, other, copy, false);
        let rate = |this: &[f64], other: &[f64], copy: &[f64]| Verdict::of(this, other, copy, true);
        // 3 % more cost without noise is worse, 1 % is not, and less never is.
        assert!(cost(&[103.0; 3], &[100.0; 3], &[103.0; 3]).is_worse());
        assert!(!cost(&[101.0; 3], &[100.0; 3], &[101.0; 3]).is_worse());
        assert!(!cost(&[50.0; 3], &[100.0; 3], &[50.0; 3]).is_worse());
        // The same 3 % where the build is 4 % away from its own copy says nothing, whichever of the two is
        // higher.
        assert!(!cost(&[103.0; 3], &[100.0; 3], &[107.2; 3]).is_worse());
        assert!(!cost(&[103.0; 3], &[100.0; 3], &[99.0; 3]).is_worse());
        // A rate is worse when it is lower.
        assert!(rate(&[97.0; 3], &[100.0; 3], &[97.0; 3]).is_worse());
        assert!(!rate(&[103.0; 3], &[100.0; 3], &[103.0; 3]).is_worse());
        // One wild round does not decide.
        assert!(!cost(&[100.0, 100.0, 250.0], &[100.0; 3], &[100.0; 3]).is_worse());
    }

    #[test]
    fn medians_spreads_and_ratios() {
        let verdict = Verdict::of(&[10.0, 12.0, 11.0], &[8.0, 10.0, 12.0], &[11.0, 11.0, 11.0], false);
        assert_eq!((verdict.this, verdict.other, verdict.noise), (11.0, 10.0, 0.0));
        assert!((verdict.worse - 0.1).abs() < 1e-9 && (verdict.this_spread - 2.0 / 11.0).abs() < 1e-9);
        assert!((verdict.other_spread - 0.4).abs() < 1e-9);
        // Nothing measured is not worse, and divides by nothing.
        let empty = Verdict::of(&[], &[], &[], false);
        assert!(!empty.is_worse() && empty.this_spread == 0.0 && empty.noise == 0.0);
    }

    #[test]
    fn each_measure_reads_its_own_figure() {
        let round = |cpu_us: f64| Round {
            requests_per_s: 1e6 / cpu_us,
            cpu_us,
            program_us: cpu_us / 4.0,
            kernel_us: cpu_us * 0.75,
            p50_us: 0.0,
            p99_us: 0.0,
        };
        let found = Rounds { this: vec![round(8.0)], other: vec![round(4.0)], copy: vec![round(8.0)] };
        for measure in &MEASURES {
            let verdict = judge(&found, measure);
            assert!((verdict.worse - 1.0).abs() < 1e-9, "{}: {verdict:?}", measure.title);
            let cells = cells("hello", measure, &verdict);
            assert_eq!(cells[8], if measure.decides { "WORSE" } else { "worse" });
        }
        assert_eq!(cells("hello", &MEASURES[1], &judge(&found, &MEASURES[1]))[2], "2.00");
    }
}
