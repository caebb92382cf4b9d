//! Cron text: five fields, or six with seconds first.
//!
//! Reading it and walking the calendar is the crate's; what a change of the clocks does to it is
//! ours, as Vixie's cron has it: a job at fixed times runs once, however often its time is shown,
//! and right after the change if it is never shown; one with a wildcard minute or hour runs through.

use std::cmp::Ordering;

use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};

use super::zone::{Zone, first_moment, wall_at};
use super::{DAY, SECOND, civil};

/// A parsed cron text.
#[derive(Debug, Clone)]
pub(crate) struct Cron {
    pattern: croner::Cron,
    /// Whether it goes by the clock's hand rather than at fixed times.
    runs_through: bool,
}

/// Changes of the clocks between two moments that a schedule is followed through; no calendar
/// the search walks has as many.
const MOST_CHANGES: usize = 20_000;

impl Cron {
    /// Reads cron text; what is wrong with it otherwise.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if text.contains(['@', '?', '+']) {
            return Err("It contains a character that cron text does not have.".to_owned());
        }
        let parser = (CronParser::builder().seconds(Seconds::Optional))
            .year(Year::Disallowed)
            .build();
        let pattern = parser.parse(text).map_err(|error| format!("{error}"))?;
        let from_minutes = fields.len().saturating_sub(5);
        let runs_through =
            (fields.iter().skip(from_minutes).take(2)).any(|field| field.starts_with('*'));
        let cron = Self {
            pattern,
            runs_through,
        };
        match cron.next_wall(0) {
            Some(_) => Ok(cron),
            None => Err("No date of the calendar matches it.".to_owned()),
        }
    }

    /// The first moment after `after` at which it is due.
    pub(super) fn next(&self, after: i64, zone: &dyn Zone) -> Option<i64> {
        if self.runs_through {
            self.next_through(after, zone)
        } else {
            self.next_fixed(after, zone)
        }
    }

    fn next_fixed(&self, after: i64, zone: &dyn Zone) -> Option<i64> {
        let mut wall = wall_at(zone, after);
        // Times that are shown again lie at most some hours back.
        for _ in 0..(2 * DAY / SECOND) {
            wall = self.next_wall(wall)?;
            let moment = first_moment(zone, wall);
            if moment > after {
                return Some(moment);
            }
        }
        None
    }

    fn next_through(&self, after: i64, zone: &dyn Zone) -> Option<i64> {
        let mut from = after;
        let mut offset = i64::from(zone.offset_at(after)) * SECOND;
        let mut change = zone.next_change(after);
        for _ in 0..MOST_CHANGES {
            let moment = self
                .next_wall(from.checked_add(offset)?)?
                .checked_sub(offset)?;
            match change {
                Some(at) if moment >= at => {
                    from = at - 1;
                    offset = i64::from(zone.offset_at(at)) * SECOND;
                    change = zone.next_change(at);
                }
                _ => return Some(moment),
            }
        }
        None
    }

    /// The first wall clock time after `wall` that matches, as if no clock were ever changed.
    fn next_wall(&self, wall: i64) -> Option<i64> {
        let next = (self
            .pattern
            .find_next_occurrence(&Wall(wall.div_euclid(SECOND)), false))
        .ok()?;
        next.0.checked_mul(SECOND)
    }
}

/// A wall clock time in seconds since 2000, for the crate to walk on.
#[derive(Clone, Copy)]
struct Wall(i64);

const SECONDS_OF_DAY: i64 = DAY / SECOND;

impl CronDateTime for Wall {
    fn to_civil(&self) -> CivilDateTime {
        let (year, month, day) = civil::date_of(self.0.div_euclid(SECONDS_OF_DAY));
        let second = self.0.rem_euclid(SECONDS_OF_DAY) as u32;
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(year as i32, month as u32, day as u32),
            CivilTime::from_parts_unchecked(second / 3600, second / 60 % 60, second % 60),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        // 2000-01-01 was a Saturday.
        let days = (self.0.div_euclid(SECONDS_OF_DAY) + 6).rem_euclid(7);
        Weekday::from_days_from_sunday(days as u32)
    }

    fn resolve_civil(
        &self,
        at: CivilDateTime,
    ) -> Result<Resolution<Self>, croner::errors::CronError> {
        let day = civil::day_of(i64::from(at.year()), at.month().into(), at.day().into());
        let second = at.hour() * 3600 + at.minute() * 60 + at.second();
        Ok(Resolution::Single(Self(
            day * SECONDS_OF_DAY + i64::from(second),
        )))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(seconds).map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
