//! Jobs that cannot be worked with: a value that no function of ours lets in, as from a dump or
//! from hand, must not keep the worker from all others.
//!
//! Jobs are worked on together. After a round that failed the next one tries them first, in
//! halves of halves, in subtransactions that are rolled back; whose row is at fault is left alone
//! until it is changed.

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::pg::rollback::{Surroundings, all_or_nothing, rolled_back};
use crate::pg::{log, spi};

thread_local! {
    /// Whether the last round failed.
    static SUSPICIOUS: Cell<bool> = const { Cell::new(false) };
}

/// The last round failed.
pub(super) fn suspect() {
    SUSPICIOUS.set(true);
}

/// A round came to its end.
pub(super) fn trust() {
    SUSPICIOUS.set(false);
}

/// Whether the last round failed. What is then read in a subtransaction is read as if it wrote:
/// as long as that has written nothing, it would not see what was written before it.
pub(super) fn is_suspicious() -> bool {
    SUSPICIOUS.get()
}

/// Finds those jobs with which `work` fails, and puts them aside; the others.
pub(super) fn sift(jobs: Vec<i64>, work: &mut dyn FnMut(&[i64]) -> Result<()>) -> Result<Vec<i64>> {
    if !is_suspicious() || jobs.is_empty() {
        return Ok(jobs);
    }
    let outcome = rolled_back(&Surroundings::default(), || work(&jobs));
    let Err(error) = outcome else {
        return Ok(jobs);
    };
    if !is_of_row(&error) {
        return Err(error);
    }
    let [job] = jobs.as_slice() else {
        let (first, second) = jobs.split_at(jobs.len() / 2);
        let mut good = sift(first.to_vec(), work)?;
        good.extend(sift(second.to_vec(), work)?);
        return Ok(good);
    };
    put_aside(*job, &error)?;
    Ok(Vec::new())
}

/// Whether an error comes from values: anything else, such as a full disk, would befall every job.
fn is_of_row(error: &Error) -> bool {
    let sqlstate = error.sqlstate_text();
    ["22", "54", "0A000", "XX000"]
        .iter()
        .any(|class| sqlstate.starts_with(class))
}

/// The job is left alone until it is changed.
fn put_aside(job: i64, error: &Error) -> Result<()> {
    let name: Option<String> = all_or_nothing(|| {
        spi::json_by_index(
            "WITH made AS (
               INSERT INTO pgopt.job_states AS s (job_id, version, attempt, failures, breaker, openings,
                      priority, run_after, skipped, booted, quarantined, last_status, last_finished,
                      last_sqlstate, last_message)
               SELECT d.id, d.version, 0, 0, 'closed', 0, 0, '{}', 0, pg_postmaster_start_time(), d.version,
                      'failed', clock_timestamp(), $2, $3
                 FROM pgopt.job_definitions AS d WHERE d.id = $1
               ON CONFLICT (job_id) DO UPDATE SET version = excluded.version,
                      quarantined = excluded.quarantined, due = NULL, slot = NULL, retry_at = NULL,
                      not_before = NULL, open_until = NULL, requested_run = NULL,
                      attempt = CASE WHEN s.running_run IS NOT NULL THEN s.attempt ELSE 0 END,
                      failures = 0, breaker = 'closed', openings = 0, priority = 0,
                      last_status = excluded.last_status, last_finished = excluded.last_finished,
                      last_sqlstate = excluded.last_sqlstate, last_message = excluded.last_message
               RETURNING 1),
             gone AS (
               DELETE FROM pgopt.job_states AS s
                WHERE s.job_id = $1 AND NOT EXISTS (SELECT FROM pgopt.job_definitions AS d WHERE d.id = $1)
               RETURNING 1)
             SELECT coalesce((SELECT to_jsonb(d.name) FROM pgopt.job_definitions AS d
                               WHERE d.id = $1 AND (SELECT count(*) FROM made) + (SELECT count(*) FROM gone) >= 0),
                             'null')",
            true,
            &[
                job.into(),
                error.sqlstate_text().into(),
                error.to_string().into(),
            ],
        )
    })?;
    log::warning(format!(
        "pgopt leaves job {job} \"{}\" alone until it is changed: {error}",
        name.unwrap_or_default()
    ));
    Ok(())
}
