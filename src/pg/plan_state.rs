//! The nodes of a running plan.

use std::ffi::c_void;

use pgrx::pg_sys;

type Visit<'a> = &'a mut dyn FnMut(*mut pg_sys::PlanState);

// Without the frame that the bindings put around it; it raises no error on a complete plan.
unsafe extern "C-unwind" {
    #[cfg_attr(not(feature = "pg15"), link_name = "planstate_tree_walker_impl")]
    fn planstate_tree_walker(
        state: *mut pg_sys::PlanState,
        walker: Option<unsafe extern "C-unwind" fn(*mut pg_sys::PlanState, *mut c_void) -> bool>,
        context: *mut c_void,
    ) -> bool;
}

/// Calls `visit` for each node.
///
/// # Safety
/// `root` must be the state of a started plan.
pub(crate) unsafe fn each_node(root: *mut pg_sys::PlanState, visit: Visit) {
    unsafe extern "C-unwind" fn walk(state: *mut pg_sys::PlanState, context: *mut c_void) -> bool {
        if state.is_null() {
            return false;
        }
        // SAFETY: the context is the visitor passed below.
        unsafe {
            (*context.cast::<Visit>())(state);
            planstate_tree_walker(state, Some(walk), context)
        }
    }
    let mut visit = visit;
    // SAFETY: see above; the visitor outlives the walk.
    unsafe {
        walk(root, (&raw mut visit).cast());
    }
}
