//! Mailboxes: messages of one type from any thread to one loop.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::core::Core;
use crate::event::Handle;
use crate::shared::{Notification, Shared};
use crate::trace_event::trace_event;

/// How many messages a mailbox holds before senders are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// The mailbox holds at most this many messages; zero refuses every message.
    AtMost(usize),
    /// No limit, for senders that something else bounds.
    Unbounded,
}

/// A message was not sent; the error holds it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendError<T> {
    /// The mailbox holds as many messages as it may.
    Full(T),
    /// The mailbox was dropped.
    Closed(T),
}

impl<T> SendError<T> {
    /// Gives the message back.
    pub fn into_message(self) -> T {
        match self {
            SendError::Full(message) | SendError::Closed(message) => message,
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full(_) => "Full(..)",
            SendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full(_) => "the mailbox is full",
            SendError::Closed(_) => "the mailbox was dropped",
        })
    }
}

impl<T> std::error::Error for SendError<T> {}

struct Messages<T> {
    queue: VecDeque<T>,
    closed: bool,
}

/// The state that both ends of a mailbox share.
struct Channel<T> {
    messages: Mutex<Messages<T>>,
    /// The number of messages sent and not taken, also of those in `Mailbox::taken`.
    len: AtomicUsize,
    capacity: usize,
    /// See [`Core::add_mailbox`].
    is_notified: Arc<AtomicBool>,
    shared: Arc<Shared>,
    handle: Handle,
}

impl<T> Channel<T> {
    fn messages(&self) -> MutexGuard<'_, Messages<T>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn new<T>(core: &Rc<Core>, key: u64, capacity: Capacity) -> (Sender<T>, Mailbox<T>) {
    let (handle, is_notified) = core.add_mailbox(key);
    let channel = Arc::new(Channel {
        messages: Mutex::new(Messages { queue: VecDeque::new(), closed: false }),
        len: AtomicUsize::new(0),
        capacity: match capacity {
            Capacity::AtMost(most) => most,
            Capacity::Unbounded => usize::MAX,
        },
        is_notified,
        shared: core.shared.clone(),
        handle,
    });
    let taken = RefCell::new(VecDeque::new());
    (Sender(channel.clone()), Mailbox { channel, taken, core: Rc::downgrade(core) })
}

/// The sending end of a mailbox, for any thread; cheap to clone.
pub struct Sender<T>(Arc<Channel<T>>);

impl<T> Sender<T> {
    /// Puts a message into the mailbox; the loop delivers [`Event::Mail`](crate::Event::Mail).
    ///
    /// Never blocks for long: the lock is held to push or to swap two queues. Messages of one sender keep
    /// their order. Many sends before the driver takes the event make one event, and at most one system call.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] at the mailbox's capacity, [`SendError::Closed`] once it is dropped; both give the
    /// message back.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        let channel = &*self.0;
        {
            let mut messages = channel.messages();
            if messages.closed {
                return Err(SendError::Closed(message));
            }
            if channel.len.load(Ordering::Relaxed) >= channel.capacity {
                trace_event!(DEBUG, capacity = channel.capacity, "message refused");
                return Err(SendError::Full(message));
            }
            messages.queue.push_back(message);
            // Under the lock, so that two senders never both take the last place.
            channel.len.fetch_add(1, Ordering::Relaxed);
        }
        // The message is in the queue before the sender reads the flag, and the receiver clears the flag
        // before it takes messages. So if the flag is set, the receiver will still take this message.
        if !channel.is_notified.swap(true, Ordering::SeqCst) {
            channel.shared.notify(Notification::Mail(channel.handle));
        }
        Ok(())
    }

    /// The number of messages that were sent and not taken.
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }

    /// Whether all messages were taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The receiving end of a mailbox; it stays on the loop's thread.
///
/// Dropping it drops the messages in it, and no event of it is delivered any more.
pub struct Mailbox<T> {
    channel: Arc<Channel<T>>,
    /// Messages taken from the channel all at once, so that not every message takes the lock.
    taken: RefCell<VecDeque<T>>,
    core: Weak<Core>,
}

impl<T> Mailbox<T> {
    /// Takes the oldest message; `None` if there is none now.
    ///
    /// After an [`Event::Mail`](crate::Event::Mail), take until `None`: messages that were there already get
    /// no other event (but see [`Mailbox::requeue`]). If a message is taken before its event comes, the event
    /// finds nothing.
    pub fn take(&self) -> Option<T> {
        let mut taken = self.taken.borrow_mut();
        if taken.is_empty() {
            std::mem::swap(&mut self.channel.messages().queue, &mut *taken);
        }
        let message = taken.pop_front()?;
        self.channel.len.fetch_sub(1, Ordering::Relaxed);
        Some(message)
    }

    /// Appends an [`Event::Mail`](crate::Event::Mail) of this mailbox to the loop's queue, for a driver that
    /// took some messages and leaves the rest for later. Does nothing if one is on its way.
    pub fn requeue(&self) {
        if !self.channel.is_notified.swap(true, Ordering::SeqCst)
            && let Some(core) = self.core.upgrade()
        {
            core.queue_mail(self.channel.handle);
        }
    }

    /// The number of messages that were sent and not taken.
    pub fn len(&self) -> usize {
        self.channel.len.load(Ordering::Relaxed)
    }

    /// Whether all messages were taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        let rest = {
            let mut messages = self.channel.messages();
            messages.closed = true;
            std::mem::take(&mut messages.queue)
        };
        if let Some(core) = self.core.upgrade() {
            core.remove_mailbox(self.channel.handle);
        }
        // Without the lock: destructors of messages are foreign code.
        drop(rest);
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("len", &self.len()).finish_non_exhaustive()
    }
}
