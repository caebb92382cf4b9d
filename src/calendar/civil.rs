//! Dates of the proleptic Gregorian calendar, and wall clock times.
//!
//! A wall clock time is microseconds since 2000-01-01 00:00 on that clock.

use super::DAY;

/// Days from 0000-03-01 to 2000-01-01.
const EPOCH: i64 = 730_425;
/// Days of 400 years.
const CYCLE: i64 = 146_097;

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 2000-01-01.
pub(super) fn date_of(day: i64) -> (i64, i64, i64) {
    // Years are counted from March on, so that the leap day is a year's last one.
    let day = day + EPOCH;
    let (cycle, of_cycle) = (day.div_euclid(CYCLE), day.rem_euclid(CYCLE));
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (carry, month) = ((month + 2) / 12, (month + 2) % 12 + 1);
    (cycle * 400 + year + carry, month, of_month)
}

/// The day counted from 2000-01-01 of a date.
pub(super) fn day_of(year: i64, month: i64, of_month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + of_month - 1;
    cycle * CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - EPOCH
}

/// Days of a month.
fn month_length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// `months` months and `days` days after a wall clock time; a day that the month does not have
/// becomes its last one. `None` beyond what can be counted.
pub(super) fn add(wall: i64, months: i64, days: i64) -> Option<i64> {
    let (day, of_day) = (wall.div_euclid(DAY), wall.rem_euclid(DAY));
    let (year, month, of_month) = date_of(day);
    let months = year
        .checked_mul(12)?
        .checked_add(month - 1)?
        .checked_add(months)?;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    if year.abs() > 200_000 {
        return None;
    }
    let day = day_of(year, month, of_month.min(month_length(year, month)));
    day.checked_add(days)?.checked_mul(DAY)?.checked_add(of_day)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        assert_eq!(date_of(0), (2000, 1, 1));
        assert_eq!(date_of(-1), (1999, 12, 31));
        assert_eq!(date_of(59), (2000, 2, 29));
        assert_eq!(date_of(60), (2000, 3, 1));
        assert_eq!(date_of(-10_957), (1970, 1, 1));
        assert_eq!(day_of(2100, 3, 1) - day_of(2100, 2, 28), 1);
        assert_eq!(day_of(2400, 3, 1) - day_of(2400, 2, 28), 2);
    }

    #[test]
    fn months_end_where_the_month_ends() {
        let wall = |year, month, day| day_of(year, month, day) * DAY + 5;
        assert_eq!(add(wall(2024, 1, 31), 1, 0), Some(wall(2024, 2, 29)));
        assert_eq!(add(wall(2023, 1, 31), 1, 0), Some(wall(2023, 2, 28)));
        assert_eq!(add(wall(2024, 2, 29), 12, 0), Some(wall(2025, 2, 28)));
        assert_eq!(add(wall(2024, 12, 31), 2, 1), Some(wall(2025, 3, 1)));
        assert_eq!(add(wall(2024, 12, 31), i64::MAX, 1), None);
    }

    proptest! {
        #[test]
        fn a_date_comes_back(day in -3_000_000i64..3_000_000) {
            let (year, month, of_month) = date_of(day);
            prop_assert_eq!(day_of(year, month, of_month), day);
            prop_assert!((1..=month_length(year, month)).contains(&of_month));
        }
    }
}
