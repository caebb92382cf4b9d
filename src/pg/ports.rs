//! Ports of static functions of the server that an extension needs and cannot call.
//! Function names follow PostgreSQL's, so that a reader finds the original.

pub(crate) mod define_index;
pub(crate) mod explain_one_query;
