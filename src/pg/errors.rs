//! Watching an error of the server pass by.
//!
//! The bindings' own guard turns an error into a Rust panic and back, which costs it its CONTEXT
//! and any SQLSTATE of a user's own. A hook must not touch a user's error: this is the server's
//! own `PG_TRY … PG_CATCH … PG_RE_THROW`, so what passes is what was raised.

use pgrx::pg_sys;

// Without the frame that the bindings put around them.
unsafe extern "C-unwind" {
    fn pg_re_throw() -> !;
    fn geterrcode() -> i32;
}

/// Runs `work`; if it raises an error, calls `failed` with the SQLSTATE (as the server packs it)
/// and lets the error pass.
///
/// # Safety
/// `work` and `failed` must hold nothing that has to be dropped while they call the server, and
/// `failed` must not raise an error. `work` must not panic.
#[inline]
pub(crate) unsafe fn watch(work: impl FnOnce(), failed: impl FnOnce(i32)) {
    // SAFETY: the exception stack is restored on both ways out, as PG_TRY does, before anything
    // else can raise an error; the jump buffer lives as long as it is on that stack.
    unsafe {
        let outer = pg_sys::PG_exception_stack;
        let context = pg_sys::error_context_stack;
        let raised = cee_scape::call_with_sigsetjmp(false, |buffer| {
            pg_sys::PG_exception_stack = std::ptr::from_ref(buffer).cast_mut().cast();
            work();
            0
        });
        pg_sys::PG_exception_stack = outer;
        pg_sys::error_context_stack = context;
        if raised != 0 {
            failed(geterrcode());
            pg_re_throw();
        }
    }
}
