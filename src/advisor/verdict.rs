//! What came of each candidate for one query, in words. Pure.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::candidates::Candidate;
use super::selection::Rejection;
use super::wording::{self, percent};
use crate::pg::relation_facts::{Clause, ClauseKind, Element, RelationFacts};

/// Rows shown; what is recommended and hinted at is shown in any case.
const MAX_ROWS: usize = 100;

/// A saving below this part of the query's cost is told as such.
const SMALL: f64 = 0.05;

/// Share of the rows from which it is the reason that an index is not used.
const MANY_ROWS: f64 = 0.05;

/// What came of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Recommended,
    Rejected,
    Existing,
    NotPossible,
    Hint,
}

impl Verdict {
    /// As the `verdict` column has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Recommended => "recommended",
            Self::Rejected => "rejected",
            Self::Existing => "existing",
            Self::NotPossible => "not possible",
            Self::Hint => "hint",
        }
    }
}

/// One candidate and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explained {
    pub(super) candidate: String,
    pub(super) verdict: Verdict,
    pub(super) reason: String,
    /// Cost of the query without and with that candidate alone.
    pub(super) cost_before: Option<f64>,
    pub(super) cost_after: Option<f64>,
    pub(super) size: Option<i64>,
}

/// The recommended ones first as they are ranked, then by cost; and what was left out, if any.
pub(super) fn sorted(mut rows: Vec<Explained>) -> (Vec<Explained>, Option<String>) {
    let place = |row: &Explained| match row.verdict {
        Verdict::Recommended => 0,
        _ => 1,
    };
    let cost = |row: &Explained| match row.verdict {
        // All are kept, in the order they came in.
        Verdict::Recommended => 0.0,
        _ => row.cost_after.unwrap_or(f64::INFINITY),
    };
    rows.sort_by(|a, b| {
        (place(a).cmp(&place(b)))
            .then(cost(a).total_cmp(&cost(b)))
            .then(match place(a) {
                0 => std::cmp::Ordering::Equal,
                _ => (a.verdict.cmp(&b.verdict)).then(a.candidate.cmp(&b.candidate)),
            })
    });
    let mut left_out: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut room = MAX_ROWS;
    rows.retain(|row| {
        let is_due = matches!(row.verdict, Verdict::Recommended | Verdict::Hint);
        let is_kept = is_due || room > 0;
        match is_kept {
            true => room = room.saturating_sub(1),
            false => *left_out.entry(row.verdict).or_default() += 1,
        }
        is_kept
    });
    (rows, told(&left_out))
}

fn told(left_out: &BTreeMap<Verdict, usize>) -> Option<String> {
    let total: usize = left_out.values().sum();
    let parts: Vec<String> = (left_out.iter())
        .map(|(verdict, count)| format!("{count} {}", verdict.name()))
        .collect();
    (total > 0).then(|| {
        format!(
            "{total} more candidates are not shown: {}",
            parts.join(", ")
        )
    })
}

/// What the planner said of a candidate that was not chosen.
pub(super) struct Tried {
    /// Cost of the query as things are, and with the candidate alone.
    pub(super) before: f64,
    pub(super) after: f64,
    /// Whether the plan uses it.
    pub(super) is_used: bool,
    /// Cost with what is recommended, and with the candidate besides.
    pub(super) chosen: f64,
    pub(super) besides: f64,
    /// What keeping it up to date costs the query.
    pub(super) upkeep: f64,
    /// Share of the rows that the conditions on its first columns let through.
    pub(super) share: Option<f64>,
}

/// Why it was not chosen.
pub(super) fn why_not(rejection: Rejection, tried: &Tried) -> String {
    let saved = tried.before - tried.after;
    let part = saved / tried.before.max(f64::MIN_POSITIVE);
    if !tried.is_used {
        return match tried.share {
            Some(share) if share >= MANY_ROWS => format!(
                "the planner does not use it: {} of the rows match, so reading the table in order is cheaper",
                percent(share)
            ),
            _ => "the planner does not use it".to_owned(),
        };
    }
    if saved <= 0.0 {
        return "the planner could use it, but it saves nothing".to_owned();
    }
    if tried.upkeep >= saved {
        return format!(
            "keeping it up to date costs more than it saves: {:.1} against {saved:.1}",
            tried.upkeep
        );
    }
    let besides = tried.chosen - tried.besides;
    if tried.chosen < tried.before && besides < SMALL * saved {
        return format!(
            "it saves {} alone, and {} besides what is recommended",
            percent(part),
            percent(besides.max(0.0) / tried.chosen.max(f64::MIN_POSITIVE))
        );
    }
    if part < SMALL {
        return format!(
            "the planner uses it, but it saves only {} of the cost",
            percent(part)
        );
    }
    format!(
        "it saves {}, but {}",
        percent(part),
        wording::rejection(rejection)
    )
}

/// Why a candidate is recommended.
pub(super) fn why(rank: usize, before: f64, after: f64, together: Option<f64>) -> String {
    let saved = |to: f64| percent((before - to) / before.max(f64::MIN_POSITIVE));
    let alone = match after < before {
        true => format!("alone it saves {}", saved(after)),
        false => "alone it saves nothing".to_owned(),
    };
    match together {
        Some(together) => format!(
            "rank {rank}; {alone}, all that is recommended saves {} ({before:.1} -> {together:.1})",
            saved(together)
        ),
        None => format!("rank {rank}; {alone}"),
    }
}

/// Share of the rows that pass the conditions on the leading keys, which are all that an index
/// search can narrow down by; `None` when there are none, or the planner did not say.
pub(super) fn share_of_rows(candidate: &Candidate, facts: &RelationFacts) -> Option<f64> {
    let mut share = None;
    for key in &candidate.keys {
        let Some(clause) = best_clause(&facts.clauses, &key.element) else {
            break;
        };
        let passes = clause.selectivity?;
        share = Some(share.unwrap_or(1.0) * passes);
        if clause.kind == ClauseKind::Range {
            break;
        }
    }
    share
}

fn best_clause<'a>(clauses: &'a [Clause], element: &Element) -> Option<&'a Clause> {
    (clauses.iter())
        .filter(|clause| clause.element == *element && clause.kind != ClauseKind::Join)
        .min_by_key(|clause| clause.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(verdict: Verdict, cost: Option<f64>, name: &str) -> Explained {
        Explained {
            candidate: name.to_owned(),
            verdict,
            reason: String::new(),
            cost_before: None,
            cost_after: cost,
            size: None,
        }
    }

    #[test]
    fn recommended_come_first_by_rank_and_the_rest_by_cost() {
        let (rows, left_out) = sorted(vec![
            row(Verdict::NotPossible, None, "d"),
            row(Verdict::Rejected, Some(1.0), "c"),
            row(Verdict::Recommended, Some(9.0), "b"),
            row(Verdict::Recommended, Some(5.0), "a"),
        ]);
        let names: String = rows.iter().map(|row| row.candidate.as_str()).collect();
        assert_eq!(names, "bacd");
        assert_eq!(left_out, None);
    }

    #[test]
    fn too_many_rows_are_counted_by_verdict() {
        let mut rows: Vec<Explained> = (0..150)
            .map(|number| row(Verdict::Rejected, Some(f64::from(number)), "r"))
            .collect();
        rows.push(row(Verdict::NotPossible, None, "n"));
        let (rows, left_out) = sorted(rows);
        assert_eq!(rows.len(), MAX_ROWS);
        assert_eq!(
            left_out.as_deref(),
            Some("51 more candidates are not shown: 50 rejected, 1 not possible")
        );
    }

    #[test]
    fn many_rows_are_the_reason_where_they_are() {
        let mut tried = Tried {
            before: 100.0,
            after: 100.0,
            is_used: false,
            chosen: 100.0,
            besides: 100.0,
            upkeep: 0.0,
            share: Some(0.5),
        };
        assert!(why_not(Rejection::NoGain, &tried).contains("50 % of the rows match"));
        tried.share = Some(0.001);
        assert_eq!(
            why_not(Rejection::NoGain, &tried),
            "the planner does not use it"
        );
        (tried.is_used, tried.after) = (true, 98.0);
        assert!(why_not(Rejection::NoGain, &tried).contains("only 2.0 %"));
        tried.upkeep = 3.0;
        assert!(why_not(Rejection::Upkeep, &tried).contains("costs more than it saves: 3.0"));
    }
}
