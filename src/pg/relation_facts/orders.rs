//! Orders that would save a sort, columns that are read, and joins by equivalence.

use pgrx::{PgList, pg_sys};

use super::elements::Operand;
use super::{Clause, ClauseKind, Element, Match, Purpose, Reader, RelationFacts, SortColumn};
use crate::pg::compat;
use crate::pg::operator_classes::{self, IndexMethod};

impl Reader {
    /// Join clauses of this relation: general ones, and those implied by equivalence classes.
    pub(super) unsafe fn joins(&self, facts: &mut RelationFacts) {
        // SAFETY: joininfo holds RestrictInfos, eq_classes EquivalenceClasses.
        unsafe {
            let list = PgList::<pg_sys::RestrictInfo>::from_pg((*self.rel).joininfo);
            for info in list.iter_ptr().filter(|info| (**info).orclause.is_null()) {
                facts
                    .clauses
                    .extend(self.clause((*info).clause.cast(), None));
                facts
                    .matches
                    .extend(self.matches((*info).clause.cast(), None));
            }
            let classes = PgList::<pg_sys::EquivalenceClass>::from_pg((*self.root).eq_classes);
            for class in classes.iter_ptr() {
                if (*class).ec_has_const || (*class).ec_has_volatile {
                    continue;
                }
                if let Some(operand) = self.joined(class) {
                    facts.matches.extend(hashed(&operand));
                    facts.clauses.push(Clause {
                        element: operand.element,
                        kind: ClauseKind::Join,
                        class: None,
                        selectivity: None,
                    });
                }
            }
        }
    }

    /// What of this relation `class` makes equal to something of another relation.
    unsafe fn joined(&self, class: *mut pg_sys::EquivalenceClass) -> Option<Operand> {
        // SAFETY: ec_members holds EquivalenceMembers with their relids.
        unsafe {
            let elsewhere = !pg_sys::bms_is_subset((*class).ec_relids, (*self.rel).relids);
            let member = elsewhere.then(|| self.member(class)).flatten()?;
            self.operand((*member).em_expr.cast())
        }
    }

    /// The column or expression of this relation among the members of `class`; no distance, by
    /// which indexes of other kinds sort.
    unsafe fn member_element(&self, class: *mut pg_sys::EquivalenceClass) -> Option<Element> {
        // SAFETY: the member's expression is valid.
        unsafe {
            let expression: *mut pg_sys::Node = (*self.member(class)?).em_expr.cast();
            let is_distance = compat::tag(expression) == pg_sys::NodeTag::T_OpExpr
                && operator_classes::is_distance((*expression.cast::<pg_sys::OpExpr>()).opno);
            (!is_distance).then(|| self.element(expression)).flatten()
        }
    }

    /// The member of `class` that is made of this relation alone.
    pub(super) unsafe fn member(
        &self,
        class: *mut pg_sys::EquivalenceClass,
    ) -> Option<*mut pg_sys::EquivalenceMember> {
        // SAFETY: see `joined`.
        unsafe {
            PgList::<pg_sys::EquivalenceMember>::from_pg((*class).ec_members)
                .iter_ptr()
                .find(|member| pg_sys::bms_equal((**member).em_relids, (*self.rel).relids))
        }
    }

    /// The orders the query could use, each as long as it stays within this relation.
    pub(super) unsafe fn orders(&self) -> Vec<Vec<SortColumn>> {
        // SAFETY: these lists hold PathKeys.
        let lists = unsafe {
            [
                (*self.root).query_pathkeys,
                (*self.root).sort_pathkeys,
                (*self.root).group_pathkeys,
                (*self.root).distinct_pathkeys,
                (*self.root).window_pathkeys,
            ]
        };
        let mut orders: Vec<Vec<SortColumn>> = Vec::new();
        for list in lists {
            // SAFETY: see above.
            let order = unsafe { self.order(list) };
            if !order.is_empty() && !orders.contains(&order) {
                orders.push(order);
            }
        }
        orders
    }

    unsafe fn order(&self, path_keys: *mut pg_sys::List) -> Vec<SortColumn> {
        // SAFETY: path_keys holds canonical PathKeys.
        unsafe {
            PgList::<pg_sys::PathKey>::from_pg(path_keys)
                .iter_ptr()
                .map_while(|key| {
                    self.member_element((*key).pk_eclass)
                        .map(|element| SortColumn {
                            element,
                            descending: compat::sorts_descending(key),
                            nulls_first: (*key).pk_nulls_first,
                        })
                })
                .collect()
        }
    }

    /// Columns that the scan must deliver or check.
    pub(super) unsafe fn needed(&self) -> Option<Vec<i16>> {
        // SAFETY: reltarget and the restriction lists are complete when paths are built;
        // pull_varattnos offsets attribute numbers by FirstLowInvalidHeapAttributeNumber.
        unsafe {
            let varno = (*self.rel).relid;
            let mut set: *mut pg_sys::Bitmapset = std::ptr::null_mut();
            pg_sys::pull_varattnos((*(*self.rel).reltarget).exprs.cast(), varno, &mut set);
            for list in [(*self.rel).baserestrictinfo, (*self.rel).joininfo] {
                for info in PgList::<pg_sys::RestrictInfo>::from_pg(list).iter_ptr() {
                    pg_sys::pull_varattnos((*info).clause.cast(), varno, &mut set);
                }
            }
            let mut needed = Vec::new();
            let mut member = pg_sys::bms_next_member(set, -1);
            while member >= 0 {
                let attribute = member + pg_sys::FirstLowInvalidHeapAttributeNumber;
                if attribute <= 0 {
                    return None;
                }
                needed.push(attribute as i16);
                member = pg_sys::bms_next_member(set, member);
            }
            Some(needed)
        }
    }
}

/// A hash index on what is joined by equality.
fn hashed(operand: &Operand) -> Option<Match> {
    let class = operator_classes::default_class(IndexMethod::Hash, operand.type_oid)?;
    Some(Match {
        element: operand.element.clone(),
        operator: 0,
        purpose: Purpose::Equality,
        classes: vec![class],
        selectivity: None,
    })
}
