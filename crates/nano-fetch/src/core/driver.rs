//! What the driver tells the core and asks of it: actions, sockets that are ready, time.
//!
//! Knows how bytes come and go, and not what they mean.

use super::{Action, ConnId, Core, Counts, Event, EventKind, Fetch, Fill, State, Timer, Tls, event};
use crate::conn::{Conn, Filled, READ_BYTES, Stage};
use crate::error::{ErrorKind, FetchError, io_text};
use crate::limits::Limits;
use crate::request::RequestBody;
use crate::resolve::Answer;
use crate::response::Reader;
use nano_loop::Moment;
use rustls::ClientConfig;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

impl Core {
    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What has happened, to fetches that are not over for their owner.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let event = self.events.pop_front()?;
            let Some(fetch) = self.fetches.get(event.fetch.0) else { continue };
            // The connection that had room for the body is gone, and another is looked for: it will have its own word.
            let retries = event.kind == EventKind::Room
                && matches!(fetch.request.body, RequestBody::Stream(_))
                && !matches!(fetch.state, State::Sending(_) | State::Receiving(_) | State::Over);
            if !retries {
                return Some(event);
            }
        }
    }

    /// Whether [`next_event`](Self::next_event) has something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// When [`expire`](Self::expire) is due; it may find nothing then.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Ends what has taken too long.
    pub fn expire(&mut self, now: Moment) {
        while let Some((at, timer)) = self.deadlines.first().copied() {
            if at > now {
                return;
            }
            self.deadlines.pop_first();
            match timer {
                Timer::Idle(conn) => self.close(conn, now),
                Timer::Fetch(id) => {
                    let Some(fetch) = self.fetches.get_mut(id) else { continue };
                    fetch.armed = Moment::MAX;
                    if fetch.due > now {
                        self.arm(id);
                    } else {
                        self.late(id, now);
                    }
                }
            }
        }
    }

    /// The answer for a name that an action asked for: addresses in the order of preference, or why there are none.
    pub fn resolved(&mut self, host: &str, answer: Result<Vec<IpAddr>, String>, now: Moment) {
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
    pub fn tls_loaded(&mut self, config: Result<Arc<ClientConfig>, String>, now: Moment) {
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
    pub fn connected(&mut self, conn: ConnId, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        let Some(id) = connection.fetch else { return };
        let origin = Rc::clone(&connection.origin);
        let key = &origin.key;
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let State::Connecting(race) = &fetch.state else { return };
        let losers: Vec<u64> = race.running().filter(|other| *other != conn.0).collect();
        fetch.state = State::Securing(conn.0);
        losers.into_iter().for_each(|loser| self.close(loser, now));
        self.set_due(id, now + self.timeouts.secure);
        if let (true, Some(proxy)) = (key.tls, &key.proxy)
            && let Some(connection) = self.conns.get_mut(conn.0)
        {
            connection.stage = Stage::Tunnel;
            connection.reader = Reader::new("CONNECT");
            let host = if key.host.contains(':') { format!("[{}]", key.host) } else { key.host.clone() };
            let authority = format!("{host}:{}", key.port);
            let mut head = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n");
            if let Some(value) = &proxy.authorization {
                head.push_str(&format!("proxy-authorization: {value}\r\n"));
            }
            head.push_str("\r\n");
            connection.send(&[head.as_bytes()]);
            self.actions.push_back(Action::Drive { conn });
        } else if key.tls {
            self.secure(conn.0, now);
        } else {
            self.assign(conn.0, id, now);
        }
    }

    /// A socket could not be connected.
    pub fn connect_failed(&mut self, conn: ConnId, error: &io::Error, now: Moment) {
        let Some(connection) = self.conns.get(conn.0) else { return };
        let Some(id) = connection.fetch else { return };
        self.close(conn.0, now);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let State::Connecting(race) = &mut fetch.state else { return };
        let address = race.failed(conn.0);
        if race.is_lost() {
            let (key, reason) = (&fetch.origin.key, io_text(error));
            let (host, port) =
                key.proxy.as_ref().map_or((&key.host, key.port), |proxy| (&proxy.host, proxy.port));
            let message = match (&key.unix, address) {
                (Some(path), _) => format!("no connection to {}: {reason}", path.display()),
                (None, Some(address)) if address.to_string() != *host => {
                    format!("no connection to {host}:{port} ({address}): {reason}")
                }
                _ => format!("no connection to {host}:{port}: {reason}"),
            };
            self.fail(id, FetchError::new(ErrorKind::Connect, message), now);
        } else {
            self.race(id, now);
        }
    }

    /// Whether a read from the socket is wanted.
    pub fn wants_read(&self, conn: ConnId) -> bool {
        let Some(connection) = self.conns.get(conn.0) else { return false };
        if connection.eof {
            return false;
        }
        match connection.stage {
            Stage::Connecting => false,
            Stage::Tunnel | Stage::Securing => true,
            Stage::Open | Stage::Raw => match connection.fetch.and_then(|id| self.fetches.get(id)) {
                Some(fetch) => !self.is_full(fetch, connection),
                None => true,
            },
        }
    }

    /// Whether so much was received that is not read that no more is taken from the socket.
    pub(super) fn is_full(&self, fetch: &Fetch, connection: &Conn) -> bool {
        // Little, until somebody asks for it: it may be passed on.
        let ahead = if fetch.begun { usize::MAX } else { READ_BYTES }.min(self.limits.body_ahead);
        let share = self.share(fetch.request.partition);
        fetch.body.len() >= ahead.min(share)
            || fetch.passing && connection.input.bytes().len() >= fetch.input_bytes().min(share)
    }

    /// What each fetch of a partition may hold, where its fetches are many.
    fn share(&self, partition: u64) -> usize {
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
        let fetch = connection.fetch.and_then(|id| self.fetches.get(id));
        let share = fetch.map_or(usize::MAX, |fetch| self.share(fetch.request.partition));
        let most = fetch.map_or(READ_BYTES, Fetch::input_bytes);
        let Some(connection) = self.conns.get_mut(conn.0) else { return Fill::Over };
        if !connection.input.has_memory()
            && let Some(memory) = self.spare.pop()
        {
            connection.input.give_memory(memory);
        }
        let mut count = 0;
        let read = |room: &mut [u8]| {
            count = read(room)?;
            Ok(count)
        };
        let filled = connection.fill(&mut self.scratch, most.min(share), read);
        match filled {
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
                connection.eof = true;
                self.ended(conn.0, now);
            }
            Ok(Ok(Filled::Bytes)) => {
                connection.heard |= !connection.input.is_empty();
                if let Some(id) = connection.fetch {
                    self.touch(id, now);
                }
                self.advance(conn.0, now);
                if self.conns.get(conn.0).is_some_and(|connection| connection.clean_end && !connection.eof) {
                    if let Some(connection) = self.conns.get_mut(conn.0) {
                        connection.eof = connection.input.is_empty();
                    }
                    self.ended_if_eof(conn.0, now);
                }
                if self.conns.get(conn.0).is_some_and(|connection| !connection.output().is_empty()) {
                    self.actions.push_back(Action::Drive { conn });
                }
            }
        }
        self.give_back(conn.0);
        if self.conns.get(conn.0).is_some() { Fill::Bytes(count) } else { Fill::Over }
    }

    /// What is to be written to a socket.
    pub fn output(&self, conn: ConnId) -> &[u8] {
        self.conns.get(conn.0).map_or(&[], Conn::output)
    }

    /// So many bytes of [`output`](Self::output) were written.
    pub fn wrote(&mut self, conn: ConnId, count: usize, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        connection.wrote(count);
        let pending = connection.output().len();
        let Some(id) = connection.fetch else { return };
        self.touch(id, now);
        if pending <= self.limits.output_low.min(self.share_of(id) / 2) {
            self.tell_room(id);
        }
    }

    /// A write to a socket failed. The response may have come nevertheless: what the socket still has is read.
    pub fn write_failed(&mut self, conn: ConnId, error: &io::Error, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn.0) else { return };
        connection.break_output();
        match connection.fetch {
            Some(id) if matches!(connection.stage, Stage::Open) => {
                if let Some(fetch) = self.fetches.get_mut(id)
                    && fetch.upload.take().is_some_and(|upload| upload.wants_room)
                {
                    self.events.push_back(event(id, fetch, EventKind::Room));
                }
                if self.conns.get(conn.0).is_some_and(|connection| connection.eof) {
                    self.broken(conn.0, error, now);
                }
            }
            _ => self.broken(conn.0, error, now),
        }
    }

    /// Numbers for metrics and tests.
    pub fn counts(&self) -> Counts {
        Counts { fetches: self.fetches.len(), connections: self.conns.len(), idle: self.idle }
    }

    /// Bytes that were received and not taken, and bytes that wait for their sockets. Walks through everything: for tests.
    pub fn held_bytes(&self) -> (usize, usize) {
        let taken = self.fetches.iter().map(|(_, fetch)| fetch.body.len()).sum::<usize>();
        let (input, output) = self.conns.iter().fold((0, 0), |(input, output), (_, connection)| {
            (input + connection.input.bytes().len(), output + connection.output().len())
        });
        (taken + input, output)
    }
}
