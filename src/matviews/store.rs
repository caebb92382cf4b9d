//! The tables of this room: schedules, and what is known of each view. Written by a superuser
//! only, in these functions.

use pgrx::datum::{DatumWithOid, JsonB};
use pgrx::{PgSqlErrorCode, pg_sys};
use serde::Deserialize;

use super::fingerprint::Fingerprint;
use super::method::Wish;
use crate::error::{Error, Result};
use crate::pg::elevated::as_superuser;
use crate::pg::spi::{json_again, run_with};

/// A row of `pgopt.matview_schedules`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Schedule {
    /// Its key, which a job's command names.
    pub(super) id: i64,
    /// The view.
    pub(super) view: u32,
    /// Its qualified name.
    pub(super) name: String,
    /// Whether `view` is of this database: in one that was restored from a dump the view of that
    /// name is looked for, and may not be there yet.
    pub(super) is_found: bool,
    /// Whether the view has got another name.
    pub(super) is_renamed: bool,
    /// The job that refreshes it.
    pub(super) job: i64,
    /// Whose job.
    pub(super) owner: u32,
    /// `concurrently` as it is kept.
    concurrently: String,
    /// Whether it is left alone while nothing has changed.
    pub(super) skip_unchanged: bool,
}

/// A row of `pgopt.matview_states`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct State {
    /// What it read the last time; without, it is refreshed in any case.
    pub(super) fingerprint: Option<Fingerprint>,
    /// When it was refreshed last, in words.
    pub(super) refreshed: Option<String>,
    /// Whether it is known to be stale.
    pub(super) is_stale: bool,
}

/// What a refresh leaves behind.
pub(super) struct Refreshed<'a> {
    /// Kept to compare with; `None` when nothing can be told from it.
    pub(super) fingerprint: Option<&'a Fingerprint>,
    /// The materialized views above it.
    pub(super) upstreams: &'a [u32],
    /// Microseconds since 2000.
    pub(super) started: i64,
    /// Likewise.
    pub(super) finished: i64,
    /// Whether concurrently.
    pub(super) concurrently: bool,
    /// Rows written, if they were counted.
    pub(super) rows: Option<i64>,
    /// Whether other rows are in it now.
    pub(super) differs: bool,
    /// Why it was refreshed.
    pub(super) reason: &'a str,
    /// Why it is refreshed always.
    pub(super) always: Option<&'a str>,
}

impl Schedule {
    /// How it is refreshed.
    pub(super) fn wish(&self) -> Wish {
        Wish::read(Some(&self.concurrently)).unwrap_or(Wish::Auto)
    }
}

/// Where an OID is that of a view: this server, this database, this extension.
macro_rules! place {
    () => {
        "(SELECT concat_ws('/', c.system_identifier, d.oid, e.oid)
            FROM pg_control_system() AS c, pg_database AS d, pg_extension AS e
           WHERE d.datname = current_database() AND e.extname = 'pgopt')"
    };
}

macro_rules! schedules {
    ($condition:literal) => {
        concat!(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'view', s.view::int8, 'name', s.view_name,
                    'is_found', s.place = ",
            place!(),
            ", 'is_renamed', coalesce(s.view_name <> CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END, false), 'job', s.job_id,
                    'owner', coalesce(pgopt.job_owner(j.owner, j.owner_oid, j.owner_place), 0)::int8, 'concurrently', s.concurrently, 'skip_unchanged', s.skip_unchanged)
                    ORDER BY s.id), '[]')
               FROM pgopt.matview_schedules AS s JOIN pgopt.job_definitions AS j ON j.id = s.job_id
                    LEFT JOIN pg_class AS c ON c.oid = s.view LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
              WHERE ",
            $condition
        )
    };
}

/// The schedule with that key, with what it says of its view brought up to date first.
pub(super) fn schedule(id: i64) -> Result<Option<Schedule>> {
    const BY_ID: &str = schedules!("s.id = $1");
    match first(BY_ID, id.into())? {
        Some(schedule) if !schedule.is_found || schedule.is_renamed => {
            settle()?;
            first(BY_ID, id.into())
        }
        found => Ok(found),
    }
}

/// The schedule that a job works for, as it is written down.
pub(super) fn schedule_of_job(job: i64) -> Result<Option<Schedule>> {
    first(schedules!("s.job_id = $1"), job.into())
}

/// The schedule of a view.
pub(super) fn schedule_of(view: pg_sys::Oid) -> Result<Option<Schedule>> {
    settle()?;
    let found = first(schedules!("s.view = $1::oid"), view.into())?;
    Ok(found.filter(|schedule| schedule.is_found))
}

fn first(sql: &'static str, argument: DatumWithOid) -> Result<Option<Schedule>> {
    let found: Vec<Schedule> = as_superuser(|| json_again(sql, false, &[argument]))?;
    Ok(found.into_iter().next())
}

/// Finds the views of schedules that were restored from a dump by their names, and keeps the names
/// of those that were renamed. A dump holds names: an OID means nothing elsewhere, and a column of
/// type `regclass` could not be restored before a view that `pg_dump` puts after the data, as it
/// does when the view's query depends on a primary key.
pub(super) fn settle() -> Result<()> {
    as_superuser(|| {
        run_with(
            concat!(
                "UPDATE pgopt.matview_schedules AS s SET view = c.oid, place = ",
                place!(),
                " FROM pg_class AS c WHERE c.relkind = 'm' AND c.oid = to_regclass(s.view_name) AND s.place <> ",
                place!()
            ),
            &[],
        )?;
        run_with(
            concat!(
                "UPDATE pgopt.matview_schedules AS s SET view_name = format('%I.%I', n.nspname, c.relname)
                   FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                  WHERE c.oid = s.view AND c.relkind = 'm' AND s.view_name <> format('%I.%I', n.nspname, c.relname)
                    AND s.id IN (SELECT l.id FROM pgopt.matview_schedules AS l WHERE l.place = ",
                place!(),
                " FOR UPDATE SKIP LOCKED)"
            ),
            &[],
        )
    })
}

/// Keeps a schedule for a job that was registered; its key, which was given out by [`next_id`].
pub(super) fn add_schedule(
    id: i64,
    (view, name): (pg_sys::Oid, &str),
    job: i64,
    wish: Wish,
    skip_unchanged: bool,
) -> Result<()> {
    as_superuser(|| {
        run_with(
            concat!(
                "INSERT INTO pgopt.matview_schedules (id, view, view_name, place, job_id, \"concurrently\", skip_unchanged)
                 VALUES ($1, $2, $3, ",
                place!(),
                ", $4, $5, $6)"
            ),
            &[
                id.into(),
                view.into(),
                name.into(),
                job.into(),
                wish.name().into(),
                skip_unchanged.into(),
            ],
        )
    })?;
    Ok(())
}

/// Changes how a view is refreshed.
pub(super) fn change_schedule(id: i64, wish: Wish, skip_unchanged: bool) -> Result<()> {
    as_superuser(|| {
        run_with(
            "UPDATE pgopt.matview_schedules SET \"concurrently\" = $2, skip_unchanged = $3 WHERE id = $1",
            &[id.into(), wish.name().into(), skip_unchanged.into()],
        )
    })?;
    Ok(())
}

/// A key for a schedule to come.
pub(super) fn next_id() -> Result<i64> {
    as_superuser(|| {
        json_again(
            "SELECT to_jsonb(nextval('pgopt.matview_schedules_id_seq'::regclass))",
            false,
            &[],
        )
    })
}

/// Forgets what is known of views that are gone.
pub(super) fn forget_dropped() -> Result<()> {
    as_superuser(|| {
        run_with(
            "DELETE FROM pgopt.matview_states AS s
              WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = s.view AND c.relkind = 'm')",
            &[],
        )
    })?;
    Ok(())
}

/// What is known of a view.
pub(super) fn state(view: pg_sys::Oid) -> Result<State> {
    let found: Vec<State> = as_superuser(|| {
        json_again(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('fingerprint', s.fingerprint,
                    'refreshed', date_trunc('second', s.last_refresh)::text,
                    'is_stale', s.stale_since IS NOT NULL)), '[]')
               FROM pgopt.matview_states AS s WHERE s.view = $1",
            false,
            &[view.into()],
        )
    })?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// Keeps what came of a refresh.
pub(super) fn refreshed(view: pg_sys::Oid, done: &Refreshed) -> Result<()> {
    let fingerprint = (done.fingerprint.map(serde_json::to_value).transpose())
        .map_err(|error| Error::new(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, error.to_string()))?
        .map(JsonB);
    let upstreams: Vec<i64> = done.upstreams.iter().map(|&oid| i64::from(oid)).collect();
    as_superuser(|| {
        run_with(
            "INSERT INTO pgopt.matview_states AS s (view, fingerprint, upstreams, version, last_refresh,
                    last_duration, last_method, last_rows, last_reason, always_because, size_bytes)
             VALUES ($1, $2, $3::int8[]::oid[], $4::int, '2000-01-01 00:00:00+00'::timestamptz + $5 * interval '1 microsecond',
                    $6 * interval '1 microsecond', $7, $8, $9, $10, pg_total_relation_size($1))
             ON CONFLICT (view) DO UPDATE
                SET fingerprint = excluded.fingerprint, upstreams = excluded.upstreams,
                    version = s.version + excluded.version, last_refresh = excluded.last_refresh,
                    last_duration = excluded.last_duration, last_method = excluded.last_method,
                    last_rows = excluded.last_rows, last_reason = excluded.last_reason,
                    always_because = excluded.always_because, size_bytes = excluded.size_bytes, stale_since = NULL,
                    stale_reason = NULL, skipped = 0, skip_reason = NULL",
            &[
                view.into(),
                fingerprint.into(),
                upstreams.into(),
                i32::from(done.differs).into(),
                done.finished.into(),
                done.finished.saturating_sub(done.started).into(),
                if done.concurrently { "concurrently" } else { "plain" }.into(),
                done.rows.into(),
                done.reason.into(),
                done.always.into(),
            ],
        )
    })?;
    Ok(())
}

/// Keeps that a refresh was not needed. Never waits: a session may have refreshed the view in a
/// transaction that is still open.
pub(super) fn skipped(view: pg_sys::Oid, reason: &str) -> Result<()> {
    as_superuser(|| {
        run_with(
            "UPDATE pgopt.matview_states SET skipped = skipped + 1, last_skip = clock_timestamp(), skip_reason = $2
              WHERE view = (SELECT s.view FROM pgopt.matview_states AS s WHERE s.view = $1 FOR UPDATE SKIP LOCKED)",
            &[view.into(), reason.into()],
        )
    })?;
    Ok(())
}

/// Keeps since when a view is known to be stale. Never waits, likewise.
pub(super) fn stale(view: pg_sys::Oid, reason: &str) -> Result<()> {
    as_superuser(|| {
        run_with(
            "UPDATE pgopt.matview_states SET stale_since = clock_timestamp(), stale_reason = $2
              WHERE view = (SELECT s.view FROM pgopt.matview_states AS s
                             WHERE s.view = $1 AND s.stale_since IS NULL FOR UPDATE SKIP LOCKED)",
            &[view.into(), reason.into()],
        )
    })?;
    Ok(())
}

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

/// Lets the jobs of `view`, and of the views that read it, wait for those above them. The jobs are
/// those of the schedules there are.
pub(super) fn link(view: pg_sys::Oid) -> Result<()> {
    as_superuser(|| {
        run_with(
            "UPDATE pgopt.job_definitions AS j SET run_after = wanted.jobs, version = j.version + 1
               FROM (SELECT own.job_id, coalesce(array_agg(above.job_id ORDER BY above.job_id)
                                FILTER (WHERE above.job_id IS NOT NULL), '{}') AS jobs
                       FROM pgopt.matview_states AS s
                            JOIN pgopt.matview_schedules AS own ON own.view = s.view
                            LEFT JOIN pgopt.matview_schedules AS above ON above.view = ANY (s.upstreams)
                      WHERE s.view = $1 OR $1 = ANY (s.upstreams)
                      GROUP BY 1) AS wanted
              WHERE j.id = wanted.job_id AND j.run_after IS DISTINCT FROM wanted.jobs",
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
