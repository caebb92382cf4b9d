//! A hypothetical index: a checked definition under a made-up OID.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use pgrx::pg_sys;

use super::scope::Scope;
use super::size::{self, Leaf, Method};
use crate::error::Result;
use crate::pg::catalog;
use crate::pg::clustered_values;
use crate::pg::index_definition::IndexDefinition;
use crate::pg::index_info::{self, PlannerRelation};
use crate::pg::plan;
use crate::pg::ports::define_index::{DryRun, dry_run_create_index};
use crate::pg::predicate::{self, Restriction};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::sampled_keys::{self, Sampled, SampledKey};
use crate::pg::statement::Statement;

/// An index that can be shown to the planner.
#[derive(Debug)]
pub(crate) struct Hypothetical {
    /// An OID that no relation has.
    pub(crate) oid: pg_sys::Oid,
    /// What `CREATE INDEX` would make.
    pub(crate) definition: IndexDefinition,
    pub(super) method: Method,
    /// Share of the table's rows that the predicate lets in.
    selectivity: f64,
    /// For each key, the column whose statistics describe it.
    statistics_of: Vec<Option<i16>>,
    restrictions: Vec<Restriction>,
    /// What a look at the table says of the keys.
    sampled: Option<Sampled>,
    /// For each key, the number of its values where ANALYZE is known to miscount them.
    counted: Vec<Option<f64>>,
    /// SQLSTATE of the error that some rows raise when they are looked at. Its text may hold values.
    fails_with: Option<String>,
}

impl Drop for Hypothetical {
    fn drop(&mut self) {
        // At the end of the process the list may be gone already.
        let _gone = RETIRED.try_with(|retired| retired.borrow_mut().push_back(self.oid));
    }
}

/// What became of `CREATE INDEX` text.
pub(crate) enum Defined {
    /// An index to show.
    Index(Rc<Hypothetical>),
    /// `IF NOT EXISTS` with a name that is taken: nothing would be made.
    Exists(String),
}

impl Hypothetical {
    /// Checks `ddl` as `CREATE INDEX` would, and leaves no lock behind.
    pub(crate) fn define(ddl: &str) -> Result<Defined> {
        rolled_back(&Surroundings::default(), || {
            Ok(match dry_run_create_index(ddl)? {
                DryRun::AlreadyExists(name) => Defined::Exists(name),
                DryRun::Definition(definition) => {
                    Defined::Index(Rc::new(Self::from_definition(definition)?))
                }
            })
        })
    }

    fn from_definition(definition: IndexDefinition) -> Result<Self> {
        let method = Method::of(&definition)?;
        let selectivity = predicate_selectivity(&definition)?;
        let statistics_of = index_info::statistics_columns(&definition);
        let restrictions = predicate::restrictions(&definition);
        let counted = (definition.keys.iter())
            .map(|key| clustered_values::count_once(definition.table, key.attribute))
            .collect();
        let (sampled, fails_with) = match sampled_keys::sample(&definition) {
            Ok(sampled) => (sampled, None),
            Err(error) => (None, Some(error.sqlstate_text())),
        };
        Ok(Self {
            oid: unused_oid(),
            definition,
            method,
            selectivity,
            statistics_of,
            restrictions,
            sampled,
            counted,
            fails_with,
        })
    }

    /// Shows the index to the planner if it is on `relation` or on a partitioned table above it.
    pub(crate) fn show(&self, relation: &PlannerRelation<'_>) {
        let table = self.definition.table;
        if table != relation.table() && !catalog::ancestors(relation.table()).contains(&table) {
            return;
        }
        let leaf = Leaf {
            oid: relation.table(),
            rows: relation.tuples(),
            pages: relation.pages(),
        };
        relation.add_index(&self.definition, self.oid, |attribute| {
            size::geometry(self, leaf, attribute)
        });
    }

    /// Size in bytes on the table itself, or summed over the partitions of a partitioned table.
    pub(crate) fn size_bytes(&self) -> i64 {
        catalog::leaf_relations(self.definition.table)
            .into_iter()
            .map(|leaf| self.size_on(leaf))
            .sum()
    }

    fn size_on(&self, leaf: pg_sys::Oid) -> i64 {
        let (rows, pages) = index_info::estimated_size(leaf);
        let map = |attribute: i16| index_info::attribute_in(&self.definition, leaf, attribute);
        let leaf = Leaf {
            oid: leaf,
            rows,
            pages,
        };
        let geometry = size::geometry(self, leaf, &map);
        i64::from(geometry.pages) * i64::from(pg_sys::BLCKSZ)
    }

    /// Columns whose change may change an entry.
    pub(crate) fn mentioned_columns(&self) -> Vec<i16> {
        index_info::mentioned_columns(&self.definition)
    }

    /// Share of the table's rows that the predicate lets in.
    pub(crate) fn selectivity(&self) -> f64 {
        self.selectivity
    }

    /// What the predicate says of a column, if it mentions it.
    pub(super) fn restriction_of(&self, attribute: i16) -> Option<Restriction> {
        (self.restrictions.iter())
            .find(|restriction| restriction.attribute == attribute)
            .copied()
    }

    /// SQLSTATE with which building the index on the rows of its table would fail, if any of
    /// those looked at make it fail.
    pub(crate) fn fails_with(&self) -> Option<&str> {
        self.fails_with.as_deref()
    }

    /// What a look at the table says of key `position`.
    pub(super) fn sampled(&self, position: usize) -> Option<&SampledKey> {
        self.sampled.as_ref()?.keys.get(position)
    }

    /// The number of values of key `position`, where it was counted.
    pub(super) fn counted_values(&self, position: usize) -> Option<f64> {
        self.counted.get(position).copied().flatten()
    }

    /// Average bytes of the values of key `position` if it is an expression, as far as is known:
    /// those that were looked at, else those of the only column it is made of.
    pub(crate) fn expression_width(&self, position: usize) -> Option<f64> {
        (self.definition.keys.get(position)).filter(|key| key.attribute == 0)?;
        let made = (self.sampled(position)).and_then(|key| key.statistics.as_ref());
        match made {
            Some(made) => Some(made.summary.width),
            None => Some(catalog::average_width(
                self.definition.table,
                self.statistics_of(position)?,
            )),
        }
    }

    /// The column whose statistics describe key `position`.
    pub(super) fn statistics_of(&self, position: usize) -> Option<i16> {
        self.statistics_of.get(position).copied().flatten()
    }
}

/// Share of the rows that the predicate of a partial index lets in, by the planner's estimate.
fn predicate_selectivity(definition: &IndexDefinition) -> Result<f64> {
    let Some(condition) = index_info::predicate_sql(definition) else {
        return Ok(1.0);
    };
    let Some(table) = catalog::qualified_name(definition.table) else {
        return Ok(1.0);
    };
    let rows = |text: String| -> Result<f64> {
        let guard = Scope::enter(Rc::new(Scope::default()));
        let summary = plan::plan(&mut Statement::analyse(&text)?, || guard.arm())?;
        Ok(summary.rows)
    };
    let all = rows(format!("SELECT FROM {table}"))?;
    let some = rows(format!("SELECT FROM {table} WHERE {condition}"))?;
    Ok((some / all.max(1.0)).clamp(0.0, 1.0))
}

thread_local! {
    /// OIDs of hypothetical indexes that are gone, oldest first.
    static RETIRED: RefCell<VecDeque<pg_sys::Oid>> = const { RefCell::new(VecDeque::new()) };
}

/// An OID that no relation has, from the far end of the range, which the OID counter only
/// reaches after four billion assignments. Nothing is written, so it works on standbys.
///
/// The server remembers for good that an OID had no relation, so OIDs are used again; but not at
/// once, so that an id stays unknown for a while after its index was dropped.
fn unused_oid() -> pg_sys::Oid {
    const FIRST: u32 = u32::MAX - 1;
    const LAST: u32 = u32::MAX - 100_000_000;
    thread_local! {
        static NEXT: Cell<u32> = const { Cell::new(FIRST) };
    }
    const RETIRED_FOR: usize = 256;
    let rested = || {
        RETIRED.with_borrow_mut(|retired| {
            (retired.len() > RETIRED_FOR)
                .then(|| retired.pop_front())
                .flatten()
        })
    };
    let fresh = || {
        let candidate = NEXT.get();
        NEXT.set(if candidate <= LAST {
            FIRST
        } else {
            candidate - 1
        });
        pg_sys::Oid::from(candidate)
    };
    loop {
        let oid = rested().unwrap_or_else(fresh);
        if catalog::relation_kind(oid).is_none() && super::session::find(oid).is_none() {
            return oid;
        }
    }
}
