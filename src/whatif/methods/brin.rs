//! How many pages a freshly built BRIN index has: one meta page, the map of ranges, and one tuple
//! per range, packed as they come (brin_pageops.c, brin_revmap.c, brin_tuple.c).

#![forbid(unsafe_code)]

/// Entries of the range map on one page.
const RANGES_PER_MAP_PAGE: f64 = 1360.0;
/// Room for tuples on a page.
const ROOM: f64 = 8192.0 - 24.0 - 8.0;
/// Header of a tuple without null bitmap.
const HEADER: f64 = 8.0;
const LINE_POINTER: f64 = 4.0;
/// Values that a summary of several ranges keeps at most, unless its options say otherwise.
pub(crate) const VALUES_PER_RANGE: f64 = 32.0;
/// Header of such a summary: length, type, counts.
const MULTI_HEADER: f64 = 20.0;
/// Header of a Bloom filter: length, flags, counts.
const BLOOM_HEADER: f64 = 16.0;
/// What a short header saves on a value of up to as many bytes.
const SHORT_HEADER: (f64, f64) = (3.0, 127.0);
/// Most rows that fit on a page of a table.
const MOST_ROWS_PER_PAGE: f64 = 291.0;
/// Size above which values are compressed on their way into an index.
const COMPRESSION_TARGET: f64 = 512.0;

/// What is stored of one column for each range of pages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Summary {
    /// The least and the greatest value.
    MinMax {
        /// Bytes of a value.
        width: f64,
    },
    /// Several intervals.
    MinMaxMulti {
        /// Bytes of a value.
        width: f64,
        /// Most values kept (`values_per_range`).
        values: f64,
        /// Distinct values in a range of pages.
        distinct: f64,
    },
    /// A value that covers all others, and two flags.
    Inclusion {
        /// Bytes of a value.
        width: f64,
    },
    /// A Bloom filter.
    Bloom {
        /// `n_distinct_per_range`: a number, or minus a share of the rows.
        wanted: f64,
        /// `false_positive_rate`.
        false_positives: f64,
        /// Distinct values in a range of pages.
        distinct: f64,
    },
}

impl Summary {
    fn size(self, pages_per_range: f64) -> f64 {
        match self {
            Self::MinMax { width } => 2.0 * width,
            Self::Inclusion { width } => width + 2.0,
            Self::MinMaxMulti {
                width,
                values,
                distinct,
            } => {
                // When there are too many, neighbours are joined until half of the room is free.
                let kept = if distinct <= values {
                    distinct
                } else {
                    (values / 2.0).floor() + 1.0
                };
                stored(MULTI_HEADER + kept * width, 1.0)
            }
            Self::Bloom {
                wanted,
                false_positives,
                distinct,
            } => {
                let rows = pages_per_range * MOST_ROWS_PER_PAGE;
                let planned = if wanted < 0.0 {
                    (-wanted * rows).max(16.0)
                } else {
                    wanted
                }
                .min(rows);
                let bits = -(planned * false_positives.ln()) / std::f64::consts::LN_2.powi(2);
                let functions = (std::f64::consts::LN_2 * bits / planned).round().max(1.0);
                let set = 1.0 - (-functions * distinct / bits).exp();
                stored(BLOOM_HEADER + (bits / 8.0).ceil(), entropy(set))
            }
        }
    }
}

/// Bits of information per bit of a filter of which this share is set.
fn entropy(set: f64) -> f64 {
    if set <= 0.0 || set >= 1.0 {
        return 0.02;
    }
    let part = |share: f64| -share * share.log2();
    part(set) + part(1.0 - set)
}

/// Bytes stored of `size` bytes with so much information per bit. The server's compression finds
/// repeated bytes only, and what it does not make a quarter smaller stays as it is.
fn stored(size: f64, information: f64) -> f64 {
    let (saved, longest) = SHORT_HEADER;
    if size - saved <= longest {
        return size - saved;
    }
    if size <= COMPRESSION_TARGET || information > 0.35 {
        return size;
    }
    size * (2.0 * information).max(0.02)
}

/// Ranges of a table.
pub(crate) fn ranges(table_pages: f64, pages_per_range: f64) -> f64 {
    (table_pages / pages_per_range).ceil().max(1.0)
}

/// Pages of the index.
pub(crate) fn pages(table_pages: f64, pages_per_range: f64, columns: &[Summary]) -> f64 {
    let ranges = ranges(table_pages, pages_per_range);
    let data: f64 = (columns.iter())
        .map(|column| column.size(pages_per_range))
        .sum();
    let tuple = align(HEADER + data) + LINE_POINTER;
    let per_page = (ROOM / tuple).floor().max(1.0);
    1.0 + (ranges / RANGES_PER_MAP_PAGE).ceil() + (ranges / per_page).ceil()
}

fn align(size: f64) -> f64 {
    (size / 8.0).ceil() * 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_table_needs_three_pages() {
        let columns = [Summary::MinMax { width: 4.0 }];
        assert!((pages(1000.0, 128.0, &columns) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn one_range_per_page_needs_a_tuple_for_each() {
        let columns = [Summary::MinMax { width: 8.0 }];
        // 24 bytes and a line pointer each.
        let expected = 1.0 + 8.0 + (10_000.0_f64 / 291.0).ceil();
        assert!((pages(10_000.0, 1.0, &columns) - expected).abs() < 1.0);
    }

    #[test]
    fn a_filter_is_as_large_as_the_rows_of_its_range_want() {
        let filter = Summary::Bloom {
            wanted: -0.1,
            false_positives: 0.01,
            distinct: 60.0,
        };
        // 0.1 * 291 rows, 9.6 bits each.
        assert!(
            (filter.size(1.0) - 48.0).abs() < 1.0,
            "{}",
            filter.size(1.0)
        );
    }

    #[test]
    fn pages_are_those_of_indexes_that_were_built() {
        // Measured on PostgreSQL 15: 200,000 rows in 18,182 pages.
        let bloom = |distinct| Summary::Bloom {
            wanted: -0.1,
            false_positives: 0.01,
            distinct,
        };
        let multi = |width, distinct| Summary::MinMaxMulti {
            width,
            values: VALUES_PER_RANGE,
            distinct,
        };
        for (built, per_range, column) in [
            (78.0, 1.0, Summary::MinMax { width: 8.0 }),
            (203.0, 1.0, Summary::MinMax { width: 33.0 }),
            (185.0, 1.0, multi(4.0, 11.0)),
            (102.0, 4.0, multi(8.0, 44.0)),
            (149.0, 1.0, bloom(11.0)),
            (144.0, 128.0, bloom(1408.0)),
            (90.0, 16.0, bloom(176.0)),
            (102.0, 4.0, bloom(44.0)),
            (78.0, 1.0, Summary::Inclusion { width: 14.0 }),
        ] {
            let error: f64 = pages(18_182.0, per_range, &[column]) / built - 1.0;
            assert!(error.abs() < 0.03, "{error} for {column:?}");
        }
    }
}
