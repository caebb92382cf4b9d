//! How many entries a query looks for in a GIN index, as the operator class tells.

use pgrx::{PgList, pg_sys};

use super::compat::tag;
use super::operator_class;

/// What the conditions of a scan look for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Searches {
    /// Entries that are known.
    pub(super) exact: f64,
    /// Entries of which the beginning is known, a hundred for each as the server takes it.
    pub(super) partial: f64,
}

/// Support functions of the keys of an index.
struct Keys {
    options: *mut *mut pg_sys::bytea,
    families: *mut pg_sys::Oid,
    input_types: *mut pg_sys::Oid,
    collations: *mut pg_sys::Oid,
    count: i16,
}

/// Follows `gincost_pattern` and `gincost_opexpr` of selfuncs.c. `None` where the server looks
/// through the whole index, or once for each element of an array.
///
/// # Safety
/// `path` must be a path that the planner wants the cost of.
pub(super) unsafe fn of_path(
    root: *mut pg_sys::PlannerInfo,
    path: *mut pg_sys::IndexPath,
) -> Option<Searches> {
    let mut found = Searches::default();
    // SAFETY: a path has index clauses, each with conditions whose left side is the key.
    unsafe {
        let index = (*path).indexinfo;
        let keys = Keys {
            options: (*index).opclassoptions,
            families: (*index).opfamily,
            input_types: (*index).opcintype,
            collations: (*index).indexcollations,
            count: (*index).nkeycolumns as i16,
        };
        let clauses = PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        for clause in clauses.iter_ptr() {
            let column = (*clause).indexcol;
            if column < 0 || column >= keys.count {
                return None;
            }
            let conditions = PgList::<pg_sys::RestrictInfo>::from_pg((*clause).indexquals);
            for condition in conditions.iter_ptr() {
                let node = (*condition).clause.cast::<pg_sys::Node>();
                if tag(node) != pg_sys::NodeTag::T_OpExpr {
                    return None;
                }
                add(root, &keys, column as usize, node.cast(), &mut found)?;
            }
        }
    }
    (found.exact + found.partial > 0.0).then_some(found)
}

/// # Safety
/// The condition must be one on that key column.
unsafe fn add(
    root: *mut pg_sys::PlannerInfo,
    keys: &Keys,
    column: usize,
    condition: *mut pg_sys::OpExpr,
    found: &mut Searches,
) -> Option<()> {
    // SAFETY: an operator of the family has two sides; the arrays have an entry per key column.
    unsafe {
        let sides = PgList::<pg_sys::Node>::from_pg((*condition).args);
        let mut operand = pg_sys::estimate_expression_value(root, sides.get_ptr(1)?);
        if tag(operand) == pg_sys::NodeTag::T_RelabelType {
            operand = (*operand.cast::<pg_sys::RelabelType>()).arg.cast();
        }
        if tag(operand) != pg_sys::NodeTag::T_Const {
            found.exact += 1.0;
            return Some(());
        }
        let constant = operand.cast::<pg_sys::Const>();
        if (*constant).constisnull {
            return None;
        }
        let family = *keys.families.add(column);
        let input = *keys.input_types.add(column);
        let number = pg_sys::GIN_EXTRACTQUERY_PROC as i16;
        let function = pg_sys::get_opfamily_proc(family, input, input, number);
        let strategy = pg_sys::get_op_opfamily_strategy((*condition).opno, family);
        if function == pg_sys::InvalidOid || strategy == 0 {
            return None;
        }
        let collation = match *keys.collations.add(column) {
            pg_sys::InvalidOid => pg_sys::DEFAULT_COLLATION_OID,
            collation => collation,
        };
        let options = *keys.options.add(column);
        let mut call = operator_class::callable(function, options);
        let counted = extract(&mut call, collation, (*constant).constvalue, strategy)?;
        found.exact += counted.exact;
        found.partial += counted.partial;
        Some(())
    }
}

/// # Safety
/// `call` must be the `extractQuery` function of a class that has an operator of that strategy.
unsafe fn extract(
    call: &mut pg_sys::FmgrInfo,
    collation: pg_sys::Oid,
    query: pg_sys::Datum,
    strategy: i32,
) -> Option<Searches> {
    const EACH_PARTIAL: f64 = 100.0;
    let (mut count, mut mode) = (0_i32, pg_sys::GIN_SEARCH_MODE_DEFAULT as i32);
    let mut partial = std::ptr::null_mut::<bool>();
    let mut extra = std::ptr::null_mut::<pg_sys::Pointer>();
    let mut nulls = std::ptr::null_mut::<bool>();
    // SAFETY: see above; where the function fills an array, it has an entry for each of `count`.
    unsafe {
        pg_sys::FunctionCall7Coll(
            call,
            collation,
            query,
            pg_sys::Datum::from(&raw mut count),
            pg_sys::Datum::from(strategy),
            pg_sys::Datum::from(&raw mut partial),
            pg_sys::Datum::from(&raw mut extra),
            pg_sys::Datum::from(&raw mut nulls),
            pg_sys::Datum::from(&raw mut mode),
        );
        let mut found = Searches::default();
        for number in 0..usize::try_from(count).unwrap_or(0) {
            if !partial.is_null() && *partial.add(number) {
                found.partial += EACH_PARTIAL;
            } else {
                found.exact += 1.0;
            }
        }
        match mode as u32 {
            pg_sys::GIN_SEARCH_MODE_DEFAULT if count > 0 => Some(found),
            pg_sys::GIN_SEARCH_MODE_INCLUDE_EMPTY => {
                found.exact += 1.0;
                Some(found)
            }
            // Nothing can match, or everything is looked at.
            _ => None,
        }
    }
}
