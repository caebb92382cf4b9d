//! Parse analysis, the executor, errors and the ends of transactions.

use std::ffi::CStr;

use pgrx::{PgLogLevel, pg_sys};

use crate::capture::{executions, failures, parsing, session, transaction};
use crate::pg::errors::watch;
use crate::pg::execution::Execution;
use crate::pg::local::Local;
use crate::pg::parse::Analysed;
use crate::shmem::board;

/// The hooks that were installed before ours.
#[derive(Clone, Copy)]
struct Previous {
    analyze: pg_sys::post_parse_analyze_hook_type,
    start: pg_sys::ExecutorStart_hook_type,
    run: pg_sys::ExecutorRun_hook_type,
    finish: pg_sys::ExecutorFinish_hook_type,
    end: pg_sys::ExecutorEnd_hook_type,
    log: pg_sys::emit_log_hook_type,
}

static PREVIOUS: Local<Previous> = Local::new(Previous {
    analyze: None,
    start: None,
    run: None,
    finish: None,
    end: None,
    log: None,
});

pub(super) fn install() {
    // SAFETY: _PG_init runs once, in the postmaster, whose children inherit all of this.
    unsafe {
        PREVIOUS.set(Previous {
            analyze: pg_sys::post_parse_analyze_hook,
            start: pg_sys::ExecutorStart_hook,
            run: pg_sys::ExecutorRun_hook,
            finish: pg_sys::ExecutorFinish_hook,
            end: pg_sys::ExecutorEnd_hook,
            log: pg_sys::emit_log_hook,
        });
        pg_sys::post_parse_analyze_hook = Some(analyze);
        pg_sys::ExecutorStart_hook = Some(start);
        pg_sys::ExecutorRun_hook = Some(run);
        pg_sys::ExecutorFinish_hook = Some(finish);
        pg_sys::ExecutorEnd_hook = Some(end);
        pg_sys::emit_log_hook = Some(log);
        pg_sys::RegisterXactCallback(Some(transaction_event), std::ptr::null_mut());
    }
}

// The executor, without the frames that the bindings put around it.
unsafe extern "C-unwind" {
    fn standard_ExecutorStart(desc: *mut pg_sys::QueryDesc, flags: i32);
    #[cfg(not(feature = "pg18"))]
    fn standard_ExecutorRun(
        desc: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
        once: bool,
    );
    #[cfg(feature = "pg18")]
    fn standard_ExecutorRun(
        desc: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
    );
    fn standard_ExecutorFinish(desc: *mut pg_sys::QueryDesc);
    fn standard_ExecutorEnd(desc: *mut pg_sys::QueryDesc);
}

unsafe extern "C-unwind" fn analyze(
    parse: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    state: *mut pg_sys::JumbleState,
) {
    // SAFETY: the arguments are passed on as they came, and looked at during the call only.
    unsafe {
        if let Some(hook) = PREVIOUS.get().analyze {
            hook(parse, query, state);
        }
        parsing::analysed(&Analysed::new(parse, query, state));
    }
}

unsafe extern "C-unwind" fn start(desc: *mut pg_sys::QueryDesc, flags: i32) {
    // SAFETY: as above.
    unsafe {
        let execution = Execution::new(desc);
        let next = || match PREVIOUS.get().start {
            Some(hook) => hook(desc, flags),
            None => standard_ExecutorStart(desc, flags),
        };
        // The error of a client's statement is reported; that of a nested one may be caught.
        if session::is_nested() && session::tracking().is_some() {
            let key = session::key(execution.query_id());
            watch(next, |sqlstate| {
                executions::failed_to_begin(execution, &key, sqlstate)
            });
        } else {
            executions::announce(execution);
            next();
        }
        executions::begin(Execution::new(desc));
    }
}

/// Runs an execution. The frame is needed wherever what runs inside has to be known as nested, or
/// a failure has to be counted.
#[cfg(not(feature = "pg18"))]
unsafe extern "C-unwind" fn run(
    desc: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    once: bool,
) {
    // SAFETY: as above.
    unsafe {
        within(desc, || match PREVIOUS.get().run {
            Some(hook) => hook(desc, direction, count, once),
            None => standard_ExecutorRun(desc, direction, count, once),
        });
    }
}

#[cfg(feature = "pg18")]
unsafe extern "C-unwind" fn run(
    desc: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
) {
    // SAFETY: as above.
    unsafe {
        within(desc, || match PREVIOUS.get().run {
            Some(hook) => hook(desc, direction, count),
            None => standard_ExecutorRun(desc, direction, count),
        });
    }
}

unsafe extern "C-unwind" fn finish(desc: *mut pg_sys::QueryDesc) {
    // SAFETY: as above.
    unsafe {
        let next = || match PREVIOUS.get().finish {
            Some(hook) => hook(desc),
            None => standard_ExecutorFinish(desc),
        };
        if Execution::new(desc).has_nothing_to_finish() {
            next();
        } else {
            around(desc, false, next);
        }
    }
}

#[inline]
unsafe fn within(desc: *mut pg_sys::QueryDesc, next: impl FnOnce()) {
    // SAFETY: as above.
    unsafe { around(desc, true, next) }
}

#[inline]
unsafe fn around(desc: *mut pg_sys::QueryDesc, has_rows: bool, next: impl FnOnce()) {
    // SAFETY: as above. Nothing in these frames has to be dropped.
    unsafe {
        let execution = Execution::new(desc);
        if session::shared().is_none() || (session::is_nested() && !executions::is_open(execution))
        {
            next();
            return;
        }
        let run = executions::enter();
        watch(next, |sqlstate| {
            executions::failed(execution, &run, sqlstate)
        });
        let rows = if has_rows { execution.rows() } else { 0 };
        executions::leave(execution, &run, rows);
    }
}

unsafe extern "C-unwind" fn end(desc: *mut pg_sys::QueryDesc) {
    // SAFETY: as above.
    unsafe {
        executions::end(Execution::new(desc));
        match PREVIOUS.get().end {
            Some(hook) => hook(desc),
            None => standard_ExecutorEnd(desc),
        }
    }
}

/// Sees the errors that pass no frame of ours.
unsafe extern "C-unwind" fn log(error: *mut pg_sys::ErrorData) {
    // SAFETY: as above.
    unsafe {
        if (*error).elevel >= PgLogLevel::ERROR as i32 {
            let message = (*error).message_id;
            let message = match message.is_null() {
                true => &[],
                false => CStr::from_ptr(message).to_bytes(),
            };
            failures::reported((*error).sqlerrcode, message);
        }
        if (*error).elevel >= PgLogLevel::FATAL as i32 && !(*error).message.is_null() {
            let message = CStr::from_ptr((*error).message);
            board::last_words((*error).sqlerrcode, message);
        }
        if let Some(hook) = PREVIOUS.get().log {
            hook(error);
        }
    }
}

unsafe extern "C-unwind" fn transaction_event(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    if matches!(
        event,
        XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE
    ) {
        transaction::end();
        board::transaction_ended(event != XACT_EVENT_ABORT);
    }
}
