//! Queues the jobs of an action.

use pgrx::{PgLogLevel, PgSqlErrorCode, ereport, pg_sys};

use super::checks;
use super::commands;
use super::log::{self, Action, Progress};
use super::state::{State, Task};
use crate::advisor::applicable::Applicable;
use crate::advisor::shown;
use crate::error::{Error, Result};
use crate::jobs::{self, NewJob};
use crate::pg::{clock, roles};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// Attempts at building: what can pass may take some minutes to do so.
const ATTEMPTS: i32 = 5;

/// Queues the recommendation of that rank; returns the number of the action.
pub(super) fn apply(rank: i32) -> Result<i64> {
    checks::can_queue()?;
    let plan = shown::with_rank(rank)?;
    if commands::blocks_writers(&plan.up.steps) {
        return Err(Error::unsupported(format!(
            "the index on table {} cannot be built without blocking writes",
            plan.table_name
        ))
        .detail("The table has a foreign partition, so its index is built by one command.")
        .hint("Run the command yourself when nobody writes: see the column ddl."));
    }
    if let Some(other) = log::same_under_way(&plan)? {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            format!("recommendation with rank {rank} is being carried out already"),
        )
        .detail(format!("It is action {other}."))
        .hint("See the view pgopt.applied."));
    }
    checks::table(&plan)?;
    let objects = checks::objects(&plan)?;
    let caller = roles::current_user();
    checks::possible_now(&plan, Task::Apply, caller)?;
    let id = log::next_id()?;
    let steps = commands::apply(id, &plan);
    let job = queue(id, &plan, Task::Apply, steps, caller)?;
    let progress = Progress {
        leftovers: objects.leftovers,
        dropped: objects.dropped,
        ..Progress::default()
    };
    log::insert(id, job, &plan, &progress)?;
    tell(&format!("queued action {id}"), &plan.up.steps);
    Ok(id)
}

/// Queues the way back.
pub(super) fn undo(id: i64) -> Result<i64> {
    checks::can_queue()?;
    let action = log::get(id)?;
    let state = match action.state {
        State::Undone => return Err(log::wrong_state(&action, "has been undone already")),
        State::Undoing => return Err(log::wrong_state(&action, "is being undone already")),
        State::Queued | State::Running => {
            return Err(
                log::wrong_state(&action, "has not been carried out yet").hint(format!(
                    "Wait for it, or stop it with pgopt.unschedule('{}').",
                    job_name(id, Task::Apply)
                )),
            );
        }
        State::Failed if !leaves_something(&action)? => {
            return Err(log::wrong_state(&action, "has left nothing to be undone"));
        }
        state => state,
    };
    let plan = &action.plan;
    checks::table(plan)?;
    is_own(&action)?;
    let caller = roles::current_user();
    checks::possible_now(plan, Task::Undo, caller)?;
    let job = queue(id, plan, Task::Undo, commands::undo(id, plan), caller)?;
    let progress = Progress {
        before_undo: Some(state),
        owns_former_names: false,
        ..action.progress.clone()
    };
    log::change(
        id,
        serde_json::json!({"state": State::Undoing, "undo_job_id": job, "progress": progress,
                           "sqlstate": null, "message": null}),
    )?;
    tell(
        &format!("queued the undoing of action {id}"),
        &plan.down.steps,
    );
    Ok(id)
}

/// Whether a failed action has made or dropped anything.
fn leaves_something(action: &Action) -> Result<bool> {
    let plan = &action.plan;
    let found = checks::found_of(plan)?;
    let is_made = |found: &checks::Found| found.place < plan.made.len();
    let made = action.progress.owns_names && found.iter().any(is_made);
    let kept = found.iter().filter(|found| !is_made(found)).count();
    Ok(made || kept < action.progress.dropped.len())
}

/// Whether the index that would be dropped is the one that was made.
pub(super) fn is_own(action: &Action) -> Result<()> {
    let (Some(index), Some(made)) = (action.progress.index, action.plan.made.first()) else {
        return Ok(());
    };
    let found = checks::found(&[&made.name])?;
    match found.first() {
        Some(found) if found.oid != index => Err(Error::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!(
                "relation {} is not the index that action {} made",
                made.name, action.id
            ),
        )
        .hint("That index was dropped or renamed; undo by hand what is left to be undone.")),
        _ => Ok(()),
    }
}

/// Queues what drops the rests of interrupted builds, as the owner of the action, and tries for
/// as long as it takes.
pub(super) fn queue_clean_up(action: &Action) -> Result<i64> {
    let steps = commands::clean_up(action.id, &action.plan);
    let owner = pg_sys::Oid::from(action.owner);
    queue(action.id, &action.plan, Task::CleanUp, steps, owner)
}

/// The name of a job of an action.
pub(super) fn job_name(id: i64, task: Task) -> String {
    format!("pgopt {} {id}", task.name())
}

fn queue(
    id: i64,
    plan: &Applicable,
    task: Task,
    commands: Vec<String>,
    owner: pg_sys::Oid,
) -> Result<i64> {
    let mut job = NewJob::new(job_name(id, task), commands, owner);
    job.once = true;
    job.exclusion_key = Some(format!("{}table:{}", jobs::RESERVED_KEYS, plan.table));
    // Builds take as long as they take, whatever the role's settings say.
    job.statement_timeout = Some(0);
    job.breaker_failures = 0;
    (job.max_attempts, job.backoff, job.backoff_max) = match task {
        Task::Apply | Task::Undo => (ATTEMPTS, 30 * SECOND, 600 * SECOND),
        Task::CleanUp => (i32::MAX, 5 * SECOND, 600 * SECOND),
    };
    let registered = match (jobs::register(&job), task) {
        // A name that somebody has taken, as in a dump, keeps nobody from cleaning up.
        (Err(error), Task::CleanUp)
            if error.sqlstate() == PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT =>
        {
            job.name = format!("{} {}", job.name, clock::now());
            jobs::register(&job)
        }
        (registered, _) => registered,
    };
    let job = registered?;
    jobs::request_run(job)?;
    Ok(job)
}

fn tell(what: &str, steps: &[String]) {
    const MOST: usize = 20;
    let mut list: Vec<&str> = steps.iter().take(MOST).map(String::as_str).collect();
    let more = format!("... and {} more", steps.len().saturating_sub(MOST));
    if steps.len() > MOST {
        list.push(&more);
    }
    ereport!(
        PgLogLevel::NOTICE,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        format!("{what}: {}", list.join("; ")),
        "The view pgopt.applied shows what comes of it."
    );
}
