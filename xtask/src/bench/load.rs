//! Load from `wrk`: one thread, connections kept alive.

use std::process::Command;

use super::process::{self, Server, Ticks};
use crate::util;

/// What is asked of a server.
#[derive(Clone, Copy)]
pub struct Ask {
    pub method: &'static str,
    pub path: &'static str,
    /// Bytes of body sent with each request.
    pub body: usize,
}

/// What one round of load found.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    pub requests_per_s: f64,
    /// Processor time of the server for each request.
    pub cpu_us: f64,
    /// The part of it that the program itself spent.
    pub program_us: f64,
    /// The part of it that the kernel spent for the program.
    pub kernel_us: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

/// Connections that are open at once, where a suite does not say otherwise.
pub const CONNECTIONS: usize = 64;

/// Loads a server for some seconds. Errors: wrk failed, connections broke, or answers had a status of 400 and
/// more.
pub fn run(server: &mut Server, ask: Ask, seconds: u64, core: Option<usize>) -> Result<Round, String> {
    run_with(server, ask, seconds, core, CONNECTIONS)
}

/// The same with so many connections.
pub fn run_with(
    server: &mut Server,
    ask: Ask,
    seconds: u64,
    core: Option<usize>,
    connections: usize,
) -> Result<Round, String> {
    let wrk = util::which("wrk").ok_or("wrk is not installed")?;
    let mut command = process::pinned(&wrk, core);
    command
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
        .arg(super::peers::sources().join("wrk.lua"))
        .arg(format!("http://{}{}", server.address, ask.path))
        .env("BENCH_METHOD", ask.method)
        .env("BENCH_BODY", ask.body.to_string());
    let (before, ticks_before) = (server.cpu_ns(), server.cpu_ticks());
    let output = Command::output(&mut command).map_err(|error| format!("wrk cannot be started: {error}"))?;
    let (cpu_ns, ticks) = (server.cpu_ns() - before, server.cpu_ticks());
    let text = String::from_utf8_lossy(&output.stdout);
    server.check_alive()?;
    let said = || {
        format!(
            "{}\n{}",
            util::indent(text.trim()),
            util::indent(String::from_utf8_lossy(&output.stderr).trim())
        )
    };
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let numbers: Vec<f64> =
        line.unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [requests, duration_us, p50_us, p99_us, broken, refused] = numbers[..] else {
        return Err(format!("wrk said:\n{}", said()));
    };
    if requests == 0.0 || broken > 0.0 || refused > 0.0 {
        return Err(format!(
            "{broken} connections broke and {refused} answers were errors, of {requests}:\n{}\n{}",
            said(),
            server.said()
        ));
    }
    let cpu_us = cpu_ns as f64 / 1e3 / requests;
    let (program_us, kernel_us) = apart(cpu_us, ticks.since(ticks_before));
    Ok(Round {
        requests_per_s: requests / (duration_us / 1e6),
        cpu_us,
        program_us,
        kernel_us,
        p50_us,
        p99_us,
    })
}

/// Exact time, in the proportion of the ticks that the program and the kernel were met in. Ticks are 10 ms
/// each: of a round of four seconds they give the proportion to a quarter of a percent.
fn apart(cpu_us: f64, ticks: Ticks) -> (f64, f64) {
    let all = ticks.program + ticks.kernel;
    let program = if all == 0 { 0.0 } else { ticks.program as f64 / all as f64 };
    (cpu_us * program, cpu_us * (1.0 - program))
}

#[test]
fn time_is_split_in_the_proportion_of_ticks() {
    assert_eq!(apart(8.0, Ticks { program: 100, kernel: 300 }), (2.0, 6.0));
    assert_eq!(apart(8.0, Ticks { program: 0, kernel: 0 }), (0.0, 8.0));
}
