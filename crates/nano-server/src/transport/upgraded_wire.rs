//! The socket after a 101: reads into the upgraded protocol's input, writes its output, and ends when both
//! sides have.

use super::{OUTPUT_LOW_BYTES, Wire};
use crate::tls::Session;
use rustix::net::{RecvFlags, SendFlags};
use std::io;

/// The state of an upgraded connection after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpgradedState {
    Open,
    /// Output was written, and little is left: a producer that waits may go on.
    HasRoom,
    /// Both ends have closed, or the connection was aborted.
    Over,
}

impl Wire {
    /// Reads once, if there is room.
    pub(crate) fn receive_upgraded(&mut self) -> io::Result<()> {
        if !self.wants_receive() {
            return Ok(());
        }
        let Some((upgraded, tls, stream)) = self.upgraded_parts() else { return Ok(()) };
        let mut count = 0;
        let read = upgraded.fill(|room| {
            count = match tls {
                Some(tls) => tls.read(stream, room)?,
                None => rustix::net::recv(stream, room, RecvFlags::empty())?.0,
            };
            Ok(count)
        });
        // How much the socket has left under TLS is not seen from here.
        let filled = tls.is_some() || matches!(read, Ok(true));
        self.after_read(read.map(|_| count), filled, |_| false)
    }

    /// Writes the 101 if it still waits, then the output; shuts down or closes where the application has
    /// ended.
    pub(crate) fn transmit_upgraded(&mut self) -> io::Result<UpgradedState> {
        self.transmit()?;
        if self.http.pending_output() > 0 {
            return Ok(UpgradedState::Open);
        }
        let has_room = self.send_upgraded()?;
        if !self.has_sealed() {
            let Some(upgraded) = self.upgraded() else { return Ok(UpgradedState::Over) };
            if upgraded.is_over() {
                return Ok(UpgradedState::Over);
            }
            if upgraded.take_shut_down() && !self.shut_down() {
                return Ok(UpgradedState::Over);
            }
        }
        Ok(if has_room { UpgradedState::HasRoom } else { UpgradedState::Open })
    }

    /// Writes output as far as the socket takes it. True: something was written, and there is room for more.
    fn send_upgraded(&mut self) -> io::Result<bool> {
        let mut has_room = false;
        while self.may_write() {
            let Some((upgraded, tls, stream)) = self.upgraded_parts() else { break };
            if upgraded.output().is_empty() && !tls.is_some_and(Session::has_sealed) {
                break;
            }
            let sent = match tls {
                Some(tls) => {
                    let count = tls.seal(upgraded.output())?;
                    upgraded.wrote(count);
                    tls.send(stream)
                }
                None => rustix::net::send(stream, upgraded.output(), SendFlags::NOSIGNAL)
                    .map_err(io::Error::from)
                    .inspect(|count| upgraded.wrote(*count)),
            };
            match sent {
                Ok(_) => {
                    has_room = upgraded.output().len() <= OUTPUT_LOW_BYTES;
                    self.after_write(false);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.after_write(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(has_room)
    }
}
