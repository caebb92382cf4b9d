//! Plans every statement as things are, and turns what the planner knew into proposals.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use pgrx::{PgSqlErrorCode, pg_sys};

use super::Request;
use super::candidates::{self, Candidate};
use super::costs::{AdvisedStatement, Proposal};
use super::counters;
use super::ddl;
use super::evidence::{NotPlanned, Rejected, text_hash};
use super::refusal::refusal;
use super::tables::{self, Table};
use super::upkeep::{Kept, Writes};
use crate::error::{Error, Result, abbreviate};
use crate::pg::catalog;
use crate::pg::operator_classes::IndexMethod;
use crate::pg::plan::{PlannerCosts, planner_costs};
use crate::pg::relation_facts::{Compared, Condition, Element, RelationFacts};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::settings;
use crate::whatif::{self, Defined, Hypothetical};
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

/// Proposals, and the candidates that never became one.
pub(super) struct Proposals {
    pub(super) proposals: Vec<Proposal>,
    pub(super) refused: Vec<(u32, Rejected)>,
    /// What indexes have to keep up with.
    pub(super) writes: Writes,
}

/// Every candidate that could be created and that no existing index serves.
pub(super) fn propose(
    observed: &[Observed],
    tables: &BTreeMap<u32, Table>,
    hours: Option<f64>,
    deadline: Instant,
) -> Result<Proposals> {
    let costs = planner_costs();
    let mut found = Proposals {
        proposals: Vec::new(),
        refused: Vec::new(),
        writes: writes(observed, tables, hours)?,
    };
    let sorted = sorted_by(observed);
    for (candidate, affected) in wanted(observed, tables) {
        pgrx::check_for_interrupts!();
        if Instant::now() >= deadline {
            break;
        }
        let Some(table) = tables.get(&candidate.table) else {
            continue;
        };
        let ddl = ddl::for_planner(&candidate, table);
        let first = candidate.keys.first();
        let sorted = first.is_some_and(|key| sorted.contains(&(candidate.table, &key.element)));
        if let Some(rejected) = refusal(&candidate, table, sorted, &ddl) {
            found.refused.push((candidate.table, rejected));
            continue;
        }
        match define(&ddl, table) {
            Ok((index, size)) => {
                let upkeep = upkeep(&index, size, &found.writes, &costs);
                found.proposals.push(Proposal {
                    candidate,
                    index,
                    ddl,
                    size,
                    upkeep,
                    affected: affected.into_iter().collect(),
                });
            }
            Err(error) => {
                let reason = error.message().to_owned();
                found
                    .refused
                    .push((candidate.table, Rejected::new(ddl, reason)));
            }
        }
    }
    Ok(found)
}

/// Candidates of all statements, each with the statements it could help.
fn wanted(
    observed: &[Observed],
    tables: &BTreeMap<u32, Table>,
) -> BTreeMap<Candidate, BTreeSet<usize>> {
    let mut wanted: BTreeMap<Candidate, BTreeSet<usize>> = BTreeMap::new();
    for (number, observed) in observed.iter().enumerate() {
        pgrx::check_for_interrupts!();
        for facts in &observed.facts {
            let Some(table) = tables.get(&facts.table) else {
                continue;
            };
            if facts.tuples < settings::min_table_rows() {
                continue;
            }
            for candidate in candidates::generate(facts, table) {
                wanted.entry(candidate).or_default().insert(number);
            }
        }
    }
    share_between_statements(&mut wanted, observed);
    wanted
}

/// A candidate made for one statement may serve another that compares its first column.
fn share_between_statements(
    wanted: &mut BTreeMap<Candidate, BTreeSet<usize>>,
    observed: &[Observed],
) {
    let mut comparing: BTreeMap<(u32, &Element), Vec<(usize, &RelationFacts)>> = BTreeMap::new();
    for (number, observed) in observed.iter().enumerate() {
        for facts in &observed.facts {
            let leading: BTreeSet<&Element> = leading(facts).collect();
            for element in leading {
                let sharing = comparing.entry((facts.table, element)).or_default();
                sharing.push((number, facts));
            }
        }
    }
    for (candidate, statements) in wanted.iter_mut() {
        pgrx::check_for_interrupts!();
        if candidate.method != IndexMethod::Btree {
            let concerned = |observed: &Observed| {
                (observed.facts.iter())
                    .any(|facts| candidate.concerns(facts) && may_be_read(candidate, facts))
            };
            let numbered = observed.iter().enumerate();
            statements.extend(
                numbered
                    .filter(|(_, observed)| concerned(observed))
                    .map(|(n, _)| n),
            );
            continue;
        }
        let Some(first) = candidate.keys.first() else {
            continue;
        };
        let sharing = comparing.get(&(candidate.table, &first.element));
        statements.extend(
            (sharing.into_iter().flatten())
                .filter(|(_, facts)| candidate.concerns(facts) && may_be_read(candidate, facts))
                .map(|(number, _)| *number),
        );
    }
}

/// What an index of use to the relation may begin with.
fn leading(facts: &RelationFacts) -> impl Iterator<Item = &Element> {
    let compared = facts.clauses.iter().chain(facts.or_arms.iter().flatten());
    compared
        .map(|clause| &clause.element)
        .chain((facts.orders.iter()).filter_map(|order| Some(&order.first()?.element)))
        .chain(facts.matches.iter().map(|found| &found.element))
}

/// What some statement wants rows in the order of.
fn sorted_by(observed: &[Observed]) -> BTreeSet<(u32, &Element)> {
    (observed.iter().flat_map(|observed| &observed.facts))
        .flat_map(|facts| {
            let firsts = facts.orders.iter().filter_map(|order| order.first());
            firsts.map(|column| (facts.table, &column.element))
        })
        .collect()
}

/// Whether a statement's conditions may imply the candidate's predicate.
fn may_be_read(candidate: &Candidate, facts: &RelationFacts) -> bool {
    (candidate.predicate.as_ref()).is_none_or(|predicate| {
        let is_part = |condition: &Condition| predicate.contains(&*condition.sql);
        facts.conditions.iter().any(is_part)
    })
}

/// Checks the command as the table's owner, in a security-restricted operation: whoever may
/// read all statistics need not be able to read the table.
fn define(ddl: &str, table: &Table) -> Result<(Rc<Hypothetical>, i64)> {
    let owner = Surroundings {
        role: Some(pg_sys::Oid::from(table.owner)),
        settings: vec![("lock_timeout".to_owned(), settings::sandbox_lock_timeout())],
    };
    rolled_back(&owner, || match Hypothetical::define(ddl)? {
        Defined::Index(index) => {
            let size = index.size_bytes();
            Ok((index, size))
        }
        Defined::Exists(name) => Err(Error::invalid_parameter(format!(
            "relation \"{name}\" already exists"
        ))),
    })
}

/// What the statements of the workload write, and what the server counted beyond that.
fn writes(
    observed: &[Observed],
    tables: &BTreeMap<u32, Table>,
    hours: Option<f64>,
) -> Result<Writes> {
    let mut writes = Writes::default();
    for observed in observed {
        let statement = &observed.statement;
        for write in &statement.base.writes {
            let rows = statement.source.rows_per_call.unwrap_or(write.rows);
            let above = catalog::ancestors(write.table);
            for table in above.iter().chain([&write.table]).map(|oid| oid.to_u32()) {
                writes.add(table, &write.kind, statement.weight() * rows);
            }
        }
    }
    let oids: Vec<u32> = tables.keys().copied().collect();
    writes.add_counted(&counters::read(&oids)?, hours);
    Ok(writes)
}

/// Weighted cost of keeping the index.
fn upkeep(index: &Hypothetical, size: i64, writes: &Writes, costs: &PlannerCosts) -> f64 {
    let kept = Kept {
        table: index.definition.table.to_u32(),
        columns: &index.mentioned_columns(),
        share: index.selectivity(),
        entries: 1.0,
        pages: size as f64 / f64::from(pg_sys::BLCKSZ),
    };
    writes.upkeep(&kept, costs)
}
