//! What the catalogs say of the tables that candidates are for.

use std::collections::BTreeMap;
use std::rc::Rc;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use serde::Deserialize;

use super::candidates::{Key, Knowledge};
use crate::error::Result;
use crate::pg::operator_classes::IndexMethod;
use crate::pg::relation_facts::Element;
use crate::pg::spi;
use crate::pg::{catalog, column_order, deparse};

/// A table that may get an index.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Table {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// Schema and name, quoted.
    pub(crate) qualified: String,
    pub(crate) owner: u32,
    /// `relkind`: `r`, `m` or `p`.
    pub(crate) kind: String,
    /// Bytes of the table and its partitions, without indexes.
    pub(crate) bytes: f64,
    /// Rows at the last VACUUM or ANALYZE.
    pub(crate) tuples: f64,
    /// Whether it, or a partition of it, was ever vacuumed or analysed.
    pub(crate) counted: bool,
    /// Whether TimescaleDB keeps its rows in chunks.
    #[serde(default)]
    pub(crate) hypertable: bool,
    /// By attribute number.
    pub(crate) columns: BTreeMap<i16, Column>,
    pub(crate) indexes: Vec<ExistingIndex>,
    /// Names of the indexes a failed `CREATE INDEX CONCURRENTLY` left behind: none that may be
    /// under construction, and none that might enforce uniqueness.
    pub(crate) invalid: Vec<String>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The name, quoted where need be.
    pub(crate) quoted: String,
    /// Bytes of the longest value it may have, where type or constraints say so. Entries over a
    /// third of a page make an INSERT fail.
    pub(crate) most_bytes: Option<f64>,
}

/// A valid index of one of the server's own methods, in the collations of its columns.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ExistingIndex {
    pub(crate) name: String,
    pub(crate) method: IndexMethod,
    /// Whether no two rows may have the same keys.
    pub(crate) unique: bool,
    /// Attribute number or 0, the expression, descending, nulls first, the operator class if it
    /// is not the default one.
    keys: Vec<(i16, String, bool, bool, Option<String>)>,
    included: Vec<i16>,
    pub(crate) predicate: Option<String>,
}

impl ExistingIndex {
    /// Its keys as candidates have them.
    pub(crate) fn keys(&self) -> Vec<Key> {
        (self.keys.iter())
            .map(
                |(attribute, expression, descending, nulls_first, class)| Key {
                    element: match attribute {
                        0 => Element::Expression(without_outer_parentheses(expression).into()),
                        attribute => Element::Column(*attribute),
                    },
                    class: class.as_deref().map(Rc::from),
                    descending: *descending,
                    nulls_first: *nulls_first,
                },
            )
            .collect()
    }

    /// Every column stored in it.
    pub(crate) fn columns(&self) -> Vec<i16> {
        (self
            .keys
            .iter()
            .map(|key| key.0)
            .filter(|attribute| *attribute > 0))
        .chain(self.included.iter().copied())
        .collect()
    }
}

/// `(a || b)` of `((a || b))`, as `pg_get_indexdef` encloses what is no function call once more.
fn without_outer_parentheses(sql: &str) -> &str {
    match sql.strip_prefix("((").is_some() && sql.ends_with("))") {
        true => sql.get(1..sql.len() - 1).unwrap_or(sql),
        false => sql,
    }
}

impl Table {
    /// Whether the planner knows how many rows there are, and anything of their values.
    pub(crate) fn is_analysed(&self) -> bool {
        let table = pg_sys::Oid::from(self.oid);
        let mut columns = self.columns.keys();
        self.counted && columns.any(|&column| catalog::column_statistics(table, column).is_some())
    }

    /// Whether the rows of the last ANALYZE had all different values of a column, and no nulls.
    pub(crate) fn has_no_value_twice(&self, column: i16) -> bool {
        catalog::column_statistics(pg_sys::Oid::from(self.oid), column).is_some_and(|statistics| {
            statistics.distinct == -1.0 && statistics.null_fraction == 0.0
        })
    }

    /// Whether it is a partitioned table.
    pub(crate) fn is_partitioned(&self) -> bool {
        self.kind == "p"
    }
}

/// The tables among `oids` that may get an index: no system tables, no other session's
/// temporary ones, and only those of `schemas` if given.
pub(crate) fn read(oids: &[u32], schemas: Option<&[String]>) -> Result<BTreeMap<u32, Table>> {
    let oids: Vec<pg_sys::Oid> = oids.iter().copied().map(pg_sys::Oid::from).collect();
    let schemas: Option<Vec<String>> = schemas.map(<[String]>::to_vec);
    let arguments = [DatumWithOid::from(oids), DatumWithOid::from(schemas)];
    let mut tables: Vec<Table> = deparse::with_qualified_names(|| spi::json(TABLES, &arguments))??;
    let hypertables = hypertables()?;
    for table in &mut tables {
        let place = (table.schema.clone(), table.name.clone());
        table.hypertable = hypertables.contains(&place);
    }
    Ok(tables.into_iter().map(|table| (table.oid, table)).collect())
}

/// Schemas and names of TimescaleDB's hypertables; none without it. The extension's catalog is
/// readable by everybody.
fn hypertables() -> Result<Vec<(String, String)>> {
    let installed: bool = spi::json(
        "SELECT to_jsonb(EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
                         AND to_regclass('_timescaledb_catalog.hypertable') IS NOT NULL)",
        &[],
    )?;
    if !installed {
        return Ok(Vec::new());
    }
    spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(schema_name, table_name)), '[]')
           FROM _timescaledb_catalog.hypertable",
        &[],
    )
}

impl Knowledge for Table {
    fn most_bytes(&self, attribute: i16) -> Option<f64> {
        self.columns.get(&attribute)?.most_bytes
    }

    fn width(&self, attribute: i16) -> f64 {
        catalog::average_width(pg_sys::Oid::from(self.oid), attribute)
    }

    fn distinct_values(&self, attribute: i16) -> Option<f64> {
        catalog::column_statistics(pg_sys::Oid::from(self.oid), attribute)
            .map(|statistics| statistics.distinct_of(self.tuples))
    }

    fn correlation(&self, attribute: i16) -> Option<f64> {
        column_order::correlation(pg_sys::Oid::from(self.oid), attribute)
    }
}

/// Partitions below a partitioned table, for the step-by-step concurrent build.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Partition {
    pub(crate) oid: u32,
    pub(crate) parent: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) qualified: String,
    pub(crate) kind: String,
}

/// Every partition below `table`, parents before their children.
pub(crate) fn partitions(table: u32) -> Result<Vec<Partition>> {
    spi::json(
        "WITH RECURSIVE tree (oid, parent, level) AS (
           SELECT inhrelid, inhparent, 1 FROM pg_inherits WHERE inhparent = $1
            UNION ALL
           SELECT i.inhrelid, i.inhparent, t.level + 1 FROM pg_inherits i JOIN tree t ON i.inhparent = t.oid)
         SELECT coalesce(jsonb_agg(jsonb_build_object(
                  'oid', t.oid::bigint, 'parent', t.parent::bigint, 'schema', n.nspname,
                  'name', c.relname, 'qualified', format('%I.%I', n.nspname, c.relname),
                  'kind', c.relkind) ORDER BY t.level, n.nspname, c.relname), '[]')
           FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace",
        &[DatumWithOid::from(pg_sys::Oid::from(table))],
    )
}

/// Whether a schema has a relation of that name.
pub(crate) fn relation_exists(schema: &str, name: &str) -> Result<bool> {
    spi::json(
        "SELECT to_jsonb(EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                                  WHERE n.nspname = $1 AND c.relname = $2))",
        &[DatumWithOid::from(schema), DatumWithOid::from(name)],
    )
}

const TABLES: &str = r"
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', c.oid::bigint, 'schema', n.nspname, 'name', c.relname,
    'qualified', format('%I.%I', n.nspname, c.relname),
    'owner', c.relowner::bigint, 'kind', c.relkind,
    'bytes', size.bytes, 'tuples', size.tuples, 'counted', size.counted,
    'columns', (SELECT coalesce(jsonb_object_agg(a.attnum::text, jsonb_build_object(
        'name', a.attname, 'quoted', quote_ident(a.attname),
        'most_bytes', CASE
            WHEN a.attlen > 0 THEN a.attlen
            WHEN a.atttypid = 'numeric'::regtype AND a.atttypmod >= 4 THEN 12 + (((a.atttypmod - 4) >> 16) & 65535) / 2
            -- Nobody keeps thousands of digits.
            WHEN a.atttypid = 'numeric'::regtype THEN 64
            WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod >= 4 THEN 4 + 4 * (a.atttypmod - 4)
            WHEN a.atttypid IN ('bit'::regtype, 'varbit'::regtype) AND a.atttypmod > 0 THEN 12 + a.atttypmod / 8
            WHEN a.atttypid IN ('inet'::regtype, 'cidr'::regtype) THEN 22
            WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bytea'::regtype) THEN
              (SELECT min(4 + 4 * bound.length) FROM pg_constraint k
                CROSS JOIN LATERAL (SELECT (regexp_match(pg_get_constraintdef(k.oid),
                  '^CHECK \(\((?:length|char_length|character_length|octet_length)\(\(?[^() ]+\)?(?:::text)?\) <=? (\d{1,6})\)\)$'))[1]::int AS length) AS bound
                WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND k.conkey = ARRAY[a.attnum]
                  AND to_jsonb(k) ->> 'conenforced' IS DISTINCT FROM 'false')
            END)), '{}')
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'name', format('%I.%I', xn.nspname, x.relname), 'method', m.amname, 'unique', i.indisunique AND i.indimmediate,
        'keys', (SELECT jsonb_agg(jsonb_build_array(i.indkey[k], pg_get_indexdef(i.indexrelid, k + 1, false),
                                                    i.indoption[k] & 1 = 1, i.indoption[k] & 2 = 2,
                                                    (SELECT CASE WHEN o.opcdefault OR twin.is_default THEN NULL
                                                                 WHEN on_.nspname = 'pg_catalog' AND twin.is_only THEN quote_ident(o.opcname)
                                                                 ELSE format('%I.%I', on_.nspname, o.opcname) END
                                                       FROM pg_opclass o JOIN pg_namespace on_ ON on_.oid = o.opcnamespace
                                                      CROSS JOIN LATERAL (
                                                            SELECT bool_or(d.opcdefault AND d.opcfamily = o.opcfamily AND d.opcintype = o.opcintype) AS is_default,
                                                                   count(*) FILTER (WHERE d.opcname = o.opcname) = 1 AS is_only
                                                              FROM pg_opclass d WHERE d.opcmethod = o.opcmethod) AS twin
                                                      WHERE o.oid = i.indclass[k])) ORDER BY k)
                   FROM generate_series(0, i.indnkeyatts - 1) AS k),
        'included', (SELECT coalesce(jsonb_agg(i.indkey[k] ORDER BY k), '[]')
                       FROM generate_series(i.indnkeyatts, i.indnatts - 1) AS k),
        'predicate', pg_get_expr(i.indpred, i.indrelid))), '[]')
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_namespace xn ON xn.oid = x.relnamespace
        JOIN pg_am m ON m.oid = x.relam
       WHERE i.indrelid = c.oid AND i.indisvalid AND m.amname IN ('btree', 'hash', 'gin', 'gist', 'spgist', 'brin')
         AND NOT EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) AS k
                           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
                          WHERE a.attcollation <> i.indcollation[k])),
    'invalid', (SELECT coalesce(jsonb_agg(x.relname), '[]')
                  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                 WHERE i.indrelid = c.oid AND NOT i.indisvalid AND x.relkind = 'i' AND NOT i.indisunique
                   AND NOT EXISTS (SELECT FROM pg_locks l
                                    WHERE l.locktype = 'relation' AND l.relation = c.oid AND l.pid <> pg_backend_pid()
                                      AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'AccessExclusiveLock'))))), '[]')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   CROSS JOIN LATERAL (
         SELECT coalesce(sum(p.relpages::float8), 0) * current_setting('block_size')::float8 AS bytes,
                coalesce(sum(greatest(p.reltuples, 0)::float8), 0) AS tuples,
                coalesce(bool_or(p.reltuples >= 0), false) AS counted
           FROM pg_class p
          WHERE p.relkind IN ('r', 'm')
            AND p.oid IN (WITH RECURSIVE tree (oid) AS (
                            SELECT c.oid UNION ALL
                            SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.oid WHERE c.relkind = 'p')
                          SELECT tree.oid FROM tree)) AS size
   WHERE c.oid = ANY ($1)
     AND c.relkind IN ('r', 'm', 'p')
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgopt')
     AND n.nspname !~ '^_timescaledb_'
     AND (c.relpersistence <> 't' OR c.relnamespace = pg_my_temp_schema())
     AND ($2 IS NULL OR n.nspname = ANY ($2))";
