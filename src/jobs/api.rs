//! The SQL functions of jobs; their declarations are in `sql/jobs.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use pgrx::prelude::*;

use crate::shmem::board;

/// A statement trigger, whose result the server does not look at as long as it is not null:
/// `false` is a null pointer to it, that is, no row.
#[pg_extern(sql = false)]
fn jobs_changed() -> bool {
    board::poke_at_commit();
    false
}
