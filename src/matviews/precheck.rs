//! Whether a run can be left out, asked by the database's worker before it starts a process.

use pgrx::pg_sys;

use super::fingerprint::difference;
use super::observe::{Patience, Settings, look};
use super::refresh::fresh;
use super::{rest, store};
use crate::error::Result;
use crate::pg::clock;
use crate::pg::rollback::{Surroundings, rolled_back};

/// A view that reads more tables than that is looked at by its run: each costs the worker, which
/// all jobs wait for, about 0.1 ms.
const MOST_RELATIONS: usize = 100;
/// The longest that looks take in one of the worker's transactions, in microseconds; the rest is
/// left to the runs.
const BUDGET: i64 = 250_000;

/// The looks of one of the worker's transactions.
#[derive(Default)]
pub(crate) struct Looks {
    /// The time that they took, in microseconds.
    spent: i64,
}

impl Looks {
    /// Why the run of a job that is due is not needed; `None` when it is, when it cannot be told
    /// here, and for jobs that refresh nothing.
    ///
    /// Works as a superuser and waits for nobody: what cannot be had at once is left to the run.
    ///
    /// What goes wrong here is left to the run as well, which reports it in its own name: one view
    /// never keeps the other jobs from being planned.
    pub(crate) fn precheck(&mut self, job: i64) -> Option<String> {
        if self.spent >= BUDGET {
            return None;
        }
        let began = clock::now();
        let seen = rolled_back(&Surroundings::default(), || consider(job));
        self.spent = self.spent.saturating_add((clock::now() - began).max(0));
        let seen = seen.ok()??;
        let done = match &seen.verdict {
            Verdict::Renamed => store::settle(),
            Verdict::Stale(change) => store::stale(seen.view, change),
            Verdict::Fresh(reason) => store::skipped(seen.view, reason),
        };
        match (done, seen.verdict) {
            (Ok(()), Verdict::Fresh(reason)) => Some(reason),
            _ => None,
        }
    }
}

struct Seen {
    view: pg_sys::Oid,
    verdict: Verdict,
}

enum Verdict {
    Renamed,
    Stale(String),
    Fresh(String),
}

/// What there is to be said of a job's view; nothing if its run is to decide.
fn consider(job: i64) -> Result<Option<Seen>> {
    let Some(schedule) = store::schedule_of_job(job)? else {
        return Ok(None);
    };
    let view = pg_sys::Oid::from(schedule.view);
    let seen = |verdict| Ok(Some(Seen { view, verdict }));
    if !schedule.is_found {
        return Ok(None);
    }
    if schedule.is_renamed {
        return seen(Verdict::Renamed);
    }
    let state = store::state(view)?;
    let (Some(before), true) = (&state.fingerprint, schedule.skip_unchanged) else {
        return Ok(None);
    };
    if before.relations.len() > MOST_RELATIONS {
        return Ok(None);
    }
    let owner = Settings::Of(pg_sys::Oid::from(schedule.owner));
    let Some(look) = look(view, owner, Patience::None)? else {
        return Ok(None);
    };
    if look.always.is_some() || !look.facts.populated {
        return Ok(None);
    }
    let mut now = look.facts.fingerprint(&look.tree);
    // What a setting will be in a session of the owner's cannot always be foretold.
    let settings = std::mem::replace(&mut now.settings, before.settings.clone());
    match difference(before, &now, &|oid| look.facts.name_of(oid)) {
        Some(change) if !state.is_stale => seen(Verdict::Stale(change)),
        None if settings == before.settings && now.defaults == before.defaults => {
            match rest::reason_against(view, &state)? {
                Some(_) => Ok(None),
                None => seen(Verdict::Fresh(fresh(&state))),
            }
        }
        _ => Ok(None),
    }
}
