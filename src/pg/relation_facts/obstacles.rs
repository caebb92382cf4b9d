//! Clauses that no index can serve as they are, though a person could change that.

use std::ffi::CStr;

use pgrx::{PgList, pg_sys};

use super::matches::pattern_match;
use super::{Element, Obstacle, Reader, patterns};
use crate::pg::compat::tag;
use crate::pg::operator_classes::Subject;

impl Reader {
    /// What stands in the way of an index for `clause`.
    pub(super) unsafe fn obstacle(&self, clause: *mut pg_sys::Node) -> Option<Obstacle> {
        // SAFETY: clause is a valid expression.
        unsafe {
            match tag(clause) {
                pg_sys::NodeTag::T_OpExpr => self
                    .pattern_obstacle(clause.cast())
                    .or_else(|| self.changing_expression(clause.cast())),
                pg_sys::NodeTag::T_ScalarArrayOpExpr => self.any_of_column(clause.cast()),
                _ => None,
            }
        }
    }

    /// A pattern that looks for its text anywhere.
    unsafe fn pattern_obstacle(&self, clause: *mut pg_sys::OpExpr) -> Option<Obstacle> {
        // SAFETY: as above.
        unsafe {
            let found = self.sides(clause)?;
            let matched = pattern_match(found.operator, found.other)?;
            let Some(pattern) = matched.pattern else {
                return Some(Obstacle::UnknownPattern {
                    element: found.operand.element,
                });
            };
            if patterns::begins_literally(matched.language, &pattern) {
                return None;
            }
            let classes = self
                .classes
                .searching(found.operator, found.operand.type_oid);
            Some(Obstacle::PatternAnywhere {
                element: found.operand.element,
                word: patterns::word(matched.language, &pattern).is_some(),
                by_trigrams: classes
                    .iter()
                    .any(|class| class.subject == Subject::Trigram),
            })
        }
    }

    /// An expression over columns that is compared with something, and may give another result
    /// for the same row tomorrow.
    unsafe fn changing_expression(&self, clause: *mut pg_sys::OpExpr) -> Option<Obstacle> {
        // SAFETY: args has two elements for a binary operator.
        unsafe {
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let changes = |node: *mut pg_sys::Node| {
                self.is_of_columns_alone(node)
                    && pg_sys::contain_mutable_functions(node)
                    && !pg_sys::contain_volatile_functions(node)
                    && pg_sys::pull_paramids(node.cast()).is_null()
            };
            let expression = match (changes(left), changes(right)) {
                (true, false) if !self.mentions_this_relation(right) => left,
                (false, true) if !self.mentions_this_relation(left) => right,
                _ => return None,
            };
            let columns = self.columns_of(expression);
            let function = changing_function(expression)?;
            if function == pg_sys::Oid::from(pg_sys::F_TO_TSVECTOR_TEXT) {
                return Some(Obstacle::NoTextSearchConfiguration { columns });
            }
            let name = pg_sys::get_func_name(function);
            (!name.is_null()).then(|| Obstacle::NotImmutable {
                columns,
                function: CStr::from_ptr(name).to_string_lossy().into_owned(),
            })
        }
    }

    /// `5 = ANY (column)`
    unsafe fn any_of_column(&self, clause: *mut pg_sys::ScalarArrayOpExpr) -> Option<Obstacle> {
        // SAFETY: args has two elements.
        unsafe {
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let Element::Column(column) = self.element(args.get_ptr(1)?)? else {
                return None;
            };
            let is_equality =
                super::clauses::is_equality((*clause).opno, pg_sys::exprType(args.get_ptr(0)?));
            let usable =
                (*clause).useOr && is_equality && !self.mentions_this_relation(args.get_ptr(0)?);
            usable.then_some(Obstacle::AnyOfColumn { column })
        }
    }
}

/// The first function in an expression that is not immutable.
unsafe fn changing_function(node: *mut pg_sys::Node) -> Option<pg_sys::Oid> {
    #[pgrx::pg_guard]
    unsafe extern "C-unwind" fn check(
        function: pg_sys::Oid,
        found: *mut core::ffi::c_void,
    ) -> bool {
        // SAFETY: the context is the place that `changing_function` passed on.
        unsafe {
            let changes = pg_sys::func_volatile(function) as u8 != pg_sys::PROVOLATILE_IMMUTABLE;
            if changes {
                *found.cast::<Option<pg_sys::Oid>>() = Some(function);
            }
            changes
        }
    }
    #[pgrx::pg_guard]
    unsafe extern "C-unwind" fn visit(
        node: *mut pg_sys::Node,
        found: *mut core::ffi::c_void,
    ) -> bool {
        // SAFETY: called by the server's walker with its nodes and our own place.
        unsafe {
            tag(node) != pg_sys::NodeTag::T_Invalid
                && (pg_sys::check_functions_in_node(node, Some(check), found)
                    || pg_sys::expression_tree_walker(node, Some(visit), found))
        }
    }
    let mut found: Option<pg_sys::Oid> = None;
    // SAFETY: `found` outlives the walk.
    unsafe { visit(node, (&raw mut found).cast()) };
    found
}
