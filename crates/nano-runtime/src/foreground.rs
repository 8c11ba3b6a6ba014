//! Tasks that V8 posts to a thread from its own threads: some for now, some for later.

use crate::keys::EventKey;
use nano_isolate::ForegroundTask;
use nano_loop::{Capacity, Loop, Mailbox, Sender};
use slab::Slab;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Tasks of V8 that wait for one thread. Limit (tasks): V8 posts a handful at a time for each isolate.
const FOREGROUND_CAPACITY: usize = 1 << 16;

/// The tasks that wait for one thread.
pub(crate) struct ForegroundTasks {
    event_loop: Rc<Loop>,
    posted: Mailbox<ForegroundTask>,
    sender: Sender<ForegroundTask>,
    /// Those for later, with the key of their instance.
    delayed: RefCell<Slab<(u32, v8::Task)>>,
}

impl ForegroundTasks {
    pub(crate) fn new(event_loop: &Rc<Loop>) -> Self {
        let (sender, posted) =
            event_loop.mailbox(EventKey::Foreground.to_u64(), Capacity::AtMost(FOREGROUND_CAPACITY));
        Self { event_loop: Rc::clone(event_loop), posted, sender, delayed: RefCell::default() }
    }

    /// The isolate at this address posts its tasks here from now on.
    pub(crate) fn register(&self, isolate: usize) {
        nano_isolate::register_isolate(isolate, self.sender.clone());
    }

    /// Whether any are to run now.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.posted.is_empty()
    }

    /// The next task that was posted.
    pub(crate) fn take(&self) -> Option<ForegroundTask> {
        self.posted.take()
    }

    /// Keeps a task of an instance until its time.
    pub(crate) fn delay(&self, instance: u32, task: v8::Task, seconds: f64) {
        let place = self.delayed.borrow_mut().insert((instance, task));
        let delay = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let key = EventKey::DelayedForeground(place as u32).to_u64();
        self.event_loop.insert(self.event_loop.now() + delay, key);
    }

    /// A task whose time has come, and its instance's key.
    pub(crate) fn take_delayed(&self, place: u32) -> Option<(u32, v8::Task)> {
        self.delayed.borrow_mut().try_remove(place as usize)
    }

    /// Drops the tasks that wait for an instance's isolate, and what it posts from now on.
    pub(crate) fn unregister(&self, instance: u32, isolate: usize) {
        nano_isolate::unregister_isolate(isolate);
        self.delayed.borrow_mut().retain(|_, (key, _)| *key != instance);
    }
}
