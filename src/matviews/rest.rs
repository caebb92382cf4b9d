//! Whether a view of which nothing has changed may rest once more.

use pgrx::pg_sys;

use super::store::{self, State};
use crate::error::Result;
use crate::settings;

/// Why a view is refreshed though nothing of what it reads is seen to have changed; `None` when it
/// may rest.
pub(super) fn reason_against(view: pg_sys::Oid, state: &State) -> Result<Option<String>> {
    if too_long(state.age, settings::matview_max_skip()) {
        let reason = "it was last refreshed longer than \"pgopt.matview_max_skip\" ago";
        return Ok(Some(reason.to_owned()));
    }
    Ok(has_uncounted_changes(view)?.then(|| {
        "a session at work since the last look may have changes that are not counted yet".to_owned()
    }))
}

/// Whether a refresh was so long ago that it is to be repeated, in microseconds. One that is still
/// to come was before a clock was set back.
fn too_long(age: Option<i64>, most: Option<i64>) -> bool {
    match (age, most) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(age), Some(most)) => age < 0 || age >= most,
    }
}

#[cfg(not(feature = "pg_test"))]
fn has_uncounted_changes(view: pg_sys::Oid) -> Result<bool> {
    store::has_uncounted_changes(view)
}

/// The tests run side by side in one database, each of them one long command. A real server has
/// `pgrx-tests/clusters/matviews.sh`; here only that it can be asked.
#[cfg(feature = "pg_test")]
fn has_uncounted_changes(view: pg_sys::Oid) -> Result<bool> {
    store::has_uncounted_changes(view).map(|_| false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_view_rests_longer_than_it_may() {
        assert!(!too_long(Some(10), Some(11)));
        assert!(too_long(Some(11), Some(11)));
        assert!(too_long(Some(0), Some(0)));
        assert!(!too_long(Some(i64::MAX), None));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_let_it_rest() {
        assert!(too_long(Some(-1), Some(10)));
        assert!(too_long(None, Some(10)));
    }
}
