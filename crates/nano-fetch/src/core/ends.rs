//! How fetches and connections end, what their owners are told of it, and when it is too late.

use super::fetch::{Connecting, Download, End, Exchanging, HeadSlot, Interest, State};
use super::{Action, ConnId, Core, EventKind, Timer, event};
use crate::connection::{Connection, State as ConnState};
use crate::error::{ErrorKind, FetchError};
use nano_time::Moment;
use std::collections::btree_map::Entry;
use std::time::Duration;

impl Core {
    /// Closes a connection, and fails the fetch that it belongs to.
    pub(super) fn fail_conn(&mut self, conn: u64, error: FetchError, now: Moment) {
        match self.conns.get(conn).and_then(Connection::fetch) {
            Some(id) => self.fail(id, error, now),
            None => self.close(conn, now),
        }
    }

    /// A fetch has failed: all that it holds is freed, its owner is told.
    pub(super) fn fail(&mut self, id: u64, error: FetchError, now: Moment) {
        self.detach(id, now);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if matches!(fetch.state, State::Over(_)) {
            return;
        }
        if fetch.exchanging().is_some_and(|exchanging| exchanging.upload.give_up()) {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        if let HeadSlot::Awaited = fetch.inbox.head {
            fetch.set_state(id, State::Over(End::Refused));
            fetch.inbox.head = HeadSlot::Refused(error);
            self.events.push_back(event(id, fetch, EventKind::Head));
        } else {
            fetch.set_state(id, State::Over(End::Failed(error)));
        }
        self.tell_body(id);
    }

    /// Frees what a fetch holds of others.
    pub(super) fn detach(&mut self, id: u64, now: Moment) {
        self.disarm(id);
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let conns: Vec<u64> = match &fetch.state {
            State::Queued | State::Over(_) => return,
            State::Resolving => {
                let (host, _) = fetch.origin.key.peer();
                return self.resolver.forget(host, id);
            }
            State::Connecting(Connecting { race, .. }) => race.running().collect(),
            State::Securing(conn) | State::Exchanging(Exchanging { conn, .. }) => vec![*conn],
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
        if let Some(memory) = connection.wire.input.take_memory() {
            self.buffers.keep(memory);
        }
        let Connection { origin, state, .. } = connection;
        origin.open.set(origin.open.get().saturating_sub(1));
        let place = origin.idle.borrow().iter().position(|other| *other == conn);
        if let (ConnState::Idle(idle), Some(place)) = (state, place) {
            origin.idle.borrow_mut().remove(place);
            self.idle -= 1;
            self.deadlines.remove(&(idle.until, Timer::Idle(conn)));
        }
        self.actions.push_back(Action::Close { conn: ConnId(conn) });
        self.admit(&origin, now);
        self.release(origin);
    }

    /// Takes the memory of a connection's input if nothing is in it.
    pub(super) fn give_back(&mut self, conn: u64) {
        let connection = self.conns.get_mut(conn);
        if let Some(memory) = connection.and_then(|connection| connection.wire.input.take_memory()) {
            self.buffers.keep(memory);
        }
    }

    /// Tells the owner that waits for the body that there is something.
    pub(super) fn tell_body(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if fetch.inbox.interest == Interest::Waiting && fetch.has_body_news() {
            fetch.inbox.interest = Interest::Asked;
            self.events.push_back(event(id, fetch, EventKind::Body));
        }
    }

    /// Tells the owner that waits for room that there is some.
    pub(super) fn tell_room(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        if fetch.exchanging().is_some_and(|exchanging| exchanging.upload.take_wait()) {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
    }

    /// There was progress: the phase's time begins anew.
    pub(super) fn touch(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        // In other states the time is for the whole state.
        let State::Exchanging(exchanging) = &fetch.state else { return };
        let Some(connection) = self.conns.get(exchanging.conn) else { return };
        let due = match exchanging.download {
            Download::Head if !connection.wire.output().is_empty() => now + self.timeouts.send,
            // The writer of the body may take time.
            Download::Head if exchanging.upload.is_open() => Moment::MAX,
            Download::Head => now + self.timeouts.head,
            // Other protocols may be silent for long.
            Download::Body(_) if connection.is_upgraded() => Moment::MAX,
            // The reader may take time.
            Download::Body(_)
                if fetch.is_full(connection, &self.limits, self.share(fetch.request.partition)) =>
            {
                Moment::MAX
            }
            Download::Body(_) => now + self.timeouts.body,
        };
        self.set_due(id, due);
    }

    pub(super) fn set_due(&mut self, id: u64, due: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        fetch.deadline.due = due.min(fetch.deadline.total);
        self.arm(id);
    }

    pub(super) fn arm(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let deadline = &mut fetch.deadline;
        // An earlier entry finds out for itself that it is too early.
        if deadline.armed <= deadline.due {
            return;
        }
        if deadline.armed != Moment::MAX {
            self.deadlines.remove(&(deadline.armed, Timer::Fetch(id)));
        }
        deadline.armed = deadline.due;
        self.deadlines.insert((deadline.due, Timer::Fetch(id)));
    }

    pub(super) fn disarm(&mut self, id: u64) {
        if let Some(fetch) = self.fetches.get_mut(id)
            && fetch.deadline.armed != Moment::MAX
        {
            self.deadlines.remove(&(fetch.deadline.armed, Timer::Fetch(id)));
            fetch.deadline.armed = Moment::MAX;
            fetch.deadline.due = Moment::MAX;
        }
    }

    /// A fetch's time is up.
    pub(super) fn late(&mut self, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get(id) else { return };
        let host = &fetch.origin.key.host;
        let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
        let message = if now >= fetch.deadline.total {
            format!("the fetch of {} was not over in time", fetch.request.url)
        } else {
            match &fetch.state {
                State::Connecting(Connecting { by, .. }) if now < *by => return self.race(id, now),
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
                State::Exchanging(Exchanging { download: Download::Head, .. }) => {
                    format!("{host} did not answer in time")
                }
                // The reader pauses.
                State::Exchanging(Exchanging { conn, .. })
                    if self.conns.get(*conn).is_some_and(|connection| {
                        fetch.is_full(connection, &self.limits, self.share(fetch.request.partition))
                    }) =>
                {
                    return self.set_due(id, Moment::MAX);
                }
                State::Exchanging(_) => {
                    format!("{host} did not send on for {}", seconds(self.timeouts.body))
                }
                State::Over(_) => return,
            }
        };
        self.fail(id, FetchError::new(ErrorKind::Timeout, message), now);
    }
}
