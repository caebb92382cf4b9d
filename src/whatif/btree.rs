//! How many pages, and levels, a freshly built B-tree index would have, from statistics alone.
//!
//! The model follows what PostgreSQL does when it loads a sorted B-tree: nbtsort.c (when a page is
//! finished, what moves to the next one, the fill factor of inner pages), nbtdedup.c (posting
//! lists of equal keys), nbtutils.c (suffix truncation of the keys that separate pages),
//! indextuple.c (header, null bitmap, alignment, compression) and nbtree.h (limits).
//!
//! Modelled: the layout of each tuple as a distribution of sizes, NULLs by combination of null
//! columns, posting lists with groups of Poisson size, high keys, inner levels, the metapage.
//!
//! Not modelled: the order of values and rows, skew of the groups beyond their mean size,
//! correlation between columns unless `distinct_keys` tells it, the width of values stored out of
//! line (statistics count their pointer), how well values compress (half is assumed), rows that
//! are dead but still visible to someone, and the growth of an index after its build. Statistics
//! do not tell how much widths vary around their average: an even spread is assumed.

#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

mod groups;

use groups::{Column, Group, Sizes, align, duplicates, groups, within};
pub(super) use groups::{distinct_drawn, distinct_in_part};

const PAGE_HEADER: f64 = 24.0;
const SPECIAL_AREA: f64 = 16.0;
const LINE_POINTER: f64 = 4.0;
const HEAP_TID: f64 = 6.0;
/// An inner page starts with a tuple without key, and its line pointer.
const FIRST_DOWNLINK: f64 = 12.0;
/// Fill factor of inner pages, which users cannot change.
const INNER_FILLFACTOR: u32 = 70;
/// Rows beyond which more make no difference to the answer.
const MAX_TUPLES: f64 = 1e18;

/// What is known of one column (or expression) stored in the index.
#[derive(Debug, Clone)]
pub(crate) struct StoredColumn {
    /// Average width in bytes of the values that are not NULL, as `pg_statistic.stawidth` counts
    /// it: with the header as stored on disk for varlena types.
    pub(crate) width: f64,
    /// Whether the type has no fixed length (`typlen` of -1 or -2).
    pub(crate) varlena: bool,
    /// `typalign` in bytes: 1, 2, 4 or 8.
    pub(crate) align: usize,
    /// Fraction of NULLs.
    pub(crate) null_frac: f64,
    /// Number of distinct values other than NULL among the rows indexed. More than there are rows
    /// means that all differ, as does a number below one, for "unknown".
    pub(crate) distinct: f64,
    /// Shares of the rows that have each of the most common values, as far as known.
    pub(crate) common: Vec<f64>,
}

/// What a B-tree index would hold, and how.
#[derive(Debug, Clone)]
pub(crate) struct BtreeShape {
    /// Rows indexed, after the predicate of a partial index.
    pub(crate) tuples: f64,
    /// The key columns.
    pub(crate) keys: Vec<StoredColumn>,
    /// The columns of `INCLUDE`.
    pub(crate) included: Vec<StoredColumn>,
    /// Number of distinct keys, where known better than by taking the columns as independent.
    pub(crate) distinct_keys: Option<f64>,
    /// Fill factor of leaf pages, 10 to 100.
    pub(crate) fillfactor: u32,
    /// Whether equal keys are stored once, in posting lists.
    pub(crate) deduplicated: bool,
    /// Size of a page in bytes.
    pub(crate) block_size: usize,
}

/// Size of a freshly built index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct IndexSize {
    /// Pages, with the metapage.
    pub(crate) pages: u32,
    /// Rows indexed.
    pub(crate) tuples: f64,
    /// Level of the root: 0 when the root is a leaf.
    pub(crate) tree_height: i32,
}

/// Size and height of an index of this shape, freshly built.
pub(crate) fn estimate(shape: &BtreeShape) -> IndexSize {
    let tuples = within(shape.tuples, 0.0, MAX_TUPLES);
    if tuples <= 0.0 {
        return IndexSize {
            pages: 1,
            tuples: 0.0,
            tree_height: 0,
        };
    }
    let rows = tuples.max(1.0);
    let keys: Vec<Column> = shape
        .keys
        .iter()
        .map(|key| Column::new(key, rows))
        .collect();
    let included: Vec<Column> = shape
        .included
        .iter()
        .map(|column| Column::new(column, rows))
        .collect();
    let page = Page::new(shape);
    let groups = groups(&keys, &included, rows, shape.distinct_keys);
    let leaf = leaf_level(&page, &groups, shape.deduplicated);
    let pivot = pivot_sizes(&keys, shape.distinct_keys, rows, leaf.tuples);
    let (inner_pages, tree_height) = inner_levels(leaf.pages, page.inner_capacity(pivot));
    IndexSize {
        // A conversion from f64 saturates.
        pages: (1.0 + leaf.pages + inner_pages) as u32,
        tuples,
        tree_height,
    }
}

/// The tuples of some of the leaf pages.
#[derive(Default)]
struct Stream {
    tuples: f64,
    /// Sizes of the tuples with their line pointers.
    sizes: Sizes,
    /// Size of a tuple without its posting list.
    key: f64,
    /// Fraction of the tuples with a posting list.
    posting: f64,
}

impl Stream {
    fn new(page: &Page, group: &Group, deduplicated: bool) -> Self {
        let key = group.sizes.mean;
        let most = ((page.posting_limit - key) / HEAP_TID).floor();
        if !deduplicated || most < 2.0 {
            return Self {
                tuples: group.rows,
                sizes: group.sizes.plus(LINE_POINTER),
                key,
                posting: 0.0,
            };
        }
        let posting = |count: f64| Sizes {
            mean: key + align(count * HEAP_TID),
            ..group.sizes
        };
        // Lists end at the limit whatever the size of their key.
        let full_list = Sizes {
            mean: align(key + most * HEAP_TID).min(page.posting_limit),
            variance: 0.0,
        };
        let (mut weights, mut tuples, mut lists) = (0.0, 0.0, 0.0);
        let mut parts = Vec::new();
        for (count, weight) in duplicates(group.rows / group.distinct) {
            let full = (count / most).floor();
            let rest = count - full * most;
            parts.push((weight * full, full_list));
            if rest >= 2.0 {
                parts.push((weight, posting(rest)));
            } else if rest >= 1.0 {
                parts.push((weight, group.sizes));
            }
            weights += weight;
            tuples += weight * (full + f64::from(rest >= 1.0));
            lists += weight * (full + f64::from(rest >= 2.0));
        }
        Self {
            tuples: group.distinct * tuples / weights,
            sizes: Sizes::mixture(parts).plus(LINE_POINTER),
            key,
            posting: lists / tuples,
        }
    }

    /// The tuples of both, mixed.
    fn mixed_with(&self, other: &Self) -> Self {
        let tuples = self.tuples + other.tuples;
        let mean = |one: f64, two: f64| (one * self.tuples + two * other.tuples) / tuples;
        Self {
            tuples,
            sizes: Sizes::mixture([(self.tuples, self.sizes), (other.tuples, other.sizes)]),
            key: mean(self.key, other.key),
            posting: mean(self.posting, other.posting),
        }
    }
}

/// What fits on a page.
struct Page {
    /// Room of an empty page once line pointers are there for a high key and for the next item.
    room: f64,
    /// Free space below which a leaf page is finished.
    leaf_reserve: f64,
    /// The same for inner pages.
    inner_reserve: f64,
    /// Largest tuple with a posting list.
    posting_limit: f64,
}

impl Page {
    fn new(shape: &BtreeShape) -> Self {
        let block = shape.block_size.clamp(1024, 32768);
        let size = block as f64;
        let reserve = |fillfactor: u32| (size * f64::from(100 - fillfactor) / 100.0).floor();
        Self {
            room: size - PAGE_HEADER - SPECIAL_AREA - 2.0 * LINE_POINTER,
            leaf_reserve: reserve(shape.fillfactor.clamp(10, 100)),
            inner_reserve: reserve(INNER_FILLFACTOR),
            // A tenth of the page, less a line pointer, in whole units of alignment.
            posting_limit: (block / 10 / 8 * 8 - 8) as f64,
        }
    }

    /// Tuples left on each leaf page but the last: a page is finished when the next one comes and
    /// either would not fit, or would find less than the reserve free. The last tuple on the page
    /// then moves to the next page, and only its key stays, as the high key.
    fn leaf_capacity(&self, stream: &Stream) -> f64 {
        let sizes = stream.sizes;
        let soft = self.room - self.leaf_reserve;
        let plain = sizes.fitting(soft);
        // The posting list that will not be part of the high key counts as free.
        let posting = 1.0 + sizes.fitting(soft - stream.key - LINE_POINTER);
        let wanted = plain + stream.posting * (posting - plain);
        let possible = sizes.fitting(self.room - LINE_POINTER) - 1.0;
        wanted.min(possible).max(1.0)
    }

    /// Children of each inner page but the last of its level.
    fn inner_capacity(&self, pivot: Sizes) -> f64 {
        let pivot = pivot.plus(LINE_POINTER);
        let wanted = pivot.fitting(self.room - self.inner_reserve - FIRST_DOWNLINK);
        let possible = pivot.fitting(self.room + LINE_POINTER - FIRST_DOWNLINK) - 1.0;
        (1.0 + wanted.min(possible)).max(2.0)
    }
}

struct LeafLevel {
    pages: f64,
    tuples: f64,
}

fn leaf_level(page: &Page, groups: &[Group], deduplicated: bool) -> LeafLevel {
    let (mut pages, mut tuples, mut moved) = (0.0, 0.0, 0.0);
    // NULLs of the first column are apart from the other keys; those of the others are among them.
    for null in [false, true] {
        let stream = (groups.iter())
            .filter(|group| group.first_is_null == null && group.rows > 0.0)
            .map(|group| Stream::new(page, group, deduplicated))
            .reduce(|one, two| one.mixed_with(&two));
        if let Some(stream) = stream {
            let capacity = page.leaf_capacity(&stream);
            pages += stream.tuples / capacity;
            tuples += stream.tuples;
            // The last page keeps the tuple that the others pass on.
            moved = 1.0 / capacity;
        }
    }
    LeafLevel {
        pages: (pages - moved - 1e-9).ceil().max(1.0),
        tuples: tuples.max(1.0),
    }
}

/// Sizes of the tuples of inner pages: the first columns of a leaf tuple, as many as tell it from
/// the one before, and its heap TID when none does.
fn pivot_sizes(keys: &[Column], known: Option<f64>, rows: f64, leaf_tuples: f64) -> Sizes {
    let mut told_apart = 0.0;
    let mut parts = Vec::new();
    let mut all = Sizes::default();
    for kept in 1..=keys.len() {
        let known = known.filter(|_| kept == keys.len());
        let groups = groups(keys.get(..kept).unwrap_or(keys), &[], rows, known);
        let distinct: f64 = groups.iter().map(|group| group.distinct).sum();
        let distinct = distinct.min(leaf_tuples).max(told_apart);
        all = Sizes::mixture(groups.iter().map(|group| (group.rows, group.sizes)));
        parts.push((distinct - told_apart, all));
        told_apart = distinct;
        if told_apart >= leaf_tuples * 0.9999 {
            break;
        }
    }
    parts.push((
        (leaf_tuples - told_apart).max(0.0),
        all.plus(align(HEAP_TID)),
    ));
    Sizes::mixture(parts)
}

/// Pages above the leaves, and the level of the root.
fn inner_levels(leaf_pages: f64, capacity: f64) -> (f64, i32) {
    let (mut level, mut total, mut height) = (leaf_pages, 0.0, 0);
    while level > 1.0 {
        level = ((level - 1.0) / capacity).ceil().max(1.0);
        total += level;
        height += 1;
    }
    (total, height)
}
