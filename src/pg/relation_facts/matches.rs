//! Operators that an index of another kind than a plain B-tree could serve.

use std::ffi::CStr;

use pgrx::{PgList, pg_sys};

use super::elements::{Operand, without_relabels};
use super::patterns::{self, Language};
use super::{Clause, ClauseKind, Match, Purpose, Reader};
use crate::pg::column_order;
use crate::pg::compat::{self, tag};
use crate::pg::operator_classes::{self, IndexMethod, Subject, UsableClass};

/// One of this relation's columns or expressions compared with something else.
pub(super) struct Comparison {
    pub(super) operand: Operand,
    pub(super) other: *mut pg_sys::Node,
    /// The operator with the operand on its left.
    pub(super) operator: pg_sys::Oid,
}

/// A comparison with a pattern.
pub(super) struct PatternMatch {
    pub(super) language: Language,
    /// The pattern, if it is known.
    pub(super) pattern: Option<String>,
}

impl Reader {
    /// What indexes of other kinds could do with `clause`.
    pub(super) unsafe fn matches(
        &self,
        clause: *mut pg_sys::Node,
        selectivity: Option<f64>,
    ) -> Option<Match> {
        // SAFETY: clause is a valid expression.
        unsafe {
            match tag(clause) {
                pg_sys::NodeTag::T_OpExpr => {
                    let found = self.sides(clause.cast())?;
                    // A pattern that is not known may be one that no index can look for.
                    if self.is_unknown_pattern(clause) {
                        return None;
                    }
                    self.served(found.operand, found.operator, selectivity)
                }
                pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                    let clause = clause.cast::<pg_sys::ScalarArrayOpExpr>();
                    let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
                    let operand = self.operand(args.get_ptr(0)?)?;
                    let usable = (*clause).useOr
                        && !self.mentions_this_relation(args.get_ptr(1)?)
                        && language((*clause).opfuncid).is_none();
                    usable
                        .then(|| self.served(operand, (*clause).opno, selectivity))
                        .flatten()
                }
                pg_sys::NodeTag::T_FuncExpr => self.supported(clause.cast(), selectivity),
                _ => None,
            }
        }
    }

    /// Whether `clause` compares with a pattern that is not known.
    pub(super) unsafe fn is_unknown_pattern(&self, clause: *mut pg_sys::Node) -> bool {
        // SAFETY: clause is a valid expression.
        unsafe {
            if tag(clause) != pg_sys::NodeTag::T_OpExpr {
                return false;
            }
            (self.sides(clause.cast()))
                .and_then(|found| pattern_match(found.operator, found.other))
                .is_some_and(|found| found.pattern.is_none())
        }
    }

    /// The two sides of a binary operator of which one holds columns of this relation.
    pub(super) unsafe fn sides(&self, clause: *mut pg_sys::OpExpr) -> Option<Comparison> {
        // SAFETY: args has two elements for a binary operator.
        unsafe {
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let (operand, other, operator) = match (self.operand(left), self.operand(right)) {
                (Some(operand), None) => (operand, right, (*clause).opno),
                (None, Some(operand)) => (operand, left, pg_sys::get_commutator((*clause).opno)),
                _ => return None,
            };
            let usable = operator != pg_sys::InvalidOid
                && !self.mentions_this_relation(other)
                && !pg_sys::contain_volatile_functions(other);
            usable.then_some(Comparison {
                operand,
                other,
                operator,
            })
        }
    }

    /// A function that its support function may turn into operators of the default GiST class,
    /// as those of geometry do.
    unsafe fn supported(
        &self,
        clause: *mut pg_sys::FuncExpr,
        selectivity: Option<f64>,
    ) -> Option<Match> {
        // SAFETY: args holds the arguments.
        unsafe {
            let function = (*clause).funcid;
            if pg_sys::get_func_support(function) == pg_sys::InvalidOid
                || (*clause).funcresulttype != pg_sys::BOOLOID
                || language(function).is_some()
            {
                return None;
            }
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let (position, operand) = (args.iter_ptr().enumerate())
                .find_map(|(position, node)| Some((position, self.operand(node)?)))?;
            let others = (args.iter_ptr().enumerate()).filter(|(other, _)| *other != position);
            for (_, other) in others {
                if self.mentions_this_relation(other) || pg_sys::contain_volatile_functions(other) {
                    return None;
                }
            }
            let class = operator_classes::default_class(IndexMethod::Gist, operand.type_oid)?;
            Some(Match {
                element: operand.element,
                operator: function.to_u32(),
                purpose: Purpose::Search,
                classes: vec![class],
                selectivity,
            })
        }
    }

    /// The distance that the query sorts by first, if rows can come in its order.
    pub(super) unsafe fn nearest(&self) -> Option<Match> {
        // SAFETY: query_pathkeys holds canonical PathKeys.
        unsafe {
            let keys = PgList::<pg_sys::PathKey>::from_pg((*self.root).query_pathkeys);
            let key = keys.head()?;
            if compat::sorts_descending(key) || (*key).pk_nulls_first {
                return None;
            }
            let member = self.member((*key).pk_eclass)?;
            let clause: *mut pg_sys::Node = without_relabels((*member).em_expr.cast());
            if tag(clause) != pg_sys::NodeTag::T_OpExpr {
                return None;
            }
            let found = self.sides(clause.cast())?;
            let classes = self
                .classes
                .ordering(found.operator, found.operand.type_oid);
            (!classes.is_empty()).then_some(Match {
                element: found.operand.element,
                operator: found.operator.to_u32(),
                purpose: Purpose::Order,
                classes: classes.to_vec(),
                selectivity: None,
            })
        }
    }

    /// Texts that begin alike, or addresses of one network: a range in an ordered index.
    pub(super) unsafe fn prefix(
        &self,
        found: Comparison,
        selectivity: Option<f64>,
    ) -> Option<Clause> {
        // SAFETY: catalog look-ups, and the other side is a valid expression.
        unsafe {
            let range = |operand: Operand, class| Clause {
                element: operand.element,
                kind: ClauseKind::Range,
                class,
                selectivity,
            };
            let function = pg_sys::get_opcode(found.operator);
            if pg_sys::get_func_support(function).to_u32() == pg_sys::F_NETWORK_SUBSET_SUPPORT {
                let known = tag(found.other) == pg_sys::NodeTag::T_Const;
                return known.then(|| range(found.operand, None));
            }
            let PatternMatch { language, pattern } = pattern_match(found.operator, found.other)?;
            if !patterns::begins_literally(language, &pattern?) {
                return None;
            }
            if column_order::compares_bytes(found.operand.collation) {
                return Some(range(found.operand, None));
            }
            let class = operator_classes::pattern_class(found.operand.type_oid)?;
            Some(range(found.operand, Some(class)))
        }
    }

    /// `starts_with(column, 'text')`
    pub(super) unsafe fn starts_with(
        &self,
        clause: *mut pg_sys::FuncExpr,
        selectivity: Option<f64>,
    ) -> Option<Clause> {
        // SAFETY: the function has two arguments.
        unsafe {
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let pattern = known_text(args.get_ptr(1)?)?;
            let operand = self.operand(args.get_ptr(0)?)?;
            let class = match column_order::compares_bytes(operand.collation) {
                true => None,
                false => Some(operator_classes::pattern_class(operand.type_oid)?),
            };
            (!pattern.is_empty()).then_some(Clause {
                element: operand.element,
                kind: ClauseKind::Range,
                class,
                selectivity,
            })
        }
    }

    /// How indexes serve `operator` on `operand`: what a B-tree can do, others do in few cases only.
    fn served(
        &self,
        operand: Operand,
        operator: pg_sys::Oid,
        selectivity: Option<f64>,
    ) -> Option<Match> {
        let mut classes = self.classes.searching(operator, operand.type_oid).to_vec();
        let purpose = match super::clauses::strategy(&operand, operator) {
            None => Purpose::Search,
            Some(strategy) => {
                let is_plain = |class: &UsableClass| match class.method {
                    IndexMethod::Hash | IndexMethod::Brin => class.class.is_none(),
                    // Scalars among the keys of an index for something else.
                    IndexMethod::Gin | IndexMethod::Gist => {
                        class.class.is_none() || class.subject == Subject::Array
                    }
                    _ => false,
                };
                classes.retain(is_plain);
                match strategy == super::clauses::EQUAL {
                    true => Purpose::Equality,
                    false => Purpose::Range,
                }
            }
        };
        (!classes.is_empty()).then_some(Match {
            element: operand.element,
            operator: operator.to_u32(),
            purpose,
            classes,
            selectivity,
        })
    }
}

/// The pattern that `operator` compares with, if it is such an operator.
///
/// # Safety
/// `other` must be a valid expression.
pub(super) unsafe fn pattern_match(
    operator: pg_sys::Oid,
    other: *mut pg_sys::Node,
) -> Option<PatternMatch> {
    // SAFETY: a catalog look-up; see above.
    unsafe {
        Some(PatternMatch {
            language: language(pg_sys::get_opcode(operator))?,
            pattern: known_text(other),
        })
    }
}

/// The language of the pattern that a function takes: its support function tells.
fn language(function: pg_sys::Oid) -> Option<Language> {
    // SAFETY: a catalog look-up.
    let support = unsafe { pg_sys::get_func_support(function) };
    Some(match support.to_u32() {
        pg_sys::F_TEXTLIKE_SUPPORT => Language::Like,
        pg_sys::F_TEXTICLIKE_SUPPORT => Language::LikeAnyCase,
        pg_sys::F_TEXTREGEXEQ_SUPPORT => Language::Regex,
        pg_sys::F_TEXTICREGEXEQ_SUPPORT => Language::RegexAnyCase,
        pg_sys::F_TEXT_STARTS_WITH_SUPPORT => Language::Start,
        _ => return None,
    })
}

/// Whether `function` is `starts_with` or another name for it.
pub(super) fn is_starts_with(function: pg_sys::Oid) -> bool {
    language(function) == Some(Language::Start)
}

/// The text that a constant holds.
///
/// # Safety
/// `node` must be a valid expression.
unsafe fn known_text(node: *mut pg_sys::Node) -> Option<String> {
    // SAFETY: a Const of type text that is not null holds a text, which is copied.
    unsafe {
        let node = without_relabels(node);
        if tag(node) != pg_sys::NodeTag::T_Const {
            return None;
        }
        let constant = node.cast::<pg_sys::Const>();
        if (*constant).constisnull || (*constant).consttype != pg_sys::TEXTOID {
            return None;
        }
        let text = pg_sys::text_to_cstring((*constant).constvalue.cast_mut_ptr());
        CStr::from_ptr(text).to_str().ok().map(str::to_owned)
    }
}
