//! One configuration built up candidate by candidate. Pure.
//!
//! What a candidate saves on a statement is first only bounded: no statement gets cheaper than
//! it was with all candidates, or with any larger configuration that has been asked for. The
//! planner is asked about the candidate that promises most, until what it promises is known.

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

/// Where costs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The planner, where it has not been asked yet.
    Planner,
    /// The plans that are known: what is asked for costs that much at most.
    Known,
}

/// What a candidate saves on one statement (unweighted).
#[derive(Debug, Clone, Copy)]
struct Gain {
    statement: usize,
    value: f64,
    state: State,
}

/// How much of a gain is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The most that any candidate could save.
    Hoped,
    /// The most that this one could.
    Bounded,
    Known,
}

/// A candidate that may be added.
struct Open {
    gains: Vec<Gain>,
    /// Weighted sum of the gains.
    gross: f64,
}

impl Open {
    fn sum_up(&mut self, oracle: &dyn Oracle) {
        self.gross = (self.gains.iter())
            .map(|gain| oracle.weight(gain.statement) * gain.value)
            .sum();
    }

    fn is_known(&self) -> bool {
        self.gains.iter().all(|gain| gain.state == State::Known)
    }

    fn gain_on(&self, statement: usize) -> f64 {
        (self.gains.iter())
            .find(|gain| gain.statement == statement)
            .map_or(0.0, |gain| gain.value)
    }
}

/// What adding a candidate promises.
#[derive(Debug, Clone, Copy)]
struct Worth {
    score: f64,
    /// Weighted, less the upkeep.
    net: f64,
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

    /// Candidates that are worth adding together, where none is alone. What a bundle saves is
    /// known from the plan that it comes from.
    fn best_bundle(&self, oracle: &dyn Oracle) -> Option<BTreeSet<usize>> {
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

    fn has_room_for(&self, oracle: &dyn Oracle, bundle: &BTreeSet<usize>) -> bool {
        let size: f64 = bundle.iter().map(|&index| oracle.size(index)).sum();
        (self.limits.max_indexes).is_none_or(|most| self.chosen.len() + bundle.len() <= most)
            && (self.limits.budget).is_none_or(|budget| self.size + size <= budget)
    }

    /// What a bundle saves, if it is worth having.
    fn net_of(&self, oracle: &dyn Oracle, bundle: &BTreeSet<usize>) -> Option<f64> {
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
    fn fits(&mut self, oracle: &dyn Oracle, candidate: usize) -> bool {
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

    /// Whether the candidate may be worth adding; if not, why.
    fn judge(&mut self, oracle: &dyn Oracle, candidate: usize) {
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

    fn net(&self, oracle: &dyn Oracle, candidate: usize) -> Result<f64, Rejection> {
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

    fn is_known(&self, candidate: usize) -> bool {
        self.open.get(&candidate).is_none_or(Open::is_known)
    }

    /// Learns more of what a candidate saves: what follows from earlier answers for all of its
    /// statements, or else the planner's answer for the one where most is to be hoped for.
    fn look_closer(&mut self, oracle: &mut dyn Oracle, candidate: usize) {
        let Some(mut open) = self.open.remove(&candidate) else {
            return;
        };
        let mut configuration = std::mem::take(&mut self.chosen);
        configuration.insert(candidate);
        let is_hoped = |gain: &Gain| gain.state == State::Hoped;
        if open.gains.iter().any(is_hoped) {
            for gain in open.gains.iter_mut().filter(|gain| is_hoped(gain)) {
                self.bound(oracle, gain, &configuration);
            }
        } else if let Some(gain) = (open.gains.iter_mut())
            .filter(|gain| gain.state == State::Bounded)
            .max_by(|a, b| {
                let hope = |gain: &Gain| oracle.weight(gain.statement) * gain.value;
                hope(a).total_cmp(&hope(b))
            })
        {
            let cost = self.cost(oracle, gain.statement, &configuration, self.weighing);
            gain.value = self.saving(gain.statement, cost);
            gain.state = State::Known;
        }
        configuration.remove(&candidate);
        self.chosen = configuration;
        open.sum_up(oracle);
        self.open.insert(candidate, open);
    }

    fn bound(&self, oracle: &dyn Oracle, gain: &mut Gain, configuration: &BTreeSet<usize>) {
        let (least, most) = oracle.range(gain.statement, configuration);
        let is_known = match self.weighing {
            Source::Known => true,
            Source::Planner => {
                oracle.weight(gain.statement) * (most - least) <= NEGLIGIBLE * self.base
            }
        };
        let cost = if is_known { most } else { least };
        gain.value = self.saving(gain.statement, cost);
        gain.state = if is_known || gain.value <= 0.0 {
            State::Known
        } else {
            State::Bounded
        };
    }

    /// What a statement is spared when it costs `cost` from now on.
    fn saving(&self, statement: usize, cost: f64) -> f64 {
        let before = self.costs.get(statement).copied().unwrap_or_default();
        let gain = before - cost;
        if gain.abs() < before * NOISE {
            0.0
        } else {
            gain
        }
    }

    /// A statement's cost; when time is up, the most it can be as far as is known.
    fn cost(
        &mut self,
        oracle: &mut dyn Oracle,
        statement: usize,
        configuration: &BTreeSet<usize>,
        source: Source,
    ) -> f64 {
        let (least, most) = oracle.range(statement, configuration);
        if source == Source::Known || least >= most {
            return most;
        }
        if !oracle.expired() {
            return oracle.cost(statement, configuration);
        }
        self.complete = false;
        most
    }

    /// Whether `candidate` may stand in for `best`, which gains a little more: it leaves about as
    /// little to do of each statement, or only lacks columns that are not worth storing.
    fn is_as_good(
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
    fn speeds_up(&self, oracle: &dyn Oracle, open: &Open) -> bool {
        (open.gains.iter()).any(|gain| {
            let base = (self.shortlist.base.get(gain.statement)).copied();
            oracle.is_slow(gain.statement)
                && gain.value >= self.limits.share_of_slow() * base.unwrap_or_default()
        })
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

    /// What was known of these statements was so under another configuration.
    fn hope(&mut self, oracle: &dyn Oracle, statements: &BTreeSet<usize>) {
        let of = |values: &[f64], at: usize| values.get(at).copied().unwrap_or_default();
        let concerned: BTreeSet<usize> = (statements.iter())
            .filter_map(|statement| self.shortlist.of_statement.get(statement))
            .flatten()
            .copied()
            .collect();
        for candidate in concerned {
            let Some(open) = self.open.get_mut(&candidate) else {
                continue;
            };
            for gain in &mut open.gains {
                if statements.contains(&gain.statement) {
                    let floor = of(&self.shortlist.floor, gain.statement);
                    gain.value = (of(&self.costs, gain.statement) - floor).max(0.0);
                    gain.state = State::Hoped;
                }
            }
            open.sum_up(oracle);
            self.judge(oracle, candidate);
        }
    }
}

/// Share of the workload's cost below which it is not asked what a candidate saves exactly.
const NEGLIGIBLE: f64 = 1e-5;
