//! From what the planner knows of a relation to the B-trees that might serve it. Pure.
//!
//! Columns are combined in the order a B-tree can use: equality first (the most selective
//! first), then one range or the columns of a sort; join columns may come before or after the
//! equality columns, as both directions of a nested loop want. A sort whose first column is
//! descending is turned around, since a B-tree is read backwards at no cost; that lets more
//! statements share one index.
//!
//! Where a statement reads only the rows for which a lasting condition holds, the same keys are
//! offered for an index of those rows alone.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::pg::relation_facts::{
    Clause, ClauseKind, Compared, Condition, Element, RelationFacts, SortColumn,
};

/// Key columns beyond this number have never been seen to pay.
const MAX_KEYS: usize = 6;

/// Columns considered of each kind of clause, the most selective first, ...
const MAX_COLUMNS: usize = 8;

/// ... and key sequences of one relation: a statement may compare hundreds of columns.
const MAX_SEQUENCES: usize = 400;

/// Candidates of one relation of one statement.
const MAX_CANDIDATES: usize = 1000;

/// Columns that a covering index may add.
const MAX_INCLUDED: usize = 4;

/// Share of the rows above which an index of some rows only is not much smaller.
const MAX_SHARE: f64 = 0.5;

/// Values of a column up to which each stands for a kind of row.
const FEW_VALUES: f64 = 20.0;

/// A value is rare when it has at most this part of the rows that it had if all were alike.
const RARE: f64 = 0.5;

/// Conditions considered of one relation, the most selective first.
const MAX_CONDITIONS: usize = 3;

/// A B-tree that could help, with default operator classes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Candidate {
    /// OID of the table.
    pub(crate) table: u32,
    /// Key columns in order.
    pub(crate) keys: Vec<Key>,
    /// `INCLUDE` columns, ascending.
    pub(crate) included: Vec<i16>,
    /// `WHERE`
    pub(crate) predicate: Option<Rc<str>>,
}

/// A key and its direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Column or expression.
    pub(crate) element: Element,
    /// `DESC`
    pub(crate) descending: bool,
    /// `NULLS FIRST`
    pub(crate) nulls_first: bool,
}

impl Key {
    /// In the default direction.
    pub(crate) fn ascending(element: Element) -> Self {
        Self {
            element,
            descending: false,
            nulls_first: false,
        }
    }

    fn turned_around(self) -> Self {
        Self {
            element: self.element,
            descending: !self.descending,
            nulls_first: !self.nulls_first,
        }
    }
}

impl From<SortColumn> for Key {
    fn from(column: SortColumn) -> Self {
        Self {
            element: column.element,
            descending: column.descending,
            nulls_first: column.nulls_first,
        }
    }
}

impl Candidate {
    /// Whether an index with these keys, columns and predicate can do all that this candidate
    /// can: the same leading keys, in the same direction or exactly turned around, of the same
    /// rows or of all.
    pub(crate) fn is_served_by(
        &self,
        keys: &[Key],
        columns: &[i16],
        predicate: Option<&str>,
    ) -> bool {
        if predicate.is_some() && predicate != self.predicate.as_deref() {
            return false;
        }
        let Some(prefix) = keys.get(..self.keys.len()) else {
            return false;
        };
        let same = prefix == self.keys;
        let mirrored = prefix
            .iter()
            .map(|key| key.clone().turned_around())
            .eq(self.keys.iter().cloned());
        (same || mirrored) && self.included.iter().all(|column| columns.contains(column))
    }

    /// Every column stored in the index as it is.
    pub(crate) fn columns(&self) -> Vec<i16> {
        (self.keys.iter().filter_map(|key| key.element.attribute()))
            .chain(self.included.iter().copied())
            .collect()
    }
}

/// What the catalogs say of a relation's columns.
pub(crate) trait Knowledge {
    /// Whether the column is narrow enough to be stored in an index besides the keys.
    fn may_include(&self, attribute: i16) -> bool;
    /// How many values the column has, as far as is known.
    fn distinct_values(&self, attribute: i16) -> Option<f64>;
}

/// The candidates for one relation of one statement.
pub(crate) fn generate(facts: &RelationFacts, known: &dyn Knowledge) -> BTreeSet<Candidate> {
    let columns = Columns::of(&facts.clauses);
    let orders: Vec<Vec<Key>> = facts.orders.iter().map(|order| canonical(order)).collect();
    let mut sequences = Sequences::default();
    sequences.searches(&columns);
    sequences.sorts(&columns, &orders);
    for arm in &facts.or_arms {
        sequences.searches(&Columns::of(arm));
    }
    let mut candidates = BTreeSet::new();
    for keys in &sequences.0 {
        insert(&mut candidates, facts, keys, None, known);
    }
    for restriction in Restriction::all(&facts.conditions, known) {
        for keys in &sequences.0 {
            let keys = restriction.keys(keys);
            insert(&mut candidates, facts, &keys, Some(&restriction.sql), known);
        }
    }
    candidates
}

/// The index on `keys`, and the one that covers the statement.
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
                keys: keys.to_vec(),
                included,
                predicate: predicate.cloned(),
            });
        }
    }
}

/// Conditions that rows of a partial index meet.
struct Restriction {
    sql: Rc<str>,
    /// What has one value in all of them.
    fixed: Vec<Element>,
}

impl Restriction {
    /// Each condition that pays alone, and all of them.
    fn all(conditions: &[Condition], known: &dyn Knowledge) -> Vec<Self> {
        let is_lasting = |condition: &&Condition| is_of_a_kind(condition, known);
        let mut lasting: Vec<&Condition> = conditions.iter().filter(is_lasting).collect();
        lasting.sort_by(|a, b| a.selectivity.total_cmp(&b.selectivity));
        lasting.truncate(MAX_CONDITIONS);
        let mut all: Vec<Self> = (lasting.iter())
            .filter(|condition| condition.selectivity <= MAX_SHARE)
            .map(|condition| Self::of(&[condition]))
            .collect();
        let together: f64 = lasting
            .iter()
            .map(|condition| condition.selectivity)
            .product();
        if lasting.len() > 1 && together <= MAX_SHARE {
            all.push(Self::of(&lasting));
        }
        all
    }

    fn of(conditions: &[&Condition]) -> Self {
        let mut texts: Vec<&str> = conditions.iter().map(|condition| &*condition.sql).collect();
        texts.sort_unstable();
        let sql = match texts.as_slice() {
            [one] => (*one).to_owned(),
            several => several
                .iter()
                .map(|text| format!("({text})"))
                .collect::<Vec<_>>()
                .join(" AND "),
        };
        Self {
            sql: sql.into(),
            fixed: conditions
                .iter()
                .filter_map(|condition| condition.fixes.clone())
                .collect(),
        }
    }

    /// What is left of `keys` in an index of such rows: what has one value there tells nothing.
    fn keys(&self, keys: &[Key]) -> Vec<Key> {
        let left: Vec<Key> = (keys.iter())
            .filter(|key| !self.fixed.contains(&key.element))
            .cloned()
            .collect();
        match (left.is_empty(), keys.first()) {
            (true, Some(first)) => vec![first.clone()],
            _ => left,
        }
    }
}

/// Whether the condition is met by a kind of row, and not by a single thing: nulls, or a rare
/// value of a column with few.
fn is_of_a_kind(condition: &Condition, known: &dyn Knowledge) -> bool {
    let few = |column: i16| {
        known
            .distinct_values(column)
            .filter(|values| *values <= FEW_VALUES)
    };
    match (&condition.fixes, condition.columns.as_slice()) {
        _ if condition.with == Compared::Null => true,
        (Some(Element::Column(column)), _) => {
            few(*column).is_some_and(|values| condition.selectivity * values <= RARE)
        }
        (None, [column]) => few(*column).is_some(),
        _ => false,
    }
}

/// The sort order, turned around if it starts downwards.
fn canonical(order: &[SortColumn]) -> Vec<Key> {
    let turn = order.first().is_some_and(|first| first.descending);
    (order.iter().cloned().map(Key::from))
        .map(|key| if turn { key.turned_around() } else { key })
        .collect()
}

/// Columns by the way they are compared, each in one list only, the most selective first.
#[derive(Debug, Default)]
struct Columns {
    equal: Vec<Element>,
    any_of: Vec<Element>,
    joined: Vec<Element>,
    ranged: Vec<Element>,
}

impl Columns {
    fn of(clauses: &[Clause]) -> Self {
        let mut ordered: Vec<&Clause> = clauses.iter().collect();
        let selectivity = |clause: &Clause| clause.selectivity.unwrap_or(0.1);
        ordered.sort_by(|a, b| {
            (a.kind.cmp(&b.kind))
                .then(selectivity(a).total_cmp(&selectivity(b)))
                .then(a.element.cmp(&b.element))
        });
        let mut columns = Self::default();
        for clause in ordered {
            let seen_as_equal =
                columns.equal.contains(&clause.element) || columns.any_of.contains(&clause.element);
            let list = match clause.kind {
                ClauseKind::Equality => &mut columns.equal,
                ClauseKind::In => &mut columns.any_of,
                ClauseKind::Join => &mut columns.joined,
                ClauseKind::Range => &mut columns.ranged,
            };
            if !seen_as_equal && list.len() < MAX_COLUMNS && !list.contains(&clause.element) {
                list.push(clause.element.clone());
            }
        }
        columns
    }

    /// Equality columns, alone and with `IN` columns, and each of them by itself: what may
    /// stand before a range, a join column or a sort.
    fn prefixes(&self) -> Vec<Vec<Element>> {
        let with_any_of: Vec<Element> = self.equal.iter().chain(&self.any_of).cloned().collect();
        let mut prefixes = vec![Vec::new(), self.equal.clone(), with_any_of.clone()];
        prefixes.extend(with_any_of.iter().map(|element| vec![element.clone()]));
        prefixes.dedup();
        prefixes
    }
}

/// Key sequences, without duplicates, in the order of their making.
#[derive(Default)]
struct Sequences(Vec<Vec<Key>>);

impl Sequences {
    fn push(&mut self, parts: &[&[Element]], order: &[Key]) {
        let mut keys: Vec<Key> = Vec::new();
        let plain = (parts.iter().copied().flatten())
            .cloned()
            .map(Key::ascending);
        for key in plain.chain(order.iter().cloned()) {
            if !keys.iter().any(|known| known.element == key.element) {
                keys.push(key);
            }
        }
        keys.truncate(MAX_KEYS);
        if !keys.is_empty() && self.0.len() < MAX_SEQUENCES && !self.0.contains(&keys) {
            self.0.push(keys);
        }
    }

    /// Sequences that find rows.
    fn searches(&mut self, columns: &Columns) {
        for prefix in columns.prefixes() {
            self.push(&[&prefix], &[]);
            for range in columns.ranged.chunks(1) {
                self.push(&[&prefix, range], &[]);
            }
            for join in columns.joined.chunks(1) {
                self.push(&[&prefix, join], &[]);
                self.push(&[join, &prefix], &[]);
                for range in columns.ranged.chunks(1) {
                    self.push(&[&prefix, join, range], &[]);
                    self.push(&[join, &prefix, range], &[]);
                }
            }
        }
        self.push(&[&columns.joined], &[]);
    }

    /// Sequences that deliver rows in order, after the columns that are held fixed.
    fn sorts(&mut self, columns: &Columns, orders: &[Vec<Key>]) {
        for order in orders {
            for prefix in columns.prefixes() {
                self.push(&[&prefix], order);
                for join in columns.joined.chunks(1) {
                    self.push(&[&prefix, join], order);
                    self.push(&[join, &prefix], order);
                }
            }
        }
    }
}

/// The columns to add so that the table itself need not be read; `None` when there are none to
/// add, or too many, or too wide ones.
fn covering(facts: &RelationFacts, keys: &[Key], known: &dyn Knowledge) -> Option<Vec<i16>> {
    let missing: Vec<i16> = (facts.needed.as_ref()?.iter().copied())
        .filter(|column| {
            !keys
                .iter()
                .any(|key| key.element == Element::Column(*column))
        })
        .collect();
    let fits = !missing.is_empty()
        && missing.len() <= MAX_INCLUDED
        && missing.iter().all(|&column| known.may_include(column));
    fits.then_some(missing)
}

#[cfg(test)]
mod tests;
