//! Which statements give their places to others.
//!
//! The housekeeper frees places before they run out: the least useful ones. While it is away, a
//! session that needs a place frees one itself, the least useful of a few.

use std::sync::atomic::Ordering::Relaxed;

use super::admission;
use super::usefulness::Use;
use crate::pg::local::Local;
use crate::pg::{clock, latch, session as process};
use crate::shmem::Shared;
use crate::shmem::entry::{Counter, Entry};
use crate::shmem::header::Global;

/// Free places below which the housekeeper is asked for more: one in this many.
pub(super) const LOW: usize = 20;
/// Percent of all places that are to be free then, and at most, see [`Pace`].
const USUAL: usize = 10;
/// See above.
const MOST: usize = 40;
/// How long the housekeeper may be silent before it counts as away, in microseconds.
const AWAY: i64 = 10_000_000;
/// Entries a session looks at to find one to evict.
const LOOKED_AT: usize = 16;
/// Entries freed at once.
const BATCH: usize = 32;

/// How useful an entry is at `now`.
fn usefulness(entry: &Entry, now: i64) -> f64 {
    let seen = entry
        .get(Counter::LastSeen)
        .max(entry.get(Counter::FirstSeen));
    let since = |mark: u64| now.saturating_sub(mark as i64).max(0) as u64;
    Use {
        calls: entry.get(Counter::Calls) + entry.get(Counter::Errors),
        time: entry.get(Counter::TotalTime)
            + entry.get(Counter::TotalPlanTime)
            + entry.get(Counter::ErrorTime),
        age: since(entry.get(Counter::FirstSeen)),
        unseen: since(seen),
    }
    .per_second()
}

/// Makes a place for a new statement, or sees to it that there will be one; true if it is worth
/// trying again at once.
pub(super) fn make_place(shared: &'static Shared) -> bool {
    let now = clock::now();
    if has_housekeeper(shared, now) {
        poke(shared);
        return false;
    }
    evict_one(shared, now)
}

/// Whether the housekeeper is at work.
pub(super) fn has_housekeeper(shared: &Shared, now: i64) -> bool {
    now.saturating_sub(shared.header.get(Global::Heartbeat) as i64) < AWAY
}

/// Asks the housekeeper for free places, if nobody has.
pub(super) fn poke(shared: &'static Shared) {
    if Shared::raise(&shared.header.poked) {
        latch::set(shared.header.latch.load(Relaxed));
    }
}

/// Asks for free places as soon as few are left.
pub(super) fn look_ahead(shared: &'static Shared) {
    if shared.free() <= shared.capacity() / LOW {
        poke(shared);
    }
}

/// Evicts the least useful of a few entries.
fn evict_one(shared: &'static Shared, now: i64) -> bool {
    let Some(session) = process::number() else {
        return false;
    };
    let capacity = shared.capacity();
    let first = (now as usize).wrapping_mul(0x9E37_79B9) % capacity.max(1);
    let few = (0..LOOKED_AT).map(|step| (first + step * 61) % capacity.max(1));
    let worst = (few.filter_map(|place| {
        let entry = shared.at(session, place)?;
        Some((usefulness(entry.entry, now), place))
    }))
    .min_by(|one, other| one.0.total_cmp(&other.0));
    let evicted = worst.is_some_and(|(_, place)| shared.kill(place) && shared.bury(place));
    if evicted {
        shared.header.add(Global::FallbackEvictions, 1);
    }
    evicted
}

/// Whether places or text memory run low.
pub(crate) fn is_needed(shared: &Shared) -> bool {
    let (used, all) = shared.arena.usage();
    shared.free() <= shared.capacity() / LOW || used > all - all / 10
}

/// How much the housekeeper frees at once. Where statements keep coming, most of those there are
/// have come and gone like them, and looking through all of them often is what costs.
#[derive(Clone, Copy)]
struct Pace {
    swept_at: i64,
    /// Percent of all places that are to be free afterwards.
    percent: usize,
}

static PACE: Local<Pace> = Local::new(Pace {
    swept_at: 0,
    percent: USUAL,
});

impl Pace {
    /// The pace of a sweep at `now`: twice as much as the last one if that was just before.
    fn next(self, now: i64) -> Self {
        let again = now.saturating_sub(self.swept_at) < 1_000_000;
        let percent = if again {
            (self.percent * 2).min(MOST)
        } else {
            USUAL
        };
        Self {
            swept_at: now,
            percent,
        }
    }
}

/// Notes when new statements have ceased to come fast.
pub(crate) fn slow_down(shared: &Shared, now: i64) {
    admission::relax(shared, now, PACE.get().swept_at);
}

/// Whether there is enough of both again.
fn is_enough(shared: &Shared, percent: usize) -> bool {
    let (used, all) = shared.arena.usage();
    shared.free() >= shared.capacity() * percent / 100 && used <= all - all / 5
}

/// Frees the least useful places until there is enough room.
pub(crate) fn sweep(shared: &'static Shared) {
    shared.header.poked.store(0, Relaxed);
    shared.header.add(Global::Sweeps, 1);
    shared.bury_dying();
    if !is_needed(shared) {
        return;
    }
    let now = clock::now();
    let Pace { percent, .. } = PACE.with(|pace| {
        *pace = pace.next(now);
        *pace
    });
    if percent > USUAL {
        admission::set_overflowing(shared, true);
    }
    let mut ranked: Vec<(f64, usize)> = (shared.live())
        .map(|(place, entry)| (usefulness(entry, now), place))
        .collect();
    let most = (ranked.len() * percent / 100 + 1).min(ranked.len());
    if most == 0 {
        return;
    }
    let by_usefulness = |one: &(f64, usize), other: &(f64, usize)| one.0.total_cmp(&other.0);
    ranked.select_nth_unstable_by(most - 1, by_usefulness);
    ranked.truncate(most);
    ranked.sort_unstable_by(by_usefulness);
    let mut killed = Vec::with_capacity(BATCH);
    let mut cutoff = None;
    for (usefulness, place) in ranked {
        if shared.kill(place) {
            killed.push(place);
            cutoff = Some(usefulness);
        }
        if killed.len() == BATCH {
            shared.bury_all(&killed);
            killed.clear();
            if is_enough(shared, percent) {
                break;
            }
        }
    }
    shared.bury_all(&killed);
    if let Some(usefulness) = cutoff {
        admission::set_cutoff(shared, usefulness);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_just_after_another_frees_twice_as_much() {
        let at = |pace: Pace, now| pace.next(now);
        let first = at(
            Pace {
                swept_at: 0,
                percent: USUAL,
            },
            5_000_000,
        );
        assert_eq!(first.percent, 10);
        let second = at(first, 5_100_000);
        let third = at(second, 5_900_000);
        let fourth = at(third, 6_000_000);
        assert_eq!(
            (second.percent, third.percent, fourth.percent),
            (20, 40, 40)
        );
        assert_eq!(at(fourth, 8_000_000).percent, 10);
    }
}
