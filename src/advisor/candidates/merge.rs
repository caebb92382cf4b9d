//! One index in place of two. Pure.

#![forbid(unsafe_code)]

use super::btree::fits;
use super::{Candidate, Key, Knowledge};
use crate::pg::operator_classes::IndexMethod;
use crate::pg::relation_facts::Element;

/// B-trees that do all that both can: where the keys of one are the first keys of the other, the
/// longer keys with the columns of both. None where that is one of the two, or would be too wide.
#[allow(dead_code, reason = "selection is to use it")]
pub(crate) fn merge(a: &Candidate, b: &Candidate, known: &dyn Knowledge) -> Vec<Candidate> {
    let alike = a.table == b.table
        && a.method == IndexMethod::Btree
        && b.method == IndexMethod::Btree
        && a.predicate == b.predicate;
    let (short, long) = match a.keys.len() <= b.keys.len() {
        true => (a, b),
        false => (b, a),
    };
    if !alike || !long.keys.starts_with(&short.keys) {
        return Vec::new();
    }
    let is_key = |column: i16| {
        let of_column = |key: &Key| key.element == Element::Column(column);
        long.keys.iter().any(of_column)
    };
    let mut included: Vec<i16> = (short.included.iter().chain(&long.included).copied())
        .filter(|column| !is_key(*column))
        .collect();
    included.sort_unstable();
    included.dedup();
    if !included.is_empty() && !fits(&included, &long.keys, known) {
        return Vec::new();
    }
    let merged = Candidate {
        included,
        ..long.clone()
    };
    [merged]
        .into_iter()
        .filter(|merged| merged != a && merged != b)
        .collect()
}
