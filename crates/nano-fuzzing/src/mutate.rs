//! Seeds with a few bytes changed, for tests that are a short run of a fuzzer. Knows nothing of what the
//! bytes mean.

/// Numbers that look random and are the same in each run: Marsaglia's xorshift64. The state must not be 0.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number, below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Changes, removes or inserts one to four bytes.
pub fn mutate(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        if bytes.is_empty() {
            bytes.push(numbers.below(256) as u8);
            continue;
        }
        let at = numbers.below(bytes.len());
        match numbers.below(4) {
            0 => bytes[at] = numbers.below(256) as u8,
            1 => bytes[at] ^= 1 << numbers.below(8),
            2 if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, numbers.below(256) as u8),
        }
    }
    bytes
}
