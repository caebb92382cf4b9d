//! Columns with values that no entry of an index can hold. Their average width does not tell:
//! statistics count the pointer to a value that is stored out of line.

use std::cell::RefCell;
use std::collections::BTreeMap;

use pgrx::pg_sys;

use super::tables::Table;
use crate::error::Result;
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::spi;
use crate::settings;

/// Bytes that a key may have: an entry takes a third of a page at most.
const LONGEST: i64 = 2700;

/// Pages and rows looked at.
const MAX_PAGES: f64 = 300.0;
const MAX_ROWS: u32 = 3000;

/// What was found of columns looked at in one request.
#[derive(Debug, Default)]
pub(super) struct LongValues(RefCell<BTreeMap<(u32, i16), bool>>);

impl LongValues {
    /// Whether some of the rows have values of the column that are too long for a key.
    pub(super) fn are_in(&self, table: &Table, column: i16) -> bool {
        let place = (table.oid, column);
        if let Some(known) = self.0.borrow().get(&place) {
            return *known;
        }
        // Of a table that is locked nothing is known.
        let longest = longest(table, column).unwrap_or_default();
        let found = longest > LONGEST;
        self.0.borrow_mut().insert(place, found);
        found
    }
}

/// Stored bytes of the longest value in some of the rows, which need not be fetched for that.
fn longest(table: &Table, column: i16) -> Result<i64> {
    let Some(column) = table.columns.get(&column) else {
        return Ok(0);
    };
    let pages = (table.bytes / f64::from(pg_sys::BLCKSZ)).max(1.0);
    let share = (MAX_PAGES / pages).min(1.0) * 100.0;
    let sql = format!(
        "SELECT to_jsonb(coalesce(max(pg_column_size(s.{0})), 0))
           FROM (SELECT {0} FROM {1} TABLESAMPLE SYSTEM ({2}) REPEATABLE (0) LIMIT {MAX_ROWS}) AS s",
        column.quoted,
        table.qualified,
        share.max(1e-4),
    );
    let owner = Surroundings {
        role: Some(pg_sys::Oid::from(table.owner)),
        settings: vec![("lock_timeout".to_owned(), settings::sandbox_lock_timeout())],
    };
    rolled_back(&owner, || spi::json(&sql, &[]))
}
