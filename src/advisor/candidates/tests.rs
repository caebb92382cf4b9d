use super::*;
use crate::pg::operator_classes::UsableClass;
use crate::pg::relation_facts::{ClauseKind, Compared, Condition, Match, Purpose};
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

fn class(method: IndexMethod, name: Option<&str>, subject: Subject) -> UsableClass {
    UsableClass {
        method,
        class: name.map(Rc::from),
        subject,
    }
}

fn search(column: i16, operator: u32, classes: &[UsableClass]) -> Match {
    Match {
        element: Element::Column(column),
        operator,
        purpose: Purpose::Search,
        classes: classes.to_vec(),
        selectivity: Some(0.01),
    }
}

/// Method, operator class and kind of what is no B-tree.
fn others(matches: Vec<Match>) -> Vec<(IndexMethod, Option<String>, &'static str)> {
    let facts = RelationFacts {
        matches,
        tuples: 5e6,
        ..RelationFacts::default()
    };
    (generate(&facts, &LONG_AND_APPENDED).iter())
        .filter(|candidate| candidate.method != IndexMethod::Btree)
        .filter_map(|candidate| {
            let class = candidate.keys.first()?.class.as_deref();
            Some((candidate.method, class.map(str::to_owned), candidate.kind()))
        })
        .collect()
}

/// Columns with long values, which follow the order of the rows.
struct LongAndAppended;
const LONG_AND_APPENDED: LongAndAppended = LongAndAppended;

impl Knowledge for LongAndAppended {
    fn most_bytes(&self, _: i16) -> Option<f64> {
        None
    }

    fn width(&self, _: i16) -> f64 {
        100.0
    }

    fn distinct_values(&self, _: i16) -> Option<f64> {
        None
    }

    fn correlation(&self, _: i16) -> Option<f64> {
        Some(-0.95)
    }
}

#[test]
fn the_smaller_class_of_jsonb_is_for_statements_that_need_no_more() {
    let path = class(IndexMethod::Gin, Some("jsonb_path_ops"), Subject::Jsonb);
    let all = class(IndexMethod::Gin, None, Subject::Jsonb);
    let contains = search(1, 10, &[all.clone(), path.clone()]);
    let exists = search(1, 11, std::slice::from_ref(&all));
    assert_eq!(
        others(vec![contains.clone()]),
        [(IndexMethod::Gin, Some("jsonb_path_ops".to_owned()), "jsonb")]
    );
    assert_eq!(
        others(vec![contains, exists]),
        [(IndexMethod::Gin, None, "jsonb")]
    );
}

#[test]
fn a_second_method_is_offered_for_operators_that_the_first_does_not_know_only() {
    let gin = class(IndexMethod::Gin, None, Subject::FullText);
    let gist = class(IndexMethod::Gist, None, Subject::FullText);
    let both = search(1, 10, &[gist.clone(), gin]);
    assert_eq!(
        others(vec![both.clone()]),
        [(IndexMethod::Gin, None, "full-text")]
    );
    assert_eq!(others(vec![both, search(1, 11, &[gist])]).len(), 2);
}

#[test]
fn a_hash_is_for_long_values_and_block_ranges_for_rows_in_order() {
    let classes = [
        class(IndexMethod::Hash, None, Subject::Other),
        class(IndexMethod::Brin, None, Subject::Other),
    ];
    let equality = Match {
        purpose: Purpose::Equality,
        ..search(1, 10, &classes)
    };
    let facts = |tuples| RelationFacts {
        matches: vec![equality.clone()],
        tuples,
        ..RelationFacts::default()
    };
    let kinds = |tuples, known: &dyn Knowledge| -> Vec<&str> {
        generate(&facts(tuples), known)
            .iter()
            .map(Candidate::kind)
            .collect()
    };
    assert_eq!(kinds(5e6, &LONG_AND_APPENDED), ["hash", "append-ordered"]);
    assert_eq!(kinds(5e4, &LONG_AND_APPENDED), ["hash"]);
    assert!(kinds(5e6, &EVERYTHING).is_empty());
}

#[test]
fn the_nearest_rows_come_from_an_index_that_sorts_by_distance() {
    let distance = Match {
        purpose: Purpose::Order,
        ..search(
            1,
            10,
            &[class(IndexMethod::Spgist, None, Subject::Geometry)],
        )
    };
    assert_eq!(
        others(vec![distance]),
        [(IndexMethod::Spgist, None, "nearest-neighbour")]
    );
}

#[test]
fn hundreds_of_searched_columns_make_few_candidates() {
    let gin = [class(IndexMethod::Gin, None, Subject::Jsonb)];
    let matches = (1..=300).map(|column| search(column, 10, &gin)).collect();
    assert_eq!(others(matches).len(), MAX_COLUMNS);
}

#[test]
fn a_text_that_begins_so_needs_a_class_of_its_own_as_the_last_key() {
    let prefix = Clause {
        class: Some("text_pattern_ops".into()),
        ..clause(2, ClauseKind::Range, 0.01)
    };
    let facts = RelationFacts {
        clauses: vec![clause(1, ClauseKind::Equality, 0.1), prefix],
        ..RelationFacts::default()
    };
    let wanted = [
        Key::ascending(Element::Column(1)),
        Key::with_class(Element::Column(2), Some("text_pattern_ops".into())),
    ];
    let all = generate(&facts, &NOTHING);
    let found = all.iter().find(|candidate| candidate.keys == wanted);
    assert_eq!(found.map(Candidate::kind), Some("prefix"));
}

#[test]
fn one_method_does_not_stand_in_for_another_unless_it_can() {
    let gin = |class: Option<&str>| Candidate {
        method: IndexMethod::Gin,
        keys: vec![Key::with_class(Element::Column(1), class.map(Rc::from))],
        aim: Aim::Of(Subject::Jsonb),
        ..ordered(&[1], &[])
    };
    let hash = Candidate {
        method: IndexMethod::Hash,
        aim: Aim::Hash,
        ..ordered(&[1], &[])
    };
    let serves = |other: &Candidate, candidate: &Candidate| {
        candidate.is_served_by(Shape {
            method: other.method,
            keys: &other.keys,
            columns: &other.columns(),
            predicate: None,
        })
    };
    assert!(serves(&gin(None), &gin(Some("jsonb_path_ops"))));
    assert!(!serves(&gin(Some("jsonb_path_ops")), &gin(None)));
    assert!(!serves(&gin(None), &gin(Some("evil.jsonb_path_ops"))));
    assert!(!serves(&ordered(&[1], &[]), &gin(None)));
    assert!(serves(&ordered(&[1, 2], &[]), &hash));
    assert!(!serves(&hash, &ordered(&[1], &[])));
}

#[test]
fn two_btrees_become_one_where_the_keys_of_one_begin_the_other() {
    let merged = |a: &Candidate, b: &Candidate| merge(a, b, &EVERYTHING);
    assert_eq!(
        merged(&ordered(&[1], &[2, 3]), &ordered(&[1, 3], &[])),
        [ordered(&[1, 3], &[2])]
    );
    assert_eq!(
        merged(&ordered(&[1], &[2]), &ordered(&[1], &[3])),
        [ordered(&[1], &[2, 3])]
    );
    // One of the two can do all already.
    assert!(merged(&ordered(&[1], &[]), &ordered(&[1, 3], &[])).is_empty());
    assert!(merged(&ordered(&[1], &[2]), &ordered(&[3], &[])).is_empty());
    // Too many columns, or too wide ones.
    assert!(merged(&ordered(&[1], &[2, 3, 4]), &ordered(&[1], &[5, 6])).is_empty());
    assert!(merge(&ordered(&[1], &[2]), &ordered(&[1], &[3]), &NOTHING).is_empty());
    let elsewhere = Candidate {
        predicate: Some("(a IS NULL)".into()),
        ..ordered(&[1], &[2])
    };
    assert!(merged(&elsewhere, &ordered(&[1, 3], &[])).is_empty());
}

#[test]
fn rows_of_a_kind_may_be_searched_by_any_method_but_block_ranges() {
    let deleted = Condition {
        with: Compared::Null,
        ..condition("(deleted_at IS NULL)", 2, 0.1)
    };
    let scalar = Match {
        purpose: Purpose::Range,
        ..search(3, 11, &[class(IndexMethod::Brin, None, Subject::Other)])
    };
    let facts = RelationFacts {
        matches: vec![
            search(1, 10, &[class(IndexMethod::Gin, None, Subject::Jsonb)]),
            scalar,
        ],
        conditions: vec![deleted],
        tuples: 5e6,
        ..RelationFacts::default()
    };
    let all = generate(&facts, &LONG_AND_APPENDED);
    let partial = |method| {
        let of_method = all.iter().filter(|candidate| candidate.method == method);
        of_method
            .map(|candidate| candidate.predicate.is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(partial(IndexMethod::Gin), [false, true]);
    assert_eq!(partial(IndexMethod::Brin), [false]);
}
