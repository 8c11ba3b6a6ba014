//! What connections receive, up to their end: heads, redirects, bodies, and what becomes of the connection and of the request where it ends
//! too early.

use super::{Core, EventKind, State, Timer, Upload, check_received, event, idle_until};
use crate::conn::{Conn, READ_BYTES, Stage};
use crate::decode::Decoder;
use crate::error::{ErrorKind, FetchError, io_text};
use crate::headers::list;
use crate::redirect;
use crate::request::{RedirectMode, RequestBody, Response};
use crate::response::{Head, Step};
use nano_loop::Moment;
use std::io;
use std::rc::Rc;
use std::time::Duration;

impl Core {
    /// Acts on what a connection has received.
    pub(super) fn advance(&mut self, conn: u64, now: Moment) {
        loop {
            let Some(connection) = self.conns.get_mut(conn) else { return };
            let Some(id) = connection.fetch else {
                if !connection.input.is_empty() {
                    // Nothing was asked for.
                    self.close(conn, now);
                }
                return;
            };
            match connection.stage {
                Stage::Connecting => return,
                Stage::Tunnel => {
                    let (used, head) = match connection.reader.head(connection.input.bytes(), &self.limits) {
                        Ok(found) => found,
                        Err(error) => {
                            let error = FetchError::new(ErrorKind::Proxy, format!("the proxy: {error}"));
                            return self.fail_conn(conn, error, now);
                        }
                    };
                    connection.input.consume(used);
                    let Some(head) = head else { return };
                    if !(200..300).contains(&head.status) {
                        let reason = String::from_utf8_lossy(&head.reason).into_owned();
                        let host = &connection.origin.key.host;
                        let message =
                            format!("the proxy refuses a tunnel to {host}: {} {reason}", head.status);
                        return self.fail_conn(conn, FetchError::new(ErrorKind::Proxy, message), now);
                    }
                    return self.secure(conn, now);
                }
                Stage::Securing => {
                    if connection.is_securing() {
                        return;
                    }
                    self.assign(conn, id, now);
                }
                Stage::Open if connection.reader.wants_head() => {
                    let (used, head) = match connection.reader.head(connection.input.bytes(), &self.limits) {
                        Ok(found) => found,
                        Err(error) => return self.fail_conn(conn, error, now),
                    };
                    connection.input.consume(used);
                    let Some(head) = head else { return };
                    if let Err(error) = self.head(conn, id, head, now) {
                        return self.fail_conn(conn, error, now);
                    }
                }
                Stage::Open => {
                    return match self.body(conn, id) {
                        Ok(true) => self.complete(conn, id, now),
                        Ok(false) => self.tell_body(id),
                        Err(error) => self.fail_conn(conn, error, now),
                    };
                }
                Stage::Raw => {
                    let ahead = self.limits.body_ahead.min(self.share_of(id));
                    let (Some(connection), Some(fetch)) =
                        (self.conns.get_mut(conn), self.fetches.get_mut(id))
                    else {
                        return;
                    };
                    let room = ahead.saturating_sub(fetch.body.len());
                    let count = connection.input.bytes().len().min(room);
                    fetch.body.extend_from_slice(&connection.input.bytes()[..count]);
                    connection.input.consume(count);
                    return self.tell_body(id);
                }
            }
        }
    }

    /// A response's head has come.
    fn head(&mut self, conn: u64, id: u64, head: Head, now: Moment) -> Result<(), FetchError> {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok(());
        };
        let Head { status, reason, mut headers, keep_alive } = head;
        connection.keep_alive = keep_alive;
        connection.idle_for = list(&headers, "keep-alive").find_map(|parameter| {
            let seconds = std::str::from_utf8(parameter.strip_prefix(b"timeout=")?).ok()?.parse().ok()?;
            // So that it is not closed while a request is on its way.
            Some(Duration::from_secs(seconds).saturating_sub(Duration::from_secs(1)))
        });
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
                    fetch.retried = false;
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
        if fetch.request.decode && !connection.reader.is_done() {
            connection.decoder = Decoder::new(list(&headers, "content-encoding"), self.limits.codings)?;
            if connection.decoder.is_some() {
                decoded = true;
                headers.remove(&["content-encoding", "content-length"]);
            }
        }
        let length = connection.reader.remaining().filter(|length| !decoded || *length == 0);
        fetch.state = State::Receiving(conn);
        // A large body stays where it was received until somebody asks for it: it may be passed on.
        fetch.passing =
            !decoded && connection.reader.remaining().is_some_and(|length| length > READ_BYTES as u64);
        if status == 101 {
            connection.stage = Stage::Raw;
            fetch.upload = Some(Upload { left: None, sent: 0, raw: true, wants_room: false, touched: false });
        }
        let url = fetch.request.url.clone();
        let response = Response { status, reason, headers, url, redirects: fetch.redirects, length, decoded };
        fetch.response = Some(Ok(response));
        self.events.push_back(event(id, fetch, EventKind::Head));
        self.touch(id, now);
        Ok(())
    }

    /// The request was changed to follow a redirect: the connection goes back or away, and the next is found.
    fn redirected(&mut self, conn: u64, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        // Whoever writes a body finds out that it is not wanted any more.
        if fetch.upload.take().is_some() {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        fetch.state = State::Queued;
        if let Some(connection) = self.conns.get_mut(conn) {
            // Its body is of no interest; if all of it is here, the connection can go on.
            let mut ended = false;
            while let Ok(step) = connection.reader.body(connection.input.bytes(), &self.limits) {
                match step {
                    Step::More(used) => {
                        connection.input.consume(used);
                        break;
                    }
                    Step::Data(skip, count) => {
                        connection.input.consume(skip + count);
                        connection.reader.took(count);
                    }
                    Step::End(used) => {
                        connection.input.consume(used);
                        ended = true;
                        break;
                    }
                }
            }
            connection.keep_alive &= ended;
            connection.fetch = None;
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
    pub(super) fn body(&mut self, conn: u64, id: u64) -> Result<bool, FetchError> {
        let ahead = self.limits.body_ahead.min(self.share_of(id));
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return Ok(false);
        };
        let Conn { input, reader, decoder, .. } = connection;
        if fetch.passing && decoder.is_none() {
            // It stays where it is until it is passed on.
            let step = reader.body(input.bytes(), &self.limits)?;
            let (Step::End(used) | Step::More(used) | Step::Data(used, _)) = step;
            input.consume(used);
            fetch.has_input = matches!(step, Step::Data(..));
            return Ok(matches!(step, Step::End(_)));
        }
        let before = fetch.body.len();
        let complete = loop {
            let room = ahead.saturating_sub(fetch.body.len());
            match reader.body(input.bytes(), &self.limits)? {
                Step::End(used) => {
                    input.consume(used);
                    match decoder {
                        None => break true,
                        Some(decoder) if decoder.has_more() => {
                            let made = fetch.body.len();
                            decoder.decode(&[], &mut fetch.body, room)?;
                            if fetch.body.len() == made {
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
                    let made = fetch.body.len();
                    if let Some(decoder) = decoder
                        && decoder.has_more()
                    {
                        decoder.decode(&[], &mut fetch.body, room)?;
                    }
                    if fetch.body.len() == made {
                        break false;
                    }
                }
                Step::Data(skip, count) => {
                    input.consume(skip);
                    let made = fetch.body.len();
                    let used = match decoder {
                        Some(decoder) => decoder.decode(&input.bytes()[..count], &mut fetch.body, room)?,
                        None => {
                            let used = count.min(room);
                            fetch.body.extend_from_slice(&input.bytes()[..used]);
                            used
                        }
                    };
                    if used == 0 && fetch.body.len() == made {
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
        fetch.received += (fetch.body.len() - before) as u64;
        check_received(fetch, &self.limits)?;
        Ok(complete)
    }

    /// The response was received.
    pub(super) fn complete(&mut self, conn: u64, id: u64, now: Moment) {
        let Some(fetch) = self.fetches.get_mut(id) else { return };
        fetch.complete = true;
        fetch.state = State::Over;
        let unsent = fetch.upload.take().is_some();
        if unsent {
            self.events.push_back(event(id, fetch, EventKind::Room));
        }
        self.disarm(id);
        self.tell_body(id);
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.keep_alive &= !unsent;
            connection.fetch = None;
            connection.decoder = None;
            self.retire(conn, now);
        }
    }

    /// A connection without a fetch is kept for the next one, or closed.
    fn retire(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let origin = Rc::clone(&connection.origin);
        let idle_for = connection.idle_for.unwrap_or(Duration::MAX).min(self.timeouts.idle);
        let reusable = connection.keep_alive
            && !connection.eof
            && !connection.clean_end
            && !connection.write_broken
            && connection.input.is_empty()
            && connection.output().is_empty()
            && !idle_for.is_zero()
            && origin.idle.borrow().len() < self.limits.idle_per_origin
            && self.idle < self.limits.idle;
        if !reusable {
            return self.close(conn, now);
        }
        connection.idle_since = now;
        let until = idle_until(connection, &self.timeouts);
        self.deadlines.insert((until, Timer::Idle(conn)));
        self.idle += 1;
        origin.idle.borrow_mut().push(conn);
        self.give_back(conn);
        self.admit(&origin, now);
    }

    pub(super) fn ended_if_eof(&mut self, conn: u64, now: Moment) {
        if self.conns.get(conn).is_some_and(|connection| connection.eof) {
            self.ended(conn, now);
        }
    }

    /// The peer sends no more.
    pub(super) fn ended(&mut self, conn: u64, now: Moment) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let Some(id) = connection.fetch else { return self.close(conn, now) };
        let host = connection.origin.key.host.clone();
        match connection.stage {
            Stage::Connecting => {}
            Stage::Tunnel => {
                let error = FetchError::new(ErrorKind::Proxy, "the proxy has closed the connection");
                self.fail_conn(conn, error, now);
            }
            Stage::Securing => {
                let message = format!("no secure connection to {host}: it has closed the connection");
                self.fail_conn(conn, FetchError::new(ErrorKind::Tls, message), now);
            }
            Stage::Raw => {
                if connection.input.is_empty() {
                    connection.keep_alive = false;
                    self.complete(conn, id, now);
                }
            }
            Stage::Open => {
                if !connection.input.is_empty() && !connection.reader.wants_head() {
                    // There was no room for all of it yet; the end is found when there is.
                    return;
                }
                let silent = connection.reader.wants_head() && !connection.heard;
                let cut = connection.origin.key.tls
                    && !connection.clean_end
                    && connection.reader.remaining() != Some(0);
                let end = match connection.reader.end() {
                    Ok(()) if cut => {
                        let message =
                            "the connection was closed without saying that the response is complete";
                        Err(FetchError::new(ErrorKind::Truncated, message))
                    }
                    end => end,
                };
                match end {
                    Ok(()) => self.advance(conn, now),
                    Err(_) if silent => {
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
        let Some(id) = connection.fetch else { return self.close(conn, now) };
        let message = format!("the connection to {} broke: {}", connection.origin.key.host, io_text(error));
        let error = FetchError::new(ErrorKind::Reset, message);
        if connection.heard || !matches!(connection.stage, Stage::Open) {
            self.fail_conn(conn, error, now);
        } else {
            self.fail_or_retry(conn, id, error, now);
        }
    }

    /// A connection has ended before anything of the response came. If it was one that was kept, the server may just have closed it:
    /// then the request is sent again where that is safe (RFC 9112 9.3.1).
    fn fail_or_retry(&mut self, conn: u64, id: u64, error: FetchError, now: Moment) {
        let (Some(connection), Some(fetch)) = (self.conns.get_mut(conn), self.fetches.get_mut(id)) else {
            return;
        };
        let unheard = fetch.request.is_idempotent() || !connection.spoke;
        let replayable = match fetch.request.body {
            RequestBody::None | RequestBody::Bytes(_) => true,
            RequestBody::Stream(_) => fetch.upload.as_ref().is_some_and(|upload| !upload.touched),
        };
        if !connection.reused || fetch.retried || !unheard || !replayable {
            return self.fail_conn(conn, error, now);
        }
        fetch.retried = true;
        fetch.upload = None;
        fetch.state = State::Queued;
        connection.fetch = None;
        self.close(conn, now);
        self.begin(id, now);
    }
}
