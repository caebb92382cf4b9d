//! What `EXPLAIN` does with one query when no extension takes it over (explain.c,
//! `ExplainOneQuery` up to 16, `standard_ExplainOneQuery` since), in two steps, so that
//! planning can happen under a what-if scope and everything after it outside.
//!
//! The server's functions are called as they are: errors go through these frames, which hold
//! nothing to clean up. A caller that does wraps them in `pg_guard_ffi_boundary`.

use std::ffi::c_char;
use std::time::{Duration, Instant};

use pgrx::pg_sys;

// The server's functions without the frames that the bindings put around them.
unsafe extern "C-unwind" {
    fn pg_plan_query(
        query: *mut pg_sys::Query,
        text: *const c_char,
        cursor_options: i32,
        parameters: pg_sys::ParamListInfo,
    ) -> *mut pg_sys::PlannedStmt;
    fn BufferUsageAccumDiff(
        sum: *mut pg_sys::BufferUsage,
        add: *const pg_sys::BufferUsage,
        sub: *const pg_sys::BufferUsage,
    );
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    fn ExplainOnePlan(
        plan: *mut pg_sys::PlannedStmt,
        into: *mut pg_sys::IntoClause,
        state: *mut pg_sys::ExplainState,
        text: *const c_char,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        duration: *const pg_sys::instr_time,
        buffers: *const pg_sys::BufferUsage,
    );
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    fn ExplainOnePlan(
        plan: *mut pg_sys::PlannedStmt,
        into: *mut pg_sys::IntoClause,
        state: *mut pg_sys::ExplainState,
        text: *const c_char,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        duration: *const pg_sys::instr_time,
        buffers: *const pg_sys::BufferUsage,
        memory: *const pg_sys::MemoryContextCounters,
    );
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    fn standard_ExplainOneQuery(
        query: *mut pg_sys::Query,
        cursor_options: i32,
        into: *mut pg_sys::IntoClause,
        state: *mut pg_sys::ExplainState,
        text: *const c_char,
        parameters: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
    );
}

/// What `EXPLAIN` measures while it plans.
pub(crate) struct PlanningMeasurements {
    duration: Duration,
    buffers: Option<pg_sys::BufferUsage>,
}

/// Plans `query` and measures it.
///
/// # Safety
/// The arguments must be those of an `ExplainOneQuery_hook` call (the query is consumed).
pub(crate) unsafe fn plan_for_explain(
    query: *mut pg_sys::Query,
    text: *const c_char,
    cursor_options: i32,
    parameters: pg_sys::ParamListInfo,
    count_buffers: bool,
) -> (*mut pg_sys::PlannedStmt, PlanningMeasurements) {
    // SAFETY: see above; pgBufferUsage is a plain struct of counters.
    unsafe {
        let before = count_buffers.then_some(pg_sys::pgBufferUsage);
        let started = Instant::now();
        let plan = pg_plan_query(query, text, cursor_options, parameters);
        let duration = started.elapsed();
        let buffers = before.map(|before| {
            let mut used: pg_sys::BufferUsage = std::mem::zeroed();
            BufferUsageAccumDiff(&mut used, &raw const pg_sys::pgBufferUsage, &before);
            used
        });
        (plan, PlanningMeasurements { duration, buffers })
    }
}

/// Prints (and under `ANALYZE` runs) a plan.
///
/// # Safety
/// The arguments must be those of an `ExplainOneQuery_hook` call, and `plan` made for it.
pub(crate) unsafe fn explain_plan(
    plan: *mut pg_sys::PlannedStmt,
    measured: &PlanningMeasurements,
    into: *mut pg_sys::IntoClause,
    state: *mut pg_sys::ExplainState,
    text: *const c_char,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
) {
    let duration = instr_time(measured.duration);
    let buffers = (measured.buffers.as_ref()).map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: see above; duration and buffers outlive the call.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        ExplainOnePlan(
            plan,
            into,
            state,
            text,
            parameters,
            environment,
            &duration,
            buffers,
        );
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        ExplainOnePlan(
            plan,
            into,
            state,
            text,
            parameters,
            environment,
            &duration,
            buffers,
            std::ptr::null(),
        );
    }
}

/// The server's clock type.
fn instr_time(duration: Duration) -> pg_sys::instr_time {
    #[cfg(feature = "pg15")]
    {
        pg_sys::instr_time {
            tv_sec: duration.as_secs() as _,
            tv_nsec: i64::from(duration.subsec_nanos()) as _,
        }
    }
    #[cfg(not(feature = "pg15"))]
    {
        pg_sys::instr_time {
            ticks: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX),
        }
    }
}

/// The whole of it, for our `ExplainOneQuery_hook` when no other extension has one.
///
/// # Safety
/// The arguments must be those of an `ExplainOneQuery_hook` call.
pub(crate) unsafe extern "C-unwind" fn standard_explain_one_query(
    query: *mut pg_sys::Query,
    cursor_options: i32,
    into: *mut pg_sys::IntoClause,
    state: *mut pg_sys::ExplainState,
    text: *const c_char,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
) {
    // SAFETY: see above.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        {
            let buffers = (*state).buffers;
            let (plan, measured) =
                plan_for_explain(query, text, cursor_options, parameters, buffers);
            explain_plan(plan, &measured, into, state, text, parameters, environment);
        }
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        standard_ExplainOneQuery(
            query,
            cursor_options,
            into,
            state,
            text,
            parameters,
            environment,
        );
    }
}
