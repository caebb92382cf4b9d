//! Schedules against explicit tables of changes of the clocks.

use super::*;

mod refused_and_windows;

const H: i32 = 3600;

/// A moment given in UTC, such as `2024-03-10 07:00`.
pub(super) fn utc(text: &str) -> i64 {
    let numbers: Vec<i64> = (text.split(['-', ' ', ':']))
        .map(|part| part.parse().unwrap())
        .collect();
    let day = civil::day_of(numbers[0], numbers[1], numbers[2]);
    let second = numbers.get(5).copied().unwrap_or(0);
    day * DAY + numbers[3] * HOUR + numbers[4] * MINUTE + second * SECOND
}

pub(super) fn new_york() -> Table {
    Table(
        -5 * H,
        vec![
            (utc("2024-03-10 07:00"), -4 * H),
            (utc("2024-11-03 06:00"), -5 * H),
            (utc("2025-03-09 07:00"), -4 * H),
            (utc("2025-11-02 06:00"), -5 * H),
        ],
    )
}

pub(super) fn berlin() -> Table {
    Table(
        H,
        vec![
            (utc("2024-03-31 01:00"), 2 * H),
            (utc("2024-10-27 01:00"), H),
            (utc("2025-03-30 01:00"), 2 * H),
            (utc("2025-10-26 01:00"), H),
        ],
    )
}

/// Its clocks went from midnight to one o'clock, and back from midnight to eleven.
pub(super) fn sao_paulo() -> Table {
    Table(
        -3 * H,
        vec![
            (utc("2018-11-04 03:00"), -2 * H),
            (utc("2019-02-17 02:00"), -3 * H),
        ],
    )
}

/// It had no 30 December 2011.
pub(super) fn apia() -> Table {
    Table(-10 * H, vec![(utc("2011-12-30 10:00"), 14 * H)])
}

/// Half an hour, in the other hemisphere.
pub(super) fn lord_howe() -> Table {
    Table(
        11 * H,
        vec![
            (utc("2024-04-06 15:00"), 10 * H + H / 2),
            (utc("2024-10-05 15:30"), 11 * H),
        ],
    )
}

pub(super) fn plain() -> Table {
    Table(0, Vec::new())
}

pub(super) fn parse(text: &str) -> Schedule {
    match Schedule::parse(text).unwrap() {
        Text::Schedule(schedule) => schedule,
        Text::Other => panic!("{text} is no schedule"),
    }
}

pub(super) fn every(months: i64, days: i64, microseconds: i64) -> Schedule {
    let every = Every {
        months,
        days,
        microseconds,
    };
    Schedule::Every(every.checked().unwrap())
}

/// The next `count` times after a moment.
fn times(schedule: &Schedule, zone: &Table, anchor: i64, after: i64, count: usize) -> Vec<i64> {
    let clock = Clock {
        schedule,
        anchor,
        zone,
    };
    let mut at = after;
    std::iter::from_fn(|| {
        at = clock.next(at)?;
        Some(at)
    })
    .take(count)
    .collect()
}

#[track_caller]
fn are(text: &str, zone: &Table, after: &str, expected: &[&str]) {
    let found = times(&parse(text), zone, i64::MIN, utc(after), expected.len());
    let expected: Vec<i64> = expected.iter().map(|text| utc(text)).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn fixed_times_in_a_gap_run_once_right_after_it() {
    are(
        "30 2 * * *",
        &new_york(),
        "2024-03-09 12:00",
        &["2024-03-10 07:00", "2024-03-11 06:30"],
    );
    are(
        "0,30 2 * * *",
        &new_york(),
        "2024-03-09 12:00",
        &["2024-03-10 07:00", "2024-03-11 06:00", "2024-03-11 06:30"],
    );
    are(
        "30 2 * * *",
        &berlin(),
        "2024-03-30 12:00",
        &["2024-03-31 01:00", "2024-04-01 00:30"],
    );
    // The hour before and the hour after have nothing to do with it.
    are(
        "30 1,3 * * *",
        &new_york(),
        "2024-03-10 00:00",
        &["2024-03-10 06:30", "2024-03-10 07:30"],
    );
    are(
        "15 2 * * *",
        &lord_howe(),
        "2024-10-05 00:00",
        &["2024-10-05 15:30", "2024-10-06 15:15"],
    );
    // Only if that day was meant.
    are(
        "30 2 * * MON",
        &new_york(),
        "2024-03-09 12:00",
        &["2024-03-11 06:30"],
    );
}

#[test]
fn fixed_times_shown_twice_run_the_first_time() {
    are(
        "30 1 * * *",
        &new_york(),
        "2024-11-03 00:00",
        &["2024-11-03 05:30", "2024-11-04 06:30"],
    );
    // Also if nobody looked before it was shown again.
    are(
        "30 1 * * *",
        &new_york(),
        "2024-11-03 06:15",
        &["2024-11-04 06:30"],
    );
    are(
        "30 2 * * *",
        &berlin(),
        "2024-10-26 12:00",
        &["2024-10-27 00:30", "2024-10-28 01:30"],
    );
    are(
        "45 1 * * *",
        &lord_howe(),
        "2024-04-06 00:00",
        &["2024-04-06 14:45", "2024-04-07 15:15"],
    );
}

#[test]
fn wildcards_run_through_a_change_of_the_clocks() {
    let through = |text: &str, zone: &Table, from: &str, until: &str| {
        let all = times(&parse(text), zone, i64::MIN, utc(from) - 1, 2000);
        all.into_iter().filter(|at| *at < utc(until)).count()
    };
    for (text, per_hour) in [("*/30 * * * *", 2), ("30 * * * *", 1), ("* * * * *", 60)] {
        assert_eq!(
            through(text, &new_york(), "2024-03-10 05:00", "2024-03-11 04:00"),
            23 * per_hour
        );
        assert_eq!(
            through(text, &new_york(), "2024-11-03 04:00", "2024-11-04 05:00"),
            25 * per_hour
        );
    }
    // Half past is half past on the clock, so one is left out, or there are two half an hour apart.
    assert_eq!(
        through(
            "30 * * * *",
            &lord_howe(),
            "2024-04-06 13:00",
            "2024-04-07 13:30"
        ),
        25
    );
    // A wildcard minute in an hour that is not shown: not on that day.
    are(
        "*/15 2 * * *",
        &new_york(),
        "2024-03-09 12:00",
        &["2024-03-11 06:00"],
    );
    // And in one that is shown twice, twice.
    are(
        "*/30 1 * * *",
        &new_york(),
        "2024-11-03 00:00",
        &[
            "2024-11-03 05:00",
            "2024-11-03 05:30",
            "2024-11-03 06:00",
            "2024-11-03 06:30",
            "2024-11-04 06:00",
        ],
    );
}

#[test]
fn a_gap_at_midnight_does_not_lose_the_day() {
    are(
        "0 0 * * *",
        &sao_paulo(),
        "2018-11-03 12:00",
        &["2018-11-04 03:00", "2018-11-05 02:00"],
    );
    are(
        "@daily",
        &sao_paulo(),
        "2018-11-03 12:00",
        &["2018-11-04 03:00", "2018-11-05 02:00"],
    );
    are(
        "@midnight",
        &sao_paulo(),
        "2019-02-16 12:00",
        &["2019-02-17 03:00", "2019-02-18 03:00"],
    );
    are(
        "30 23 * * *",
        &sao_paulo(),
        "2019-02-16 12:00",
        &["2019-02-17 01:30", "2019-02-18 02:30"],
    );
}

#[test]
fn a_day_that_did_not_exist_is_made_up_for_at_its_end() {
    are(
        "0 12 * * *",
        &apia(),
        "2011-12-29 12:00",
        &["2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00"],
    );
    are(
        "0 * * * *",
        &apia(),
        "2011-12-30 08:30",
        &["2011-12-30 09:00", "2011-12-30 10:00", "2011-12-30 11:00"],
    );
}

#[test]
fn names_months_ends_and_leap_years() {
    let utc_zone = plain();
    are(
        "@hourly",
        &utc_zone,
        "2024-02-28 23:30",
        &["2024-02-29 00:00", "2024-02-29 01:00"],
    );
    are(
        "@weekly",
        &utc_zone,
        "2024-02-28 23:30",
        &["2024-03-03 00:00", "2024-03-10 00:00"],
    );
    are(
        "@monthly",
        &utc_zone,
        "2024-12-02 00:00",
        &["2025-01-01 00:00", "2025-02-01 00:00"],
    );
    are(
        "@YEARLY",
        &utc_zone,
        "2024-12-02 00:00",
        &["2025-01-01 00:00", "2026-01-01 00:00"],
    );
    are(
        "0 0 29 2 *",
        &utc_zone,
        "2096-03-01 00:00",
        &["2104-02-29 00:00", "2108-02-29 00:00"],
    );
    are(
        "0 0 L * *",
        &utc_zone,
        "2023-02-01 00:00",
        &["2023-02-28 00:00", "2023-03-31 00:00", "2023-04-30 00:00"],
    );
    are(
        "0 0 31 * *",
        &utc_zone,
        "2024-01-31 00:00",
        &["2024-03-31 00:00", "2024-05-31 00:00"],
    );
    // Day of month or day of week, if both are given.
    are(
        "0 0 13 * FRI",
        &utc_zone,
        "2024-09-09 00:00",
        &["2024-09-13 00:00", "2024-09-20 00:00"],
    );
    are(
        "*/20 59 23 31 12 *",
        &utc_zone,
        "2024-12-31 23:59:15",
        &[
            "2024-12-31 23:59:20",
            "2024-12-31 23:59:40",
            "2025-12-31 23:59:00",
        ],
    );
}

#[test]
fn a_moment_that_matches_is_not_next_to_itself() {
    are(
        "0 0 * * *",
        &plain(),
        "2024-05-05 00:00",
        &["2024-05-06 00:00"],
    );
    let clock = |after| times(&parse("* * * * * *"), &plain(), i64::MIN, after, 1);
    let at = utc("2024-05-05 00:00");
    assert_eq!(clock(at), [at + SECOND]);
    assert_eq!(clock(at - 1), [at]);
    assert_eq!(clock(at + 1), [at + SECOND]);
}

#[test]
fn intervals_of_months_end_where_the_month_ends_and_do_not_drift() {
    let anchor = utc("2024-01-31 10:00");
    let found = times(&every(1, 0, 0), &plain(), anchor, anchor, 5);
    let expected = [
        "2024-02-29 10:00",
        "2024-03-31 10:00",
        "2024-04-30 10:00",
        "2024-05-31 10:00",
        "2024-06-30 10:00",
    ];
    assert_eq!(found, expected.map(utc));
    let anchor = utc("2024-02-29 00:00");
    let found = times(&every(12, 0, 0), &plain(), anchor, anchor, 4);
    assert_eq!(
        found,
        [
            "2025-02-28 00:00",
            "2026-02-28 00:00",
            "2027-02-28 00:00",
            "2028-02-29 00:00"
        ]
        .map(utc)
    );
}

#[test]
fn days_go_by_the_clock_and_hours_do_not() {
    let anchor = utc("2024-03-29 01:30");
    let days = times(&every(0, 1, 0), &berlin(), anchor, anchor, 3);
    // Half past two: not shown on the 31st.
    assert_eq!(
        days,
        ["2024-03-30 01:30", "2024-03-31 01:00", "2024-04-01 00:30"].map(utc)
    );
    let hours = times(&every(0, 0, 24 * HOUR), &berlin(), anchor, anchor, 3);
    assert_eq!(
        hours,
        ["2024-03-30 01:30", "2024-03-31 01:30", "2024-04-01 01:30"].map(utc)
    );
}

#[test]
fn the_anchor_is_the_first_time_of_all() {
    let anchor = utc("2024-06-01 00:00");
    let schedule = every(0, 0, 15 * MINUTE);
    assert_eq!(
        times(&schedule, &plain(), anchor, utc("2020-01-01 00:00"), 2),
        [anchor, anchor + 15 * MINUTE]
    );
    let late = anchor + 1000 * DAY + 7 * MINUTE;
    assert_eq!(
        times(&schedule, &plain(), anchor, late, 1),
        [anchor + 1000 * DAY + 15 * MINUTE]
    );
    // Cron text is due at its times, but not before.
    assert_eq!(
        times(
            &parse("0 * * * *"),
            &plain(),
            anchor,
            utc("2020-01-01 00:00"),
            1
        ),
        [anchor]
    );
    assert_eq!(
        times(&Schedule::Boot, &plain(), anchor, anchor, 1),
        Vec::<i64>::new()
    );
}

#[test]
fn missed_times_are_counted_up_to_a_bound() {
    let schedule = every(0, 0, MINUTE);
    let clock = Clock {
        schedule: &schedule,
        anchor: 0,
        zone: &plain(),
    };
    assert_eq!(clock.count(0, 10 * MINUTE, 100), 10);
    assert_eq!(clock.count(0, 10 * MINUTE - 1, 100), 9);
    assert_eq!(clock.count(0, DAY, 100), 100);
    assert_eq!(clock.count(DAY, 0, 100), 0);
}
