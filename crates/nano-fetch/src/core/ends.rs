//! How fetches and connections end, what their owners are told of it, and when it is too late.

use super::{Action, ConnId, Core, EventKind, SPARE_BYTES, State, Timer, event, idle_until};
use crate::conn::{Conn, Stage};
use crate::error::{ErrorKind, FetchError};
use nano_loop::Moment;
use std::collections::btree_map::Entry;
use std::time::Duration;

impl Core {
    /// Closes a connection, and fails the fetch that it belongs to.
    pub(super) fn fail_conn(&mut self, conn: u64, error: FetchError, now: Moment) {
        let fetch = self.conns.get(conn).and_then(|connection| connection.fetch);
        match fetch {
            Some(id) => self.fail(id, error, now),
            None => self.close(conn, now),
        }
    }

    /// A fetch has failed: all that it holds is freed, its owner is told.
    pub(super) fn fail(&mut self, id: u64, error: FetchError, now: Moment) {
        self.detach(id, now);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if fetch.upload.take().is_some() {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        fetch.state = State::Over;
        if fetch.complete {
            return;
        }
        if fetch.told || matches!(fetch.response, Some(Ok(_))) {
            fetch.error = Some(error);
        } else {
            fetch.response = Some(Err(error));
            self.events.push_back(event(id, fetch, EventKind::Head));
        }
        self.tell_body(id);
    }

    /// Frees what a fetch holds of others.
    pub(super) fn detach(&mut self, id: u64, now: Moment) {
        self.disarm(id);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let conns: Vec<u64> = match &fetch.state {
            State::Queued | State::Over => return,
            State::Resolving => {
                let key = &fetch.origin.key;
                let host = key.proxy.as_ref().map_or(&key.host, |proxy| &proxy.host);
                return self.resolver.forget(host, id);
            }
            State::Connecting(race) => race.running().collect(),
            State::Securing(conn) | State::Sending(conn) | State::Receiving(conn) => vec![*conn],
        };
        conns.into_iter().for_each(|conn| self.close(conn, now));
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.disarm(id);
        let Some(fetch) = self.fetches.remove(id) else { return };
        if let Entry::Occupied(mut count) = self.partitions.entry(fetch.request.partition) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        self.release(fetch.origin);
    }

    pub(super) fn close(&mut self, conn: u64, now: Moment) {
        let Some(mut connection) = self.conns.remove(conn) else { return };
        if let Some(memory) = connection.input.take_memory() {
            self.keep_memory(memory);
        }
        let until = idle_until(&connection, &self.timeouts);
        let Conn { origin, .. } = connection;
        origin.open.set(origin.open.get().saturating_sub(1));
        let was_idle = {
            let mut idle = origin.idle.borrow_mut();
            let at = idle.iter().position(|other| *other == conn);
            at.map(|at| idle.remove(at)).is_some()
        };
        if was_idle {
            self.idle -= 1;
            self.deadlines.remove(&(until, Timer::Idle(conn)));
        }
        self.actions.push_back(Action::Close { conn: ConnId(conn) });
        self.admit(&origin, now);
        self.release(origin);
    }

    pub(super) fn give_back(&mut self, conn: u64) {
        if let Some(memory) = self.conns.get_mut(conn).and_then(|connection| connection.input.take_memory()) {
            self.keep_memory(memory);
        }
    }

    fn keep_memory(&mut self, memory: Vec<u8>) {
        // What has grown beyond what is usual is not kept. There are few to be looked at.
        let kept: usize = self.spare.iter().map(Vec::len).sum();
        if memory.len() <= SPARE_BYTES / 2 && kept + memory.len() <= SPARE_BYTES {
            self.spare.push(memory);
        }
    }

    pub(super) fn tell_body(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let news = !fetch.body.is_empty() || fetch.has_input || fetch.complete || fetch.error.is_some();
        if news && std::mem::take(&mut fetch.reading) {
            self.events.push_back(event(id, fetch, EventKind::Body));
        }
    }

    pub(super) fn tell_room(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if let Some(upload) = &mut fetch.upload
            && std::mem::take(&mut upload.wants_room)
        {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
    }

    /// There was progress: the phase's time begins anew.
    pub(super) fn touch(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        let due = match fetch.state {
            State::Sending(conn) => {
                let sent = self.conns.get(conn).is_none_or(|connection| connection.output().is_empty());
                match (sent, &fetch.upload) {
                    (false, _) => now + self.timeouts.send,
                    // Whoever writes the body may take time.
                    (true, Some(_)) => Moment::MAX,
                    (true, None) => now + self.timeouts.head,
                }
            }
            State::Receiving(conn) => {
                let connection = self.conns.get(conn);
                let full = connection.is_some_and(|connection| self.is_full(fetch, connection));
                let raw = connection.is_some_and(|connection| matches!(connection.stage, Stage::Raw));
                // Whoever does not read may take time; other protocols may be silent for long.
                if full || raw { Moment::MAX } else { now + self.timeouts.body }
            }
            // Their time is for the whole phase.
            _ => return,
        };
        self.set_due(id, due);
    }

    pub(super) fn set_due(&mut self, id: u64, due: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        fetch.due = due.min(fetch.total);
        self.arm(id);
    }

    pub(super) fn arm(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        // An earlier entry finds out for itself that it is too early.
        if fetch.armed <= fetch.due {
            return;
        }
        if fetch.armed != Moment::MAX {
            self.deadlines.remove(&(fetch.armed, Timer::Fetch(id)));
        }
        fetch.armed = fetch.due;
        self.deadlines.insert((fetch.due, Timer::Fetch(id)));
    }

    pub(super) fn disarm(&mut self, id: u64) {
        if let Some(fetch) = self.fetches.get_mut(id)
            && fetch.armed != Moment::MAX
        {
            self.deadlines.remove(&(fetch.armed, Timer::Fetch(id)));
            fetch.armed = Moment::MAX;
            fetch.due = Moment::MAX;
        }
    }

    /// A fetch's time is up.
    pub(super) fn late(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        let host = &fetch.origin.key.host;
        let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
        let message = if now >= fetch.total {
            format!("the fetch of {} was not over in time", fetch.request.url)
        } else {
            match &fetch.state {
                State::Connecting(_) if now < fetch.connect_by => return self.race(id, now),
                State::Connecting(_) => {
                    format!("no connection to {host} within {}", seconds(self.timeouts.connect))
                }
                State::Queued => {
                    format!("no connection to {host} was free within {}", seconds(self.timeouts.queue))
                }
                State::Resolving => {
                    format!("the name {host} was not resolved within {}", seconds(self.timeouts.resolve))
                }
                State::Securing(_) => {
                    format!("no secure connection to {host} within {}", seconds(self.timeouts.secure))
                }
                State::Sending(_) => format!("{host} did not answer in time"),
                // It is the reader who pauses.
                State::Receiving(conn)
                    if self.conns.get(*conn).is_some_and(|connection| self.is_full(fetch, connection)) =>
                {
                    return self.set_due(id, Moment::MAX);
                }
                State::Receiving(_) => format!("{host} did not send on for {}", seconds(self.timeouts.body)),
                State::Over => return,
            }
        };
        self.fail(id, FetchError::new(ErrorKind::Timeout, message), now);
    }
}
