//! The memory of a connection: one buffer for what came in, one for what goes out, and a pool for both.
//! It knows nothing of HTTP.

use crate::head::HeaderRange;

/// What the first read of an idle connection gets, in bytes: most heads fit, with a few pipelined ones.
pub(crate) const FIRST_READ: usize = 8 << 10;

/// Largest buffer that is kept for another connection.
///
/// Limit (bytes): the buffer of a large transfer should not stay.
const KEEP_BYTES: usize = 256 << 10;

/// Received bytes that are not consumed yet: `data[start..end]`.
///
/// Bytes before `floor` (a head that is still looked at) stay where they are. All of `data` is initialized,
/// so that reads into its spare part need no unsafe code; it is filled with zeros only when it grows.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    data: Vec<u8>,
    start: usize,
    end: usize,
    floor: usize,
}

impl Incoming {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Free room behind the data, which at least holds `least` bytes.
    pub(crate) fn spare(&mut self, least: usize) -> &mut [u8] {
        if self.data.len() - self.end < least {
            self.make_room(least);
        }
        &mut self.data[self.end..]
    }

    #[cold]
    fn make_room(&mut self, least: usize) {
        if self.start > self.floor {
            self.data.copy_within(self.start..self.end, self.floor);
            self.end -= self.start - self.floor;
            self.start = self.floor;
        }
        if self.data.len() - self.end < least {
            let size = (self.end + least).max(FIRST_READ).next_multiple_of(4096);
            // Doubling, so that growing byte by byte stays linear.
            self.data.resize(size.max((self.data.len() * 2).min(KEEP_BYTES)), 0);
        }
    }

    /// `n` bytes of the spare part have been filled.
    pub(crate) fn filled(&mut self, n: usize) {
        self.end = (self.end + n).min(self.data.len());
    }

    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            self.start = self.floor;
            self.end = self.floor;
        }
    }

    /// Consumes `n` bytes, which stay readable at the returned place until [`unpin`](Self::unpin).
    pub(crate) fn pin(&mut self, n: usize) -> usize {
        let at = self.start;
        self.start = (self.start + n).min(self.end);
        self.floor = self.start;
        at
    }

    #[inline]
    pub(crate) fn unpin(&mut self) {
        self.floor = 0;
        self.consume(0);
    }

    /// Bytes that were pinned.
    #[inline]
    pub(crate) fn pinned(&self, at: usize, len: usize) -> &[u8] {
        self.data.get(at..at + len).unwrap_or(&[])
    }

    pub(crate) fn has_memory(&self) -> bool {
        !self.data.is_empty()
    }
}

/// Bytes on their way out: `data[sent..]`.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) data: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data[self.sent..]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.data.len() - self.sent
    }

    pub(crate) fn wrote(&mut self, n: usize) {
        self.sent = (self.sent + n).min(self.data.len());
        if self.sent == self.data.len() {
            self.data.clear();
            self.sent = 0;
        } else if self.sent >= 64 << 10 && self.sent * 2 >= self.data.len() {
            // Half of it is gone: moving the other half costs no more than what has been sent.
            self.data.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[derive(Debug, Default)]
struct Set {
    incoming: Incoming,
    outgoing: Outgoing,
    fields: Vec<HeaderRange>,
}

/// Buffers that idle connections gave back, for the next ones that need some: one pool for each thread.
///
/// With it an idle keep-alive connection holds no buffer, and a busy one allocates none.
#[derive(Debug)]
pub struct BufferPool {
    sets: Vec<Set>,
    most: usize,
}

impl Default for BufferPool {
    fn default() -> Self {
        BufferPool::new(64)
    }
}

impl BufferPool {
    /// A pool that keeps at most `most` sets of buffers (about 10 KiB each, seldom more) and frees the rest;
    /// with 0 it keeps none, and giving to it frees.
    pub fn new(most: usize) -> BufferPool {
        BufferPool { sets: Vec::new(), most }
    }

    /// How many sets of buffers wait here.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether the pool is empty.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Memory that waits here, in bytes.
    pub fn bytes(&self) -> usize {
        self.sets
            .iter()
            .map(|s| {
                s.incoming.data.capacity()
                    + s.outgoing.data.capacity()
                    + s.fields.capacity() * size_of::<HeaderRange>()
            })
            .sum()
    }

    pub(crate) fn take(&mut self) -> Option<(Incoming, Outgoing, Vec<HeaderRange>)> {
        self.sets.pop().map(|s| (s.incoming, s.outgoing, s.fields))
    }

    pub(crate) fn give(&mut self, incoming: Incoming, outgoing: Outgoing, fields: Vec<HeaderRange>) {
        debug_assert!(incoming.is_empty() && outgoing.len() == 0);
        if self.sets.len() < self.most
            && incoming.data.len() <= KEEP_BYTES
            && outgoing.data.capacity() <= KEEP_BYTES
        {
            self.sets.push(Set { incoming, outgoing, fields });
        }
    }
}
