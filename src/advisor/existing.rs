//! The indexes that tables have.

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use serde::Deserialize;

use super::shape::{KeyShape, Shape};
use crate::error::Result;
use crate::pg::spi;

/// An index that exists.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Existing {
    pub(super) oid: u32,
    pub(super) table: u32,
    /// Schema and name, quoted.
    pub(super) name: String,
    pub(super) access_method: String,
    /// The command that makes it.
    pub(super) definition: String,
    /// Attribute, operator class, collation, descending, nulls first.
    keys: Vec<(i16, u32, u32, bool, bool)>,
    included: Vec<i16>,
    predicate: Option<String>,
    /// Columns whose change may change an entry.
    pub(super) columns: Vec<i16>,
    /// Whether queries can use it.
    pub(super) is_usable: bool,
    /// Whether it serves nothing but finding rows: it enforces nothing, identifies no rows for
    /// replication, and nothing depends on it.
    pub(super) is_expendable: bool,
    pub(super) bytes: f64,
    /// Share of the table's rows that it has an entry for.
    pub(super) share: f64,
}

impl Existing {
    /// Its OID as the server has it.
    pub(super) fn oid(&self) -> pg_sys::Oid {
        pg_sys::Oid::from(self.oid)
    }

    pub(super) fn shape(&self) -> Shape {
        let key = |key: &(i16, u32, u32, bool, bool)| KeyShape {
            attribute: key.0,
            operator_class: key.1,
            collation: key.2,
            descending: key.3,
            nulls_first: key.4,
        };
        Shape {
            access_method: self.access_method.clone(),
            keys: self.keys.iter().map(key).collect(),
            included: self.included.clone(),
            predicate: self.predicate.clone(),
        }
    }
}

/// The indexes of some tables, in the order of their making.
pub(super) struct ExistingIndexes(pub(super) Vec<Existing>);

impl ExistingIndexes {
    /// The index of that qualified name.
    pub(super) fn find(&self, name: &str) -> Option<&Existing> {
        self.0.iter().find(|index| index.name == name)
    }
}

/// Reads the indexes of `tables`.
pub(super) fn read(tables: impl Iterator<Item = u32>) -> Result<ExistingIndexes> {
    let tables: Vec<pg_sys::Oid> = tables.map(pg_sys::Oid::from).collect();
    Ok(ExistingIndexes(spi::json(
        INDEXES,
        &[DatumWithOid::from(tables)],
    )?))
}

/// A tablespace of its own is not part of the definition that the server writes, so such an index
/// could not be made again as it was.
const INDEXES: &str = "
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', i.indexrelid::bigint, 'table', i.indrelid::bigint,
    'name', format('%I.%I', n.nspname, x.relname), 'access_method', m.amname,
    'definition', pg_get_indexdef(i.indexrelid),
    'keys', (SELECT jsonb_agg(jsonb_build_array(i.indkey[k], i.indclass[k]::bigint, i.indcollation[k]::bigint,
                                                i.indoption[k] & 1 = 1, i.indoption[k] & 2 = 2) ORDER BY k)
               FROM generate_series(0, i.indnkeyatts - 1) AS k),
    'included', (SELECT coalesce(jsonb_agg(i.indkey[k] ORDER BY k), '[]')
                   FROM generate_series(i.indnkeyatts, i.indnatts - 1) AS k),
    'predicate', pg_get_expr(i.indpred, i.indrelid),
    'columns', (SELECT coalesce(jsonb_agg(DISTINCT a), '[]') FROM (
        SELECT unnest(i.indkey) AS a
         UNION SELECT d.refobjsubid FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid) AS mentioned
       WHERE a > 0),
    'is_usable', i.indisvalid AND i.indisready AND i.indislive,
    'is_expendable', x.relkind = 'i' AND NOT x.relispartition AND x.reltablespace = 0
      AND i.indisvalid AND i.indisready AND i.indislive AND i.indexprs IS NULL
      AND NOT (i.indisunique OR i.indisprimary OR i.indisexclusion OR i.indisreplident OR i.indisclustered)
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
      AND NOT EXISTS (SELECT FROM pg_depend d
                       WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indexrelid)
                          OR (d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                              AND d.deptype IN ('e', 'x', 'i'))
                          OR (d.classid = 'pg_class'::regclass AND d.objid = i.indrelid AND d.deptype = 'e')),
    'bytes', x.relpages::float8 * current_setting('block_size')::float8,
    'share', CASE WHEN i.indpred IS NULL OR t.reltuples <= 0 THEN 1
                  ELSE least(greatest(x.reltuples, 0) / t.reltuples, 1) END)
    ORDER BY i.indexrelid), '[]')
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = x.relnamespace JOIN pg_am m ON m.oid = x.relam
   WHERE i.indrelid = ANY ($1)";
