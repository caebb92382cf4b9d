//! Candidates of other methods, and what stands in for what.

use super::*;
use crate::pg::operator_classes::UsableClass;
use crate::pg::relation_facts::{Match, Purpose};

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

#[test]
fn a_column_compared_for_equality_joins_the_key_where_the_method_has_a_class_for_it() {
    let equality = |column, selectivity, method| Match {
        purpose: Purpose::Equality,
        selectivity,
        ..search(column, 20, &[class(method, None, Subject::Other)])
    };
    let columns = |matches: Vec<Match>| -> Vec<Vec<i16>> {
        let facts = RelationFacts {
            matches,
            ..RelationFacts::default()
        };
        (generate(&facts, &NOTHING).iter())
            .map(Candidate::columns)
            .collect()
    };
    let gin = search(1, 10, &[class(IndexMethod::Gin, None, Subject::Jsonb)]);
    let gist = search(1, 10, &[class(IndexMethod::Gist, None, Subject::Range)]);
    let scalars = |method| {
        [(2, 0.1), (3, 0.01), (4, 0.05)]
            .map(|(column, share)| equality(column, Some(share), method))
    };
    let with = |first: &Match, method| {
        columns(scalars(method).into_iter().chain([first.clone()]).collect())
    };
    assert_eq!(with(&gin, IndexMethod::Gin), [vec![1], vec![1, 3, 4]]);
    assert_eq!(with(&gist, IndexMethod::Gist), [vec![1], vec![3, 4, 1]]);
    assert_eq!(with(&gin, IndexMethod::Gist), [vec![1]]);
    // A join column, of which no share is known, is no companion.
    assert_eq!(
        columns(vec![gin, equality(2, None, IndexMethod::Gin)]),
        [vec![1]]
    );
}
