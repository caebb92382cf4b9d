//! Which statements advice is computed for, and the sandbox in which they are planned.

pub(crate) mod captured;
mod literals;
mod pgss_text;
pub(crate) mod sandbox;
pub(crate) mod source;
pub(crate) mod variants;

use pgrx::pg_sys;

use crate::pg::bound::GivenSet;

/// A statement of the workload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorkloadStatement {
    /// Its text, which may hold `$n` parameters.
    pub(crate) text: String,
    /// The role that ran it; `None` for text that the caller passed in.
    pub(crate) role: Option<pg_sys::Oid>,
    /// Executions in the observed window, or the weight given by the caller.
    pub(crate) weight: f64,
    /// Mean execution time in milliseconds, where known.
    pub(crate) mean_time: Option<f64>,
    /// Rows returned or changed per execution, where known.
    pub(crate) rows_per_call: Option<f64>,
    /// `search_path` to resolve names under; `None` for the caller's.
    pub(crate) search_path: Option<String>,
    /// Executions of which something is known about the parameters.
    pub(crate) samples: Vec<Sample>,
}

/// What is known of the parameters of one execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Whether it was the slowest; the others are usual ones.
    pub(crate) slowest: bool,
    /// Their values, as far as they are known.
    pub(crate) values: GivenSet,
    /// Whether any came as a parameter, not as a literal in the text.
    pub(crate) is_bound: bool,
}

impl WorkloadStatement {
    /// Whether its constants may be parameters, which a generic plan does not know.
    pub(crate) fn is_parameterised(&self) -> bool {
        self.samples.iter().any(|sample| sample.is_bound)
    }
}

/// Statements with their weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Workload {
    /// The statements.
    pub(crate) statements: Vec<WorkloadStatement>,
    /// Length of the observed window in hours, where known.
    pub(crate) hours: Option<f64>,
    /// Where it comes from, for the evidence.
    pub(crate) source: &'static str,
    /// Utility statements that were left out already.
    pub(crate) utility: usize,
    /// Statements that were left out because their text is not whole or cannot be read.
    pub(crate) unreadable: usize,
}
