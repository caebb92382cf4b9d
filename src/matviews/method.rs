//! `CONCURRENTLY`, or not.
#![forbid(unsafe_code)]

use pgrx::PgSqlErrorCode;

use crate::error::{Error, Result};

/// What the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Concurrently where it can be.
    Auto,
    /// Concurrently, or not at all.
    On,
    /// Never.
    Off,
}

/// How a view is refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    /// Readers are not blocked.
    pub(super) concurrently: bool,
    /// Why so.
    pub(super) reason: &'static str,
}

impl Wish {
    /// The argument `concurrently`.
    pub(super) fn read(text: Option<&str>) -> Result<Self> {
        let text = text.ok_or_else(|| crate::arguments::is_null("concurrently"))?;
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(Error::invalid_parameter(format!(
                "invalid value for argument \"concurrently\": \"{text}\""
            ))
            .hint("Available values: auto, on, off.")),
        }
    }

    /// As it is kept.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }

    /// How a view with or without rows and an index that `CONCURRENTLY` can use is refreshed;
    /// `None` when that is not as wanted.
    pub(super) fn method(self, populated: bool, has_index: bool) -> Option<Method> {
        let (concurrently, reason) = match (self, populated, has_index) {
            (Self::Off, _, _) => (false, "not concurrently, as asked for"),
            (Self::On, _, false) => return None,
            // Nobody can read it before, so nobody waits.
            (_, false, _) => (false, "not concurrently, as it was not populated"),
            (Self::Auto, true, false) => {
                (false, "not concurrently, as it has no usable unique index")
            }
            (_, true, true) => (true, "concurrently"),
        };
        Some(Method {
            concurrently,
            reason,
        })
    }
}

/// `CONCURRENTLY` is wanted of a view without a unique index for it.
pub(super) fn no_index(view: &str, advice: Option<&str>) -> Error {
    let error = Error::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("cannot refresh materialized view {view} concurrently"),
    )
    .detail("It has no unique index on columns, without a WHERE clause, that is valid and not deferrable.");
    match advice {
        Some(advice) => error.hint(format!("Create one: {advice}")),
        None => error.hint(
            "Create a unique index on columns that tell its rows apart, or pass concurrently => 'auto'.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_concurrent(wish: Wish, populated: bool, has_index: bool) -> Option<bool> {
        wish.method(populated, has_index)
            .map(|method| method.concurrently)
    }

    #[test]
    fn concurrently_needs_rows_and_an_index() {
        assert_eq!(is_concurrent(Wish::Auto, true, true), Some(true));
        assert_eq!(is_concurrent(Wish::Auto, true, false), Some(false));
        assert_eq!(is_concurrent(Wish::Auto, false, true), Some(false));
        assert_eq!(is_concurrent(Wish::On, true, true), Some(true));
        assert_eq!(is_concurrent(Wish::On, false, true), Some(false));
        assert_eq!(is_concurrent(Wish::On, true, false), None);
        assert_eq!(is_concurrent(Wish::Off, true, true), Some(false));
    }

    #[test]
    fn only_three_values_are_taken() {
        assert_eq!(Wish::read(Some("AUTO")).ok(), Some(Wish::Auto));
        assert!(Wish::read(Some("yes")).is_err() && Wish::read(None).is_err());
    }
}
