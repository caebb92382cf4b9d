//! The commands of an action's jobs: each is a top-level statement of its own, and all can be run
//! again from the first on. Pure.
//!
//! `IF NOT EXISTS` takes the INVALID rest of an interrupted build for a finished index, and a
//! command that drops an index concurrently cannot say "if it is invalid". So the first command
//! gives such a rest a name that is the action's own, and the next ones drop what has that name.

#![forbid(unsafe_code)]

use std::ops::Range;

use super::state::Task;
use crate::advisor::applicable::{Applicable, Way};

/// How long a command waits for a lock that others would queue behind. Commands that build or
/// drop concurrently wait as long as it takes: nobody has to wait for them.
const BRIEFLY: &str = "SET lock_timeout = '3s'";
const PATIENTLY: &str = "SET lock_timeout = 0";

/// The commands that carry the action out.
pub(super) fn apply(id: i64, plan: &Applicable) -> Vec<String> {
    let mut commands = way(id, plan, Task::Apply);
    if plan.needs_analyze {
        commands.push(format!("ANALYZE {}", plan.table_name));
    }
    commands.push(call("action_verify", id, Task::Apply));
    commands
}

/// The commands that take it back.
pub(super) fn undo(id: i64, plan: &Applicable) -> Vec<String> {
    let mut commands = way(id, plan, Task::Undo);
    commands.push(call("action_verify", id, Task::Undo));
    commands
}

/// The commands that drop what interrupted runs left behind.
pub(super) fn clean_up(id: i64, plan: &Applicable) -> Vec<String> {
    let mut commands = vec![
        PATIENTLY.to_owned(),
        call("action_check", id, Task::CleanUp),
    ];
    let concurrently = (plan.made.iter().map(|made| made.concurrently))
        .chain(plan.down.builds.iter().map(|_| true));
    for ((place, name), concurrently) in names(plan).into_iter().enumerate().zip(concurrently) {
        let rest = rest_of(id, place, name);
        match concurrently {
            true => commands.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {rest}")),
            false => push_brief(&mut commands, format!("DROP INDEX IF EXISTS {rest}")),
        }
    }
    commands.push(call("action_verify", id, Task::CleanUp));
    commands
}

/// Has the plan, and its way back, name the indexes that it makes otherwise: pairs of the name it
/// has and the one it gets.
pub(super) fn rename_made(plan: &mut Applicable, pairs: &[(String, String)]) {
    let now = |name: &str| {
        let mut pairs = pairs.iter();
        pairs.find(|(before, _)| before == name).map(|(_, now)| now)
    };
    for made in &mut plan.made {
        if let Some(name) = now(&made.name) {
            made.name.clone_from(name);
        }
    }
    for name in &mut plan.down.drops {
        if let Some(now) = now(name) {
            name.clone_from(now);
        }
    }
    for step in &mut plan.down.steps {
        for drop in [
            "DROP INDEX CONCURRENTLY IF EXISTS ",
            "DROP INDEX IF EXISTS ",
        ] {
            if let Some(now) = step.strip_prefix(drop).and_then(now) {
                *step = format!("{drop}{now}");
                break;
            }
        }
    }
}

/// The indexes that the action makes, and those that it drops or makes again.
pub(super) fn names(plan: &Applicable) -> Vec<&str> {
    (plan.made.iter().map(|made| made.name.as_str()))
        .chain(plan.down.builds.iter().map(String::as_str))
        .collect()
}

/// The qualified name that the rest of an interrupted build gets; `place` is that of `name` in
/// [`names`].
pub(super) fn rest_of(id: i64, place: usize, name: &str) -> String {
    let schema = schema_of(name);
    format!("{schema}{}", rest_name(id, place))
}

/// The same without the schema.
pub(super) fn rest_name(id: i64, place: usize) -> String {
    format!("pgopt_rest_{id}_{place}")
}

/// The way that a task goes.
pub(super) fn way_of(plan: &Applicable, task: Task) -> &Way {
    match task {
        Task::Apply => &plan.up,
        Task::Undo | Task::CleanUp => &plan.down,
    }
}

/// The places in [`names`] of the indexes that a task makes.
pub(super) fn makes(plan: &Applicable, task: Task) -> Range<usize> {
    match task {
        Task::Apply => 0..plan.made.len(),
        Task::Undo | Task::CleanUp => plan.made.len()..plan.made.len() + plan.down.builds.len(),
    }
}

/// Whether a step keeps others from writing for as long as a build takes. TimescaleDB knows no
/// other way than one chunk after the other.
pub(super) fn blocks_writers(steps: &[String]) -> bool {
    steps.iter().any(|step| {
        step.starts_with("CREATE INDEX ")
            && !step.starts_with("CREATE INDEX CONCURRENTLY ")
            && !is_brief(step)
            && !step.contains("timescaledb.transaction_per_chunk")
    })
}

fn way(id: i64, plan: &Applicable, task: Task) -> Vec<String> {
    let (way, makes) = (way_of(plan, task), makes(plan, task));
    let mut commands = vec![PATIENTLY.to_owned(), call("action_check", id, task)];
    for (place, name) in names(plan).into_iter().enumerate() {
        if makes.contains(&place) && way.builds.iter().any(|build| build == name) {
            let rest = rest_of(id, place, name);
            commands.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {rest}"));
        }
    }
    let mut built = makes.is_empty();
    for step in &way.steps {
        if !built && step.starts_with("DROP INDEX") {
            commands.push(call("action_built", id, task));
            built = true;
        }
        match is_brief(step) {
            true => push_brief(&mut commands, step.clone()),
            false => commands.push(step.clone()),
        }
    }
    if !built {
        commands.push(call("action_built", id, task));
    }
    commands
}

/// Whether a command is done at once but holds a lock that blocks others.
fn is_brief(step: &str) -> bool {
    const ONLY: &str = " ON ONLY ";
    step.starts_with("ALTER INDEX ")
        || step.starts_with("DROP INDEX IF EXISTS ")
        || (step.starts_with("CREATE INDEX IF NOT EXISTS ") && step.contains(ONLY))
}

fn push_brief(commands: &mut Vec<String>, command: String) {
    // One wait after the other needs the setting once.
    match commands.last().is_some_and(|last| last == PATIENTLY) && commands.len() > 1 {
        true => {
            commands.pop();
        }
        false => commands.push(BRIEFLY.to_owned()),
    }
    commands.push(command);
    commands.push(PATIENTLY.to_owned());
}

fn call(function: &str, id: i64, task: Task) -> String {
    format!("SELECT pgopt.{function}({id}, '{}')", task.name())
}

/// `s.` of `s.name`, both perhaps quoted.
fn schema_of(name: &str) -> &str {
    let mut quoted = false;
    let end = name.char_indices().find(|&(_, c)| {
        quoted ^= c == '"';
        c == '.' && !quoted
    });
    end.and_then(|(end, _)| name.get(..=end)).unwrap_or("")
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
