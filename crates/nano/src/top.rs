//! `nano top`: shows the applications of a running server in the terminal, from one answer of its
//! administration each second. It knows the answer of `GET /admin/apps` and nothing else of the server.

use crate::cli::Top;
use crate::failure::Failure;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The time between two requests.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// An answer of the administration.
///
/// Limit (bytes): 10,000 applications are about 10 MB.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Shows the applications until the user quits.
pub fn top(args: &Top) -> Result<(), Failure> {
    let token = std::env::var(&args.token_env).unwrap_or_default();
    if token.is_empty() {
        return Err(Failure::Usage(format!(
            "{} is not set: set it to the token of the administration, or name another variable with --token-env",
            args.token_env
        )));
    }
    if token.contains(['\r', '\n']) {
        return Err(Failure::Usage(format!("the token in {} has a line break: remove it", args.token_env)));
    }
    let server = Server { address: args.admin, token };
    if !args.once && !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "standard output is not a terminal: use --once, which prints one table".into(),
        ));
    }
    let first = server.ask()?;
    if args.once {
        std::thread::sleep(INTERVAL);
        let second = server.ask()?;
        let mut rows = rows(&second, Some(&first));
        Sort::Requests.apply(&mut rows);
        let table: String = table(&rows).into_iter().map(|line| line + "\n").collect();
        return io::stdout()
            .write_all(table.as_bytes())
            .map_err(|error| Failure::Runtime(format!("the table cannot be printed: {error}")));
    }
    watch(&server, first)
}

/// The administration of a server.
struct Server {
    address: SocketAddr,
    token: String,
}

impl Server {
    fn ask(&self) -> Result<Value, Failure> {
        let failed = |error: io::Error| {
            Failure::Runtime(format!(
                "the administration at {} does not answer: {error}. Is the server running with --admin?",
                self.address
            ))
        };
        let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_TIMEOUT).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        let request = format!(
            "GET /admin/apps HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.address, self.token
        );
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(failed)?;
        parse(&answer)
            .map_err(|what| Failure::Runtime(format!("the administration at {}: {what}", self.address)))
    }
}

/// The body of an answer with status 200.
fn parse(answer: &[u8]) -> Result<Value, String> {
    let strange = || "this is not the administration of NANO: check the address".to_owned();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or_else(strange)?;
    let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).ok_or_else(strange)?;
    let body: Value = serde_json::from_slice(&answer[end + 4..]).map_err(|_| strange())?;
    match status {
        b"200" if body["apps"].is_array() => Ok(body),
        b"200" => Err(strange()),
        _ => Err(body["problems"][0]["message"].as_str().map_or_else(strange, printable)),
    }
}

/// Text of another machine, without control characters, which could move the cursor.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// The figures of an application for the time between two answers.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    requests_per_s: f64,
    /// `None` without a request.
    mean_us: Option<f64>,
    p99_us: Option<f64>,
    errors_per_s: f64,
    cpu_percent: f64,
    in_flight: u64,
    waiting: u64,
    isolates: u64,
    heap_bytes: u64,
    external_bytes: u64,
    ended: u64,
}

/// The figures of each application since the answer `before`; without one, since the server's start.
fn rows(now: &Value, before: Option<&Value>) -> Vec<Row> {
    let empty = Vec::new();
    let apps = |status: &'_ Value| status["apps"].as_array().cloned().unwrap_or_default();
    let time = |status: &Value| number(&status["time_ms"]);
    // A server that was restarted counts from zero.
    let before = before.filter(|before| time(before) < time(now));
    let old_apps = before.map(apps).unwrap_or(empty);
    let old: HashMap<&str, &Value> =
        old_apps.iter().filter_map(|app| Some((app["name"].as_str()?, app))).collect();
    let seconds = (time(now) - before.map_or(0, time)).max(1) as f64 / 1000.0;
    let row = |app: &Value| {
        let name = app["name"].as_str().unwrap_or_default();
        let old = old.get(name).copied().unwrap_or(&Value::Null);
        let grown = |path: &str| {
            let value = |app: &Value| app.pointer(path).map_or(0, number);
            value(app).checked_sub(value(old)).unwrap_or_else(|| value(app))
        };
        let buckets: Vec<u64> = (0..app["requests"]["buckets"].as_array().map_or(0, Vec::len))
            .map(|index| grown(&format!("/requests/buckets/{index}")))
            .collect();
        let requests = grown("/requests/total");
        Row {
            name: printable(name),
            requests_per_s: requests as f64 / seconds,
            mean_us: (requests > 0).then(|| grown("/requests/duration_us") as f64 / requests as f64),
            p99_us: quantile(&buckets, &app["requests"]["bounds_us"], 0.99),
            errors_per_s: grown("/requests/by_class/5xx") as f64 / seconds,
            cpu_percent: grown("/cpu_us") as f64 / seconds / 1e4,
            in_flight: number(&app["in_flight"]),
            waiting: number(&app["queued_now"]),
            isolates: number(&app["isolates"]["now"]),
            heap_bytes: number(&app["memory"]["heap_bytes"]),
            external_bytes: number(&app["memory"]["external_bytes"]),
            ended: number(&app["isolates"]["ended_for_cpu"]) + number(&app["isolates"]["ended_for_memory"]),
        }
    };
    apps(now).iter().map(row).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// The bound of the bucket in which this part of the requests ends; infinite beyond the last bound.
fn quantile(buckets: &[u64], bounds: &Value, part: f64) -> Option<f64> {
    let total: u64 = buckets.iter().sum();
    if total == 0 {
        return None;
    }
    let wanted = total as f64 * part;
    let mut sum = 0;
    let index = buckets.iter().position(|count| {
        sum += count;
        sum as f64 >= wanted
    })?;
    Some(bounds[index].as_u64().map_or(f64::INFINITY, |bound| bound as f64))
}

/// The column by which the table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Requests,
    Latency,
    Cpu,
    Memory,
    Errors,
}

impl Sort {
    /// Sorts the largest first; equal rows by name.
    fn apply(self, rows: &mut [Row]) {
        let key = |row: &Row| match self {
            Sort::Requests => row.requests_per_s,
            Sort::Latency => row.p99_us.unwrap_or(-1.0),
            Sort::Cpu => row.cpu_percent,
            Sort::Memory => (row.heap_bytes + row.external_bytes) as f64,
            Sort::Errors => row.errors_per_s,
        };
        rows.sort_by(|a, b| key(b).total_cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
    }
}

const HEADS: [&str; 12] = [
    "APPLICATION",
    "REQ/S",
    "MEAN",
    "P99<=",
    "5XX/S",
    "CPU%",
    "FLIGHT",
    "WAITING",
    "ISOLATES",
    "HEAP",
    "EXTERNAL",
    "ENDED",
];

/// The lines of the table; the first is the header.
fn table(rows: &[Row]) -> Vec<String> {
    let mut cells = vec![HEADS.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        [
            row.name.clone(),
            format!("{:.1}", row.requests_per_s),
            time(row.mean_us),
            time(row.p99_us),
            format!("{:.1}", row.errors_per_s),
            format!("{:.1}", row.cpu_percent),
            row.in_flight.to_string(),
            row.waiting.to_string(),
            row.isolates.to_string(),
            bytes(row.heap_bytes),
            bytes(row.external_bytes),
            row.ended.to_string(),
        ]
    }));
    let width = |column: usize| cells.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let line = |cells: &[String; HEADS.len()]| {
        let mut line = format!("{:<width$}", cells[0], width = widths[0]);
        for (cell, width) in cells.iter().zip(&widths).skip(1) {
            line.push_str(&format!("  {cell:>width$}"));
        }
        line
    };
    cells.iter().map(line).collect()
}

fn time(us: Option<f64>) -> String {
    match us {
        None => "-".to_owned(),
        Some(us) if us.is_infinite() => ">30s".to_owned(),
        Some(us) if us < 1e3 => format!("{us:.0}us"),
        Some(us) if us < 1e6 => format!("{:.1}ms", us / 1e3),
        Some(us) => format!("{:.2}s", us / 1e6),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{}K", bytes >> 10),
        _ => format!("{:.1}M", bytes as f64 / 1_048_576.0),
    }
}

/// The terminal in raw mode on its second screen. Dropping it restores the terminal.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = terminal::disable_raw_mode();
    }
}

fn watch(server: &Server, first: Value) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Runtime(format!("the terminal: {error}"));
    let screen = Screen::enter().map_err(failed)?;
    let (mut now, mut before) = (first, None);
    let (mut sort, mut trouble) = (Sort::Requests, None);
    loop {
        draw(&now, before.as_ref(), sort, trouble.as_deref()).map_err(failed)?;
        let until = Instant::now() + INTERVAL;
        while event::poll(until.saturating_duration_since(Instant::now())).map_err(failed)? {
            if let Event::Key(key) = event::read().map_err(failed)? {
                match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
                    KeyCode::Char('r') => sort = Sort::Requests,
                    KeyCode::Char('l') => sort = Sort::Latency,
                    KeyCode::Char('c') => sort = Sort::Cpu,
                    KeyCode::Char('m') => sort = Sort::Memory,
                    KeyCode::Char('e') => sort = Sort::Errors,
                    _ => continue,
                }
            }
            draw(&now, before.as_ref(), sort, trouble.as_deref()).map_err(failed)?;
        }
        match server.ask() {
            Ok(status) => {
                before = Some(std::mem::replace(&mut now, status));
                trouble = None;
            }
            // A server that is restarting will answer again, so the error is shown and the next second asks
            // again.
            Err(Failure::Runtime(what)) => trouble = Some(what),
            Err(failure) => {
                drop(screen);
                return Err(failure);
            }
        }
    }
}

fn draw(now: &Value, before: Option<&Value>, sort: Sort, trouble: Option<&str>) -> io::Result<()> {
    let (width, height) = terminal::size()?;
    let mut rows = rows(now, before);
    sort.apply(&mut rows);
    let summary = format!(
        "NANO {}  {}  up {} s  {} applications  {} isolates  heap {}  {} connections   by {}: r l c m e, q quits",
        printable(now["version"].as_str().unwrap_or("?")),
        printable(now["stage"].as_str().unwrap_or("?")),
        number(&now["time_ms"]) / 1000,
        rows.len(),
        number(&now["isolates"]),
        bytes(number(&now["heap_bytes"])),
        number(&now["connections"]),
        format!("{sort:?}").to_lowercase(),
    );
    let mut out = io::stdout().lock();
    let lines = [summary, trouble.unwrap_or_default().to_owned()].into_iter().chain(table(&rows));
    for (line, text) in lines.take(usize::from(height)).enumerate() {
        let text: String = text.chars().take(usize::from(width)).collect();
        queue!(out, MoveTo(0, line as u16), Clear(ClearType::UntilNewLine))?;
        out.write_all(text.as_bytes())?;
    }
    queue!(out, Clear(ClearType::FromCursorDown))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(time_ms: u64, total: u64, buckets: [u64; 3]) -> Value {
        json!({ "time_ms": time_ms, "apps": [{
            "name": "a\u{1b}[2J", "in_flight": 1, "queued_now": 2, "cpu_us": total * 1000,
            "requests": { "total": total, "duration_us": total * 500, "by_class": { "5xx": total / 2 },
                "bounds_us": [250, 1000], "buckets": buckets },
            "memory": { "heap_bytes": 2 << 20, "external_bytes": 2048 },
            "isolates": { "now": 1, "ended_for_cpu": 1, "ended_for_memory": 2 } }] })
    }

    #[test]
    fn rates_are_computed_between_two_answers() {
        let (before, now) = (status(1000, 100, [100, 0, 0]), status(3000, 120, [110, 10, 0]));
        let row = &rows(&now, Some(&before))[0];
        assert_eq!((row.requests_per_s, row.errors_per_s, row.cpu_percent), (10.0, 5.0, 1.0));
        assert_eq!((row.mean_us, row.p99_us), (Some(500.0), Some(1000.0)));
        // Control characters are removed.
        assert_eq!(row.name, "a[2J");
        // A server that was restarted.
        assert_eq!(rows(&before, Some(&now))[0].requests_per_s, 100.0);
    }

    #[test]
    fn quantiles_beyond_the_last_bound_are_infinite() {
        assert_eq!(quantile(&[0, 0, 1], &json!([250, 1000]), 0.99), Some(f64::INFINITY));
        assert_eq!(quantile(&[0, 0, 0], &json!([250, 1000]), 0.99), None);
        assert_eq!(time(Some(f64::INFINITY)), ">30s");
    }

    #[test]
    fn columns_are_aligned() {
        let lines = table(&rows(&status(1000, 7, [7, 0, 0]), None));
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].chars().count(), lines[1].chars().count());
        assert!(lines[1].starts_with("a[2J") && lines[1].contains("2.0M"), "{lines:?}");
    }

    #[test]
    fn answers_of_other_servers_are_refused() {
        let closed = b"HTTP/1.1 403 Forbidden\r\n\r\n{\"problems\":[{\"message\":\"closed\"}]}";
        assert_eq!(parse(closed).unwrap_err(), "closed");
        for other in
            [&b""[..], b"HTTP/1.1 200 OK\r\n\r\n<html>", b"HTTP/1.1 200 OK\r\n\r\n{}", b"SSH-2.0-x\r\n\r\n"]
        {
            assert!(parse(other).unwrap_err().contains("not the administration"));
        }
    }
}
