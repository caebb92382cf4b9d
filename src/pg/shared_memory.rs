//! Getting a piece of the server's shared memory.

use pgrx::pg_sys;

/// Sessions and background workers there can be at once.
pub(crate) fn most_sessions() -> usize {
    // SAFETY: a plain variable, known before extensions are asked for their shared memory.
    unsafe { pg_sys::MaxBackends }.max(1) as usize
}

/// Asks for `bytes` more; only from the hook in which the server takes such requests.
pub(crate) fn request(bytes: usize) {
    // SAFETY: called in the hook.
    unsafe { pg_sys::RequestAddinShmemSpace(bytes + ALIGNMENT) }
}

const ALIGNMENT: usize = 64;

/// The piece named `name`, aligned to 64 bytes, and whether it is new (then it is zeroed); only
/// from the hook in which the server hands such memory out.
pub(crate) fn get(name: &'static std::ffi::CStr, bytes: usize) -> (*mut u8, bool) {
    let mut found = false;
    // SAFETY: called in the hook; the lock is the one the server has for this.
    unsafe {
        let lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
        pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        let start =
            pg_sys::ShmemInitStruct(name.as_ptr(), bytes + ALIGNMENT, &raw mut found).cast::<u8>();
        let aligned = start.add(start.align_offset(ALIGNMENT));
        if !found {
            aligned.write_bytes(0, bytes);
        }
        pg_sys::LWLockRelease(lock);
        (aligned, !found)
    }
}

/// `AddinShmemInitLock` of `lwlocknames.h`, the same in all supported majors.
const ADDIN_SHMEM_INIT_LOCK: usize = 21;

/// Whether this is the postmaster (or a server in single-user mode).
pub(crate) fn is_owner() -> bool {
    // SAFETY: a plain variable of this process.
    unsafe { !pg_sys::IsUnderPostmaster }
}

/// Calls `work` when this process lets go of shared memory.
pub(crate) fn on_exit(work: unsafe extern "C-unwind" fn(code: i32, argument: pg_sys::Datum)) {
    // SAFETY: the function stays loaded as long as the process lives.
    unsafe { pg_sys::on_shmem_exit(Some(work), pg_sys::Datum::from(0)) }
}
