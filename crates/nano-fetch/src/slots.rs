//! A table whose places are named by generational ids: the id of something removed is never that of another.

pub(crate) struct Slots<T> {
    entries: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, value: T) -> u64 {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.entries.push((0, None));
                // 2^32 connections or fetches at the same time do not fit into memory.
                (self.entries.len() - 1) as u32
            }
        };
        let (generation, entry) = &mut self.entries[index as usize];
        *generation = generation.wrapping_add(1).max(1);
        *entry = Some(value);
        u64::from(*generation) << 32 | u64::from(index)
    }

    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        let (generation, entry) = self.entries.get(id as u32 as usize)?;
        entry.as_ref().filter(|_| u64::from(*generation) == id >> 32)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let (generation, entry) = self.entries.get_mut(id as u32 as usize)?;
        entry.as_mut().filter(|_| u64::from(*generation) == id >> 32)
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<T> {
        self.get(id)?;
        self.free.push(id as u32);
        self.entries[id as u32 as usize].1.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, (generation, entry))| {
            Some((u64::from(*generation) << 32 | index as u64, entry.as_ref()?))
        })
    }
}
