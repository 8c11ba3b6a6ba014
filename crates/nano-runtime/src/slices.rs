//! Time slices, as the rest of the runtime sees them: what runs, for how long, and when it gives way to
//! others on its thread.
//!
//! A seam. Behind it are the watchdog's pulse ([`nano_isolate::Pulse`]), the meter of long runs, and nested
//! turns of the driver's loop. May use the pulse and the clock; must not know applications.

use nano_isolate::{Interrupts, Meter, Observation, Pulse, Watched};
use nano_loop::Probe;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Depth to which slices nest on one thread. Limit (slices): each takes stack from those below.
const MAX_SLICE_DEPTH: u32 = 4;

/// Nobody else runs in a slice of a tenant that has used this much of the stack: what is left must do for
/// those above.
const SLICED_STACK_BYTES: usize = 1 << 20;

const _: () = assert!(SLICED_STACK_BYTES * 2 < nano_isolate::JAVASCRIPT_STACK_BYTES);

/// Turns the driver's loop, for at most the time given.
type Turn = Rc<dyn Fn(Duration)>;

/// The runs of one thread, watched by the watchdog.
pub(crate) struct Slices {
    pulse: Arc<Pulse>,
    meter: Meter,
    turn: RefCell<Option<Turn>>,
    depth: Cell<u32>,
    count: Cell<u64>,
    _watched: Watched,
}

impl Slices {
    /// Puts this thread under watch. `probe` tells whether the thread's loop has work; `interrupts` are
    /// called in long runs.
    pub(crate) fn new(probe: Probe, interrupts: Interrupts) -> io::Result<Self> {
        let pulse = Arc::new(Pulse::default());
        let watched = nano_isolate::watch(Arc::clone(&pulse), probe, interrupts)?;
        Ok(Self {
            pulse,
            meter: Meter::default(),
            turn: RefCell::default(),
            depth: Cell::new(0),
            count: Cell::new(0),
            _watched: watched,
        })
    }

    /// See [`Runtime::set_turn`](crate::Runtime::set_turn).
    pub(crate) fn set_turn(&self, turn: Turn) {
        *self.turn.borrow_mut() = Some(turn);
    }

    /// The run that is on, as the watchdog sees it.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// How often a tenant has given way.
    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }

    /// How many slices are on the stack.
    pub(crate) fn depth(&self) -> u32 {
        self.depth.get()
    }

    /// CPU time, in nanoseconds, that the run that is on is to be charged with since it was charged last.
    /// `sample_ns` bounds what one look of the watchdog stands for.
    pub(crate) fn measure(&self, observed: Observation, sample_ns: u64) -> u64 {
        let run = self.pulse.run();
        let (sampled, seen_at) = self.pulse.take_sample();
        if self.meter.is_at(run) {
            self.meter.take(run, seen_at)
        } else if observed.is_long() {
            // It began at some moment between two looks: on average in the middle.
            sampled.min(sample_ns) / 2 + self.meter.take(run, seen_at)
        } else {
            sampled
        }
    }

    /// Turns the driver's loop from within a running tenant, so that its neighbours are served. `stack_used`
    /// is how much of the stack is in use, in bytes; `note` is told the key of the instance that gives way.
    pub(crate) fn give_way(&self, stack_used: usize, note: impl FnOnce(u32)) {
        let Some(turn) = self.turn.borrow().clone() else { return };
        if self.depth.get() >= MAX_SLICE_DEPTH {
            return;
        }
        let hog = self.pulse.pause();
        if stack_used <= SLICED_STACK_BYTES {
            note(hog.wrapping_sub(1));
            self.depth.set(self.depth.get() + 1);
            self.count.set(self.count.get() + 1);
            // A fault in what is served meanwhile ends here; nothing may unwind through V8's frames.
            let turn = std::panic::AssertUnwindSafe(|| turn(nano_isolate::SLICE));
            if std::panic::catch_unwind(turn).is_err() {
                eprintln!("nano: a fault while serving others in a time slice; it was contained");
            }
            self.depth.set(self.depth.get() - 1);
        }
        self.pulse.resume(hog);
        self.meter.restart(self.pulse.run());
    }
}
