//! Time zones: from a wall clock time to a moment and back.

use super::{HOUR, SECOND};

/// A time zone's rules.
pub(crate) trait Zone {
    /// Seconds that its clocks are ahead of UTC at a moment.
    fn offset_at(&self, instant_us: i64) -> i32;

    /// The first moment after `after_us` at which its clocks may be changed.
    fn next_change(&self, after_us: i64) -> Option<i64>;
}

/// No zone is further than this from UTC, nor is one ever changed by more.
const FARTHEST: i64 = 40 * HOUR;

/// What its clocks show at a moment.
pub(super) fn wall_at(zone: &dyn Zone, instant: i64) -> i64 {
    instant.saturating_add(i64::from(zone.offset_at(instant)) * SECOND)
}

/// The first moment at which its clocks show `wall`; if they never do, because they are put
/// forward over it, the moment at which they are.
pub(super) fn first_moment(zone: &dyn Zone, wall: i64) -> i64 {
    let mut start = wall.saturating_sub(FARTHEST);
    let end = wall.saturating_add(FARTHEST);
    let mut before = i64::from(zone.offset_at(start)) * SECOND;
    let mut change = zone.next_change(start);
    loop {
        let moment = wall.saturating_sub(before);
        let Some(next) = change.filter(|next| *next <= end) else {
            return moment.max(start);
        };
        if moment < next {
            // Shown in this stretch, or passed over by the change that began it.
            return moment.max(start);
        }
        before = i64::from(zone.offset_at(next)) * SECOND;
        start = next;
        change = zone.next_change(next);
    }
}

/// A zone of given changes, for tests: the offset before the first, then moments and offsets.
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) struct Table(pub(crate) i32, pub(crate) Vec<(i64, i32)>);

#[cfg(test)]
impl Zone for Table {
    fn offset_at(&self, instant_us: i64) -> i32 {
        let changes = self.1.iter().take_while(|(at, _)| *at <= instant_us);
        changes.last().map_or(self.0, |(_, offset)| *offset)
    }

    fn next_change(&self, after_us: i64) -> Option<i64> {
        let mut later = self.1.iter().filter(|(at, _)| *at > after_us);
        later.next().map(|(at, _)| *at)
    }
}
