//! What some rows of a table say of the keys of an index that is not there: statistics of its
//! expressions, entries of its GIN columns, prefixes of its SP-GiST texts.
//!
//! Values are computed as the current user inside a security-restricted operation that is rolled
//! back, in which no function of a third role is run; whatever goes wrong there only means that
//! nothing is known.

use std::time::{Duration, Instant};

use pgrx::{PgList, pg_sys};

use super::expression_statistics::has_statistics;
use super::gin_entries::{self, CountedEntries};
use super::index_columns::{ColumnMap, column_references};
use super::index_definition::{IndexDefinition, IndexKey};
use super::made_statistics::{self, MadeStatistics, Values};
use super::memory::OwnedContext;
use super::rollback::{Surroundings, rolled_back};
use super::shared_prefixes::SharedPrefixes;
use super::table_sample::{Go, Limits, Opened, each_row, may_be_told_of};
use super::value_copies::{bytes_of, copied};
use super::{catalog, index_info, operator_class, sizing};
use crate::error::{Error, Result};

/// Rows are read, and values computed, no longer than this.
const LIMITS: Limits = Limits {
    rows: 3000,
    blocks: 300,
    time: Duration::from_millis(300),
};
/// Time for counting entries.
const COUNTING: Duration = Duration::from_millis(300);
/// Size of a value, as stored or decompressed, above which its row is left out.
const MAX_VALUE: usize = 256 * 1024;
/// Size of all values together above which no more rows are read.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// What is known of the rows that were looked at.
#[derive(Debug, Clone)]
pub(crate) struct Sampled {
    /// For each key of the index.
    pub(crate) keys: Vec<SampledKey>,
}

/// What is known of one key.
#[derive(Debug, Clone, Default)]
pub(crate) struct SampledKey {
    /// Of an expression.
    pub(crate) statistics: Option<MadeStatistics>,
    /// Whether the server has no better ones, or will not have them.
    pub(crate) for_planner: bool,
    /// Of a GIN index.
    pub(crate) entries: Option<CountedEntries>,
    /// Of an SP-GiST index over texts.
    pub(crate) prefixes: Option<SharedPrefixes>,
    /// Share of NULLs.
    pub(crate) null_fraction: f64,
}

/// Looks at some rows of the largest relation that the index would be on; `None` when nothing
/// has to be known, or can be. An error is one that building the index would raise as well.
pub(crate) fn sample(definition: &IndexDefinition) -> Result<Option<Sampled>> {
    let wanted = |key| wants_values(definition.access_method, key);
    if definition.expressions.is_none() && !definition.keys.iter().any(wanted) {
        return Ok(None);
    }
    let Some(leaf) = sizing::largest_leaf(definition.table) else {
        return Ok(None);
    };
    // SAFETY: reads backend-local state.
    let user = unsafe { pg_sys::GetUserId() };
    let surroundings = Surroundings {
        role: Some(user),
        settings: Vec::new(),
    };
    let outcome: Result<Option<Sampled>> = rolled_back(&surroundings, || {
        let context = OwnedContext::new();
        Ok(context.enter(|| look(definition, leaf)))
    });
    match outcome {
        Err(error) if is_of_a_row(&error) => Err(error),
        outcome => Ok(outcome.ok().flatten()),
    }
}

/// Whether an error is about what is in a row: a data exception, a constraint, one raised by a
/// function.
fn is_of_a_row(error: &Error) -> bool {
    let state = error.sqlstate_text();
    ["22", "23", "P0"]
        .iter()
        .any(|class| state.starts_with(class))
}

/// Whether the size of an index depends on more than the statistics of the key's column tell.
fn wants_values(access_method: pg_sys::Oid, key: &IndexKey) -> bool {
    match access_method {
        pg_sys::GIN_AM_OID => true,
        pg_sys::SPGIST_AM_OID => is_tree_of_texts(access_method, key),
        _ => false,
    }
}

/// Whether texts are stored as what remains of them along the way through inner tuples.
fn is_tree_of_texts(access_method: pg_sys::Oid, key: &IndexKey) -> bool {
    access_method == pg_sys::SPGIST_AM_OID
        && operator_class::spgist_config(key).is_some_and(|config| config.labelled)
}

/// A key whose values are wanted.
struct Wanted {
    position: usize,
    expression: *mut pg_sys::Node,
    is_expression: bool,
    /// Whether the server has statistics of the expression.
    known: bool,
    state: *mut pg_sys::ExprState,
    by_value: bool,
    length: i16,
}

/// The values of one row, and where it is.
struct Row {
    place: u64,
    values: Vec<Option<pg_sys::Datum>>,
}

fn look(definition: &IndexDefinition, leaf: pg_sys::Oid) -> Option<Sampled> {
    let columns = ColumnMap::new(definition, leaf)?;
    let opened = Opened::readable(leaf)?;
    if !may_be_told_of(definition.table) {
        return None;
    }
    let mut wanted = wanted(definition, leaf, &columns, &opened);
    if wanted.is_empty() {
        return None;
    }
    // SAFETY: the predicate is an implicit-AND list; an empty one is always true.
    let predicate = unsafe {
        let list = columns.expression_list(definition.predicate.as_deref(), 1);
        if list.is_null() {
            std::ptr::null_mut()
        } else {
            pg_sys::make_ands_explicit(list).cast::<pg_sys::Node>()
        }
    };
    let (rows, seen) = read(leaf, &opened, &mut wanted, predicate);
    let (table_rows, _) = index_info::estimated_size(leaf);
    let indexed = table_rows * f64::from(u32::try_from(rows.len()).ok()?) / f64::from(seen.max(1));
    let mut keys = vec![SampledKey::default(); definition.keys.len()];
    for (column, wanted) in wanted.iter().enumerate() {
        if let Some(key) = keys.get_mut(wanted.position) {
            *key = key_facts(definition, wanted, &rows, column, indexed)?;
        }
    }
    Some(Sampled { keys })
}

fn key_facts(
    definition: &IndexDefinition,
    wanted: &Wanted,
    rows: &[Row],
    column: usize,
    indexed: f64,
) -> Option<SampledKey> {
    let key = definition.keys.get(wanted.position)?;
    let values: Vec<Option<pg_sys::Datum>> = (rows.iter())
        .map(|row| row.values.get(column).copied().flatten())
        .collect();
    let nulls = values.iter().filter(|value| value.is_none()).count();
    let null_fraction = nulls as f64 / values.len().max(1) as f64;
    let gin = definition.access_method == pg_sys::GIN_AM_OID;
    let entries = gin.then(|| {
        let present = values.iter().copied().flatten();
        let end = Instant::now() + COUNTING;
        gin_entries::count(definition.access_method, key, present, end)
    });
    let texts = is_tree_of_texts(definition.access_method, key) && wanted.length == -1;
    let prefixes = texts.then(|| {
        // SAFETY: copies of variable length, decompressed.
        let bytes = |value: &pg_sys::Datum| unsafe { bytes_of(*value) };
        SharedPrefixes::of(values.iter().flatten().map(bytes).collect())
    });
    // SAFETY: the expression is a live node.
    let (modifier, collation) = unsafe {
        let collation = match key.collation {
            pg_sys::InvalidOid => pg_sys::exprCollation(wanted.expression),
            collation => collation,
        };
        (pg_sys::exprTypmod(wanted.expression), collation)
    };
    let statistics = wanted.is_expression.then(|| {
        made_statistics::gather(&mut Values {
            type_oid: key.column_type,
            modifier,
            collation,
            nulls: values.iter().map(Option::is_none).collect(),
            values: (values.iter())
                .map(|value| value.unwrap_or(pg_sys::Datum::from(0)))
                .collect(),
            table_rows: indexed,
        })
    });
    Some(SampledKey {
        statistics: statistics.flatten(),
        for_planner: !wanted.known,
        entries: entries.flatten(),
        prefixes: prefixes.flatten(),
        null_fraction,
    })
}

/// The keys whose values have to be looked at, with their expressions in terms of the relation.
fn wanted(
    definition: &IndexDefinition,
    leaf: pg_sys::Oid,
    columns: &ColumnMap,
    opened: &Opened,
) -> Vec<Wanted> {
    // SAFETY: read back in the current context; varno 1 is the relation.
    let list = unsafe { columns.expression_list(definition.expressions.as_deref(), 1) };
    // SAFETY: a list of expressions.
    let expressions = unsafe { PgList::<pg_sys::Node>::from_pg(list) };
    let mut next = expressions.iter_ptr();
    let mut found = Vec::new();
    for (position, key) in definition.keys.iter().enumerate() {
        let is_expression = key.attribute == 0;
        let node = if is_expression {
            next.next()
        } else {
            variable(leaf, columns.map(key.attribute))
        };
        let Some(expression) = node else { continue };
        let known = is_expression && has_statistics(opened.0, expression);
        if is_expression || wants_values(definition.access_method, key) {
            found.push(Wanted {
                position,
                expression,
                is_expression,
                known,
                state: std::ptr::null_mut(),
                by_value: catalog::is_by_value(key.column_type),
                length: catalog::type_storage(key.column_type, -1).length,
            });
        }
    }
    found
}

fn variable(relation: pg_sys::Oid, attribute: i16) -> Option<*mut pg_sys::Node> {
    let column = catalog::column_type(relation, attribute)?;
    // SAFETY: a node in the current context.
    let var = unsafe {
        pg_sys::makeVar(
            1,
            attribute,
            column.oid,
            column.modifier,
            column.collation,
            0,
        )
    };
    Some(var.cast())
}

/// Computes the wanted values of some rows: those that satisfy the predicate, in the order of
/// the table, and how many rows were looked at.
fn read(
    leaf: pg_sys::Oid,
    opened: &Opened,
    wanted: &mut [Wanted],
    predicate: *mut pg_sys::Node,
) -> (Vec<Row>, u32) {
    let (table_rows, pages) = index_info::estimated_size(leaf);
    let mut evaluator = Evaluator::new(wanted, predicate);
    let (mut rows, mut seen, mut bytes) = (Vec::new(), 0, 0);
    each_row(
        opened,
        table_rows / pages.max(1.0),
        LIMITS,
        |slot, place| {
            seen += 1;
            if let Some((values, size)) = evaluator.values(slot, wanted) {
                bytes += size;
                rows.push(Row { place, values });
            }
            if bytes >= MAX_BYTES { Go::Stop } else { Go::On }
        },
    );
    evaluator.end();
    rows.sort_unstable_by_key(|row| row.place);
    (rows, seen - evaluator.left_out.min(seen))
}

/// Expressions made ready to be evaluated over a row.
struct Evaluator {
    estate: *mut pg_sys::EState,
    context: *mut pg_sys::ExprContext,
    predicate: *mut pg_sys::ExprState,
    /// Columns that may be too large to be looked at.
    wide: Vec<i16>,
    /// Rows left out because of such a column.
    left_out: u32,
}

impl Evaluator {
    fn new(wanted: &mut [Wanted], predicate: *mut pg_sys::Node) -> Self {
        // SAFETY: follows `compute_expr_stats` of extended_stats.c; all of it lives in the
        // executor state, which `end` frees.
        unsafe {
            let estate = pg_sys::CreateExecutorState();
            let context = pg_sys::MakePerTupleExprContext(estate);
            let ready = |node: *mut pg_sys::Node| pg_sys::ExecPrepareExpr(node.cast(), estate);
            let mut wide = Vec::new();
            for key in wanted.iter_mut() {
                key.state = ready(key.expression);
                wide.extend(column_references(key.expression));
            }
            if !predicate.is_null() {
                wide.extend(column_references(predicate));
            }
            let mut wide: Vec<i16> = (wide.into_iter())
                .filter(|(_, column_type)| catalog::type_storage(*column_type, -1).length == -1)
                .map(|(attribute, _)| attribute)
                .collect();
            wide.sort_unstable();
            wide.dedup();
            Self {
                estate,
                context,
                predicate: if predicate.is_null() {
                    std::ptr::null_mut()
                } else {
                    ready(predicate)
                },
                wide,
                left_out: 0,
            }
        }
    }

    /// Copies of the wanted values and their size; `None` for a row that is not indexed, or that
    /// is too large.
    fn values(
        &mut self,
        slot: *mut pg_sys::TupleTableSlot,
        wanted: &[Wanted],
    ) -> Option<(Vec<Option<pg_sys::Datum>>, usize)> {
        // SAFETY: the slot holds a row of the relation the expressions were made for; what they
        // leave in the per-row context is freed before the next.
        unsafe {
            (*self.context).ecxt_scantuple = slot;
            pg_sys::MemoryContextReset((*self.context).ecxt_per_tuple_memory);
            for attribute in &self.wide {
                let mut null = false;
                let value = pg_sys::slot_getattr(slot, (*attribute).into(), &mut null);
                if !null && pg_sys::toast_raw_datum_size(value) > MAX_VALUE {
                    self.left_out += 1;
                    return None;
                }
            }
            if !self.predicate.is_null() {
                let (value, null) = self.evaluate(self.predicate);
                if null || value.value() == 0 {
                    return None;
                }
            }
            let mut size = 0;
            let values = wanted.iter().map(|key| {
                let (value, null) = self.evaluate(key.state);
                (!null).then(|| {
                    let (copy, bytes) = copied(value, key.length, key.by_value);
                    size += bytes;
                    copy
                })
            });
            let values = values.collect();
            Some((values, size))
        }
    }

    /// # Safety
    /// The state must be of this evaluator, with a row in its context.
    unsafe fn evaluate(&self, state: *mut pg_sys::ExprState) -> (pg_sys::Datum, bool) {
        let mut null = false;
        // SAFETY: see above.
        let value = unsafe { pg_sys::ExecEvalExprSwitchContext(state, self.context, &mut null) };
        (value, null)
    }

    fn end(&self) {
        // SAFETY: made by `new`, used no more.
        unsafe { pg_sys::FreeExecutorState(self.estate) }
    }
}
