//! What a fetch's owner does with it: begins it, takes its response, reads and writes bodies, cancels it.

use super::{
    Action, BodyPassed, BodyRead, ConnId, Core, Fetch, FetchId, Phase, State, Written, check_received,
};
use crate::conn::{Conn, Stage};
use crate::error::{ErrorKind, FetchError};
use crate::request::{Request, Response};
use crate::response::Step;
use nano_loop::Moment;

impl Core {
    /// Begins a fetch. Its outcome, failures included, is told by [`EventKind::Head`](super::EventKind::Head).
    pub fn start(&mut self, request: Request, now: Moment) -> FetchId {
        let origin = self.origin(self.key(&request));
        let total = self.timeouts.total.map_or(Moment::MAX, |total| now + total);
        *self.partitions.entry(request.partition).or_default() += 1;
        let id = self.fetches.insert(Fetch {
            request,
            state: State::Queued,
            origin,
            redirects: 0,
            retried: false,
            upload: None,
            response: None,
            told: false,
            body: Vec::new(),
            received: 0,
            complete: false,
            error: None,
            reading: false,
            passing: false,
            has_input: false,
            begun: false,
            due: Moment::MAX,
            armed: Moment::MAX,
            connect_by: Moment::MAX,
            total,
        });
        self.begin(id, now);
        FetchId(id)
    }

    /// The response's head, once; or why there is none: then the fetch is over. `None`: not yet.
    pub fn response(&mut self, id: FetchId) -> Option<Result<Response, FetchError>> {
        let fetch = self.fetches.get_mut(id.0)?;
        let response = fetch.response.take()?;
        fetch.told = response.is_ok();
        if response.is_err() {
            self.remove(id.0);
        }
        Some(response)
    }

    /// Takes what has come of the response's body.
    pub fn read_body(&mut self, id: FetchId, now: Moment) -> BodyRead {
        if let Some(fetch) = self.fetches.get_mut(id.0)
            && std::mem::take(&mut fetch.passing)
            && let State::Receiving(conn) = fetch.state
        {
            // What stayed where it was received.
            fetch.has_input = false;
            self.advance(conn, now);
            self.ended_if_eof(conn, now);
        }
        let Some(fetch) = self.fetches.get_mut(id.0) else {
            return BodyRead::Failed(FetchError::new(ErrorKind::Reset, "the fetch is over"));
        };
        fetch.begun = true;
        if !fetch.body.is_empty() {
            let bytes = std::mem::take(&mut fetch.body);
            if let State::Receiving(conn) = fetch.state {
                // There is room again, perhaps for what is here already.
                self.touch(id.0, now);
                self.advance(conn, now);
                self.ended_if_eof(conn, now);
                self.give_back(conn);
                self.actions.push_back(Action::Drive { conn: ConnId(conn) });
            }
            return BodyRead::Bytes(bytes);
        }
        fetch.reading = true;
        match self.take_end(id.0) {
            None => BodyRead::Pending,
            Some(Ok(_)) => BodyRead::End,
            Some(Err(error)) => BodyRead::Failed(error),
        }
    }

    /// Takes the response's body if it is complete, or has failed, with at most so many bytes that nobody has taken: then the fetch is
    /// over. `None`: it is not, or is larger.
    pub fn take_whole(&mut self, id: FetchId, most: usize) -> Option<Result<Vec<u8>, FetchError>> {
        if self.fetches.get(id.0)?.body.len() > most {
            return None;
        }
        self.take_end(id.0)
    }

    /// How a fetch's body has ended, with what nobody has taken of it, if it has: then the fetch is over.
    fn take_end(&mut self, id: u64) -> Option<Result<Vec<u8>, FetchError>> {
        let fetch = self.fetches.get_mut(id)?;
        let end = match fetch.error.take() {
            Some(error) => Err(error),
            None if fetch.complete => Ok(std::mem::take(&mut fetch.body)),
            None => return None,
        };
        self.remove(id);
        Some(end)
    }

    /// Gives what has come of the response's body to `take`, piece by piece for as long as that returns true: from where it was received
    /// if nothing has to be decoded, without a copy.
    pub fn pass_body(&mut self, id: FetchId, now: Moment, take: &mut dyn FnMut(&[u8]) -> bool) -> BodyPassed {
        let Some(fetch) = self.fetches.get_mut(id.0) else {
            return BodyPassed::Failed(FetchError::new(ErrorKind::Reset, "the fetch is over"));
        };
        fetch.begun = true;
        let mut passed = !fetch.body.is_empty();
        let mut goes_on = true;
        if passed {
            goes_on = take(&fetch.body);
            fetch.body.clear();
        }
        if let State::Receiving(conn) = fetch.state {
            fetch.passing = true;
            if passed {
                // Decoders have room again.
                self.advance(conn, now);
            }
            if goes_on {
                passed |= match self.pass_input(conn, id.0, take) {
                    Ok((passed, false)) => passed,
                    Ok((passed, true)) => {
                        self.complete(conn, id.0, now);
                        passed
                    }
                    Err(error) => {
                        self.fail_conn(conn, error, now);
                        false
                    }
                };
            }
            if passed {
                self.touch(id.0, now);
                self.ended_if_eof(conn, now);
                self.give_back(conn);
                self.actions.push_back(Action::Drive { conn: ConnId(conn) });
            }
        }
        if passed {
            return BodyPassed::Bytes;
        }
        let Some(fetch) = self.fetches.get_mut(id.0) else { return BodyPassed::End };
        if !fetch.body.is_empty() {
            // What a decoder has made meanwhile.
            take(&fetch.body);
            fetch.body.clear();
            return BodyPassed::Bytes;
        }
        fetch.reading = true;
        match self.take_end(id.0) {
            None => BodyPassed::Pending,
            Some(Ok(_)) => BodyPassed::End,
            Some(Err(error)) => BodyPassed::Failed(error),
        }
    }

    /// Passes on what a connection's input has of a body that is not decoded. Whether there was something, and whether it is complete.
    fn pass_input(
        &mut self,
        conn: u64,
        id: u64,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(bool, bool), FetchError> {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok((false, false));
        };
        if connection.decoder.is_some()
            || !matches!(connection.stage, Stage::Open)
            || connection.fetch != Some(id)
        {
            return Ok((false, false));
        }
        let Conn { input, reader, .. } = connection;
        let (mut passed, mut goes_on) = (false, true);
        fetch.has_input = false;
        loop {
            match reader.body(input.bytes(), &self.limits)? {
                Step::End(used) => {
                    input.consume(used);
                    return Ok((passed, true));
                }
                Step::More(used) => {
                    input.consume(used);
                    return Ok((passed, false));
                }
                Step::Data(skip, _) if !goes_on => {
                    input.consume(skip);
                    fetch.has_input = true;
                    return Ok((passed, false));
                }
                Step::Data(skip, count) => {
                    input.consume(skip);
                    fetch.received += count as u64;
                    check_received(fetch, &self.limits)?;
                    goes_on = take(&input.bytes()[..count]);
                    passed = true;
                    reader.took(count);
                    input.consume(count);
                }
            }
        }
    }

    /// Writes a piece of a [`RequestBody::Stream`](crate::RequestBody::Stream), or, after an upgrade, of the other protocol. To be called when
    /// [`EventKind::Room`](super::EventKind::Room) has come.
    pub fn write_body(&mut self, id: FetchId, bytes: &[u8], now: Moment) -> Written {
        let share = self.share_of(id.0);
        let Some(fetch) = self.fetches.get_mut(id.0) else { return Written::Gone };
        let (State::Sending(conn) | State::Receiving(conn)) = fetch.state else { return Written::Gone };
        let Some(upload) = &mut fetch.upload else { return Written::Gone };
        let Some(connection) = self.conns.get_mut(conn) else { return Written::Gone };
        if connection.write_broken {
            return Written::Gone;
        }
        upload.touched = true;
        if bytes.is_empty() {
            return Written::Ready;
        }
        upload.sent += bytes.len() as u64;
        if !upload.raw && upload.sent > fetch.request.max_sent {
            let error = fetch.request.too_large();
            self.fail(id.0, error, now);
            return Written::Gone;
        }
        match &mut upload.left {
            _ if upload.raw => connection.send(&[bytes]),
            Some(left) if bytes.len() as u64 > *left => {
                let error = FetchError::new(
                    ErrorKind::Body,
                    "the request's body is longer than its length was said to be",
                );
                self.fail(id.0, error, now);
                return Written::Gone;
            }
            Some(left) => {
                *left -= bytes.len() as u64;
                connection.send(&[bytes]);
            }
            None => connection.send(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"]),
        }
        let full = connection.output().len() >= self.limits.output_ahead.min(share);
        upload.wants_room = full;
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id.0, now);
        if full { Written::Full } else { Written::Ready }
    }

    /// The request's body is complete.
    pub fn finish_body(&mut self, id: FetchId, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id.0) else { return };
        let (State::Sending(conn) | State::Receiving(conn)) = fetch.state else { return };
        let Some(upload) = fetch.upload.take() else { return };
        let Some(connection) = self.conns.get_mut(conn) else { return };
        match upload.left {
            _ if upload.raw => connection.end_tls(),
            Some(0) => {}
            Some(_) => {
                let error = FetchError::new(
                    ErrorKind::Body,
                    "the request's body is shorter than its length was said to be",
                );
                return self.fail(id.0, error, now);
            }
            None => connection.send(&[b"0\r\n\r\n"]),
        }
        self.actions.push_back(Action::Drive { conn: ConnId(conn) });
        self.touch(id.0, now);
    }

    /// Ends a fetch, at whatever phase it is, and forgets it; no event of it comes any more.
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
        Some(match self.fetches.get(id.0)?.state {
            State::Queued => Phase::Queued,
            State::Resolving => Phase::Resolving,
            State::Connecting(_) => Phase::Connecting,
            State::Securing(_) => Phase::Securing,
            State::Sending(_) => Phase::Sending,
            State::Receiving(_) => Phase::Receiving,
            State::Over => Phase::Over,
        })
    }
}
