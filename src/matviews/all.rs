//! Every view, once, in the order in which they read each other.

use pgrx::pg_sys;

use super::{links, order, scheduling, store, views};
use crate::error::Result;
use crate::jobs;
use crate::pg::roles;

/// A run that was asked for.
pub(super) struct Asked {
    /// The view.
    pub(super) view: pg_sys::Oid,
    /// Its place: those of one place run side by side.
    pub(super) position: i32,
    /// The run.
    pub(super) run: i64,
}

/// Asks for a run for each view that the current user may refresh.
pub(super) fn refresh_all() -> Result<Vec<Asked>> {
    if roles::in_recovery() {
        return Err(super::refresh::on_standby());
    }
    store::forget_dropped()?;
    let wanted = views::refreshable()?;
    let reads = views::reads_of(&wanted)?;
    let ordered = order::positions(&wanted, &reads);
    // All jobs first: each waits for those above it, which must be known by then.
    let mut asked = Vec::with_capacity(ordered.len());
    for (view, position) in ordered {
        let above: Vec<u32> = order::upstream(view, &reads).into_iter().collect();
        let view = pg_sys::Oid::from(view);
        let job = scheduling::job_of(view, &above)?;
        links::link(view)?;
        asked.push((view, position, job));
    }
    (asked.into_iter())
        .map(|(view, position, job)| {
            Ok(Asked {
                view,
                position,
                run: jobs::request_run(job)?,
            })
        })
        .collect()
}
