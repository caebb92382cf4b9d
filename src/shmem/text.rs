//! A short text that one process writes and others read.
//!
//! # Locking
//! One writer at a time, by the rules of whoever owns the text. A reader copies and looks at the
//! version before and after: odd while it is being written, another when it was written meanwhile.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

/// Times a reader tries to find it unchanged before it takes what is there.
const TRIES: usize = 100;

/// A text of at most `8 * WORDS` bytes.
#[repr(C)]
pub(crate) struct SharedText<const WORDS: usize> {
    version: AtomicU32,
    length: AtomicU32,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> SharedText<WORDS> {
    /// Writes `text`, cut at a character's boundary if it is too long.
    pub(crate) fn set(&self, text: &str) {
        let mut end = text.len().min(WORDS * 8);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let bytes = text.as_bytes().get(..end).unwrap_or_default();
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        for (word, chunk) in self.words.iter().zip(bytes.chunks(8)) {
            let mut padded = [0; 8];
            for (target, byte) in padded.iter_mut().zip(chunk) {
                *target = *byte;
            }
            word.store(u64::from_le_bytes(padded), Relaxed);
        }
        self.length.store(bytes.len() as u32, Relaxed);
        self.version.store(version.wrapping_add(2), Release);
    }

    /// Reads it.
    pub(crate) fn get(&self) -> String {
        for _ in 0..TRIES {
            let before = self.version.load(Acquire);
            let text = self.copy();
            fence(Acquire);
            if before.is_multiple_of(2) && self.version.load(Relaxed) == before {
                return text;
            }
            std::hint::spin_loop();
        }
        self.copy()
    }

    fn copy(&self) -> String {
        let length = (self.length.load(Relaxed) as usize).min(WORDS * 8);
        let bytes: Vec<u8> = (self.words.iter().take(length.div_ceil(8)))
            .flat_map(|word| word.load(Relaxed).to_le_bytes())
            .take(length)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> SharedText<2> {
        SharedText {
            version: AtomicU32::new(0),
            length: AtomicU32::new(0),
            words: [const { AtomicU64::new(0) }; 2],
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_characters_boundary() {
        let text = empty();
        text.set("0123456789abcdeä tail");
        assert_eq!(text.get(), "0123456789abcde");
        text.set("short");
        assert_eq!(text.get(), "short");
        text.set("");
        assert_eq!(text.get(), "");
    }

    #[test]
    fn a_writer_that_died_half_way_does_not_hang_its_readers() {
        let text = empty();
        text.set("before");
        text.version.fetch_add(1, Relaxed);
        assert_eq!(text.get(), "before");
    }
}
