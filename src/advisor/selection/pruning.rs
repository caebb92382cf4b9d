//! Drops, weakest first, what a configuration can do without. Pure.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use super::shortlist::Shortlist;
use super::{Limits, Oracle, Rejection, weighted};

/// What leaving one index out would do.
#[derive(Debug, Clone, Copy)]
struct Loss {
    /// Weighted cost that comes back, less the upkeep that is spared.
    net: f64,
    /// Whether a statement that is slow by itself would lose a noteworthy share of its cost.
    hurts: bool,
}

/// The indexes of a configuration and what each is still good for.
pub(super) struct Pruning<'a> {
    shortlist: &'a Shortlist,
    limits: &'a Limits,
    base: f64,
    losses: BTreeMap<usize, Loss>,
}

impl<'a> Pruning<'a> {
    pub(super) fn new(
        oracle: &mut dyn Oracle,
        shortlist: &'a Shortlist,
        limits: &'a Limits,
        configuration: &BTreeSet<usize>,
    ) -> Self {
        let mut pruning = Self {
            shortlist,
            limits,
            base: weighted(oracle, &shortlist.base),
            losses: BTreeMap::new(),
        };
        for candidate in configuration {
            pruning.weigh(oracle, configuration, *candidate);
        }
        pruning
    }

    /// Drops while time lasts.
    pub(super) fn run(
        mut self,
        oracle: &mut dyn Oracle,
        configuration: &mut BTreeSet<usize>,
        rejected: &mut BTreeMap<usize, Rejection>,
    ) {
        while let Some((candidate, loss)) = self.weakest() {
            configuration.remove(&candidate);
            self.losses.remove(&candidate);
            let share = (loss.net / self.base).max(0.0);
            rejected.insert(candidate, Rejection::BelowMinimum(share));
            let statements: BTreeSet<usize> = oracle.affected(candidate).iter().copied().collect();
            let others: Vec<usize> = (configuration.iter().copied())
                .filter(|other| {
                    oracle
                        .affected(*other)
                        .iter()
                        .any(|s| statements.contains(s))
                })
                .collect();
            for other in others {
                self.weigh(oracle, configuration, other);
            }
        }
    }

    fn weakest(&self) -> Option<(usize, Loss)> {
        (self.losses.iter())
            .map(|(candidate, loss)| (*candidate, *loss))
            .filter(|(_, loss)| {
                loss.net <= 0.0 || (!loss.hurts && loss.net < self.limits.min_benefit * self.base)
            })
            .min_by(|a, b| a.1.net.total_cmp(&b.1.net))
    }

    /// An index that could not be weighed before time was up stays.
    fn weigh(
        &mut self,
        oracle: &mut dyn Oracle,
        configuration: &BTreeSet<usize>,
        candidate: usize,
    ) {
        let mut without = configuration.clone();
        without.remove(&candidate);
        let mut loss = Loss {
            net: -oracle.upkeep(candidate),
            hurts: false,
        };
        for statement in oracle.affected(candidate).to_vec() {
            if oracle.expired() {
                self.losses.remove(&candidate);
                return;
            }
            let present = oracle.cost(statement, configuration);
            let lost = oracle.cost(statement, &without) - present;
            let base = self
                .shortlist
                .base
                .get(statement)
                .copied()
                .unwrap_or_default();
            loss.net += oracle.weight(statement) * lost;
            loss.hurts |= oracle.is_slow(statement) && lost >= self.limits.share_of_slow() * base;
        }
        self.losses.insert(candidate, loss);
    }
}
