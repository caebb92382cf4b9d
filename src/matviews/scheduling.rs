//! Makes jobs that refresh views.

use pgrx::{PgSqlErrorCode, pg_sys};

use super::method::{Wish, no_index};
use super::observe::{Patience, Settings, look};
use super::store::{self, Schedule};
use super::{links, unique, views};
use crate::error::{Error, Result};
use crate::jobs::{self, NewJob};
use crate::pg::catalog::qualified_name;
use crate::pg::{refresh_view, roles};

/// How long a refresh waits for a lock unless it is told otherwise, in milliseconds.
const PATIENCE: i32 = 5_000;
/// The longest name of a job, in bytes.
const LONGEST_NAME: usize = 63;

/// What the caller asks for.
pub(super) struct Wanted {
    /// How.
    pub(super) wish: Wish,
    /// Whether it is left alone while nothing has changed.
    pub(super) skip_unchanged: bool,
    /// What the job is to have beside name, command and owner.
    pub(super) job: NewJob,
}

/// What was made.
pub(super) struct Made {
    /// The job.
    pub(super) job: i64,
    /// A unique index that would be of use, if there is none.
    pub(super) advice: Option<String>,
    /// Whether there is none.
    pub(super) lacks_index: bool,
}

/// Schedules refreshes of `view`, instead of what was scheduled for it before.
pub(super) fn refresh_every(view: pg_sys::Oid, wanted: Wanted) -> Result<Made> {
    views::check_refreshable(view)?;
    store::forget_dropped()?;
    let seen = look(view, Settings::Own, Patience::Waits)?.ok_or_else(|| views::gone(view))?;
    let lacks_index = seen.facts.unique_index.is_none();
    let advice = match lacks_index {
        // Never a reason not to schedule.
        true => unique::advice(view).ok().flatten(),
        false => None,
    };
    let name = qualified_name(view).ok_or_else(|| views::gone(view))?;
    if lacks_index && wanted.wish == Wish::On {
        return Err(no_index(&name, advice.as_deref()));
    }
    let upstreams = views::upstream(view, &seen.facts.materialized_views())?;
    let job = match store::schedule_of(view)? {
        Some(before) => change(&before, &name, &wanted)?,
        None => make(view, &name, &wanted)?,
    };
    links::depends_on(view, &upstreams, seen.always.as_deref())?;
    links::link(view)?;
    Ok(Made {
        job,
        advice,
        lacks_index,
    })
}

/// A job that refreshes `view` once, when it is asked to; or the one it has.
pub(super) fn job_of(view: pg_sys::Oid, upstreams: &[u32]) -> Result<i64> {
    if let Some(schedule) = store::schedule_of(view)? {
        return Ok(schedule.job);
    }
    let name = qualified_name(view).ok_or_else(|| views::gone(view))?;
    let mut job = template();
    job.once = true;
    let wanted = Wanted {
        wish: Wish::Auto,
        skip_unchanged: true,
        job,
    };
    let made = make(view, &name, &wanted)?;
    links::depends_on(view, upstreams, None)?;
    Ok(made)
}

/// A job with what all of these have; name and command follow.
pub(super) fn template() -> NewJob {
    let mut job = NewJob::new(String::new(), Vec::new(), roles::current_user());
    job.slow_down = true;
    // Who reads the view waits behind a refresh that waits; one that gives up is tried again.
    job.lock_timeout = Some(PATIENCE);
    job
}

fn make(view: pg_sys::Oid, name: &str, wanted: &Wanted) -> Result<i64> {
    let id = store::next_id()?;
    let mut job = wanted.job.clone();
    job.commands = vec![command(id)];
    let mut made = Err(Error::invalid_parameter(""));
    for candidate in names(name, view) {
        job.name = candidate;
        made = jobs::register(&job);
        match &made {
            Err(error) if error.sqlstate() == PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT => {}
            _ => break,
        }
    }
    let job = made?;
    store::add_schedule(id, (view, name), job, wanted.wish, wanted.skip_unchanged)?;
    Ok(job)
}

fn change(before: &Schedule, name: &str, wanted: &Wanted) -> Result<i64> {
    let owner = pg_sys::Oid::from(before.owner);
    if !refresh_view::acts_for(owner, pg_sys::Oid::from(before.view)) {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("must be a member of the role that scheduled refreshes of {name}"),
        ));
    }
    let mut job = wanted.job.clone();
    job.commands = vec![command(before.id)];
    job.name = links::job_name(before.job)?;
    jobs::replace(before.job, &job)?;
    store::change_schedule(before.id, wanted.wish, wanted.skip_unchanged)?;
    Ok(before.job)
}

/// A job's command names the row that names the view: a view's OID changes with `pg_dump`, its
/// name when it is renamed.
fn command(id: i64) -> String {
    format!("SELECT pgopt.refresh_scheduled({id})")
}

/// Names for the job, the first that is free is taken.
fn names(view_name: &str, view: pg_sys::Oid) -> [String; 2] {
    let suffix = format!(" ({})", view.to_u32());
    [
        cut(&format!("refresh {view_name}"), LONGEST_NAME),
        format!(
            "{}{suffix}",
            cut(
                &format!("refresh {view_name}"),
                LONGEST_NAME.saturating_sub(suffix.len())
            )
        ),
    ]
}

/// The start of `text`, of at most that many bytes.
fn cut(text: &str, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_jobs_fit_and_end_at_a_character() {
        let long = "\u{1f600}".repeat(30);
        for name in names(&long, pg_sys::Oid::from(4_000_000_000_u32)) {
            assert!(name.len() <= LONGEST_NAME, "{name}");
        }
        assert_eq!(cut("äöü", 3), "ä");
        assert_eq!(names("s.v", pg_sys::Oid::from(7))[1], "refresh s.v (7)");
    }
}
