//! One index in place of two that are much alike. Pure.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use super::shortlist::Shortlist;
use super::{Limits, Oracle, Rejection, weighted};

/// Share of the workload's cost that it may cost to have one index less.
const WORTH_AN_INDEX: f64 = 1e-3;

/// Puts one index in the place of two, where that takes less room and costs next to nothing, and
/// says whether there was any.
pub(super) fn merge(
    oracle: &mut dyn Oracle,
    shortlist: &mut Shortlist,
    limits: &Limits,
    chosen: &mut BTreeSet<usize>,
    rejected: &mut BTreeMap<usize, Rejection>,
) -> bool {
    let before = chosen.clone();
    let mut untried: Vec<usize> = chosen.iter().copied().collect();
    while let Some(one) = untried.pop() {
        let others: Vec<usize> = chosen
            .iter()
            .copied()
            .filter(|&other| other != one)
            .collect();
        for other in others {
            if oracle.expired() {
                return *chosen != before;
            }
            let pair = Pair { one, other };
            if let Some(merged) = pair.merged(oracle, shortlist, limits, chosen) {
                for gone in [one, other] {
                    chosen.remove(&gone);
                    rejected.insert(gone, Rejection::NoGain);
                }
                untried.retain(|index| *index != other);
                chosen.insert(merged);
                shortlist.admit(oracle, merged);
                untried.push(merged);
                break;
            }
        }
    }
    *chosen != before
}

struct Pair {
    one: usize,
    other: usize,
}

impl Pair {
    /// The index to have in place of both.
    fn merged(
        &self,
        oracle: &mut dyn Oracle,
        shortlist: &Shortlist,
        limits: &Limits,
        chosen: &BTreeSet<usize>,
    ) -> Option<usize> {
        let merged = oracle.merged(self.one, self.other);
        (merged.into_iter())
            .find(|&merged| self.is_worth(oracle, shortlist, limits, chosen, merged))
    }

    fn is_worth(
        &self,
        oracle: &mut dyn Oracle,
        shortlist: &Shortlist,
        limits: &Limits,
        chosen: &BTreeSet<usize>,
        merged: usize,
    ) -> bool {
        let pair = [self.one, self.other];
        let room: f64 = pair.iter().map(|&index| oracle.size(index)).sum();
        if oracle.size(merged) >= room || chosen.contains(&merged) {
            return false;
        }
        let mut with: BTreeSet<usize> = chosen.clone();
        with.insert(merged);
        for index in pair {
            with.remove(&index);
        }
        let spared: f64 = pair.iter().map(|&index| oracle.upkeep(index)).sum();
        let mut rise = oracle.upkeep(merged) - spared;
        let touched: BTreeSet<usize> = (pair.iter().chain([&merged]))
            .flat_map(|&index| oracle.affected(index).to_vec())
            .collect();
        for statement in touched {
            let lost = oracle.cost(statement, &with) - oracle.cost(statement, chosen);
            let base = shortlist.base.get(statement).copied().unwrap_or_default();
            if oracle.is_slow(statement) && lost >= limits.share_of_slow() * base {
                return false;
            }
            rise += oracle.weight(statement) * lost;
        }
        rise <= limits.min_benefit.max(WORTH_AN_INDEX) * weighted(oracle, &shortlist.base)
    }
}
