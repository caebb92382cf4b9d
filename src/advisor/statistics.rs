//! Extended statistics worth making: for columns of one table that statements compare together
//! and that have to do with each other.
//!
//! No statement is executed. A bounded sample of the table is read as its owner, in a
//! security-restricted operation, as `ANALYZE` does it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use serde::Deserialize;

use super::advice::{Action, Plan, Recommendation};
use super::correlation::{Correlation, Sample};
use super::evidence::{Evidence, Goes};
use super::naming;
use super::observe::Observed;
use super::tables::Table;
use crate::error::Result;
use crate::pg::catalog::quote;
use crate::pg::relation_facts::{ClauseKind, Element, RelationFacts};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::{roles, spi};
use crate::settings;

/// How many times too few rows the planner must expect.
const LEAST_FACTOR: f64 = 10.0;

/// Sets of columns looked at in one request, those of the dearest statements first.
const MAX_SETS: usize = 16;

/// Columns of one set: statistics have at most 8, and every one is sorted.
const MAX_COLUMNS: usize = 6;

/// Columns of a table in all sets together, those of the dearest first.
const MAX_SAMPLED_COLUMNS: usize = 12;

/// Rows of a sample, as many as `ANALYZE` reads by default, ...
const MAX_ROWS: f64 = 30_000.0;

/// ... and pages it is taken from: rows of one page are often alike.
const MAX_PAGES: f64 = 3_000.0;

/// Share of the rows from which one column is said to tell the others, so that the most common
/// combinations need not be kept as well.
const TELLING: f64 = 0.95;

/// Columns that statements compare together.
pub(super) struct Compared {
    table: u32,
    columns: Vec<i16>,
    /// Weighted cost of the statements, and how many they are.
    cost: f64,
    statements: BTreeSet<usize>,
}

/// The sets of columns that statements compare with `=` or `IN`, the dearest first.
pub(super) fn compared(observed: &[Observed]) -> Vec<Compared> {
    let mut sets: BTreeMap<(u32, Vec<i16>), Compared> = BTreeMap::new();
    for observed in observed {
        let statement = &observed.statement;
        for facts in &observed.facts {
            let columns = compared_columns(facts);
            if columns.len() < 2 || facts.tuples < settings::min_table_rows() {
                continue;
            }
            let set = (sets.entry((facts.table, columns.clone()))).or_insert_with(|| Compared {
                table: facts.table,
                columns,
                cost: 0.0,
                statements: BTreeSet::new(),
            });
            set.cost += statement.weight() * statement.base.cost;
            set.statements.insert(statement.ordinal);
        }
    }
    let mut sets: Vec<Compared> = sets.into_values().collect();
    sets.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    sets.truncate(MAX_SETS);
    sets
}

fn compared_columns(facts: &RelationFacts) -> Vec<i16> {
    let columns: BTreeSet<i16> = (facts.clauses.iter())
        .filter(|clause| matches!(clause.kind, ClauseKind::Equality | ClauseKind::In))
        .filter_map(|clause| match clause.element {
            Element::Column(attribute) if attribute > 0 => Some(attribute),
            _ => None,
        })
        .collect();
    columns.into_iter().take(MAX_COLUMNS).collect()
}

/// What the catalogs say of statistics on a table.
#[derive(Deserialize)]
struct Known {
    /// Whether policies say who sees which rows.
    has_policies: bool,
    /// Columns of statistics that tell of dependencies or common combinations.
    statistics: Vec<BTreeSet<i16>>,
    /// Columns that can be sorted by the server's own code: reading the sample runs no other.
    sortable: Vec<i16>,
    /// Names of statistics in the table's schema.
    names: Vec<String>,
}

/// What a table tells, read once for all sets of its columns.
struct Read {
    known: Known,
    columns: Vec<i16>,
    sample: Option<Sample>,
}

impl Read {
    /// Reads a sample of the columns that `sets` compare; none of a table with row-level
    /// security, or that the caller may not read.
    fn new(table: &Table, sets: &[Compared]) -> Result<Self> {
        let known = known(table)?;
        let of_table = sets.iter().filter(|set| set.table == table.oid);
        let mut columns: Vec<i16> = Vec::new();
        for column in of_table
            .filter(|set| !known.has(&set.columns))
            .flat_map(|set| &set.columns)
        {
            let is_new = known.sortable.contains(column) && !columns.contains(column);
            if is_new && columns.len() < MAX_SAMPLED_COLUMNS {
                columns.push(*column);
            }
        }
        let may_be_told = roles::may_read_table(pg_sys::Oid::from(table.oid));
        let sample = match known.has_policies || !may_be_told {
            true => None,
            // A table that is locked is left out.
            false => sample(table, &columns).unwrap_or_default(),
        };
        Ok(Self {
            known,
            columns,
            sample,
        })
    }

    /// The columns of `set` that go together, and the sample they were found in.
    fn correlation(&self, set: &Compared) -> Option<(Vec<i16>, Correlation, usize)> {
        let places: Vec<usize> = (set.columns.iter())
            .filter_map(|column| self.columns.iter().position(|known| known == column))
            .collect();
        let sample = self.sample.as_ref()?;
        let correlation = sample.correlation(places, LEAST_FACTOR)?;
        let mut columns: Vec<i16> = (correlation.columns.iter())
            .filter_map(|&place| self.columns.get(place).copied())
            .collect();
        columns.sort_unstable();
        (!self.known.has(&columns)).then_some((columns, correlation, sample.len()))
    }
}

impl Known {
    /// Whether there are statistics on all of these columns.
    fn has(&self, columns: &[i16]) -> bool {
        (self.statistics.iter()).any(|known| columns.iter().all(|column| known.contains(column)))
    }
}

/// Recommendations for statistics, with `evidence` on each table.
pub(super) fn recommend(
    sets: &[Compared],
    tables: &BTreeMap<u32, Table>,
    deadline: Instant,
    evidence: impl Fn(u32) -> Evidence,
) -> Result<Vec<Recommendation>> {
    let mut read: BTreeMap<u32, Read> = BTreeMap::new();
    let mut recommended: BTreeSet<(u32, Vec<i16>)> = BTreeSet::new();
    let mut names: Vec<(String, String)> = Vec::new();
    let mut recommendations = Vec::new();
    for set in sets {
        pgrx::check_for_interrupts!();
        if Instant::now() >= deadline {
            break;
        }
        // The scans of partitions know nothing of statistics on the whole.
        let Some(table) = tables
            .get(&set.table)
            .filter(|table| !table.is_partitioned())
        else {
            continue;
        };
        let read = match read.entry(table.oid) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Read::new(table, sets)?),
        };
        let Some((columns, correlation, length)) = read.correlation(set) else {
            continue;
        };
        if !recommended.insert((table.oid, columns.clone())) {
            continue;
        }
        let plan = plan(table, &columns, &correlation, &read.known, &mut names);
        recommendations.push(one(
            table,
            &columns,
            set,
            &correlation,
            plan,
            length,
            &evidence,
        ));
    }
    Ok(recommendations)
}

fn one(
    table: &Table,
    columns: &[i16],
    set: &Compared,
    correlation: &Correlation,
    plan: Plan,
    sampled_rows: usize,
    evidence: &impl Fn(u32) -> Evidence,
) -> Recommendation {
    let names = names_of(table, columns);
    Recommendation {
        action: Action::CreateStatistics,
        table: table.oid,
        plan,
        access_method: None,
        kind: "statistics",
        size: None,
        build_seconds: None,
        benefit: None,
        write_penalty: None,
        cost_before: None,
        cost_after: None,
        seconds_saved: None,
        statements: set.statements.len(),
        reason: format!(
            "{} go together: where the planner expects {:.0} rows, about {:.0} match",
            names.join(" and "),
            correlation.expected,
            correlation.found
        ),
        evidence: Evidence {
            goes_together: Some(Goes {
                columns: names,
                expected_rows: correlation.expected,
                found_rows: correlation.found,
                dependency: correlation.dependency,
                sampled_rows,
            }),
            ..evidence(table.oid)
        },
    }
}

fn plan(
    table: &Table,
    columns: &[i16],
    correlation: &Correlation,
    known: &Known,
    names: &mut Vec<(String, String)>,
) -> Plan {
    let kinds = match correlation.dependency >= TELLING {
        true => "ndistinct, dependencies",
        false => "ndistinct, dependencies, mcv",
    };
    let words: Vec<String> = std::iter::once(table.name.clone())
        .chain((columns.iter()).filter_map(|column| Some(table.columns.get(column)?.name.clone())))
        .collect();
    let words = words.join("_");
    let name = (1_u32..)
        .map(|number| match number {
            1 => naming::with_suffix(&words, "_stat"),
            number => naming::with_suffix(&words, &format!("_stat{number}")),
        })
        .find(|name| {
            !known.names.contains(name) && !names.contains(&(table.schema.clone(), name.clone()))
        })
        .unwrap_or_default();
    names.push((table.schema.clone(), name.clone()));
    let name = format!("{}.{}", quote(&table.schema), quote(&name));
    let ddl = format!(
        "CREATE STATISTICS IF NOT EXISTS {name} ({kinds}) ON {} FROM {}",
        names_of(table, columns).join(", "),
        table.qualified
    );
    let undo = format!("DROP STATISTICS IF EXISTS {name}");
    Plan {
        steps: vec![ddl.clone(), format!("ANALYZE {}", table.qualified)],
        undo_steps: vec![undo.clone()],
        ddl,
        undo,
        ..Plan::default()
    }
}

fn names_of(table: &Table, columns: &[i16]) -> Vec<String> {
    (columns.iter())
        .filter_map(|column| Some(table.columns.get(column)?.quoted.clone()))
        .collect()
}

fn known(table: &Table) -> Result<Known> {
    spi::json(
        "SELECT jsonb_build_object(
           'has_policies', c.relrowsecurity,
           'statistics', (SELECT coalesce(jsonb_agg(to_jsonb(s.stxkeys::int2[])), '[]') FROM pg_statistic_ext s
                           WHERE s.stxrelid = c.oid AND s.stxkind && '{f,m}'::\"char\"[]),
           'sortable', (SELECT coalesce(jsonb_agg(a.attnum), '[]')
                          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                         WHERE a.attrelid = c.oid AND a.attgenerated <> 'v'
                           AND (t.typtype = 'e' OR t.oid < 16384 AND t.typtype IN ('b', 'r', 'm')
                                OR t.typtype = 'd' AND t.typbasetype < 16384)),
           'names', (SELECT coalesce(jsonb_agg(s.stxname), '[]') FROM pg_statistic_ext s
                      WHERE s.stxnamespace = c.relnamespace))
           FROM pg_class c WHERE c.oid = $1",
        &[DatumWithOid::from(pg_sys::Oid::from(table.oid))],
    )
}

/// Rows of a few pages from all over the table; the same as long as the table is.
fn sample(table: &Table, columns: &[i16]) -> Result<Option<Sample>> {
    let pages = (table.bytes / f64::from(pg_sys::BLCKSZ)).max(1.0);
    let share = (MAX_PAGES / pages).min(1.0);
    // By a hash, as every n-th row may be a special one.
    let kept = (MAX_ROWS / (table.tuples * share).max(1.0) * 65_536.0).min(65_536.0);
    let names = names_of(table, columns);
    if names.len() < 2 || names.len() != columns.len() {
        return Ok(None);
    }
    let numbered: Vec<String> = (names.iter().enumerate())
        .map(|(place, name)| {
            format!("CASE WHEN s.{name} IS NULL THEN 0 ELSE dense_rank() OVER (ORDER BY s.{name}) END AS c{place}")
        })
        .collect();
    let arrays: Vec<String> = (0..names.len())
        .map(|place| format!("coalesce(jsonb_agg(r.c{place}), '[]')"))
        .chain(["coalesce(jsonb_agg(r.page), '[]')".to_owned()])
        .collect();
    let sql = format!(
        "SELECT jsonb_build_array({}) FROM (
           SELECT {}, (s.pgopt_place::text::point)[0]::bigint AS page FROM (
             SELECT * FROM (
               SELECT {}, ctid AS pgopt_place, row_number() OVER () AS pgopt_row
                 FROM ONLY {} TABLESAMPLE SYSTEM ({}) REPEATABLE (0)) AS paged
              WHERE (hashint8(paged.pgopt_row) & 65535) < {kept:.0} LIMIT {MAX_ROWS}) AS s) AS r",
        arrays.join(", "),
        numbered.join(", "),
        names.join(", "),
        table.qualified,
        (share * 100.0).max(1e-4),
    );
    let owner = Surroundings {
        role: Some(pg_sys::Oid::from(table.owner)),
        settings: vec![("lock_timeout".to_owned(), settings::sandbox_lock_timeout())],
    };
    let mut columns: Vec<Vec<u32>> = rolled_back(&owner, || spi::json(&sql, &[]))?;
    let pages = columns.pop().unwrap_or_default();
    Ok(Sample::new(columns, pages, table.tuples))
}
