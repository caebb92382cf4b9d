//! The planner as selection's oracle: every cost comes from a planner call, and as few as can be.
//!
//! A configuration is reduced to the candidates that could change the statement's plan; known
//! answers are reused, also for a smaller configuration that still holds every index the plan
//! of a larger one used.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

use pgrx::pg_sys;

use super::candidates::{Candidate, Shape};
use super::propose::Proposer;
use super::selection::Oracle;
use super::upkeep::Writes;
use crate::error::Result;
use crate::pg::explain::Format;
use crate::pg::plan::PlanSummary;
use crate::settings;
use crate::whatif::scope::Scope;
use crate::whatif::{self, Hypothetical};
use crate::workload::WorkloadStatement;
use crate::workload::variants::Variant;

/// A statement that is advised on, or one variant of it.
pub(crate) struct AdvisedStatement {
    /// Its place in the workload, which variants share.
    pub(crate) ordinal: usize,
    pub(crate) source: Rc<WorkloadStatement>,
    variant: Variant,
    /// Its plan as things are.
    pub(crate) base: PlanSummary,
    /// Whether it matters by itself.
    slow: bool,
    known: Vec<Known>,
}

impl AdvisedStatement {
    /// A statement whose plan with no candidate is `base`.
    pub(crate) fn new(
        ordinal: usize,
        source: Rc<WorkloadStatement>,
        variant: Variant,
        base: PlanSummary,
    ) -> Self {
        let known = vec![Known {
            configuration: BTreeSet::new(),
            used: BTreeSet::new(),
            cost: base.cost,
        }];
        let milliseconds = (source.mean_time).unwrap_or(base.cost * MILLISECONDS_PER_COST);
        let slow = settings::slow_statement_warning().is_some_and(|limit| milliseconds > limit);
        Self {
            ordinal,
            source,
            variant,
            base,
            slow,
            known,
        }
    }

    /// How often it ran, of a variant its share.
    pub(crate) fn weight(&self) -> f64 {
        self.variant.weight
    }

    /// Its plan under `scope`.
    pub(crate) fn plan_under(&self, scope: &Rc<Scope>) -> Result<PlanSummary> {
        self.variant
            .run(|statement| whatif::plan_under(statement, scope))
    }

    /// Its plan under `scope` as `EXPLAIN` prints it, for any values: those of executions are
    /// not shown.
    pub(crate) fn explain_under(&self, scope: &Rc<Scope>) -> Result<Vec<String>> {
        self.variant
            .generic(0.0)
            .run(|statement| whatif::explain_under(statement, scope, Format::Text))
    }

    /// Whether it is planned with values of an execution.
    pub(crate) fn is_sampled(&self) -> bool {
        self.variant.has_values()
    }
}

/// Where no time is known: a page read in sequence costs 1, and takes this long from memory.
const MILLISECONDS_PER_COST: f64 = 0.01;

/// A cost the planner has told.
struct Known {
    configuration: BTreeSet<usize>,
    used: BTreeSet<usize>,
    cost: f64,
}

impl Known {
    /// Whether the planner would give the same plan for `configuration`.
    fn answers(&self, configuration: &BTreeSet<usize>) -> bool {
        configuration.is_subset(&self.configuration) && self.used.is_subset(configuration)
    }
}

/// A candidate that can be shown to the planner.
pub(crate) struct Proposal {
    pub(crate) candidate: Candidate,
    pub(crate) index: Rc<Hypothetical>,
    /// The command that creates it.
    pub(crate) ddl: String,
    pub(crate) size: i64,
    /// Weighted cost of keeping it up to date.
    pub(crate) upkeep: f64,
    /// Statements it could help.
    pub(crate) affected: Vec<usize>,
}

/// All that is known during one request for advice.
pub(crate) struct Costs<'a> {
    pub(crate) statements: Vec<AdvisedStatement>,
    pub(crate) proposals: Vec<Proposal>,
    /// Proposals that could help each statement, ascending.
    of_statement: Vec<Vec<usize>>,
    pub(crate) planner_calls: usize,
    pub(crate) reused: usize,
    proposer: Proposer<'a>,
    deadline: Instant,
}

impl<'a> Costs<'a> {
    pub(crate) fn new(
        statements: Vec<AdvisedStatement>,
        proposals: Vec<Proposal>,
        proposer: Proposer<'a>,
        deadline: Instant,
    ) -> Self {
        let planner_calls = statements.len();
        let mut of_statement = vec![Vec::new(); statements.len()];
        for (number, proposal) in proposals.iter().enumerate() {
            for &statement in &proposal.affected {
                if let Some(of_this) = of_statement.get_mut(statement) {
                    of_this.push(number);
                }
            }
        }
        Self {
            statements,
            proposals,
            of_statement,
            planner_calls,
            reused: 0,
            proposer,
            deadline,
        }
    }

    /// What indexes have to keep up with.
    pub(crate) fn writes(&self) -> &Writes {
        self.proposer.writes()
    }

    fn add(&mut self, proposal: Proposal) -> usize {
        let number = self.proposals.len();
        for &statement in &proposal.affected {
            if let Some(of_this) = self.of_statement.get_mut(statement) {
                of_this.push(number);
            }
        }
        self.proposals.push(proposal);
        number
    }

    fn relevant(&self, statement: usize, configuration: &BTreeSet<usize>) -> BTreeSet<usize> {
        (self.of_statement.get(statement).into_iter().flatten())
            .filter(|candidate| configuration.contains(candidate))
            .copied()
            .collect()
    }

    /// Asks the planner. A statement that can no longer be planned (its table was dropped
    /// meanwhile) keeps the cost it had.
    fn ask(&mut self, statement: usize, configuration: BTreeSet<usize>) -> f64 {
        let indexes: Vec<Rc<Hypothetical>> = (configuration.iter())
            .filter_map(|&candidate| self.proposals.get(candidate))
            .map(|proposal| proposal.index.clone())
            .collect();
        let Some(entry) = self.statements.get_mut(statement) else {
            return 0.0;
        };
        self.planner_calls += 1;
        let scope = Rc::new(Scope::new(indexes, []));
        let outcome = entry.plan_under(&scope);
        let summary = outcome.unwrap_or_else(|_| entry.base.clone());
        let used = (configuration.iter().copied())
            .filter(|&candidate| {
                (self.proposals.get(candidate))
                    .is_some_and(|proposal| uses(&summary, proposal.index.oid))
            })
            .collect();
        entry.known.push(Known {
            configuration,
            used,
            cost: summary.cost,
        });
        summary.cost
    }
}

fn uses(summary: &PlanSummary, index: pg_sys::Oid) -> bool {
    summary.indexes.contains(&index)
}

impl Oracle for Costs<'_> {
    fn statements(&self) -> usize {
        self.statements.len()
    }

    fn weight(&self, statement: usize) -> f64 {
        self.statements
            .get(statement)
            .map_or(0.0, AdvisedStatement::weight)
    }

    fn cost(&mut self, statement: usize, configuration: &BTreeSet<usize>) -> f64 {
        pgrx::check_for_interrupts!();
        match self.range(statement, configuration) {
            (least, most) if least >= most => {
                self.reused += 1;
                most
            }
            _ => self.ask(statement, self.relevant(statement, configuration)),
        }
    }

    fn range(&self, statement: usize, configuration: &BTreeSet<usize>) -> (f64, f64) {
        let relevant = self.relevant(statement, configuration);
        let (mut least, mut most) = (0.0_f64, f64::MAX);
        for known in (self.statements.get(statement).into_iter()).flat_map(|entry| &entry.known) {
            if known.used.is_subset(&relevant) {
                if relevant.is_subset(&known.configuration) {
                    return (known.cost, known.cost);
                }
                most = most.min(known.cost);
            } else if relevant.is_subset(&known.configuration) {
                least = least.max(known.cost);
            }
        }
        (least.min(most), most)
    }

    fn is_slow(&self, statement: usize) -> bool {
        self.statements
            .get(statement)
            .is_some_and(|entry| entry.slow)
    }

    fn used(&mut self, statement: usize, configuration: &BTreeSet<usize>) -> BTreeSet<usize> {
        self.cost(statement, configuration);
        let relevant = self.relevant(statement, configuration);
        (self.statements.get(statement).into_iter())
            .flat_map(|statement| statement.known.iter())
            .find(|known| known.answers(&relevant))
            .map(|known| known.used.clone())
            .unwrap_or_default()
    }

    fn candidates(&self) -> usize {
        self.proposals.len()
    }

    fn affected(&self, candidate: usize) -> &[usize] {
        self.proposals
            .get(candidate)
            .map_or(&[], |proposal| &proposal.affected)
    }

    fn size(&self, candidate: usize) -> f64 {
        self.proposals
            .get(candidate)
            .map_or(0.0, |proposal| proposal.size as f64)
    }

    fn upkeep(&self, candidate: usize) -> f64 {
        self.proposals
            .get(candidate)
            .map_or(0.0, |proposal| proposal.upkeep)
    }

    fn serves(&self, other: usize, candidate: usize) -> bool {
        let (Some(other), Some(candidate)) =
            (self.proposals.get(other), self.proposals.get(candidate))
        else {
            return false;
        };
        other.candidate.table == candidate.candidate.table
            && candidate.candidate.is_served_by(Shape {
                method: other.candidate.method,
                keys: &other.candidate.keys,
                columns: &other.candidate.columns(),
                predicate: other.candidate.predicate.as_deref(),
            })
    }

    fn merged(&mut self, a: usize, b: usize) -> Vec<usize> {
        let (Some(first), Some(second)) = (self.proposals.get(a), self.proposals.get(b)) else {
            return Vec::new();
        };
        let merged = self.proposer.merged(first, second);
        (merged.into_iter())
            .map(|proposal| {
                let known =
                    (self.proposals.iter()).position(|known| known.candidate == proposal.candidate);
                known.unwrap_or_else(|| self.add(proposal))
            })
            .collect()
    }

    fn is_covering(&self, candidate: usize) -> bool {
        (self.proposals.get(candidate))
            .is_some_and(|proposal| !proposal.candidate.included.is_empty())
    }

    fn expired(&mut self) -> bool {
        Instant::now() >= self.deadline
    }
}
