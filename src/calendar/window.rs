//! Maintenance windows: the hours of a day in which heavy work is welcome.

use super::zone::{Zone, first_moment, wall_at};
use super::{DAY, HOUR, MINUTE};

/// From one time of day to another, across midnight if the second is the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    opens: i64,
    closes: i64,
}

impl Window {
    /// Reads `01:00-05:00`; `Some(None)` for an empty text, which is no window at all, and `None`
    /// for what is neither.
    pub(crate) fn parse(text: &str) -> Option<Option<Self>> {
        if text.trim().is_empty() {
            return Some(None);
        }
        let (opens, closes) = text.split_once('-')?;
        let window = Self {
            opens: time_of_day(opens)?,
            closes: time_of_day(closes)?,
        };
        (window.opens != window.closes && window.opens < DAY).then_some(Some(window))
    }

    /// Whether it is open when the clocks show `wall`.
    fn is_open(self, wall: i64) -> bool {
        let time = wall.rem_euclid(DAY);
        if self.opens < self.closes {
            self.opens <= time && time < self.closes
        } else {
            self.opens <= time || time < self.closes
        }
    }

    /// `moment` if it is open then, else when it opens next.
    pub(crate) fn next_open(self, moment: i64, zone: &dyn Zone) -> i64 {
        let wall = wall_at(zone, moment);
        if self.is_open(wall) {
            return moment;
        }
        // Today's opening, or one of the next days' where today's has passed or is passed over.
        let midnight = wall - wall.rem_euclid(DAY);
        (0..4)
            .map(|days| first_moment(zone, midnight + days * DAY + self.opens))
            .find(|opening| *opening >= moment && self.is_open(wall_at(zone, *opening)))
            .unwrap_or(moment)
    }
}

fn time_of_day(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let digits = |text: &str| match text.len() {
        1 | 2 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<i64>().ok(),
        _ => None,
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let time = hours * HOUR + minutes * MINUTE;
    match (hours, minutes) {
        (24, 0) => Some(DAY),
        (0..24, 0..60) => Some(time),
        _ => None,
    }
}
