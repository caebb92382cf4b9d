//! Work in a subtransaction that is always rolled back.
//!
//! The rollback undoes writes, settings, locks and the user id, whether the work succeeded or
//! raised. This is the mechanism under the planning sandbox; what may run in it is decided above.

use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};

use super::code_guard::CodeGuard;
use crate::error::{Error, Result};

/// As whom, and under which settings, the work runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// The role to become inside a security-restricted operation, in which no code of a third
    /// role is run; `None` stays the caller.
    pub(crate) role: Option<pg_sys::Oid>,
    /// Settings made for the work alone.
    pub(crate) settings: Vec<(String, String)>,
}

/// Runs `work` and rolls back everything it did; an error it raises comes back as a value.
///
/// A cancel request or a shutdown is not an error of the work: it is raised again.
pub(crate) fn rolled_back<T>(
    surroundings: &Surroundings,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut subtransaction = Subtransaction::begin();
    let guard = CodeGuard::begin(surroundings.role);
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| {
        Ok(surroundings.enter().and_then(|()| work()))
    }))
    .catch_others(|cause| match Error::try_from_caught(&cause) {
        Some(error) => Ok(Err(error)),
        None => Err(Box::new(cause)),
    })
    .execute();
    drop(guard);
    // Also before an error goes on up: the server aborts the innermost transaction only, and
    // would leave the session in a failed one.
    subtransaction.roll_back();
    match outcome {
        Ok(outcome) => outcome,
        Err(cause) => cause.rethrow(),
    }
}

/// Runs `work` in a subtransaction: an error it raises undoes what it did, and comes back as a
/// value.
pub(crate) fn all_or_nothing<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let subtransaction = Subtransaction::begin();
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| Ok(work())))
        .catch_others(|cause| match Error::try_from_caught(&cause) {
            Some(error) => Ok(Err(error)),
            None => Err(Box::new(cause)),
        })
        .execute();
    subtransaction.settle(outcome)
}

/// The same, but an error goes on up as it was raised.
pub(crate) fn nested<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let subtransaction = Subtransaction::begin();
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| Ok(work())))
        .catch_others(|cause| Err(Box::new(cause)))
        .execute();
    subtransaction.settle(outcome)
}

impl Surroundings {
    fn enter(&self) -> Result<()> {
        for (name, value) in &self.settings {
            set_local(name, value)?;
        }
        if let Some(role) = self.role {
            become_restricted(role);
        }
        Ok(())
    }
}

/// Releases the session-level advisory locks taken while it lives, which no rollback does; also
/// when a cancel request ends the work.
pub(crate) struct SessionLocks(());

impl SessionLocks {
    /// For a session that holds none now: all are released in the end.
    pub(crate) fn none_held() -> Self {
        Self(())
    }
}

impl Drop for SessionLocks {
    fn drop(&mut self) {
        // SAFETY: releases locks of this backend by its own lock table; raises nothing.
        unsafe { pg_sys::LockReleaseSession(pg_sys::USER_LOCKMETHOD as u16) }
    }
}

/// A subtransaction of ours and what was current before it.
struct Subtransaction {
    context: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
}

impl Subtransaction {
    fn begin() -> Self {
        // SAFETY: called from SQL functions inside a transaction, never in parallel mode (our
        // functions are PARALLEL UNSAFE). The caller's context stays current, as PL/pgSQL does.
        unsafe {
            let state = Self {
                context: pg_sys::CurrentMemoryContext,
                owner: pg_sys::CurrentResourceOwner,
            };
            pg_sys::BeginInternalSubTransaction(std::ptr::null());
            pg_sys::CurrentMemoryContext = state.context;
            state
        }
    }

    fn release(&mut self) {
        // SAFETY: as in `roll_back`.
        unsafe {
            pg_sys::CurrentMemoryContext = self.context;
            pg_sys::ReleaseCurrentSubTransaction();
            pg_sys::CurrentMemoryContext = self.context;
            pg_sys::CurrentResourceOwner = self.owner;
        }
    }

    /// Keeps what was done if it succeeded, undoes it if not.
    fn settle<T>(mut self, outcome: std::result::Result<Result<T>, Box<CaughtError>>) -> Result<T> {
        match outcome {
            Ok(Ok(value)) => {
                self.release();
                Ok(value)
            }
            Ok(Err(error)) => {
                self.roll_back();
                Err(error)
            }
            Err(cause) => {
                self.roll_back();
                cause.rethrow()
            }
        }
    }

    fn roll_back(&mut self) {
        // SAFETY: pairs with `begin`; everything begun inside has ended by now.
        unsafe {
            pg_sys::CurrentMemoryContext = self.context;
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            pg_sys::CurrentMemoryContext = self.context;
            pg_sys::CurrentResourceOwner = self.owner;
        }
    }
}

/// Sets a run-time parameter until the end of the current (sub)transaction.
fn set_local(name: &str, value: &str) -> Result<()> {
    set(name, value, pg_sys::GucAction::GUC_ACTION_LOCAL)
}

/// Sets a run-time parameter until the current nest level of settings is closed.
pub(super) fn set_for_level(name: &str, value: &str) -> Result<()> {
    set(name, value, pg_sys::GucAction::GUC_ACTION_SAVE)
}

fn set(name: &str, value: &str, action: pg_sys::GucAction::Type) -> Result<()> {
    let (Ok(c_name), Ok(c_value)) = (std::ffi::CString::new(name), std::ffi::CString::new(value))
    else {
        return Err(Error::invalid_parameter(format!(
            "value of parameter \"{name}\" contains a zero byte"
        )));
    };
    // SAFETY: both strings live through the call, which copies them.
    unsafe {
        pg_sys::set_config_option(
            c_name.as_ptr(),
            c_value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            true,
            0,
            false,
        );
    }
    Ok(())
}

/// Takes the identity of `role` as `ANALYZE` takes the table owner's: no `SET ROLE` back, no
/// `PREPARE`, `LISTEN` or cursors. Undone by the end of the subtransaction.
fn become_restricted(role: pg_sys::Oid) {
    let mut user = pg_sys::InvalidOid;
    let mut context: i32 = 0;
    // SAFETY: plain assignments of backend-local state.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(
            role,
            context
                | pg_sys::SECURITY_RESTRICTED_OPERATION as i32
                | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32,
        );
    }
}

impl Error {
    /// The error as a value, or `None` when it must go on up: a cancel, a shutdown, our own bug.
    fn try_from_caught(cause: &CaughtError) -> Option<Self> {
        let report = match cause {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => report,
            CaughtError::RustPanic { .. } => return None,
        };
        let code = report.sql_error_code();
        if matches!(
            code,
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED
                | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN
                | PgSqlErrorCode::ERRCODE_CRASH_SHUTDOWN
                | PgSqlErrorCode::ERRCODE_CANNOT_CONNECT_NOW
        ) {
            return None;
        }
        let mut error = Error::new(code, report.message());
        if let Some(detail) = report.detail() {
            error = error.detail(detail);
        }
        if let Some(hint) = report.hint() {
            error = error.hint(hint);
        }
        Some(error)
    }
}
