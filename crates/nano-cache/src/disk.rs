//! The disk tier: one file without a name, written round and round. What would be overwritten is forgotten
//! first.
//!
//! Knows bytes and places, nothing of what they are.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A place in the file. It is not written to while somebody beside the ring holds it.
#[derive(Debug)]
pub(crate) struct Region {
    start: u64,
    length: u64,
    file: Arc<File>,
}

impl Region {
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.start)
    }

    /// Reads from `offset` on; how much.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = into.len().min(left);
        self.file.read_exact_at(&mut into[..count], self.start + offset)?;
        Ok(count)
    }
}

/// The file and who is where in it.
pub(crate) struct Ring {
    file: Arc<File>,
    capacity: u64,
    /// Where the next one goes.
    head: u64,
    /// In the order in which they were placed.
    regions: VecDeque<(u64, Arc<Region>)>,
}

impl Ring {
    /// Makes the file, which nobody else can open and which goes with the process.
    pub(crate) fn create(directory: &Path, capacity: u64) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = directory.join(format!(".nano-cache-{}-{number}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self { file: Arc::new(file), capacity, head: 0, regions: VecDeque::new() })
    }

    /// A place for so many bytes of the entry `id`, and the entries that had to go for it. `None` if there is
    /// none: it is too large, or what is there is being read.
    pub(crate) fn place(&mut self, id: u64, length: u64) -> Option<(Arc<Region>, Vec<u64>)> {
        if length > self.capacity {
            return None;
        }
        let start = if self.head + length > self.capacity { 0 } else { self.head };
        let end = start + length;
        let overlaps = |region: &Region| region.start < end && start < region.start + region.length;
        // A wrap leaves those behind the head, which are the oldest.
        let last = self.regions.iter().rposition(|(_, region)| overlaps(region));
        let count = last.map_or(0, |index| index + 1);
        // What is being read is held by more than the ring and its entry.
        if self.regions.iter().take(count).any(|(_, region)| Arc::strong_count(region) > 2) {
            return None;
        }
        let gone = self.regions.drain(..count).map(|(id, _)| id).collect();
        let region = Arc::new(Region { start, length, file: Arc::clone(&self.file) });
        self.regions.push_back((id, Arc::clone(&region)));
        self.head = end;
        Some((region, gone))
    }
}
