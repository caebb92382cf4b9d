//! What users ask of the worker.

use crate::error::Result;
use crate::pg::elevated::as_superuser;
use crate::pg::spi;

/// Asks for a run as soon as there is room; its identifier. A second request before the first
/// has begun is the same run.
pub(crate) fn request_run(job_id: i64) -> Result<i64> {
    super::check::require_preloaded()?;
    as_superuser(|| {
        spi::json_by_index(
            "WITH waiting AS (
               SELECT coalesce((SELECT run FROM pgopt.job_requests
                                 WHERE job_id = $1 AND kind = 'run' ORDER BY run LIMIT 1),
                               (SELECT requested_run FROM pgopt.job_states WHERE job_id = $1)) AS run),
             made AS (
               INSERT INTO pgopt.job_requests (run, job_id, kind)
               SELECT nextval('pgopt.job_run_ids'), $1, 'run' FROM waiting WHERE run IS NULL
               RETURNING run)
             SELECT to_jsonb(coalesce((SELECT run FROM waiting), (SELECT run FROM made)))",
            true,
            &[job_id.into()],
        )
    })
}

/// Asks for the breaker to be closed, once until the worker has taken it up: whoever asks a
/// thousand times shall not keep the worker busy. Nobody waits for another's transaction here.
pub(super) fn request_reset(job_id: i64) -> Result<()> {
    super::check::require_preloaded()?;
    let _made: i64 = as_superuser(|| {
        spi::json_by_index(
            "WITH made AS (
               INSERT INTO pgopt.job_requests (run, job_id, kind)
               SELECT nextval('pgopt.job_run_ids'), $1, 'reset'
                WHERE NOT EXISTS (SELECT FROM pgopt.job_requests WHERE job_id = $1 AND kind = 'reset')
               RETURNING run)
             SELECT to_jsonb(count(*)) FROM made",
            true,
            &[job_id.into()],
        )
    })?;
    Ok(())
}
