//! A text with parameters that grows up to a limit.

#![forbid(unsafe_code)]

use super::Normalized;
use crate::capture::lexer::{is_space, is_word};

/// A text that grows up to a limit.
pub(super) struct Output {
    text: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Output {
    pub(super) fn new(room: usize, limit: usize) -> Self {
        Self {
            text: Vec::with_capacity(room.min(limit)),
            limit,
            truncated: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether something has been left out; whatever comes then is, too.
    pub(super) fn is_full(&self) -> bool {
        self.truncated
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.truncated {
            return;
        }
        let room = self.limit - self.text.len().min(self.limit);
        self.truncated = bytes.len() > room;
        let fitting = if self.truncated {
            bytes
                .get(..whole_characters(bytes, room))
                .unwrap_or_default()
        } else {
            bytes
        };
        self.text.extend_from_slice(fitting);
    }

    pub(super) fn push_parameter(&mut self, number: u32, squashed: bool) {
        const SQUASHED: &[u8] = b" /*, ... */";
        let mut digits = [b'0'; 10];
        let mut first = digits.len();
        let mut left = number;
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
            first -= 1;
            if left == 0 {
                break;
            }
        }
        let digits = digits.get(first..).unwrap_or_default();
        let mark = if squashed { SQUASHED } else { b"" };
        let length = 1 + digits.len() + mark.len();
        if self.truncated || self.text.len() + length > self.limit {
            self.truncated = true;
            return;
        }
        self.text.push(b'$');
        self.text.extend_from_slice(digits);
        self.text.extend_from_slice(mark);
    }

    /// Keeps a parameter and what begins with `next` from being read as one name.
    pub(super) fn separate_from(&mut self, next: u8) {
        if is_word(next) && self.text.last().is_some_and(|&last| is_word(last)) {
            self.push(b" ");
        }
    }

    pub(super) fn push_blank(&mut self) {
        if self.text.last().is_some_and(|&last| !is_space(last)) {
            self.push(b" ");
        }
    }

    pub(super) fn trim_end(&mut self) {
        while self.text.last().is_some_and(|&last| is_space(last)) {
            self.text.pop();
        }
    }

    pub(super) fn finish(self) -> Normalized {
        Normalized {
            text: self.text,
            truncated: self.truncated,
        }
    }
}

/// The most of the first `room` bytes that does not cut a character, if they are UTF-8.
fn whole_characters(bytes: &[u8], room: usize) -> usize {
    let kept = bytes.get(..room).unwrap_or(bytes);
    let tail = (kept.iter().rev().take(3)).take_while(|byte| (0x80..0xc0).contains(*byte));
    let tail = tail.count();
    let Some(lead) = kept.len().checked_sub(tail + 1) else {
        return kept.len();
    };
    let length = match kept.get(lead) {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 0,
    };
    if length > tail + 1 { lead } else { kept.len() }
}
