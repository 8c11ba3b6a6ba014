//! The keys by which a worker's loop says what an event is for: one enum, and one conversion to and from the
//! loop's numbers.

use nano_runtime::RUNTIME_KEYS;

/// What an event of a worker's loop is for. Connections are named by their place in the worker's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKey {
    /// A connection's socket.
    Socket(u32),
    /// A connection's deadline.
    Deadline(u32),
    /// A step of a connection's TLS handshake, which another thread computes.
    Handshake(u32),
    /// The listening socket.
    Listener,
    /// Accepting goes on after a pause.
    AcceptRetry,
    /// Commands from other threads.
    Commands,
    /// The earliest deadline of all requests.
    RequestDeadline,
    /// The runtime's, in the runtime's own form.
    Runtime(u64),
}

/// The kind of a key is above the place of a connection.
const KIND_SHIFT: u32 = 32;

const SOCKET: u64 = 0;
const DEADLINE: u64 = 1;
const HANDSHAKE: u64 = 2;
const LISTENER: u64 = 3;
const ACCEPT_RETRY: u64 = 4;
const COMMANDS: u64 = 5;
const REQUEST_DEADLINE: u64 = 6;

const _: () =
    assert!(REQUEST_DEADLINE << KIND_SHIFT < RUNTIME_KEYS, "the runtime's keys are not the server's");

impl From<EventKey> for u64 {
    fn from(key: EventKey) -> u64 {
        let of = |kind: u64, place: u32| kind << KIND_SHIFT | u64::from(place);
        match key {
            EventKey::Socket(place) => of(SOCKET, place),
            EventKey::Deadline(place) => of(DEADLINE, place),
            EventKey::Handshake(place) => of(HANDSHAKE, place),
            EventKey::Listener => of(LISTENER, 0),
            EventKey::AcceptRetry => of(ACCEPT_RETRY, 0),
            EventKey::Commands => of(COMMANDS, 0),
            EventKey::RequestDeadline => of(REQUEST_DEADLINE, 0),
            EventKey::Runtime(key) => key,
        }
    }
}

impl EventKey {
    /// What a number of the loop names; `None` for numbers that no key has.
    #[inline]
    pub(crate) fn from_u64(key: u64) -> Option<Self> {
        if key & RUNTIME_KEYS != 0 {
            return Some(Self::Runtime(key));
        }
        let place = key as u32;
        Some(match key >> KIND_SHIFT {
            SOCKET => Self::Socket(place),
            DEADLINE => Self::Deadline(place),
            HANDSHAKE => Self::Handshake(place),
            LISTENER => Self::Listener,
            ACCEPT_RETRY => Self::AcceptRetry,
            COMMANDS => Self::Commands,
            REQUEST_DEADLINE => Self::RequestDeadline,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_number() {
        let keys = [
            EventKey::Socket(0),
            EventKey::Socket(u32::MAX),
            EventKey::Deadline(0),
            EventKey::Deadline(u32::MAX),
            EventKey::Handshake(7),
            EventKey::Listener,
            EventKey::AcceptRetry,
            EventKey::Commands,
            EventKey::RequestDeadline,
            EventKey::Runtime(RUNTIME_KEYS),
            EventKey::Runtime(u64::MAX),
        ];
        for key in keys {
            assert_eq!(EventKey::from_u64(key.into()), Some(key));
        }
        assert_eq!(EventKey::from_u64((REQUEST_DEADLINE + 1) << KIND_SHIFT), None);
    }
}
