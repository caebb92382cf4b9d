//! One refresh, in the session that it is asked in.

use pgrx::{PgSqlErrorCode, pg_sys};

use super::fingerprint::{Fingerprint, difference};
use super::method::{Method, Wish, no_index};
use super::observe::{self, Look, Patience, Settings, look};
use super::store::{self, Refreshed, State};
use super::{rest, unique, views};
use crate::error::{Error, Result};
use crate::pg::catalog::qualified_name;
use crate::pg::{clock, refresh_view};

/// What came of it.
pub(super) struct Done {
    /// Its qualified name.
    pub(super) name: String,
    /// Whether concurrently.
    pub(super) concurrently: bool,
    /// Microseconds.
    pub(super) duration: i64,
    /// Rows written, if they were counted.
    pub(super) rows: Option<i64>,
    /// Why it was refreshed, and how.
    pub(super) reason: String,
}

/// A refresh, or why there was none.
pub(super) enum Ending {
    /// It was refreshed.
    Refreshed(Done),
    /// Nothing had changed.
    Fresh(String),
}

/// Refreshes `view`, unless it is told to leave it alone while nothing has changed, and nothing
/// has.
pub(super) fn refresh(view: pg_sys::Oid, wish: Wish, skip_unchanged: bool) -> Result<Ending> {
    views::check_refreshable(view)?;
    let seen = look(view, Settings::Own, Patience::Waits)?.ok_or_else(|| views::gone(view))?;
    let state = store::state(view)?;
    let now = seen.facts.fingerprint(&seen.tree);
    let why = match (why_refresh(&seen, &state, &now), skip_unchanged) {
        (None, true) => rest::reason_against(view, &state)?,
        (why, _) => why,
    };
    let reason = match (why, skip_unchanged) {
        (Some(reason), _) => reason,
        (None, true) => {
            let reason = fresh(&state);
            store::skipped(view, &reason)?;
            return Ok(Ending::Fresh(reason));
        }
        (None, false) => "as asked for".to_owned(),
    };
    let method = (wish.method(seen.facts.populated, seen.facts.unique_index.is_some()))
        .map_or_else(|| Err(refused(view)), Ok)?;
    run(view, &seen, now, method, reason).map(Ending::Refreshed)
}

/// Why a view has to be refreshed; `None` when nothing has changed.
pub(super) fn why_refresh(seen: &Look, state: &State, now: &Fingerprint) -> Option<String> {
    if !seen.facts.populated {
        return Some("it was not populated".to_owned());
    }
    if let Some(always) = &seen.always {
        return Some(format!("{always}, so it is refreshed each time"));
    }
    let Some(before) = &state.fingerprint else {
        return Some("it is not known what it read the last time".to_owned());
    };
    difference(before, now, &|oid| seen.facts.name_of(oid))
}

/// What is said of a view that needs no refresh.
pub(super) fn fresh(state: &State) -> String {
    match &state.refreshed {
        Some(moment) => format!("nothing that it reads has changed since {moment}"),
        None => "nothing that it reads has changed".to_owned(),
    }
}

fn refused(view: pg_sys::Oid) -> Error {
    let advice = unique::advice(view).ok().flatten();
    no_index(&qualified_name(view).unwrap_or_default(), advice.as_deref())
}

fn run(
    view: pg_sys::Oid,
    seen: &Look,
    now: Fingerprint,
    method: Method,
    reason: String,
) -> Result<Done> {
    let started = clock::now();
    // The lock first, by OID: the name cannot change any more, and what is read is read after it.
    refresh_view::lock(view, method.concurrently);
    let name = qualified_name(view).ok_or_else(|| views::gone(view))?;
    let rows = refresh_view::run(view, &name, method.concurrently)?;
    let finished = clock::now();
    let now = Fingerprint {
        own: observe::own(view)?,
        ..now
    };
    let comparable = seen.always.is_none() && !refresh_view::one_snapshot_per_transaction();
    store::refreshed(
        view,
        &Refreshed {
            fingerprint: comparable.then_some(&now),
            upstreams: &views::upstream(view, &seen.facts.materialized_views())?,
            started,
            finished,
            concurrently: method.concurrently,
            rows,
            differs: rows != Some(0),
            reason: &reason,
            always: seen.always.as_deref(),
        },
    )?;
    Ok(Done {
        name,
        concurrently: method.concurrently,
        duration: finished.saturating_sub(started),
        rows,
        reason: format!("{reason}; {}", method.reason),
    })
}

/// Nothing can be refreshed here.
pub(super) fn on_standby() -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
        "cannot refresh materialized views during recovery",
    )
    .detail("This server is a standby.")
    .hint("Connect to the primary server; the rows come here by replication.")
}
