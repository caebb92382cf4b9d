//! The values of literal tokens, and what a sample gives for planning. Pure.
//!
//! Tokens are SQL text that clients sent. None becomes part of a statement again: what is plainly
//! one string, number, boolean or null is turned into text for the input function of its type,
//! and everything else is not known.

#![forbid(unsafe_code)]

use crate::capture::redact::stand_in;
use crate::capture::sample::{Kept, Parameter, Shape};
use crate::pg::bound::{Given, GivenSet};

/// OID of type boolean.
const BOOLEAN: &[u32] = &[16];
/// OIDs of types date, timestamp and timestamptz: elsewhere a moment may stand for any text.
const MOMENTS: &[u32] = &[1082, 1114, 1184];

/// OIDs of types text, bpchar and varchar, and unknown.
const TEXTS: &[u32] = &[25, 1042, 1043, 705];

/// What can be given for the parameters of one execution; `now` is the moment of planning, in
/// microseconds since 2000.
pub(super) fn given(parameters: &[Parameter], now: i64) -> GivenSet {
    (parameters.iter())
        .filter_map(|parameter| Some((parameter.number, one(parameter, now)?)))
        .collect()
}

fn one(parameter: &Parameter, now: i64) -> Option<Given> {
    match &parameter.kept {
        Kept::Null => Some(Given::Null),
        Kept::Value(token) if parameter.type_oid == 0 => literal(std::str::from_utf8(token).ok()?),
        Kept::Value(bytes) => Some(Given::Datum {
            type_oid: parameter.type_oid,
            bytes: bytes.clone(),
        }),
        Kept::Shape(shape) => {
            // The shapes of numbers would be made-up values, as those of texts that are not
            // patterns: the planner's own guess for an unknown one is better.
            let types = match shape {
                Shape::Boolean(_) => BOOLEAN,
                Shape::Moment { .. } => MOMENTS,
                Shape::Text { .. } => TEXTS,
                Shape::Number { .. } | Shape::Array { .. } | Shape::Opaque => return None,
            };
            stand_in(shape, now).map(|text| Given::Text { text, types })
        }
        Kept::Omitted => None,
    }
}

/// The value of a token that is one plain literal.
fn literal(token: &str) -> Option<Given> {
    let token = token.trim();
    let is = |word: &str| token.eq_ignore_ascii_case(word);
    if is("null") {
        return Some(Given::Null);
    }
    if is("true") || is("false") {
        return Some(Given::Text {
            text: token.to_ascii_lowercase(),
            types: BOOLEAN,
        });
    }
    let text = number(token).or_else(|| string(token))?;
    Some(Given::Text { text, types: &[] })
}

/// A decimal number, without the space there may be after its sign.
fn number(token: &str) -> Option<String> {
    let (sign, unsigned) = match token.split_at_checked(1)? {
        (sign @ ("+" | "-"), rest) => (sign, rest.trim_start()),
        _ => ("", token),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let valid = whole.len() + fraction.len() > 0
        && !exponent.is_empty()
        && [whole, fraction, exponent].into_iter().all(are_digits);
    valid.then(|| format!("{sign}{unsigned}"))
}

/// The value of one string literal in quotes or dollars. Where `standard_conforming_strings` was
/// off, backslashes are read as they stand; no other text comes of it than somebody could type.
fn string(token: &str) -> Option<String> {
    if token.starts_with('$') {
        let tag_end = token.get(1..)?.find('$')? + 2;
        let (tag, rest) = token.split_at_checked(tag_end)?;
        let body = rest.strip_suffix(tag)?;
        return (!body.contains(tag)).then(|| body.to_owned());
    }
    let escapes = token.starts_with(['e', 'E']);
    let quoted = token.strip_prefix(['e', 'E', 'n', 'N']).unwrap_or(token);
    let mut body = quoted.strip_prefix('\'')?.strip_suffix('\'')?.chars();
    let mut value = String::new();
    while let Some(c) = body.next() {
        match c {
            // A lone quote would mean that this is more than one literal.
            '\'' => value.push(body.next().filter(|&second| second == '\'')?),
            '\\' if escapes => value.push(escaped(body.next()?)?),
            _ => value.push(c),
        }
    }
    Some(value)
}

/// What a backslash before `c` means; `None` where more characters belong to it.
fn escaped(c: char) -> Option<char> {
    match c {
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '0'..='7' | 'x' | 'u' | 'U' => None,
        _ => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(token: &str) -> Option<String> {
        match literal(token)? {
            Given::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    #[test]
    fn plain_literals_have_values() {
        for (token, value) in [
            ("42", "42"),
            ("- 1.5", "-1.5"),
            ("1e-3", "1e-3"),
            (".5", ".5"),
            ("'it''s'", "it's"),
            ("''", ""),
            (r"'100\%'", r"100\%"),
            (r"E'a\'b\n'", "a'b\n"),
            ("N'x'", "x"),
            ("$$a'b$$", "a'b"),
            ("$q$a$$b$q$", "a$$b"),
            ("TRUE", "true"),
        ] {
            assert_eq!(text(token).as_deref(), Some(value), "{token}");
        }
        assert_eq!(literal("NULL"), Some(Given::Null));
    }

    #[test]
    fn anything_else_is_not_known() {
        for token in [
            "",
            "1, 2, 3",
            "'a', 'b'",
            "'a' || 'b'",
            "year",
            "ALL",
            "current_user",
            "B'101'",
            "X'1F'",
            "U&'d'",
            r"E'\x41'",
            "'a",
            "'",
            "$q$a",
            "$$a$$b$$",
            "1e",
            "-",
            ".",
            "0x1F",
            "1;2",
            "now()",
        ] {
            assert_eq!(literal(token), None, "{token}");
        }
    }

    #[test]
    fn of_shapes_only_booleans_moments_and_patterns_are_values() {
        let parameter = |number, shape| Parameter {
            number,
            type_oid: 0,
            length: 1,
            kept: Kept::Shape(shape),
        };
        let found = given(
            &[
                parameter(1, Shape::Boolean(true)),
                parameter(2, Shape::Moment { seconds: -86_400 }),
                parameter(3, Shape::Opaque),
                parameter(4, Shape::Array { elements: 3 }),
                parameter(
                    5,
                    Shape::Text {
                        pattern: b"xx%".to_vec(),
                    },
                ),
                parameter(
                    7,
                    Shape::Text {
                        pattern: b"xx_".to_vec(),
                    },
                ),
                parameter(
                    6,
                    Shape::Number {
                        negative: false,
                        digits: 2,
                    },
                ),
            ],
            2 * 86_400_000_000,
        );
        let text = |text: &str, types| Given::Text {
            text: text.to_owned(),
            types,
        };
        assert_eq!(
            found,
            GivenSet::from([
                (1, text("t", BOOLEAN)),
                (2, text("2000-01-02 00:00:00+00", MOMENTS)),
                (5, text("tn%", TEXTS)),
            ])
        );
    }

    proptest! {
        #[test]
        fn any_token_is_survived(token in "\\PC*") {
            let _ = literal(&token);
        }

        #[test]
        fn a_quoted_text_is_its_value(value in "[^\\x00]*") {
            let token = format!("'{}'", value.replace('\'', "''"));
            prop_assert_eq!(text(&token), Some(value));
        }
    }
}
