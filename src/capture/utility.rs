//! Utility commands, counted in one go.

use super::record::{self, Finished};
use super::{failures, session, texts, transaction};
use crate::pg::clock;
use crate::pg::execution::{Source, USAGE, Usage};
use crate::pg::local::Local;
use crate::pg::utility::{Role, Utility};
use crate::settings;
use crate::shmem::Shared;
use crate::shmem::entry::{Key, UTILITY};
use crate::shmem::table::Pinned;

/// Where the text is of the innermost command that is being executed.
static RUNNING: Local<Option<Source>> = Local::new(None);

/// The innermost command that is being executed, if `source` is in the same text: then a nested
/// statement's own place is not known, and its text may hold all that is in the command's.
pub(super) fn running_in(source: &Source) -> Option<Source> {
    RUNNING
        .get()
        .filter(|running| running.is_of_same_text(source))
}

/// A command that is being executed and counted.
pub(crate) struct Call {
    shared: &'static Shared,
    /// As it began; without an identifier if it is not counted.
    key: Key,
    source: Source,
    name: &'static [u8],
    bare_values: bool,
    in_transaction: bool,
    started: u64,
    usage: Usage,
    nested_before: bool,
    running_before: Option<Source>,
}

/// Begins to execute a command, and to count it if it is to be counted; `None` if nothing has to
/// be known of it.
#[inline]
pub(crate) fn begin(utility: &Utility, role: Role) -> Option<Call> {
    if role == Role::Leads {
        return None;
    }
    let shared = session::tracking()?;
    let query_id = match settings::track_utility() {
        true => utility.query_id(),
        false => 0,
    };
    let key = session::key(query_id);
    if query_id != 0 {
        failures::at(&key, true);
    }
    let source = utility.source();
    let running_before = RUNNING.get();
    RUNNING.set(Some(source));
    Some(Call {
        shared,
        key,
        source,
        running_before,
        name: utility.name(),
        bare_values: utility.has_bare_values(),
        in_transaction: role != Role::Plain,
        usage: Usage::now(),
        nested_before: session::set_nested(true),
        started: clock::nanoseconds(),
    })
}

impl Call {
    /// It came to its end, having processed `rows`.
    pub(crate) fn finish(&self, rows: u64) {
        let time = clock::nanoseconds().saturating_sub(self.started);
        self.leave();
        if self.key.query_id == 0 {
            return;
        }
        let mut usage = [0; USAGE];
        self.usage.add_since(&mut usage);
        let finished = Finished {
            time,
            rows,
            usage: &usage,
            jit: None,
            workers: (0, 0),
            planning: None,
        };
        let key = &self.key;
        if let Some(pinned) = record::executed(self.shared, key, UTILITY, time) {
            record::finished(pinned.entry, &finished);
            self.complete(&pinned);
        }
        if key.top_level {
            failures::finished();
        }
        if self.in_transaction && key.top_level {
            transaction::statement(key.query_id, time);
        }
    }

    /// It failed.
    pub(crate) fn fail(&self, sqlstate: i32) {
        let time = clock::nanoseconds().saturating_sub(self.started);
        self.leave();
        if self.key.query_id == 0 {
            return;
        }
        if let Some(pinned) = failures::count(self.shared, &self.key, UTILITY, sqlstate, time) {
            self.complete(&pinned);
        }
    }

    fn leave(&self) {
        session::set_nested(self.nested_before);
        RUNNING.set(self.running_before);
    }

    fn complete(&self, pinned: &Pinned) {
        if !pinned.entry.lacks_text() {
            return;
        }
        if self.bare_values {
            texts::command(self.shared, pinned, self.name);
        } else {
            texts::utility(self.shared, pinned, &self.source, self.name);
        }
    }
}
