//! TLS of the listener: certificates by host, renewed while it serves, and clients that do not behave.

use nano_tests::{Client, Dir, Nano, Options};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

struct Identity {
    cert: String,
    key: String,
    der: CertificateDer<'static>,
}

fn identity(names: &[&str]) -> Identity {
    let key = KeyPair::generate().unwrap();
    let params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    let cert = params.self_signed(&key).unwrap();
    Identity { cert: cert.pem(), key: key.serialize_pem(), der: cert.der().clone() }
}

/// One request over TLS, by a client that trusts one certificate only.
fn ask(port: u16, name: &str, trusted: &Identity, request: &str) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let server = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), server).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(nano_tests::PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    // To its end, which TLS itself has to tell.
    stream.read_to_end(&mut text).map_err(|error| error.to_string())?;
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn get(host: &str) -> String {
    format!("GET /path?q HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

const ECHO: &str = "export default { async fetch(request) {
  const body = await request.arrayBuffer();
  return new Response(body.byteLength ? body : request.url);
} };";

const CONFIG: &str = r#"{
  "tls": { "certificates": [
    { "cert": "default.crt", "key": "default.key" },
    { "hostname": ["a.test", "*.a.test"], "cert": "a.crt", "key": "a.key" } ] },
  "apps": [{ "name": "app", "hostname": "*", "path": "app" }] }"#;

#[test]
fn each_host_has_its_certificate_and_renewed_ones_are_taken_over() {
    let (default, a) = (identity(&["b.test"]), identity(&["a.test", "x.a.test"]));
    let files = [("default", &default), ("a", &a)];
    let dir = Dir::new(&[("app/index.js", ECHO), ("nano.jsonc", CONFIG)]);
    for (name, identity) in files {
        dir.write(&format!("{name}.crt"), identity.cert.as_bytes());
        dir.write(&format!("{name}.key"), identity.key.as_bytes());
    }
    let path = dir.path().to_owned();
    let server = Nano::config(dir, Options::default());
    let port = server.port();
    assert!(ask(port, "a.test", &a, &get("a.test")).unwrap().ends_with("\r\n\r\nhttps://a.test/path?q"));
    assert!(ask(port, "x.a.test", &a, &get("x.a.test:443")).unwrap().ends_with("https://x.a.test/path?q"));
    assert!(
        ask(port, "b.test", &default, &get("b.test:8443")).unwrap().ends_with("https://b.test:8443/path?q")
    );
    assert!(ask(port, "a.test", &default, &get("a.test")).unwrap_err().contains("certificate"));

    // Megabytes both ways, in many records.
    let body = "0123456789abcdef".repeat(200_000);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(port, "a.test", &a, &request).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&body));

    // Renewed: first one that does not fit its key, which changes nothing, then a right one.
    let renewed = identity(&["a.test"]);
    std::fs::write(path.join("a.crt"), &renewed.cert).unwrap();
    server.log.wait_for("it is not the key of the certificate");
    assert!(ask(port, "a.test", &a, &get("a.test")).is_ok());
    std::fs::write(path.join("a.key"), &renewed.key).unwrap();
    server.log.wait_for("certificates are read anew");
    assert!(ask(port, "a.test", &renewed, &get("a.test")).is_ok());
    assert!(ask(port, "a.test", &a, &get("a.test")).is_err());

    // Who speaks no TLS is turned away, and who says nothing holds nobody up.
    let _silent = Client::connect(port);
    let mut plain = Client::connect(port);
    plain.send(get("a.test"));
    let told = plain.rest();
    assert!(!told.starts_with(b"HTTP"), "{told:?}");
    assert!(ask(port, "b.test", &default, &get("b.test")).is_ok());
    server.stop();
}

#[test]
fn websockets_over_tls_both_ways() {
    let own = identity(&["localhost"]);
    let app = "export default { async fetch(request) {
      const url = new URL(request.url);
      if (url.pathname === '/talk') {
        const socket = new WebSocket(`wss://${url.host}/echo`);
        const closed = new Promise((done) => socket.onclose = done);
        const seen = [];
        socket.onopen = () => socket.send('x'.repeat(300_000));
        socket.onmessage = ({ data }) => { seen.push(data.length); socket.close(4000, 'said'); };
        const { code, reason, wasClean } = await closed;
        return Response.json([...seen, code, reason, wasClean]);
      }
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.addEventListener('message', ({ data }) => server.send(data));
      return new Response(null, { status: 101, webSocket: client });
    } };";
    let config = r#"{
      "tls": { "certificates": [{ "cert": "own.crt", "key": "own.key" }] },
      "network": { "ca_file": "own.crt" },
      "apps": [{ "name": "app", "hostname": "*", "path": "app", "fetch": { "allow_private": true } }] }"#;
    let dir = Dir::new(&[("app/index.js", app), ("nano.jsonc", config)]);
    dir.write("own.crt", own.cert.as_bytes());
    dir.write("own.key", own.key.as_bytes());
    let server = Nano::config(dir, Options::one_thread());
    let host = format!("localhost:{}", server.port());
    let talk = format!("GET /talk HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = ask(server.port(), "localhost", &own, &talk).unwrap();
    assert!(answer.ends_with("[300000,4000,\"said\",true]"), "{answer}");
    server.stop();
}
