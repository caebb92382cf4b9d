//! Which candidates to recommend together. Pure: the planner is behind [`Oracle`].
//!
//! 1. *Shortlist*: each statement is planned with all of its candidates at once, then without
//!    those its plan used, and so on until none helps. What no such plan uses is out.
//! 2. *Greedy* over the whole workload: the candidate that saves most, net of what keeping it
//!    costs the writes, is added. Gains are asked for only where they could matter: no statement
//!    gets cheaper than it was with all candidates. A chosen index that a new one serves as well
//!    is replaced. What is of use together only, as on the two sides of an OR, is added together.
//!    Under a storage budget this is done twice, by gain and by gain per byte.
//! 3. *Refill*: where budget or number binds, each chosen index is taken out in turn and its
//!    place given to others, as long as that saves.
//! 4. *Merge*: one index takes the place of two that are much alike.
//! 5. *Drop* what no longer earns its place, and *rank* the rest by what each adds.
//!
//! When time is up the planner is not asked any more, and what is known already decides.

#![forbid(unsafe_code)]

mod greedy;
mod merging;
mod pruning;
mod shortlist;

use std::collections::{BTreeMap, BTreeSet};

use greedy::{By, Greedy, Source};
use pruning::Pruning;
use shortlist::Shortlist;

/// What selection asks of the planner, the catalogs and the clock.
pub(crate) trait Oracle {
    /// Number of statements.
    fn statements(&self) -> usize;
    /// Weight of a statement.
    fn weight(&self, statement: usize) -> f64;
    /// Cost of a statement once, with these candidates (ascending).
    fn cost(&mut self, statement: usize, configuration: &BTreeSet<usize>) -> f64;
    /// The least and the most that it can be, as follows from what has been asked before.
    fn range(&self, statement: usize, configuration: &BTreeSet<usize>) -> (f64, f64);
    /// Whether the statement takes so long that it matters by itself.
    fn is_slow(&self, statement: usize) -> bool;
    /// Candidates of a configuration that the statement's plan with it uses.
    fn used(&mut self, statement: usize, configuration: &BTreeSet<usize>) -> BTreeSet<usize>;
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
    /// New candidates, or known ones, of which each does what both of these do.
    fn merged(&mut self, a: usize, b: usize) -> Vec<usize>;
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

impl Limits {
    /// Whether something that would save may have to stay out.
    fn is_bounded(&self) -> bool {
        self.budget.is_some() || self.max_indexes.is_some()
    }

    /// Share of a slow statement's cost that makes an index worth having whatever else runs.
    fn share_of_slow(&self) -> f64 {
        self.min_benefit.max(NOTEWORTHY)
    }
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

/// See [`Limits::share_of_slow`].
const NOTEWORTHY: f64 = 0.1;

/// A smaller index is preferred to the best one when it reaches this share of its gain ...
const NEAR_GAIN: f64 = 0.95;

/// ... and leaves each statement at most this many times as dear as the best would.
const NEAR_RESIDUE: f64 = 1.25;

/// Chooses.
pub(crate) fn select(oracle: &mut dyn Oracle, limits: &Limits) -> Outcome {
    let mut shortlist = Shortlist::new(oracle);
    let best = search(oracle, &shortlist, limits);
    let complete = shortlist.complete && best.complete;
    let mut configuration = best.chosen;
    let mut rejected = best.rejected;
    let merged = merging::merge(
        oracle,
        &mut shortlist,
        limits,
        &mut configuration,
        &mut rejected,
    );
    if merged && limits.is_bounded() {
        // There is room again.
        let greedy = Greedy::new(&shortlist, limits, By::GainPerByte)
            .starting_from(oracle, &configuration, None)
            .run(oracle);
        configuration = greedy.chosen;
    }
    Pruning::new(oracle, &shortlist, limits, &configuration).run(
        oracle,
        &mut configuration,
        &mut rejected,
    );
    let chosen = rank(oracle, &shortlist, &configuration);
    for candidate in 0..oracle.candidates() {
        rejected.entry(candidate).or_insert(Rejection::NoGain);
    }
    for choice in &chosen {
        rejected.remove(&choice.candidate);
    }
    Outcome {
        chosen,
        rejected,
        complete,
    }
}

/// The best that greedy additions come to.
fn search<'a>(oracle: &mut dyn Oracle, shortlist: &'a Shortlist, limits: &'a Limits) -> Greedy<'a> {
    let mut best = match limits.budget {
        None => Greedy::new(shortlist, limits, By::Gain).run(oracle),
        Some(_) => {
            let best = Greedy::new(shortlist, limits, By::GainPerByte).run(oracle);
            // Most plans that matter are known by now.
            let other = Greedy::new(shortlist, limits, By::Gain)
                .with(Source::Known, Source::Planner)
                .run(oracle);
            best.better(other)
        }
    };
    if limits.is_bounded() {
        best = refill(oracle, shortlist, limits, best);
    }
    best
}

/// Takes each chosen index out in turn and lets others have its place, as long as that saves.
fn refill<'a>(
    oracle: &mut dyn Oracle,
    shortlist: &'a Shortlist,
    limits: &'a Limits,
    mut best: Greedy<'a>,
) -> Greedy<'a> {
    let mut untried: Vec<usize> = best.chosen.iter().copied().collect();
    while let Some(candidate) = untried.pop() {
        if oracle.expired() {
            break;
        }
        let mut without = best.chosen.clone();
        without.remove(&candidate);
        let by = [By::Gain, By::GainPerByte].map(|by| {
            let greedy = Greedy::new(shortlist, limits, by);
            greedy
                .with(Source::Known, Source::Known)
                .starting_from(oracle, &without, Some(candidate))
                .run(oracle)
        });
        let [first, second] = by;
        let other = first.better(second);
        if other.total < best.total * (1.0 - LEAST_SAVING) {
            untried = other.chosen.iter().copied().collect();
            best = other;
        }
    }
    best
}

/// Share of the workload's cost that another round has to save.
const LEAST_SAVING: f64 = 1e-4;

/// Orders a configuration by what each index adds to those before it.
fn rank(
    oracle: &mut dyn Oracle,
    shortlist: &Shortlist,
    configuration: &BTreeSet<usize>,
) -> Vec<Choice> {
    const OPEN: Limits = Limits {
        budget: None,
        max_indexes: None,
        min_benefit: 0.0,
    };
    let ranked = Greedy::new(shortlist, &OPEN, By::Gain)
        .with(Source::Known, Source::Planner)
        .among(configuration)
        .run(oracle);
    ranked.trail
}

fn weighted(oracle: &dyn Oracle, costs: &[f64]) -> f64 {
    (costs.iter().enumerate())
        .map(|(statement, cost)| oracle.weight(statement) * cost)
        .sum()
}

#[cfg(test)]
mod tests;
