//! The current transaction: how many statements, how long, which of them again and again.

use std::sync::atomic::Ordering::Relaxed;

use super::{executions, failures, planning, session};
use crate::pg::local::Local;
use crate::pg::{clock, session as process};
use crate::settings;
use crate::shmem::Shared;
use crate::shmem::entry::{Counter, Key};
use crate::shmem::header::Application;

/// Statements told apart within one transaction; those beyond are not looked at for repeats.
const SHAPES: usize = 64;

/// How often one statement ran in this transaction.
#[derive(Clone, Copy)]
struct Repeat {
    query_id: u64,
    calls: u64,
    time: u64,
}

/// The top-level statements of the current transaction that came to their end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) statements: u64,
    /// Nanoseconds.
    pub(crate) time: u64,
    pub(crate) longest: u64,
}

static TOTALS: Local<Totals> = Local::new(Totals {
    statements: 0,
    time: 0,
    longest: 0,
});
static REPEATS: Local<[Repeat; SHAPES]> = Local::new(
    [Repeat {
        query_id: 0,
        calls: 0,
        time: 0,
    }; SHAPES],
);
static DISTINCT: Local<usize> = Local::new(0);

/// Counts a top-level statement.
#[inline]
pub(super) fn statement(query_id: u64, time: u64) {
    TOTALS.with(|totals| {
        totals.statements += 1;
        totals.time += time;
        totals.longest = totals.longest.max(time);
    });
    let distinct = DISTINCT.get();
    let added = REPEATS.with(|repeats| {
        let (seen, free) = repeats.split_at_mut(distinct.min(SHAPES));
        match seen
            .iter_mut()
            .rev()
            .find(|repeat| repeat.query_id == query_id)
        {
            Some(repeat) => {
                repeat.calls += 1;
                repeat.time += time;
                false
            }
            None => (free.first_mut())
                .map(|place| {
                    *place = Repeat {
                        query_id,
                        calls: 1,
                        time,
                    };
                })
                .is_some(),
        }
    });
    DISTINCT.set(distinct + usize::from(added));
}

/// What the current transaction ran so far.
pub(crate) fn totals() -> Totals {
    TOTALS.get()
}

/// The transaction is over, one way or the other.
#[inline]
pub(crate) fn end() {
    executions::end_all();
    planning::flush();
    failures::forget();
    let totals = TOTALS.get();
    if totals.statements == 0 {
        return;
    }
    if let Some(shared) = session::shared() {
        slow(shared);
        if totals.statements >= settings::n_plus_one_threshold() {
            repeated(shared);
        }
    }
    DISTINCT.set(0);
    TOTALS.set(Totals::default());
}

/// Counts the transaction if it was slow.
#[inline]
fn slow(shared: &'static Shared) {
    let (warning, error) = settings::slow_transaction();
    let Some(threshold) = warning.into_iter().chain(error).min() else {
        return;
    };
    let duration = clock::now()
        .saturating_sub(clock::transaction_start())
        .max(0) as u64;
    if duration >= threshold {
        count_slow(
            shared,
            duration,
            error.is_some_and(|error| duration >= error),
        );
    }
}

#[cold]
fn count_slow(shared: &'static Shared, microseconds: u64, is_error: bool) {
    let key = session::key(0);
    let name = process::application();
    let Some(place) = Application::of(shared.applications, key.database, key.role, name) else {
        return;
    };
    let level = if is_error {
        &place.errors
    } else {
        &place.warnings
    };
    level.fetch_add(1, Relaxed);
    place.total_time.fetch_add(microseconds, Relaxed);
    place.longest.fetch_max(microseconds, Relaxed);
    place.last.store(clock::transaction_start() as u64, Relaxed);
}

#[cold]
fn repeated(shared: &'static Shared) {
    let threshold = settings::n_plus_one_threshold();
    let distinct = DISTINCT.get().min(SHAPES);
    for place in 0..distinct {
        let repeat = REPEATS.with(|repeats| repeats.get(place).copied());
        if let Some(repeat) = repeat.filter(|repeat| repeat.calls >= threshold) {
            count_repeat(shared, &repeat);
        }
    }
}

fn count_repeat(shared: &'static Shared, repeat: &Repeat) {
    let key = Key {
        top_level: true,
        ..session::key(repeat.query_id)
    };
    let Some(pinned) = process::number().and_then(|session| shared.find(session, &key)) else {
        return;
    };
    pinned.entry.add(Counter::RepeatTransactions, 1);
    pinned.entry.add(Counter::RepeatCalls, repeat.calls);
    pinned.entry.add(Counter::RepeatTime, repeat.time);
    pinned.entry.raise(Counter::WorstRepeat, repeat.calls);
}
