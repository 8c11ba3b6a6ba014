//! From a request to a connection that has it: an idle one, or a name, addresses, the policy's word, a race, a tunnel, TLS.

use super::{Action, ConnId, Core, EventKind, State, Target, Timer, Tls, Upload, event, idle_until};
use crate::conn::{Conn, Key, Origin, Stage};
use crate::error::{ErrorKind, FetchError};
use crate::race::Race;
use crate::request::{Request, RequestBody};
use crate::resolve;
use crate::resolve::{Answer, LookUp};
use crate::response::Reader;
use nano_loop::Moment;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

impl Core {
    pub(super) fn key(&self, request: &Request) -> Key {
        let (tls, port) = (request.is_tls(), request.port());
        let host = request.host().to_owned();
        let proxy = match request.unix {
            None => self.proxies.for_host(tls, &host, port).cloned(),
            Some(_) => None,
        };
        Key { partition: request.partition, tls, host, port, proxy, unix: request.unix.clone() }
    }

    /// The origin with this key.
    pub(super) fn origin(&mut self, key: Key) -> Rc<Origin> {
        if let Some(origin) = self.origins.get(&key) {
            return Rc::clone(origin);
        }
        let origin = Rc::new(Origin::new(key));
        self.origins.insert(Rc::clone(&origin));
        origin
    }

    /// Finds a connection for a fetch, or what leads to one.
    pub(super) fn begin(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        if let Err(error) = fetch.request.check() {
            return self.fail(id, error, now);
        }
        let origin = Rc::clone(&fetch.origin);
        // A retry wants a new connection: the others are as stale, likely.
        while !self.fetches.get(id).is_none_or(|fetch| fetch.retried) {
            let Some(conn) = origin.idle.borrow_mut().pop() else { break };
            self.idle -= 1;
            if let Some(connection) = self.conns.get_mut(conn) {
                self.deadlines.remove(&(idle_until(connection, &self.timeouts), Timer::Idle(conn)));
                connection.reused = true;
                return self.assign(conn, id, now);
            }
        }
        if origin.open.get() >= self.limits.connections_per_origin {
            origin.waiting.borrow_mut().push_back(id);
            return self.enqueue(id, now);
        }
        if self.conns.len() >= self.limits.connections && !self.close_oldest_idle(now) {
            self.blocked.push_back(id);
            return self.enqueue(id, now);
        }
        self.locate(id, now);
    }

    fn enqueue(&mut self, id: u64, now: Moment) {
        if let Some(fetch) = self.fetches.get_mut(id) {
            fetch.state = State::Queued;
        }
        self.set_due(id, now + self.timeouts.queue);
    }

    fn close_oldest_idle(&mut self, now: Moment) -> bool {
        let idle = self.conns.iter().filter(|(_, connection)| connection.fetch.is_none());
        let Some((oldest, _)) = idle.min_by_key(|(_, connection)| connection.idle_since) else {
            return false;
        };
        self.close(oldest, now);
        true
    }

    /// A connection has become free, or is gone: who waits for that goes on.
    pub(super) fn admit(&mut self, origin: &Rc<Origin>, now: Moment) {
        while origin.open.get() < self.limits.connections_per_origin || !origin.idle.borrow().is_empty() {
            let Some(id) = origin.waiting.borrow_mut().pop_front() else { break };
            if self.is_queued(id) {
                self.begin(id, now);
                break;
            }
        }
        while self.conns.len() < self.limits.connections || self.idle > 0 {
            let Some(id) = self.blocked.pop_front() else { break };
            if self.is_queued(id) {
                self.begin(id, now);
                break;
            }
        }
    }

    /// Whoever had an origin has it no more: the last one takes it along.
    pub(super) fn release(&mut self, origin: Rc<Origin>) {
        // The table's own, and this one.
        if Rc::strong_count(&origin) == 2 {
            self.origins.remove(&origin.key);
        }
    }

    fn is_queued(&self, id: u64) -> bool {
        self.fetches.get(id).is_some_and(|fetch| matches!(fetch.state, State::Queued))
    }

    /// Finds the addresses for a fetch.
    fn locate(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let origin = Rc::clone(&fetch.origin);
        let key = &origin.key;
        if let Some(path) = &key.unix {
            if !fetch.request.policy.allows_unix() {
                let error =
                    FetchError::new(ErrorKind::Policy, "sockets of the file system may not be reached");
                return self.fail(id, error, now);
            }
            let target = Target::Unix(path.clone());
            fetch.state = State::Connecting(Race::new(&[], self.timeouts.attempt));
            fetch.connect_by = now + self.timeouts.connect;
            self.connect(id, target, None);
            return self.set_due(id, now + self.timeouts.connect);
        }
        if key.proxy.is_some()
            && let Some(addresses) = resolve::known(&key.host)
            && let Err(error) = judge(&fetch.request, key, &addresses)
        {
            return self.fail(id, error, now);
        }
        let host = key.proxy.as_ref().map_or(&key.host, |proxy| &proxy.host);
        if let Some(addresses) = resolve::known(host) {
            return self.located(id, Ok(addresses), now);
        }
        match self.resolver.look_up(host, id, now) {
            LookUp::Known(answer) => self.located(id, answer, now),
            LookUp::Wait => {
                fetch.state = State::Resolving;
                self.set_due(id, now + self.timeouts.resolve);
                self.ask();
            }
        }
    }

    pub(super) fn ask(&mut self) {
        while let Some(host) = self.resolver.next() {
            self.actions.push_back(Action::Resolve { host });
        }
    }

    pub(super) fn located(&mut self, id: u64, answer: Answer, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let origin = Rc::clone(&fetch.origin);
        let key = &origin.key;
        let addresses = match answer {
            Ok(addresses) if key.proxy.is_some() => addresses.to_vec(),
            Ok(addresses) => match judge(&fetch.request, key, &addresses) {
                Ok(allowed) => allowed,
                Err(error) => return self.fail(id, error, now),
            },
            Err(reason) => {
                let host = key.proxy.as_ref().map_or(&key.host, |proxy| &proxy.host);
                let message = format!("the name {host} cannot be resolved: {reason}");
                return self.fail(id, FetchError::new(ErrorKind::Resolve, message), now);
            }
        };
        fetch.state = State::Connecting(Race::new(&addresses, self.timeouts.attempt));
        fetch.connect_by = now + self.timeouts.connect;
        self.race(id, now);
    }

    /// Begins the attempts that are due.
    pub(super) fn race(&mut self, id: u64, now: Moment) {
        loop {
            let Some(fetch) = self.fetches.get_mut(id) else { return };
            let key = &fetch.origin.key;
            let port = key.proxy.as_ref().map_or(key.port, |proxy| proxy.port);
            let State::Connecting(race) = &mut fetch.state else { return };
            let Some(address) = race.next(now) else {
                let due = race.deadline().min(fetch.connect_by);
                return self.set_due(id, due);
            };
            self.connect(id, Target::Tcp(SocketAddr::new(address, port)), Some(address));
        }
    }

    fn connect(&mut self, id: u64, target: Target, address: Option<IpAddr>) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let conn = self.conns.insert(Conn::new(Rc::clone(&fetch.origin), id));
        fetch.origin.open.set(fetch.origin.open.get() + 1);
        if let State::Connecting(race) = &mut fetch.state {
            race.began(conn, address.unwrap_or(IpAddr::from([0, 0, 0, 0])));
        }
        self.actions.push_back(Action::Connect { conn: ConnId(conn), target });
    }

    pub(super) fn secure(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        connection.stage = Stage::Securing;
        match &mut self.tls {
            Tls::Unloaded => {
                self.tls = Tls::Loading(vec![conn]);
                self.actions.push_back(Action::LoadTls);
            }
            Tls::Loading(waiting) => waiting.push(conn),
            Tls::Ready(config) => match connection.begin_tls(config) {
                Ok(()) => self.actions.push_back(Action::Drive { conn: ConnId(conn) }),
                Err(error) => self.fail_conn(conn, error, now),
            },
        }
    }

    /// Gives a connection to a fetch and sends its request.
    pub(super) fn assign(&mut self, conn: u64, id: u64, now: Moment) {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return;
        };
        connection.stage = Stage::Open;
        connection.fetch = Some(id);
        connection.reader = Reader::new(&fetch.request.method);
        connection.decoder = None;
        connection.keep_alive = false;
        connection.heard = false;
        connection.spoke = false;
        let mut head = Vec::with_capacity(512 + fetch.request.headers.block().len());
        let plain_proxy = fetch.origin.key.proxy.as_ref().filter(|_| !fetch.origin.key.tls);
        let authorization = plain_proxy.and_then(|proxy| proxy.authorization.as_deref());
        fetch.request.write_head(&mut head, plain_proxy.is_some(), authorization);
        fetch.state = State::Sending(conn);
        match &fetch.request.body {
            RequestBody::None => connection.send(&[&head]),
            RequestBody::Bytes(bytes) => connection.send(&[&head, bytes]),
            RequestBody::Stream(left) => {
                connection.send(&[&head]);
                fetch.upload =
                    Some(Upload { left: *left, sent: 0, raw: false, wants_room: false, touched: false });
                self.events.push_back(event(id, fetch, EventKind::Room));
            }
        }
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id, now);
    }
}

/// The addresses that the policy allows; an error if it allows none.
fn judge(request: &Request, key: &Key, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, FetchError> {
    let mut allowed = Vec::with_capacity(addresses.len());
    let mut refused = None;
    for address in addresses {
        match request.policy.check(&key.host, *address, key.port) {
            Ok(()) => allowed.push(*address),
            Err(reason) => refused = Some(reason),
        }
    }
    match refused {
        Some(reason) if allowed.is_empty() => {
            let message = format!("{} may not be reached: {reason}", key.host);
            Err(FetchError::new(ErrorKind::Policy, message))
        }
        _ => Ok(allowed),
    }
}
