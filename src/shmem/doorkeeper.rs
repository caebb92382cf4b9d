//! Which statements have been seen lately, about: a Bloom filter of their hashes.
//!
//! # Locking
//! None: bits are set one by one with atomic operations and wiped word by word. A bit lost to a
//! wipe is a statement taken for new once more.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bits for each statement there is room for: more would not stay in the processor's caches.
const BITS_PER_STATEMENT: usize = 128;
/// It forgets when one bit in this many is set. About one new statement in its square is then
/// taken for one that was seen.
const FULL: usize = 8;

/// A view of its words, whose number is a power of two.
pub(crate) struct Doorkeeper {
    words: &'static [AtomicU64],
}

/// How many words it has beside a table of `statements`.
pub(super) fn words_for(statements: usize) -> usize {
    statements.next_power_of_two() * BITS_PER_STATEMENT / 64
}

impl Doorkeeper {
    pub(super) fn new(words: &'static [AtomicU64]) -> Self {
        Self { words }
    }

    /// Two words, with a bit of each.
    #[inline]
    fn places(&self, hash: u64) -> [(Option<&'static AtomicU64>, u64); 2] {
        let other = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        [hash, other].map(|bits| {
            let word = (bits >> 6) as usize & self.words.len().wrapping_sub(1);
            (self.words.get(word), 1 << (bits >> 58))
        })
    }

    /// Whether it has seen that hash.
    #[inline]
    pub(crate) fn knows(&self, hash: u64) -> bool {
        (self.places(hash).iter())
            .all(|(word, bit)| word.is_some_and(|word| word.load(Relaxed) & bit != 0))
    }

    /// Sees it; true if it had before.
    #[inline]
    pub(crate) fn sees(&self, hash: u64) -> bool {
        let mut knew = true;
        for (word, bit) in self.places(hash) {
            knew &= word.is_some_and(|word| word.fetch_or(bit, Relaxed) & bit != 0);
        }
        knew
    }

    /// How many bits are set: up to two for each statement.
    pub(crate) fn weight(&self) -> usize {
        (self.words.iter())
            .map(|word| word.load(Relaxed).count_ones() as usize)
            .sum()
    }

    /// Whether so many bits are too many.
    pub(crate) fn is_full(&self, weight: usize) -> bool {
        weight > self.words.len() * 64 / FULL
    }

    /// Forgets everything.
    pub(crate) fn forget(&self) {
        for word in self.words {
            word.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        let key = crate::shmem::entry::Key {
            query_id: number,
            ..Default::default()
        };
        key.hash()
    }

    fn doorkeeper(statements: usize) -> Doorkeeper {
        let words = (0..words_for(statements)).map(|_| AtomicU64::new(0));
        Doorkeeper::new(words.collect::<Vec<_>>().leak())
    }

    #[test]
    fn what_was_seen_is_known_until_it_forgets() {
        let door = doorkeeper(100);
        assert!((!door.knows(hash(1))) && !door.sees(hash(1)));
        assert!(door.knows(hash(1)) && door.sees(hash(1)));
        door.forget();
        assert!((!door.knows(hash(1))) && door.weight() == 0);
    }

    #[test]
    fn few_new_statements_are_taken_for_known_ones_until_it_is_full() {
        let door = doorkeeper(1000);
        let mut number = 0;
        let mut mistaken = 0;
        while !door.is_full(door.weight()) {
            mistaken += usize::from(door.sees(hash(number)));
            number += 1;
        }
        assert!(number > 8000, "full after {number}");
        assert!(mistaken * 50 < number as usize, "{mistaken} of {number}");
    }
}
