//! From what the planner knew of the statements to indexes that it can be shown.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use pgrx::pg_sys;

use super::candidates::{self, Candidate};
use super::costs::Proposal;
use super::counters;
use super::ddl;
use super::evidence::Rejected;
use super::long_values::LongValues;
use super::observe::Observed;
use super::refusal::{refusal, too_long_expression};
use super::tables::Table;
use super::upkeep::{Kept, Writes};
use crate::error::{Error, Result};
use crate::pg::catalog;
use crate::pg::plan::{PlannerCosts, planner_costs};
use crate::pg::relation_facts::{Condition, RelationFacts};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::settings;
use crate::whatif::{Defined, Hypothetical};

/// Proposals, and the candidates that never became one.
pub(super) struct Proposals {
    pub(super) proposals: Vec<Proposal>,
    pub(super) refused: Vec<(u32, Rejected)>,
}

/// Makes proposals of candidates.
pub(super) struct Proposer<'a> {
    tables: &'a BTreeMap<u32, Table>,
    writes: Writes,
    costs: PlannerCosts,
    long: LongValues,
}

impl<'a> Proposer<'a> {
    /// For the tables that candidates may be for; `hours` is the length of the observed window.
    pub(super) fn new(
        observed: &[Observed],
        tables: &'a BTreeMap<u32, Table>,
        hours: Option<f64>,
    ) -> Result<Self> {
        Ok(Self {
            tables,
            writes: writes(observed, tables, hours)?,
            costs: planner_costs(),
            long: LongValues::default(),
        })
    }

    /// Every candidate that could be created and that no existing index serves.
    pub(super) fn propose(&self, observed: &[Observed], deadline: Instant) -> Proposals {
        let mut found = Proposals {
            proposals: Vec::new(),
            refused: Vec::new(),
        };
        let relations = Relations::of(observed);
        for (candidate, affected) in wanted(observed, &relations, self.tables) {
            pgrx::check_for_interrupts!();
            if Instant::now() >= deadline {
                break;
            }
            let table = candidate.table;
            let sorted = relations.are_sorted_by(&candidate);
            match self.one(candidate, affected, sorted) {
                Some(Ok(proposal)) => found.proposals.push(proposal),
                Some(Err(rejected)) => found.refused.push((table, rejected)),
                None => {}
            }
        }
        found
    }

    /// One index that does what two proposed ones do, if there is such a one.
    pub(super) fn merged(&self, a: &Proposal, b: &Proposal) -> Vec<Proposal> {
        let Some(table) = self.tables.get(&a.candidate.table) else {
            return Vec::new();
        };
        let affected: BTreeSet<usize> = a.affected.iter().chain(&b.affected).copied().collect();
        candidates::merge(&a.candidate, &b.candidate, table)
            .into_iter()
            .filter_map(|merged| self.one(merged, affected.clone(), true)?.ok())
            .collect()
    }

    /// What indexes have to keep up with.
    pub(super) fn writes(&self) -> &Writes {
        &self.writes
    }

    /// `None` for a table that is to get no index.
    fn one(
        &self,
        candidate: Candidate,
        affected: BTreeSet<usize>,
        sorted: bool,
    ) -> Option<std::result::Result<Proposal, Rejected>> {
        let table = self.tables.get(&candidate.table)?;
        let ddl = ddl::for_planner(&candidate, table);
        if let Some(rejected) = refusal(&candidate, table, sorted, &ddl, &self.long) {
            return Some(Err(rejected));
        }
        Some(match define(&ddl, table) {
            Ok((index, size)) => Ok(Proposal {
                candidate,
                upkeep: self.upkeep(&index, size),
                index,
                ddl,
                size,
                affected: affected.into_iter().collect(),
            }),
            Err(error) => Err(Rejected::new(ddl, error.message().to_owned())),
        })
    }

    /// Weighted cost of keeping the index.
    fn upkeep(&self, index: &Hypothetical, size: i64) -> f64 {
        let kept = Kept {
            table: index.definition.table.to_u32(),
            columns: &index.mentioned_columns(),
            share: index.selectivity(),
            entries: 1.0,
            pages: size as f64 / f64::from(pg_sys::BLCKSZ),
        };
        self.writes.upkeep(&kept, &self.costs)
    }
}

/// The facts of all relations, by table, each with the number of its statement.
struct Relations<'a>(BTreeMap<u32, Vec<(usize, &'a RelationFacts)>>);

impl<'a> Relations<'a> {
    fn of(observed: &'a [Observed]) -> Self {
        let mut relations: BTreeMap<u32, Vec<(usize, &RelationFacts)>> = BTreeMap::new();
        for (number, observed) in observed.iter().enumerate() {
            for facts in &observed.facts {
                let of_table = relations.entry(facts.table).or_default();
                of_table.push((number, facts));
            }
        }
        Self(relations)
    }

    fn of_table(&self, table: u32) -> impl Iterator<Item = (usize, &'a RelationFacts)> {
        self.0.get(&table).into_iter().flatten().copied()
    }

    /// Whether a statement wants rows in the order of the candidate's first column.
    fn are_sorted_by(&self, candidate: &Candidate) -> bool {
        let first = candidate.keys.first().map(|key| &key.element);
        self.of_table(candidate.table)
            .flat_map(|(_, facts)| &facts.orders)
            .any(|order| order.first().map(|column| &column.element) == first)
    }
}

/// Candidates of all statements, each with the statements it could help: one made for a statement
/// may serve another.
fn wanted(
    observed: &[Observed],
    relations: &Relations<'_>,
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
    for (candidate, statements) in &mut wanted {
        pgrx::check_for_interrupts!();
        let sharing = (relations.of_table(candidate.table))
            .filter(|(_, facts)| candidate.concerns(facts) && may_be_read(candidate, facts));
        statements.extend(sharing.map(|(number, _)| number));
    }
    wanted
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
            if let Some(sqlstate) = index.fails_with() {
                return Err(Error::invalid_parameter(format!(
                    "the expression fails on some rows (SQLSTATE {sqlstate}): the index cannot be built, \
                     nor could such rows be written"
                )));
            }
            if let Some(reason) = too_long_expression(&index) {
                return Err(Error::invalid_parameter(reason));
            }
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
