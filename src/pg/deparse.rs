//! Expressions as SQL.

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

/// See [`with_qualified_names`], inside which this is to be called.
pub(crate) fn sql(table: u32, node_text: &str) -> Option<Rc<str>> {
    let text = CString::new(node_text).ok()?;
    let table = pg_sys::Oid::from(table);
    // SAFETY: the text was written by nodeToString in this process.
    unsafe {
        let name = pg_sys::get_rel_name(table);
        if name.is_null() {
            return None;
        }
        let node = pg_sys::stringToNode(text.as_ptr());
        let context = pg_sys::deparse_context_for(name, table);
        let sql = CStr::from_ptr(pg_sys::deparse_expression(
            node.cast(),
            context,
            false,
            false,
        ));
        sql.to_str().ok().map(Rc::from)
    }
}
