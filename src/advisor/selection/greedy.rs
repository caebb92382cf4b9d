//! One configuration built up candidate by candidate. Pure.
//!
//! What a candidate saves on a statement is first only bounded: no statement gets cheaper than
//! it was with all candidates, or with any larger configuration that has been asked for. The
//! planner is asked about the candidate that promises most, until what it promises is known.

#![forbid(unsafe_code)]

mod gains;
mod worth;

use std::collections::{BTreeMap, BTreeSet};

use super::shortlist::Shortlist;
use super::{Choice, Limits, NEAR_GAIN, NOISE, Oracle, Rejection, weighted};
use gains::{Gain, Open, State};
use worth::Worth;

/// What the next candidate is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Gain,
    GainPerByte,
}

/// Where costs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The planner, where it has not been asked yet.
    Planner,
    /// The plans that are known: what is asked for costs that much at most.
    Known,
}

/// A configuration and what is known of adding to it.
pub(super) struct Greedy<'a> {
    shortlist: &'a Shortlist,
    limits: &'a Limits,
    by: By,
    weighing: Source,
    adding: Source,
    /// Weighted cost of the workload without any candidate.
    base: f64,
    /// Weighted cost plus upkeep.
    pub(super) total: f64,
    costs: Vec<f64>,
    /// Their weighted sum.
    sum: f64,
    pub(super) chosen: BTreeSet<usize>,
    /// Bytes that those take.
    size: f64,
    open: BTreeMap<usize, Open>,
    /// Those of them that may be worth adding.
    worthy: BTreeMap<usize, Worth>,
    pub(super) rejected: BTreeMap<usize, Rejection>,
    /// What was added, in this order.
    pub(super) trail: Vec<Choice>,
    pub(super) complete: bool,
}

impl<'a> Greedy<'a> {
    pub(super) fn new(shortlist: &'a Shortlist, limits: &'a Limits, by: By) -> Self {
        let open = (shortlist.reach.iter()).map(|(candidate, statements)| {
            let gains = statements.iter().map(|&statement| Gain {
                statement,
                value: 0.0,
                state: State::Known,
            });
            let gross = 0.0;
            let gains = gains.collect();
            (*candidate, Open { gains, gross })
        });
        Self {
            shortlist,
            limits,
            by,
            weighing: Source::Planner,
            adding: Source::Planner,
            base: 0.0,
            total: 0.0,
            costs: shortlist.base.clone(),
            sum: 0.0,
            chosen: BTreeSet::new(),
            size: 0.0,
            open: open.collect(),
            worthy: BTreeMap::new(),
            rejected: BTreeMap::new(),
            trail: Vec::new(),
            complete: true,
        }
    }

    /// Weighs candidates, and counts what adding them saves, by these.
    pub(super) fn with(mut self, weighing: Source, adding: Source) -> Self {
        (self.weighing, self.adding) = (weighing, adding);
        self
    }

    /// Only these are candidates.
    pub(super) fn among(mut self, configuration: &BTreeSet<usize>) -> Self {
        self.open
            .retain(|candidate, _| configuration.contains(candidate));
        self
    }

    /// Begins with these, and never takes `banned`.
    pub(super) fn starting_from(
        mut self,
        oracle: &mut dyn Oracle,
        configuration: &BTreeSet<usize>,
        banned: Option<usize>,
    ) -> Self {
        for candidate in configuration.iter().chain(&banned) {
            self.open.remove(candidate);
        }
        for statement in 0..oracle.statements() {
            let cost = self.cost(oracle, statement, configuration, self.adding);
            if let Some(known) = self.costs.get_mut(statement) {
                *known = cost;
            }
        }
        self.chosen = configuration.clone();
        self
    }

    /// Adds what is worth adding.
    pub(super) fn run(mut self, oracle: &mut dyn Oracle) -> Self {
        self.base = weighted(oracle, &self.shortlist.base);
        self.sum = weighted(oracle, &self.costs);
        self.size = self.chosen.iter().map(|&chosen| oracle.size(chosen)).sum();
        self.hope(oracle, &(0..oracle.statements()).collect());
        loop {
            while let Some(candidate) = self.best(oracle) {
                self.add(oracle, candidate);
            }
            let Some(bundle) = self.best_bundle(oracle) else {
                break;
            };
            for candidate in bundle {
                self.add(oracle, candidate);
            }
        }
        let upkeep: f64 = (self.chosen.iter())
            .map(|&candidate| oracle.upkeep(candidate))
            .sum();
        self.total = self.sum + upkeep;
        self
    }

    /// The cheaper of two.
    pub(super) fn better(self, other: Self) -> Self {
        let complete = self.complete && other.complete;
        let mut better = if other.total < self.total {
            other
        } else {
            self
        };
        better.complete = complete;
        better
    }

    /// The next candidate to add.
    fn best(&mut self, oracle: &mut dyn Oracle) -> Option<usize> {
        loop {
            let (&best, &promised) =
                (self.worthy.iter()).max_by(|a, b| a.1.score.total_cmp(&b.1.score))?;
            let rivals: Vec<(usize, f64)> = (self.worthy.iter())
                .filter(|(candidate, worth)| {
                    **candidate != best && worth.score >= promised.score * NEAR_GAIN
                })
                .map(|(candidate, worth)| (*candidate, worth.net))
                .collect();
            let lead = || std::iter::once(best).chain(rivals.iter().map(|rival| rival.0));
            if let Some(too_much) = lead().find(|&candidate| !self.fits(oracle, candidate)) {
                self.worthy.remove(&too_much);
                continue;
            }
            if let Some(unknown) = lead().find(|&candidate| !self.is_known(candidate)) {
                self.look_closer(oracle, unknown);
                self.judge(oracle, unknown);
                continue;
            }
            return (rivals.iter())
                .filter(|rival| self.is_as_good(oracle, **rival, (best, promised.net)))
                .chain([&(best, promised.net)])
                .min_by(|a, b| {
                    (oracle.size(a.0).total_cmp(&oracle.size(b.0))).then(b.1.total_cmp(&a.1))
                })
                .map(|(candidate, _)| *candidate);
        }
    }

    fn is_known(&self, candidate: usize) -> bool {
        self.open.get(&candidate).is_none_or(Open::is_known)
    }

    fn add(&mut self, oracle: &mut dyn Oracle, candidate: usize) {
        let mut touched: BTreeSet<usize> = oracle.affected(candidate).iter().copied().collect();
        self.size += self.added_size(oracle, candidate);
        let replaced = self.replaced_by(oracle, candidate);
        for replaced in &replaced {
            touched.extend(oracle.affected(*replaced));
            self.chosen.remove(replaced);
            self.rejected.insert(*replaced, Rejection::NoGain);
        }
        self.chosen.insert(candidate);
        self.open.remove(&candidate);
        self.worthy.remove(&candidate);
        self.rejected.remove(&candidate);
        let cost_before = self.sum;
        let helped = self.recount(oracle, &touched);
        self.trail.push(Choice {
            candidate,
            cost_before,
            cost_after: self.sum,
            helped,
        });
        self.hope(oracle, &touched);
        if !replaced.is_empty() {
            // What did not fit may do so now.
            let open: Vec<usize> = self.open.keys().copied().collect();
            for candidate in open {
                self.judge(oracle, candidate);
            }
        }
    }

    /// Counts what these statements cost now; those that got cheaper, before and after.
    fn recount(
        &mut self,
        oracle: &mut dyn Oracle,
        statements: &BTreeSet<usize>,
    ) -> Vec<(usize, f64, f64)> {
        let mut helped = Vec::new();
        let configuration = std::mem::take(&mut self.chosen);
        for &statement in statements {
            let after = self.cost(oracle, statement, &configuration, self.adding);
            if let Some(known) = self.costs.get_mut(statement) {
                if *known - after > *known * NOISE {
                    helped.push((statement, *known, after));
                }
                self.sum += oracle.weight(statement) * (after - *known);
                *known = after;
            }
        }
        self.chosen = configuration;
        helped
    }
}
