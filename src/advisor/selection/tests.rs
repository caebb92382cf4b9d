//! Selection over a model of the planner.

use super::*;
use proptest::prelude::*;

/// Each candidate brings some statements down to a cost; several do not add up.
struct Model {
    base: Vec<f64>,
    reach: Vec<Vec<usize>>,
    reduced: Vec<f64>,
    sizes: Vec<f64>,
    upkeep: Vec<f64>,
    serves: Vec<(usize, usize)>,
    covering: Vec<usize>,
    slow: Vec<usize>,
    merges: Vec<(usize, usize, usize)>,
    later: usize,
    /// Of no use without each other.
    pairs: Vec<(usize, usize)>,
    calls_left: usize,
}

impl Oracle for Model {
    fn statements(&self) -> usize {
        self.base.len()
    }
    fn weight(&self, _: usize) -> f64 {
        1.0
    }
    fn cost(&mut self, statement: usize, configuration: &BTreeSet<usize>) -> f64 {
        self.range(statement, configuration).1
    }
    fn is_slow(&self, statement: usize) -> bool {
        self.slow.contains(&statement)
    }
    fn range(&self, statement: usize, configuration: &BTreeSet<usize>) -> (f64, f64) {
        let helping = (configuration.iter())
            .filter(|&&c| self.reach[c].contains(&statement) && self.is_complete(c, configuration));
        let cost = helping.map(|&c| self.reduced[c]);
        let cost = cost.fold(self.base[statement], f64::min);
        (cost, cost)
    }
    fn used(&mut self, statement: usize, configuration: &BTreeSet<usize>) -> BTreeSet<usize> {
        let helping = (configuration.iter().copied())
            .filter(|&c| self.reach[c].contains(&statement))
            .filter(|&c| self.reduced[c] < self.base[statement])
            .filter(|&c| self.is_complete(c, configuration));
        (helping.min_by(|&a, &b| self.reduced[a].total_cmp(&self.reduced[b])))
            .into_iter()
            .flat_map(|c| self.with_other(c))
            .collect()
    }
    fn candidates(&self) -> usize {
        self.reach.len() - self.later
    }
    fn affected(&self, candidate: usize) -> &[usize] {
        &self.reach[candidate]
    }
    fn size(&self, candidate: usize) -> f64 {
        self.sizes[candidate]
    }
    fn upkeep(&self, candidate: usize) -> f64 {
        self.upkeep[candidate]
    }
    fn serves(&self, other: usize, candidate: usize) -> bool {
        self.serves.contains(&(other, candidate))
    }
    fn merged(&mut self, a: usize, b: usize) -> Vec<usize> {
        let pairs = self.merges.iter();
        pairs
            .filter(|m| (m.0, m.1) == (a, b) || (m.1, m.0) == (a, b))
            .map(|m| m.2)
            .collect()
    }
    fn is_covering(&self, candidate: usize) -> bool {
        self.covering.contains(&candidate)
    }
    fn expired(&mut self) -> bool {
        self.calls_left = self.calls_left.saturating_sub(1);
        self.calls_left == 0
    }
}

impl Model {
    fn with_other(&self, candidate: usize) -> Vec<usize> {
        let pair = (self.pairs.iter()).find(|pair| candidate == pair.0 || candidate == pair.1);
        pair.map_or(vec![candidate], |pair| vec![pair.0, pair.1])
    }

    fn is_complete(&self, candidate: usize, configuration: &BTreeSet<usize>) -> bool {
        self.with_other(candidate)
            .iter()
            .all(|c| configuration.contains(c))
    }
}

fn model(base: &[f64], candidates: &[(&[usize], f64, f64)]) -> Model {
    Model {
        base: base.to_vec(),
        reach: candidates.iter().map(|c| c.0.to_vec()).collect(),
        reduced: candidates.iter().map(|c| c.1).collect(),
        sizes: candidates.iter().map(|c| c.2).collect(),
        upkeep: vec![0.0; candidates.len()],
        serves: Vec::new(),
        covering: Vec::new(),
        slow: Vec::new(),
        merges: Vec::new(),
        later: 0,
        pairs: Vec::new(),
        calls_left: usize::MAX,
    }
}

const OPEN: Limits = Limits {
    budget: None,
    max_indexes: None,
    min_benefit: 0.01,
};

fn picked(outcome: &Outcome) -> Vec<usize> {
    outcome
        .chosen
        .iter()
        .map(|choice| choice.candidate)
        .collect()
}

#[test]
fn one_index_for_two_statements_beats_one_each() {
    let mut m = model(
        &[100.0, 100.0],
        &[(&[0], 1.0, 9.0), (&[1], 1.0, 9.0), (&[0, 1], 1.5, 9.0)],
    );
    assert_eq!(picked(&select(&mut m, &OPEN)), [2]);
}

#[test]
fn the_budget_is_never_exceeded_and_is_used_well() {
    let mut m = model(
        &[100.0, 60.0, 60.0],
        &[(&[0], 0.0, 10e6), (&[1], 0.0, 5e6), (&[2], 0.0, 5e6)],
    );
    let outcome = select(
        &mut m,
        &Limits {
            budget: Some(10e6),
            ..OPEN
        },
    );
    let mut chosen = picked(&outcome);
    chosen.sort_unstable();
    assert_eq!(chosen, [1, 2]);
    assert_eq!(outcome.rejected.get(&0), Some(&Rejection::Budget));
}

#[test]
fn an_index_that_costs_the_writes_more_than_it_saves_is_rejected() {
    let mut m = model(&[100.0], &[(&[0], 50.0, 1.0)]);
    m.upkeep = vec![60.0];
    let outcome = select(&mut m, &OPEN);
    assert_eq!(outcome.rejected.get(&0), Some(&Rejection::Upkeep));
}

#[test]
fn an_index_made_superfluous_by_a_wider_one_is_replaced() {
    let mut m = model(&[100.0, 90.0], &[(&[0], 1.0, 1.0), (&[0, 1], 1.0, 4.0)]);
    m.serves = vec![(1, 0)];
    assert_eq!(picked(&select(&mut m, &OPEN)), [1]);
}

#[test]
fn a_wider_index_is_taken_when_it_leaves_far_less_to_do() {
    let mut m = model(
        &[7000.0],
        &[(&[0], 200.0, 1.0), (&[0], 30.0, 4.0), (&[0], 29.0, 9.0)],
    );
    assert_eq!(picked(&select(&mut m, &OPEN)), [1]);
}

#[test]
fn columns_are_not_stored_for_a_gain_below_the_minimum() {
    let mut m = model(&[7000.0], &[(&[0], 60.0, 1.0), (&[0], 10.0, 4.0)]);
    m.covering = vec![1];
    assert_eq!(picked(&select(&mut m, &OPEN)), [0]);
}

#[test]
fn small_gains_are_named_as_below_the_minimum() {
    let mut m = model(&[1000.0, 1.5], &[(&[1], 0.0, 1.0)]);
    let outcome = select(&mut m, &OPEN);
    assert!(matches!(
        outcome.rejected.get(&0),
        Some(Rejection::BelowMinimum(_))
    ));
}

#[test]
fn when_time_is_up_the_best_so_far_is_returned_and_marked() {
    let mut m = model(&[100.0, 100.0], &[(&[0], 1.0, 1.0), (&[1], 1.0, 1.0)]);
    m.calls_left = 2;
    let outcome = select(&mut m, &OPEN);
    assert!(!outcome.complete);
    assert_eq!(picked(&outcome), [0]);
}

proptest! {
    #[test]
    fn limits_hold_and_every_rank_lowers_the_cost(
        base in prop::collection::vec(1.0_f64..1000.0, 1..6),
        raw in prop::collection::vec((prop::collection::vec(0_usize..6, 1..4), 0.0_f64..500.0, 1.0_f64..50.0), 0..8),
        budget in prop::option::of(1.0_f64..120.0),
        most in prop::option::of(0_usize..4),
    ) {
        let statements = base.len();
        let specs: Vec<(Vec<usize>, f64, f64)> = raw.into_iter()
            .map(|(mut reach, cost, size)| {
                reach.iter_mut().for_each(|s| *s %= statements);
                reach.sort_unstable();
                reach.dedup();
                (reach, cost, size)
            })
            .collect();
        let borrowed: Vec<(&[usize], f64, f64)> =
            specs.iter().map(|(reach, cost, size)| (reach.as_slice(), *cost, *size)).collect();
        let mut m = model(&base, &borrowed);
        let outcome = select(&mut m, &Limits { budget, max_indexes: most, min_benefit: 0.01 });
        let size: f64 = outcome.chosen.iter().map(|c| m.sizes[c.candidate]).sum();
        prop_assert!(budget.is_none_or(|budget| size <= budget));
        prop_assert!(most.is_none_or(|most| outcome.chosen.len() <= most));
        for choice in &outcome.chosen {
            prop_assert!(choice.cost_after < choice.cost_before);
        }
    }
}

#[test]
fn a_slow_statement_gets_its_index_however_large_the_workload_is() {
    let mut m = model(
        &[1e9, 20_000.0, 20_000.0],
        &[(&[1], 100.0, 1.0), (&[2], 19_000.0, 1.0)],
    );
    assert_eq!(picked(&select(&mut m, &OPEN)), Vec::<usize>::new());
    m.slow = vec![1, 2];
    assert_eq!(picked(&select(&mut m, &OPEN)), [0]);
}

/// Two candidates, and one that is made of both only when it is asked for.
fn two_that_are_alike(merged_cost: f64) -> Model {
    let mut m = model(
        &[100.0, 100.0],
        &[
            (&[0], 1.0, 5.0),
            (&[1], 1.0, 5.0),
            (&[0, 1], merged_cost, 6.0),
        ],
    );
    m.later = 1;
    m.merges = vec![(0, 1, 2)];
    m
}

#[test]
fn one_index_takes_the_place_of_two_that_are_much_alike() {
    let outcome = select(&mut two_that_are_alike(1.2), &OPEN);
    assert_eq!(picked(&outcome), [2]);
    assert_eq!(outcome.rejected.get(&0), Some(&Rejection::NoGain));
}

#[test]
fn two_indexes_stay_where_one_would_do_less() {
    let mut chosen = picked(&select(&mut two_that_are_alike(20.0), &OPEN));
    chosen.sort_unstable();
    assert_eq!(chosen, [0, 1]);
}

#[test]
fn two_indexes_that_help_only_together_are_found() {
    let mut m = model(
        &[100.0, 50.0],
        &[(&[0], 2.0, 5.0), (&[0], 2.0, 5.0), (&[1], 1.0, 5.0)],
    );
    m.pairs = vec![(0, 1)];
    let outcome = select(&mut m, &OPEN);
    assert_eq!(picked(&outcome).len(), 3);
    let few = Limits {
        max_indexes: Some(2),
        ..OPEN
    };
    let outcome = select(&mut m, &few);
    assert_eq!(picked(&outcome).len(), 2);
}
