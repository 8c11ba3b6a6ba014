//! The client's events on its loop: one enum, and its one conversion to and from the numbers that the loop
//! has for them.

/// What an event of the loop is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The socket at this index is ready.
    Socket(u32),
    /// The look-up with this number has ended.
    LookUp(u32),
    /// The configuration for TLS was made.
    Tls,
    /// A deadline has passed.
    Deadline,
    /// Events wait for the owners of fetches.
    Events,
    /// The socket at this index had more than its turn allowed.
    SocketAgain(u32),
}

/// Bits of a key that tell the kind, above the 32 of an index.
const KINDS: u64 = 7 << 32;

impl Key {
    /// All bits that a key uses. The client's own prefix is in the others.
    pub(crate) const BITS: u64 = KINDS | u32::MAX as u64;

    /// As a number, without the client's prefix.
    pub(crate) const fn to_bits(self) -> u64 {
        let (kind, index) = match self {
            Key::Socket(index) => (0, index),
            Key::LookUp(number) => (1, number),
            Key::Tls => (2, 0),
            Key::Deadline => (3, 0),
            Key::Events => (4, 0),
            Key::SocketAgain(index) => (5, index),
        };
        kind << 32 | index as u64
    }

    /// The key that [`Key::to_bits`] gave the lower bits of `bits`; `None` for other numbers.
    pub(crate) const fn from_bits(bits: u64) -> Option<Key> {
        let index = bits as u32;
        match (bits & KINDS) >> 32 {
            0 => Some(Key::Socket(index)),
            1 => Some(Key::LookUp(index)),
            2 => Some(Key::Tls),
            3 => Some(Key::Deadline),
            4 => Some(Key::Events),
            5 => Some(Key::SocketAgain(index)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_were() {
        for index in [0, 1, u32::MAX] {
            for key in [
                Key::Socket(index),
                Key::LookUp(index),
                Key::Tls,
                Key::Deadline,
                Key::Events,
                Key::SocketAgain(index),
            ] {
                assert_eq!(Key::from_bits(key.to_bits() | 9 << 35), Some(key));
                assert_eq!(key.to_bits() & !Key::BITS, 0);
            }
        }
        assert_eq!(Key::from_bits(6 << 32), None);
    }
}
