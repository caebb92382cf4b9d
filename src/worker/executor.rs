//! An executor: one run of one job, connected as the job's owner.
//!
//! It has the owner's rights and no more, and writes nothing of pgopt's: what became of the run goes
//! onto the board, where the database's worker reads it.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use pgrx::{pg_guard, pg_sys};

use crate::jobs::note;
use crate::jobs::store::{self, Task};
use crate::pg::background::{self, Cancel, Failure};
use crate::pg::elevated;
use crate::pg::top_level::{self, Command};
use crate::pg::{clock, log};
use crate::shmem;
use crate::shmem::board::{self, Ending, Slot, State};

/// How long it waits to be told to begin, in microseconds.
const PATIENCE: i64 = 60_000_000;

/// What an executor is started with: the slot of its run, and which of the slot's runs it is.
pub(super) fn argument(slot: usize, generation: u32) -> usize {
    (generation as usize) << 8 | slot
}

/// The process's entry point; the argument is made by [`argument`].
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pgopt_executor(argument: pg_sys::Datum) {
    background::take_signals(Cancel::Command);
    let (number, generation) = (argument.value() & 0xff, (argument.value() >> 8) as u32);
    let slot = shmem::get().and_then(|shared| shared.board.slot(number));
    let Some(slot) = slot.filter(|slot| slot.attach(generation)) else {
        return;
    };
    board::own(number);
    background::at_exit(leave);
    background::connect(slot.database(), Some(slot.owner.load(Relaxed)));
    if may_begin(slot) {
        run(slot);
    }
    background::exit(0);
}

/// Whatever ended this process, the slot says so.
#[pg_guard]
unsafe extern "C-unwind" fn leave(_code: i32, _argument: pg_sys::Datum) {
    let Some(board) = shmem::get().map(|shared| shared.board) else {
        return;
    };
    let Some(slot) = board::own_slot() else {
        return;
    };
    if slot.finished.load(Relaxed) == 0 {
        let ended = pgrx::PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN as i32;
        slot.finish(Ending::Failed, ended, "the process of the run ended", -1);
    }
    let database = slot.database();
    slot.detach();
    let done = [State::Running, State::Go, State::Reserved]
        .into_iter()
        .any(|from| slot.step(from, State::Done));
    if !done {
        board.free(slot, State::Abandoned);
    }
    // Those of other databases, too: there is room for one more run.
    board.wake_workers();
    let place = board.find(database).and_then(|number| board.place(number));
    if !place.is_some_and(|place| place.worker.is_there()) {
        board.launcher.wake();
    }
}

/// Waits until the run is written down.
fn may_begin(slot: &Slot) -> bool {
    let since = clock::now();
    loop {
        match slot.state() {
            State::Go => return slot.step(State::Go, State::Running),
            State::Reserved if clock::now() - since < PATIENCE => {
                let _reloaded = background::wait(Duration::from_secs(1));
            }
            State::Reserved => {
                slot.step(State::Reserved, State::Abandoned);
                return false;
            }
            _ => return false,
        }
    }
}

fn run(slot: &Slot) {
    slot.started.store(clock::now(), Relaxed);
    let run = slot.run.load(Relaxed);
    let task = background::quietly(|| {
        background::transaction(|| elevated::as_superuser(|| store::task(run)))
    });
    let outcome = match task {
        Ok(Some(task)) => execute(&task),
        Ok(None) => Err(Ended::failed(Failure {
            sqlstate: pgrx::PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT as i32,
            message: "the job was removed before the run began".to_owned(),
        })),
        Err(failure) => Err(Ended::failed(failure)),
    };
    match outcome {
        Ok(rows) => succeed(slot, rows),
        Err(ended) => {
            let Failure { sqlstate, message } = &ended.failure;
            slot.finish(ended.ending, *sqlstate, message, -1);
            log::warning(format!(
                "pgopt job \"{}\" failed: {message}",
                slot.name.get()
            ));
        }
    }
}

fn succeed(slot: &Slot, rows: u64) {
    let note = note::take().unwrap_or_default();
    let rows = note.rows.unwrap_or(rows);
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    match note.skipped {
        Some(reason) => slot.finish(Ending::Skipped, 0, &reason, -1),
        None => {
            let remark = note.remark.unwrap_or_default();
            slot.finish(Ending::Succeeded, 0, &remark, rows);
        }
    }
}

/// How a run came to a bad end.
struct Ended {
    ending: Ending,
    failure: Failure,
}

impl Ended {
    fn failed(failure: Failure) -> Self {
        Self {
            ending: Ending::Failed,
            failure,
        }
    }
}

/// Executes the commands one after the other; rows they processed.
fn execute(task: &Task) -> std::result::Result<u64, Ended> {
    background::set(c"application_name", &format!("pgopt: {}", task.name));
    if let Some(milliseconds) = task.statement_timeout {
        background::set(c"statement_timeout", &milliseconds.to_string());
    }
    if let Some(milliseconds) = task.lock_timeout {
        background::set(c"lock_timeout", &milliseconds.to_string());
    }
    let mut rows = 0;
    for (number, text) in task.commands.iter().enumerate() {
        let _reloaded = background::heed();
        rows += execute_command(text).map_err(|mut ended| {
            if task.commands.len() > 1 {
                let place = format!("command {} of {}", number + 1, task.commands.len());
                ended.failure.message = format!("{place}: {}", ended.failure.message);
            }
            ended
        })?;
    }
    Ok(rows)
}

fn execute_command(text: &str) -> std::result::Result<u64, Ended> {
    let command = match Command::new(text) {
        Ok(command) => command,
        Err(error) => return Err(Ended::failed(error.into())),
    };
    let began = clock::now();
    let limit = top_level::statement_timeout();
    background::attempt(|| Ok(command.execute())).map_err(|mut failure| {
        if let Some(sqlstate) = top_level::take_sqlstate() {
            failure.sqlstate = sqlstate;
        }
        // The server has one SQLSTATE for both, and words them in its language.
        let cancelled = pgrx::PgSqlErrorCode::ERRCODE_QUERY_CANCELED as i32;
        let over = limit.is_some_and(|limit| clock::now() - began >= limit);
        let ending = match failure.sqlstate == cancelled && over {
            true => Ending::TimedOut,
            false => Ending::Failed,
        };
        Ended { ending, failure }
    })
}
