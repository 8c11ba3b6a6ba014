//! What a fetch's owner does with it: begins it, takes its response, reads and writes bodies, cancels it.

use super::fetch::{Download, End, Exchanging, Fetch, HeadSlot, Interest, Room, State, Storage, Upload};
use super::{Action, BodyPassed, BodyRead, ConnId, Core, FetchId, Phase};
use crate::connection::{Connection, InUse, State as ConnState};
use crate::error::{ErrorKind, FetchError};
use crate::request::{Request, Response};
use nano_http::{LAST_CHUNK, ResponseStep as Step, Written, push_chunk_line};
use nano_time::Moment;

/// What [`Core::pass_input`] did.
struct Passed {
    /// Whether there was something.
    any: bool,
    /// Whether the body is complete.
    is_complete: bool,
}

impl Core {
    /// Begins a fetch. Its outcome, failures included, is told by
    /// [`EventKind::Head`](super::EventKind::Head).
    pub fn start(&mut self, request: Request, now: Moment) -> FetchId {
        let origin = self.origin(self.key(&request));
        let total = self.timeouts.total.map_or(Moment::MAX, |total| now + total);
        *self.partitions.entry(request.partition).or_default() += 1;
        let id = self.fetches.insert(Fetch::new(request, origin, total));
        self.begin(id, now);
        FetchId(id)
    }

    /// The response's head, once; or why there is none: then the fetch is over. `None`: not yet.
    pub fn response(&mut self, id: FetchId) -> Option<Result<Response, FetchError>> {
        let slot = &mut self.fetches.get_mut(id.0)?.inbox.head;
        match std::mem::replace(slot, HeadSlot::Taken) {
            HeadSlot::Ready(response) => Some(Ok(response)),
            HeadSlot::Refused(error) => {
                self.remove(id.0);
                Some(Err(error))
            }
            HeadSlot::Taken => None,
            HeadSlot::Awaited => {
                *slot = HeadSlot::Awaited;
                None
            }
        }
    }

    /// Takes what has come of the response's body.
    pub fn read_body(&mut self, id: FetchId, now: Moment) -> BodyRead {
        if let Some(fetch) = self.fetches.get_mut(id.0)
            && fetch.is_passed()
            && let Some(conn) = fetch.receiving()
        {
            // What stayed where it was received.
            self.store(id.0, Storage::Inbox);
            self.advance(conn, now);
            self.ended_if_eof(conn, now);
        }
        let Some(fetch) = self.fetches.get_mut(id.0) else { return BodyRead::Failed(is_over()) };
        if fetch.inbox.body.is_empty() {
            fetch.inbox.interest = Interest::Waiting;
            return match self.take_end(id.0) {
                None => BodyRead::Pending,
                Some(Ok(_)) => BodyRead::End,
                Some(Err(error)) => BodyRead::Failed(error),
            };
        }
        fetch.inbox.interest = fetch.inbox.interest.asked();
        let bytes = std::mem::take(&mut fetch.inbox.body);
        if let Some(conn) = fetch.receiving() {
            // There is room again, perhaps for what is here already.
            self.touch(id.0, now);
            self.advance(conn, now);
            self.go_on_reading(conn, now);
        }
        BodyRead::Bytes(bytes)
    }

    /// Takes the response's body if it is complete, or has failed, with at most so many bytes that nobody has
    /// taken: then the fetch is over. `None`: it is not, or is larger.
    pub fn take_whole(&mut self, id: FetchId, most: usize) -> Option<Result<Vec<u8>, FetchError>> {
        if self.fetches.get(id.0)?.inbox.body.len() > most {
            return None;
        }
        self.take_end(id.0)
    }

    /// How a fetch's body has ended, with what nobody has taken of it, if it has: then the fetch is over.
    fn take_end(&mut self, id: u64) -> Option<Result<Vec<u8>, FetchError>> {
        let fetch = self.fetches.get_mut(id)?;
        let end = match &fetch.state {
            State::Over(End::Failed(error)) => Err(error.clone()),
            State::Over(End::Complete) => Ok(std::mem::take(&mut fetch.inbox.body)),
            _ => return None,
        };
        self.remove(id);
        Some(end)
    }

    /// Where the body waits that is being received, from now on.
    fn store(&mut self, id: u64, place: Storage) {
        if let Some(storage) = self.fetches.get_mut(id).and_then(Fetch::storage) {
            *storage = place;
        }
    }

    /// A connection's input was used: it may have ended with that, and has room.
    fn go_on_reading(&mut self, conn: u64, now: Moment) {
        self.ended_if_eof(conn, now);
        self.give_back(conn);
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
    }

    /// Gives what has come of the response's body to `take`, piece by piece for as long as that returns true:
    /// from where it was received if nothing has to be decoded, without a copy.
    pub fn pass_body(&mut self, id: FetchId, now: Moment, take: &mut dyn FnMut(&[u8]) -> bool) -> BodyPassed {
        let Some(fetch) = self.fetches.get_mut(id.0) else { return BodyPassed::Failed(is_over()) };
        fetch.inbox.interest = fetch.inbox.interest.asked();
        let mut passed = !fetch.inbox.body.is_empty();
        let mut goes_on = true;
        if passed {
            goes_on = take(&fetch.inbox.body);
            fetch.inbox.body.clear();
        }
        if let Some(conn) = fetch.receiving() {
            if !fetch.is_passed() {
                self.store(id.0, Storage::InputEmpty);
            }
            if passed {
                // Decoders have room again.
                self.advance(conn, now);
            }
            if goes_on {
                passed |= self.pass_from(conn, id.0, now, take);
            }
            if passed {
                self.touch(id.0, now);
                self.go_on_reading(conn, now);
            }
        }
        if passed {
            return BodyPassed::Bytes(());
        }
        let Some(fetch) = self.fetches.get_mut(id.0) else { return BodyPassed::End };
        if !fetch.inbox.body.is_empty() {
            // What a decoder has made meanwhile.
            take(&fetch.inbox.body);
            fetch.inbox.body.clear();
            return BodyPassed::Bytes(());
        }
        fetch.inbox.interest = Interest::Waiting;
        match self.take_end(id.0) {
            None => BodyPassed::Pending,
            Some(Ok(_)) => BodyPassed::End,
            Some(Err(error)) => BodyPassed::Failed(error),
        }
    }

    /// Passes on what a connection has, and ends the fetch if that is the end. Whether there was something.
    fn pass_from(&mut self, conn: u64, id: u64, now: Moment, take: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        match self.pass_input(conn, id, take) {
            Ok(passed) => {
                if passed.is_complete {
                    self.complete(conn, id, now);
                }
                passed.any
            }
            Err(error) => {
                self.fail_conn(conn, error, now);
                false
            }
        }
    }

    /// Passes on what a connection's input has of a body that is not decoded.
    fn pass_input(
        &mut self,
        conn: u64,
        id: u64,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<Passed, FetchError> {
        let mut passed = Passed { any: false, is_complete: false };
        let (Some(Connection { state: ConnState::InUse(in_use), wire, .. }), Some(fetch)) =
            (self.conns.get_mut(conn), self.fetches.get_mut(id))
        else {
            return Ok(passed);
        };
        let InUse { reader, decoder, .. } = in_use;
        if decoder.is_some() || in_use.fetch != id {
            return Ok(passed);
        }
        let input = &mut wire.input;
        let mut goes_on = true;
        fetch.note_input(false);
        loop {
            match reader.body(input.bytes())? {
                Step::End(used) => {
                    input.consume(used);
                    passed.is_complete = true;
                    return Ok(passed);
                }
                Step::More(used) => {
                    input.consume(used);
                    return Ok(passed);
                }
                Step::Data(skip, _) if !goes_on => {
                    input.consume(skip);
                    fetch.note_input(true);
                    return Ok(passed);
                }
                Step::Data(skip, count) => {
                    input.consume(skip);
                    fetch.count_received(count, &self.limits)?;
                    goes_on = take(&input.bytes()[..count]);
                    passed.any = true;
                    reader.took(count);
                    input.consume(count);
                }
            }
        }
    }

    /// Writes a piece of a [`RequestBody::Stream`](crate::RequestBody::Stream), or, after an upgrade, of the
    /// other protocol. To be called when [`EventKind::Room`](super::EventKind::Room) has come.
    pub fn write_body(&mut self, id: FetchId, bytes: &[u8], now: Moment) -> Written {
        let share = self.share_of(id.0);
        let Some(Fetch { state: State::Exchanging(exchanging), request, .. }) = self.fetches.get_mut(id.0)
        else {
            return Written::Gone;
        };
        let Exchanging { conn, upload, .. } = exchanging;
        let conn = *conn;
        let Some(Connection { wire, .. }) = self.conns.get_mut(conn) else { return Written::Gone };
        if !upload.is_open() || wire.is_output_broken() {
            return Written::Gone;
        }
        if let Upload::Body(body) = upload {
            body.is_touched = true;
        }
        if bytes.is_empty() {
            return Written::Ready;
        }
        match upload {
            Upload::Finished => return Written::Gone,
            Upload::Upgraded(_) => wire.send(&[bytes]),
            Upload::Body(body) => {
                let count = bytes.len() as u64;
                body.sent += count;
                if body.sent > request.max_sent {
                    let error = request.too_large();
                    self.fail(id.0, error, now);
                    return Written::Gone;
                }
                match &mut body.left {
                    Some(left) if count > *left => {
                        self.fail(id.0, wrong_length("longer"), now);
                        return Written::Gone;
                    }
                    Some(left) => {
                        *left -= count;
                        wire.send(&[bytes]);
                    }
                    None => {
                        let mut line = Vec::with_capacity(2 * size_of::<usize>() + 2);
                        push_chunk_line(&mut line, bytes.len());
                        wire.send(&[&line, bytes, b"\r\n"]);
                    }
                }
            }
        }
        let is_full = wire.output().len() >= self.limits.output_ahead.min(share);
        if let Some(room) = upload.room() {
            *room = if is_full { Room::Awaited } else { Room::Free };
        }
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id.0, now);
        if is_full { Written::Full } else { Written::Ready }
    }

    /// The request's body is complete.
    pub fn finish_body(&mut self, id: FetchId, now: Moment) {
        let Some(exchanging) = self.fetches.get_mut(id.0).and_then(Fetch::exchanging) else { return };
        let conn = exchanging.conn;
        let upload = std::mem::replace(&mut exchanging.upload, Upload::Finished);
        let Some(Connection { wire, .. }) = self.conns.get_mut(conn) else { return };
        match upload {
            Upload::Finished => return,
            Upload::Upgraded(_) => wire.end_tls(),
            Upload::Body(body) => match body.left {
                None => wire.send(&[LAST_CHUNK]),
                Some(0) => {}
                Some(_) => return self.fail(id.0, wrong_length("shorter"), now),
            },
        }
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id.0, now);
    }

    /// Ends a fetch, in whatever state it is, and forgets it; no event of it comes any more.
    pub fn cancel(&mut self, id: FetchId, now: Moment) {
        self.detach(id.0, now);
        self.remove(id.0);
    }

    /// Closes the idle connections of a partition: its tenant is gone.
    pub fn close_partition(&mut self, partition: u64, now: Moment) {
        let idle: Vec<u64> = self
            .origins
            .iter()
            .filter(|origin| origin.key.partition == partition)
            .flat_map(|origin| origin.idle.borrow().clone())
            .collect();
        idle.into_iter().for_each(|conn| self.close(conn, now));
    }

    /// How far a fetch is; `None` if there is none of that name.
    pub fn phase(&self, id: FetchId) -> Option<Phase> {
        Some(match &self.fetches.get(id.0)?.state {
            State::Queued => Phase::Queued,
            State::Resolving => Phase::Resolving,
            State::Connecting(_) => Phase::Connecting,
            State::Securing(_) => Phase::Securing,
            State::Exchanging(Exchanging { download: Download::Head, .. }) => Phase::Sending,
            State::Exchanging(_) => Phase::Receiving,
            State::Over(_) => Phase::Over,
        })
    }
}

fn is_over() -> FetchError {
    FetchError::new(ErrorKind::Reset, "the fetch is over")
}

fn wrong_length(than: &str) -> FetchError {
    let message = format!("the request's body is {than} than its length was said to be");
    FetchError::new(ErrorKind::Body, message)
}
