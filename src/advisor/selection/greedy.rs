//! One configuration built up candidate by candidate. Pure.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use super::shortlist::Shortlist;
use super::{Choice, Limits, NEAR_GAIN, NEAR_RESIDUE, NOISE, Oracle, Rejection, weighted};

/// What the next candidate is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Gain,
    GainPerByte,
}

/// What a candidate saves on a statement under the present configuration.
#[derive(Debug, Clone, Copy)]
struct Gain {
    value: f64,
    /// Asked for under this very configuration, as far as it matters to the statement.
    is_known: bool,
}

/// A configuration and what is known of adding to it.
pub(super) struct Greedy<'a> {
    shortlist: &'a Shortlist,
    limits: &'a Limits,
    by: By,
    /// Weighted cost of the workload without any candidate.
    base: f64,
    /// Weighted cost plus upkeep.
    pub(super) total: f64,
    costs: Vec<f64>,
    pub(super) chosen: BTreeSet<usize>,
    /// Of each open candidate on each statement it is for (unweighted).
    gains: BTreeMap<usize, BTreeMap<usize, Gain>>,
    pub(super) rejected: BTreeMap<usize, Rejection>,
    /// What was added, in this order.
    pub(super) trail: Vec<Choice>,
    pub(super) complete: bool,
}

impl<'a> Greedy<'a> {
    pub(super) fn new(shortlist: &'a Shortlist, limits: &'a Limits, by: By) -> Self {
        let unknown = Gain {
            value: 0.0,
            is_known: false,
        };
        let gains = (shortlist.reach.iter()).map(|(candidate, statements)| {
            let gains = statements.iter().map(|statement| (*statement, unknown));
            (*candidate, gains.collect())
        });
        Self {
            shortlist,
            limits,
            by,
            base: 0.0,
            total: 0.0,
            costs: shortlist.base.clone(),
            chosen: BTreeSet::new(),
            gains: gains.collect(),
            rejected: BTreeMap::new(),
            trail: Vec::new(),
            complete: true,
        }
    }

    /// Only these are candidates, and all of them are to be chosen.
    pub(super) fn among(mut self, configuration: &BTreeSet<usize>) -> Self {
        self.gains
            .retain(|candidate, _| configuration.contains(candidate));
        self
    }

    /// Begins with these, and never takes `banned`.
    pub(super) fn starting_from(
        mut self,
        oracle: &mut dyn Oracle,
        configuration: &BTreeSet<usize>,
        banned: usize,
    ) -> Self {
        self.gains.remove(&banned);
        self.chosen = configuration.clone();
        for candidate in configuration {
            self.gains.remove(candidate);
        }
        self.costs = (0..oracle.statements())
            .map(|statement| oracle.cost(statement, configuration))
            .collect();
        self
    }

    /// Adds what is worth adding.
    pub(super) fn run(mut self, oracle: &mut dyn Oracle) -> Self {
        self.base = weighted(oracle, &self.shortlist.base);
        self.total = self.sum(oracle);
        while let Some(candidate) = self.best(oracle) {
            self.add(oracle, candidate);
        }
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

    fn sum(&self, oracle: &dyn Oracle) -> f64 {
        let upkeep: f64 = self
            .chosen
            .iter()
            .map(|&candidate| oracle.upkeep(candidate))
            .sum();
        weighted(oracle, &self.costs) + upkeep
    }

    /// The next candidate to add. The one that promises most is asked for until what is promised
    /// is known.
    fn best(&mut self, oracle: &mut dyn Oracle) -> Option<usize> {
        loop {
            let worthy = self.worthy(oracle);
            let (best, best_score, best_net) =
                worthy.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
            if self.is_unknown(best) {
                self.ask(oracle, best);
                continue;
            }
            let rivals: Vec<(usize, f64)> = (worthy.iter())
                .filter(|(candidate, score, _)| {
                    *candidate != best && *score >= best_score * NEAR_GAIN
                })
                .map(|(candidate, _, net)| (*candidate, *net))
                .collect();
            if let Some((unknown, _)) = rivals.iter().find(|rival| self.is_unknown(rival.0)) {
                self.ask(oracle, *unknown);
                continue;
            }
            return (rivals.into_iter())
                .filter(|&(candidate, net)| self.is_as_good(oracle, candidate, net, best, best_net))
                .chain([(best, best_net)])
                .min_by(|a, b| {
                    (oracle.size(a.0).total_cmp(&oracle.size(b.0))).then(b.1.total_cmp(&a.1))
                })
                .map(|(candidate, _)| candidate);
        }
    }

    /// Every candidate that may be worth adding, with its score and net gain as promised; those
    /// that fall out are rejected with a reason.
    fn worthy(&mut self, oracle: &dyn Oracle) -> Vec<(usize, f64, f64)> {
        let mut worthy = Vec::new();
        let open: Vec<usize> = self.gains.keys().copied().collect();
        for candidate in open {
            match self.judge(oracle, candidate) {
                Ok(net) => {
                    let score = match self.by {
                        By::Gain => net,
                        By::GainPerByte => net / self.added_size(oracle, candidate).max(8192.0),
                    };
                    worthy.push((candidate, score, net));
                }
                Err(reason) => {
                    self.rejected.insert(candidate, reason);
                }
            }
        }
        worthy
    }

    fn is_unknown(&self, candidate: usize) -> bool {
        (self.gains.get(&candidate).into_iter().flatten()).any(|(_, gain)| !gain.is_known)
    }

    /// What a candidate saves on a statement, or the most it could.
    fn promise(&self, statement: usize, gain: Gain) -> f64 {
        let of = |values: &[f64]| values.get(statement).copied().unwrap_or_default();
        match gain.is_known {
            true => gain.value,
            false => (of(&self.costs) - of(&self.shortlist.floor)).max(0.0),
        }
    }

    /// Asks for what a candidate saves where that is not known. When time is up, it is what
    /// follows from earlier answers.
    fn ask(&mut self, oracle: &mut dyn Oracle, candidate: usize) {
        let unknown: Vec<usize> = (self.gains.get(&candidate).into_iter().flatten())
            .filter(|(_, gain)| !gain.is_known)
            .map(|(statement, _)| *statement)
            .collect();
        for statement in unknown {
            let value = self.gain_on(oracle, candidate, statement);
            if let Some(gains) = self.gains.get_mut(&candidate) {
                let is_known = true;
                gains.insert(statement, Gain { value, is_known });
            }
        }
    }

    /// A statement's cost; when time is up, the one it had unless another one is known.
    fn cost(
        &mut self,
        oracle: &mut dyn Oracle,
        statement: usize,
        configuration: &BTreeSet<usize>,
    ) -> f64 {
        if !oracle.expired() {
            return oracle.cost(statement, configuration);
        }
        self.complete = false;
        let before = self.costs.get(statement).copied().unwrap_or_default();
        oracle
            .known_cost(statement, configuration)
            .unwrap_or(before)
    }

    fn gain_on(&mut self, oracle: &mut dyn Oracle, candidate: usize, statement: usize) -> f64 {
        let mut configuration = self.chosen.clone();
        configuration.insert(candidate);
        let before = self.costs.get(statement).copied().unwrap_or_default();
        let gain = before - self.cost(oracle, statement, &configuration);
        if gain.abs() < before * NOISE {
            0.0
        } else {
            gain
        }
    }

    /// Whether `candidate` may stand in for `best`, which gains a little more: it leaves about as
    /// little to do of each statement, or only lacks columns that are not worth storing.
    fn is_as_good(
        &self,
        oracle: &dyn Oracle,
        candidate: usize,
        net: f64,
        best: usize,
        best_net: f64,
    ) -> bool {
        let spared = oracle.is_covering(best) && !oracle.is_covering(candidate);
        if spared && best_net - net < self.limits.min_benefit * self.base {
            return true;
        }
        (self.gains.get(&best).into_iter().flatten())
            .filter(|(_, gain)| gain.value > 0.0)
            .all(|(&statement, gain)| {
                let cost = self.costs.get(statement).copied().unwrap_or_default();
                let other = (self.gains.get(&candidate))
                    .and_then(|gains| gains.get(&statement))
                    .map_or(0.0, |gain| gain.value);
                cost - other <= NEAR_RESIDUE * (cost - gain.value)
            })
    }

    fn judge(&self, oracle: &dyn Oracle, candidate: usize) -> Result<f64, Rejection> {
        let gross: f64 = (self.gains.get(&candidate).into_iter().flatten())
            .map(|(&statement, &gain)| oracle.weight(statement) * self.promise(statement, gain))
            .sum();
        let net = gross - oracle.upkeep(candidate);
        if gross <= 0.0 {
            return Err(Rejection::NoGain);
        }
        if net <= 0.0 {
            return Err(Rejection::Upkeep);
        }
        if net < self.limits.min_benefit * self.base {
            return Err(Rejection::BelowMinimum(net / self.base));
        }
        let replaced = self.replaced_by(oracle, candidate).len();
        if (self.limits.max_indexes).is_some_and(|most| self.chosen.len() - replaced >= most) {
            return Err(Rejection::Count);
        }
        let size: f64 = self.chosen.iter().map(|&chosen| oracle.size(chosen)).sum();
        let added = self.added_size(oracle, candidate);
        if (self.limits.budget).is_some_and(|budget| size + added > budget) {
            return Err(Rejection::Budget);
        }
        Ok(net)
    }

    /// Chosen indexes that `candidate` would make superfluous.
    fn replaced_by(&self, oracle: &dyn Oracle, candidate: usize) -> Vec<usize> {
        (self.chosen.iter().copied())
            .filter(|&chosen| oracle.serves(candidate, chosen))
            .collect()
    }

    /// Bytes that adding `candidate` takes, net of what it replaces.
    fn added_size(&self, oracle: &dyn Oracle, candidate: usize) -> f64 {
        let freed: f64 = (self.replaced_by(oracle, candidate).into_iter())
            .map(|replaced| oracle.size(replaced))
            .sum();
        oracle.size(candidate) - freed
    }

    fn add(&mut self, oracle: &mut dyn Oracle, candidate: usize) {
        let mut touched: BTreeSet<usize> = oracle.affected(candidate).iter().copied().collect();
        for replaced in self.replaced_by(oracle, candidate) {
            touched.extend(oracle.affected(replaced));
            self.chosen.remove(&replaced);
            self.rejected.insert(replaced, Rejection::NoGain);
        }
        self.chosen.insert(candidate);
        self.gains.remove(&candidate);
        self.rejected.remove(&candidate);
        let cost_before = weighted(oracle, &self.costs);
        let mut helped = Vec::new();
        for &statement in &touched {
            let after = self.cost(oracle, statement, &self.chosen.clone());
            if let Some(known) = self.costs.get_mut(statement) {
                if *known - after > *known * NOISE {
                    helped.push((statement, *known, after));
                }
                *known = after;
            }
        }
        self.trail.push(Choice {
            candidate,
            cost_before,
            cost_after: weighted(oracle, &self.costs),
            helped,
        });
        self.total = self.sum(oracle);
        self.forget(&touched);
    }

    /// What was known of these statements was so under another configuration.
    fn forget(&mut self, statements: &BTreeSet<usize>) {
        for gains in self.gains.values_mut() {
            for (statement, gain) in gains.iter_mut() {
                gain.is_known &= !statements.contains(statement);
            }
        }
    }
}
