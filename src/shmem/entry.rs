//! One statement's place in shared memory.
//!
//! # Locking
//! Identity (`key`, `hash`, `next`) is written under the lock of the entry's partition, before
//! `state` becomes [`LIVE`]. Everything else is relaxed atomics, changed only while the entry is
//! pinned (see `table.rs`); `samples` are exchanged under `sample_lock`, which is only ever tried.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::arena::Handle;

/// Buckets of a histogram; `capture/histogram.rs` says what they mean.
pub(crate) const BUCKETS: usize = 256;
/// Relations remembered of a statement.
pub(crate) const RELATIONS: usize = 12;
/// Samples kept of a statement: the slowest, the latest, and a reservoir of two.
pub(crate) const SAMPLES: usize = 4;

/// Not in use.
pub(crate) const FREE: u32 = 0;
/// In use, to be found and pinned.
pub(crate) const LIVE: u32 = 1;
/// Not to be found any more; becomes free when nobody has it pinned.
pub(crate) const DYING: u32 = 2;

/// The statement is a utility command.
pub(crate) const UTILITY: u32 = 1;
/// The text is longer than `pgopt.max_query_length`; only its beginning is kept.
pub(crate) const TRUNCATED: u32 = 2;
/// The text stands for statements that failed before they could be told apart.
pub(crate) const UNIDENTIFIED: u32 = 4;
/// An execution found no text that could be kept; only a fresh parse will.
pub(crate) const TEXTLESS: u32 = 16;
/// More relations are touched than are remembered.
pub(crate) const MORE_RELATIONS: u32 = 8;

macro_rules! counters {
    ($($name:ident $what:literal;)*) => {
        /// What is counted per statement. The order is that of the saved file; the first eight,
        /// by which statements are ranked, share a cache line.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Counter { $(#[doc = $what] $name,)* }

        /// How many counters there are.
        pub(crate) const COUNTERS: usize = [$(stringify!($name),)*].len();
    };
}

counters! {
    Calls "executions that came to their end";
    Errors "executions that failed";
    TotalTime "time of executions, ns";
    TotalPlanTime "time of planning, ns";
    ErrorTime "time of executions that failed, ns";
    FirstSeen "when counting began, µs since 2000";
    LastSeen "when the latest counted execution began, µs since 2000";
    Rows "rows retrieved or affected";
    SquareLow "sum of the squares of execution times in ns², low 64 bits";
    SquareHigh "the same, high 64 bits";
    MaxTime "longest execution, ns";
    MinTimeInverse "shortest execution, as u64::MAX - ns so that nothing is the smallest";
    SharedHit "shared blocks hit";
    SharedRead "shared blocks read";
    SharedDirtied "shared blocks dirtied";
    SharedWritten "shared blocks written";
    LocalHit "local blocks hit";
    LocalRead "local blocks read";
    LocalDirtied "local blocks dirtied";
    LocalWritten "local blocks written";
    TempRead "temporary blocks read";
    TempWritten "temporary blocks written";
    ReadTime "time reading shared and local blocks, ns";
    WriteTime "time writing shared and local blocks, ns";
    TempReadTime "time reading temporary blocks, ns";
    TempWriteTime "time writing temporary blocks, ns";
    WalRecords "WAL records";
    WalFpi "WAL full page images";
    WalBytes "WAL bytes";
    Plans "times planned";
    PlanSquareLow "as for executions";
    PlanSquareHigh "as for executions";
    MaxPlanTime "longest planning, ns";
    MinPlanTimeInverse "shortest planning, as for executions";
    JitFunctions "functions compiled";
    JitGenerationTime "ns";
    JitInliningTime "ns";
    JitOptimizationTime "ns";
    JitEmissionTime "ns";
    ParallelPlanned "parallel workers planned";
    ParallelLaunched "parallel workers launched";
    Cancelled "of those, cancelled by a user or an administrator";
    TimedOut "of those, ended by statement_timeout, lock_timeout or another timeout";
    LastError "when one failed last, µs since 2000";
    LastSqlstate "its packed SQLSTATE";
    RepeatTransactions "transactions that ran it pgopt.n_plus_one_threshold times or more";
    RepeatCalls "executions in those";
    RepeatTime "time of those, ns";
    WorstRepeat "most executions in one transaction";
}

/// Classes of errors that are counted apart; the last takes all others.
pub(crate) const ERROR_CLASSES: [&str; 14] = [
    "08", "21", "22", "23", "25", "40", "42", "53", "54", "55", "57", "P0", "XX", "other",
];

/// What tells statements apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Key {
    pub(crate) database: u32,
    pub(crate) role: u32,
    pub(crate) query_id: u64,
    pub(crate) top_level: bool,
}

impl Key {
    /// A well-mixed hash: the query id is one already, the rest is stirred in.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        let rest =
            (u64::from(self.database) << 32 | u64::from(self.role)) ^ u64::from(self.top_level);
        let mixed = (self.query_id ^ rest.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_mul(0xD6E8_FEB8_6659_FD93);
        mixed ^ (mixed >> 32)
    }
}

/// A sample's place.
#[repr(C)]
pub(crate) struct SamplePlace {
    first: AtomicU32,
    length: AtomicU32,
    pub(crate) duration: AtomicU64,
    pub(crate) at: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) plan_rows: AtomicU64,
}

impl SamplePlace {
    /// Where the values are stored.
    pub(crate) fn handle(&self) -> Handle {
        Handle {
            first: self.first.load(Relaxed),
            length: self.length.load(Relaxed),
        }
    }

    /// Forgets it; the caller has freed the values.
    pub(super) fn clear(&self) {
        self.set_handle(Handle::default());
        for value in [&self.duration, &self.at, &self.rows, &self.plan_rows] {
            value.store(0, Relaxed);
        }
    }

    /// Becomes the sample that `other` was, which keeps nothing.
    pub(crate) fn take_over(&self, other: &Self) {
        self.set_handle(other.handle());
        other.set_handle(Handle::default());
        for (own, others) in [
            (&self.duration, &other.duration),
            (&self.at, &other.at),
            (&self.rows, &other.rows),
            (&self.plan_rows, &other.plan_rows),
        ] {
            own.store(others.load(Relaxed), Relaxed);
        }
    }

    /// Stores them elsewhere; the caller holds the lock and frees what was there.
    pub(crate) fn set_handle(&self, handle: Handle) {
        self.first.store(handle.first, Relaxed);
        self.length.store(handle.length, Relaxed);
    }
}

/// A statement's place.
#[repr(C, align(64))]
pub(crate) struct Entry {
    pub(super) state: AtomicU32,
    pub(super) next: AtomicU32,
    pub(super) hash: AtomicU64,
    database: AtomicU32,
    role: AtomicU32,
    query_id: AtomicU64,
    top_level: AtomicU32,
    pub(crate) flags: AtomicU32,
    pub(crate) encoding: AtomicU32,
    pub(super) text: AtomicU32,
    text_length: AtomicU32,
    path_length: AtomicU32,
    pub(super) sample_lock: AtomicU32,
    /// Which cache lines of the histogram have counts, one bit each: the others need not be
    /// touched to be read or wiped.
    histogram_lines: AtomicU32,
    counters: [AtomicU64; COUNTERS],
    pub(crate) classes: [AtomicU32; ERROR_CLASSES.len()],
    pub(crate) relations: [AtomicU32; RELATIONS],
    pub(crate) samples: [SamplePlace; SAMPLES],
    histogram: [AtomicU32; BUCKETS],
}

/// Buckets in a cache line.
const LINE: usize = 16;

impl Entry {
    /// A counter.
    #[inline]
    pub(crate) fn counter(&self, counter: Counter) -> &AtomicU64 {
        // The array has a place for each variant, so this is never out of bounds.
        &self.counters[counter as usize]
    }

    /// The value of a counter.
    #[inline]
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.counter(counter).load(Relaxed)
    }

    /// Adds to a counter, which most executions leave alone.
    #[inline]
    pub(crate) fn add(&self, counter: Counter, amount: u64) {
        if amount != 0 {
            self.counter(counter).fetch_add(amount, Relaxed);
        }
    }

    /// Raises a counter to `value` if it is less.
    #[inline]
    pub(crate) fn raise(&self, counter: Counter, value: u64) {
        let place = self.counter(counter);
        if place.load(Relaxed) < value {
            place.fetch_max(value, Relaxed);
        }
    }

    /// Replaces a mark.
    #[inline]
    pub(crate) fn mark(&self, counter: Counter, value: u64) {
        self.counter(counter).store(value, Relaxed);
    }

    /// All counters, in their order.
    pub(crate) fn counters(&self) -> &[AtomicU64; COUNTERS] {
        &self.counters
    }

    /// Adds `count` to a bucket of the histogram; returns what was there.
    #[inline]
    pub(crate) fn add_to_bucket(&self, bucket: usize, count: u32) -> u32 {
        let line = 1 << (bucket / LINE);
        if self.histogram_lines.load(Relaxed) & line == 0 {
            self.histogram_lines.fetch_or(line, Relaxed);
        }
        (self.histogram.get(bucket)).map_or(0, |place| place.fetch_add(count, Relaxed))
    }

    /// The buckets that may have counts, with their numbers.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (usize, &AtomicU32)> {
        let lines = self.histogram_lines.load(Relaxed);
        (self.histogram.chunks(LINE).enumerate())
            .filter(move |(line, _)| lines & (1 << line) != 0)
            .flat_map(|(line, buckets)| (line * LINE..).zip(buckets))
    }

    /// What it is an entry of.
    pub(crate) fn key(&self) -> Key {
        Key {
            database: self.database.load(Relaxed),
            role: self.role.load(Relaxed),
            query_id: self.query_id.load(Relaxed),
            top_level: self.top_level.load(Relaxed) != 0,
        }
    }

    pub(super) fn set_key(&self, key: &Key) {
        self.database.store(key.database, Relaxed);
        self.role.store(key.role, Relaxed);
        self.query_id.store(key.query_id, Relaxed);
        self.top_level.store(u32::from(key.top_level), Relaxed);
    }

    #[inline]
    pub(super) fn is(&self, hash: u64, key: &Key) -> bool {
        self.hash.load(Relaxed) == hash && self.key() == *key
    }

    /// Where text and `search_path`, one behind the other, are stored, and the text's length.
    pub(crate) fn text_handle(&self) -> (Handle, u32) {
        let first = self.text.load(Acquire);
        let text = self.text_length.load(Relaxed);
        let path = self.path_length.load(Relaxed);
        let length = if first == 0 { 0 } else { text + path };
        (Handle { first, length }, text)
    }

    /// Publishes a text if there is none; false if there is, and the caller keeps the handle.
    /// The caller holds the partition's lock or an entry that is not live yet.
    pub(super) fn publish_text(&self, handle: Handle, text: u32) -> bool {
        if self.text.load(Relaxed) != 0 {
            return false;
        }
        self.text_length.store(text, Relaxed);
        self.path_length.store(handle.length - text, Relaxed);
        self.text.store(handle.first, Release);
        true
    }

    /// Whether no text is kept.
    #[inline]
    pub(crate) fn lacks_text(&self) -> bool {
        self.text.load(Relaxed) == 0
    }

    /// Sets every count to zero and hands the former values to `taken`; text and samples stay.
    pub(super) fn zero(&self, mut taken: impl FnMut(usize, u64)) {
        for (number, counter) in self.counters.iter().enumerate() {
            taken(number, counter.swap(0, Relaxed));
        }
        for class in &self.classes {
            class.store(0, Relaxed);
        }
        for (_, bucket) in self.buckets() {
            bucket.store(0, Relaxed);
        }
    }

    /// Makes a dead entry like new; nobody else knows it.
    pub(super) fn wipe(&self) {
        self.zero(|_, _| {});
        for place in [
            &self.histogram_lines,
            &self.flags,
            &self.encoding,
            &self.text,
            &self.text_length,
            &self.path_length,
            &self.sample_lock,
        ] {
            place.store(0, Relaxed);
        }
        for relation in &self.relations {
            relation.store(0, Relaxed);
        }
        for sample in &self.samples {
            sample.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_statements_are_ranked_by_is_one_cache_line() {
        assert_eq!(std::mem::offset_of!(Entry, counters), 64);
        let last = [
            Counter::Calls,
            Counter::Errors,
            Counter::TotalTime,
            Counter::LastSeen,
        ]
        .map(|counter| counter as usize);
        assert!(last.into_iter().all(|number| number < 8));
    }
}
