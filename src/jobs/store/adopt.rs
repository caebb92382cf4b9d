//! States of jobs that have none or have changed, requests, and what a clock that was set back
//! makes wrong.

use std::cell::Cell;

use serde::Deserialize;

use super::rows::{Definition, Logged, unusable, write, write_log, write_states};
use super::sql::{
    definition, microseconds, moment, shown_command, state, state_record, usable_definition,
};
use super::{owners, quarantine};
use crate::error::Result;
use crate::jobs::decide::{self, State};
use crate::jobs::definition::unreadable;
use crate::pg::spi;

/// Jobs read at once.
const BATCH: i64 = 500;
/// Requests taken up at once.
const MOST_REQUESTS: i64 = 1000;

thread_local! {
    /// Whether this process has looked at every job since it began.
    static HAS_LOOKED: Cell<bool> = const { Cell::new(false) };
}

#[derive(Deserialize)]
struct Found {
    definition: Definition,
    state: Option<State>,
    version: Option<i64>,
    booted: Option<i64>,
    boot: i64,
    /// A run identifier for a job that is due since the server started.
    run: Option<i64>,
    command: String,
}

/// Brings the states up to the definitions: those that are missing are made, those of changed
/// jobs follow them, those of removed jobs go; jobs that wait for the start of the server come
/// due. The first call in a process looks at every job, later ones at what has changed.
pub(crate) fn adopt(now: i64) -> Result<()> {
    adopt_some(now, !HAS_LOOKED.replace(true))
}

/// The next call looks at every job again: what this process knows may not have been committed.
pub(crate) fn look_again() {
    HAS_LOOKED.set(false);
}

/// Whether it must.
pub(super) fn must_look() -> bool {
    !HAS_LOOKED.get()
}

fn adopt_some(now: i64, all: bool) -> Result<()> {
    owners::keep_up()?;
    clean_up()?;
    let mut last = i64::MIN;
    loop {
        let jobs: Vec<i64> = spi::json_by_index(
            "SELECT coalesce(jsonb_agg(f.id), '[]') FROM (
               SELECT d.id FROM pgopt.job_definitions AS d
                 LEFT JOIN pgopt.job_states AS s ON s.job_id = d.id
                WHERE d.id > $2 AND s.quarantined IS DISTINCT FROM d.version
                  AND ($1 OR s.job_id IS NULL OR s.version <> d.version)
                ORDER BY d.id LIMIT $3) AS f",
            false,
            &[all.into(), last.into(), BATCH.into()],
        )?;
        let is_last = jobs.len() < BATCH as usize;
        let Some(until) = jobs.last().copied() else {
            return Ok(());
        };
        last = until;
        let jobs = quarantine::sift(jobs, &mut |jobs| adopt_these(jobs, now))?;
        adopt_these(&jobs, now)?;
        if is_last {
            return Ok(());
        }
    }
}

fn adopt_these(jobs: &[i64], now: i64) -> Result<()> {
    let found: Vec<Found> = spi::json_by_index(
        concat!(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('definition', ",
            definition!(),
            ", 'state', CASE WHEN s.job_id IS NOT NULL THEN ",
            state!(),
            " END, 'version', s.version, 'booted', ",
            microseconds!("s.booted"),
            ", 'boot', ",
            microseconds!("pg_postmaster_start_time()"),
            ", 'run', CASE WHEN s.booted <> pg_postmaster_start_time() AND s.requested_run IS NULL
                 AND lower(btrim(d.schedule)) = '@reboot' THEN nextval('pgopt.job_run_ids') END,
              'command', ",
            shown_command!(),
            ")), '[]')
              FROM pgopt.job_definitions AS d LEFT JOIN pgopt.job_states AS s ON s.job_id = d.id
             WHERE d.id = ANY ($1)"
        ),
        quarantine::is_suspicious(),
        &[jobs.to_vec().into()],
    )?;
    let mut changed = Vec::new();
    let mut corrected = Vec::new();
    let mut log = Vec::new();
    for found in found {
        let is_changed = found.version != Some(found.definition.version);
        let state = adopted(&found, is_changed, now);
        if is_changed || found.booted != Some(found.boot) {
            log.extend(problem(&found, now).filter(|_| is_changed));
            changed.push((found, state));
        } else if found.state.as_ref() != Some(&state) {
            corrected.push((found.definition.id, state));
        }
    }
    write_adopted(&changed)?;
    write_states(&corrected)?;
    write_log(&log)
}

fn adopted(found: &Found, changed: bool, now: i64) -> State {
    let times = found.definition.times();
    let policy = found.definition.policy(&times);
    let state = decide::adopt(&policy, found.state.as_ref(), changed, now);
    // A job that has just been made, or restored, waits for the next start.
    match found
        .run
        .filter(|_| times.is_boot() && found.definition.enabled)
    {
        Some(run) => decide::requested(&policy, &state, run, now),
        None => state,
    }
}

fn problem(found: &Found, now: i64) -> Option<Logged> {
    let problem = found.definition.times().problem?;
    let error = unusable(&problem);
    Some(Logged {
        id: None,
        job_id: found.definition.id,
        name: found.definition.name.clone(),
        owner: found.definition.owner,
        command: found.command.clone(),
        status: "failed",
        attempt: 0,
        started: None,
        finished: now,
        rows: None,
        sqlstate: Some(error.sqlstate_text()),
        message: Some(error.message().to_owned()),
        next_try: None,
    })
}

fn write_adopted(adopted: &[(Found, State)]) -> Result<()> {
    if adopted.is_empty() {
        return Ok(());
    }
    let mut records = Vec::new();
    for (found, state) in adopted {
        let mut record = serde_json::to_value(state).map_err(unreadable)?;
        if let Some(record) = record.as_object_mut() {
            let definition = &found.definition;
            record.insert("job_id".to_owned(), definition.id.into());
            record.insert("version".to_owned(), definition.version.into());
            record.insert("priority".to_owned(), definition.priority.into());
            record.insert("exclusion_key".to_owned(), definition.key().into());
            record.insert("run_after".to_owned(), definition.run_after.clone().into());
        }
        records.push(record);
    }
    write(
        concat!(
            "WITH made AS (INSERT INTO pgopt.job_states AS s (job_id, version, due, slot, retry_at,
               not_before, attempt, failures, breaker, openings, open_until, requested_run,
               running_run, started, priority, exclusion_key, run_after, skipped, booted)
             SELECT r.job_id, r.version, ",
            moment!("r.due"),
            ", ",
            moment!("r.slot"),
            ", ",
            moment!("r.retry_at"),
            ", ",
            moment!("r.not_before"),
            ", r.attempt, r.failures, r.breaker, r.openings, ",
            moment!("r.open_until"),
            ", r.requested_run, r.running_run, ",
            moment!("r.started"),
            ", r.priority, r.exclusion_key, r.run_after, r.skipped, pg_postmaster_start_time()
               FROM jsonb_to_recordset($1) AS r(version int8, priority int4, exclusion_key text,
                    run_after int8[], ",
            state_record!(),
            ")
             ON CONFLICT (job_id) DO UPDATE SET version = excluded.version, due = excluded.due,
               slot = excluded.slot, retry_at = excluded.retry_at, not_before = excluded.not_before,
               attempt = excluded.attempt, requested_run = excluded.requested_run,
               open_until = excluded.open_until, priority = excluded.priority,
               exclusion_key = excluded.exclusion_key, run_after = excluded.run_after,
               booted = excluded.booted, quarantined = NULL
             RETURNING 1)
             SELECT to_jsonb(count(*)) FROM made"
        ),
        &records,
    )
}

/// Removes what nobody needs any more: states and requests of jobs that are gone, and jobs that
/// ran their once while somebody held their row.
fn clean_up() -> Result<()> {
    let needed: bool = spi::json_by_index(
        "SELECT to_jsonb(EXISTS (
             SELECT FROM pgopt.job_states AS s
              WHERE s.running_run IS NULL
                AND NOT EXISTS (SELECT FROM pgopt.job_definitions AS d WHERE d.id = s.job_id))
           OR EXISTS (
             SELECT FROM pgopt.job_definitions AS d JOIN pgopt.job_states AS s ON s.job_id = d.id
              WHERE d.once AND s.over AND s.running_run IS NULL))",
        false,
        &[],
    )?;
    if !needed {
        return Ok(());
    }
    let _gone: i64 = spi::json_by_index(
        "WITH free AS (
           SELECT d.id FROM pgopt.job_definitions AS d
            WHERE d.once AND EXISTS (
                SELECT FROM pgopt.job_states AS s
                 WHERE s.job_id = d.id AND s.over AND s.running_run IS NULL)
              FOR UPDATE SKIP LOCKED),
         done AS (DELETE FROM pgopt.job_definitions AS d USING free WHERE d.id = free.id RETURNING d.id),
         gone AS (DELETE FROM pgopt.job_states AS s
            WHERE s.running_run IS NULL
              AND (NOT EXISTS (SELECT FROM pgopt.job_definitions AS d WHERE d.id = s.job_id)
                   OR s.job_id IN (SELECT id FROM done)) RETURNING 1)
         SELECT to_jsonb(count(*)) FROM gone",
        true,
        &[],
    )?;
    Ok(())
}

#[derive(Deserialize)]
struct Request {
    run: i64,
    kind: String,
    definition: Option<Definition>,
    state: Option<State>,
    command: Option<String>,
}

/// Takes up what users asked for.
pub(super) fn take_requests(now: i64) -> Result<()> {
    adopt(now)?;
    let requests: Vec<Request> = spi::json_by_index(
        concat!(
            "WITH taken AS (DELETE FROM pgopt.job_requests WHERE run IN (
               SELECT q.run FROM pgopt.job_requests AS q ORDER BY q.run LIMIT $1) RETURNING run, job_id, kind)
             SELECT coalesce(jsonb_agg(jsonb_build_object('run', t.run, 'kind', t.kind,
                'definition', CASE WHEN d.id IS NOT NULL THEN ",
            definition!(),
            " END, 'state', CASE WHEN s.job_id IS NOT NULL THEN ",
            state!(),
            " END, 'command', ",
            shown_command!(),
            ") ORDER BY t.run), '[]')
               FROM taken AS t LEFT JOIN pgopt.job_states AS s ON s.job_id = t.job_id ",
            usable_definition!(),
        ),
        true,
        &[MOST_REQUESTS.into()],
    )?;
    let mut states: Vec<(i64, State)> = Vec::new();
    let mut log = Vec::new();
    for request in requests {
        let (Some(definition), Some(state)) = (request.definition, request.state) else {
            continue;
        };
        let times = definition.times();
        let policy = definition.policy(&times);
        let before = match states.iter().position(|(job, _)| *job == definition.id) {
            Some(place) => states.swap_remove(place).1,
            None => state,
        };
        let state = match (request.kind.as_str(), before.requested_run) {
            ("reset", _) => decide::reset(&policy, &before, now),
            (_, None) => decide::requested(&policy, &before, request.run, now),
            (_, Some(other)) => {
                let reason = format!("run {other} was already asked for, and had not begun");
                log.push(Logged {
                    id: Some(request.run),
                    job_id: definition.id,
                    name: definition.name.clone(),
                    owner: definition.owner,
                    command: request.command.unwrap_or_default(),
                    status: "skipped",
                    attempt: 0,
                    started: None,
                    finished: now,
                    rows: None,
                    sqlstate: None,
                    message: Some(reason),
                    next_try: None,
                });
                before
            }
        };
        states.push((definition.id, state));
    }
    write_states(&states)?;
    write_log(&log)
}
