//! The request's body on its way from the transport to the application.

use super::exchange::{Body, HttpExchange, Response};
use crate::transport::{OUTPUT_HIGH_BYTES, Wire};
use nano_http::Input;
use nano_runtime::BodyRead;

/// One piece of a request's body, as JavaScript gets it.
///
/// Limit (bytes): one large read.
const BODY_PIECE_BYTES: usize = 64 << 10;

const CLIENT_LEFT: &str = "the client went away before the request's body was complete";

impl HttpExchange {
    /// Whether a read waits.
    pub(crate) fn awaits_body(&self) -> bool {
        matches!(self.body.get(), Body::Awaited | Body::Cancelled { awaited: true })
    }

    /// Whether a read waits for which there is something: bytes, the end, or a failure. The caller tells the
    /// application.
    pub(crate) fn take_awaited_body(&self, wire: &mut Wire) -> bool {
        if !self.awaits_body() {
            return false;
        }
        let found = if !wire.http.body().is_empty() {
            Body::Open
        } else {
            match wire.http.next() {
                Ok(Input::NeedMore | Input::Wait | Input::Head) => return false,
                // nano-http reports the end once: it is noted here.
                Ok(Input::BodyEnd) => Body::Ended,
                Ok(Input::Body | Input::Truncated | Input::Closed) | Err(_) => Body::Open,
            }
        };
        let is_cancelled = self.body.get() == (Body::Cancelled { awaited: true });
        self.body.set(match found {
            Body::Open if is_cancelled => Body::Cancelled { awaited: false },
            found => found,
        });
        true
    }

    /// The same for the bytes after a 101.
    pub(crate) fn take_awaited_upgraded(&self, wire: &mut Wire) -> bool {
        let has_input = wire.upgraded().is_some_and(|upgraded| upgraded.has_input());
        if !has_input || !self.awaits_body() {
            return false;
        }
        self.body.set(Body::Open);
        true
    }

    /// Throws away what has arrived of a body that the application has cancelled while it still answers.
    pub(crate) fn discard_body(&self, wire: &mut Wire) {
        if !matches!(self.body.get(), Body::Cancelled { .. }) || self.response.get() != Response::Streaming {
            return;
        }
        while let Ok(Input::Body) = wire.http.next() {
            let count = wire.http.body().len();
            wire.http.consume(count);
        }
    }

    /// The bytes that have arrived, for JavaScript.
    pub(super) fn read(&self) -> BodyRead {
        let mut wire = self.channel.wire();
        if self.is_attached() && wire.is_upgraded() {
            return self.read_upgraded(&mut wire);
        }
        match self.body.get() {
            Body::Ended => return BodyRead::End,
            Body::Failed(_) => return BodyRead::Failed(CLIENT_LEFT.into()),
            // After the response the transport's input may be the next request's.
            _ if !self.is_attached() || self.response.get() == Response::Over => {
                return BodyRead::Failed(CLIENT_LEFT.into());
            }
            _ => {}
        }
        if wire.http.send_continue() {
            self.channel.wake();
        }
        match wire.http.next() {
            Ok(Input::Body) => {
                let body = wire.http.body();
                let piece = body[..body.len().min(BODY_PIECE_BYTES)].to_vec();
                wire.http.consume(piece.len());
                BodyRead::Bytes(piece)
            }
            Ok(Input::BodyEnd) => {
                self.body.set(Body::Ended);
                BodyRead::End
            }
            Ok(Input::NeedMore | Input::Wait | Input::Head) => {
                self.set_awaited();
                self.channel.wake();
                BodyRead::Pending
            }
            Ok(Input::Truncated | Input::Closed) => {
                self.body.set(Body::Failed(None));
                BodyRead::Failed(CLIENT_LEFT.into())
            }
            Err(refusal) => {
                self.body.set(Body::Failed(Some(refusal)));
                self.channel.wake();
                BodyRead::Failed(format!("the request's body is refused: {}", refusal.message()))
            }
        }
    }

    fn read_upgraded(&self, wire: &mut Wire) -> BodyRead {
        let may_read = wire.may_read();
        let Some(upgraded) = wire.upgraded() else { return BodyRead::End };
        if let Some(bytes) = upgraded.take() {
            // There is room now for what waits in the socket.
            if may_read {
                self.channel.wake();
            }
            return BodyRead::Bytes(bytes);
        }
        if upgraded.is_at_end() {
            return BodyRead::End;
        }
        self.set_awaited();
        BodyRead::Pending
    }

    fn set_awaited(&self) {
        self.body.set(match self.body.get() {
            Body::Cancelled { .. } => Body::Cancelled { awaited: true },
            _ => Body::Awaited,
        });
    }

    /// The application needs no more of it.
    pub(super) fn cancel(&self) {
        match self.body.get() {
            Body::Open | Body::Awaited | Body::Cancelled { .. } => {
                self.body.set(Body::Cancelled { awaited: self.awaits_body() });
            }
            Body::Ended | Body::Failed(_) => {}
        }
        self.channel.wake();
    }

    /// Passes on what has arrived of a body that is the response's as well, as far as there is room.
    pub(crate) fn pump(&self) {
        let mut wire = self.channel.wire();
        while wire.http.pending_output() < OUTPUT_HIGH_BYTES {
            let ok = match wire.http.next() {
                Ok(Input::Body) => self.context.with_scratch(|piece| {
                    piece.extend_from_slice(wire.http.body());
                    wire.http.consume(piece.len());
                    self.sent_bytes.set(self.sent_bytes.get() + piece.len() as u64);
                    wire.http.send_body(piece).is_ok()
                }),
                Ok(Input::BodyEnd) => {
                    self.body.set(Body::Ended);
                    drop(wire);
                    return self.end_response();
                }
                Ok(Input::Truncated | Input::Closed) | Err(_) => false,
                Ok(Input::NeedMore | Input::Wait | Input::Head) => return,
            };
            if !ok {
                wire.http.abort();
                drop(wire);
                return self.finish_response();
            }
        }
    }
}
