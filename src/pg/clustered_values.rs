//! How many values a column has whose equal values lie together.
//!
//! ANALYZE reads whole blocks, so of such a column it sees few values, each often, and takes them
//! for all there are: it may find a quarter of them. Counted block by block the number is right.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pgrx::pg_sys;

use super::table_sample::{Go, Limits, Opened, each_row};
use super::{catalog, column_order, index_info};

const LIMITS: Limits = Limits {
    rows: 20_000,
    blocks: 60,
    time: Duration::from_millis(50),
};

/// Rows below which ANALYZE sees about all of them.
const MANY_ROWS: f64 = 100_000.0;

/// Correlation from which on equal values lie together.
const IN_ORDER: f64 = 0.95;

/// What was counted in one transaction.
struct Counted {
    /// When it started.
    transaction: i64,
    /// By relation and attribute.
    values: BTreeMap<(u32, i16), Option<f64>>,
}

thread_local! {
    static COUNTED: RefCell<Counted> = const {
        RefCell::new(Counted { transaction: 0, values: BTreeMap::new() })
    };
}

/// As [`count`], once in a transaction: many indexes share a column.
pub(crate) fn count_once(relation: pg_sys::Oid, attribute: i16) -> Option<f64> {
    // SAFETY: reads backend-local state.
    let transaction = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
    let place = (relation.to_u32(), attribute);
    let known = COUNTED.with_borrow_mut(|counted| {
        if counted.transaction != transaction {
            counted.transaction = transaction;
            counted.values.clear();
        }
        counted.values.get(&place).copied()
    });
    known.unwrap_or_else(|| {
        let found = count(relation, attribute);
        COUNTED.with_borrow_mut(|counted| counted.values.insert(place, found));
        found
    })
}

/// The number of values of a column, where some rows have the same one and equal values lie
/// together; of types that are passed by value only.
fn count(relation: pg_sys::Oid, attribute: i16) -> Option<f64> {
    let (rows, pages) = index_info::estimated_size(relation);
    let column = catalog::column_type(relation, attribute)?;
    let known = catalog::column_statistics(relation, attribute)?.distinct_of(rows);
    let ordered = column_order::correlation(relation, attribute)?.abs() >= IN_ORDER;
    if rows < MANY_ROWS || known >= rows || !ordered || !catalog::is_by_value(column.oid) {
        return None;
    }
    let opened = Opened::readable(relation)?;
    let mut blocks = Blocks::default();
    each_row(&opened, rows / pages.max(1.0), LIMITS, |slot, place| {
        let mut null = false;
        // SAFETY: the slot holds a row of the relation, which has that attribute.
        let value = unsafe { pg_sys::slot_getattr(slot, i32::from(attribute), &mut null) };
        blocks.see(place >> 16, if null { None } else { Some(value.value()) });
        Go::On
    });
    blocks.values_of(pages).map(|values| values.min(rows))
}

/// What was seen, block by block.
#[derive(Default)]
struct Blocks {
    present: Option<Block>,
    blocks: f64,
    /// Values of which the first row is in a block.
    begun: f64,
}

struct Block {
    number: u64,
    values: BTreeSet<Option<usize>>,
    last: Option<usize>,
    rows: f64,
    changes: f64,
}

impl Blocks {
    fn see(&mut self, number: u64, value: Option<usize>) {
        match &mut self.present {
            Some(block) if block.number == number => {
                block.changes += f64::from(u8::from(block.last != value));
                block.rows += 1.0;
                block.last = value;
                block.values.insert(value);
            }
            _ => {
                self.finish();
                self.present = Some(Block {
                    number,
                    values: BTreeSet::from([value]),
                    last: value,
                    rows: 1.0,
                    changes: 0.0,
                });
            }
        }
    }

    /// The first value of a block begins there as likely as the value changes from row to row.
    fn finish(&mut self) {
        if let Some(block) = self.present.take().filter(|block| block.rows > 1.0) {
            let change = block.changes / (block.rows - 1.0);
            self.begun += block.values.len() as f64 - 1.0 + change;
            self.blocks += 1.0;
        }
    }

    fn values_of(mut self, pages: f64) -> Option<f64> {
        self.finish();
        (self.blocks > 0.0).then(|| pages * self.begun / self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::Blocks;

    /// Values of `pages` blocks of 60 rows each, of which every tenth is seen.
    fn seen(pages: u64, value: impl Fn(u64) -> usize) -> f64 {
        let mut blocks = Blocks::default();
        for block in (0..pages).step_by(10) {
            for row in 0..60 {
                blocks.see(block, Some(value(block * 60 + row)));
            }
        }
        blocks.values_of(pages as f64).unwrap_or(f64::NAN)
    }

    #[test]
    fn values_of_four_rows_each_are_counted() {
        let found = seen(1000, |row| (row / 4) as usize);
        assert!((found / 15_000.0 - 1.0).abs() < 0.06, "{found}");
    }

    #[test]
    fn a_value_of_many_blocks_counts_once() {
        let found = seen(1000, |row| (row / 6000) as usize);
        assert!(found < 30.0, "{found}");
    }

    #[test]
    fn neighbours_that_alternate_are_not_new_ones() {
        let found = seen(1000, |row| (row / 600 * 2 + row % 2) as usize);
        assert!(found < 3000.0, "{found}");
    }
}
