//! Applications that share a process and a thread, and know nothing of each other.

use nano_tests::{Dir, Nano, Options, get, request};

/// Sets what it can reach, and tells what it sees of what others have set.
const APP: &str = r#"
const seen = () => JSON.stringify({
  mark: globalThis.mark ?? null,
  array: Object.hasOwn(Array.prototype, "patched") ? Array.prototype.patched : null,
  getter: ({}).planted ?? null,
  then: Promise.prototype.then.patched ?? null,
  push: Array.prototype.push.patched ?? null,
  json: JSON.stringify.patched ?? null,
  fetcher: Response.prototype.patched ?? null,
  symbol: Symbol.for("shared").description,
});
const first = seen();
export default {
  async fetch(request, env) {
    const name = env.NAME;
    const before = first;
    globalThis.mark = name;
    Array.prototype.patched = name;
    Response.prototype.patched = name;
    Object.defineProperty(Object.prototype, "planted", { get: () => name, configurable: true });
    const { then } = Promise.prototype;
    Promise.prototype.then = Object.assign(function (...args) { return then.apply(this, args); }, { patched: name });
    const { push } = Array.prototype;
    Array.prototype.push = Object.assign(function (...args) { return push.apply(this, args); }, { patched: name });
    const answer = `${name} ${before} ${seen()}`;
    return new Response(answer);
  },
};
"#;

fn many(count: usize) -> (Nano, Vec<String>) {
    let mut apps = String::new();
    for index in 0..count {
        apps.push_str(&format!(
            "{{ \"name\": \"app-{index}\", \"path\": \"app.js\", \"env\": {{ \"NAME\": \"app-{index}\" }} }},"
        ));
    }
    let config = format!(r#"{{ "apps": [{apps}] }}"#);
    let dir = Dir::new(&[("app.js", APP), ("nano.jsonc", &config)]);
    let names = (0..count).map(|index| format!("app-{index}")).collect();
    (Nano::config(dir, Options::args(&["--threads", "1", "--no-request-log"])), names)
}

fn visit_all(server: &Nano, names: &[String]) {
    let clean = r#"{"mark":null,"array":null,"getter":null,"then":null,"push":null,"json":null,"fetcher":null,"symbol":"shared"}"#;
    let mut client = server.connect();
    for name in names {
        let marked = format!(
            r#"{{"mark":"{name}","array":"{name}","getter":"{name}","then":"{name}","push":"{name}","json":"{name}","fetcher":"{name}","symbol":"shared"}}"#
        );
        // `json` is read through the planted getter: every object of the application has it, functions too.
        let response = client.send(request("GET", "/", name, &[], b"")).response();
        let text = response.text().replace(&format!(r#""json":"{name}""#), r#""json":null"#);
        assert_eq!(response.status, 200, "{name}: {}", response.text());
        let marked = marked.replace(&format!(r#""json":"{name}""#), r#""json":null"#);
        assert_eq!(text, format!("{name} {clean} {marked}"));
    }
}

#[test]
fn fifty_applications_on_one_thread_see_nothing_of_each_other() {
    let (server, names) = many(50);
    visit_all(&server, &names);
    // And again, now that all are there.
    visit_all(&server, &names);
    server.stop();
}

#[test]
#[ignore = "a thousand isolates take a gigabyte and their time"]
fn a_thousand_applications_on_one_thread_see_nothing_of_each_other() {
    let (server, names) = many(1000);
    let before = server.usage();
    visit_all(&server, &names);
    let after = server.usage();
    visit_all(&server, &names);
    println!(
        "1,000 applications: {} MB before, {} MB after the first visits, {} KB each",
        before.resident >> 20,
        after.resident >> 20,
        ((after.resident - before.resident) / 1000) >> 10
    );
    server.stop();
}

/// Two of them take turns within one request each: neither the heap nor pending work is mixed up.
#[test]
fn two_applications_interleave_on_one_thread() {
    let app = r#"
        const waiting = [];
        let turns = 0;
        export default {
          async fetch(request, env) {
            if (new URL(request.url).pathname === "/wait") await new Promise((done) => waiting.push(done));
            else for (const done of waiting.splice(0)) done();
            return new Response(`${env.NAME} ${++turns}`);
          },
        };"#;
    let config = r#"{ "apps": [{ "name": "a", "path": "app.js", "env": { "NAME": "a" } }, { "name": "b", "path": "app.js", "env": { "NAME": "b" } }] }"#;
    let server = Nano::config(Dir::new(&[("app.js", app), ("nano.jsonc", config)]), Options::one_thread());
    let (mut one, mut other, mut third) = (server.connect(), server.connect(), server.connect());
    for round in 0..20 {
        one.send(request("GET", "/wait", "a", &[], b""));
        other.send(request("GET", "/wait", "b", &[], b""));
        // Both wait once `third`, sent later on the same thread, is answered by each; it may come first, so
        // ask until done.
        let mut wakes = 0;
        for (waiter, host) in [(&mut one, "a"), (&mut other, "b")] {
            waiter.stream().set_nonblocking(true).unwrap();
            let response = loop {
                let woken = third.send(request("GET", "/wake", host, &[], b"")).response();
                assert!(woken.text().starts_with(host), "{}", woken.text());
                wakes += 1;
                match waiter.try_response() {
                    Ok(response) => break response,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => panic!("round {round}: {error}"),
                }
            };
            waiter.stream().set_nonblocking(false).unwrap();
            assert!(response.text().starts_with(host), "{}", response.text());
        }
        assert!(wakes >= 2);
    }
    server.stop();
}

#[test]
fn what_an_application_caches_it_finds_on_every_thread_and_nobody_else_does() {
    const CACHING: &str = r#"
export default {
  async fetch(request) {
    const url = "https://example.com/shared";
    if (request.method === "PUT") {
      await caches.default.put(url, new Response(request.body, { headers: { "cache-control": "max-age=60" } }));
      return new Response("stored");
    }
    const hit = await caches.default.match(url);
    return hit ?? new Response("nothing", { status: 404 });
  },
};
"#;
    let apps = "{ \"name\": \"one\", \"path\": \"app.js\" }, { \"name\": \"two\", \"path\": \"app.js\" }";
    let config = format!("{{ \"apps\": [{apps}] }}");
    let server = Nano::config(
        Dir::new(&[("app.js", CACHING), ("nano.jsonc", &config)]),
        Options::args(&["--threads", "2"]),
    );
    let body = "x".repeat(200_000);
    let put = server.connect().send(request("PUT", "/", "one", &[], body.as_bytes())).response();
    assert_eq!(put.text(), "stored");
    // Connections are spread over the threads.
    for _ in 0..20 {
        let hit = get(server.port(), "one", "/");
        assert_eq!((hit.status, hit.text().len()), (200, body.len()));
        let miss = get(server.port(), "two", "/");
        assert_eq!((miss.status, miss.text().as_str()), (404, "nothing"));
    }
    server.stop();
}
