//! Services of an application: HTTP servers on sockets of the file system that its `env` has.

use crate::fetching::{head, wait_until};
use nano_tests::{Dir, Nano, Options, get};
use std::io::{BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A server on a socket, which answers each request with what `answer` makes of its head, or says nothing
/// more if that is empty; how many connections it has.
fn serve(path: &Path, answer: impl Fn(&[String]) -> String + Send + Sync + 'static) -> Arc<AtomicUsize> {
    let listener = UnixListener::bind(path).unwrap();
    let open = Arc::new(AtomicUsize::new(0));
    let (answer, count) = (Arc::new(answer), Arc::clone(&open));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            count.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                while let Some(head) = head(&mut stream) {
                    let text = answer(&head);
                    if stream.get_mut().write_all(text.as_bytes()).is_err() {
                        break;
                    }
                }
                count.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    open
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

const APP: &str = r#"
export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    const to = searchParams.get("service");
    if (to === null) return Response.json([Object.keys(env), String(env.A), typeof env.A?.fetch, env.STAGE]);
    try {
      const response = await env[to].fetch(searchParams.get("url"), { signal: request.signal });
      return new Response(await response.text(), response);
    } catch (error) {
      return Response.json([error.name, error.cause?.code ?? error.message]);
    }
  },
};
"#;

/// A server with two applications: one has services, the other none. Neither may reach private addresses.
fn start(answer: impl Fn(&[String]) -> String + Send + Sync + 'static) -> (Nano, Arc<AtomicUsize>) {
    let config = r#"{ "apps": [
        { "name": "a", "path": "./app.js", "env": { "STAGE": "x" }, "services": { "A": "unix:a.sock", "GONE": "unix:gone.sock" } },
        { "name": "b", "path": "./app.js" },
    ] }"#;
    let dir = Dir::new(&[("app.js", APP), ("nano.jsonc", config)]);
    let open = serve(&dir.join("a.sock"), answer);
    (Nano::config(dir, Options::one_thread()), open)
}

fn ask(server: &Nano, service: &str, url: &str) -> String {
    get(server.port(), "a", &format!("/?service={service}&url={url}")).text()
}

#[test]
fn a_service_is_asked_over_its_socket() {
    let (server, open) = start(|head| ok(&format!("{} {}", head[0], head[1])));
    let other = |host: &str| get(server.port(), host, "/").text();
    assert_eq!(other("a"), r#"[["STAGE","A","GONE"],"[object Fetcher]","function","x"]"#);
    assert_eq!(other("b"), r#"[[],"undefined","undefined",null]"#);
    // The name in the URL is the service's to know: it is not looked up, and may be private.
    for (url, expected) in [
        ("http://nowhere.invalid/x", "GET /x HTTP/1.1 host: nowhere.invalid"),
        ("http://127.0.0.1:9/", "GET / HTTP/1.1 host: 127.0.0.1:9"),
    ] {
        assert_eq!(ask(&server, "A", url), expected);
    }
    for _ in 0..3 {
        ask(&server, "A", "http://nowhere.invalid/");
    }
    assert_eq!(open.load(Ordering::SeqCst), 2, "a connection for each host is kept");
    assert_eq!(ask(&server, "GONE", "http://a/"), r#"["TypeError","ECONNREFUSED"]"#);
    assert!(ask(&server, "A", "data:,x").contains("is not for a service"));
    assert_eq!(
        ask(&server, "A", "relative"),
        r#"["TypeError","Failed to construct 'Request': 'relative' is not a valid URL."]"#
    );
}

#[test]
fn redirects_stay_within_the_service_or_are_judged() {
    let (server, _) = start(|head| {
        let location = match head[0].split(' ').nth(1).unwrap() {
            "/within" => "/there",
            "/away" => "http://127.0.0.1:1024/",
            _ => return ok(&head[0]),
        };
        format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
    });
    assert_eq!(ask(&server, "A", "http://a/within"), "GET /there HTTP/1.1");
    assert_eq!(ask(&server, "A", "http://a/away"), r#"["TypeError","ERR_ADDRESS_REFUSED"]"#);
}

#[test]
fn a_client_that_leaves_ends_the_request_to_the_service() {
    let (server, open) = start(|_| String::new());
    let files = server.usage().files;
    let mut client = server.connect();
    client.send(nano_tests::request("GET", "/?service=A&url=http://a/", "a", &[], b""));
    wait_until("the request", || open.load(Ordering::SeqCst) == 1);
    client.reset();
    wait_until("its end", || open.load(Ordering::SeqCst) == 0);
    server.wait_usage("files are closed", |usage| usage.files <= files);
}
