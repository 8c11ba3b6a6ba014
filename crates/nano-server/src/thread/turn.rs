//! The loop of a worker: polls, handles every event, writes and logs what they have made.

use super::command::{Command, Measured, MeasuredApp};
use super::worker::{Phase, Worker};
use crate::event_key::EventKey;
use crate::heavy::{Message, Role};
use nano_loop::{Event, Wait};
use std::io;
use std::time::Duration;

/// When a reader of the log is slow, how soon to try again.
const LOG_RETRY: Duration = Duration::from_millis(100);

impl Worker {
    /// Runs until the worker is told to stop, or has drained.
    pub(crate) fn run(&self) -> io::Result<()> {
        while !self.is_done() {
            self.turn()?;
        }
        self.context.flush_log();
        Ok(())
    }

    fn is_done(&self) -> bool {
        match self.phase.get() {
            Phase::Serving => false,
            Phase::Stopped => true,
            Phase::Draining => {
                self.connections.table.borrow().is_empty()
                    && !self.runtime.is_busy()
                    && !self.pair.is_expected()
            }
        }
    }

    /// One turn of the loop: waits for events, handles them all.
    fn turn(&self) -> io::Result<()> {
        // Work for idle time is done only when there is nothing else: poll without blocking first.
        let more =
            self.acceptor.is_ready.get() || self.admits_more.take() || self.connections.wakes.len() > 0;
        let wait = match (more || self.runtime.has_idle_work(), self.log_pending.get()) {
            (true, _) => Wait::Now,
            (false, true) => Wait::AtMost(LOG_RETRY),
            (false, false) => Wait::UntilNext,
        };
        self.event_loop().poll(wait)?;
        self.context.forget_clock();
        self.context.count_finished();
        let mut handled = more;
        self.drive_woken();
        while let Some(event) = self.event_loop().next() {
            handled = true;
            self.handle(event);
            self.drive_woken();
            self.write_deferred_if_due();
        }
        if self.acceptor.is_ready.get() {
            handled = true;
            self.accept();
        }
        self.admit();
        self.write_deferred();
        self.log_pending.set(!self.context.flush_log());
        if !handled && wait == Wait::Now {
            self.runtime.idle();
        }
        Ok(())
    }

    /// Handles one event of the loop.
    pub(super) fn handle(&self, event: Event) {
        match event {
            Event::Ready { key, readiness } => match EventKey::from_u64(key) {
                Some(EventKey::Socket(place)) => self.handle_readiness(place, readiness),
                Some(EventKey::Listener) => self.acceptor.is_ready.set(true),
                _ => drop(self.runtime.handle(&event)),
            },
            Event::Timer { key, .. } => match EventKey::from_u64(key) {
                Some(EventKey::Deadline(place)) => self.handle_connection_timer(place),
                Some(EventKey::AcceptRetry) => self.acceptor.is_ready.set(true),
                Some(EventKey::RequestDeadline) => self.handle_request_deadline(),
                _ => drop(self.runtime.handle(&event)),
            },
            Event::Mail { key } => match EventKey::from_u64(key) {
                Some(EventKey::Commands) => {
                    let Some(command) = self.commands.take() else { return };
                    // One at a time: some have JavaScript run, in a slice of which the next is taken.
                    if !self.commands.is_empty() {
                        self.commands.requeue();
                    }
                    self.handle_command(command);
                }
                _ => drop(self.runtime.handle(&event)),
            },
            Event::Done { key } => match EventKey::from_u64(key) {
                Some(EventKey::Handshake(place)) => self.handle_handshake(place),
                _ => drop(self.runtime.handle(&event)),
            },
            Event::Woken => {}
        }
    }

    /// Does what another thread wants.
    fn handle_command(&self, command: Command) {
        match command {
            Command::Site(site, served) => {
                self.serve_site(site);
                let _ = served.send(());
            }
            Command::Heartbeat(heartbeat) => drop(heartbeat),
            #[cfg(debug_assertions)]
            Command::Fault => panic!("a fault for a test"),
            Command::Measure(reply) => drop(reply.send(self.measure())),
            Command::Pair(Message::Adopt(handed)) => self.adopt(*handed),
            Command::Pair(Message::Started(link)) => self.set_companion(Some(link)),
            Command::Pair(Message::Ended) => self.set_companion(None),
            Command::Drain => self.drain(),
            Command::Stop => self.phase.set(Phase::Stopped),
        }
    }

    /// Serves what clients have sent before, and nothing that they send from now on.
    fn drain(&self) {
        // Connections that wait to be accepted would be reset with the listening socket. What was sent
        // meanwhile is driven at once.
        self.accept_all();
        for channel in self.connections.channels() {
            channel.wire().expect_input();
            self.drive(&channel);
        }
        if self.phase.get() != Phase::Serving {
            return;
        }
        self.phase.set(Phase::Draining);
        self.acceptor.close(self.event_loop());
        for channel in self.connections.channels() {
            self.drain_connection(&channel);
        }
        self.pair.drain();
    }

    /// The thread ends by a fault: its clients are disconnected.
    pub(crate) fn abandon(&self) {
        self.acceptor.close(self.event_loop());
        for channel in self.connections.channels() {
            // The fault may be this connection's.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.close(&channel)));
        }
        // Its successor has a companion of its own.
        self.pair.drain();
        self.context.flush_log();
    }

    fn measure(&self) -> Measured {
        // A client of the administration may have had an answer before, and is to find it counted.
        self.event_loop().refresh_now();
        self.context.count_finished();
        let mut apps = Vec::new();
        self.apps.for_each(|app| {
            let Some(instance) = app.live() else { return };
            apps.push(MeasuredApp {
                name: app.tenant.name().to_owned(),
                heap_bytes: instance.heap_bytes(),
                external_bytes: instance.buffer_bytes(),
                in_flight: instance.exchanges(),
            });
        });
        Measured {
            worker: self.apps.thread(),
            companion: self.pair.role() == Role::Companion,
            connections: self.connections.table.borrow().len(),
            isolates: self.runtime.instances(),
            apps,
        }
    }
}
