//! One statement, planned once for each set of values its samples have.
//!
//! What a statement costs, and what an index does for it, depends on the values: an index finds
//! the few open orders, and not the many closed ones. So a statement is planned as it was run,
//! with the values of its samples, which share its weight.

use std::cell::RefCell;
use std::rc::Rc;

use super::WorkloadStatement;
use super::sandbox::Sandboxed;
use crate::error::Result;
use crate::pg::bound::{GivenSet, Values};
use crate::pg::statement::Statement;

/// Share of a statement's weight that its slowest execution stands for, the tail.
const TAIL: f64 = 0.01;

/// A statement with one set of values, or none.
pub(crate) struct Variant {
    sandboxed: Rc<RefCell<Sandboxed>>,
    values: Option<Rc<Values>>,
    /// Its part of the statement's weight.
    pub(crate) weight: f64,
}

impl Variant {
    /// Whether it has values.
    pub(crate) fn has_values(&self) -> bool {
        self.values.is_some()
    }

    /// The same statement without values.
    pub(crate) fn generic(&self, weight: f64) -> Self {
        Self {
            sandboxed: self.sandboxed.clone(),
            values: None,
            weight,
        }
    }

    /// Runs `work`, such as planning, in the sandbox.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&mut Statement) -> Result<T>) -> Result<T> {
        self.sandboxed
            .borrow_mut()
            .run_with(self.values.clone(), work)
    }
}

/// Opens a statement in the sandbox, with a variant for each distinct set of its samples' values
/// and, where some of the weight is left, one without.
pub(crate) fn open(source: &WorkloadStatement) -> Result<Vec<Variant>> {
    let mut sandboxed = Sandboxed::open(source)?;
    let mut sets = Sets::default();
    let (mut usual, mut slowest) = (Vec::new(), None);
    for sample in &source.samples {
        let Some(set) = sets.find_or_bind(&mut sandboxed, &sample.values) else {
            continue;
        };
        match sample.slowest {
            true => slowest = Some(set),
            false => usual.push(set),
        }
    }
    let sandboxed = Rc::new(RefCell::new(sandboxed));
    let variants = shares(source.weight, sets.bound.len(), &usual, slowest)
        .into_iter()
        .map(|(set, weight)| Variant {
            sandboxed: sandboxed.clone(),
            values: set
                .and_then(|set| sets.bound.get(set))
                .map(|(_, values)| values.clone()),
            weight,
        });
    Ok(variants.collect())
}

/// Distinct sets of values.
#[derive(Default)]
struct Sets {
    /// What samples have, and the set it came to.
    seen: Vec<(GivenSet, Option<usize>)>,
    /// What could be used of it.
    bound: Vec<(GivenSet, Rc<Values>)>,
}

impl Sets {
    fn find_or_bind(&mut self, sandboxed: &mut Sandboxed, given: &GivenSet) -> Option<usize> {
        if given.is_empty() {
            return None;
        }
        if let Some((_, set)) = self.seen.iter().find(|(seen, _)| seen == given) {
            return *set;
        }
        let set = sandboxed.bind(given).map(|(kept, values)| {
            let known = self.bound.iter().position(|(bound, _)| *bound == kept);
            known.unwrap_or_else(|| {
                self.bound.push((kept, Rc::new(values)));
                self.bound.len() - 1
            })
        });
        self.seen.push((given.clone(), set));
        set
    }
}

/// Which of `count` sets gets how much of `weight`; no set stands for no values. Usual samples
/// share alike, those of one set add up. The slowest, if it is of a set of its own, stands for
/// the tail.
fn shares(
    weight: f64,
    count: usize,
    usual: &[usize],
    slowest: Option<usize>,
) -> Vec<(Option<usize>, f64)> {
    let tail = slowest.filter(|set| !usual.contains(set));
    let tail_weight = match tail {
        // At least one execution: of a statement that ran once it is the only one.
        Some(_) => (weight * TAIL).max(1.0).min(weight),
        None => 0.0,
    };
    let rest = weight - tail_weight;
    let mut shares: Vec<(Option<usize>, f64)> = (0..count)
        .filter_map(|set| {
            let samples = usual.iter().filter(|usual| **usual == set).count();
            match samples {
                0 if tail == Some(set) => Some((Some(set), tail_weight)),
                0 => None,
                samples => Some((Some(set), rest * samples as f64 / usual.len() as f64)),
            }
        })
        .collect();
    if usual.is_empty() {
        shares.push((None, rest));
    }
    // A statement with weight 0 is planned, too.
    shares.retain(|(_, share)| *share > 0.0 || weight <= 0.0);
    shares
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn without_values_all_is_generic() {
        assert_eq!(shares(7.0, 0, &[], None), [(None, 7.0)]);
    }

    #[test]
    fn usual_samples_share_alike_and_equal_ones_add_up() {
        assert_eq!(
            shares(90.0, 2, &[0, 1, 0], Some(1)),
            [(Some(0), 60.0), (Some(1), 30.0)]
        );
    }

    #[test]
    fn the_slowest_is_one_in_a_hundred_and_at_least_one() {
        assert_eq!(
            shares(1000.0, 2, &[0, 0, 0], Some(1)),
            [(Some(0), 990.0), (Some(1), 10.0)]
        );
        assert_eq!(
            shares(10.0, 2, &[1, 1, 1], Some(0)),
            [(Some(0), 1.0), (Some(1), 9.0)]
        );
        assert_eq!(
            shares(2.0, 2, &[1], Some(0)),
            [(Some(0), 1.0), (Some(1), 1.0)]
        );
    }

    #[test]
    fn the_only_execution_is_all_there_is() {
        assert_eq!(shares(1.0, 1, &[], Some(0)), [(Some(0), 1.0)]);
        assert_eq!(shares(0.0, 0, &[], None), [(None, 0.0)]);
    }

    #[test]
    fn where_only_the_slowest_has_values_the_rest_is_generic() {
        assert_eq!(
            shares(500.0, 1, &[], Some(0)),
            [(Some(0), 5.0), (None, 495.0)]
        );
    }
}
