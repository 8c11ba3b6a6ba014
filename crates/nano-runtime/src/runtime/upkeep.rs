//! Closing isolates without an embedder's wish: those of replaced versions, those that were idle for long,
//! and those that make room for others under the budget that all threads share.

use super::Runtime;
use crate::instance::Instance;
use crate::keys::EventKey;
use crate::lifecycle::Retired;
use nano_isolate::Need;
use nano_web::FailureCause;
use std::rc::Rc;
use std::time::Duration;

/// How often a thread looks whether the requests of replaced versions are finished, while there are any.
const RETIRED_LOOK: Duration = Duration::from_millis(50);

/// The shortest time between two looks for idle isolates: they end by so much later than configured.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// How far the end of an instance that fills the heap has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its memory is free.
    Over,
    /// Its JavaScript is on the stack: it ends when that has returned.
    Later,
    /// All are small.
    Nobody,
}

impl Runtime {
    /// Isolates without a request for so long are closed; `None`: they stay until there is need.
    pub fn set_idle_limit(&self, after: Option<Duration>) {
        self.lifecycle.idle_after.set(after);
        self.schedule_upkeep();
    }

    /// The instance gets no new requests: it is closed when those that it has are finished, and at the latest
    /// after `patience`, when what is left fails.
    pub fn retire(&self, instance: &Rc<Instance>, patience: Duration) {
        instance.app.counters().isolates_retired.add(1);
        if is_idle(instance) {
            return self.close(instance);
        }
        // WebSockets would stay for ever. Their clients find the new version when they connect again.
        for id in instance.websocket_ids() {
            self.server_closing(instance, id);
        }
        let until = self.event_loop.now() + patience;
        self.lifecycle.retired.borrow_mut().push(Retired { instance: Rc::clone(instance), until });
        self.schedule_upkeep();
    }

    /// Instances that finish their last requests.
    pub fn retiring(&self) -> usize {
        self.lifecycle.retired.borrow().len()
    }

    /// The timer of [`schedule_upkeep`](Self::schedule_upkeep) is due: closes what has finished, and what was
    /// idle for long.
    pub(crate) fn do_upkeep(&self) {
        self.lifecycle.timer.set(None);
        let now = self.event_loop.now();
        let (mut done, mut late) = (Vec::new(), Vec::new());
        self.lifecycle.retired.borrow_mut().retain(|retired| {
            if retired.instance.is_closed() {
                return false;
            }
            if is_idle(&retired.instance) {
                done.push(Rc::clone(&retired.instance));
                return false;
            }
            if now >= retired.until {
                late.push(Rc::clone(&retired.instance));
                return false;
            }
            true
        });
        for instance in done {
            self.close(&instance);
        }
        for instance in late {
            self.close_for(
                &instance,
                FailureCause::NotLoaded,
                "the version was replaced, and its time to finish is over",
            );
        }
        if let Some(after) = self.lifecycle.idle_after.get() {
            let idle: Vec<_> = self.idle_instances(|instance| now - instance.usage.last_used.get() >= after);
            let any = !idle.is_empty();
            for instance in idle {
                instance.app.counters().isolates_evicted.add(1);
                self.close(&instance);
            }
            if any {
                // So little goes on that what is kept for buffers to come is the system's again.
                nano_arena::blocks::trim();
            }
        }
        self.publish();
        self.schedule_upkeep();
    }

    /// Sets the timer for the next look, if there is anything to look after.
    pub(crate) fn schedule_upkeep(&self) {
        let now = self.event_loop.now();
        let retired = (!self.lifecycle.retired.borrow().is_empty()).then(|| now + RETIRED_LOOK);
        let idle = match self.lifecycle.idle_after.get() {
            // Looked at twice in that time, so that one that was used meanwhile does not need a timer of its
            // own.
            Some(after) if self.instances() > 0 => Some(now + (after / 2).max(IDLE_LOOK)),
            _ => None,
        };
        let Some(due) = retired.into_iter().chain(idle).min() else { return };
        if let Some((timer, at)) = self.lifecycle.timer.get() {
            if at <= due {
                return;
            }
            self.event_loop.cancel(timer);
        }
        let timer = self.event_loop.insert(due, EventKey::Upkeep.to_u64());
        self.lifecycle.timer.set(Some((timer, due)));
    }

    /// Closes isolates, the longest idle of all threads first, until `more` bytes fit into the budget. What
    /// other threads have is closed by them, a little later.
    pub(crate) fn keep_to_budget(&self, more: usize) {
        while nano_isolate::is_over_budget(more) {
            let own = self.publish();
            if self.lifecycle.ask_older(own) {
                // One isolate is on its way out.
                return;
            }
            if !self.evict_one() {
                return;
            }
        }
    }

    /// Another thread wants room.
    pub(crate) fn make_room(&self) {
        if nano_isolate::is_over_budget(nano_isolate::ISOLATE_ESTIMATE_BYTES) {
            self.evict_one();
        }
        self.publish();
    }

    /// Tells the other threads since when this one's longest idle isolate is idle.
    fn publish(&self) -> u64 {
        let now = self.event_loop.now();
        self.lifecycle.publish(self.longest_idle().map(|instance| now - instance.usage.last_used.get()))
    }

    fn longest_idle(&self) -> Option<Rc<Instance>> {
        self.idle_instances(|_| true).into_iter().min_by_key(|instance| instance.usage.last_used.get())
    }

    /// Closes the instance that was idle for longest. False: none is idle.
    pub fn evict_one(&self) -> bool {
        self.longest_idle().is_some_and(|oldest| self.evict(&oldest))
    }

    /// An isolate is wanted: where the process's limit has no room for it, who fills the heap makes some.
    /// A small isolate is closed only if that does not help: its next request would want another isolate at
    /// once.
    pub(crate) fn find_room(&self) {
        while !nano_isolate::has_room_for_isolate(Need::Spare) {
            let found = self.evict_large_of(|_| true)
                || match self.end_largest() {
                    Ending::Over => true,
                    Ending::Later => false,
                    Ending::Nobody => self.evict_one(),
                };
            if !found {
                return;
            }
        }
    }

    /// Closes the largest idle instance but this one, if closing it helps.
    pub(crate) fn evict_large(&self, but: &Instance) -> bool {
        self.evict_large_of(|instance| instance.key != but.key)
    }

    fn evict_large_of(&self, wanted: impl Fn(&Instance) -> bool) -> bool {
        let large = self.idle_instances(|instance| instance.is_large() && wanted(instance));
        large.into_iter().max_by_key(|instance| instance.heap_bytes()).is_some_and(|large| self.evict(&large))
    }

    /// Ends the largest instance that has requests under way, if ending it helps.
    pub(crate) fn end_largest(&self) -> Ending {
        let Some((largest, realm)) =
            self.largest().and_then(|large| Some((Rc::clone(&large), large.realm()?)))
        else {
            return Ending::Nobody;
        };
        if realm.is_entered() {
            realm.heap.terminate();
            return Ending::Later;
        }
        if largest.end(FailureCause::Memory) {
            self.terminate(&largest, FailureCause::Memory);
        }
        Ending::Over
    }

    /// Closes the instance if it is idle; its next request gets another. False: it is not.
    pub fn evict(&self, instance: &Rc<Instance>) -> bool {
        if !is_idle(instance) {
            return false;
        }
        instance.app.counters().isolates_evicted.add(1);
        self.close(instance);
        true
    }

    /// The instances that no request is under way in, and that fulfil a condition.
    pub(crate) fn idle_instances(&self, wanted: impl Fn(&Instance) -> bool) -> Vec<Rc<Instance>> {
        self.instances.filter(|instance| is_idle(instance) && wanted(instance))
    }

    /// The instance that holds most, unless all are small.
    pub(crate) fn largest(&self) -> Option<Rc<Instance>> {
        let large = self.instances.filter(|instance| instance.is_large() && instance.ended().is_none());
        large.into_iter().max_by_key(|instance| instance.heap_bytes())
    }
}

/// Whether no request is under way or about to be, and no JavaScript on the stack.
pub(crate) fn is_idle(instance: &Instance) -> bool {
    !instance.usage.expects_request.get()
        && instance.exchanges() == 0
        && instance.realm().is_some_and(|realm| !realm.is_entered())
}
