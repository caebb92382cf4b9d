//! Conditions that an index could search by, or be restricted to.

use pgrx::{PgList, pg_sys};

use super::elements::{Operand, without_relabels};
use super::matches::is_starts_with;
use super::{Clause, ClauseKind, Compared, Condition, Element, Reader, RelationFacts};
use crate::pg::compat::tag;

/// Strategy number of equality in B-tree operator families.
pub(super) const EQUAL: i32 = pg_sys::BTEqualStrategyNumber as i32;

impl Reader {
    pub(super) unsafe fn restrictions(&self, facts: &mut RelationFacts) {
        // SAFETY: baserestrictinfo holds RestrictInfo nodes.
        unsafe {
            let list = PgList::<pg_sys::RestrictInfo>::from_pg((*self.rel).baserestrictinfo);
            for info in list.iter_ptr() {
                facts.conditions.extend(self.condition(info));
                if (*info).orclause.is_null() {
                    let clauses = self.part(info, facts);
                    facts.clauses.extend(clauses);
                } else {
                    self.or_arms((*info).orclause.cast(), facts);
                }
            }
        }
    }

    /// The clauses of `info` for B-trees; what else is to be said of it goes into `facts`.
    unsafe fn part(
        &self,
        info: *mut pg_sys::RestrictInfo,
        facts: &mut RelationFacts,
    ) -> Vec<Clause> {
        // SAFETY: info is a RestrictInfo.
        unsafe {
            let clause: *mut pg_sys::Node = (*info).clause.cast();
            facts
                .matches
                .extend(self.matches(clause, selectivity(info)));
            facts.obstacles.extend(self.obstacle(clause));
            self.clause(clause, selectivity(info))
        }
    }

    /// The clause as the predicate of a partial index. Ranges are left out: the limits that
    /// statements are run with move on.
    unsafe fn condition(&self, info: *mut pg_sys::RestrictInfo) -> Option<Condition> {
        // SAFETY: info is a RestrictInfo.
        unsafe {
            let clause: *mut pg_sys::Node = (*info).clause.cast();
            let selectivity = selectivity(info)?;
            let fixes = self.fixed_by(clause);
            if fixes.is_none() && !self.is_lasting(clause) {
                return None;
            }
            Some(Condition {
                sql: self.node_text(clause)?,
                columns: self.columns_of(clause),
                selectivity,
                fixes,
                with: match tag(clause) {
                    pg_sys::NodeTag::T_NullTest => Compared::Null,
                    pg_sys::NodeTag::T_OpExpr | pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                        Compared::Constant
                    }
                    _ => Compared::Boolean,
                },
            })
        }
    }

    /// What `clause` allows one value of.
    unsafe fn fixed_by(&self, clause: *mut pg_sys::Node) -> Option<Element> {
        // SAFETY: clause is a valid expression.
        unsafe {
            let found = self.clause(clause, None);
            match (found.as_slice(), tag(clause)) {
                (_, pg_sys::NodeTag::T_ScalarArrayOpExpr) => None,
                ([one], _) if one.kind == ClauseKind::Equality => Some(one.element.clone()),
                _ => None,
            }
        }
    }

    /// Whether `clause` is of a kind that stays the same from one execution to the next:
    /// `IS NOT NULL`, `IN (…)`, `<>`.
    unsafe fn is_lasting(&self, clause: *mut pg_sys::Node) -> bool {
        // SAFETY: as above.
        unsafe {
            match tag(clause) {
                pg_sys::NodeTag::T_NullTest | pg_sys::NodeTag::T_BooleanTest => true,
                pg_sys::NodeTag::T_ScalarArrayOpExpr => self.any_of(clause.cast()).is_some(),
                pg_sys::NodeTag::T_OpExpr => {
                    let negator = pg_sys::get_negator((*clause.cast::<pg_sys::OpExpr>()).opno);
                    let args =
                        PgList::<pg_sys::Node>::from_pg((*clause.cast::<pg_sys::OpExpr>()).args);
                    (args.get_ptr(0))
                        .and_then(|left| self.operand(left))
                        .is_some_and(|operand| strategy(&operand, negator) == Some(EQUAL))
                }
                _ => false,
            }
        }
    }

    /// Clauses under an OR: each arm is a RestrictInfo or an AND of them.
    unsafe fn or_arms(&self, clause: *mut pg_sys::Node, facts: &mut RelationFacts) {
        // SAFETY: the planner builds orclause as a BoolExpr over RestrictInfos and ANDs of them.
        unsafe {
            if tag(clause) != pg_sys::NodeTag::T_BoolExpr {
                return;
            }
            let list = PgList::<pg_sys::Node>::from_pg((*clause.cast::<pg_sys::BoolExpr>()).args);
            for arm in list.iter_ptr() {
                let mut found = Vec::new();
                self.arm(arm, &mut found, facts);
                facts.or_arms.push(found);
            }
        }
    }

    unsafe fn arm(
        &self,
        node: *mut pg_sys::Node,
        found: &mut Vec<Clause>,
        facts: &mut RelationFacts,
    ) {
        // SAFETY: see `or_arms`.
        unsafe {
            match tag(node) {
                pg_sys::NodeTag::T_RestrictInfo => {
                    found.extend(self.part(node.cast(), facts));
                }
                pg_sys::NodeTag::T_BoolExpr => {
                    let args = (*node.cast::<pg_sys::BoolExpr>()).args;
                    for part in PgList::<pg_sys::Node>::from_pg(args).iter_ptr() {
                        self.arm(part, found, facts);
                    }
                }
                _ => {}
            }
        }
    }

    /// What a B-tree could do with `clause`.
    pub(super) unsafe fn clause(
        &self,
        clause: *mut pg_sys::Node,
        selectivity: Option<f64>,
    ) -> Vec<Clause> {
        let one = |(element, kind): (Element, ClauseKind)| Clause {
            element,
            kind,
            class: None,
            selectivity,
        };
        let equal = |element: Element| (element, ClauseKind::Equality);
        // SAFETY: the fields of each node type as primnodes.h defines them.
        unsafe {
            let found = match tag(clause) {
                pg_sys::NodeTag::T_OpExpr => match self.comparison(clause.cast()) {
                    None => {
                        let found = self.sides(clause.cast());
                        let prefix = found.and_then(|found| self.prefix(found, selectivity));
                        return prefix.into_iter().collect();
                    }
                    found => found,
                },
                pg_sys::NodeTag::T_ScalarArrayOpExpr => self
                    .any_of(clause.cast())
                    .map(|element| (element, ClauseKind::In)),
                pg_sys::NodeTag::T_NullTest => {
                    let test = clause.cast::<pg_sys::NullTest>();
                    let kind = match (*test).nulltesttype {
                        pg_sys::NullTestType::IS_NULL => ClauseKind::Equality,
                        _ => ClauseKind::Range,
                    };
                    self.element((*test).arg.cast())
                        .map(|element| (element, kind))
                }
                pg_sys::NodeTag::T_BooleanTest => self
                    .element((*clause.cast::<pg_sys::BooleanTest>()).arg.cast())
                    .map(equal),
                pg_sys::NodeTag::T_BoolExpr => self.negated(clause.cast()).map(equal),
                pg_sys::NodeTag::T_RowCompareExpr => return self.row_comparison(clause.cast()),
                pg_sys::NodeTag::T_FuncExpr if has_support(clause.cast()) => {
                    return self.function(clause.cast(), selectivity);
                }
                _ if pg_sys::exprType(clause) == pg_sys::BOOLOID => self.element(clause).map(equal),
                _ => None,
            };
            found.map(one).into_iter().collect()
        }
    }

    /// `NOT column`
    unsafe fn negated(&self, clause: *mut pg_sys::BoolExpr) -> Option<Element> {
        // SAFETY: NOT has one argument.
        unsafe {
            if (*clause).boolop != pg_sys::BoolExprType::NOT_EXPR {
                return None;
            }
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            args.head().and_then(|argument| self.element(argument))
        }
    }

    /// `column op other` or `other op column`, where `other` holds no column of this relation.
    unsafe fn comparison(&self, clause: *mut pg_sys::OpExpr) -> Option<(Element, ClauseKind)> {
        // SAFETY: clause is a valid expression.
        unsafe {
            let found = self.sides(clause)?;
            let join = pg_sys::contain_var_clause(found.other);
            let kind = match (strategy(&found.operand, found.operator)?, join) {
                (EQUAL, false) => ClauseKind::Equality,
                (EQUAL, true) => ClauseKind::Join,
                _ => ClauseKind::Range,
            };
            Some((found.operand.element, kind))
        }
    }

    /// A function that an index may serve by its arguments: not one to be indexed by its result.
    unsafe fn function(
        &self,
        clause: *mut pg_sys::FuncExpr,
        selectivity: Option<f64>,
    ) -> Vec<Clause> {
        // SAFETY: clause is a valid expression.
        unsafe {
            let start = is_starts_with((*clause).funcid)
                .then(|| self.starts_with(clause, selectivity))
                .flatten();
            start.into_iter().collect()
        }
    }

    unsafe fn any_of(&self, clause: *mut pg_sys::ScalarArrayOpExpr) -> Option<Element> {
        // SAFETY: args has two elements.
        unsafe {
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let operand = self.operand(args.get_ptr(0)?)?;
            let equality = (*clause).useOr && strategy(&operand, (*clause).opno)? == EQUAL;
            (equality && !self.mentions_this_relation(args.get_ptr(1)?)).then_some(operand.element)
        }
    }

    /// `(a, b) > (x, y)`: a range on `a`, then on `b`.
    unsafe fn row_comparison(&self, clause: *mut pg_sys::RowCompareExpr) -> Vec<Clause> {
        // SAFETY: largs holds the left-hand expressions.
        unsafe {
            PgList::<pg_sys::Node>::from_pg((*clause).largs)
                .iter_ptr()
                .map_while(|node| self.element(node))
                .map(|element| Clause {
                    element,
                    kind: ClauseKind::Range,
                    class: None,
                    selectivity: None,
                })
                .collect()
        }
    }

    pub(super) unsafe fn mentions_this_relation(&self, node: *mut pg_sys::Node) -> bool {
        // SAFETY: node is a valid expression.
        unsafe {
            let mut set: *mut pg_sys::Bitmapset = std::ptr::null_mut();
            pg_sys::pull_varattnos(without_relabels(node), (*self.rel).relid, &mut set);
            !set.is_null()
        }
    }
}

/// The B-tree strategy number of `operator` in the default operator class of its operand.
pub(super) fn strategy(operand: &Operand, operator: pg_sys::Oid) -> Option<i32> {
    strategy_for(operator, operand.type_oid)
}

/// Whether `operator` is the equality by which B-trees find values of a type.
pub(super) fn is_equality(operator: pg_sys::Oid, type_oid: pg_sys::Oid) -> bool {
    strategy_for(operator, type_oid) == Some(EQUAL)
}

/// Whether the planner can derive index conditions from a function.
unsafe fn has_support(clause: *mut pg_sys::FuncExpr) -> bool {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_func_support((*clause).funcid) != pg_sys::InvalidOid }
}

fn strategy_for(operator: pg_sys::Oid, type_oid: pg_sys::Oid) -> Option<i32> {
    // SAFETY: catalog look-ups.
    unsafe {
        let class = pg_sys::GetDefaultOpClass(type_oid, pg_sys::BTREE_AM_OID);
        if class == pg_sys::InvalidOid || operator == pg_sys::InvalidOid {
            return None;
        }
        let family = pg_sys::get_opclass_family(class);
        let strategy = pg_sys::get_op_opfamily_strategy(operator, family);
        (strategy > 0).then_some(strategy)
    }
}

/// The cached selectivity of a clause.
///
/// # Safety
/// `info` must be a RestrictInfo.
unsafe fn selectivity(info: *mut pg_sys::RestrictInfo) -> Option<f64> {
    // SAFETY: see above; -1 means not computed yet, over 1 a redundant clause.
    let value = unsafe { (*info).norm_selec };
    (0.0..=1.0).contains(&value).then_some(value)
}
