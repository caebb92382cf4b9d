//! What holds for every schedule, zone and moment.

use proptest::prelude::*;

use super::tests::{apia, berlin, every, lord_howe, new_york, parse, plain, sao_paulo, utc};
use super::*;

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
