//! Utility commands, counted in one go.

use super::record::{self, Finished};
use super::{failures, session, texts, transaction};
use crate::pg::clock;
use crate::pg::execution::{Source, USAGE, Usage};
use crate::pg::utility::{Role, Utility};
use crate::settings;
use crate::shmem::Shared;
use crate::shmem::entry::UTILITY;
use crate::shmem::table::Pinned;

/// A command that is being executed and counted.
pub(crate) struct Call {
    shared: &'static Shared,
    query_id: u64,
    source: Source,
    name: &'static [u8],
    bare_values: bool,
    in_transaction: bool,
    started: u64,
    usage: Usage,
    nested_before: bool,
}

/// Begins to count a command; `None` if it is not to be counted.
#[inline]
pub(crate) fn begin(utility: &Utility, role: Role) -> Option<Call> {
    if role == Role::Leads || !settings::track_utility() {
        return None;
    }
    let shared = session::tracking()?;
    let query_id = utility.query_id();
    if query_id == 0 {
        return None;
    }
    failures::at(query_id);
    Some(Call {
        shared,
        query_id,
        source: utility.source(),
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
        session::set_nested(self.nested_before);
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
        let key = session::key(self.query_id);
        if let Some(pinned) = record::entry(self.shared, &key, UTILITY) {
            record::finished(pinned.entry, &finished);
            self.complete(&pinned);
        }
        if self.in_transaction && key.top_level {
            transaction::statement(self.query_id, time);
        }
    }

    /// It failed.
    pub(crate) fn fail(&self, sqlstate: i32) {
        let time = clock::nanoseconds().saturating_sub(self.started);
        session::set_nested(self.nested_before);
        if let Some(pinned) = failures::count(self.shared, self.query_id, UTILITY, sqlstate, time) {
            self.complete(&pinned);
        }
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
