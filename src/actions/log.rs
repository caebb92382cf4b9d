//! `pgopt.action_log`: what was asked for, how far it has come, and what it came to. Nobody but
//! this file reads or writes it.

use pgrx::datum::DatumWithOid;
use pgrx::{JsonB, PgSqlErrorCode, pg_sys};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::own::{self, Own};
use super::state::{State, Task};
use crate::advisor::applicable::Applicable;
use crate::error::{Error, Result};
use crate::pg::elevated::as_superuser;
use crate::pg::{roles, spi};

/// An action as the table has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Action {
    pub(super) id: i64,
    pub(super) owner: u32,
    pub(super) state: State,
    /// The job that carries it out.
    pub(super) job_id: i64,
    pub(super) undo_job_id: Option<i64>,
    pub(super) clean_up_job_id: Option<i64>,
    pub(super) plan: Applicable,
    #[serde(default)]
    pub(super) progress: Progress,
}

/// What the runs of an action have found out.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct Progress {
    /// INVALID indexes whose names the action takes, by OID.
    #[serde(default)]
    pub(super) leftovers: Vec<u32>,
    /// The indexes it drops, by name and OID.
    #[serde(default)]
    pub(super) dropped: Vec<(String, u32)>,
    /// Whether the names of what it makes were found to be free, so that what has them since is
    /// its own.
    #[serde(default)]
    pub(super) owns_names: bool,
    /// Likewise of what undoing it makes.
    #[serde(default)]
    pub(super) owns_former_names: bool,
    /// When building began, in microseconds since 2000.
    pub(super) build_began: Option<i64>,
    /// Cost of each statement before, by its hash.
    #[serde(default)]
    pub(super) costs_before: Vec<(String, f64)>,
    /// The indexes that were made.
    #[serde(default)]
    pub(super) own: Vec<Own>,
    /// Likewise the extended statistics.
    pub(super) statistics: Option<u32>,
    pub(super) before_undo: Option<State>,
}

/// The number of the next action.
pub(super) fn next_id() -> Result<i64> {
    as_superuser(|| {
        spi::changed(
            "SELECT to_jsonb(nextval('pgopt.action_log_id_seq'::regclass))",
            &[],
        )
    })
}

/// Writes a new action down.
pub(super) fn insert(id: i64, job: i64, plan: &Applicable, progress: &Progress) -> Result<()> {
    let owner = roles::current_user();
    let costs = plan.predicted_costs();
    let row = serde_json::json!({
        "plan": plan, "progress": progress,
        "cost_before": costs.map(|costs| costs.0), "cost_after": costs.map(|costs| costs.1),
    });
    as_superuser(|| {
        spi::changed::<bool>(
            "INSERT INTO pgopt.action_log AS a (id, owner, action, table_name, ddl, undo_steps, plan, progress, state, job_id,
                    predicted_size, predicted_build_time, predicted_cost_before, predicted_cost_after, requested)
             SELECT $1, $2::regrole, p->>'action', (p->>'table')::oid::regclass, p->>'ddl',
                    ARRAY(SELECT jsonb_array_elements_text(p->'down'->'steps')), p, row->'progress', 'queued', $3,
                    (p->>'size')::bigint, make_interval(secs => (p->>'build_seconds')::float8),
                    (row->>'cost_before')::float8, (row->>'cost_after')::float8, clock_timestamp()
               FROM (SELECT $4::jsonb AS row, $4::jsonb->'plan' AS p) AS given
             RETURNING 'true'::jsonb",
            &[
                DatumWithOid::from(id),
                DatumWithOid::from(owner),
                DatumWithOid::from(job),
                DatumWithOid::from(JsonB(row)),
            ],
        )
    })?;
    Ok(())
}

/// The action of that number, for those who have the privileges of its owner; others are told
/// that there is none.
pub(super) fn get(id: i64) -> Result<Action> {
    find(id)?
        .filter(|action| roles::has_privileges_of(pg_sys::Oid::from(action.owner)))
        .ok_or_else(|| {
            Error::invalid_parameter(format!("there is no action {id}"))
                .hint("See the view pgopt.applied.")
        })
}

/// The action that a job works for, and what the job is for. Asked by the worker for every run of
/// every job: a user's transaction that has the row locked is not waited for.
pub(super) fn of_job(job: i64) -> Result<Option<(Action, Task)>> {
    let found: Option<(Action, Task)> = as_superuser(|| {
        spi::json_again(
            "SELECT coalesce((SELECT jsonb_build_array(jsonb_build_object('id', a.id, 'owner', a.owner::oid::bigint,
                                       'state', a.state, 'job_id', a.job_id, 'undo_job_id', a.undo_job_id,
                                       'clean_up_job_id', a.clean_up_job_id, 'plan', a.plan, 'progress', a.progress),
                                     CASE $1 WHEN a.job_id THEN 'apply' WHEN a.undo_job_id THEN 'undo' ELSE 'clean up' END)
                                FROM pgopt.action_log AS a
                               WHERE a.job_id = $1 OR a.undo_job_id = $1 OR a.clean_up_job_id = $1
                                 FOR UPDATE NOWAIT), 'null')",
            true,
            &[DatumWithOid::from(job)],
        )
    })?;
    Ok(found.map(|(action, task)| (named(action), task)))
}

fn named(mut action: Action) -> Action {
    own::known_names(&mut action);
    action
}

fn find(id: i64) -> Result<Option<Action>> {
    let found: Option<Action> = as_superuser(|| {
        spi::json(
            "SELECT coalesce((SELECT jsonb_build_object('id', a.id, 'owner', a.owner::oid::bigint, 'state', a.state,
                                     'job_id', a.job_id, 'undo_job_id', a.undo_job_id,
                                     'clean_up_job_id', a.clean_up_job_id, 'plan', a.plan, 'progress', a.progress)
                                FROM pgopt.action_log AS a WHERE a.id = $1), 'null')",
            &[DatumWithOid::from(id)],
        )
    })?;
    Ok(found.map(named))
}

/// Changes the columns that `changes`, an object, has.
pub(super) fn change(id: i64, changes: Value) -> Result<()> {
    as_superuser(|| {
        spi::changed::<bool>(
            "UPDATE pgopt.action_log AS a
                SET (state, undo_steps, progress, undo_job_id, clean_up_job_id, size, build_time, cost_before, cost_after,
                     used_by, not_used_by, sqlstate, message, started, finished, undone)
                  = (SELECT r.state, r.undo_steps, r.progress, r.undo_job_id, r.clean_up_job_id, r.size, r.build_time, r.cost_before,
                            r.cost_after, r.used_by, r.not_used_by, r.sqlstate, r.message, r.started, r.finished, r.undone
                       FROM jsonb_populate_record(a, $2) AS r)
              WHERE a.id = $1
             RETURNING 'true'::jsonb",
            &[DatumWithOid::from(id), DatumWithOid::from(JsonB(changes))],
        )
    })?;
    Ok(())
}

/// Whether a job is neither there nor running: one that is removed runs to its end.
macro_rules! is_gone {
    ($job:literal) => {
        concat!(
            "(NOT EXISTS (SELECT FROM pgopt.job_definitions AS j WHERE j.id = ",
            $job,
            ") AND NOT EXISTS (SELECT FROM pgopt.job_states AS s WHERE s.running_run IS NOT NULL AND s.job_id = ",
            $job,
            "))"
        )
    };
}

/// The action that carries out the same now, if there is one, and whose it is.
pub(super) fn same_under_way(plan: &Applicable) -> Result<Option<(i64, String)>> {
    as_superuser(|| {
        spi::json(
            concat!(
                "SELECT coalesce((SELECT jsonb_build_array(a.id, a.owner::text) FROM pgopt.action_log AS a
                               WHERE a.table_name::oid = $1 AND a.ddl = $2 AND a.state IN ('queued', 'running') AND NOT ",
                is_gone!("a.job_id"),
                " ORDER BY a.id LIMIT 1), 'null')"
            ),
            &[
                DatumWithOid::from(pg_sys::Oid::from(plan.table)),
                DatumWithOid::from(plan.ddl.as_str()),
            ],
        )
    })
}

/// How the last run of a job failed: SQLSTATE and message, as far as the history has it.
pub(super) fn last_failure(job: i64) -> Result<(Option<String>, Option<String>)> {
    as_superuser(|| {
        spi::json(
            "SELECT coalesce((SELECT jsonb_build_array(l.sqlstate, l.message) FROM pgopt.job_run_log AS l
                               WHERE l.job_id = $1 AND l.status IN ('failed', 'lost') ORDER BY l.id DESC LIMIT 1),
                             '[null, null]')",
            &[DatumWithOid::from(job)],
        )
    })
}

/// Whether a job is there, or its last run under way.
pub(super) fn job_exists(job: i64) -> Result<bool> {
    as_superuser(|| {
        spi::json(
            concat!("SELECT to_jsonb(NOT ", is_gone!("$1"), ")"),
            &[DatumWithOid::from(job)],
        )
    })
}

/// The name of a job, if it is there, and whether a run of it is under way.
pub(super) fn job_now(job: i64) -> Result<(Option<String>, bool)> {
    as_superuser(|| {
        spi::json(
            "SELECT jsonb_build_array((SELECT j.name FROM pgopt.job_definitions AS j WHERE j.id = $1),
                    EXISTS (SELECT FROM pgopt.job_states AS s WHERE s.job_id = $1 AND s.running_run IS NOT NULL))",
            &[DatumWithOid::from(job)],
        )
    })
}

/// `name`, or the first of `name (2)`, `name (3)` and so on that no job has: anybody who may
/// schedule jobs can take a name.
pub(super) fn free_job_name(name: &str) -> Result<String> {
    as_superuser(|| {
        spi::json(
            "SELECT to_jsonb(free.name)
               FROM (SELECT n, CASE n WHEN 1 THEN $1 ELSE format('%s (%s)', $1, n) END AS name
                       FROM generate_series(1, (SELECT count(*) + 1 FROM pgopt.job_definitions)) AS n) AS free
              WHERE NOT EXISTS (SELECT FROM pgopt.job_definitions AS j WHERE j.name = free.name)
              ORDER BY free.n LIMIT 1",
            &[DatumWithOid::from(name)],
        )
    })
}

/// Actions with a job that is not there any more though they wait for its end.
pub(super) fn orphans() -> Result<Vec<(i64, i64)>> {
    as_superuser(|| {
        spi::json(
            concat!(
                "SELECT coalesce(jsonb_agg(jsonb_build_array(o.id, o.job)), '[]')
               FROM (SELECT a.id, CASE WHEN a.state = 'undoing' THEN a.undo_job_id ELSE a.job_id END AS job
                       FROM pgopt.action_log AS a WHERE a.state IN ('queued', 'running', 'undoing')) AS o
              WHERE ",
                is_gone!("o.job")
            ),
            &[],
        )
    })
}

/// An action that is in another state than it has to be.
pub(super) fn wrong_state(action: &Action, what: &str) -> Error {
    let state = serde_json::to_value(action.state).unwrap_or_default();
    Error::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("action {} {what}", action.id),
    )
    .detail(format!(
        "Its state is \"{}\".",
        state.as_str().unwrap_or_default()
    ))
}
