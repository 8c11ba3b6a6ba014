//! From a request to a connection that has it: an idle one, or a name, addresses, the policy's word, a race,
//! a tunnel, TLS.

use super::fetch::{BodyUpload, Connecting, Download, Exchanging, Room, State, Upload};
use super::{Action, ConnId, Core, EventKind, Target, Timer, Tls, event};
use crate::connection::{Connection, State as ConnState};
use crate::error::{ErrorKind, FetchError};
use crate::origin::{Key, Origin};
use crate::race::Race;
use crate::request::{Request, RequestBody};
use crate::resolve;
use crate::resolve::{Answer, LookUp};
use nano_time::Moment;
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
        while !self.fetches.get(id).is_none_or(|fetch| fetch.is_retried) {
            let Some(conn) = origin.idle.borrow_mut().pop() else { break };
            self.idle -= 1;
            if let Some(Connection { state: ConnState::Idle(idle), .. }) = self.conns.get(conn) {
                self.deadlines.remove(&(idle.until, Timer::Idle(conn)));
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
            fetch.set_state(id, State::Queued);
        }
        self.set_due(id, now + self.timeouts.queue);
    }

    fn close_oldest_idle(&mut self, now: Moment) -> bool {
        let idle = self.conns.iter().filter_map(|(conn, connection)| match &connection.state {
            ConnState::Idle(idle) => Some((idle.since, conn)),
            _ => None,
        });
        let Some((_, oldest)) = idle.min_by_key(|(since, _)| *since) else { return false };
        self.close(oldest, now);
        true
    }

    /// A connection has become free, or is gone: fetches that wait for that go on.
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

    /// A fetch or a connection has left its origin. Without any the table forgets the origin.
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
            let by = now + self.timeouts.connect;
            fetch.set_state(
                id,
                State::Connecting(Connecting { race: Race::new(&[], self.timeouts.attempt), by }),
            );
            self.connect(id, target, None);
            return self.set_due(id, by);
        }
        if key.proxy.is_some()
            && let Some(addresses) = resolve::known(&key.host)
            && let Err(error) = judge(&fetch.request, key, &addresses)
        {
            return self.fail(id, error, now);
        }
        let (host, _) = key.peer();
        if let Some(addresses) = resolve::known(host) {
            return self.located(id, Ok(addresses), now);
        }
        match self.resolver.look_up(host, id, now) {
            LookUp::Known(answer) => self.located(id, answer, now),
            LookUp::Wait => {
                fetch.set_state(id, State::Resolving);
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
                let (host, _) = key.peer();
                let message = format!("the name {host} cannot be resolved: {reason}");
                return self.fail(id, FetchError::new(ErrorKind::Resolve, message), now);
            }
        };
        let race = Race::new(&addresses, self.timeouts.attempt);
        fetch.set_state(id, State::Connecting(Connecting { race, by: now + self.timeouts.connect }));
        self.race(id, now);
    }

    /// Begins the attempts that are due.
    pub(super) fn race(&mut self, id: u64, now: Moment) {
        loop {
            let Some(fetch) = self.fetches.get_mut(id) else { return };
            let (_, port) = fetch.origin.key.peer();
            let State::Connecting(Connecting { race, by }) = &mut fetch.state else { return };
            let Some(address) = race.next(now) else {
                let due = race.deadline().min(*by);
                return self.set_due(id, due);
            };
            self.connect(id, Target::Tcp(SocketAddr::new(address, port)), Some(address));
        }
    }

    fn connect(&mut self, id: u64, target: Target, address: Option<IpAddr>) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let conn = self.conns.insert(Connection::new(Rc::clone(&fetch.origin), id));
        fetch.origin.open.set(fetch.origin.open.get() + 1);
        if let State::Connecting(Connecting { race, .. }) = &mut fetch.state {
            race.began(conn, address.unwrap_or(IpAddr::from([0, 0, 0, 0])));
        }
        self.actions.push_back(Action::Connect { conn: ConnId(conn), target });
    }

    /// Begins TLS on a connection whose socket, and tunnel, is there.
    pub(super) fn secure(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        connection.transition(|state| match state {
            ConnState::Connecting(connecting) => ConnState::Securing(connecting.secure()),
            ConnState::Tunnelling(tunnelling) => ConnState::Securing(tunnelling.secure()),
            other => other,
        });
        match &mut self.tls {
            Tls::Unloaded => {
                self.tls = Tls::Loading(vec![conn]);
                self.actions.push_back(Action::LoadTls);
            }
            Tls::Loading(waiting) => waiting.push(conn),
            Tls::Ready(config) => match connection.wire.start_tls(&connection.origin.key.host, config) {
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
        let reader = self.limits.reader(&fetch.request.method);
        connection.transition(|state| match state {
            ConnState::Connecting(connecting) => ConnState::InUse(connecting.use_for(reader)),
            ConnState::Securing(securing) => ConnState::InUse(securing.use_for(reader)),
            ConnState::Idle(idle) => ConnState::InUse(idle.use_for(id, reader)),
            other => other,
        });
        debug_assert!(connection.in_use().is_some(), "a connection that is not ready was given to a fetch");
        let mut head = Vec::with_capacity(512 + fetch.request.headers.block().len());
        let plain_proxy = fetch.origin.key.proxy.as_ref().filter(|_| !fetch.origin.key.tls);
        let authorization = plain_proxy.and_then(|proxy| proxy.authorization.as_deref());
        fetch.request.write_head(&mut head, plain_proxy.is_some(), authorization);
        let upload = match &fetch.request.body {
            RequestBody::None => {
                connection.wire.send(&[&head]);
                Upload::Finished
            }
            RequestBody::Bytes(bytes) => {
                connection.wire.send(&[&head, bytes]);
                Upload::Finished
            }
            RequestBody::Stream(left) => {
                connection.wire.send(&[&head]);
                self.events.push_back(event(id, fetch, EventKind::Room));
                Upload::Body(BodyUpload { left: *left, sent: 0, room: Room::Free, is_touched: false })
            }
        };
        fetch.set_state(id, State::Exchanging(Exchanging { conn, upload, download: Download::Head }));
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
