//! What a background worker needs of the server: to be started, to connect, to wait, and to work
//! in transactions that may fail.

use std::ffi::{CStr, CString, c_char};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgTryBuilder, pg_sys};

use super::local::Local;
use crate::error::{Error, Result};

/// Why work in a transaction came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// As the server packs it.
    pub(crate) sqlstate: i32,
    pub(crate) message: String,
}

impl Failure {
    fn caught(cause: &CaughtError) -> Self {
        let (CaughtError::PostgresError(report)
        | CaughtError::ErrorReport(report)
        | CaughtError::RustPanic {
            ereport: report, ..
        }) = cause;
        let mut message = report.message().to_owned();
        if let Some(detail) = report.detail() {
            message = format!("{message} ({detail})");
        }
        Self {
            sqlstate: report.sql_error_code() as i32,
            message,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            sqlstate: error.sqlstate() as i32,
            message: error.message().to_owned(),
        }
    }
}

/// Runs `work`, which may raise any error of the server; after one the transaction, if there is
/// any, is aborted.
pub(crate) fn attempt<T>(work: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| work().map_err(Failure::from)))
        .catch_others(|cause| Err(Failure::caught(&cause)))
        .catch_rust_panic(|cause| Err(Failure::caught(&cause)))
        .execute();
    if outcome.is_err() {
        // SAFETY: nothing of the failed work is in use any more; without a transaction this does
        // nothing.
        unsafe {
            disarm_timeouts();
            pg_sys::QueryCancelPending = 0;
            pg_sys::AbortCurrentTransaction();
            pg_sys::PortalErrorCleanup();
            // The log is told by whoever called.
            pg_sys::FlushErrorState();
        }
    }
    outcome
}

/// Runs `work` in a transaction of its own, which is committed if it succeeds.
pub(crate) fn transaction<T>(work: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    attempt(|| {
        // SAFETY: a worker between two transactions; the snapshot is popped before the commit, or
        // by the abort.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
            arm_statement_timeout();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        let value = work()?;
        // SAFETY: as above.
        unsafe {
            disarm_timeouts();
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
            report_statistics();
        }
        Ok(value)
    })
}

/// Lets `statement_timeout` end what comes now, if it is set: background workers arm no timeout by
/// themselves.
pub(super) fn arm_statement_timeout() {
    // SAFETY: a timeout that every process with a connection knows.
    unsafe {
        if pg_sys::StatementTimeout > 0 {
            enable_timeout_after(STATEMENT_TIMEOUT, pg_sys::StatementTimeout);
        }
    }
}

/// No timeout ends what comes now.
pub(super) fn disarm_timeouts() {
    // SAFETY: as above.
    unsafe { disable_all_timeouts(false) }
}

/// Hands this process's counters on.
fn report_statistics() {
    // SAFETY: between two transactions.
    unsafe {
        pg_sys::pgstat_report_stat(false);
    }
}

// Signal handlers, and what is called without the frame that the bindings put around it.
unsafe extern "C-unwind" {
    fn enable_timeout_after(timeout: i32, milliseconds: i32);
    fn disable_all_timeouts(keep_indicators: bool);
    fn die(signal: i32);
    fn StatementCancelHandler(signal: i32);
    fn SignalHandlerForConfigReload(signal: i32);
    #[cfg(not(feature = "pg18"))]
    fn pqsignal(
        signal: i32,
        handler: Option<unsafe extern "C-unwind" fn(i32)>,
    ) -> Option<unsafe extern "C-unwind" fn(i32)>;
    #[cfg(feature = "pg18")]
    fn pqsignal_be(signal: i32, handler: Option<unsafe extern "C-unwind" fn(i32)>);
}

/// `STATEMENT_TIMEOUT` of `utils/timeout.h`, the same in all supported majors.
const STATEMENT_TIMEOUT: i32 = 3;

static CANCEL: Local<Cancel> = Local::new(Cancel::Command);

/// What a cancel request means for this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cancel {
    /// Nothing between two transactions; within one it fails, as by a timeout: the server ends
    /// the wait for a lock by this very signal.
    Transaction,
    /// The command that is being executed fails.
    Command,
}

/// Takes the signals as a session does: SIGTERM ends what is being done, SIGINT cancels it, SIGHUP
/// reads the configuration files again. The bindings' own handlers only set flags, with which
/// nothing that the server does would ever be interrupted.
pub(crate) fn take_signals(cancel: Cancel) {
    type Handler = unsafe extern "C-unwind" fn(i32);
    // SAFETY: once, at the beginning of a worker, with the server's own handlers.
    unsafe {
        let handlers = [
            (libc::SIGTERM, die as Handler),
            (libc::SIGHUP, SignalHandlerForConfigReload as Handler),
            (libc::SIGINT, StatementCancelHandler as Handler),
        ];
        for (signal, handler) in handlers {
            #[cfg(not(feature = "pg18"))]
            pqsignal(signal, Some(handler));
            #[cfg(feature = "pg18")]
            pqsignal_be(signal, Some(handler));
        }
        CANCEL.set(cancel);
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Connects this worker to the shared catalogs only.
pub(crate) fn connect_to_shared_catalogs() {
    // SAFETY: once, in a worker that asked for a connection.
    unsafe { pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0) }
}

/// Connects this worker to a database as `role`, or as the server itself. Ends the process if that
/// cannot be.
pub(crate) fn connect(database: u32, role: Option<u32>) {
    let role = role.map_or(pg_sys::InvalidOid, pg_sys::Oid::from);
    // SAFETY: as above.
    unsafe {
        pg_sys::BackgroundWorkerInitializeConnectionByOid(pg_sys::Oid::from(database), role, 0);
    }
}

/// A worker to be started now.
pub(crate) struct Worker<'a> {
    /// As `ps` and `pg_stat_activity` show it.
    pub(crate) name: &'a str,
    pub(crate) kind: &'static CStr,
    pub(crate) function: &'static CStr,
    pub(crate) argument: usize,
}

/// Starts a worker; false if the server has no slot for it. This process is woken when it starts
/// and ends.
pub(crate) fn start(worker: &Worker) -> bool {
    let mut entry = pg_sys::BackgroundWorker {
        bgw_flags: (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION)
            as i32,
        bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished,
        bgw_restart_time: pg_sys::BGW_NEVER_RESTART,
        bgw_main_arg: pg_sys::Datum::from(worker.argument),
        bgw_notify_pid: super::session::pid(),
        ..Default::default()
    };
    fill(&mut entry.bgw_name, worker.name.as_bytes());
    fill(&mut entry.bgw_type, worker.kind.to_bytes());
    fill(&mut entry.bgw_library_name, b"pgopt");
    fill(&mut entry.bgw_function_name, worker.function.to_bytes());
    // SAFETY: a complete entry, which the server copies; no handle is asked for.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&raw mut entry, std::ptr::null_mut()) }
}

/// Copies as much of `text` as there is room for, at a character's boundary.
fn fill(target: &mut [c_char], text: &[u8]) {
    let mut length = text.len().min(target.len() - 1);
    while length < text.len() && text.get(length).is_some_and(|byte| byte & 0xc0 == 0x80) {
        length -= 1;
    }
    for (to, from) in target.iter_mut().zip(text.iter().take(length)) {
        *to = *from as c_char;
    }
}

/// Tells a process to end.
pub(crate) fn terminate(pid: i32) {
    // SAFETY: a process of ours on the board, which takes itself off when it ends.
    unsafe {
        libc::kill(pid, libc::SIGTERM);
    }
}

/// Whether there is a process of that number.
pub(crate) fn is_alive(pid: i32) -> bool {
    // SAFETY: signal 0 asks only.
    unsafe { libc::kill(pid, 0) == 0 || *libc::__errno_location() != libc::ESRCH }
}

/// Waits until somebody wakes this process or the time is over; ends with the postmaster. What was
/// asked of it meanwhile (to end, to take part in a barrier) is done, and the configuration is
/// read again if that was asked: then it returns true.
pub(crate) fn wait(time: Duration) -> bool {
    const EVENTS: i32 =
        (pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH) as i32;
    let milliseconds = time.as_millis().clamp(1, 3_600_000) as std::ffi::c_long;
    // SAFETY: this process's own latch.
    unsafe {
        pg_sys::WaitLatch(
            pg_sys::MyLatch,
            EVENTS,
            milliseconds,
            pg_sys::PG_WAIT_EXTENSION,
        );
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
    heed()
}

/// Sleeps for a moment within a command, which may be cancelled: then the error passes over the
/// caller's frames, in which nothing may have to be dropped.
pub(crate) fn nap(time: Duration) {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it.
        fn ProcessInterrupts();
    }
    std::thread::sleep(time);
    // SAFETY: in a command, see above.
    unsafe {
        if pg_sys::InterruptPending != 0 {
            ProcessInterrupts();
        }
    }
}

/// Does what was asked of this process meanwhile; whether the configuration was read again.
pub(crate) fn heed() -> bool {
    // SAFETY: between two pieces of work, as the server's own processes do it.
    unsafe {
        if CANCEL.get() == Cancel::Transaction {
            pg_sys::QueryCancelPending = 0;
        }
        pgrx::check_for_interrupts!();
        let asked = pg_sys::ConfigReloadPending != 0;
        if asked {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
        asked
    }
}

/// Ends this process. With code 0 the postmaster would never start it again.
pub(crate) fn exit(code: i32) {
    // SAFETY: nothing of ours is left to be dropped.
    unsafe {
        pg_sys::proc_exit(code);
    }
}

/// Calls `work` when this process ends, however it does, while it can still use shared memory.
pub(crate) fn at_exit(work: unsafe extern "C-unwind" fn(code: i32, argument: pg_sys::Datum)) {
    // SAFETY: the function stays loaded as long as the process lives.
    unsafe { pg_sys::before_shmem_exit(Some(work), pg_sys::Datum::from(0)) }
}

/// Settings of this process, as if it had been started with them.
pub(crate) fn set(name: &CStr, value: &str) {
    let Ok(value) = CString::new(value) else {
        return;
    };
    // SAFETY: both strings live through the call, which copies them.
    unsafe {
        pg_sys::SetConfigOption(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
        );
    }
}

/// Settings that say which statements are counted.
const TRACKING: [&CStr; 2] = [c"pgopt.track", c"pg_stat_statements.track"];

/// Statements of this process are nobody's, and are not counted.
pub(crate) fn keep_quiet() {
    for name in TRACKING {
        if current(name).is_some() {
            set(name, "none");
        }
    }
}

/// Runs `work`, whose statements are not counted.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let before = TRACKING.map(current);
    keep_quiet();
    let value = work();
    for (name, before) in TRACKING.into_iter().zip(before) {
        if let Some(before) = before {
            set(name, &before);
        }
    }
    value
}

/// The value of a setting, if there is such a setting.
fn current(name: &CStr) -> Option<String> {
    // SAFETY: a name that may be unknown; the value is copied at once.
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        (!value.is_null()).then(|| CStr::from_ptr(value).to_string_lossy().into_owned())
    }
}

/// Shows in `pg_stat_activity` that this process is idle.
pub(crate) fn report_idle() {
    // SAFETY: this process's own entry.
    unsafe {
        pg_sys::pgstat_report_activity(
            pg_sys::BackendState::STATE_IDLE,
            std::ptr::null::<c_char>(),
        );
    }
}

/// Whether the server is being upgraded: nothing may run then.
pub(crate) fn is_upgrade() -> bool {
    // SAFETY: a plain variable.
    unsafe { pg_sys::IsBinaryUpgrade }
}
