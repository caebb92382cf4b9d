//! One error type for the whole extension, worded as PostgreSQL words its own:
//! a lower-case message, the right SQLSTATE, the values in DETAIL, the next step in HINT.
//!
//! Functions return [`Result`]; the SQL functions in each room's `api.rs` return
//! `Result<_, ErrorReport>`, into which [`Error`] converts with `?`.

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;

/// What every fallible function of this crate returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An error with all that PostgreSQL's `ereport` carries.
#[derive(Debug, Clone)]
pub(crate) struct Error {
    sqlstate: PgSqlErrorCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    no_plan: bool,
}

impl Error {
    /// An error of class `sqlstate`; `message` starts in lower case and has no full stop.
    pub(crate) fn new(sqlstate: PgSqlErrorCode, message: impl Into<String>) -> Self {
        Self {
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            no_plan: false,
        }
    }

    /// The caller passed a value that cannot be used (22023).
    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            message.into(),
        )
    }

    /// Something that this step of pgopt, or PostgreSQL, does not do (0A000).
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            message.into(),
        )
    }

    /// A utility statement was given where one with a plan is wanted (0A000).
    pub(crate) fn no_plan() -> Self {
        let mut error = Self::unsupported("statement cannot be planned")
            .detail("Only SELECT, INSERT, UPDATE, DELETE, MERGE and VALUES have a plan.")
            .hint("Leave utility statements out of the workload.");
        error.no_plan = true;
        error
    }

    /// Whether it was made by [`Error::no_plan`].
    pub(crate) fn is_no_plan(&self) -> bool {
        self.no_plan
    }

    /// Adds a full sentence with the values at fault.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a full sentence with the next step, unless a more precise hint is there already.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says in which element of an argument the error lies, in front of any DETAIL there is.
    pub(crate) fn in_element(mut self, argument: &str, ordinal: usize, text: &str) -> Self {
        let place = format!(
            "Element {ordinal} of \"{argument}\" is: {}",
            abbreviate(text, 200)
        );
        self.detail = Some(match self.detail.take() {
            Some(detail) => format!("{place}\n{detail}"),
            None => place,
        });
        self
    }

    /// Shows the argument that the error lies in, unless the DETAIL shows its text already.
    pub(crate) fn in_argument(mut self, argument: &str, text: &str) -> Self {
        let text = abbreviate(text, 200);
        let place = format!("Argument \"{argument}\" is: {text}");
        self.detail = Some(match self.detail.take() {
            Some(detail) if detail.contains(&text) => detail,
            Some(detail) => format!("{place}\n{detail}"),
            None => place,
        });
        self
    }

    /// The error class.
    pub(crate) fn sqlstate(&self) -> PgSqlErrorCode {
        self.sqlstate
    }

    /// The error class as its five characters.
    pub(crate) fn sqlstate_text(&self) -> String {
        sqlstate_text(self.sqlstate as i32)
    }

    /// The primary message.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for ErrorReport {
    #[track_caller]
    fn from(error: Error) -> Self {
        let mut report = ErrorReport::new(error.sqlstate, error.message, "pgopt");
        if let Some(detail) = error.detail {
            report = report.set_detail(detail);
        }
        if let Some(hint) = error.hint {
            report = report.set_hint(hint);
        }
        report
    }
}

/// The five characters of a packed SQLSTATE.
pub(crate) fn sqlstate_text(packed: i32) -> String {
    // MAKE_SQLSTATE packs five characters of six bits each, the first in the lowest bits.
    (0..5)
        .map(|place| char::from(((packed >> (6 * place)) & 0x3f) as u8 + b'0'))
        .collect()
}

/// `text` on one line, cut at `limit` characters with an ellipsis.
pub(crate) fn abbreviate(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    let mut cut: String = line.chars().take(limit.saturating_sub(3)).collect();
    cut.push_str("...");
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_on_a_character_boundary() {
        assert_eq!(abbreviate("äöü äöü", 7), "äöü äöü");
        assert_eq!(abbreviate("äöüäöüäöü", 6), "äöü...");
    }

    #[test]
    fn a_sqlstate_is_five_characters() {
        assert_eq!(Error::invalid_parameter("x").sqlstate_text(), "22023");
        assert_eq!(Error::unsupported("x").sqlstate_text(), "0A000");
    }

    #[test]
    fn an_element_is_named_before_the_servers_own_detail() {
        let error =
            Error::invalid_parameter("x")
                .detail("There.")
                .in_element("queries", 2, "SELECT\n 1");
        assert_eq!(
            error.detail.as_deref(),
            Some("Element 2 of \"queries\" is: SELECT 1\nThere.")
        );
    }
}
