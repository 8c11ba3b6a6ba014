//! Random conversations over random reads and writes, compared with what a plain model says they must be.
//!
//! The plan of a conversation (requests, and what the application does with each) is drawn first; from it
//! follow the bytes that the client sends and, without the connection, everything that must come out.

use crate::common::{Random, ReadBack, pairs, read_back, text};
use nano_http::{
    Awaiting, BodyLength, BufferPool, Closing, Connection, Input, Limits, Next, ResponseHead, push_field,
};

/// One request and its answer.
#[derive(Clone, Debug)]
struct Exchange {
    method: &'static str,
    http10: bool,
    connection: Option<&'static str>,
    expect: bool,
    framing: Framing,
    body: Vec<u8>,
    trailers: usize,
    chunk: usize,
    handler: Plan,
    status: u16,
    answer: Vec<u8>,
    length: Length,
    answer_trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length,
    Chunked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Whole,
    Known,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Reads the whole body, then answers.
    ReadThenAnswer,
    /// Starts to answer at once, reads the body all the same, and ends the answer after it.
    AnswerWhileReading,
    /// Answers at once and never reads.
    Ignore,
}

const DISCARD: usize = 3000;

fn draw(random: &mut Random) -> Exchange {
    let http10 = random.one_in(5);
    let framing = match random.below(4) {
        0 | 1 => Framing::None,
        2 => Framing::Length,
        _ if http10 => Framing::Length,
        _ => Framing::Chunked,
    };
    let size = [1, 2, 100, 2999, 3000, 3001, 20_000][random.below(7)];
    let body = if framing == Framing::None { vec![] } else { random.bytes(size) };
    let size = [0, 1, 10, 1000, 30_000][random.below(5)];
    let expect = random.one_in(6);
    // With an expectation it is chance whether the body is there before the answer begins, and with that
    // whether the connection can stay: the model does not say.
    let handler = match random.below(3) {
        0 => Plan::Ignore,
        1 if !expect => Plan::AnswerWhileReading,
        _ => Plan::ReadThenAnswer,
    };
    Exchange {
        method: ["GET", "POST", "HEAD", "PATCH"][random.below(4)],
        http10,
        connection: [None, None, None, Some("close"), Some("keep-alive"), Some("x"), Some("x, Keep-Alive")]
            [random.below(7)],
        expect,
        framing,
        trailers: if framing == Framing::Chunked { random.below(3) } else { 0 },
        chunk: 1 + random.below(4000),
        body,
        handler,
        status: [200, 200, 404, 204, 304, 500][random.below(6)],
        answer: random.bytes(size),
        length: [Length::Whole, Length::Known, Length::Unknown][random.below(3)],
        answer_trailers: random.below(2),
    }
}

impl Exchange {
    fn request(&self, index: usize) -> Vec<u8> {
        let version = if self.http10 { "1.0" } else { "1.1" };
        let mut bytes = format!("{} /{index} HTTP/{version}\r\nHost: a\r\n", self.method).into_bytes();
        if let Some(connection) = self.connection {
            bytes.extend_from_slice(format!("Connection: {connection}\r\n").as_bytes());
        }
        if self.expect {
            bytes.extend_from_slice(b"Expect: 100-continue\r\n");
        }
        match self.framing {
            Framing::None => bytes.extend_from_slice(b"\r\n"),
            Framing::Length => {
                bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
                bytes.extend_from_slice(&self.body);
            }
            Framing::Chunked => {
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in self.body.chunks(self.chunk) {
                    bytes.extend_from_slice(format!("{:X};n=\"v\"\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n");
                for _ in 0..self.trailers {
                    bytes.extend_from_slice(b"X-Sum: 1\r\n");
                }
                bytes.extend_from_slice(b"\r\n");
            }
        }
        bytes
    }

    /// Whether another request is served after this one.
    fn keeps(&self) -> bool {
        let asked = match self.connection {
            Some("close") => false,
            Some("keep-alive" | "x, Keep-Alive") => true,
            _ => !self.http10,
        };
        let unread = self.handler == Plan::Ignore && !self.body.is_empty();
        let bodiless = self.method == "HEAD" || matches!(self.status, 204 | 304);
        asked
            && !(self.http10 && self.length == Length::Unknown && !bodiless)
            && !(unread && self.body.len() > DISCARD)
            // The answer was begun without a 100: whether a body comes is the client's choice.
            && !(self.expect
                && !self.http10
                && self.framing != Framing::None
                && self.handler != Plan::ReadThenAnswer)
    }
}

/// The driver's place in the current exchange.
struct Serving {
    exchanges: Vec<Exchange>,
    at: usize,
    begun: bool,
    sent: usize,
    read: Vec<u8>,
    body_ended: bool,
}

impl Serving {
    fn current(&self) -> &Exchange {
        &self.exchanges[self.at]
    }

    /// The application does one thing, if it can; true if it did.
    fn step(&mut self, http: &mut Connection, random: &mut Random) -> bool {
        let exchange = self.exchanges[self.at].clone();
        let may_begin = exchange.handler != Plan::ReadThenAnswer || self.body_ended;
        let may_end = exchange.handler == Plan::Ignore || self.body_ended;
        if !self.begun {
            if !may_begin {
                return false;
            }
            let mut block = Vec::new();
            push_field(&mut block, b"x-index", self.at.to_string().as_bytes()).unwrap();
            let head = ResponseHead::new(exchange.status, &block);
            if exchange.length == Length::Whole && may_end {
                let next = http.respond_with(head, &exchange.answer).unwrap();
                self.done(next);
                return true;
            }
            let length = match exchange.length {
                Length::Unknown => BodyLength::Unknown,
                _ => BodyLength::Known(exchange.answer.len() as u64),
            };
            http.respond(head, length).unwrap();
            self.begun = true;
            return true;
        }
        let rest = &exchange.answer[self.sent..];
        if !rest.is_empty() {
            let n = 1 + random.below(rest.len());
            http.send_body(&rest[..n]).unwrap();
            self.sent += n;
            return true;
        }
        if !may_end {
            return false;
        }
        let trailers = b"x-t: u\r\n".repeat(exchange.answer_trailers);
        let next = http.finish(Some(&trailers)).unwrap();
        self.done(next);
        true
    }

    fn done(&mut self, next: Next) {
        // A chunked body that is too long to be read away is found out later.
        let exchange = self.current();
        if exchange.framing == Framing::Chunked && exchange.handler == Plan::Ignore {
            assert!(next == Next::KeepAlive || !exchange.keeps());
        } else {
            assert_eq!(next == Next::KeepAlive, exchange.keeps(), "{exchange:?}");
        }
        self.at += 1;
        self.begun = false;
        self.sent = 0;
        self.body_ended = false;
        self.read.clear();
    }
}

fn conversation(seed: u64) {
    let mut random = Random::new(seed);
    let exchanges: Vec<Exchange> = (0..1 + random.below(8)).map(|_| draw(&mut random)).collect();
    let wire: Vec<u8> = exchanges.iter().enumerate().flat_map(|(i, e)| e.request(i)).collect();
    let served = exchanges.iter().position(|e| !e.keeps()).map_or(exchanges.len(), |i| i + 1);

    let mut limits = Limits::default();
    limits.discard_bytes = DISCARD as u64;
    let mut http = Connection::new(limits);
    let mut pool = BufferPool::new(1);
    let mut serving = Serving {
        exchanges: exchanges.clone(),
        at: 0,
        begun: false,
        sent: 0,
        read: vec![],
        body_ended: false,
    };
    let (mut from_client, mut to_client) = (0, Vec::new());
    let largest = [1, 7, 100, 5000, 100_000][random.below(5)];
    let mut in_request = false;
    let mut idle = 0;

    loop {
        // Everything moves in random order and amounts.
        let mut moved = false;
        if random.one_in(2) && http.pending_output() > 0 {
            let n = 1 + random.below(http.pending_output().min(largest));
            to_client.extend_from_slice(&http.output()[..n]);
            http.wrote(n);
            moved = true;
        }
        if random.one_in(2) && http.want_read() {
            http.take_buffers(&mut pool);
            let n = http
                .fill(|room| {
                    let n = (wire.len() - from_client).min(room.len()).min(1 + random.below(largest));
                    room[..n].copy_from_slice(&wire[from_client..from_client + n]);
                    Ok(n)
                })
                .unwrap();
            from_client += n;
            moved = true;
        }
        if random.one_in(2) && in_request && serving.at < exchanges.len() {
            let before = serving.at;
            moved |= serving.step(&mut http, &mut random);
            in_request = serving.at == before;
        }
        if random.one_in(2) {
            let reads = !in_request || serving.current().handler != Plan::Ignore;
            if reads {
                match http.next().unwrap_or_else(|r| panic!("seed {seed}: {r}")) {
                    Input::Head => {
                        let exchange = serving.current();
                        let head = http.head();
                        assert_eq!(text(head.path()), format!("/{}", serving.at), "seed {seed}");
                        assert_eq!(text(head.method()), exchange.method);
                        assert_eq!(head.has_body(), exchange.framing != Framing::None);
                        in_request = true;
                        moved = true;
                        if exchange.handler == Plan::ReadThenAnswer {
                            http.send_continue();
                        }
                    }
                    Input::Body => {
                        let n = 1 + random.below(http.body().len());
                        serving.read.extend_from_slice(&http.body()[..n]);
                        http.consume(n);
                        moved = true;
                    }
                    Input::BodyEnd => {
                        let exchange = serving.current();
                        assert_eq!(serving.read, exchange.body, "seed {seed}");
                        assert_eq!(
                            pairs(http.trailers()),
                            vec![("X-Sum".to_string(), "1".to_string()); exchange.trailers]
                        );
                        serving.body_ended = true;
                        moved = true;
                    }
                    Input::NeedMore => {
                        assert!(http.want_read(), "seed {seed}");
                    }
                    Input::Wait => {
                        assert!(
                            matches!(http.awaiting(), Awaiting::Output | Awaiting::Handler),
                            "seed {seed}"
                        );
                    }
                    Input::Closed => {
                        if http.pending_output() == 0 {
                            assert!(http.should_close());
                            break;
                        }
                    }
                    Input::Truncated => panic!("seed {seed}: nothing is cut off"),
                }
            }
        }
        if !in_request {
            http.give_buffers(&mut pool);
        }
        idle = if moved { 0 } else { idle + 1 };
        assert!(idle < 10_000, "seed {seed}: stuck in {:?}, {:?}", http.awaiting(), http.closing());
    }
    assert_ne!(http.closing(), Closing::Open);

    let expected = &exchanges[..served];
    let bodiless: Vec<bool> = expected.iter().map(|e| e.method == "HEAD").collect();
    let responses: Vec<ReadBack> =
        read_back(&to_client, &bodiless).into_iter().filter(|r| r.status >= 200).collect();
    assert_eq!(responses.len(), served, "seed {seed}");
    for (i, (response, exchange)) in responses.iter().zip(expected).enumerate() {
        let no_content = exchange.method == "HEAD" || matches!(exchange.status, 204 | 304);
        let answer = if no_content { &[][..] } else { &exchange.answer };
        assert_eq!(response.status, exchange.status, "seed {seed}");
        assert_eq!(response.field("x-index"), Some(i.to_string().as_str()), "seed {seed}");
        assert_eq!(response.body, answer, "seed {seed}, exchange {i}");
        let chunked = response.field("transfer-encoding").is_some();
        assert_eq!(
            response.trailers.len(),
            if chunked { exchange.answer_trailers } else { 0 },
            "seed {seed}"
        );
        let until_close = exchange.http10 && exchange.length == Length::Unknown && !no_content;
        assert_eq!(response.complete, !until_close, "seed {seed}");
        // Whoever is told that it goes on, is right; a close may come unannounced.
        if exchange.keeps() {
            assert_ne!(response.field("connection"), Some("close"), "seed {seed}");
        }
    }
}

#[test]
fn random_conversations_go_as_the_model_says() {
    for seed in 0..3000 {
        conversation(seed);
    }
}
