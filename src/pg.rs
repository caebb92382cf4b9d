//! The only door to the server's C interface.
//!
//! Everything above this floor is safe Rust over plain types; every raw pointer, catalog tuple
//! and node tree stays behind one of these modules.

pub(crate) mod catalog;
pub(crate) mod code_guard;
pub(crate) mod compat;
pub(crate) mod dependent_columns;
pub(crate) mod explain;
pub(crate) mod hints;
pub(crate) mod index_columns;
pub(crate) mod index_definition;
pub(crate) mod index_info;
pub(crate) mod memory;
pub(crate) mod plan;
pub(crate) mod ports;
pub(crate) mod predicate;
pub(crate) mod preload;
pub(crate) mod reach;
pub(crate) mod relation_facts;
pub(crate) mod roles;
pub(crate) mod rollback;
pub(crate) mod spi;
pub(crate) mod statement;
