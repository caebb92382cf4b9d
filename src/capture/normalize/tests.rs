//! Normalised and masked texts.

use super::*;

pub(super) const STANDARD: Dialect = Dialect {
    standard_conforming_strings: true,
};
pub(super) const ESCAPING: Dialect = Dialect {
    standard_conforming_strings: false,
};
pub(super) const UNLIMITED: usize = usize::MAX;

pub(super) fn single(location: usize) -> Constant {
    Constant {
        location: i32::try_from(location).unwrap(),
        length: -1,
        squashed: false,
        external: false,
    }
}

fn external(location: usize) -> Constant {
    Constant {
        external: true,
        ..single(location)
    }
}

/// A list between two brackets of `text`, as the server locates it.
fn squashed(text: &str, open: &str, close: &str) -> Constant {
    let start = text.find(open).unwrap() + open.len();
    let length = text[start..].find(close).unwrap();
    Constant {
        length: i32::try_from(length).unwrap(),
        squashed: true,
        ..single(start)
    }
}

/// Constants where `marks` are first found, in the order of `marks`.
fn at(text: &str, marks: &[&str]) -> Vec<Constant> {
    (marks.iter())
        .map(|mark| single(text.find(mark).unwrap()))
        .collect()
}

pub(super) fn normalized(text: &str, constants: &[Constant], highest: i32, rules: Rules) -> String {
    let mut constants = constants.to_vec();
    let done = normalize(
        text.as_bytes(),
        0,
        &mut constants,
        highest,
        rules,
        STANDARD,
        UNLIMITED,
    );
    assert!(!done.truncated);
    String::from_utf8(done.text).unwrap()
}

fn masked(text: &str) -> Option<String> {
    mask_literals(text.as_bytes(), STANDARD, UNLIMITED)
        .map(|done| String::from_utf8(done.text).unwrap())
}

#[test]
fn constants_become_parameters_in_the_order_of_the_text() {
    let text =
        "SELECT 'a', - 5, EXTRACT(year FROM x) FROM t WHERE b = TRUE AND c = 1.5e3 LIMIT ALL";
    let constants = at(text, &["ALL", "'a'", "- 5", "1.5e3", "TRUE", "year"]);
    for rules in [Rules::Gapped, Rules::Consecutive] {
        assert_eq!(
            normalized(text, &constants, 0, rules),
            "SELECT $1, $2, EXTRACT($3 FROM x) FROM t WHERE b = $4 AND c = $5 LIMIT $6"
        );
    }
}

#[test]
fn unicode_strings_keep_their_escape_clause() {
    let text = "SELECT U&'d!0061t' UESCAPE '!', N'x'";
    let constants = at(text, &["U&", "'x'"]);
    assert_eq!(
        normalized(text, &constants, 0, Rules::Gapped),
        "SELECT $1 UESCAPE '!', N$2"
    );
}

#[test]
fn numbers_go_on_after_the_parameters_of_the_statement() {
    let text = "SELECT $2, 1 FROM t WHERE a = $1";
    assert_eq!(
        normalized(text, &at(text, &["1 "]), 2, Rules::Gapped),
        "SELECT $2, $3 FROM t WHERE a = $1"
    );
    let constants = [external(7), external(text.len() - 2), single(11)];
    assert_eq!(
        normalized(text, &constants, 2, Rules::Consecutive),
        "SELECT $2, $3 FROM t WHERE a = $1"
    );
}

#[test]
fn duplicates_leave_out_a_number_in_old_minors() {
    let text = "SELECT a BETWEEN SYMMETRIC 1 AND 2, 3";
    let constants = at(text, &["1", "2", "2", "1", "3"]);
    assert_eq!(
        normalized(text, &constants, 0, Rules::Gapped),
        "SELECT a BETWEEN SYMMETRIC $1 AND $3, $5"
    );
    assert_eq!(
        normalized(text, &constants, 0, Rules::Consecutive),
        "SELECT a BETWEEN SYMMETRIC $1 AND $2, $3"
    );
}

#[test]
fn the_minor_release_decides_on_gaps() {
    for version in [140_023, 150_013, 160_009, 170_005] {
        assert_eq!(Rules::of_server(version), Rules::Gapped);
    }
    for version in [150_014, 150_020, 160_010, 170_006, 180_000, 190_000] {
        assert_eq!(Rules::of_server(version), Rules::Consecutive);
    }
}

#[test]
fn squashed_lists_become_one_parameter() {
    let text = "SELECT 7 FROM t WHERE a IN ( 1, 2, 3 ) AND b = 'x'";
    let list = squashed(text, "( ", ")");
    let constants = [list, single(7), single(text.find("'x'").unwrap())];
    assert_eq!(
        normalized(text, &constants, 0, Rules::Consecutive),
        "SELECT $1 FROM t WHERE a IN ( $2 /*, ... */) AND b = $3"
    );
}

#[test]
fn beside_a_squashed_list_parameters_are_numbered_afresh() {
    let text = "SELECT $3 FROM t WHERE a IN ($1, 2) AND b = 4";
    let constants = [
        squashed(text, "IN (", ")"),
        external(7),
        single(text.len() - 1),
    ];
    assert_eq!(
        normalized(text, &constants, 0, Rules::Consecutive),
        "SELECT $1 FROM t WHERE a IN ($2 /*, ... */) AND b = $3"
    );
    let mut constants = constants.to_vec();
    let found = literals(
        text.as_bytes(),
        0,
        &mut constants,
        0,
        Rules::Consecutive,
        STANDARD,
        9,
    );
    assert_eq!(found, [(3, text.len() - 1..text.len())]);
}

#[test]
fn literals_are_found_with_their_numbers() {
    let text = "SELECT 'a', $1, x IN (1, 2)";
    let mut constants = [squashed(text, "IN (", ")"), single(7), external(12)];
    let mut find = |limit| {
        let all = literals(
            text.as_bytes(),
            0,
            &mut constants,
            0,
            Rules::Consecutive,
            STANDARD,
            limit,
        );
        (all.into_iter())
            .map(|(number, range)| (number, &text[range]))
            .collect::<Vec<_>>()
    };
    assert_eq!(find(9), [(1, "'a'"), (3, "1, 2")]);
    assert_eq!(find(1), [(1, "'a'")]);
}

#[test]
fn a_statement_is_cut_out_of_its_source() {
    let source = b"SELECT 1; \n SELECT 'b', 2 ;SELECT 3";
    let range = statement_range(source, 9, 17);
    assert_eq!(source.get(range.clone()).unwrap(), b"SELECT 'b', 2");
    let mut constants = [single(24), single(19), single(7), single(34)];
    let done = normalize(
        &source[range.clone()],
        range.start,
        &mut constants,
        0,
        Rules::Consecutive,
        STANDARD,
        UNLIMITED,
    );
    assert_eq!(done.text, b"SELECT $1, $2");
}

#[test]
fn statement_ranges_follow_the_server_and_stay_within() {
    let source = b" \x0bSELECT 1 ;\t";
    for (location, length, expected) in [
        (-1, 5, 2..12),
        (0, 0, 2..12),
        (0, -1, 2..12),
        (0, 11, 2..10),
        (2, 6, 2..8),
        (3, 99, 3..12),
        (12, 0, 13..13),
        (13, 0, 13..13),
        (99, 99, 13..13),
        (i32::MAX, i32::MAX, 13..13),
    ] {
        assert_eq!(
            statement_range(source, location, length),
            expected,
            "{location} {length}"
        );
    }
}

#[test]
fn locations_that_do_not_fit_are_passed_over() {
    let text = "SELECT 12, 'abc'";
    let mut constants = [
        single(7),
        single(12),
        single(11),
        single(99),
        Constant {
            location: -7,
            ..single(0)
        },
        Constant {
            length: 99,
            squashed: true,
            ..single(13)
        },
        Constant {
            length: i32::MIN,
            squashed: true,
            ..single(14)
        },
    ];
    let done = normalize(
        text.as_bytes(),
        0,
        &mut constants,
        i32::MIN,
        Rules::Consecutive,
        STANDARD,
        UNLIMITED,
    );
    assert_eq!(done.text, b"SELECT $1, $2");
}

#[test]
fn output_stops_at_the_limit() {
    let text = "SELECT 'é' AS \u{20ac}, 1";
    let mut constants = at(text, &["'é'", "1"]);
    let mut cut = |limit| {
        let text = text.as_bytes();
        normalize(
            text,
            0,
            &mut constants,
            0,
            Rules::Consecutive,
            STANDARD,
            limit,
        )
    };
    for (limit, expected) in [
        (0, ""),
        (6, "SELECT"),
        (8, "SELECT "),
        (9, "SELECT $1"),
        (15, "SELECT $1 AS "),
        (16, "SELECT $1 AS \u{20ac}"),
        (19, "SELECT $1 AS \u{20ac}, "),
    ] {
        let done = cut(limit);
        assert_eq!(String::from_utf8(done.text).unwrap(), expected, "{limit}");
        assert!(done.truncated, "{limit}");
    }
    assert!(!cut(20).truncated);
}

#[test]
fn large_numbers_are_written_whole() {
    assert_eq!(
        normalized("1", &[single(0)], i32::MAX, Rules::Consecutive),
        "$2147483648"
    );
    assert_eq!(normalized("1", &[single(0)], 99, Rules::Gapped), "$100");
}

#[test]
fn utility_statements_lose_literals_and_comments() {
    for (text, expected) in [
        (
            "CREATE ROLE a PASSWORD 'x' VALID UNTIL 'y'",
            "CREATE ROLE a PASSWORD $1 VALID UNTIL $2",
        ),
        (
            "ALTER ROLE a PASSWORD'x'IN ROLE b",
            "ALTER ROLE a PASSWORD $1 IN ROLE b",
        ),
        ("DO $x$ 'a' $$ $x$ -- x", "DO $1"),
        (
            "/* x */ COPY a FROM E'\\'x' -- y\nCSV",
            "COPY a FROM $1 \nCSV",
        ),
        ("SET a = -5, 1.5,N'x',X'1'", "SET a = -$1, $2,$3,$4"),
        ("EXPLAIN SELECT $2, 5", "EXPLAIN SELECT $2, $3"),
        ("SET/**/a/*x*/TO U&'x'UESCAPE'!'", "SET a TO $1 UESCAPE $2"),
        ("SET a TO \"b 'c\"", "SET a TO \"b 'c\""),
        ("SET a TO 'x'\n -- y\n 'z';", "SET a TO $1;"),
        ("SET a TO 'C:\\temp'", "SET a TO $1"),
        ("VACUUM", "VACUUM"),
    ] {
        assert_eq!(masked(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_read_for_certain_is_not_masked() {
    for text in [
        "SET a TO 'x",
        "SET a TO 1x",
        "SET a TO \\x",
        "SET a TO 'x' /* y",
        "SET a TO 'x\\'",
        "SET a TO 'x\\', b'",
    ] {
        assert_eq!(masked(text), None, "{text}");
        assert!(
            mask_literals(text.as_bytes(), STANDARD, 4).is_none(),
            "{text}"
        );
    }
    let escaped = b"SET a TO 'x\\'', 'y'";
    assert!(mask_literals(escaped, ESCAPING, UNLIMITED).is_none());
}

#[test]
fn literals_are_noticed() {
    for (text, expected) in [
        ("BEGIN", false),
        ("SELECT $1, a.\"b 1\" /* 'x' */", false),
        ("SELECT 1", true),
        ("SELECT $$x$$", true),
        ("SELECT .5", true),
        ("SELECT 'x", true),
    ] {
        assert_eq!(has_literals(text.as_bytes(), STANDARD), expected, "{text}");
    }
}
