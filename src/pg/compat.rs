//! Differences between the supported majors (15–18), each behind one name.

use pgrx::pg_sys;

/// Calls `changed` after every change of functions, types, operators, schemas or roles.
pub(crate) fn register_syscache_counter(changed: fn()) {
    thread_local! {
        static CHANGED: std::cell::Cell<Option<fn()>> = const { std::cell::Cell::new(None) };
    }
    #[pgrx::pg_guard]
    unsafe extern "C-unwind" fn syscache_changed(
        _argument: pg_sys::Datum,
        _cache: SysCacheIdentifier,
        _hash: u32,
    ) {
        if let Some(changed) = CHANGED.get() {
            changed();
        }
    }
    CHANGED.set(Some(changed));
    use pg_sys::SysCacheIdentifier::{AUTHOID, NAMESPACEOID, OPEROID, PROCOID, TYPEOID};
    for cache in [PROCOID, TYPEOID, OPEROID, NAMESPACEOID, AUTHOID] {
        // SAFETY: a syscache id of this major; the callback only calls a plain function.
        unsafe {
            pg_sys::CacheRegisterSyscacheCallback(
                cache as SysCacheIdentifier,
                Some(syscache_changed),
                pg_sys::Datum::from(0),
            );
        }
    }
}

type SysCacheIdentifier = i32;

/// Allocates a zeroed node of type `T` tagged `tag` in the current memory context.
///
/// # Safety
/// `T` must be the node struct that `tag` names.
pub(crate) unsafe fn make_node<T>(tag: pg_sys::NodeTag) -> *mut T {
    // SAFETY: palloc0 returns zeroed memory of the size of `T`, whose first field is its tag.
    unsafe {
        let node = pg_sys::palloc0(std::mem::size_of::<T>()).cast::<T>();
        (*node.cast::<pg_sys::Node>()).type_ = tag;
        node
    }
}

/// The tag of a node, or `T_Invalid` for a null pointer.
///
/// # Safety
/// `node` must be null or point to a valid node.
pub(crate) unsafe fn tag(node: *const pg_sys::Node) -> pg_sys::NodeTag {
    if node.is_null() {
        return pg_sys::NodeTag::T_Invalid;
    }
    // SAFETY: every node starts with its tag.
    unsafe { (*node).type_ }
}

/// Makes a column one of the first relation of a query, which knows nothing of where it came from.
///
/// # Safety
/// `var` must point to a Var that nobody else uses.
pub(crate) unsafe fn make_first_relations(var: *mut pg_sys::Var) {
    // SAFETY: see above.
    unsafe {
        (*var).varno = 1;
        (*var).varnosyn = 0;
        (*var).varattnosyn = 0;
        #[cfg(not(feature = "pg15"))]
        {
            (*var).varnullingrels = std::ptr::null_mut();
        }
    }
}

/// Whether a path key sorts downwards.
///
/// # Safety
/// `key` must point to a valid path key.
pub(crate) unsafe fn sorts_descending(key: *mut pg_sys::PathKey) -> bool {
    #[cfg(any(feature = "pg15", feature = "pg16", feature = "pg17"))]
    // SAFETY: see above.
    unsafe {
        (*key).pk_strategy == pg_sys::BTGreaterStrategyNumber as i32
    }
    #[cfg(feature = "pg18")]
    // SAFETY: see above.
    unsafe {
        (*key).pk_cmptype == pg_sys::CompareType::COMPARE_GT
    }
}

/// Gives a hypothetical index a cost function.
///
/// # Safety
/// `info` must be valid.
pub(crate) unsafe fn set_cost_estimator(
    info: *mut pg_sys::IndexOptInfo,
    estimator: pg_sys::amcostestimate_function,
) {
    // SAFETY: both fields are nullable function pointers; up to 17 the planner declares its own
    // without arguments, and calls it with the access method's signature all the same.
    unsafe {
        let target = (&raw mut (*info).amcostestimate).cast::<pg_sys::amcostestimate_function>();
        target.write(estimator);
    }
}

/// Lets `EXPLAIN` print a plan whose parameters have no values, as `EXPLAIN (GENERIC_PLAN)`
/// does since 16: start-up pruning of partitions, which would ask for them, is left out. On 15
/// the pruning steps are taken out of this copy of the plan instead.
///
/// # Safety
/// `state` must be a live `EXPLAIN` state, `planned` a complete plan that is not going to be
/// executed.
pub(crate) unsafe fn explain_without_values(
    state: *mut pg_sys::ExplainState,
    planned: *mut pg_sys::PlannedStmt,
) {
    // SAFETY: part_prune_info is an optional child of these two node types.
    unsafe {
        #[cfg(feature = "pg15")]
        {
            let _unused = state;
            super::plan::each_node(planned, &mut |plan| match tag(plan.cast()) {
                pg_sys::NodeTag::T_Append => {
                    (*plan.cast::<pg_sys::Append>()).part_prune_info = std::ptr::null_mut();
                }
                pg_sys::NodeTag::T_MergeAppend => {
                    (*plan.cast::<pg_sys::MergeAppend>()).part_prune_info = std::ptr::null_mut();
                }
                _ => {}
            });
        }
        #[cfg(not(feature = "pg15"))]
        {
            let _unused = planned;
            (*state).generic = true;
        }
    }
}

/// Whether texts of this database are Rust strings as they are.
pub(crate) fn encoding_is_utf8() -> bool {
    // SAFETY: reads backend-local state.
    unsafe { pg_sys::GetDatabaseEncoding() == pg_sys::pg_enc::PG_UTF8 as i32 }
}

/// Raises an error unless the current user may run the plan.
///
/// # Safety
/// `planned` must be a complete plan.
pub(crate) unsafe fn check_permissions(planned: *mut pg_sys::PlannedStmt) {
    // SAFETY: the range table (since 16 with its permission infos) is that of the plan.
    unsafe {
        #[cfg(feature = "pg15")]
        pg_sys::ExecCheckRTPerms((*planned).rtable, true);
        #[cfg(not(feature = "pg15"))]
        pg_sys::ExecCheckPermissions((*planned).rtable, (*planned).permInfos, true);
    }
}

/// Makes the server warn of unknown settings with this prefix.
pub(crate) fn reserve_setting_prefix(prefix: &'static std::ffi::CStr) {
    // SAFETY: a constant C string.
    unsafe { pgrx::pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) }
}

/// Nanoseconds of one of the server's time counters.
#[inline]
pub(crate) fn nanoseconds(time: pg_sys::instr_time) -> u64 {
    #[cfg(feature = "pg15")]
    {
        (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(not(feature = "pg15"))]
    {
        time.ticks as u64
    }
}

/// Nanoseconds spent reading and writing blocks, and temporary ones.
#[inline]
pub(crate) fn block_times(usage: &pg_sys::BufferUsage) -> [u64; 4] {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    {
        [
            nanoseconds(usage.blk_read_time),
            nanoseconds(usage.blk_write_time),
            nanoseconds(usage.temp_blk_read_time),
            nanoseconds(usage.temp_blk_write_time),
        ]
    }
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    {
        [
            nanoseconds(usage.shared_blk_read_time) + nanoseconds(usage.local_blk_read_time),
            nanoseconds(usage.shared_blk_write_time) + nanoseconds(usage.local_blk_write_time),
            nanoseconds(usage.temp_blk_read_time),
            nanoseconds(usage.temp_blk_write_time),
        ]
    }
}

/// Parallel workers planned and launched by a statement whose executor has not ended.
///
/// # Safety
/// `desc` must be a started execution.
pub(crate) unsafe fn parallel_workers(desc: *mut pg_sys::QueryDesc) -> (u64, u64) {
    #[cfg(feature = "pg18")]
    // SAFETY: see above.
    unsafe {
        let state = (*desc).estate;
        (
            (*state).es_parallel_workers_to_launch as u64,
            (*state).es_parallel_workers_launched as u64,
        )
    }
    // Before 18 the executor keeps no such counts: they are read from the plan's nodes.
    #[cfg(not(feature = "pg18"))]
    // SAFETY: see above.
    unsafe {
        let mut counts = (0, 0);
        super::plan_state::each_node((*desc).planstate, &mut |state| {
            let (plan, launched) = match tag(state.cast()) {
                pg_sys::NodeTag::T_GatherState => {
                    let gather = state.cast::<pg_sys::GatherState>();
                    let plan = (*(*gather).ps.plan.cast::<pg_sys::Gather>()).num_workers;
                    (plan, (*gather).nworkers_launched)
                }
                pg_sys::NodeTag::T_GatherMergeState => {
                    let gather = state.cast::<pg_sys::GatherMergeState>();
                    let plan = (*(*gather).ps.plan.cast::<pg_sys::GatherMerge>()).num_workers;
                    (plan, (*gather).nworkers_launched)
                }
                _ => return,
            };
            counts.0 += plan.max(0) as u64;
            counts.1 += launched.max(0) as u64;
        });
        counts
    }
}

/// This session's number among those there can be at once; `None` outside of sessions.
#[inline]
pub(crate) fn session_number() -> Option<usize> {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    // SAFETY: a process that runs statements has its place in the process array.
    let number = unsafe { pg_sys::MyProc.as_ref()?.pgprocno };
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    // SAFETY: a plain variable of this process.
    let number = unsafe { pg_sys::MyProcNumber };
    usize::try_from(number).ok()
}

/// A constant's place in a query text, as the server notes it.
pub(crate) fn constant_place(place: &pg_sys::LocationLen) -> (i32, i32, bool, bool) {
    #[cfg(feature = "pg18")]
    {
        (
            place.location,
            place.length,
            place.squashed,
            place.extern_param,
        )
    }
    #[cfg(not(feature = "pg18"))]
    {
        (place.location, place.length, false, false)
    }
}

/// A query identifier as this crate has it: signed only since 18, and then of the same bits.
#[cfg(not(feature = "pg18"))]
#[inline]
pub(crate) fn query_id(id: u64) -> u64 {
    id
}

/// See above.
#[cfg(feature = "pg18")]
#[inline]
pub(crate) fn query_id(id: i64) -> u64 {
    id as u64
}

/// Whether a node is of SQL/JSON, whose functions no walker tells of.
pub(crate) fn is_json_construct(tag: pg_sys::NodeTag) -> bool {
    #[cfg(feature = "pg15")]
    {
        let _unused = tag;
        false
    }
    #[cfg(feature = "pg16")]
    {
        tag == pg_sys::NodeTag::T_JsonConstructorExpr
    }
    #[cfg(any(feature = "pg17", feature = "pg18"))]
    {
        matches!(
            tag,
            pg_sys::NodeTag::T_JsonConstructorExpr | pg_sys::NodeTag::T_JsonExpr
        )
    }
}
