//! Messages between the isolates of one application on all threads: which isolates listen to which name, and
//! the way to each thread.
//!
//! Knows V8 not at all: a message is bytes on their way. Within an isolate messages need nothing of this but
//! their tasks.

use nano_loop::Sender;
use nano_web::Message;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that is to happen in an isolate of a thread, as a task of its own.
pub(crate) struct Delivery {
    /// The key of the instance.
    pub(crate) instance: u32,
    pub(crate) content: Content,
}

/// The content of a delivery.
pub(crate) enum Content {
    /// A task that the isolate itself has asked for.
    Task,
    /// Nothing for an isolate: another thread wants the one that was idle for longest to make room.
    MakeRoom,
    /// A message for its broadcast channels of a name.
    Broadcast(Arc<[u16]>, Arc<Message>),
}

/// An isolate as the others see it.
#[derive(Clone)]
pub(crate) struct Address {
    /// Unlike any other in the process.
    id: u64,
    instance: u32,
    sender: Sender<Delivery>,
}

impl Address {
    pub(crate) fn new(instance: u32, sender: Sender<Delivery>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self { id: LAST.fetch_add(1, Ordering::Relaxed), instance, sender }
    }

    /// Has the isolate's thread deliver this, after whatever it was sent before. An isolate that is gone gets
    /// nothing.
    pub(crate) fn send(&self, content: Content) {
        // The mailbox is unbounded, and it is closed only when its thread ends.
        let _ = self.sender.send(Delivery { instance: self.instance, content });
    }
}

/// Which isolates listen to which names, in one application. Locked for the time of copying a list: messages
/// are serialized before and read after.
#[derive(Default)]
pub(crate) struct Channels(Mutex<HashMap<Arc<[u16]>, Vec<Address>>>);

impl Channels {
    fn names(&self) -> MutexGuard<'_, HashMap<Arc<[u16]>, Vec<Address>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages for the name are sent to the address, too, from now on.
    pub(crate) fn join(&self, name: &[u16], address: &Address) {
        let mut names = self.names();
        let listeners = match names.get_mut(name) {
            Some(listeners) => listeners,
            None => names.entry(name.into()).or_default(),
        };
        if !listeners.iter().any(|listener| listener.id == address.id) {
            listeners.push(address.clone());
        }
    }

    /// No more of them.
    pub(crate) fn leave(&self, name: &[u16], address: &Address) {
        let mut names = self.names();
        let Some(listeners) = names.get_mut(name) else { return };
        listeners.retain(|listener| listener.id != address.id);
        if listeners.is_empty() {
            names.remove(name);
        }
    }

    /// The isolate is gone.
    pub(crate) fn leave_all(&self, address: &Address) {
        self.names().retain(|_, listeners| {
            listeners.retain(|listener| listener.id != address.id);
            !listeners.is_empty()
        });
    }

    /// Sends a message to all who listen to the name, but not to its sender.
    pub(crate) fn post(&self, name: &[u16], from: &Address, message: &Arc<Message>) {
        // Sent while locked: two messages reach all who get both in the same order.
        let names = self.names();
        let Some((name, listeners)) = names.get_key_value(name) else { return };
        for listener in listeners {
            if listener.id != from.id {
                listener.send(Content::Broadcast(Arc::clone(name), Arc::clone(message)));
            }
        }
    }
}
