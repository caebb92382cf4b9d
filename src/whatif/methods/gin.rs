//! How many pages a freshly built GIN index has.
//!
//! Follows ginentrypage.c, gindatapage.c and ginpostinglist.c: a B-tree of entries, each with the
//! row numbers that have it, compressed as differences of seven bits a byte; row numbers that do
//! not fit beside their entry get a tree of their own. Entries are inserted in order, and a page
//! that is full is split in halves, so pages of a build that fits in memory stay half full.
//!
//! Not modelled: rows with the same entry that lie close together (their differences are
//! smaller), and the pending list, which a build does not have.

#![forbid(unsafe_code)]

const TUPLE_HEADER: f64 = 8.0;
const LINE_POINTER: f64 = 4.0;
/// Room for entries on a page.
const ENTRY_ROOM: f64 = 8192.0 - 24.0 - 8.0;
/// Size beyond which row numbers leave their entry.
const LARGEST_ENTRY: f64 = 2704.0;
/// First row number and length of a compressed list.
const LIST_HEADER: f64 = 8.0;
/// Lists in trees are cut into pieces of about that size.
const PIECE: f64 = 256.0;
/// Room for pieces on a page of such a tree.
const DATA_ROOM: f64 = 8192.0 - 24.0 - 8.0 - 8.0;
/// Children of an inner page of such a tree.
const DATA_FANOUT: f64 = 800.0;
/// How full pages of entries are that were built at once, or in several rounds.
const FILL: (f64, f64) = (0.505, 0.62);
/// The same when entries are that large: halves of few entries are not equal.
const FILL_LARGE: (f64, f64) = (0.55, 300.0);
/// Working memory of a build for a new entry, and for a row of it.
const MEMORY: (f64, f64) = (130.0, 9.0);

/// Entries that have about as many rows each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Group {
    /// How many entries.
    pub(crate) keys: f64,
    /// Rows that have one.
    pub(crate) rows: f64,
    /// Bytes of a key.
    pub(crate) width: f64,
}

/// What a GIN index would hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GinShape {
    /// Entries of all columns.
    pub(crate) groups: Vec<Group>,
    /// Whether entries say of which column they are.
    pub(crate) many_columns: bool,
    /// Rows of the table.
    pub(crate) table_rows: f64,
    /// Pages of the table.
    pub(crate) table_pages: f64,
    /// `maintenance_work_mem` in bytes.
    pub(crate) memory: f64,
}

/// Size of a freshly built index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GinSize {
    /// Pages of entries.
    pub(crate) entry_pages: f64,
    /// Pages of row numbers.
    pub(crate) data_pages: f64,
    /// Entries.
    pub(crate) entries: f64,
    /// Rows of all entries.
    pub(crate) items: f64,
}

impl GinSize {
    /// Pages of the index, with the meta page and the page of the pending list's head.
    pub(crate) fn pages(&self) -> f64 {
        1.0 + self.entry_pages + self.data_pages
    }
}

/// Size of an index of this shape.
pub(crate) fn estimate(shape: &GinShape) -> GinSize {
    let (mut entry_bytes, mut key_bytes, mut data_pages) = (0.0, 0.0, 0.0);
    let (mut entries, mut items) = (0.0, 0.0);
    for group in shape.groups.iter().filter(|group| group.keys > 0.0) {
        let rows = group.rows.max(1.0);
        let key = TUPLE_HEADER + group.width + if shape.many_columns { 4.0 } else { 0.0 };
        let list = LIST_HEADER + (rows - 1.0) * bytes_per_row(rows, shape);
        let beside = align(align2(key) + list);
        let tuple = if beside <= LARGEST_ENTRY {
            beside
        } else {
            let pages = (list * (1.0 + LIST_HEADER / PIECE) / DATA_ROOM).ceil();
            let inner = if pages > 1.0 {
                (pages / DATA_FANOUT).ceil()
            } else {
                0.0
            };
            data_pages += group.keys * (pages + inner);
            align(key)
        };
        entry_bytes += group.keys * (tuple + LINE_POINTER);
        key_bytes += group.keys * (align(key) + LINE_POINTER);
        entries += group.keys;
        items += group.keys * rows;
    }
    let rounds = (entries * MEMORY.0 + items * MEMORY.1) / shape.memory.max(1.0);
    let fill = if rounds > 1.0 {
        FILL.1
    } else if entry_bytes > FILL_LARGE.1 * entries {
        FILL_LARGE.0
    } else {
        FILL.0
    };
    let leaves = (entry_bytes / (ENTRY_ROOM * fill)).ceil().max(1.0);
    // Inner pages have one key per child.
    let fanout = (ENTRY_ROOM * FILL.0 / (key_bytes / entries.max(1.0)).max(1.0)).max(2.0);
    let (mut level, mut inner) = (leaves, 0.0);
    while level > 1.0 {
        level = (level / fanout).ceil();
        inner += level;
    }
    GinSize {
        entry_pages: leaves + inner,
        data_pages,
        entries: entries.max(1.0),
        items,
    }
}

/// Average bytes of a compressed row number, of `rows` spread evenly over the table.
fn bytes_per_row(rows: f64, shape: &GinShape) -> f64 {
    let per_page = (rows / shape.table_pages.max(1.0)).max(1e-12);
    // Share of gaps of less than so many pages.
    let below = |pages: f64| 1.0 - (-per_page * pages).exp();
    let same_page = 1.0 - below(1.0) / per_page;
    // A page is 2048 apart from the next; the shares below 2^14, 2^21, 2^28, ….
    let mut bytes = 2.0 - same_page;
    for pages in [8.0, 1024.0, 131_072.0, 16_777_216.0] {
        bytes += 1.0 - below(pages).max(same_page);
    }
    bytes
}

fn align(size: f64) -> f64 {
    (size / 8.0).ceil() * 8.0
}

fn align2(size: f64) -> f64 {
    (size / 2.0).ceil() * 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(groups: Vec<Group>) -> GinShape {
        GinShape {
            groups,
            many_columns: false,
            table_rows: 2e5,
            table_pages: 18_182.0,
            memory: 64.0 * 1024.0 * 1024.0,
        }
    }

    #[test]
    fn pages_are_those_of_indexes_that_were_built() {
        // Measured on PostgreSQL 15: 200,000 rows in 18,182 pages.
        for (built, keys, rows, width) in [
            (1368.0, 2e5, 1.0, 4.0),
            (2936.0, 2e5, 1.0, 33.0),
            (145.0, 1000.0, 200.0, 4.0),
            (4375.0, 4096.0, 1606.0, 4.0),
        ] {
            let size = estimate(&shape(vec![Group { keys, rows, width }]));
            let error: f64 = size.pages() / built - 1.0;
            assert!(error.abs() < 0.09, "{error} of {built}: {size:?}");
        }
    }

    #[test]
    fn row_numbers_far_apart_take_more_bytes() {
        let shape = shape(Vec::new());
        assert!((bytes_per_row(200_000.0, &shape) - 1.1).abs() < 0.2);
        assert!((bytes_per_row(2000.0, &shape) - 2.5).abs() < 0.5);
        assert!((bytes_per_row(2.0, &shape) - 3.9).abs() < 0.2);
    }

    #[test]
    fn an_empty_index_has_a_root() {
        assert!((estimate(&shape(Vec::new())).pages() - 2.0).abs() < 1e-9);
    }
}
