//! Whether and as whom this session counts what it runs.

use crate::pg::local::Local;
use crate::pg::session;
use crate::settings::{self, Track};
use crate::shmem::entry::Key;
use crate::shmem::{self, Shared};

/// Whether a tracked or untracked top-level statement is being run, so that what runs now is
/// nested in it.
static NESTED: Local<bool> = Local::new(false);

/// Whether what runs now is run by another statement.
#[inline]
pub(crate) fn is_nested() -> bool {
    NESTED.get()
}

/// Sets it, and returns what it was.
#[inline]
pub(crate) fn set_nested(nested: bool) -> bool {
    let before = NESTED.get();
    NESTED.set(nested);
    before
}

/// Identifier of the cursor's query that is being declared; 0 when none is.
static DECLARED: Local<u64> = Local::new(0);

/// Sets it.
pub(crate) fn set_declared(query_id: u64) {
    DECLARED.set(query_id);
}

/// The identifier of a statement that the server gave `query_id`: a cursor's query has none there.
#[inline]
pub(super) fn identifier(query_id: u64) -> u64 {
    match query_id {
        0 if !is_nested() => DECLARED.get(),
        known => known,
    }
}

/// Whether a cursor is being declared.
#[inline]
pub(super) fn is_declaring() -> bool {
    DECLARED.get() != 0
}

/// The shared structures, if this process counts at all.
#[inline]
pub(crate) fn shared() -> Option<&'static Shared> {
    let shared = shmem::get()?;
    let counts =
        settings::enabled() && settings::track() != Track::None && !session::is_parallel_worker();
    counts.then_some(shared)
}

/// The shared structures, if this process counts statements of the present nesting.
#[inline]
pub(crate) fn tracking() -> Option<&'static Shared> {
    let shared = shared()?;
    (!is_nested() || settings::track() == Track::All).then_some(shared)
}

/// What tells the statement `query_id` apart when it is run here and now.
#[inline]
pub(crate) fn key(query_id: u64) -> Key {
    Key {
        database: session::database(),
        role: session::current_role(),
        query_id,
        top_level: !is_nested(),
    }
}
