//! Arguments of SQL functions, checked the same way everywhere.

use pgrx::{Array, PgSqlErrorCode};

use crate::error::{Error, Result};

/// The elements of a text array argument; NULL for the whole array means an empty one.
pub(crate) fn texts(argument: &str, array: Option<Array<&str>>) -> Result<Vec<String>> {
    (array.iter().flat_map(Array::iter))
        .map(|element| {
            element
                .map(str::to_owned)
                .ok_or_else(|| null_element(argument))
        })
        .collect()
}

/// An argument that must not be empty is.
pub(crate) fn empty(argument: &str) -> Error {
    Error::invalid_parameter(format!("argument \"{argument}\" is empty"))
        .detail("There is nothing to plan.")
        .hint("Pass at least one query, for example ARRAY['SELECT ...'].")
}

/// An argument that must not be NULL is.
pub(crate) fn is_null(argument: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        format!("argument \"{argument}\" must not be null"),
    )
    .hint(format!("Pass a value for \"{argument}\"."))
}

/// An array that must not contain NULL does.
pub(crate) fn null_element(argument: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        format!("argument \"{argument}\" must not contain null elements"),
    )
    .hint("Remove the null elements, for example with array_remove(..., NULL).")
}
