//! A slab whose handles carry a generation: the handle of a removed value never reaches the next value of its
//! slot.

use crate::event::Handle;

const NONE: u32 = u32::MAX;

struct Entry<T> {
    generation: u32,
    next_free: u32,
    value: Option<T>,
}

/// Values by handle; insert, look-up and remove are O(1). The slot that was freed last is reused first.
pub(crate) struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Slots<T> {
        Slots { entries: Vec::new(), free: NONE, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, value: T) -> Handle {
        self.len += 1;
        if self.free != NONE {
            let slot = self.free;
            let entry = &mut self.entries[slot as usize];
            self.free = entry.next_free;
            entry.value = Some(value);
            return Handle { slot, generation: entry.generation };
        }
        // Memory runs out before 2^32 values.
        let slot = self.entries.len() as u32;
        assert!(slot != NONE, "2^32 entries in one loop");
        self.entries.push(Entry { generation: 1, next_free: NONE, value: Some(value) });
        Handle { slot, generation: 1 }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        match self.entries.get_mut(handle.slot as usize) {
            Some(entry) if entry.generation == handle.generation => entry.value.as_mut(),
            _ => None,
        }
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        match self.entries.get(handle.slot as usize) {
            Some(entry) if entry.generation == handle.generation => entry.value.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Option<T> {
        let entry = self.entries.get_mut(handle.slot as usize)?;
        if entry.generation != handle.generation {
            return None;
        }
        let value = entry.value.take()?;
        self.len -= 1;
        // A slot whose generations are used up is not reused: a few bytes are lost every 2^32 uses.
        if entry.generation < u32::MAX {
            entry.generation += 1;
            entry.next_free = self.free;
            self.free = handle.slot;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_handle_reaches_nothing() {
        let mut slots = Slots::new();
        let a = slots.insert("a");
        assert_eq!(slots.remove(a), Some("a"));
        let b = slots.insert("b");
        assert_eq!(b.slot, a.slot);
        assert_eq!(slots.get(a), None);
        assert_eq!(slots.remove(a), None);
        assert_eq!(slots.get_mut(b), Some(&mut "b"));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn a_slot_out_of_generations_is_not_reused() {
        let mut slots = Slots::new();
        let first = slots.insert(0);
        slots.entries[0].generation = u32::MAX;
        let last = Handle { slot: 0, generation: u32::MAX };
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(last), Some(0));
        assert_eq!(slots.insert(1).slot, 1);
        assert_eq!(slots.get(last), None);
    }
}
