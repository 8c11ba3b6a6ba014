//! What connections receive, up to their end: heads, redirects, bodies, and what becomes of the connection
//! and of the request where it ends too early.

use super::fetch::{Download, End, Exchanging, HeadSlot, Room, State, Storage, Upload};
use super::{Core, EventKind, Timer, event};
use crate::connection::{Connection, InUse, State as ConnState, Tunnelling};
use crate::decode::Decoder;
use crate::error::{ErrorKind, FetchError, io_source, io_text};
use crate::redirect;
use crate::request::{RedirectMode, RequestBody, Response};
use crate::wire::{PeerSide, READ_BYTES, Wire};
use nano_http::{ReceivedHead, ResponseStep as Step};
use nano_time::Moment;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// What [`Core::advance`] does next.
enum Next {
    /// A state may have something more to do.
    Again,
    /// More has to come.
    Wait,
}

impl Core {
    /// Acts on what a connection has received.
    pub(super) fn advance(&mut self, conn: u64, now: Moment) {
        loop {
            let Some(Connection { state, wire, .. }) = self.conns.get_mut(conn) else { return };
            let next = match state {
                ConnState::Connecting(_) => Next::Wait,
                ConnState::Tunnelling(_) => self.advance_tunnel(conn, now),
                ConnState::Securing(securing) if wire.is_secured() => {
                    let id = securing.fetch;
                    self.assign(conn, id, now);
                    Next::Again
                }
                ConnState::Securing(_) => Next::Wait,
                ConnState::Idle(_) => {
                    if !wire.input.is_empty() {
                        // Nothing was asked for.
                        self.close(conn, now);
                    }
                    Next::Wait
                }
                ConnState::InUse(in_use) => {
                    let id = in_use.fetch;
                    if in_use.reader.wants_head() {
                        self.advance_head(conn, id, now)
                    } else {
                        self.advance_body(conn, id, now)
                    }
                }
                ConnState::Upgraded(upgraded) => {
                    let id = upgraded.fetch;
                    self.advance_upgraded(conn, id)
                }
            };
            if let Next::Wait = next {
                return;
            }
        }
    }

    /// Reads a proxy's answer to CONNECT.
    fn advance_tunnel(&mut self, conn: u64, now: Moment) -> Next {
        let Some(Connection { state: ConnState::Tunnelling(tunnelling), wire, origin }) =
            self.conns.get_mut(conn)
        else {
            return Next::Wait;
        };
        let Tunnelling { reader, .. } = tunnelling;
        let (used, head) = match reader.head(wire.input.bytes()) {
            Ok(found) => found,
            Err(error) => {
                let message = format!("the proxy: {error}");
                let error = FetchError::new(ErrorKind::Proxy, message).with_source(error);
                self.fail_conn(conn, error, now);
                return Next::Wait;
            }
        };
        wire.input.consume(used);
        let Some(head) = head else { return Next::Wait };
        if (200..300).contains(&head.status) {
            self.secure(conn, now);
            return Next::Wait;
        }
        let reason = String::from_utf8_lossy(&head.reason).into_owned();
        let message = format!("the proxy refuses a tunnel to {}: {} {reason}", origin.key.host, head.status);
        self.fail_conn(conn, FetchError::new(ErrorKind::Proxy, message), now);
        Next::Wait
    }

    fn advance_head(&mut self, conn: u64, id: u64, now: Moment) -> Next {
        let Some(Connection { state: ConnState::InUse(in_use), wire, .. }) = self.conns.get_mut(conn) else {
            return Next::Wait;
        };
        let found = in_use.reader.head(wire.input.bytes()).map_err(FetchError::from);
        let handled = match found {
            Ok((used, head)) => {
                wire.input.consume(used);
                let Some(head) = head else { return Next::Wait };
                self.head(conn, id, head, now)
            }
            Err(error) => Err(error),
        };
        match handled {
            Ok(()) => Next::Again,
            Err(error) => {
                self.fail_conn(conn, error, now);
                Next::Wait
            }
        }
    }

    fn advance_body(&mut self, conn: u64, id: u64, now: Moment) -> Next {
        match self.body(conn, id) {
            Ok(true) => self.complete(conn, id, now),
            Ok(false) => self.tell_body(id),
            Err(error) => self.fail_conn(conn, error, now),
        }
        Next::Wait
    }

    fn advance_upgraded(&mut self, conn: u64, id: u64) -> Next {
        let ahead = self.limits.body_ahead.min(self.share_of(id));
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Next::Wait;
        };
        let (input, body) = (&mut connection.wire.input, &mut fetch.inbox.body);
        let count = input.bytes().len().min(ahead.saturating_sub(body.len()));
        body.extend_from_slice(&input.bytes()[..count]);
        input.consume(count);
        self.tell_body(id);
        Next::Wait
    }

    /// A response's head has come.
    fn head(&mut self, conn: u64, id: u64, head: ReceivedHead, now: Moment) -> Result<(), FetchError> {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok(());
        };
        let Some(in_use) = connection.in_use() else { return Ok(()) };
        if head.keep_alive {
            // A second less than the server says, so that it is not closed while a request is on its way.
            let said = head.idle_timeout().map(|time| time.saturating_sub(Duration::from_secs(1)));
            in_use.keep_afterwards(said.unwrap_or(Duration::MAX));
        }
        let ReceivedHead { status, reason, mut headers, .. } = head;
        if let (true, Some(location)) = (redirect::is_redirect(status), headers.get("location")) {
            match fetch.request.redirect {
                RedirectMode::Manual => {}
                RedirectMode::Error => {
                    let message =
                        format!("{} redirects, which the request does not allow", fetch.request.url);
                    return Err(FetchError::new(ErrorKind::Redirect, message));
                }
                RedirectMode::Follow if fetch.redirects >= self.limits.redirects => {
                    let message = format!("more than {} redirects", self.limits.redirects);
                    return Err(FetchError::new(ErrorKind::Redirect, message));
                }
                RedirectMode::Follow => {
                    let location = location.to_vec();
                    redirect::follow(&mut fetch.request, status, &location)?;
                    fetch.redirects += 1;
                    fetch.is_retried = false;
                    self.redirected(conn, id, now);
                    return Ok(());
                }
            }
        }
        if status == 101 && fetch.request.upgrade.is_none() {
            let message = "the server speaks another protocol, which it was not asked for";
            return Err(FetchError::new(ErrorKind::Protocol, message));
        }
        let mut decoded = false;
        if fetch.request.decode && !in_use.reader.is_done() {
            in_use.decoder = Decoder::new(
                headers.list("content-encoding"),
                self.limits.codings,
                fetch.request.memory.as_ref(),
            )?;
            if in_use.decoder.is_some() {
                decoded = true;
                headers.remove(&["content-encoding", "content-length"]);
            }
        }
        let remaining = in_use.reader.remaining();
        let length = remaining.filter(|length| !decoded || *length == 0);
        // A large body stays where it was received until somebody asks for it: it may be passed on.
        let is_large = !decoded && remaining.is_some_and(|length| length > READ_BYTES as u64);
        if let Some(exchanging) = fetch.exchanging() {
            let storage = if is_large { Storage::InputEmpty } else { Storage::Inbox };
            exchanging.download = Download::Body(storage);
            if status == 101 {
                exchanging.upload = Upload::Upgraded(Room::Free);
            }
        }
        if status == 101 {
            connection.transition(|state| match state {
                ConnState::InUse(in_use) => ConnState::Upgraded(in_use.upgrade()),
                other => other,
            });
        }
        let url = fetch.request.url.clone();
        let response = Response { status, reason, headers, url, redirects: fetch.redirects, length, decoded };
        fetch.inbox.head = HeadSlot::Ready(response);
        self.events.push_back(event(id, fetch, EventKind::Head));
        self.touch(id, now);
        Ok(())
    }

    /// The request was changed to follow a redirect: the connection goes back or away, and the next is found.
    fn redirected(&mut self, conn: u64, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        // The writer of a body is told that it is not wanted any more.
        let unsent = fetch.exchanging().is_some_and(|exchanging| exchanging.upload.give_up());
        if unsent {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        fetch.set_state(id, State::Queued);
        if let Some(Connection { state: ConnState::InUse(in_use), wire, .. }) = self.conns.get_mut(conn) {
            // Its body is of no interest; if all of it is here, and all of the request's was sent, the
            // connection can go on.
            if !skip_body(in_use, wire) || unsent {
                in_use.close_afterwards();
            }
            self.retire(conn, now);
        }
        let Some(fetch) = self.fetches.get(id) else { return };
        let origin = self.origin(self.key(&fetch.request));
        if let Some(fetch) = self.fetches.get_mut(id) {
            let before = std::mem::replace(&mut fetch.origin, origin);
            self.release(before);
        }
        self.begin(id, now);
    }

    /// Moves the body from the connection to its reader, as far as there is room. Whether it is complete.
    fn body(&mut self, conn: u64, id: u64) -> Result<bool, FetchError> {
        let ahead = self.limits.body_ahead.min(self.share_of(id));
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok(false);
        };
        let Connection { state: ConnState::InUse(in_use), wire: Wire { input, .. }, .. } = connection else {
            return Ok(false);
        };
        let InUse { reader, decoder, .. } = in_use;
        if decoder.is_none() && fetch.is_passed() {
            // It stays where it is until it is passed on.
            let step = reader.body(input.bytes())?;
            let (Step::End(used) | Step::More(used) | Step::Data(used, _)) = step;
            input.consume(used);
            let has_some = matches!(step, Step::Data(..));
            fetch.note_input(has_some);
            return Ok(matches!(step, Step::End(_)));
        }
        let body = &mut fetch.inbox.body;
        let before = body.len();
        let complete = loop {
            let room = ahead.saturating_sub(body.len());
            match reader.body(input.bytes())? {
                Step::End(used) => {
                    input.consume(used);
                    match decoder {
                        None => break true,
                        Some(decoder) if decoder.has_more() => {
                            let made = body.len();
                            decoder.decode(&[], body, room)?;
                            if body.len() == made {
                                if room == 0 {
                                    break false;
                                }
                                decoder.finish()?;
                                break true;
                            }
                        }
                        Some(decoder) => {
                            decoder.finish()?;
                            break true;
                        }
                    }
                }
                // What frames the body was taken note of: it is used.
                Step::More(used) | Step::Data(used, _) if room == 0 => {
                    input.consume(used);
                    break false;
                }
                Step::More(used) => {
                    input.consume(used);
                    let made = body.len();
                    if let Some(decoder) = decoder
                        && decoder.has_more()
                    {
                        decoder.decode(&[], body, room)?;
                    }
                    if body.len() == made {
                        break false;
                    }
                }
                Step::Data(skip, count) => {
                    input.consume(skip);
                    let made = body.len();
                    let used = match decoder {
                        Some(decoder) => decoder.decode(&input.bytes()[..count], body, room)?,
                        None => {
                            let used = count.min(room);
                            body.extend_from_slice(&input.bytes()[..used]);
                            used
                        }
                    };
                    if used == 0 && body.len() == made {
                        return Err(FetchError::new(
                            ErrorKind::Decode,
                            "the response's body cannot be decoded",
                        ));
                    }
                    reader.took(used);
                    input.consume(used);
                }
            }
        };
        let count = body.len() - before;
        fetch.count_received(count, &self.limits)?;
        Ok(complete)
    }

    /// The response was received.
    pub(super) fn complete(&mut self, conn: u64, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        let unsent = fetch.exchanging().is_some_and(|exchanging| exchanging.upload.give_up());
        fetch.set_state(id, State::Over(End::Complete));
        if unsent {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        self.disarm(id);
        self.tell_body(id);
        if let Some(in_use) = self.conns.get_mut(conn).and_then(Connection::in_use)
            && unsent
        {
            in_use.close_afterwards();
        }
        self.retire(conn, now);
    }

    /// A connection's request is over: it is kept for the next one, or closed.
    fn retire(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let origin = Rc::clone(&connection.origin);
        let has_room =
            origin.idle.borrow().len() < self.limits.idle_per_origin && self.idle < self.limits.idle;
        let idle = match &connection.state {
            ConnState::InUse(in_use) if connection.wire.is_quiet() && has_room => {
                in_use.finish(now, self.timeouts.idle)
            }
            _ => None,
        };
        let Some(idle) = idle else { return self.close(conn, now) };
        connection.state = ConnState::Idle(idle);
        self.deadlines.insert((idle.until, Timer::Idle(conn)));
        self.idle += 1;
        origin.idle.borrow_mut().push(conn);
        self.give_back(conn);
        self.admit(&origin, now);
    }

    pub(super) fn ended_if_eof(&mut self, conn: u64, now: Moment) {
        if self.conns.get(conn).is_some_and(|connection| connection.wire.has_ended()) {
            self.ended(conn, now);
        }
    }

    /// The peer sends no more.
    pub(super) fn ended(&mut self, conn: u64, now: Moment) {
        let Some(Connection { state, wire, origin }) = self.conns.get_mut(conn) else { return };
        let host = &origin.key.host;
        match state {
            ConnState::Connecting(_) => {}
            ConnState::Idle(_) => self.close(conn, now),
            ConnState::Tunnelling(_) => {
                let error = FetchError::new(ErrorKind::Proxy, "the proxy has closed the connection");
                self.fail_conn(conn, error, now);
            }
            ConnState::Securing(_) => {
                let message = format!("no secure connection to {host}: it has closed the connection");
                self.fail_conn(conn, FetchError::new(ErrorKind::Tls, message), now);
            }
            ConnState::Upgraded(upgraded) => {
                let id = upgraded.fetch;
                if wire.input.is_empty() {
                    self.complete(conn, id, now);
                }
            }
            ConnState::InUse(in_use) => {
                if !wire.input.is_empty() && in_use.reader.is_in_data() {
                    // There was no room for all of it yet; the end is found when there is. Framing needs no
                    // room: what is left of it is cut off.
                    return;
                }
                let id = in_use.fetch;
                let is_silent = in_use.reader.wants_head() && !in_use.has_received();
                let is_cut = origin.key.tls
                    && !matches!(wire.peer(), PeerSide::Closed | PeerSide::EndedAsAnnounced)
                    && in_use.reader.remaining() != Some(0);
                let end = match in_use.reader.end() {
                    Ok(()) if is_cut => {
                        let message =
                            "the connection was closed without saying that the response is complete";
                        Err(FetchError::new(ErrorKind::Truncated, message))
                    }
                    end => end.map_err(FetchError::from),
                };
                match end {
                    Ok(()) => self.advance(conn, now),
                    Err(_) if is_silent => {
                        let message = format!("{host} has closed the connection without a response");
                        self.fail_or_retry(conn, id, FetchError::new(ErrorKind::Reset, message), now);
                    }
                    Err(error) => self.fail_conn(conn, error, now),
                }
            }
        }
    }

    /// The socket has failed.
    pub(super) fn broken(&mut self, conn: u64, error: &io::Error, now: Moment) {
        let Some(connection) = self.conns.get(conn) else { return };
        let message = format!("the connection to {} broke: {}", connection.origin.key.host, io_text(error));
        let error = FetchError::new(ErrorKind::Reset, message).with_source(io_source(error));
        match &connection.state {
            ConnState::InUse(in_use) if !in_use.has_received() => {
                let id = in_use.fetch;
                self.fail_or_retry(conn, id, error, now);
            }
            _ => self.fail_conn(conn, error, now),
        }
    }

    /// A connection has ended before anything of the response came. If it was one that was kept, the server
    /// may just have closed it: then the request is sent again where that is safe (RFC 9112 9.3.1).
    fn fail_or_retry(&mut self, conn: u64, id: u64, error: FetchError, now: Moment) {
        let (Some(Connection { state: ConnState::InUse(in_use), .. }), Some(fetch)) =
            (self.conns.get(conn), self.fetches.get_mut(id))
        else {
            return self.fail_conn(conn, error, now);
        };
        let is_harmless = fetch.request.is_idempotent() || !in_use.has_traffic();
        let is_replayable = match fetch.request.body {
            RequestBody::None | RequestBody::Bytes(_) => true,
            RequestBody::Stream(_) => matches!(
                &fetch.state,
                State::Exchanging(Exchanging { upload: Upload::Body(body), .. }) if !body.is_touched
            ),
        };
        if !in_use.may_be_stale() || fetch.is_retried || !is_harmless || !is_replayable {
            return self.fail_conn(conn, error, now);
        }
        fetch.is_retried = true;
        fetch.set_state(id, State::Queued);
        self.close(conn, now);
        self.begin(id, now);
    }
}

/// Consumes what is here of a response's body. Whether that is all of it.
fn skip_body(in_use: &mut InUse, wire: &mut Wire) -> bool {
    let (reader, input) = (&mut in_use.reader, &mut wire.input);
    while let Ok(step) = reader.body(input.bytes()) {
        match step {
            Step::More(used) => {
                input.consume(used);
                return false;
            }
            Step::Data(skip, count) => {
                input.consume(skip + count);
                reader.took(count);
            }
            Step::End(used) => {
                input.consume(used);
                return true;
            }
        }
    }
    false
}
