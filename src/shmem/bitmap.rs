//! Which places of a fixed number are taken.
//!
//! # Locking
//! None: one bit per place, taken and given back with a single atomic operation. A process that
//! dies holding places makes the server start over with fresh shared memory.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// A view of the words of such a map.
#[derive(Clone, Copy)]
pub(crate) struct Bitmap {
    words: &'static [AtomicU64],
    places: usize,
}

/// How many words `places` need.
pub(crate) const fn words_for(places: usize) -> usize {
    places.div_ceil(64)
}

impl Bitmap {
    /// Over the words of `places` places.
    pub(crate) fn new(words: &'static [AtomicU64], places: usize) -> Self {
        Self { words, places }
    }

    /// Takes a free place, looking from near `hint` on; `None` when all are taken.
    pub(crate) fn take(&self, hint: usize) -> Option<usize> {
        let count = self.words.len();
        let first = (hint / 64) % count.max(1);
        (first..count).chain(0..first).find_map(|number| {
            let word = self.words.get(number)?;
            self.take_in(number, word)
        })
    }

    fn take_in(&self, number: usize, word: &AtomicU64) -> Option<usize> {
        let mut seen = word.load(Relaxed);
        loop {
            let bit = (!seen).trailing_zeros() as usize;
            let place = number * 64 + bit;
            if bit == 64 || place >= self.places {
                return None;
            }
            let before = word.fetch_or(1 << bit, Acquire);
            if before & (1 << bit) == 0 {
                return Some(place);
            }
            seen = before;
        }
    }

    /// Gives a place back.
    pub(crate) fn give_back(&self, place: usize) {
        if let Some(word) = self.words.get(place / 64) {
            word.fetch_and(!(1 << (place % 64)), Release);
        }
    }

    /// Whether a place is taken.
    #[cfg(test)]
    pub(crate) fn is_taken(&self, place: usize) -> bool {
        (self.words.get(place / 64))
            .is_some_and(|word| word.load(Acquire) & (1 << (place % 64)) != 0)
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        (self.words.iter())
            .map(|word| word.load(Relaxed).count_ones() as usize)
            .sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn bitmap(places: usize) -> Bitmap {
        let words: Vec<AtomicU64> = (0..words_for(places)).map(|_| AtomicU64::new(0)).collect();
        Bitmap::new(Box::leak(words.into_boxed_slice()), places)
    }

    #[test]
    fn every_place_is_given_out_once_and_none_beyond_the_last() {
        let map = bitmap(100);
        let mut places: Vec<usize> = (0..100).map(|hint| map.take(hint * 37).unwrap()).collect();
        places.sort_unstable();
        assert_eq!(places, (0..100).collect::<Vec<_>>());
        assert_eq!(map.take(5), None);
        map.give_back(63);
        assert_eq!((map.taken(), map.take(0)), (99, Some(63)));
    }

    #[test]
    fn threads_never_share_a_place() {
        let map = bitmap(640);
        let threads: Vec<_> = (0..8)
            .map(|hint| {
                std::thread::spawn(move || {
                    (0..80)
                        .map(|_| map.take(hint * 80).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut places: Vec<usize> = threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 640);
    }
}
