//! Latencies in buckets of constant relative width. Pure.
//!
//! Each power of two of nanoseconds from 2^10 (1.02 µs) to 2^42 (73 minutes) is cut into eight
//! equal buckets. A bucket [a, b) is stood for by the harmonic mean 2ab/(a+b), which is off by at
//! most (b-a)/(a+b) of any value in it: 1/17 = 5.9 % in the first bucket of a power of two, less
//! in the others. Shorter times fall into the first bucket, longer ones into the last.

#![forbid(unsafe_code)]

use crate::shmem::entry::BUCKETS;

/// Buckets per power of two.
const PARTS: u64 = 8;
/// The smallest power of two that is told apart.
const FIRST: u32 = 10;

/// The bucket of a time in nanoseconds.
#[inline]
pub(crate) fn bucket_of(nanoseconds: u64) -> usize {
    let value = nanoseconds.max(1 << FIRST);
    let power = value.ilog2();
    let part = (value >> (power - 3)) & (PARTS - 1);
    let bucket = u64::from(power - FIRST) * PARTS + part;
    bucket.min(BUCKETS as u64 - 1) as usize
}

/// Where a bucket begins, in nanoseconds.
pub(crate) fn lower_bound(bucket: usize) -> f64 {
    let (power, part) = (bucket as u64 / PARTS, bucket as u64 % PARTS);
    2f64.powi(FIRST as i32 + power as i32) * (1.0 + part as f64 / PARTS as f64)
}

/// Where it ends.
pub(crate) fn upper_bound(bucket: usize) -> f64 {
    lower_bound(bucket + 1)
}

/// The value that stands for a bucket.
pub(crate) fn representative(bucket: usize) -> f64 {
    let (lower, upper) = (lower_bound(bucket), upper_bound(bucket));
    2.0 * lower * upper / (lower + upper)
}

/// The `fraction`-quantile in nanoseconds of what `counts` hold: the value that at least that
/// share of all does not exceed. `None` when they hold nothing.
pub(crate) fn percentile(counts: &[u64], fraction: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let wanted = ((total as f64 * fraction).ceil() as u64).clamp(1, total);
    let mut seen = 0;
    counts.iter().enumerate().find_map(|(bucket, count)| {
        seen += count;
        (seen >= wanted).then(|| representative(bucket))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600_000_000_000;

    fn error(value: u64) -> f64 {
        (representative(bucket_of(value)) - value as f64).abs() / value as f64
    }

    #[test]
    fn bounds_and_buckets_agree() {
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(lower_bound(bucket) as u64), bucket);
            assert_eq!(bucket_of(upper_bound(bucket) as u64 - 1), bucket);
        }
        assert_eq!((bucket_of(0), bucket_of(u64::MAX)), (0, BUCKETS - 1));
    }

    #[test]
    fn a_microsecond_and_an_hour_are_told_within_six_percent() {
        for value in [1024, 1025, 1151, 1152, HOUR - 1, HOUR] {
            assert!(error(value) <= 0.06, "{value}: {}", error(value));
        }
        assert!(
            (representative(0) - 1000.0).abs() / 1000.0 < 0.09,
            "below the first bucket"
        );
    }

    #[test]
    fn percentiles_of_a_hundred_thousand_durations_are_within_six_percent_of_the_exact_ones() {
        // Log-normal-like: products of uniform numbers, from microseconds to minutes.
        let mut state = 0x1234_5678_9abc_def0_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut exact: Vec<u64> = (0..100_000)
            .map(|_| (2000.0 * (next() * 8.0 + next() * 8.0).exp()) as u64)
            .collect();
        let mut counts = [0u64; BUCKETS];
        for value in &exact {
            counts[bucket_of(*value)] += 1;
        }
        exact.sort_unstable();
        for fraction in [
            0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0,
        ] {
            let rank = ((fraction * 100_000_f64).ceil() as usize).max(1) - 1;
            let (told, is) = (percentile(&counts, fraction).unwrap(), exact[rank] as f64);
            assert!(
                (told - is).abs() / is <= 0.06,
                "{fraction}: {told} instead of {is}"
            );
        }
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(percentile(&[0; BUCKETS], 0.5), None);
    }

    proptest! {
        #[test]
        fn every_duration_is_told_within_six_percent(value in 1024u64..HOUR) {
            prop_assert!(error(value) <= 0.06);
        }
    }
}
