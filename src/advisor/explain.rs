//! Why a query gets the advice that it gets: every candidate, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use pgrx::pg_sys;

use super::Request;
use super::costs::{AdvisedStatement, Costs};
use super::evidence::Rejected;
use super::existing::{self, ExistingIndexes};
use super::foreign_keys;
use super::hints::{self, Hint};
use super::observe::{self, Observation, Observed};
use super::propose::Proposer;
use super::selection::{self, Limits, Oracle, Outcome, Rejection};
use super::tables::Table;
use super::verdict::{self, Explained, Tried, Verdict};
use crate::error::Result;
use crate::pg::catalog;
use crate::pg::relation_facts::RelationFacts;
use crate::settings;
use crate::whatif::scope::Scope;
use crate::workload::source;

/// Everything there is to say.
pub(super) struct Explanation {
    pub(super) rows: Vec<Explained>,
    /// Which rows are not shown.
    pub(super) left_out: Option<String>,
    /// False when time was up before every candidate was tried.
    pub(super) complete: bool,
}

/// Looks for advice on one query, and tries each candidate alone.
pub(super) fn explain(query: &str, time_limit: Duration) -> Result<Explanation> {
    let started = Instant::now();
    let deadline = started.checked_add(time_limit).unwrap_or(started);
    let mut observation = Observation {
        observed: observe(query).map_err(|error| error.in_argument("query", query))?,
        complete: true,
        ..Observation::default()
    };
    foreign_keys::follow(&mut observation, deadline)?;
    let observed = observation.observed;
    let request = Request {
        limits: Limits {
            budget: None,
            max_indexes: None,
            min_benefit: 0.01,
        },
        schemas: None,
        time_limit,
    };
    let tables = observe::tables(&observed, &request)?;
    let existing = existing::read(tables.keys().copied())?;
    let proposer = Proposer::new(&observed, &tables, None)?;
    let proposals = proposer.propose(&observed, deadline);
    let facts: Vec<RelationFacts> = (observed.iter())
        .flat_map(|observed| observed.facts.iter().cloned())
        .collect();
    let statements: Vec<AdvisedStatement> = (observed.into_iter())
        .map(|observed| observed.statement)
        .collect();
    let mut rows = impossible(&facts, &tables);
    rows.extend(hints::collect(&facts, &tables)?.into_iter().map(hinted));
    rows.extend(
        (proposals.refused.iter()).map(|(_, rejected)| refused(rejected, &existing, &statements)),
    );
    let mut costs = Costs::new(statements, proposals.proposals, proposer, deadline);
    let outcome = selection::select(&mut costs, &request.limits);
    let complete = tried(&mut costs, &outcome, &facts, deadline, &mut rows);
    let (rows, left_out) = verdict::sorted(rows);
    Ok(Explanation {
        rows,
        left_out,
        complete: complete && outcome.complete,
    })
}

fn observe(query: &str) -> Result<Vec<Observed>> {
    let workload = source::given(&[query.to_owned()], None)?;
    let mut observed = Vec::new();
    for statement in &workload.statements {
        observed.extend(observe::plan_as_is(1, statement)?);
    }
    Ok(observed)
}

/// Relations for which there are no candidates at all, and why.
fn impossible(facts: &[RelationFacts], tables: &BTreeMap<u32, Table>) -> Vec<Explained> {
    let mut seen = BTreeSet::new();
    (facts.iter())
        .filter(|facts| seen.insert(facts.table))
        .filter_map(|facts| {
            let name = catalog::qualified_name(pg_sys::Oid::from(facts.table))?;
            Some(Explained {
                candidate: format!("an index on {name}"),
                verdict: Verdict::NotPossible,
                reason: obstacle(facts, tables)?,
                cost_before: None,
                cost_after: None,
                size: None,
            })
        })
        .collect()
}

fn obstacle(facts: &RelationFacts, tables: &BTreeMap<u32, Table>) -> Option<String> {
    if !tables.contains_key(&facts.table) {
        return Some("system tables, and temporary tables of other sessions, get none".to_owned());
    }
    let least = settings::min_table_rows();
    if facts.tuples < least {
        return Some(format!(
            "the table has {:.0} rows, fewer than pgopt.min_table_rows ({least:.0})",
            facts.tuples
        ));
    }
    let is_idle = facts.clauses.is_empty()
        && facts.or_arms.is_empty()
        && facts.orders.is_empty()
        && facts.matches.is_empty();
    is_idle.then(|| {
        "the query has no condition, join or order on it that an index could serve".to_owned()
    })
}

fn hinted(hint: Hint) -> Explained {
    Explained {
        candidate: hint.ddl.unwrap_or_else(|| hint.kind.to_owned()),
        verdict: Verdict::Hint,
        reason: hint.text,
        cost_before: None,
        cost_after: None,
        size: None,
    }
}

/// A candidate that the planner was not asked about.
fn refused(
    rejected: &Rejected,
    existing: &ExistingIndexes,
    statements: &[AdvisedStatement],
) -> Explained {
    let mut row = Explained {
        candidate: rejected.ddl.clone(),
        verdict: Verdict::NotPossible,
        reason: rejected.reason.clone(),
        cost_before: None,
        cost_after: None,
        size: None,
    };
    let Some(served_by) = &rejected.served_by else {
        return row;
    };
    row.verdict = Verdict::Existing;
    row.cost_after = Some(
        statements
            .iter()
            .map(|one| one.weight() * one.base.cost)
            .sum(),
    );
    if let Some(index) = existing.find(served_by) {
        let parts = catalog::with_attached(index.oid());
        let is_used =
            (statements.iter().flat_map(|one| &one.base.indexes)).any(|used| parts.contains(used));
        let uses = match is_used {
            true => "the plan uses it",
            false => "the planner prefers another plan",
        };
        row.reason = format!("{}; {uses}", rejected.reason);
        row.size = Some(index.bytes as i64);
        let hidden = Rc::new(Scope::new(Vec::new(), parts));
        row.cost_before = (statements.iter())
            .map(|one| Some(one.weight() * one.plan_under(&hidden).ok()?.cost))
            .sum();
    }
    row
}

/// Candidates that the planner was asked about; false when time was up.
fn tried(
    costs: &mut Costs,
    outcome: &Outcome,
    facts: &[RelationFacts],
    deadline: Instant,
    rows: &mut Vec<Explained>,
) -> bool {
    let chosen: Vec<usize> = (outcome.chosen.iter())
        .map(|choice| choice.candidate)
        .collect();
    let others = (0..costs.proposals.len()).filter(|candidate| !chosen.contains(candidate));
    let mut complete = true;
    for candidate in chosen.iter().copied().chain(others) {
        let is_known = Instant::now() < deadline;
        complete &= is_known;
        rows.extend(match is_known {
            true => one(costs, outcome, facts, &chosen, candidate),
            false => untried(costs, &chosen, candidate),
        });
    }
    complete
}

fn untried(costs: &Costs, chosen: &[usize], candidate: usize) -> Option<Explained> {
    let proposal = costs.proposals.get(candidate)?;
    Some(Explained {
        candidate: proposal.ddl.clone(),
        verdict: match chosen.contains(&candidate) {
            true => Verdict::Recommended,
            false => Verdict::Rejected,
        },
        reason: "not tried alone, as time_limit was reached".to_owned(),
        cost_before: None,
        cost_after: None,
        size: Some(proposal.size),
    })
}

fn one(
    costs: &mut Costs,
    outcome: &Outcome,
    facts: &[RelationFacts],
    chosen: &[usize],
    candidate: usize,
) -> Option<Explained> {
    let alone = BTreeSet::from([candidate]);
    let together: BTreeSet<usize> = chosen.iter().copied().collect();
    let besides: BTreeSet<usize> = together.iter().copied().chain([candidate]).collect();
    let before = total(costs, &BTreeSet::new());
    let after = total(costs, &alone);
    let chosen_cost = total(costs, &together);
    let is_used =
        (0..costs.statements()).any(|statement| !costs.used(statement, &alone).is_empty());
    let rank = chosen.iter().position(|chosen| *chosen == candidate);
    let tried = Tried {
        before,
        after,
        is_used,
        chosen: chosen_cost,
        besides: match rank {
            None => total(costs, &besides),
            Some(_) => chosen_cost,
        },
        upkeep: costs.upkeep(candidate),
        share: share(costs, facts, candidate),
    };
    let proposal = costs.proposals.get(candidate)?;
    let (verdict, reason) = match rank {
        Some(place) => {
            let together = (chosen.len() > 1).then_some(chosen_cost);
            let why = verdict::why(place + 1, before, after, together);
            (Verdict::Recommended, why)
        }
        None => {
            let rejection = outcome.rejected.get(&candidate).copied();
            let why = verdict::why_not(rejection.unwrap_or(Rejection::NoGain), &tried);
            (Verdict::Rejected, why)
        }
    };
    Some(Explained {
        candidate: proposal.ddl.clone(),
        verdict,
        reason,
        cost_before: Some(before),
        cost_after: Some(after),
        size: Some(proposal.size),
    })
}

/// The least share of rows that any use of the table lets through.
fn share(costs: &Costs, facts: &[RelationFacts], candidate: usize) -> Option<f64> {
    let candidate = &costs.proposals.get(candidate)?.candidate;
    (facts.iter())
        .filter(|facts| facts.table == candidate.table)
        .filter_map(|facts| verdict::share_of_rows(candidate, facts))
        .min_by(f64::total_cmp)
}

fn total(costs: &mut Costs, configuration: &BTreeSet<usize>) -> f64 {
    (0..costs.statements())
        .map(|statement| costs.weight(statement) * costs.cost(statement, configuration))
        .sum()
}
