//! Charging CPU time to requests, and ending an instance that has used too much.

use super::Runtime;
use crate::cpu::{Owner, SAMPLE_NS};
use crate::instance::Instance;
use crate::platform::Realm;
use crate::task::Task;
use nano_isolate::Observation;
use nano_web::{ExchangeId, FailureCause};
use std::rc::Rc;
use std::time::Duration;

/// Where a run is when it is charged.
pub(super) enum At {
    /// It goes on: the request that V8 says it is for.
    Within(Option<ExchangeId>),
    /// It ends.
    End,
}

/// In whose name a task runs. One whose beginner is not known goes on in the name of who ran last, if that
/// request is under way.
pub(super) fn owner_of(task: &Task, realm: &Realm, instance: &Instance) -> Owner {
    let state = realm.platform().state();
    let known = match task {
        Task::Request(id, _) => return Owner::Request(*id),
        Task::BodyReady(id)
        | Task::Writable(id)
        | Task::ClientClosedSending(id)
        | Task::ServerClosing(id)
        | Task::ClientDisconnected(id)
        | Task::DeadlineExceeded(id) => Some(*id),
        Task::Timer(timer) => state.timer_owner(*timer),
        Task::Work(work, _) => state.work_owner(*work),
        Task::Network(..) | Task::Platform(_) | Task::Message(_) => match instance.cpu.owner.get() {
            Owner::Request(id) => Some(id),
            Owner::Nobody => None,
        },
    };
    known.filter(|id| state.is_under_way(*id)).map_or(Owner::Nobody, Owner::Request)
}

impl Runtime {
    /// Charges what the watchdog has seen of the run that is on now. `weighs`: a long one counts for the
    /// application's weight, too.
    pub(super) fn charge(
        &self,
        instance: &Instance,
        realm: &Realm,
        observed: Observation,
        at: At,
        weighs: bool,
    ) {
        let ns = self.slices.measure(observed, SAMPLE_NS);
        let counters = instance.app.counters();
        counters.cpu_us.add(ns / 1000);
        if weighs && observed.is_long() {
            counters.weight.add(Duration::from_nanos(ns));
        }
        // Where the watchdog was late, others have used part of what it has sampled.
        let ns = if observed.is_long() { ns } else { ns.min(SAMPLE_NS) };
        let state = realm.platform().state();
        let used = match (instance.cpu.owner.get(), at) {
            (_, At::Within(Some(id))) | (Owner::Request(id), At::Within(None)) => state.charge(id, ns),
            (Owner::Request(id), At::End) => match state.charge(id, ns) {
                // The request has ended with the run.
                None => return,
                used => used,
            },
            (Owner::Nobody, At::Within(None)) => None,
            // No request is known for the run: most likely one of those that are under way has caused it.
            (Owner::Nobody, At::End) => state.charge_any(ns),
        };
        if instance.cpu.is_exceeded(used, ns, self.now()) && instance.end(FailureCause::Cpu) {
            realm.heap.end_execution();
        }
    }

    /// Charges the run that an interrupt has come upon. False: it has exceeded its limit, and ends.
    pub(super) fn charge_within(&self, isolate: &mut v8::Isolate) -> bool {
        let Some(instance) = self.instance_of(isolate) else { return true };
        let Some(realm) = instance.realm() else { return true };
        let owner = realm.within(isolate, |scope, _| nano_web::entry::owner(scope));
        // Loading is done once, so a long run of it says nothing of the application's weight.
        self.charge(&instance, &realm, Observation::LONG, At::Within(owner), instance.is_ready());
        instance.ended().is_none()
    }

    /// Charges what another thread has used for the work of this number.
    pub(super) fn charge_work(&self, instance: &Rc<Instance>, work: u32, ns: u64) {
        let Some(realm) = instance.realm() else { return };
        instance.app.counters().cpu_us.add(ns / 1000);
        let used =
            realm.platform().state().work_owner(work).and_then(|id| realm.platform().state().charge(id, ns));
        if instance.cpu.is_exceeded(used, ns, self.now()) && instance.end(FailureCause::Cpu) {
            if realm.is_entered() {
                // It ends when who runs above it has returned.
                realm.heap.end_execution();
            } else {
                self.terminate(instance, FailureCause::Cpu);
            }
        }
    }
}
