//! What `CREATE INDEX` text says once it is checked: plain data, no pointers into the server.
//!
//! Expressions and predicates are kept as node strings (`nodeToString`), which survive the
//! memory context they were analysed in and are read back when the index is shown to the planner.

use pgrx::pg_sys::Oid;

/// An index that could be created, as `CREATE INDEX` would store it in the catalogs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexDefinition {
    /// The name given in the command, or the one the server would choose.
    pub(crate) name: String,
    /// The table, materialized view or partitioned table.
    pub(crate) table: Oid,
    /// `pg_am.oid` of the access method.
    pub(crate) access_method: Oid,
    /// `pg_am.amname` of the access method.
    pub(crate) access_method_name: String,
    /// `UNIQUE`.
    pub(crate) unique: bool,
    /// `NULLS NOT DISTINCT`.
    pub(crate) nulls_not_distinct: bool,
    /// The key columns, in order.
    pub(crate) keys: Vec<IndexKey>,
    /// Attribute numbers and types of the `INCLUDE` columns.
    pub(crate) included: Vec<IncludedColumn>,
    /// Node string of the list of key expressions, in key order; `None` without expressions.
    pub(crate) expressions: Option<String>,
    /// Node string of the predicate as an implicit-AND list with table columns as varno 1.
    pub(crate) predicate: Option<String>,
    /// `WITH (…)` storage parameters, as given.
    pub(crate) options: Vec<(String, String)>,
    /// The command's text.
    pub(crate) ddl: String,
}

/// One key column of an index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexKey {
    /// Attribute number in the table; 0 for an expression.
    pub(crate) attribute: i16,
    /// Type of the column or expression.
    pub(crate) column_type: Oid,
    /// `pg_opclass.oid`.
    pub(crate) operator_class: Oid,
    /// Operator family of the class.
    pub(crate) operator_family: Oid,
    /// Input type of the class.
    pub(crate) input_type: Oid,
    /// Whether the class stores another type than the column's (`opckeytype`), or `InvalidOid`.
    pub(crate) stored_type: Oid,
    /// Collation of the key, or `InvalidOid`.
    pub(crate) collation: Oid,
    /// `DESC`.
    pub(crate) descending: bool,
    /// `NULLS FIRST` (the default for `DESC`).
    pub(crate) nulls_first: bool,
    /// Options given to the operator class, each as `name=value`.
    pub(crate) class_options: Vec<String>,
}

/// One `INCLUDE` column of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IncludedColumn {
    /// Attribute number in the table.
    pub(crate) attribute: i16,
    /// Its type.
    pub(crate) column_type: Oid,
}

impl IndexDefinition {
    /// The value of a storage parameter, the last one given winning as in the server.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}
