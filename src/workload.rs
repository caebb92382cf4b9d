//! Which statements advice is computed for, and the sandbox in which they are planned.

mod pgss_text;
pub(crate) mod sandbox;
pub(crate) mod source;

use pgrx::pg_sys;

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
}
