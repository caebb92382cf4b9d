//! The workload that pgopt captured itself.

use super::literals::given;
use super::{Sample, Workload, WorkloadStatement};
use crate::capture::read::{self, Reader};
use crate::capture::sample::decode;
use crate::capture::sampling::SLOWEST;
use crate::pg::{clock, session};
use crate::shmem::entry::{Counter, TRUNCATED, UNIDENTIFIED, UTILITY};
use crate::shmem::header::Global;
use crate::shmem::{self, Shared};

/// Microseconds of an hour.
const HOUR: f64 = 3.6e9;

/// What was captured in this database, as far as the caller may see it; `None` if nothing was.
pub(super) fn workload() -> Option<Workload> {
    let shared = shmem::get()?;
    let now = clock::now();
    let mut workload = Workload {
        hours: Some(now.saturating_sub(shared.header.get(Global::Since) as i64) as f64 / HOUR)
            .filter(|hours| *hours > 0.0),
        source: "captured workload",
        ..Workload::default()
    };
    let mut found: Vec<(u64, WorkloadStatement)> = Vec::new();
    for entry in visible(shared) {
        if entry.flags & UTILITY != 0 {
            workload.utility += 1;
        } else if let Some(statement) = statement(shared, &entry, now) {
            found.push((time(&entry), statement));
        } else {
            workload.unreadable += 1;
        }
    }
    if found.is_empty() {
        return None;
    }
    found.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    workload.statements = found.into_iter().map(|(_, statement)| statement).collect();
    Some(workload)
}

/// How many statements that would be.
pub(crate) fn count() -> usize {
    shmem::get().map_or(0, |shared| {
        visible(shared)
            .filter(|entry| entry.flags & UTILITY == 0 && text(entry).is_some())
            .count()
    })
}

/// Statements of this database that the caller may see and that would be worth an index.
fn visible(shared: &'static Shared) -> impl Iterator<Item = read::Statement> {
    let reader = Reader::current();
    let database = session::database();
    read::statements(shared, true)
        .filter(move |entry| entry.key.database == database && reader.may_see(entry.key.role))
        .filter(|entry| entry.flags & UNIDENTIFIED == 0 && weight(entry) > 0)
}

/// Its text, if all of it is there and can be read.
fn text(entry: &read::Statement) -> Option<&str> {
    let whole = entry.flags & TRUNCATED == 0;
    let text = entry.text.as_deref().filter(|_| whole)?;
    std::str::from_utf8(text).ok()
}

/// Executions. Of a statement that never came to its end those that ran out of time count: it is
/// the one that needs an index most.
fn weight(entry: &read::Statement) -> u64 {
    match entry.get(Counter::Calls) {
        0 => entry.get(Counter::TimedOut) + entry.get(Counter::Cancelled),
        calls => calls,
    }
}

/// Nanoseconds that those took.
fn time(entry: &read::Statement) -> u64 {
    match entry.get(Counter::Calls) {
        0 => entry.get(Counter::ErrorTime),
        _ => entry.get(Counter::TotalTime),
    }
}

fn statement(
    shared: &'static Shared,
    entry: &read::Statement,
    now: i64,
) -> Option<WorkloadStatement> {
    let calls = entry.get(Counter::Calls);
    let runs = if calls > 0 {
        calls
    } else {
        entry.get(Counter::Errors).max(1)
    };
    Some(WorkloadStatement {
        text: text(entry)?.to_owned(),
        role: Some(pgrx::pg_sys::Oid::from(entry.key.role)),
        weight: weight(entry) as f64,
        mean_time: Some(time(entry) as f64 / 1e6 / runs as f64),
        rows_per_call: (calls > 0).then(|| entry.get(Counter::Rows) as f64 / calls as f64),
        search_path: Some(std::str::from_utf8(&entry.path).ok()?.to_owned()),
        samples: samples(shared, entry, now),
    })
}

/// Samples of an execution that was under way during a reset do not count either.
fn samples(shared: &'static Shared, entry: &read::Statement, now: i64) -> Vec<Sample> {
    let since = entry.get(Counter::FirstSeen) as i64;
    (read::samples(shared, &entry.key).iter())
        .filter(|sample| sample.at >= since)
        .filter_map(|sample| {
            let (parameters, _) = decode(&sample.payload)?;
            Some(Sample {
                slowest: sample.kind == SLOWEST,
                is_bound: parameters.iter().any(|parameter| parameter.type_oid != 0),
                values: given(&parameters, now),
            })
        })
        .collect()
}
