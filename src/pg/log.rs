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

/// The server has no slot for a background worker.
pub(crate) fn no_worker_slot() {
    ereport!(
        PgLogLevel::WARNING,
        PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
        "pgopt finds no free background worker slot, and its jobs wait",
        "All of max_worker_processes are taken; parallel queries and other extensions use them, too."
    );
}
