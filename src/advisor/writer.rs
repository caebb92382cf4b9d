//! Turns what was chosen into recommendations.

use std::collections::{BTreeMap, BTreeSet};

use super::advice::{Action, Plan, Recommendation};
use super::costs::Costs;
use super::ddl::{self, Commands};
use super::estimates::build_seconds;
use super::evidence::{Evidence, HelpedStatement, HintedCommands, Rejected, Replaced, text_hash};
use super::existing::Existing;
use super::helped::{self, Helped};
use super::hints::Hint;
use super::observe::Observation;
use super::plans;
use super::redundant::{self, Redundant, Superfluous};
use super::selection::{Choice, Outcome};
use super::tables::Table;
use super::wording::{self, Best};
use crate::error::{Result, abbreviate};
use crate::workload::Workload;

/// Rejected candidates that evidence names.
const MAX_REJECTED: usize = 20;

/// What all recommendations of one request are made from.
pub(super) struct Writer<'a> {
    pub(super) workload: &'a Workload,
    pub(super) tables: &'a BTreeMap<u32, Table>,
    pub(super) refused: &'a [(u32, Rejected)],
    pub(super) complete: bool,
    /// The workload's cost as things are.
    pub(super) base: f64,
    pub(super) observation: &'a Observation,
    pub(super) outcome: &'a Outcome,
    pub(super) redundant: &'a Redundant,
    /// Schema and name of each index named so far.
    pub(super) names: Vec<(String, String)>,
}

/// One choice on its way to be a recommendation.
struct Step<'a> {
    choice: &'a Choice,
    table: &'a Table,
    ranked: &'a BTreeSet<usize>,
    named: &'a BTreeMap<usize, String>,
}

impl Writer<'_> {
    /// A part of that. Adding zero turns the empty sum's -0 into 0.
    pub(super) fn share(&self, part: f64) -> f64 {
        match self.base > 0.0 {
            true => part / self.base + 0.0,
            false => 0.0,
        }
    }

    pub(super) fn recommendations(&mut self, costs: &mut Costs) -> Result<Vec<Recommendation>> {
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
            let step = Step {
                choice,
                table,
                ranked: &ranked,
                named: &named,
            };
            recommendations.extend(self.one(costs, &step, commands));
        }
        Ok(recommendations)
    }

    fn one(&self, costs: &mut Costs, step: &Step, commands: Commands) -> Option<Recommendation> {
        let helped = helped::helped(costs, step.choice, step.ranked);
        let statements = named_statements(&helped, step.named);
        let evidence = Evidence {
            plans: plans::of_most_helped(costs, step.choice.candidate, step.ranked, &helped),
            ..self.evidence(costs, statements, step.table.oid)
        };
        let proposal = costs.proposals.get(step.choice.candidate)?;
        let choice = step.choice;
        let old = (self.redundant.replaced.get(&choice.candidate)).map_or(&[][..], Vec::as_slice);
        let saved: f64 = (old.iter())
            .map(|old| redundant::upkeep(old, costs.writes()))
            .sum();
        let build = build_seconds(step.table.bytes, step.table.tuples, proposal.size as f64);
        let recommendation = Recommendation {
            action: Action::Create,
            table: step.table.oid,
            plan: plan(commands),
            access_method: Some(proposal.candidate.method.name().to_owned()),
            kind: proposal.candidate.kind(),
            size: Some(proposal.size),
            build_seconds: Some(build),
            benefit: Some(self.share(choice.cost_before - choice.cost_after)),
            write_penalty: Some(self.share(proposal.upkeep - saved)),
            cost_before: Some(choice.cost_before),
            cost_after: Some(choice.cost_after),
            seconds_saved: self.seconds_saved(&helped),
            statements: helped.len(),
            reason: reason(&helped),
            evidence,
        };
        Some(replacing(recommendation, old))
    }

    /// Indexes to drop.
    pub(super) fn drops(&self, costs: &Costs) -> Vec<Recommendation> {
        (self.redundant.superfluous.iter())
            .map(|superfluous| self.drop(costs, superfluous))
            .collect()
    }

    fn drop(&self, costs: &Costs, superfluous: &Superfluous) -> Recommendation {
        let index = &superfluous.index;
        let upkeep = redundant::upkeep(index, costs.writes());
        let cost = (self.outcome.chosen.last()).map_or(self.base, |choice| choice.cost_after);
        let (kind, relation) = match superfluous.is_duplicate {
            true => ("duplicate", "is the same as"),
            false => ("redundant", "is the beginning of"),
        };
        Recommendation {
            action: Action::Drop,
            table: index.table,
            plan: Plan {
                ddl: drop_command(index),
                undo: recreate_command(index),
                steps: vec![drop_command(index)],
                undo_steps: vec![recreate_command(index)],
                built: Vec::new(),
                rebuilt: vec![index.name.clone()],
                has_expression: false,
                served: Some((index.name.clone(), superfluous.kept.clone())),
            },
            access_method: Some(index.access_method.clone()),
            kind,
            size: Some(index.bytes as i64),
            build_seconds: None,
            benefit: Some(self.share(upkeep)),
            write_penalty: Some(0.0),
            cost_before: Some(cost),
            cost_after: Some(cost),
            seconds_saved: None,
            statements: 0,
            reason: format!(
                "it {relation} {}, and no statement gets dearer without it",
                superfluous.kept
            ),
            evidence: Evidence {
                replaces: vec![replaced(index)],
                ..self.evidence(costs, Vec::new(), index.table)
            },
        }
    }

    /// What is for a person to decide: it has no commands to be run unseen.
    pub(super) fn hint(&self, costs: &Costs, hint: Hint) -> Recommendation {
        Recommendation {
            action: Action::Hint,
            table: hint.table,
            plan: Plan::default(),
            access_method: None,
            kind: hint.kind,
            size: None,
            build_seconds: None,
            benefit: None,
            write_penalty: None,
            cost_before: None,
            cost_after: None,
            seconds_saved: None,
            statements: 0,
            reason: hint.text,
            evidence: Evidence {
                hint: Some(HintedCommands { ddl: hint.ddl }),
                ..self.evidence(costs, Vec::new(), hint.table)
            },
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

    /// The evidence on a table, with these statements.
    pub(super) fn evidence(
        &self,
        costs: &Costs,
        helped: Vec<HelpedStatement>,
        table: u32,
    ) -> Evidence {
        let planner = (self.outcome.rejected.iter()).filter_map(|(&candidate, rejection)| {
            let proposal = costs.proposals.get(candidate)?;
            (proposal.candidate.table == table)
                .then(|| Rejected::new(proposal.ddl.clone(), wording::rejection(*rejection)))
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
            plans: None,
            replaces: Vec::new(),
            goes_together: None,
            hint: None,
            rejected: refused.chain(planner).take(MAX_REJECTED).collect(),
            not_planned: self.observation.not_planned.clone(),
            not_planned_count: self.observation.not_planned_count,
            utility_statements: self.observation.utility_statements,
        }
    }
}

fn plan(commands: Commands) -> Plan {
    Plan {
        ddl: commands.ddl,
        undo: commands.undo,
        steps: commands.steps,
        undo_steps: commands.undo_steps,
        built: commands.built,
        rebuilt: Vec::new(),
        has_expression: commands.has_expression,
        served: None,
    }
}

/// The recommendation with the dropping of what it makes superfluous.
fn replacing(mut recommendation: Recommendation, old: &[Existing]) -> Recommendation {
    if old.is_empty() {
        return recommendation;
    }
    recommendation.action = Action::Replace;
    let names: Vec<&str> = old.iter().map(|old| old.name.as_str()).collect();
    recommendation.reason = format!("replaces {}; {}", names.join(", "), recommendation.reason);
    recommendation.evidence.replaces = old.iter().map(replaced).collect();
    let plan = &mut recommendation.plan;
    plan.steps.extend(old.iter().map(drop_command));
    // Back in place before what took their place goes.
    (plan.undo_steps).splice(0..0, old.iter().map(recreate_command));
    plan.rebuilt = old.iter().map(|old| old.name.clone()).collect();
    recommendation
}

fn replaced(index: &Existing) -> Replaced {
    Replaced {
        index: index.name.clone(),
        ddl: index.definition.clone(),
        size_bytes: index.bytes as i64,
    }
}

fn drop_command(index: &Existing) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.name)
}

fn recreate_command(index: &Existing) -> String {
    let rest = index.definition.strip_prefix("CREATE INDEX ");
    rest.map_or_else(
        || index.definition.clone(),
        |rest| format!("CREATE INDEX CONCURRENTLY IF NOT EXISTS {rest}"),
    )
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

/// One sentence for a person: what it does for the statement it helps most.
fn reason(helped: &[Helped]) -> String {
    let best = (helped.iter()).max_by(|a, b| a.saved().total_cmp(&b.saved()));
    let Some(best) = best else {
        // As for the first of two on the sides of an OR.
        return "of use together with the next one only".to_owned();
    };
    let best = Best {
        text: &best.source.text,
        before: best.before,
        after: best.after,
    };
    wording::reason(helped.len(), &best)
}
