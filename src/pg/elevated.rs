//! Work on pgopt's own tables, which nobody but a superuser may touch.
//!
//! Only around fully qualified SQL of ours with `search_path` pinned (see `spi`): no text of a
//! user's is executed in it, and nothing is cast through code that a user can define.

use pgrx::pg_sys;

/// Restores who the process works as, also when an error unwinds.
struct Identity {
    user: pg_sys::Oid,
    context: i32,
}

impl Drop for Identity {
    fn drop(&mut self) {
        // SAFETY: what `as_superuser` read from the same variables.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) }
    }
}

/// Runs `work` as the superuser that the cluster was made with.
pub(crate) fn as_superuser<T>(work: impl FnOnce() -> T) -> T {
    let mut before = Identity {
        user: pg_sys::InvalidOid,
        context: 0,
    };
    let restricted = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
    // SAFETY: plain assignments of backend-local state; the abort of a (sub)transaction restores
    // them as well.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut before.user, &mut before.context);
        pg_sys::SetUserIdAndSecContext(
            pg_sys::Oid::from(pg_sys::BOOTSTRAP_SUPERUSERID),
            before.context | restricted as i32,
        );
    }
    let _restored = before;
    work()
}
