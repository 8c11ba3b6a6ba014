//! A turn of the loop from within an application that has run for long: its time slice is over, and its
//! neighbours are served.

use super::worker::Worker;
use nano_loop::Wait;
use std::time::Duration;

/// Events handled in a time slice between two looks at the clock.
const EVENTS_PER_LOOK: usize = 4;

impl Worker {
    /// Turns the loop for at most `time`.
    pub(super) fn nested_turn(&self, time: Duration) {
        self.write_deferred();
        self.turn_within(time);
        self.write_deferred();
    }

    fn turn_within(&self, time: Duration) {
        let event_loop = self.event_loop();
        let until = event_loop.refresh_now() + time;
        loop {
            // An error of the selector comes again in the outer turn, which can return it.
            let polled = event_loop.poll(Wait::Now).is_ok();
            let mut handled = 0;
            while let Some(event) = event_loop.next() {
                self.handle(event);
                self.drive_woken();
                handled += 1;
                if handled % EVENTS_PER_LOOK == 0 && event_loop.refresh_now() >= until {
                    return;
                }
            }
            if self.acceptor.is_ready.get() {
                handled += 1;
                self.accept();
            }
            self.admit();
            if !polled || handled == 0 || event_loop.refresh_now() >= until {
                return;
            }
        }
    }
}
