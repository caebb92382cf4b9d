//! Expressions as SQL.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use pgrx::pg_sys;

use super::rollback::{Surroundings, rolled_back};
use crate::error::Result;

/// Writes expressions over columns of one table, given as node text of this server with the
/// table as the only relation. Every name is qualified, so that the text means the same under
/// any `search_path`.
pub(crate) fn with_qualified_names<T>(work: impl FnOnce() -> T) -> Result<T> {
    let surroundings = Surroundings {
        role: None,
        settings: vec![("search_path".to_owned(), String::new())],
    };
    rolled_back(&surroundings, || Ok(work()))
}

/// Writes expressions inside one call of [`with_qualified_names`]. What the server finds out of a
/// table's columns is kept, as a table may have many and be written of often.
#[derive(Default)]
pub(crate) struct Writer(RefCell<HashMap<u32, *mut pg_sys::List>>);

impl Writer {
    /// An expression, given as node text, as SQL.
    pub(crate) fn sql(&self, table: u32, node_text: &str) -> Option<Rc<str>> {
        let text = CString::new(node_text).ok()?;
        let context = self.context(table)?;
        // SAFETY: the text was written by nodeToString in this process; the context lives as long
        // as the memory context that `with_qualified_names` is in.
        unsafe {
            let node = pg_sys::stringToNode(text.as_ptr());
            let sql = pg_sys::deparse_expression(node.cast(), context, false, false);
            CStr::from_ptr(sql).to_str().ok().map(Rc::from)
        }
    }

    fn context(&self, table: u32) -> Option<*mut pg_sys::List> {
        if let Some(known) = self.0.borrow().get(&table) {
            return Some(*known);
        }
        let oid = pg_sys::Oid::from(table);
        // SAFETY: a look-up; the name is not null when it is used.
        let context = unsafe {
            let name = pg_sys::get_rel_name(oid);
            if name.is_null() {
                return None;
            }
            pg_sys::deparse_context_for(name, oid)
        };
        self.0.borrow_mut().insert(table, context);
        Some(context)
    }
}
