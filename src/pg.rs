//! The only door to the server's C interface.
//!
//! Everything above this floor is safe Rust over plain types; every raw pointer, catalog tuple
//! and node tree stays behind one of these modules.

pub(crate) mod background;
pub(crate) mod bound;
pub(crate) mod catalog;
pub(crate) mod checked_setting;
pub(crate) mod clock;
pub(crate) mod clustered_values;
pub(crate) mod code_guard;
pub(crate) mod column_order;
pub(crate) mod command_text;
pub(crate) mod compat;
pub(crate) mod databases;
pub(crate) mod deparse;
pub(crate) mod dependent_columns;
pub(crate) mod disk;
pub(crate) mod elevated;
pub(crate) mod errors;
pub(crate) mod execution;
pub(crate) mod explain;
mod expression_statistics;
pub(crate) mod gin_entries;
mod gin_searches;
pub(crate) mod hints;
pub(crate) mod index_columns;
mod index_costs;
pub(crate) mod index_definition;
pub(crate) mod index_info;
mod index_twin;
pub(crate) mod latch;
pub(crate) mod local;
pub(crate) mod log;
pub(crate) mod made_statistics;
pub(crate) mod memory;
pub(crate) mod operator_class;
pub(crate) mod operator_classes;
pub(crate) mod parameters;
pub(crate) mod parse;
pub(crate) mod plan;
#[cfg(not(feature = "pg18"))]
mod plan_state;
pub(crate) mod ports;
pub(crate) mod predicate;
pub(crate) mod preload;
pub(crate) mod reach;
pub(crate) mod relation_facts;
pub(crate) mod roles;
pub(crate) mod rollback;
pub(crate) mod sampled_keys;
pub(crate) mod session;
pub(crate) mod shared_memory;
pub(crate) mod shared_prefixes;
pub(crate) mod sizing;
pub(crate) mod spi;
pub(crate) mod srf;
pub(crate) mod statement;
pub(crate) mod statistic_slots;
mod table_sample;
pub(crate) mod text;
pub(crate) mod top_level;
mod trusted_code;
pub(crate) mod utility;
mod value_copies;
pub(crate) mod values;
pub(crate) mod version;
pub(crate) mod zone;
