//! What the server has counted of the writes to each table.

use std::collections::BTreeMap;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use serde::Deserialize;

use crate::error::Result;
use crate::pg::catalog;
use crate::pg::spi;

/// Rows written to a table and its partitions since the counters began.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
pub(super) struct Counters {
    pub(super) table: u32,
    pub(super) inserted: f64,
    pub(super) updated: f64,
    /// Updates that made no index entries (heap-only tuples).
    pub(super) hot_updated: f64,
    /// Rows alive now.
    pub(super) live: f64,
    /// Valid indexes of the table.
    pub(super) indexes: f64,
}

/// The counters of `tables`, and the hours they have been counting for, where that is known.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) tables: BTreeMap<u32, Counters>,
    pub(super) hours: Option<f64>,
}

/// Reads the statistics views' counters.
pub(super) fn read(tables: &[u32]) -> Result<Counted> {
    let oids: Vec<pg_sys::Oid> = tables.iter().copied().map(pg_sys::Oid::from).collect();
    let rows: Vec<Counters> = spi::json(COUNTERS, &[DatumWithOid::from(oids)])?;
    let hours: Option<f64> = spi::json(
        "SELECT coalesce(to_jsonb(extract(epoch FROM clock_timestamp()
                  - pg_stat_get_db_stat_reset_time((SELECT oid FROM pg_database WHERE datname = current_database()))) / 3600), 'null')",
        &[],
    )?;
    // Counters that nobody ever reset are as old as the database at most.
    let hours = hours.or_else(|| catalog::database_age().map(|age| age.as_secs_f64() / 3600.0));
    Ok(Counted {
        tables: rows.into_iter().map(|row| (row.table, row)).collect(),
        hours: hours.filter(|hours| *hours > 0.0),
    })
}

const COUNTERS: &str = "
  SELECT coalesce(jsonb_agg(jsonb_build_object(
           'table', given.oid::bigint, 'inserted', counted.inserted, 'updated', counted.updated,
           'hot_updated', counted.hot_updated, 'live', counted.live,
           'indexes', (SELECT count(*) FROM pg_index i WHERE i.indrelid = given.oid AND i.indisvalid))), '[]')
    FROM unnest($1) AS given (oid)
   CROSS JOIN LATERAL (
         SELECT coalesce(sum(pg_stat_get_tuples_inserted(tree.oid)), 0) AS inserted,
                coalesce(sum(pg_stat_get_tuples_updated(tree.oid)), 0) AS updated,
                coalesce(sum(pg_stat_get_tuples_hot_updated(tree.oid)), 0) AS hot_updated,
                coalesce(sum(pg_stat_get_live_tuples(tree.oid)), 0) AS live
           FROM (SELECT given.oid UNION ALL
                 SELECT t.relid FROM pg_partition_tree(given.oid) AS t WHERE t.isleaf AND t.relid <> given.oid) AS tree) AS counted";
