//! What the server's grammar makes of a command's text; the objects in it need not exist.

use std::ffi::CString;

use pgrx::pg_sys::{self, NodeTag};

use super::compat;
use crate::error::{Error, Result};

/// What kind of statement it is, as far as that matters to who runs it without a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, PREPARE TRANSACTION …
    TransactionControl,
    /// COPY from or to the client.
    ClientCopy,
    /// All else.
    Other,
}

/// The statements that `text` consists of. Raises a syntax error as the server does.
pub(crate) fn statements(text: &str) -> Result<Vec<Kind>> {
    let text =
        CString::new(text).map_err(|_| Error::invalid_parameter("command contains a zero byte"))?;
    // SAFETY: the grammar returns a list of statements with their nodes, in the current context.
    unsafe {
        let list = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
        let list = pgrx::PgList::<pg_sys::RawStmt>::from_pg(list);
        Ok(list.iter_ptr().map(|raw| kind((*raw).stmt)).collect())
    }
}

/// # Safety
/// `statement` must be a node of the grammar.
unsafe fn kind(statement: *mut pg_sys::Node) -> Kind {
    // SAFETY: see above.
    unsafe {
        match compat::tag(statement) {
            NodeTag::T_TransactionStmt => Kind::TransactionControl,
            NodeTag::T_CopyStmt => {
                let copy = statement.cast::<pg_sys::CopyStmt>();
                match (*copy).filename.is_null() {
                    true => Kind::ClientCopy,
                    false => Kind::Other,
                }
            }
            _ => Kind::Other,
        }
    }
}
