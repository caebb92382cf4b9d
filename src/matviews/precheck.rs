//! Whether a run can be left out, asked by the database's worker before it starts a process.

use pgrx::pg_sys;

use super::fingerprint::difference;
use super::observe::{Settings, look};
use super::refresh::fresh;
use super::store;
use super::views::BRIEFLY;
use crate::error::Result;

/// Why the run of a job that is due is not needed; `None` when it is, when it cannot be told
/// here, and for jobs that refresh nothing.
///
/// Works as a superuser and waits for nobody: what cannot be had at once is left to the run.
///
/// What goes wrong here is left to the run as well, which reports it in its own name: one view
/// never keeps the other jobs from being planned.
pub(crate) fn precheck(job: i64) -> Option<String> {
    reason_to_skip(job).ok().flatten()
}

fn reason_to_skip(job: i64) -> Result<Option<String>> {
    let Some(schedule) = store::schedule_of_job(job)? else {
        return Ok(None);
    };
    if !schedule.skip_unchanged {
        return Ok(None);
    }
    let view = pg_sys::Oid::from(schedule.view);
    let state = store::state(view)?;
    let Some(before) = &state.fingerprint else {
        return Ok(None);
    };
    let owner = Settings::Of(pg_sys::Oid::from(schedule.owner));
    let Some(seen) = look(view, owner, Some(BRIEFLY))? else {
        return Ok(None);
    };
    if seen.always.is_some() || !seen.facts.populated {
        return Ok(None);
    }
    let mut now = seen.facts.fingerprint(&seen.tree);
    // What a setting will be in a session of the owner's cannot always be foretold.
    let settings = std::mem::replace(&mut now.settings, before.settings.clone());
    if let Some(change) = difference(before, &now, &|oid| seen.facts.name_of(oid)) {
        if !state.is_stale {
            store::stale(view, &change)?;
        }
        return Ok(None);
    }
    if settings != before.settings {
        return Ok(None);
    }
    let reason = fresh(&state);
    store::skipped(view, &reason)?;
    Ok(Some(reason))
}
