//! Existing indexes that others make superfluous: recommended ones, or existing ones.
//!
//! What an index looks like decides whether it may go, and the planner whether it does: with the
//! index hidden, no statement of the workload gets dearer.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use pgrx::pg_sys;

use super::costs::Costs;
use super::existing::{Existing, ExistingIndexes};
use super::shape::{KeyShape, Shape};
use super::upkeep::{Kept, Writes};
use crate::pg::plan::{PlanSummary, planner_costs};
use crate::whatif::Hypothetical;
use crate::whatif::scope::Scope;

/// Part of a statement's cost below which a difference is noise.
const NOISE: f64 = 0.01;

/// An existing index that another existing one makes superfluous.
pub(super) struct Superfluous {
    pub(super) index: Existing,
    /// The name of the other one.
    pub(super) kept: String,
    /// Whether both are the same.
    pub(super) is_duplicate: bool,
}

/// What can go.
#[derive(Default)]
pub(super) struct Redundant {
    /// By the candidate that takes their place.
    pub(super) replaced: BTreeMap<usize, Vec<Existing>>,
    pub(super) superfluous: Vec<Superfluous>,
}

/// Looks for what can go when the candidates of `chosen` are made.
pub(super) fn find(
    costs: &mut Costs,
    chosen: &[usize],
    existing: &ExistingIndexes,
    deadline: Instant,
) -> Redundant {
    let mut found = Redundant::default();
    let mut prover = Prover::as_things_are(costs, deadline);
    for (index, kept, is_duplicate) in pairs(existing) {
        if prover.can_hide(costs, index) {
            found.superfluous.push(Superfluous {
                index: index.clone(),
                kept: kept.name.clone(),
                is_duplicate,
            });
        }
    }
    let gone: BTreeSet<u32> = (found.superfluous.iter())
        .map(|superfluous| superfluous.index.oid)
        .collect();
    let hidden = prover.hidden;
    let mut prover: Option<Prover> = None;
    for &candidate in chosen {
        let Some(index) = (costs.proposals.get(candidate)).map(|proposal| proposal.index.clone())
        else {
            continue;
        };
        let (table, shape) = (index.definition.table.to_u32(), shape_of(costs, candidate));
        for old in &existing.0 {
            let may_go = old.table == table && old.is_expendable && !gone.contains(&old.oid);
            let is_taken = (found.replaced.values().flatten()).any(|known| known.oid == old.oid);
            if !may_go || is_taken || !shape.makes_superfluous(&old.shape()) {
                continue;
            }
            let prover =
                prover.get_or_insert_with(|| Prover::with(costs, chosen, hidden.clone(), deadline));
            if prover.can_hide(costs, old) {
                (found.replaced.entry(candidate).or_default()).push(old.clone());
            }
        }
    }
    found
}

/// Indexes that may go, each with one that stays: of equal ones the oldest.
fn pairs(existing: &ExistingIndexes) -> Vec<(&Existing, &Existing, bool)> {
    let mut gone: BTreeSet<u32> = BTreeSet::new();
    let mut pairs = Vec::new();
    // The narrowest first, so that what stays is what serves most; of equal ones the newest.
    let mut order: Vec<&Existing> = existing.0.iter().filter(|one| one.is_expendable).collect();
    order.sort_by_key(|one| (one.shape().keys.len(), std::cmp::Reverse(one.oid)));
    for index in order {
        let shape = index.shape();
        let serves = |other: &&Existing| {
            other.oid != index.oid
                && other.table == index.table
                && other.is_usable
                && !gone.contains(&other.oid)
                && other.shape().makes_superfluous(&shape)
        };
        if let Some(kept) = existing.0.iter().find(serves) {
            gone.insert(index.oid);
            pairs.push((index, kept, kept.shape() == shape));
        }
    }
    pairs
}

fn shape_of(costs: &Costs, candidate: usize) -> Shape {
    let proposal = costs.proposals.get(candidate);
    let definition = proposal.map(|proposal| &proposal.index.definition);
    let keys = definition.map_or(&[][..], |definition| &definition.keys);
    Shape {
        access_method: definition.map_or_else(String::new, |d| d.access_method_name.clone()),
        keys: (keys.iter())
            .map(|key| KeyShape {
                attribute: key.attribute,
                operator_class: key.operator_class.to_u32(),
                collation: key.collation.to_u32(),
                descending: key.descending,
                nulls_first: key.nulls_first,
            })
            .collect(),
        included: (definition.iter().flat_map(|d| &d.included))
            .map(|included| included.attribute)
            .collect(),
        predicate: (proposal.and_then(|proposal| proposal.candidate.predicate.as_deref()))
            .map(str::to_owned),
    }
}

/// Asks the planner what hiding an index does.
struct Prover {
    added: Vec<Rc<Hypothetical>>,
    hidden: BTreeSet<u32>,
    /// Each statement's plan now, and what it may cost at most; `None` if it has no plan any more.
    plans: Vec<Option<(PlanSummary, f64)>>,
    deadline: Instant,
}

impl Prover {
    fn as_things_are(costs: &Costs, deadline: Instant) -> Self {
        let plans = (costs.statements.iter())
            .map(|statement| Some((statement.base.clone(), most(statement.base.cost))))
            .collect();
        Self {
            added: Vec::new(),
            hidden: BTreeSet::new(),
            plans,
            deadline,
        }
    }

    /// With these candidates, and without these indexes.
    fn with(
        costs: &mut Costs,
        candidates: &[usize],
        hidden: BTreeSet<u32>,
        deadline: Instant,
    ) -> Self {
        let mut prover = Self {
            added: (candidates.iter())
                .filter_map(|&candidate| costs.proposals.get(candidate))
                .map(|proposal| proposal.index.clone())
                .collect(),
            hidden: BTreeSet::new(),
            plans: Vec::new(),
            deadline,
        };
        prover.plans = (0..costs.statements.len())
            .map(|number| {
                let plan = prover.plan(costs, number, &hidden)?;
                let most = most(plan.cost);
                Some((plan, most))
            })
            .collect();
        prover.hidden = hidden;
        prover
    }

    /// Hides the index if no statement minds; a plan that does not use it stays as it is.
    fn can_hide(&mut self, costs: &mut Costs, index: &Existing) -> bool {
        let mut hidden = self.hidden.clone();
        hidden.insert(index.oid);
        let mut changed = Vec::new();
        for (number, plan) in self.plans.iter().enumerate() {
            let Some((plan, most)) = plan else {
                return false;
            };
            if !plan.indexes.contains(&index.oid()) {
                continue;
            }
            match self.plan(costs, number, &hidden) {
                Some(without) if without.cost <= *most => changed.push((number, without, *most)),
                _ => return false,
            }
        }
        for (number, plan, most) in changed {
            if let Some(place) = self.plans.get_mut(number) {
                *place = Some((plan, most));
            }
        }
        self.hidden = hidden;
        true
    }

    fn plan(
        &self,
        costs: &mut Costs,
        statement: usize,
        hidden: &BTreeSet<u32>,
    ) -> Option<PlanSummary> {
        pgrx::check_for_interrupts!();
        if Instant::now() >= self.deadline {
            return None;
        }
        let hidden = hidden.iter().copied().map(pg_sys::Oid::from);
        let scope = Rc::new(Scope::new(self.added.clone(), hidden));
        costs.planner_calls += 1;
        costs.statements.get(statement)?.plan_under(&scope).ok()
    }
}

/// What a statement may cost that costs this now.
fn most(cost: f64) -> f64 {
    cost * (1.0 + NOISE) + f64::EPSILON
}

/// What keeping an existing index costs the statements that write.
pub(super) fn upkeep(index: &Existing, writes: &Writes) -> f64 {
    let kept = Kept {
        table: index.table,
        columns: &index.columns,
        share: index.share,
        entries: 1.0,
        pages: index.bytes / f64::from(pg_sys::BLCKSZ),
    };
    writes.upkeep_of_existing(&kept, &planner_costs())
}
