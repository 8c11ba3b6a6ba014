//! What NANO and a service manager tell each other: readiness, reloads, the end, signs of life, sockets that
//! are handed over.

use nano_tests::{Dir, Nano, Options, PATIENCE, request};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const HELLO: &str = "export default { fetch: () => new Response('hello') };";

#[test]
fn a_service_manager_is_told_what_happens() {
    let dir = Dir::app(HELLO);
    let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut text = [0; 1024];
        let count = socket.recv(&mut text).expect("a message");
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    // Signs of life come whenever they like.
    let next_other = || std::iter::repeat_with(next).find(|text| text != "WATCHDOG=1\n").unwrap();
    let env = vec![
        ("NOTIFY_SOCKET".to_owned(), dir.join("notify").into_os_string()),
        ("WATCHDOG_USEC".to_owned(), "100000".into()),
    ];
    let server = Nano::serve(dir.path(), Options { env, ..Options::default() });
    assert_eq!(next_other(), "READY=1\n");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1\n");
    }
    server.signal(libc::SIGHUP);
    assert!(next_other().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(next_other(), "READY=1\n");
    server.signal(libc::SIGTERM);
    assert_eq!(next_other(), "STOPPING=1\n");
    let mut server = server;
    assert_eq!(server.wait().code(), Some(0));
}

/// Starts a server that is handed this socket, as systemd would do it.
fn start_with(listener: &TcpListener, app: &Dir) -> Child {
    let fd = listener.as_raw_fd();
    let mut command = Command::new("/bin/sh");
    // The process's own id is known only to itself.
    command.args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\""]).arg(nano_tests::nano());
    command.arg("serve").arg(app.path()).args(["--threads", "2"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: dup2 may be called between fork and exec.
    unsafe {
        command.pre_exec(move || match libc::dup2(fd, 3) {
            3 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    command.spawn().expect("a shell")
}

#[test]
fn a_port_that_is_handed_over_stays_open_between_two_servers() {
    let dir = Dir::app(HELLO);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for _ in 0..3 {
        // Before anybody is there to answer.
        let mut waiting = nano_tests::Client::connect(port);
        waiting.send(request("GET", "/", "a", &[], b""));
        let mut server = start_with(&listener, &dir);
        assert_eq!(waiting.response().text(), "hello");
        assert_eq!(nano_tests::get(port, "a", "/").text(), "hello");
        // SAFETY: the child has not been waited for, so the id is still its own.
        unsafe { libc::kill(server.id() as libc::pid_t, libc::SIGTERM) };
        assert_eq!(server.wait().unwrap().code(), Some(0));
        // Its connections are closed; the port is not.
        let mut rest = Vec::new();
        let _ = waiting.stream().read_to_end(&mut rest);
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
}
