//! Tenants that take memory without end: none of them, nor all together, ends the process or harms a neighbour.

use nano_tests::{Client, Dir, Nano, Options, Response, get, request};
use std::io;

const BOMBS: &str = include_str!("memory_bombs.js");
const NEIGHBOUR: &str = "let n = 0; export default { fetch() { return new Response(`neighbour ${++n}`); } };";

/// More than the process may ever have while one tenant of 64 MB misbehaves: its largest single allocation (1 GB) and the rest.
const MOST_RESIDENT: u64 = 2 << 30;

/// How long a tenant may take to come to its limit.
const BOMB_PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

/// A server with `tenants` bombs (`bomb-0` …) of 64 MB and a neighbour. They may compute for long: memory is what stops them.
fn server(tenants: usize, threads: &str) -> Nano {
    let mut apps = String::from(r#"{ "name": "neighbour", "path": "neighbour.js" }"#);
    for index in 0..tenants {
        apps.push_str(&format!(
            r#", {{ "name": "bomb-{index}", "path": "bombs.js", "memory_mb": 64, "timeout_ms": 300000, "wall_timeout_ms": 300000 }}"#
        ));
    }
    let config = format!(r#"{{ "apps": [{apps}] }}"#);
    let dir = Dir::new(&[("bombs.js", BOMBS), ("neighbour.js", NEIGHBOUR), ("nano.jsonc", &config)]);
    Nano::config(dir, Options::args(&["--threads", threads, "--no-request-log"]))
}

fn try_get(port: u16, host: &str, target: &str) -> io::Result<Response> {
    let mut client = Client::try_connect(port)?;
    // V8 collects again and again near the limit; on a busy machine the slowest of the ways takes minutes.
    client.stream().set_read_timeout(Some(BOMB_PATIENCE))?;
    client.try_send(request("GET", target, host, &[], b""))?;
    client.try_response()
}

/// One way of taking memory: what is wrong with how it went.
fn explode(server: &mut Nano, name: &str) -> Result<(), String> {
    let (port, target) = (server.port(), format!("/{name}"));
    let asked = std::thread::spawn(move || try_get(port, "bomb-0", &target));
    // Whoever takes far too much is stopped here, before the machine suffers.
    while !asked.is_finished() {
        server.alive()?;
        let usage = server.usage();
        if usage.resident > MOST_RESIDENT {
            return Err(format!("takes {} MB and goes on", usage.resident >> 20));
        }
        // The system tells of no change of a process's memory.
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let answer = asked.join().expect("a client");
    server.alive()?;
    let usage = server.usage();
    match &answer {
        Ok(response) if response.status == 503 || response.text().starts_with("caught: RangeError") => {}
        Ok(response) if response.status == 200 => {
            println!("{name}: {}", response.text().get(..40).unwrap_or("made"))
        }
        Ok(response) => return Err(format!("status {}: {}", response.status, response.text())),
        Err(error) => return Err(format!("no answer: {error} ({} MB resident)", usage.resident >> 20)),
    }
    if usage.peak > MOST_RESIDENT {
        return Err(format!("took {} MB", usage.peak >> 20));
    }
    // The tenant itself is served again, and so is its neighbour.
    for (host, expected) in [("bomb-0", "ok"), ("neighbour", "neighbour")] {
        match try_get(server.port(), host, "/") {
            Ok(response) if response.text().starts_with(expected) => {}
            other => return Err(format!("afterwards {host} answers {other:?}")),
        }
    }
    server.alive()
}

/// Optimized code calls native functions without a scope for handles: what one of them left behind would live until the handler
/// returns.
#[test]
fn what_a_loop_encodes_is_dropped() {
    let code = r#"const encoder = new TextEncoder();
        export default { fetch() {
          let bytes = 0;
          for (let n = 0; n < 1_000_000; n++) bytes += encoder.encode("a short text").length;
          return new Response(String(bytes));
        } };"#;
    let config = r#"{ "apps": [{ "name": "a", "path": "a.js", "memory_mb": 32, "timeout_ms": 300000, "wall_timeout_ms": 300000 }] }"#;
    let server = Nano::config(Dir::new(&[("a.js", code), ("nano.jsonc", config)]), Options::one_thread());
    let answer = get(server.port(), "a", "/");
    assert_eq!((answer.status, answer.text()), (200, "12000000".to_owned()));
    server.stop();
}

fn all_names() -> Vec<String> {
    let server = server(1, "1");
    get(server.port(), "bomb-0", "/names").text().split(' ').map(str::to_owned).collect()
}

fn explode_all(names: &[String]) -> Vec<String> {
    let mut failures = Vec::new();
    let mut running = None;
    for (index, name) in names.iter().enumerate() {
        let mut server = running.take().unwrap_or_else(|| server(1, "1"));
        match explode(&mut server, name) {
            // The same process goes on to the next: what one leaves behind adds up.
            // A tenant that fails for a fourth time would be refused for a while, so that the next begins anew.
            Ok(()) if index % 3 == 2 => server.stop(),
            Ok(()) => running = Some(server),
            Err(how) => {
                failures.push(format!("{name}: {how}"));
                let _ = server.alive();
                server.abandon();
            }
        }
    }
    failures
}

#[test]
fn no_way_of_taking_memory_ends_the_process() {
    let names = all_names();
    assert!(names.len() > 40, "{names:?}");
    let failures = explode_all(&names);
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), names.len(), failures.join("\n"));
}

/// Twenty tenants at once, each in another way; memory comes back afterwards.
#[test]
fn twenty_tenants_together_do_not_end_the_process() {
    const TENANTS: usize = 20;
    let ways =
        ["objects", "map", "typed", "strings", "push", "fill", "split", "closures", "bigint", "properties"];
    let mut server = server(TENANTS, "2");
    for index in 0..TENANTS {
        assert_eq!(get(server.port(), &format!("bomb-{index}"), "/").text(), "ok");
    }
    let before = server.usage();
    let port = server.port();
    let bombs: Vec<_> = (0..TENANTS)
        .map(|index| {
            let way = ways[index % ways.len()];
            std::thread::spawn(move || (way, try_get(port, &format!("bomb-{index}"), &format!("/{way}"))))
        })
        .collect();
    let mut neighbours = 0;
    let mut answers = Vec::new();
    let mut bombs = bombs.into_iter();
    // The neighbour answers while they go on: it is asked again before each of them is waited for.
    for bomb in bombs.by_ref() {
        // While all heaps together are at the process's limit it may be told to come again.
        let until = std::time::Instant::now() + BOMB_PATIENCE;
        while let Ok(response) = try_get(port, "neighbour", "/") {
            if response.status == 200 {
                neighbours += 1;
                break;
            }
            assert_eq!(response.status, 503, "{}", response.text());
            println!("the neighbour: {}", response.text().trim_end());
            assert!(std::time::Instant::now() < until, "the neighbour is refused for good");
            // As a client would that is told so; nothing says when there is room.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        answers.push(bomb.join().expect("a client"));
    }
    server.alive().unwrap();
    for (way, answer) in &answers {
        let response = answer.as_ref().unwrap_or_else(|error| panic!("{way}: {error}"));
        assert!(
            response.status == 503 || response.text().starts_with("caught: RangeError"),
            "{way}: {response:?}"
        );
    }
    assert_eq!(neighbours, TENANTS, "the neighbour answers all the time");
    for index in 0..TENANTS {
        assert_eq!(get(port, &format!("bomb-{index}"), "/").text(), "ok");
    }
    let after = server.usage();
    println!(
        "20 tenants: {} MB before, {} MB at the peak, {} MB after",
        before.resident >> 20,
        after.peak >> 20,
        after.resident >> 20
    );
    assert!(after.resident < before.resident + (300 << 20), "memory comes back: {before:?}, {after:?}");
    server.stop();
}

/// Beyond the process's limit (80 MB here: a quarter more than the budget) those end that fill the heap; nobody who is small is refused.
#[test]
fn who_fills_the_heap_pays_for_it_and_neighbours_do_not() {
    const HOG: &str = "
const kept = [];
export default {
  async fetch() {
    for (let n = 0; n < 60; n++) {
      kept.push(new Array(100000).fill(n + 0.5));
      await new Promise((go) => setTimeout(go, 1));
    }
    await new Promise((go) => setTimeout(go, 300));
    kept.length = 0;
    return new Response('held');
  },
};";
    const SMALL: &str = "export default { fetch: () => new Response('fine') };";
    const HOGS: usize = 6;
    const NEIGHBOURS: usize = 40;
    let hogs = (0..HOGS).map(|n| format!(r#"{{ "name": "hog{n}", "path": "hog.js", "memory_mb": 64 }}"#));
    let small = (0..NEIGHBOURS).map(|n| format!(r#"{{ "name": "small{n}", "path": "small.js" }}"#));
    let apps: Vec<_> = hogs.chain(small).collect();
    let config = format!(
        r#"{{ "watch": false, "threads": 1, "isolate_memory_mb": 64, "apps": [{}] }}"#,
        apps.join(",")
    );
    let dir = Dir::new(&[("hog.js", HOG), ("small.js", SMALL), ("nano.jsonc", &config)]);
    let server = Nano::config(dir, Options::args(&["--no-request-log"]));
    let port = server.port();
    let hogs: Vec<_> = (0..HOGS)
        .map(|n| {
            std::thread::spawn(move || {
                let answers = (0..4).map(|_| get(port, &format!("hog{n}"), "/").status);
                answers.collect::<Vec<_>>()
            })
        })
        .collect();
    let mut visits = 0;
    while hogs.iter().any(|hog| !hog.is_finished()) {
        let response = get(port, &format!("small{}", visits % NEIGHBOURS), "/");
        assert_eq!(response.status, 200, "after {visits} visits: {}", response.text());
        visits += 1;
    }
    let answers: Vec<u16> = hogs.into_iter().flat_map(|hog| hog.join().unwrap()).collect();
    // There was not room for all of them: otherwise this shows nothing.
    assert!(answers.contains(&503) && visits > NEIGHBOURS, "{answers:?}, {visits} visits");
    assert!(answers.iter().all(|status| matches!(status, 200 | 503)), "{answers:?}");
    server.stop();
}

/// Responses whose clients do not read them are native memory of the application: beyond `memory_mb` it gets
/// 503, its neighbour notices nothing, and the memory comes back with the clients' end.
#[test]
fn native_memory_beyond_the_account_is_refused() {
    const LARGE: &str = "
const text = 'x'.repeat(8 << 20);
export default { fetch: (request) => new Response(request.url.endsWith('/small') ? 'small' : text) };";
    // 8 responses of 8 MB fit into 64 MB; what a socket takes of one does not make room for another.
    const MOST: usize = 9;
    let config = r#"{ "watch": false, "threads": 1, "apps": [
      { "name": "large", "path": "large.js", "memory_mb": 64, "wall_timeout_ms": 300000 },
      { "name": "neighbour", "path": "neighbour.js" } ] }"#;
    let dir = Dir::new(&[("large.js", LARGE), ("neighbour.js", NEIGHBOUR), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::args(&["--no-request-log"]));
    let mut clients = Vec::new();
    let refused = loop {
        let mut client = Client::connect(server.port());
        client.send(request("GET", "/", "large", &[], b""));
        let head = client.head().unwrap();
        if head.status != 200 {
            break head.status;
        }
        clients.push(client);
        assert!(clients.len() < MOST, "{} responses of 8 MB wait for their clients", clients.len());
    };
    assert_eq!(refused, 503);
    assert!(clients.len() > 4, "only {} responses fit", clients.len());
    assert_eq!(get(server.port(), "large", "/small").text(), "small");
    assert_eq!(get(server.port(), "neighbour", "/").status, 200);
    drop(clients);
    let until = std::time::Instant::now() + BOMB_PATIENCE;
    while get(server.port(), "large", "/").status != 200 {
        assert!(std::time::Instant::now() < until, "the memory does not come back");
    }
    server.stop();
}
