//! Settings of carrying advice out.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

/// 5 minutes: what has taken that long may well take an hour more.
static APPLY_MAX_XACT_AGE: GucSetting<i32> = GucSetting::<i32>::new(300);

/// Defines them.
pub(super) fn define() {
    GucRegistry::define_int_guc(
        c"pgopt.apply_max_xact_age",
        c"An index is not built while a transaction older than that would hold the build up.",
        c"CREATE INDEX CONCURRENTLY waits for the end of every older transaction that could see the table without the index. 0: however old they are.",
        &APPLY_MAX_XACT_AGE,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_S,
    );
}

/// Seconds that a transaction may be old that a build would have to wait for.
pub(crate) fn apply_max_xact_age() -> Option<i32> {
    Some(APPLY_MAX_XACT_AGE.get()).filter(|seconds| *seconds > 0)
}
