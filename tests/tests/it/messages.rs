//! Messages: within a script, and between the isolates of an application on several threads.

use nano_tests::{Client, Dir, Nano, Options, PATIENCE, request, run};
use std::time::Instant;

#[test]
fn a_script_ends_when_its_ports_are_closed() {
    let script = "
        const { port1, port2 } = new MessageChannel();
        let hops = 0;
        port1.onmessage = (event) => {
          if (++hops === 1000) { console.log('hops', hops, event.data.n); port1.close(); } else port1.postMessage(event.data);
        };
        port2.onmessage = ({ data }) => port2.postMessage({ n: data.n + 1 });
        port2.onclose = () => console.log('closed');
        port1.postMessage({ n: 0 });
        const channel = new BroadcastChannel('c');
        const other = new BroadcastChannel('c');
        other.onmessage = (event) => { console.log(event.data); other.close(); };
        channel.postMessage('broadcast');
    ";
    let dir = Dir::new(&[("script.js", script)]);
    let output = run(dir.path(), &["run", "script.js"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(output.stdout, "broadcast\nhops 1000 1000\nclosed\n");
}

#[test]
fn a_message_that_waits_keeps_a_script_and_timers_get_their_turn() {
    let script = "
        const { port1, port2 } = new MessageChannel();
        let running = true;
        port1.onmessage = () => { if (running) port2.postMessage(1); else { port1.close(); console.log('end'); } };
        port2.postMessage(1);
        setTimeout(() => { running = false; console.log('timer'); }, 5);
    ";
    let dir = Dir::new(&[("script.js", script)]);
    let output = run(dir.path(), &["run", "script.js"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "timer\nend\n"), "{}", output.stderr);
}

const APP: &str = "
    const me = crypto.randomUUID();
    const heard = [];
    const channel = new BroadcastChannel('news');
    channel.onmessage = async ({ data }) => heard.push(`${data.from} ${data.map.get('k')} ${await data.blob.text()}`);
    export default {
      fetch(request) {
        if (new URL(request.url).pathname === '/say') {
          channel.postMessage({ from: me, map: new Map([['k', 7n]]), blob: new Blob(['text']) });
        }
        return Response.json({ me, heard });
      },
    };
";

#[test]
fn broadcasts_reach_the_isolates_of_other_threads_and_no_other_application() {
    let config = r#"{ "apps": [
        { "name": "app", "path": "app.js" }, { "name": "other", "path": "app.js" }
    ] }"#;
    let dir = Dir::new(&[("app.js", APP), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::args(&["--threads", "2", "--no-request-log"]));
    // The system deals connections out among the threads; each stays where it is.
    let ask = |client: &mut Client, host: &str, target: &str| {
        client.send(request("GET", target, host, &[], b"")).response().text()
    };
    let id = |answer: &str| answer.split('"').nth(3).expect("an id").to_owned();
    let mut one = server.connect();
    let sender = id(&ask(&mut one, "app", "/"));
    let mut another = server.connect();
    while id(&ask(&mut another, "app", "/")) == sender {
        another = server.connect();
    }
    for host in ["app", "other"] {
        assert!(ask(&mut one, host, "/").ends_with("\"heard\":[]}"));
        assert!(ask(&mut another, host, "/").ends_with("\"heard\":[]}"));
    }
    ask(&mut one, "app", "/say");
    ask(&mut one, "app", "/say");
    let heard = format!("\"heard\":[\"{sender} 7 text\",\"{sender} 7 text\"]}}");
    let until = Instant::now() + PATIENCE;
    while !ask(&mut another, "app", "/").ends_with(&heard) {
        assert!(Instant::now() < until, "{}", ask(&mut another, "app", "/"));
    }
    // Not to itself, and to no other application.
    assert!(ask(&mut one, "app", "/").ends_with("\"heard\":[]}"));
    for client in [&mut one, &mut another] {
        assert!(ask(client, "other", "/").ends_with("\"heard\":[]}"));
    }
}
