//! What the driver tells the core and asks of it: actions, sockets that are ready, time.
//!
//! Knows how bytes come and go, and not what they mean.

use super::fetch::{Connecting, State};
use super::{Action, ConnId, Core, Counts, Event, EventKind, Fill, Timer, Tls, event};
use crate::connection::{Connection, State as ConnState};
use crate::error::{ErrorKind, FetchError, io_source, io_text};
use crate::limits::Limits;
use crate::origin::Key;
use crate::request::RequestBody;
use crate::resolve::Answer;
use crate::wire::{Filled, PeerSide, READ_BYTES};
use nano_time::Moment;
use rustls::ClientConfig;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

impl Core {
    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next event of a fetch that its owner still has.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            let event = self.events.pop_front()?;
            let Some(fetch) = self.fetches.get(event.fetch.0) else { continue };
            // The connection that had room for the body is gone, and another is looked for: it will have its
            // own word.
            let retries = event.kind == EventKind::Room
                && matches!(fetch.request.body, RequestBody::Stream(_))
                && !matches!(fetch.state, State::Exchanging(_) | State::Over(_));
            if !retries {
                return Some(event);
            }
        }
    }

    /// Whether [`poll_event`](Self::poll_event) may have something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// When [`handle_deadline`](Self::handle_deadline) is due; it may find nothing then.
    pub fn poll_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Ends what has taken too long.
    pub fn handle_deadline(&mut self, now: Moment) {
        while let Some((at, timer)) = self.deadlines.first().copied() {
            if at > now {
                return;
            }
            self.deadlines.pop_first();
            match timer {
                Timer::Idle(conn) => self.close(conn, now),
                Timer::Fetch(id) => {
                    let Some(fetch) = self.fetches.get_mut(id) else { continue };
                    fetch.deadline.armed = Moment::MAX;
                    if fetch.deadline.due > now {
                        self.arm(id);
                    } else {
                        self.late(id, now);
                    }
                }
            }
        }
    }

    /// The answer for a name that an action asked for: addresses in the order of preference, or why there are
    /// none.
    pub fn handle_resolved(&mut self, host: &str, answer: Result<Vec<IpAddr>, String>, now: Moment) {
        let (answer, keep): (Answer, Duration) = match answer {
            Ok(addresses) if !addresses.is_empty() => (Ok(addresses.into()), self.timeouts.name),
            Ok(_) => (Err("it has no address".into()), self.timeouts.no_name),
            Err(reason) => (Err(reason.into()), self.timeouts.no_name),
        };
        for id in self.resolver.answer(host, answer.clone(), keep, now) {
            self.located(id, answer.clone(), now);
        }
        self.ask();
    }

    /// The configuration for TLS, or why there is none.
    pub fn handle_tls_loaded(&mut self, config: Result<Arc<ClientConfig>, String>, now: Moment) {
        let waiting = match std::mem::replace(&mut self.tls, Tls::Unloaded) {
            Tls::Loading(waiting) => waiting,
            Tls::Unloaded | Tls::Ready(_) => Vec::new(),
        };
        match config {
            Ok(config) => {
                self.tls = Tls::Ready(config);
                waiting.into_iter().for_each(|conn| self.secure(conn, now));
            }
            Err(reason) => {
                for conn in waiting {
                    self.fail_conn(conn, FetchError::new(ErrorKind::Tls, reason.clone()), now);
                }
            }
        }
    }

    /// A socket is connected.
    pub fn handle_connected(&mut self, conn: ConnId, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        let ConnState::Connecting(connecting) = &connection.state else { return };
        let id = connecting.fetch;
        let origin = Rc::clone(&connection.origin);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let State::Connecting(Connecting { race, .. }) = &fetch.state else { return };
        let losers: Vec<u64> = race.running().filter(|other| *other != conn.0).collect();
        fetch.set_state(id, State::Securing(conn.0));
        losers.into_iter().for_each(|loser| self.close(loser, now));
        self.set_due(id, now + self.timeouts.secure);
        match (&origin.key.proxy, origin.key.tls) {
            (Some(proxy), true) => self.tunnel(conn, &origin.key, proxy.authorization.as_deref()),
            (None, true) => self.secure(conn.0, now),
            (_, false) => self.assign(conn.0, id, now),
        }
    }

    /// Asks a proxy for a tunnel.
    fn tunnel(&mut self, conn: ConnId, key: &Key, authorization: Option<&str>) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        let reader = self.limits.reader("CONNECT");
        connection.transition(|state| match state {
            ConnState::Connecting(connecting) => ConnState::Tunnelling(connecting.tunnel(reader)),
            other => other,
        });
        let host = if key.host.contains(':') { format!("[{}]", key.host) } else { key.host.clone() };
        let authority = format!("{host}:{}", key.port);
        let mut head = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n");
        if let Some(value) = authorization {
            head.push_str(&format!("proxy-authorization: {value}\r\n"));
        }
        head.push_str("\r\n");
        connection.wire.send(&[head.as_bytes()]);
        self.actions.push_back(Action::Drive { conn });
    }

    /// A socket could not be connected.
    pub fn handle_connect_failed(&mut self, conn: ConnId, error: &io::Error, now: Moment) {
        let Some(id) = self.conns.get(conn.0).and_then(Connection::fetch) else { return };
        self.close(conn.0, now);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let State::Connecting(Connecting { race, .. }) = &mut fetch.state else { return };
        let address = race.failed(conn.0);
        if race.is_lost() {
            let (key, reason) = (&fetch.origin.key, io_text(error));
            let (host, port) = key.peer();
            let message = match (&key.unix, address) {
                (Some(path), _) => format!("no connection to {}: {reason}", path.display()),
                (None, Some(address)) if address.to_string() != *host => {
                    format!("no connection to {host}:{port} ({address}): {reason}")
                }
                _ => format!("no connection to {host}:{port}: {reason}"),
            };
            let error = FetchError::new(ErrorKind::Connect, message).with_source(io_source(error));
            self.fail(id, error, now);
        } else {
            self.race(id, now);
        }
    }

    /// Whether a read from the socket is wanted.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        let Some(connection) = self.conns.get(conn.0) else { return false };
        if connection.wire.has_ended() {
            return false;
        }
        match &connection.state {
            ConnState::Connecting(_) => false,
            ConnState::Tunnelling(_) | ConnState::Securing(_) | ConnState::Idle(_) => true,
            ConnState::InUse(_) | ConnState::Upgraded(_) => {
                let fetch = connection.fetch().and_then(|id| self.fetches.get(id));
                fetch.is_none_or(|fetch| {
                    !fetch.is_full(connection, &self.limits, self.share(fetch.request.partition))
                })
            }
        }
    }

    /// What each fetch of a partition may hold, where its fetches are many.
    pub(super) fn share(&self, partition: u64) -> usize {
        // Nearly always.
        if self.fetches.len().saturating_mul(self.limits.body_ahead) <= self.limits.partition_ahead {
            return usize::MAX;
        }
        let count = self.partitions.get(&partition).copied().unwrap_or_default().max(1);
        (self.limits.partition_ahead / count).max(Limits::LEAST_AHEAD)
    }

    /// The same, of the partition that a fetch belongs to.
    pub(super) fn share_of(&self, id: u64) -> usize {
        self.fetches.get(id).map_or(usize::MAX, |fetch| self.share(fetch.request.partition))
    }

    /// Reads once from a socket with `read`, which gets the room, and acts on what came.
    pub fn fill(
        &mut self,
        conn: ConnId,
        now: Moment,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Fill {
        let Some(connection) = self.conns.get(conn.0) else { return Fill::Over };
        let fetch = connection.fetch().and_then(|id| self.fetches.get(id));
        let share = fetch.map_or(usize::MAX, |fetch| self.share(fetch.request.partition));
        let most = fetch.map_or(READ_BYTES, |fetch| fetch.input_bytes());
        let Some(Connection { state, wire, origin }) = self.conns.get_mut(conn.0) else { return Fill::Over };
        if !wire.input.has_memory()
            && let Some(memory) = self.buffers.take()
        {
            wire.input.give_memory(memory);
        }
        let mut count = 0;
        let read = |room: &mut [u8]| {
            count = read(room)?;
            Ok(count)
        };
        let host = &origin.key.host;
        match wire.fill(host, &mut self.buffers.scratch, most.min(share), read) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock) => {
                self.give_back(conn.0);
                return Fill::WouldBlock;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted) => return Fill::Bytes(0),
            Err(error) => {
                self.broken(conn.0, &error, now);
                return Fill::Over;
            }
            Ok(Err(error)) => {
                self.fail_conn(conn.0, error, now);
                return Fill::Over;
            }
            Ok(Ok(Filled::End)) => {
                wire.end();
                self.ended(conn.0, now);
            }
            Ok(Ok(Filled::Bytes)) => {
                if let ConnState::InUse(in_use) = state
                    && !wire.input.is_empty()
                {
                    in_use.note_received();
                }
                if let Some(id) = self.conns.get(conn.0).and_then(Connection::fetch) {
                    self.touch(id, now);
                }
                self.advance(conn.0, now);
                self.end_if_announced(conn.0, now);
                if self.conns.get(conn.0).is_some_and(|connection| !connection.wire.output().is_empty()) {
                    self.actions.push_back(Action::Drive { conn });
                }
            }
        }
        self.give_back(conn.0);
        if self.conns.get(conn.0).is_some() { Fill::Bytes(count) } else { Fill::Over }
    }

    /// The peer has said in TLS that it sends no more: once all was used, that is the end.
    fn end_if_announced(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let waits_for_room = connection.in_use().is_none_or(|in_use| in_use.reader.is_in_data());
        let wire = &mut connection.wire;
        if wire.peer() == PeerSide::Closed && (wire.input.is_empty() || !waits_for_room) {
            wire.end();
            self.ended(conn, now);
        }
    }

    /// What is to be written to a socket.
    pub fn output(&self, conn: ConnId) -> &[u8] {
        self.conns.get(conn.0).map_or(&[], |connection| connection.wire.output())
    }

    /// So many bytes of [`output`](Self::output) were written.
    pub fn handle_written(&mut self, conn: ConnId, count: usize, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        connection.wire.wrote(count);
        if count > 0
            && let Some(in_use) = connection.in_use()
        {
            in_use.note_sent();
        }
        let pending = connection.wire.output().len();
        let Some(id) = connection.fetch() else { return };
        self.touch(id, now);
        if pending <= self.limits.output_low.min(self.share_of(id) / 2) {
            self.tell_room(id);
        }
    }

    /// A write to a socket failed. The response may have come nevertheless: what the socket still has is
    /// read.
    pub fn handle_write_failed(&mut self, conn: ConnId, error: &io::Error, now: Moment) {
        let Some(Connection { state, wire, .. }) = self.conns.get_mut(conn.0) else { return };
        wire.break_output();
        let (ConnState::InUse(in_use), false) = (state, wire.has_ended()) else {
            return self.broken(conn.0, error, now);
        };
        let id = in_use.fetch;
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if let Some(exchanging) = fetch.exchanging() {
            let waits = exchanging.upload.take_wait();
            exchanging.upload.give_up();
            if waits {
                self.events.push_back(event(id, fetch, EventKind::Room));
            }
        }
    }

    /// Numbers for metrics and tests.
    pub fn counts(&self) -> Counts {
        Counts { fetches: self.fetches.len(), connections: self.conns.len(), idle: self.idle }
    }

    /// Bytes that were received and not taken, and bytes that wait for their sockets. Walks through
    /// everything: for tests.
    pub fn held_bytes(&self) -> (usize, usize) {
        let taken = self.fetches.iter().map(|(_, fetch)| fetch.inbox.body.len()).sum::<usize>();
        let (input, output) =
            self.conns.iter().fold((0, 0), |(input, output), (_, Connection { wire, .. })| {
                (input + wire.input.bytes().len(), output + wire.output().len())
            });
        (taken + input, output)
    }
}
