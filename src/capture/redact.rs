//! The shape of a value without the value. Pure.
//!
//! A reader of shapes must not learn a text, number or date that a user passed, so whatever is
//! not understood becomes `Opaque`, never something kept as it is.

#![forbid(unsafe_code)]

use super::sample::{Kept, PATTERN_LIMIT, Parameter, Shape};
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 365 * DAY;

/// Days from 0000-03-01, where a year that ends with its leap day begins, to 2000-01-01.
const DAYS_BEFORE_2000: i64 = 730_425;
/// Days of the 400 years after which the calendar repeats.
const ERA: i64 = 146_097;

/// The shape of a bound value: `bytes` are the datum's eight, or what a by-reference type holds
/// without its header. `now_microseconds` is PostgreSQL's timestamptz.
pub(crate) fn value(type_oid: u32, bytes: &[u8], now_microseconds: i64) -> Shape {
    known(type_oid, bytes, now_microseconds).unwrap_or(Shape::Opaque)
}

fn known(type_oid: u32, bytes: &[u8], now: i64) -> Option<Shape> {
    match type_oid {
        16 => bytes.first().map(|&byte| Shape::Boolean(byte != 0)),
        // "char" holds one byte: a kept wildcard would be the whole value.
        18 => Some(text("x")),
        19 => Some(text(&until_nul(bytes))),
        20 => Some(integer(i64::from_le_bytes(head(bytes)?).into())),
        21 => Some(integer(i16::from_le_bytes(head(bytes)?).into())),
        23 => Some(integer(i32::from_le_bytes(head(bytes)?).into())),
        26 => Some(integer(u32::from_le_bytes(head(bytes)?).into())),
        25 | 1042 | 1043 => Some(text(&String::from_utf8_lossy(bytes))),
        700 => float(f32::from_le_bytes(head(bytes)?).into()),
        701 => float(f64::from_le_bytes(head(bytes)?)),
        705 => Some(untyped(&until_nul(bytes), now)),
        // Its number of decimals depends on lc_monetary; two is the usual.
        790 => Some(integer(i128::from(i64::from_le_bytes(head(bytes)?)) / 100)),
        1082 => date(i32::from_le_bytes(head(bytes)?), now),
        1114 | 1184 => timestamp(i64::from_le_bytes(head(bytes)?), now),
        1700 => numeric(bytes),
        _ if is_array(type_oid) => array(bytes),
        _ => None,
    }
}

/// Array types of the built-in types a query is likely to pass.
fn is_array(type_oid: u32) -> bool {
    matches!(
        type_oid,
        199 | 791 | 1000..=1003 | 1005 | 1007 | 1009 | 1014..=1016 | 1021 | 1022 | 1028
            | 1115 | 1182 | 1183 | 1185 | 1187 | 1231 | 1270 | 2951 | 3807
    )
}

fn head<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

fn until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next();
    String::from_utf8_lossy(text.unwrap_or_default()).into()
}

fn integer(value: i128) -> Shape {
    number(value < 0, digits_of(value.unsigned_abs()).into())
}

/// 0 counts as one digit, or the shape would tell it from 1 to 9.
fn digits_of(value: u128) -> u32 {
    value.checked_ilog10().map_or(1, |log| log + 1)
}

fn number(negative: bool, digits: i64) -> Shape {
    Shape::Number {
        negative,
        digits: digits.clamp(1, u8::MAX.into()) as u8,
    }
}

fn float(value: f64) -> Option<Shape> {
    // Written out, because logarithms are not exact at powers of ten.
    let digits = format!("{:.0}", value.trunc().abs()).len() as i64;
    let finite = value.is_finite();
    finite.then(|| number(value < 0.0, digits))
}

/// Layout: PostgreSQL's `numeric.c`. Digits are of base 10000, `weight` of them follow the first
/// before the point.
fn numeric(bytes: &[u8]) -> Option<Shape> {
    let header = u16::from_le_bytes(head(bytes)?);
    let (negative, weight, digits_at) = match header & 0xC000 {
        0xC000 => return None, // not a number, or infinite
        0x8000 => {
            let sign_extension = if header & 0x40 == 0 { 0 } else { !0x3F };
            let weight = (header & 0x3F) as i16 | sign_extension;
            (header & 0x2000 != 0, weight, 2)
        }
        sign => {
            let weight = i16::from_le_bytes(head(bytes.get(2..)?)?);
            (sign == 0x4000, weight, 4)
        }
    };
    // Zero is stored without digits.
    let Some(first) = bytes.get(digits_at..).and_then(head) else {
        return Some(number(false, 1));
    };
    let first = digits_of(u16::from_le_bytes(first).into());
    Some(number(negative, i64::from(weight) * 4 + i64::from(first)))
}

/// Layout: PostgreSQL's `array.h`, without the length.
fn array(bytes: &[u8]) -> Option<Shape> {
    let dimensions = i32::from_le_bytes(head(bytes)?);
    if !(0..=6).contains(&dimensions) {
        return None;
    }
    let mut elements = u32::from(dimensions > 0);
    for dimension in 0..dimensions as usize {
        let size = i32::from_le_bytes(head(bytes.get(12 + 4 * dimension..)?)?);
        elements = elements.checked_mul(size.try_into().ok()?)?;
    }
    Some(Shape::Array { elements })
}

fn text(value: &str) -> Shape {
    let mut pattern = Vec::new();
    let mut escaped = false;
    let mut more_follows = false;
    for c in value.chars() {
        // An escaped wildcard stands for itself, so it says nothing about selectivity.
        let wildcard = !escaped && matches!(c, '%' | '_');
        let mark = if wildcard { c as u8 } else { b'x' };
        escaped = c == '\\' && !escaped;
        if pattern.len() < PATTERN_LIMIT {
            pattern.push(mark);
        } else {
            more_follows |= mark == b'%';
        }
    }
    // A long prefix search must not turn into an equality by being cut.
    if more_follows && let Some(last) = pattern.last_mut() {
        *last = b'%';
    }
    Shape::Text { pattern }
}

/// A string without a type: PostgreSQL makes a date of it where it meets one.
fn untyped(value: &str, now: i64) -> Shape {
    iso(value, now).unwrap_or_else(|| text(value))
}

fn timestamp(value: i64, now: i64) -> Option<Shape> {
    let finite = value != i64::MIN && value != i64::MAX;
    let distance = value.saturating_sub(now);
    finite.then(|| moment(distance, rounded(distance.saturating_abs())))
}

fn date(days: i32, now: i64) -> Option<Shape> {
    let finite = days != i32::MIN && days != i32::MAX;
    let distance = i64::from(days).saturating_mul(DAY).saturating_sub(now);
    finite.then(|| moment(distance, rounded_date(distance.saturating_abs())))
}

fn moment(distance: i64, rounded: i64) -> Shape {
    let seconds = rounded / SECOND;
    Shape::Moment {
        seconds: if distance > 0 { seconds } else { -seconds },
    }
}

/// The nearest distance that has one significant digit in its natural unit. The next unit counts
/// too: a day less the milliseconds it took to send the statement is a day, not twenty hours.
fn rounded(distance: i64) -> i64 {
    let (unit, next) = match distance {
        ..MINUTE => (SECOND, MINUTE),
        MINUTE..HOUR => (MINUTE, HOUR),
        HOUR..DAY => (HOUR, DAY),
        DAY..MONTH => (DAY, MONTH),
        MONTH..YEAR => (MONTH, YEAR),
        YEAR.. => (YEAR, i64::MAX),
    };
    let mut scale = unit;
    while distance / 10 >= scale {
        scale *= 10;
    }
    let within = distance.saturating_add(scale / 2) / scale * scale;
    let next_is_nearer = next - distance <= (within - distance).abs();
    if next_is_nearer { next } else { within }
}

/// Dates are a day apart, so a distance kept to the day would give a near date away.
fn rounded_date(distance: i64) -> i64 {
    const STEPS: [(i64, i64); 4] = [(2, 1), (5, 3), (9, 7), (15, 10)];
    let step = STEPS.iter().find(|(below, _)| distance < below * DAY);
    step.map_or_else(|| rounded(distance), |(_, days)| days * DAY)
}

/// What is kept of a literal token of a statement's text.
pub(crate) fn literal(token: &[u8], now_microseconds: i64) -> Kept {
    let token = String::from_utf8_lossy(token);
    let token = token.trim();
    let is = |word| token.eq_ignore_ascii_case(word);
    if is("null") {
        return Kept::Null;
    }
    let boolean = (is("true") || is("false")).then(|| Shape::Boolean(is("true")));
    let shape = boolean
        .or_else(|| number_literal(token))
        .or_else(|| unquoted(token).map(|value| untyped(&value, now_microseconds)));
    Kept::Shape(shape.unwrap_or(Shape::Opaque))
}

fn number_literal(token: &str) -> Option<Shape> {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token).trim_start();
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = i64::from(exponent.parse::<i32>().ok()?);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // PostgreSQL 16 allows 1_000; numbers of another base stay opaque.
    let (whole, fraction) = (whole.replace('_', ""), fraction.replace('_', ""));
    let mut all = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !all.clone().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let Some(zeros) = all.position(|byte| byte != b'0') else {
        return Some(number(false, 1));
    };
    let digits = whole.len() as i64 - zeros as i64 + exponent;
    Some(number(token.starts_with('-'), digits))
}

const NUMERIC_ESCAPES: &str = "01234567xuU";

/// The value of a string literal; `None` for anything else, bit strings and `U&` ones too.
fn unquoted(token: &str) -> Option<String> {
    if token.starts_with('$') {
        let tag_end = token.get(1..)?.find('$')? + 2;
        let (tag, rest) = token.split_at_checked(tag_end)?;
        return rest.strip_suffix(tag).map(str::to_owned);
    }
    let escapes = token.starts_with(['e', 'E']);
    let quoted = token.strip_prefix(['e', 'E', 'n', 'N']).unwrap_or(token);
    let mut body = quoted.strip_prefix('\'')?.strip_suffix('\'')?.chars();
    let mut value = String::new();
    while let Some(c) = body.next() {
        match c {
            // A lone quote would mean that this is more than one literal.
            '\'' => value.push(body.next().filter(|&second| second == '\'')?),
            // Shapes do not tell a line break from an `n`. Numeric escapes are rare, and opaque.
            '\\' if escapes => value.push(body.next().filter(|c| !NUMERIC_ESCAPES.contains(*c))?),
            _ => value.push(c),
        }
    }
    Some(value)
}

/// The shape of an ISO date or timestamp. Without a zone it is taken as UTC: the session's zone
/// is not known here, and no zone is far enough away to matter from a few days on.
fn iso(value: &str, now: i64) -> Option<Shape> {
    let (day, rest) = value.trim().split_at_checked(10)?;
    let days = iso_date(day)?;
    if rest.is_empty() {
        return date(days.try_into().ok()?, now);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let is_clock = |c: char| c.is_ascii_digit() || c == ':' || c == '.';
    let clock_end = rest.find(|c| !is_clock(c)).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(clock_end)?;
    timestamp(days * DAY + iso_clock(clock)? - iso_zone(zone.trim())?, now)
}

fn iso_date(day: &str) -> Option<i64> {
    let (year, rest) = day.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day) = (field(year, 4)?, field(month, 2)?, field(day, 2)?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then(|| days_from(year, month, day))
}

/// `HH:MM`, `HH:MM:SS` or with a fraction, which no shape is fine enough to show.
fn iso_clock(clock: &str) -> Option<i64> {
    let mut parts = clock.split('.').next()?.split(':');
    let (hours, minutes) = (field(parts.next()?, 2)?, field(parts.next()?, 2)?);
    let seconds = parts.next().map_or(Some(0), |part| field(part, 2))?;
    let valid = hours <= 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    valid.then_some(hours * HOUR + minutes * MINUTE + seconds * SECOND)
}

fn iso_zone(zone: &str) -> Option<i64> {
    if ["", "Z", "UTC"]
        .iter()
        .any(|utc| zone.eq_ignore_ascii_case(utc))
    {
        return Some(0);
    }
    let digits = zone.strip_prefix(['+', '-'])?.replace(':', "");
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { "00" } else { minutes };
    let offset = field(hours, 2)? * HOUR + field(minutes, 2)? * MINUTE;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    Some(sign * offset)
}

fn field(text: &str, width: usize) -> Option<i64> {
    let valid = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok()).flatten()
}

/// Days since 2000-01-01. Years are counted from March, so that leap days come last.
fn days_from(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - DAYS_BEFORE_2000
}

/// The inverse of `days_from`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_BEFORE_2000;
    let of_era = days.rem_euclid(ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + days.div_euclid(ERA) * 400 + i64::from(month >= 10);
    (year, (month + 2) % 12 + 1, day)
}

/// SQL input text with the same shape, for planning; `None` where the planner's own guess for an
/// unknown value is better.
///
/// Numbers have none. A shape spans a factor of ten, and the operator is not known here: put into
/// `=` any number of that size would be a made-up value, put into `>` it would decide between
/// all rows and none where the planner assumes a third. Texts have none without `%`, for the
/// same reason; one with it is the pattern of a `LIKE`.
pub(crate) fn stand_in(shape: &Shape, now_microseconds: i64) -> Option<String> {
    match shape {
        Shape::Boolean(value) => Some(if *value { "t" } else { "f" }.to_owned()),
        Shape::Moment { seconds } => {
            timestamp_text(now_microseconds.checked_add(seconds.checked_mul(SECOND)?)?)
        }
        Shape::Text { pattern } if pattern.contains(&b'%') => Some(
            pattern
                .iter()
                .zip(LETTERS.iter().cycle())
                .map(letter)
                .collect(),
        ),
        Shape::Text { .. } | Shape::Number { .. } | Shape::Array { .. } | Shape::Opaque => None,
    }
}

/// What stands for the characters of a pattern: no word, but as many different parts as one has.
const LETTERS: &[u8] = b"tnesiraolduchmgpyfbwvkxjqz";

fn letter((mark, letter): (&u8, &u8)) -> char {
    char::from(if b"%_".contains(mark) { *mark } else { *letter })
}

/// Also read as a date or a timestamp without time zone, which drop what they do not hold.
fn timestamp_text(microseconds: i64) -> Option<String> {
    let (year, month, day) = civil(microseconds.div_euclid(DAY));
    let second = microseconds.rem_euclid(DAY) / SECOND;
    let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
    // Outside, years are written differently or not supported.
    let plain = (1..=294_275).contains(&year);
    plain.then(|| format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}+00"))
}

/// How a parameter reads in the view. The type's name and raw values are for the caller to add.
pub(crate) fn describe(parameter: &Parameter) -> Value {
    let shape = match &parameter.kept {
        Kept::Null => return json!({"n": parameter.number, "null": true}),
        Kept::Value(_) => json!({}),
        Kept::Omitted => json!({"omitted": true}),
        Kept::Shape(shape) => describe_shape(shape),
    };
    let mut described = json!({
        "n": parameter.number, "type_oid": parameter.type_oid, "length": parameter.length,
    });
    if let (Value::Object(described), Value::Object(shape)) = (&mut described, shape) {
        described.extend(shape);
    }
    described
}

fn describe_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Boolean(value) => json!({"shape": "boolean", "value": value}),
        Shape::Number { negative, digits } => {
            json!({"shape": "number", "negative": negative, "digits": digits})
        }
        Shape::Moment { seconds } => json!({"shape": "moment", "seconds": seconds}),
        Shape::Text { pattern } => {
            json!({"shape": "text", "pattern": String::from_utf8_lossy(pattern)})
        }
        Shape::Array { elements } => json!({"shape": "array", "elements": elements}),
        Shape::Opaque => json!({"shape": "opaque"}),
    }
}

#[cfg(test)]
mod tests;
