//! In which order views are refreshed: what a view reads comes before it.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

/// Which materialized views each materialized view reads, directly or through plain views.
pub(super) type Reads = BTreeMap<u32, Vec<u32>>;

/// All that `view` depends on, however far away.
pub(super) fn upstream(view: u32, reads: &Reads) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![view];
    while let Some(next) = open.pop() {
        for read in reads.get(&next).into_iter().flatten() {
            if *read != view && found.insert(*read) {
                open.push(*read);
            }
        }
    }
    found
}

/// The views with their positions, from 1: each comes after all that it reads, and those of one
/// position do not depend on each other.
pub(super) fn positions(views: &[u32], reads: &Reads) -> Vec<(u32, i32)> {
    let wanted: BTreeSet<u32> = views.iter().copied().collect();
    let above: BTreeMap<u32, BTreeSet<u32>> = (wanted.iter())
        .map(|view| {
            let above = upstream(*view, reads);
            (*view, above.intersection(&wanted).copied().collect())
        })
        .collect();
    let mut placed: BTreeMap<u32, i32> = BTreeMap::new();
    let mut position = 1;
    while placed.len() < wanted.len() {
        let ready: Vec<u32> = (above.iter())
            .filter(|(view, _)| !placed.contains_key(view))
            .filter(|(_, above)| above.iter().all(|view| placed.contains_key(view)))
            .map(|(view, _)| *view)
            .collect();
        if ready.is_empty() {
            // The server keeps views from reading themselves; were there a circle all the same,
            // its members come last.
            let rest: Vec<u32> = (wanted.iter().copied())
                .filter(|view| !placed.contains_key(view))
                .collect();
            placed.extend(rest.into_iter().map(|view| (view, position)));
            break;
        }
        placed.extend(ready.into_iter().map(|view| (view, position)));
        position += 1;
    }
    let mut ordered: Vec<(u32, i32)> = placed.into_iter().collect();
    ordered.sort_by_key(|(view, position)| (*position, *view));
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_comes_first_and_independent_ones_together() {
        // 1 <- 2 <- 4, 1 <- 3 <- 4, 5 alone.
        let reads = Reads::from([(2, vec![1]), (3, vec![1]), (4, vec![2, 3])]);
        assert_eq!(
            positions(&[4, 3, 2, 1, 5], &reads),
            [(1, 1), (5, 1), (2, 2), (3, 2), (4, 3)]
        );
    }

    #[test]
    fn a_view_in_between_that_is_not_asked_for_still_orders() {
        let reads = Reads::from([(2, vec![1]), (3, vec![2])]);
        assert_eq!(positions(&[3, 1], &reads), [(1, 1), (3, 2)]);
        assert_eq!(upstream(3, &reads), BTreeSet::from([1, 2]));
    }

    #[test]
    fn a_circle_ends() {
        let reads = Reads::from([(1, vec![2]), (2, vec![1]), (3, vec![])]);
        assert_eq!(positions(&[1, 2, 3], &reads), [(3, 1), (1, 2), (2, 2)]);
        assert_eq!(positions(&[], &reads), []);
    }
}
