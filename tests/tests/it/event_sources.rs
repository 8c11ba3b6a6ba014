//! EventSource: streams that come in any pieces, reconnection, what ends it.

use nano_tests::{Dir, Nano, Options, get, run};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream;charset=utf-8\r\nconnection: close\r\n\r\n";

/// A server that gives the nth of its connections the nth of these answers, in these pieces, and keeps the
/// requests' heads. More connections get 204.
fn upstream(answers: Vec<Vec<Vec<u8>>>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    thread::spawn(move || {
        let nothing = vec![b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()];
        for (stream, answer) in listener.incoming().zip(answers.into_iter().chain(std::iter::repeat(nothing)))
        {
            let mut stream: TcpStream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut head = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            while lines.read_line(&mut head).unwrap_or(0) > 2 {}
            seen.lock().unwrap().push(head.to_lowercase());
            for piece in &answer {
                // Who was closed takes no more.
                let _ = stream.write_all(piece);
            }
        }
    });
    (port, heads)
}

fn answer(body: &str) -> Vec<Vec<u8>> {
    vec![HEAD.into(), body.into()]
}

/// What a script prints that listens to a stream until it closes for good.
fn listen(port: u16, options: &str) -> String {
    let script = format!(
        r#"
        const source = new EventSource("http://127.0.0.1:{port}/", {options});
        for (const type of ["message", "custom"]) source.addEventListener(type, (event) => {{
          console.log(JSON.stringify([type, event.data, event.lastEventId, event.origin.replace(/\d+$/, "PORT")]));
        }});
        source.onopen = () => console.log("open", source.readyState);
        source.onerror = () => console.log("error", source.readyState);
        "#
    );
    let dir = Dir::new(&[("script.js", &script)]);
    let output = run(dir.path(), &["run", "script.js"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.stdout
}

fn event(kind: &str, data: &str, id: &str) -> String {
    format!("[{:?},{:?},{:?},\"http://127.0.0.1:PORT\"]\n", kind, data, id)
}

#[test]
fn a_stream_means_the_same_in_any_pieces() {
    let body = "\u{feff}retry: 1\n: a comment\ndata: é€😀\r\ndata:second\r\rid: 7\nevent:custom\ndata\ndata:  x\n\n\
                event: lost\n\nunknown: y\ndata: after\r\n\r\nretry: no\nid: \0\ndata: last\n\nid: 9\ndata: not complete";
    let expected = [
        "open 1\n".to_owned(),
        event("message", "é€😀\nsecond", ""),
        event("custom", "\n x", "7"),
        event("message", "after", "7"),
        event("message", "last", "7"),
        "error 0\nerror 2\n".to_owned(),
    ]
    .concat();
    let bytes = body.as_bytes();
    let cuts = |size: usize| bytes.chunks(size).map(<[u8]>::to_vec);
    for size in [1, 2, 3, 5, bytes.len()] {
        let (port, heads) = upstream(vec![[HEAD.into()].into_iter().chain(cuts(size)).collect()]);
        assert_eq!(listen(port, "{}"), expected, "in pieces of {size}");
        let heads = heads.lock().unwrap();
        assert!(heads[0].contains("accept: text/event-stream\r\n"), "{}", heads[0]);
        assert!(heads[0].contains("cache-control: no-cache\r\n"), "{}", heads[0]);
        assert!(!heads[0].contains("last-event-id"), "{}", heads[0]);
        // What was not complete is not what was seen last.
        assert!(heads[1].contains("last-event-id: 7\r\n"), "{}", heads[1]);
    }
}

#[test]
fn it_comes_back_until_it_is_told_not_to() {
    let (port, heads) = upstream(vec![
        answer("retry: 1\nid: ü\ndata: 1\n\n"),
        // The connection breaks without an answer.
        Vec::new(),
        answer("data: 2\n\nid\ndata: 3\n\n"),
        answer("data: 4\n\n"),
    ]);
    let expected = [
        "open 1\n".to_owned(),
        event("message", "1", "ü"),
        "error 0\nerror 0\nopen 1\n".to_owned(),
        event("message", "2", "ü"),
        event("message", "3", ""),
        "error 0\nopen 1\n".to_owned(),
        event("message", "4", ""),
        "error 0\nerror 2\n".to_owned(),
    ];
    assert_eq!(listen(port, "{ withCredentials: true }"), expected.concat());
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 5);
    assert!(heads[2].contains("last-event-id: ü\r\n"), "{}", heads[2]);
    assert!(!heads[3].contains("last-event-id"), "{}", heads[3]);
}

#[test]
fn an_id_may_have_any_characters_but_zero() {
    // What a header takes goes to the server as it is; the line's own ends and zeros are none of it.
    for id in ["\u{1}", "a\u{b}b", "\u{7f}", "a\tb", "\u{1f}\u{80}é", "a:b", "a  b"] {
        let (port, heads) = upstream(vec![answer(&format!("retry: 1\nid: {id}\ndata: 1\n\n"))]);
        let json = serde_json::to_string(id).unwrap();
        let script = format!(
            r#"
            const source = new EventSource("http://127.0.0.1:{port}/");
            source.onmessage = ({{ lastEventId }}) => console.log(lastEventId === {json});
            "#
        );
        let dir = Dir::new(&[("script.js", &script)]);
        let output = run(dir.path(), &["run", "script.js"]);
        assert_eq!((output.stdout.as_str(), output.code), ("true\n", Some(0)), "{id:?} {}", output.stderr);
        let heads = heads.lock().unwrap();
        assert!(heads[1].contains(&format!("last-event-id: {id}\r\n")), "{id:?}: {}", heads[1]);
    }
}

#[test]
fn a_time_longer_than_a_timer_can_wait_is_not_none() {
    for digits in ["2147483648", "99999999999999999999", &"9".repeat(400)] {
        let (port, heads) = upstream(vec![answer(&format!("retry: {digits}\n\n"))]);
        let script = format!(
            r#"
            const source = new EventSource("http://127.0.0.1:{port}/");
            await new Promise((resolve) => source.onerror = resolve);
            // Turns enough for a connection that would not have waited.
            for (let i = 0; i < 5; i++) await fetch("http://127.0.0.1:{port}/fetched");
            console.log(source.readyState);
            source.close();
            "#
        );
        let dir = Dir::new(&[("script.js", &script)]);
        let output = run(dir.path(), &["run", "script.js"]);
        assert_eq!((output.stdout.as_str(), output.code), ("0\n", Some(0)), "{}", output.stderr);
        let heads = heads.lock().unwrap();
        assert_eq!(heads.iter().filter(|head| head.starts_with("get / ")).count(), 1, "{digits}");
        assert_eq!(heads.len(), 6, "{digits}");
    }
}

#[test]
fn what_is_no_stream_fails_for_good() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\ndata: 1\n\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ndata: 1\n\n",
        "HTTP/1.1 500 No\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: 1\n\n",
        "HTTP/1.1 204 No Content\r\ncontent-type: text/event-stream\r\n\r\n",
    ] {
        let (port, heads) = upstream(vec![vec![head.into()]]);
        assert_eq!(listen(port, "{}"), "error 2\n", "{head}");
        assert_eq!(heads.lock().unwrap().len(), 1);
    }
}

#[test]
fn an_application_listens_for_as_long_as_its_request_lives() {
    let (port, _) = upstream(vec![answer("data: 1\n\ndata: 2\n\n"), answer("data: 1\n\ndata: 2\n\n")]);
    let app = format!(
        r#"
        export default {{
          async fetch(request) {{
            const source = new EventSource("http://127.0.0.1:{port}/");
            const seen = [];
            await new Promise((done) => {{
              source.onmessage = ({{ data }}) => {{
                seen.push(data);
                if (data === "2") {{ source.close(); done(); }}
              }};
              source.onerror = () => done(seen.push("error"));
            }});
            return Response.json([...seen, source.readyState]);
          }},
        }};
        "#
    );
    let config = |private: bool| {
        format!(
            r#"{{ "apps": [{{ "name": "a", "hostname": "*", "path": "index.js", "fetch": {{ "allow_private": {private} }} }}] }}"#
        )
    };
    for (private, expected) in [(true, r#"["1","2",2]"#), (false, r#"["error",2]"#)] {
        let dir = Dir::new(&[("index.js", &app), ("nano.jsonc", &config(private))]);
        let server = Nano::config(dir, Options::one_thread());
        assert_eq!(get(server.port(), "localhost", "/").text(), expected);
        server.stop();
    }
}
