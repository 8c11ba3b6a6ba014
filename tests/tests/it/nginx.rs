//! fetch() and the server beside nginx: what servers of others send, and what proxies of others make of what
//! we send.

use crate::fetching::{PASS_ON, wait_until};
use nano_tests::{Client, Dir, Nano, Nginx, Options, Pattern, get, request, run};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// Large enough that no buffer on the way has all of it.
const LARGE: usize = 48 << 20;

/// A file of a pattern's first bytes.
fn write_pattern(dir: &Dir, name: &str, seed: u64, length: usize) {
    let mut bytes = vec![0; length];
    Pattern::new(seed).fill(&mut bytes);
    dir.write(name, &bytes);
}

fn assert_pattern(path: &Path, seed: u64, length: usize) {
    let mut pattern = Pattern::new(seed);
    let mut file = std::fs::File::open(path).unwrap();
    let mut piece = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        assert!(
            pattern.check(&piece[..count]),
            "{} differs before byte {}",
            path.display(),
            pattern.offset()
        );
    }
    assert_eq!(pattern.offset(), length as u64);
}

/// Asks with a client for a body of a pattern.
fn read_pattern(client: &mut Client, seed: u64) -> (nano_tests::Response, u64) {
    let response = client.head().unwrap();
    let mut pattern = Pattern::new(seed);
    let count = client.body(&response, |piece| assert!(pattern.check(piece), "the body is another")).unwrap();
    (response, count)
}

/// The files of `www`, with their framing chosen by the path.
fn files(listen: &[String]) -> String {
    format!(
        "server {{ listen {}; root www; etag on;\n\
           location /chunked {{ alias www; ssi on; ssi_types *; }}\n\
           location /gzip {{ alias www; gzip on; gzip_types *; gzip_min_length 1; }}\n\
           location /moved {{ return 301 /text; }}\n\
           location /see-other {{ return 303 /text; }}\n\
           location /kept {{ return 308 /method; }}\n\
           location /method {{ return 200 $request_method; }}\n\
           location /endless {{ return 302 /endless; }}\n\
         }}\n\
         server {{ listen {}; root www; keepalive_requests 3; }}\n",
        listen[0], listen[1]
    )
}

#[test]
fn a_script_gets_what_nginx_serves() {
    let dir = Dir::new(&[]);
    let text: String = (0..20_000).map(|line| format!("line {line} of a text\n")).collect();
    dir.write("www/text", text.as_bytes());
    dir.write("www/empty", b"");
    let nginx = Nginx::start(dir, 2, files);
    let script = r#"
        const [base, few, expected] = scriptArgs;
        const text = (await fetch(`${base}/text`).then((response) => response.text()));
        const lines = [];
        const look = async (path, init) => {
          const response = await fetch(base + path, init);
          const body = await response.text();
          lines.push([
            path, response.status, response.redirected, new URL(response.url).pathname, body === text ? "the text" : JSON.stringify(body.slice(0, 30)),
            response.headers.get("content-encoding"), response.headers.get("content-length"), response.headers.get("transfer-encoding"),
          ].join(" "));
          return response;
        };
        lines.push(text.length);
        const { headers } = await look("/text");
        await look("/text", { method: "HEAD" });
        await look("/empty");
        await look("/nothing");
        await look("/text", { headers: { "if-none-match": headers.get("etag") } });
        await look("/text", { headers: { range: "bytes=5-9" } });
        await look("/chunked/text");
        await look("/chunked/empty");
        await look("/gzip/text");
        await look("/gzip/text", { headers: { "accept-encoding": "identity" } });
        await look("/moved");
        await look("/moved", { redirect: "manual" });
        await look("/see-other", { method: "POST", body: "x" });
        await look("/kept", { method: "POST", body: "x" });
        for (const [path, init] of [["/endless"], ["/moved", { redirect: "error" }]]) {
          await fetch(base + path, init).then(() => lines.push("no error"), ({ cause }) => lines.push(cause.code));
        }
        for (let i = 0; i < 7; i++) await (await fetch(`${few}/text`)).text();
        console.log(lines.join("\n"));
    "#;
    let scripts = Dir::new(&[("script.mjs", script)]);
    let base = |index: usize| format!("http://127.0.0.1:{}", nginx.ports()[index]);
    let output = run(scripts.path(), &["run", "script.mjs", &base(0), &base(1)]);
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    let length = text.len();
    let expected = [
        format!("{length}"),
        format!("/text 200 false /text the text  {length} "),
        format!("/text 200 false /text \"\"  {length} "),
        "/empty 200 false /empty \"\"  0 ".into(),
        "/nothing 404 false /nothing \"<html>\\r\\n<head><title>404 Not F\"  ".into(),
        "/text 304 false /text \"\"   ".into(),
        "/text 206 false /text \"0 of \"  5 ".into(),
        "/chunked/text 200 false /chunked/text the text   chunked".into(),
        "/chunked/empty 200 false /chunked/empty \"\"  0 ".into(),
        "/gzip/text 200 false /gzip/text the text   chunked".into(),
        format!("/gzip/text 200 false /gzip/text the text  {length} "),
        format!("/moved 200 true /text the text  {length} "),
        "/moved 301 false /moved \"<html>\\r\\n<head><title>301 Moved\"  ".into(),
        format!("/see-other 200 true /text the text  {length} "),
        "/kept 200 true /method \"POST\"  4 ".into(),
        "ERR_REDIRECT".into(),
        "ERR_REDIRECT".into(),
    ];
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{}", output.stdout);
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(expected.as_str()), "{line:?} instead of {expected:?}");
    }
    // What nginx says of it: that it did send gzip, and which connections there were.
    wait_until("the log", || nginx.log().len() == 47);
    let log = nginx.log();
    let ratio = |line: &Vec<String>| line[5].parse::<f64>().unwrap_or(1.0);
    let gzipped: Vec<f64> = log.iter().filter(|line| line[1] == "/gzip/text").map(ratio).collect();
    assert!(matches!(gzipped[..], [first, 1.0] if first > 4.0), "{gzipped:?}");
    let (first, few) = log.split_at(log.len() - 7);
    let connections =
        |lines: &[Vec<String>]| lines.iter().map(|line| line[3].clone()).collect::<BTreeSet<_>>();
    assert_eq!(connections(first).len(), 2, "one is used for all until a fetch fails, which closes it");
    let numbers: Vec<&str> = few.iter().map(|line| line[4].as_str()).collect();
    assert_eq!(numbers, ["1", "2", "3", "1", "2", "3", "1"], "its end is noticed in time");
    assert_eq!(connections(few).len(), 3);
}

/// Files that can be got and put.
fn store(listen: &[String]) -> String {
    format!(
        "server {{ listen {}; root www; dav_methods PUT DELETE; create_full_put_path on;\n\
           location /packed/ {{ alias www/; gzip on; gzip_types *; }}\n\
         }}\n",
        listen[0]
    )
}

#[test]
fn a_handler_in_front_of_nginx_passes_large_bodies_on() {
    let dir = Dir::new(&[]);
    write_pattern(&dir, "www/large", 1, LARGE);
    let nginx = Nginx::start(dir, 1, store);
    let (server, port) = (Nano::app(PASS_ON), nginx.ports()[0]);
    let mut client = server.connect();
    for path in ["/large", "/packed/large"] {
        client.send(request("GET", &format!("{path}?port={port}"), "a", &[], b""));
        let (response, count) = read_pattern(&mut client, 1);
        assert_eq!((response.status, count), (200, LARGE as u64), "{path}");
        assert_eq!(response.header("content-encoding"), None);
    }
    // Uploads, of a known length and chunked, and their answers on the same connection.
    for (name, chunked) in [("told", false), ("chunked", true)] {
        let framing =
            if chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {LARGE}") };
        client.send(format!("PUT /put/{name}?port={port} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        let (mut pattern, mut piece) = (Pattern::new(2), vec![0; 256 << 10]);
        for _ in 0..LARGE / piece.len() {
            pattern.fill(&mut piece);
            if chunked {
                client.send(format!("{:x}\r\n", piece.len()));
            }
            client.send(&piece);
            if chunked {
                client.send("\r\n");
            }
        }
        if chunked {
            client.send("0\r\n\r\n");
        }
        assert_eq!(client.response().status, 201, "{name}");
        assert_pattern(&nginx.dir().join(&format!("www/put/{name}")), 2, LARGE);
    }
    let peak = server.usage().peak;
    assert!(peak < 150 << 20, "{} MiB at the most", peak >> 20);
}

#[test]
fn a_client_that_reads_slowly_holds_nothing_up() {
    let dir = Dir::new(&[("www/small", "small")]);
    write_pattern(&dir, "www/large", 3, 4 * LARGE);
    let nginx = Nginx::start(dir, 1, store);
    let (server, port) = (Nano::app(PASS_ON), nginx.ports()[0]);
    let before = server.usage().resident;
    let mut slow: Vec<Client> = (0..4)
        .map(|_| {
            let mut client = server.connect();
            client.send(request("GET", &format!("/large?port={port}"), "a", &[], b""));
            assert_eq!(client.head().unwrap().status, 200);
            client
        })
        .collect();
    // Each of these is a turn of the server's thread in which the slow ones could take more.
    for _ in 0..200 {
        assert_eq!(get(server.port(), "a", &format!("/small?port={port}")).text(), "small");
    }
    let held = server.usage().resident.saturating_sub(before);
    assert!(held < 32 << 20, "{} MiB are held for clients that do not read", held >> 20);
    let unfinished = nginx.log().iter().filter(|line| line[1] == "/large").count();
    assert_eq!(unfinished, 0, "nginx has been read to the end for a client that does not read");
    for client in &mut slow {
        let (mut pattern, mut count) = (Pattern::new(3), 0);
        while count < 4 * LARGE {
            let piece = client.some().unwrap();
            assert!(pattern.check(&piece), "the body is another");
            count += piece.len();
        }
        assert_eq!(count, 4 * LARGE);
    }
}

const ECHO: &str = r#"
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/headers") return Response.json(Object.fromEntries(request.headers));
    if (pathname === "/gathered") return new Response(await request.arrayBuffer());
    return new Response(request.body, { headers: { "x-method": request.method } });
  },
};
"#;

#[test]
fn nginx_in_front_of_the_server_proxies_bodies_both_ways() {
    let server = Nano::app(ECHO);
    let upstream = server.port();
    let nginx = Nginx::start(Dir::new(&[]), 1, |listen| {
        format!(
            "upstream nano {{ server 127.0.0.1:{upstream}; keepalive 4; }}\n\
             server {{ listen {};\n\
               location / {{ proxy_pass http://nano; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
                 proxy_set_header X-Forwarded-For $remote_addr; proxy_request_buffering off; proxy_buffering off; }}\n\
               location /buffered {{ proxy_pass http://nano/gathered; }}\n\
             }}\n",
            listen[0]
        )
    });
    let mut client = Client::connect(nginx.ports()[0]);
    let headers = client.get("/headers").text();
    assert!(headers.contains(r#""x-forwarded-for":"127.0.0.1""#), "{headers}");
    let length = LARGE / 4;
    // nginx speaks HTTP/1.1 to the server, with chunks if its client does; or, after it has stored all,
    // HTTP/1.0. It sends no more of a request once the response has begun, so the response waits for all of
    // it.
    for path in ["/gathered", "/buffered"] {
        for chunked in [false, true] {
            let framing = if chunked {
                "Transfer-Encoding: chunked".into()
            } else {
                format!("Content-Length: {length}")
            };
            let mut sender = client.sender();
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
            let sending = std::thread::spawn(move || {
                use std::io::Write;
                sender.write_all(head.as_bytes()).unwrap();
                let (mut pattern, mut piece) = (Pattern::new(4), vec![0; 64 << 10]);
                for _ in 0..length / piece.len() {
                    pattern.fill(&mut piece);
                    if chunked {
                        sender.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).unwrap();
                    }
                    sender.write_all(&piece).unwrap();
                    if chunked {
                        sender.write_all(b"\r\n").unwrap();
                    }
                }
                if chunked {
                    sender.write_all(b"0\r\n\r\n").unwrap();
                }
            });
            let (response, count) = read_pattern(&mut client, 4);
            assert_eq!((response.status, count), (200, length as u64), "{path} {chunked}");
            sending.join().unwrap();
        }
    }
    assert_eq!(client.get("/").header("x-method").as_deref(), Some("GET"));
}

#[test]
fn nginx_in_front_and_behind() {
    let dir = Dir::new(&[("www/page", "a page")]);
    let nginx = Nginx::start(dir, 1, |listen| format!("server {{ listen {}; root www; }}\n", listen[0]));
    let (server, behind) = (Nano::app(PASS_ON), nginx.ports()[0]);
    let port = server.port();
    let front = Nginx::start(Dir::new(&[]), 1, |listen| {
        format!("server {{ listen {}; location / {{ proxy_pass http://127.0.0.1:{port}; }} }}\n", listen[0])
    });
    let mut client = Client::connect(front.ports()[0]);
    for (path, status) in [("/page", 200), ("/missing", 404), ("/page", 200)] {
        let response = client.get(&format!("{path}?port={behind}"));
        assert_eq!(response.status, status, "{path}");
        assert!(response.header("server").is_some_and(|name| name.starts_with("nginx")));
        assert_eq!(response.text() == "a page", status == 200, "{path}");
    }
}

#[test]
fn tls_is_trusted_where_its_authority_is_named() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let dir = Dir::new(&[
        ("cert.pem", &certificate.pem()),
        ("key.pem", &key.serialize_pem()),
        ("www/text", "over TLS"),
    ]);
    write_pattern(&dir, "www/large", 5, LARGE / 4);
    let nginx = Nginx::start(dir, 1, |listen| {
        format!(
            "server {{ listen {} ssl; root www; ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;\n\
               ssl_session_cache shared:tls:1m; location = /tls {{ return 200 \"$ssl_protocol $ssl_session_reused\"; }}\n\
               location = /close {{ keepalive_timeout 0; return 200 \"$ssl_protocol $ssl_session_reused\"; }} }}\n",
            listen[0]
        )
    });
    let app = r#"
        export default {
          async fetch(request) {
            const { searchParams } = new URL(request.url);
            try {
              const response = await fetch(searchParams.get("url"));
              return new Response(response.body, response);
            } catch ({ cause }) {
              return Response.json([cause.code, cause.message]);
            }
          },
        };
    "#;
    let config = |network: &str| {
        format!(
            r#"{{ {network} "apps": [{{ "name": "a", "path": "app.js", "fetch": {{ "allow_private": true }} }}] }}"#
        )
    };
    let serve = |network: &str| {
        let dir = Dir::new(&[("app.js", app), ("nano.jsonc", &config(network)), ("ca.pem", &issuer.pem())]);
        Nano::config(dir, Options::one_thread())
    };
    let url = |host: &str, path: &str| format!("/?url=https://{host}:{}{path}", nginx.ports()[0]);
    let trusting = serve(r#""network": { "ca_file": "ca.pem" },"#);
    let ask = |path: &str| get(trusting.port(), "a", &url("localhost", path)).text();
    assert_eq!(ask("/text"), "over TLS");
    assert_eq!(ask("/close"), "TLSv1.3 .");
    assert_eq!(ask("/close"), "TLSv1.3 r", "a new connection resumes the session");
    let mut client = trusting.connect();
    client.send(request("GET", &url("localhost", "/large"), "a", &[], b""));
    let (response, count) = read_pattern(&mut client, 5);
    assert_eq!((response.status, count), (200, (LARGE / 4) as u64));
    let wrong = get(trusting.port(), "a", &url("127.0.0.1", "/text")).text();
    assert_eq!(
        wrong,
        r#"["ERR_TLS","no secure connection to 127.0.0.1: its certificate is for another name"]"#
    );
    let strange = get(serve("").port(), "a", &url("localhost", "/text")).text();
    assert!(strange.starts_with(r#"["ERR_TLS","no secure connection to localhost: "#), "{strange}");
}

#[test]
fn nginx_is_a_service_on_a_socket_of_the_file_system() {
    let dir = Dir::new(&[("www/text", "on a socket")]);
    write_pattern(&dir, "www/large", 6, LARGE / 4);
    let path = dir.text("nginx.sock");
    let nginx = Nginx::start(dir, 0, |_| {
        format!(
            "server {{ listen unix:{path}; root www; dav_methods PUT; location /host {{ return 200 $http_host; }} }}\n"
        )
    });
    wait_until("the socket", || nginx.dir().join("nginx.sock").exists());
    let app = r#"
        export default {
          fetch(request, env) {
            const { pathname } = new URL(request.url);
            return env.FILES.fetch(new URL(pathname, "http://files"), request);
          },
        };
    "#;
    let config = format!(
        r#"{{ "apps": [{{ "name": "a", "path": "app.js", "services": {{ "FILES": "unix:{path}" }} }}] }}"#
    );
    let server = Nano::config(Dir::new(&[("app.js", app), ("nano.jsonc", &config)]), Options::one_thread());
    let mut client = server.connect();
    client.send(request("GET", "/large", "a", &[], b""));
    let (response, count) = read_pattern(&mut client, 6);
    assert_eq!((response.status, count), (200, (LARGE / 4) as u64));
    let get =
        |client: &mut Client, path: &str| client.send(request("GET", path, "a", &[], b"")).response().text();
    assert_eq!(get(&mut client, "/host"), "files");
    assert_eq!(get(&mut client, "/text"), "on a socket");
    client.send(request("PUT", "/new", "a", &[], b"put through a socket"));
    assert_eq!(client.response().status, 201);
    assert_eq!(get(&mut client, "/new"), "put through a socket");
    wait_until("the log", || nginx.log().len() == 5);
    let connections: BTreeSet<String> = nginx.log().iter().map(|line| line[3].clone()).collect();
    assert_eq!(connections.len(), 1, "its connection is kept");
}
