//! The work of one isolate on the pool's threads: keys, long derivations.

use crate::keys::EventKey;
use crate::pools;
use nano_loop::{Job, Loop};
use nano_web::{Offloaded, Work, WorkResult};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Jobs of one isolate that run on the pool's threads at a time.
///
/// Limit (jobs): a tenant that generates keys without end leaves threads to its neighbours.
const MAX_RUNNING_WORK: usize = 2;

/// Jobs of one isolate that wait for a thread of the pool; further ones are refused.
///
/// Limit (jobs): a burst of digests fits; more would only wait.
const MAX_WAITING_WORK: usize = 1024;

/// The error of work that has waited and cannot begin.
const POOL_FULL: &str = "too much work waits for a thread";

/// The result of work, and its CPU time in nanoseconds.
pub(crate) type Measured = (WorkResult, u64);

/// The work that one isolate waits for, by number.
pub(crate) struct Works {
    event_loop: Rc<Loop>,
    running: RefCell<HashMap<u32, Job<Measured>>>,
    waiting: RefCell<VecDeque<(u32, Work)>>,
}

impl Works {
    pub(crate) fn new(event_loop: Rc<Loop>) -> Self {
        Self { event_loop, running: RefCell::default(), waiting: RefCell::default() }
    }

    /// Takes work of the instance with this key.
    pub(crate) fn offload(&self, instance: u32, id: u32, work: Work) -> Offloaded {
        if self.running.borrow().len() >= MAX_RUNNING_WORK {
            let mut waiting = self.waiting.borrow_mut();
            if waiting.len() >= MAX_WAITING_WORK {
                return Offloaded::Refused;
            }
            waiting.push_back((id, work));
            return Offloaded::Started;
        }
        if self.start(instance, id, work) { Offloaded::Started } else { Offloaded::Refused }
    }

    /// Gives work to the pool. False: it takes no more.
    fn start(&self, instance: u32, id: u32, work: Work) -> bool {
        let measured = move || {
            let begun = nano_isolate::thread_ns();
            let result = work();
            (result, nano_isolate::thread_ns().saturating_sub(begun))
        };
        let key = EventKey::Work { instance, work: id }.to_u64();
        let started = self.event_loop.run_blocking(pools::computing(), key, measured);
        started.map(|job| self.running.borrow_mut().insert(id, job)).is_ok()
    }

    /// The result of work that has ended, if it is known; and of work that waited for it and cannot begin,
    /// because the pool is full of others'. With each, the CPU time that it has taken, in nanoseconds.
    pub(crate) fn take_ended(&self, instance: u32, id: u32) -> Vec<(u32, Result<Measured, String>)> {
        let job = self.running.borrow_mut().remove(&id);
        let result = job.and_then(|job| job.take());
        let mut ended = Vec::from_iter(result.map(|result| (id, result.map_err(|panic| panic.to_string()))));
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            let Some((id, work)) = next else { return ended };
            if self.start(instance, id, work) {
                return ended;
            }
            ended.push((id, Err(POOL_FULL.to_owned())));
        }
    }

    /// Waits for none any more.
    pub(crate) fn clear(&self) {
        self.waiting.borrow_mut().clear();
        self.running.borrow_mut().clear();
    }

    /// How many are awaited.
    pub(crate) fn len(&self) -> usize {
        self.running.borrow().len() + self.waiting.borrow().len()
    }
}
