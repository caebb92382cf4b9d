//! Whether the server has statistics of an expression, or will have: those of a real index on it,
//! which the next `ANALYZE` fills, or of a statistics object.

use pgrx::{FromDatum, PgList, pg_sys};

use super::index_columns::read_node;

/// `STATS_EXT_EXPRESSIONS` of pg_statistic_ext.h, which the bindings of 18 leave out.
const EXPRESSIONS: std::ffi::c_char = b'e' as std::ffi::c_char;
/// `Anum_pg_statistic_ext_stxexprs` of the same header: the last column, 9th in all majors.
const STXEXPRS: i16 = 9;

unsafe extern "C-unwind" {
    fn statext_is_kind_built(tuple: pg_sys::HeapTuple, kind: std::ffi::c_char) -> bool;
}

/// Whether the planner would find statistics of `expression`, in which the open `relation` is
/// varno 1.
pub(super) fn has_statistics(relation: pg_sys::Relation, expression: *mut pg_sys::Node) -> bool {
    has_index(relation, expression) || has_statistics_object(relation, expression)
}

fn has_index(relation: pg_sys::Relation, expression: *mut pg_sys::Node) -> bool {
    // SAFETY: an open relation; its indexes are opened one at a time under the lock that planning
    // would take, and closed.
    unsafe {
        let lock = pg_sys::AccessShareLock as i32;
        let indexes = PgList::<pg_sys::Oid>::from_pg(pg_sys::RelationGetIndexList(relation));
        indexes.iter_oid().any(|oid| {
            let index = pg_sys::try_relation_open(oid, lock);
            if index.is_null() {
                return false;
            }
            let found = has_column(index, expression);
            pg_sys::relation_close(index, lock);
            found
        })
    }
}

/// # Safety
/// `index` must be an open index.
unsafe fn has_column(index: pg_sys::Relation, expression: *mut pg_sys::Node) -> bool {
    // SAFETY: the expressions are a list of nodes.
    unsafe {
        PgList::<pg_sys::Node>::from_pg(pg_sys::RelationGetIndexExpressions(index))
            .iter_ptr()
            .any(|node| pg_sys::equal(node.cast(), expression.cast()))
    }
}

fn has_statistics_object(relation: pg_sys::Relation, expression: *mut pg_sys::Node) -> bool {
    // SAFETY: an open relation; the list is of OIDs.
    let objects = unsafe {
        PgList::<pg_sys::Oid>::from_pg(pg_sys::RelationGetStatExtList(relation))
            .iter_oid()
            .collect::<Vec<_>>()
    };
    (objects.into_iter()).any(|object| is_built(object) && holds(object, expression))
}

/// Whether `ANALYZE` has filled the statistics object for the relation's own rows.
fn is_built(object: pg_sys::Oid) -> bool {
    // SAFETY: a syscache look-up, released before returning.
    unsafe {
        let tuple = pg_sys::SearchSysCache2(
            pg_sys::SysCacheIdentifier::STATEXTDATASTXOID as i32,
            pg_sys::Datum::from(object),
            pg_sys::Datum::from(false),
        );
        if tuple.is_null() {
            return false;
        }
        let built =
            pg_sys::ffi::pg_guard_ffi_boundary(|| statext_is_kind_built(tuple, EXPRESSIONS));
        pg_sys::ReleaseSysCache(tuple);
        built
    }
}

/// Whether the statistics object is on that expression, as the planner would see both.
fn holds(object: pg_sys::Oid, expression: *mut pg_sys::Node) -> bool {
    // SAFETY: a syscache look-up; the text is copied before the tuple is released, and was
    // written by nodeToString as a list of expressions.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::STATEXTOID as i32;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(object));
        if tuple.is_null() {
            return false;
        }
        let mut null = false;
        let value = pg_sys::SysCacheGetAttr(cache, tuple, STXEXPRS, &mut null);
        let text = String::from_datum(value, null);
        pg_sys::ReleaseSysCache(tuple);
        let Some(text) = text else { return false };
        let simplified = pg_sys::eval_const_expressions(std::ptr::null_mut(), read_node(&text));
        pg_sys::fix_opfuncids(simplified);
        PgList::<pg_sys::Node>::from_pg(simplified.cast())
            .iter_ptr()
            .any(|node| pg_sys::equal(node.cast(), expression.cast()))
    }
}
