//! What the database's worker does when a run of an action's job has ended.

use serde_json::json;

use super::apply::queue_clean_up;
use super::commands::names;
use super::log::{self, Action};
use super::rests;
use super::state::{State, Task};
use crate::error::Result;
use crate::pg::log::warning;
use crate::pg::rollback::all_or_nothing;

/// A run of `job` has ended and its outcome was recorded. Jobs of others are left alone.
///
/// What goes wrong here never keeps the worker from its other jobs: [`recover`] tries again.
pub(crate) fn run_ended(job: i64, succeeded: bool, will_retry: bool) -> Result<()> {
    let outcome = all_or_nothing(|| end(job, succeeded, will_retry));
    if let Err(error) = outcome {
        warning(format!(
            "pgopt could not look after the action of job {job}: {error}"
        ));
    }
    Ok(())
}

fn end(job: i64, succeeded: bool, will_retry: bool) -> Result<()> {
    let Some((action, task)) = log::of_job(job)? else {
        return Ok(());
    };
    let state = (action.state).after_run(task, succeeded, will_retry, action.progress.before_undo);
    if !succeeded {
        let failure = log::last_failure(job)?;
        tell_failure(&action, task, state, failure)?;
    } else if state != action.state {
        log::change(action.id, json!({"state": state}))?;
    }
    if !succeeded && !will_retry {
        clean_up(&action)?;
    }
    Ok(())
}

/// Actions whose job is gone though they wait for it, as after a crash or when a user removed it.
/// To be called when the database's worker begins, after it has found lost runs.
pub(crate) fn recover() -> Result<()> {
    for (_, job) in log::orphans()? {
        run_ended(job, false, false)?;
    }
    Ok(())
}

fn tell_failure(
    action: &Action,
    task: Task,
    state: State,
    (sqlstate, message): (Option<String>, Option<String>),
) -> Result<()> {
    // A process that ends after its last command has nothing to say about the action.
    let had_ended = match task {
        Task::Apply => action.state.is_applied(),
        Task::Undo => action.state == State::Undone,
        Task::CleanUp => false,
    };
    if had_ended {
        return Ok(());
    }
    let message = message
        .unwrap_or_else(|| "its run ended, and the history of runs does not say why".to_owned());
    let message = match task {
        Task::Apply => message,
        Task::Undo => format!("undoing it failed: {message}"),
        Task::CleanUp => format!("dropping an INVALID index failed: {message}"),
    };
    let mut changes = json!({"state": state, "sqlstate": sqlstate, "message": message});
    if state == State::Failed && action.state != State::Failed {
        changes["finished"] = json!("now");
    }
    log::change(action.id, changes)
}

/// Queues the dropping of what is left behind, if anything is.
fn clean_up(action: &Action) -> Result<()> {
    let mut left: Vec<String> = rests::set_aside_before(action)?;
    let all = names(&action.plan);
    left.extend(
        (rests::of(action)?.iter())
            .filter_map(|found| all.get(found.place).map(|name| (*name).to_owned())),
    );
    if left.is_empty() {
        return Ok(());
    }
    // By its number: a job of that name may be somebody else's.
    if let Some(job) = action.clean_up_job_id
        && log::job_exists(job)?
    {
        return Ok(());
    }
    match queue_clean_up(action) {
        Ok(job) => log::change(action.id, json!({"clean_up_job_id": job})),
        // Such as an owner that may not log in any more.
        Err(error) => log::change(
            action.id,
            json!({"message": format!("{error}; drop by hand: {}", left.join(", "))}),
        ),
    }
}
