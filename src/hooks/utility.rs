//! Utility commands.

use std::ffi::c_char;

use pgrx::pg_sys;

use super::workers;
use crate::capture::{parsing, session, utility};
use crate::pg::databases::{self, Concern};
use crate::pg::errors::watch;
use crate::pg::local::Local;
use crate::pg::utility::{Role, Utility, rows};

static PREVIOUS: Local<pg_sys::ProcessUtility_hook_type> = Local::new(None);

pub(super) fn install() {
    // SAFETY: _PG_init runs once, in the postmaster, whose children inherit all of this.
    unsafe {
        PREVIOUS.set(pg_sys::ProcessUtility_hook);
        pg_sys::ProcessUtility_hook = Some(process);
    }
}

unsafe extern "C-unwind" {
    // Without the frame that the bindings put around it.
    fn standard_ProcessUtility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        destination: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

unsafe extern "C-unwind" fn process(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    destination: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: the arguments are passed on as they came, and the command is looked at before it is
    // executed only. Nothing in these frames has to be dropped.
    unsafe {
        let next = || {
            let next = PREVIOUS.get().unwrap_or(standard_ProcessUtility);
            next(
                statement,
                text,
                read_only_tree,
                context,
                parameters,
                environment,
                destination,
                completion,
            );
        };
        let next = || {
            let concern = databases::concern(statement);
            if concern == Concern::None {
                return next();
            }
            let both = || {
                workers::before(concern);
                next();
            };
            watch(both, |_| workers::after(concern, false));
            workers::after(concern, true);
        };
        if session::shared().is_none() {
            return next();
        }
        let command = Utility::new(statement, text);
        let role = command.role();
        if role == Role::Leads
            && session::tracking().is_some()
            && let Some(mut cursor) = command.cursor()
        {
            parsing::declare(&mut cursor);
            watch(next, |_| session::set_declared(0));
            return session::set_declared(0);
        }
        match utility::begin(&command, role) {
            Some(call) => {
                watch(next, |sqlstate| call.fail(sqlstate));
                call.finish(rows(completion));
            }
            None => next(),
        }
    }
}
