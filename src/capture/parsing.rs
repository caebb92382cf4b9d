//! Statements as they are parsed: the only moment at which their constants are known.

use super::lexer::{Kind, tokens};
use super::normalize::{Constant, literals, statement_range};
use super::{admission, failures, record, session, texts};
use crate::pg::clock;
use crate::pg::execution::Source;
use crate::pg::local::Local;
use crate::pg::parse::Analysed;
use crate::settings::{self, Keep};
use crate::shmem::Shared;
use crate::shmem::entry::Key;
use crate::shmem::table::Pinned;

/// Constants remembered of the statement that was parsed last, for a sample of its execution.
const REMEMBERED: usize = 64;
/// The same if it may still need its text.
const REMEMBERED_WAITING: usize = 4096;

/// The statement that was parsed last.
struct Latest {
    query_id: u64,
    is_utility: bool,
    /// The name of a utility command that may give values as bare words.
    bare: Option<&'static [u8]>,
    is_nested: bool,
    /// When the command that brought it arrived: its text is there as long as that is executed.
    command: i64,
    source: Source,
    highest_parameter: i32,
    constants: Vec<Constant>,
    has_all_constants: bool,
}

/// Its source is compared with that of an execution, and read while its command is executed.
static LATEST: Local<Option<Latest>> = Local::new(None);

/// A statement was analysed. It gets its entry now, with its text, since its constants are known
/// now only, and it may fail before it runs. One that has to wait for a place may get it when its
/// execution ends, and its text from what is remembered until then.
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
    let key = session::key(query_id);
    failures::at(&key, statement.is_utility());
    if statement.is_utility() {
        // It gets its entry when it is executed.
        return remember(statement, query_id, false);
    }
    let lacks_text = record::known(shared, &key).map(|pinned| pinned.entry.lacks_text());
    let waits = lacks_text.is_none() && may_wait(shared, &key, statement);
    remember(statement, query_id, waits);
    if !waits && lacks_text != Some(false) {
        add(shared, &key, statement);
    }
}

/// Whether a new statement has to wait for a place, and its text can still be had then: what may
/// be prepared and executed later must not have literals.
fn may_wait(shared: &'static Shared, key: &Key, statement: &Analysed) -> bool {
    admission::has_to_wait(shared, key)
        && match statement.is_text_alone() && key.top_level {
            true => statement.constants().len() <= REMEMBERED_WAITING,
            false => !texts::has_literals_in(&statement.source()),
        }
}

#[cold]
fn add(shared: &'static Shared, key: &Key, statement: &Analysed) {
    let mut constants: Vec<Constant> = statement.constants().map(constant).collect();
    if let Some(pinned) = record::entry_if_room(shared, key) {
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
fn remember(statement: &Analysed, query_id: u64, waits: bool) {
    let most = match settings::sample_parameters() {
        _ if waits => REMEMBERED_WAITING,
        Keep::None => 0,
        _ => REMEMBERED,
    };
    LATEST.with(|latest| {
        let mut constants = latest
            .take()
            .map_or_else(Vec::new, |latest| latest.constants);
        constants.clear();
        constants.extend(statement.constants().take(most).map(constant));
        *latest = Some(Latest {
            query_id,
            is_utility: statement.is_utility(),
            bare: statement.name_if_bare(),
            is_nested: session::is_nested(),
            command: clock::command_start(),
            source: statement.source(),
            highest_parameter: statement.highest_parameter(),
            has_all_constants: statement.constants().len() <= most,
            constants,
        });
    });
}

/// Gives the entry of a client's statement that failed before it was executed its text, if it is
/// the one parsed last in this very command.
#[cold]
pub(super) fn complete_failed(shared: &'static Shared, pinned: &Pinned) {
    if !pinned.entry.lacks_text() {
        return;
    }
    let query_id = pinned.entry.key().query_id;
    let found = with_latest(query_id, |latest| {
        (!latest.is_nested).then_some((latest.source, latest.is_utility, latest.bare))
    });
    match found {
        None => {}
        Some((_, _, Some(name))) => texts::command(shared, pinned, name),
        Some((source, true, None)) => texts::utility(shared, pinned, &source, b"<utility command>"),
        Some((source, false, None)) => {
            if let Some((mut constants, highest)) = just_parsed(query_id, &source) {
                texts::parsed(shared, pinned, &source, &mut constants, highest);
            }
        }
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

/// The constants of an execution's statement and the highest number of a parameter of its own, if
/// it is the one parsed last and all of them are remembered.
pub(super) fn just_parsed(query_id: u64, source: &Source) -> Option<(Vec<Constant>, i32)> {
    remembered(query_id, source, |latest| latest.has_all_constants)
}

fn remembered(
    query_id: u64,
    source: &Source,
    is_enough: impl Fn(&Latest) -> bool,
) -> Option<(Vec<Constant>, i32)> {
    with_latest(query_id, |latest| {
        (latest.source.is_same(source) && is_enough(latest))
            .then(|| (latest.constants.clone(), latest.highest_parameter))
    })
}

/// What `work` says of the statement parsed last if it is this one, parsed in this very command.
fn with_latest<T>(query_id: u64, work: impl FnOnce(&Latest) -> Option<T>) -> Option<T> {
    LATEST.with(|latest| {
        let latest = latest.as_ref().filter(|latest| {
            latest.query_id == query_id && latest.command == clock::command_start()
        })?;
        work(latest)
    })
}

/// Hands each literal of an execution of the statement parsed last to `visit`, with the number of
/// the parameter that stands for it; nothing if it is another statement's execution.
pub(super) fn each_literal(query_id: u64, source: &Source, mut visit: impl FnMut(u32, &[u8])) {
    let found = remembered(query_id, source, |latest| !latest.constants.is_empty());
    let Some((mut constants, highest)) = found else {
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
