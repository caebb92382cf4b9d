//! What the planner knows of one relation of a query when it is about to choose its scan:
//! the clauses it could match to an index, the orders that would save a sort, the columns it
//! needs. Read in `set_rel_pathlist_hook`, after rewriting and constant folding.

use pgrx::{PgList, pg_sys};

use super::catalog;
use super::compat::{self, tag};

/// The facts of one relation in one query, free of pointers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RelationFacts {
    /// OID of the table, materialized view or partitioned table.
    pub(crate) table: u32,
    /// Rows in it.
    pub(crate) tuples: f64,
    /// Pages in it (0 for a partitioned table).
    pub(crate) pages: f64,
    /// Clauses that must all hold.
    pub(crate) clauses: Vec<Clause>,
    /// Clauses under an OR, one list per arm.
    pub(crate) or_arms: Vec<Vec<Clause>>,
    /// Orders of which each would save a sort if rows came in it.
    pub(crate) orders: Vec<Vec<SortColumn>>,
    /// Columns read; `None` when the whole row or a system column is.
    pub(crate) needed: Option<Vec<i16>>,
}

/// A condition on one column that a B-tree can search by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Clause {
    /// The column.
    pub(crate) attribute: i16,
    /// How it is compared.
    pub(crate) kind: ClauseKind,
    /// Share of rows that pass, by the planner's estimate; `None` if it did not say.
    pub(crate) selectivity: Option<f64>,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ClauseKind {
    /// `= constant`, `= parameter`, `IS NULL`, a boolean column.
    Equality,
    /// `IN (…)`, `= ANY (…)`.
    In,
    /// `=` a column of another relation.
    Join,
    /// `<`, `<=`, `>=`, `>`, `IS NOT NULL`.
    Range,
}

/// One column of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SortColumn {
    /// The column.
    pub(crate) attribute: i16,
    /// `DESC`
    pub(crate) descending: bool,
    /// `NULLS FIRST`
    pub(crate) nulls_first: bool,
}

/// The facts of the relation a `set_rel_pathlist_hook` call is about, if it can be indexed.
///
/// # Safety
/// The pointers must be the arguments of a running `set_rel_pathlist_hook` call.
pub(crate) unsafe fn read(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    entry: *mut pg_sys::RangeTblEntry,
) -> Option<RelationFacts> {
    // SAFETY: see above; everything below reads the planner's live structures.
    unsafe {
        if (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION
            || !matches!((*entry).relkind as u8, b'r' | b'm' | b'p')
            || is_partition_of_planned_table(root, rel)
        {
            return None;
        }
        let reader = Reader {
            rel,
            table: (*entry).relid,
        };
        let (tuples, pages) = size(rel);
        let mut facts = RelationFacts {
            table: (*entry).relid.to_u32(),
            tuples,
            pages,
            needed: reader.needed(),
            orders: reader.orders(root),
            ..RelationFacts::default()
        };
        reader.restrictions(&mut facts);
        reader.joins(root, &mut facts);
        Some(facts)
    }
}

/// Tuples and pages; for a partitioned table those of the partitions that are not pruned, as its
/// own `tuples` are the rows that pass the conditions.
///
/// # Safety
/// See [`read`].
unsafe fn size(rel: *mut pg_sys::RelOptInfo) -> (f64, f64) {
    // SAFETY: part_rels has nparts elements, null for those pruned.
    unsafe {
        let parts = usize::try_from((*rel).nparts).unwrap_or(0);
        if parts == 0 || (*rel).part_rels.is_null() {
            return ((*rel).tuples, f64::from((*rel).pages));
        }
        std::slice::from_raw_parts((*rel).part_rels, parts)
            .iter()
            .filter(|part| !part.is_null())
            .map(|&part| size(part))
            .fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }
}

/// Whether the relation is a partition whose parent's facts are read instead.
///
/// # Safety
/// See [`read`].
unsafe fn is_partition_of_planned_table(
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
) -> bool {
    // SAFETY: append_rel_array has an entry for every child relation.
    unsafe {
        if (*rel).reloptkind != pg_sys::RelOptKind::RELOPT_OTHER_MEMBER_REL
            || (*root).append_rel_array.is_null()
        {
            return false;
        }
        let link = *(*root).append_rel_array.add((*rel).relid as usize);
        !link.is_null()
            && (*link).parent_reloid != pg_sys::InvalidOid
            && catalog::relation_kind((*link).parent_reloid) == Some(b'p')
    }
}

/// Reads the clauses of one relation.
struct Reader {
    rel: *mut pg_sys::RelOptInfo,
    table: pg_sys::Oid,
}

impl Reader {
    unsafe fn restrictions(&self, facts: &mut RelationFacts) {
        // SAFETY: baserestrictinfo holds RestrictInfo nodes.
        unsafe {
            let list = PgList::<pg_sys::RestrictInfo>::from_pg((*self.rel).baserestrictinfo);
            for info in list.iter_ptr() {
                if (*info).orclause.is_null() {
                    facts
                        .clauses
                        .extend(self.clause((*info).clause.cast(), selectivity(info)));
                } else {
                    self.or_arms((*info).orclause.cast(), &mut facts.or_arms);
                }
            }
        }
    }

    /// Clauses under an OR: each arm is a RestrictInfo or an AND of them.
    unsafe fn or_arms(&self, clause: *mut pg_sys::Node, arms: &mut Vec<Vec<Clause>>) {
        // SAFETY: the planner builds orclause as a BoolExpr over RestrictInfos and ANDs of them.
        unsafe {
            if tag(clause) != pg_sys::NodeTag::T_BoolExpr {
                return;
            }
            let list = PgList::<pg_sys::Node>::from_pg((*clause.cast::<pg_sys::BoolExpr>()).args);
            for arm in list.iter_ptr() {
                let mut found = Vec::new();
                self.arm(arm, &mut found);
                arms.push(found);
            }
        }
    }

    unsafe fn arm(&self, node: *mut pg_sys::Node, found: &mut Vec<Clause>) {
        // SAFETY: see `or_arms`.
        unsafe {
            match tag(node) {
                pg_sys::NodeTag::T_RestrictInfo => {
                    let info = node.cast::<pg_sys::RestrictInfo>();
                    found.extend(self.clause((*info).clause.cast(), selectivity(info)));
                }
                pg_sys::NodeTag::T_BoolExpr => {
                    let args = (*node.cast::<pg_sys::BoolExpr>()).args;
                    for part in PgList::<pg_sys::Node>::from_pg(args).iter_ptr() {
                        self.arm(part, found);
                    }
                }
                _ => {}
            }
        }
    }

    /// What a B-tree could do with `clause`.
    unsafe fn clause(&self, clause: *mut pg_sys::Node, selectivity: Option<f64>) -> Vec<Clause> {
        let one = |attribute: i16, kind: ClauseKind| {
            vec![Clause {
                attribute,
                kind,
                selectivity,
            }]
        };
        // SAFETY: the fields of each node type as primnodes.h defines them.
        unsafe {
            match tag(clause) {
                pg_sys::NodeTag::T_OpExpr => self
                    .comparison(clause.cast())
                    .map_or_else(Vec::new, |(attribute, kind)| one(attribute, kind)),
                pg_sys::NodeTag::T_ScalarArrayOpExpr => self
                    .any_of(clause.cast())
                    .map_or_else(Vec::new, |attribute| one(attribute, ClauseKind::In)),
                pg_sys::NodeTag::T_NullTest => {
                    let test = clause.cast::<pg_sys::NullTest>();
                    let kind = match (*test).nulltesttype {
                        pg_sys::NullTestType::IS_NULL => ClauseKind::Equality,
                        _ => ClauseKind::Range,
                    };
                    self.column((*test).arg.cast())
                        .map_or_else(Vec::new, |attribute| one(attribute, kind))
                }
                pg_sys::NodeTag::T_BooleanTest => self
                    .column((*clause.cast::<pg_sys::BooleanTest>()).arg.cast())
                    .map_or_else(Vec::new, |attribute| one(attribute, ClauseKind::Equality)),
                pg_sys::NodeTag::T_Var | pg_sys::NodeTag::T_RelabelType => self
                    .column(clause)
                    .map_or_else(Vec::new, |attribute| one(attribute, ClauseKind::Equality)),
                pg_sys::NodeTag::T_BoolExpr
                    if (*clause.cast::<pg_sys::BoolExpr>()).boolop
                        == pg_sys::BoolExprType::NOT_EXPR =>
                {
                    PgList::<pg_sys::Node>::from_pg((*clause.cast::<pg_sys::BoolExpr>()).args)
                        .head()
                        .and_then(|argument| self.column(argument))
                        .map_or_else(Vec::new, |attribute| one(attribute, ClauseKind::Equality))
                }
                pg_sys::NodeTag::T_RowCompareExpr => self.row_comparison(clause.cast()),
                _ => Vec::new(),
            }
        }
    }

    /// `column op other` or `other op column`, where `other` holds no column of this relation.
    unsafe fn comparison(&self, clause: *mut pg_sys::OpExpr) -> Option<(i16, ClauseKind)> {
        // SAFETY: args has two elements for a binary operator.
        unsafe {
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let (left, right) = (args.get_ptr(0)?, args.get_ptr(1)?);
            let (attribute, other, operator) = match (self.column(left), self.column(right)) {
                (Some(attribute), None) => (attribute, right, (*clause).opno),
                (None, Some(attribute)) => {
                    (attribute, left, pg_sys::get_commutator((*clause).opno))
                }
                _ => return None,
            };
            if self.mentions_this_relation(other) || pg_sys::contain_volatile_functions(other) {
                return None;
            }
            let join = pg_sys::contain_var_clause(other);
            match (self.strategy(attribute, operator)?, join) {
                (3, false) => Some((attribute, ClauseKind::Equality)),
                (3, true) => Some((attribute, ClauseKind::Join)),
                (1 | 2 | 4 | 5, _) => Some((attribute, ClauseKind::Range)),
                _ => None,
            }
        }
    }

    unsafe fn any_of(&self, clause: *mut pg_sys::ScalarArrayOpExpr) -> Option<i16> {
        // SAFETY: args has two elements.
        unsafe {
            let args = PgList::<pg_sys::Node>::from_pg((*clause).args);
            let attribute = self.column(args.get_ptr(0)?)?;
            let equality = (*clause).useOr && self.strategy(attribute, (*clause).opno)? == 3;
            (equality && !self.mentions_this_relation(args.get_ptr(1)?)).then_some(attribute)
        }
    }

    /// `(a, b) > (x, y)`: a range on `a`, then on `b`.
    unsafe fn row_comparison(&self, clause: *mut pg_sys::RowCompareExpr) -> Vec<Clause> {
        // SAFETY: largs holds the left-hand expressions.
        unsafe {
            PgList::<pg_sys::Node>::from_pg((*clause).largs)
                .iter_ptr()
                .map_while(|node| self.column(node))
                .map(|attribute| Clause {
                    attribute,
                    kind: ClauseKind::Range,
                    selectivity: None,
                })
                .collect()
        }
    }

    /// Join clauses of this relation: general ones, and those implied by equivalence classes.
    unsafe fn joins(&self, root: *mut pg_sys::PlannerInfo, facts: &mut RelationFacts) {
        // SAFETY: joininfo holds RestrictInfos, eq_classes EquivalenceClasses.
        unsafe {
            let list = PgList::<pg_sys::RestrictInfo>::from_pg((*self.rel).joininfo);
            for info in list.iter_ptr().filter(|info| (**info).orclause.is_null()) {
                facts
                    .clauses
                    .extend(self.clause((*info).clause.cast(), None));
            }
            for class in PgList::<pg_sys::EquivalenceClass>::from_pg((*root).eq_classes).iter_ptr()
            {
                if (*class).ec_has_const || (*class).ec_has_volatile {
                    continue;
                }
                if let Some(attribute) = self.joined_column(class) {
                    facts.clauses.push(Clause {
                        attribute,
                        kind: ClauseKind::Join,
                        selectivity: None,
                    });
                }
            }
        }
    }

    /// The column of this relation that `class` makes equal to something of another relation.
    unsafe fn joined_column(&self, class: *mut pg_sys::EquivalenceClass) -> Option<i16> {
        // SAFETY: ec_members holds EquivalenceMembers with their relids.
        unsafe {
            let elsewhere = !pg_sys::bms_is_subset((*class).ec_relids, (*self.rel).relids);
            elsewhere.then(|| self.member_column(class)).flatten()
        }
    }

    /// The plain column of this relation among the members of `class`.
    unsafe fn member_column(&self, class: *mut pg_sys::EquivalenceClass) -> Option<i16> {
        // SAFETY: see `joined_column`.
        unsafe {
            PgList::<pg_sys::EquivalenceMember>::from_pg((*class).ec_members)
                .iter_ptr()
                .filter(|member| pg_sys::bms_equal((**member).em_relids, (*self.rel).relids))
                .find_map(|member| self.column((*member).em_expr.cast()))
        }
    }

    /// The orders the query could use, each as long as it stays within this relation.
    unsafe fn orders(&self, root: *mut pg_sys::PlannerInfo) -> Vec<Vec<SortColumn>> {
        // SAFETY: these lists hold PathKeys.
        let lists = unsafe {
            [
                (*root).query_pathkeys,
                (*root).sort_pathkeys,
                (*root).group_pathkeys,
                (*root).distinct_pathkeys,
                (*root).window_pathkeys,
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
                    self.member_column((*key).pk_eclass)
                        .map(|attribute| SortColumn {
                            attribute,
                            descending: compat::sorts_descending(key),
                            nulls_first: (*key).pk_nulls_first,
                        })
                })
                .collect()
        }
    }

    /// Columns that the scan must deliver or check.
    unsafe fn needed(&self) -> Option<Vec<i16>> {
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

    /// The attribute number if `node` is a plain column of this relation.
    unsafe fn column(&self, node: *mut pg_sys::Node) -> Option<i16> {
        // SAFETY: node is null or a valid expression.
        unsafe {
            let mut node = node;
            while tag(node) == pg_sys::NodeTag::T_RelabelType {
                node = (*node.cast::<pg_sys::RelabelType>()).arg.cast();
            }
            if tag(node) != pg_sys::NodeTag::T_Var {
                return None;
            }
            let var = node.cast::<pg_sys::Var>();
            let ours = (*var).varno as u32 == (*self.rel).relid && (*var).varlevelsup == 0;
            (ours && (*var).varattno > 0).then_some((*var).varattno)
        }
    }

    unsafe fn mentions_this_relation(&self, node: *mut pg_sys::Node) -> bool {
        // SAFETY: node is a valid expression.
        unsafe {
            let mut set: *mut pg_sys::Bitmapset = std::ptr::null_mut();
            pg_sys::pull_varattnos(node, (*self.rel).relid, &mut set);
            !set.is_null()
        }
    }

    /// The B-tree strategy number of `operator` in the column's default operator class.
    unsafe fn strategy(&self, attribute: i16, operator: pg_sys::Oid) -> Option<i32> {
        // SAFETY: catalog look-ups.
        unsafe {
            let column = catalog::column_type(self.table, attribute)?;
            let class = pg_sys::GetDefaultOpClass(column.oid, pg_sys::BTREE_AM_OID);
            if class == pg_sys::InvalidOid || operator == pg_sys::InvalidOid {
                return None;
            }
            let family = pg_sys::get_opclass_family(class);
            let strategy = pg_sys::get_op_opfamily_strategy(operator, family);
            (strategy > 0).then_some(strategy)
        }
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
