//! What an index does for whole statements, all variants of each taken together.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::costs::{AdvisedStatement, Costs};
use super::selection::{Choice, Oracle};
use crate::workload::WorkloadStatement;

/// A statement that an index helps.
pub(super) struct Helped {
    pub(super) source: Rc<WorkloadStatement>,
    /// Cost as things are, before and after adding the index: the mean of the variants.
    pub(super) base: f64,
    pub(super) before: f64,
    pub(super) after: f64,
    /// Candidates that its plans use.
    pub(super) used: BTreeSet<usize>,
}

impl Helped {
    /// What it saves in all.
    pub(super) fn saved(&self) -> f64 {
        self.source.weight * (self.before - self.after)
    }
}

/// The statements of which `choice`, on top of the others in `ranked`, helps a variant.
pub(super) fn helped(
    costs: &mut Costs<'_>,
    choice: &Choice,
    ranked: &BTreeSet<usize>,
) -> Vec<Helped> {
    let mut touched: BTreeMap<usize, BTreeMap<usize, (f64, f64)>> = BTreeMap::new();
    for &(variant, before, after) in &choice.helped {
        if let Some(statement) = costs.statements.get(variant) {
            let variants = touched.entry(statement.ordinal).or_default();
            variants.insert(variant, (before, after));
        }
    }
    (touched.into_iter())
        .filter_map(|(ordinal, known)| one(costs, ordinal, &known, ranked))
        .collect()
}

fn one(
    costs: &mut Costs<'_>,
    ordinal: usize,
    known: &BTreeMap<usize, (f64, f64)>,
    ranked: &BTreeSet<usize>,
) -> Option<Helped> {
    let variants: Vec<usize> = (costs.statements.iter().enumerate())
        .filter(|(_, statement)| statement.ordinal == ordinal)
        .map(|(variant, _)| variant)
        .collect();
    let weights: Vec<f64> = variants.iter().map(|&v| costs.weight(v)).collect();
    let total: f64 = weights.iter().sum();
    let mut helped: Option<Helped> = None;
    for (&variant, weight) in variants.iter().zip(&weights) {
        let cost = costs.cost(variant, ranked);
        let (before, after) = known.get(&variant).copied().unwrap_or((cost, cost));
        let used = costs.used(variant, ranked);
        let statement = costs.statements.get(variant)?;
        let share = match total > 0.0 {
            true => weight / total,
            false => 1.0 / variants.len() as f64,
        };
        let helped = helped.get_or_insert_with(|| Helped {
            source: statement.source.clone(),
            base: 0.0,
            before: 0.0,
            after: 0.0,
            used: BTreeSet::new(),
        });
        helped.base += share * statement.base.cost;
        helped.before += share * before;
        helped.after += share * after;
        helped.used.extend(used);
    }
    helped
}

/// How many statements there are, and how many of them are planned with values of executions.
pub(super) fn counts(statements: &[AdvisedStatement]) -> (usize, usize) {
    let distinct = |statements: &mut dyn Iterator<Item = &AdvisedStatement>| {
        statements
            .map(|statement| statement.ordinal)
            .collect::<BTreeSet<_>>()
            .len()
    };
    (
        distinct(&mut statements.iter()),
        distinct(&mut statements.iter().filter(|statement| statement.is_sampled())),
    )
}
