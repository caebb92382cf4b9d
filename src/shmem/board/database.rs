//! A database's place on the board.
//!
//! # Locking
//! Claimed under the board's lock by whoever asks for its worker first; freed by the launcher alone,
//! under the same lock. The worker writes what is said of it.

use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32};

use super::Process;
use crate::pg::background;

/// No moment: never.
pub(crate) const NEVER: i64 = i64::MAX;

/// A database that has work, or may have.
#[repr(C)]
pub(crate) struct Database {
    /// 0: the place is free.
    oid: AtomicU32,
    pub(crate) worker: Process,
    /// Set when somebody asks for its worker.
    pub(crate) poked: AtomicU32,
    /// When its worker has to be there again, µs since 2000.
    pub(crate) wake_at: AtomicI64,
    /// Until when no worker may come in: somebody drops or renames the database.
    pub(crate) quiet_until: AtomicI64,
    /// The process that does.
    pub(crate) quiet_by: AtomicI32,
    /// When the launcher asked for a worker that has not come yet.
    pub(crate) asked_at: AtomicI64,
    /// Set while its worker finds no slot of the server for a run.
    pub(crate) starving: AtomicU32,
    /// Runs that are due and wait.
    pub(crate) queue: AtomicU32,
    /// Set by a worker that found no pgopt: the place can be freed.
    pub(crate) vacant: AtomicU32,
}

impl Database {
    /// Whose place it is; 0 while it is free.
    pub(crate) fn oid(&self) -> u32 {
        self.oid.load(Relaxed)
    }

    pub(super) fn is(&self, database: u32) -> bool {
        database != 0 && self.oid() == database
    }

    pub(super) fn claim(&self, database: u32) -> bool {
        let is_free = self.oid() == 0;
        if is_free {
            self.wake_at.store(NEVER, Relaxed);
            self.oid.store(database, Release);
        }
        is_free
    }

    /// Gives the place to whoever comes next.
    pub(super) fn free(&self) {
        for value in [&self.quiet_until, &self.asked_at] {
            value.store(0, Relaxed);
        }
        for value in [&self.poked, &self.starving, &self.queue, &self.vacant] {
            value.store(0, Relaxed);
        }
        self.quiet_by.store(0, Relaxed);
        self.wake_at.store(NEVER, Relaxed);
        self.worker.error_at.store(0, Relaxed);
        self.oid.store(0, Relaxed);
    }

    /// Whether somebody needs the database to himself.
    pub(crate) fn is_quiet(&self, now: i64) -> bool {
        let by = self.quiet_by.load(Relaxed);
        self.quiet_until.load(Relaxed) > now && (by == 0 || background::is_alive(by))
    }

    /// Since when a worker is wanted here, if one is.
    pub(crate) fn wanted_since(&self, now: i64) -> Option<i64> {
        let wake_at = self.wake_at.load(Relaxed);
        let wanted = self.poked.load(Relaxed) != 0 || wake_at <= now;
        (self.oid() != 0 && wanted && !self.is_quiet(now) && !self.worker.is_there())
            .then(|| wake_at.min(now))
    }
}
