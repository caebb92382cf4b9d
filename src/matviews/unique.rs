//! Which unique index would let a view be refreshed concurrently.

use pgrx::pg_sys;
use serde::Deserialize;

use super::views::BRIEFLY;
use crate::error::Result;
use crate::pg::catalog::{qualified_name, quote};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::spi;
use crate::pg::view_keys::{RowKey, row_key};

/// A command, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    /// `CREATE UNIQUE INDEX …`.
    pub(super) command: String,
    /// Whether it follows from the query that no two rows have the same key; else it is what
    /// statistics say of the rows there are.
    pub(super) certain: bool,
}

/// The most columns that an index may have (`INDEX_MAX_KEYS`).
const MOST_COLUMNS: usize = 32;

/// The index to make, if it can be told; waits for no lock for long.
pub(super) fn advice(view: pg_sys::Oid) -> Result<Option<Advice>> {
    let surroundings = Surroundings {
        role: None,
        settings: vec![("lock_timeout".to_owned(), BRIEFLY.to_string())],
    };
    rolled_back(&surroundings, || {
        let Some(key) = row_key(view) else {
            return Ok(None);
        };
        let columns = match key {
            RowKey::Columns(columns) => Some(columns),
            RowKey::OneRow => Some(vec![1]),
            RowKey::RowsOf(table, shown) => table_key(table, &shown)?,
            RowKey::Unknown => None,
        };
        match columns {
            Some(columns) if columns.len() <= MOST_COLUMNS => Ok(Some(Advice {
                command: command(view, &names(view, &columns)?),
                certain: true,
            })),
            _ => Ok(distinct_column(view)?.map(|column| Advice {
                command: command(view, &[column]),
                certain: false,
            })),
        }
    })
}

fn command(view: pg_sys::Oid, columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    format!(
        "CREATE UNIQUE INDEX ON {} ({})",
        qualified_name(view).unwrap_or_default(),
        columns.join(", ")
    )
}

/// Names of columns in the order given.
fn names(view: pg_sys::Oid, columns: &[i16]) -> Result<Vec<String>> {
    let numbers: Vec<i32> = columns.iter().map(|&number| i32::from(number)).collect();
    spi::json(
        "SELECT coalesce(jsonb_agg(a.attname ORDER BY n.place), '[]')
           FROM unnest($2::int4[]) WITH ORDINALITY AS n(number, place)
                JOIN pg_attribute AS a ON a.attrelid = $1::oid AND a.attnum = n.number",
        &[view.into(), numbers.into()],
    )
}

#[derive(Deserialize)]
struct Index {
    columns: Vec<i16>,
}

/// The columns of the view that are a key of the table whose rows it shows.
fn table_key(table: u32, shown: &[(i16, i16)]) -> Result<Option<Vec<i16>>> {
    let indexes: Vec<Index> = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_object('columns',
                    (SELECT jsonb_agg(k.number ORDER BY k.place)
                       FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) WHERE k.place <= i.indnkeyatts))
                    ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid), '[]')
           FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
          WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
            AND (c.relkind = 'p' OR NOT c.relhassubclass)",
        &[pg_sys::Oid::from(table).into()],
    )?;
    Ok(indexes.iter().find_map(|index| {
        (index.columns.iter())
            .map(|column| {
                (shown.iter())
                    .find(|(base, _)| *column > 0 && base == column)
                    .map(|(_, view)| *view)
            })
            .collect()
    }))
}

/// A column of whose values all were different when the view was last analysed.
fn distinct_column(view: pg_sys::Oid) -> Result<Option<String>> {
    let columns: Vec<String> = spi::json(
        "SELECT coalesce(jsonb_agg(a.attname ORDER BY a.attnum), '[]')
           FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = s.attname
          WHERE c.oid = $1::oid AND s.n_distinct = -1 AND s.null_frac = 0 AND c.reltuples > 1",
        &[view.into()],
    )?;
    Ok(columns.into_iter().next())
}
