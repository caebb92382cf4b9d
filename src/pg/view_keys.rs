//! Which columns of a materialized view tell its rows apart, as far as its query says.

use pgrx::{PgList, pg_sys};

use super::compat::tag;
use super::opened_view::Opened;

/// What a query says of the rows it returns. Columns are numbers of the view's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowKey {
    /// No two rows have the same values in these.
    Columns(Vec<i16>),
    /// There is one row.
    OneRow,
    /// Each row is one of this table, whose columns (first) are the view's (second).
    RowsOf(u32, Vec<(i16, i16)>),
    /// It does not say.
    Unknown,
}

/// What the query of `view` says; `None` when it is no materialized view (any more).
pub(crate) fn row_key(view: pg_sys::Oid) -> Option<RowKey> {
    let opened = Opened::materialized_view(view)?;
    // SAFETY: the query lives as long as the relation is open, and is only read.
    Some(unsafe { key_of(&*opened.query()?) })
}

/// # Safety
/// The query must be valid.
unsafe fn key_of(query: &pg_sys::Query) -> RowKey {
    // SAFETY: see above; every list holds what the server's nodes say it holds.
    unsafe {
        if !query.setOperations.is_null() {
            let operation = query.setOperations.cast::<pg_sys::SetOperationStmt>();
            return match (*operation).all {
                true => RowKey::Unknown,
                false => RowKey::Columns(columns(query).map(|(number, _)| number).collect()),
            };
        }
        if !query.distinctClause.is_null() {
            return grouped(query, query.distinctClause);
        }
        if query.hasTargetSRFs || !query.groupingSets.is_null() {
            return RowKey::Unknown;
        }
        if !query.groupClause.is_null() {
            return grouped(query, query.groupClause);
        }
        if query.hasAggs || !query.havingQual.is_null() {
            return RowKey::OneRow;
        }
        rows_of_table(query)
    }
}

/// The columns of the view in their order.
///
/// # Safety
/// The query must be valid.
unsafe fn columns(query: &pg_sys::Query) -> impl Iterator<Item = (i16, *mut pg_sys::TargetEntry)> {
    // SAFETY: a list of target entries.
    let entries: Vec<_> = unsafe {
        PgList::<pg_sys::TargetEntry>::from_pg(query.targetList)
            .iter_ptr()
            .filter(|entry| !(**entry).resjunk)
            .map(|entry| ((*entry).resno, entry))
            .collect()
    };
    entries.into_iter()
}

/// The columns that a GROUP BY or DISTINCT names, if all of them are shown.
///
/// # Safety
/// The query must be valid, and `clauses` a list of its clauses.
unsafe fn grouped(query: &pg_sys::Query, clauses: *mut pg_sys::List) -> RowKey {
    // SAFETY: see above.
    let shown: Option<Vec<i16>> = unsafe {
        PgList::<pg_sys::SortGroupClause>::from_pg(clauses)
            .iter_ptr()
            .map(|clause| {
                columns(query)
                    .find(|(_, entry)| (**entry).ressortgroupref == (*clause).tleSortGroupRef)
                    .map(|(number, _)| number)
            })
            .collect()
    };
    match shown {
        Some(shown) if !shown.is_empty() => RowKey::Columns(shown),
        _ => RowKey::Unknown,
    }
}

/// # Safety
/// The query must be valid.
unsafe fn rows_of_table(query: &pg_sys::Query) -> RowKey {
    // SAFETY: see above; the tag tells each node's type, and a range table has an entry for each
    // reference.
    unsafe {
        if query.jointree.is_null() {
            return RowKey::Unknown;
        }
        let from = PgList::<pg_sys::Node>::from_pg((*query.jointree).fromlist);
        let (1, Some(first)) = (from.len(), from.head()) else {
            return RowKey::Unknown;
        };
        if tag(first) != pg_sys::NodeTag::T_RangeTblRef {
            return RowKey::Unknown;
        }
        let index = (*first.cast::<pg_sys::RangeTblRef>()).rtindex;
        let entries = PgList::<pg_sys::RangeTblEntry>::from_pg(query.rtable);
        let place = usize::try_from(index - 1).unwrap_or(usize::MAX);
        let Some(entry) = entries.get_ptr(place) else {
            return RowKey::Unknown;
        };
        if (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION {
            return RowKey::Unknown;
        }
        let shown = columns(query).filter_map(|(number, entry)| {
            let value = (*entry).expr.cast::<pg_sys::Node>();
            if tag(value) != pg_sys::NodeTag::T_Var {
                return None;
            }
            let var = &*value.cast::<pg_sys::Var>();
            (var.varno == index && var.varlevelsup == 0 && var.varattno > 0)
                .then_some((var.varattno, number))
        });
        RowKey::RowsOf((*entry).relid.to_u32(), shown.collect())
    }
}

/// Whether a B-tree index can have a column of that type as it is.
pub(crate) fn is_ordered(of: pg_sys::Oid) -> bool {
    let wanted = pg_sys::TYPECACHE_BTREE_OPFAMILY | pg_sys::TYPECACHE_CMP_PROC;
    // SAFETY: a look-up of a column's type, which exists; arrays and rows are asked for what they
    // consist of.
    unsafe {
        let entry = pg_sys::lookup_type_cache(of, wanted as i32);
        (*entry).btree_opf != pg_sys::InvalidOid && (*entry).cmp_proc != pg_sys::InvalidOid
    }
}
