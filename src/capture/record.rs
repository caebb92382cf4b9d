//! Counting an execution in its statement's entry.

use std::sync::atomic::Ordering::Relaxed;

use super::admission;
use super::histogram::bucket_of;
use crate::pg::execution::{Jit, USAGE};
use crate::pg::{clock, session as process};
use crate::shmem::Shared;
use crate::shmem::entry::{Counter, Entry, Key};
use crate::shmem::header::Global;
use crate::shmem::table::{Pinned, Refusal};

/// Where a bucket's count is halved together with all others of its statement: long before it
/// could overflow. Percentiles stay what they are, and give the recent past more weight.
const FULL_BUCKET: u32 = 1 << 31;

/// An execution that came to its end.
pub(super) struct Finished<'a> {
    pub(super) time: u64,
    pub(super) rows: u64,
    pub(super) usage: &'a [u64; USAGE],
    pub(super) jit: Option<Jit>,
    pub(super) workers: (u64, u64),
    pub(super) planning: Option<u64>,
}

/// The entry of `key` for an execution or a failure to be counted in; `None`, and counted as
/// dropped, when there is no place for it.
#[inline]
pub(super) fn entry(shared: &'static Shared, key: &Key, flags: u32) -> Option<Pinned> {
    let session = process::number()?;
    shared
        .find(session, key)
        .or_else(|| add_or_drop(shared, session, key, flags))
}

/// The same for an execution that took `time`. Where its statement does not get a place it is
/// counted all the same, with those of evicted statements.
#[inline]
pub(super) fn executed(
    shared: &'static Shared,
    key: &Key,
    flags: u32,
    time: u64,
) -> Option<Pinned> {
    let session = process::number()?;
    shared
        .find(session, key)
        .or_else(|| admit(shared, session, key, flags, time))
}

fn admit(
    shared: &'static Shared,
    session: usize,
    key: &Key,
    flags: u32,
    time: u64,
) -> Option<Pinned> {
    if admission::admits(shared, key, time) {
        return add_or_drop(shared, session, key, flags);
    }
    let hidden = shared.find_undisturbed(session, key);
    if hidden.is_none() {
        let bucket = std::iter::once((bucket_of(time), 1));
        shared.leave_behind(key, flags, 1, time, bucket);
    }
    hidden
}

#[cold]
fn add_or_drop(shared: &'static Shared, session: usize, key: &Key, flags: u32) -> Option<Pinned> {
    add(shared, session, key, flags)
        .inspect_err(|refusal| dropped(shared, *refusal))
        .ok()
}

/// The same for what is not an execution: nothing is dropped when there is no place.
pub(super) fn entry_if_room(shared: &'static Shared, key: &Key) -> Option<Pinned> {
    let session = process::number()?;
    shared
        .find(session, key)
        .or_else(|| add(shared, session, key, 0).ok())
}

fn add(shared: &'static Shared, session: usize, key: &Key, flags: u32) -> Result<Pinned, Refusal> {
    let begin = |entry: &Entry| {
        entry.flags.store(flags, Relaxed);
        entry.encoding.store(process::encoding() as u32, Relaxed);
        entry.mark(Counter::FirstSeen, clock::command_start() as u64);
    };
    let mut added = shared.find_or_add(session, key, begin);
    if matches!(added, Err(Refusal::Full)) && super::sweep::make_place(shared) {
        added = shared.find_or_add(session, key, begin);
    }
    if matches!(added, Ok((_, true))) {
        super::sweep::look_ahead(shared);
    }
    added.map(|(pinned, _)| pinned)
}

#[cold]
fn dropped(shared: &Shared, refusal: Refusal) {
    let reason = match refusal {
        Refusal::Busy => Global::DroppedBusy,
        Refusal::Full => Global::DroppedFull,
    };
    shared.header.add(reason, 1);
}

/// Counts an execution.
#[inline]
pub(super) fn finished(entry: &Entry, execution: &Finished) {
    entry.counter(Counter::Calls).fetch_add(1, Relaxed);
    entry.add(Counter::Rows, execution.rows);
    time(
        entry,
        execution.time,
        [
            Counter::TotalTime,
            Counter::SquareLow,
            Counter::SquareHigh,
            Counter::MaxTime,
            Counter::MinTimeInverse,
        ],
    );
    in_bucket(entry, execution.time);
    entry.mark(Counter::LastSeen, clock::command_start() as u64);
    for (number, amount) in execution.usage.iter().enumerate() {
        if *amount != 0 {
            // The counters of resources follow one another in the order of `Usage`.
            if let Some(counter) = entry.counters().get(Counter::SharedHit as usize + number) {
                counter.fetch_add(*amount, Relaxed);
            }
        }
    }
    if let Some(planning) = execution.planning {
        planned(entry, planning);
    }
    if execution.jit.is_some() || execution.workers.0 != 0 {
        rare(entry, execution);
    }
}

#[cold]
fn rare(entry: &Entry, execution: &Finished) {
    let counters = [
        Counter::JitFunctions,
        Counter::JitGenerationTime,
        Counter::JitInliningTime,
        Counter::JitOptimizationTime,
        Counter::JitEmissionTime,
    ];
    for (counter, amount) in counters.into_iter().zip(execution.jit.unwrap_or_default()) {
        entry.add(counter, amount);
    }
    entry.add(Counter::ParallelPlanned, execution.workers.0);
    entry.add(Counter::ParallelLaunched, execution.workers.1);
}

/// Counts a planning.
pub(super) fn planned(entry: &Entry, nanoseconds: u64) {
    entry.counter(Counter::Plans).fetch_add(1, Relaxed);
    time(
        entry,
        nanoseconds,
        [
            Counter::TotalPlanTime,
            Counter::PlanSquareLow,
            Counter::PlanSquareHigh,
            Counter::MaxPlanTime,
            Counter::MinPlanTimeInverse,
        ],
    );
}

/// Adds a time to its sum, its squares' sum (of 128 bits, in two counters) and its extremes.
#[inline]
fn time(entry: &Entry, nanoseconds: u64, counters: [Counter; 5]) {
    let [total, low, high, longest, shortest] = counters;
    entry.counter(total).fetch_add(nanoseconds, Relaxed);
    let square = u128::from(nanoseconds) * u128::from(nanoseconds);
    let before = entry.counter(low).fetch_add(square as u64, Relaxed);
    let carry = u64::from(before.checked_add(square as u64).is_none());
    entry.add(high, (square >> 64) as u64 + carry);
    entry.raise(longest, nanoseconds);
    entry.raise(shortest, u64::MAX - nanoseconds);
}

#[inline]
fn in_bucket(entry: &Entry, nanoseconds: u64) {
    if entry.add_to_bucket(bucket_of(nanoseconds), 1) >= FULL_BUCKET {
        halve(entry);
    }
}

#[cold]
fn halve(entry: &Entry) {
    for (_, bucket) in entry.buckets() {
        // It always gives a count, so this never fails.
        let _halved = bucket.fetch_update(Relaxed, Relaxed, |count| Some(count - count / 2));
    }
}

/// The entry that is looked for, without making one.
pub(super) fn known(shared: &'static Shared, key: &Key) -> Option<Pinned> {
    shared.find(process::number()?, key)
}
