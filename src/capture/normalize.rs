//! Statement texts without their constants, as `pg_stat_statements` writes them. Pure.
//!
//! The server says where each constant of a statement starts, in the order of its tree. Here each
//! is measured where it stands, without reading the text before it. Locations and lengths are
//! taken as hints: what does not fit the text is passed over.
//!
//! Utility statements have no such locations (before 16), or few: of them every literal and every
//! comment goes, so that no password stays.

#![forbid(unsafe_code)]

mod output;

use self::output::Output;
use super::lexer::{Dialect, Kind, Token, constant_length, is_space, tokens};
use std::ops::Range;

/// How parameters are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A constant that the tree has twice takes a number each time, and only one is used.
    Gapped,
    Consecutive,
}

impl Rules {
    /// Those of a server with this `server_version_num`: the gaps went with the minor releases of
    /// August 2025.
    pub(crate) fn of_server(version: i32) -> Self {
        let first_without = match version / 10_000 {
            ..=14 => i32::MAX,
            15 => 150_014,
            16 => 160_010,
            17 => 170_006,
            18.. => 180_000,
        };
        if version < first_without {
            Self::Gapped
        } else {
            Self::Consecutive
        }
    }
}

/// A constant as the server located it: its `LocationLen`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant {
    /// In the source, which may hold several statements.
    pub(crate) location: i32,
    /// Of a squashed list; not looked at otherwise.
    pub(crate) length: i32,
    /// Since 18.
    pub(crate) squashed: bool,
    /// A parameter of the statement itself (`extern_param`). Since 18.
    pub(crate) external: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Normalized {
    pub(crate) text: Vec<u8>,
    /// Whether the text was cut at the limit.
    pub(crate) truncated: bool,
}

/// The part of `source` that is one statement, without white space at its ends. A negative
/// `location` is unknown, a `length` of 0 reaches to the end.
pub(crate) fn statement_range(source: &[u8], location: i32, length: i32) -> Range<usize> {
    let start = usize::try_from(location).map(|start| start.min(source.len()));
    let end = match (start, usize::try_from(length)) {
        (Ok(start), Ok(length)) if length > 0 => start.saturating_add(length).min(source.len()),
        _ => source.len(),
    };
    let start = start.unwrap_or(0);
    let part = source.get(start..end).unwrap_or_default();
    let leading = part.iter().take_while(|byte| is_space(**byte)).count();
    let rest = part.get(leading..).unwrap_or_default();
    let trailing = (rest.iter().rev())
        .take_while(|byte| is_space(**byte))
        .count();
    start + leading..end - trailing
}

/// `statement` with its constants as parameters, numbered from the one after
/// `highest_parameter` (the server's `highest_extern_param_id`) on. `start` is where the
/// statement starts in the source. Sorts `constants`.
///
/// A constant that cannot be found where the server says stays as it is, and so do comments. No
/// more than `limit` bytes are written; a parameter that does not fit is left out whole.
pub(crate) fn normalize(
    statement: &[u8],
    start: usize,
    constants: &mut [Constant],
    highest_parameter: i32,
    rules: Rules,
    dialect: Dialect,
    limit: usize,
) -> Normalized {
    let room = statement.len() + constants.len() * LONGEST_USUAL_PARAMETER;
    let mut output = Output::new(room, limit);
    let mut copied = 0;
    for found in Placeholders::new(
        statement,
        start,
        constants,
        highest_parameter,
        rules,
        dialect,
    ) {
        output.push(statement.get(copied..found.range.start).unwrap_or_default());
        output.push_parameter(found.number, found.squashed);
        if output.is_full() {
            return output.finish();
        }
        copied = found.range.end;
    }
    output.push(statement.get(copied..).unwrap_or_default());
    output.finish()
}

/// The first `limit` constants of `statement`, each with the number of the parameter that stands
/// for it in the normalised text, and the bytes it replaces there: put back, they give the
/// statement again. So they are SQL text, mostly a literal, but also `TRUE`, the `year` of an
/// `EXTRACT`, the `ALL` of a `LIMIT`, or a whole squashed list with the spaces around it. The
/// statement's own parameters, and squashed lists with one of them, are not among them.
/// Sorts `constants`.
pub(crate) fn literals(
    statement: &[u8],
    start: usize,
    constants: &mut [Constant],
    highest_parameter: i32,
    rules: Rules,
    dialect: Dialect,
    limit: usize,
) -> Vec<(u32, Range<usize>)> {
    let has_parameter = |range: &Range<usize>| {
        let list = statement.get(range.clone()).unwrap_or_default();
        tokens(list, dialect).any(|token| matches!(token.kind, Kind::Parameter | Kind::Broken))
    };
    Placeholders::new(
        statement,
        start,
        constants,
        highest_parameter,
        rules,
        dialect,
    )
    .filter(|found| !(found.external || found.squashed && has_parameter(&found.range)))
    .map(|found| (found.number, found.range))
    .take(limit)
    .collect()
}

/// A part of a statement that a parameter replaces.
struct Placeholder {
    number: u32,
    range: Range<usize>,
    squashed: bool,
    external: bool,
}

struct Placeholders<'a> {
    statement: &'a [u8],
    start: i64,
    constants: std::slice::Iter<'a, Constant>,
    dialect: Dialect,
    rules: Rules,
    highest_parameter: u32,
    counted: u32,
    previous_location: i32,
    /// How far the statement is replaced or passed.
    done: usize,
}

impl<'a> Placeholders<'a> {
    fn new(
        statement: &'a [u8],
        start: usize,
        constants: &'a mut [Constant],
        highest_parameter: i32,
        rules: Rules,
        dialect: Dialect,
    ) -> Self {
        // Stable, as the server's sort is for the few constants that most statements have: which of
        // two at one location comes first matters when only one of them is squashed.
        constants.sort_by_key(|constant| constant.location);
        Self {
            statement,
            start: i64::try_from(start).unwrap_or(i64::MAX),
            constants: constants.iter(),
            dialect,
            rules,
            highest_parameter: u32::try_from(highest_parameter).unwrap_or(0),
            counted: 0,
            previous_location: -1,
            done: 0,
        }
    }

    /// The part of the statement that `constant` takes up, if it has one that is still whole.
    fn range(&self, constant: &Constant) -> Option<Range<usize>> {
        let offset = i64::from(constant.location).checked_sub(self.start)?;
        let from = usize::try_from(offset).ok()?;
        if from < self.done {
            return None;
        }
        let length = if constant.squashed {
            usize::try_from(constant.length).ok()?
        } else {
            constant_length(self.statement, from, self.dialect)?
        };
        let to = from.checked_add(length)?;
        (to <= self.statement.len()).then_some(from..to)
    }
}

impl Iterator for Placeholders<'_> {
    type Item = Placeholder;

    fn next(&mut self) -> Option<Placeholder> {
        loop {
            let constant = self.constants.next()?;
            let repeated = constant.location == self.previous_location;
            self.previous_location = constant.location;
            // The server forgets the highest parameter when it squashes a list: then all are
            // numbered afresh.
            let kept = constant.external && self.highest_parameter > 0;
            let range = if repeated || kept {
                None
            } else {
                self.range(constant)
            };
            if range.is_some() || self.rules == Rules::Gapped {
                self.counted = self.counted.saturating_add(1);
            }
            if let Some(range) = range {
                self.done = range.end;
                return Some(Placeholder {
                    number: self.highest_parameter.saturating_add(self.counted),
                    range,
                    squashed: constant.squashed,
                    external: constant.external,
                });
            }
        }
    }
}

/// A utility statement without comments, and with parameters for its literals, so that no secret
/// in them is kept. Names stay. `None` when the text cannot be read to its end, or when where its
/// literals end depends on `standard_conforming_strings`: a statement may be looked at under
/// another value than it was parsed with.
pub(crate) fn mask_literals(
    statement: &[u8],
    dialect: Dialect,
    limit: usize,
) -> Option<Normalized> {
    let mut number = highest_parameter(statement, dialect);
    let mut output = Output::new(statement.len() + LONGEST_USUAL_PARAMETER, limit);
    for token in tokens(statement, dialect) {
        let text = token.of(statement);
        match token.kind {
            Kind::Broken => return None,
            Kind::String if is_ambiguous(text, dialect) => return None,
            Kind::String | Kind::Number => {
                number = number.saturating_add(1);
                output.separate_from(b'$');
                output.push_parameter(number, false);
            }
            Kind::Comment => output.push_blank(),
            Kind::Space if output.is_empty() => {}
            Kind::Space | Kind::Operator => output.push(text),
            Kind::Word | Kind::Parameter => {
                output.separate_from(text.first().copied().unwrap_or(b' '));
                output.push(text);
            }
        }
    }
    output.trim_end();
    Some(output.finish())
}

/// Whether a plain string ends elsewhere under the other setting of
/// `standard_conforming_strings`.
fn is_ambiguous(text: &[u8], dialect: Dialect) -> bool {
    let plain = matches!(text, [b'\'' | b'n' | b'N', ..]);
    if !plain || !text.contains(&b'\\') {
        return false;
    }
    let other = Dialect {
        standard_conforming_strings: !dialect.standard_conforming_strings,
    };
    // The text after this string need not be looked at: if both readings meet at its last quote,
    // both end there.
    constant_length(text, 0, other) != Some(text.len())
}

/// The highest `$n` that a statement has of its own.
fn highest_parameter(statement: &[u8], dialect: Dialect) -> u32 {
    if !statement.contains(&b'$') {
        return 0;
    }
    let number = |token: Token| {
        let digits = token.of(statement).strip_prefix(b"$")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    (tokens(statement, dialect))
        .filter(|token| token.kind == Kind::Parameter)
        .filter_map(number)
        .max()
        .unwrap_or(0)
}

/// Whether `statement` has a literal, or cannot be read to its end. If not, there is nothing to
/// replace in it; it may have comments.
pub(crate) fn has_literals(statement: &[u8], dialect: Dialect) -> bool {
    tokens(statement, dialect)
        .any(|token| matches!(token.kind, Kind::String | Kind::Number | Kind::Broken))
}

/// More room than `$99` needs beyond a constant of one digit.
const LONGEST_USUAL_PARAMETER: usize = 4;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod properties;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests;
