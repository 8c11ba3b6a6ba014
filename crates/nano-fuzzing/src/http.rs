//! The oracle of nano-http's request side, and what its tests share: a driver that serves every request in
//! the plainest way and records what it saw, a small generator of random numbers, and a plain reader of
//! responses.

use nano_http::{Connection, Input, Limits, Refusal, ResponseHead};

/// Any bytes, in any pieces: nothing panics, the same bytes mean the same however they are split, and no head
/// is accepted that another parser could read differently. The first byte chooses the handler and the limits,
/// the second the pieces.
pub fn check(data: &[u8]) {
    let [mode, seed, message @ ..] = data else { return };
    let handler = if mode & 1 == 0 { Handler::ReadsAll } else { Handler::AnswersAtOnce };
    let mut limits = Limits::default();
    if mode & 2 != 0 {
        limits.head_bytes = 80;
        limits.fields = 3;
        limits.body_bytes = 20;
        limits.trailer_bytes = 16;
        limits.chunk_line_bytes = 10;
        limits.chunk_extension_bytes = 8;
        limits.discard_bytes = 5;
    }
    let whole = drive(&limits, handler, [message]);
    let mut random = Random::new(u64::from(*seed));
    let mut pieces = vec![];
    let mut rest = message;
    let most = 1 + usize::from(*seed) % 40;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + random.below(most)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    assert_eq!(drive(&limits, handler, pieces), whole, "another split, another meaning");
    for seen in &whole.0 {
        if let Seen::Head(head) = seen {
            let count =
                |name: &str| head.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
            assert!(count("content-length") + count("transfer-encoding") <= 1);
            assert!(count("host") <= 1);
            assert!(head.target == "*" || head.path.starts_with('/'));
        }
    }
    first_head_is_strict(&limits, message);
}

/// The first head, if it is accepted, has no byte that another parser could take for the end of a line.
fn first_head_is_strict(limits: &Limits, message: &[u8]) {
    let mut http = Connection::new(limits.clone());
    http.receive(message);
    if http.next() != Ok(Input::Head) {
        return;
    }
    let head = http.head().head_bytes();
    assert!(head.len() <= limits.head_bytes && head.ends_with(b"\r\n\r\n"));
    for (i, &b) in head.iter().enumerate() {
        match b {
            b'\n' => assert!(i > 0 && head[i - 1] == b'\r', "LF without CR"),
            b'\r' => assert!(head.get(i + 1) == Some(&b'\n'), "CR without LF"),
            b'\t' => {}
            _ => assert!(b >= 0x20 && b != 0x7f, "control character"),
        }
    }
    for line in head.split(|&b| b == b'\n') {
        assert!(!matches!(line.first(), Some(b' ' | b'\t')), "folded line");
    }
}

/// What a connection reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Head(SeenHead),
    /// All body bytes and trailers.
    Body(Vec<u8>, Vec<(String, String)>),
    Refused(Refusal),
    Truncated,
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenHead {
    pub method: String,
    pub target: String,
    pub path: String,
    pub query: Option<String>,
    pub authority: Option<String>,
    pub keep_alive: bool,
    pub headers: Vec<(String, String)>,
}

pub fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

pub fn pairs<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<(String, String)> {
    fields.map(|(n, v)| (text(n), text(v))).collect()
}

/// Whether the driver reads a request's body before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    ReadsAll,
    AnswersAtOnce,
}

/// Drives one connection: everything it sees, and everything it wrote.
pub struct Driver {
    pub http: Connection,
    pub seen: Vec<Seen>,
    pub output: Vec<u8>,
    handler: Handler,
    body: Vec<u8>,
    ended: bool,
}

impl Driver {
    pub fn new(limits: Limits, handler: Handler) -> Driver {
        Driver {
            http: Connection::new(limits),
            seen: vec![],
            output: vec![],
            handler,
            body: vec![],
            ended: false,
        }
    }

    fn answer(&mut self) {
        let answer = ["echo ".as_bytes(), self.http.head().path()].concat();
        self.http.respond_with(ResponseHead::new(200, b""), &answer).expect("a response is due");
    }

    pub fn turn(&mut self) {
        while !self.ended {
            let input = self.http.next();
            self.output.extend_from_slice(self.http.output());
            self.http.wrote(self.http.pending_output());
            match input {
                Ok(Input::NeedMore) => {
                    assert!(self.http.want_read() || self.http.is_eof(), "wants more but not to read");
                    return;
                }
                Ok(Input::Head) => {
                    let head = self.http.head();
                    self.seen.push(Seen::Head(SeenHead {
                        method: text(head.method()),
                        target: text(head.target()),
                        path: text(head.path()),
                        query: head.query().map(text),
                        authority: head.authority().map(text),
                        keep_alive: head.keep_alive(),
                        headers: pairs(head.headers()),
                    }));
                    // The ranges say the same as the view.
                    let bytes = head.head_bytes();
                    for (range, (name, value)) in head.ranges().iter().zip(head.headers()) {
                        assert_eq!((range.name.of(bytes), range.value.of(bytes)), (name, value));
                    }
                    self.body.clear();
                    if self.handler == Handler::AnswersAtOnce {
                        self.answer();
                    }
                }
                Ok(Input::Body) => {
                    assert!(!self.http.body().is_empty());
                    self.body.extend_from_slice(self.http.body());
                    self.http.consume(self.http.body().len());
                }
                Ok(Input::BodyEnd) => {
                    let trailers = pairs(self.http.trailers());
                    self.seen.push(Seen::Body(std::mem::take(&mut self.body), trailers));
                    self.answer();
                }
                Ok(Input::Wait) => unreachable!("everything has been answered and written"),
                Ok(Input::Truncated) => {
                    self.seen.push(Seen::Truncated);
                    self.ended = true;
                }
                Ok(Input::Closed) => {
                    self.seen.push(Seen::Closed);
                    self.ended = true;
                }
                Err(refusal) => {
                    assert_eq!(self.http.next(), Err(refusal), "a refusal stays");
                    self.seen.push(Seen::Refused(refusal));
                    self.http
                        .respond_error(refusal.status(), refusal.message(), None)
                        .expect("nothing was answered yet");
                }
            }
        }
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.http.receive(bytes);
            self.turn();
        }
    }

    pub fn eof(&mut self) {
        self.http.received_eof();
        self.turn();
        assert!(self.ended, "the end of the input ends the connection");
    }
}

/// What a connection makes of `pieces`, then the end.
pub fn drive<'a>(
    limits: &Limits,
    handler: Handler,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Seen>, Vec<u8>) {
    let mut driver = Driver::new(limits.clone(), handler);
    for piece in pieces {
        driver.receive(piece);
    }
    driver.eof();
    (driver.seen, driver.output)
}

/// The first refusal, if there is one.
pub fn refusal(limits: &Limits, bytes: &[u8]) -> Option<Refusal> {
    drive(limits, Handler::ReadsAll, [bytes]).0.into_iter().find_map(|s| match s {
        Seen::Refused(refusal) => Some(refusal),
        _ => None,
    })
}

/// xorshift64*: good enough to vary tests, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `n`, which is above 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.word() >> 33) as usize % n
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.word() as u8).collect()
    }
}

/// A response, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBack {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// Its framing says where it ends, and it got there.
    pub complete: bool,
}

impl ReadBack {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

fn lines(bytes: &mut &[u8]) -> Option<Vec<String>> {
    let mut lines = vec![];
    let mut rest = *bytes;
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let line = String::from_utf8(rest[..end].to_vec()).expect("heads are ASCII here");
        rest = &rest[end + 2..];
        if line.is_empty() {
            *bytes = rest;
            return Some(lines);
        }
        lines.push(line);
    }
}

fn fields(lines: &[String]) -> Vec<(String, String)> {
    lines
        .iter()
        .map(|l| {
            l.split_once(": ").map(|(n, v)| (n.to_ascii_lowercase(), v.to_string())).expect("a field line")
        })
        .collect()
}

/// Reads responses in the plainest way; `bodiless` says for each whether it answers a HEAD. 1xx are responses
/// of their own and take no entry of `bodiless`.
pub fn read_back(mut bytes: &[u8], bodiless: &[bool]) -> Vec<ReadBack> {
    let mut all = vec![];
    let mut bodiless = bodiless.iter().copied();
    while !bytes.is_empty() {
        let head = lines(&mut bytes).expect("a whole head");
        let status: u16 = head[0].split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        let mut response =
            ReadBack { status, fields: fields(&head[1..]), body: vec![], trailers: vec![], complete: true };
        if status >= 200 && !bodiless.next().unwrap_or(false) && !matches!(status, 204 | 304) {
            if response.field("transfer-encoding") == Some("chunked") {
                loop {
                    let Some(end) = bytes.windows(2).position(|w| w == b"\r\n") else {
                        response.complete = false;
                        break;
                    };
                    let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).expect("hex"), 16)
                        .expect("hex");
                    bytes = &bytes[end + 2..];
                    if size == 0 {
                        response.trailers = fields(&lines(&mut bytes).expect("whole trailers"));
                        break;
                    }
                    response.body.extend_from_slice(&bytes[..size]);
                    assert_eq!(&bytes[size..size + 2], b"\r\n");
                    bytes = &bytes[size + 2..];
                }
            } else if let Some(length) = response.field("content-length") {
                let length: usize = length.parse().expect("a number");
                let have = length.min(bytes.len());
                response.complete = have == length;
                response.body.extend_from_slice(&bytes[..have]);
                bytes = &bytes[have..];
            } else {
                response.body.extend_from_slice(bytes);
                response.complete = false;
                bytes = &[];
            }
        }
        all.push(response);
    }
    all
}
