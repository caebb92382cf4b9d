//! Which unique index would let a view be refreshed concurrently.

use pgrx::pg_sys;
use serde::Deserialize;

use super::views::BRIEFLY;
use crate::error::Result;
use crate::pg::catalog::{qualified_name, quote};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::spi;
use crate::pg::view_keys::{RowKey, is_ordered, row_key};

/// The most columns that an index may have (`INDEX_MAX_KEYS`).
const MOST_COLUMNS: usize = 32;

/// A column of the view.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Column {
    number: i16,
    name: String,
    of: u32,
    /// `pg_attribute.attlen`: negative for values of any length.
    length: i16,
}

/// The command that makes the index, if it follows from the query that no two rows have the same
/// key: statistics tell of the rows there are, not of those to come. Waits for no lock for long.
pub(super) fn advice(view: pg_sys::Oid) -> Result<Option<String>> {
    let surroundings = Surroundings {
        role: None,
        settings: vec![("lock_timeout".to_owned(), BRIEFLY.to_string())],
    };
    rolled_back(&surroundings, || {
        let Some(key) = row_key(view) else {
            return Ok(None);
        };
        let usable = usable_columns(view)?;
        let key = match key {
            RowKey::Columns(columns) => Some(columns),
            // A value of any length may be too long for an index.
            RowKey::OneRow => (usable.iter())
                .find(|column| column.length > 0)
                .map(|column| vec![column.number]),
            RowKey::RowsOf(table, shown) => table_key(table, &shown)?,
            RowKey::Unknown => None,
        };
        let names: Option<Vec<&str>> = (key.into_iter())
            .filter(|key| key.len() <= MOST_COLUMNS)
            .flat_map(|key| name_all(&key, &usable))
            .next();
        Ok(names.map(|names| command(view, &names)))
    })
}

fn name_all<'a>(key: &[i16], usable: &'a [Column]) -> Option<Vec<&'a str>> {
    (key.iter())
        .map(|number| {
            (usable.iter())
                .find(|column| column.number == *number)
                .map(|column| column.name.as_str())
        })
        .collect()
}

/// The columns that an index can have as they are.
fn usable_columns(view: pg_sys::Oid) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_object('number', a.attnum, 'name', a.attname, 'of', a.atttypid::int8,
                    'length', a.attlen) ORDER BY a.attnum), '[]')
           FROM pg_attribute AS a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped",
        &[view.into()],
    )?;
    columns.retain(|column| is_ordered(pg_sys::Oid::from(column.of)));
    Ok(columns)
}

fn command(view: pg_sys::Oid, columns: &[&str]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    format!(
        "CREATE UNIQUE INDEX ON {} ({})",
        qualified_name(view).unwrap_or_default(),
        columns.join(", ")
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
                    ORDER BY k.has_nulls, i.indisprimary DESC, i.indnkeyatts, i.indexrelid), '[]')
           FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
                CROSS JOIN LATERAL (
                    -- What is equal to one index may differ for another of another collation or class.
                    SELECT bool_and(o.opcdefault AND a.attcollation = n.sorting) IS TRUE AS is_plain,
                           bool_or(NOT a.attnotnull) AS has_nulls
                      FROM unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[])
                               WITH ORDINALITY AS n(number, class, sorting, place)
                           LEFT JOIN pg_opclass AS o ON o.oid = n.class
                           LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = n.number
                     WHERE n.place <= i.indnkeyatts) AS k
          WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
            AND k.is_plain
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
