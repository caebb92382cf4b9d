//! Executions of this session that have begun and not ended: portals, cursors, nested ones.

use super::record::{self, Finished};
use super::{failures, planning, sampling, session, texts, transaction};
use crate::pg::execution::{Execution, USAGE, Usage};
use crate::pg::local::Local;
use crate::pg::{clock, session as process};
use crate::shmem::Shared;
use crate::shmem::entry::Key;
use crate::shmem::header::Global;

/// Executions open at once in one session that are followed; cursors beyond are not counted.
const MOST_OPEN: usize = 4096;
/// Every how many executions the time spent in hooks is measured.
const MEASURED: u32 = 1024;

struct Open {
    execution: usize,
    /// As it began: a function that changes role may be what fails.
    key: Key,
    /// Its text is a part of the command that declared it.
    is_cursor: bool,
    time: u64,
    rows: u64,
    usage: [u64; USAGE],
    /// Time spent in our hooks, when it is measured.
    cost: Option<u64>,
}

static OPEN: Local<Vec<Open>> = Local::new(Vec::new());
static EXECUTIONS: Local<u32> = Local::new(0);

/// An execution that is being run.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    started: u64,
    usage: Usage,
    nested_before: bool,
}

/// An execution is about to begin: should that fail already, it is known which one did.
#[inline]
pub(crate) fn announce(execution: Execution) {
    let query_id = session::identifier(execution.query_id());
    if query_id != 0 && !session::is_nested() && is_clients() && session::shared().is_some() {
        failures::at(&session::key(query_id), false);
    }
}

/// A nested execution failed before it began.
pub(crate) fn failed_to_begin(execution: Execution, key: &Key, sqlstate: i32) {
    let Some(shared) = session::tracking().filter(|_| key.query_id != 0) else {
        return;
    };
    if let Some(pinned) = failures::count(shared, key, 0, sqlstate, 0) {
        texts::complete(shared, &pinned, execution, false);
    }
}

/// Follows an execution from now on, if it is to be counted.
#[inline]
pub(crate) fn begin(execution: Execution) {
    let query_id = session::identifier(execution.query_id());
    if query_id == 0 {
        return;
    }
    let Some(shared) = session::tracking() else {
        return;
    };
    if !session::is_nested() && !is_clients() {
        return;
    }
    let number = EXECUTIONS.get().wrapping_add(1);
    EXECUTIONS.set(number);
    let started = number.is_multiple_of(MEASURED).then(clock::nanoseconds);
    let open = Open {
        execution: execution.id(),
        key: session::key(query_id),
        is_cursor: session::is_declaring(),
        time: 0,
        rows: 0,
        usage: [0; USAGE],
        cost: started.map(|_| 0),
    };
    // The description of an execution that was cut short may be used again for this one.
    if let Some(cut_short) = take(execution) {
        count_cut_short(shared, &cut_short);
    }
    let is_followed = OPEN.with(|all| {
        let has_room = all.len() < MOST_OPEN;
        if has_room {
            all.push(open);
        }
        has_room
    });
    if !is_followed {
        shared.header.add(Global::DroppedOpen, 1);
    }
    if let Some(started) = started {
        add_cost(execution, started);
    }
}

#[inline]
fn is_clients() -> bool {
    process::serves_client(std::ptr::null())
}

/// Whether an execution is being followed.
#[inline]
pub(crate) fn is_open(execution: Execution) -> bool {
    with_open(execution, |_| ()).is_some()
}

#[inline]
fn with_open<T>(execution: Execution, work: impl FnOnce(&mut Open) -> T) -> Option<T> {
    OPEN.with(|all| {
        (all.iter_mut().rev())
            .find(|open| open.execution == execution.id())
            .map(work)
    })
}

/// A run, or the end of one, begins: what it executes is nested in it.
#[inline]
pub(crate) fn enter() -> Run {
    Run {
        usage: Usage::now(),
        nested_before: session::set_nested(true),
        started: clock::nanoseconds(),
    }
}

/// It is over; `rows` are those it processed.
#[inline]
pub(crate) fn leave(execution: Execution, run: &Run, rows: u64) {
    let stopped = clock::nanoseconds();
    session::set_nested(run.nested_before);
    with_open(execution, |open| {
        open.time += stopped.saturating_sub(run.started);
        open.rows += rows;
        run.usage.add_since(&mut open.usage);
        if let Some(cost) = &mut open.cost {
            *cost += clock::nanoseconds().saturating_sub(stopped);
        }
    });
}

/// It failed.
pub(crate) fn failed(execution: Execution, run: &Run, sqlstate: i32) {
    session::set_nested(run.nested_before);
    let elapsed = clock::nanoseconds().saturating_sub(run.started);
    let (Some(open), Some(shared)) = (take(execution), session::shared()) else {
        return;
    };
    let time = open.time + elapsed;
    if let Some(pinned) = failures::count(shared, &open.key, 0, sqlstate, time) {
        texts::complete(shared, &pinned, execution, open.is_cursor);
    }
}

/// The execution ends: it is counted.
#[inline]
pub(crate) fn end(execution: Execution) {
    let Some(open) = take(execution) else {
        return;
    };
    let Some(shared) = session::shared() else {
        return;
    };
    let started = open.cost.map(|_| clock::nanoseconds());
    let finished = Finished {
        time: open.time,
        rows: open.rows,
        usage: &open.usage,
        jit: execution.jit(),
        workers: execution.parallel_workers(),
        planning: planning::take(&open.key),
    };
    let wanted = record::executed(shared, &open.key, 0, open.time).map_or(0, |pinned| {
        record::finished(pinned.entry, &finished);
        texts::complete(shared, &pinned, execution, open.is_cursor);
        sampling::wanted(shared, pinned.entry, open.time)
    });
    if wanted != 0 {
        sampling::take(shared, &open.key, execution, wanted, &finished);
    }
    if open.key.top_level {
        failures::finished();
        transaction::statement(open.key.query_id, open.time);
    }
    if let (Some(cost), Some(started)) = (open.cost, started) {
        measured(shared, cost + clock::nanoseconds().saturating_sub(started));
    }
}

#[inline]
fn take(execution: Execution) -> Option<Open> {
    OPEN.with(|all| {
        let position = (all.iter()).rposition(|open| open.execution == execution.id())?;
        Some(all.swap_remove(position))
    })
}

fn add_cost(execution: Execution, started: u64) {
    with_open(execution, |open| {
        if let Some(cost) = &mut open.cost {
            *cost += clock::nanoseconds().saturating_sub(started);
        }
    });
}

#[cold]
fn measured(shared: &Shared, cost: u64) {
    shared.header.add(Global::HookSamples, 1);
    shared.header.add(Global::HookTime, cost);
}

/// The transaction is over, and with it every execution. What was cut short without an error of
/// its own (a cursor, when its transaction is rolled back) did its work all the same.
pub(crate) fn end_all() {
    if OPEN.with(|all| all.is_empty()) {
        return;
    }
    let left = OPEN.with(std::mem::take);
    let Some(shared) = session::shared() else {
        return;
    };
    for open in &left {
        count_cut_short(shared, open);
    }
}

/// Counts what ended without an error of its own, and not in the ordinary way.
#[cold]
fn count_cut_short(shared: &'static Shared, open: &Open) {
    if open.time == 0 {
        return;
    }
    if let Some(pinned) = record::entry(shared, &open.key, 0) {
        record::finished(
            pinned.entry,
            &Finished {
                time: open.time,
                rows: open.rows,
                usage: &open.usage,
                jit: None,
                workers: (0, 0),
                planning: None,
            },
        );
    }
}
