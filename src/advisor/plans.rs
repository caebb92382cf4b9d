//! Plans before and after an index, for the evidence.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::costs::{AdvisedStatement, Costs};
use super::evidence::{Plans, text_hash};
use super::helped::Helped;
use super::selection::Oracle;
use crate::whatif::scope::Scope;

/// Bytes of one plan.
const MOST_BYTES: usize = 4096;

/// The plans of the statement that `candidate` helps most, with the others of `ranked`, as long
/// as there is time. A plan for any values need not be that for those of the executions: where
/// the candidate does not change it there are none.
pub(super) fn of_most_helped(
    costs: &mut Costs,
    candidate: usize,
    ranked: &BTreeSet<usize>,
    helped: &[Helped],
) -> Option<Plans> {
    let best = (helped.iter()).max_by(|a, b| a.saved().total_cmp(&b.saved()))?;
    if costs.expired() {
        return None;
    }
    let mut others = ranked.clone();
    others.remove(&candidate);
    let (before, after) = (scope(costs, &others), scope(costs, ranked));
    let statement =
        (costs.statements.iter()).find(|statement| Rc::ptr_eq(&statement.source, &best.source))?;
    let (before, after) = (
        explained(statement, &before)?,
        explained(statement, &after)?,
    );
    (before != after).then(|| Plans {
        hash: text_hash(&best.source.text),
        before: cut(&before),
        after: cut(&after),
    })
}

fn scope(costs: &Costs, configuration: &BTreeSet<usize>) -> Rc<Scope> {
    let indexes = (configuration.iter())
        .filter_map(|&candidate| costs.proposals.get(candidate))
        .map(|proposal| proposal.index.clone());
    Rc::new(Scope::new(indexes.collect(), []))
}

fn explained(statement: &AdvisedStatement, scope: &Rc<Scope>) -> Option<String> {
    Some(statement.explain_under(scope).ok()?.join("\n"))
}

/// As many whole lines as there is room for.
fn cut(plan: &str) -> String {
    if plan.len() <= MOST_BYTES {
        return plan.to_owned();
    }
    let mut end = MOST_BYTES;
    while !plan.is_char_boundary(end) {
        end -= 1;
    }
    let kept = plan.get(..end).unwrap_or_default();
    let whole = kept.rfind('\n').and_then(|end| kept.get(..end));
    format!("{}\n...", whole.unwrap_or(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_plan_is_cut_at_a_line() {
        let line = "ä".repeat(100);
        let plan = vec![line.clone(); 100].join("\n");
        let short = cut(&plan);
        assert!(short.len() <= MOST_BYTES + 4);
        assert!(short.ends_with(&format!("{line}\n...")));
        assert_eq!(cut(&line), line);
        assert!(cut(&"ä".repeat(5000)).ends_with("ä\n..."));
    }
}
