//! The commands of an action's jobs that are pgopt's own. They run as the owner of the action.

use pgrx::PgSqlErrorCode;
use serde_json::json;

use super::checks::{self, Found};
use super::commands::{makes, names, way_of};
use super::log::{self, Action};
use super::outcome;
use super::own;
use super::rests;
use super::state::{State, Task};
use crate::advisor::usage;
use crate::error::{Error, Result};
use crate::pg::{clock, roles};

/// Microseconds of a second.
const SECOND: f64 = 1e6;

/// The first command: whether the others may run. What interrupted runs have left behind gets
/// another name, under which the next commands drop it.
pub(super) fn check(id: i64, task: Task) -> Result<()> {
    let mut action = for_task(id, task)?;
    if task == Task::CleanUp {
        return rests::set_aside_all(&action);
    }
    checks::table(&action.plan)?;
    own::still_named(&action)?;
    own::statistics_not_renamed(&action)?;
    claim_names(&mut action, task)?;
    let found = checks::found_of(&action.plan)?;
    check_dropped(&action, &found, task)?;
    if missing(&action, task, &found).is_some() {
        checks::possible_now(&action.plan, task, roles::current_user())?;
        action.progress.build_began = Some(clock::now());
    }
    let mut changes = json!({"started": "now"});
    if task == Task::Apply {
        measure_before(&mut action)?;
        changes["state"] = json!(State::Running);
        changes["sqlstate"] = json!(null);
        changes["message"] = json!(null);
        changes["cost_before"] = json!(outcome::cost_before(&action));
    }
    changes["progress"] = json!(action.progress);
    log::change(id, changes)
}

/// The first index that the task makes and that is not there, or INVALID.
fn missing<'a>(action: &'a Action, task: Task, found: &[Found]) -> Option<&'a str> {
    let all = names(&action.plan);
    let place = makes(&action.plan, task)
        .find(|place| !(found.iter()).any(|found| found.place == *place && found.valid))?;
    all.get(place).copied()
}

/// Makes sure that what has the names of the indexes to be built is the action's own or nothing,
/// and no INVALID one.
fn claim_names(action: &mut Action, task: Task) -> Result<()> {
    let all = names(&action.plan);
    let (way, makes) = (way_of(&action.plan, task), makes(&action.plan, task));
    let own = match task {
        Task::Apply => action.progress.owns_names,
        Task::Undo | Task::CleanUp => action.progress.owns_former_names,
    };
    for found in checks::found_of(&action.plan)? {
        let Some(name) = all.get(found.place).copied() else {
            continue;
        };
        if !makes.contains(&found.place) {
            continue;
        }
        let known = own
            || action.progress.leftovers.contains(&found.oid)
            || (action.progress.dropped.iter()).any(|(_, oid)| *oid == found.oid);
        let is_leftover = action.progress.leftovers.contains(&found.oid);
        if !known || (found.valid && is_leftover && !own) {
            return Err(checks::taken(name));
        }
        // That of a partitioned table stays INVALID until the last partition has been attached.
        if !found.valid && way.builds.iter().any(|build| build == name) {
            rests::set_aside(action.id, name, &found)?;
        }
    }
    match task {
        Task::Apply => action.progress.owns_names = true,
        Task::Undo | Task::CleanUp => action.progress.owns_former_names = true,
    }
    Ok(())
}

/// Whether what will be dropped is what it was when the action was asked for, and what serves for
/// it is there.
fn check_dropped(action: &Action, found: &[Found], task: Task) -> Result<()> {
    if task == Task::Undo {
        return super::apply::is_own(action);
    }
    let all = names(&action.plan);
    let mut drops = false;
    for found in found
        .iter()
        .filter(|found| found.place >= action.plan.made.len())
    {
        let name = all.get(found.place).copied().unwrap_or_default();
        let known = (action.progress.dropped.iter()).any(|(_, oid)| *oid == found.oid);
        if !known {
            return Err(not_ready(format!(
                "index {name} is another one than when it was to be dropped"
            )));
        }
        drops = true;
    }
    let Some(kept) = action.plan.up.kept.as_ref().filter(|_| drops) else {
        return Ok(());
    };
    match checks::found(&[kept])?.first() {
        Some(kept) if kept.valid => Ok(()),
        _ => Err(not_ready(format!(
            "index {kept}, which serves for the one to be dropped, is not there"
        ))),
    }
}

fn measure_before(action: &mut Action) -> Result<()> {
    let progress = &mut action.progress;
    if progress.costs_before.is_empty() && !action.plan.statements.is_empty() {
        progress.costs_before = (usage::planned_now(&action.plan.statements)?.into_iter())
            .map(|planned| (planned.hash, planned.cost))
            .collect();
    }
    Ok(())
}

/// After the builds: whether they succeeded. What comes next may drop what they replace.
pub(super) fn built(id: i64, task: Task) -> Result<()> {
    let mut action = for_task(id, task)?;
    let found = checks::found_of(&action.plan)?;
    if let Some(name) = missing(&action, task, &found) {
        return Err(not_ready(format!("index {name} was not built"))
            .detail("It is not there, or INVALID: perhaps a partition was added meanwhile."));
    }
    let began = action.progress.build_began.take();
    if task == Task::Apply {
        action.progress.own = own::of(&action.plan, &found);
    }
    let mut changes = json!({"progress": action.progress});
    if let (Task::Apply, Some(began)) = (task, began) {
        let seconds = clock::now().saturating_sub(began).max(0) as f64 / SECOND;
        changes["build_time"] = json!(format!("{seconds} seconds"));
    }
    log::change(id, changes)
}

/// The last command: what came of it.
pub(super) fn verify(id: i64, task: Task) -> Result<()> {
    let action = for_task(id, task)?;
    match task {
        Task::Apply => outcome::of_apply(action),
        Task::Undo => outcome::of_undo(&action),
        Task::CleanUp => outcome::of_clean_up(&action),
    }
}

fn for_task(id: i64, task: Task) -> Result<Action> {
    let action = log::get(id)?;
    match action.state.lets_run(task) {
        true => Ok(action),
        false => Err(log::wrong_state(
            &action,
            &format!("has nothing to {} now", task.name()),
        )),
    }
}

/// Something is not as the next commands need it, and will not be by itself.
pub(super) fn not_ready(message: String) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        message,
    )
}
