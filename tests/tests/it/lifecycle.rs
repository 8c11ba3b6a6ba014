//! What is served changes while it is served: reloads, additions and removals, eviction, the drain.

use nano_tests::{Client, Dir, Nano, Options, Random, get, request};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn version(text: &str) -> String {
    format!("export default {{ fetch() {{ return new Response({text:?}); }} }};")
}

/// Clients that ask one after the other, on kept connections, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    problems: Arc<Mutex<Vec<String>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    /// `judge` says what is wrong with an answer, if something is.
    fn start(port: u16, clients: usize, host: &'static str, judge: fn(u16, &str) -> Option<String>) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let problems = Arc::new(Mutex::new(Vec::new()));
        let client = |_| {
            let (stop, answers, problems) = (Arc::clone(&stop), Arc::clone(&answers), Arc::clone(&problems));
            std::thread::spawn(move || {
                let ask = request("GET", "/", host, &[], b"");
                let mut client = Client::connect(port);
                while !stop.load(Ordering::Relaxed) {
                    let mut closing = false;
                    let problem = match client.try_send(&ask).and_then(|()| client.try_response()) {
                        Ok(response) => {
                            closing = response.header("connection").is_some_and(|value| value == "close");
                            judge(response.status, &response.text())
                        }
                        Err(error) => Some(error.to_string()),
                    };
                    answers.fetch_add(1, Ordering::Relaxed);
                    if let Some(problem) = problem {
                        problems.lock().unwrap().push(problem);
                        return;
                    }
                    if closing {
                        return;
                    }
                }
            })
        };
        let threads = (0..clients).map(client).collect();
        Self { stop, answers, problems, threads }
    }

    fn answers(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// Waits for so many more answers.
    fn wait_for(&self, more: usize) {
        let wanted = self.answers() + more;
        while self.answers() < wanted && self.problems.lock().unwrap().is_empty() {
            // There is no event for this: look again a little later.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (self.answers.load(Ordering::Relaxed), std::mem::take(&mut self.problems.lock().unwrap()))
    }
}

fn must_be_200(status: u16, text: &str) -> Option<String> {
    (status != 200).then(|| format!("{status} {text}"))
}

/// Whether the long forms are wanted: the figures of docs/operations.md.
fn long() -> bool {
    std::env::var_os("NANO_LONG").is_some()
}

/// 50 times as fast as they complete; with `NANO_LONG`, 100 times a second apart.
#[test]
fn reloads_under_load_fail_no_request() {
    let config = r#"{ "watch": false, "threads": 2, "apps": [{ "name": "a", "path": "a.js" }] }"#;
    let dir = Dir::new(&[("a.js", &version("0")), ("nano.jsonc", config)]);
    let file = dir.join("a.js");
    let server = Nano::config(dir, Options::args(&["--no-request-log"]));
    let load = Load::start(server.port(), 8, "a", must_be_200);
    for round in 1..=if long() { 100 } else { 50 } {
        if long() {
            std::thread::sleep(Duration::from_secs(1));
        }
        std::fs::write(&file, version(&round.to_string())).unwrap();
        server.signal(libc::SIGHUP);
        server.log.wait_count("\"deployed\"", round);
        // Every worker serves it when that is logged.
        assert_eq!(get(server.port(), "a", "/").text(), round.to_string());
    }
    load.wait_for(100);
    let (answers, problems) = load.end();
    println!("{answers} answers, {} failed", problems.len());
    assert_eq!(problems, Vec::<String>::new(), "among {answers} answers");
    server.stop();
}

/// A thousand applications under a budget of 512 MB, visited at random by Zipf's law: 5,000 visits; with
/// `NANO_LONG`, 200,000.
#[test]
fn a_thousand_applications_share_a_budget() {
    const APPS: usize = 1000;
    let apps: Vec<_> = (0..APPS).map(|n| format!(r#"{{ "name": "a{n}", "path": "a.js" }}"#)).collect();
    let config = format!(
        r#"{{ "watch": false, "threads": 2, "isolate_memory_mb": 512, "apps": [{}] }}"#,
        apps.join(",")
    );
    let code = "let count = 0; export default { fetch: () => new Response(count++ ? 'warm' : 'cold') };";
    let dir = Dir::new(&[("a.js", code), ("nano.jsonc", &config)]);
    let server = Nano::config(dir, Options::args(&["--no-request-log"]));
    // The k-th is asked for 1/k as often as the first.
    let weights: Vec<f64> = (1..=APPS)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        })
        .collect();
    let mut random = Random::new("a_thousand_applications_share_a_budget");
    // Kept connections, so that both threads are asked.
    let mut clients: Vec<_> = (0..16).map(|_| server.connect()).collect();
    let (mut cold, mut times) = (0, Vec::new());
    for visit in 0..if long() { 200_000 } else { 5_000 } {
        let at = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * weights[APPS - 1];
        let host = format!("a{}", weights.partition_point(|sum| *sum < at).min(APPS - 1));
        let start = Instant::now();
        let response = clients[visit % 16].send(request("GET", "/", &host, &[], b"")).response();
        times.push(start.elapsed());
        assert_eq!(response.status, 200, "{}", response.text());
        cold += usize::from(response.text() == "cold");
    }
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 1000];
    println!(
        "{} visits, {cold} cold starts, p50 {:?}, p99 {:?}, p99.9 {:?}, {} MB resident",
        times.len(),
        at(500),
        at(990),
        at(999),
        server.usage().resident >> 20
    );
    server.stop();
}

#[test]
fn saving_a_file_is_enough_and_what_is_wrong_is_refused() {
    let config = r#"{ "apps": [{ "name": "a", "path": "a" }, { "name": "b", "path": "b" }] }"#;
    let dir = Dir::new(&[
        (
            "a/index.js",
            "import { text } from './lib/text.js';\nexport default { fetch: () => new Response(text) };",
        ),
        ("a/lib/text.js", "export const text = 'one';"),
        ("b/index.js", &version("b")),
        ("nano.jsonc", config),
    ]);
    let path = dir.path().to_owned();
    let server = Nano::config(dir, Options::default());
    let port = server.port();
    assert_eq!((get(port, "a", "/").text(), get(port, "b", "/").text()), ("one".into(), "b".into()));

    std::fs::write(path.join("a/lib/text.js"), "export const text = 'two';").unwrap();
    assert!(server.log.wait_for("\"deployed\"").contains("\"app\":\"a\",\"version\":2"));
    assert_eq!((get(port, "a", "/").text(), get(port, "b", "/").text()), ("two".into(), "b".into()));

    // It does not compile: the place is told, and the old version serves.
    std::fs::write(path.join("a/lib/text.js"), "\nexport const text = ;").unwrap();
    let refused = server.log.wait_for("\"refused\":\"a\"");
    assert!(refused.contains("a/lib/text.js:2:21: ") && refused.contains("SyntaxError"), "{refused}");
    assert_eq!(get(port, "a", "/").text(), "two");

    // It compiles, and its top level throws.
    std::fs::write(path.join("a/lib/text.js"), "export const text = 'three'; throw new Error('at the top');")
        .unwrap();
    let refused = server.log.wait_for("at the top");
    assert!(refused.contains("\"refused\":\"a\"") && refused.contains("text.js:1:"), "{refused}");
    assert_eq!(get(port, "a", "/").text(), "two");

    // The configuration: one more, one less, and one elsewhere.
    let config =
        r#"{ "apps": [{ "name": "a", "path": "a", "hostname": "c" }, { "name": "d", "path": "b" }] }"#;
    std::fs::write(path.join("a/lib/text.js"), "export const text = 'four';").unwrap();
    server.log.wait_for("\"app\":\"a\",\"version\":3");
    std::fs::write(path.join("nano.jsonc"), config).unwrap();
    server.log.wait_for("\"app\":\"a\",\"version\":4");
    server.log.wait_for("\"removed\"");
    assert_eq!((get(port, "c", "/").text(), get(port, "d", "/").text()), ("four".into(), "b".into()));
    assert_eq!((get(port, "a", "/").status, get(port, "b", "/").status), (404, 404));

    // A wrong configuration changes nothing.
    std::fs::write(path.join("nano.jsonc"), r#"{ "aps": [] }"#).unwrap();
    assert!(server.log.wait_for("unknown key").contains("nano.jsonc:1:3"));
    assert_eq!((get(port, "c", "/").text(), get(port, "d", "/").text()), ("four".into(), "b".into()));
    server.stop();
}

#[test]
fn an_application_alone_is_watched_by_option() {
    let dir = Dir::app(&version("one"));
    let file = dir.join("index.js");
    let server = Nano::dir(dir, Options::args(&["--watch", "--log-format", "text"]));
    assert_eq!(get(server.port(), "x", "/").text(), "one");
    std::fs::write(&file, version("two")).unwrap();
    server.log.wait_for("deployed");
    assert_eq!(get(server.port(), "x", "/").text(), "two");
    server.stop();
}

#[test]
fn a_replaced_version_finishes_its_requests() {
    let reader = |name: &str| {
        format!(
            "export default {{ async fetch(request) {{ return new Response('{name} ' + await request.text()); }} }};"
        )
    };
    let dir = Dir::app(&reader("old"));
    let file = dir.join("index.js");
    let server = Nano::dir(dir, Options::one_thread());
    let mut slow = server.connect();
    slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1");
    // On the same thread and later, so that the first has begun.
    assert_eq!(server.connect().get("/").text(), "old ");
    std::fs::write(&file, reader("new")).unwrap();
    server.signal(libc::SIGHUP);
    server.log.wait_for("\"deployed\"");
    assert_eq!(server.connect().get("/").text(), "new ");
    assert_eq!(slow.send("2").response().text(), "old 12");
    assert_eq!(slow.get("/").text(), "new ");
    server.stop();
}

#[test]
fn a_drain_answers_everything_that_was_sent() {
    // Each answer takes a little, so that requests are under way at any moment.
    let code = "export default { async fetch() { await new Promise((go) => setTimeout(go, 5)); return new Response('x'.repeat(1000)); } };";
    for round in 0..5 {
        let mut server = Nano::app_with(code, Options::args(&["--threads", "2", "--no-request-log"]));
        // 503 says that the server is going; the client goes elsewhere then.
        let load = Load::start(server.port(), 16, "a", |status, text| {
            (status != 200 || text.len() != 1000).then(|| format!("{status}"))
        });
        load.wait_for(200);
        server.signal(libc::SIGTERM);
        assert_eq!(server.wait().code(), Some(0));
        let (answers, mut problems) = load.end();
        // Closing a connection that is not idle would be a dropped request.
        problems.retain(|problem| problem != "503");
        assert_eq!(problems, Vec::<String>::new(), "round {round}, among {answers} answers");
    }
}

#[test]
fn idle_isolates_make_room_under_the_budget() {
    let apps: Vec<_> = (0..200).map(|n| format!(r#"{{ "name": "a{n}", "path": "a.js" }}"#)).collect();
    let config = format!(
        r#"{{ "watch": false, "threads": 2, "isolate_memory_mb": 64, "apps": [{}] }}"#,
        apps.join(",")
    );
    let code = "let count = 0; export default { fetch: () => new Response(count++ ? 'warm' : 'cold') };";
    let dir = Dir::new(&[("a.js", code), ("nano.jsonc", &config)]);
    let server = Nano::config(dir, Options::args(&["--no-request-log"]));
    let mut random = Random::new("idle_isolates_make_room_under_the_budget");
    let mut cold = 0;
    for _ in 0..1000 {
        let host = format!("a{}", random.below(200));
        let response = get(server.port(), &host, "/");
        assert_eq!(response.status, 200, "{}", response.text());
        cold += usize::from(response.text() == "cold");
    }
    // Each of them once on one thread at least; many again, since not all have room at a time.
    assert!(cold > 250, "{cold} cold starts");
    server.stop();
}

#[test]
fn buffers_count_for_the_budget() {
    let apps: Vec<_> = (0..10).map(|n| format!(r#"{{ "name": "a{n}", "path": "a.js" }}"#)).collect();
    let config = format!(
        r#"{{ "watch": false, "threads": 1, "isolate_memory_mb": 64, "apps": [{}] }}"#,
        apps.join(",")
    );
    let code = "const bytes = new Uint8Array(16 << 20).fill(1); let count = 0;
        export default { fetch: () => new Response(count++ ? 'warm' : 'cold ' + bytes.at(-1)) };";
    let dir = Dir::new(&[("a.js", code), ("nano.jsonc", &config)]);
    let server = Nano::config(dir, Options::default());
    // One after the other, so that each is the longest idle when its turn comes again: there is room for
    // three.
    for visit in 0..30 {
        assert_eq!(get(server.port(), &format!("a{}", visit % 10), "/").text(), "cold 1");
    }
    assert_eq!(get(server.port(), "a9", "/").text(), "warm");
    server.stop();
}
