//! What advice is made of.

use super::evidence::{Evidence, NotPlanned};

/// What a recommendation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// An index to create.
    Create,
    /// An index to create in place of existing ones.
    Replace,
    /// An index that another one makes superfluous.
    Drop,
    /// Extended statistics, so that the planner knows what columns have to do with each other.
    CreateStatistics,
    /// Something for a person to decide.
    Hint,
}

impl Action {
    /// As the `action` column has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Drop => "drop",
            Self::CreateStatistics => "create statistics",
            Self::Hint => "hint",
        }
    }
}

/// Commands that do it and commands that take it back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// One command.
    pub(super) ddl: String,
    /// The command that takes `ddl` back.
    pub(super) undo: String,
    /// The way that blocks nobody.
    pub(super) steps: Vec<String>,
    /// The way back that blocks nobody.
    pub(super) undo_steps: Vec<String>,
    /// Qualified names of indexes that the steps build concurrently: a build that was
    /// interrupted leaves an INVALID index of that name behind.
    pub(super) built: Vec<String>,
    /// The same of the steps back.
    pub(super) rebuilt: Vec<String>,
    /// Whether a key is an expression, of which nothing is known until `ANALYZE` has run.
    pub(super) has_expression: bool,
    /// Qualified names of an index that is dropped and of the one that serves for it.
    pub(super) served: Option<(String, String)>,
}

/// One row of advice. What a kind of advice does not have is `None`.
pub(super) struct Recommendation {
    pub(super) action: Action,
    pub(super) table: u32,
    pub(super) plan: Plan,
    pub(super) access_method: Option<String>,
    pub(super) kind: &'static str,
    pub(super) size: Option<i64>,
    pub(super) build_seconds: Option<f64>,
    /// Shares of the workload's cost.
    pub(super) benefit: Option<f64>,
    pub(super) write_penalty: Option<f64>,
    pub(super) cost_before: Option<f64>,
    pub(super) cost_after: Option<f64>,
    /// Seconds saved per hour of the observed window.
    pub(super) seconds_saved: Option<f64>,
    pub(super) statements: usize,
    pub(super) reason: String,
    pub(super) evidence: Evidence,
}

/// The advice and what could not be looked at.
pub(super) struct Advice {
    pub(super) recommendations: Vec<Recommendation>,
    /// Where the workload comes from.
    pub(super) source: &'static str,
    pub(super) statements_planned: usize,
    pub(super) not_planned: Vec<NotPlanned>,
    pub(super) not_planned_count: usize,
    pub(super) complete: bool,
}
