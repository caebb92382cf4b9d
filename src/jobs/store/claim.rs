//! Runs that begin.

use pgrx::PgSqlErrorCode;
use serde::{Deserialize, Serialize};

use super::rows::write;
use super::sql::{moment, owner, set_state, state_record};
use super::{Start, Task};
use crate::error::{Error, Result};
use crate::jobs::decide::State;
use crate::pg::elevated::as_superuser;
use crate::pg::spi;

#[derive(Serialize)]
struct Claimed<'a> {
    job_id: i64,
    #[serde(flatten)]
    state: &'a State,
    run_name: &'a str,
    run_owner: u32,
    run_version: i64,
    run_command: &'a str,
}

/// Writes down that these runs have begun; only those whose executors are registered.
pub(crate) fn claim(starts: &[Start], now: i64) -> Result<()> {
    if starts.is_empty() {
        return Ok(());
    }
    let states: Vec<State> = (starts.iter())
        .map(|start| State {
            started: Some(now),
            ..start.claimed.clone()
        })
        .collect();
    let records: Vec<Claimed> = (starts.iter().zip(&states))
        .map(|(start, state)| Claimed {
            job_id: start.job,
            state,
            run_name: &start.name,
            run_owner: start.owner.to_u32(),
            run_version: start.version,
            run_command: &start.command,
        })
        .collect();
    write(
        concat!(
            "WITH made AS (UPDATE pgopt.job_states AS s SET run_name = r.run_name,
               run_owner = r.run_owner::oid, run_version = r.run_version, run_command = r.run_command, ",
            set_state!(),
            " FROM jsonb_to_recordset($1) AS r(run_name text, run_owner int8, run_version int8, run_command text, ",
            state_record!(),
            ") WHERE s.job_id = r.job_id RETURNING 1) SELECT to_jsonb(count(*)) FROM made"
        ),
        &records,
    )
}

/// SQLSTATE and message of a run whose job was changed after it was claimed.
pub(super) const CHANGED: (&str, &str) = ("40001", "the job was changed before the run began");

/// What the run is to do; `None` when the job was removed since, or the run is no longer its. An
/// error when the job was changed since: what would run now is not what was claimed, and perhaps
/// not this owner's.
pub(crate) fn task(run: i64) -> Result<Option<Task>> {
    #[derive(Deserialize)]
    struct Found {
        task: Task,
        is_as_claimed: bool,
    }
    let found: Option<Found> = as_superuser(|| {
        spi::json_by_index(
            concat!(
                "SELECT coalesce((
               SELECT jsonb_build_object('task', jsonb_build_object(
                        'name', d.name, 'commands', to_jsonb(d.commands),
                        'statement_timeout', d.statement_timeout, 'lock_timeout', d.lock_timeout),
                      'is_as_claimed', coalesce(s.run_version = d.version AND s.run_owner = ",
                owner!("d"),
                ", false))
                 FROM pgopt.job_states AS s JOIN pgopt.job_definitions AS d ON d.id = s.job_id
                WHERE s.running_run = $1), 'null')"
            ),
            false,
            &[run.into()],
        )
    })?;
    match found {
        Some(found) if !found.is_as_claimed => Err(Error::new(
            PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
            CHANGED.1,
        )),
        found => Ok(found.map(|found| found.task)),
    }
}
