//! Tokens of every kind, by their length and by what follows them.

use super::*;
use proptest::prelude::*;

const STANDARD: Dialect = Dialect {
    standard_conforming_strings: true,
};
const ESCAPING: Dialect = Dialect {
    standard_conforming_strings: false,
};

/// The constant that starts `text`.
fn constant(text: &str, dialect: Dialect) -> Option<&str> {
    constant_length(text.as_bytes(), 0, dialect).map(|length| &text[..length])
}

fn assert_constants(pairs: &[(&str, &str)]) {
    for (text, expected) in pairs {
        assert_eq!(constant(text, STANDARD), Some(*expected), "{text}");
    }
}

fn kinds(text: &str) -> Vec<(Kind, &str)> {
    (tokens(text.as_bytes(), STANDARD))
        .filter(|token| token.kind != Kind::Space)
        .map(|token| (token.kind, &text[token.start..token.end]))
        .collect()
}

#[test]
fn numbers_end_where_the_server_ends_them() {
    assert_constants(&[
        ("1)", "1"),
        ("12.5+1", "12.5"),
        ("1.,", "1."),
        (".5;", ".5"),
        ("1e10 ", "1e10"),
        ("1.5E-7*2", "1.5E-7"),
        (".5e+3)", ".5e+3"),
        ("1.e5)", "1.e5"),
        ("1..10", "1"),
        ("1::int", "1"),
        ("0x1F)", "0x1F"),
        ("0X_1f", "0X_1f"),
        ("0o17,", "0o17"),
        ("0b01,", "0b01"),
        ("1_000_000)", "1_000_000"),
        ("1_0.0_1e1_0)", "1_0.0_1e1_0"),
        ("1$$x$$", "1"),
        ("0", "0"),
    ]);
}

#[test]
fn numbers_with_trailing_junk_are_no_tokens() {
    for text in [
        "1x", "1e", "1e+", "1_", "1__0", "1._5", "0x", "0xG", "0x1G", "0b12", "0o8", "1.5e",
        "1\u{e9}", "$1a",
    ] {
        assert_eq!(constant(text, STANDARD), None, "{text}");
    }
}

#[test]
fn strings_of_every_kind() {
    assert_constants(&[
        ("'a')", "'a'"),
        ("'', 'b'", "''"),
        ("'it''s' ", "'it''s'"),
        ("'a\\' b'", "'a\\'"),
        ("E'a\\' b' c'", "E'a\\' b'"),
        ("e'\\\\' b'", "e'\\\\'"),
        ("E'a''b\\''", "E'a''b\\''"),
        ("B'01''10'", "B'01'"),
        ("x'1F\\'", "x'1F\\'"),
        ("N'a'", "N'a'"),
        ("U&'d\\0061t' UESCAPE '!'", "U&'d\\0061t'"),
        ("u&'a''b'x", "u&'a''b'"),
        ("$$a'b$c$$ $$", "$$a'b$c$$"),
        ("$t$ $$ $T$ $u$t$ $t$", "$t$ $$ $T$ $u$t$"),
        ("$_9$x$9$_9$", "$_9$x$9$_9$"),
        ("$a$x$ab$a$", "$a$x$ab$a$"),
        ("$\u{e9}$ $ $\u{e9}$;", "$\u{e9}$ $ $\u{e9}$"),
    ]);
}

#[test]
fn plain_strings_follow_the_dialect() {
    for (text, standard, escaping) in [
        ("'a\\' b'", "'a\\'", "'a\\' b'"),
        ("'a\\\\'", "'a\\\\'", "'a\\\\'"),
        ("b'0\\'1'", "b'0\\'", "b'0\\'"),
        ("N'a\\' b'", "N'a\\'", "N'a\\' b'"),
    ] {
        assert_eq!(constant(text, STANDARD), Some(standard), "{text}");
        assert_eq!(constant(text, ESCAPING), Some(escaping), "{text}");
    }
    assert_eq!(constant("U&'a'", ESCAPING), None);
    assert_eq!(constant("U&\"a\" b", ESCAPING), Some("U&\"a\""));
}

#[test]
fn strings_continue_over_line_breaks() {
    assert_constants(&[
        ("'a'\n'b' 'c'", "'a'\n'b'"),
        ("'a' \r\n\t 'b'\n\n'c'x", "'a' \r\n\t 'b'\n\n'c'"),
        ("'a' -- it's\n 'b'", "'a' -- it's\n 'b'"),
        ("'a'\n -- it's\n--x\n'b'", "'a'\n -- it's\n--x\n'b'"),
        ("E'a'\n'b\\' c'", "E'a'\n'b\\' c'"),
        ("X'1'\n'2'", "X'1'\n'2'"),
        ("'a' 'b'", "'a'"),
        ("'a' -- b", "'a'"),
        ("'a'\n- 'b'", "'a'"),
        ("'a'\n/* */'b'", "'a'"),
        ("'a'\n", "'a'"),
        ("'a'\nE'b'", "'a'"),
        ("$$a$$\n'b'", "$$a$$"),
    ]);
}

#[test]
fn what_has_no_end_is_no_token() {
    for text in [
        "",
        "'a",
        "E'a\\'",
        "'a''",
        "'a'\n'b",
        "\"a",
        "U&'a",
        "U&\"a\"\"",
        "$$a$",
        "$a$b$A$",
        "$a",
        "$",
        "/* a",
        "-- a",
        "- ",
        "-",
        "-/* */",
        "\\",
        "{",
        "\u{1}",
        " ",
    ] {
        assert_eq!(constant(text, STANDARD), None, "{text}");
    }
    assert_eq!(constant_length(b"1", 1, STANDARD), None);
    assert_eq!(constant_length(b"1", usize::MAX, STANDARD), None);
}

#[test]
fn a_minus_takes_the_next_token_along() {
    assert_constants(&[
        ("-1 ", "-1"),
        ("- 1.5,", "- 1.5"),
        ("- /* a /* b */ */ -- c\n 7)", "- /* a /* b */ */ -- c\n 7"),
        ("-.5)", "-.5"),
        ("- - 5", "- -"),
        ("-(5)", "-("),
    ]);
}

#[test]
fn constants_can_stand_at_words_and_parameters() {
    assert_constants(&[
        ("year FROM x", "year"),
        ("ALL", "ALL"),
        ("true)", "true"),
        ("null::int", "null"),
        ("$12, 1", "$12"),
        ("\"a\"\"b\" c", "\"a\"\"b\""),
        ("U&\"a\" b", "U&\"a\""),
        ("n\u{e9}e$1 ", "n\u{e9}e$1"),
        ("/* a */ 7 ", "/* a */ 7"),
    ]);
}

#[test]
fn words_that_look_like_the_start_of_a_string_are_words() {
    assert_eq!(
        kinds("ee'a' u & b u&c nb'a'"),
        [
            (Kind::Word, "ee"),
            (Kind::String, "'a'"),
            (Kind::Word, "u"),
            (Kind::Operator, "&"),
            (Kind::Word, "b"),
            (Kind::Word, "u"),
            (Kind::Operator, "&"),
            (Kind::Word, "c"),
            (Kind::Word, "nb"),
            (Kind::String, "'a'"),
        ]
    );
    assert_eq!(kinds("a$$b$$"), [(Kind::Word, "a$$b$$")]);
}

#[test]
fn operators_end_before_comments_and_signs() {
    assert_eq!(
        kinds("a=-1 @-1 <--x\n+/*y*/*//**/||''"),
        [
            (Kind::Word, "a"),
            (Kind::Operator, "="),
            (Kind::Operator, "-"),
            (Kind::Number, "1"),
            (Kind::Operator, "@-"),
            (Kind::Number, "1"),
            (Kind::Operator, "<"),
            (Kind::Comment, "--x"),
            (Kind::Operator, "+"),
            (Kind::Comment, "/*y*/"),
            (Kind::Operator, "*/"),
            (Kind::Comment, "/**/"),
            (Kind::Operator, "||"),
            (Kind::String, "''"),
        ]
    );
}

#[test]
fn comments_nest() {
    for text in [
        "/**/",
        "/*/**/*/",
        "/*/ */",
        "/* **/",
        "/*//* */*/",
        "/* 'a */",
    ] {
        assert_eq!(kinds(text), [(Kind::Comment, text)]);
    }
    assert_eq!(kinds("/* /* */"), [(Kind::Broken, "/* /* */")]);
}

#[test]
fn a_text_is_read_up_to_what_is_broken() {
    assert_eq!(
        kinds("$1 + 'a"),
        [
            (Kind::Parameter, "$1"),
            (Kind::Operator, "+"),
            (Kind::Broken, "'a"),
        ]
    );
}

proptest! {
    #[test]
    fn tokens_cover_any_text_without_gaps(
        text in proptest::collection::vec(any::<u8>(), 0..60),
        standard in any::<bool>(),
    ) {
        assert_covered(&text, standard);
    }

    #[test]
    fn tokens_cover_sql_like_text_without_gaps(
        text in "[-'\"$/*eEuUxn&\\\\.0-9a_\n é(=@]{0,40}",
        standard in any::<bool>(),
    ) {
        assert_covered(text.as_bytes(), standard);
    }
}

/// Also that jumping to a token measures it as reading up to it does.
fn assert_covered(text: &[u8], standard: bool) {
    let dialect = Dialect {
        standard_conforming_strings: standard,
    };
    let mut end = 0;
    for token in tokens(text, dialect) {
        assert_eq!(token.start, end);
        assert!(token.end > token.start);
        end = token.end;
        let single = matches!(token.kind, Kind::String | Kind::Number | Kind::Word);
        if single {
            let length = constant_length(text, token.start, dialect);
            assert_eq!(length, Some(token.end - token.start));
        }
    }
    assert_eq!(end, text.len());
    for at in 0..=text.len() {
        let _ = constant_length(text, at, dialect);
    }
}
