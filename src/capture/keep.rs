//! From shared memory to disk and back, so that what was counted outlives restarts and crashes.
//!
//! The file is in `pg_stat_tmp`, which base backups leave out: what a primary counted is not what
//! its new standby did.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use super::file::{
    self, Identity, Saved, SavedRest, SavedSample, SavedStatement, SavedTransactions, Unusable,
};
use crate::pg::{clock, log, version};
use crate::shmem::Shared;
use crate::shmem::entry::{COUNTERS, Counter, Entry, Key, RELATIONS, SAMPLES};
use crate::shmem::header::{Application, GLOBALS, Global, Rest};
use crate::shmem::table::Pinned;

/// Relative to the data directory, where every process of the server is.
const PATH: &str = "pg_stat_tmp/pgopt.stat";
/// To be raised with every change of what the numbers mean.
const LAYOUT: u32 = 3;
/// How often the lock of an entry's samples is tried.
const TRIES: u32 = 10_000;

fn identity() -> Identity {
    Identity {
        server: version::SERVER / 100,
        catalog: version::CATALOG,
        // Their numbers are part of what the file means.
        layout: LAYOUT << 20 | (COUNTERS as u32) << 10 | GLOBALS as u32,
    }
}

/// Writes everything to disk, if there is anything new; `session` is this process's number.
pub(crate) fn save(shared: &'static Shared, session: usize) {
    let saved = gather(shared, session);
    match file::save(Path::new(PATH), identity(), &saved) {
        Ok(bytes) => {
            shared.header.add(Global::BytesWritten, bytes);
            shared.header.add(Global::Saves, 1);
            let now = clock::now() as u64;
            shared.header.value(Global::LastSaved).store(now, Relaxed);
        }
        Err(error) => {
            shared.header.add(Global::SaveFailures, 1);
            log::warning(format!("pgopt could not write file \"{PATH}\": {error}"));
        }
    }
}

fn gather(shared: &'static Shared, session: usize) -> Saved {
    let statements = (0..shared.capacity())
        .filter_map(|place| shared.at(session, place))
        .map(|pinned| statement(shared, &pinned))
        .collect();
    Saved {
        since: shared.header.get(Global::Since) as i64,
        globals: (shared.header.values().iter())
            .map(|value| value.load(Relaxed))
            .collect(),
        statements,
        transactions: (shared.applications.iter())
            .filter(|place| place.is_ready() && place.has_counts())
            .map(transactions)
            .collect(),
        rests: (shared.rests.iter())
            .filter(|rest| rest.database() != 0)
            .map(rest)
            .collect(),
    }
}

fn rest(rest: &Rest) -> SavedRest {
    SavedRest {
        database: rest.database(),
        calls: rest.calls.load(Relaxed),
        total_time: rest.total_time.load(Relaxed),
        histogram: (0u16..)
            .zip(rest.histogram.iter().map(|bucket| bucket.load(Relaxed)))
            .filter(|(_, count)| *count != 0)
            .collect(),
    }
}

fn statement(shared: &Shared, pinned: &Pinned) -> SavedStatement {
    let entry = pinned.entry;
    let key = entry.key();
    let (text, path) = shared.text(pinned);
    SavedStatement {
        database: key.database,
        role: key.role,
        query_id: key.query_id as i64,
        top_level: key.top_level,
        flags: entry.flags.load(Relaxed),
        encoding: entry.encoding.load(Relaxed) as u8,
        counters: (entry.counters().iter().map(|counter| counter.load(Relaxed)))
            .chain(
                entry
                    .classes
                    .iter()
                    .map(|class| u64::from(class.load(Relaxed))),
            )
            .collect(),
        relations: (entry
            .relations
            .iter()
            .map(|relation| relation.load(Relaxed)))
        .take_while(|relation| *relation != 0)
        .collect(),
        histogram: (entry.buckets())
            .map(|(number, bucket)| (number as u16, bucket.load(Relaxed)))
            .filter(|(_, count)| *count != 0)
            .collect(),
        search_path: text.is_some().then_some(path),
        text,
        samples: samples(shared, pinned.entry),
    }
}

fn samples(shared: &Shared, entry: &'static Entry) -> Vec<SavedSample> {
    let Some(_lock) = entry.lock_samples(TRIES) else {
        return Vec::new();
    };
    (0u8..)
        .zip(&entry.samples)
        .filter(|(_, place)| place.handle().first != 0)
        .map(|(kind, place)| SavedSample {
            kind,
            numbers: [&place.duration, &place.at, &place.rows, &place.plan_rows]
                .map(|number| number.load(Relaxed))
                .to_vec(),
            payload: shared.arena.read(place.handle()),
        })
        .collect()
}

fn transactions(place: &'static Application) -> SavedTransactions {
    SavedTransactions {
        database: place.database.load(Relaxed),
        role: place.role.load(Relaxed),
        application: place.name(),
        counters: [
            &place.warnings,
            &place.errors,
            &place.total_time,
            &place.longest,
            &place.last,
        ]
        .map(|counter| counter.load(Relaxed))
        .to_vec(),
    }
}

/// Reads what was written last into fresh shared memory. A file that cannot be used is set aside
/// with a warning; counting then begins anew.
pub(crate) fn load(shared: &'static Shared) {
    let path = Path::new(PATH);
    let problem = match file::load(path, identity()) {
        Ok(saved) => return restore(shared, saved),
        Err(Unusable::Missing) => return,
        Err(Unusable::OtherVersion { found }) => format!(
            "it was written by PostgreSQL {} with layout {:#x}",
            found.server / 100,
            found.layout
        ),
        Err(Unusable::Damaged(reason)) => reason.to_owned(),
        Err(Unusable::Unreadable(error)) => error.to_string(),
    };
    let aside = match file::set_aside(path, "unusable") {
        Ok(aside) => format!("it was renamed to \"{}\"", aside.display()),
        Err(error) => format!("it could not be renamed: {error}"),
    };
    log::warning(format!(
        "pgopt could not read file \"{PATH}\": {problem}; {aside}, and counting begins anew"
    ));
}

fn restore(shared: &'static Shared, saved: Saved) {
    for (place, value) in shared.header.values().iter().zip(&saved.globals) {
        place.store(*value, Relaxed);
    }
    shared
        .header
        .value(Global::Since)
        .store(saved.since as u64, Relaxed);
    shared.header.value(Global::Heartbeat).store(0, Relaxed);
    let mut statements = saved.statements;
    // With less room than before, those with the most time are kept.
    statements.sort_by_key(|saved| {
        std::cmp::Reverse(saved.counters.get(Counter::TotalTime as usize).copied())
    });
    for statement in &statements {
        put_statement(shared, statement);
    }
    for transactions in &saved.transactions {
        put_transactions(shared, transactions);
    }
    for rest in &saved.rests {
        put_rest(shared, rest);
    }
}

fn put_rest(shared: &Shared, saved: &SavedRest) {
    let Some(rest) = Rest::of(shared.rests, saved.database) else {
        return;
    };
    rest.calls.fetch_add(saved.calls, Relaxed);
    rest.total_time.fetch_add(saved.total_time, Relaxed);
    for (bucket, count) in &saved.histogram {
        if let Some(place) = rest.histogram.get(usize::from(*bucket)) {
            place.fetch_add(*count, Relaxed);
        }
    }
}

/// A statement that found no place any more.
fn leave_behind(shared: &Shared, key: &Key, saved: &SavedStatement) {
    let buckets = (saved.histogram.iter()).map(|(bucket, count)| (usize::from(*bucket), *count));
    let counter = |counter: Counter| saved.counters.get(counter as usize).copied().unwrap_or(0);
    let (calls, time) = (counter(Counter::Calls), counter(Counter::TotalTime));
    shared.leave_behind(key, saved.flags, calls, time, buckets);
}

/// The postmaster is nobody's session while it starts; the first one's place is free.
const STARTING: usize = 0;

fn put_statement(shared: &'static Shared, saved: &SavedStatement) {
    let key = Key {
        database: saved.database,
        role: saved.role,
        query_id: saved.query_id as u64,
        top_level: saved.top_level,
    };
    let Ok((pinned, true)) = shared.find_or_add(STARTING, &key, |entry| fill(entry, saved)) else {
        return leave_behind(shared, &key, saved);
    };
    if let Some(text) = &saved.text {
        let path = saved.search_path.as_deref().unwrap_or_default();
        shared.keep_text(STARTING, &pinned, text, path);
    }
    for sample in &saved.samples {
        put_sample(shared, pinned.entry, sample);
    }
}

fn fill(entry: &Entry, saved: &SavedStatement) {
    entry.flags.store(saved.flags, Relaxed);
    entry.encoding.store(u32::from(saved.encoding), Relaxed);
    let (counters, classes) = saved.counters.split_at(saved.counters.len().min(COUNTERS));
    for (place, value) in entry.counters().iter().zip(counters) {
        place.store(*value, Relaxed);
    }
    for (place, value) in entry.classes.iter().zip(classes) {
        place.store(*value as u32, Relaxed);
    }
    for (place, relation) in entry
        .relations
        .iter()
        .zip(saved.relations.iter().take(RELATIONS))
    {
        place.store(*relation, Relaxed);
    }
    for (bucket, count) in &saved.histogram {
        entry.add_to_bucket(usize::from(*bucket), *count);
    }
}

fn put_sample(shared: &Shared, entry: &Entry, saved: &SavedSample) {
    let place = entry.samples.get(usize::from(saved.kind) % SAMPLES);
    let (Some(place), [duration, at, rows, plan_rows]) = (place, saved.numbers.as_slice()) else {
        return;
    };
    let Some(handle) = shared.arena.store(&[&saved.payload], 0) else {
        return;
    };
    shared.arena.free(place.handle());
    place.set_handle(handle);
    place.duration.store(*duration, Relaxed);
    place.at.store(*at, Relaxed);
    place.rows.store(*rows, Relaxed);
    place.plan_rows.store(*plan_rows, Relaxed);
}

fn put_transactions(shared: &Shared, saved: &SavedTransactions) {
    let [warnings, errors, total, longest, last] = saved.counters.as_slice() else {
        return;
    };
    let places = shared.applications;
    let place = Application::of(places, saved.database, saved.role, &saved.application);
    if let Some(place) = place {
        place.warnings.store(*warnings, Relaxed);
        place.errors.store(*errors, Relaxed);
        place.total_time.store(*total, Relaxed);
        place.longest.store(*longest, Relaxed);
        place.last.store(*last, Relaxed);
    }
}

/// A number that changes when anything was counted since.
pub(crate) fn fingerprint(shared: &'static Shared, session: usize) -> u64 {
    let stir = |sum: u64, count: u64| sum.wrapping_mul(31).wrapping_add(count);
    let slow = (shared.applications.iter())
        .map(|place| place.warnings.load(Relaxed) + place.errors.load(Relaxed))
        .fold(shared.header.get(Global::EvictedCalls), stir);
    (0..shared.capacity())
        .filter_map(|place| shared.at(session, place))
        .map(|pinned| {
            let entry = pinned.entry;
            let counted =
                [Counter::Calls, Counter::Errors, Counter::Plans].map(|counter| entry.get(counter));
            counted.into_iter().fold(entry.key().hash(), stir)
        })
        .fold(slow, u64::wrapping_add)
}
