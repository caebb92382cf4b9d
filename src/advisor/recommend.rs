//! From a workload to recommendations.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::Request;
use super::costs::Costs;
use super::ddl::{self, Commands};
use super::estimates::build_seconds;
use super::evidence::{Evidence, HelpedStatement, NotPlanned, Rejected, text_hash};
use super::foreign_keys;
use super::helped::{self, Helped};
use super::hints::{self, Hint};
use super::observe::{self, Observation};
use super::propose::Proposer;
use super::selection::{self, Choice, Outcome, Rejection};
use super::tables::Table;
use crate::error::{Result, abbreviate};
use crate::workload::Workload;

/// Rejected candidates that evidence names.
const MAX_REJECTED: usize = 20;

/// One row of advice.
pub(super) struct Recommendation {
    pub(super) table: u32,
    pub(super) commands: Commands,
    pub(super) method: &'static str,
    pub(super) kind: &'static str,
    pub(super) size: i64,
    pub(super) build_seconds: f64,
    pub(super) benefit: f64,
    pub(super) write_penalty: f64,
    pub(super) cost_before: f64,
    pub(super) cost_after: f64,
    /// Seconds saved per hour of the observed window.
    pub(super) seconds_saved: Option<f64>,
    pub(super) statements: usize,
    pub(super) reason: String,
    pub(super) evidence: Evidence,
}

/// The advice and what could not be looked at.
pub(super) struct Advice {
    pub(super) recommendations: Vec<Recommendation>,
    pub(super) not_planned: Vec<NotPlanned>,
    pub(super) not_planned_count: usize,
    pub(super) complete: bool,
    /// What a person could do besides.
    pub(super) hints: Vec<Hint>,
}

/// Advises on `workload`; with `strict`, a statement that cannot be planned is an error.
pub(super) fn recommend(workload: &Workload, request: &Request, strict: bool) -> Result<Advice> {
    let started = Instant::now();
    let deadline = started.checked_add(request.time_limit).unwrap_or(started);
    let mut observation = observe::observe(workload, strict, deadline)?;
    foreign_keys::follow(&mut observation, deadline)?;
    let tables = observe::tables(&observation.observed, request)?;
    let facts = observation.observed.iter().flat_map(|one| &one.facts);
    let hints = hints::collect(facts, &tables)?;
    let proposer = Proposer::new(&observation.observed, &tables, workload.hours)?;
    let proposals = proposer.propose(&observation.observed, deadline);
    let statements = std::mem::take(&mut observation.observed)
        .into_iter()
        .map(|observed| observed.statement)
        .collect();
    let mut costs = Costs::new(statements, proposals.proposals, proposer, deadline);
    let outcome = selection::select(&mut costs, &request.limits);
    let mut writer = Writer {
        workload,
        tables: &tables,
        refused: &proposals.refused,
        complete: outcome.complete && observation.complete,
        observation: &observation,
        outcome: &outcome,
        names: Vec::new(),
    };
    let recommendations = writer.recommendations(&mut costs)?;
    Ok(Advice {
        recommendations,
        complete: writer.complete,
        not_planned_count: observation.not_planned_count,
        not_planned: observation.not_planned,
        hints,
    })
}

/// Turns choices into recommendations.
struct Writer<'a> {
    workload: &'a Workload,
    tables: &'a BTreeMap<u32, Table>,
    refused: &'a [(u32, Rejected)],
    complete: bool,
    observation: &'a Observation,
    outcome: &'a Outcome,
    names: Vec<(String, String)>,
}

impl Writer<'_> {
    fn recommendations(&mut self, costs: &mut Costs<'_>) -> Result<Vec<Recommendation>> {
        let base = self
            .outcome
            .chosen
            .first()
            .map_or(0.0, |choice| choice.cost_before);
        let mut ranked = BTreeSet::new();
        let mut named: BTreeMap<usize, String> = BTreeMap::new();
        let mut recommendations = Vec::new();
        for choice in &self.outcome.chosen {
            ranked.insert(choice.candidate);
            let Some(proposal) = costs.proposals.get(choice.candidate) else {
                continue;
            };
            let Some(table) = self.tables.get(&proposal.candidate.table) else {
                continue;
            };
            let commands = ddl::commands(&proposal.candidate, table, &mut self.names)?;
            named.insert(choice.candidate, index_name(&commands));
            recommendations.push(self.one(costs, choice, commands, table, base, &ranked, &named));
        }
        Ok(recommendations)
    }

    #[allow(clippy::too_many_arguments)]
    fn one(
        &self,
        costs: &mut Costs<'_>,
        choice: &Choice,
        commands: Commands,
        table: &Table,
        base: f64,
        ranked: &BTreeSet<usize>,
        named: &BTreeMap<usize, String>,
    ) -> Recommendation {
        let helped = helped::helped(costs, choice, ranked);
        let evidence = self.evidence(costs, named_statements(&helped, named), table.oid);
        let (method, kind, size, upkeep) = (costs.proposals.get(choice.candidate)).map_or(
            ("btree", "single-column", 0, 0.0),
            |p| {
                (
                    p.candidate.method.name(),
                    p.candidate.kind(),
                    p.size,
                    p.upkeep,
                )
            },
        );
        // Adding zero turns the empty sum's -0 into 0.
        let share = |part: f64| if base > 0.0 { part / base + 0.0 } else { 0.0 };
        Recommendation {
            table: table.oid,
            method,
            kind,
            size,
            build_seconds: build_seconds(table.bytes, table.tuples, size as f64),
            benefit: share(choice.cost_before - choice.cost_after),
            write_penalty: share(upkeep),
            cost_before: choice.cost_before,
            cost_after: choice.cost_after,
            seconds_saved: self.seconds_saved(&helped),
            statements: helped.len(),
            reason: reason(&helped),
            evidence,
            commands,
        }
    }

    /// Time saved per hour: each statement's measured time falls as its cost does.
    fn seconds_saved(&self, helped: &[Helped]) -> Option<f64> {
        let hours = self.workload.hours?;
        let milliseconds: f64 = (helped.iter())
            .filter_map(|helped| {
                // What is measured is the statement as it is, so the share is of its first cost.
                Some(helped.source.mean_time? * helped.saved() / helped.base.max(f64::MIN_POSITIVE))
            })
            .sum();
        Some(milliseconds / 1000.0 / hours.max(1.0 / 3600.0))
    }

    fn evidence(&self, costs: &Costs<'_>, helped: Vec<HelpedStatement>, table: u32) -> Evidence {
        let planner = (self.outcome.rejected.iter()).filter_map(|(&candidate, rejection)| {
            let proposal = costs.proposals.get(candidate)?;
            (proposal.candidate.table == table).then(|| Rejected {
                ddl: proposal.ddl.clone(),
                reason: rejection_text(*rejection),
            })
        });
        let refused = (self.refused.iter())
            .filter(|(of, _)| *of == table)
            .map(|(_, rejected)| rejected.clone());
        let (statements_planned, sampled) = helped::counts(&costs.statements);
        Evidence {
            workload: self.workload.source,
            statements_planned,
            sampled,
            planner_calls: costs.planner_calls,
            answers_reused: costs.reused,
            complete: self.complete,
            statements: helped,
            rejected: refused.chain(planner).take(MAX_REJECTED).collect(),
            not_planned: self.observation.not_planned.clone(),
            not_planned_count: self.observation.not_planned_count,
            utility_statements: self.observation.utility_statements,
        }
    }
}

/// The name in `CREATE INDEX … name ON …`, as evidence shows it.
fn index_name(commands: &Commands) -> String {
    let before_on = commands.ddl.split(" ON ").next().unwrap_or_default();
    before_on
        .rsplit(" EXISTS ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn named_statements(helped: &[Helped], named: &BTreeMap<usize, String>) -> Vec<HelpedStatement> {
    (helped.iter())
        .map(|helped| HelpedStatement {
            hash: text_hash(&helped.source.text),
            query: abbreviate(&helped.source.text, 1000),
            weight: helped.source.weight,
            cost_before: helped.before,
            cost_after: helped.after,
            indexes_used: (helped.used.iter())
                .filter_map(|candidate| named.get(candidate).cloned())
                .collect(),
        })
        .collect()
}

fn rejection_text(rejection: Rejection) -> String {
    match rejection {
        Rejection::NoGain => {
            "the planner's costs do not fall with it, given the chosen indexes".to_owned()
        }
        Rejection::BelowMinimum(share) => {
            format!(
                "it saves {:.2} % of the workload's cost, less than min_benefit",
                share * 100.0
            )
        }
        Rejection::Upkeep => "keeping it up to date costs more than it saves".to_owned(),
        Rejection::Budget => "it does not fit into storage_budget".to_owned(),
        Rejection::Count => "max_indexes are recommended already".to_owned(),
    }
}

/// One sentence for a person: what it does for the statement it helps most.
fn reason(helped: &[Helped]) -> String {
    let best = (helped.iter()).max_by(|a, b| a.saved().total_cmp(&b.saved()));
    let Some(best) = best else {
        return String::new();
    };
    let count = match helped.len() {
        1 => "helps 1 statement".to_owned(),
        count => format!("helps {count} statements"),
    };
    format!(
        "{count}; cost {:.0} -> {:.0} ({:.0}x) of: {}",
        best.before,
        best.after,
        best.before / best.after.max(0.01),
        abbreviate(&best.source.text, 120)
    )
}
