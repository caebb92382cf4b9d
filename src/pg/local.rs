//! State of this process alone, without the cost of a thread-local.
//!
//! A hook runs for every statement, and in a shared library each look at a thread-local is a call
//! of the dynamic linker. A server process has one thread, so a plain static does.

use std::cell::UnsafeCell;

/// A value of this process.
pub(crate) struct Local<T>(UnsafeCell<T>);

// SAFETY: server processes run extension code on their one thread only; signal handlers of ours
// set no such value.
unsafe impl<T> Sync for Local<T> {}

impl<T> Local<T> {
    /// A value to start with.
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Changes the value in place. `work` must not come back here, and calls nothing of the
    /// server that could run a hook or raise an error.
    #[inline]
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: one thread, and `work` does not nest (see above), so the reference is unique.
        unsafe { work(&mut *self.0.get()) }
    }
}

impl<T: Copy> Local<T> {
    /// The value.
    #[inline]
    pub(crate) fn get(&self) -> T {
        // SAFETY: a copy made by the only thread.
        unsafe { *self.0.get() }
    }

    /// Another value.
    #[inline]
    pub(crate) fn set(&self, value: T) {
        // SAFETY: written by the only thread, while nothing borrows it.
        unsafe { *self.0.get() = value }
    }
}
