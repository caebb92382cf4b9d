//! Sizes of indexes other than B-trees: what their models are given, per access method.

mod brin;
mod elements;
mod gin;
mod hash;
mod tree;

use pgrx::pg_sys;

use self::brin::Summary;
use self::gin::{GinShape, Group};
use self::hash::HashShape;
use self::tree::{Filling, GistShape};
use super::btree::{StoredColumn, distinct_drawn};
use super::hypothetical::Hypothetical;
use super::size::{Input, Leaf, Method, fillfactor, stored_type};
use crate::pg::catalog;
use crate::pg::index_definition::IndexKey;
use crate::pg::index_info::{Contents, IndexGeometry};
use crate::pg::operator_class::{class_name, spgist_config, support_function};
use crate::pg::sampled_keys::SampledKey;
use crate::pg::sizing;
use crate::pg::statistic_slots::{self, Slot};

/// Rows beyond which more make no difference to the answer.
const MAX_ROWS: f64 = 1e18;

/// A key of the index with what is known of its column.
struct Key<'a> {
    definition: &'a IndexKey,
    column: &'a StoredColumn,
    /// The column in the table at hand whose statistics describe the key.
    attribute: Option<i16>,
    /// What a look at the table says.
    sampled: Option<&'a SampledKey>,
}

/// Size of `index`, which is no B-tree, freshly built on `leaf`.
pub(super) fn geometry(
    index: &Hypothetical,
    leaf: Leaf,
    input: &Input,
    attribute_in_table: &dyn Fn(i16) -> i16,
) -> IndexGeometry {
    let keys: Vec<Key> = (index.definition.keys.iter().zip(&input.keys).enumerate())
        .map(|(position, (definition, column))| Key {
            definition,
            column,
            attribute: index.statistics_of(position).map(attribute_in_table),
            sampled: index.sampled(position),
        })
        .collect();
    let table = Leaf {
        rows: leaf.rows.clamp(0.0, MAX_ROWS),
        pages: leaf.pages.max(1.0),
        ..leaf
    };
    let tuples = input.tuples.clamp(0.0, MAX_ROWS);
    let plain = |pages: f64| IndexGeometry {
        // A conversion from f64 saturates.
        pages: pages as u32,
        tuples,
        // Unknown: the cost functions take it from the size.
        tree_height: -1,
        contents: Contents::Plain,
    };
    match index.method {
        Method::Btree | Method::Hash => plain(hash_pages(index, table, tuples, &keys)),
        Method::Gist => plain(gist_pages(index, table, tuples, &keys)),
        Method::Spgist => plain(spgist_pages(tuples, &keys)),
        Method::Brin => brin_geometry(index, table, &keys),
        Method::Gin => gin_geometry(index, table, tuples, &keys),
    }
}

fn hash_pages(index: &Hypothetical, table: Leaf, tuples: f64, keys: &[Key]) -> f64 {
    const FILLFACTOR: u32 = 75;
    let Some(column) = keys.first().map(|key| key.column) else {
        return 0.0;
    };
    let present = (1.0 - column.null_frac).clamp(0.0, 1.0);
    hash::pages(&HashShape {
        table_rows: table.rows,
        tuples: tuples * present,
        distinct: known_distinct(column, tuples * present),
        common: (column.common.iter())
            .map(|share| share / present.max(1e-9))
            .collect(),
        fillfactor: f64::from(fillfactor(&index.definition).unwrap_or(FILLFACTOR)),
    })
}

/// Distinct values among `rows`; all differ where nothing is known.
fn known_distinct(column: &StoredColumn, rows: f64) -> f64 {
    if column.distinct < 1.0 {
        return rows.max(1.0);
    }
    column.distinct.min(rows.max(1.0))
}

fn gist_pages(index: &Hypothetical, table: Leaf, tuples: f64, keys: &[Key]) -> f64 {
    let included: f64 = (index.definition.included.iter())
        .map(|column| catalog::average_width(table.oid, column.attribute))
        .sum();
    let sizes: Vec<(f64, f64)> = keys.iter().map(|key| gist_widths(key, table)).collect();
    tree::gist_pages(&GistShape {
        tuples,
        leaf: included + sizes.iter().map(|(leaf, _)| leaf).sum::<f64>(),
        inner: sizes.iter().map(|(_, inner)| inner).sum::<f64>(),
        filling: filling(index, table, keys),
    })
}

/// How the pages of a GiST index are filled: its first column decides where rows go.
fn filling(index: &Hypothetical, table: Leaf, keys: &[Key]) -> Filling {
    const FILLFACTOR: u32 = 90;
    let can_sort = (keys.iter())
        .all(|key| support_function(key.definition, pg_sys::GIST_SORTSUPPORT_PROC).is_some());
    let buffering = (index.definition.option("buffering")).map(str::to_ascii_lowercase);
    if can_sort && buffering.is_none_or(|buffering| buffering == "auto") {
        let fillfactor = fillfactor(&index.definition).unwrap_or(FILLFACTOR);
        return Filling::Sorted(f64::from(fillfactor));
    }
    let Some(first) = keys.first() else {
        return Filling::Values(0.0);
    };
    let option = |name: &str| class_option(first.definition, name);
    let class = class_name(first.definition.operator_class).unwrap_or_default();
    match class.as_str() {
        "gist_trgm_ops" => Filling::Signatures(option("siglen").unwrap_or(TRIGRAM_SIGNATURE)),
        "tsvector_ops" => Filling::Signatures(option("siglen").unwrap_or(TEXT_SIGNATURE)),
        "range_ops" | "multirange_ops" => Filling::Ranges,
        // Split by bits.
        "inet_ops" => Filling::Values(0.0),
        _ => Filling::Values(order_of_rows(first, table)),
    }
}

/// Default lengths of signatures (`siglen`).
const TRIGRAM_SIGNATURE: f64 = 12.0;
const TEXT_SIGNATURE: f64 = 124.0;

/// How far the rows come in the order of a column, 0 to 1.
fn order_of_rows(key: &Key, table: Leaf) -> f64 {
    if let Some(made) = key.sampled.and_then(|key| key.statistics.as_ref()) {
        return made.correlation.abs();
    }
    let correlation = (key.attribute).and_then(|attribute| {
        (statistic_slots::numbers(table.oid, attribute, Slot::Correlation).first()).copied()
    });
    correlation.unwrap_or_default().abs()
}

/// Bytes that a GiST operator class stores for a row, and for an inner entry.
fn gist_widths(key: &Key, table: Leaf) -> (f64, f64) {
    let width = key.column.width;
    let class = class_name(key.definition.operator_class).unwrap_or_default();
    let option = |name: &str| class_option(key.definition, name);
    let stored = catalog::type_storage(stored_type(key.definition), -1);
    match class.as_str() {
        "gist_trgm_ops" => {
            // As many trigrams as characters and one for the end of each word, three bytes each.
            let leaf = 5.0 + 3.0 * (width + 1.0);
            (
                leaf,
                tree::signature(option("siglen").unwrap_or(TRIGRAM_SIGNATURE)),
            )
        }
        "tsvector_ops" => {
            let elements = elements::per_row(table, key.attribute, key.definition, width);
            let signature = option("siglen").unwrap_or(TEXT_SIGNATURE);
            let list = 8.0 + 4.0 * elements;
            // A list that is too long becomes a signature.
            let leaf = if list > 500.0 {
                tree::signature(signature)
            } else {
                list
            };
            (leaf, tree::signature(signature))
        }
        _ if stored.length > 0 => (f64::from(stored.length), f64::from(stored.length)),
        "inet_ops" => (width + 1.0, width + 1.0),
        // The least and the greatest value, which is one on leaves.
        name if name.starts_with("gist_") => (width + 7.0, 2.0 * width + 7.0),
        _ => (width, width),
    }
}

/// The number given as an option of the operator class.
fn class_option(key: &IndexKey, name: &str) -> Option<f64> {
    (key.class_options.iter())
        .filter_map(|option| option.split_once('='))
        .find(|(given, _)| *given == name)
        .and_then(|(_, value)| value.parse().ok())
}

fn spgist_pages(tuples: f64, keys: &[Key]) -> f64 {
    let width = (keys.iter()).map(|key| {
        let Some(config) = spgist_config(key.definition) else {
            return key.column.width;
        };
        let storage = catalog::type_storage(config.leaf_type, -1);
        match storage.length {
            length if length > 0 => f64::from(length),
            _ if config.labelled => suffix_width(key, tuples),
            _ => key.column.width,
        }
    });
    let ranges = (keys.first())
        .and_then(|key| class_name(key.definition.operator_class))
        .is_some_and(|class| class == "range_ops");
    tree::spgist_pages(tuples, width.sum(), ranges)
}

/// Bytes of what is left of a text once the way to its leaf says the rest: what the texts of one
/// page have in common, and the byte by which the page is chosen.
fn suffix_width(key: &Key, tuples: f64) -> f64 {
    const TEXTS_PER_PAGE: f64 = 130.0;
    /// Without a look at the texts.
    const SUFFIX: f64 = 0.8;
    let Some(prefixes) = key.sampled.and_then(|key| key.prefixes.as_ref()) else {
        return key.column.width * SUFFIX;
    };
    (prefixes.length - prefixes.within(TEXTS_PER_PAGE, tuples)).max(1.0)
}

/// Support functions that tell the kinds of BRIN operator classes apart (`pg_proc.dat`).
const BRIN_MULTI: u32 = 4616;
const BRIN_INCLUSION: u32 = 4105;
const BRIN_BLOOM: u32 = 4591;

fn brin_geometry(index: &Hypothetical, table: Leaf, keys: &[Key]) -> IndexGeometry {
    const PAGES_PER_RANGE: f64 = 128.0;
    let option = (index.definition.option("pages_per_range")).and_then(|value| value.parse().ok());
    let per_range = option.unwrap_or(PAGES_PER_RANGE).max(1.0);
    let rows = table.rows / table.pages * per_range;
    let columns: Vec<Summary> = (keys.iter()).map(|key| summary(key, rows)).collect();
    IndexGeometry {
        pages: brin::pages(table.pages, per_range, &columns) as u32,
        tuples: if index.definition.predicate.is_some() {
            brin::ranges(table.pages, per_range)
        } else {
            table.rows
        },
        tree_height: -1,
        contents: Contents::Ranges {
            pages_per_range: per_range as u32,
        },
    }
}

/// What is stored of a column for a range of `rows` rows.
fn summary(key: &Key, rows: f64) -> Summary {
    let width = key.column.width;
    let option = |name: &str| class_option(key.definition, name);
    let describe = support_function(key.definition, 1).map(pg_sys::Oid::to_u32);
    let distinct = distinct_drawn(known_distinct(key.column, MAX_ROWS), rows);
    match describe {
        Some(BRIN_MULTI) => Summary::MinMaxMulti {
            width,
            values: option("values_per_range").unwrap_or(brin::VALUES_PER_RANGE),
            distinct,
        },
        Some(BRIN_INCLUSION) => Summary::Inclusion { width },
        Some(BRIN_BLOOM) => Summary::Bloom {
            wanted: option("n_distinct_per_range").unwrap_or(-0.1),
            false_positives: option("false_positive_rate").unwrap_or(0.01),
            distinct,
        },
        _ => Summary::MinMax { width },
    }
}

fn gin_geometry(index: &Hypothetical, table: Leaf, tuples: f64, keys: &[Key]) -> IndexGeometry {
    let groups: Vec<Group> = (keys.iter())
        .flat_map(|key| match key.sampled {
            Some(SampledKey {
                entries: Some(entries),
                null_fraction,
                ..
            }) if entries.values > 0 || *null_fraction >= 1.0 => {
                elements::of_sample(entries, *null_fraction, tuples)
            }
            _ => elements::groups(table, key.attribute, key.definition, key.column, tuples),
        })
        .collect();
    let size = gin::estimate(&GinShape {
        groups,
        many_columns: keys.len() > 1,
        table_rows: table.rows,
        table_pages: table.pages,
        memory: sizing::maintenance_memory(),
    });
    IndexGeometry {
        pages: size.pages() as u32,
        tuples: if index.definition.predicate.is_some() {
            size.items
        } else {
            table.rows
        },
        tree_height: -1,
        contents: Contents::Entries {
            entry_pages: size.entry_pages as u32,
            data_pages: size.data_pages as u32,
            entries: size.entries,
        },
    }
}
