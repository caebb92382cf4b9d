//! Background workers.
//!
//! | process | database | lives |
//! |---|---|---|
//! | housekeeper | none | from server start on, on standbys too: what is captured |
//! | launcher | none (shared catalogs) | from the end of recovery on: starts the others |
//! | worker | one, as the server itself | while its database has work: which jobs are due, what became of runs |
//! | executor | one, as a job's owner | one run |

mod api;
mod database;
mod executor;
pub(crate) mod housekeeper;
mod launcher;
mod runs;

use crate::pg::{background, preload};

/// Asks for the workers that run from server start on; they need the library preloaded.
pub(crate) fn start() {
    if preload::at_server_start() && !background::is_upgrade() {
        housekeeper::register();
        launcher::register();
    }
}
