//! What the command running in this process says about its own run.

use std::cell::RefCell;

/// It, until the executor takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// Why there was nothing to do.
    pub(crate) skipped: Option<String>,
    /// Rows processed.
    pub(crate) rows: Option<u64>,
    /// Anything else worth knowing.
    pub(crate) remark: Option<String>,
}

thread_local! {
    static NOTE: RefCell<Option<Note>> = const { RefCell::new(None) };
}

/// The run did nothing, for that reason.
pub(crate) fn skipped(reason: String) {
    change(|note| note.skipped = Some(reason));
}

/// The run processed that many rows.
pub(crate) fn rows(count: u64) {
    change(|note| note.rows = Some(count));
}

/// A remark for the run log; further ones are added.
pub(crate) fn remark(text: String) {
    change(|note| match &mut note.remark {
        Some(before) => {
            before.push_str("; ");
            before.push_str(&text);
        }
        None => note.remark = Some(text),
    });
}

/// What was said since the last call.
pub(crate) fn take() -> Option<Note> {
    NOTE.take()
}

fn change(work: impl FnOnce(&mut Note)) {
    NOTE.with_borrow_mut(|note| work(note.get_or_insert_default()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_taken_once_and_remarks_add_up() {
        assert_eq!(take(), None);
        rows(7);
        remark("slow".to_owned());
        remark("very".to_owned());
        let note = take().unwrap_or_default();
        assert_eq!(note.rows, Some(7));
        assert_eq!(note.remark.as_deref(), Some("slow; very"));
        assert_eq!(note.skipped, None);
        assert_eq!(take(), None);
    }
}
