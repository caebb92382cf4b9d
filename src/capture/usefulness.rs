//! How much is lost with a statement that gives its place to others.
//!
//! It is the load the statement has been, time per time since it was first seen, less the longer
//! it has not been seen. A call counts for more than its time, since what runs often matters even
//! if each run is short; one call alone for less, since most statements that were seen once are
//! never seen again.

/// What a call counts for beside its time, in nanoseconds.
const CALL: f64 = 100_000.0;
/// A statement seen once counts one in this many.
const ONCE: f64 = 20.0;
/// The half-life of usefulness when a statement is not seen, in seconds.
const HALF_LIFE: f64 = 6.0 * 3600.0;
/// Seconds by which every statement counts as older, so that a new one is not all load.
const GRACE: f64 = 60.0;

/// What is known of a statement's use.
pub(super) struct Use {
    /// Executions, failed ones included.
    pub(super) calls: u64,
    /// Time of these and of planning, in nanoseconds.
    pub(super) time: u64,
    /// Microseconds since it was seen first.
    pub(super) age: u64,
    /// Microseconds since it was seen last.
    pub(super) unseen: u64,
}

impl Use {
    /// Of a statement that was executed once, just now.
    pub(super) fn once(time: u64) -> Self {
        Self {
            calls: 1,
            time,
            age: 0,
            unseen: 0,
        }
    }

    /// Its usefulness.
    pub(super) fn per_second(&self) -> f64 {
        let load = self.time as f64 + CALL * self.calls as f64;
        let load = if self.calls > 1 { load } else { load / ONCE };
        let seconds = |microseconds: u64| microseconds as f64 / 1e6;
        load / (seconds(self.age) + GRACE) * (-seconds(self.unseen) / HALF_LIFE).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    fn used(calls: u64, each: u64, age: u64, unseen: u64) -> f64 {
        Use {
            calls,
            time: calls * each,
            age: age * 1_000_000,
            unseen: unseen * 1_000_000,
        }
        .per_second()
    }

    #[test]
    fn short_statements_that_come_again_outrank_longer_ones_seen_once() {
        // BEGIN and COMMIT were evicted between statements of ten milliseconds and more.
        let begin = used(200, 1000, 2, 0);
        assert!(begin > used(1, 100 * MILLISECOND, 1, 0));
        assert!(begin < used(1, 10_000 * MILLISECOND, 1, 0));
    }

    #[test]
    fn load_counts_and_ages() {
        assert!(used(10, 5 * MILLISECOND, 60, 0) > used(10, MILLISECOND, 60, 0));
        assert!(used(10, MILLISECOND, 60, 0) > used(10, MILLISECOND, 600, 0));
        let halved = used(10, MILLISECOND, 60, 6 * 3600) * 2.0;
        assert!((halved / used(10, MILLISECOND, 60, 0) - 1.0).abs() < 1e-9);
    }
}
