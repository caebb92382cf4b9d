//! Every setting of pgopt: one definition each, read through typed accessors.
//!
//! The README's table of settings is compared with `pg_settings` by a test.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

mod actions;
mod capture;
mod jobs;
mod matviews;
mod worker;

pub(crate) use actions::*;
pub(crate) use capture::*;
pub(crate) use jobs::*;
pub(crate) use matviews::*;
pub(crate) use worker::max_workers;

/// The most that `pgopt.max_workers` can be.
pub(crate) const MOST_WORKERS: i32 = 64;

/// On by default: a library that was loaded is wanted. A superuser can switch everything off
/// without a restart, in one session or by a reload.
static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);

/// 50 ms: long enough for a lock that is only just being released, short enough that advice on
/// a thousand statements is not held up by one table under maintenance.
static SANDBOX_LOCK_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(50);

/// 1000: below that a sequential scan costs less than the work of keeping an index.
static MIN_TABLE_ROWS: GucSetting<i32> = GucSetting::<i32>::new(1000);

/// 100 ms: about where a person begins to wait for a page.
static SLOW_STATEMENT_WARNING: GucSetting<i32> = GucSetting::<i32>::new(100);

/// Defines the settings; called once, when the library is loaded.
pub(crate) fn define() {
    GucRegistry::define_bool_guc(
        c"pgopt.enabled",
        c"Switches pgopt on.",
        c"When off, the library's hooks pass everything on unchanged and its functions refuse to work.",
        &ENABLED,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgopt.sandbox_lock_timeout",
        c"How long the advisor waits for a lock before it leaves a statement out.",
        c"Statements whose tables stay locked longer are counted as not planned.",
        &SANDBOX_LOCK_TIMEOUT,
        1,
        60_000,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"pgopt.min_table_rows",
        c"Tables with fewer rows get no index advice.",
        c"A small table is read faster in sequence than through an index.",
        &MIN_TABLE_ROWS,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgopt.slow_statement_warning",
        c"A statement that takes longer on average gets its index however little it matters to the whole workload.",
        c"-1: none does.",
        &SLOW_STATEMENT_WARNING,
        -1,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    actions::define();
    capture::define();
    jobs::define();
    matviews::define();
    worker::define();
    reserve_prefix();
}

/// Whether pgopt is switched on.
#[inline]
pub(crate) fn enabled() -> bool {
    ENABLED.get()
}

/// Lock timeout inside the planning sandbox, as `lock_timeout` takes it.
pub(crate) fn sandbox_lock_timeout() -> String {
    format!("{}ms", SANDBOX_LOCK_TIMEOUT.get())
}

/// Rows a table must have for an index to be worth advising.
pub(crate) fn min_table_rows() -> f64 {
    f64::from(MIN_TABLE_ROWS.get())
}

/// Milliseconds from which on a statement is slow by itself.
pub(crate) fn slow_statement_warning() -> Option<f64> {
    let milliseconds = SLOW_STATEMENT_WARNING.get();
    (milliseconds >= 0).then(|| f64::from(milliseconds))
}

/// An error when pgopt is switched off, or cannot work in this database.
pub(crate) fn require_enabled() -> crate::error::Result<()> {
    if !crate::pg::compat::encoding_is_utf8() {
        return Err(crate::error::Error::unsupported(
            "pgopt works in databases with encoding UTF8 only",
        )
        .hint("Use a database created with ENCODING 'UTF8'."));
    }
    if enabled() {
        return Ok(());
    }
    Err(crate::error::Error::new(
        pgrx::PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "pgopt is switched off",
    )
    .hint("Set pgopt.enabled to on."))
}

fn reserve_prefix() {
    crate::pg::compat::reserve_setting_prefix(c"pgopt");
}
