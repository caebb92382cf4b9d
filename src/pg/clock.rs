//! What time it is.

use pgrx::pg_sys;

/// Nanoseconds of a clock that never goes backwards, from some moment in the past.
#[inline]
pub(crate) fn nanoseconds() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills the structure it is given; this clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Microseconds since 2000-01-01 UTC, PostgreSQL's `timestamptz`.
#[inline]
pub(crate) fn now() -> i64 {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it: it raises no error.
        fn GetCurrentTimestamp() -> pg_sys::TimestampTz;
    }
    // SAFETY: asks the operating system.
    unsafe { GetCurrentTimestamp() }
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
