//! The server's hooks: each installed once, chained, and a doorway only.
//!
//! A hook checks whether anything is to be done, makes one call into a room, and passes on to
//! the hook that was there before.
//!
//! Users' errors pass every hook as they were raised. Where nothing is to be done, a hook is a
//! plain call of the next one; where an error has to be seen (to count it, and to know that a
//! statement is over), it is seen the way the server's own `PG_TRY` does, and raised again. The
//! bindings' guard, which would rewrite it, takes part only while one of our own calls is under way.

mod execution;
mod planning;
mod shared_memory;
mod utility;
mod workers;

use crate::pg::preload;

/// Installs every hook; called once, when the library is loaded. What is counted is counted in
/// shared memory, so the hooks for that are installed only when the library is preloaded.
pub(crate) fn install() {
    planning::install();
    if preload::at_server_start() {
        shared_memory::install();
        execution::install();
        utility::install();
    }
}
