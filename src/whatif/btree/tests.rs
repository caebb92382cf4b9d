//! The expected pages and heights are those of indexes built by PostgreSQL 15, and the column
//! statistics what `ANALYZE` said of their tables, unless told otherwise.

use super::*;

const MILLIONS: f64 = 2_000_000.0;

fn fixed(width: usize, distinct: f64) -> StoredColumn {
    StoredColumn {
        width: width as f64,
        varlena: false,
        align: width.min(8),
        null_frac: 0.0,
        distinct,
        common: Vec::new(),
    }
}

fn text(width: f64, distinct: f64) -> StoredColumn {
    StoredColumn {
        width,
        varlena: true,
        align: 4,
        null_frac: 0.0,
        distinct,
        common: Vec::new(),
    }
}

fn uuid(distinct: f64) -> StoredColumn {
    StoredColumn {
        align: 1,
        ..fixed(16, distinct)
    }
}

fn nullable(column: StoredColumn, null_frac: f64) -> StoredColumn {
    StoredColumn {
        null_frac,
        ..column
    }
}

fn status() -> StoredColumn {
    text(9.0, 5.0)
}

fn shape(tuples: f64, keys: Vec<StoredColumn>) -> BtreeShape {
    BtreeShape {
        tuples,
        keys,
        included: Vec::new(),
        distinct_keys: None,
        fillfactor: 90,
        deduplicated: true,
        block_size: 8192,
    }
}

fn plain(tuples: f64, keys: Vec<StoredColumn>) -> BtreeShape {
    BtreeShape {
        deduplicated: false,
        ..shape(tuples, keys)
    }
}

fn filled(fillfactor: u32, shape: BtreeShape) -> BtreeShape {
    BtreeShape {
        fillfactor,
        ..shape
    }
}

/// Fails unless the model is within `percent` of the pages of a real index, at its height.
fn assert_near(shape: &BtreeShape, pages: u32, tree_height: i32, percent: f64) {
    let size = estimate(shape);
    let error = 100.0 * (f64::from(size.pages) / f64::from(pages) - 1.0);
    assert!(
        error.abs() <= percent,
        "{} pages for {pages}: {error:.2} %",
        size.pages
    );
    assert_eq!(size.tree_height, tree_height, "height");
}

#[test]
fn unique_columns_of_fixed_width_are_exact() {
    assert_near(&shape(MILLIONS, vec![fixed(4, MILLIONS)]), 5487, 2, 0.0);
    assert_near(&shape(MILLIONS, vec![fixed(8, MILLIONS)]), 5487, 2, 0.0);
    assert_near(&shape(MILLIONS, vec![uuid(MILLIONS)]), 7703, 2, 0.0);
    assert_near(&plain(MILLIONS, vec![fixed(4, MILLIONS)]), 5487, 2, 0.0);
    assert_near(&shape(100_000.0, vec![fixed(4, 1e5)]), 276, 1, 0.0);
}

#[test]
fn small_tables_are_exact() {
    assert_near(&shape(1.0, vec![fixed(4, 1.0)]), 2, 0, 0.0);
    assert_near(&shape(100.0, vec![fixed(4, 100.0)]), 2, 0, 0.0);
    assert_near(&shape(367.0, vec![fixed(4, 367.0)]), 2, 0, 0.0);
    assert_near(&shape(368.0, vec![fixed(4, 368.0)]), 4, 1, 0.0);
    assert_near(&shape(1000.0, vec![fixed(4, 1000.0)]), 5, 1, 0.0);
    assert_near(&shape(1000.0, vec![text(33.0, 1000.0)]), 10, 1, 0.0);
    assert_near(&shape(1000.0, vec![status()]), 2, 0, 0.0);
}

#[test]
fn an_empty_index_is_its_metapage() {
    let size = estimate(&shape(0.0, vec![fixed(4, 0.0)]));
    assert_eq!(
        size,
        IndexSize {
            pages: 1,
            tuples: 0.0,
            tree_height: 0
        }
    );
}

#[test]
fn fill_factor_decides_how_full_leaves_are() {
    let ids = || shape(MILLIONS, vec![fixed(4, MILLIONS)]);
    assert_near(&filled(50, ids()), 9938, 2, 0.0);
    assert_near(&filled(70, ids()), 7070, 2, 0.0);
    assert_near(&filled(100, ids()), 4947, 2, 0.0);
    assert_near(&filled(50, shape(MILLIONS, vec![status()])), 3081, 2, 3.0);
    assert_near(
        &filled(100, shape(MILLIONS, vec![fixed(4, 98_056.0)])),
        1814,
        2,
        1.0,
    );
    assert_near(
        &filled(100, shape(MILLIONS, vec![text(33.0, MILLIONS)])),
        13026,
        3,
        0.1,
    );
}

#[test]
fn low_cardinality_columns_are_deduplicated_to_about_six_bytes_a_row() {
    for (column, pages) in [
        (status(), 1713),
        (fixed(1, 2.0), 1695),
        (text(8.0, 2500.0), 1807),
        (fixed(2, 1001.0), 1750),
        (fixed(4, 1501.0), 1780),
    ] {
        let shape = shape(MILLIONS, vec![column]);
        assert_near(&shape, pages, 2, 2.5);
        let bytes = f64::from(estimate(&shape).pages) * 8192.0 * 0.9 / MILLIONS;
        assert!((6.0..7.0).contains(&bytes), "{bytes} bytes a row");
    }
}

#[test]
fn small_groups_of_equal_keys_share_posting_lists() {
    assert_near(&shape(MILLIONS, vec![fixed(4, 98_056.0)]), 1947, 2, 1.0);
    assert_near(&plain(MILLIONS, vec![fixed(4, 98_056.0)]), 5494, 2, 0.1);
    assert_near(&plain(MILLIONS, vec![status()]), 6982, 2, 1.0);
    // The counts that ANALYZE missed: seven rows a key, and two.
    assert_near(&shape(MILLIONS, vec![text(11.0, 285_714.0)]), 2963, 2, 6.0);
    assert_near(&shape(MILLIONS, vec![fixed(4, 1_000_001.0)]), 4947, 2, 12.0);
}

#[test]
fn nulls_are_one_group_of_equal_keys() {
    let unique = nullable(fixed(4, 1_116_052.6), 0.300_866_66);
    assert_near(&shape(MILLIONS, vec![unique.clone()]), 4234, 2, 2.5);
    assert_near(&plain(MILLIONS, vec![unique.clone()]), 5490, 2, 0.1);
    assert_near(
        &shape(MILLIONS, vec![fixed(2, 1001.0), unique]),
        4375,
        2,
        2.0,
    );
    let note = nullable(text(11.0, 230_461.24), 0.602_266_67);
    assert_near(&shape(MILLIONS, vec![note]), 2813, 2, 8.0);
}

#[test]
fn widths_that_vary_are_aligned_on_average() {
    assert_near(&shape(MILLIONS, vec![text(28.0, MILLIONS)]), 12091, 2, 1.0);
    assert_near(&shape(100_000.0, vec![text(102.0, 1e5)]), 1666, 2, 1.0);
    // Widths of 7 and 9 bytes, of which statistics say 8.
    assert_near(
        &plain(MILLIONS, vec![text(8.0, 1_638_092.8)]),
        7459,
        2,
        13.0,
    );
}

#[test]
fn digests_as_text_have_a_constant_width() {
    assert_near(&shape(MILLIONS, vec![text(33.0, MILLIONS)]), 14420, 3, 0.1);
    let keys = vec![text(33.0, MILLIONS), fixed(4, MILLIONS)];
    assert_near(&shape(MILLIONS, keys), 14420, 3, 2.0);
}

#[test]
fn wide_values_raise_the_tree() {
    assert_near(&shape(100_000.0, vec![text(304.0, 1e5)]), 4606, 3, 3.0);
    // 2 kB of repetition, compressed by the table already.
    assert_near(&shape(100_000.0, vec![text(72.0, 1e5)]), 1289, 2, 5.0);
    // Suffix truncation leaves the wide column out of the inner pages.
    assert_near(
        &shape(100_000.0, vec![fixed(4, 1e5), text(304.0, 1e5)]),
        4565,
        2,
        1.0,
    );
}

#[test]
fn composite_keys_are_combined_as_if_independent() {
    let customer = || fixed(4, 98_056.0);
    let keys = vec![customer(), fixed(8, MILLIONS)];
    assert_near(&shape(MILLIONS, keys), 7703, 2, 0.0);
    assert_near(
        &shape(MILLIONS, vec![fixed(2, 1001.0), fixed(4, 21.0)]),
        1733,
        2,
        0.5,
    );
    let keys = vec![fixed(1, 2.0), status(), fixed(4, 1501.0)];
    assert_near(&shape(MILLIONS, keys), 1780, 2, 4.0);
    let keys = vec![customer(), fixed(4, 21.0), fixed(1, 2.0)];
    assert_near(&shape(MILLIONS, keys), 6550, 2, 6.0);
    assert_near(
        &shape(MILLIONS, vec![status(), fixed(4, MILLIONS)]),
        7703,
        2,
        0.0,
    );
    let keys = vec![text(28.0, MILLIONS), uuid(MILLIONS), fixed(4, MILLIONS)];
    assert_near(&shape(MILLIONS, keys), 17638, 3, 1.0);
    // Skew makes for fewer combinations.
    assert_near(&shape(MILLIONS, vec![status(), customer()]), 3172, 2, 16.0);
}

#[test]
fn extended_statistics_correct_correlated_columns() {
    let independent = shape(MILLIONS, vec![text(9.0, 50.0), text(8.0, 2500.0)]);
    assert_near(&independent, 1838, 2, 25.0);
    let known = BtreeShape {
        distinct_keys: Some(2500.0),
        ..independent
    };
    assert_near(&known, 1838, 2, 2.0);
}

#[test]
fn included_columns_widen_leaves_only() {
    let email = BtreeShape {
        included: vec![text(28.0, MILLIONS)],
        ..plain(MILLIONS, vec![fixed(4, MILLIONS)])
    };
    assert_near(&email, 13144, 2, 1.0);
    let digest = BtreeShape {
        included: vec![text(33.0, MILLIONS), text(8.0, 1_638_092.8)],
        ..plain(MILLIONS, vec![fixed(4, 98_056.0)])
    };
    assert_near(&digest, 16476, 2, 6.0);
}

#[test]
fn more_rows_never_take_less_space() {
    for distinct in [1.0, 10.0, 1e4, 1e9] {
        for deduplicated in [false, true] {
            let mut last = 0;
            let mut rows = 1.0;
            while rows < 1e9 {
                let keys = vec![nullable(text(20.0, distinct), 0.1), fixed(4, 7.0)];
                let pages = estimate(&BtreeShape {
                    deduplicated,
                    ..shape(rows, keys)
                })
                .pages;
                assert!(
                    pages >= last,
                    "{pages} pages for {rows} rows, {last} for fewer"
                );
                last = pages;
                rows *= 1.5;
            }
        }
    }
}

#[test]
fn tuples_that_are_not_deduplicated_take_at_least_their_bytes() {
    for width in 1..200 {
        for fillfactor in [10, 50, 90, 100] {
            let keys = vec![StoredColumn {
                align: 1,
                ..fixed(width, 1e9)
            }];
            let pages = estimate(&filled(fillfactor, plain(50_000.0, keys))).pages;
            let bytes = 50_000.0 * (width as f64 + 12.0);
            assert!(
                f64::from(pages) * 8192.0 >= bytes,
                "{pages} pages at width {width}"
            );
        }
    }
}

#[test]
fn odd_input_gives_a_sane_size() {
    let odd = [
        f64::NAN,
        f64::NEG_INFINITY,
        -1.0,
        0.0,
        1e-300,
        0.5,
        1.0,
        3e9,
        f64::INFINITY,
    ];
    for tuples in odd {
        for value in odd {
            for align in [0, 1, 3, 8, usize::MAX] {
                let column = StoredColumn {
                    common: vec![value, 0.5, value],
                    width: value,
                    varlena: align == 1,
                    align,
                    null_frac: value,
                    distinct: value,
                };
                let size = estimate(&BtreeShape {
                    tuples,
                    keys: vec![column.clone(), nullable(column.clone(), 0.5)],
                    included: vec![column],
                    distinct_keys: Some(value),
                    fillfactor: align.min(1000) as u32,
                    deduplicated: true,
                    block_size: align,
                });
                assert!(
                    size.pages >= 1 && (0..64).contains(&size.tree_height),
                    "{size:?}"
                );
                assert!(size.tuples.is_finite() && size.tuples >= 0.0, "{size:?}");
            }
        }
    }
    assert_eq!(
        estimate(&plain(f64::INFINITY, vec![fixed(8, 1e9)])).pages,
        u32::MAX
    );
    assert!(estimate(&shape(1000.0, Vec::new())).pages >= 2);
}

#[test]
fn as_many_nullable_text_columns_as_an_index_takes_are_quick() {
    let column = |_| nullable(text(40.0, 3.0), 0.5);
    let begin = std::time::Instant::now();
    let size = estimate(&shape(MILLIONS, (0..32).map(column).collect()));
    assert!(size.pages > 1000, "{size:?}");
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

#[test]
fn combinations_of_skewed_columns_are_fewer_than_of_even_ones() {
    // The values are floor(2000 * power(random(), 4)), of which ANALYZE lists the first hundred.
    let up_to = |value: u32| (f64::from(value) / 2000.0).powf(0.25);
    let skewed = || StoredColumn {
        common: (0..100)
            .map(|value| up_to(value + 1) - up_to(value))
            .collect(),
        ..fixed(4, 1990.0)
    };
    let even = shape(200_000.0, vec![fixed(4, 1990.0), fixed(4, 1990.0)]);
    let skewed = shape(200_000.0, vec![skewed(), skewed()]);
    assert_near(&skewed, 419, 2, 15.0);
    assert!(estimate(&even).pages > 540, "{:?}", estimate(&even));
}

#[test]
fn part_of_the_rows_has_part_of_the_values() {
    let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.01;
    // All differ: so do those of a part.
    assert!(near(distinct_in_part(1e6, 1e6, 0.1), 1e5));
    // A hundred rows of each value: a tenth still has them all.
    assert!(near(distinct_in_part(1e4, 1e6, 0.1), 1e4));
    // A value drawn for each of two rows on average; a hundredth of them rarely meets one twice.
    let drawn = distinct_drawn(1e5, 2e5);
    assert!(near(distinct_in_part(drawn, 2e5, 0.01), 1980.0));
    assert!(near(distinct_in_part(5.0, 0.0, 0.5), 1.0));
}
