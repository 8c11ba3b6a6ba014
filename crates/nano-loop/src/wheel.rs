//! Timers: a hierarchical wheel of eight levels of 64 slots, the finest of one millisecond, with a small heap
//! for the current millisecond. It knows no clock: callers pass the time, in nanoseconds.
//!
//! A timer lies in the level where its tick first differs from the wheel's position, in the slot of its digit
//! there (base 64). So everything in a lower level is due before anything in a higher one, the first occupied
//! slot of the lowest occupied level holds the next timer, and one bit per slot finds it: a jump of a
//! thousand years visits the slots that hold something, and no others. A timer moves down at most once per
//! level.
//!
//! When the position reaches a slot of the finest level its timers move to `near`, a heap ordered by deadline
//! and insertion. That gives an exact order and nanosecond deadlines, at the price of O(log n) in the number
//! of timers of one millisecond.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::event::Handle;

/// The width of the finest slot in nanoseconds. Deadlines are exact to the nanosecond; ticks only sort them
/// into slots.
const TICK_NS: u64 = 1_000_000;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// 2^64 nanoseconds are less than 2^45 ticks: eight levels of six bits hold every deadline.
const LEVELS: usize = 8;
const NONE: u32 = u32::MAX;

/// Timers are kept in chunks, so that growing to a million moves none of them and never copies much at once.
const CHUNK_BITS: u32 = 8;
const CHUNK: usize = 1 << CHUNK_BITS;

// Places of a timer. Below `NEAR`, a place is the index of a slot: level * 64 + digit.
const NEAR: u16 = 0x8000;
const FIRED: u16 = 0x8001;
const FREE: u16 = 0x8002;

#[derive(Clone, Copy)]
struct Timer {
    deadline: u64,
    key: u64,
    /// The number of the insertion; distinguishes a heap entry of this timer from a stale one.
    sequence: u64,
    generation: u32,
    next: u32,
    previous: u32,
    place: u16,
}

/// An entry of the heap. It is stale once its timer was cancelled, which the timer's sequence or place shows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Near {
    deadline: u64,
    sequence: u64,
    slot: u32,
}

impl Ord for Near {
    /// Reversed, since the heap returns its greatest entry first.
    fn cmp(&self, other: &Near) -> Ordering {
        (other.deadline, other.sequence).cmp(&(self.deadline, self.sequence))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Near) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Copy)]
struct Slot {
    /// The first timer of a circular list, or `NONE`.
    head: u32,
    /// No timer here is due before this. Insertion lowers it; only emptying the slot raises it.
    earliest: u64,
}

const EMPTY: Slot = Slot { head: NONE, earliest: u64::MAX };

pub(crate) struct Wheel {
    chunks: Vec<Box<[Timer; CHUNK]>>,
    /// The number of timer slots that were ever used.
    used: u32,
    free: u32,
    len: usize,
    sequence: u64,
    /// The wheel's position: every timer of this tick or before is in `near`, every later one in the levels.
    tick: u64,
    /// No timer is due before this.
    bound: u64,
    occupied: [u64; LEVELS],
    slots: Box<[Slot; LEVELS * SLOTS]>,
    near: BinaryHeap<Near>,
    stale: usize,
}

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel {
            chunks: Vec::new(),
            used: 0,
            free: NONE,
            len: 0,
            sequence: 0,
            tick: 0,
            bound: u64::MAX,
            occupied: [0; LEVELS],
            slots: Box::new([EMPTY; LEVELS * SLOTS]),
            near: BinaryHeap::new(),
            stale: 0,
        }
    }

    /// The number of timers that were inserted and neither cancelled nor delivered.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A time before which no timer is due; `u64::MAX` without timers. It is the next deadline itself unless
    /// that timer was cancelled since.
    #[inline]
    pub(crate) fn bound(&self) -> u64 {
        self.bound
    }

    pub(crate) fn insert(&mut self, deadline: u64, key: u64) -> Handle {
        let slot = self.allocate();
        let sequence = self.sequence;
        self.sequence += 1;
        let timer = self.timer_mut(slot);
        timer.deadline = deadline;
        timer.key = key;
        timer.sequence = sequence;
        let handle = Handle { slot, generation: timer.generation };
        self.place(slot, deadline, sequence);
        self.bound = self.bound.min(deadline);
        self.len += 1;
        handle
    }

    /// Removes a timer that was not delivered yet.
    pub(crate) fn cancel(&mut self, handle: Handle) -> bool {
        if handle.slot >= self.used {
            return false;
        }
        let timer = *self.timer(handle.slot);
        if timer.generation != handle.generation || timer.place == FREE {
            return false;
        }
        match timer.place {
            NEAR => {
                self.release(handle.slot);
                self.stale += 1;
                // Otherwise a driver that inserts and cancels without polling would grow the heap without
                // limit.
                if self.stale > 64 && self.stale * 2 > self.near.len() {
                    self.remove_stale();
                }
            }
            FIRED => self.release(handle.slot),
            place => {
                self.unlink(handle.slot, timer, place as usize);
                self.release(handle.slot);
            }
        }
        true
    }

    /// Fires what is due at `now`, at most `budget` timers, by deadline and then insertion. A fired timer
    /// stays known (and can be cancelled) until it is delivered.
    pub(crate) fn expire(&mut self, now: u64, budget: usize, mut fire: impl FnMut(Handle)) -> usize {
        if now < self.bound {
            return 0;
        }
        let mut fired = 0;
        loop {
            while let Some(&top) = self.near.peek() {
                if self.is_stale(top) {
                    self.near.pop();
                    self.stale -= 1;
                    continue;
                }
                if top.deadline > now {
                    break;
                }
                if fired == budget {
                    self.bound = top.deadline;
                    return fired;
                }
                self.near.pop();
                let timer = self.timer_mut(top.slot);
                timer.place = FIRED;
                fire(Handle { slot: top.slot, generation: timer.generation });
                fired += 1;
            }
            if !self.step(now / TICK_NS) {
                break;
            }
        }
        // The heap's top is not stale here, and every entry of the heap is due before every timer in the
        // levels.
        self.bound = match self.near.peek() {
            Some(top) => top.deadline,
            None => self.first().map_or(u64::MAX, |(index, _)| self.slots[index].earliest),
        };
        fired
    }

    /// Removes a fired timer for delivery and returns its key; `None` if it was cancelled after it fired.
    #[inline]
    pub(crate) fn deliver(&mut self, handle: Handle) -> Option<u64> {
        let timer = self.timer(handle.slot);
        if timer.generation != handle.generation || timer.place != FIRED {
            return None;
        }
        let key = timer.key;
        self.release(handle.slot);
        Some(key)
    }

    /// The first occupied slot and the tick at which it begins.
    #[inline]
    fn first(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|&bits| bits != 0)?;
        let digit = self.occupied[level].trailing_zeros() as u64;
        let shift = BITS * level as u32;
        let above = self.tick >> (shift + BITS) << (shift + BITS);
        Some((level * SLOTS + digit as usize, above | digit << shift))
    }

    /// Moves the position to the first occupied slot, if that begins at `until` or before, and its timers
    /// down. Otherwise moves to `until`.
    fn step(&mut self, until: u64) -> bool {
        let Some((index, start)) = self.first().filter(|&(_, start)| start <= until) else {
            // Every occupied slot begins later, so each timer keeps its level or could go lower, never
            // higher.
            self.tick = self.tick.max(until);
            return false;
        };
        self.tick = start;
        let head = self.slots[index].head;
        self.slots[index] = EMPTY;
        self.occupied[index / SLOTS] &= !(1 << (index % SLOTS));
        let mut slot = head;
        loop {
            let Timer { next, deadline, sequence, .. } = *self.timer(slot);
            self.place(slot, deadline, sequence);
            if next == head {
                return true;
            }
            slot = next;
        }
    }

    /// Puts a timer where it belongs as seen from the position.
    fn place(&mut self, slot: u32, deadline: u64, sequence: u64) {
        let tick = deadline / TICK_NS;
        if tick <= self.tick {
            self.timer_mut(slot).place = NEAR;
            self.near.push(Near { deadline, sequence, slot });
            return;
        }
        let level = (63 - (tick ^ self.tick).leading_zeros()) / BITS;
        let digit = (tick >> (level * BITS)) as usize & (SLOTS - 1);
        let index = level as usize * SLOTS + digit;
        self.occupied[level as usize] |= 1 << digit;
        let Slot { head, earliest } = &mut self.slots[index];
        *earliest = deadline.min(*earliest);
        let first = *head;
        if first == NONE {
            *head = slot;
            let timer = self.timer_mut(slot);
            (timer.next, timer.previous, timer.place) = (slot, slot, index as u16);
            return;
        }
        // At the end, so that timers of one slot reach the heap in the order of insertion, which is cheapest
        // for it.
        let last = self.timer(first).previous;
        self.timer_mut(last).next = slot;
        self.timer_mut(first).previous = slot;
        let timer = self.timer_mut(slot);
        (timer.next, timer.previous, timer.place) = (first, last, index as u16);
    }

    fn unlink(&mut self, slot: u32, timer: Timer, index: usize) {
        if timer.next == slot {
            self.slots[index] = EMPTY;
            self.occupied[index / SLOTS] &= !(1 << (index % SLOTS));
            return;
        }
        self.timer_mut(timer.previous).next = timer.next;
        self.timer_mut(timer.next).previous = timer.previous;
        if self.slots[index].head == slot {
            self.slots[index].head = timer.next;
        }
    }

    #[inline]
    fn timer(&self, slot: u32) -> &Timer {
        &self.chunks[(slot >> CHUNK_BITS) as usize][slot as usize & (CHUNK - 1)]
    }

    #[inline]
    fn timer_mut(&mut self, slot: u32) -> &mut Timer {
        &mut self.chunks[(slot >> CHUNK_BITS) as usize][slot as usize & (CHUNK - 1)]
    }

    fn allocate(&mut self) -> u32 {
        if self.free != NONE {
            let slot = self.free;
            self.free = self.timer(slot).next;
            return slot;
        }
        let slot = self.used;
        // 2^32 timers of 48 bytes are 200 GB: memory runs out first.
        assert!(slot != NONE, "2^32 timers in one loop");
        if slot as usize & (CHUNK - 1) == 0 {
            const NEW: Timer = Timer {
                deadline: 0,
                key: 0,
                sequence: 0,
                generation: 1,
                next: NONE,
                previous: NONE,
                place: FREE,
            };
            self.chunks.push(Box::new([NEW; CHUNK]));
        }
        self.used += 1;
        slot
    }

    fn release(&mut self, slot: u32) {
        self.len -= 1;
        if self.len == 0 {
            // A loop without timers then waits without a timeout, which is cheaper for the system.
            self.bound = u64::MAX;
        }
        let free = self.free;
        let timer = self.timer_mut(slot);
        timer.place = FREE;
        // A slot whose generations are used up is not reused: 48 bytes are lost every 2^32 uses.
        if timer.generation < u32::MAX {
            timer.generation += 1;
            timer.next = free;
            self.free = slot;
        }
    }

    fn is_stale(&self, near: Near) -> bool {
        let timer = self.timer(near.slot);
        timer.sequence != near.sequence || timer.place != NEAR
    }

    #[cold]
    fn remove_stale(&mut self) {
        let mut entries = std::mem::take(&mut self.near).into_vec();
        entries.retain(|&entry| !self.is_stale(entry));
        self.near = BinaryHeap::from(entries);
        self.stale = 0;
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
