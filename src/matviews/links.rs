//! What jobs that refresh views know of each other: which waits for which, and how they keep time.

use pgrx::pg_sys;

use crate::error::Result;
use crate::pg::elevated::as_superuser;
use crate::pg::spi::{json_again, run_with};

/// Keeps what a view depends on, before it is refreshed the first time.
pub(super) fn depends_on(view: pg_sys::Oid, upstreams: &[u32], always: Option<&str>) -> Result<()> {
    let upstreams: Vec<i64> = upstreams.iter().map(|&oid| i64::from(oid)).collect();
    as_superuser(|| {
        run_with(
            "INSERT INTO pgopt.matview_states AS s (view, upstreams, always_because) VALUES ($1, $2::int8[]::oid[], $3)
             ON CONFLICT (view) DO UPDATE SET upstreams = excluded.upstreams, always_because = excluded.always_because",
            &[view.into(), upstreams.into(), always.into()],
        )
    })?;
    Ok(())
}

/// Lets the jobs of `view`, and of the views that read it, wait for those above them, beside what
/// a user lets them wait for. The jobs are those of the schedules there are. A job that a user is
/// changing right now is left for the next time: no refresh waits for an open transaction.
pub(super) fn link(view: pg_sys::Oid) -> Result<()> {
    as_superuser(|| {
        run_with(
            "WITH wanted AS (
                 SELECT own.id, own.job_id, own.linked, coalesce(array_agg(above.job_id ORDER BY above.job_id)
                            FILTER (WHERE above.job_id IS NOT NULL), '{}') AS jobs
                   FROM pgopt.matview_states AS s
                        JOIN pgopt.matview_schedules AS own ON own.view = s.view
                        LEFT JOIN pgopt.matview_schedules AS above ON above.view = ANY (s.upstreams)
                  WHERE s.view = $1 OR $1 = ANY (s.upstreams)
                  GROUP BY 1, 2, 3
             ), free AS (
                 SELECT j.id FROM pgopt.job_definitions AS j
                  WHERE j.id IN (SELECT w.job_id FROM wanted AS w) FOR UPDATE SKIP LOCKED
             ), joined AS (
                 SELECT w.id, w.job_id, w.jobs, coalesce((SELECT array_agg(a.id ORDER BY a.id)
                            FROM (SELECT u.id FROM unnest(j.run_after) AS u(id) WHERE u.id <> ALL (w.linked)
                                  UNION SELECT u.id FROM unnest(w.jobs) AS u(id)) AS a), '{}') AS run_after
                   FROM wanted AS w JOIN free AS f ON f.id = w.job_id JOIN pgopt.job_definitions AS j ON j.id = f.id
             ), kept AS (
                 UPDATE pgopt.matview_schedules AS s SET linked = n.jobs FROM joined AS n
                  WHERE s.id = n.id AND s.linked IS DISTINCT FROM n.jobs
             )
             UPDATE pgopt.job_definitions AS j SET run_after = n.run_after, version = j.version + 1
               FROM joined AS n WHERE j.id = n.job_id AND j.run_after IS DISTINCT FROM n.run_after",
            &[view.into()],
        )
    })?;
    Ok(())
}

/// What a job is called.
pub(super) fn job_name(job: i64) -> Result<String> {
    as_superuser(|| {
        json_again(
            "SELECT to_jsonb(j.name) FROM pgopt.job_definitions AS j WHERE j.id = $1",
            false,
            &[job.into()],
        )
    })
}

/// The interval of a job whose next time has come already, in microseconds: 0 for a schedule
/// that is not an interval, `None` when its next time is still to come.
pub(super) fn overrun(job: i64) -> Result<Option<i64>> {
    as_superuser(|| {
        json_again("SELECT coalesce((SELECT to_jsonb(coalesce((extract(epoch FROM j.every) * 1000000)::int8, 0))
                                FROM pgopt.job_definitions AS j JOIN pgopt.job_states AS s ON s.job_id = j.id
                               WHERE j.id = $1 AND s.slot <= clock_timestamp()), 'null')", false, &[job.into()])
    })
}
