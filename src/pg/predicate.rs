//! What the predicate of a partial index says of single columns.

use pgrx::{PgList, pg_sys};

use super::index_columns::{column_references, read_node};
use super::index_definition::IndexDefinition;
use super::memory::OwnedContext;
use super::{catalog, compat};

/// What a predicate says of a column it mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Restriction {
    /// The column.
    pub(crate) attribute: i16,
    /// Whether it is always NULL in the index, or never; `None` for either.
    pub(crate) null: Option<bool>,
    /// Whether the predicate mentions no other column.
    pub(crate) alone: bool,
}

/// The columns that the predicate of a definition mentions; none without a predicate.
pub(crate) fn restrictions(definition: &IndexDefinition) -> Vec<Restriction> {
    let Some(text) = definition.predicate.as_deref() else {
        return Vec::new();
    };
    let context = OwnedContext::new();
    context.enter(|| {
        // SAFETY: the text was written by nodeToString, as an implicit-AND list.
        let clauses = unsafe { read_node(text) };
        let mut columns: Vec<i16> = (column_references(clauses).into_iter())
            .map(|(attribute, _)| attribute)
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let alone = columns.len() == 1;
        (columns.into_iter())
            .map(|attribute| Restriction {
                attribute,
                // SAFETY: the clauses are a list of boolean expressions over varno 1.
                null: unsafe { implied_nullness(definition.table, attribute, clauses.cast()) },
                alone,
            })
            .collect()
    })
}

/// # Safety
/// `clauses` must be an implicit-AND list over `table` as varno 1.
unsafe fn implied_nullness(
    table: pg_sys::Oid,
    attribute: i16,
    clauses: *mut pg_sys::List,
) -> Option<bool> {
    let column = catalog::column_type(table, attribute)?;
    // SAFETY: nodes of the right tags, made in the current context.
    unsafe {
        let implies = |kind: pg_sys::NullTestType::Type| {
            let test = compat::make_node::<pg_sys::NullTest>(pg_sys::NodeTag::T_NullTest);
            let var = pg_sys::makeVar(
                1,
                attribute,
                column.oid,
                column.modifier,
                column.collation,
                0,
            );
            (*test).arg = var.cast();
            (*test).nulltesttype = kind;
            let mut tests = PgList::<pg_sys::NullTest>::new();
            tests.push(test);
            pg_sys::predicate_implied_by(tests.into_pg(), clauses, false)
        };
        if implies(pg_sys::NullTestType::IS_NOT_NULL) {
            Some(false)
        } else {
            implies(pg_sys::NullTestType::IS_NULL).then_some(true)
        }
    }
}
