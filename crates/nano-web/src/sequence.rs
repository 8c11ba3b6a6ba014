//! A table whose entries are named by numbers in sequence: small for as long as possible, and never used twice.
//!
//! JavaScript holds such a number; below 2^30 V8 keeps it in the pointer itself, which costs no memory and no collection of garbage. Knows
//! nothing of what the entries are.

/// The room of a table that was used once. A power of two.
const FIRST_ROOM: usize = 16;

/// Entries by number. Taking in, finding and removing cost the same however many there are.
///
/// A number's place is its low bits. The next number whose place is free is given, so that what stays for long (a WebSocket) is
/// stepped over; at most half of the places are taken.
#[derive(Debug)]
pub(crate) struct Sequence<T> {
    /// As many as a power of two, or none.
    places: Vec<Option<(u64, T)>>,
    next: u64,
    live: usize,
}

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self { places: Vec::new(), next: 1, live: 0 }
    }
}

impl<T> Sequence<T> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Takes in what `make` makes of its number.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        if self.live * 2 >= self.places.len() {
            self.grow();
        }
        let mut number = self.next;
        while self.places[self.place(number)].is_some() {
            number += 1;
        }
        self.next = number + 1;
        let place = self.place(number);
        self.places[place] = Some((number, make(number)));
        self.live += 1;
        number
    }

    /// The entry with this number.
    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        match self.places.get(self.place(number))? {
            Some((of, entry)) if *of == number => Some(entry),
            _ => None,
        }
    }

    /// Removes the entry with this number.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let place = self.place(number);
        let (_, entry) = self.places.get_mut(place)?.take_if(|(of, _)| *of == number)?;
        self.live -= 1;
        Some(entry)
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten().map(|(_, entry)| entry)
    }

    fn place(&self, number: u64) -> usize {
        // Of an empty table: none, whatever the number.
        number as usize & self.places.len().wrapping_sub(1)
    }

    /// Numbers that differ in the bits that chose their places before differ in those that do now.
    fn grow(&mut self) {
        let room = (self.places.len() * 2).max(FIRST_ROOM);
        let before =
            std::mem::replace(&mut self.places, std::iter::repeat_with(|| None).take(room).collect());
        for entry in before.into_iter().flatten() {
            let place = self.place(entry.0);
            self.places[place] = Some(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;
    use std::collections::HashMap;

    #[test]
    fn numbers_count_up_while_entries_come_and_go() {
        let mut table = Sequence::default();
        for expected in 1..1000 {
            let number = table.insert_with(|number| number);
            assert_eq!(number, expected);
            assert_eq!(table.remove(number), Some(number));
        }
        assert_eq!(table.places.len(), super::FIRST_ROOM);
    }

    #[test]
    fn an_empty_table_has_nothing() {
        let mut table = Sequence::<u8>::default();
        for number in [0, 1, 7, u64::MAX] {
            assert_eq!(table.get(number), None);
            assert_eq!(table.remove(number), None);
        }
    }

    #[test]
    fn what_stays_is_stepped_over_and_no_number_comes_twice() {
        let seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = seed;
        let (mut table, mut model, mut last) = (Sequence::default(), HashMap::new(), 0);
        for step in 0..100_000_u32 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // It grows to some hundreds, shrinks, and so on.
            let grows = (step / 1000) % 2 == 0;
            if model.is_empty() || random % 100 < if grows { 60 } else { 40 } {
                let number = table.insert_with(|_| step);
                assert!(number > last, "seed {seed:x}, step {step}");
                last = number;
                model.insert(number, step);
            } else {
                let number = *model.keys().nth(random as usize % model.len().min(16)).unwrap();
                assert_eq!(table.remove(number), model.remove(&number), "seed {seed:x}, step {step}");
                assert_eq!(table.get(number), None, "seed {seed:x}, step {step}");
            }
            assert_eq!(table.len(), model.len());
            let probe = random % (last + 10);
            assert_eq!(table.get(probe), model.get(&probe), "seed {seed:x}, step {step}");
        }
        assert_eq!(table.iter().count(), model.len());
    }
}
