//! Whether columns have to do with each other, from a sample of their rows. Pure.
//!
//! The planner multiplies the shares of rows that conditions on single columns let through. Where
//! one column tells much of another, far more rows match than that. For each sampled row, as the
//! values that queries ask for are those that rows have, what is expected of its values one by one
//! is compared with what is found of them together, in the rows of other pages for both: a value
//! seen once proves nothing, and neighbours are often alike.

#![forbid(unsafe_code)]

use std::collections::HashMap;

/// Columns of sampled rows: equal values have equal numbers, 0 is null.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    columns: Vec<Vec<u32>>,
    /// The page of each row.
    pages: Vec<u32>,
    /// Rows of the whole table.
    rows: f64,
}

/// Columns that have to do with each other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Correlation {
    /// Their places in the sample, ascending.
    pub(super) columns: Vec<usize>,
    /// Rows that typical values are expected to find, and that they do find.
    pub(super) expected: f64,
    pub(super) found: f64,
    /// Share of the rows in which one column's value tells those of all the others; of the column
    /// that does so best.
    pub(super) dependency: f64,
}

impl Correlation {
    /// How many times too few rows are expected.
    pub(super) fn factor(&self) -> f64 {
        self.found / self.expected.max(f64::MIN_POSITIVE)
    }
}

impl Sample {
    /// A sample of a table with so many rows; `None` unless its columns are alike in length.
    pub(super) fn new(columns: Vec<Vec<u32>>, pages: Vec<u32>, rows: f64) -> Option<Self> {
        let length = pages.len();
        let alike = columns.iter().all(|column| column.len() == length);
        (length > 1 && !columns.is_empty() && alike).then_some(Self {
            columns,
            pages,
            rows,
        })
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// The fewest of the columns in these places that show a factor of `least` or more, if any do.
    pub(super) fn correlation(&self, mut places: Vec<usize>, least: f64) -> Option<Correlation> {
        places.sort_unstable();
        let mut found = self.judge(places)?;
        if found.factor() < least {
            return None;
        }
        // A column that adds little is left out.
        while found.columns.len() > 2 {
            let fewer = (found.columns.iter())
                .filter_map(|left_out| {
                    let rest = found.columns.iter().filter(|column| *column != left_out);
                    self.judge(rest.copied().collect())
                })
                .max_by(|a, b| a.factor().total_cmp(&b.factor()));
            match fewer {
                Some(fewer) if fewer.factor() >= least.max(found.factor() / 2.0) => found = fewer,
                _ => break,
            }
        }
        found.dependency = self.dependency(&found.columns);
        Some(found)
    }

    /// What typical rows show of these columns: geometric means, as errors multiply.
    fn judge(&self, columns: Vec<usize>) -> Option<Correlation> {
        let chosen: Vec<&Vec<u32>> = (columns.iter())
            .filter_map(|&column| self.columns.get(column))
            .collect();
        let shares: Vec<Vec<f64>> = chosen.iter().map(|column| self.elsewhere(column)).collect();
        let together = self.elsewhere(&combined(&chosen));
        let (mut expected, mut found, mut seen) = (0.0, 0.0, 0.0);
        for (row, together) in together.iter().enumerate() {
            if chosen.iter().any(|column| column.get(row) == Some(&0)) {
                continue;
            }
            let share: f64 = (shares.iter())
                .filter_map(|shares| shares.get(row))
                .product();
            expected += (self.rows * share).max(1.0).ln();
            found += (self.rows * together).max(1.0).ln();
            seen += 1.0;
        }
        (seen > 0.0 && columns.len() > 1).then(|| Correlation {
            columns,
            expected: f64::exp(expected / seen),
            found: f64::exp(found / seen),
            dependency: 0.0,
        })
    }

    /// For each row, which share of the rows of other pages has its value.
    fn elsewhere(&self, column: &[u32]) -> Vec<f64> {
        let mut pages: HashMap<u32, f64> = HashMap::new();
        let mut values: HashMap<u32, f64> = HashMap::new();
        let mut both: HashMap<(u32, u32), f64> = HashMap::new();
        for (value, page) in column.iter().zip(&self.pages) {
            *pages.entry(*page).or_default() += 1.0;
            *values.entry(*value).or_default() += 1.0;
            *both.entry((*value, *page)).or_default() += 1.0;
        }
        let all = self.len() as f64;
        (column.iter().zip(&self.pages))
            .map(|(value, page)| {
                let count = |found: Option<&f64>| found.copied().unwrap_or_default();
                let like_it = count(values.get(value)) - count(both.get(&(*value, *page)));
                like_it / (all - count(pages.get(page))).max(1.0)
            })
            .collect()
    }

    fn dependency(&self, columns: &[usize]) -> f64 {
        let degree = |from: usize| {
            (columns.iter().filter(|to| **to != from))
                .map(|&to| self.degree(from, to))
                .fold(1.0, f64::min)
        };
        columns.iter().map(|&from| degree(from)).fold(0.0, f64::max)
    }

    /// Share of the rows whose value of `from`, if others have it as well, comes with one value
    /// of `to` only.
    fn degree(&self, from: usize, to: usize) -> f64 {
        let (Some(from), Some(to)) = (self.columns.get(from), self.columns.get(to)) else {
            return 0.0;
        };
        // Of each value: the value it came with, how often, and whether with another as well.
        let mut groups: HashMap<u32, (u32, f64, bool)> = HashMap::new();
        for (from, to) in from.iter().zip(to) {
            let group = groups.entry(*from).or_insert((*to, 0.0, true));
            group.1 += 1.0;
            group.2 &= group.0 == *to;
        }
        let several = groups.values().filter(|group| group.1 > 1.0);
        let (mut all, mut alike) = (0.0, 0.0);
        for group in several {
            all += group.1;
            alike += if group.2 { group.1 } else { 0.0 };
        }
        if all > 0.0 { alike / all } else { 0.0 }
    }
}

/// A number for each combination of values.
fn combined(columns: &[&Vec<u32>]) -> Vec<u32> {
    let mut columns = columns.iter();
    let mut combined: Vec<u32> = columns
        .next()
        .map_or_else(Vec::new, |first| (*first).clone());
    for column in columns {
        let mut numbers: HashMap<(u32, u32), u32> = HashMap::new();
        for (combined, value) in combined.iter_mut().zip(column.iter()) {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *combined = *numbers.entry((*combined, *value)).or_insert(next);
        }
    }
    combined
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    /// Numbers that look like chance and are the same each time.
    fn chance(count: usize, below: u32, seed: u64) -> Vec<u32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                1 + ((state >> 33) as u32) % below
            })
            .collect()
    }

    fn correlation(columns: Vec<Vec<u32>>, rows: f64) -> Option<Correlation> {
        let places = (0..columns.len()).collect();
        let length = columns.first().map_or(0, Vec::len);
        let pages = (0..length).map(|row| row as u32 / 10).collect();
        Sample::new(columns, pages, rows).and_then(|sample| sample.correlation(places, 10.0))
    }

    #[test]
    fn a_column_that_tells_another_is_found() {
        let city = chance(30_000, 500, 1);
        let country = city.iter().map(|city| 1 + city % 50).collect();
        let found = correlation(vec![city, country], 1e6).unwrap();
        assert!((40.0..60.0).contains(&found.factor()), "{found:?}");
        assert_eq!(found.dependency, 1.0);
    }

    #[test]
    fn independent_columns_are_not() {
        for values in [2, 50, 1000, 20_000] {
            let columns = vec![chance(30_000, values, 1), chance(30_000, values, 2)];
            assert_eq!(correlation(columns, 1e8), None, "{values} values");
        }
    }

    #[test]
    fn skew_alone_is_no_correlation() {
        let skewed = |seed| {
            let value = chance(30_000, 1_000, seed);
            let is_rare = chance(30_000, 10, seed + 100);
            value
                .iter()
                .zip(is_rare)
                .map(|(value, rare)| if rare == 1 { *value } else { 0 } + 1)
                .collect::<Vec<u32>>()
        };
        assert_eq!(correlation(vec![skewed(1), skewed(2)], 1e8), None);
    }

    #[test]
    fn unique_values_prove_nothing() {
        let unique: Vec<u32> = (1..=30_000).collect();
        assert_eq!(correlation(vec![unique.clone(), unique], 1e7), None);
    }

    #[test]
    fn a_column_that_adds_little_is_left_out() {
        let city = chance(30_000, 500, 1);
        let country: Vec<u32> = city.iter().map(|city| 1 + city % 50).collect();
        let other = chance(30_000, 3, 3);
        let found = correlation(vec![other, city, country], 1e6).unwrap();
        assert_eq!(found.columns, [1, 2]);
    }

    #[test]
    fn two_that_go_together_without_telling_each_other() {
        // Each of 100 groups has its own 20 values of either column.
        let group = chance(30_000, 100, 1);
        let of = |seed| -> Vec<u32> {
            (group.iter().zip(chance(30_000, 20, seed)))
                .map(|(group, value)| group * 20 + value)
                .collect()
        };
        let found = correlation(vec![of(2), of(3)], 1e7).unwrap();
        assert!(found.dependency < 0.1, "{found:?}");
    }

    #[test]
    fn neighbours_that_are_alike_prove_nothing() {
        // Each order has its rows on one page, ten of them in the sample, of millions of orders.
        let order: Vec<u32> = (0..30_000).map(|row| 1 + row / 10).collect();
        let customer: Vec<u32> = order.iter().map(|order| 1 + order % 2_999).collect();
        assert_eq!(correlation(vec![order, customer], 1e8), None);
    }

    #[test]
    fn nulls_match_nothing() {
        let nulls = vec![vec![0; 1000], vec![0; 1000]];
        assert_eq!(correlation(nulls, 1e6), None);
    }

    #[test]
    fn odd_samples_are_survived() {
        assert_eq!(correlation(Vec::new(), 1.0), None);
        assert_eq!(correlation(vec![vec![1], vec![1]], 1.0), None);
        assert_eq!(correlation(vec![vec![1, 2], vec![1]], 1.0), None);
        assert_eq!(correlation(vec![vec![1, 1]], 1e9), None);
    }
}
