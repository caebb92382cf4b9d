//! Statements that failed: which, with what SQLSTATE.
//!
//! The frames around planner, executor and utility commands see most errors. The rest (a lock
//! that was waited for in vain before planning, a value that could not be read, an ended session,
//! a constraint checked at COMMIT) is seen when the error is reported, and belongs to the statement
//! this session came to last; if there is none (a syntax error), to an entry of the role for all
//! such. The report also tells a cancel from a timeout: they share their SQLSTATE.

use std::sync::atomic::Ordering::Relaxed;

use super::{parsing, record, session, texts};
use crate::error::sqlstate_text;
use crate::pg::local::Local;
use crate::pg::{clock, session as process};
use crate::settings;
use crate::shmem::Shared;
use crate::shmem::entry::{Counter, ERROR_CLASSES, Entry, Key, UNIDENTIFIED, UTILITY};
use crate::shmem::table::Pinned;

const QUERY_CANCELED: &str = "57014";
const LOCK_NOT_AVAILABLE: &str = "55P03";
const TRANSACTION_TIMEOUT: &str = "25P04";
/// The class of syntax errors, and of what is not there or not allowed.
const ANALYSIS: &str = "42";

/// The statement this session came to last.
#[derive(Clone, Copy)]
struct Latest {
    key: Key,
    is_utility: bool,
    /// Whether it came to its end, and when the command in which it did arrived.
    finished: Option<i64>,
}

static LATEST: Local<Option<Latest>> = Local::new(None);
/// Whose failure the error is that is passing by, if it has been counted.
static COUNTED: Local<Option<Key>> = Local::new(None);

/// A top-level statement is begun.
#[inline]
pub(super) fn at(key: &Key, is_utility: bool) {
    if key.top_level {
        COUNTED.set(None);
        LATEST.set(Some(Latest {
            key: *key,
            is_utility,
            finished: None,
        }));
    }
}

/// The top-level statement came to its end.
#[inline]
pub(super) fn finished() {
    LATEST.with(|latest| {
        if let Some(latest) = latest {
            latest.finished = Some(clock::command_start());
        }
    });
}

/// The transaction is over, and what fails from now on is not of it.
#[inline]
pub(super) fn forget() {
    LATEST.set(None);
    COUNTED.set(None);
}

/// Counts the failure of a statement after `elapsed` nanoseconds, and returns its entry.
pub(super) fn count(
    shared: &'static Shared,
    key: &Key,
    flags: u32,
    sqlstate: i32,
    elapsed: u64,
) -> Option<Pinned> {
    let pinned = record::entry(shared, key, flags)?;
    add(pinned.entry, sqlstate, elapsed);
    if key.top_level {
        // What kind of failure it was is seen when it is reported.
        COUNTED.set(Some(*key));
    } else {
        let waited = (clock::now() - clock::command_start()).max(0) as u64 / 1000;
        let state = sqlstate_text(sqlstate);
        classify(
            pinned.entry,
            &outcome_by_time(&state, waited, process::timeouts()),
        );
    }
    Some(pinned)
}

/// An error that ends the command (or the session) is being reported; `message` is the
/// untranslated text it was made with.
pub(crate) fn reported(sqlstate: i32, message: &[u8]) {
    let Some(shared) = session::shared() else {
        return;
    };
    let state = sqlstate_text(sqlstate);
    let outcome = outcome(&state, message);
    if let Some(key) = COUNTED.get() {
        COUNTED.set(None);
        let pinned = process::number().and_then(|session| shared.find(session, &key));
        if let Some(pinned) = pinned {
            classify(pinned.entry, &outcome);
        }
        return;
    }
    let started = clock::command_start();
    let elapsed = clock::now().saturating_sub(started).max(0) as u64 * 1000;
    // After its end a statement is to blame only for what the end of its own command brings, and
    // not for the analysis of the command's next statement.
    let latest = (LATEST.get()).filter(|latest| {
        (latest.finished).is_none_or(|at| at == started && !state.starts_with(ANALYSIS))
    });
    match latest {
        Some(latest) if latest.is_utility && !settings::track_utility() => {}
        Some(latest) => {
            let flags = if latest.is_utility { UTILITY } else { 0 };
            if let Some(pinned) = record::entry(shared, &latest.key, flags) {
                add(pinned.entry, sqlstate, elapsed);
                classify(pinned.entry, &outcome);
                parsing::complete_failed(shared, &pinned);
            }
        }
        None if process::database() == 0 || !process::has_command() => {}
        None => unidentified(shared, sqlstate, elapsed, &outcome),
    }
}

fn unidentified(shared: &'static Shared, sqlstate: i32, elapsed: u64, outcome: &Outcome) {
    let key = Key {
        top_level: true,
        ..session::key(0)
    };
    if let Some(pinned) = record::entry(shared, &key, UNIDENTIFIED) {
        add(pinned.entry, sqlstate, elapsed);
        classify(pinned.entry, outcome);
        texts::unidentified(shared, &pinned);
    }
}

fn add(entry: &Entry, sqlstate: i32, elapsed: u64) {
    let now = clock::command_start() as u64;
    entry.add(Counter::Errors, 1);
    entry.add(Counter::ErrorTime, elapsed);
    entry.mark(Counter::LastError, now);
    entry.mark(Counter::LastSqlstate, sqlstate as u64);
    entry.mark(Counter::LastSeen, now);
    let state = sqlstate_text(sqlstate);
    if let Some(class) = entry.classes.get(class_of(&state)) {
        class.fetch_add(1, Relaxed);
    }
}

fn classify(entry: &Entry, outcome: &Outcome) {
    match outcome {
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

/// What kind of failure an error is, by SQLSTATE and untranslated message.
fn outcome(sqlstate: &str, message: &[u8]) -> Outcome {
    let is_timeout = message.ends_with(b"timeout");
    match sqlstate {
        TRANSACTION_TIMEOUT => Outcome::TimedOut,
        QUERY_CANCELED | LOCK_NOT_AVAILABLE if is_timeout => Outcome::TimedOut,
        QUERY_CANCELED => Outcome::Cancelled,
        _ => Outcome::Failed,
    }
}

/// The same for a nested statement, whose error may be caught and never be reported: by the
/// milliseconds since the client's command arrived, and the settings `statement_timeout` and
/// `lock_timeout`.
fn outcome_by_time(sqlstate: &str, waited: u64, timeouts: (i32, i32)) -> Outcome {
    let reached = |timeout: i32| timeout > 0 && waited + 1 >= timeout as u64;
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
    fn the_message_tells_a_timeout_from_a_cancel() {
        let statement = b"canceling statement due to statement timeout";
        let lock = b"canceling statement due to lock timeout";
        let user = b"canceling statement due to user request";
        assert_eq!(outcome("57014", statement), Outcome::TimedOut);
        assert_eq!(outcome("57014", user), Outcome::Cancelled);
        assert_eq!(outcome("55P03", lock), Outcome::TimedOut);
        assert_eq!(
            outcome("55P03", b"could not obtain lock on row"),
            Outcome::Failed
        );
        assert_eq!(outcome("22012", b"my own timeout"), Outcome::Failed);
    }

    #[test]
    fn time_tells_them_apart_where_nothing_is_reported() {
        assert_eq!(outcome_by_time("57014", 100, (100, 0)), Outcome::TimedOut);
        assert_eq!(outcome_by_time("57014", 50, (100, 0)), Outcome::Cancelled);
        assert_eq!(outcome_by_time("57014", 50, (0, 0)), Outcome::Cancelled);
        assert_eq!(outcome_by_time("55P03", 1, (0, 100)), Outcome::Failed);
        assert_eq!(outcome_by_time("55P03", 100, (0, 100)), Outcome::TimedOut);
    }

    #[test]
    fn every_sqlstate_has_a_class() {
        assert_eq!(ERROR_CLASSES.get(class_of("23505")), Some(&"23"));
        assert_eq!(ERROR_CLASSES.get(class_of("P0001")), Some(&"P0"));
        assert_eq!(ERROR_CLASSES.get(class_of("0A000")), Some(&"other"));
        assert_eq!(ERROR_CLASSES.get(class_of("")), Some(&"other"));
    }
}
