//! The server's hooks: each installed once, chained, and a doorway only.
//!
//! A hook checks whether anything is to be done, makes one call into a room, and passes on to
//! the hook that was there before. This slice needs the planner's hooks, `EXPLAIN`'s and the one
//! before a function's look-up; none of them does any work unless this backend is planning a
//! what-if configuration or is in the planning sandbox.

use std::cell::Cell;
use std::ffi::c_char;

use pgrx::{pg_guard, pg_sys};

use crate::pg::code_guard;
use crate::pg::index_info::PlannerRelation;
use crate::pg::ports::explain_one_query as port;
use crate::pg::relation_facts;
use crate::settings;
use crate::whatif::scope::{self, PlannerCall, Scope};
use crate::whatif::session;

/// The hooks that were installed before ours.
struct Previous {
    planner: pg_sys::planner_hook_type,
    relation_info: pg_sys::get_relation_info_hook_type,
    rel_pathlist: pg_sys::set_rel_pathlist_hook_type,
    explain: pg_sys::ExplainOneQuery_hook_type,
    index_name: pg_sys::explain_get_index_name_hook_type,
    needs_fmgr: pg_sys::needs_fmgr_hook_type,
}

thread_local! {
    static PREVIOUS: Cell<Option<&'static Previous>> = const { Cell::new(None) };
}

/// Installs every hook; called once, when the library is loaded.
pub(crate) fn install() {
    // SAFETY: _PG_init runs once per process, single-threaded (in the postmaster when preloaded,
    // whose children inherit both the pointers and our thread-local).
    unsafe {
        let previous = Box::leak(Box::new(Previous {
            planner: pg_sys::planner_hook,
            relation_info: pg_sys::get_relation_info_hook,
            rel_pathlist: pg_sys::set_rel_pathlist_hook,
            explain: pg_sys::ExplainOneQuery_hook,
            index_name: pg_sys::explain_get_index_name_hook,
            needs_fmgr: pg_sys::needs_fmgr_hook,
        }));
        PREVIOUS.set(Some(previous));
        pg_sys::planner_hook = Some(planner);
        pg_sys::get_relation_info_hook = Some(relation_info);
        pg_sys::set_rel_pathlist_hook = Some(rel_pathlist);
        pg_sys::ExplainOneQuery_hook = Some(explain_one_query);
        pg_sys::explain_get_index_name_hook = Some(index_name);
        pg_sys::needs_fmgr_hook = Some(needs_fmgr);
    }
}

/// Counts how deep planner calls are nested while a what-if scope is in force.
#[pg_guard]
unsafe extern "C-unwind" fn planner(
    query: *mut pg_sys::Query,
    text: *const c_char,
    cursor_options: i32,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    let _call = PlannerCall::begin();
    let previous = PREVIOUS.get().and_then(|previous| previous.planner);
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        match previous {
            Some(hook) => {
                pg_sys::ffi::pg_guard_ffi_boundary(|| hook(query, text, cursor_options, parameters))
            }
            None => pg_sys::standard_planner(query, text, cursor_options, parameters),
        }
    }
}

/// Shows and hides indexes.
#[pg_guard]
unsafe extern "C-unwind" fn relation_info(
    root: *mut pg_sys::PlannerInfo,
    table: pg_sys::Oid,
    is_parent: bool,
    rel: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the arguments are passed on as they came; ours is used during this call only.
    unsafe {
        if let Some(hook) = PREVIOUS.get().and_then(|previous| previous.relation_info) {
            pg_sys::ffi::pg_guard_ffi_boundary(|| hook(root, table, is_parent, rel));
        }
        if !is_parent {
            scope::show_to_planner(&PlannerRelation::new(root, rel, table));
        }
    }
}

/// Collects what the planner knows of a relation.
#[pg_guard]
unsafe extern "C-unwind" fn rel_pathlist(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    position: pg_sys::Index,
    entry: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: the arguments are passed on as they came, and read during this call only.
    unsafe {
        if let Some(hook) = PREVIOUS.get().and_then(|previous| previous.rel_pathlist) {
            pg_sys::ffi::pg_guard_ffi_boundary(|| hook(root, rel, position, entry));
        }
        if scope::is_observing()
            && let Some(facts) = relation_facts::read(root, rel, entry)
        {
            scope::observe(facts);
        }
    }
}

/// Lets a plain `EXPLAIN` see the session's hypothetical indexes. `EXPLAIN EXECUTE` does not
/// come this way, and `ANALYZE` executes, so neither ever sees one.
#[pg_guard]
unsafe extern "C-unwind" fn explain_one_query(
    query: *mut pg_sys::Query,
    cursor_options: i32,
    into: *mut pg_sys::IntoClause,
    state: *mut pg_sys::ExplainState,
    text: *const c_char,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
) {
    // SAFETY: the state is EXPLAIN's own, valid during the call.
    let analyze = unsafe { (*state).analyze };
    // A scrollable cursor makes the planner look the index up in the catalogs.
    let scrollable = cursor_options & pg_sys::CURSOR_OPT_SCROLL as i32 != 0;
    let _guard = (settings::enabled() && !analyze && !scrollable)
        .then(session::scope)
        .flatten()
        .map(Scope::enter)
        .inspect(|guard| guard.arm());
    let previous = PREVIOUS.get().and_then(|previous| previous.explain);
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        match previous {
            Some(hook) => pg_sys::ffi::pg_guard_ffi_boundary(|| {
                hook(
                    query,
                    cursor_options,
                    into,
                    state,
                    text,
                    parameters,
                    environment,
                )
            }),
            None => port::standard_explain_one_query(
                query,
                cursor_options,
                into,
                state,
                text,
                parameters,
                environment,
            ),
        }
    }
}

/// Names the hypothetical indexes of the scope in force.
#[pg_guard]
unsafe extern "C-unwind" fn index_name(index: pg_sys::Oid) -> *const c_char {
    if let Some(name) = scope::display_name(index) {
        return crate::pg::memory::palloc_text(&name);
    }
    let previous = PREVIOUS.get().and_then(|previous| previous.index_name);
    // SAFETY: the argument is passed on as it came.
    previous.map_or(std::ptr::null(), |hook| unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| hook(index))
    })
}

/// Asked before a function that is not built in is looked up or inlined: in the planning
/// sandbox those of third roles are an error.
#[pg_guard]
unsafe extern "C-unwind" fn needs_fmgr(function: pg_sys::Oid) -> bool {
    code_guard::check(function);
    let previous = PREVIOUS.get().and_then(|previous| previous.needs_fmgr);
    // SAFETY: the argument is passed on as it came.
    previous.is_some_and(|hook| unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| hook(function)) })
}
