//! Percentiles over many statements, and histograms for people.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use super::histogram::{lower_bound, percentile, upper_bound};
use super::read::{self, Statement};
use crate::pg::srf::Cell;
use crate::shmem::Shared;
use crate::shmem::entry::{BUCKETS, Counter, UTILITY};

/// All executions of a database.
struct Sum {
    calls: u64,
    time: u64,
    histogram: [u64; BUCKETS],
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            calls: 0,
            time: 0,
            histogram: [0; BUCKETS],
        }
    }
}

/// The rows of `pgopt.latency_list`: one per database, evicted statements included.
pub(super) fn rows(shared: &'static Shared) -> Vec<Vec<Cell>> {
    let mut sums: BTreeMap<u32, Sum> = BTreeMap::new();
    // What functions run is part of the statement that called them; BEGIN and COMMIT would hide
    // slow queries, and maintenance make fast ones look slow.
    let counts = |statement: &Statement| statement.key.top_level && statement.flags & UTILITY == 0;
    for statement in read::statements(shared, false).filter(counts) {
        let sum = sums.entry(statement.key.database).or_default();
        sum.calls += statement.get(Counter::Calls);
        sum.time += statement.get(Counter::TotalTime);
        for (total, count) in sum.histogram.iter_mut().zip(&statement.histogram) {
            *total += count;
        }
    }
    for rest in shared.rests.iter().filter(|rest| rest.database() != 0) {
        let sum = sums.entry(rest.database()).or_default();
        sum.calls += rest.calls.load(Relaxed);
        sum.time += rest.total_time.load(Relaxed);
        for (total, count) in sum.histogram.iter_mut().zip(&rest.histogram) {
            *total += count.load(Relaxed);
        }
    }
    (sums.into_iter())
        .filter(|(_, sum)| sum.calls > 0)
        .map(|(database, sum)| {
            let mut row = vec![
                Cell::Oid(database),
                Cell::Int(sum.calls as i64),
                Cell::Float(sum.time as f64 / 1e6),
                Cell::Float(sum.time as f64 / sum.calls as f64 / 1e6),
            ];
            row.extend([0.5, 0.95, 0.99, 0.999].map(|fraction| {
                let value = percentile(&sum.histogram, fraction);
                Cell::of(value, |nanoseconds| Cell::Float(nanoseconds / 1e6))
            }));
            row
        })
        .collect()
}

/// The rows of `pgopt.statement_histogram`: bounds in milliseconds, executions, and the share of
/// all that took no longer than the upper bound. Empty buckets at both ends are left out.
pub(super) fn histogram(statements: &[Statement]) -> Vec<Vec<Cell>> {
    let mut counts = [0u64; BUCKETS];
    for statement in statements {
        for (total, count) in counts.iter_mut().zip(&statement.histogram) {
            *total += count;
        }
    }
    let total: u64 = counts.iter().sum();
    let first = counts.iter().position(|count| *count > 0).unwrap_or(0);
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    let mut seen = 0;
    (counts.iter().enumerate())
        .filter(|(bucket, _)| total > 0 && (first..=last).contains(bucket))
        .map(|(bucket, count)| {
            seen += count;
            vec![
                Cell::Float(lower_bound(bucket) / 1e6),
                Cell::Float(upper_bound(bucket) / 1e6),
                Cell::Int(*count as i64),
                Cell::Float(seen as f64 / total as f64),
            ]
        })
        .collect()
}
