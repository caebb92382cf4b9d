//! A recommendation as whoever carries it out needs it. Pure.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::advice::{Action, Recommendation};
use super::evidence::HelpedStatement;

/// A recommendation that can be carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Applicable {
    /// As the `action` column has it.
    pub(crate) action: String,
    pub(crate) table: u32,
    /// Its qualified name when the advice was given, which the steps have.
    pub(crate) table_name: String,
    pub(crate) ddl: String,
    /// The way there.
    pub(crate) up: Way,
    /// The way back.
    pub(crate) down: Way,
    /// The indexes that the way there makes; the first is the one that was advised.
    pub(crate) made: Vec<Made>,
    /// The extended statistics that it makes.
    pub(crate) statistics: Option<String>,
    /// Whether nothing is known of the index' values until `ANALYZE` has run.
    pub(crate) needs_analyze: bool,
    pub(crate) size: Option<i64>,
    pub(crate) build_seconds: Option<f64>,
    /// What it was advised for.
    pub(crate) statements: Vec<Wanted>,
}

/// Commands, each of which is a top-level statement.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Way {
    pub(crate) steps: Vec<String>,
    /// Qualified names of the indexes they build concurrently, ...
    pub(crate) builds: Vec<String>,
    /// ... and of those they drop that were there before.
    pub(crate) drops: Vec<String>,
    /// The index that has to be there for those to go.
    pub(crate) kept: Option<String>,
}

/// An index that is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// Its qualified name.
    pub(crate) name: String,
    /// Whether it can be dropped concurrently.
    pub(crate) concurrently: bool,
}

/// A text that the index was advised for; statements of several roles may share it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// See [`HelpedStatement::hash`].
    pub(crate) hash: String,
    pub(crate) query: String,
    pub(crate) weight: f64,
    /// Mean cost of one execution.
    pub(crate) cost_before: f64,
    /// See `cost_before`.
    pub(crate) cost_after: f64,
}

const DROP_CONCURRENTLY: &str = "DROP INDEX CONCURRENTLY IF EXISTS ";
const DROP: &str = "DROP INDEX IF EXISTS ";
const DROP_STATISTICS: &str = "DROP STATISTICS IF EXISTS ";

/// `None` of what is for a person to decide.
pub(super) fn of(change: &Recommendation, table_name: String) -> Option<Applicable> {
    let plan = &change.plan;
    if change.action == Action::Hint {
        return None;
    }
    let made: Vec<Made> = match change.action {
        Action::Create | Action::Replace => {
            plan.undo_steps.iter().filter_map(|s| made(s)).collect()
        }
        Action::Drop | Action::CreateStatistics | Action::Hint => Vec::new(),
    };
    // The rest of an interrupted build is dropped before each build, so not by a step that would
    // drop a finished one when the steps are run again.
    let is_drop = |step: &&String| !plan.built.is_empty() && **step == plan.undo;
    let steps = plan.steps.iter().filter(|step| !is_drop(step)).cloned();
    Some(Applicable {
        action: change.action.name().to_owned(),
        table: change.table,
        table_name,
        ddl: plan.ddl.clone(),
        up: Way {
            steps: steps.collect(),
            builds: plan.built.clone(),
            drops: plan.rebuilt.clone(),
            kept: plan.served.as_ref().map(|(_, kept)| kept.clone()),
        },
        down: Way {
            steps: plan.undo_steps.clone(),
            builds: plan.rebuilt.clone(),
            drops: made.iter().map(|made| made.name.clone()).collect(),
            kept: None,
        },
        made,
        statistics: plan.undo.strip_prefix(DROP_STATISTICS).map(str::to_owned),
        needs_analyze: plan.has_expression,
        size: change
            .size
            .filter(|_| !matches!(change.action, Action::Drop)),
        build_seconds: change.build_seconds,
        statements: wanted(&change.evidence.statements),
    })
}

/// The index that a step back drops.
fn made(step: &str) -> Option<Made> {
    let (name, concurrently) = match step.strip_prefix(DROP_CONCURRENTLY) {
        Some(name) => (name, true),
        None => (step.strip_prefix(DROP)?, false),
    };
    Some(Made {
        name: name.to_owned(),
        concurrently,
    })
}

fn wanted(helped: &[HelpedStatement]) -> Vec<Wanted> {
    let mut wanted: BTreeMap<&str, Wanted> = BTreeMap::new();
    for helped in helped {
        let one = wanted.entry(&helped.hash).or_insert_with(|| Wanted {
            hash: helped.hash.clone(),
            query: helped.query.clone(),
            weight: 0.0,
            cost_before: 0.0,
            cost_after: 0.0,
        });
        let weight = one.weight + helped.weight;
        let mean = |of_one: f64, of_helped: f64| match weight > 0.0 {
            true => (of_one * one.weight + of_helped * helped.weight) / weight,
            false => of_helped,
        };
        one.cost_before = mean(one.cost_before, helped.cost_before);
        one.cost_after = mean(one.cost_after, helped.cost_after);
        one.weight = weight;
    }
    wanted.into_values().collect()
}

impl Applicable {
    /// Planner cost of all its statements, before and after, as predicted.
    pub(crate) fn predicted_costs(&self) -> Option<(f64, f64)> {
        let sum = |cost: fn(&Wanted) -> f64| {
            (self.statements.iter())
                .map(|wanted| wanted.weight * cost(wanted))
                .sum()
        };
        (!self.statements.is_empty())
            .then(|| (sum(|one| one.cost_before), sum(|one| one.cost_after)))
    }

    /// About the memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let texts = |texts: &[String]| texts.iter().map(|text| text.len() + 24).sum::<usize>();
        let way = |way: &Way| texts(&way.steps) + texts(&way.builds) + texts(&way.drops);
        let queries: usize = (self.statements.iter())
            .map(|wanted| wanted.query.len() + 120)
            .sum();
        way(&self.up) + way(&self.down) + queries + self.ddl.len() + 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helped(hash: &str, weight: f64, cost_before: f64) -> HelpedStatement {
        HelpedStatement {
            hash: hash.to_owned(),
            query: "SELECT 1".to_owned(),
            weight,
            cost_before,
            cost_after: 1.0,
            indexes_used: Vec::new(),
        }
    }

    #[test]
    fn statements_of_one_text_count_by_their_weights() {
        let wanted = wanted(&[
            helped("a", 1.0, 10.0),
            helped("b", 1.0, 1.0),
            helped("a", 3.0, 30.0),
        ]);
        assert_eq!(wanted.len(), 2);
        assert_eq!((wanted[0].weight, wanted[0].cost_before), (4.0, 25.0));
    }

    #[test]
    fn an_index_is_known_by_the_command_that_drops_it() {
        let made = |step| made(step).map(|made| (made.name, made.concurrently));
        assert_eq!(
            made("DROP INDEX CONCURRENTLY IF EXISTS s.\"I\""),
            Some(("s.\"I\"".to_owned(), true))
        );
        assert_eq!(
            made("DROP INDEX IF EXISTS s.i"),
            Some(("s.i".to_owned(), false))
        );
        assert_eq!(made("CREATE INDEX CONCURRENTLY i ON t (a)"), None);
    }
}
