//! Commands that concern the background workers: those that need a database for themselves must
//! not be refused because pgopt is loaded.

use std::time::Duration;

use crate::pg::databases::Concern;
use crate::pg::{background, clock};
use crate::shmem::{self, board};

/// How long no worker comes into the database at most, in microseconds, while the process lives.
const QUIET: i64 = 3_600_000_000;
/// How long the command waits for workers to go. The server itself gives sessions 5 s.
const PATIENCE: i64 = 5_000_000;
const NAP: Duration = Duration::from_millis(10);
/// How long workers stay away after it, in microseconds.
const PAUSE: i64 = 1_000_000;

/// Before such a command.
pub(super) fn before(concern: Concern) {
    let (Concern::Needs(database), Some(shared)) = (concern, shmem::get()) else {
        return;
    };
    let began = clock::now();
    if shared.board.empty(database, began + QUIET) {
        while !shared.board.is_empty(database) && clock::now() - began < PATIENCE {
            background::nap(NAP);
        }
    }
}

/// After it.
pub(super) fn after(concern: Concern, succeeded: bool) {
    let Some(shared) = shmem::get() else {
        return;
    };
    if let Concern::Needs(database) = concern {
        // What has succeeded is not committed yet, and the database may be gone then.
        let from = if succeeded { clock::now() + PAUSE } else { 0 };
        shared.board.reopen(database, from);
    }
    match concern {
        Concern::Work if succeeded => board::poke_at_commit(),
        Concern::Known if succeeded => board::poke_known_at_commit(),
        Concern::Needs(_) | Concern::Databases if succeeded => board::scan_at_commit(),
        _ => {}
    }
}
