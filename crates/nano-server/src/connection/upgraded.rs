//! A connection after a 101: its application gets what the client sends, a silent client is asked whether it
//! is there, and the connection closes when both ends have. The application's isolate knows what the bytes
//! mean.

use super::connection::{Connection, Effect, Transmitted};
use super::timer::Due;
use crate::request::Response;
use crate::transport::{OUTPUT_LOW_BYTES, Upgraded, UpgradedState};
use nano_loop::Loop;

impl Connection {
    /// The next message to the application.
    pub(super) fn next_upgraded_effect(&mut self) -> Effect {
        let Some(exchange) = &self.exchange else { return Effect::None };
        let Some((instance, id)) = exchange.in_isolate() else { return Effect::None };
        if exchange.response() == Response::Over {
            return self.take_finished().map_or(Effect::None, Effect::Keep);
        }
        let mut wire = self.channel.wire();
        if exchange.take_awaited_upgraded(&mut wire) {
            return Effect::BodyReady(instance, id);
        }
        let waiting = wire.upgraded().map_or(0, |upgraded| upgraded.output().len());
        if waiting <= OUTPUT_LOW_BYTES && exchange.take_wants_room() {
            return Effect::Writable(instance, id);
        }
        Effect::None
    }

    pub(super) fn transmit_upgraded(&mut self) -> Transmitted {
        let wants_room = self.exchange.as_ref().is_some_and(|exchange| exchange.wants_room());
        match self.channel.wire().transmit_upgraded() {
            Ok(UpgradedState::Open) => Transmitted::Wait,
            Ok(UpgradedState::HasRoom) if wants_room => Transmitted::Again,
            Ok(UpgradedState::HasRoom) => Transmitted::Wait,
            Ok(UpgradedState::Over) | Err(_) => Transmitted::Close,
        }
    }

    // ---- Time ----

    pub(super) fn set_upgraded_deadline(&mut self, event_loop: &Loop) {
        let mut wire = self.channel.wire();
        // Nothing has moved: the deadline stands.
        if !wire.take_moved() && self.deadline.is_set() {
            return;
        }
        let Some(time) = wire.upgraded().map(|upgraded| upgraded.deadline()) else { return };
        self.deadline.set_within(event_loop, self.channel.place(), time);
    }

    /// Nothing has moved for long: a silent client is asked whether it is there; one that does not answer is
    /// not.
    pub(super) fn handle_upgraded_timer(&mut self) -> Due {
        let may_ping = self.exchange.as_ref().is_some_and(|exchange| exchange.is_between_writes());
        let mut wire = self.channel.wire();
        if !may_ping || wire.upgraded().is_none_or(|upgraded: &mut Upgraded| !upgraded.ping()) {
            return Due::Close;
        }
        wire.set_moved();
        Due::Drive
    }
}
