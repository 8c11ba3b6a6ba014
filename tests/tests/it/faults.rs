//! Faults while there is load: errors only for what was hit, full service after.

use nano_tests::{Client, Dir, Nano, Options, get, request};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const APP: &str = "export default { async fetch(request) {
  if (request.url.endsWith('/grow')) { const all = []; for (;;) all.push(new Array(10000).fill(1.5)); }
  await new Promise((go) => setTimeout(go, 1));
  return new Response('fine');
} };";

/// Clients that connect anew when they are disconnected, and count what went wrong otherwise.
struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    disconnected: Arc<AtomicUsize>,
    wrong: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn start(port: u16, clients: usize, host: &'static str) -> Self {
        let count = || Arc::new(AtomicUsize::new(0));
        let (answers, disconnected, wrong, stop) =
            (count(), count(), count(), Arc::new(AtomicBool::new(false)));
        let client = |_| {
            let (answers, disconnected, wrong, stop) =
                (Arc::clone(&answers), Arc::clone(&disconnected), Arc::clone(&wrong), Arc::clone(&stop));
            std::thread::spawn(move || {
                let ask = request("GET", "/", host, &[], b"");
                let mut client = Client::connect(port);
                while !stop.load(Ordering::Relaxed) {
                    match client.try_send(&ask).and_then(|()| client.try_response()) {
                        Ok(response) => {
                            let count = if response.status == 200 { &answers } else { &wrong };
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            disconnected.fetch_add(1, Ordering::Relaxed);
                            client = Client::connect(port);
                        }
                    }
                }
            })
        };
        let threads = (0..clients).map(client).collect();
        Self { stop, answers, disconnected, wrong, threads }
    }

    fn wait_for(&self, more: usize) {
        let wanted = self.answers.load(Ordering::Relaxed) + more;
        while self.answers.load(Ordering::Relaxed) < wanted {
            // There is no event for this: look again a little later.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// How many requests were disconnected, and how many answered with an error.
    fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (self.disconnected.load(Ordering::Relaxed), self.wrong.load(Ordering::Relaxed))
    }
}

#[test]
fn a_worker_that_panics_is_replaced() {
    let clients = 12;
    let server = Nano::app_with(APP, Options::args(&["--threads", "2", "--no-request-log"]));
    let load = Load::start(server.port(), clients, "a");
    for round in 1..=5 {
        load.wait_for(100);
        server.signal(libc::SIGUSR2);
        server.log.wait_count("a worker is replaced", round);
        load.wait_for(100);
    }
    for _ in 0..50 {
        assert_eq!(get(server.port(), "a", "/").text(), "fine");
    }
    let (disconnected, wrong) = load.end();
    // A client is hit once by each fault at most, and only those of one worker are.
    assert!(disconnected <= 5 * clients && wrong == 0, "{disconnected} disconnected, {wrong} wrong");
    server.stop();
}

#[test]
fn an_isolate_that_is_ended_takes_only_its_own_requests_along() {
    let config = r#"{ "watch": false, "threads": 1, "apps": [
      { "name": "hit", "path": "a.js", "memory_mb": 16 }, { "name": "other", "path": "a.js" } ] }"#;
    let dir = Dir::new(&[("a.js", APP), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::args(&["--no-request-log"]));
    let load = Load::start(server.port(), 4, "other");
    load.wait_for(50);
    assert_eq!(get(server.port(), "hit", "/").text(), "fine");
    assert_eq!(get(server.port(), "hit", "/grow").status, 503);
    load.wait_for(50);
    assert_eq!(load.end(), (0, 0));
    server.stop();
}

#[test]
fn without_file_descriptors_what_is_open_goes_on() {
    let server = Nano::app_with(
        APP,
        Options { files: Some(80), ..Options::args(&["--threads", "2", "--no-request-log"]) },
    );
    let load = Load::start(server.port(), 4, "a");
    load.wait_for(50);
    let crowd: Vec<_> = (0..100).map(|_| Client::connect(server.port())).collect();
    server.log.wait_for("cannot accept connections");
    load.wait_for(100);
    drop(crowd);
    for _ in 0..20 {
        assert_eq!(get(server.port(), "a", "/").text(), "fine");
    }
    assert_eq!(load.end(), (0, 0));
    server.stop();
}

#[test]
fn a_log_that_cannot_be_written_and_names_that_cannot_be_resolved_hold_nobody_up() {
    let code = "export default { async fetch(request) {
      if (!request.url.endsWith('/fetch')) return new Response('fine');
      try { await fetch('http://nowhere.invalid/'); } catch (error) { return new Response(error.constructor.name); }
    } };";
    let dir = Dir::app(code);
    let mut child = {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(nano_tests::nano());
        command.arg("serve").arg(dir.path()).args(["--port", "0"]).stdout(full);
        command.stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut line)
        .unwrap();
    let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    let load = Load::start(port, 4, "a");
    load.wait_for(500);
    for _ in 0..4 {
        assert_eq!(get(port, "a", "/fetch").text(), "TypeError");
    }
    load.wait_for(500);
    assert_eq!(load.end(), (0, 0));
    // SAFETY: the child has not been waited for, so the id is still its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The calendar is set forwards and back while there is load: what waits waits as long as before, and what
/// tells the time tells the new one.
#[test]
#[cfg(target_os = "linux")]
fn a_clock_that_is_set_harms_nobody() {
    const CLOCK: &str = include_str!("clock_shim.rs");
    const CODE: &str = "
export default { async fetch(request) {
  const { pathname } = new URL(request.url);
  if (pathname === '/now') return new Response(String(Date.now()));
  if (pathname === '/wait') {
    const begun = performance.now();
    await new Promise((go) => setTimeout(go, 100));
    const took = performance.now() - begun;
    return new Response(took >= 100 && took < 60_000 ? 'fine' : 'took ' + took);
  }
  const key = new Request('http://cached.example/');
  if (pathname === '/put') await caches.default.put(key, new Response('x', { headers: { 'Cache-Control': 'max-age=600' } }));
  if (pathname === '/cached') return new Response((await caches.default.match(key)) ? 'there' : 'gone');
  await new Promise((go) => setTimeout(go, 1));
  return new Response('fine');
} };";
    let dir = Dir::app(CODE);
    dir.write("clock/shim.rs", CLOCK.as_bytes());
    dir.write("clock/offset", &0i64.to_ne_bytes());
    let (library, offset) = (dir.text("clock/shim.so"), dir.text("clock/offset"));
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let built = std::process::Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "-C", "panic=abort", "-o", &library])
        .arg(dir.join("clock/shim.rs"))
        .status()
        .unwrap();
    assert!(built.success());
    let options = Options::args(&["--threads", "2", "--log-format", "json"])
        .env("LD_PRELOAD", &library)
        .env("NANO_TEST_CLOCK", &offset);
    let server = Nano::dir(dir, options);
    let port = server.port();
    // In place: a file that is cut is no longer there for who has mapped it.
    let set = |seconds: i64| {
        let mut file = std::fs::File::options().write(true).open(&offset).unwrap();
        std::io::Write::write_all(&mut file, &seconds.to_ne_bytes()).unwrap();
    };
    let now = || get(port, "a", "/now").text().parse::<i64>().unwrap() / 1000;
    let true_now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        since.as_secs() as i64
    };
    assert_eq!(get(port, "a", "/put").text(), "fine");
    let load = Load::start(port, 4, "a");
    let day = 86_400;
    for jump in [day, -365 * day, 10 * 365 * day, -1, 0] {
        let waiting = std::thread::spawn(move || get(port, "a", "/wait").text());
        load.wait_for(20);
        set(jump);
        load.wait_for(20);
        assert!((now() - true_now() - jump).abs() < 3600, "the clock was not set");
        assert_eq!(waiting.join().unwrap(), "fine");
        assert_eq!(get(port, "a", "/wait").text(), "fine");
        // Ages are counted by a clock that nobody sets.
        assert_eq!(get(port, "a", "/cached").text(), "there", "after {jump} s");
        // The Date field and the log have the new time, at the latest with the next second.
        let date = |text: &str| httpdate::parse_http_date(text).unwrap();
        let wanted = |answer: &nano_tests::Response| {
            let said = date(&answer.header("date").unwrap()).duration_since(std::time::UNIX_EPOCH).unwrap();
            (said.as_secs() as i64 - true_now() - jump).abs() < 3600
        };
        let until = std::time::Instant::now() + nano_tests::PATIENCE;
        while !wanted(&get(port, "a", "/")) {
            assert!(std::time::Instant::now() < until, "the Date field stays where it was");
        }
    }
    let next_year =
        httpdate::fmt_http_date(std::time::SystemTime::now() + std::time::Duration::from_secs(3650 * 86_400));
    let year = next_year.split(' ').nth(3).unwrap();
    assert!(server.log.all().iter().any(|line| line.contains(&format!("\"{year}-"))), "no line of {year}");
    assert_eq!(load.end(), (0, 0));
    server.stop();
}
