//! Locks of a reader on all that a materialized view reads, without waiting.

use std::collections::BTreeSet;

use pgrx::{PgList, pg_sys};

use super::catalog::relation_kind;
use super::compat::tag;

/// Takes the locks of a reader on `view` and on all that its query names, through plain views,
/// until the end of the (sub)transaction; `false` when one is not to be had at once.
pub(crate) fn at_hand(view: pg_sys::Oid) -> bool {
    let mut known = BTreeSet::new();
    let mut open = vec![view];
    while let Some(next) = open.pop() {
        if !known.insert(next.to_u32()) {
            continue;
        }
        // SAFETY: a lock of this transaction's, which is not waited for.
        if !unsafe { pg_sys::ConditionalLockRelationOid(next, pg_sys::AccessShareLock as i32) } {
            return false;
        }
        let is_query = match relation_kind(next) {
            Some(kind) => kind == b'v' || next == view,
            None => return false,
        };
        if is_query {
            open.extend(named_in_query_of(next));
        }
    }
    true
}

/// The relations that the query of a view names.
fn named_in_query_of(view: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    let mut named: Vec<pg_sys::Oid> = Vec::new();
    // SAFETY: the relation is there and locked; its rules live as long as it is open, and are only
    // read.
    unsafe {
        let relation = pg_sys::relation_open(view, pg_sys::NoLock as i32);
        let rules = (*relation).rd_rules;
        if !rules.is_null() {
            let count = usize::try_from((*rules).numLocks).unwrap_or(0);
            for rule in std::slice::from_raw_parts((*rules).rules, count) {
                let actions = PgList::<pg_sys::Node>::from_pg((**rule).actions);
                if (**rule).event == pg_sys::CmdType::CMD_SELECT {
                    for action in actions.iter_ptr() {
                        visit(action, (&raw mut named).cast());
                    }
                }
            }
        }
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
    }
    named
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn visit(
    node: *mut pg_sys::Node,
    context: *mut core::ffi::c_void,
) -> bool {
    // SAFETY: called by the server's walkers with its nodes and our own list.
    unsafe {
        match tag(node) {
            pg_sys::NodeTag::T_Invalid => false,
            pg_sys::NodeTag::T_Query => {
                let query = node.cast::<pg_sys::Query>();
                let named = &mut *context.cast::<Vec<pg_sys::Oid>>();
                for entry in PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable).iter_ptr() {
                    if (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION {
                        named.push((*entry).relid);
                    }
                }
                pg_sys::query_tree_walker(query, Some(visit), context, 0)
            }
            _ => pg_sys::expression_tree_walker(node, Some(visit), context),
        }
    }
}
