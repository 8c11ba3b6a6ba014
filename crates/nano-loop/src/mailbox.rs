//! Mailboxes: messages of one type from any thread to one loop. What the messages mean is their owner's affair.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Weak;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::Handle;
use crate::event_loop::Core;
use crate::shared::{Note, Shared};

/// How many messages a mailbox holds before senders are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// At most so many; zero refuses every message.
    AtMost(usize),
    /// As many as memory holds: for senders that are bounded by something else.
    Unbounded,
}

/// Why a message was not sent; it holds the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendError<T> {
    /// The mailbox holds as many messages as it may.
    Full(T),
    /// The mailbox is gone.
    Closed(T),
}

impl<T> SendError<T> {
    /// The message.
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
            SendError::Closed(_) => "the mailbox is gone",
        })
    }
}

impl<T> std::error::Error for SendError<T> {}

/// The part of a mailbox that the loop itself knows.
pub(crate) struct MailSlot {
    pub(crate) key: u64,
    /// Raised by the sender that notes the mailbox, lowered when its `Mail` event is delivered. While it is up
    /// there is a note or a queued event, and senders need not leave another.
    pub(crate) noted: Arc<AtomicBool>,
}

struct Messages<T> {
    queue: VecDeque<T>,
    closed: bool,
}

struct Letters<T> {
    messages: Mutex<Messages<T>>,
    /// Messages sent and not taken, also those that the receiver holds already.
    len: AtomicUsize,
    capacity: usize,
    noted: Arc<AtomicBool>,
    shared: Arc<Shared>,
    handle: Handle,
}

impl<T> Letters<T> {
    fn messages(&self) -> MutexGuard<'_, Messages<T>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn new<T>(
    capacity: Capacity,
    slot: Handle,
    noted: Arc<AtomicBool>,
    shared: Arc<Shared>,
    core: Weak<Core>,
) -> (Sender<T>, Mailbox<T>) {
    let shared = Arc::new(Letters {
        messages: Mutex::new(Messages { queue: VecDeque::new(), closed: false }),
        len: AtomicUsize::new(0),
        capacity: match capacity {
            Capacity::AtMost(most) => most,
            Capacity::Unbounded => usize::MAX,
        },
        noted,
        shared,
        handle: slot,
    });
    (Sender(shared.clone()), Mailbox { shared, taken: RefCell::new(VecDeque::new()), core })
}

/// The sending end of a mailbox, for any thread; cheap to clone.
pub struct Sender<T>(Arc<Letters<T>>);

impl<T> Sender<T> {
    /// Puts a message into the mailbox and has the loop deliver [`Event::Mail`](crate::Event::Mail). Never blocks
    /// for long: the lock is held to push or to swap two queues. Messages of one sender keep their order.
    ///
    /// Many sends before the driver sees the event make one event, and at most one system call.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] at the mailbox's capacity, [`SendError::Closed`] once it is dropped; both give the
    /// message back.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mailbox = &*self.0;
        {
            let mut messages = mailbox.messages();
            if messages.closed {
                return Err(SendError::Closed(message));
            }
            if mailbox.len.load(Ordering::Relaxed) >= mailbox.capacity {
                return Err(SendError::Full(message));
            }
            messages.queue.push_back(message);
            // Under the lock, so that two senders never both take the last place.
            mailbox.len.fetch_add(1, Ordering::Relaxed);
        }
        // The message is in before the flag is looked at, and the receiver lowers the flag before it looks for
        // messages: if we see it up, the receiver has yet to look.
        if !mailbox.noted.swap(true, Ordering::SeqCst) {
            mailbox.shared.post(Note::Mail(mailbox.handle));
        }
        Ok(())
    }

    /// Messages sent and not taken.
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

/// The receiving end of a mailbox; stays on the loop's thread. Dropping it drops the messages in it, and no event
/// of it is delivered any more.
pub struct Mailbox<T> {
    shared: Arc<Letters<T>>,
    /// Taken from the senders' queue all at once, so that the lock is not taken for every message.
    taken: RefCell<VecDeque<T>>,
    core: Weak<Core>,
}

impl<T> Mailbox<T> {
    /// The oldest message, or `None` if there is none now.
    ///
    /// After an [`Event::Mail`](crate::Event::Mail), take until `None`: there is no other event for messages that
    /// were there already (but see [`Mailbox::requeue`]). A message that is taken before its event comes leaves
    /// the event to find nothing.
    pub fn take(&self) -> Option<T> {
        let mut taken = self.taken.borrow_mut();
        if taken.is_empty() {
            std::mem::swap(&mut self.shared.messages().queue, &mut *taken);
        }
        let message = taken.pop_front()?;
        self.shared.len.fetch_sub(1, Ordering::Relaxed);
        Some(message)
    }

    /// Puts an [`Event::Mail`](crate::Event::Mail) of this mailbox at the end of the loop's queue (unless one is
    /// on its way): for a driver that took some messages and leaves the rest for later.
    pub fn requeue(&self) {
        if !self.shared.noted.swap(true, Ordering::SeqCst)
            && let Some(core) = self.core.upgrade()
        {
            core.queue_mail(self.shared.handle);
        }
    }

    /// Messages sent and not taken.
    pub fn len(&self) -> usize {
        self.shared.len.load(Ordering::Relaxed)
    }

    /// Whether all messages were taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        let rest = {
            let mut messages = self.shared.messages();
            messages.closed = true;
            std::mem::take(&mut messages.queue)
        };
        if let Some(core) = self.core.upgrade() {
            core.forget_mailbox(self.shared.handle);
        }
        // Without the lock: their destructors are not ours.
        drop(rest);
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("len", &self.len()).finish_non_exhaustive()
    }
}
