//! How much neighbours in order have in common: what the inner tuples of a tree over texts hold.

#![forbid(unsafe_code)]

/// Powers of two of the distances that are looked at.
const LEVELS: u32 = 11;

/// Lengths in bytes, of sampled texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharedPrefixes {
    /// Texts that were looked at.
    texts: f64,
    /// Their average length.
    pub(crate) length: f64,
    /// Average length of what a text has in common with the one so many places further on, for
    /// the distances 1, 2, 4, ….
    shared: Vec<f64>,
}

impl SharedPrefixes {
    /// Of some texts; `None` when there are too few.
    pub(crate) fn of(mut texts: Vec<Vec<u8>>) -> Option<Self> {
        texts.sort_unstable();
        let count = texts.len();
        let length = texts.iter().map(Vec::len).sum::<usize>() as f64 / count.max(1) as f64;
        let shared: Vec<f64> = (0..LEVELS)
            .map(|level| 1_usize << level)
            .take_while(|distance| distance * 2 <= count)
            .map(|distance| {
                let pairs = texts.iter().zip(texts.iter().skip(distance));
                let common: usize = pairs.map(|(one, other)| common_prefix(one, other)).sum();
                common as f64 / (count - distance) as f64
            })
            .collect();
        (!shared.is_empty()).then_some(Self {
            texts: count as f64,
            length,
            shared,
        })
    }

    /// Average length of what `group` neighbours among `all` texts have in common.
    pub(crate) fn within(&self, group: f64, all: f64) -> f64 {
        // Their distance among the sampled ones, as a power of two.
        let distance = group * self.texts / all.max(self.texts);
        let level = distance.max(1e-12).log2();
        let at = |level: usize| self.shared.get(level).copied();
        let (Some(nearest), Some(farthest)) = (at(0), self.shared.last()) else {
            return 0.0;
        };
        if level < 0.0 {
            // Neighbours that were not sampled have more in common, as these have more than
            // those eight times as far apart.
            let step = at(3).map_or(0.0, |far| (nearest - far) / 3.0);
            return (nearest - step * level).min(self.length);
        }
        let below = level.floor();
        let (one, other) = (at(below as usize), at(below as usize + 1));
        match (one, other) {
            (Some(one), Some(other)) => one + (other - one) * (level - below),
            _ => *farthest,
        }
    }
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    (one.iter().zip(other)).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(step: usize) -> SharedPrefixes {
        let texts = (0..100_000).step_by(step);
        let texts = texts.map(|number| format!("https://example/{number:06}").into_bytes());
        SharedPrefixes::of(texts.collect()).unwrap_or(SharedPrefixes {
            texts: 0.0,
            length: 0.0,
            shared: Vec::new(),
        })
    }

    #[test]
    fn a_sample_tells_what_all_would() {
        let (all, some) = (numbers(1), numbers(37));
        for group in [100.0, 1000.0] {
            let difference = all.within(group, 100_000.0) - some.within(group, 100_000.0);
            assert!(difference.abs() < 0.3, "{difference} for {group}");
        }
        assert!((some.length - 22.0).abs() < 1e-9);
    }

    #[test]
    fn neighbours_beyond_the_sample_have_more_in_common() {
        let some = numbers(1000);
        let difference = some.within(100.0, 100_000.0) - numbers(1).within(100.0, 100_000.0);
        assert!(difference.abs() < 0.6, "{difference}");
    }

    #[test]
    fn one_text_has_no_neighbours() {
        assert_eq!(SharedPrefixes::of(vec![b"a".to_vec()]), None);
        assert_eq!(SharedPrefixes::of(Vec::new()), None);
    }
}
