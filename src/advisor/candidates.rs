//! From what the planner knows of a relation to the indexes that might serve it. Pure.
//!
//! *B-trees*: columns are combined in the order a B-tree can use: equality first (the most
//! selective first), then one range or the columns of a sort; join columns may come before or
//! after the equality columns, as both directions of a nested loop want. A sort whose first
//! column is descending is turned around, since a B-tree is read backwards at no cost; that lets
//! more statements share one index.
//!
//! *Other methods* come from the operator classes that know a statement's operators.
//!
//! Where a statement reads only the rows for which a lasting condition holds, the same keys are
//! offered for an index of those rows alone.

#![forbid(unsafe_code)]

mod btree;
mod merge;
mod methods;
mod partial;

use std::collections::BTreeSet;
use std::rc::Rc;

use btree::{Columns, Sequences, canonical, covering};
use partial::Restriction;

use crate::pg::operator_classes::{IndexMethod, Subject};
use crate::pg::relation_facts::{Clause, Element, Obstacle, RelationFacts, SortColumn};

#[allow(unused_imports, reason = "selection is to use it")]
pub(crate) use merge::merge;

/// Columns considered of each kind of clause, the most selective first.
pub(crate) const MAX_COLUMNS: usize = 8;

/// Candidates of one relation of one statement.
const MAX_CANDIDATES: usize = 1000;

/// An index that could help.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Candidate {
    /// OID of the table.
    pub(crate) table: u32,
    /// Its access method.
    pub(crate) method: IndexMethod,
    /// Key columns in order.
    pub(crate) keys: Vec<Key>,
    /// `INCLUDE` columns, ascending.
    pub(crate) included: Vec<i16>,
    /// `WHERE`
    pub(crate) predicate: Option<Rc<str>>,
    /// What it is for.
    pub(crate) aim: Aim,
}

/// What an index is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Aim {
    /// What B-trees do.
    Ordered,
    /// Equality of long values.
    Hash,
    /// Blocks of a table to which rows are added in order.
    Appended,
    /// The rows nearest to a point.
    Nearest,
    /// What the operator class is for.
    Of(Subject),
}

/// A key and its direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Column or expression.
    pub(crate) element: Element,
    /// Operator class, as `CREATE INDEX` takes it; `None` for the default.
    pub(crate) class: Option<Rc<str>>,
    /// `DESC`
    pub(crate) descending: bool,
    /// `NULLS FIRST`
    pub(crate) nulls_first: bool,
}

impl Key {
    /// In the default direction and operator class.
    pub(crate) fn ascending(element: Element) -> Self {
        Self::with_class(element, None)
    }

    /// In the default direction.
    pub(crate) fn with_class(element: Element, class: Option<Rc<str>>) -> Self {
        Self {
            element,
            class,
            descending: false,
            nulls_first: false,
        }
    }

    fn turned_around(self) -> Self {
        Self {
            descending: !self.descending,
            nulls_first: !self.nulls_first,
            ..self
        }
    }

    /// Whether a search by this key can be done by `other`, of the same method.
    fn is_done_by(&self, other: &Self) -> bool {
        let same_class = self.class == other.class
            // What jsonb_path_ops can do, jsonb_ops can.
            || other.class.is_none() && self.class.as_deref().is_some_and(methods::is_path_class);
        self.element == other.element && same_class
    }
}

impl From<SortColumn> for Key {
    fn from(column: SortColumn) -> Self {
        Self {
            element: column.element,
            class: None,
            descending: column.descending,
            nulls_first: column.nulls_first,
        }
    }
}

impl From<&Clause> for Key {
    fn from(clause: &Clause) -> Self {
        Self::with_class(clause.element.clone(), clause.class.clone())
    }
}

/// An index to compare a candidate with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    /// Its access method.
    pub(crate) method: IndexMethod,
    /// Its keys.
    pub(crate) keys: &'a [Key],
    /// Every column stored in it.
    pub(crate) columns: &'a [i16],
    /// `WHERE`
    pub(crate) predicate: Option<&'a str>,
}

impl Candidate {
    /// Whether an index of this shape can do all that this candidate can: search by the same
    /// keys and, a B-tree, sort by them (turned around or not), of the same rows or of all.
    pub(crate) fn is_served_by(&self, other: Shape<'_>) -> bool {
        use IndexMethod::{Brin, Btree, Gin, Hash};
        if other.predicate.is_some() && other.predicate != self.predicate.as_deref() {
            return false;
        }
        let same_first = || match (self.keys.first(), other.keys.first()) {
            (Some(own), Some(others)) => own.is_done_by(others),
            _ => false,
        };
        match (self.method, other.method) {
            (Btree, Btree) => self.is_prefix_of(other),
            (Hash | Brin, Btree) => same_first(),
            (own, others) if own != others => false,
            (method, _) => {
                let is_done = |key: &Key| other.keys.iter().any(|other| key.is_done_by(other));
                // Of these every key is as good as the first.
                (matches!(method, Gin | Brin) || same_first()) && self.keys.iter().all(is_done)
            }
        }
    }

    fn is_prefix_of(&self, other: Shape<'_>) -> bool {
        let Some(prefix) = other.keys.get(..self.keys.len()) else {
            return false;
        };
        let same = prefix == self.keys;
        let mirrored = prefix
            .iter()
            .map(|key| key.clone().turned_around())
            .eq(self.keys.iter().cloned());
        let stored = |column: &i16| other.columns.contains(column);
        (same || mirrored) && self.included.iter().all(stored)
    }

    /// Every column stored in the index as it is.
    pub(crate) fn columns(&self) -> Vec<i16> {
        (self.keys.iter().filter_map(|key| key.element.attribute()))
            .chain(self.included.iter().copied())
            .collect()
    }

    /// Whether it may change how a relation is read of which these are the facts: they compare
    /// its first column or sort by it, or use one of its operator classes.
    pub(crate) fn concerns(&self, facts: &RelationFacts) -> bool {
        if facts.table != self.table {
            return false;
        }
        if self.method == IndexMethod::Btree {
            let Some(first) = self.keys.first().map(|key| &key.element) else {
                return false;
            };
            let mut clauses = facts.clauses.iter().chain(facts.or_arms.iter().flatten());
            let mut orders = facts.orders.iter().filter_map(|order| order.first());
            return clauses.any(|clause| clause.element == *first)
                || orders.any(|column| column.element == *first);
        }
        let known = |key: &Key| {
            facts.matches.iter().any(|found| {
                let serves = |class: &crate::pg::operator_classes::UsableClass| {
                    class.method == self.method && class.class == key.class
                };
                found.element == key.element && found.classes.iter().any(serves)
            })
        };
        self.keys.iter().any(known)
    }

    /// Whether a key is an expression.
    pub(crate) fn has_expression(&self) -> bool {
        (self.keys.iter()).any(|key| key.element.attribute().is_none())
    }

    /// What kind of index it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self.aim {
            Aim::Ordered => self.kind_of_btree(),
            Aim::Hash => "hash",
            Aim::Appended => "append-ordered",
            Aim::Nearest => "nearest-neighbour",
            Aim::Of(subject) => match subject {
                Subject::Jsonb => "jsonb",
                Subject::Array => "array",
                Subject::FullText => "full-text",
                Subject::Trigram => "trigram",
                Subject::Range => "range",
                Subject::Geometry => "geometry",
                Subject::Network => "network",
                Subject::Other => "operator-class",
            },
        }
    }

    fn kind_of_btree(&self) -> &'static str {
        let has_class = self.keys.iter().any(|key| key.class.is_some());
        match self.keys.len() {
            _ if self.predicate.is_some() => "partial",
            _ if has_class => "prefix",
            _ if self.has_expression() => "expression",
            _ if !self.included.is_empty() => "covering",
            1 => "single-column",
            _ => "multicolumn",
        }
    }
}

/// What the catalogs say of a relation's columns.
pub(crate) trait Knowledge {
    /// Bytes that the longest value the column may have takes, where there is a limit.
    fn most_bytes(&self, attribute: i16) -> Option<f64>;
    /// Bytes that its values take on average.
    fn width(&self, attribute: i16) -> f64;
    /// How many values the column has, as far as is known.
    fn distinct_values(&self, attribute: i16) -> Option<f64>;
    /// How far its values follow the order of the rows, -1 to 1.
    fn correlation(&self, attribute: i16) -> Option<f64>;
}

/// The candidates for one relation of one statement.
pub(crate) fn generate(facts: &RelationFacts, known: &dyn Knowledge) -> BTreeSet<Candidate> {
    let columns = Columns::of(&facts.clauses);
    let orders: Vec<Vec<Key>> = facts.orders.iter().map(|order| canonical(order)).collect();
    let mut sequences = Sequences::default();
    sequences.searches(&columns);
    let is_guess = |found: &Obstacle| matches!(found, Obstacle::UnknownPattern { .. });
    let guessed = facts.obstacles.iter().any(is_guess);
    sequences.sorts(&columns, &orders, guessed);
    for arm in &facts.or_arms {
        sequences.searches(&Columns::of(arm));
    }
    let restrictions = Restriction::all(&facts.conditions, known);
    let mut candidates = BTreeSet::new();
    for (method, keys, aim) in methods::keys(facts, known) {
        let whole = Candidate {
            table: facts.table,
            method,
            keys,
            included: Vec::new(),
            predicate: None,
            aim,
        };
        let parts = restrictions.iter().map(|restriction| Candidate {
            predicate: Some(restriction.sql.clone()),
            ..whole.clone()
        });
        candidates.extend(parts.filter(|_| method != IndexMethod::Brin));
        candidates.insert(whole);
    }
    for keys in &sequences.0 {
        insert(&mut candidates, facts, keys, None, known);
    }
    for restriction in restrictions {
        for keys in &sequences.0 {
            let keys = restriction.keys(keys);
            insert(&mut candidates, facts, &keys, Some(&restriction.sql), known);
        }
    }
    candidates
}

/// The B-tree on `keys`, and the one that covers the statement.
fn insert(
    candidates: &mut BTreeSet<Candidate>,
    facts: &RelationFacts,
    keys: &[Key],
    predicate: Option<&Rc<str>>,
    known: &dyn Knowledge,
) {
    let included = covering(facts, keys, known).into_iter().chain([Vec::new()]);
    for included in included.filter(|_| !keys.is_empty()) {
        if candidates.len() < MAX_CANDIDATES {
            candidates.insert(Candidate {
                table: facts.table,
                method: IndexMethod::Btree,
                keys: keys.to_vec(),
                included,
                predicate: predicate.cloned(),
                aim: Aim::Ordered,
            });
        }
    }
}

#[cfg(test)]
mod tests;
