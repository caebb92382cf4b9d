//! Times of planning, kept until the plan's execution ends, so that both are counted at once.

use std::ffi::c_char;

use super::{admission, failures, parsing, record, session};
use crate::pg::local::Local;
use crate::pg::{clock, session as process};
use crate::shmem::entry::Key;

/// The last statement that was planned and not executed yet.
static PENDING: Local<Option<(Key, u64)>> = Local::new(None);

/// A call of the planner.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// As it began: a function that changes role may be what fails.
    key: Key,
    started: u64,
    nested_before: bool,
}

/// Whether a call of the planner is to be watched: timed, and what it runs known as nested.
#[inline]
pub(crate) fn is_watched(text: *const c_char) -> bool {
    match session::is_nested() {
        false => process::serves_client(text) && session::shared().is_some(),
        true => session::tracking().is_some(),
    }
}

/// The planner begins; what it executes (functions it folds) is nested.
#[inline]
pub(crate) fn enter(query_id: u64) -> Call {
    Call {
        key: session::key(session::identifier(query_id)),
        nested_before: session::set_nested(true),
        started: clock::nanoseconds(),
    }
}

/// It is done.
#[inline]
pub(crate) fn leave(call: &Call) {
    let elapsed = clock::nanoseconds().saturating_sub(call.started);
    session::set_nested(call.nested_before);
    if call.key.query_id != 0 && session::tracking().is_some() {
        flush();
        PENDING.set(Some((call.key, elapsed)));
    }
}

/// It failed.
pub(crate) fn failed(call: &Call, sqlstate: i32) {
    session::set_nested(call.nested_before);
    if let Some(shared) = session::tracking().filter(|_| call.key.query_id != 0) {
        let elapsed = clock::nanoseconds().saturating_sub(call.started);
        if let Some(pinned) = failures::count(shared, &call.key, 0, sqlstate, elapsed) {
            parsing::complete_failed(shared, &pinned);
        }
    }
}

/// How long the statement that is being counted took to plan, if it was planned for that.
#[inline]
pub(super) fn take(executed: &Key) -> Option<u64> {
    let (_, elapsed) = (PENDING.get()).filter(|(key, _)| key == executed)?;
    PENDING.set(None);
    Some(elapsed)
}

/// Counts what was planned and not executed (yet).
#[inline]
pub(super) fn flush() {
    if let Some((key, elapsed)) = PENDING.get() {
        PENDING.set(None);
        count(&key, elapsed);
    }
}

#[cold]
fn count(key: &Key, elapsed: u64) {
    let Some(shared) = session::shared().filter(|shared| !admission::has_to_wait(shared, key))
    else {
        return;
    };
    if let Some(pinned) = record::entry_if_room(shared, key) {
        record::planned(pinned.entry, elapsed);
    }
}
