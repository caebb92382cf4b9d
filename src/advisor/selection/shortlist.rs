//! Which candidates plans use at all, and how cheap each statement can get. Pure.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use super::{NOISE, Oracle};

/// How often the indexes of a statement's plan are taken away to see which come next.
const LAYERS: usize = 6;

/// What is worth weighing.
pub(super) struct Shortlist {
    /// Cost of each statement as things are.
    pub(super) base: Vec<f64>,
    /// Cost of each statement with all of its candidates: none makes it cheaper.
    pub(super) floor: Vec<f64>,
    /// Candidates that some plan uses, and narrower ones, with the statements they are for.
    pub(super) reach: BTreeMap<usize, BTreeSet<usize>>,
    /// The same by statement.
    pub(super) of_statement: BTreeMap<usize, BTreeSet<usize>>,
    /// Candidates that one plan used together: one alone may be of no use, as those on the two
    /// sides of an OR.
    pub(super) bundles: BTreeSet<BTreeSet<usize>>,
    /// False when time was up before every statement had been looked at.
    pub(super) complete: bool,
}

impl Shortlist {
    pub(super) fn new(oracle: &mut dyn Oracle) -> Self {
        let nothing = BTreeSet::new();
        let base: Vec<f64> = (0..oracle.statements())
            .map(|statement| oracle.cost(statement, &nothing))
            .collect();
        let mut shortlist = Self {
            floor: base.clone(),
            base,
            reach: BTreeMap::new(),
            of_statement: BTreeMap::new(),
            bundles: BTreeSet::new(),
            complete: true,
        };
        for (statement, candidates) in shortlist.dearest_first(oracle) {
            if oracle.expired() {
                shortlist.complete = false;
                break;
            }
            shortlist.peel(oracle, statement, candidates);
        }
        for (candidate, statements) in &shortlist.reach {
            for statement in statements {
                let candidates = shortlist.of_statement.entry(*statement).or_default();
                candidates.insert(*candidate);
            }
        }
        shortlist
    }

    /// Adds a candidate that was made later.
    pub(super) fn admit(&mut self, oracle: &dyn Oracle, candidate: usize) {
        for &statement in oracle.affected(candidate) {
            self.reach.entry(candidate).or_default().insert(statement);
            let candidates = self.of_statement.entry(statement).or_default();
            candidates.insert(candidate);
        }
    }

    /// Statements and their candidates, so that what matters most has been seen when time is up.
    fn dearest_first(&self, oracle: &dyn Oracle) -> Vec<(usize, BTreeSet<usize>)> {
        let mut all: Vec<_> = by_statement(oracle).into_iter().collect();
        let load = |statement: usize| {
            oracle.weight(statement) * self.base.get(statement).copied().unwrap_or_default()
        };
        all.sort_by(|a, b| load(b.0).total_cmp(&load(a.0)));
        all
    }

    fn peel(&mut self, oracle: &mut dyn Oracle, statement: usize, all: BTreeSet<usize>) {
        let base = self.base.get(statement).copied().unwrap_or_default();
        let mut open = all.clone();
        for layer in 0..LAYERS {
            let cost = oracle.cost(statement, &open);
            if layer == 0
                && let Some(floor) = self.floor.get_mut(statement)
            {
                *floor = floor.min(cost);
            }
            let used = oracle.used(statement, &open);
            if used.is_empty() || cost > base * (1.0 - NOISE) {
                return;
            }
            if used.len() > 1 {
                self.bundles.insert(used.clone());
            }
            for candidate in &used {
                open.remove(candidate);
                self.reach.entry(*candidate).or_default().insert(statement);
                for narrower in all
                    .iter()
                    .filter(|other| oracle.serves(*candidate, **other))
                {
                    self.reach.entry(*narrower).or_default().insert(statement);
                }
            }
            if oracle.expired() {
                return;
            }
        }
    }
}

fn by_statement(oracle: &dyn Oracle) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut found: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for candidate in 0..oracle.candidates() {
        for statement in oracle.affected(candidate) {
            found.entry(*statement).or_default().insert(candidate);
        }
    }
    found
}
