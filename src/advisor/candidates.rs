//! From what the planner knows of a relation to the B-trees that might serve it. Pure.
//!
//! Columns are combined in the order a B-tree can use: equality first (the most selective
//! first), then one range or the columns of a sort; join columns may come before or after the
//! equality columns, as both directions of a nested loop want. A sort whose first column is
//! descending is turned around, since a B-tree is read backwards at no cost; that lets more
//! statements share one index.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use crate::pg::relation_facts::{Clause, ClauseKind, RelationFacts, SortColumn};

/// Key columns beyond this number have never been seen to pay.
const MAX_KEYS: usize = 6;

/// Columns considered of each kind of clause, the most selective first, ...
const MAX_COLUMNS: usize = 8;

/// ... and key sequences of one relation: a statement may compare hundreds of columns.
const MAX_SEQUENCES: usize = 400;

/// Columns that a covering index may add.
const MAX_INCLUDED: usize = 4;

/// A B-tree that could help: plain columns, default operator classes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Candidate {
    /// OID of the table.
    pub(crate) table: u32,
    /// Key columns in order.
    pub(crate) keys: Vec<Key>,
    /// `INCLUDE` columns, ascending.
    pub(crate) included: Vec<i16>,
}

/// A key column and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Attribute number.
    pub(crate) attribute: i16,
    /// `DESC`
    pub(crate) descending: bool,
    /// `NULLS FIRST`
    pub(crate) nulls_first: bool,
}

impl Key {
    /// A column in the default direction.
    pub(crate) fn ascending(attribute: i16) -> Self {
        Self {
            attribute,
            descending: false,
            nulls_first: false,
        }
    }

    fn turned_around(self) -> Self {
        Self {
            attribute: self.attribute,
            descending: !self.descending,
            nulls_first: !self.nulls_first,
        }
    }
}

impl From<SortColumn> for Key {
    fn from(column: SortColumn) -> Self {
        Self {
            attribute: column.attribute,
            descending: column.descending,
            nulls_first: column.nulls_first,
        }
    }
}

impl Candidate {
    /// Whether an index with these keys and columns can do all that this candidate can:
    /// the same leading keys, in the same direction or exactly turned around.
    pub(crate) fn is_served_by(&self, keys: &[Key], columns: &[i16]) -> bool {
        let Some(prefix) = keys.get(..self.keys.len()) else {
            return false;
        };
        let same = prefix == self.keys;
        let mirrored = prefix
            .iter()
            .map(|key| key.turned_around())
            .eq(self.keys.iter().copied());
        (same || mirrored) && self.included.iter().all(|column| columns.contains(column))
    }

    /// Every column stored in the index.
    pub(crate) fn columns(&self) -> Vec<i16> {
        (self.keys.iter().map(|key| key.attribute))
            .chain(self.included.iter().copied())
            .collect()
    }
}

/// The candidates for one relation of one statement. `may_include` says which columns are
/// narrow enough to be stored in an index besides the keys.
pub(crate) fn generate(
    facts: &RelationFacts,
    may_include: &dyn Fn(i16) -> bool,
) -> BTreeSet<Candidate> {
    let columns = Columns::of(&facts.clauses);
    let orders: Vec<Vec<Key>> = facts.orders.iter().map(|order| canonical(order)).collect();
    let mut sequences = Sequences::default();
    sequences.searches(&columns);
    sequences.sorts(&columns, &orders);
    for arm in &facts.or_arms {
        sequences.searches(&Columns::of(arm));
    }
    sequences.into_candidates(facts, may_include)
}

/// The sort order, turned around if it starts downwards.
fn canonical(order: &[SortColumn]) -> Vec<Key> {
    let turn = order.first().is_some_and(|first| first.descending);
    (order.iter().copied().map(Key::from))
        .map(|key| if turn { key.turned_around() } else { key })
        .collect()
}

/// Columns by the way they are compared, each in one list only, the most selective first.
#[derive(Debug, Default)]
struct Columns {
    equal: Vec<i16>,
    any_of: Vec<i16>,
    joined: Vec<i16>,
    ranged: Vec<i16>,
}

impl Columns {
    fn of(clauses: &[Clause]) -> Self {
        let mut ordered: Vec<&Clause> = clauses.iter().collect();
        let selectivity = |clause: &Clause| clause.selectivity.unwrap_or(0.1);
        ordered.sort_by(|a, b| {
            (a.kind.cmp(&b.kind))
                .then(selectivity(a).total_cmp(&selectivity(b)))
                .then(a.attribute.cmp(&b.attribute))
        });
        let mut columns = Self::default();
        for clause in ordered {
            let seen_as_equal = columns.equal.contains(&clause.attribute)
                || columns.any_of.contains(&clause.attribute);
            let list = match clause.kind {
                ClauseKind::Equality => &mut columns.equal,
                ClauseKind::In => &mut columns.any_of,
                ClauseKind::Join => &mut columns.joined,
                ClauseKind::Range => &mut columns.ranged,
            };
            if !seen_as_equal && list.len() < MAX_COLUMNS && !list.contains(&clause.attribute) {
                list.push(clause.attribute);
            }
        }
        columns
    }

    /// Equality columns, alone and with `IN` columns, and each of them by itself: what may
    /// stand before a range, a join column or a sort.
    fn prefixes(&self) -> Vec<Vec<i16>> {
        let with_any_of: Vec<i16> = self.equal.iter().chain(&self.any_of).copied().collect();
        let mut prefixes = vec![Vec::new(), self.equal.clone(), with_any_of.clone()];
        prefixes.extend(with_any_of.iter().map(|&column| vec![column]));
        prefixes.dedup();
        prefixes
    }
}

/// Key sequences, without duplicates, in the order of their making.
#[derive(Default)]
struct Sequences(Vec<Vec<Key>>);

impl Sequences {
    fn push(&mut self, parts: &[&[i16]], order: &[Key]) {
        let mut keys: Vec<Key> = Vec::new();
        let plain = parts
            .iter()
            .copied()
            .flatten()
            .map(|&column| Key::ascending(column));
        for key in plain.chain(order.iter().copied()) {
            if !keys.iter().any(|known| known.attribute == key.attribute) {
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
            for &range in &columns.ranged {
                self.push(&[&prefix, &[range]], &[]);
            }
            for &join in &columns.joined {
                self.push(&[&prefix, &[join]], &[]);
                self.push(&[&[join], &prefix], &[]);
                for &range in &columns.ranged {
                    self.push(&[&prefix, &[join, range]], &[]);
                    self.push(&[&[join], &prefix, &[range]], &[]);
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
                for &join in &columns.joined {
                    self.push(&[&prefix, &[join]], order);
                    self.push(&[&[join], &prefix], order);
                }
            }
        }
    }

    fn into_candidates(
        self,
        facts: &RelationFacts,
        may_include: &dyn Fn(i16) -> bool,
    ) -> BTreeSet<Candidate> {
        let mut candidates = BTreeSet::new();
        for keys in self.0 {
            if let Some(included) = covering(facts, &keys, may_include) {
                candidates.insert(Candidate {
                    table: facts.table,
                    keys: keys.clone(),
                    included,
                });
            }
            candidates.insert(Candidate {
                table: facts.table,
                keys,
                included: Vec::new(),
            });
        }
        candidates
    }
}

/// The columns to add so that the table itself need not be read; `None` when there are none to
/// add, or too many, or too wide ones.
fn covering(
    facts: &RelationFacts,
    keys: &[Key],
    may_include: &dyn Fn(i16) -> bool,
) -> Option<Vec<i16>> {
    let missing: Vec<i16> = (facts.needed.as_ref()?.iter().copied())
        .filter(|column| !keys.iter().any(|key| key.attribute == *column))
        .collect();
    let fits = !missing.is_empty()
        && missing.len() <= MAX_INCLUDED
        && missing.iter().all(|&column| may_include(column));
    fits.then_some(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clause(attribute: i16, kind: ClauseKind, selectivity: f64) -> Clause {
        Clause {
            attribute,
            kind,
            selectivity: Some(selectivity),
        }
    }

    fn keys_of(facts: &RelationFacts) -> Vec<Vec<i16>> {
        generate(facts, &|_| false)
            .into_iter()
            .map(|candidate| candidate.keys.iter().map(|key| key.attribute).collect())
            .collect()
    }

    #[test]
    fn equality_comes_before_range_and_the_selective_column_first() {
        let facts = RelationFacts {
            clauses: vec![
                clause(3, ClauseKind::Range, 0.3),
                clause(2, ClauseKind::Equality, 0.2),
                clause(1, ClauseKind::Equality, 0.001),
            ],
            ..RelationFacts::default()
        };
        let keys = keys_of(&facts);
        assert!(keys.contains(&vec![1, 2, 3]));
        assert!(!keys.contains(&vec![3, 1]));
        assert!(!keys.contains(&vec![2, 1]));
    }

    #[test]
    fn a_descending_sort_after_an_equality_is_served_ascending() {
        let facts = RelationFacts {
            clauses: vec![clause(1, ClauseKind::Equality, 0.01)],
            orders: vec![vec![SortColumn {
                attribute: 2,
                descending: true,
                nulls_first: true,
            }]],
            ..RelationFacts::default()
        };
        let wanted = vec![Key::ascending(1), Key::ascending(2)];
        assert!(
            generate(&facts, &|_| false)
                .iter()
                .any(|c| c.keys == wanted)
        );
    }

    #[test]
    fn mixed_directions_are_kept_mixed() {
        let order = [(1, false, false), (2, true, true)].map(|(a, d, n)| SortColumn {
            attribute: a,
            descending: d,
            nulls_first: n,
        });
        let keys = canonical(&order);
        assert_eq!(
            keys.iter().map(|k| k.descending).collect::<Vec<_>>(),
            [false, true]
        );
    }

    #[test]
    fn a_covering_index_is_offered_only_when_every_column_may_be_stored() {
        let facts = RelationFacts {
            clauses: vec![clause(1, ClauseKind::Equality, 0.01)],
            needed: Some(vec![1, 5]),
            ..RelationFacts::default()
        };
        assert!(
            generate(&facts, &|_| true)
                .iter()
                .any(|c| c.included == [5])
        );
        assert!(
            generate(&facts, &|c| c != 5)
                .iter()
                .all(|c| c.included.is_empty())
        );
    }

    #[test]
    fn hundreds_of_columns_make_a_bounded_number_of_candidates() {
        use ClauseKind::{Equality, Join, Range};
        let clauses = (1..=300).map(|a| clause(a, [Equality, Join, Range][a as usize % 3], 0.1));
        let facts = RelationFacts {
            clauses: clauses.collect(),
            ..RelationFacts::default()
        };
        assert!(keys_of(&facts).len() <= MAX_SEQUENCES);
    }

    #[test]
    fn an_existing_index_serves_a_prefix_and_its_mirror_image() {
        let candidate = Candidate {
            table: 1,
            keys: vec![Key::ascending(1)],
            included: vec![],
        };
        let existing = [Key::ascending(1), Key::ascending(2)];
        assert!(candidate.is_served_by(&existing, &[1, 2]));
        let mirrored = existing.map(Key::turned_around);
        assert!(candidate.is_served_by(&mirrored, &[1, 2]));
        assert!(!candidate.is_served_by(&existing[1..], &[2]));
    }

    proptest! {
        #[test]
        fn no_candidate_repeats_a_column_or_has_none(
            spec in prop::collection::vec((1_i16..6, 0_usize..4, 0.0_f64..1.0), 0..8),
            sort in prop::collection::vec((1_i16..6, any::<bool>()), 0..4),
            needed in prop::option::of(prop::collection::vec(1_i16..6, 0..5)),
        ) {
            use ClauseKind::{Equality, In, Join, Range};
            let facts = RelationFacts {
                clauses: spec.iter()
                    .map(|&(a, kind, s)| clause(a, [Equality, In, Join, Range][kind], s))
                    .collect(),
                orders: vec![sort.iter()
                    .map(|&(attribute, descending)| SortColumn { attribute, descending, nulls_first: descending })
                    .collect()],
                needed,
                ..RelationFacts::default()
            };
            for candidate in generate(&facts, &|_| true) {
                let mut columns: Vec<i16> = candidate.keys.iter().map(|k| k.attribute).collect();
                prop_assert!(!columns.is_empty());
                let before = columns.len();
                columns.sort_unstable();
                columns.dedup();
                prop_assert_eq!(before, columns.len());
                prop_assert!(candidate.included.iter().all(|c| !columns.contains(c)));
            }
        }
    }
}
