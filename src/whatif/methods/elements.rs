//! How many entries a GIN index would have, where the table could not be looked at: from the
//! statistics of elements that `ANALYZE` keeps, else by the type.

use pgrx::pg_sys;

use super::gin::Group;
use crate::pg::catalog;
use crate::pg::index_definition::IndexKey;
use crate::pg::statistic_slots::{self, Slot};
use crate::whatif::btree::StoredColumn;
use crate::whatif::size::{Leaf, stored_type};

/// Rows that have an entry, on average, where nothing is known.
const ROWS_PER_ENTRY: f64 = 20.0;
/// Bytes of a lexeme in a `tsvector`, and of a key or value in a `jsonb`.
const LEXEME: f64 = 14.0;
const JSON_ITEM: f64 = 12.0;

/// Entries of a row, on average.
pub(super) fn per_row(table: Leaf, attribute: Option<i16>, key: &IndexKey, width: f64) -> f64 {
    let numbers = |slot| {
        attribute.map_or_else(Vec::new, |attribute| {
            statistic_slots::numbers(table.oid, attribute, slot)
        })
    };
    if let Some(average) = numbers(Slot::ElementCounts).last() {
        return average.max(0.0);
    }
    // SAFETY: a catalog look-up by OID.
    let element = unsafe { pg_sys::get_base_element_type(key.column_type) };
    if element != pg_sys::InvalidOid {
        let each = catalog::type_storage(element, -1);
        let size = if each.length > 0 {
            f64::from(each.length)
        } else {
            each.average_width
        };
        return ((width - 24.0) / size.max(1.0)).max(1.0);
    }
    match key.column_type {
        pg_sys::TSVECTOROID => ((width - 8.0) / LEXEME).max(1.0),
        pg_sys::JSONBOID => (width / JSON_ITEM).max(1.0),
        // Entries of a text that are numbers are its trigrams.
        pg_sys::TEXTOID | pg_sys::VARCHAROID if stored_type(key) == pg_sys::INT4OID => width + 1.0,
        _ => 1.0,
    }
}

/// Entries of a column, by how many rows have them.
pub(super) fn groups(
    table: Leaf,
    attribute: Option<i16>,
    key: &IndexKey,
    column: &StoredColumn,
    tuples: f64,
) -> Vec<Group> {
    let rows = tuples * (1.0 - column.null_frac).clamp(0.0, 1.0);
    // What is stored has another width.
    let source = attribute.map(|attribute| catalog::average_width(table.oid, attribute));
    let per_row = per_row(table, attribute, key, source.unwrap_or(column.width));
    let storage = catalog::type_storage(stored_type(key), -1);
    let width = if storage.length > 0 {
        f64::from(storage.length)
    } else {
        (column.width / per_row).clamp(2.0, 200.0)
    };
    let group = |keys: f64, rows: f64| Group { keys, rows, width };
    let mut groups = vec![group(f64::from(u8::from(tuples > rows)), tuples - rows)];
    let mut shares = attribute.map_or_else(Vec::new, |attribute| {
        statistic_slots::numbers(table.oid, attribute, Slot::CommonElements)
    });
    // The last two numbers are the least and the greatest share.
    shares.truncate(shares.len().saturating_sub(2));
    let mut items = rows * per_row;
    for share in &shares {
        groups.push(group(1.0, share * rows));
        items -= share * rows;
    }
    let scalar = per_row <= 1.0 && shares.is_empty();
    let keys = if scalar && column.distinct >= 1.0 {
        column.distinct
    } else if scalar {
        rows
    } else {
        items.max(0.0) / ROWS_PER_ENTRY
    };
    if keys >= 1.0 {
        groups.push(group(keys, items.max(keys) / keys));
    }
    groups
}
