//! The driver with real sockets: servers are threads of the test, with a local authority where there is TLS.

use nano_fetch::{
    AllowAll, BodyRead, Client, ClientOptions, ErrorKind, EventKind, FetchError, FetchId, Phase, Policy,
    Proxies, Proxy, PublicOnly, Request, RequestBody, Response, Url, Written,
};
use nano_loop::{Config, Loop, Pool, PoolConfig, Wait};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for any machine; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

struct Harness {
    event_loop: Rc<Loop>,
    client: Client,
}

type Fetched = Result<(Response, Vec<u8>), FetchError>;

impl Harness {
    fn new(options: ClientOptions) -> Self {
        let event_loop = Rc::new(Loop::new(Config::default()).unwrap());
        let client = Client::new(Rc::clone(&event_loop), Pool::new(PoolConfig::default()), options);
        Self { event_loop, client }
    }

    fn turn(&self) -> Vec<nano_fetch::Event> {
        self.event_loop.poll(Wait::AtMost(Duration::from_secs(1))).unwrap();
        let mut events = Vec::new();
        while let Some(event) = self.event_loop.next() {
            assert!(self.client.handle_event(&event));
        }
        while let Some(event) = self.client.poll_event() {
            events.push(event);
        }
        events
    }

    /// Turns the loop until `done`.
    fn until(&self, mut done: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < end, "it takes too long");
            self.turn();
        }
    }

    fn fetch(&self, request: Request) -> Fetched {
        let id = self.client.start(request);
        self.finish(id, &mut [][..])
    }

    /// Follows a fetch to its end, writing `upload` when there is room.
    fn finish(&self, id: FetchId, upload: &mut [u8]) -> Fetched {
        let (mut response, mut body, mut left) = (None::<Response>, Vec::new(), &upload[..]);
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < end, "it takes too long");
            for event in self.turn() {
                match event.kind {
                    EventKind::Head => {
                        response = Some(self.client.response(id).expect("a head was announced")?)
                    }
                    EventKind::Room => loop {
                        let count = left.len().min(10_000);
                        if count == 0 {
                            self.client.finish_body(id);
                            break;
                        }
                        let written = self.client.write_body(id, &left[..count]);
                        if written != Written::Gone {
                            left = &left[count..];
                        }
                        if written != Written::Ready {
                            break;
                        }
                    },
                    EventKind::Body => {}
                }
                while let Some(head) = &response {
                    match self.client.read_body(id) {
                        BodyRead::Bytes(bytes) => body.extend(bytes),
                        BodyRead::Pending => break,
                        BodyRead::End => return Ok((head.clone(), body)),
                        BodyRead::Failed(error) => return Err(error),
                    }
                }
            }
        }
    }
}

fn get(url: &str) -> Request {
    Request::new("GET", Url::parse(url).unwrap(), Rc::new(AllowAll))
}

/// Reads a request's head: its first line and fields.
fn read_head(stream: &mut impl BufRead) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            return Some(lines);
        }
        lines.push(line);
    }
}

/// A server that answers each request with what `answer` makes of its head; a connection ends with an answer
/// that is empty.
fn serve(answer: impl Fn(&[String]) -> String + Send + Sync + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let (count, answer) = (Arc::clone(&connections), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                while let Some(head) = read_head(&mut stream) {
                    let text = answer(&head);
                    if text.is_empty() || stream.get_mut().write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, connections)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn connections_are_reused() {
    let (port, connections) = serve(|head| ok(&head[0]));
    let harness = Harness::new(ClientOptions::default());
    for round in 0..10 {
        let (response, body) = harness.fetch(get(&format!("http://localhost:{port}/{round}"))).unwrap();
        assert_eq!((response.status, response.redirects), (200, 0));
        assert_eq!(body, format!("GET /{round} HTTP/1.1").into_bytes());
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(harness.client.counts().idle, 1);
    harness.client.close_partition(0);
    assert_eq!(harness.client.sockets(), 0);
    // Other partitions have connections of their own.
    let mut other = get(&format!("http://localhost:{port}/"));
    other.partition = 7;
    harness.fetch(other).unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[test]
fn many_at_once() {
    let (port, connections) = serve(|_| {
        thread::sleep(Duration::from_millis(300));
        ok("slow")
    });
    let harness = Harness::new(ClientOptions::default());
    let mut open: Vec<FetchId> =
        (0..200).map(|_| harness.client.start(get(&format!("http://127.0.0.1:{port}/")))).collect();
    let end = Instant::now() + PATIENCE;
    while !open.is_empty() {
        assert!(Instant::now() < end);
        for event in harness.turn() {
            if event.kind == EventKind::Head {
                harness.client.response(event.fetch).unwrap().unwrap();
            }
            while let BodyRead::Bytes(bytes) = harness.client.read_body(event.fetch) {
                assert_eq!(bytes, b"slow");
            }
            if harness.client.phase(event.fetch).is_none() {
                open.retain(|id| *id != event.fetch);
            }
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 200);
}

#[test]
fn a_stale_connection_is_found_out() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    // Each connection serves one request and says nothing of it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let Some(_) = read_head(&mut stream) else { continue };
            count.fetch_add(1, Ordering::SeqCst);
            stream.get_mut().write_all(ok("hello").as_bytes()).unwrap();
        }
    });
    let harness = Harness::new(ClientOptions::default());
    for round in 1..=20 {
        let (_, body) = harness.fetch(get(&format!("http://127.0.0.1:{port}/"))).unwrap();
        assert_eq!(body, b"hello");
        assert_eq!(served.load(Ordering::SeqCst), round);
    }
}

#[test]
fn bodies_are_written_with_back_pressure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut total = 0;
        for _ in 0..2 {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let head = read_head(&mut stream).unwrap();
            let chunked = head.iter().any(|line| line == "transfer-encoding: chunked");
            loop {
                let mut size = 3_000_000;
                if chunked {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    size = u64::from_str_radix(line.trim(), 16).unwrap();
                }
                total += std::io::copy(&mut (&mut stream).take(size), &mut std::io::sink()).unwrap();
                if chunked {
                    stream.read_line(&mut String::new()).unwrap();
                }
                if size == 0 || !chunked {
                    break;
                }
            }
            stream
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
        }
        total
    });
    let harness = Harness::new(ClientOptions::default());
    for length in [None, Some(3_000_000)] {
        let mut request = get(&format!("http://127.0.0.1:{port}/"));
        request.method = "POST".to_owned();
        request.body = RequestBody::Stream(length);
        let id = harness.client.start(request);
        let (response, _) = harness.finish(id, &mut vec![b'x'; 3_000_000]).unwrap();
        assert_eq!(response.status, 200);
    }
    assert_eq!(server.join().unwrap(), 6_000_000);
    let mut request = get(&format!("http://127.0.0.1:{}/", serve(|_| ok("")).0));
    request.method = "PUT".to_owned();
    request.body = RequestBody::Stream(Some(10));
    let id = harness.client.start(request);
    let error = harness.finish(id, &mut [b'x'; 11]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Body);
}

struct Authority {
    root: String,
    config: Arc<ServerConfig>,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Authority { root: issuer.pem(), config: Arc::new(config) }
}

/// A TLS server; with each answer it says whether the session was resumed.
fn serve_tls(config: Arc<ServerConfig>, body: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, body) = (Arc::clone(&config), body.clone());
            thread::spawn(move || {
                let session = ServerConnection::new(config).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(session, stream.unwrap()));
                while let Some(head) = read_head(&mut stream) {
                    let session = &stream.get_ref().conn;
                    assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
                    let kind = session.handshake_kind().unwrap();
                    let close = head.iter().any(|line| line == "x-close: 1");
                    let length = body.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nx-kind: {kind:?}\r\ncontent-length: {length}\r\n{}\r\n",
                        if close { "connection: close\r\n" } else { "" }
                    );
                    stream.get_mut().write_all(head.as_bytes()).unwrap();
                    stream.get_mut().write_all(&body).unwrap();
                    if close {
                        stream.get_mut().conn.send_close_notify();
                        let _ = stream.get_mut().flush();
                        return;
                    }
                }
            });
        }
    });
    port
}

fn trusting(authority: &Authority) -> ClientOptions {
    let mut options = ClientOptions::default();
    options.tls.extra_roots = vec![authority.root.clone().into_bytes()];
    options
}

#[test]
fn tls_with_a_local_authority() {
    let local = authority("localhost");
    let body: Vec<u8> = (0..1_000_000u32).map(|index| index as u8).collect();
    let port = serve_tls(Arc::clone(&local.config), body.clone());
    let harness = Harness::new(trusting(&local));
    for (round, kind) in [(0, "Full"), (1, "Full"), (2, "Full"), (3, "Resumed")] {
        let mut request = get(&format!("https://localhost:{port}/"));
        if round == 2 {
            // The next one needs a new connection, and resumes the session.
            request.headers.append(b"x-close", b"1").unwrap();
        }
        let (response, received) = harness.fetch(request).unwrap();
        assert_eq!(response.headers.get("x-kind"), Some(kind.as_bytes()), "{round}");
        assert!(received == body, "{round}");
    }
    let error =
        Harness::new(ClientOptions::default()).fetch(get(&format!("https://localhost:{port}/"))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Tls);
    assert_eq!(
        error.message,
        "no secure connection to localhost: its certificate is signed by an authority that is not trusted"
    );
    let error = harness.fetch(get(&format!("https://127.0.0.1:{port}/"))).unwrap_err();
    assert_eq!(error.message, "no secure connection to 127.0.0.1: its certificate is for another name");
    let plain = serve(|_| ok("")).0;
    let error = harness.fetch(get(&format!("https://localhost:{plain}/"))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert_eq!(harness.client.counts().connections, harness.client.counts().idle);
}

#[test]
fn proxies_forward_and_tunnel() {
    let local = authority("secure.example");
    let tls = serve_tls(Arc::clone(&local.config), b"through the tunnel".to_vec());
    // A proxy that answers plain requests itself, and tunnels to the one TLS server whatever the name is.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut client = BufReader::new(stream.unwrap());
                while let Some(head) = read_head(&mut client) {
                    if !head.contains(&"proxy-authorization: Basic dTpw".to_owned()) {
                        let answer =
                            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
                        client.get_mut().write_all(answer.as_bytes()).unwrap();
                    } else if head[0].starts_with("CONNECT ") {
                        assert_eq!(head[0], "CONNECT secure.example:443 HTTP/1.1");
                        client.get_mut().write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
                        let mut from = client.into_inner();
                        let mut to = TcpStream::connect(("127.0.0.1", tls)).unwrap();
                        let (mut back, mut forth) = (to.try_clone().unwrap(), from.try_clone().unwrap());
                        thread::spawn(move || std::io::copy(&mut back, &mut forth));
                        let _ = std::io::copy(&mut from, &mut to);
                        return;
                    } else {
                        client.get_mut().write_all(ok(&head[0]).as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    let options = |credentials: &str| {
        let mut options = trusting(&local);
        let proxy = Proxy::parse(&format!("http://{credentials}127.0.0.1:{port}")).unwrap();
        options.core.proxies = Proxies { http: Some(proxy.clone()), https: Some(proxy), ..Proxies::none() };
        Harness::new(options)
    };
    let harness = options("u:p@");
    let (_, body) = harness.fetch(get("http://plain.example/a?b")).unwrap();
    assert_eq!(body, b"GET http://plain.example/a?b HTTP/1.1");
    for _ in 0..2 {
        let (_, body) = harness.fetch(get("https://secure.example/")).unwrap();
        assert_eq!(body, b"through the tunnel");
    }
    // What cannot be reached directly cannot be reached through a proxy either.
    let mut private = get("http://10.0.0.1/");
    private.policy = Rc::new(PublicOnly);
    assert_eq!(harness.fetch(private).unwrap_err().kind, ErrorKind::Policy);
    let error = options("").fetch(get("https://secure.example/")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Proxy);
    assert_eq!(
        error.message,
        "the proxy refuses a tunnel to secure.example: 407 Proxy Authentication Required"
    );
}

#[test]
fn sockets_of_the_file_system() {
    let path = std::env::temp_dir().join(format!("nano-fetch-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            while let Some(head) = read_head(&mut stream) {
                stream.get_mut().write_all(ok(&head[1]).as_bytes()).unwrap();
            }
        }
    });
    let harness = Harness::new(ClientOptions::default());
    for _ in 0..2 {
        let mut request = get("http://binding/x");
        request.unix = Some(path.clone());
        assert_eq!(harness.fetch(request).unwrap().1, b"host: binding");
    }
    assert_eq!(harness.client.sockets(), 1);
    let mut refused = get("http://binding/x");
    refused.unix = Some(path.clone());
    refused.policy = Rc::new(PublicOnly);
    refused.partition = 1;
    assert_eq!(harness.fetch(refused).unwrap_err().kind, ErrorKind::Policy);
    std::fs::remove_file(&path).unwrap();
    let mut gone = get("http://binding/x");
    gone.unix = Some(path);
    gone.partition = 2;
    assert_eq!(harness.fetch(gone).unwrap_err().kind, ErrorKind::Connect);
}

/// Allows the loopback address but for one.
struct NotTheSecond;

impl Policy for NotTheSecond {
    fn check(&self, _: &str, address: IpAddr, _: u16) -> Result<(), String> {
        if address == IpAddr::from([127, 0, 0, 2]) { Err("it is the second".to_owned()) } else { Ok(()) }
    }
}

#[test]
fn redirects_and_policies() {
    let (port, _) = serve(|head| {
        let path = head[0].split(' ').nth(1).unwrap();
        let location = match path {
            "/loop" => "/loop".to_owned(),
            "/private" => format!("http://127.0.0.2:{}/", head[1].rsplit(':').next().unwrap()),
            "/port" => "http://localhost:25/".to_owned(),
            "/here" => return ok(&head[0]),
            _ => "/here".to_owned(),
        };
        format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 4\r\n\r\nbody")
    });
    let harness = Harness::new(ClientOptions::default());
    let url = |path: &str| format!("http://localhost:{port}{path}");
    let (response, body) = harness.fetch(get(&url("/there#frag"))).unwrap();
    assert_eq!((response.redirects, response.url.as_str()), (1, url("/here#frag").as_str()));
    assert_eq!(body, b"GET /here HTTP/1.1");
    // The connection went on.
    assert_eq!(harness.client.sockets(), 1);
    assert_eq!(harness.fetch(get(&url("/loop"))).unwrap_err().message, "more than 20 redirects");
    let mut private = get(&url("/private"));
    private.policy = Rc::new(NotTheSecond);
    let error = harness.fetch(private).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Policy, "127.0.0.2 may not be reached: it is the second")
    );
    assert_eq!(harness.fetch(get(&url("/port"))).unwrap_err().kind, ErrorKind::Request);
    for refused in [
        "http://localhost/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://[::ffff:7f00:1]/",
    ] {
        let mut request = get(refused);
        request.policy = Rc::new(PublicOnly);
        assert_eq!(harness.fetch(request).unwrap_err().kind, ErrorKind::Policy, "{refused}");
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn cancelling_at_every_phase_frees_the_socket() {
    let harness = Harness::new(ClientOptions::default());
    // Accepts and says nothing; or half of a response.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            kept.push(stream);
            thread::spawn(move || {
                if let Some(head) = read_head(&mut reader)
                    && head[0].contains("/half")
                {
                    let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
                }
            });
        }
    });
    let check = |phase: Phase, request: Request| {
        let id = harness.client.start(request);
        harness.until(|| harness.client.phase(id) == Some(phase));
        harness.client.cancel(id);
        assert_eq!(harness.client.phase(id), None);
        assert_eq!(harness.client.sockets(), 0, "{phase:?}");
        assert_eq!(harness.client.counts(), Default::default(), "{phase:?}");
    };
    let url = |scheme: &str, path: &str| format!("{scheme}://127.0.0.1:{port}{path}");
    for round in 0..20 {
        // Each name anew: that one cannot be resolved is remembered.
        check(Phase::Resolving, get(&format!("http://does-not-exist-{round}.invalid/")));
        check(Phase::Connecting, get(&url("http", "/")));
        check(Phase::Securing, get(&url("https", "/")));
        let mut upload = get(&url("http", "/"));
        upload.method = "POST".to_owned();
        upload.body = RequestBody::Stream(None);
        check(Phase::Sending, upload);
        check(Phase::Receiving, get(&url("http", "/half")));
    }
    // A client that is dropped in the middle of it all leaves nothing either.
    let before = open_files();
    let other = Harness::new(ClientOptions::default());
    for path in ["/", "/half"] {
        other.client.start(get(&url("http", path)));
    }
    other.turn();
    drop(other);
    assert!(open_files() <= before + 8, "files are left");
}

#[test]
fn what_went_wrong_is_said() {
    let harness = Harness::new(ClientOptions::default());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = harness.fetch(get(&format!("http://127.0.0.1:{port}/"))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Connect);
    assert_eq!(error.message, format!("no connection to 127.0.0.1:{port}: Connection refused"));
    let error = harness.fetch(get("http://does-not-exist.invalid/")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Resolve);
    assert!(error.message.starts_with("the name does-not-exist.invalid cannot be resolved: "), "{error}");
    let (silent, _) = serve(|_| String::new());
    let error = harness.fetch(get(&format!("http://127.0.0.1:{silent}/"))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Reset, "{error}");
}

#[test]
fn an_upgrade_hands_the_bytes_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let head = read_head(&mut stream).unwrap();
        assert!(
            head.contains(&"upgrade: echo".to_owned()) && head.contains(&"connection: Upgrade".to_owned())
        );
        let answer =
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nfirst ";
        stream.get_mut().write_all(answer).unwrap();
        let mut five = [0; 5];
        stream.read_exact(&mut five).unwrap();
        stream.get_mut().write_all(&five).unwrap();
    });
    let harness = Harness::new(ClientOptions::default());
    let mut request = get(&format!("http://127.0.0.1:{port}/"));
    request.upgrade = Some("echo".to_owned());
    let id = harness.client.start(request);
    let mut response = None;
    harness.until(|| {
        response = harness.client.response(id);
        response.is_some()
    });
    assert_eq!(response.unwrap().unwrap().status, 101);
    assert_eq!(harness.client.write_body(id, b"hello"), Written::Ready);
    let mut received = Vec::new();
    harness.until(|| match harness.client.read_body(id) {
        BodyRead::Bytes(bytes) => {
            received.extend(bytes);
            false
        }
        BodyRead::Pending => false,
        BodyRead::End => true,
        BodyRead::Failed(error) => panic!("{error}"),
    });
    assert_eq!(received, b"first hello");
    assert_eq!(harness.client.sockets(), 0);
}

#[test]
fn a_body_that_is_cut_in_its_framing_has_failed() {
    let bodies = ["5\r\nhello\r", "5\r\nhello\r\n3f", "5\r\nhello\r\n0\r\nA: b", "5", ""];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        for body in bodies {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            read_head(&mut stream).unwrap();
            let reply = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}");
            stream.get_mut().write_all(reply.as_bytes()).unwrap();
        }
    });
    let harness = Harness::new(ClientOptions::default());
    for body in bodies {
        // Not when the time for the body is over, which is longer than the harness waits.
        let error = harness.fetch(get(&format!("http://127.0.0.1:{port}/"))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Truncated, "{body:?}");
    }
    server.join().unwrap();
}

#[test]
fn a_connection_whose_request_was_not_sent_whole_is_not_used_again() {
    let (port, connections) = serve(|head| {
        if head[0].starts_with("POST") {
            return "HTTP/1.1 303 See Other\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n".to_owned();
        }
        ok("next")
    });
    let harness = Harness::new(ClientOptions::default());
    let mut request = get(&format!("http://127.0.0.1:{port}/"));
    request.method = "POST".to_owned();
    request.body = RequestBody::Stream(Some(10));
    let id = harness.client.start(request);
    let mut response = None;
    harness.until(|| {
        response = harness.client.response(id);
        response.is_some()
    });
    assert_eq!(response.unwrap().unwrap().status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}
