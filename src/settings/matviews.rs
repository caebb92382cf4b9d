//! The setting of materialized views. Only a superuser changes it.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

/// A day: whatever pgopt cannot see, no view shows it for longer.
static MATVIEW_MAX_SKIP: GucSetting<i32> = GucSetting::<i32>::new(24 * 60);

/// Defines it.
pub(super) fn define() {
    GucRegistry::define_int_guc(
        c"pgopt.matview_max_skip",
        c"How long scheduled refreshes of a materialized view are left out while nothing has changed.",
        c"0: none is left out; -1: for ever.",
        &MATVIEW_MAX_SKIP,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MIN,
    );
}

/// How long, in microseconds, if not for ever.
pub(crate) fn matview_max_skip() -> Option<i64> {
    u32::try_from(MATVIEW_MAX_SKIP.get())
        .ok()
        .map(|minutes| i64::from(minutes) * 60_000_000)
}
