//! Statements as they are parsed: the only moment at which their constants are known.

use super::lexer::{Kind, tokens};
use super::normalize::{Constant, literals, statement_range};
use super::{failures, record, session, texts};
use crate::pg::clock;
use crate::pg::execution::Source;
use crate::pg::local::Local;
use crate::pg::parse::Analysed;
use crate::settings::{self, Keep};
use crate::shmem::Shared;
use crate::shmem::table::Pinned;

/// Constants remembered of the statement that was parsed last, for a sample of its execution.
const REMEMBERED: usize = 64;

/// The statement that was parsed last.
struct Latest {
    query_id: u64,
    is_utility: bool,
    /// When the command that brought it arrived: its text is there as long as that is executed.
    command: i64,
    source: Source,
    highest_parameter: i32,
    has_constants: bool,
    constants: Vec<Constant>,
}

/// Its source is compared with that of an execution, and read while its command is executed.
static LATEST: Local<Option<Latest>> = Local::new(None);

/// A statement was analysed. It gets its entry now, with its text, since its constants are known
/// now only, and it may fail before it runs.
#[inline]
pub(crate) fn analysed(statement: &Analysed) {
    let query_id = statement.query_id();
    if query_id == 0 {
        return;
    }
    let Some(shared) = session::tracking() else {
        return;
    };
    if !session::is_nested() && !statement.source().is_clients() {
        return;
    }
    failures::at(query_id, statement.is_utility());
    remember(statement, query_id);
    if statement.is_utility()
        || record::known(shared, query_id).is_some_and(|pinned| !pinned.entry.lacks_text())
    {
        return;
    }
    let mut constants: Vec<Constant> = statement.constants().map(constant).collect();
    if let Some(pinned) = record::entry_if_room(shared, &session::key(query_id)) {
        texts::parsed(
            shared,
            &pinned,
            &statement.source(),
            &mut constants,
            statement.highest_parameter(),
        );
    }
}

/// A cursor is being declared: its query is the statement that is counted, under the text behind
/// the command's FOR. Until the command is over, what is begun without an identifier is this.
pub(crate) fn declare(cursor: &mut Analysed) {
    let command = cursor.source();
    let range = statement_range(command.bytes(), command.location, command.length);
    let text = command.bytes().get(range.clone()).unwrap_or_default();
    let query = tokens(text, texts::dialect())
        .find(|token| token.kind == Kind::Word && token.of(text).eq_ignore_ascii_case(b"for"))
        .map(|token| range.start + token.end);
    if let Some(start) = query {
        cursor.set_place(start, range.end - start);
        analysed(cursor);
        session::set_declared(cursor.query_id());
    }
}

#[inline]
fn remember(statement: &Analysed, query_id: u64) {
    LATEST.with(|latest| {
        let mut constants = latest
            .take()
            .map_or_else(Vec::new, |latest| latest.constants);
        constants.clear();
        if settings::sample_parameters() != Keep::None {
            constants.extend(statement.constants().take(REMEMBERED).map(constant));
        }
        *latest = Some(Latest {
            query_id,
            is_utility: statement.is_utility(),
            command: clock::command_start(),
            source: statement.source(),
            highest_parameter: statement.highest_parameter(),
            has_constants: statement.constants().len() > 0,
            constants,
        });
    });
}

/// Gives the entry of a utility statement that failed before it was executed its text, if it is
/// the one parsed last in this very command.
#[cold]
pub(super) fn complete_failed(shared: &'static Shared, pinned: &Pinned) {
    let source = LATEST.with(|latest| {
        let latest = latest.as_ref()?;
        let is_it = latest.is_utility
            && latest.query_id == pinned.entry.key().query_id
            && latest.command == clock::command_start();
        is_it.then_some(latest.source)
    });
    if let Some(source) = source.filter(|_| pinned.entry.lacks_text()) {
        texts::utility(shared, pinned, &source, b"<utility command>");
    }
}

fn constant((location, length, squashed, external): (i32, i32, bool, bool)) -> Constant {
    Constant {
        location,
        length,
        squashed,
        external,
    }
}

/// Whether that statement is the one parsed last, and had no constants to be replaced.
pub(super) fn has_just_parsed(query_id: u64, source: &Source) -> bool {
    LATEST.with(|latest| {
        latest.as_ref().is_some_and(|latest| {
            latest.query_id == query_id && latest.source.is_same(source) && !latest.has_constants
        })
    })
}

/// Hands each literal of an execution of the statement parsed last to `visit`, with the number of
/// the parameter that stands for it; nothing if it is another statement's execution.
pub(super) fn each_literal(query_id: u64, source: &Source, mut visit: impl FnMut(u32, &[u8])) {
    let found = LATEST.with(|latest| {
        let latest = latest
            .as_ref()
            .filter(|latest| latest.query_id == query_id && latest.source.is_same(source))?;
        Some((latest.constants.clone(), latest.highest_parameter))
    });
    let Some((mut constants, highest)) = found.filter(|(constants, _)| !constants.is_empty())
    else {
        return;
    };
    let bytes = source.bytes();
    let range = statement_range(bytes, source.location, source.length);
    let statement = bytes.get(range.clone()).unwrap_or_default();
    let places = literals(
        statement,
        range.start,
        &mut constants,
        highest,
        texts::rules(),
        texts::dialect(),
        REMEMBERED,
    );
    for (number, place) in places {
        visit(number, statement.get(place).unwrap_or_default());
    }
}
