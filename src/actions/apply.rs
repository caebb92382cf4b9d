//! Queues the jobs of an action.

use pgrx::{PgLogLevel, PgSqlErrorCode, ereport, pg_sys};

use super::checks;
use super::commands;
use super::log::{self, Action, Progress};
use super::own;
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
    checks::table(&plan)?;
    // No error: one of many that are applied together must not take the others with it.
    if let Some((other, owner)) = log::same_under_way(&plan)? {
        tell_under_way(rank, other, &owner);
        return Ok(other);
    }
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
    let mut action = log::get(id)?;
    let was_renamed = own::follow(&mut action)?;
    let state = before_undo(&action)?;
    let plan = &action.plan;
    checks::table(plan)?;
    is_own(&action)?;
    own::statistics_not_renamed(&action)?;
    let caller = roles::current_user();
    checks::possible_now(plan, Task::Undo, caller)?;
    let job = queue(id, plan, Task::Undo, commands::undo(id, plan), caller)?;
    let progress = Progress {
        before_undo: Some(state),
        owns_former_names: false,
        ..action.progress.clone()
    };
    let mut changes = serde_json::json!({"state": State::Undoing, "undo_job_id": job,
                                         "progress": progress, "sqlstate": null, "message": null});
    if was_renamed {
        changes["undo_steps"] = serde_json::json!(plan.down.steps);
    }
    log::change(id, changes)?;
    tell(
        &format!("queued the undoing of action {id}"),
        &plan.down.steps,
    );
    Ok(id)
}

/// The state that an action is taken back from.
fn before_undo(action: &Action) -> Result<State> {
    let job = match action.state {
        State::Undoing => action.undo_job_id.unwrap_or(action.job_id),
        _ => action.job_id,
    };
    let state = match action.state {
        // The job was removed, and the worker has not taken note of it.
        State::Queued | State::Running if !log::job_exists(job)? => State::Failed,
        State::Undoing if !log::job_exists(job)? => {
            action.progress.before_undo.unwrap_or(State::Failed)
        }
        state => state,
    };
    match state {
        State::Undone => Err(log::wrong_state(action, "has been undone already")),
        State::Undoing => {
            Err(log::wrong_state(action, "is being undone already").hint(how_to_stop(job)?))
        }
        State::Queued | State::Running => {
            Err(log::wrong_state(action, "has not been carried out yet").hint(how_to_stop(job)?))
        }
        State::Failed if !leaves_something(action)? => {
            Err(log::wrong_state(action, "has left nothing to be undone"))
        }
        state => Ok(state),
    }
}

/// Removing a job does not end its run.
fn how_to_stop(job: i64) -> Result<String> {
    let stop = match log::job_now(job)? {
        (_, true) | (None, false) => format!(
            "SELECT pg_cancel_backend(pid) FROM pgopt.worker_status \
             WHERE database = current_database() AND job_id = {job}"
        ),
        (Some(name), false) => format!("SELECT pgopt.unschedule('{}')", name.replace('\'', "''")),
    };
    Ok(format!("Wait for it, or stop it: {stop}"))
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

/// Whether what would be dropped is what was made.
pub(super) fn is_own(action: &Action) -> Result<()> {
    let own = &action.progress.own;
    let names: Vec<&str> = own.iter().map(own::Own::known_as).collect();
    for found in checks::found(&names)? {
        let Some(own) = own.get(found.place).filter(|own| own.oid != found.oid) else {
            continue;
        };
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!(
                "relation {} is not the index that action {} made",
                own.known_as(),
                action.id
            ),
        )
        .hint("That index was dropped; undo by hand what is left to be undone."));
    }
    Ok(())
}

/// Queues what drops the rests of interrupted builds, as the owner of the action, and tries for
/// as long as it takes.
pub(super) fn queue_clean_up(action: &Action) -> Result<i64> {
    let steps = commands::clean_up(action.id, &action.plan);
    let owner = pg_sys::Oid::from(action.owner);
    queue(action.id, &action.plan, Task::CleanUp, steps, owner)
}

fn queue(
    id: i64,
    plan: &Applicable,
    task: Task,
    commands: Vec<String>,
    owner: pg_sys::Oid,
) -> Result<i64> {
    let name = log::free_job_name(&format!("pgopt {} {id}", task.name()))?;
    let mut job = NewJob::new(name, commands, owner);
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

fn tell_under_way(rank: i32, action: i64, owner: &str) {
    ereport!(
        PgLogLevel::NOTICE,
        PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
        format!("recommendation with rank {rank} is being carried out already, skipping"),
        format!("It is action {action} of role {owner}.")
    );
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
