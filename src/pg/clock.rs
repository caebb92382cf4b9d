//! What time it is.

use std::sync::OnceLock;
use std::time::Instant;

use pgrx::pg_sys;

/// Nanoseconds of a clock that never goes backwards, from some moment in the past.
#[inline]
pub(crate) fn nanoseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
}

/// Microseconds since 2000-01-01 UTC, PostgreSQL's `timestamptz`.
pub(crate) fn now() -> i64 {
    // SAFETY: asks the operating system.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// When the command that is being executed arrived, likewise; costs no look at the clock.
#[inline]
pub(crate) fn command_start() -> i64 {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it: it returns a variable.
        fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
    }
    // SAFETY: reads backend-local state and raises no error.
    unsafe { GetCurrentStatementStartTimestamp() }
}

/// When the transaction began, likewise.
pub(crate) fn transaction_start() -> i64 {
    unsafe extern "C-unwind" {
        // As above.
        fn GetCurrentTransactionStartTimestamp() -> pg_sys::TimestampTz;
    }
    // SAFETY: reads backend-local state and raises no error.
    unsafe { GetCurrentTransactionStartTimestamp() }
}
