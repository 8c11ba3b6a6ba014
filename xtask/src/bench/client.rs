//! A small HTTP/1.1 client on a plain socket: one request, one answer, with every byte under the caller's
//! control. It measures and compares servers, so it hides nothing: no redirects, no decompression, no
//! retries.
//!
//! Knows nothing of the servers that it asks.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take before it counts as missing.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// An answer, its body decoded from chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names as they came, in their order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the server leaves the connection open.
    pub keep_alive: bool,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What to send.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` when empty.
    pub method: String,
    pub path: String,
    pub host: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// How a request's body goes over the wire.
#[derive(Debug, Clone, Default)]
pub enum Body {
    #[default]
    None,
    /// With its length.
    Whole(Vec<u8>),
    /// In chunked coding, each part in a write of its own.
    Chunks(Vec<Vec<u8>>),
}

impl Request {
    /// A GET request.
    pub fn get(host: &str, path: &str) -> Self {
        Self { method: "GET".into(), path: path.into(), host: host.into(), ..Self::default() }
    }

    fn method(&self) -> &str {
        if self.method.is_empty() { "GET" } else { &self.method }
    }

    /// The head, and the body too where it goes with its length.
    fn start(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method(), self.path, self.host);
        for (name, value) in &self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.body {
            Body::None => {}
            Body::Whole(body) => bytes.push_str(&format!("Content-Length: {}\r\n", body.len())),
            Body::Chunks(_) => bytes.push_str("Transfer-Encoding: chunked\r\n"),
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        if let Body::Whole(body) = &self.body {
            bytes.extend_from_slice(body);
        }
        bytes
    }
}

/// One connection, which can carry several exchanges one after the other.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects. Nagle's algorithm is off, and an answer that takes longer than [`ANSWER_TIMEOUT`] is an
    /// error.
    pub fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends the request and waits for the whole answer. A large body is sent while the answer is read, so
    /// that a server that echoes cannot lock up with this client.
    pub fn exchange(&mut self, request: &Request) -> Result<Answer, String> {
        let start = request.start();
        let small = matches!(request.body, Body::None)
            || start.len() < 32 * 1024 && !matches!(request.body, Body::Chunks(_));
        if small {
            self.stream.write_all(&start).map_err(|error| format!("cannot send: {error}"))?;
            return self.answer(request.method());
        }
        let mut writer = self.stream.try_clone().map_err(|error| error.to_string())?;
        std::thread::scope(|scope| {
            // A server may answer without reading everything and close: what the reader gets decides.
            let sender = scope.spawn(move || send_body(&mut writer, &start, &request.body));
            let answer = self.answer(request.method());
            let sent = sender.join().unwrap_or_else(|_| Err(std::io::Error::other("the sender panicked")));
            match (answer, sent) {
                (Ok(answer), _) => Ok(answer),
                (Err(error), Ok(())) => Err(error),
                (Err(error), Err(unsent)) => {
                    Err(format!("{error} (and the body could not be sent: {unsent})"))
                }
            }
        })
    }

    fn answer(&mut self, method: &str) -> Result<Answer, String> {
        loop {
            let end = self.until(b"\r\n\r\n")?;
            let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            self.buffer.drain(..end);
            let mut answer = parse_head(&head)?;
            if (100..200).contains(&answer.status) && answer.status != 101 {
                continue;
            }
            let coding = answer.header("transfer-encoding").unwrap_or_default().to_ascii_lowercase();
            if method == "HEAD" || matches!(answer.status, 101 | 204 | 304) {
                return Ok(answer);
            } else if coding.ends_with("chunked") {
                answer.body = self.chunked()?;
            } else if let Some(length) = answer.header("content-length") {
                let length: usize = length.parse().map_err(|_| format!("bad Content-Length `{length}`"))?;
                while self.buffer.len() < length {
                    if !self.more()? {
                        return Err(format!("the body ended after {} of {length} bytes", self.buffer.len()));
                    }
                }
                answer.body = self.buffer.drain(..length).collect();
            } else {
                while self.more()? {}
                answer.body = std::mem::take(&mut self.buffer);
                answer.keep_alive = false;
            }
            return Ok(answer);
        }
    }

    fn chunked(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let line = self.until(b"\r\n")?;
            let text = String::from_utf8_lossy(&self.buffer[..line - 2]).into_owned();
            self.buffer.drain(..line);
            let size = text.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| format!("bad chunk size `{size}`"))?;
            if size == 0 {
                // Trailers, if any, up to the empty line.
                loop {
                    let line = self.until(b"\r\n")?;
                    self.buffer.drain(..line);
                    if line == 2 {
                        return Ok(body);
                    }
                }
            }
            while self.buffer.len() < size + 2 {
                if !self.more()? {
                    return Err(format!(
                        "the connection closed inside a chunk, after {} bytes of body",
                        body.len()
                    ));
                }
            }
            body.extend_from_slice(&self.buffer[..size]);
            self.buffer.drain(..size + 2);
        }
    }

    /// Reads until the buffer holds `end`; gives the place behind it.
    fn until(&mut self, end: &[u8]) -> Result<usize, String> {
        let mut from = 0;
        loop {
            if let Some(at) = self.buffer[from..].windows(end.len()).position(|window| window == end) {
                return Ok(from + at + end.len());
            }
            from = self.buffer.len().saturating_sub(end.len() - 1);
            if !self.more()? {
                return Err(if self.buffer.is_empty() {
                    "the connection closed without an answer".into()
                } else {
                    format!(
                        "the connection closed inside the head or a chunk: {:?}",
                        String::from_utf8_lossy(&self.buffer)
                    )
                });
            }
        }
    }

    /// Reads once; false at the end.
    fn more(&mut self) -> Result<bool, String> {
        let mut bytes = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.buffer.extend_from_slice(&bytes[..read]);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()));
                }
                Err(error) => return Err(format!("cannot read: {error}")),
            }
        }
    }
}

fn send_body(stream: &mut TcpStream, start: &[u8], body: &Body) -> std::io::Result<()> {
    stream.write_all(start)?;
    if let Body::Chunks(chunks) = body {
        for chunk in chunks {
            let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
            stream.write_all(&bytes)?;
        }
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn parse_head(head: &str) -> Result<Answer, String> {
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut parts = first.splitn(3, ' ');
    let (version, status) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let status = status.parse().ok().filter(|_| version.starts_with("HTTP/1."));
    let status = status.ok_or_else(|| format!("not an HTTP/1 status line: `{first}`"))?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("not a header line: `{line}`"))?;
        headers.push((name.to_string(), value.trim().to_string()));
    }
    let mut answer = Answer { status, headers, body: Vec::new(), keep_alive: true };
    let connection = answer.header("connection").unwrap_or_default().to_ascii_lowercase();
    answer.keep_alive = version != "HTTP/1.0" && !connection.contains("close");
    Ok(answer)
}

/// One exchange on a connection of its own.
pub fn once(address: SocketAddr, request: &Request) -> Result<Answer, String> {
    Connection::open(address).map_err(|error| format!("cannot connect: {error}"))?.exchange(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Serves one connection with a canned answer, written in pieces of `step` bytes.
    fn answered(canned: &'static str, step: usize, method: &str) -> Result<Answer, String> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.set_nodelay(true).expect("an option");
            let _ = stream.read(&mut [0; 4096]);
            for piece in canned.as_bytes().chunks(step) {
                stream.write_all(piece).expect("a client");
            }
        });
        let request = Request { method: method.into(), ..Request::get("test", "/") };
        let answer = once(address, &request);
        server.join().expect("the server");
        answer
    }

    #[test]
    fn bodies_are_framed_as_the_head_says_however_they_arrive() {
        for step in [1, 2, 7, 1000] {
            let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: 1\r\na:  2 \r\n\r\n3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: 1\r\n\r\n";
            let answer = answered(chunked, step, "GET").expect("an answer");
            assert_eq!(answer.body, b"abc0123456789abcdef");
            assert_eq!(answer.headers[1..], [("A".into(), "1".into()), ("a".into(), "2".into())]);
            let length = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
            let answer = answered(length, step, "POST").expect("an answer");
            assert_eq!(
                (answer.status, answer.body.as_slice(), answer.keep_alive),
                (201, &b"body"[..], false)
            );
            assert_eq!(
                answered("HTTP/1.1 200 OK\r\n\r\nto the end", step, "GET").expect("an answer").body,
                b"to the end"
            );
            assert_eq!(
                answered("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", step, "HEAD")
                    .expect("an answer")
                    .body,
                b""
            );
        }
    }

    #[test]
    fn cut_answers_are_errors() {
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\nA",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ] {
            assert!(answered(cut, 100, "GET").is_err(), "{cut:?}");
        }
        assert!(answered("HTTP/9 hello\r\n\r\n", 100, "GET").is_err());
    }
}
