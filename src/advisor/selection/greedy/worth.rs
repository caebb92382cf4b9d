//! Whether candidates are worth adding, alone or together, and whether there is room. Pure.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::gains::{Gain, Open, State};
use super::{By, Greedy};
use crate::advisor::selection::{NEAR_RESIDUE, Oracle, Rejection};

/// What adding a candidate promises.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    pub(super) score: f64,
    /// Weighted, less the upkeep.
    pub(super) net: f64,
}

impl Greedy<'_> {
    /// Whether the candidate may be worth adding; if not, why.
    pub(super) fn judge(&mut self, oracle: &dyn Oracle, candidate: usize) {
        match self.net(oracle, candidate) {
            Ok(net) => {
                let score = match self.by {
                    By::Gain => net,
                    By::GainPerByte => net / self.added_size(oracle, candidate).max(8192.0),
                };
                self.worthy.insert(candidate, Worth { score, net });
            }
            Err(reason) => {
                self.worthy.remove(&candidate);
                self.rejected.insert(candidate, reason);
            }
        }
    }

    pub(super) fn net(&self, oracle: &dyn Oracle, candidate: usize) -> Result<f64, Rejection> {
        let Some(open) = self.open.get(&candidate) else {
            return Err(Rejection::NoGain);
        };
        let net = open.gross - oracle.upkeep(candidate);
        if open.gross <= 0.0 {
            return Err(Rejection::NoGain);
        }
        if net <= 0.0 {
            return Err(Rejection::Upkeep);
        }
        if net < self.limits.min_benefit * self.base && !self.speeds_up(oracle, open) {
            return Err(Rejection::BelowMinimum(net / self.base));
        }
        Ok(net)
    }

    /// Whether `candidate` may stand in for `best`, which gains a little more: it leaves about as
    /// little to do of each statement, or only lacks columns that are not worth storing.
    pub(super) fn is_as_good(
        &self,
        oracle: &dyn Oracle,
        (candidate, net): (usize, f64),
        (best, best_net): (usize, f64),
    ) -> bool {
        let spared = oracle.is_covering(best) && !oracle.is_covering(candidate);
        if spared && best_net - net < self.limits.min_benefit * self.base {
            return true;
        }
        (self.open.get(&best).into_iter())
            .flat_map(|open| &open.gains)
            .filter(|gain| gain.value > 0.0)
            .all(|gain| {
                let cost = self.costs.get(gain.statement).copied().unwrap_or_default();
                let other =
                    (self.open.get(&candidate)).map_or(0.0, |open| open.gain_on(gain.statement));
                cost - other <= NEAR_RESIDUE * (cost - gain.value)
            })
    }

    /// Whether it saves a noteworthy share of a statement that is slow by itself.
    pub(super) fn speeds_up(&self, oracle: &dyn Oracle, open: &Open) -> bool {
        (open.gains.iter()).any(|gain| {
            let base = (self.shortlist.base.get(gain.statement)).copied();
            oracle.is_slow(gain.statement)
                && gain.value >= self.limits.share_of_slow() * base.unwrap_or_default()
        })
    }

    /// Candidates that are worth adding together, where none is alone. What a bundle saves is
    /// known from the plan that it comes from.
    pub(super) fn best_bundle(&self, oracle: &dyn Oracle) -> Option<BTreeSet<usize>> {
        let missing = |bundle: &BTreeSet<usize>| -> Option<BTreeSet<usize>> {
            let missing: BTreeSet<usize> = bundle.difference(&self.chosen).copied().collect();
            let open = missing.iter().all(|index| self.open.contains_key(index));
            (open && missing.len() > 1).then_some(missing)
        };
        (self.shortlist.bundles.iter())
            .filter_map(missing)
            .filter(|bundle| self.has_room_for(oracle, bundle))
            .filter_map(|bundle| Some((self.net_of(oracle, &bundle)?, bundle)))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, bundle)| bundle)
    }

    pub(super) fn has_room_for(&self, oracle: &dyn Oracle, bundle: &BTreeSet<usize>) -> bool {
        let size: f64 = bundle.iter().map(|&index| oracle.size(index)).sum();
        (self.limits.max_indexes).is_none_or(|most| self.chosen.len() + bundle.len() <= most)
            && (self.limits.budget).is_none_or(|budget| self.size + size <= budget)
    }

    /// What a bundle saves, if it is worth having.
    pub(super) fn net_of(&self, oracle: &dyn Oracle, bundle: &BTreeSet<usize>) -> Option<f64> {
        let with: BTreeSet<usize> = self.chosen.union(bundle).copied().collect();
        let statements: BTreeSet<usize> = (bundle.iter())
            .flat_map(|index| {
                self.open
                    .get(index)
                    .into_iter()
                    .flat_map(|open| &open.gains)
            })
            .map(|gain| gain.statement)
            .collect();
        let gains = (statements.into_iter())
            .map(|statement| Gain {
                statement,
                value: self.saving(statement, oracle.range(statement, &with).1),
                state: State::Known,
            })
            .filter(|gain| gain.value > 0.0)
            .collect();
        let mut together = Open { gains, gross: 0.0 };
        together.sum_up(oracle);
        let upkeep: f64 = bundle.iter().map(|&index| oracle.upkeep(index)).sum();
        let net = together.gross - upkeep;
        let enough =
            net >= self.limits.min_benefit * self.base || self.speeds_up(oracle, &together);
        (net > 0.0 && enough).then_some(net)
    }

    /// Whether the limits have room for it; if not, that is why it is rejected.
    pub(super) fn fits(&mut self, oracle: &dyn Oracle, candidate: usize) -> bool {
        let replaced = self.replaced_by(oracle, candidate).len();
        let count = self.chosen.len() - replaced;
        let reason = if (self.limits.max_indexes).is_some_and(|most| count >= most) {
            Rejection::Count
        } else {
            let size = self.size + self.added_size(oracle, candidate);
            if self.limits.budget.is_none_or(|budget| size <= budget) {
                return true;
            }
            Rejection::Budget
        };
        self.rejected.insert(candidate, reason);
        false
    }

    /// Chosen indexes that `candidate` would make superfluous.
    pub(super) fn replaced_by(&self, oracle: &dyn Oracle, candidate: usize) -> Vec<usize> {
        (self.chosen.iter().copied())
            .filter(|&chosen| oracle.serves(candidate, chosen))
            .collect()
    }

    /// Bytes that adding `candidate` takes, net of what it replaces.
    pub(super) fn added_size(&self, oracle: &dyn Oracle, candidate: usize) -> f64 {
        let freed: f64 = (self.replaced_by(oracle, candidate).into_iter())
            .map(|replaced| oracle.size(replaced))
            .sum();
        oracle.size(candidate) - freed
    }
}
