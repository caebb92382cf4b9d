//! Stub until the worker's board lands.

/// Wakes the worker when this transaction commits.
pub(crate) fn poke_at_commit() {}

/// Whether there is a board: the library was preloaded.
pub(crate) fn is_there() -> bool {
    super::get().is_some()
}
