//! What candidates save, as far as that is known. Pure.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::{Greedy, Source};
use crate::advisor::selection::{NOISE, Oracle};

/// What a candidate saves on one statement (unweighted).
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain {
    pub(super) statement: usize,
    pub(super) value: f64,
    pub(super) state: State,
}

/// How much of a gain is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The most that any candidate could save.
    Hoped,
    /// The most that this one could.
    Bounded,
    Known,
}

/// A candidate that may be added.
pub(super) struct Open {
    pub(super) gains: Vec<Gain>,
    /// Weighted sum of the gains.
    pub(super) gross: f64,
}

impl Open {
    pub(super) fn sum_up(&mut self, oracle: &dyn Oracle) {
        self.gross = (self.gains.iter())
            .map(|gain| oracle.weight(gain.statement) * gain.value)
            .sum();
    }

    pub(super) fn is_known(&self) -> bool {
        self.gains.iter().all(|gain| gain.state == State::Known)
    }

    pub(super) fn gain_on(&self, statement: usize) -> f64 {
        (self.gains.iter())
            .find(|gain| gain.statement == statement)
            .map_or(0.0, |gain| gain.value)
    }
}

/// Share of the workload's cost below which it is not asked what a candidate saves exactly.
const NEGLIGIBLE: f64 = 5e-5;

impl Greedy<'_> {
    /// Learns more of what a candidate saves: what follows from earlier answers for all of its
    /// statements, or else the planner's answer for the one where most is to be hoped for.
    pub(super) fn look_closer(&mut self, oracle: &mut dyn Oracle, candidate: usize) {
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

    pub(super) fn bound(
        &self,
        oracle: &dyn Oracle,
        gain: &mut Gain,
        configuration: &BTreeSet<usize>,
    ) {
        let (least, most) = oracle.range(gain.statement, configuration);
        let is_known = match self.weighing {
            Source::Known => true,
            Source::Planner => {
                let open = oracle.weight(gain.statement) * (most - least);
                least >= most || (open <= NEGLIGIBLE * self.base && !oracle.is_slow(gain.statement))
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
    pub(super) fn saving(&self, statement: usize, cost: f64) -> f64 {
        let before = self.costs.get(statement).copied().unwrap_or_default();
        let gain = before - cost;
        if gain.abs() < before * NOISE {
            0.0
        } else {
            gain
        }
    }

    /// A statement's cost; when time is up, the most it can be as far as is known.
    pub(super) fn cost(
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

    /// What was known of these statements was so under another configuration.
    pub(super) fn hope(&mut self, oracle: &dyn Oracle, statements: &BTreeSet<usize>) {
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
