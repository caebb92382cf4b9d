//! What was counted, read for the views.

use std::sync::atomic::Ordering::Relaxed;

use super::histogram::percentile;
use crate::pg::{roles, session as process};
use crate::shmem::Shared;
use crate::shmem::entry::{BUCKETS, COUNTERS, Counter, ERROR_CLASSES, Entry, Key};

/// How often the lock of an entry's samples is tried.
const TRIES: u32 = 10_000;

/// A statement as it was at one moment.
pub(crate) struct Statement {
    pub(crate) key: Key,
    pub(crate) flags: u32,
    pub(crate) encoding: u32,
    counters: [u64; COUNTERS],
    classes: [u32; ERROR_CLASSES.len()],
    pub(crate) histogram: Vec<u64>,
    pub(crate) text: Option<Vec<u8>>,
    pub(crate) path: Vec<u8>,
    pub(crate) relations: Vec<u32>,
}

/// One of its executions.
pub(crate) struct Sample {
    /// Its place, see `sampling.rs`.
    pub(crate) kind: usize,
    pub(crate) duration: u64,
    pub(crate) at: i64,
    pub(crate) rows: u64,
    pub(crate) plan_rows: u64,
    pub(crate) payload: Vec<u8>,
}

/// Who asks.
pub(crate) struct Reader {
    role: u32,
    sees_all: bool,
}

impl Reader {
    /// The current user.
    pub(crate) fn current() -> Self {
        Self {
            role: process::current_role(),
            sees_all: roles::may_read_all_statistics(),
        }
    }

    /// Whether they may see texts, values and identifiers of `role`'s statements.
    pub(crate) fn may_see(&self, role: u32) -> bool {
        self.sees_all || self.role == role
    }
}

/// Every statement that was executed or failed, with its text if `with_text`.
pub(crate) fn statements(
    shared: &'static Shared,
    with_text: bool,
) -> impl Iterator<Item = Statement> {
    let session = process::number().unwrap_or(usize::MAX);
    (0..shared.capacity())
        .filter_map(move |place| shared.at(session, place))
        .filter(|pinned| {
            let entry = pinned.entry;
            [Counter::Calls, Counter::Errors]
                .into_iter()
                .any(|counter| entry.get(counter) > 0)
        })
        .map(move |pinned| {
            let (text, path) = match with_text {
                true => shared.text(&pinned),
                false => (None, Vec::new()),
            };
            statement(pinned.entry, text, path)
        })
}

fn statement(entry: &Entry, text: Option<Vec<u8>>, path: Vec<u8>) -> Statement {
    Statement {
        key: entry.key(),
        flags: entry.flags.load(Relaxed),
        encoding: entry.encoding.load(Relaxed),
        counters: std::array::from_fn(|number| {
            (entry.counters().get(number)).map_or(0, |counter| counter.load(Relaxed))
        }),
        classes: std::array::from_fn(|number| {
            (entry.classes.get(number)).map_or(0, |class| class.load(Relaxed))
        }),
        histogram: histogram(entry),
        text,
        path,
        relations: (entry
            .relations
            .iter()
            .map(|relation| relation.load(Relaxed)))
        .take_while(|relation| *relation != 0)
        .collect(),
    }
}

fn histogram(entry: &Entry) -> Vec<u64> {
    let mut counts = vec![0; BUCKETS];
    for (number, bucket) in entry.buckets() {
        if let Some(count) = counts.get_mut(number) {
            *count = u64::from(bucket.load(Relaxed));
        }
    }
    counts
}

/// The samples of a statement.
pub(crate) fn samples(shared: &'static Shared, key: &Key) -> Vec<Sample> {
    let pinned = process::number().and_then(|session| shared.find(session, key));
    let Some(pinned) = pinned else {
        return Vec::new();
    };
    let Some(_lock) = pinned.entry.lock_samples(TRIES) else {
        return Vec::new();
    };
    (pinned.entry.samples.iter().enumerate())
        .filter(|(_, place)| place.handle().first != 0)
        .map(|(kind, place)| Sample {
            kind,
            duration: place.duration.load(Relaxed),
            at: place.at.load(Relaxed) as i64,
            rows: place.rows.load(Relaxed),
            plan_rows: place.plan_rows.load(Relaxed),
            payload: shared.arena.read(place.handle()),
        })
        .collect()
}

impl Statement {
    /// A counter.
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).copied().unwrap_or(0)
    }

    /// A counter of nanoseconds, in milliseconds.
    pub(crate) fn milliseconds(&self, counter: Counter) -> f64 {
        self.get(counter) as f64 / 1e6
    }

    /// The `fraction`-quantile of its execution times in milliseconds.
    pub(crate) fn percentile(&self, fraction: f64) -> Option<f64> {
        percentile(&self.histogram, fraction).map(|nanoseconds| nanoseconds / 1e6)
    }

    /// Minimum, maximum, mean and standard deviation of execution times in milliseconds.
    pub(crate) fn execution_times(&self) -> Option<[f64; 4]> {
        self.moments(
            Counter::Calls,
            [
                Counter::TotalTime,
                Counter::SquareLow,
                Counter::SquareHigh,
                Counter::MaxTime,
                Counter::MinTimeInverse,
            ],
        )
    }

    /// The same of planning times.
    pub(crate) fn planning_times(&self) -> Option<[f64; 4]> {
        self.moments(
            Counter::Plans,
            [
                Counter::TotalPlanTime,
                Counter::PlanSquareLow,
                Counter::PlanSquareHigh,
                Counter::MaxPlanTime,
                Counter::MinPlanTimeInverse,
            ],
        )
    }

    fn moments(&self, number: Counter, counters: [Counter; 5]) -> Option<[f64; 4]> {
        let [total, low, high, longest, shortest] = counters.map(|counter| self.get(counter));
        let number = Some(self.get(number)).filter(|number| *number > 0)? as f64;
        let mean = total as f64 / number;
        let squares = (u128::from(high) << 64 | u128::from(low)) as f64;
        // Counters are read one after the other while others count: it can come out below zero.
        let variance = (squares / number - mean * mean).max(0.0);
        let shortest = u64::MAX - shortest;
        Some([shortest as f64, longest as f64, mean, variance.sqrt()].map(|ns| ns / 1e6))
    }

    /// Failures by class of SQLSTATE.
    pub(crate) fn errors_by_class(&self) -> serde_json::Value {
        (ERROR_CLASSES.iter().zip(self.classes))
            .filter(|(_, count)| *count > 0)
            .map(|(class, count)| ((*class).to_owned(), serde_json::Value::from(count)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}
