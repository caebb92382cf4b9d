//! What came of an action.

use pgrx::datum::DatumWithOid;
use pgrx::{PgSqlErrorCode, pg_sys};
use serde_json::{Value, json};

use super::checks;
use super::log::{self, Action};
use super::own;
use super::rests;
use super::runs::not_ready;
use super::state::State;
use crate::advisor::usage::{self, PlannedNow};
use crate::error::{Error, Result, abbreviate};
use crate::jobs::note;
use crate::pg::{catalog, spi};

/// Statements that are named.
const MOST_NAMED: usize = 50;

/// After the steps: whether all is as it was to be, and whether the statements that it was
/// advised for use it now.
pub(super) fn of_apply(mut action: Action) -> Result<()> {
    let plan = &action.plan;
    let found = checks::found_of(plan)?;
    if let Some(left) = found.iter().find(|found| found.place >= plan.made.len()) {
        let name = super::commands::names(plan)
            .get(left.place)
            .copied()
            .unwrap_or_default();
        return Err(not_ready(format!("index {name} was not dropped")));
    }
    let index = match plan.made.first() {
        Some(made) => {
            let found = found.iter().find(|found| found.place == 0 && found.valid);
            let found =
                found.ok_or_else(|| not_ready(format!("index {} was not built", made.name)))?;
            Some(found.oid)
        }
        None => None,
    };
    let statistics = match &plan.statistics {
        Some(name) => {
            let made = own::statistics(name)?;
            Some(made.ok_or_else(|| not_ready(format!("statistics {name} were not made")))?)
        }
        None => None,
    };
    let own = own::of(plan, &found);
    let attached = index.map_or_else(Vec::new, |index| {
        catalog::with_attached(pg_sys::Oid::from(index))
    });
    let size = index.map(|_| size(&attached)).transpose()?;
    let planned = usage::planned_now(&plan.statements)?;
    let attached: Vec<u32> = attached.iter().map(|oid| oid.to_u32()).collect();
    let usage = Usage::of(&action, &planned, &attached);
    action.progress.own = own;
    action.progress.statistics = statistics;
    if let Some(message) = &usage.message {
        note::remark(message.clone());
    }
    log::change(
        action.id,
        json!({
            "state": usage.state, "progress": action.progress, "size": size, "cost_after": usage.cost_after,
            "used_by": usage.used_by, "not_used_by": usage.not_used_by, "message": usage.message,
            "sqlstate": null, "finished": "now",
        }),
    )
}

/// What the plans of the statements say of the index.
struct Usage {
    state: State,
    cost_after: Option<f64>,
    used_by: Vec<Value>,
    not_used_by: Vec<Value>,
    message: Option<String>,
}

impl Usage {
    fn of(action: &Action, planned: &[PlannedNow], index: &[u32]) -> Self {
        let (mut used_by, mut not_used_by) = (Vec::new(), Vec::new());
        let (mut used, mut seen) = (0, 0);
        for wanted in &action.plan.statements {
            let now = planned.iter().find(|planned| planned.hash == wanted.hash);
            let before = cost_of(action, &wanted.hash);
            let uses = now.is_some_and(|now| now.indexes.iter().any(|used| index.contains(used)));
            seen += usize::from(now.is_some());
            used += usize::from(uses);
            let list = if uses { &mut used_by } else { &mut not_used_by };
            if list.len() < MOST_NAMED {
                list.push(json!({
                    "hash": wanted.hash, "query": abbreviate(&wanted.query, 200),
                    "weight": rounded(wanted.weight, 3), "cost_before": before.map(|cost| rounded(cost, 1)),
                    "predicted_cost_after": rounded(wanted.cost_after, 1),
                    "cost_after": now.map(|now| rounded(now.cost, 1)), "planned": now.is_some(),
                }));
            }
        }
        let wanted = action.plan.statements.len();
        let state = match index.is_empty() || used > 0 || seen == 0 {
            true => State::Succeeded,
            false => State::NotUsed,
        };
        let message = match (index.is_empty(), wanted) {
            (true, _) | (_, 0) => None,
            _ if seen == 0 => Some("none of the statements could be planned again".to_owned()),
            (false, 1) if used == 1 => Some("the plan of its statement uses it".to_owned()),
            _ => Some(format!("the plans of {used} of {wanted} statements use it")),
        };
        Self {
            state,
            cost_after: sum(action, |hash| {
                (planned.iter().find(|planned| planned.hash == hash)).map(|planned| planned.cost)
            }),
            used_by,
            not_used_by,
            message,
        }
    }
}

/// With that many digits after the point, for people.
fn rounded(number: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    let scaled = (number * unit).round() / unit;
    if scaled.is_finite() { scaled } else { number }
}

/// Cost of all statements right before the build, as often as they ran.
pub(super) fn cost_before(action: &Action) -> Option<f64> {
    sum(action, |hash| cost_of(action, hash))
}

fn cost_of(action: &Action, hash: &str) -> Option<f64> {
    (action.progress.costs_before.iter())
        .find(|(known, _)| known == hash)
        .map(|(_, cost)| *cost)
}

/// Over the statements that could be planned before; `None` where one of them has no cost.
fn sum(action: &Action, cost: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let known: Vec<_> = (action.plan.statements.iter())
        .filter(|wanted| cost_of(action, &wanted.hash).is_some())
        .collect();
    let costs = known
        .iter()
        .map(|wanted| Some(wanted.weight * cost(&wanted.hash)?));
    let sum = costs.sum::<Option<f64>>();
    sum.filter(|_| !known.is_empty())
}

fn size(indexes: &[pg_sys::Oid]) -> Result<i64> {
    spi::json(
        "SELECT to_jsonb(coalesce(sum(pg_relation_size(i)), 0)) FROM unnest($1) AS i",
        &[DatumWithOid::from(indexes.to_vec())],
    )
}

/// After the way back: whether all is as it was.
pub(super) fn of_undo(action: &Action) -> Result<()> {
    let plan = &action.plan;
    let all = super::commands::names(plan);
    let found = checks::found_of(plan)?;
    for (place, name) in all.into_iter().enumerate() {
        let there = found.iter().find(|found| found.place == place);
        // What was verified is known by its OID, whatever it is called.
        if (action.progress.own.iter()).any(|own| own.known_as() == name) {
            continue;
        }
        match (place < plan.made.len(), there) {
            (true, Some(_)) => return Err(not_ready(format!("index {name} was not dropped"))),
            (false, there) if !there.is_some_and(|found| found.valid) => {
                return Err(not_ready(format!("index {name} was not built")));
            }
            _ => {}
        }
    }
    own::none_left(action)?;
    own::statistics_not_renamed(action)?;
    if let Some(name) = &plan.statistics
        && own::statistics(name)?.is_some()
    {
        return Err(not_ready(format!("statistics {name} were not dropped")));
    }
    log::change(
        action.id,
        json!({"state": State::Undone, "undone": "now", "sqlstate": null, "message": null}),
    )
}

/// After the rests were dropped: whether there is none any more.
pub(super) fn of_clean_up(action: &Action) -> Result<()> {
    if !rests::of(action)?.is_empty() || !rests::set_aside_before(action)?.is_empty() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            format!("an INVALID index of action {} is still there", action.id),
        ));
    }
    // An undo that was interrupted while it dropped the index is complete now.
    let gone = match action.plan.made.first() {
        Some(_) if !action.progress.own.is_empty() => !own::any_left(action)?,
        Some(made) => checks::found(&[&made.name])?.is_empty(),
        None => false,
    };
    match action.state.is_applied() && gone && action.plan.down.builds.is_empty() {
        true => log::change(action.id, json!({"state": State::Undone, "undone": "now"})),
        false => Ok(()),
    }
}
