//! A run of a job that refreshes a view.

use pgrx::{PgSqlErrorCode, pg_sys};

use super::refresh::{Done, Ending, refresh};
use super::{links, store, views};
use crate::error::{Error, Result};
use crate::jobs::{self, note};
use crate::pg::catalog::relation_kind;
use crate::pg::{log, refresh_view};

/// Refreshes the view of a schedule, unless nothing has changed, and tells the job what came of
/// it. A view that was dropped takes its schedule with it.
pub(super) fn run(id: i64) -> Result<String> {
    let Some(schedule) = store::schedule(id)? else {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("refresh schedule {id} does not exist"),
        )
        .hint("Make one with pgopt.refresh_every(), and remove the job with pgopt.unschedule()."));
    };
    let view = pg_sys::Oid::from(schedule.view);
    if !schedule.is_found {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("materialized view {} does not exist", schedule.name),
        )
        .detail("Its schedule was restored from a dump.")
        .hint("Restore the view as well, or remove the job with pgopt.unschedule()."));
    }
    if relation_kind(view) != Some(b'm') {
        let owner = pg_sys::Oid::from(schedule.owner);
        if !refresh_view::acts_for(owner, view) {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!(
                    "must be a member of the role that scheduled refreshes of {}",
                    schedule.name
                ),
            ));
        }
        if store::is_of_another_role(&schedule.name)? {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("materialized view {} was made anew by another role", schedule.name),
            )
            .detail("Its refreshes were scheduled by a role that is no member of the one that owns it now.")
            .hint("Let its owner schedule refreshes of it, and remove the job with pgopt.unschedule()."));
        }
        jobs::remove(schedule.job)?;
        store::forget_dropped()?;
        let reason = format!(
            "materialized view {} was dropped; its schedule is removed",
            schedule.name
        );
        log::warning(reason.clone());
        note::skipped(reason.clone());
        return Ok(reason);
    }
    match refresh(view, schedule.wish(), schedule.skip_unchanged)? {
        Ending::Fresh(reason) => {
            note::skipped(reason.clone());
            Ok(reason)
        }
        Ending::Refreshed(done) => {
            if let Some(rows) = done.rows {
                note::rows(u64::try_from(rows).unwrap_or(0));
            }
            note::remark(done.reason.clone());
            warn_of_overrun(schedule.job, &done)?;
            // Its query may read other views than when it was scheduled.
            links::link(view)?;
            Ok(done.reason)
        }
    }
}

/// Takes the schedule of a view away; whether there was one.
pub(super) fn stop(view: pg_sys::Oid) -> Result<bool> {
    if relation_kind(view).is_some() {
        views::check_refreshable(view)?;
    }
    let Some(schedule) = store::schedule_of(view)? else {
        return Ok(false);
    };
    let removed = jobs::remove(schedule.job)?;
    store::forget_dropped()?;
    Ok(removed)
}

/// Says so when a refresh took longer than its interval; the job is slowed down then.
fn warn_of_overrun(job: i64, done: &Done) -> Result<()> {
    let Some(interval) = links::overrun(job)? else {
        return Ok(());
    };
    if done.duration > interval {
        let message = format!(
            "refresh of {} took {:.1} s, longer than its interval; it is refreshed less often",
            done.name,
            done.duration as f64 / 1e6
        );
        log::warning(message.clone());
        note::remark(message);
    }
    Ok(())
}
