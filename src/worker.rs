//! Background workers.

pub(crate) mod housekeeper;

use crate::pg::preload;

/// Asks for the workers that run from server start on; they need the library preloaded.
pub(crate) fn start() {
    if preload::at_server_start() {
        housekeeper::register();
    }
}
