//! The rows of an index by the size of their tuples and by how many share a key.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::StoredColumn;

const TUPLE_HEADER: usize = 8;
const MAX_ALIGN: usize = 8;
/// Total size up to which a varlena value has a short header and no alignment.
const SHORT_VARLENA: usize = 127;
/// Size above which values are compressed on their way into an index.
const COMPRESSION_TARGET: f64 = 512.0;
/// What compression is assumed to leave.
const COMPRESSION_RATIO: f64 = 0.5;
/// Widths of a varlena column are assumed to spread evenly this far around their average.
const WIDTH_SPREAD: f64 = 0.3;
/// How many widths stand for all those of a varlena column.
const WIDTH_POINTS: u32 = 16;
/// Average widths that are taken for constant: MD5 digests, UUIDs, SHA-1 and SHA-256 digests as
/// text, with a short header.
const DIGEST_WIDTHS: [f64; 4] = [33.0, 37.0, 41.0, 65.0];
/// Combinations of NULLs are told apart for this many nullable columns.
const MAX_NULLABLE: usize = 4;

/// Mean and variance of a size in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sizes {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl Sizes {
    /// Mean and variance of a weighted mixture.
    pub(super) fn mixture(parts: impl IntoIterator<Item = (f64, Sizes)>) -> Self {
        let (mut weight, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for (share, sizes) in parts {
            weight += share;
            sum += share * sizes.mean;
            squares += share * (sizes.variance + sizes.mean * sizes.mean);
        }
        if weight <= 0.0 {
            return Self::default();
        }
        let mean = sum / weight;
        Self {
            mean,
            variance: (squares / weight - mean * mean).max(0.0),
        }
    }

    pub(super) fn plus(self, bytes: f64) -> Self {
        Self {
            mean: self.mean + bytes,
            ..self
        }
    }

    /// How many items of such sizes, put one after the other, end within `space`, on average:
    /// the sum over j of the probability that the first j do, which sums of sizes, being nearly
    /// normal, give.
    pub(super) fn fitting(self, space: f64) -> f64 {
        let size = self.mean.max(1.0);
        if space < size && self.variance <= 0.0 {
            return 0.0;
        }
        let most = (2.0 * space.max(0.0) / size) as u32 + 8;
        (1..=most)
            .map(|count| {
                let count = f64::from(count);
                let deviation = (self.variance * count).sqrt();
                let slack = space - count * size;
                if deviation > 1e-6 {
                    // A logistic curve within 0.01 of the normal distribution.
                    1.0 / (1.0 + (-1.702 * slack / deviation).exp())
                } else if slack >= -1e-6 {
                    1.0
                } else {
                    0.0
                }
            })
            .sum()
    }
}

/// One column, with its statistics brought into range.
pub(super) struct Column {
    widths: Vec<usize>,
    varlena: bool,
    align: usize,
    null_frac: f64,
    /// The values that those which are not NULL are drawn from.
    values: Vec<Class>,
}

impl Column {
    pub(super) fn new(column: &StoredColumn, rows: f64) -> Self {
        let null_frac = within(column.null_frac, 0.0, 1.0);
        let filled = (rows * (1.0 - null_frac)).max(1.0);
        let distinct = if column.distinct >= 1.0 {
            column.distinct.min(filled)
        } else {
            filled
        };
        Self {
            widths: widths(column),
            varlena: column.varlena,
            align: column.align.clamp(1, MAX_ALIGN),
            null_frac,
            values: classes(&column.common, 1.0 - null_frac, filled, distinct),
        }
    }

    /// Where a value of this width ends when the one before ends at `offset`.
    fn end(&self, offset: usize, width: usize) -> usize {
        let unaligned = self.varlena && width <= SHORT_VARLENA;
        let align = if unaligned { 1 } else { self.align };
        offset.next_multiple_of(align) + width
    }
}

/// Equally likely widths of a column's values.
fn widths(column: &StoredColumn) -> Vec<usize> {
    let mut width = within(column.width, 1.0, f64::from(u16::MAX));
    if !column.varlena || DIGEST_WIDTHS.contains(&width) {
        return vec![width.round() as usize];
    }
    if width > COMPRESSION_TARGET {
        width *= COMPRESSION_RATIO;
    } else if width.fract() == 0.0 {
        // Statistics round the average down.
        width += 0.5;
    }
    (0..WIDTH_POINTS)
        .map(|point| (f64::from(point) + 0.5) / f64::from(WIDTH_POINTS))
        .map(|position| width * (1.0 + WIDTH_SPREAD * (2.0 * position - 1.0)))
        .map(|width| width.round() as usize)
        .collect()
}

/// Rows whose NULLs are in the same columns.
pub(super) struct Group {
    pub(super) rows: f64,
    /// Distinct keys among them.
    pub(super) distinct: f64,
    /// Size of their tuples, without line pointer.
    pub(super) sizes: Sizes,
    pub(super) first_is_null: bool,
}

/// The rows by which columns are NULL.
pub(super) fn groups(
    keys: &[Column],
    included: &[Column],
    rows: f64,
    known: Option<f64>,
) -> Vec<Group> {
    let columns = || keys.iter().chain(included);
    let partly_null = |column: &Column| column.null_frac > 0.0 && column.null_frac < 1.0;
    let nullable = columns()
        .filter(|column| partly_null(column))
        .count()
        .min(MAX_NULLABLE);
    let mut groups: Vec<Group> = (0..1_u32 << nullable)
        .map(|pattern| {
            let mut flags = (0..nullable).map(|bit| pattern & (1 << bit) != 0);
            let mut share = 1.0;
            let nulls: Vec<bool> = columns()
                .map(|column| {
                    if !partly_null(column) {
                        return column.null_frac >= 1.0;
                    }
                    let Some(null) = flags.next() else {
                        return false;
                    };
                    share *= if null {
                        column.null_frac
                    } else {
                        1.0 - column.null_frac
                    };
                    null
                })
                .collect();
            let filled = keys.iter().zip(&nulls).filter(|(_, null)| !**null);
            let values = filled
                .map(|(key, _)| key.values.as_slice())
                .fold(vec![Class::ONE], combined);
            Group {
                rows: rows * share,
                distinct: drawn_of(&values, rows * share),
                sizes: tuple_sizes(columns().zip(nulls.iter().copied())),
                first_is_null: nulls.first().copied().unwrap_or(false),
            }
        })
        .collect();
    if let Some(known) = known.filter(|known| *known >= 1.0) {
        let independent: f64 = groups.iter().map(|group| group.distinct).sum();
        for group in &mut groups {
            group.distinct = (group.distinct * known / independent)
                .max(1.0)
                .min(group.rows);
        }
    }
    groups
}

/// Values that are equally likely.
#[derive(Clone, Copy)]
struct Class {
    values: f64,
    /// How likely one of them is drawn.
    share: f64,
}

impl Class {
    const ONE: Self = Self {
        values: 1.0,
        share: 1.0,
    };
}

/// The population that `filled` rows were drawn from, `distinct` values of which turned up; the
/// shares of the most common ones are among all rows, of which `not_null` have a value.
fn classes(common: &[f64], not_null: f64, filled: f64, distinct: f64) -> Vec<Class> {
    let shares = || common.iter().map(|share| share / not_null.max(1e-9));
    let (listed, sum) = (common.len() as f64, shares().sum::<f64>());
    let others = distinct - listed;
    let rest = (1.0 - sum).max(0.0);
    if common.is_empty() || listed > distinct {
        let values = filled / poisson_mean(filled / distinct);
        return vec![Class { values, share: 1.0 }];
    }
    let scale = if others > 0.0 { sum + rest } else { sum };
    let listed = shares().map(|share| Class {
        values: 1.0,
        share: share / scale,
    });
    let others = (others > 0.0 && rest > 0.0).then(|| {
        let rows = filled * rest;
        Class {
            values: rows / poisson_mean(rows / others.min(rows)),
            share: rest / scale,
        }
    });
    merged(listed.chain(others))
}

/// The combinations of independent values.
fn combined(one: Vec<Class>, two: &[Class]) -> Vec<Class> {
    merged(one.iter().flat_map(|a| {
        two.iter().map(|b| Class {
            values: a.values * b.values,
            share: a.share * b.share,
        })
    }))
}

/// Values of about the same likelihood as one class.
fn merged(classes: impl Iterator<Item = Class>) -> Vec<Class> {
    let mut merged: BTreeMap<i32, Class> = BTreeMap::new();
    for class in classes.filter(|class| class.share > 0.0) {
        // Conversions from f64 saturate: no bound on the values is a class of its own.
        let likelihood = (2.0 * (class.values / class.share).log2()).floor() as i32;
        (merged.entry(likelihood))
            .and_modify(|all| {
                all.values += class.values;
                all.share += class.share;
            })
            .or_insert(class);
    }
    merged.into_values().collect()
}

/// How many values turn up when one is drawn for each row.
fn drawn_of(classes: &[Class], rows: f64) -> f64 {
    let drawn: f64 = (classes.iter())
        .map(|class| expected_values(class.values, rows * class.share))
        .sum();
    drawn.max(1.0).min(rows)
}

/// How many of `population` values turn up when one is drawn for each row.
pub(in crate::whatif) fn distinct_drawn(population: f64, rows: f64) -> f64 {
    expected_values(population, rows).max(1.0).min(rows)
}

fn expected_values(population: f64, rows: f64) -> f64 {
    let distinct = -population * (-rows / population).exp_m1();
    // Nothing is lost by a population without bound, where the product above is not a number.
    if distinct.is_finite() {
        distinct.min(rows)
    } else {
        rows
    }
}

/// How many of the `distinct` values of `rows` rows a random part of the rows has.
pub(in crate::whatif) fn distinct_in_part(distinct: f64, rows: f64, share: f64) -> f64 {
    let rows = rows.max(1.0);
    let distinct = within(distinct, 1.0, rows);
    let population = rows / poisson_mean(rows / distinct);
    distinct_drawn(population, (rows * share).max(1.0))
}

/// Sizes of the tuples of `columns`, of which those with `true` are NULL.
fn tuple_sizes<'a>(columns: impl Iterator<Item = (&'a Column, bool)>) -> Sizes {
    let mut ends = BTreeMap::from([(0_usize, 1.0)]);
    let mut start = TUPLE_HEADER;
    for (column, null) in columns {
        if null {
            start = TUPLE_HEADER + MAX_ALIGN;
            continue;
        }
        let share = 1.0 / column.widths.len() as f64;
        let mut next = BTreeMap::new();
        for (offset, probability) in ends {
            for width in &column.widths {
                // No tuple is larger than a third of the largest page.
                let end = column.end(offset, *width).min(1 << 14);
                *next.entry(end).or_insert(0.0) += probability * share;
            }
        }
        ends = next;
    }
    Sizes::mixture(ends.into_iter().map(|(end, probability)| {
        let mean = (start + end).next_multiple_of(MAX_ALIGN) as f64;
        (
            probability,
            Sizes {
                mean,
                variance: 0.0,
            },
        )
    }))
}

/// Mean of the Poisson distribution whose values other than zero have this mean.
fn poisson_mean(mean_of_nonzero: f64) -> f64 {
    if mean_of_nonzero > 50.0 {
        return mean_of_nonzero;
    }
    let (mut low, mut high) = (0.0, mean_of_nonzero);
    for _ in 0..60 {
        let middle: f64 = f64::midpoint(low, high);
        if middle / -(-middle).exp_m1() < mean_of_nonzero {
            low = middle;
        } else {
            high = middle;
        }
    }
    if mean_of_nonzero <= 1.0 { 0.0 } else { low }
}

/// Numbers of rows with the same key, and how likely each is, when their mean is `mean`.
pub(super) fn duplicates(mean: f64) -> Vec<(f64, f64)> {
    let draws = poisson_mean(mean);
    if draws <= 0.0 {
        return vec![(1.0, 1.0)];
    }
    if draws > 30.0 {
        let reach = 5.0 * draws.sqrt();
        let step = (reach / 250.0).ceil();
        let first = (draws - reach).max(1.0).round();
        return (0..=(2.0 * reach / step) as u32)
            .map(|index| first + f64::from(index) * step)
            .map(|count| (count, (-(count - draws).powi(2) / (2.0 * draws)).exp()))
            .collect();
    }
    let mut weight = 1.0;
    (1..120)
        .map(f64::from)
        .map(|count| {
            weight *= draws / count;
            (count, weight)
        })
        .collect()
}

/// `bytes` rounded up to whole units of the largest alignment.
pub(super) fn align(bytes: f64) -> f64 {
    (bytes / MAX_ALIGN as f64).ceil() * MAX_ALIGN as f64
}

/// `value` between the bounds; not a number counts as the lower one.
pub(super) fn within(value: f64, low: f64, high: f64) -> f64 {
    value.max(low).min(high)
}
