//! Index advice: workload -> candidates -> costs -> selection -> evidence.
//!
//! *Observe*: each statement is planned once as things are, and the planner tells what it knows
//! of every relation. *Decide*: candidates are combined from that and chosen together; every
//! cost comes from the planner. Nothing is applied here: a recommendation is commands.

mod advice;
mod api;
pub(crate) mod applicable;
mod budget;
mod candidates;
mod correlation;
mod costs;
mod counters;
mod ddl;
mod estimates;
mod evidence;
mod existing;
mod explain;
mod foreign_keys;
mod helped;
mod hints;
mod long_values;
mod migration;
mod naming;
mod observe;
mod plans;
mod propose;
mod recommend;
mod redundant;
mod refusal;
mod selection;
mod shape;
pub(crate) mod shown;
mod statistics;
mod tables;
mod upkeep;
pub(crate) mod usage;
mod verdict;
mod wording;
mod writer;

use std::time::Duration;

#[cfg(any(test, feature = "pg_test"))]
pub(crate) use hints::{Hint, hints_for};

use selection::Limits;

/// What the caller allows and asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Budget, number and least benefit.
    pub(crate) limits: Limits,
    /// Advise on tables of these schemas only.
    pub(crate) schemas: Option<Vec<String>>,
    /// Return the best so far after this time.
    pub(crate) time_limit: Duration,
}
