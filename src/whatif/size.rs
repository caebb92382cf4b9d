//! Which access methods can be sized, and the statistics their models are given.
//!
//! The model of B-trees is in `btree.rs`, those of the others in `methods/`.

use pgrx::pg_sys;

use super::btree::{self, BtreeShape, StoredColumn};
use super::hypothetical::Hypothetical;
use super::methods;
use crate::error::{Error, Result};
use crate::pg::catalog::{self, ColumnStatistics};
use crate::pg::dependent_columns::counted_columns;
use crate::pg::index_definition::{IndexDefinition, IndexKey};
use crate::pg::index_info::{Contents, IndexGeometry};
use crate::pg::predicate::Restriction;
use crate::pg::statistic_slots::{self, Slot};

/// Fill factor of B-tree leaves when none is given.
const BTREE_FILLFACTOR: u32 = 90;

/// An access method whose size and shape can be estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// B-tree.
    Btree,
    /// Hash.
    Hash,
    /// GiST.
    Gist,
    /// SP-GiST.
    Spgist,
    /// GIN.
    Gin,
    /// BRIN.
    Brin,
}

/// A relation that holds rows, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    /// The table, materialized view or partition.
    pub(crate) oid: pg_sys::Oid,
    /// Its rows.
    pub(crate) rows: f64,
    /// Its pages.
    pub(crate) pages: f64,
}

/// What is known of the contents of an index to be.
pub(super) struct Input {
    pub(super) tuples: f64,
    pub(super) keys: Vec<StoredColumn>,
    included: Vec<StoredColumn>,
    distinct_keys: Option<f64>,
}

impl Method {
    /// The method of a definition, or an error naming it when it has no model.
    pub(crate) fn of(definition: &IndexDefinition) -> Result<Self> {
        match definition.access_method {
            pg_sys::BTREE_AM_OID => Ok(Self::Btree),
            pg_sys::HASH_AM_OID => Ok(Self::Hash),
            pg_sys::GIST_AM_OID => Ok(Self::Gist),
            pg_sys::SPGIST_AM_OID => Ok(Self::Spgist),
            pg_sys::GIN_AM_OID => Ok(Self::Gin),
            pg_sys::BRIN_AM_OID => Ok(Self::Brin),
            _ => Err(Error::unsupported(format!(
                "access method \"{}\" is not supported for hypothetical indexes",
                definition.access_method_name
            ))
            .detail("Only the size of indexes of the built-in access methods can be estimated.")
            .hint(
                "Use btree, hash, gist, spgist, gin or brin, or create the index for real on a \
                 copy of the database.",
            )),
        }
    }
}

/// Size and height of `index`, freshly built on `leaf`, where the attributes of its definition
/// are numbered by `attribute_in_table`.
pub(super) fn geometry(
    index: &Hypothetical,
    leaf: Leaf,
    attribute_in_table: &dyn Fn(i16) -> i16,
) -> IndexGeometry {
    let input = input(index, leaf.oid, leaf.rows, attribute_in_table);
    if index.method != Method::Btree {
        return methods::geometry(index, leaf, &input, attribute_in_table);
    }
    let definition = &index.definition;
    let size = btree::estimate(&BtreeShape {
        tuples: input.tuples,
        keys: input.keys,
        included: input.included,
        distinct_keys: input.distinct_keys,
        fillfactor: fillfactor(definition).unwrap_or(BTREE_FILLFACTOR),
        deduplicated: deduplicates(definition),
        block_size: pg_sys::BLCKSZ as usize,
    });
    IndexGeometry {
        pages: size.pages,
        tuples: size.tuples,
        tree_height: size.tree_height,
        contents: Contents::Plain,
    }
}

/// The fill factor given.
pub(super) fn fillfactor(definition: &IndexDefinition) -> Option<u32> {
    definition.option("fillfactor")?.parse().ok()
}

/// The statistics of `index` as it would be on `table`, which has `rows` rows and where the
/// attributes of its definition are numbered by `attribute_in_table`.
fn input(
    index: &Hypothetical,
    table: pg_sys::Oid,
    rows: f64,
    attribute_in_table: &dyn Fn(i16) -> i16,
) -> Input {
    let definition = &index.definition;
    let part = Part {
        rows,
        share: index.selectivity(),
    };
    let column = |attribute: Option<i16>, stored_type: pg_sys::Oid| {
        let statistics = attribute
            .and_then(|attribute| catalog::column_statistics(table, attribute_in_table(attribute)));
        let restriction = attribute.and_then(|attribute| index.restriction_of(attribute));
        stored_column(stored_type, statistics, part, restriction)
    };
    let key = |position: usize, key: &IndexKey| {
        let made = index
            .sampled(position)
            .and_then(|key| key.statistics.as_ref());
        if let Some(made) = made {
            // Counted among the rows that are indexed, as they are stored.
            let indexed = Part {
                rows: part.rows * part.share,
                share: 1.0,
            };
            let statistics = as_stored(made.summary);
            return stored_column(stored_type(key), Some(statistics), indexed, None);
        }
        let attribute = index.statistics_of(position);
        let mut column = column(attribute, stored_type(key));
        if let Some(counted) = index.counted_values(position) {
            let indexed = btree::distinct_in_part(counted, part.rows, part.share);
            column.distinct = column.distinct.max(indexed);
        }
        // How unequal the shares are matters to the number of combinations only, and a predicate
        // on the column itself changes them.
        let matters = definition.keys.len() > 1 || index.method != Method::Btree;
        if let Some(attribute) = attribute
            && matters
            && index.restriction_of(attribute).is_none()
        {
            column.common =
                statistic_slots::numbers(table, attribute_in_table(attribute), Slot::CommonValues);
        }
        column
    };
    let keys: Vec<StoredColumn> = (definition.keys.iter().enumerate())
        .map(|(position, definition)| key(position, definition))
        .collect();
    let attributes: Vec<i16> = (definition.keys.iter())
        .map(|key| match key.attribute {
            0 => 0,
            attribute => attribute_in_table(attribute),
        })
        .collect();
    Input {
        tuples: part.rows * part.share,
        distinct_keys: distinct_keys(table, &attributes, &keys, part),
        keys,
        included: (definition.included.iter())
            .map(|included| column(Some(included.attribute), included.column_type))
            .collect(),
    }
}

/// Values that were computed have a long header, which short ones lose when they are stored.
fn as_stored(statistics: ColumnStatistics) -> ColumnStatistics {
    const SAVED: f64 = 3.0;
    const LONGEST: f64 = 127.0;
    let shorter = statistics.width - SAVED;
    ColumnStatistics {
        // That of a type of fixed length is not looked at.
        width: if (1.0..=LONGEST).contains(&shorter) {
            shorter
        } else {
            statistics.width
        },
        ..statistics
    }
}

/// The rows of a table and the share of them that the predicate lets in.
#[derive(Clone, Copy)]
struct Part {
    rows: f64,
    share: f64,
}

/// Distinct keys where extended statistics have counted some of the columns together; the other
/// columns are taken as independent of those.
fn distinct_keys(
    table: pg_sys::Oid,
    attributes: &[i16],
    keys: &[StoredColumn],
    part: Part,
) -> Option<f64> {
    let counted = counted_columns(table, attributes)?;
    let together = btree::distinct_in_part(counted.distinct, part.rows, part.share);
    let others = (attributes.iter().zip(keys))
        .filter(|(attribute, _)| !counted.attributes.contains(attribute))
        .map(|(_, key)| key.distinct.max(1.0));
    let combinations = others.fold(together, |product, distinct| product * distinct);
    Some(if combinations > together {
        btree::distinct_drawn(combinations, part.rows * part.share)
    } else {
        together
    })
}

pub(super) fn stored_type(key: &IndexKey) -> pg_sys::Oid {
    if key.stored_type == pg_sys::InvalidOid {
        key.column_type
    } else {
        key.stored_type
    }
}

fn stored_column(
    stored_type: pg_sys::Oid,
    statistics: Option<ColumnStatistics>,
    part: Part,
    restriction: Option<Restriction>,
) -> StoredColumn {
    let storage = catalog::type_storage(stored_type, -1);
    let statistics = statistics.unwrap_or(ColumnStatistics {
        width: storage.average_width,
        null_fraction: 0.0,
        distinct: 0.0,
    });
    StoredColumn {
        width: match storage.length {
            length if length > 0 => f64::from(length),
            _ => statistics.width,
        },
        varlena: storage.length < 0,
        align: storage.align,
        null_frac: match restriction.and_then(|restriction| restriction.null) {
            Some(always) => f64::from(u8::from(always)),
            None => statistics.null_fraction,
        },
        distinct: distinct_values(statistics, part, restriction),
        common: Vec::new(),
    }
}

/// Distinct values among the rows indexed: a predicate on the column itself leaves a part of its
/// values, one on others a part of the rows of each.
fn distinct_values(
    statistics: ColumnStatistics,
    part: Part,
    restriction: Option<Restriction>,
) -> f64 {
    let distinct = statistics.distinct_of(part.rows);
    let not_null = 1.0 - statistics.null_fraction;
    match restriction {
        _ if part.share >= 1.0 => distinct,
        Some(Restriction {
            alone: true, null, ..
        }) => {
            let possible = if null == Some(false) { not_null } else { 1.0 };
            (distinct * (part.share / possible.max(part.share))).max(1.0)
        }
        _ => btree::distinct_in_part(distinct, part.rows * not_null, part.share),
    }
}

/// Whether the B-tree would store equal keys once.
fn deduplicates(definition: &IndexDefinition) -> bool {
    let wanted = !matches!(
        definition
            .option("deduplicate_items")
            .map(str::to_ascii_lowercase)
            .as_deref(),
        Some("off" | "false" | "no" | "0" | "of" | "f" | "n")
    );
    wanted
        && !definition.unique
        && definition.included.is_empty()
        && (definition.keys.iter())
            .all(|key| catalog::equal_image(key.operator_family, key.input_type, key.collation))
}
