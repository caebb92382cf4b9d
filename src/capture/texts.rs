//! Which text an entry gets: normalised, or none at all.
//!
//! Constants are located when a statement is parsed. An execution of a statement that was parsed
//! long ago (prepared, and its entry evicted since) has no such locations; its text is kept only
//! if it holds no literal, so that none ever gets into shared memory this way. The next session
//! that parses the statement completes the entry.

use std::sync::atomic::Ordering::Relaxed;

use super::lexer::Dialect;
use super::normalize::{
    Constant, Normalized, Rules, has_literals, mask_literals, normalize, statement_range,
};
use super::parsing;
use crate::pg::execution::{Execution, Source};
use crate::pg::{session as process, version};
use crate::settings;
use crate::shmem::Shared;
use crate::shmem::entry::{Entry, MORE_RELATIONS, TEXTLESS, TRUNCATED};
use crate::shmem::table::Pinned;

/// Bytes kept of a text that is too long: enough to recognise it.
const PREFIX: usize = 1024;

const UNIDENTIFIED_TEXT: &[u8] = b"<failed before it could be identified>";

/// Instead of a nested statement's text that cannot be told from its command's.
const NESTED_TEXT: &[u8] = b"<query of a utility command>";

/// How string literals are read here and now.
pub(super) fn dialect() -> Dialect {
    Dialect {
        standard_conforming_strings: process::standard_strings(),
    }
}

/// How this server numbers parameters.
pub(super) fn rules() -> Rules {
    Rules::of_server(version::running())
}

/// Gives a statement that was parsed just now its text.
#[cold]
pub(super) fn parsed(
    shared: &'static Shared,
    pinned: &Pinned,
    source: &Source,
    constants: &mut [Constant],
    highest_parameter: i32,
) {
    if let Some(command) = surrounding(pinned, source) {
        return utility(shared, pinned, &command, NESTED_TEXT);
    }
    let bytes = source.bytes();
    let range = statement_range(bytes, source.location, source.length);
    let statement = bytes.get(range.clone()).unwrap_or_default();
    let limit = settings::max_query_length();
    let text = normalize(
        statement,
        range.start,
        constants,
        highest_parameter,
        rules(),
        dialect(),
        limit,
    );
    keep(shared, pinned, text);
}

/// Whether a statement has literals.
pub(super) fn has_literals_in(source: &Source) -> bool {
    let bytes = source.bytes();
    let range = statement_range(bytes, source.location, source.length);
    has_literals(bytes.get(range).unwrap_or_default(), dialect())
}

/// Gives an execution's entry what it still lacks; a cursor's has its text from its declaration,
/// or none.
#[inline]
pub(super) fn complete(
    shared: &'static Shared,
    pinned: &Pinned,
    execution: Execution,
    is_cursor: bool,
) {
    let entry = pinned.entry;
    if entry.lacks_text() && !is_cursor && entry.flags.load(Relaxed) & TEXTLESS == 0 {
        executed(shared, pinned, &execution.source());
    }
    if entry.relations[0].load(Relaxed) == 0 {
        relations(entry, execution);
    }
}

/// The command that a nested statement is written in, as EXPLAIN's is.
fn surrounding(pinned: &Pinned, source: &Source) -> Option<Source> {
    super::utility::running_in(source).filter(|_| !pinned.entry.key().top_level)
}

#[cold]
fn executed(shared: &'static Shared, pinned: &Pinned, source: &Source) {
    if let Some(command) = surrounding(pinned, source) {
        return utility(shared, pinned, &command, NESTED_TEXT);
    }
    if let Some((mut constants, highest)) =
        parsing::just_parsed(pinned.entry.key().query_id, source)
    {
        return parsed(shared, pinned, source, &mut constants, highest);
    }
    let bytes = source.bytes();
    let range = statement_range(bytes, source.location, source.length);
    let statement = bytes.get(range).unwrap_or_default();
    if has_literals(statement, dialect()) {
        pinned.entry.flags.fetch_or(TEXTLESS, Relaxed);
        return;
    }
    let limit = settings::max_query_length();
    let truncated = statement.len() > limit;
    let text = statement.get(..limit).unwrap_or(statement).to_vec();
    keep(shared, pinned, Normalized { text, truncated });
}

/// Gives a utility statement its text, without any literal, or else the command's name.
#[cold]
pub(super) fn utility(shared: &'static Shared, pinned: &Pinned, source: &Source, command: &[u8]) {
    let bytes = source.bytes();
    let range = statement_range(bytes, source.location, source.length);
    let statement = bytes.get(range).unwrap_or_default();
    let masked = mask_literals(statement, dialect(), settings::max_query_length());
    let text = masked.unwrap_or_else(|| Normalized {
        text: command.to_vec(),
        truncated: false,
    });
    keep(shared, pinned, text);
}

/// Keeps the command's name alone.
#[cold]
pub(super) fn command(shared: &'static Shared, pinned: &Pinned, name: &[u8]) {
    let text = Normalized {
        text: name.to_vec(),
        truncated: false,
    };
    keep(shared, pinned, text);
}

/// Names the entry of statements that could not be told apart.
pub(super) fn unidentified(shared: &'static Shared, pinned: &Pinned) {
    if pinned.entry.lacks_text() {
        let text = UNIDENTIFIED_TEXT.to_vec();
        let truncated = false;
        keep(shared, pinned, Normalized { text, truncated });
    }
}

fn keep(shared: &'static Shared, pinned: &Pinned, mut text: Normalized) {
    let Some(session) = process::number() else {
        return;
    };
    if text.truncated {
        text.text.truncate(character_boundary(&text.text, PREFIX));
        pinned.entry.flags.fetch_or(TRUNCATED, Relaxed);
    }
    shared.keep_text(session, pinned, &text.text, process::search_path());
}

/// The end of the last whole character of UTF-8 within `limit` bytes.
fn character_boundary(text: &[u8], limit: usize) -> usize {
    let end = text.len().min(limit);
    let is_inside = |at: usize| text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    (end.saturating_sub(3)..=end)
        .rev()
        .find(|at| !is_inside(*at))
        .unwrap_or(end)
}

#[cold]
fn relations(entry: &Entry, execution: Execution) {
    let mut places = entry.relations.iter();
    for relation in execution.relations() {
        match places.next() {
            Some(place) => place.store(relation, Relaxed),
            None => {
                entry.flags.fetch_or(MORE_RELATIONS, Relaxed);
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::character_boundary;

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "aä€😀".as_bytes();
        for (limit, end) in [
            (1, 1),
            (2, 1),
            (3, 3),
            (5, 3),
            (6, 6),
            (9, 6),
            (10, 10),
            (99, 10),
        ] {
            assert_eq!(character_boundary(text, limit), end, "{limit}");
        }
    }
}
