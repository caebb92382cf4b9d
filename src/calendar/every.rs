//! Intervals from an anchor: the n-th time is the anchor plus n intervals, so nothing drifts and
//! a month's end stays one.

use super::zone::{Zone, first_moment, wall_at};
use super::{DAY, SECOND, civil};

/// A positive interval, in the server's three parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Every {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) microseconds: i64,
}

/// A hundred years: what is due later is not scheduled.
const LONGEST: i64 = 36_525 * DAY;
/// A 400th part of 400 years' months.
const MONTH: i64 = 30 * DAY + 436_875 * DAY / 1_000_000;

impl Every {
    /// Checks that it can be a schedule; what is wrong with it otherwise.
    pub(crate) fn checked(self) -> Result<Self, &'static str> {
        let parts = [self.months, self.days, self.microseconds];
        if parts.iter().all(|part| *part == 0) {
            return Err("The interval is zero.");
        }
        if parts.iter().any(|part| *part < 0) {
            return Err("The interval, or a part of it, is negative.");
        }
        if self.months > 1200 || self.length() > LONGEST {
            return Err("The interval is longer than a hundred years.");
        }
        if self.length() < SECOND {
            return Err("The interval is shorter than a second.");
        }
        Ok(self)
    }

    /// About how long it is.
    pub(crate) fn length(self) -> i64 {
        (self.months.saturating_mul(MONTH))
            .saturating_add(self.days.saturating_mul(DAY))
            .saturating_add(self.microseconds)
    }

    /// The first moment after `after` that is a whole number of intervals after `anchor`, which
    /// is the first of all.
    pub(super) fn next(self, after: i64, anchor: i64, zone: &dyn Zone) -> Option<i64> {
        if after < anchor {
            return Some(anchor);
        }
        let passed = after.checked_sub(anchor)?;
        if self.months == 0 && self.days == 0 {
            let number = passed.checked_div(self.microseconds)?.checked_add(1)?;
            return anchor.checked_add(number.checked_mul(self.microseconds)?);
        }
        // Near it by the average length, then step by step: first back, then forth.
        let mut number = passed.checked_div(self.length())?.saturating_sub(1).max(0);
        while number > 0 && self.nth(number, anchor, zone)? > after {
            number -= 1;
        }
        loop {
            number += 1;
            let moment = self.nth(number, anchor, zone)?;
            if moment > after {
                return Some(moment);
            }
        }
    }

    fn nth(self, number: i64, anchor: i64, zone: &dyn Zone) -> Option<i64> {
        let months = self.months.checked_mul(number)?;
        let days = self.days.checked_mul(number)?;
        let wall = civil::add(wall_at(zone, anchor), months, days)?;
        first_moment(zone, wall).checked_add(self.microseconds.checked_mul(number)?)
    }
}
