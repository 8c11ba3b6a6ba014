//! CPU time: whose it is, and the end of who has used too much.
//!
//! No clock is read for a short run. The watchdog reads each busy worker's CPU clock when it looks, and whatever runs then is
//! charged with the time since the look before: over many short runs that comes out right. A run that is met twice is measured
//! exactly from then on, in interrupts on its own thread ([`Runtime::charge`]), and ends when its request has used what
//! [`Limits::cpu`](crate::Limits) allows. The clock stands still for a tenant while others run in its slices.
//!
//! Which request: V8 carries its id along with promises; timers, bodies and work on other threads belong to who began them. What
//! runs in nobody's name (modules being evaluated, timers of requests that are over) is charged to an allowance of the isolate,
//! which refills by [`UNOWNED_SHARE`].

use crate::instance::{Instance, Task};
use crate::realm::Realm;
use crate::runtime::Runtime;
use crate::slice::News;
use nano_loop::Moment;
use nano_web::{ExchangeId, FailureCause};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// What an isolate may use in nobody's name in the long run, as the part of a core: one in so many. At once it may use what one
/// request may. Enough for a cache that is refreshed now and then, and too little to live on.
const UNOWNED_SHARE: u32 = 10;

/// The most that one look charges a request with, in nanoseconds: the usual time between two looks. A watchdog that was late
/// must not end who happened to run then.
const SAMPLE_NS: u64 = 2_000_000;

/// What a tenant is told that has used too much.
pub(crate) const EXCEEDED: &str = "the application has exceeded its CPU time limit";

/// A thread's CPU clock, readable from other threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuClock(#[cfg(target_os = "linux")] libc::clockid_t);

#[cfg(target_os = "linux")]
impl CpuClock {
    /// The calling thread's.
    pub(crate) fn of_this_thread() -> Self {
        let mut id = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: the calling thread is alive, and `id` is written to.
        let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut id) };
        debug_assert_eq!(failed, 0, "a thread that runs has a clock");
        Self(id)
    }

    /// Nanoseconds; 0 when the thread has ended.
    pub(crate) fn read(self) -> u64 {
        read(self.0)
    }
}

#[cfg(not(target_os = "linux"))]
impl CpuClock {
    /// Where threads' clocks cannot be read from other threads, real time stands in: it counts what a thread waited, too.
    pub(crate) fn of_this_thread() -> Self {
        Self()
    }

    /// Nanoseconds.
    pub(crate) fn read(self) -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }
}

/// The calling thread's CPU time, in nanoseconds. Takes a system call.
pub(crate) fn thread_ns() -> u64 {
    read(if cfg!(target_os = "linux") { libc::CLOCK_THREAD_CPUTIME_ID } else { libc::CLOCK_MONOTONIC })
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is written to; a clock of a thread that has ended is an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return 0;
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// In whose name an isolate runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Owner {
    Nobody,
    Request(ExchangeId),
}

/// One isolate's account.
pub(crate) struct Account {
    /// CPU time of one request, in nanoseconds.
    limit: u64,
    /// Who runs, or has run last.
    pub(crate) owner: Cell<Owner>,
    /// Used in nobody's name, as of `refilled`.
    unowned: Cell<u64>,
    refilled: Cell<Moment>,
}

impl Account {
    pub(crate) fn new(limit: Option<Duration>, now: Moment) -> Self {
        let limit = limit.map_or(u64::MAX, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        Self { limit, owner: Cell::new(Owner::Nobody), unowned: Cell::new(0), refilled: Cell::new(now) }
    }

    /// Charges what was used in nobody's name; whether it is too much.
    fn charge_unowned(&self, ns: u64, now: Moment) -> bool {
        let passed = now - self.refilled.replace(now);
        let refill = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX) / u64::from(UNOWNED_SHARE);
        let used = self.unowned.get().saturating_sub(refill).saturating_add(ns);
        self.unowned.set(used);
        used > self.limit
    }
}

/// How far a thread's time has been charged.
#[derive(Default)]
pub(crate) struct Meter {
    /// The thread's clock at the last exact charge.
    last: Cell<u64>,
    /// The run that it was for.
    run: Cell<u64>,
}

impl Meter {
    /// The clock begins, or goes on after others have run.
    pub(crate) fn restart(&self, run: u64) {
        self.last.set(thread_ns());
        self.run.set(run);
    }

    /// Whether the run was measured before.
    fn is_at(&self, run: u64) -> bool {
        self.run.get() == run
    }

    /// What the run has used since it was charged last.
    fn take(&self, run: u64, seen_at: u64) -> u64 {
        let now = thread_ns();
        let last = self.last.replace(now);
        let from = if self.run.replace(run) == run { last } else { last.max(seen_at) };
        now.saturating_sub(from)
    }
}

/// Where a run is when it is charged.
pub(crate) enum At {
    /// It goes on: the request that V8 says it is for.
    Within(Option<ExchangeId>),
    /// It ends.
    End,
}

/// In whose name a task runs. One whose beginner is not known goes on in the name of who ran last, if that request is under way.
pub(crate) fn owner_of(task: &Task, realm: &Realm, instance: &Instance) -> Owner {
    let state = realm.state();
    let known = match task {
        Task::Request(id, _) => return Owner::Request(*id),
        Task::BodyReady(id)
        | Task::Writable(id)
        | Task::HungUp(id)
        | Task::GoAway(id)
        | Task::Gone(id)
        | Task::Late(id) => Some(*id),
        Task::Timer(timer) => state.timer_owner(*timer),
        Task::Work(work, _) => state.work_owner(*work),
        Task::Network(..) | Task::Platform(_) | Task::Delivery(_) => match instance.cpu.owner.get() {
            Owner::Request(id) => Some(id),
            Owner::Nobody => None,
        },
    };
    known.filter(|id| state.is_under_way(*id)).map_or(Owner::Nobody, Owner::Request)
}

impl Runtime {
    /// Charges what the watchdog has seen of the run that is on now. `weighs`: a long one counts for the application's weight, too.
    pub(crate) fn charge(&self, instance: &Instance, realm: &Realm, news: News, at: At, weighs: bool) {
        let run = self.pulse.run();
        let (sampled, seen_at) = self.pulse.take_sample();
        let ns = if self.meter.is_at(run) {
            self.meter.take(run, seen_at)
        } else if news.is_long() {
            // It began at some moment between two looks: on average in the middle.
            sampled.min(SAMPLE_NS) / 2 + self.meter.take(run, seen_at)
        } else {
            sampled
        };
        let counters = instance.app.counters();
        counters.cpu_us.add(ns / 1000);
        if weighs && news.is_long() {
            counters.weight.add(Duration::from_nanos(ns));
        }
        // Where the watchdog was late, others have used part of what it has sampled.
        let ns = if news.is_long() { ns } else { ns.min(SAMPLE_NS) };
        let state = realm.state();
        let used = match (instance.cpu.owner.get(), at) {
            (_, At::Within(Some(id))) | (Owner::Request(id), At::Within(None)) => state.charge(id, ns),
            (Owner::Request(id), At::End) => match state.charge(id, ns) {
                // The request has ended with the run.
                None => return,
                used => used,
            },
            (Owner::Nobody, At::Within(None)) => None,
            // What nobody is known for was most likely begun by one of those that are under way.
            (Owner::Nobody, At::End) => state.charge_any(ns),
        };
        let exceeded = match used {
            Some(used) => used > instance.cpu.limit,
            None => instance.cpu.charge_unowned(ns, self.now()),
        };
        if exceeded && instance.end(FailureCause::Cpu) {
            realm.heap.end_execution();
        }
    }

    /// Charges the run that an interrupt has come upon. False: it has exceeded its limit, and ends.
    pub(crate) fn charge_within(&self, isolate: &mut v8::Isolate) -> bool {
        let Some(instance) = self.instance_of(isolate) else { return true };
        let Some(realm) = instance.realm() else { return true };
        let owner = realm.owner_within(isolate);
        // What a module does when it is loaded is done once.
        self.charge(&instance, &realm, News::LONG, At::Within(owner), instance.is_ready());
        instance.ended.get().is_none()
    }

    /// Charges what another thread has used for the work of this number.
    pub(crate) fn charge_work(&self, instance: &Rc<Instance>, work: u32, ns: u64) {
        let Some(realm) = instance.realm() else { return };
        instance.app.counters().cpu_us.add(ns / 1000);
        let used = realm.state().work_owner(work).and_then(|id| realm.state().charge(id, ns));
        let exceeded = match used {
            Some(used) => used > instance.cpu.limit,
            None => instance.cpu.charge_unowned(ns, self.now()),
        };
        if exceeded && instance.end(FailureCause::Cpu) {
            if realm.is_entered() {
                // It ends when who runs above it has returned.
                realm.heap.end_execution();
            } else {
                self.terminate(instance, FailureCause::Cpu);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_clock_is_read_from_another_and_stands_still_while_it_waits() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let begun = thread_ns();
            while thread_ns() - begun < 3_000_000 {}
            sender.send((CpuClock::of_this_thread(), thread_ns())).unwrap();
            let _ = wait.recv();
        });
        let (clock, at_least) = receiver.recv().unwrap();
        let first = clock.read();
        assert!(first >= at_least && at_least >= 3_000_000, "{first} {at_least}");
        drop(done);
        thread.join().unwrap();
    }

    #[test]
    fn what_runs_in_nobodys_name_has_an_allowance_that_refills() {
        let begun = Moment::ZERO;
        let second = Duration::from_secs(1);
        let account = Account::new(Some(second), begun);
        assert!(!account.charge_unowned(1_000_000_000, begun), "as much as a request may use");
        assert!(account.charge_unowned(1, begun));
        // A tenth of the time that passes comes back.
        assert!(!account.charge_unowned(100_000_000, begun + second + second));
        assert!(account.charge_unowned(200_000_000, begun + second + second));
        let without = Account::new(None, begun);
        assert!(!without.charge_unowned(u64::MAX, begun));
    }
}
