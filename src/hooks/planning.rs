//! The planner and `EXPLAIN`: what-if configurations, the planning sandbox, times of planning.
//!
//! None of these hooks does any work for what-if unless this backend is planning a configuration
//! or is in the planning sandbox.

use std::cell::Cell;
use std::ffi::c_char;

use pgrx::{pg_guard, pg_sys};

use crate::capture::planning;
use crate::pg::code_guard;
use crate::pg::compat;
use crate::pg::errors::watch;
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
    index_stats: pg_sys::get_index_stats_hook_type,
    needs_fmgr: pg_sys::needs_fmgr_hook_type,
    fmgr: pg_sys::fmgr_hook_type,
}

thread_local! {
    static PREVIOUS: Cell<Option<&'static Previous>> = const { Cell::new(None) };
}

/// Installs every hook; called once, when the library is loaded.
pub(super) fn install() {
    // SAFETY: _PG_init runs once per process, single-threaded (in the postmaster when preloaded,
    // whose children inherit both the pointers and our thread-local).
    unsafe {
        let previous = Box::leak(Box::new(Previous {
            planner: pg_sys::planner_hook,
            relation_info: pg_sys::get_relation_info_hook,
            rel_pathlist: pg_sys::set_rel_pathlist_hook,
            explain: pg_sys::ExplainOneQuery_hook,
            index_name: pg_sys::explain_get_index_name_hook,
            index_stats: pg_sys::get_index_stats_hook,
            needs_fmgr: pg_sys::needs_fmgr_hook,
            fmgr: pg_sys::fmgr_hook,
        }));
        PREVIOUS.set(Some(previous));
        pg_sys::planner_hook = Some(planner);
        pg_sys::get_relation_info_hook = Some(relation_info);
        pg_sys::set_rel_pathlist_hook = Some(rel_pathlist);
        pg_sys::ExplainOneQuery_hook = Some(explain_one_query);
        pg_sys::explain_get_index_name_hook = Some(index_name);
        pg_sys::get_index_stats_hook = Some(index_stats);
        pg_sys::needs_fmgr_hook = Some(needs_fmgr);
        pg_sys::fmgr_hook = Some(fmgr);
    }
}

// The planner, without the frame that the bindings put around it.
unsafe extern "C-unwind" {
    fn standard_planner(
        query: *mut pg_sys::Query,
        text: *const c_char,
        cursor_options: i32,
        parameters: pg_sys::ParamListInfo,
    ) -> *mut pg_sys::PlannedStmt;
}

/// Counts how deep planner calls are nested while a what-if scope is in force.
unsafe extern "C-unwind" fn planner(
    query: *mut pg_sys::Query,
    text: *const c_char,
    cursor_options: i32,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        if scope::is_idle() {
            timed_planner(query, text, cursor_options, parameters)
        } else {
            counted_planner(query, text, cursor_options, parameters)
        }
    }
}

/// A planner call for a user's statement. Functions that it folds are nested in it.
#[inline]
unsafe fn timed_planner(
    query: *mut pg_sys::Query,
    text: *const c_char,
    cursor_options: i32,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    // SAFETY: the arguments are passed on as they came. Nothing in these frames has to be dropped.
    unsafe {
        if !planning::is_watched(text) {
            return next_planner(query, text, cursor_options, parameters);
        }
        let query_id = compat::query_id((*query).queryId);
        let mut planned = std::ptr::null_mut();
        let call = planning::enter(query_id);
        watch(
            || planned = next_planner(query, text, cursor_options, parameters),
            |sqlstate| planning::failed(&call, sqlstate),
        );
        planning::leave(&call);
        planned
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn counted_planner(
    query: *mut pg_sys::Query,
    text: *const c_char,
    cursor_options: i32,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    let _call = PlannerCall::begin();
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| next_planner(query, text, cursor_options, parameters))
    }
}

unsafe fn next_planner(
    query: *mut pg_sys::Query,
    text: *const c_char,
    cursor_options: i32,
    parameters: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    let previous = PREVIOUS.get().and_then(|previous| previous.planner);
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        match previous {
            Some(hook) => hook(query, text, cursor_options, parameters),
            None => standard_planner(query, text, cursor_options, parameters),
        }
    }
}

/// Shows and hides indexes.
unsafe extern "C-unwind" fn relation_info(
    root: *mut pg_sys::PlannerInfo,
    table: pg_sys::Oid,
    is_parent: bool,
    rel: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        if let Some(hook) = PREVIOUS.get().and_then(|previous| previous.relation_info) {
            hook(root, table, is_parent, rel);
        }
        if scope::is_planning() {
            show_relation(root, table, is_parent, rel);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn show_relation(
    root: *mut pg_sys::PlannerInfo,
    table: pg_sys::Oid,
    is_parent: bool,
    rel: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the hook's arguments, used during its call only.
    let relation = unsafe { PlannerRelation::new(root, rel, table) };
    scope::show_to_planner(&relation, is_parent);
}

/// Tells what is known of the expressions of hypothetical indexes.
unsafe extern "C-unwind" fn index_stats(
    root: *mut pg_sys::PlannerInfo,
    index: pg_sys::Oid,
    column: pg_sys::AttrNumber,
    found: *mut pg_sys::VariableStatData,
) -> bool {
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        if scope::is_planning() && hypothetical_stats(index, column, found) {
            return true;
        }
        match PREVIOUS.get().and_then(|previous| previous.index_stats) {
            Some(hook) => hook(root, index, column, found),
            None => false,
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn hypothetical_stats(
    index: pg_sys::Oid,
    column: pg_sys::AttrNumber,
    found: *mut pg_sys::VariableStatData,
) -> bool {
    // SAFETY: the planner's own struct; cost functions, which ask for one index, name no relation.
    let of_table = unsafe { !(*found).rel.is_null() };
    let Some(tuple) = scope::statistics(index, column, of_table) else {
        return false;
    };
    // SAFETY: the planner's own struct; the tuple is one allocation.
    unsafe {
        (*found).statsTuple = tuple;
        (*found).freefunc = Some(free_stats);
    }
    true
}

#[pg_guard]
unsafe extern "C-unwind" fn free_stats(tuple: pg_sys::HeapTuple) {
    // SAFETY: the planner returns what `hypothetical_stats` gave it.
    unsafe { pg_sys::pfree(tuple.cast()) }
}

/// Collects what the planner knows of a relation.
unsafe extern "C-unwind" fn rel_pathlist(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    position: pg_sys::Index,
    entry: *mut pg_sys::RangeTblEntry,
) {
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        if let Some(hook) = PREVIOUS.get().and_then(|previous| previous.rel_pathlist) {
            hook(root, rel, position, entry);
        }
        if scope::is_planning() {
            observe_relation(root, rel, entry);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn observe_relation(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    entry: *mut pg_sys::RangeTblEntry,
) {
    if !scope::is_observing() {
        return;
    }
    // SAFETY: the hook's arguments, read during its call only.
    if let Some(facts) = unsafe { relation_facts::read(root, rel, entry) } {
        scope::observe(facts);
    }
}

/// Lets a plain `EXPLAIN` see the session's hypothetical indexes. `EXPLAIN EXECUTE` does not
/// come this way, and `ANALYZE` executes, so neither ever sees one; a scrollable cursor makes the
/// planner look the index up in the catalogs.
unsafe extern "C-unwind" fn explain_one_query(
    query: *mut pg_sys::Query,
    options: i32,
    into: *mut pg_sys::IntoClause,
    state: *mut pg_sys::ExplainState,
    text: *const c_char,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
) {
    // SAFETY: the state is EXPLAIN's own; the arguments are passed on as they came.
    unsafe {
        let plain = !(*state).analyze && options & pg_sys::CURSOR_OPT_SCROLL as i32 == 0;
        if plain && session::is_active() && settings::enabled() {
            explain_in_session(query, options, into, state, text, parameters, environment);
        } else {
            next_explain(query, options, into, state, text, parameters, environment);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn explain_in_session(
    query: *mut pg_sys::Query,
    options: i32,
    into: *mut pg_sys::IntoClause,
    state: *mut pg_sys::ExplainState,
    text: *const c_char,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
) {
    let _guard = (session::scope())
        .map(Scope::enter)
        .inspect(|guard| guard.arm());
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            next_explain(query, options, into, state, text, parameters, environment)
        });
    }
}

unsafe fn next_explain(
    query: *mut pg_sys::Query,
    options: i32,
    into: *mut pg_sys::IntoClause,
    state: *mut pg_sys::ExplainState,
    text: *const c_char,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
) {
    let previous = (PREVIOUS.get().and_then(|previous| previous.explain))
        .unwrap_or(port::standard_explain_one_query);
    // SAFETY: the arguments are passed on as they came.
    unsafe { previous(query, options, into, state, text, parameters, environment) }
}

/// Names the hypothetical indexes of the scope in force.
unsafe extern "C-unwind" fn index_name(index: pg_sys::Oid) -> *const c_char {
    // SAFETY: the argument is passed on as it came.
    unsafe {
        let name = if scope::is_entered() {
            hypothetical_name(index)
        } else {
            std::ptr::null()
        };
        match PREVIOUS.get().and_then(|previous| previous.index_name) {
            Some(hook) if name.is_null() => hook(index),
            _ => name,
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn hypothetical_name(index: pg_sys::Oid) -> *const c_char {
    scope::display_name(index).map_or(std::ptr::null(), |name| {
        crate::pg::memory::palloc_text(&name)
    })
}

/// Asked before a function that is not built in is looked up or inlined: in the planning
/// sandbox those of third roles are an error.
unsafe extern "C-unwind" fn needs_fmgr(function: pg_sys::Oid) -> bool {
    // SAFETY: the argument is passed on as it came.
    unsafe {
        if code_guard::is_on() {
            refuse_untrusted(function);
        }
        match PREVIOUS.get().and_then(|previous| previous.needs_fmgr) {
            Some(hook) => hook(function),
            None => false,
        }
    }
}

/// Told before a function with settings of its own, or one that runs as its owner, is called:
/// the server does not ask about these beforehand.
unsafe extern "C-unwind" fn fmgr(
    event: pg_sys::FmgrHookEventType::Type,
    function: *mut pg_sys::FmgrInfo,
    private: *mut pg_sys::Datum,
) {
    // SAFETY: the function's look-up entry is the server's own; the arguments are passed on.
    unsafe {
        if event == pg_sys::FmgrHookEventType::FHET_START && code_guard::is_on() {
            refuse_untrusted((*function).fn_oid);
        }
        if let Some(hook) = PREVIOUS.get().and_then(|previous| previous.fmgr) {
            hook(event, function, private);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn refuse_untrusted(function: pg_sys::Oid) {
    code_guard::check(function);
}
