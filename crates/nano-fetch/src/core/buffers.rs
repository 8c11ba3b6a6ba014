//! Memory that connections share: for ciphertext of the moment, and for the input of connections that become
//! active.

use super::fetch::PASS_BYTES;

/// Buffers that are kept for connections that become active.
///
/// Limit (bytes): a few transfers that are passed on, or some tens of others.
const SPARE_BYTES: usize = 4 * PASS_BYTES;

#[derive(Default)]
pub(super) struct Buffers {
    /// What one read of a connection with TLS gets.
    pub(super) scratch: Vec<u8>,
    /// Memory of input buffers that nobody uses now.
    spare: Vec<Vec<u8>>,
}

impl Buffers {
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.spare.pop()
    }

    pub(super) fn keep(&mut self, memory: Vec<u8>) {
        // What has grown beyond what is usual is not kept. There are few to be looked at.
        let kept: usize = self.spare.iter().map(Vec::len).sum();
        if memory.len() <= SPARE_BYTES / 2 && kept + memory.len() <= SPARE_BYTES {
            self.spare.push(memory);
        }
    }
}
