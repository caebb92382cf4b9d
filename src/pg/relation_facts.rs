//! What the planner knows of one relation of a query when it is about to choose its scan:
//! the clauses it could match to an index, the orders that would save a sort, the columns it
//! needs. Read in `set_rel_pathlist_hook`, after rewriting and constant folding.

mod clauses;
mod elements;
mod matches;
mod obstacles;
mod orders;
mod patterns;

use std::rc::Rc;

use pgrx::pg_sys;

use super::operator_classes::{Classes, UsableClass};
use super::{catalog, trusted_code};

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
    /// Conditions that a partial index may have.
    pub(crate) conditions: Vec<Condition>,
    /// Operators that indexes of other kinds could serve, under an OR or not.
    pub(crate) matches: Vec<Match>,
    /// Clauses that no index can serve as they are.
    pub(crate) obstacles: Vec<Obstacle>,
}

impl RelationFacts {
    /// Replaces node texts by SQL; what cannot be written is left out.
    pub(crate) fn write_sql(&mut self, to_sql: &dyn Fn(u32, &str) -> Option<Rc<str>>) {
        let table = self.table;
        let write = |element: &mut Element| match element {
            Element::Column(_) => true,
            Element::Expression(text) => match to_sql(table, text) {
                Some(sql) => {
                    *text = sql;
                    true
                }
                None => false,
            },
        };
        self.clauses.retain_mut(|clause| write(&mut clause.element));
        for arm in &mut self.or_arms {
            arm.retain_mut(|clause| write(&mut clause.element));
        }
        self.matches.retain_mut(|found| write(&mut found.element));
        self.obstacles.retain_mut(|found| match found {
            Obstacle::PatternAnywhere { element, .. } | Obstacle::UnknownPattern { element } => {
                write(element)
            }
            _ => true,
        });
        for order in &mut self.orders {
            let whole = order
                .iter_mut()
                .map_while(|column| write(&mut column.element).then_some(()));
            let length = whole.count();
            order.truncate(length);
        }
        self.orders.retain(|order| !order.is_empty());
        self.conditions.retain_mut(|condition| {
            condition.fixes = condition
                .fixes
                .take()
                .and_then(|mut element| write(&mut element).then_some(element));
            to_sql(table, &condition.sql).is_some_and(|sql| {
                condition.sql = sql;
                true
            })
        });
    }

    /// Whether any text is to be written.
    pub(crate) fn has_node_texts(&self) -> bool {
        let is_text = |element: &Element| element.attribute().is_none();
        !self.conditions.is_empty()
            || (self.clauses.iter().chain(self.or_arms.iter().flatten()))
                .any(|clause| is_text(&clause.element))
            || self
                .orders
                .iter()
                .flatten()
                .any(|column| is_text(&column.element))
            || self.matches.iter().any(|found| is_text(&found.element))
            || self.obstacles.iter().any(|found| match found {
                Obstacle::PatternAnywhere { element, .. }
                | Obstacle::UnknownPattern { element } => is_text(element),
                _ => false,
            })
    }
}

/// What an index key may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Element {
    /// A column, by attribute number.
    Column(i16),
    /// An immutable expression over columns of the relation: a node tree as text at first, SQL after
    /// [`RelationFacts::write_sql`].
    Expression(Rc<str>),
}

impl Element {
    /// The column, if it is one.
    pub(crate) fn attribute(&self) -> Option<i16> {
        match self {
            Self::Column(attribute) => Some(*attribute),
            Self::Expression(_) => None,
        }
    }
}

/// A condition on one column or expression that a B-tree can search by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    /// The column or expression.
    pub(crate) element: Element,
    /// How it is compared.
    pub(crate) kind: ClauseKind,
    /// The operator class it needs, as `CREATE INDEX` takes it; `None` for the default.
    pub(crate) class: Option<Rc<str>>,
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

/// An operator on a column or expression that an index of another kind than a B-tree could serve.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Match {
    /// The column or expression.
    pub(crate) element: Element,
    /// The operator (or function), to tell it from others.
    pub(crate) operator: u32,
    /// What the index would be for.
    pub(crate) purpose: Purpose,
    /// Operator classes that serve it.
    pub(crate) classes: Vec<UsableClass>,
    /// Share of rows that pass, by the planner's estimate.
    pub(crate) selectivity: Option<f64>,
}

/// What an index is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An operator that B-trees do not know.
    Search,
    /// Equality as B-trees know it.
    Equality,
    /// An inequality as B-trees know it.
    Range,
    /// The order of distances.
    Order,
}

/// Why no index can serve a clause as it is, where a person could change that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Obstacle {
    /// A pattern that looks for its text anywhere: `LIKE '%text%'`.
    PatternAnywhere {
        /// What is searched.
        element: Element,
        /// Whether it looks for one word.
        word: bool,
        /// Whether there is an operator class by which an index finds parts of words.
        by_trigrams: bool,
    },
    /// A pattern that is not known, so that how many rows pass is a guess.
    UnknownPattern {
        /// What is searched.
        element: Element,
    },
    /// `to_tsvector(column)`, whose configuration is a setting.
    NoTextSearchConfiguration {
        /// The columns.
        columns: Vec<i16>,
    },
    /// An expression whose value may change though the row does not.
    NotImmutable {
        /// The columns.
        columns: Vec<i16>,
        /// The function that makes it so.
        function: String,
    },
    /// `value = ANY (column)`
    AnyOfColumn {
        /// The array.
        column: i16,
    },
}

/// A condition that a partial index may have as its predicate: it holds for every row that the
/// statement reads, whatever the parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    /// a node tree as text at first, SQL after [`RelationFacts::write_sql`].
    pub(crate) sql: Rc<str>,
    /// Columns it mentions.
    pub(crate) columns: Vec<i16>,
    /// Share of rows that pass, by the planner's estimate.
    pub(crate) selectivity: f64,
    /// What it compares with a constant or null for equality: a key on that has one value only.
    pub(crate) fixes: Option<Element>,
    /// What it compares with.
    pub(crate) with: Compared,
}

/// What a condition compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// `IS NULL`, `IS NOT NULL`
    Null,
    /// A boolean by itself, or `NOT` it.
    Boolean,
    /// A constant, which may be a parameter's value.
    Constant,
}

/// One column or expression of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SortColumn {
    /// The column or expression.
    pub(crate) element: Element,
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
            root,
            rel,
            owner: trusted_code::relation_owner((*entry).relid)?,
            classes: Classes::default(),
        };
        let (tuples, pages) = size(rel);
        let mut facts = RelationFacts {
            table: (*entry).relid.to_u32(),
            tuples,
            pages,
            needed: reader.needed(),
            orders: reader.orders(),
            ..RelationFacts::default()
        };
        reader.restrictions(&mut facts);
        reader.joins(&mut facts);
        facts.matches.extend(reader.nearest());
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

/// Reads the facts of one relation.
struct Reader {
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    /// Of the table.
    owner: pg_sys::Oid,
    classes: Classes,
}
