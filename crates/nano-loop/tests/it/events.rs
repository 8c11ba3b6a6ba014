//! Events of the feature `tracing`.

use nano_loop::{Capacity, Loop, Pool, PoolConfig, Wait};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Collects the messages of events.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<Vec<String>>>);

impl Visit for Messages {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

impl Subscriber for Messages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "nano_loop"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn turns_and_refusals_are_events() {
    let messages = Messages::default();
    tracing::subscriber::with_default(messages.clone(), || {
        let (event_loop, _simulation) = Loop::simulated(1);
        event_loop.poll(Wait::Now).unwrap();
        let (sender, _mailbox) = event_loop.mailbox(1, Capacity::AtMost(0));
        assert!(sender.send(()).is_err());
        let pool = Pool::new(PoolConfig { max_threads: 1, queue_limit: 0, ..PoolConfig::default() });
        let jobs: Vec<_> = (0..2).map(|key| event_loop.run_blocking(&pool, key, || ())).collect();
        assert!(jobs[1].is_err());
    });
    assert_eq!(*messages.0.lock().unwrap(), ["turn", "message refused", "job refused"]);
}
