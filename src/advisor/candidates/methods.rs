//! Indexes that are no B-trees, by the operator classes that know a statement's operators. Pure.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Aim, Key, Knowledge, MAX_COLUMNS};
use crate::pg::operator_classes::{IndexMethod, Subject, UsableClass};
use crate::pg::relation_facts::{Element, Match, Purpose, RelationFacts};

/// Whether it is the class of `jsonb` with the smaller and faster index, which knows fewer
/// operators.
pub(super) fn is_path_class(class: &str) -> bool {
    matches!(class, "jsonb_path_ops" | "pg_catalog.jsonb_path_ops")
}

/// Methods for operators that B-trees do not know, the better first.
const SEARCHING: [IndexMethod; 4] = [
    IndexMethod::Gin,
    IndexMethod::Gist,
    IndexMethod::Spgist,
    IndexMethod::Hash,
];

/// Average width from which a hash, which stores four bytes of each value, is much smaller.
const LONG: f64 = 32.0;

/// A table is big from this number of rows ...
const MANY_ROWS: f64 = 1e6;

/// ... or pages.
const MANY_PAGES: f64 = 10_000.0;

/// Correlation from which the rows of a block range have values of their own.
const IN_ORDER: f64 = 0.9;

/// Columns compared for equality that are added to another key.
const MAX_COMPANIONS: usize = 2;

/// What to index for a relation, besides B-trees.
pub(super) fn keys(
    facts: &RelationFacts,
    known: &dyn Knowledge,
) -> Vec<(IndexMethod, Vec<Key>, Aim)> {
    let mut found = searched(&facts.matches);
    let nearest = nearest(&facts.matches);
    // The same index may do for both.
    found.retain(|(method, key, _)| {
        !matches!(&nearest, Some((also, keyed, _)) if also == method && keyed == key)
    });
    found.extend(nearest);
    let together: Vec<(IndexMethod, Vec<Key>, Aim)> = (found.iter())
        .filter_map(|(method, key, aim)| {
            Some((*method, with_companions(facts, *method, key)?, *aim))
        })
        .collect();
    found.extend(hashed(&facts.matches, known));
    found.extend(appended(facts, known));
    (found.into_iter())
        .map(|(method, key, aim)| (method, vec![key], aim))
        .chain(together)
        .collect()
}

/// The key with the most selective columns that are compared for equality besides, where the
/// method has operator classes for them (btree_gin and btree_gist bring them). GiST finds rows by
/// its first key first, to GIN all are alike.
fn with_companions(facts: &RelationFacts, method: IndexMethod, key: &Key) -> Option<Vec<Key>> {
    if !matches!(method, IndexMethod::Gin | IndexMethod::Gist) {
        return None;
    }
    let is_scalar = |class: &UsableClass| class.method == method && class.class.is_none();
    let mut companions: Vec<&Match> = (facts.matches.iter())
        .filter(|found| found.purpose == Purpose::Equality && found.element != key.element)
        .filter(|found| found.selectivity.is_some() && found.classes.iter().any(is_scalar))
        .collect();
    companions.sort_by(|a, b| {
        let share = |found: &Match| found.selectivity.unwrap_or(1.0);
        share(a).total_cmp(&share(b))
    });
    let mut keys: Vec<Key> = Vec::new();
    for found in companions {
        let companion = Key::ascending(found.element.clone());
        if keys.len() < MAX_COMPANIONS && !keys.contains(&companion) {
            keys.push(companion);
        }
    }
    let place = match method {
        IndexMethod::Gin => 0,
        _ => keys.len(),
    };
    let has_companions = !keys.is_empty();
    keys.insert(place, key.clone());
    has_companions.then_some(keys)
}

/// For each element the best class of the best method, and those of further methods for the
/// operators that it does not know.
fn searched(matches: &[Match]) -> Vec<(IndexMethod, Key, Aim)> {
    let searches = |found: &&Match| {
        let by_array = |class: &UsableClass| class.subject == Subject::Array;
        match found.purpose {
            Purpose::Search => true,
            Purpose::Equality | Purpose::Range => found.classes.iter().any(by_array),
            Purpose::Order => false,
        }
    };
    let mut by_element: BTreeMap<&Element, Vec<&Match>> = BTreeMap::new();
    for found in matches.iter().filter(searches) {
        by_element.entry(&found.element).or_default().push(found);
    }
    let mut elements: Vec<(&Element, Vec<&Match>)> = by_element.into_iter().collect();
    let share = |matches: &[&Match]| {
        let shares = matches.iter().filter_map(|found| found.selectivity);
        shares.fold(1.0, f64::min)
    };
    elements.sort_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)));
    (elements.into_iter().take(MAX_COLUMNS))
        .flat_map(|(element, matches)| of_element(element, &matches))
        .collect()
}

fn of_element(element: &Element, matches: &[&Match]) -> Vec<(IndexMethod, Key, Aim)> {
    let mut left: BTreeSet<u32> = matches.iter().map(|found| found.operator).collect();
    let mut indexes = Vec::new();
    for method in SEARCHING {
        let Some((class, known)) = best(method, matches) else {
            continue;
        };
        if known.is_disjoint(&left) {
            continue;
        }
        left.retain(|operator| !known.contains(operator));
        let aim = match method {
            IndexMethod::Hash => Aim::Hash,
            _ => Aim::Of(class.subject),
        };
        let key = Key::with_class(element.clone(), class.class.clone());
        indexes.push((method, key, aim));
    }
    indexes
}

/// The class of `method` that knows most of the operators, with those it knows.
fn best<'a>(
    method: IndexMethod,
    matches: &[&'a Match],
) -> Option<(&'a UsableClass, BTreeSet<u32>)> {
    let mut classes: Vec<(&UsableClass, BTreeSet<u32>)> = Vec::new();
    for found in matches {
        for class in found.classes.iter().filter(|class| class.method == method) {
            match classes.iter_mut().find(|(known, _)| *known == class) {
                Some((_, operators)) => {
                    operators.insert(found.operator);
                }
                None => classes.push((class, [found.operator].into())),
            }
        }
    }
    (classes.into_iter())
        .max_by_key(|(class, operators)| (operators.len(), preference(class.class.as_ref())))
}

fn preference(class: Option<&Rc<str>>) -> u8 {
    match class.map(|class| &**class) {
        Some(class) if is_path_class(class) => 2,
        None => 1,
        Some(_) => 0,
    }
}

/// The index that delivers rows by distance.
fn nearest(matches: &[Match]) -> Option<(IndexMethod, Key, Aim)> {
    let found = matches
        .iter()
        .find(|found| found.purpose == Purpose::Order)?;
    let (class, _) =
        best(IndexMethod::Gist, &[found]).or_else(|| best(IndexMethod::Spgist, &[found]))?;
    let key = Key::with_class(found.element.clone(), class.class.clone());
    Some((class.method, key, Aim::Nearest))
}

/// Hashes of long values that are compared for equality.
fn hashed(matches: &[Match], known: &dyn Knowledge) -> Vec<(IndexMethod, Key, Aim)> {
    let is_long = |column: &i16| known.width(*column) > LONG;
    (columns(matches, IndexMethod::Hash, &[Purpose::Equality]).iter())
        .filter(|column| is_long(column))
        .map(|column| {
            let key = Key::ascending(Element::Column(*column));
            (IndexMethod::Hash, key, Aim::Hash)
        })
        .collect()
}

/// Block ranges of a big table whose rows come in the order of a column that is compared.
fn appended(facts: &RelationFacts, known: &dyn Knowledge) -> Vec<(IndexMethod, Key, Aim)> {
    if facts.tuples < MANY_ROWS && facts.pages < MANY_PAGES {
        return Vec::new();
    }
    let purposes = [Purpose::Equality, Purpose::Range];
    let in_order = |column: &i16| {
        (known.correlation(*column)).is_some_and(|correlation| correlation.abs() >= IN_ORDER)
    };
    (columns(&facts.matches, IndexMethod::Brin, &purposes).iter())
        .filter(|column| in_order(column))
        .map(|column| {
            let key = Key::ascending(Element::Column(*column));
            (IndexMethod::Brin, key, Aim::Appended)
        })
        .collect()
}

/// Columns that the default class of `method` serves for one of `purposes`.
fn columns(matches: &[Match], method: IndexMethod, purposes: &[Purpose]) -> Vec<i16> {
    let mut columns: Vec<i16> = (matches.iter())
        .filter(|found| purposes.contains(&found.purpose))
        .filter(|found| found.classes.iter().any(|class| class.method == method))
        .filter_map(|found| found.element.attribute())
        .collect();
    columns.sort_unstable();
    columns.dedup();
    columns.truncate(MAX_COLUMNS);
    columns
}
