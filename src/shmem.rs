//! Structures shared by all processes of the server.
//!
//! One piece of the server's shared memory, asked for when the library is preloaded, of a size
//! that follows from the settings. Everything in it is atomics (or bytes behind a handle), so it
//! is used through ordinary references and safe code.
//!
//! # Locking
//! Each file of this room opens with what it locks. Nothing here ever waits.

pub(crate) mod arena;
mod bitmap;
pub(crate) mod board;
mod burial;
mod doorkeeper;
pub(crate) mod entry;
pub(crate) mod header;
mod layout;
pub(crate) mod table;
mod text;

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use arena::Arena;
use bitmap::Bitmap;
use board::Board;
use doorkeeper::Doorkeeper;
use entry::Entry;
use header::{Application, Header, Rest};
use table::Session;

use crate::pg::local::Local;
pub(crate) use layout::{Sizes, attach, bytes};

/// The shared structures.
pub(crate) struct Shared {
    pub(crate) header: &'static Header,
    pub(crate) board: &'static Board,
    heads: &'static [AtomicU32],
    locks: &'static [AtomicU32],
    entries: &'static [Entry],
    places: Bitmap,
    pub(crate) doorkeeper: Doorkeeper,
    pub(crate) arena: Arena,
    sessions: &'static [Session],
    pub(crate) rests: &'static [Rest],
    pub(crate) applications: &'static [Application],
    bytes: usize,
}

static SHARED: Local<Option<&'static Shared>> = Local::new(None);

/// The shared structures, if the library was preloaded.
#[inline]
pub(crate) fn get() -> Option<&'static Shared> {
    SHARED.get()
}

/// Makes the structures known to this process and its children.
pub(crate) fn publish(shared: &'static Shared) {
    SHARED.set(Some(shared));
}

impl Shared {
    /// How many statements there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// How many places are taken.
    pub(crate) fn used(&self) -> usize {
        self.header.places_taken.load(Relaxed)
    }

    /// How many are free.
    pub(crate) fn free(&self) -> usize {
        self.capacity().saturating_sub(self.used())
    }

    /// Bytes of shared memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a place is taken.
    #[cfg(test)]
    pub(crate) fn is_taken(&self, place: usize) -> bool {
        self.places.is_taken(place)
    }

    /// Sets the counts of everything beside the statements to zero.
    pub(crate) fn zero_beside(&self) {
        for rest in self.rests {
            rest.zero();
        }
        for application in self.applications {
            application.zero();
        }
    }

    /// Raises a flag; true if it was down.
    pub(crate) fn raise(flag: &AtomicU32) -> bool {
        flag.load(Relaxed) == 0 && flag.swap(1, Relaxed) == 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests;
