//! What is no schedule, and maintenance windows.

use super::*;

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
