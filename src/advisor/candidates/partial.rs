//! Conditions that make an index of some rows only. Pure.

#![forbid(unsafe_code)]

use std::rc::Rc;

use super::{Key, Knowledge};
use crate::pg::relation_facts::{Compared, Condition, Element};

/// Share of the rows above which an index of some rows only is not much smaller.
const MAX_SHARE: f64 = 0.5;

/// Values of a column up to which each stands for a kind of row.
const FEW_VALUES: f64 = 20.0;

/// A value is rare when it has at most this part of the rows that it had if all were alike.
const RARE: f64 = 0.5;

/// Conditions considered of one relation, the most selective first.
const MAX_CONDITIONS: usize = 3;

/// Conditions that rows of a partial index meet.
pub(super) struct Restriction {
    pub(super) sql: Rc<str>,
    /// What has one value in all of them.
    fixed: Vec<Element>,
}

impl Restriction {
    /// Each condition that pays alone, and all of them.
    pub(super) fn all(conditions: &[Condition], known: &dyn Knowledge) -> Vec<Self> {
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
    pub(super) fn keys(&self, keys: &[Key]) -> Vec<Key> {
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
