//! The server's time zones for the calendar.

use crate::calendar::Zone;
use crate::pg::zone::ServerZone;

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct JobZone(pub(super) ServerZone);

impl Zone for JobZone {
    fn offset_at(&self, instant_us: i64) -> i32 {
        self.0.offset(instant_us)
    }

    fn next_change(&self, after_us: i64) -> Option<i64> {
        self.0.change_after(after_us)
    }
}
