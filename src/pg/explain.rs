//! `EXPLAIN` of a [`Statement`] as lines of text.

use std::ffi::CStr;

use pgrx::pg_sys;

use super::memory::OwnedContext;
use super::ports::explain_one_query::{explain_plan, plan_for_explain};
use super::statement::Statement;
use crate::error::{Error, Result};

/// Output formats of `EXPLAIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `FORMAT TEXT`
    Text,
    /// `FORMAT JSON`
    Json,
    /// `FORMAT YAML`
    Yaml,
    /// `FORMAT XML`
    Xml,
}

impl Format {
    /// The format of that name, in any case.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            "xml" => Ok(Self::Xml),
            _ => Err(Error::invalid_parameter(format!(
                "unrecognized value for argument \"format\": \"{name}\""
            ))
            .hint("Use \"text\", \"json\", \"yaml\" or \"xml\".")),
        }
    }

    fn code(self) -> pg_sys::ExplainFormat::Type {
        match self {
            Self::Text => pg_sys::ExplainFormat::EXPLAIN_FORMAT_TEXT,
            Self::Json => pg_sys::ExplainFormat::EXPLAIN_FORMAT_JSON,
            Self::Yaml => pg_sys::ExplainFormat::EXPLAIN_FORMAT_YAML,
            Self::Xml => pg_sys::ExplainFormat::EXPLAIN_FORMAT_XML,
        }
    }
}

/// Plans the statement, `before_each` planner call arming the what-if scope, and prints it.
pub(crate) fn explain(
    statement: &mut Statement,
    format: Format,
    before_each: impl Fn(),
) -> Result<Vec<String>> {
    let scratch = OwnedContext::new();
    let queries = statement.queries()?;
    let parameters = statement.has_parameters();
    let text = statement.text();
    // SAFETY: the state and all it prints live in `scratch`; each query is planned from a copy.
    let output = scratch.enter(|| unsafe {
        let state = pg_sys::NewExplainState();
        (*state).costs = true;
        (*state).format = format.code();
        pg_sys::ExplainBeginOutput(state);
        for (position, query) in queries.enumerate() {
            if (*query).commandType == pg_sys::CmdType::CMD_UTILITY {
                continue;
            }
            if position > 0 {
                pg_sys::ExplainSeparatePlans(state);
            }
            let copy = pg_sys::copyObjectImpl(query.cast()).cast::<pg_sys::Query>();
            before_each();
            let (plan, measured) = pg_sys::ffi::pg_guard_ffi_boundary(|| {
                plan_for_explain(
                    copy,
                    text.as_ptr(),
                    pg_sys::CURSOR_OPT_PARALLEL_OK as i32,
                    std::ptr::null_mut(),
                    false,
                )
            });
            if parameters {
                super::compat::explain_without_values(state, plan);
            }
            let nothing = std::ptr::null_mut();
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                explain_plan(
                    plan,
                    &measured,
                    nothing,
                    state,
                    text.as_ptr(),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                );
            });
        }
        pg_sys::ExplainEndOutput(state);
        CStr::from_ptr((*(*state).str_).data)
            .to_string_lossy()
            .trim_end_matches('\n')
            .to_owned()
    });
    Ok(match format {
        Format::Text => output.lines().map(str::to_owned).collect(),
        _ => vec![output],
    })
}
