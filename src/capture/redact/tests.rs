//! Shapes of values. Numerics and arrays are the bytes PostgreSQL 15 stored.

use super::super::sample::{decode, encode};
use super::*;
use proptest::prelude::*;

/// 2024-05-06 15:00:00 UTC.
const NOW: i64 = 8_892 * DAY + 15 * HOUR;

const NUMERICS: [(&str, &str, bool, i64); 14] = [
    ("0", "0080", false, 1),
    ("1", "00800100", false, 1),
    ("-1", "00a00100", true, 1),
    ("9.99", "00810900ac26", false, 1),
    ("9999", "00800f27", false, 4),
    ("10000", "01800100", false, 5),
    ("99999999", "01800f270f27", false, 8),
    ("-123456.789", "81a10c00800dd21e", true, 6),
    ("0.5", "ff808813", false, 1),
    ("-0.0000000001", "7da56400", true, 1),
    ("1e64", "10800100", false, 65),
    ("1e127", "1f80e803", false, 128),
    ("1e-70", "4600eeff6400", false, 1),
    ("1 with 80 decimals", "500000000100", false, 1),
];

fn shape_of(type_oid: u32, bytes: &[u8]) -> Shape {
    value(type_oid, bytes, NOW)
}

fn int8(type_oid: u32, value: i64) -> Shape {
    shape_of(type_oid, &value.to_le_bytes())
}

fn float8(value: f64) -> Shape {
    shape_of(701, &value.to_le_bytes())
}

fn away(microseconds: i64) -> Shape {
    Shape::Moment {
        seconds: microseconds / SECOND,
    }
}

fn timestamp_at(distance: i64) -> Shape {
    int8(1184, NOW + distance)
}

fn date_at(days_from_today: i64) -> Shape {
    int8(1082, NOW / DAY + days_from_today)
}

fn shape_of_literal(token: &str) -> Shape {
    match literal(token.as_bytes(), NOW) {
        Kept::Shape(shape) => shape,
        other => text(&format!("{other:?}")),
    }
}

fn pattern(pattern: &str) -> Shape {
    let pattern = pattern.as_bytes().to_vec();
    Shape::Text { pattern }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len())
        .step_by(2)
        .filter_map(|at| hex.get(at..at + 2));
    pairs
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

fn parameter(type_oid: u32, length: usize, kept: Kept) -> Parameter {
    Parameter {
        number: 1,
        type_oid,
        length: length as u32,
        kept,
    }
}

#[test]
fn numbers_keep_sign_and_digits() {
    for (digits, value) in [(1, 0), (1, 9), (2, 10), (7, 9_999_999), (19, i64::MAX)] {
        assert_eq!(int8(20, value), number(false, digits));
    }
    assert_eq!(int8(20, i64::MIN), number(true, 19));
    assert_eq!(int8(21, -12), number(true, 2));
    assert_eq!(int8(23, -12_345), number(true, 5));
    assert_eq!(int8(26, u32::MAX.into()), number(false, 10));
    assert_eq!(int8(790, 123_456), number(false, 4));
    assert_eq!(shape_of(20, &[1, 2, 3]), Shape::Opaque);
}

#[test]
fn floats_count_digits_before_the_point() {
    for (digits, value) in [(1, 0.001), (1, 9.99), (3, 999.9), (4, 1000.0), (255, 1e300)] {
        assert_eq!(float8(value), number(false, digits));
        assert_eq!(float8(-value), number(true, digits));
    }
    assert_eq!(float8(-0.0), number(false, 1));
    assert_eq!(float8(f64::NAN), Shape::Opaque);
    assert_eq!(float8(f64::INFINITY), Shape::Opaque);
    assert_eq!(shape_of(700, &(-1234.5f32).to_le_bytes()), number(true, 4));
}

#[test]
fn numerics_are_read_as_postgresql_stores_them() {
    for (text, hex, negative, digits) in NUMERICS {
        let shape = shape_of(1700, &bytes_of(hex));
        assert_eq!(shape, number(negative, digits), "{text}");
    }
    for special in ["00c0", "00d0", "00f0"] {
        assert_eq!(shape_of(1700, &bytes_of(special)), Shape::Opaque);
    }
}

#[test]
fn arrays_keep_the_number_of_elements() {
    let four_of_which_one_is_null = "02000000280000001700000002000000020000000100000001000000";
    for (elements, hex) in [
        (0, "000000000000000017000000"),
        (3, "010000000000000017000000030000000100000001000000"),
        (4, four_of_which_one_is_null),
    ] {
        assert_eq!(shape_of(1007, &bytes_of(hex)), Shape::Array { elements });
        assert_eq!(shape_of(17, &bytes_of(hex)), Shape::Opaque);
    }
    let huge = [3, 0, 23, i32::MAX, i32::MAX, i32::MAX].map(i32::to_le_bytes);
    assert_eq!(shape_of(1007, &huge.concat()), Shape::Opaque);
    assert_eq!(shape_of(1007, &[1, 0, 0, 0]), Shape::Opaque);
}

#[test]
fn texts_keep_length_and_wildcards() {
    assert_eq!(shape_of(25, "Jos\u{e9}%".as_bytes()), pattern("xxxx%"));
    assert_eq!(shape_of(1043, b"%a_b\xff%"), pattern("%x_xx%"));
    assert_eq!(shape_of(25, br"100\%"), pattern("xxxxx"));
    assert_eq!(shape_of(19, b"public\0\0\0"), pattern("xxxxxx"));
    assert_eq!(shape_of(18, b"%\0\0\0\0\0\0\0"), pattern("x"));
}

#[test]
fn a_long_search_stays_a_search() {
    let cut = format!("{}%", "x".repeat(31));
    assert_eq!(text(&format!("{}%", "a".repeat(100))), pattern(&cut));
    assert_eq!(text(&"a".repeat(100)), pattern(&"x".repeat(32)));
}

#[test]
fn other_types_are_opaque() {
    for type_oid in [0, 17, 114, 1083, 1186, 1266, 2950, 3802, 869, 99_999] {
        assert_eq!(shape_of(type_oid, b"0123456789abcdef"), Shape::Opaque);
    }
    assert_eq!(int8(1184, i64::MAX), Shape::Opaque);
    assert_eq!(int8(1082, i32::MIN.into()), Shape::Opaque);
}

#[test]
fn moments_keep_one_digit_of_their_unit() {
    for (distance, kept) in [
        (7 * DAY, 7 * DAY),
        (7 * DAY - 3 * HOUR, 7 * DAY),
        (14 * DAY, 10 * DAY),
        (DAY - 5, DAY),
        (HOUR + 5, HOUR),
        (35 * MINUTE, 40 * MINUTE),
        (MINUTE - 1, MINUTE),
        (42 * SECOND, 40 * SECOND),
        (30 * DAY, MONTH),
        (91 * DAY, 3 * MONTH),
        (364 * DAY, YEAR),
        (41 * YEAR, 40 * YEAR),
        (SECOND / 3, 0),
    ] {
        assert_eq!(timestamp_at(-distance), away(-kept), "{distance}");
        assert_eq!(timestamp_at(distance), away(kept), "{distance}");
    }
}

#[test]
fn two_instants_of_a_bucket_have_one_shape() {
    let same = |a: i64, b: i64| timestamp_at(-a) == timestamp_at(-b);
    assert!(same(7 * DAY, 7 * DAY + 11 * HOUR + 17));
    assert!(same(40 * MINUTE, 43 * MINUTE + 21 * SECOND));
    assert!(same(40 * YEAR, 43 * YEAR + 21 * DAY));
}

#[test]
fn near_dates_share_their_shapes() {
    let before = [-10, -10, -7, -7, -7, -7, -3, -3, -3, -1, -1];
    let after = [1, 1, 3, 3, 3, 7, 7, 7, 7, 10, 10];
    for (day, kept) in (-10..).zip(before.iter().chain(&after)) {
        assert_eq!(date_at(day), away(kept * DAY), "{day}");
    }
}

#[test]
fn literals_that_are_words() {
    assert_eq!(literal(b" null ", NOW), Kept::Null);
    assert_eq!(shape_of_literal("True"), Shape::Boolean(true));
    assert_eq!(shape_of_literal("FALSE"), Shape::Boolean(false));
}

#[test]
fn literals_that_are_numbers() {
    for text in ["0", "7", ".5", "5.", "-0.0", "007", "123.4e-2"] {
        assert_eq!(shape_of_literal(text), number(false, 1), "{text}");
    }
    for text in ["-1234", "- 1234.5", "-1_234", "-1.234E3", "-0001234"] {
        assert_eq!(shape_of_literal(text), number(true, 4), "{text}");
    }
    assert_eq!(shape_of_literal("1e2147483647"), number(false, 255));
}

#[test]
fn literals_that_are_strings() {
    for text in [
        "'ab%'",
        "$$''%$$",
        "$q$a$%$q$",
        "N'ab%'",
        r"E'a\n%'",
        "'''''%'",
        "'42%'",
    ] {
        assert_eq!(shape_of_literal(text), pattern("xx%"), "{text}");
    }
    for text in ["'null'", "'true'", "'1234'", r"E'5\\%\''", r"'7\%d'"] {
        assert_eq!(shape_of_literal(text), pattern("xxxx"), "{text}");
    }
    assert_eq!(shape_of_literal("''"), pattern(""));
}

#[test]
fn what_is_not_understood_is_opaque() {
    let strings = "' 'a'b' U&'a' B'101' X'1F' $1 $$ $$a $a$b$$ E'\\x41' E'a\\'";
    let numbers = "1e . 1.2.3 0x1F 1e99999999999 now()";
    for token in strings
        .split(' ')
        .chain(numbers.split(' '))
        .chain(["", "'a' 'b'"])
    {
        assert_eq!(shape_of_literal(token), Shape::Opaque, "{token}");
    }
}

#[test]
fn strings_that_look_like_dates_are_moments() {
    for clock in [
        "12:00:00",
        "12:00",
        "12:00:00.123456Z",
        "14:00:00+02",
        "14:00 +0200",
        "06:30-05:30",
    ] {
        let token = format!("'2024-05-06 {clock}'");
        assert_eq!(shape_of_literal(&token), away(-3 * HOUR), "{token}");
    }
    assert_eq!(
        shape_of_literal("$$2024-05-06T12:00:00 utc$$"),
        away(-3 * HOUR)
    );
    assert_eq!(shape_of_literal("'2024-04-29'"), away(-7 * DAY));
    assert_eq!(shape_of(705, b"2024-04-29\0"), away(-7 * DAY));
    for text in [
        "2024-13-01",
        "2024-05-06%",
        "2024-05-06 12:00 Europe/Paris",
        "24-05-06",
    ] {
        let shape = shape_of_literal(&format!("'{text}'"));
        assert!(matches!(shape, Shape::Text { .. }), "{text}");
    }
}

#[test]
fn stand_ins_exist_only_where_they_are_no_guess() {
    let moment = |days: i64| stand_in(&away(days * DAY), NOW);
    assert_eq!(moment(-7).as_deref(), Some("2024-04-29 15:00:00+00"));
    assert_eq!(moment(-67).as_deref(), Some("2024-02-29 15:00:00+00"));
    assert_eq!(moment(-3000 * 365), None);
    assert_eq!(stand_in(&Shape::Moment { seconds: i64::MAX }, NOW), None);
    assert_eq!(stand_in(&Shape::Boolean(true), NOW).as_deref(), Some("t"));
    assert_eq!(
        stand_in(&pattern("%xx_xx%"), NOW).as_deref(),
        Some("%ne_ir%")
    );
    assert_eq!(stand_in(&pattern("xx_xx"), NOW), None);
    for shape in [
        pattern("xx"),
        number(false, 7),
        Shape::Array { elements: 3 },
    ] {
        assert_eq!(stand_in(&shape, NOW), None);
    }
}

#[test]
fn descriptions_hold_no_value() {
    let described = |kept| describe(&parameter(25, 7, kept));
    let bare = json!({"n": 1, "type_oid": 25, "length": 7});
    let text = json!({"n": 1, "type_oid": 25, "length": 7, "shape": "text", "pattern": "x%"});
    assert_eq!(described(Kept::Value(b"secret".to_vec())), bare);
    assert_eq!(described(Kept::Shape(pattern("x%"))), text);
    assert_eq!(described(Kept::Null), json!({"n": 1, "null": true}));
}

/// Runs of three letters or digits of `input` found in what is stored of it.
fn leaked(input: &[u8], type_oid: u32, kept: Kept) -> Option<String> {
    let parameters = vec![parameter(type_oid, input.len(), kept)];
    let stored = encode(&parameters, usize::MAX);
    // Nothing was kept that only the encoding caught.
    assert_eq!(decode(&stored), Some((parameters, false)));
    let mut found = input.windows(3).filter(|run| {
        let telling = run.iter().all(u8::is_ascii_alphanumeric) && *run != b"xxx";
        telling && stored.windows(3).any(|part| part == *run)
    });
    found
        .next()
        .map(|run| String::from_utf8_lossy(run).into_owned())
}

const TYPES: [u32; 26] = [
    16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 705, 790, 1042, 1043, 1082, 1083, 1114,
    1184, 1186, 1007, 1009, 1700, 2950, 3802,
];

proptest! {
    #[test]
    fn no_text_survives(
        text in "([a-zA-Z0-9%_]{0,9}|\\PC){0,9}", type_oid in prop::sample::select(&TYPES[..])
    ) {
        let kept = Kept::Shape(shape_of(type_oid, text.as_bytes()));
        prop_assert_eq!(leaked(text.as_bytes(), type_oid, kept), None);
    }

    #[test]
    fn no_literal_survives(
        text in "('[a-zA-Z0-9%_ ]{0,60}'|E'[a-z0-9\\\\']{0,20}'|[$]q[$][a-z0-9]{3,9}[$]q[$]|\
                 -?[0-9]{1,40}([.][0-9]{1,9})?|\\PC{0,40})"
    ) {
        prop_assert_eq!(leaked(text.as_bytes(), 0, literal(text.as_bytes(), NOW)), None);
    }

    #[test]
    fn no_date_survives(
        year in 1000..9999, month in 1..=12, day in 1..=28,
        clock in "( [01][0-9]:[0-5][0-9]:[0-5][0-9])?"
    ) {
        let text = format!("'{year}-{month:02}-{day:02}{clock}'");
        let kept = literal(text.as_bytes(), NOW);
        let is_moment = matches!(kept, Kept::Shape(Shape::Moment { .. }));
        prop_assert!(is_moment);
        prop_assert_eq!(leaked(text.as_bytes(), 0, kept), None);
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        type_oid in prop::sample::select(&TYPES[..]), now: i64
    ) {
        let _ = stand_in(&value(type_oid, &bytes, now), now);
        let _ = literal(&bytes, now);
    }

    #[test]
    fn every_instant_shares_its_shape_with_another(exponent in 0u32..18, part in 1i64..100) {
        let distance = 10i64.pow(exponent) / 10 * part % (200 * YEAR);
        let near = [distance + SECOND / 4, distance - SECOND / 4].map(timestamp_at);
        prop_assert!(near.contains(&timestamp_at(distance)));
    }

    #[test]
    fn every_date_shares_its_shape_with_another(days in -40_000i64..40_000, at in 0..DAY) {
        let now = NOW / DAY * DAY + at;
        let shape = |days: i64| value(1082, &(NOW / DAY + days).to_le_bytes(), now);
        prop_assert!([shape(days - 1), shape(days + 1)].contains(&shape(days)));
    }

    #[test]
    fn rounding_keeps_the_order_and_its_own_results(
        a in 0..900 * YEAR, b in 0..900 * YEAR, shift in 0u32..40
    ) {
        let (near, far) = ((a >> shift).min(b >> shift), (a >> shift).max(b >> shift));
        prop_assert!(rounded(near) <= rounded(far));
        prop_assert_eq!(rounded(rounded(far)), rounded(far));
    }

    #[test]
    fn the_calendar_turns_back(days in -700_000i64..3_000_000) {
        let (year, month, day) = civil(days);
        prop_assert_eq!(days_from(year, month, day), days);
    }
}
