//! When something is due: cron text, intervals from an anchor, time zones, maintenance windows.
//!
//! Pure: no server, no clock. A moment is microseconds since 2000-01-01 UTC, as PostgreSQL's
//! `timestamptz` has it; `now` is an argument, and a time zone is a [`Zone`].

#![forbid(unsafe_code)]

mod civil;
mod cron;
mod every;
mod schedule;
mod window;
mod zone;

pub(crate) use every::Every;
pub(crate) use schedule::{Clock, Schedule, Text};
pub(crate) use window::Window;
#[cfg(test)]
pub(crate) use zone::Table;
pub(crate) use zone::Zone;

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Microseconds of a day of 24 hours.
pub(crate) const DAY: i64 = 24 * HOUR;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests;
