//! Schedules against explicit tables of changes of the clocks.

use proptest::prelude::*;

use super::*;

const H: i32 = 3600;

/// A moment given in UTC, such as `2024-03-10 07:00`.
fn utc(text: &str) -> i64 {
    let numbers: Vec<i64> = (text.split(['-', ' ', ':']))
        .map(|part| part.parse().unwrap())
        .collect();
    let day = civil::day_of(numbers[0], numbers[1], numbers[2]);
    let second = numbers.get(5).copied().unwrap_or(0);
    day * DAY + numbers[3] * HOUR + numbers[4] * MINUTE + second * SECOND
}

fn new_york() -> Table {
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

fn berlin() -> Table {
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
fn sao_paulo() -> Table {
    Table(
        -3 * H,
        vec![
            (utc("2018-11-04 03:00"), -2 * H),
            (utc("2019-02-17 02:00"), -3 * H),
        ],
    )
}

/// It had no 30 December 2011.
fn apia() -> Table {
    Table(-10 * H, vec![(utc("2011-12-30 10:00"), 14 * H)])
}

/// Half an hour, in the other hemisphere.
fn lord_howe() -> Table {
    Table(
        11 * H,
        vec![
            (utc("2024-04-06 15:00"), 10 * H + H / 2),
            (utc("2024-10-05 15:30"), 11 * H),
        ],
    )
}

fn plain() -> Table {
    Table(0, Vec::new())
}

fn parse(text: &str) -> Schedule {
    match Schedule::parse(text).unwrap() {
        Text::Schedule(schedule) => schedule,
        Text::Other => panic!("{text} is no schedule"),
    }
}

fn every(months: i64, days: i64, microseconds: i64) -> Schedule {
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
            "2024-04-05 13:00",
            "2024-04-06 13:30"
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

#[test]
fn text_that_is_no_schedule_is_refused_or_left_to_the_server() {
    for text in [
        "@never",
        "* * *",
        "60 * * * *",
        "* * * * * * *",
        "0 0 30 2 *",
        "0 0 31 2,4,6 *",
        "*/0 * * * *",
        "5-1 * * * *",
        "1 2 3 4 5 6 7",
        "* * * * @",
        "*",
        "* * * * mon#9",
        "99999999999 * * * *",
    ] {
        assert!(Schedule::parse(text).is_err(), "{text}");
    }
    for text in [
        "",
        "15 minutes",
        "1 hour 5 minutes 10 seconds",
        "P1D",
        "nonsense",
        "1 2 3 4",
    ] {
        assert!(matches!(Schedule::parse(text), Ok(Text::Other)), "{text}");
    }
}

#[test]
fn intervals_that_are_no_schedule_are_refused() {
    let check = |months, days, microseconds| {
        let every = Every {
            months,
            days,
            microseconds,
        };
        every.checked().is_ok()
    };
    assert!(check(0, 0, SECOND) && check(1200, 0, 0) && check(1, 1, 1) && check(0, 1, 0));
    assert!(!check(0, 0, 0) && !check(0, 0, SECOND - 1) && !check(1, -1, 0) && !check(0, 1, -1));
    assert!(!check(1201, 0, 0) && !check(0, 40_000, 0) && !check(i64::MAX, i64::MAX, i64::MAX));
}

#[test]
fn windows_open_and_close() {
    let night = Window::parse("22:30-04:00").unwrap().unwrap();
    let zone = plain();
    assert_eq!(
        night.next_open(utc("2024-05-05 12:00"), &zone),
        utc("2024-05-05 22:30")
    );
    for inside in [
        "2024-05-05 22:30",
        "2024-05-05 23:59",
        "2024-05-06 00:00",
        "2024-05-06 03:59",
    ] {
        assert_eq!(night.next_open(utc(inside), &zone), utc(inside));
    }
    assert_eq!(
        night.next_open(utc("2024-05-06 04:00"), &zone),
        utc("2024-05-06 22:30")
    );
    let day = Window::parse("01:00-05:00").unwrap().unwrap();
    assert_eq!(
        day.next_open(utc("2024-12-31 05:00"), &zone),
        utc("2025-01-01 01:00")
    );
    assert_eq!(Window::parse(" "), Some(None));
    let always = Window::parse("00:00-24:00").unwrap().unwrap();
    assert_eq!(
        always.next_open(utc("2024-12-31 23:59:59"), &zone),
        utc("2024-12-31 23:59:59")
    );
}

#[test]
fn windows_and_changes_of_the_clocks() {
    // Opens in the gap: right after it.
    let window = Window::parse("02:30-05:00").unwrap().unwrap();
    assert_eq!(
        window.next_open(utc("2024-03-10 06:30"), &new_york()),
        utc("2024-03-10 07:00")
    );
    // All of it in the gap: on the next day.
    let window = Window::parse("02:00-03:00").unwrap().unwrap();
    assert_eq!(
        window.next_open(utc("2024-03-10 06:30"), &new_york()),
        utc("2024-03-11 06:00")
    );
    // Shown twice: open both times.
    let window = Window::parse("01:00-02:00").unwrap().unwrap();
    for inside in ["2024-11-03 05:30", "2024-11-03 06:30"] {
        assert_eq!(window.next_open(utc(inside), &new_york()), utc(inside));
    }
    assert_eq!(
        window.next_open(utc("2024-11-03 07:00"), &new_york()),
        utc("2024-11-04 06:00")
    );
}

fn zones() -> impl Strategy<Value = Table> {
    prop_oneof![
        Just(new_york()),
        Just(berlin()),
        Just(sao_paulo()),
        Just(apia()),
        Just(lord_howe()),
        Just(plain()),
    ]
}

/// Some time between 2010 and 2027, often near a change of one of the zones.
fn moments() -> impl Strategy<Value = i64> {
    let near = |text: &str| {
        let change = utc(text);
        change - 2 * DAY..change + 2 * DAY
    };
    prop_oneof![
        utc("2010-01-01 00:00")..utc("2027-01-01 00:00"),
        near("2024-03-10 07:00"),
        near("2024-11-03 06:00"),
        near("2024-10-27 01:00"),
        near("2018-11-04 03:00"),
        near("2019-02-17 02:00"),
        near("2011-12-30 10:00"),
    ]
}

fn crons() -> impl Strategy<Value = String> {
    let minute = prop_oneof![
        Just("*".to_owned()),
        (0u8..60).prop_map(|n| n.to_string()),
        (1u8..60).prop_map(|n| format!("*/{n}"))
    ];
    let hour = prop_oneof![
        Just("*".to_owned()),
        (0u8..24).prop_map(|n| n.to_string()),
        (1u8..24).prop_map(|n| format!("*/{n}")),
        Just("1-3".to_owned())
    ];
    let day = prop_oneof![Just("*".to_owned()), (1u8..29).prop_map(|n| n.to_string())];
    let weekday = prop_oneof![Just("*".to_owned()), (0u8..8).prop_map(|n| n.to_string())];
    (minute, hour, day, weekday)
        .prop_map(|(minute, hour, day, weekday)| format!("{minute} {hour} {day} * {weekday}"))
}

fn schedules() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        crons().prop_map(|text| parse(&text)),
        (0i64..14, 0i64..40, SECOND..40 * DAY).prop_map(|(months, days, microseconds)| every(
            months,
            days,
            microseconds
        )),
        (1i64..1200).prop_map(|months| every(months, 0, 0)),
        (1i64..400).prop_map(|days| every(0, days, 0)),
        (SECOND..DAY).prop_map(|microseconds| every(0, 0, microseconds)),
    ]
}

proptest! {
    #[test]
    fn next_is_later_and_nothing_is_left_out(
        schedule in schedules(), zone in zones(), anchor in moments(), after in moments(), part in 0.0f64..1.0,
    ) {
        let clock = Clock { schedule: &schedule, anchor, zone: &zone };
        let next = clock.next(after).unwrap();
        prop_assert!(next > after);
        prop_assert!(next >= anchor);
        // From anywhere in between it is the same.
        let between = after + ((next - after) as f64 * part) as i64;
        if between < next {
            prop_assert_eq!(clock.next(between), Some(next));
        }
        prop_assert!(clock.next(next).unwrap() > next);
    }

    #[test]
    fn cron_text_is_due_when_the_clock_matches_it(
        minute in 0i64..60, hour in 0i64..24, after in moments(), zone in zones(),
    ) {
        let schedule = parse(&format!("{minute} {hour} * * *"));
        let next = Clock { schedule: &schedule, anchor: i64::MIN, zone: &zone }.next(after).unwrap();
        let wall = zone::wall_at(&zone, next);
        let shown = wall.rem_euclid(DAY) == hour * HOUR + minute * MINUTE;
        // Or it was passed over just then.
        prop_assert!(shown || zone.next_change(next - 1) == Some(next));
        prop_assert!(next - after <= 2 * DAY + 2 * HOUR);
    }

    #[test]
    fn a_window_is_open_when_it_is_said_to_open(
        opens in 0i64..1440, length in 1i64..1440, moment in moments(), zone in zones(),
    ) {
        let closes = (opens + length) % 1440;
        let text = format!("{}:{:02}-{}:{:02}", opens / 60, opens % 60, closes / 60, closes % 60);
        let window = Window::parse(&text).unwrap().unwrap();
        let open = window.next_open(moment, &zone);
        prop_assert!(open >= moment && open - moment <= 3 * DAY);
        prop_assert_eq!(window.next_open(open, &zone), open);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~]{0,40}", fields in "[0-9*/,LW#a-z -]{1,30}") {
        let _ = Schedule::parse(&text);
        let _ = Schedule::parse(&format!("* * {fields}"));
        let _ = Window::parse(&text);
    }

    #[test]
    fn a_moment_comes_back_from_the_clock(moment in moments(), zone in zones()) {
        let back = zone::first_moment(&zone, zone::wall_at(&zone, moment));
        // The same, or an earlier one at which the clocks showed the same.
        prop_assert!(back == moment || (back < moment && moment - back <= 26 * HOUR
            && zone::wall_at(&zone, back) == zone::wall_at(&zone, moment)));
    }
}
