//! Memory contexts that end with a Rust value.

use pgrx::pg_sys;

/// A memory context of our own, deleted when the value is dropped (also while an error unwinds).
///
/// It hangs below `TopTransactionContext` unless it is a lasting one: it outlives the subtransactions in which its
/// contents are made, and cannot outlive the transaction.
pub(crate) struct OwnedContext(pg_sys::MemoryContext);

impl OwnedContext {
    /// An empty context.
    pub(crate) fn new() -> Self {
        Self::of_size(pg_sys::ALLOCSET_DEFAULT_INITSIZE)
    }

    /// An empty context that takes little memory, for one of thousands.
    pub(crate) fn small() -> Self {
        Self::of_size(pg_sys::ALLOCSET_SMALL_INITSIZE)
    }

    /// An empty context that outlives transactions.
    pub(crate) fn lasting() -> Self {
        // SAFETY: a context that is there as long as the process.
        Self::below(
            unsafe { pg_sys::TopMemoryContext },
            pg_sys::ALLOCSET_DEFAULT_INITSIZE,
        )
    }

    fn of_size(initial: u32) -> Self {
        // SAFETY: TopTransactionContext exists while SQL functions and hooks run.
        Self::below(unsafe { pg_sys::TopTransactionContext }, initial)
    }

    fn below(parent: pg_sys::MemoryContext, initial: u32) -> Self {
        // SAFETY: a live context; the name is a constant, as AllocSetContextCreateInternal
        // requires.
        Self(unsafe {
            pg_sys::AllocSetContextCreateInternal(
                parent,
                c"pgopt".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                initial as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        })
    }

    /// Runs `work` with this context current; what it pallocs lives as long as `self`.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _restore = CurrentContext::switch_to(self.0);
        work()
    }
}

impl Drop for OwnedContext {
    fn drop(&mut self) {
        // SAFETY: the context is ours alone, and `enter` has restored the current one.
        unsafe { pg_sys::MemoryContextDelete(self.0) }
    }
}

/// Restores the current memory context on drop.
struct CurrentContext(pg_sys::MemoryContext);

impl CurrentContext {
    fn switch_to(context: pg_sys::MemoryContext) -> Self {
        // SAFETY: `context` is a live context; CurrentMemoryContext is always valid.
        unsafe {
            let previous = pg_sys::CurrentMemoryContext;
            pg_sys::CurrentMemoryContext = context;
            Self(previous)
        }
    }
}

impl Drop for CurrentContext {
    fn drop(&mut self) {
        // SAFETY: the previous context outlives every scope nested in it.
        unsafe { pg_sys::CurrentMemoryContext = self.0 }
    }
}

/// A copy of `text` as a C string in the current memory context; cut at a zero byte.
pub(crate) fn palloc_text(text: &str) -> *const std::ffi::c_char {
    // SAFETY: pnstrdup copies at most `len` bytes of the slice and adds the final zero.
    unsafe { pg_sys::pnstrdup(text.as_ptr().cast(), text.len()) }
}
