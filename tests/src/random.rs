//! Random numbers from a seed that is printed, and bytes that tell where in a stream they belong.

use std::time::{SystemTime, UNIX_EPOCH};

/// Random numbers (splitmix64), the same for the same seed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From the seed in `NANO_TEST_SEED`, else from the clock. Prints it, so that a failure can be run again.
    pub fn new(test: &str) -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64);
        let seed =
            std::env::var("NANO_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(clock);
        println!("{test}: NANO_TEST_SEED={seed}");
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }
}

fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// An endless text of bytes in which every eight differ from every other eight: what is lost, repeated or
/// moved is noticed.
#[derive(Clone, Debug)]
pub struct Pattern {
    seed: u64,
    offset: u64,
}

impl Pattern {
    /// The text of a seed, from its begin.
    pub fn new(seed: u64) -> Self {
        Self { seed, offset: 0 }
    }

    /// How much was written or checked.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills `out` with the next bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        let mut at = 0;
        while at < out.len() {
            let skip = (self.offset % 8) as usize;
            let bytes = mix(self.seed ^ (self.offset / 8)).to_le_bytes();
            let count = (8 - skip).min(out.len() - at);
            out[at..at + count].copy_from_slice(&bytes[skip..skip + count]);
            at += count;
            self.offset += count as u64;
        }
    }

    /// Whether `bytes` are the next ones.
    pub fn check(&mut self, bytes: &[u8]) -> bool {
        let mut expected = vec![0; bytes.len()];
        self.fill(&mut expected);
        expected == bytes
    }
}
