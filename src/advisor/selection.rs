//! Which candidates to recommend together. Pure: the planner is behind [`Oracle`].
//!
//! Greedy over the whole workload: the candidate that saves most, net of what keeping it costs
//! the writes, is added; gains of the others are then recomputed for the statements it touched.
//! A chosen index that a new one serves as well is replaced. Under a storage budget the greedy
//! runs twice, by gain and by gain per byte, and the better outcome stands. At the end indexes
//! that no longer earn their place are dropped, and the rest ranked by what each adds.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// What selection asks of the planner, the catalogs and the clock.
pub(crate) trait Oracle {
    /// Number of statements.
    fn statements(&self) -> usize;
    /// Weight of a statement.
    fn weight(&self, statement: usize) -> f64;
    /// Cost of a statement once, with these candidates (ascending).
    fn cost(&mut self, statement: usize, configuration: &BTreeSet<usize>) -> f64;
    /// Number of candidates.
    fn candidates(&self) -> usize;
    /// Statements whose plan the candidate could change.
    fn affected(&self, candidate: usize) -> &[usize];
    /// Size in bytes.
    fn size(&self, candidate: usize) -> f64;
    /// What keeping the index up to date costs the workload's writes (weighted).
    fn upkeep(&self, candidate: usize) -> f64;
    /// Whether `other` can do all that `candidate` can.
    fn serves(&self, other: usize, candidate: usize) -> bool;
    /// Whether it stores columns besides its keys.
    fn is_covering(&self, candidate: usize) -> bool;
    /// Whether time is up.
    fn expired(&mut self) -> bool;
}

/// What the caller allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// Bytes that all recommended indexes together may take.
    pub(crate) budget: Option<f64>,
    /// Number of indexes.
    pub(crate) max_indexes: Option<usize>,
    /// Share of the workload's cost that each index must save.
    pub(crate) min_benefit: f64,
}

/// One chosen candidate, in rank order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// Which.
    pub(crate) candidate: usize,
    /// Weighted cost of the workload before and after adding it to those ranked above.
    pub(crate) cost_before: f64,
    /// See `cost_before`.
    pub(crate) cost_after: f64,
    /// Statement, its cost before and after, where it helps by 1 % or more.
    pub(crate) helped: Vec<(usize, f64, f64)>,
}

/// Why a candidate was not chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rejection {
    /// The planner's costs do not fall with it (or not beyond the others).
    NoGain,
    /// It saves this share of the workload's cost, which is below `min_benefit`.
    BelowMinimum(f64),
    /// It saves less than its upkeep costs.
    Upkeep,
    /// It does not fit into what is left of the budget.
    Budget,
    /// `max_indexes` are chosen already.
    Count,
}

/// What was chosen and why the rest was not.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outcome {
    /// Chosen candidates, best first.
    pub(crate) chosen: Vec<Choice>,
    /// The others.
    pub(crate) rejected: BTreeMap<usize, Rejection>,
    /// False when time was up before every candidate had been weighed.
    pub(crate) complete: bool,
}

/// Share of a statement's cost below which a difference is noise.
const NOISE: f64 = 0.01;

/// A smaller index is preferred to the best one when it reaches this share of its gain ...
const NEAR_GAIN: f64 = 0.95;

/// ... and leaves each statement at most this many times as dear as the best would.
const NEAR_RESIDUE: f64 = 1.25;

/// Chooses.
pub(crate) fn select(oracle: &mut dyn Oracle, limits: &Limits) -> Outcome {
    let mut by_gain = Greedy::new(oracle, limits, false);
    by_gain.run();
    let (mut configuration, mut complete) = (by_gain.chosen.clone(), by_gain.complete);
    let mut rejected = by_gain.rejected;
    if limits.budget.is_some() && complete {
        let first = by_gain.total;
        let mut by_density = Greedy::new(oracle, limits, true);
        by_density.run();
        if by_density.total < first {
            configuration = by_density.chosen.clone();
            rejected = by_density.rejected;
        }
        complete &= by_density.complete;
    }
    drop_idle(oracle, limits, &mut configuration, &mut rejected);
    let chosen = rank(oracle, &configuration);
    for choice in &chosen {
        rejected.remove(&choice.candidate);
    }
    Outcome {
        chosen,
        rejected,
        complete,
    }
}

/// The state of one greedy run.
struct Greedy<'a> {
    oracle: &'a mut dyn Oracle,
    limits: &'a Limits,
    per_byte: bool,
    base: f64,
    /// Weighted cost plus upkeep of the present configuration.
    total: f64,
    costs: Vec<f64>,
    chosen: BTreeSet<usize>,
    /// What each open candidate saves on each statement it touches (unweighted).
    gains: BTreeMap<usize, BTreeMap<usize, f64>>,
    rejected: BTreeMap<usize, Rejection>,
    complete: bool,
}

impl<'a> Greedy<'a> {
    fn new(oracle: &'a mut dyn Oracle, limits: &'a Limits, per_byte: bool) -> Self {
        let nothing = BTreeSet::new();
        let costs: Vec<f64> = (0..oracle.statements())
            .map(|statement| oracle.cost(statement, &nothing))
            .collect();
        let base = weighted(oracle, &costs);
        let gains = (0..oracle.candidates())
            .map(|c| (c, BTreeMap::new()))
            .collect();
        Self {
            oracle,
            limits,
            per_byte,
            base,
            total: base,
            costs,
            chosen: BTreeSet::new(),
            gains,
            rejected: BTreeMap::new(),
            complete: true,
        }
    }

    fn run(&mut self) {
        let everything: Vec<usize> = (0..self.oracle.statements()).collect();
        self.refresh(&everything);
        while let Some(candidate) = self.best() {
            self.add(candidate);
            if !self.complete {
                break;
            }
        }
    }

    /// Recomputes the gains on `statements` under the present configuration.
    fn refresh(&mut self, statements: &[usize]) {
        let open: Vec<usize> = self.gains.keys().copied().collect();
        for candidate in open {
            let affected: Vec<usize> = (self.oracle.affected(candidate).iter().copied())
                .filter(|statement| statements.contains(statement))
                .collect();
            for statement in affected {
                if self.oracle.expired() {
                    self.complete = false;
                    return;
                }
                let gain = self.gain_on(candidate, statement);
                if let Some(gains) = self.gains.get_mut(&candidate) {
                    gains.insert(statement, gain);
                }
            }
        }
    }

    fn gain_on(&mut self, candidate: usize, statement: usize) -> f64 {
        let mut configuration = self.chosen.clone();
        configuration.insert(candidate);
        let before = self.costs.get(statement).copied().unwrap_or_default();
        let gain = before - self.oracle.cost(statement, &configuration);
        if gain.abs() < before * NOISE {
            0.0
        } else {
            gain
        }
    }

    /// What a candidate saves in all, net of its upkeep.
    fn net_gain(&self, candidate: usize) -> (f64, f64) {
        let gross: f64 = (self.gains.get(&candidate).into_iter().flatten())
            .map(|(&statement, &gain)| self.oracle.weight(statement) * gain)
            .sum();
        (gross, gross - self.oracle.upkeep(candidate))
    }

    /// The next candidate to add; those that fall out on the way are rejected with a reason.
    fn best(&mut self) -> Option<usize> {
        let open: Vec<usize> = self.gains.keys().copied().collect();
        let mut worthy: Vec<(usize, f64)> = Vec::new();
        for candidate in open {
            match self.judge(candidate) {
                Ok(net) => worthy.push((candidate, net)),
                Err(reason) => {
                    self.rejected.insert(candidate, reason);
                }
            }
        }
        let score = |candidate: usize, net: f64| match self.per_byte {
            true => net / self.added_size(candidate).max(8192.0),
            false => net,
        };
        let (best, best_net) =
            (worthy.iter().copied()).max_by(|a, b| score(a.0, a.1).total_cmp(&score(b.0, b.1)))?;
        worthy
            .iter()
            .filter(|&&(candidate, net)| {
                candidate == best
                    || (score(candidate, net) >= score(best, best_net) * NEAR_GAIN
                        && self.is_as_good(candidate, net, best, best_net))
            })
            .min_by(|a, b| {
                (self.oracle.size(a.0).total_cmp(&self.oracle.size(b.0))).then(b.1.total_cmp(&a.1))
            })
            .map(|&(candidate, _)| candidate)
    }

    /// Whether `candidate` may stand in for `best`, which gains a little more: it leaves about as
    /// little to do of each statement, or only lacks columns that are not worth storing.
    fn is_as_good(&self, candidate: usize, net: f64, best: usize, best_net: f64) -> bool {
        let spared = self.oracle.is_covering(best) && !self.oracle.is_covering(candidate);
        if spared && best_net - net < self.limits.min_benefit * self.base {
            return true;
        }
        (self.gains.get(&best).into_iter().flatten())
            .filter(|&(_, &gain)| gain > 0.0)
            .all(|(&statement, &gain)| {
                let cost = self.costs.get(statement).copied().unwrap_or_default();
                let other = (self.gains.get(&candidate))
                    .and_then(|gains| gains.get(&statement))
                    .copied()
                    .unwrap_or_default();
                cost - other <= NEAR_RESIDUE * (cost - gain)
            })
    }

    fn judge(&self, candidate: usize) -> Result<f64, Rejection> {
        let (gross, net) = self.net_gain(candidate);
        if gross <= 0.0 {
            return Err(Rejection::NoGain);
        }
        if net <= 0.0 {
            return Err(Rejection::Upkeep);
        }
        if net < self.limits.min_benefit * self.base {
            return Err(Rejection::BelowMinimum(net / self.base));
        }
        let replaced = self.replaced_by(candidate).len();
        if (self.limits.max_indexes).is_some_and(|most| self.chosen.len() - replaced >= most) {
            return Err(Rejection::Count);
        }
        let size: f64 = self.chosen.iter().map(|&c| self.oracle.size(c)).sum();
        if (self.limits.budget).is_some_and(|budget| size + self.added_size(candidate) > budget) {
            return Err(Rejection::Budget);
        }
        Ok(net)
    }

    /// Chosen indexes that `candidate` would make superfluous.
    fn replaced_by(&self, candidate: usize) -> Vec<usize> {
        (self.chosen.iter().copied())
            .filter(|&chosen| self.oracle.serves(candidate, chosen))
            .collect()
    }

    /// Bytes that adding `candidate` takes, net of what it replaces.
    fn added_size(&self, candidate: usize) -> f64 {
        let freed: f64 = self
            .replaced_by(candidate)
            .into_iter()
            .map(|c| self.oracle.size(c))
            .sum();
        self.oracle.size(candidate) - freed
    }

    fn add(&mut self, candidate: usize) {
        let mut touched: BTreeSet<usize> =
            self.oracle.affected(candidate).iter().copied().collect();
        for replaced in self.replaced_by(candidate) {
            touched.extend(self.oracle.affected(replaced));
            self.chosen.remove(&replaced);
            self.rejected.insert(replaced, Rejection::NoGain);
        }
        self.chosen.insert(candidate);
        self.gains.remove(&candidate);
        self.rejected.remove(&candidate);
        for &statement in &touched {
            let cost = self.oracle.cost(statement, &self.chosen);
            if let Some(known) = self.costs.get_mut(statement) {
                *known = cost;
            }
        }
        self.total = weighted(self.oracle, &self.costs) + upkeep(self.oracle, &self.chosen);
        let touched: Vec<usize> = touched.into_iter().collect();
        self.refresh(&touched);
    }
}

/// Drops, weakest first, what the final configuration can do without, while time lasts.
fn drop_idle(
    oracle: &mut dyn Oracle,
    limits: &Limits,
    chosen: &mut BTreeSet<usize>,
    rejected: &mut BTreeMap<usize, Rejection>,
) {
    let base = total_cost(oracle, &BTreeSet::new());
    while !oracle.expired() {
        let present = total_cost(oracle, chosen);
        let weakest = (chosen.clone().into_iter())
            .map(|candidate| {
                let mut without = chosen.clone();
                without.remove(&candidate);
                let loss = total_cost(oracle, &without) - present - oracle.upkeep(candidate);
                (candidate, loss)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        match weakest {
            Some((candidate, loss)) if loss < limits.min_benefit * base || loss <= 0.0 => {
                chosen.remove(&candidate);
                rejected.insert(candidate, Rejection::BelowMinimum((loss / base).max(0.0)));
            }
            _ => return,
        }
    }
}

/// Orders a configuration by what each index adds to those before it; when time is up, what is
/// left comes in no particular order.
fn rank(oracle: &mut dyn Oracle, configuration: &BTreeSet<usize>) -> Vec<Choice> {
    let mut left = configuration.clone();
    let mut ranked: BTreeSet<usize> = BTreeSet::new();
    let mut choices = Vec::new();
    let mut cost = total_cost(oracle, &ranked);
    while !left.is_empty() {
        let mut best: Option<(usize, f64)> = None;
        for &candidate in &left {
            let mut next = ranked.clone();
            next.insert(candidate);
            let after = total_cost(oracle, &next);
            if best.is_none_or(|(_, known)| after < known) {
                best = Some((candidate, after));
            }
            if oracle.expired() {
                break;
            }
        }
        let Some((candidate, after)) = best else {
            break;
        };
        let before = ranked.clone();
        ranked.insert(candidate);
        left.remove(&candidate);
        choices.push(Choice {
            candidate,
            cost_before: cost,
            cost_after: after,
            helped: helped(oracle, &before, &ranked),
        });
        cost = after;
    }
    choices
}

fn helped(
    oracle: &mut dyn Oracle,
    before: &BTreeSet<usize>,
    after: &BTreeSet<usize>,
) -> Vec<(usize, f64, f64)> {
    (0..oracle.statements())
        .map(|s| (s, oracle.cost(s, before), oracle.cost(s, after)))
        .filter(|&(_, before, after)| before - after > before * NOISE)
        .collect()
}

fn total_cost(oracle: &mut dyn Oracle, configuration: &BTreeSet<usize>) -> f64 {
    let costs: Vec<f64> = (0..oracle.statements())
        .map(|s| oracle.cost(s, configuration))
        .collect();
    weighted(oracle, &costs)
}

fn weighted(oracle: &dyn Oracle, costs: &[f64]) -> f64 {
    costs
        .iter()
        .enumerate()
        .map(|(statement, cost)| oracle.weight(statement) * cost)
        .sum()
}

fn upkeep(oracle: &dyn Oracle, configuration: &BTreeSet<usize>) -> f64 {
    configuration
        .iter()
        .map(|&candidate| oracle.upkeep(candidate))
        .sum()
}

#[cfg(test)]
mod tests;
