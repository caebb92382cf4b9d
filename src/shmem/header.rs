//! What is counted for the whole server, and the small tables beside the statements.
//!
//! # Locking
//! Relaxed atomics; a place of a table is claimed with one atomic exchange and then filled before
//! it is marked ready.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};

use super::entry::BUCKETS;

/// Databases whose evicted statements' histogram is kept.
pub(super) const DATABASES: usize = 64;
/// Combinations of database, role and application whose slow transactions are counted.
pub(crate) const APPLICATIONS: usize = 256;
/// Bytes of an application's name, as the server cuts it (`NAMEDATALEN`).
pub(crate) const APPLICATION_NAME: usize = 64;

macro_rules! globals {
    ($($name:ident $what:literal;)*) => {
        /// What is counted for the whole server. The order is that of the saved file.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Global { $(#[doc = $what] $name,)* }

        /// How many of them there are.
        pub(crate) const GLOBALS: usize = [$(stringify!($name),)*].len();
    };
}

globals! {
    Since "when counting began, µs since 2000";
    DroppedBusy "executions not counted: another process was changing that part of the table";
    DroppedFull "executions not counted: there was no place for a new statement";
    DroppedOpen "executions not counted: too many were open at once in one session";
    TextsDropped "texts and samples not kept: their memory was full";
    Evicted "statements that gave their place to others";
    EvictedCalls "executions counted in those";
    ResetCalls "executions counted before a reset";
    HookSamples "executions whose time in hooks was measured";
    HookTime "that time, ns";
    BytesWritten "bytes written to disk";
    Saves "times the table was saved";
    LastSaved "when it was saved last, µs since 2000";
    SaveFailures "times it could not be saved";
    Heartbeat "when the housekeeper was seen last, µs since 2000";
    Sweeps "times the housekeeper looked for places to free";
    FallbackEvictions "statements evicted by sessions while the housekeeper was away";
}

/// Server-wide counters and the housekeeper's whereabouts.
#[repr(C, align(64))]
pub(crate) struct Header {
    values: [AtomicU64; GLOBALS],
    /// The housekeeper's latch, as an address valid in every process (0: none).
    pub(crate) latch: AtomicUsize,
    /// Places of the table that are taken.
    pub(crate) places_taken: AtomicUsize,
    /// Places whose statement is dying.
    pub(super) dying: AtomicUsize,
    /// Set while new statements come so fast that most are never seen again.
    pub(crate) overflowing: AtomicU32,
    /// How useful the statement was that was evicted last, as the bits of an f32.
    pub(crate) cutoff: AtomicU32,
    /// Set when the housekeeper has been asked to free places.
    pub(crate) poked: AtomicU32,
}

impl Header {
    /// A counter.
    pub(crate) fn value(&self, global: Global) -> &AtomicU64 {
        &self.values[global as usize]
    }

    /// All of them, in their order.
    pub(crate) fn values(&self) -> &[AtomicU64; GLOBALS] {
        &self.values
    }

    /// Adds to one.
    pub(crate) fn add(&self, global: Global, amount: u64) {
        self.value(global).fetch_add(amount, Relaxed);
    }

    /// Reads one.
    pub(crate) fn get(&self, global: Global) -> u64 {
        self.value(global).load(Relaxed)
    }
}

/// What evicted statements of a database leave to its percentiles.
#[repr(C)]
pub(crate) struct Rest {
    database: AtomicU32,
    pub(crate) calls: AtomicU64,
    pub(crate) total_time: AtomicU64,
    pub(crate) histogram: [AtomicU64; BUCKETS],
}

impl Rest {
    /// The place of a database, claimed if there is a free one.
    pub(crate) fn of(places: &'static [Rest], database: u32) -> Option<&'static Rest> {
        places.iter().find(|place| {
            let claimed = place
                .database
                .compare_exchange(0, database, AcqRel, Acquire);
            claimed.is_ok() || claimed == Err(database)
        })
    }

    /// Whose it is; 0 while it is free.
    pub(crate) fn database(&self) -> u32 {
        self.database.load(Relaxed)
    }

    pub(super) fn zero(&self) {
        for value in self.histogram.iter().chain([&self.calls, &self.total_time]) {
            value.store(0, Relaxed);
        }
        self.database.store(0, Release);
    }
}

/// Slow transactions of one application.
#[repr(C)]
pub(crate) struct Application {
    state: AtomicU32,
    pub(crate) database: AtomicU32,
    pub(crate) role: AtomicU32,
    name: [AtomicU64; APPLICATION_NAME / 8],
    pub(crate) warnings: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) total_time: AtomicU64,
    pub(crate) longest: AtomicU64,
    pub(crate) last: AtomicU64,
}

const EMPTY: u32 = 0;
const FILLING: u32 = 1;
const READY: u32 = 2;

impl Application {
    /// The place of an application, claimed if there is a free one, or else that of all further
    /// ones of the role, which has no name.
    pub(crate) fn of(
        places: &'static [Application],
        database: u32,
        role: u32,
        name: &[u8],
    ) -> Option<&'static Application> {
        Self::named(places, database, role, name)
            .or_else(|| Self::named(places, database, role, b""))
    }

    /// The place of an application of that name. Two sessions that come first
    /// at the same time may claim one each; readers add them up.
    fn named(
        places: &'static [Application],
        database: u32,
        role: u32,
        name: &[u8],
    ) -> Option<&'static Application> {
        let words = words(name);
        // A few places are kept for those without a name.
        let reserved = if name.is_empty() { 0 } else { places.len() / 8 };
        for place in places.iter().take(places.len() - reserved) {
            if place.state.load(Acquire) == READY && place.is(database, role, &words) {
                return Some(place);
            }
            if (place
                .state
                .compare_exchange(EMPTY, FILLING, AcqRel, Acquire))
            .is_ok()
            {
                place.database.store(database, Relaxed);
                place.role.store(role, Relaxed);
                for (target, word) in place.name.iter().zip(words) {
                    target.store(word, Relaxed);
                }
                place.state.store(READY, Release);
                return Some(place);
            }
        }
        None
    }

    fn is(&self, database: u32, role: u32, words: &[u64; APPLICATION_NAME / 8]) -> bool {
        self.database.load(Relaxed) == database
            && self.role.load(Relaxed) == role
            && self
                .name
                .iter()
                .zip(words)
                .all(|(own, word)| own.load(Relaxed) == *word)
    }

    /// Whether it is in use.
    pub(crate) fn is_ready(&self) -> bool {
        self.state.load(Acquire) == READY
    }

    /// Whether it has counted anything.
    pub(crate) fn has_counts(&self) -> bool {
        self.warnings.load(Relaxed) + self.errors.load(Relaxed) > 0
    }

    /// The application's name.
    pub(crate) fn name(&self) -> Vec<u8> {
        (self.name.iter())
            .flat_map(|word| word.load(Relaxed).to_le_bytes())
            .take_while(|byte| *byte != 0)
            .collect()
    }

    pub(super) fn zero(&self) {
        for value in [
            &self.warnings,
            &self.errors,
            &self.total_time,
            &self.longest,
            &self.last,
        ] {
            value.store(0, Relaxed);
        }
        self.state.store(EMPTY, Release);
    }
}

fn words(name: &[u8]) -> [u64; APPLICATION_NAME / 8] {
    let mut bytes = [0; APPLICATION_NAME];
    for (target, byte) in bytes.iter_mut().zip(name.iter().take(APPLICATION_NAME - 1)) {
        *target = *byte;
    }
    let mut words = [0; APPLICATION_NAME / 8];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}
