//! Bytes of bounded length in bounded memory: query texts and samples.
//!
//! A value is a chain of blocks of one size, so memory does not fragment and a full arena is
//! noticed at once. A chain is written by the process that took its blocks, then published by
//! storing its handle somewhere; it does not change afterwards.
//!
//! # Locking
//! Blocks are taken and given back through a [`Bitmap`]. Who reads a chain must know by other
//! means (a pinned entry, a sample's lock) that it is not given back meanwhile.

use std::cell::UnsafeCell;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicUsize};

use super::bitmap::Bitmap;

/// Bytes of one block.
pub(crate) const BLOCK: usize = 256;
const PAYLOAD: usize = BLOCK - 4;

/// Where this process took its last block: the next one is likely to be free.
static NEAR: AtomicUsize = AtomicUsize::new(0);
/// Where it goes back to the beginning, so that it does not wander through all memory while little
/// of it is used: memory that was used lately is still in the processor's caches.
static LIMIT: AtomicUsize = AtomicUsize::new(0);
/// Blocks it took; every so many it looks anew where that is.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
const LOOK_EVERY: usize = 512;

/// One block: the number of the next one plus 1, and data.
#[repr(C)]
pub(crate) struct Block {
    next: AtomicU32,
    data: UnsafeCell<[u8; PAYLOAD]>,
}

// SAFETY: data is written by the one process that took the block, before it is published.
unsafe impl Sync for Block {}

/// A view of the blocks.
#[derive(Clone, Copy)]
pub(crate) struct Arena {
    blocks: &'static [Block],
    taken: Bitmap,
}

/// A stored value: its first block plus 1 (0: nothing) and its length.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Handle {
    pub(crate) first: u32,
    pub(crate) length: u32,
}

impl Arena {
    /// Over `blocks`, of which `taken` says which are in use.
    pub(crate) fn new(blocks: &'static [Block], taken: Bitmap) -> Self {
        Self { blocks, taken }
    }

    /// Stores `parts`, one after the other, as one value; `None` when there is no room. A process
    /// begins to look for room at `hint` and goes on where it was.
    pub(crate) fn store(&self, parts: &[&[u8]], hint: usize) -> Option<Handle> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut handle = Handle {
            first: 0,
            length: u32::try_from(length).ok()?,
        };
        // Built from the end, so that each block knows the next one when it is written.
        let mut start = length.div_ceil(PAYLOAD).saturating_sub(1) * PAYLOAD;
        loop {
            let Some(place) = self.taken.take(self.near(hint)) else {
                self.free(handle);
                return None;
            };
            NEAR.store(place, Relaxed);
            let block = self.blocks.get(place)?;
            block.next.store(handle.first, Relaxed);
            fill(block, parts, start);
            handle.first = place as u32 + 1;
            if start == 0 {
                return Some(handle);
            }
            start -= PAYLOAD;
        }
    }

    /// Where to look for a free block.
    fn near(&self, hint: usize) -> usize {
        // These are this process's own: nobody comes between load and store.
        let taken = TAKEN.load(Relaxed);
        TAKEN.store(taken + 1, Relaxed);
        if taken.is_multiple_of(LOOK_EVERY) {
            let limit = (2 * self.taken.taken() + LOOK_EVERY).min(self.blocks.len());
            LIMIT.store(limit.max(1), Relaxed);
        }
        let (near, limit) = (NEAR.load(Relaxed), LIMIT.load(Relaxed).max(1));
        match near {
            0 => hint % limit,
            near if near >= limit => 0,
            near => near,
        }
    }

    /// A copy of a value.
    pub(crate) fn read(&self, handle: Handle) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(handle.length as usize);
        let mut next = handle.first;
        while let Some(block) = self.block(next) {
            let wanted = (handle.length as usize - bytes.len()).min(PAYLOAD);
            // SAFETY: the chain is published, so nobody writes to it.
            let data = unsafe { &*block.data.get() };
            bytes.extend_from_slice(data.get(..wanted).unwrap_or_default());
            if bytes.len() >= handle.length as usize {
                break;
            }
            next = block.next.load(Relaxed);
        }
        bytes
    }

    /// Gives a value's blocks back.
    pub(crate) fn free(&self, handle: Handle) {
        let mut next = handle.first;
        // The bound holds even if the chain were damaged.
        for _ in 0..self.blocks.len() {
            let Some(block) = self.block(next) else { break };
            let place = next as usize - 1;
            next = block.next.load(Relaxed);
            self.taken.give_back(place);
        }
    }

    fn block(&self, link: u32) -> Option<&'static Block> {
        self.blocks.get((link as usize).checked_sub(1)?)
    }

    /// Bytes in use and in all.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (self.taken.taken() * BLOCK, self.blocks.len() * BLOCK)
    }
}

/// Copies what of `parts` belongs into a block that begins at `start` of their concatenation.
fn fill(block: &Block, parts: &[&[u8]], start: usize) {
    // SAFETY: the caller took the block and has not published it.
    let data = unsafe { &mut *block.data.get() };
    let (mut skip, mut filled) = (start, 0);
    for part in parts {
        let from = skip.min(part.len());
        skip -= from;
        let source = part.get(from..).unwrap_or_default();
        let count = source.len().min(PAYLOAD - filled);
        if let (Some(target), Some(source)) =
            (data.get_mut(filled..filled + count), source.get(..count))
        {
            target.copy_from_slice(source);
            filled += count;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::super::bitmap::words_for;
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicU64;

    fn arena(count: usize) -> Arena {
        let blocks: Vec<Block> = (0..count)
            .map(|_| Block {
                next: AtomicU32::new(0),
                data: UnsafeCell::new([0; PAYLOAD]),
            })
            .collect();
        let words: Vec<AtomicU64> = (0..words_for(count)).map(|_| AtomicU64::new(0)).collect();
        let taken = Bitmap::new(Box::leak(words.into_boxed_slice()), count);
        Arena::new(Box::leak(blocks.into_boxed_slice()), taken)
    }

    #[test]
    fn a_full_arena_refuses_and_keeps_nothing_of_the_refused() {
        let arena = arena(4);
        let handle = arena.store(&[&[7; 2 * PAYLOAD]], 0).unwrap();
        assert_eq!(arena.store(&[&[8; 2 * PAYLOAD + 1]], 0), None);
        assert_eq!(arena.usage(), (2 * BLOCK, 4 * BLOCK));
        arena.free(handle);
        assert_eq!(arena.usage().0, 0);
    }

    #[test]
    fn an_empty_value_has_a_place_of_its_own() {
        let arena = arena(2);
        let handle = arena.store(&[], 1).unwrap();
        assert_eq!(arena.read(handle), Vec::<u8>::new());
        assert_ne!(handle.first, 0);
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read(
            first in proptest::collection::vec(any::<u8>(), 0..900),
            second in proptest::collection::vec(any::<u8>(), 0..900),
        ) {
            let arena = arena(16);
            let handle = arena.store(&[&first, &second], 3).unwrap();
            prop_assert_eq!(arena.read(handle), [first, second].concat());
            arena.free(handle);
            prop_assert_eq!(arena.usage().0, 0);
        }
    }
}
