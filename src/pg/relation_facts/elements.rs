//! Columns and expressions that an index key may be.

use std::ffi::CStr;
use std::rc::Rc;

use pgrx::{PgList, pg_sys};

use super::{Element, Reader};
use crate::pg::compat::{self, tag};
use crate::pg::trusted_code;

/// One side of a comparison that an index could search for.
pub(super) struct Operand {
    pub(super) element: Element,
    pub(super) type_oid: pg_sys::Oid,
    pub(super) collation: pg_sys::Oid,
}

impl Reader {
    /// `node` as a column or indexable expression of this relation.
    pub(super) unsafe fn operand(&self, node: *mut pg_sys::Node) -> Option<Operand> {
        // SAFETY: node is null or a valid expression.
        unsafe {
            let node = without_relabels(node);
            let element = match self.column(node) {
                Some(attribute) => Element::Column(attribute),
                None => Element::Expression(self.expression(node)?),
            };
            Some(Operand {
                element,
                type_oid: pg_sys::exprType(node),
                collation: pg_sys::exprCollation(node),
            })
        }
    }

    /// The same without its type.
    pub(super) unsafe fn element(&self, node: *mut pg_sys::Node) -> Option<Element> {
        // SAFETY: see `operand`.
        unsafe { self.operand(node) }.map(|operand| operand.element)
    }

    /// The attribute number if `node` is a plain column of this relation.
    pub(super) unsafe fn column(&self, node: *mut pg_sys::Node) -> Option<i16> {
        // SAFETY: see `operand`.
        unsafe {
            let node = without_relabels(node);
            if tag(node) != pg_sys::NodeTag::T_Var {
                return None;
            }
            let var = node.cast::<pg_sys::Var>();
            self.is_own_column(var).then_some((*var).varattno)
        }
    }

    unsafe fn is_own_column(&self, var: *mut pg_sys::Var) -> bool {
        // SAFETY: var is a Var.
        unsafe {
            (*var).varno as u32 == (*self.rel).relid
                && (*var).varlevelsup == 0
                && (*var).varattno > 0
        }
    }

    /// The node text of an expression that could be indexed, if `node` is one.
    unsafe fn expression(&self, node: *mut pg_sys::Node) -> Option<Rc<str>> {
        // SAFETY: see `operand`.
        unsafe {
            let is_simple = matches!(
                tag(node),
                pg_sys::NodeTag::T_Var | pg_sys::NodeTag::T_Const | pg_sys::NodeTag::T_Param
            );
            (!node.is_null() && !is_simple)
                .then(|| self.node_text(node))
                .flatten()
        }
    }

    /// The text of a condition or expression over columns of this relation alone, without
    /// parameters, which always gives the same for the same row, and runs no code that the table's
    /// owner need not trust.
    pub(super) unsafe fn node_text(&self, node: *mut pg_sys::Node) -> Option<Rc<str>> {
        // SAFETY: node is a valid expression; what is changed is a copy of it.
        unsafe {
            if !self.is_of_columns_alone(node)
                || !pg_sys::pull_paramids(node.cast()).is_null()
                || pg_sys::contain_subplans(node)
                || pg_sys::contain_mutable_functions(node)
                || !trusted_code::is_trusted(node, self.owner)
            {
                return None;
            }
            let copy = pg_sys::copyObjectImpl(node.cast());
            for var in variables(copy.cast()).iter_ptr() {
                compat::make_first_relations(var.cast());
            }
            let text = CStr::from_ptr(pg_sys::nodeToString(copy));
            text.to_str().ok().map(Rc::from)
        }
    }

    /// The columns of this relation that `node` mentions.
    pub(super) unsafe fn columns_of(&self, node: *mut pg_sys::Node) -> Vec<i16> {
        // SAFETY: as above.
        unsafe {
            (variables(node).iter_ptr())
                .filter_map(|var| self.column(var))
                .collect()
        }
    }

    pub(super) unsafe fn is_of_columns_alone(&self, node: *mut pg_sys::Node) -> bool {
        // SAFETY: as above.
        unsafe {
            let found = variables(node);
            !found.is_empty()
                && found
                    .iter_ptr()
                    .all(|var| tag(var) == pg_sys::NodeTag::T_Var && self.is_own_column(var.cast()))
        }
    }
}

/// Every column and placeholder, aggregate or window function in an expression.
unsafe fn variables(node: *mut pg_sys::Node) -> PgList<pg_sys::Node> {
    let flags = pg_sys::PVC_INCLUDE_AGGREGATES
        | pg_sys::PVC_INCLUDE_WINDOWFUNCS
        | pg_sys::PVC_INCLUDE_PLACEHOLDERS;
    // SAFETY: node is a valid expression.
    unsafe { PgList::from_pg(pg_sys::pull_var_clause(node, flags as i32)) }
}

/// What is below type relabelings, which the planner looks through, too.
pub(super) unsafe fn without_relabels(node: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: node is null or a valid expression.
    unsafe {
        let mut node = node;
        while tag(node) == pg_sys::NodeTag::T_RelabelType {
            node = (*node.cast::<pg_sys::RelabelType>()).arg.cast();
        }
        node
    }
}
