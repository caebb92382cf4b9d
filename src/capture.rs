//! What the hooks saw, counted in shared memory.
//!
//! # How an execution is counted
//! ```text
//! parse analysis   parsing      text of a new statement, without its constants
//! planner          planning     time, kept until the execution ends
//! executor start   executions   a place in this session's list of open executions
//!          run     executions   time and resources, run by run
//!          end     record       everything, into the statement's entry
//! utility          utility      the same in one go
//! an error         failures     counted with its SQLSTATE, and passed on
//! transaction end  transaction  repeats and slow transactions
//! ```
//! Statements run by others (functions, triggers) are *nested*. Whether one is, is kept in one
//! flag: how deep it is does not matter.
//!
//! Nothing here raises an error, waits, or allocates without bound.

mod admission;
pub(crate) mod api;
pub(crate) mod executions;
pub(crate) mod failures;
pub(crate) mod file;
mod histogram;
mod info;
pub(crate) mod keep;
mod latency;
pub(crate) mod lexer;
mod normalize;
pub(crate) mod parsing;
pub(crate) mod planning;
pub(crate) mod read;
mod record;
pub(crate) mod redact;
mod rows;
pub(crate) mod sample;
pub(crate) mod sampling;
pub(crate) mod session;
pub(crate) mod sweep;
mod texts;
pub(crate) mod transaction;
mod usefulness;
pub(crate) mod utility;
