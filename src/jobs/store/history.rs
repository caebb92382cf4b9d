//! The log stays small.

use crate::error::Result;
use crate::pg::spi;
use crate::settings;

/// Rows deleted at once, so that no call takes long.
const MOST: i64 = 10_000;

/// Deletes rows of the log that are too old or too many, and keeps up with roles' names.
pub(crate) fn trim_history(now: i64) -> Result<()> {
    // Once a minute, as it is now: a dump shall name owners as they are called.
    super::owners::keep_up()?;
    if let Some(age) = settings::job_history_max_age() {
        trim(
            "SELECT to_jsonb(EXISTS (SELECT FROM pgopt.job_run_log WHERE finished <
               timestamptz '2000-01-01 00:00:00+00' + $1 * interval '1 microsecond'))",
            "WITH gone AS (DELETE FROM pgopt.job_run_log WHERE id IN (
               SELECT l.id FROM pgopt.job_run_log AS l WHERE l.finished <
                 timestamptz '2000-01-01 00:00:00+00' + $1 * interval '1 microsecond' LIMIT $2)
               RETURNING 1) SELECT to_jsonb(count(*)) FROM gone",
            now.saturating_sub(age),
        )?;
    }
    if let Some(rows) = settings::job_history_max_rows() {
        trim(
            "SELECT to_jsonb(EXISTS (SELECT FROM pgopt.job_states AS s WHERE EXISTS (
               SELECT FROM pgopt.job_run_log AS l WHERE l.job_id = s.job_id
                ORDER BY l.id DESC OFFSET $1 LIMIT 1)))",
            "WITH gone AS (DELETE FROM pgopt.job_run_log WHERE id IN (
               SELECT o.id FROM pgopt.job_states AS s CROSS JOIN LATERAL (
                 SELECT l.id FROM pgopt.job_run_log AS l WHERE l.job_id = s.job_id
                  ORDER BY l.id DESC OFFSET $1) AS o LIMIT $2)
               RETURNING 1) SELECT to_jsonb(count(*)) FROM gone",
            rows,
        )?;
    }
    Ok(())
}

fn trim(is_needed: &'static str, delete: &'static str, bound: i64) -> Result<()> {
    // A look first: a deletion takes a transaction identifier even if it finds nothing.
    if spi::json_by_index::<bool>(is_needed, false, &[bound.into()])? {
        let _gone: i64 = spi::json_by_index(delete, true, &[bound.into(), MOST.into()])?;
    }
    Ok(())
}
