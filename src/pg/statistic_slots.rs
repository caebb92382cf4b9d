//! Numbers in the slots of `pg_statistic`.

use pgrx::pg_sys;

/// The kinds of slots that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// One number: how far the rows come in the order of the values.
    Correlation,
    /// Shares of the rows that have each of the most common values.
    CommonValues,
    /// Shares of the rows that have the most common elements, then least, greatest and, for
    /// arrays, that of NULL.
    CommonElements,
    /// Elements per row as a histogram, then the average.
    ElementCounts,
}

/// The numbers of a column's slot: those of the rows of the relation itself, else of the tree.
pub(crate) fn numbers(table: pg_sys::Oid, attribute: i16, slot: Slot) -> Vec<f64> {
    ([false, true].into_iter())
        .find_map(|inherited| numbers_of(table, attribute, inherited, slot))
        .unwrap_or_default()
}

fn numbers_of(table: pg_sys::Oid, attribute: i16, inherited: bool, slot: Slot) -> Option<Vec<f64>> {
    let kind = match slot {
        Slot::Correlation => pg_sys::STATISTIC_KIND_CORRELATION,
        Slot::CommonValues => pg_sys::STATISTIC_KIND_MCV,
        Slot::CommonElements => pg_sys::STATISTIC_KIND_MCELEM,
        Slot::ElementCounts => pg_sys::STATISTIC_KIND_DECHIST,
    };
    // SAFETY: a syscache look-up, released before returning; the slot is plain memory which the
    // server fills, and its numbers are copied before it is freed.
    unsafe {
        let tuple = pg_sys::SearchSysCache3(
            pg_sys::SysCacheIdentifier::STATRELATTINH as _,
            pg_sys::Datum::from(table),
            pg_sys::Datum::from(attribute),
            pg_sys::Datum::from(inherited),
        );
        if tuple.is_null() {
            return None;
        }
        let mut found = pg_sys::AttStatsSlot::default();
        let wanted = pg_sys::ATTSTATSSLOT_NUMBERS as i32;
        let there =
            pg_sys::get_attstatsslot(&mut found, tuple, kind as i32, pg_sys::InvalidOid, wanted);
        let mut numbers = Vec::new();
        if there {
            let count = usize::try_from(found.nnumbers).unwrap_or(0);
            let slice = std::slice::from_raw_parts(found.numbers, count);
            numbers.extend(slice.iter().map(|number| f64::from(*number)));
            pg_sys::free_attstatsslot(&mut found);
        }
        pg_sys::ReleaseSysCache(tuple);
        Some(numbers)
    }
}
