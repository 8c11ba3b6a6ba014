//! The core against a simulated network and server, from seeds: responses arrive split, late, cut off, reset
//! and corrupted; names and connections fail; readers pause and give up. Every fetch must end, in the right
//! result or the right error, and nothing may be left.
//!
//! `NANO_FETCH_SEEDS` is how many seeds to try (default 10,000), `NANO_FETCH_SEED` a single one to try again.

use nano_fetch::{
    Action, AllowAll, BodyPassed, BodyRead, ConnId, Core, CoreOptions, ErrorKind, EventKind, FetchId, Fill,
    Request, RequestBody, Url, Written,
};
use nano_loop::Moment;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

struct Random(u64);

impl Random {
    /// SplitMix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// What happens to a connection's bytes at a position.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// The peer closes.
    Close(usize),
    /// The socket fails.
    Reset(usize),
    /// A byte is another.
    Corrupt(usize, u8),
    /// Nothing more comes.
    Stall(usize),
}

#[derive(Default)]
struct Socket {
    /// What the client has sent and the server has not read.
    received: Vec<u8>,
    /// What the server has to say, and how much of it was said.
    reply: Vec<u8>,
    said: usize,
    fault: Option<Fault>,
    closes: bool,
    connected: bool,
    served: usize,
}

/// What a response ought to lead to.
#[derive(Clone, Debug)]
struct Plan {
    body: Vec<u8>,
    /// Only the connection's end says where the body ends.
    until_close: bool,
    fault: Fault,
    reply: Vec<u8>,
    closes: bool,
}

fn body(random: &mut Random) -> Vec<u8> {
    let size = match random.below(8) {
        0 => 0,
        1..=5 => random.below(300),
        6 => random.below(5_000),
        _ => random.below(600_000),
    };
    let mut state = random.next();
    (0..size)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + (state >> 60) as u8
        })
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A response with a body of any framing and coding, without faults.
fn plan(random: &mut Random) -> Plan {
    let body = body(random);
    let mut reply = Vec::new();
    if random.one_in(6) {
        reply.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
    }
    reply.extend_from_slice(b"HTTP/1.1 200 OK\r\nserver: simulated\r\n");
    let coded = match random.below(4) {
        0 => {
            reply.extend_from_slice(b"content-encoding: gzip\r\n");
            gzip(&body)
        }
        1 => {
            reply.extend_from_slice(b"content-encoding: zstd\r\n");
            zstd::stream::encode_all(&*body, 1).unwrap()
        }
        _ => body.clone(),
    };
    let closes = random.one_in(4);
    if closes {
        reply.extend_from_slice(b"connection: close\r\n");
    }
    let (mut until_close, mut ends) = (false, closes);
    match random.below(3) {
        0 => {
            reply.extend_from_slice(format!("content-length: {}\r\n\r\n", coded.len()).as_bytes());
            reply.extend_from_slice(&coded);
        }
        1 => {
            reply.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
            let mut rest = &coded[..];
            while !rest.is_empty() {
                let count = 1 + random.below(rest.len().min(100_000));
                reply.extend_from_slice(format!("{count:x}\r\n").as_bytes());
                reply.extend_from_slice(&rest[..count]);
                reply.extend_from_slice(b"\r\n");
                rest = &rest[count..];
            }
            reply.extend_from_slice(if random.one_in(2) { b"0\r\n\r\n" } else { b"0\r\nx: y\r\n\r\n" });
        }
        _ => {
            reply.extend_from_slice(b"\r\n");
            reply.extend_from_slice(&coded);
            (until_close, ends) = (true, true);
        }
    }
    Plan { body, until_close, fault: Fault::None, reply, closes: ends }
}

fn fault(random: &mut Random, len: usize) -> Fault {
    let at = random.below(len + 1);
    match random.below(8) {
        0 => Fault::Close(at),
        1 => Fault::Reset(at),
        2 => Fault::Corrupt(at.min(len - 1), 1 << random.below(8)),
        3 => Fault::Stall(at),
        _ => Fault::None,
    }
}

/// How a fetch ended.
#[derive(Debug, PartialEq)]
enum Outcome {
    Body(Vec<u8>),
    Failed(ErrorKind),
    Cancelled,
}

struct Owner {
    plan: Option<Plan>,
    upload: Option<usize>,
    body: Vec<u8>,
    headed: bool,
    reading: bool,
    /// It passes the body on rather than reading it: every second fetch does, and every fourth does both in
    /// turns.
    passes: bool,
    both: bool,
    outcome: Option<Outcome>,
    cancel_at: usize,
}

struct World {
    random: Random,
    core: Core,
    now: Moment,
    sockets: BTreeMap<ConnId, Socket>,
    /// What is to happen, and when.
    later: Vec<(Moment, Later)>,
    owners: BTreeMap<FetchId, Owner>,
    /// Responses for the requests that come, by the path's number.
    plans: Vec<Plan>,
    hostile: bool,
    steps: usize,
}

enum Later {
    Resolved(String, Result<Vec<std::net::IpAddr>, String>),
    Connected(ConnId, bool),
}

impl World {
    fn new(seed: u64, hostile: bool) -> Self {
        let mut options = CoreOptions::default();
        let mut random = Random(seed);
        options.limits.body_ahead = [100, 5000, 256 << 10][random.below(3)];
        options.limits.connections_per_origin = [1, 3, 100][random.below(3)];
        options.limits.connections = [2, 5, 100][random.below(3)];
        World {
            random,
            core: Core::new(options),
            now: Moment::from_nanos(1),
            sockets: BTreeMap::new(),
            later: Vec::new(),
            owners: BTreeMap::new(),
            plans: Vec::new(),
            hostile,
            steps: 0,
        }
    }

    fn start(&mut self, plan: Plan) -> FetchId {
        let host = ["a.example", "b.example", "127.0.0.1", "[::1]"][self.random.below(4)];
        let url = Url::parse(&format!("http://{host}/{}", self.plans.len())).unwrap();
        self.plans.push(plan.clone());
        let method = ["GET", "GET", "PUT", "POST"][self.random.below(4)];
        let mut request = Request::new(method, url, Rc::new(AllowAll));
        let mut upload = None;
        if method != "GET" {
            request.body = match self.random.below(3) {
                0 => RequestBody::Bytes(vec![b'x'; self.random.below(1000)]),
                _ => {
                    let size = self.random.below(10_000);
                    upload = Some(size);
                    RequestBody::Stream(self.random.one_in(2).then_some(size as u64))
                }
            };
        }
        let cancel_at =
            if self.hostile && self.random.one_in(10) { self.random.below(200) } else { usize::MAX };
        let id = self.core.start(request, self.now);
        let owner = Owner {
            plan: Some(plan),
            upload,
            body: Vec::new(),
            headed: false,
            reading: false,
            passes: id.to_bits().is_multiple_of(2),
            both: id.to_bits().is_multiple_of(4),
            outcome: None,
            cancel_at,
        };
        self.owners.insert(id, owner);
        id
    }

    fn act(&mut self) {
        while let Some(action) = self.core.poll_action() {
            let delay = Duration::from_millis(self.random.below(400) as u64);
            match action {
                Action::Resolve { host } => {
                    let answer = match self.hostile && self.random.one_in(20) {
                        true => Err("no such name".to_owned()),
                        false => {
                            Ok(["192.0.2.1", "2001:db8::1", "192.0.2.2"].map(|a| a.parse().unwrap()).to_vec())
                        }
                    };
                    self.later.push((self.now + delay, Later::Resolved(host, answer)));
                }
                Action::Connect { conn, .. } => {
                    self.sockets.insert(conn, Socket::default());
                    let works = !self.hostile || !self.random.one_in(5);
                    if works || !self.random.one_in(5) {
                        self.later.push((self.now + delay, Later::Connected(conn, works)));
                    }
                }
                Action::Close { conn } => {
                    assert!(self.sockets.remove(&conn).is_some(), "closed twice, or never opened");
                }
                Action::Drive { .. } => {}
                Action::LoadTls => panic!("no TLS was asked for"),
            }
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.core.poll_event() {
            let Some(owner) = self.owners.get_mut(&event.fetch) else {
                panic!("news of a fetch that is over")
            };
            assert!(owner.outcome.is_none(), "news of a fetch that is over");
            match event.kind {
                EventKind::Head => match self.core.response(event.fetch).expect("a head was announced") {
                    Ok(response) => {
                        if !self.hostile {
                            assert_eq!(response.status, 200);
                        }
                        owner.headed = true;
                        owner.reading = true;
                    }
                    Err(error) => owner.outcome = Some(Outcome::Failed(error.kind)),
                },
                EventKind::Body => owner.reading = true,
                EventKind::Room => {
                    while let Some(left) = owner.upload {
                        if left == 0 {
                            owner.upload = None;
                            self.core.finish_body(event.fetch, self.now);
                            break;
                        }
                        let count = left.min(1 + self.random.below(3000));
                        match self.core.write_body(event.fetch, &vec![b'u'; count], self.now) {
                            Written::Ready => owner.upload = Some(left - count),
                            Written::Full => {
                                owner.upload = Some(left - count);
                                break;
                            }
                            Written::Gone => owner.upload = None,
                        }
                    }
                }
            }
        }
    }

    /// Owners read, pause, and give up.
    fn read(&mut self) -> bool {
        let mut progress = false;
        let ids: Vec<FetchId> = self.owners.keys().copied().collect();
        for id in ids {
            let Some(owner) = self.owners.get_mut(&id) else { continue };
            if owner.outcome.is_some() {
                continue;
            }
            if self.steps > owner.cancel_at {
                self.core.cancel(id, self.now);
                owner.outcome = Some(Outcome::Cancelled);
                progress = true;
                continue;
            }
            if !owner.reading || self.random.one_in(3) {
                progress |= owner.reading;
                continue;
            }
            progress = true;
            if owner.passes && !(owner.both && self.random.one_in(4)) {
                // Whoever it is passed to takes pieces until it has no room.
                let (body, random) = (&mut owner.body, &mut self.random);
                let passed = self.core.pass_body(id, self.now, &mut |bytes| {
                    assert!(!bytes.is_empty());
                    body.extend_from_slice(bytes);
                    !random.one_in(3)
                });
                match passed {
                    BodyPassed::Bytes(()) => {}
                    BodyPassed::Pending => owner.reading = false,
                    BodyPassed::End => owner.outcome = Some(Outcome::Body(std::mem::take(&mut owner.body))),
                    BodyPassed::Failed(error) => owner.outcome = Some(Outcome::Failed(error.kind)),
                }
                continue;
            }
            match self.core.read_body(id, self.now) {
                BodyRead::Bytes(bytes) => {
                    assert!(!bytes.is_empty());
                    owner.body.extend(bytes);
                }
                BodyRead::Pending => owner.reading = false,
                BodyRead::End => owner.outcome = Some(Outcome::Body(std::mem::take(&mut owner.body))),
                BodyRead::Failed(error) => owner.outcome = Some(Outcome::Failed(error.kind)),
            }
        }
        progress
    }

    /// Moves bytes. Whether there were any.
    fn transfer(&mut self) -> bool {
        let mut progress = false;
        let ids: Vec<ConnId> = self.sockets.keys().copied().collect();
        for conn in ids {
            let Some(socket) = self.sockets.get_mut(&conn) else { continue };
            if !socket.connected {
                continue;
            }
            let output = self.core.output(conn);
            if !output.is_empty() {
                let count = 1 + self.random.below(output.len());
                socket.received.extend_from_slice(&output[..count]);
                self.core.handle_written(conn, count, self.now);
                progress = true;
            }
            serve(socket, &self.plans);
            if !self.core.wants_read(conn) {
                continue;
            }
            let fault = socket.fault.unwrap_or(Fault::None);
            let end = match fault {
                Fault::Close(at) | Fault::Reset(at) | Fault::Stall(at) => at.min(socket.reply.len()),
                _ => socket.reply.len(),
            };
            let piece = match self.random.below(3) {
                0 => 1 + self.random.below(3),
                1 => 1 + self.random.below(200),
                _ => usize::MAX,
            };
            let random = &mut self.random;
            let fill = self.core.fill(conn, self.now, |room| {
                let count = (end - socket.said).min(room.len()).min(piece);
                if count == 0 {
                    return match fault {
                        Fault::Close(_) if socket.said >= end => Ok(0),
                        Fault::Reset(_) if socket.said >= end => Err(io::ErrorKind::ConnectionReset.into()),
                        Fault::Stall(_) => Err(io::ErrorKind::WouldBlock.into()),
                        _ if socket.closes && socket.said == socket.reply.len() => Ok(0),
                        _ => Err(io::ErrorKind::WouldBlock.into()),
                    };
                }
                if random.one_in(5) {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                room[..count].copy_from_slice(&socket.reply[socket.said..socket.said + count]);
                if let Fault::Corrupt(at, bit) = fault
                    && (socket.said..socket.said + count).contains(&at)
                {
                    room[at - socket.said] ^= bit;
                }
                socket.said += count;
                Ok(count)
            });
            progress |= fill != Fill::WouldBlock || socket_has_more(self.sockets.get(&conn));
        }
        progress
    }

    fn run(&mut self) {
        loop {
            self.steps += 1;
            assert!(self.steps < 2_000_000, "it does not come to an end");
            self.act();
            self.tell();
            let mut progress = self.transfer();
            progress |= self.read();
            self.act();
            self.tell();
            if self.owners.values().all(|owner| owner.outcome.is_some()) {
                return;
            }
            if progress {
                continue;
            }
            // Nothing moves: on to the next moment.
            let next = self.later.iter().map(|(at, _)| *at).chain(self.core.poll_deadline()).min();
            let Some(next) = next else { panic!("a fetch hangs: nothing is due") };
            self.now = self.now.max(next);
            self.core.handle_deadline(self.now);
            let due: Vec<usize> =
                (0..self.later.len()).rev().filter(|index| self.later[*index].0 <= self.now).collect();
            for index in due {
                match self.later.remove(index).1 {
                    Later::Resolved(host, answer) => self.core.handle_resolved(&host, answer, self.now),
                    Later::Connected(conn, works) => {
                        if let Some(socket) = self.sockets.get_mut(&conn) {
                            if works {
                                socket.connected = true;
                                self.core.handle_connected(conn, self.now);
                            } else {
                                let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
                                self.core.handle_connect_failed(conn, &refused, self.now);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Nothing is left: no fetch, no socket but idle ones, and those go with time.
    fn check_empty(&mut self) {
        self.act();
        let counts = self.core.counts();
        assert_eq!(counts.fetches, 0, "fetches are left");
        assert_eq!(counts.connections, counts.idle, "connections are left");
        assert_eq!(self.sockets.len(), counts.connections, "sockets are left");
        self.now += Duration::from_secs(3600);
        self.core.handle_deadline(self.now);
        self.act();
        assert!(self.sockets.is_empty() && self.core.counts().connections == 0, "idle connections stay");
        assert_eq!(self.core.poll_deadline(), None, "deadlines are left");
    }
}

fn socket_has_more(socket: Option<&Socket>) -> bool {
    socket.is_some_and(|socket| match socket.fault {
        Some(Fault::Stall(at)) => socket.said < at.min(socket.reply.len()),
        _ => socket.said < socket.reply.len(),
    })
}

/// The server: answers the requests that are complete.
fn serve(socket: &mut Socket, plans: &[Plan]) {
    if socket.closes {
        return;
    }
    let Some(end) = socket.received.windows(4).position(|four| four == b"\r\n\r\n") else { return };
    let head = String::from_utf8(socket.received[..end].to_vec()).unwrap();
    let number: usize = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let rest = &socket.received[end + 4..];
    let used = if let Some(length) = value("content-length: ") {
        let length: usize = length.parse().unwrap();
        if rest.len() < length {
            return;
        }
        assert!(rest[..length].iter().all(|byte| matches!(byte, b'u' | b'x')));
        length
    } else if value("transfer-encoding: ").is_some() {
        let Some(at) = rest.windows(5).position(|five| five == b"0\r\n\r\n") else { return };
        at + 5
    } else {
        0
    };
    socket.received.drain(..end + 4 + used);
    let plan = &plans[number];
    let before = socket.reply.len();
    socket.reply.extend_from_slice(&plan.reply);
    socket.fault = match plan.fault {
        Fault::None => socket.fault,
        Fault::Close(at) => Some(Fault::Close(before + at)),
        Fault::Reset(at) => Some(Fault::Reset(before + at)),
        Fault::Corrupt(at, bit) => Some(Fault::Corrupt(before + at, bit)),
        Fault::Stall(at) => Some(Fault::Stall(before + at)),
    };
    socket.served += 1;
    socket.closes = plan.closes;
}

/// Whether a fetch may end so.
fn check(plan: &Plan, outcome: &Outcome, hostile: bool) {
    let cut = match plan.fault {
        Fault::Close(at) | Fault::Reset(at) | Fault::Stall(at) => at < plan.reply.len(),
        _ => false,
    };
    match (outcome, plan.fault) {
        (Outcome::Body(body), Fault::None) => assert!(*body == plan.body, "the body is wrong"),
        (Outcome::Body(_), Fault::Corrupt(..)) => {}
        // Where only the end of the connection ends the body, an early one cannot be told.
        (Outcome::Body(body), Fault::Close(_)) if plan.until_close => {
            assert!(plan.body.starts_with(body), "the body is wrong");
        }
        (Outcome::Body(body), _) => {
            assert!(!cut, "it was cut off and nobody noticed");
            assert!(*body == plan.body, "the body is wrong");
        }
        (Outcome::Failed(kind), fault) => {
            assert!(hostile, "{kind:?} without a cause");
            let connecting = matches!(kind, ErrorKind::Connect | ErrorKind::Resolve | ErrorKind::Timeout);
            let right = match fault {
                Fault::None => connecting,
                Fault::Close(_) => {
                    connecting || matches!(kind, ErrorKind::Truncated | ErrorKind::Reset | ErrorKind::Decode)
                }
                Fault::Reset(_) => connecting || matches!(kind, ErrorKind::Reset),
                Fault::Stall(_) => connecting,
                Fault::Corrupt(..) => true,
            };
            assert!(right, "{kind:?} is the wrong error for {fault:?}");
        }
        (Outcome::Cancelled, _) => assert!(hostile),
    }
}

fn run_seed(seed: u64) {
    let hostile = !seed.is_multiple_of(4);
    let mut world = World::new(seed, hostile);
    let count = 1 + world.random.below(5);
    for _ in 0..count {
        let mut plan = plan(&mut world.random);
        if hostile {
            plan.fault = fault(&mut world.random, plan.reply.len());
        }
        world.start(plan);
        if world.random.one_in(2) {
            world.run();
        }
    }
    world.run();
    let owners: Vec<Owner> = std::mem::take(&mut world.owners).into_values().collect();
    for owner in owners {
        check(&owner.plan.unwrap(), &owner.outcome.unwrap(), hostile);
    }
    world.check_empty();
}

#[test]
fn seeds() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seeds = match number("NANO_FETCH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("NANO_FETCH_SEEDS").unwrap_or(10_000),
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| run_seed(seed));
        assert!(run.is_ok(), "seed {seed} failed: NANO_FETCH_SEED={seed} tries it again");
    }
}

/// Each fault at each byte of small responses of every framing.
#[test]
fn every_fault_at_every_byte() {
    let zipped = gzip(b"hello hello hello");
    let chunked = |body: &[u8]| {
        let mut reply = format!("{:x}\r\n", body.len()).into_bytes();
        reply.extend_from_slice(body);
        reply.extend_from_slice(b"\r\n0\r\n\r\n");
        reply
    };
    let length = zipped.len();
    let mut replies: Vec<(Vec<u8>, &[u8], bool)> = Vec::new();
    replies.push((b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec(), b"hello", false));
    replies.push((b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec(), b"hello", true));
    for (head, coded) in [
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(), chunked(b"hello")),
        (
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
            chunked(&zipped),
        ),
        (
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"),
            zipped.clone(),
        ),
    ] {
        let body: &[u8] = if head.contains("gzip") { b"hello hello hello" } else { b"hello" };
        replies.push(([head.into_bytes(), coded].concat(), body, false));
    }
    let mut seed = 1;
    for (reply, body, until_close) in &replies {
        for at in 0..=reply.len() {
            let faults = [Fault::None, Fault::Close(at), Fault::Reset(at), Fault::Stall(at)];
            let corrupt = (0..8).map(|bit| Fault::Corrupt(at.min(reply.len() - 1), 1 << bit));
            for fault in faults.into_iter().chain(corrupt) {
                seed += 4;
                let mut world = World::new(seed, false);
                let plan = Plan {
                    body: body.to_vec(),
                    until_close: *until_close,
                    fault,
                    reply: reply.clone(),
                    closes: *until_close,
                };
                // Statuses may be corrupted: only what is checked here counts.
                world.hostile = !matches!(fault, Fault::None);
                let id = world.start(plan.clone());
                world.owners.get_mut(&id).unwrap().cancel_at = usize::MAX;
                world.run();
                let outcome = world.owners.remove(&id).unwrap().outcome.unwrap();
                check(&plan, &outcome, true);
                world.check_empty();
            }
        }
    }
}
