//! What the server says of all that a materialized view reads.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fingerprint::{Counts, Fingerprint};

/// Everything that decides whether and how a view is refreshed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Facts {
    /// Tables, each with its partitions and children.
    pub(super) relations: Vec<Relation>,
    /// Functions, aggregates with the functions they are made of.
    pub(super) functions: Vec<Function>,
    /// Versions of the values of enums, by the type's OID.
    pub(super) enums: BTreeMap<u32, String>,
    /// Whether all changes of rows are counted (`track_counts`).
    pub(super) counted: bool,
    /// When the server started and its counters began.
    pub(super) epoch: String,
    /// Settings that results may depend on, as the refreshing session has them; null for one that
    /// cannot be foretold here.
    pub(super) settings: BTreeMap<String, Option<String>>,
    /// A hash of what `ALTER ROLE` and `ALTER DATABASE` set.
    pub(super) defaults: String,
    /// A hash of the columns of tables and types.
    pub(super) shapes: String,
    /// A hash of how text search is configured, if it is used.
    pub(super) text_search: String,
    /// The view's own file and rows.
    pub(super) own: Counts,
    /// The transaction that it is looked at in, if it has changed anything.
    pub(super) transaction: Option<u64>,
    /// Whether the view has rows at all.
    pub(super) populated: bool,
    /// An index that `CONCURRENTLY` can use.
    pub(super) unique_index: Option<String>,
}

/// A table, partition or materialized view.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Relation {
    /// `pg_class.oid`.
    pub(super) oid: u32,
    /// Its qualified name.
    pub(super) name: String,
    /// `relkind`.
    pub(super) kind: char,
    /// Whether it is the server's own.
    pub(super) built_in: bool,
    /// Whether it has row-level security.
    pub(super) policies: bool,
    /// Whether its rows are kept by the server's own access method.
    pub(super) heap: bool,
    /// See [`Counts`].
    pub(super) file: u32,
    /// See [`Counts`].
    pub(super) inserted: i64,
    /// See [`Counts`].
    pub(super) updated: i64,
    /// See [`Counts`].
    pub(super) deleted: i64,
    /// See [`Counts`].
    pub(super) version: i64,
}

/// A function.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Function {
    /// `pg_proc.oid`.
    pub(super) oid: u32,
    /// With its argument types.
    pub(super) name: String,
    /// `provolatile`.
    pub(super) volatility: char,
    /// The language's name.
    pub(super) language: String,
    /// Whether it is an aggregate, made of other functions.
    pub(super) aggregate: bool,
    /// Changes with `CREATE OR REPLACE`.
    pub(super) version: String,
}

impl Facts {
    /// What to compare with next time.
    pub(super) fn fingerprint(&self, tree: &str) -> Fingerprint {
        Fingerprint {
            tree: tree.to_owned(),
            functions: (self.functions.iter())
                .filter(|function| function.oid >= super::builtin::FIRST_NOT_BUILT_IN)
                .map(|function| (function.oid, function.version.clone()))
                .collect(),
            enums: self.enums.clone(),
            relations: (self.relations.iter())
                .filter(|relation| relation.kind != 'p')
                .map(|relation| (relation.oid, relation.counts()))
                .collect(),
            epoch: self.epoch.clone(),
            settings: (self.settings.iter())
                .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()))
                .collect(),
            defaults: self.defaults.clone(),
            shapes: self.shapes.clone(),
            text_search: self.text_search.clone(),
            own: self.own,
            transaction: self.transaction,
        }
    }

    /// What a relation is called in messages.
    pub(super) fn name_of(&self, oid: u32) -> String {
        (self.relations.iter().find(|relation| relation.oid == oid))
            .map_or_else(|| oid.to_string(), |relation| relation.name.clone())
    }

    /// The materialized views among what it reads.
    pub(super) fn materialized_views(&self) -> Vec<u32> {
        (self.relations.iter())
            .filter(|relation| relation.kind == 'm')
            .map(|relation| relation.oid)
            .collect()
    }
}

impl Relation {
    fn counts(&self) -> Counts {
        Counts {
            file: self.file,
            inserted: self.inserted,
            updated: self.updated,
            deleted: self.deleted,
            version: self.version,
        }
    }
}
