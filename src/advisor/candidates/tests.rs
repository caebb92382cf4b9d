mod methods;

use super::*;
use crate::pg::relation_facts::{ClauseKind, Compared, Condition};
use proptest::prelude::*;

/// A B-tree on columns.
fn ordered(keys: &[i16], included: &[i16]) -> Candidate {
    Candidate {
        table: 1,
        method: IndexMethod::Btree,
        keys: (keys.iter())
            .map(|column| Key::ascending(Element::Column(*column)))
            .collect(),
        included: included.to_vec(),
        predicate: None,
        aim: Aim::Ordered,
    }
}

/// Which columns may be stored, and how many values each has.
struct Known(fn(i16) -> bool, Option<f64>);

impl Knowledge for Known {
    fn most_bytes(&self, attribute: i16) -> Option<f64> {
        self.0(attribute).then_some(8.0)
    }

    fn width(&self, _: i16) -> f64 {
        8.0
    }

    fn correlation(&self, _: i16) -> Option<f64> {
        None
    }

    fn distinct_values(&self, _: i16) -> Option<f64> {
        self.1
    }
}

const NOTHING: Known = Known(|_| false, None);
const EVERYTHING: Known = Known(|_| true, Some(2.0));

fn clause(attribute: i16, kind: ClauseKind, selectivity: f64) -> Clause {
    Clause {
        element: Element::Column(attribute),
        kind,
        class: None,
        selectivity: Some(selectivity),
    }
}

fn keys_of(facts: &RelationFacts) -> Vec<Vec<i16>> {
    generate(facts, &NOTHING)
        .into_iter()
        .map(|candidate| {
            candidate
                .keys
                .iter()
                .filter_map(|key| key.element.attribute())
                .collect()
        })
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
            element: Element::Column(2),
            descending: true,
            nulls_first: true,
        }]],
        ..RelationFacts::default()
    };
    let wanted = vec![
        Key::ascending(Element::Column(1)),
        Key::ascending(Element::Column(2)),
    ];
    assert!(generate(&facts, &NOTHING).iter().any(|c| c.keys == wanted));
}

#[test]
fn mixed_directions_are_kept_mixed() {
    let order = [(1, false, false), (2, true, true)].map(|(a, d, n)| SortColumn {
        element: Element::Column(a),
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
        generate(&facts, &EVERYTHING)
            .iter()
            .any(|c| c.included == [5])
    );
    assert!(
        generate(&facts, &Known(|c| c != 5, None))
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
    assert!(keys_of(&facts).len() <= btree::MAX_SEQUENCES);
}

#[test]
fn an_existing_index_serves_a_prefix_and_its_mirror_image() {
    let candidate = ordered(&[1], &[]);
    let existing = [
        Key::ascending(Element::Column(1)),
        Key::ascending(Element::Column(2)),
    ];
    let shape = |keys| Shape {
        method: IndexMethod::Btree,
        keys,
        columns: &[1, 2],
        predicate: None,
    };
    assert!(candidate.is_served_by(shape(&existing)));
    let mirrored = existing.clone().map(Key::turned_around);
    assert!(candidate.is_served_by(shape(&mirrored)));
    assert!(!candidate.is_served_by(shape(&existing[1..])));
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
                .map(|&(attribute, descending)| SortColumn { element: Element::Column(attribute), descending, nulls_first: descending })
                .collect()],
            needed,
            ..RelationFacts::default()
        };
        for candidate in generate(&facts, &EVERYTHING) {
            let mut columns: Vec<i16> = candidate.keys.iter().filter_map(|k| k.element.attribute()).collect();
            prop_assert!(!columns.is_empty());
            let before = columns.len();
            columns.sort_unstable();
            columns.dedup();
            prop_assert_eq!(before, columns.len());
            prop_assert!(candidate.included.iter().all(|c| !columns.contains(c)));
        }
    }
}

fn condition(sql: &str, column: i16, selectivity: f64) -> Condition {
    Condition {
        sql: sql.into(),
        columns: vec![column],
        selectivity,
        fixes: Some(Element::Column(column)),
        with: Compared::Constant,
    }
}

fn predicates(conditions: Vec<Condition>, known: &Known) -> BTreeSet<String> {
    let facts = RelationFacts {
        clauses: vec![clause(7, ClauseKind::Range, 0.1)],
        conditions,
        ..RelationFacts::default()
    };
    (generate(&facts, known).into_iter())
        .filter_map(|candidate| candidate.predicate.map(|sql| sql.to_string()))
        .collect()
}

#[test]
fn rows_of_a_kind_get_an_index_of_their_own_and_those_of_a_single_thing_do_not() {
    let of_kind = || vec![condition("(status = 'open')", 1, 0.01)];
    assert_eq!(
        predicates(of_kind(), &EVERYTHING),
        ["(status = 'open')".to_owned()].into()
    );
    assert!(predicates(of_kind(), &NOTHING).is_empty());
    let of_five_alike = Known(|_| true, Some(5.0));
    let usual = vec![condition("(status = 3)", 1, 0.2)];
    assert!(predicates(usual, &of_five_alike).is_empty());
    let not_deleted = Condition {
        with: Compared::Null,
        ..condition("(deleted_at IS NULL)", 1, 0.02)
    };
    assert_eq!(predicates(vec![not_deleted], &NOTHING).len(), 1);
}

#[test]
fn an_index_of_most_rows_is_not_worth_a_predicate() {
    let most = vec![condition("(deleted_at IS NULL)", 1, 0.9)];
    assert!(predicates(most, &EVERYTHING).is_empty());
}

#[test]
fn conditions_are_offered_alone_and_together() {
    let both = vec![
        condition("(a = 1)", 1, 0.1),
        condition("(b IS NULL)", 2, 0.2),
    ];
    let wanted = ["(a = 1)", "(b IS NULL)", "((a = 1)) AND ((b IS NULL))"];
    assert_eq!(
        predicates(both, &EVERYTHING),
        wanted.map(str::to_owned).into()
    );
}

#[test]
fn what_has_one_value_is_no_key() {
    let facts = RelationFacts {
        clauses: vec![
            clause(1, ClauseKind::Equality, 0.01),
            clause(2, ClauseKind::Range, 0.1),
        ],
        conditions: vec![condition("(status = 'open')", 1, 0.01)],
        ..RelationFacts::default()
    };
    let all = generate(&facts, &EVERYTHING);
    let mut partial = all.iter().filter(|candidate| candidate.predicate.is_some());
    assert!(
        partial
            .clone()
            .any(|candidate| candidate.keys == [Key::ascending(Element::Column(2))])
    );
    assert!(partial.all(|candidate| candidate.keys.len() == 1));
}

#[test]
fn where_it_is_a_guess_how_many_rows_pass_no_order_alone_is_offered() {
    let order = vec![SortColumn {
        element: Element::Column(2),
        descending: false,
        nulls_first: false,
    }];
    let mut facts = RelationFacts {
        clauses: vec![clause(1, ClauseKind::Equality, 0.01)],
        orders: vec![order],
        ..RelationFacts::default()
    };
    assert!(keys_of(&facts).contains(&vec![2]));
    facts.obstacles.push(Obstacle::UnknownPattern {
        element: Element::Column(3),
    });
    assert!(!keys_of(&facts).contains(&vec![2]));
    assert!(keys_of(&facts).contains(&vec![1, 2]));
}
