//! What holds of any text, and what must never be in a masked one.

use super::tests::{ESCAPING, STANDARD, UNLIMITED, normalized, single};
use super::*;
use proptest::prelude::*;

/// Not a part of any piece but the literals and comments.
const SECRET: &str = "Geheim";

/// Literals and comments with `inner` in them, and other pieces of statements.
fn piece(inner: &'static str) -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        Just("SELECT"),
        Just("\"a\"\"'\""),
        Just("\"$$\""),
        Just("U&\"'\""),
        Just("$1"),
        Just("="),
        Just("::"),
        Just("-"),
        Just("é"),
        Just("("),
        Just("||"),
        Just("/"),
        Just("*"),
        Just("a$"),
        Just("1.5e3"),
        Just("0x1F"),
        Just(".5"),
        Just(","),
        Just(";"),
        Just("'\\\\'"),
        Just("E''"),
        Just("u"),
        Just("e"),
        Just("&"),
        Just("''"),
        Just("''''"),
        Just("N''"),
        Just("B'0'"),
    ];
    let before = prop_oneof![
        Just(""),
        Just("''"),
        Just("$"),
        Just("\""),
        Just("--"),
        Just("/*"),
        Just("\\\\"),
        Just("\n"),
    ];
    let secret = (0..12_usize, before).prop_map(move |(form, before)| match form {
        0 => format!("'{before}{inner}'"),
        1 => format!("E'{before}\\'{inner}'"),
        2 => format!("N'{before}{inner}'"),
        3 => format!("U&'{before}{inner}'"),
        4 => format!("$x$'{before}{inner}$x$"),
        5 => format!("$${}{inner}$$", before.replace('$', "")),
        6 => format!("'a'\n--'\n'{before}{inner}'"),
        // The comma keeps it from going on with a string of another kind.
        7 => format!(",'{before}\\'{inner}'"),
        8 => format!("--'{}{inner}\n", before.replace('\n', "")),
        9 => format!("/*'/*{}*/{inner}*/", before.replace("/*", "")),
        10 => format!("X'{}{inner}'", before.replace("''", "")),
        _ => format!("b'{inner}'"),
    });
    prop_oneof![plain.prop_map(str::to_owned), secret]
}

fn statement(inner: &'static str) -> impl Strategy<Value = String> {
    let gap = prop_oneof![Just(" "), Just("\n"), Just("\t ")];
    proptest::collection::vec((piece(inner), gap), 0..12).prop_map(|pieces| {
        (pieces.into_iter())
            .map(|(piece, gap)| piece + gap)
            .collect()
    })
}

fn constants() -> impl Strategy<Value = Vec<Constant>> {
    let number = || prop_oneof![4 => -2..70_i32, 1 => any::<i32>()];
    let one = (number(), number(), any::<bool>(), any::<bool>());
    let one = one.prop_map(|(location, length, squashed, external)| Constant {
        location,
        length,
        squashed,
        external,
    });
    proptest::collection::vec(one, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    // `'\'Geheim'` is one string, or one and a name: by the dialect, so it is ambiguous.
    #[test]
    fn no_secret_survives_masking(
        text in statement(SECRET),
        standard in any::<bool>(),
        limit in prop_oneof![Just(UNLIMITED), 0..80_usize],
    ) {
        let dialect = if standard { STANDARD } else { ESCAPING };
        if let Some(done) = mask_literals(text.as_bytes(), dialect, limit) {
            let shown = String::from_utf8(done.text).unwrap();
            prop_assert!(!shown.contains(SECRET), "{text} became {shown}");
            prop_assert!(shown.len() <= limit);
            prop_assert!(done.truncated || !has_literals_but_parameters(&shown));
        }
    }

    #[test]
    fn statements_with_well_formed_literals_are_masked(
        pieces in proptest::collection::vec("'[a-z\"$-]{0,5}'|[$]q[$][a-z' ]{0,5}[$]q[$]|[a-z]{1,5}|E'a\\\\'b'", 0..9),
    ) {
        let text = pieces.join(", ");
        let done = mask_literals(text.as_bytes(), STANDARD, UNLIMITED);
        prop_assert!(done.is_some(), "{text}");
    }

    #[test]
    fn any_bytes_and_constants_are_survived(
        text in proptest::collection::vec(any::<u8>(), 0..70),
        mut constants in constants(),
        (start, highest) in (prop_oneof![0..20_usize, any::<usize>()], any::<i32>()),
        (location, length) in (-2..80_i32, any::<i32>()),
        (early, standard) in any::<(bool, bool)>(),
        limit in 0..200_usize,
    ) {
        let rules = if early { Rules::Gapped } else { Rules::Consecutive };
        let dialect = if standard { STANDARD } else { ESCAPING };
        let range = statement_range(&text, location, length);
        prop_assert!(range.start <= range.end && range.end <= text.len());
        let done = normalize(&text, start, &mut constants, highest, rules, dialect, limit);
        prop_assert!(done.text.len() <= limit);
        let found = literals(&text, start, &mut constants, highest, rules, dialect, limit);
        prop_assert!(found.iter().all(|(_, range)| range.end <= text.len()));
        prop_assert!(found.is_sorted_by(|a, b| a.0 < b.0 && a.1.end <= b.1.start));
        let _ = mask_literals(&text, dialect, limit);
        let _ = has_literals(&text, dialect);
    }

    // Normalising by location is replacing every literal token in turn.
    #[test]
    fn jumping_to_constants_agrees_with_reading_the_whole_text(text in statement("x")) {
        let whole: Vec<Token> = tokens(text.as_bytes(), STANDARD).collect();
        let is_literal = |token: &&Token| matches!(token.kind, Kind::String | Kind::Number);
        let mut constants: Vec<Constant> = (whole.iter().filter(is_literal))
            .map(|token| single(token.start))
            .rev()
            .collect();
        let mut expected = String::new();
        let mut number = 0;
        for token in &whole {
            if is_literal(&token) {
                number += 1;
                expected += &format!("${number}");
            } else {
                expected += &text[token.start..token.end];
            }
        }
        let bytes = text.as_bytes();
        prop_assert_eq!(normalized(&text, &constants, 0, Rules::Consecutive), expected);
        let found = literals(bytes, 0, &mut constants, 0, Rules::Gapped, STANDARD, UNLIMITED);
        prop_assert_eq!(found.len(), number);
    }
}

/// A masked text that can be read still has none; one cut or put together oddly need not be
/// readable.
fn has_literals_but_parameters(masked: &str) -> bool {
    tokens(masked.as_bytes(), STANDARD)
        .any(|token| matches!(token.kind, Kind::String | Kind::Number | Kind::Comment))
}
