//! The events of the runtime on its thread's loop, and their numbers.

use nano_loop::Event;

/// Keys of the loop's events whose top bit is set belong to the runtime; the driver has all others.
pub const RUNTIME_KEYS: u64 = 1 << 63;

/// Keys of instances have this many bits; one that is in use is passed over when they wrap.
pub(crate) const INSTANCE_KEY_BITS: u32 = 28;

/// Where the event's kind is: three bits below the top one.
const KIND_SHIFT: u32 = 60;
const KIND_MASK: u64 = 0b111 << KIND_SHIFT;

/// Where an instance's key is, above what the instance itself has numbered.
const INSTANCE_SHIFT: u32 = 32;

const _: () = assert!(INSTANCE_SHIFT + INSTANCE_KEY_BITS <= KIND_SHIFT);

/// An event of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKey {
    /// A timer of an instance's JavaScript is due, or its report of dropped log lines (number 0).
    Timer { instance: u32, timer: u32 },
    /// Work of an instance on another thread has ended.
    Work { instance: u32, work: u32 },
    /// V8 has posted tasks.
    Foreground,
    /// A task that V8 has posted for later is due; its place among those that wait.
    DelayedForeground(u32),
    /// Tasks or messages for instances have arrived.
    Messages,
    /// Instances are to be looked after: replaced versions, and those that were idle for long.
    Upkeep,
    /// The client of HTTP has an event, whose number this is.
    Network(u64),
}

impl EventKey {
    /// The base to which the client's numbers are added.
    pub(crate) const NETWORK_KEYS: u64 = RUNTIME_KEYS | 6 << KIND_SHIFT;

    /// The event's number on the loop.
    pub(crate) fn to_u64(self) -> u64 {
        let of_instance =
            |instance: u32, number: u32| u64::from(instance) << INSTANCE_SHIFT | u64::from(number);
        let (kind, rest) = match self {
            Self::Timer { instance, timer } => (0, of_instance(instance, timer)),
            Self::Work { instance, work } => (1, of_instance(instance, work)),
            Self::Foreground => (2, 0),
            Self::DelayedForeground(place) => (3, u64::from(place)),
            Self::Messages => (4, 0),
            Self::Upkeep => (5, 0),
            Self::Network(key) => return Self::NETWORK_KEYS | key,
        };
        RUNTIME_KEYS | kind << KIND_SHIFT | rest
    }

    /// The event of a number; `None`: it is none of the runtime's.
    pub(crate) fn from_u64(key: u64) -> Option<Self> {
        if key & RUNTIME_KEYS == 0 {
            return None;
        }
        let instance = (key >> INSTANCE_SHIFT) as u32 & ((1 << INSTANCE_KEY_BITS) - 1);
        Some(match (key & KIND_MASK) >> KIND_SHIFT {
            0 => Self::Timer { instance, timer: key as u32 },
            1 => Self::Work { instance, work: key as u32 },
            2 => Self::Foreground,
            3 => Self::DelayedForeground(key as u32),
            4 => Self::Messages,
            5 => Self::Upkeep,
            6 => Self::Network(key & !(RUNTIME_KEYS | KIND_MASK)),
            _ => return None,
        })
    }

    /// The runtime's part of an event of the loop.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match *event {
            Event::Ready { key, .. }
            | Event::Timer { key, .. }
            | Event::Mail { key }
            | Event::Done { key } => Self::from_u64(key),
            Event::Woken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_the_number_of_one_event() {
        let most = (1 << INSTANCE_KEY_BITS) - 1;
        let keys = [
            EventKey::Timer { instance: 1, timer: 0 },
            EventKey::Timer { instance: most, timer: u32::MAX },
            EventKey::Work { instance: most, work: u32::MAX },
            EventKey::Work { instance: 1, work: 7 },
            EventKey::Foreground,
            EventKey::DelayedForeground(0),
            EventKey::DelayedForeground(u32::MAX),
            EventKey::Messages,
            EventKey::Upkeep,
            EventKey::Network(0),
            EventKey::Network((1 << KIND_SHIFT) - 1),
        ];
        let numbers: std::collections::HashSet<u64> = keys.iter().map(|key| key.to_u64()).collect();
        assert_eq!(numbers.len(), keys.len());
        for key in keys {
            assert!(key.to_u64() & RUNTIME_KEYS != 0);
            assert_eq!(EventKey::from_u64(key.to_u64()), Some(key));
        }
        assert_eq!(EventKey::from_u64(RUNTIME_KEYS - 1), None);
        assert_eq!(EventKey::from_u64(u64::MAX), None);
    }
}
