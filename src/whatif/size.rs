//! Which access methods can be sized, and the statistics their models are given.
//!
//! A new access method is one more variant of [`Method`] with its own model file.

use pgrx::pg_sys;

use super::btree::{self, BtreeShape, StoredColumn};
use super::hypothetical::Hypothetical;
use crate::error::{Error, Result};
use crate::pg::catalog::{self, ColumnStatistics};
use crate::pg::index_definition::{IndexDefinition, IndexKey};
use crate::pg::index_info::IndexGeometry;

/// Fill factor of B-tree leaves when none is given.
const BTREE_FILLFACTOR: u32 = 90;

/// An access method whose size and shape can be estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// B-tree.
    Btree,
}

/// What is known of the contents of an index to be.
pub(crate) struct Input {
    tuples: f64,
    keys: Vec<StoredColumn>,
    included: Vec<StoredColumn>,
    fillfactor: u32,
    deduplicated: bool,
}

impl Method {
    /// The method of a definition, or an error naming it when it has no model yet.
    pub(crate) fn of(definition: &IndexDefinition) -> Result<Self> {
        match definition.access_method_name.as_str() {
            "btree" => Ok(Self::Btree),
            other => Err(Error::unsupported(format!(
                "access method \"{other}\" is not supported for hypothetical indexes"
            ))
            .detail("This version can estimate the size of B-tree indexes only.")
            .hint("Use \"btree\", or create the index for real on a copy of the database.")),
        }
    }

    /// Size and height of an index freshly built over `input`.
    pub(crate) fn geometry(self, input: &Input) -> IndexGeometry {
        match self {
            Self::Btree => {
                let size = btree::estimate(&BtreeShape {
                    tuples: input.tuples,
                    keys: input.keys.clone(),
                    included: input.included.clone(),
                    distinct_keys: None,
                    fillfactor: input.fillfactor,
                    deduplicated: input.deduplicated,
                    block_size: pg_sys::BLCKSZ as usize,
                });
                IndexGeometry {
                    pages: size.pages,
                    tuples: size.tuples,
                    tree_height: size.tree_height,
                }
            }
        }
    }
}

/// The statistics of `index` as it would be on `table`, where the attributes of its definition
/// are numbered by `attribute_in_table`.
pub(super) fn input(
    index: &Hypothetical,
    table: pg_sys::Oid,
    tuples: f64,
    attribute_in_table: &dyn Fn(i16) -> i16,
) -> Input {
    let definition = &index.definition;
    let column = |attribute: Option<i16>, stored_type: pg_sys::Oid| {
        let statistics = attribute
            .and_then(|attribute| catalog::column_statistics(table, attribute_in_table(attribute)));
        stored_column(stored_type, statistics, tuples)
    };
    Input {
        tuples,
        keys: (definition.keys.iter().enumerate())
            .map(|(position, key)| column(index.statistics_of(position), stored_type(key)))
            .collect(),
        included: (definition.included.iter())
            .map(|included| column(Some(included.attribute), included.column_type))
            .collect(),
        fillfactor: (definition.option("fillfactor"))
            .and_then(|value| value.parse().ok())
            .unwrap_or(BTREE_FILLFACTOR),
        deduplicated: deduplicates(definition),
    }
}

fn stored_type(key: &IndexKey) -> pg_sys::Oid {
    if key.stored_type == pg_sys::InvalidOid {
        key.column_type
    } else {
        key.stored_type
    }
}

fn stored_column(
    stored_type: pg_sys::Oid,
    statistics: Option<ColumnStatistics>,
    tuples: f64,
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
        null_frac: statistics.null_fraction,
        distinct: statistics.distinct_of(tuples),
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
