//! What the database's worker does with jobs, and what an executor reads: called inside a
//! transaction, as a superuser.
//!
//! The worker is the only writer of states and of the log. Order in a round: [`finish()`],
//! [`plan()`], [`claim()`], in one transaction; [`adopt()`] first when it begins and after each poke.

mod adopt;
mod claim;
mod finish;
mod history;
mod owners;
mod plan;
mod quarantine;
mod rows;
mod sql;

use pgrx::pg_sys;

pub(crate) use adopt::{adopt, look_again};
pub(crate) use claim::{claim, task};
pub(crate) use finish::{finish, recover};
pub(crate) use history::trim_history;
pub(crate) use plan::plan;

use super::decide::State;

/// A round failed: what this process knows may not have been committed, and the row of some job
/// may be at fault.
pub(crate) fn has_failed() {
    look_again();
    quarantine::suspect();
}

/// A job that is about to start.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) job: i64,
    /// Whether a user asked for this run.
    pub(crate) requested: bool,
}

/// A run to be started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) job: i64,
    pub(crate) run: i64,
    pub(crate) name: String,
    pub(crate) owner: pg_sys::Oid,
    /// From 1.
    pub(crate) attempt: i32,
    /// Of the definition.
    version: i64,
    /// What the job's state becomes when it is claimed.
    claimed: State,
    command: String,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) starts: Vec<Start>,
    /// Jobs that are due, but blocked by others or without room.
    pub(crate) waiting: usize,
    /// When something else comes due.
    pub(crate) wake_at: Option<i64>,
    /// Runs that ended without an executor, because the owner cannot log in.
    pub(crate) ended: Vec<Ended>,
}

/// A run that has ended, for those who follow up on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) job: i64,
    pub(crate) run: i64,
    pub(crate) succeeded: bool,
    pub(crate) will_retry: bool,
}

/// How a run ended, as its executor says.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) run: i64,
    pub(crate) job: i64,
    pub(crate) ending: Ending,
    pub(crate) started: i64,
    pub(crate) finished: i64,
    pub(crate) rows: Option<u64>,
}

/// See [`Outcome`].
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    Succeeded {
        remark: Option<String>,
    },
    Skipped {
        reason: String,
    },
    Failed {
        sqlstate: String,
        message: String,
    },
    /// `statement_timeout` ended it, which has the SQLSTATE of a user's cancel.
    TimedOut {
        message: String,
    },
    Lost,
}

/// What an executor is to do.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) commands: Vec<String>,
    pub(crate) statement_timeout: Option<i32>,
    pub(crate) lock_timeout: Option<i32>,
}
