//! Plans every statement as things are, and turns what the planner knew into proposals.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use pgrx::PgSqlErrorCode;

use super::Request;
use super::costs::AdvisedStatement;
use super::evidence::{NotPlanned, text_hash};
use super::tables::{self, Table};
use crate::error::{Error, Result, abbreviate};
use crate::pg::relation_facts::{Compared, RelationFacts};
use crate::whatif;
use crate::workload::variants::{self, Variant};
use crate::workload::{Workload, WorkloadStatement};

/// Statements left out that evidence names; the rest are counted.
const MAX_NAMED: usize = 20;

/// A statement and what the planner knew of its relations.
pub(super) struct Observed {
    pub(super) statement: AdvisedStatement,
    pub(super) facts: Vec<RelationFacts>,
}

/// What observation came to.
#[derive(Default)]
pub(super) struct Observation {
    pub(super) observed: Vec<Observed>,
    pub(super) not_planned: Vec<NotPlanned>,
    pub(super) not_planned_count: usize,
    pub(super) utility_statements: usize,
    pub(super) complete: bool,
}

/// Plans every statement of `workload` once. With `strict`, the first that cannot be planned is
/// an error (the caller passed it in); otherwise it is counted and named.
pub(super) fn observe(workload: &Workload, strict: bool, deadline: Instant) -> Result<Observation> {
    let mut observation = Observation {
        complete: true,
        not_planned_count: workload.unreadable,
        utility_statements: workload.utility,
        ..Observation::default()
    };
    for (ordinal, source) in (1..).zip(&workload.statements) {
        pgrx::check_for_interrupts!();
        if Instant::now() >= deadline {
            observation.complete = false;
            break;
        }
        match plan_as_is(ordinal, source) {
            Ok(observed) => observation.observed.extend(observed),
            Err(error) if strict => {
                return Err(error.in_element("queries", ordinal, &source.text));
            }
            Err(error) if error.is_no_plan() => observation.utility_statements += 1,
            Err(error) if is_unreadable_utility(&source.text, &error) => {
                observation.utility_statements += 1;
            }
            Err(error) => observation.leave_out(source, &error),
        }
    }
    Ok(observation)
}

/// Whether it is a utility command in which `pg_stat_statements` (since 16) put a parameter where
/// the grammar takes none, as in `SET statement_timeout = $1`.
fn is_unreadable_utility(text: &str, error: &Error) -> bool {
    const COMMANDS: [&str; 9] = [
        "SET",
        "RESET",
        "DEALLOCATE",
        "SAVEPOINT",
        "RELEASE",
        "ROLLBACK",
        "COMMIT",
        "PREPARE",
        "FETCH",
    ];
    let word = text.split_whitespace().next().unwrap_or_default();
    error.sqlstate() == PgSqlErrorCode::ERRCODE_SYNTAX_ERROR
        && COMMANDS
            .iter()
            .any(|command| word.eq_ignore_ascii_case(command))
}

impl Observation {
    pub(super) fn leave_out(&mut self, source: &WorkloadStatement, error: &Error) {
        self.not_planned_count += 1;
        if self.not_planned.len() < MAX_NAMED {
            self.not_planned.push(NotPlanned {
                hash: text_hash(&source.text),
                query: abbreviate(&source.text, 200),
                sqlstate: error.sqlstate_text(),
                reason: error.message().to_owned(),
            });
        }
    }
}

/// Plans each variant of a statement; one whose values make planning fail, as by a division by
/// zero, leaves its weight to the plan without values.
pub(super) fn plan_as_is(ordinal: usize, source: &WorkloadStatement) -> Result<Vec<Observed>> {
    let source = Rc::new(source.clone());
    let observe = |variant: Variant| {
        let (base, mut facts) = variant.run(whatif::plan_and_observe)?;
        if source.is_parameterised() {
            for facts in &mut facts {
                // A plan for any value cannot use an index of the rows with one.
                (facts.conditions).retain(|condition| condition.with != Compared::Constant);
            }
        }
        let statement = AdvisedStatement::new(ordinal, source.clone(), variant, base);
        Ok(Observed { statement, facts })
    };
    let mut observed = Vec::new();
    let mut generic: Option<Variant> = None;
    for variant in variants::open(&source)? {
        let without = variant.generic(variant.weight);
        let outcome = variant.has_values().then(|| observe(variant));
        match outcome {
            Some(Ok(one)) => observed.push(one),
            Some(Err(_)) | None => {
                let weight = generic.as_ref().map_or(0.0, |generic| generic.weight);
                generic = Some(without.generic(weight + without.weight));
            }
        }
    }
    if let Some(generic) = generic {
        observed.push(observe(generic)?);
    }
    Ok(observed)
}

/// The tables that candidates may be for.
pub(super) fn tables(observed: &[Observed], request: &Request) -> Result<BTreeMap<u32, Table>> {
    let oids: BTreeSet<u32> = observed
        .iter()
        .flat_map(|observed| &observed.facts)
        .map(|facts| facts.table)
        .collect();
    let oids: Vec<u32> = oids.into_iter().collect();
    tables::read(&oids, request.schemas.as_deref())
}
