//! The tables of this room: schedules, and what is known of each view. Written by a superuser
//! only, in these functions.

use pgrx::datum::{DatumWithOid, JsonB};
use pgrx::{PgSqlErrorCode, pg_sys};
use serde::Deserialize;

use super::fingerprint::Fingerprint;
use super::method::Wish;
use crate::error::{Error, Result};
use crate::pg::elevated::as_superuser;
use crate::pg::session;
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
    /// Whether the view was dropped.
    pub(super) is_gone: bool,
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
    /// How long ago, in microseconds.
    pub(super) age: Option<i64>,
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
            ", 'is_gone', c.relkind IS DISTINCT FROM 'm', 'is_renamed', coalesce(s.view_name <> CASE WHEN c.oid IS NOT NULL THEN format('%I.%I', n.nspname, c.relname) END, false), 'job', s.job_id,
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
        Some(schedule) if !schedule.is_found || schedule.is_renamed || schedule.is_gone => {
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

/// Finds the views of schedules that were restored from a dump by their names, and those that were
/// dropped and made anew, as their queries are changed; keeps the names of those that were renamed. A dump holds names: an OID means nothing elsewhere, and a column of
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
        // Another role's view of that name is another view.
        run_with(
            concat!(
                "UPDATE pgopt.matview_schedules AS s SET view = c.oid
                   FROM pg_class AS c, pgopt.job_definitions AS j
                  WHERE c.relkind = 'm' AND c.oid = to_regclass(s.view_name) AND c.oid <> s.view AND j.id = s.job_id
                    AND EXISTS (SELECT FROM pg_roles AS r
                                 WHERE r.oid = pgopt.job_owner(j.owner, j.owner_oid, j.owner_place)
                                   AND pg_has_role(r.oid, c.relowner, 'USAGE'))
                    AND NOT EXISTS (SELECT FROM pg_class AS o WHERE o.oid = s.view AND o.relkind = 'm')
                    AND NOT EXISTS (SELECT FROM pgopt.matview_schedules AS o WHERE o.view = c.oid AND o.place = s.place)
                    AND s.id IN (SELECT l.id FROM pgopt.matview_schedules AS l WHERE l.place = ",
                place!(),
                " FOR UPDATE SKIP LOCKED)"
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

/// Whether there is a materialized view of that name all the same, which [`settle`] left alone.
pub(super) fn is_of_another_role(name: &str) -> Result<bool> {
    as_superuser(|| {
        json_again(
            "SELECT to_jsonb(EXISTS (SELECT FROM pg_class AS c WHERE c.relkind = 'm' AND c.oid = to_regclass($1)
                AND NOT EXISTS (SELECT FROM pgopt.matview_schedules AS s WHERE s.view = c.oid)))",
            false,
            &[name.into()],
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
                    'age', (extract(epoch FROM clock_timestamp() - s.last_refresh) * 1000000)::int8,
                    'is_stale', s.stale_since IS NOT NULL)), '[]')
               FROM pgopt.matview_states AS s WHERE s.view = $1",
            false,
            &[view.into()],
        )
    })?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// Whether changes that another session committed may not be counted yet.
pub(super) fn has_uncounted_changes(view: pg_sys::Oid) -> Result<bool> {
    session::forget_activity();
    as_superuser(|| json_again(include_str!("sessions.sql"), false, &[view.into()]))
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
