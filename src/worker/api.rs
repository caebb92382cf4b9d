//! The SQL function of the workers; its declaration is in `sql/worker.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use std::sync::atomic::Ordering::Relaxed;

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::pg::roles;
use crate::settings;
use crate::shmem::board::{Board, Database, Process, Slot, State};
use crate::shmem::header::Global;
use crate::shmem::{self, Shared};

/// One row.
#[derive(Default)]
struct Row {
    process: &'static str,
    pid: i32,
    database: u32,
    role: u32,
    job: Option<i64>,
    run: Option<i64>,
    state: String,
    started: i64,
    heartbeat: i64,
    queue: Option<i32>,
    slots_used: Option<i32>,
    slots: Option<i32>,
    error: String,
    error_at: i64,
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn worker_list() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(process, &'static str),
            name!(pid, Option<i32>),
            name!(database_id, Option<pg_sys::Oid>),
            name!(role_id, Option<pg_sys::Oid>),
            name!(job_id, Option<i64>),
            name!(run_id, Option<i64>),
            name!(state, String),
            name!(started, Option<TimestampWithTimeZone>),
            name!(heartbeat, Option<TimestampWithTimeZone>),
            name!(queue_length, Option<i32>),
            name!(slots_used, Option<i32>),
            name!(slots, Option<i32>),
            name!(last_error, Option<String>),
            name!(last_error_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let mut shown = Vec::new();
    for row in rows() {
        let error = (row.error_at != 0 && roles::may_read_all_statistics()).then_some(row.error);
        shown.push((
            row.process,
            (row.pid != 0).then_some(row.pid),
            oid(row.database),
            oid(row.role),
            row.job,
            row.run,
            row.state,
            moment(row.started),
            moment(row.heartbeat),
            row.queue,
            row.slots_used,
            row.slots,
            error,
            moment(row.error_at),
        ));
    }
    Ok(TableIterator::new(shown))
}

fn oid(number: u32) -> Option<pg_sys::Oid> {
    (number != 0).then(|| pg_sys::Oid::from(number))
}

fn moment(microseconds: i64) -> Option<TimestampWithTimeZone> {
    (microseconds != 0)
        .then(|| TimestampWithTimeZone::try_from(microseconds).ok())
        .flatten()
}

fn rows() -> Vec<Row> {
    let Some(shared) = shmem::get() else {
        return Vec::new();
    };
    let board = shared.board;
    let mut rows = vec![launcher(board), housekeeper(shared)];
    let places = board.places().iter().filter(|place| place.oid() != 0);
    rows.extend(places.map(database));
    let slots = (board.slots().iter()).filter(|slot| slot.state() != State::Free);
    rows.extend(slots.map(executor));
    rows
}

fn of(process: &Process) -> Row {
    Row {
        pid: process.pid.load(Relaxed),
        started: process.started.load(Relaxed),
        heartbeat: process.heartbeat.load(Relaxed),
        error: process.error.get(),
        error_at: process.error_at.load(Relaxed),
        ..Row::default()
    }
}

fn count(number: usize) -> Option<i32> {
    i32::try_from(number).ok()
}

fn launcher(board: &Board) -> Row {
    let state = if roles::in_recovery() {
        "not started: the server is a standby"
    } else if !board.launcher.is_there() {
        "not running"
    } else if !settings::enabled() {
        "idle: pgopt.enabled is off"
    } else if board.has_no_slot() {
        "waiting for a slot: max_worker_processes is reached"
    } else {
        "running"
    };
    let waiting = board.waiting.load(Relaxed) as usize;
    Row {
        process: "launcher",
        state: state.to_owned(),
        queue: count(waiting),
        slots_used: count(board.workers() + board.slots_taken()),
        slots: count(settings::max_workers()),
        ..of(&board.launcher)
    }
}

fn housekeeper(shared: &Shared) -> Row {
    let heartbeat = shared.header.get(Global::Heartbeat) as i64;
    Row {
        process: "housekeeper",
        heartbeat,
        state: if heartbeat == 0 {
            "not running"
        } else {
            "running"
        }
        .to_owned(),
        ..Row::default()
    }
}

fn database(place: &Database) -> Row {
    let state = if !place.worker.is_there() {
        "not needed now"
    } else if place.starving.load(Relaxed) != 0 {
        "waiting for a slot: max_worker_processes is reached"
    } else {
        "running"
    };
    Row {
        process: "worker",
        database: place.oid(),
        state: state.to_owned(),
        queue: count(place.queue.load(Relaxed) as usize),
        ..of(&place.worker)
    }
}

fn executor(slot: &Slot) -> Row {
    let state = match slot.state() {
        State::Free | State::Held | State::Abandoned => "ending",
        State::Reserved | State::Go => "starting",
        State::Running => "running",
        State::Done => "ended",
    };
    Row {
        process: "executor",
        pid: slot.pid.load(Relaxed),
        database: slot.database(),
        role: slot.owner.load(Relaxed),
        job: Some(slot.job.load(Relaxed)),
        run: Some(slot.run.load(Relaxed)),
        state: state.to_owned(),
        started: slot.reserved.load(Relaxed),
        ..Row::default()
    }
}
