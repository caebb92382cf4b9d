//! Statements as they are parsed: the only moment at which their constants are known.

use super::normalize::{Constant, literals, statement_range};
use super::{failures, record, session, texts};
use crate::pg::execution::Source;
use crate::pg::local::Local;
use crate::pg::parse::Analysed;
use crate::settings::{self, Keep};

/// Constants remembered of the statement that was parsed last, for a sample of its execution.
const REMEMBERED: usize = 64;

/// The statement that was parsed last.
struct Latest {
    query_id: u64,
    source: Source,
    highest_parameter: i32,
    has_constants: bool,
    constants: Vec<Constant>,
}

/// Its source is only compared with that of an execution, and read through that one.
static LATEST: Local<Option<Latest>> = Local::new(None);

/// A statement was analysed.
#[inline]
pub(crate) fn analysed(statement: &Analysed) {
    let query_id = statement.query_id();
    if query_id == 0 {
        return;
    }
    let Some(shared) = session::tracking() else {
        return;
    };
    failures::at(query_id);
    if statement.is_utility() {
        return;
    }
    remember(statement, query_id);
    if statement.constants().len() == 0 {
        return;
    }
    if record::known(shared, query_id).is_some_and(|pinned| !pinned.entry.lacks_text()) {
        return;
    }
    let mut constants: Vec<Constant> = statement.constants().map(constant).collect();
    if let Some(pinned) = record::entry(shared, &session::key(query_id), 0) {
        texts::parsed(
            shared,
            &pinned,
            &statement.source(),
            &mut constants,
            statement.highest_parameter(),
        );
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
            source: statement.source(),
            highest_parameter: statement.highest_parameter(),
            has_constants: statement.constants().len() > 0,
            constants,
        });
    });
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
