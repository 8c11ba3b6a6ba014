//! Request ids: unique, without a lock or a system call for each.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

/// A request's id: 64 bits, shown as 16 hexadecimal digits. It tells requests apart and is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// The digits.
    pub fn to_hex(self) -> [u8; 16] {
        let mut digits = [0; 16];
        for (index, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(self.0 >> (60 - 4 * index) & 0xf) as usize];
        }
        digits
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One thread's source of request ids: a counter from a random start, run through a mixing function that maps
/// no two numbers to the same. So a thread repeats no id in 2^64 requests; two threads, or two runs, share
/// one only if their stretches of the counter overlap, which for a billion requests each has a chance of one
/// in ten billion.
#[derive(Debug, Clone)]
pub struct RequestIds {
    counter: u64,
}

impl RequestIds {
    /// A source that starts at random.
    pub fn new() -> Self {
        // The standard library's hash keys are random, and differ each time.
        RequestIds::from_seed(RandomState::new().hash_one(0u8))
    }

    /// A source that starts at `seed`: the same ids for the same seed.
    pub fn from_seed(seed: u64) -> Self {
        RequestIds { counter: seed }
    }

    /// The next id.
    pub fn next_id(&mut self) -> RequestId {
        self.counter = self.counter.wrapping_add(1);
        // Each step can be undone, so the whole is a permutation: an odd factor, and shifts by half and more.
        let mut mixed = self.counter;
        mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        RequestId(mixed ^ (mixed >> 32))
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        RequestIds::new()
    }
}
