//! Messages in the server's log from processes without a client.

use pgrx::{PgLogLevel, PgSqlErrorCode, ereport};

/// A warning.
pub(crate) fn warning(message: String) {
    ereport!(
        PgLogLevel::WARNING,
        PgSqlErrorCode::ERRCODE_WARNING,
        message
    );
}
