//! A client that sends the bytes it is told to, and reads responses strictly.

use crate::PATIENCE;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// A response as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The head, with the status line, without the empty line.
    pub head: String,
    /// The body, its transfer coding removed.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value; several are joined with a comma.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A connection to a server on this machine.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).unwrap_or_else(|error| panic!("cannot connect to port {port}: {error}"))
    }

    /// Connects, if somebody listens.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn try_connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)?;
        stream.set_nodelay(true)?;
        // What hangs fails.
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: Vec::new(), start: 0 })
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Another handle of the same connection, to send while this one reads. What was read ahead stays here.
    ///
    /// # Panics
    ///
    /// If the system has no file descriptor left.
    pub fn sender(&self) -> TcpStream {
        self.stream.try_clone().expect("a file descriptor")
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// If the server takes no more.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.try_send(bytes).unwrap_or_else(|error| panic!("sending failed: {error}"));
        self
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Says that nothing more will be sent.
    ///
    /// # Panics
    ///
    /// If the connection is gone.
    #[track_caller]
    pub fn shut_sending(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).expect("the connection is there");
        self
    }

    /// Closes at once, with a reset.
    pub fn reset(self) {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let size = size_of::<libc::linger>() as libc::socklen_t;
        // SAFETY: the descriptor is the stream's, and `linger` is the option's type.
        unsafe {
            let fd = std::os::fd::AsRawFd::as_raw_fd(&self.stream);
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), size);
        }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.unread()[..count].to_vec();
        self.start += count;
        taken
    }

    /// Reads more into the buffer; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        let mut piece = [0; 64 << 10];
        let count = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    /// Some bytes of what comes, at least one.
    ///
    /// # Errors
    ///
    /// If nothing comes any more.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.unread().is_empty() && !self.fill()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = self.unread().len();
        Ok(self.take(count))
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.unread().iter().position(|byte| *byte == b'\n') {
                let mut line = self.take(end + 1);
                line.pop();
                if line.pop() != Some(b'\r') {
                    return Err(broken("a line that does not end in CRLF"));
                }
                return String::from_utf8(line).map_err(|_| broken("a line that is not UTF-8"));
            }
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads a response's head; its body is still to come.
    ///
    /// # Errors
    ///
    /// The system's; `UnexpectedEof` if the connection ended before; `InvalidData` if it is no head.
    pub fn head(&mut self) -> io::Result<Response> {
        let first = self.line()?;
        let status = first
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| broken(&format!("no status line: {first:?}")))?;
        let mut head = first;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Response { status, head, body: Vec::new() });
            }
            if !line.contains(':') {
                return Err(broken("a header without a colon"));
            }
            head.push('\n');
            head.push_str(&line);
        }
    }

    /// Reads the body that belongs to a head, piece by piece; returns its length.
    ///
    /// # Errors
    ///
    /// As [`head`](Self::head); `UnexpectedEof` if the body is not complete.
    pub fn body(&mut self, head: &Response, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
        if head.status < 200 || head.status == 204 || head.status == 304 {
            return Ok(0);
        }
        let mut total = 0;
        if head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = self.line()?;
                let size = u64::from_str_radix(&size, 16)
                    .map_err(|_| broken(&format!("no chunk size: {size:?}")))?;
                self.exactly(size, &mut each)?;
                total += size;
                if !self.line()?.is_empty() {
                    return Err(broken("something after a chunk, or a trailer"));
                }
                if size == 0 {
                    return Ok(total);
                }
            }
        }
        if let Some(length) = head.header("content-length") {
            let length = length.parse().map_err(|_| broken("no Content-Length"))?;
            self.exactly(length, &mut each)?;
            return Ok(length);
        }
        while !self.unread().is_empty() || self.fill()? {
            let piece = self.some()?;
            total += piece.len() as u64;
            each(&piece);
        }
        Ok(total)
    }

    fn exactly(&mut self, mut left: u64, each: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while left > 0 {
            if self.unread().is_empty() && !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let count = (self.unread().len() as u64).min(left);
            each(&self.take(count as usize));
            left -= count;
        }
        Ok(())
    }

    /// Reads a whole response.
    ///
    /// # Errors
    ///
    /// As [`body`](Self::body).
    pub fn try_response(&mut self) -> io::Result<Response> {
        let mut response = self.head()?;
        let mut body = Vec::new();
        self.body(&response, |piece| body.extend_from_slice(piece))?;
        response.body = body;
        Ok(response)
    }

    /// Reads a whole response.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.try_response().unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// Sends a GET request and reads its response.
    ///
    /// # Panics
    ///
    /// If it does not come.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.send(request("GET", target, "test", &[], b"")).response()
    }

    /// Reads to the end of the connection, which must come; returns what was still sent.
    ///
    /// # Panics
    ///
    /// If the connection stays open.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("the connection was to be closed: {error}"),
            }
        }
        self.take(self.unread().len())
    }
}

/// A request's bytes. With a body, its length is told.
pub fn request(method: &str, target: &str, host: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// One GET request on a connection of its own.
///
/// # Panics
///
/// If there is no response.
#[track_caller]
pub fn get(port: u16, host: &str, target: &str) -> Response {
    Client::connect(port).send(request("GET", target, host, &[], b"")).response()
}
