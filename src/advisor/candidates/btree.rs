//! Key sequences of B-trees, and the columns that make one cover a statement. Pure.

#![forbid(unsafe_code)]

use super::{Key, Knowledge, MAX_COLUMNS};
use crate::pg::relation_facts::{Clause, ClauseKind, Element, RelationFacts, SortColumn};

/// Key columns beyond this number have never been seen to pay.
const MAX_KEYS: usize = 6;

/// Key sequences of one relation: a statement may compare hundreds of columns.
pub(super) const MAX_SEQUENCES: usize = 400;

/// Columns that a covering index may add.
pub(super) const MAX_INCLUDED: usize = 4;

/// Bytes that the columns of an entry may have at most, where that is known of all: an entry of
/// more than a third of a page makes the INSERT fail ...
const MAX_ENTRY: f64 = 2000.0;

/// ... and those of the columns added to keys of which it is not.
const MAX_ADDED: f64 = 500.0;

/// Average width of a column that is worth a copy.
const MAX_INCLUDED_WIDTH: f64 = 64.0;

/// The sort order, turned around if it starts downwards.
pub(super) fn canonical(order: &[SortColumn]) -> Vec<Key> {
    let turn = order.first().is_some_and(|first| first.descending);
    (order.iter().cloned().map(Key::from))
        .map(|key| if turn { key.turned_around() } else { key })
        .collect()
}

/// Columns by the way they are compared, each in one list only, the most selective first.
#[derive(Debug, Default)]
pub(super) struct Columns {
    equal: Vec<Key>,
    any_of: Vec<Key>,
    joined: Vec<Key>,
    ranged: Vec<Key>,
}

impl Columns {
    pub(super) fn of(clauses: &[Clause]) -> Self {
        let mut ordered: Vec<&Clause> = clauses.iter().collect();
        let selectivity = |clause: &Clause| clause.selectivity.unwrap_or(0.1);
        ordered.sort_by(|a, b| {
            (a.kind.cmp(&b.kind))
                .then(selectivity(a).total_cmp(&selectivity(b)))
                .then(a.element.cmp(&b.element))
        });
        let mut columns = Self::default();
        for clause in ordered {
            let key = Key::from(clause);
            let seen_as_equal = (columns.equal.iter().chain(&columns.any_of))
                .any(|known| known.element == key.element);
            let list = match clause.kind {
                ClauseKind::Equality => &mut columns.equal,
                ClauseKind::In => &mut columns.any_of,
                ClauseKind::Join => &mut columns.joined,
                ClauseKind::Range => &mut columns.ranged,
            };
            if !seen_as_equal && list.len() < MAX_COLUMNS && !list.contains(&key) {
                list.push(key);
            }
        }
        columns
    }

    /// Equality columns, alone and with `IN` columns, and each of them by itself: what may
    /// stand before a range, a join column or a sort.
    fn prefixes(&self) -> Vec<Vec<Key>> {
        let with_any_of: Vec<Key> = self.equal.iter().chain(&self.any_of).cloned().collect();
        let mut prefixes = vec![Vec::new(), self.equal.clone(), with_any_of.clone()];
        prefixes.extend(with_any_of.iter().map(|key| vec![key.clone()]));
        prefixes.dedup();
        prefixes
    }
}

/// Key sequences, without duplicates, in the order of their making.
#[derive(Default)]
pub(super) struct Sequences(pub(super) Vec<Vec<Key>>);

impl Sequences {
    fn push(&mut self, parts: &[&[Key]], order: &[Key]) {
        let mut keys: Vec<Key> = Vec::new();
        let searched = parts.iter().copied().flatten();
        for key in searched.chain(order).cloned() {
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
    pub(super) fn searches(&mut self, columns: &Columns) {
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

    /// Sequences that deliver rows in order, after the columns that are held fixed. Where it is a
    /// guess how many rows pass, the whole table in order is no way to find the first few: they
    /// may be the last.
    pub(super) fn sorts(&mut self, columns: &Columns, orders: &[Vec<Key>], guessed: bool) {
        for order in orders {
            let prefixes = columns.prefixes().into_iter();
            for prefix in prefixes.filter(|prefix| !(guessed && prefix.is_empty())) {
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
pub(super) fn covering(
    facts: &RelationFacts,
    keys: &[Key],
    known: &dyn Knowledge,
) -> Option<Vec<i16>> {
    let missing: Vec<i16> = (facts.needed.as_ref()?.iter().copied())
        .filter(|column| {
            !keys
                .iter()
                .any(|key| key.element == Element::Column(*column))
        })
        .collect();
    (!missing.is_empty() && fits(&missing, keys, known)).then_some(missing)
}

/// Whether an entry with these columns besides the keys is sure to fit into a page, and small
/// enough to be worth it.
pub(super) fn fits(added: &[i16], keys: &[Key], known: &dyn Knowledge) -> bool {
    let most = |columns: &mut dyn Iterator<Item = Option<i16>>| -> Option<f64> {
        columns.map(|column| known.most_bytes(column?)).sum()
    };
    let Some(bytes) = most(&mut added.iter().copied().map(Some)) else {
        return false;
    };
    let fits = match most(&mut keys.iter().map(|key| key.element.attribute())) {
        Some(of_keys) => bytes + of_keys <= MAX_ENTRY,
        None => bytes <= MAX_ADDED,
    };
    let is_narrow = |column: &i16| known.width(*column) <= MAX_INCLUDED_WIDTH;
    fits && added.len() <= MAX_INCLUDED && added.iter().all(is_narrow)
}
