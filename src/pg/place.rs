//! Where an OID that was written down is one of: this server, this database, this extension.
//!
//! A dump takes rows elsewhere, where the same number is something else, or nothing.

use pgrx::pg_sys;

/// This place, as it is written down beside OIDs.
pub(crate) fn here() -> String {
    // SAFETY: reads shared and backend-local state, and looks a constant name up.
    let (server, database, extension) = unsafe {
        (
            pg_sys::GetSystemIdentifier(),
            pg_sys::MyDatabaseId,
            pg_sys::get_extension_oid(c"pgopt".as_ptr(), true),
        )
    };
    format!("{server}/{}/{}", database.to_u32(), extension.to_u32())
}
