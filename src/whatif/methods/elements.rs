//! How many entries a GIN index would have: from those of sampled rows, or where the table could
//! not be looked at, from the statistics of elements that `ANALYZE` keeps, else by the type.

use std::collections::BTreeMap;

use pgrx::pg_sys;

use super::gin::Group;
use crate::pg::catalog;
use crate::pg::gin_entries::CountedEntries;
use crate::pg::index_definition::IndexKey;
use crate::pg::sizing;
use crate::pg::statistic_slots::{self, Slot};
use crate::whatif::btree::StoredColumn;
use crate::whatif::size::{Leaf, stored_type};

/// Rows that have an entry, on average, where nothing is known.
const ROWS_PER_ENTRY: f64 = 20.0;
/// Bytes of a lexeme in a `tsvector`, and of a key or value in a `jsonb`.
const LEXEME: f64 = 14.0;
const JSON_ITEM: f64 = 12.0;

/// Entries of `tuples` rows, from those of some of them.
pub(super) fn of_sample(sample: &CountedEntries, null_fraction: f64, tuples: f64) -> Vec<Group> {
    /// Entries found so often are there as often in all rows as among those looked at.
    const OFTEN: u32 = 10;
    let present = tuples * (1.0 - null_fraction.clamp(0.0, 1.0));
    let scale = (present / f64::from(sample.values.max(1))).max(1.0);
    let placeholder = |rows: f64| Group {
        keys: f64::from(u8::from(rows >= 1.0)),
        rows,
        width: 0.0,
    };
    let mut groups = vec![
        placeholder(tuples - present),
        placeholder(f64::from(sample.empty) * scale),
    ];
    let mut often: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    let (mut rare_keys, mut rare_items, mut rare_bytes) = (0.0, 0.0, 0.0);
    for (count, width, alike) in &sample.entries {
        let alike = f64::from(*alike);
        if *count >= OFTEN {
            let (keys, bytes) = often.entry(*count).or_default();
            *keys += alike;
            *bytes += alike * f64::from(*width);
        } else {
            rare_keys += alike;
            rare_items += alike * f64::from(*count);
            rare_bytes += alike * f64::from(*width);
        }
    }
    groups.extend(often.into_iter().map(|(count, (keys, bytes))| Group {
        keys,
        rows: f64::from(count) * scale,
        width: bytes / keys,
    }));
    let that_came = |times: u32| {
        let entries = sample.entries.iter();
        (entries.filter(|(count, _, _)| *count == times))
            .map(|(_, _, alike)| f64::from(*alike))
            .sum::<f64>()
    };
    if rare_keys > 0.0 {
        let keys = distinct_entries(rare_items, rare_keys, that_came(1), that_came(2), scale);
        groups.push(Group {
            keys,
            rows: (rare_items * scale / keys).max(1.0),
            width: rare_bytes / rare_keys,
        });
    }
    groups
}

/// Distinct entries among `scale` times as many items as were seen, of which `seen` differ,
/// `once` came once and `twice` twice: the estimator of Chao and Lin for samples drawn without
/// replacement (2012), which entries of unequal frequency mislead less than that of `ANALYZE`.
fn distinct_entries(items: f64, seen: f64, once: f64, twice: f64, scale: f64) -> f64 {
    if once <= 0.0 || scale <= 1.0 {
        return seen;
    }
    let pairs = 2.0 * twice * items / (items - 1.0).max(1.0);
    let unseen = once * once / (pairs + once / (scale - 1.0)).max(1e-9);
    (seen + unseen).clamp(seen, items * scale)
}

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
    if let Some(element) = sizing::element_type(key.column_type) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_all_differ_go_on_to_do_so() {
        let estimate = distinct_entries(3000.0, 3000.0, 3000.0, 0.0, 100.0);
        assert!((estimate / 300_000.0 - 1.0).abs() < 0.01, "{estimate}");
    }

    #[test]
    fn entries_that_came_often_are_all_there_are() {
        let estimate = distinct_entries(3000.0, 100.0, 0.0, 0.0, 100.0);
        assert!((estimate - 100.0).abs() < 1e-9, "{estimate}");
    }

    #[test]
    fn a_sample_of_all_rows_is_taken_as_it_is() {
        let sample = CountedEntries {
            values: 100,
            empty: 10,
            entries: vec![(1, 5, 2), (90, 5, 1)],
        };
        let groups = of_sample(&sample, 0.5, 200.0);
        let keys: f64 = groups.iter().map(|group| group.keys).sum();
        let items: f64 = groups.iter().map(|group| group.keys * group.rows).sum();
        // Two placeholders: one for NULLs, one for values without entries.
        assert!((keys - 5.0).abs() < 1e-9, "{keys}");
        assert!((items - (92.0 + 100.0 + 10.0)).abs() < 1e-9, "{items}");
    }
}
