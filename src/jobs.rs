//! Scheduled commands: definitions, where each job stands, what to do next, the log of runs.
//!
//! Knows SQL text only. Users write definitions and requests; the states and the log are
//! written by the database's worker alone, which so never waits for a user's transaction. What is
//! to be done is decided in `decide`, without a server.

mod api;
mod change;
mod check;
pub(crate) mod decide;
mod definition;
mod limits;
pub(crate) mod note;
mod requests;
pub(crate) mod store;
mod zone;

pub(crate) use definition::{NewJob, register, remove, replace};
pub(crate) use limits::RESERVED_KEYS;
pub(crate) use requests::request_run;
