//! Where in the shared memory each structure lies.

use std::sync::atomic::{AtomicU32, AtomicU64};

use super::Shared;
use super::arena::{Arena, BLOCK, Block};
use super::bitmap::{Bitmap, words_for};
use super::board::Board;
use super::doorkeeper::{self, Doorkeeper};
use super::entry::Entry;
use super::header::{APPLICATIONS, Application, DATABASES, Header, Rest};
use super::table::Session;

/// Locks of the table's partitions; a power of two.
const PARTITIONS: usize = 128;

/// What the settings ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Statements.
    pub(crate) statements: usize,
    /// Bytes for texts and samples.
    pub(crate) text_bytes: usize,
    /// Sessions there can be at once.
    pub(crate) sessions: usize,
}

impl Sizes {
    fn blocks(&self) -> usize {
        self.text_bytes / BLOCK
    }

    fn heads(&self) -> usize {
        (self.statements * 2).next_power_of_two()
    }
}

/// Gives out consecutive pieces of memory, or only counts them.
struct Cursor {
    base: *mut u8,
    used: usize,
}

impl Cursor {
    /// The next `count` values of `T`.
    fn take<T>(&mut self, count: usize) -> *mut T {
        self.used = self.used.next_multiple_of(align_of::<T>());
        let at = self.base.wrapping_add(self.used).cast();
        self.used += count * size_of::<T>();
        at
    }

    /// The same as a slice of zeroed values.
    ///
    /// # Safety
    /// The memory must be there, zeroed, used for nothing else, and stay as long as the process;
    /// `T` must consist of atomics and bytes, which any bits make.
    unsafe fn slice<T>(&mut self, count: usize) -> &'static [T] {
        let at = self.take::<T>(count);
        // SAFETY: see above.
        unsafe { std::slice::from_raw_parts(at, count) }
    }
}

/// Bytes of shared memory that `sizes` need.
pub(crate) fn bytes(sizes: &Sizes) -> usize {
    let mut cursor = Cursor {
        base: std::ptr::null_mut(),
        used: 0,
    };
    cursor.take::<Header>(1);
    cursor.take::<Board>(1);
    cursor.take::<AtomicU32>(sizes.heads());
    cursor.take::<AtomicU32>(PARTITIONS);
    cursor.take::<AtomicU64>(words_for(sizes.statements));
    cursor.take::<AtomicU64>(words_for(sizes.blocks()));
    cursor.take::<AtomicU64>(doorkeeper::words_for(sizes.statements));
    cursor.take::<Session>(sizes.sessions);
    cursor.take::<Rest>(DATABASES);
    cursor.take::<Application>(APPLICATIONS);
    cursor.take::<Entry>(sizes.statements);
    cursor.take::<Block>(sizes.blocks());
    cursor.used.next_multiple_of(64)
}

/// The structures over `memory`.
///
/// # Safety
/// `memory` must be [`bytes`]`(sizes)` bytes, zeroed or laid out by the same call in another
/// process, aligned to 64 bytes, and stay for as long as the process lives.
pub(crate) unsafe fn attach(memory: *mut u8, sizes: &Sizes) -> &'static Shared {
    let mut cursor = Cursor {
        base: memory,
        used: 0,
    };
    // SAFETY: the pieces follow one another as `bytes` counted them.
    let shared = unsafe {
        let header: &'static Header = &*cursor.take::<Header>(1);
        let board: &'static Board = &*cursor.take::<Board>(1);
        let heads = cursor.slice(sizes.heads());
        let locks = cursor.slice(PARTITIONS);
        let places = Bitmap::new(cursor.slice(words_for(sizes.statements)), sizes.statements);
        let taken = Bitmap::new(cursor.slice(words_for(sizes.blocks())), sizes.blocks());
        let doorkeeper = cursor.slice(doorkeeper::words_for(sizes.statements));
        Shared {
            header,
            board,
            heads,
            locks,
            places,
            doorkeeper: Doorkeeper::new(doorkeeper),
            sessions: cursor.slice::<Session>(sizes.sessions),
            rests: cursor.slice(DATABASES),
            applications: cursor.slice(APPLICATIONS),
            entries: cursor.slice(sizes.statements),
            arena: Arena::new(cursor.slice(sizes.blocks()), taken),
            bytes: bytes(sizes),
        }
    };
    Box::leak(Box::new(shared))
}
