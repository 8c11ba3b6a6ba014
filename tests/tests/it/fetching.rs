//! fetch() in applications: passing requests on, limits, policy, what ends when a request is over.

use nano_tests::{Dir, Nano, Options, PATIENCE, Pattern, get, request, run, run_with};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A server whose connections are each looked after by `serve`; how many are open.
pub(crate) fn upstream(
    serve: impl Fn(BufReader<TcpStream>) + Send + Sync + 'static,
) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (open, serve) = (Arc::new(AtomicUsize::new(0)), Arc::new(serve));
    let count = Arc::clone(&open);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (serve, count) = (Arc::clone(&serve), Arc::clone(&count));
            count.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                serve(BufReader::new(stream.unwrap()));
                count.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (port, open)
}

/// A request's head, as lines.
pub(crate) fn head(stream: &mut impl BufRead) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => return Some(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

pub(crate) fn answer(stream: &mut BufReader<TcpStream>, body: &str) {
    let text = format!("HTTP/1.1 200 OK\r\nx-upstream: yes\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let _ = stream.get_mut().write_all(text.as_bytes());
}

/// Waits for the peer to close.
pub(crate) fn wait_for_end(stream: &mut BufReader<TcpStream>) {
    stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what} does not come");
        thread::yield_now();
    }
}

#[test]
fn a_script_fetches() {
    let (port, _) = upstream(|mut stream| {
        while let Some(lines) = head(&mut stream) {
            let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            match &*lines[0] {
                "GET /redirect HTTP/1.1" => {
                    let text =
                        "HTTP/1.1 303 See Other\r\nlocation: /seen?a=%20#b\r\ncontent-length: 2\r\n\r\n..";
                    stream.get_mut().write_all(text.as_bytes()).unwrap();
                }
                "GET /cut HTTP/1.1" => {
                    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").unwrap();
                    return;
                }
                "GET /stall HTTP/1.1" => {
                    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").unwrap();
                    wait_for_end(&mut stream);
                    return;
                }
                "GET /null HTTP/1.1" => {
                    stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                }
                line => answer(&mut stream, &format!("{line} {}", String::from_utf8_lossy(&body))),
            }
        }
    });
    let script = r#"
        const base = `http://localhost:${scriptArgs[0]}`;
        const cause = async (promise) => {
          try {
            await promise;
          } catch (error) {
            return `${error.name} ${error.cause?.code ?? error.message}`;
          }
          throw new Error("it did not fail");
        };
        const text = async (...args) => (await fetch(...args)).text();
        const lines = [];
        lines.push(await text(`${base}/a#b`));
        lines.push(await text(`${base}/p`, { method: "POST", body: "h\u00e9llo" }));
        lines.push(await text(`${base}/p`, { method: "PUT", body: new Blob(["blob"]) }));
        const redirected = await fetch(`${base}/redirect`);
        lines.push([redirected.redirected, redirected.url.slice(base.length), redirected.headers.get("x-upstream")].join());
        const manual = await fetch(`${base}/redirect`, { redirect: "manual" });
        lines.push([manual.status, manual.statusText, manual.headers.get("location")].join());
        lines.push(await cause(fetch(`${base}/redirect`, { redirect: "error" })));
        lines.push(await cause(text(`${base}/cut`)));
        lines.push(await cause(fetch("http://localhost:25/")));
        lines.push(await cause(fetch("http://nothing.invalid/")));
        lines.push(await cause(fetch("https://127.0.0.1:2/")));
        const controller = new AbortController();
        const stalled = await fetch(`${base}/stall`, { signal: controller.signal });
        const reader = stalled.body.getReader();
        lines.push(new TextDecoder().decode((await reader.read()).value));
        const reading = reader.read();
        controller.abort();
        lines.push(await cause(reading));
        lines.push(await cause(fetch(`${base}/stall`, { signal: AbortSignal.abort() })));
        const sha256 = async (text) => {
          const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
          return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
        };
        const integrity = await sha256("GET /i HTTP/1.1 ");
        lines.push(await text(`${base}/i`, { integrity }));
        for (const path of ["/other", "/null", "/cut"]) {
          await fetch(base + path, { integrity }).catch((error) => lines.push(error.cause?.code ?? error.message));
        }
        const aborting = new AbortController();
        const unfinished = fetch(`${base}/stall`, { integrity, signal: aborting.signal });
        setTimeout(() => aborting.abort(), 20);
        lines.push(await cause(unfinished));
        lines.push(await text("data:text/html;base64,PGI%2B"));
        const url = URL.createObjectURL(new Blob(["of a blob"]));
        lines.push(await text(url));
        console.log(lines.join("\n"));
        await fetch(`${base}/stall`);
        // Nobody reads that one: the script ends nevertheless.
    "#;
    let dir = Dir::new(&[("script.mjs", script)]);
    let output = run(dir.path(), &["run", "script.mjs", &port.to_string()]);
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    let expected = "GET /a HTTP/1.1 \nPOST /p HTTP/1.1 h\u{e9}llo\nPUT /p HTTP/1.1 blob\ntrue,/seen?a=%20,yes\n\
        303,See Other,/seen?a=%20#b\nTypeError ERR_REDIRECT\nTypeError ERR_TRUNCATED\nTypeError ERR_REQUEST\n\
        TypeError ENOTFOUND\nTypeError ECONNREFUSED\nhalf\nAbortError The operation was aborted.\n\
        AbortError The operation was aborted.\nGET /i HTTP/1.1 \nfetch failed: the response's body is not what the request's integrity says\n\
        fetch failed: the response has no body, whose integrity the request asks for\nERR_TRUNCATED\nAbortError The operation was aborted.\n<b>\nof a blob\n";
    assert_eq!(output.stdout, expected);
}

/// A proxy's port: it answers plain requests itself, and refuses tunnels.
fn proxy() -> u16 {
    let (port, _) = upstream(|mut stream| {
        while let Some(lines) = head(&mut stream) {
            if lines[0].starts_with("CONNECT") {
                let text = "HTTP/1.1 403 No tunnels\r\ncontent-length: 0\r\n\r\n";
                stream.get_mut().write_all(text.as_bytes()).unwrap();
            } else {
                let credentials = lines.iter().find(|line| line.starts_with("proxy-authorization: "));
                answer(&mut stream, &format!("{} {}", lines[0], credentials.map_or("", |line| line)));
            }
        }
    });
    port
}

#[test]
fn a_server_goes_through_the_proxy_of_its_configuration() {
    let (direct, _) = upstream(|mut stream| {
        while head(&mut stream).is_some() {
            answer(&mut stream, "direct");
        }
    });
    let code = r#"
export default {
  fetch: (request) => fetch(new URL(request.url).searchParams.get("url")).catch(({ cause }) => new Response(cause.code)),
};
"#;
    let config = format!(
        r#"{{ "network": {{ "proxy": "http://u:p@127.0.0.1:{}", "no_proxy": "127.0.0.1" }}, "apps": [
            {{ "name": "inside", "path": "./app.js", "fetch": {{ "allow_private": true }} }},
            {{ "name": "outside", "path": "./app.js" }} ] }}"#,
        proxy()
    );
    let dir = Dir::new(&[("app.js", code), ("nano.jsonc", &config)]);
    // What the environment says is for scripts only.
    let options = Options::one_thread().env("HTTP_PROXY", "http://127.0.0.1:1");
    let server = Nano::config(dir, options);
    let ask = |host: &str, url: &str| get(server.port(), host, &format!("/?url={url}")).text();
    for host in ["inside", "outside"] {
        let through = "GET http://nowhere.invalid/x HTTP/1.1 proxy-authorization: Basic dTpw";
        assert_eq!(ask(host, "http://nowhere.invalid/x"), through);
        assert_eq!(ask(host, "https://nowhere.invalid/"), "ERR_PROXY");
    }
    let url = format!("http://127.0.0.1:{direct}/");
    assert_eq!(ask("inside", &url), "direct");
    for private in [&url, "http://10.0.0.1/", "http://169.254.169.254/"] {
        assert_eq!(ask("outside", private), "ERR_ADDRESS_REFUSED", "{private}");
    }
}

#[test]
fn a_script_goes_through_the_proxies_of_its_environment() {
    let (direct, _) = upstream(|mut stream| {
        while head(&mut stream).is_some() {
            answer(&mut stream, "direct");
        }
    });
    let proxy = proxy();
    let script = r#"
        for (const url of scriptArgs) {
          console.log(await fetch(url).then((response) => response.text(), ({ cause }) => `${cause.code} ${cause.message}`));
        }
    "#;
    let dir = Dir::new(&[("script.mjs", script)]);
    let urls = [
        "http://nowhere.invalid/x".to_owned(),
        "https://nowhere.invalid/".to_owned(),
        format!("http://127.0.0.1:{direct}/"),
    ];
    let script = |env: &[(&str, &str)]| {
        let args: Vec<&str> =
            ["run", "script.mjs"].into_iter().chain(urls.iter().map(String::as_str)).collect();
        let output = run_with(dir.path(), &args, env);
        assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
        output.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let address = format!("http://u:p@127.0.0.1:{proxy}");
    let through = "GET http://nowhere.invalid/x HTTP/1.1 proxy-authorization: Basic dTpw";
    let refused = "ERR_PROXY the proxy refuses a tunnel to nowhere.invalid: 403 No tunnels";
    let lines =
        script(&[("HTTP_PROXY", &address), ("HTTPS_PROXY", &address), ("NO_PROXY", "127.0.0.1,localhost")]);
    assert_eq!(lines, [through, refused, "direct"]);
    let lines = script(&[("http_proxy", &address)]);
    assert_eq!(lines[0], through);
    assert!(lines[1].starts_with("ENOTFOUND "), "{}", lines[1]);
    assert_eq!(lines[2], "direct", "what is on this machine is asked itself");
    let lines = script(&[("HTTP_PROXY", &address), ("NO_PROXY", "*")]);
    assert!(lines[0].starts_with("ENOTFOUND ") && lines[2] == "direct", "{lines:?}");
}

pub(crate) const PASS_ON: &str = r#"
export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    return fetch(`http://127.0.0.1:${searchParams.get("port")}${pathname}`, request);
  },
};
"#;

#[test]
fn bodies_pass_through_without_being_gathered() {
    const BYTES: u64 = 300 << 20;
    let (port, _) = upstream(|mut stream| {
        while let Some(lines) = head(&mut stream) {
            if lines[0].starts_with("POST") {
                let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                let mut body = (&mut stream).take(length.parse().unwrap());
                let count = std::io::copy(&mut body, &mut std::io::sink()).unwrap();
                answer(&mut stream, &count.to_string());
                continue;
            }
            stream
                .get_mut()
                .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n").as_bytes())
                .unwrap();
            let mut pattern = Pattern::new(7);
            let mut piece = vec![0; 64 << 10];
            for _ in 0..BYTES / piece.len() as u64 {
                pattern.fill(&mut piece);
                stream.get_mut().write_all(&piece).unwrap();
            }
        }
    });
    let server = Nano::app(PASS_ON);
    let mut client = server.connect();
    client.send(request("GET", &format!("/x?port={port}"), "a", &[], b""));
    let response = client.head().unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.header("x-upstream"), None);
    let mut pattern = Pattern::new(7);
    let count = client.body(&response, |piece| assert!(pattern.check(piece), "the body is another")).unwrap();
    assert_eq!(count, BYTES);
    let length = 100u64 << 20;
    client.send(format!("POST /x?port={port} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"));
    for _ in 0..length / (64 << 10) {
        client.send(vec![b'x'; 64 << 10]);
    }
    assert_eq!(client.response().text(), length.to_string());
    let peak = server.usage().peak;
    assert!(peak < 150 << 20, "{} MiB at the most", peak >> 20);
}

#[test]
fn a_client_that_leaves_ends_the_request_that_was_passed_on() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let (port, open) = upstream(move |mut stream| {
        let Some(lines) = head(&mut stream) else { return };
        count.fetch_add(1, Ordering::SeqCst);
        if lines[0].contains("half") {
            let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf");
        }
        wait_for_end(&mut stream);
    });
    let server = Nano::app(PASS_ON);
    let before = server.usage().files;
    for (number, path) in ["/silent", "/half"].into_iter().enumerate() {
        let mut client = server.connect();
        client.send(request("GET", &format!("{path}?port={port}"), "a", &[], b""));
        wait_until("the request", || arrived.load(Ordering::SeqCst) == number + 1);
        client.reset();
        wait_until("the connection's end", || open.load(Ordering::SeqCst) == 0);
    }
    server.wait_usage("files are closed", |usage| usage.files <= before);
}

#[test]
fn what_a_request_has_begun_ends_with_it_unless_it_is_kept() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let ended = Arc::clone(&lines);
    let (port, open) = upstream(move |mut stream| {
        let Some(lines) = head(&mut stream) else { return };
        if lines[0].contains("kept") {
            answer(&mut stream, "kept");
        }
        wait_for_end(&mut stream);
        ended.lock().unwrap().push(lines[0].clone());
    });
    let code = r#"
export default {
  async fetch(request, env, ctx) {
    const base = `http://127.0.0.1:${new URL(request.url).searchParams.get("port")}`;
    ctx.waitUntil(fetch(`${base}/kept`).then((response) => response.text()).then((text) => console.log(`it was ${text}`)));
    fetch(`${base}/forgotten`).then(() => console.log("never"), () => console.log("never"));
    setTimeout(async () => {
      try {
        await fetch(`${base}/late`);
      } catch (error) {
        console.log(error.cause.code);
      }
    }, 50);
    return new Response("done");
  },
};
"#;
    let server = Nano::app(code);
    assert_eq!(get(server.port(), "a", &format!("/?port={port}")).text(), "done");
    server.log.wait_for("it was kept");
    wait_until("the end of what was forgotten", || {
        lines.lock().unwrap().iter().any(|line: &String| line.contains("/forgotten"))
    });
    server.log.wait_for("ERR_REQUEST_OVER");
    assert!(open.load(Ordering::SeqCst) <= 1, "only the idle connection is left");
    assert!(!server.log.all().iter().any(|line| line.contains("never")));
}

#[test]
fn limits_and_policy_are_the_applications_own() {
    let (port, _) = upstream(|mut stream| {
        while head(&mut stream).is_some() {
            answer(&mut stream, "inside");
        }
    });
    let code = r#"
export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const count = Number(searchParams.get("count"));
    const results = [];
    for (let i = 0; i < count; i++) {
      try {
        results.push(await (await fetch(searchParams.get("url"))).text());
      } catch (error) {
        results.push(error.cause.code);
      }
    }
    return new Response(results.join());
  },
};
"#;
    let config = r#"{ "apps": [
        { "name": "inside", "path": "./app.js", "max_subrequests": 3, "fetch": { "allow_private": true } },
        { "name": "outside", "path": "./app.js" },
    ] }"#;
    let dir = Dir::new(&[("app.js", code), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::one_thread());
    let ask = |host: &str, count: usize, url: &str| {
        get(server.port(), host, &format!("/?count={count}&url={url}")).text()
    };
    let url = format!("http://127.0.0.1:{port}/");
    // Also again: the count begins anew with each request.
    for _ in 0..2 {
        assert_eq!(ask("inside", 4, &url), "inside,inside,inside,ERR_TOO_MANY_SUBREQUESTS");
    }
    // A connection that another tenant has left open does not help either.
    for refused in [
        &url,
        &format!("http://localhost:{port}/"),
        &format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest/",
        "http://10.0.0.1/",
        "http://2130706433/",
    ] {
        assert_eq!(ask("outside", 1, refused), "ERR_ADDRESS_REFUSED", "{refused}");
    }
}

#[test]
fn bodies_and_requests_at_the_same_time_are_bounded() {
    const MEGABYTE: usize = 1 << 20;
    let waiting = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&waiting);
    let (port, _) = upstream(move |mut stream| {
        while let Some(lines) = head(&mut stream) {
            let number =
                |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)?.parse::<usize>().ok());
            if let Some(length) = number("content-length: ") {
                let mut body = (&mut stream).take(length as u64);
                std::io::copy(&mut body, &mut std::io::sink()).unwrap();
            } else if lines.iter().any(|line| line == "transfer-encoding: chunked") {
                let mut line = String::new();
                while line.trim() != "0" {
                    line.clear();
                    if stream.read_line(&mut line).unwrap() == 0 {
                        return;
                    }
                    let size = u64::from_str_radix(line.trim(), 16).unwrap();
                    std::io::copy(&mut (&mut stream).take(size + 2), &mut std::io::sink()).unwrap();
                }
            }
            if lines[0].contains("/wait") {
                // Answered when three are there.
                count.fetch_add(1, Ordering::SeqCst);
                while count.load(Ordering::SeqCst) < 3 {
                    thread::yield_now();
                }
            }
            answer(&mut stream, &"x".repeat(number("x-length: ").unwrap_or(0)));
        }
    });
    let code = format!(
        r#"
const end = (promise) => promise.then((text) => text.length, (error) => error.cause?.code ?? error.name);
const get = async (path, init) => (await fetch(`http://127.0.0.1:{port}${{path}}`, init)).text();
const stream = (length) => new ReadableStream({{
  pull(controller) {{
    const count = Math.min(length, 65536);
    if (count > 0) controller.enqueue(new Uint8Array(count));
    length -= count;
    if (length === 0) controller.close();
  }},
}});
export default {{
  async fetch(request) {{
    const {{ pathname, searchParams }} = new URL(request.url);
    const length = Number(searchParams.get("length"));
    switch (pathname) {{
      case "/received": return new Response(await end(get("/", {{ headers: {{ "x-length": String(length) }} }})));
      case "/sent": return new Response(await end(get("/", {{ method: "POST", body: new Uint8Array(length) }})));
      case "/streamed": return new Response(await end(get("/", {{ method: "POST", body: stream(length), duplex: "half" }})));
      default: return new Response((await Promise.all(Array.from({{ length }}, () => end(get("/wait"))))).join());
    }}
  }},
}};
"#
    );
    let config = r#"{ "apps": [{ "name": "a", "path": "./app.js", "max_subrequest_mb": 1, "max_concurrent_subrequests": 3,
        "fetch": { "allow_private": true } }] }"#;
    let dir = Dir::new(&[("app.js", &code), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::one_thread());
    let ask = |path: &str, length: usize| get(server.port(), "a", &format!("{path}?length={length}")).text();
    assert_eq!(ask("/received", MEGABYTE), MEGABYTE.to_string());
    assert_eq!(ask("/received", MEGABYTE + 1), "ERR_TOO_LARGE");
    for path in ["/sent", "/streamed"] {
        assert_eq!(ask(path, MEGABYTE), "0", "{path}");
        assert_eq!(ask(path, MEGABYTE + 1), "ERR_TOO_LARGE", "{path}");
    }
    // Again and again: what is over makes room.
    for _ in 0..2 {
        waiting.store(0, Ordering::SeqCst);
        assert_eq!(ask("/", 3), "0,0,0");
        waiting.store(0, Ordering::SeqCst);
        assert_eq!(ask("/", 4), "0,0,0,EBUSY");
    }
}

#[test]
fn bodies_that_wait_to_be_sent_count_for_the_applications_memory() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let (port, open) = upstream(move |mut stream| {
        if head(&mut stream).is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            wait_for_end(&mut stream);
        }
    });
    // The text takes a megabyte of the isolate's memory; each of its fetches would take as much again.
    let code = format!(
        r#"
let controller = new AbortController();
const body = "x".repeat(1 << 20);
export default {{
  async fetch(request) {{
    if (request.url.endsWith("/abort")) {{
      controller.abort();
      controller = new AbortController();
      return new Response("aborted");
    }}
    const {{ signal }} = controller;
    const ends = await Promise.all(Array.from({{ length: 400 }}, () =>
      fetch("http://127.0.0.1:{port}/", {{ method: "POST", body, signal }}).catch((error) => error.cause?.code ?? error.name)));
    const counts = {{}};
    for (const end of ends) counts[end] = (counts[end] ?? 0) + 1;
    return Response.json(counts);
  }},
}};
"#
    );
    let config = r#"{ "apps": [{ "name": "a", "path": "./app.js", "memory_mb": 32, "max_subrequests": 1000, "fetch": { "allow_private": true } }] }"#;
    let dir = Dir::new(&[("app.js", &code), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::one_thread());
    let before = server.usage().resident;
    for _ in 0..2 {
        arrived.store(0, Ordering::SeqCst);
        let mut client = server.connect();
        client.send(request("GET", "/", "a", &[], b""));
        wait_until("some fetches", || arrived.load(Ordering::SeqCst) >= 16);
        let held = server.usage().resident.saturating_sub(before);
        assert!(held < 160 << 20, "{} MiB are held", held >> 20);
        assert_eq!(get(server.port(), "a", "/abort").text(), "aborted");
        // So many had room, the second time too.
        let counts = client.response().text();
        let part = |name: &str| {
            let rest = counts.split(&format!("\"{name}\":")).nth(1).unwrap_or("0");
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<usize>().unwrap()
        };
        assert_eq!(part("AbortError") + part("ENOMEM"), 400, "{counts}");
        assert!((16..=32).contains(&part("AbortError")), "{counts}");
        wait_until("their end", || open.load(Ordering::SeqCst) == 0);
    }
}

#[test]
fn a_thousand_at_once_take_the_time_of_one() {
    nano_tests::raise_file_limit().unwrap();
    // All are answered once the last has come: only if they are under way together do they ever end.
    const COUNT: usize = 1000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut streams: Vec<BufReader<TcpStream>> = Vec::new();
        for stream in listener.incoming() {
            // Nothing but accepting while they come: the queue of a listener is short.
            streams.push(BufReader::new(stream.unwrap()));
            if streams.len() == COUNT {
                for mut stream in streams.drain(..) {
                    head(&mut stream).unwrap();
                    answer(&mut stream, "slow");
                }
            }
        }
    });
    let code = format!(
        r#"
export default {{
  async fetch() {{
    const all = await Promise.all(Array.from({{ length: {COUNT} }}, async () => (await fetch("http://127.0.0.1:{port}/")).text()));
    return new Response(String(all.filter((text) => text === "slow").length));
  }},
}};
"#
    );
    let config = r#"{ "apps": [{ "name": "a", "path": "./app.js", "max_subrequests": 1000, "fetch": { "allow_private": true } }] }"#;
    let dir = Dir::new(&[("app.js", &code), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options { files: Some(4096), ..Options::one_thread() });
    let mut after_first = 0;
    for round in 0..5 {
        assert_eq!(get(server.port(), "a", "/").text(), COUNT.to_string());
        let now = server.usage().resident;
        if round == 0 {
            after_first = now;
        }
        assert!(now < after_first + (48 << 20), "memory grows: {} to {} MiB", after_first >> 20, now >> 20);
    }
}

#[test]
fn an_isolate_that_ends_leaves_nothing() {
    let (port, open) = upstream(|mut stream| {
        let Some(_) = head(&mut stream) else { return };
        wait_for_end(&mut stream);
    });
    let code = format!(
        r#"
const hoard = [];
export default {{
  async fetch(request) {{
    if (new URL(request.url).pathname === "/fetch") {{
      await Promise.all(Array.from({{ length: 20 }}, () => fetch("http://127.0.0.1:{port}/")));
    }}
    for (;;) hoard.push(new Array(1000).fill(Math.random()));
  }},
}};
"#
    );
    let config = r#"{ "apps": [{ "name": "a", "path": "./app.js", "memory_mb": 16, "fetch": { "allow_private": true } }] }"#;
    let dir = Dir::new(&[("app.js", &code), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::one_thread());
    let before = server.usage().files;
    let mut waiting = server.connect();
    waiting.send(request("GET", "/fetch", "a", &[], b""));
    wait_until("the fetches", || open.load(Ordering::SeqCst) == 20);
    // The isolate exceeds its memory and is ended, with all that it was doing.
    assert_eq!(get(server.port(), "a", "/grow").status, 503);
    assert_eq!(waiting.response().status, 503);
    wait_until("the connections' end", || open.load(Ordering::SeqCst) == 0);
    drop(waiting);
    server.wait_usage("files are closed", |usage| usage.files <= before);
}
