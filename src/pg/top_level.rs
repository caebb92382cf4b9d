//! Executes commands as if a client had sent them: at top level, each in a transaction of its own,
//! so that `VACUUM`, `CREATE INDEX CONCURRENTLY` and procedures that commit work.
//!
//! This is what the server does with a simple query, without a client to send results to.

use std::ffi::{CStr, CString, c_long};

use pgrx::{PgList, pg_sys};

use super::background::{arm_statement_timeout, disarm_timeouts};
use super::errors::watch;
use super::local::Local;
use super::memory::OwnedContext;
use super::statement::c_text;
use crate::error::Result;

unsafe extern "C-unwind" {
    // Without the frame that the bindings put around it.
    #[cfg(not(feature = "pg18"))]
    fn PortalRun(
        portal: pg_sys::Portal,
        count: c_long,
        top_level: bool,
        once: bool,
        receiver: *mut pg_sys::DestReceiver,
        other_receiver: *mut pg_sys::DestReceiver,
        done: *mut pg_sys::QueryCompletion,
    ) -> bool;
    #[cfg(feature = "pg18")]
    fn PortalRun(
        portal: pg_sys::Portal,
        count: c_long,
        top_level: bool,
        receiver: *mut pg_sys::DestReceiver,
        other_receiver: *mut pg_sys::DestReceiver,
        done: *mut pg_sys::QueryCompletion,
    ) -> bool;
}

/// The SQLSTATE that a command raised: the bindings know those of the server only, not a user's own.
static RAISED: Local<i32> = Local::new(0);

/// The SQLSTATE, as the server packs it, that the last command raised while it was executed.
pub(crate) fn take_sqlstate() -> Option<i32> {
    let raised = RAISED.get();
    RAISED.set(0);
    (raised != 0).then_some(raised)
}

/// The setting `statement_timeout` in microseconds, if there is one.
pub(crate) fn statement_timeout() -> Option<i64> {
    // SAFETY: a plain variable of this process.
    let milliseconds = unsafe { pg_sys::StatementTimeout };
    (milliseconds > 0).then(|| i64::from(milliseconds) * 1000)
}

/// A command, with the memory for its trees and plans. It has to outlive the abort of its
/// transaction.
pub(crate) struct Command {
    text: CString,
    context: OwnedContext,
}

impl Command {
    pub(crate) fn new(text: &str) -> Result<Self> {
        Ok(Self {
            text: c_text(text)?,
            context: OwnedContext::lasting(),
        })
    }

    /// Executes it, which may raise any error; rows it processed. To be called outside of a
    /// transaction, within [`super::background::attempt`].
    pub(crate) fn execute(&self) -> u64 {
        let Self { text, context } = self;
        // SAFETY: a worker outside of a transaction; text and context outlive the command, which
        // may end transactions and their memory.
        unsafe {
            pg_sys::debug_query_string = text.as_ptr();
            // In this order: what is reported as the command's start is that timestamp.
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, text.as_ptr());
            begin();
            let statements = context.enter(|| pg_sys::pg_parse_query(text.as_ptr()));
            let mut rows = 0;
            for statement in PgList::<pg_sys::RawStmt>::from_pg(statements).iter_ptr() {
                rows += execute_statement(text, statement, context);
            }
            end();
            rows
        }
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        // SAFETY: a plain variable; what is logged from now on has no statement.
        unsafe { pg_sys::debug_query_string = std::ptr::null() }
    }
}

unsafe fn begin() {
    // SAFETY: outside of a transaction. Background workers arm no timeout by themselves.
    unsafe {
        pg_sys::StartTransactionCommand();
        arm_statement_timeout();
    }
}

unsafe fn end() {
    // SAFETY: in the transaction that `begin`, or a command since, has begun.
    unsafe {
        disarm_timeouts();
        pg_sys::CommitTransactionCommand();
        pg_sys::pgstat_report_stat(true);
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_IDLE, std::ptr::null());
    }
}

unsafe fn execute_statement(
    text: &CStr,
    statement: *mut pg_sys::RawStmt,
    context: &OwnedContext,
) -> u64 {
    // SAFETY: the order of exec_simple_query(); trees and plans live in `context`, the portal in
    // memory of its own.
    unsafe {
        pgrx::check_for_interrupts!();
        let tag = pg_sys::CreateCommandTag((*statement).stmt);
        let plans = context.enter(|| plan(text, statement));
        pgrx::check_for_interrupts!();
        let portal = pg_sys::CreatePortal(c"".as_ptr(), true, true);
        (*portal).visible = false;
        pg_sys::PortalDefineQuery(
            portal,
            std::ptr::null(),
            text.as_ptr(),
            tag,
            plans,
            std::ptr::null_mut(),
        );
        pg_sys::PortalStart(portal, std::ptr::null_mut(), 0, std::ptr::null_mut());
        let receiver = pg_sys::CreateDestReceiver(pg_sys::CommandDest::DestNone);
        let mut done = pg_sys::QueryCompletion::default();
        run(portal, receiver, &raw mut done);
        if let Some(destroy) = (*receiver).rDestroy {
            pg_sys::ffi::pg_guard_ffi_boundary(|| destroy(receiver));
        }
        pg_sys::PortalDrop(portal, false);
        match pg_sys::command_tag_display_rowcount(done.commandTag)
            || done.commandTag == pg_sys::CommandTag::CMDTAG_REFRESH_MATERIALIZED_VIEW
        {
            true => done.nprocessed,
            false => 0,
        }
    }
}

unsafe fn plan(text: &CStr, statement: *mut pg_sys::RawStmt) -> *mut pg_sys::List {
    // SAFETY: a fresh parse tree of `text`, in the context that is current.
    unsafe {
        let snapshot = pg_sys::analyze_requires_snapshot(statement);
        if snapshot {
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        let queries = pg_sys::pg_analyze_and_rewrite_fixedparams(
            statement,
            text.as_ptr(),
            std::ptr::null(),
            0,
            std::ptr::null_mut(),
        );
        let plans = pg_sys::pg_plan_queries(
            queries,
            text.as_ptr(),
            pg_sys::CURSOR_OPT_PARALLEL_OK as i32,
            std::ptr::null_mut(),
        );
        if snapshot {
            pg_sys::PopActiveSnapshot();
        }
        plans
    }
}

unsafe fn run(
    portal: pg_sys::Portal,
    receiver: *mut pg_sys::DestReceiver,
    done: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: a started portal; the frames between the guard and the call hold nothing to be dropped.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            let work = || {
                #[cfg(not(feature = "pg18"))]
                PortalRun(portal, c_long::MAX, true, true, receiver, receiver, done);
                #[cfg(feature = "pg18")]
                PortalRun(portal, c_long::MAX, true, receiver, receiver, done);
            };
            watch(work, |sqlstate| RAISED.set(sqlstate));
        });
    }
}
