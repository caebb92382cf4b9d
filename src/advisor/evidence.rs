//! The proof that goes with a recommendation, as JSON. Pure.

#![forbid(unsafe_code)]

use serde::Serialize;

/// The `evidence` column.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct Evidence {
    /// Where the workload comes from.
    pub(crate) workload: &'static str,
    /// Statements that were planned.
    pub(crate) statements_planned: usize,
    /// Of those, with values of their executions for parameters.
    pub(crate) sampled: usize,
    /// Planner calls made, and answers that did not need one.
    pub(crate) planner_calls: usize,
    /// See `planner_calls`.
    pub(crate) answers_reused: usize,
    /// False when `time_limit` ended the search.
    pub(crate) complete: bool,
    /// The statements that the index helps.
    pub(crate) statements: Vec<HelpedStatement>,
    /// Plans, before and after, of the statement helped most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plans: Option<Plans>,
    /// Existing indexes that the steps drop, as it does what they do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<Replaced>,
    /// Columns that have to do with each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goes_together: Option<Goes>,
    /// What a person could do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<HintedCommands>,
    /// Other candidates on the same table and why they were not chosen.
    pub(crate) rejected: Vec<Rejected>,
    /// Statements left out, and why.
    pub(crate) not_planned: Vec<NotPlanned>,
    /// How many were left out; the list may be shorter.
    pub(crate) not_planned_count: usize,
    /// Utility statements, which have no plan.
    pub(crate) utility_statements: usize,
}

/// Plans of a statement for any values, as `EXPLAIN` prints them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Plans {
    /// Which statement, see [`HelpedStatement::hash`].
    pub(crate) hash: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A statement before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct HelpedStatement {
    /// Hash of the text (64-bit FNV-1a, hexadecimal).
    pub(crate) hash: String,
    pub(crate) query: String,
    pub(crate) weight: f64,
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
    /// The recommended indexes its plan uses.
    pub(crate) indexes_used: Vec<String>,
}

/// What follows from a hint, for a person to look at first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct HintedCommands {
    pub(crate) ddl: Option<String>,
}

/// What a sample says of columns that have to do with each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Goes {
    pub(crate) columns: Vec<String>,
    /// Rows that typical values are expected to find one by one, and found together.
    pub(crate) expected_rows: f64,
    /// See `expected_rows`.
    pub(crate) found_rows: f64,
    /// Share of the rows in which one column tells the others.
    pub(crate) dependency: f64,
    /// Rows looked at.
    pub(crate) sampled_rows: usize,
}

/// An existing index that is not needed any more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Replaced {
    pub(crate) index: String,
    pub(crate) ddl: String,
    pub(crate) size_bytes: i64,
}

/// A candidate that was not chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Rejected {
    pub(crate) ddl: String,
    pub(crate) reason: String,
    /// The existing index that serves it.
    #[serde(skip)]
    pub(crate) served_by: Option<String>,
}

impl Rejected {
    /// Rejected for that reason.
    pub(crate) fn new(ddl: String, reason: String) -> Self {
        Self {
            ddl,
            reason,
            served_by: None,
        }
    }

    /// Not wanted, as that index is there.
    pub(crate) fn served(ddl: String, index: &str) -> Self {
        Self {
            ddl,
            reason: format!("index {index} serves it already"),
            served_by: Some(index.to_owned()),
        }
    }
}

/// A statement that was left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct NotPlanned {
    pub(crate) hash: String,
    pub(crate) query: String,
    pub(crate) sqlstate: String,
    pub(crate) reason: String,
}

/// 64-bit FNV-1a of a text, in hexadecimal: names a statement in a few characters.
pub(crate) fn text_hash(text: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = (text.bytes()).fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(super::text_hash(""), "cbf29ce484222325");
        assert_eq!(super::text_hash("a"), "af63dc4c8601ec8c");
    }
}
