//! Which functions and tables a statement reaches once views, policies, rules and defaults are
//! expanded: what planning it may run, as planning evaluates functions.

use pgrx::{PgList, pg_sys};

use super::compat::tag;
use super::statement::Statement;
use crate::error::Result;

/// Functions and tables in a statement's rewritten query trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Functions, also those behind operators, casts and aggregates.
    pub(crate) functions: Vec<pg_sys::Oid>,
    /// Tables, views and materialized views.
    pub(crate) tables: Vec<pg_sys::Oid>,
}

/// Collects what `statement` reaches.
pub(crate) fn reach(statement: &mut Statement) -> Result<Reach> {
    let mut found = Reach::default();
    for query in statement.queries()? {
        // SAFETY: a live query tree; the walker only reads it.
        unsafe { visit(query.cast(), (&raw mut found).cast()) };
    }
    found.functions.sort_unstable_by_key(|oid| oid.to_u32());
    found.functions.dedup();
    found.tables.sort_unstable_by_key(|oid| oid.to_u32());
    found.tables.dedup();
    Ok(found)
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn visit(node: *mut pg_sys::Node, found: *mut core::ffi::c_void) -> bool {
    // SAFETY: called by the server's walkers with its nodes and our own `Reach`.
    unsafe {
        match tag(node) {
            pg_sys::NodeTag::T_Invalid => false,
            pg_sys::NodeTag::T_Query => {
                let query = node.cast::<pg_sys::Query>();
                for entry in PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable).iter_ptr() {
                    if (*entry).relid != pg_sys::InvalidOid {
                        (*found.cast::<Reach>()).tables.push((*entry).relid);
                    }
                }
                pg_sys::query_tree_walker(query, Some(visit), found, 0)
            }
            _ => {
                pg_sys::check_functions_in_node(node, Some(note_function), found);
                pg_sys::expression_tree_walker(node, Some(visit), found)
            }
        }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn note_function(
    function: pg_sys::Oid,
    found: *mut core::ffi::c_void,
) -> bool {
    // SAFETY: the context pointer is the `Reach` that `visit` passed on.
    unsafe { (*found.cast::<Reach>()).functions.push(function) };
    false
}
