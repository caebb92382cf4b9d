//! Advice carried out: built in the background, verified, taken back.
//!
//! `apply` queues a job (see [`crate::jobs`]) whose commands are the steps of a recommendation
//! between commands of our own: the first looks whether the others may run, the last at what
//! came of them. Whatever happens to a run, its rests are dropped: see [`commands`].

mod api;
mod apply;
mod checks;
mod commands;
mod decide;
mod ended;
mod log;
mod outcome;
mod own;
mod rests;
mod runs;
mod state;

pub(crate) use ended::{recover, run_ended};

/// What tests do in place of an executor, which calls these functions by SQL.
#[cfg(any(test, feature = "pg_test"))]
pub(crate) mod testing {
    use super::runs;
    use super::state::Task;
    use crate::error::{Error, Result};

    /// `check(7, 'apply')` and the like.
    pub(crate) fn call(text: &str) -> Result<()> {
        let wrong = || Error::invalid_parameter(text);
        let (function, arguments) = text.split_once('(').ok_or_else(wrong)?;
        let (id, task) = arguments.split_once(", '").ok_or_else(wrong)?;
        let task = Task::of_name(task.trim_end_matches("')")).ok_or_else(wrong)?;
        let id = id.parse().map_err(|_| wrong())?;
        match function {
            "check" => runs::check(id, task),
            "built" => runs::built(id, task),
            "verify" => runs::verify(id, task),
            _ => Err(wrong()),
        }
    }
}
