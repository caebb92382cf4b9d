//! Index expressions and predicates: what they may contain, and how they are kept.

use pgrx::{PgList, PgRelation, PgSqlErrorCode, pg_sys};

use super::columns::Column;
use super::text;
use crate::error::{Error, Result};

/// Refuses a predicate that is not immutable. Follows `CheckPredicate`
/// (`commands/indexcmds.c`).
pub(super) fn check_predicate(predicate: *mut pg_sys::Node) -> Result<()> {
    if predicate.is_null() || !is_mutable(predicate) {
        return Ok(());
    }
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION,
        "functions in index predicate must be marked IMMUTABLE",
    ))
}

/// Whether an analysed expression calls functions that are not immutable, once the planner has
/// added default arguments and inlined what it can. Follows `contain_mutable_functions_after_planning`
/// (`optimizer/util/clauses.c`), which the first minor releases of 15 and 16 do not have.
pub(super) fn is_mutable(expression: *mut pg_sys::Node) -> bool {
    with_definers_search_path(|| {
        // SAFETY: a node tree from parse analysis; the planner works on a copy.
        unsafe {
            let planned = pg_sys::expression_planner(expression.cast());
            pg_sys::contain_mutable_functions(planned.cast())
        }
    })
}

/// Runs `work` under the search path that `DefineIndex` sets for the functions that it calls.
/// An error in between leaves the settings to the end of the (sub)transaction, as in the server.
#[cfg(not(any(feature = "pg15", feature = "pg16")))]
fn with_definers_search_path<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: opens a level of settings, which is closed below.
    let level = unsafe {
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::RestrictSearchPath();
        level
    };
    let result = work();
    // SAFETY: the level that was opened above; nothing in between leaves one open.
    unsafe { pg_sys::AtEOXact_GUC(false, level) };
    result
}

/// Runs `work`: before 17, `DefineIndex` leaves the search path alone.
#[cfg(any(feature = "pg15", feature = "pg16"))]
fn with_definers_search_path<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Refuses system columns and virtual generated columns, as keys and in expressions. Follows
/// `DefineIndex` (`commands/indexcmds.c`).
pub(super) fn check_columns(
    table: &PgRelation,
    keys: &[Column],
    included: &[Column],
    predicate: *mut pg_sys::Node,
) -> Result<()> {
    for column in keys.iter().chain(included) {
        check_attribute(table, column.attribute)?;
    }
    let used = Attributes::of(keys, predicate);
    // The server looks for system columns first, which have the lower numbers.
    for attribute in used.iter() {
        check_attribute(table, attribute)?;
    }
    Ok(())
}

fn check_attribute(table: &PgRelation, attribute: i16) -> Result<()> {
    if attribute < 0 {
        return Err(Error::unsupported(
            "index creation on system columns is not supported",
        ));
    }
    if attribute > 0 && is_virtual(table, attribute) {
        return Err(Error::unsupported(
            "indexes on virtual generated columns are not supported",
        ));
    }
    Ok(())
}

/// Whether a column is generated on reading (18 and later).
fn is_virtual(table: &PgRelation, attribute: i16) -> bool {
    const ATTRIBUTE_GENERATED_VIRTUAL: u8 = b'v';
    table
        .tuple_desc()
        .get(attribute as usize - 1)
        .is_some_and(|column| column.attgenerated as u8 == ATTRIBUTE_GENERATED_VIRTUAL)
}

/// The attributes of the table that expressions and predicate use.
pub(super) struct Attributes(*mut pg_sys::Bitmapset);

impl Attributes {
    /// Collects them from the expressions among `keys` and from `predicate`, which may be null.
    pub(super) fn of(keys: &[Column], predicate: *mut pg_sys::Node) -> Self {
        let mut set = std::ptr::null_mut();
        for node in key_expressions(keys).chain([predicate]) {
            // SAFETY: null or a node tree from parse analysis, with the table as varno 1.
            unsafe { pg_sys::pull_varattnos(node, 1, &mut set) };
        }
        Self(set)
    }

    /// The attribute numbers, lowest first; 0 stands for the whole row.
    pub(super) fn iter(&self) -> impl Iterator<Item = i16> + '_ {
        let mut member = -1;
        std::iter::from_fn(move || {
            // SAFETY: the set is valid (or null, which is the empty one) and unchanged.
            member = unsafe { pg_sys::bms_next_member(self.0, member) };
            (member >= 0).then_some((member + pg_sys::FirstLowInvalidHeapAttributeNumber) as i16)
        })
    }
}

/// Refuses constants that an index cannot depend on, as `index_create` does while it records
/// dependencies (`find_expr_references_walker` in `catalog/dependency.c`).
pub(super) fn check_constants(keys: &[Column], predicate: *mut pg_sys::Node) -> Result<()> {
    let regrole = format!("{{CONST :consttype {} ", pg_sys::REGROLEOID.to_u32());
    let nodes = key_expressions(keys).chain((!predicate.is_null()).then_some(predicate));
    for node in nodes {
        if node_text(node.cast()).contains(&regrole) {
            return Err(Error::unsupported(
                "constant of the type regrole cannot be used here",
            ));
        }
    }
    Ok(())
}

/// The key expressions as `get_relation_info` would see them, as the node string of a list.
/// Follows `RelationGetIndexExpressions` (`utils/cache/relcache.c`): no further treatment is
/// needed after reading the string back.
pub(super) fn expressions_text(keys: &[Column]) -> Option<String> {
    let mut list = PgList::<pg_sys::Node>::new();
    for expression in key_expressions(keys) {
        list.push(expression);
    }
    if list.is_empty() {
        return None;
    }
    // SAFETY: a list of node trees from parse analysis; the simplification returns a new list.
    let simplified = unsafe {
        let simplified =
            pg_sys::eval_const_expressions(std::ptr::null_mut(), list.into_pg().cast());
        pg_sys::fix_opfuncids(simplified);
        simplified
    };
    Some(node_text(simplified.cast()))
}

/// The predicate as `get_relation_info` would see it, as the node string of an implicit-AND list;
/// `None` also for a predicate that is always true. Follows `RelationGetIndexPredicate`
/// (`utils/cache/relcache.c`): no further treatment is needed after reading the string back.
pub(super) fn predicate_text(predicate: *mut pg_sys::Node) -> Option<String> {
    if predicate.is_null() {
        return None;
    }
    // SAFETY: a node tree of type boolean from parse analysis; each step returns a new tree or
    // its own argument.
    let list = unsafe {
        let simplified = pg_sys::eval_const_expressions(std::ptr::null_mut(), predicate);
        let canonical = pg_sys::canonicalize_qual(simplified.cast(), false);
        let list = pg_sys::make_ands_implicit(canonical);
        pg_sys::fix_opfuncids(list.cast());
        list
    };
    (!list.is_null()).then(|| node_text(list.cast()))
}

/// The expressions among the keys, in key order.
fn key_expressions(keys: &[Column]) -> impl Iterator<Item = *mut pg_sys::Node> + '_ {
    keys.iter()
        .map(|key| key.expression)
        .filter(|expression| !expression.is_null())
}

fn node_text(node: *const std::ffi::c_void) -> String {
    // SAFETY: the callers pass node trees that the server made; the result is terminated.
    text(unsafe { pg_sys::nodeToString(node) })
}
