//! Statements that failed: which, with what SQLSTATE.
//!
//! The frames around planner, executor and utility commands see most errors. The rest (a lock
//! that was waited for in vain before planning, a value that could not be read, an ended session)
//! is seen when the error is reported, and belongs to the statement this command came to last; if
//! it came to none (a syntax error), to an entry of the role for all such.

use std::sync::atomic::Ordering::Relaxed;

use super::{record, session, texts};
use crate::pg::local::Local;
use crate::pg::{clock, errors, session as process};
use crate::shmem::Shared;
use crate::shmem::entry::{Counter, ERROR_CLASSES, Entry, Key, UNIDENTIFIED};
use crate::shmem::table::Pinned;

const QUERY_CANCELED: &str = "57014";
const LOCK_NOT_AVAILABLE: &str = "55P03";
const TRANSACTION_TIMEOUT: &str = "25P04";

/// The statement this session came to last, and when the command it belongs to arrived.
static LATEST: Local<Option<(Key, i64)>> = Local::new(None);
/// Whether the error that is passing by has been counted.
static COUNTED: Local<bool> = Local::new(false);

/// A top-level statement is begun.
#[inline]
pub(super) fn at(query_id: u64) {
    if !session::is_nested() {
        COUNTED.set(false);
        LATEST.set(Some((session::key(query_id), clock::command_start())));
    }
}

/// Counts the failure of a statement of the present nesting, after `elapsed` nanoseconds, and
/// returns its entry.
pub(super) fn count(
    shared: &'static Shared,
    query_id: u64,
    flags: u32,
    sqlstate: i32,
    elapsed: u64,
) -> Option<Pinned> {
    if !session::is_nested() {
        COUNTED.set(true);
    }
    let pinned = record::entry(shared, &session::key(query_id), flags)?;
    add(pinned.entry, sqlstate, elapsed);
    Some(pinned)
}

/// An error that ends the command (or, `is_fatal`, the session) is being reported.
pub(crate) fn reported(sqlstate: i32) {
    if COUNTED.get() {
        COUNTED.set(false);
        return;
    }
    let Some(shared) = session::shared() else {
        return;
    };
    if process::database() == 0 || !process::has_command() {
        return;
    }
    let started = clock::command_start();
    let latest = LATEST.get().filter(|(_, command)| *command == started);
    let elapsed = clock::now().saturating_sub(started).max(0) as u64 * 1000;
    match latest {
        Some((key, _)) => count_for(shared, &key, 0, sqlstate, elapsed),
        None => {
            let key = Key {
                top_level: true,
                ..session::key(0)
            };
            count_for(shared, &key, UNIDENTIFIED, sqlstate, elapsed);
        }
    }
}

fn count_for(shared: &'static Shared, key: &Key, flags: u32, sqlstate: i32, elapsed: u64) {
    if let Some(pinned) = record::entry(shared, key, flags) {
        add(pinned.entry, sqlstate, elapsed);
        if flags & UNIDENTIFIED != 0 {
            texts::unidentified(shared, &pinned);
        }
    }
}

fn add(entry: &Entry, sqlstate: i32, elapsed: u64) {
    let now = clock::command_start() as u64;
    entry.add(Counter::Errors, 1);
    entry.add(Counter::ErrorTime, elapsed);
    entry.mark(Counter::LastError, now);
    entry.mark(Counter::LastSqlstate, sqlstate as u64);
    entry.mark(Counter::LastSeen, now);
    let state = errors::sqlstate_text(sqlstate);
    if let Some(class) = entry.classes.get(class_of(&state)) {
        class.fetch_add(1, Relaxed);
    }
    match outcome(&state, elapsed, process::timeouts()) {
        Outcome::TimedOut => entry.add(Counter::TimedOut, 1),
        Outcome::Cancelled => entry.add(Counter::Cancelled, 1),
        Outcome::Failed => {}
    }
}

/// The place of a SQLSTATE's class among those counted apart.
fn class_of(sqlstate: &str) -> usize {
    let class = sqlstate.get(..2).unwrap_or_default();
    (ERROR_CLASSES.iter().position(|name| *name == class)).unwrap_or(ERROR_CLASSES.len() - 1)
}

#[derive(PartialEq, Eq, Debug)]
enum Outcome {
    Failed,
    Cancelled,
    TimedOut,
}

/// A cancel request and `statement_timeout` share a SQLSTATE, and so do `lock_timeout` and
/// `NOWAIT`: the time tells them apart. `timeouts` are those two settings in milliseconds.
fn outcome(sqlstate: &str, elapsed: u64, timeouts: (i32, i32)) -> Outcome {
    let reached = |timeout: i32| timeout > 0 && elapsed / 1_000_000 + 1 >= timeout as u64;
    match sqlstate {
        TRANSACTION_TIMEOUT => Outcome::TimedOut,
        QUERY_CANCELED if reached(timeouts.0) => Outcome::TimedOut,
        QUERY_CANCELED => Outcome::Cancelled,
        LOCK_NOT_AVAILABLE if reached(timeouts.1) => Outcome::TimedOut,
        _ => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_tells_a_timeout_from_a_cancel() {
        assert_eq!(outcome("57014", 100_200_000, (100, 0)), Outcome::TimedOut);
        assert_eq!(outcome("57014", 50_000_000, (100, 0)), Outcome::Cancelled);
        assert_eq!(outcome("57014", 50_000_000, (0, 0)), Outcome::Cancelled);
        assert_eq!(outcome("55P03", 1_000_000, (0, 100)), Outcome::Failed);
        assert_eq!(outcome("55P03", 100_000_000, (0, 100)), Outcome::TimedOut);
    }

    #[test]
    fn every_sqlstate_has_a_class() {
        assert_eq!(ERROR_CLASSES.get(class_of("23505")), Some(&"23"));
        assert_eq!(ERROR_CLASSES.get(class_of("P0001")), Some(&"P0"));
        assert_eq!(ERROR_CLASSES.get(class_of("0A000")), Some(&"other"));
        assert_eq!(ERROR_CLASSES.get(class_of("")), Some(&"other"));
    }
}
