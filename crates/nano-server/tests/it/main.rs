//! A server whose applications are changed by a program, through [`Control`].

use nano_server::config::{Config, Overrides};
use nano_server::{Change, Control, Outcome, ServeOptions, serve};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc;

/// Status and body of a GET request.
fn get(address: SocketAddr, host: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head["HTTP/1.1 ".len()..][..3].parse().unwrap(), body.to_owned())
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, format!("export default {{ fetch: () => new Response({text:?}) }};")).unwrap();
}

fn change(control: &Control, change: Change) -> Outcome {
    control.change(change).expect("the server runs")
}

fn deployed(name: &str, version: u64) -> Outcome {
    Outcome { deployed: vec![(name.to_owned(), version)], ..Outcome::default() }
}

#[test]
fn applications_are_added_changed_rolled_back_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.js"), dir.path().join("b.js"));
    write(&a, "a one");
    write(&b, "b");
    let file = dir.path().join("nano.jsonc");
    let text = r#"{ "port": 0, "threads": 2, "watch": false, "sandbox": { "enabled": false },
        "apps": [{ "name": "a", "path": "a.js" }] }"#;
    std::fs::write(&file, text).unwrap();
    let mut config = Config::from_file(&file).unwrap();
    config.apply(&Overrides::default());
    let (sender, started) = mpsc::channel();
    let theirs = config.clone();
    let server = std::thread::spawn(move || {
        serve(
            &theirs,
            ServeOptions { no_request_log: true, ..ServeOptions::default() },
            |address, control| {
                sender.send((address, control.clone())).unwrap();
            },
        )
    });
    let (address, control) = started.recv().unwrap();
    assert_eq!(get(address, "a"), (200, "a one".into()));
    assert_eq!(get(address, "b").0, 404);

    // Another one, whose name and hosts have to be free.
    let mut app = config.apps[0].clone();
    app.name = "b".into();
    app.path = b.clone();
    let taken = change(&control, Change::Add(Box::new(app.clone())));
    assert!(taken.problems[0].message.contains("has the host \"a\""), "{taken:?}");
    app.hosts = vec!["b".parse().unwrap()];
    assert_eq!(change(&control, Change::Add(Box::new(app.clone()))), deployed("b", 1));
    assert_eq!(get(address, "b"), (200, "b".into()));
    let taken = change(&control, Change::Add(Box::new(app.clone())));
    assert!(taken.problems[0].message.contains("already"), "{taken:?}");

    // A new version, back to the one before, and forth again: going back goes back from that, too.
    assert!(!change(&control, Change::RollBack("a".into())).problems.is_empty());
    write(&a, "a two");
    assert_eq!(change(&control, Change::ReloadApps(vec!["a".into()])), deployed("a", 2));
    assert_eq!(get(address, "a"), (200, "a two".into()));
    assert_eq!(change(&control, Change::RollBack("a".into())), deployed("a", 3));
    assert_eq!(get(address, "a"), (200, "a one".into()));
    assert_eq!(change(&control, Change::RollBack("a".into())), deployed("a", 4));
    assert_eq!(get(address, "a"), (200, "a two".into()));
    // Nothing has changed: nothing happens.
    assert_eq!(change(&control, Change::Reload), Outcome::default());

    // What cannot serve is refused with its place.
    std::fs::write(&a, "export default { fetch: () => new Response( };").unwrap();
    let refused = change(&control, Change::Reload);
    assert_eq!((refused.deployed.len(), refused.problems.len()), (0, 1));
    assert!(refused.problems[0].message.contains("a.js:1:"), "{refused:?}");
    assert_eq!(get(address, "a"), (200, "a two".into()));

    // One that was added stays over a reload, until it is removed.
    assert_eq!(get(address, "b"), (200, "b".into()));
    let removed = Outcome { removed: vec!["b".into()], ..Outcome::default() };
    assert_eq!(change(&control, Change::Remove("b".into())), removed);
    assert_eq!(get(address, "b").0, 404);
    assert!(!change(&control, Change::Remove("b".into())).problems.is_empty());
    assert_eq!(
        control.served().iter().map(|app| (&*app.config.name, app.version)).collect::<Vec<_>>(),
        [("a", 4)]
    );

    // SAFETY: sends this process a signal that the server handles.
    unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
    server.join().unwrap().unwrap();
    assert_eq!(control.change(Change::Reload), None);
}
