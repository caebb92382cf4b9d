//! From a workload to recommendations.

use std::time::Instant;

use super::Request;
use super::advice::Advice;
use super::costs::{AdvisedStatement, Costs};
use super::existing;
use super::foreign_keys;
use super::helped;
use super::hints;
use super::observe;
use super::propose::Proposer;
use super::redundant::{self, Redundant};
use super::selection;
use super::statistics;
use super::writer::Writer;
use crate::error::Result;
use crate::workload::Workload;

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
    let compared = statistics::compared(&observation.observed);
    let statements: Vec<AdvisedStatement> = std::mem::take(&mut observation.observed)
        .into_iter()
        .map(|observed| observed.statement)
        .collect();
    let base = (statements.iter())
        .map(|statement| statement.weight() * statement.base.cost)
        .sum();
    let mut costs = Costs::new(statements, proposals.proposals, proposer, deadline);
    let outcome = selection::select(&mut costs, &request.limits);
    let chosen: Vec<usize> = (outcome.chosen.iter())
        .map(|choice| choice.candidate)
        .collect();
    // TimescaleDB refuses to drop an index of a hypertable concurrently.
    let plain = tables.values().filter(|table| !table.hypertable);
    let existing = existing::read(plain.map(|table| table.oid))?;
    let redundant = match observation.complete {
        true => redundant::find(&mut costs, &chosen, &existing, deadline),
        // A statement that nobody looked at may need what seems superfluous.
        false => Redundant::default(),
    };
    let mut writer = Writer {
        workload,
        tables: &tables,
        refused: &proposals.refused,
        complete: outcome.complete && observation.complete,
        base,
        observation: &observation,
        outcome: &outcome,
        redundant: &redundant,
        names: Vec::new(),
    };
    let mut recommendations = writer.recommendations(&mut costs)?;
    recommendations.extend(writer.drops(&costs));
    let evidence = |table| writer.evidence(&costs, Vec::new(), table);
    recommendations.extend(statistics::recommend(
        &compared, &tables, deadline, evidence,
    )?);
    recommendations.extend((hints.into_iter()).map(|hint| writer.hint(&costs, hint)));
    Ok(Advice {
        recommendations,
        source: workload.source,
        statements_planned: helped::counts(&costs.statements).0,
        complete: writer.complete,
        not_planned_count: observation.not_planned_count,
        not_planned: observation.not_planned,
    })
}
