//! The closed list of events, readiness bits, and the ids of sources and timers.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// Everything that can wake a driver.
///
/// `key` is the number that the driver gave when it registered, inserted or submitted the thing. The loop
/// never reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A source may be ready. Edge-triggered: see [`Loop::register`](crate::Loop::register).
    Ready {
        /// The key given at registration.
        key: u64,
        /// The ways in which it is ready. Several edges since the last event of this source are one event.
        readiness: Readiness,
    },
    /// A timer's deadline has passed. The timer no longer exists; its id is stale.
    Timer {
        /// The key given at insertion.
        key: u64,
        /// The id that the insertion returned.
        timer: TimerId,
    },
    /// A mailbox has messages, or had: another turn may have taken them. Take until it is empty.
    Mail {
        /// The key given when the mailbox was made.
        key: u64,
    },
    /// A blocking job ended: [`Job::take`](crate::Job::take) has its result.
    Done {
        /// The key given when the job was submitted.
        key: u64,
    },
    /// [`Waker::wake`](crate::Waker::wake) was called, once or more, since the last `Woken`.
    Woken,
}

/// The ways in which a source is ready: a small set of bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Readiness(u8);

impl Readiness {
    /// Nothing.
    pub const NONE: Readiness = Readiness(0);
    /// A read may return bytes (or a connection, for a listener).
    pub const READABLE: Readiness = Readiness(1);
    /// A write may take bytes.
    pub const WRITABLE: Readiness = Readiness(2);
    /// The peer will send no more. Bytes that it sent before can still be read.
    pub const READ_CLOSED: Readiness = Readiness(4);
    /// Writes will fail.
    pub const WRITE_CLOSED: Readiness = Readiness(8);
    /// The source has failed; the next read or write, or `take_error`, returns the error.
    pub const ERROR: Readiness = Readiness(16);

    pub(crate) fn of(event: &mio::event::Event) -> Readiness {
        Readiness(
            event.is_readable() as u8
                | (event.is_writable() as u8) << 1
                | (event.is_read_closed() as u8) << 2
                | (event.is_write_closed() as u8) << 3
                | (event.is_error() as u8) << 4,
        )
    }

    /// Whether a read may make progress.
    pub const fn is_readable(self) -> bool {
        self.0 & Self::READABLE.0 != 0
    }

    /// Whether a write may make progress.
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE.0 != 0
    }

    /// Whether the peer will send no more.
    pub const fn is_read_closed(self) -> bool {
        self.0 & Self::READ_CLOSED.0 != 0
    }

    /// Whether writes will fail.
    pub const fn is_write_closed(self) -> bool {
        self.0 & Self::WRITE_CLOSED.0 != 0
    }

    /// Whether the source has failed.
    pub const fn is_error(self) -> bool {
        self.0 & Self::ERROR.0 != 0
    }

    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every bit of `other` is set here too.
    pub const fn contains(self, other: Readiness) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) const fn intersection(self, other: Readiness) -> Readiness {
        Readiness(self.0 & other.0)
    }
}

impl BitOr for Readiness {
    type Output = Readiness;
    fn bitor(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Readiness) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["READABLE", "WRITABLE", "READ_CLOSED", "WRITE_CLOSED", "ERROR"];
        let mut first = true;
        for (bit, name) in names.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                if !first {
                    f.write_str("|")?;
                }
                first = false;
                f.write_str(name)?;
            }
        }
        if first { f.write_str("NONE") } else { Ok(()) }
    }
}

/// A registered source. Generational: the id of a deregistered source is never that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(crate) Handle);

/// An inserted timer. Generational: the id of a fired or cancelled timer is never that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub(crate) Handle);

impl TimerId {
    /// The id as a number, for storage that holds only numbers. Never zero.
    pub const fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    /// The id of a number that [`TimerId::to_bits`] returned. Any other number makes an id of no timer, or of
    /// another one.
    pub const fn from_bits(bits: u64) -> TimerId {
        TimerId(Handle::from_bits(bits))
    }
}

/// A slot of a slab and the generation of its value. Generations start at 1, so no handle is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Handle {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl Handle {
    pub(crate) const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    pub(crate) const fn from_bits(bits: u64) -> Handle {
        Handle { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}
