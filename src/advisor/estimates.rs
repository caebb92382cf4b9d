//! What an index costs to build and to keep. Pure; every formula says where it comes from.

#![forbid(unsafe_code)]

use crate::pg::plan::PlannerCosts;

/// Bytes of a log record for one entry, header included.
const WAL_RECORD: f64 = 100.0;

/// Cost, in the planner's units, of adding one entry to a B-tree.
///
/// The descent costs 50 `cpu_operator_cost` per level, as the planner charges a scan for it
/// (`btcostestimate`), and one entry `cpu_index_tuple_cost`. The leaf page must be read when it
/// is not cached, for which the index' share of `effective_cache_size` stands, and be written
/// back once: a hundredth of a random page, as a page takes in about a hundred entries or more
/// before a checkpoint writes it. The write-ahead log, written in sequence, gets a record of about
/// a hundred bytes, and the whole page as often as that is read or written.
pub(crate) fn entry_upkeep(settings: &PlannerCosts, pages: f64, tree_height: i32) -> f64 {
    let levels = f64::from(tree_height.max(0) + 1);
    let miss = (pages / settings.cache_pages.max(1.0)).clamp(0.0, 1.0);
    let pages_moved = 0.01 + miss;
    levels * 50.0 * settings.cpu_operator
        + settings.cpu_index_tuple
        + settings.random_page * pages_moved
        + settings.seq_page * (pages_moved + WAL_RECORD / 8192.0)
}

/// Seconds that `CREATE INDEX CONCURRENTLY` may take.
///
/// Two scans of the table at 400 MB/s, a sort of `n log2 n` comparisons at 25 ns each, the index
/// written at 200 MB/s; measured on a 2-core virtual machine, so an order of magnitude only.
pub(crate) fn build_seconds(table_bytes: f64, tuples: f64, index_bytes: f64) -> f64 {
    let scan = 2.0 * table_bytes / 400e6;
    let sort = tuples.max(1.0) * tuples.max(2.0).log2() * 25e-9;
    let write = index_bytes / 200e6;
    scan + sort + write
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: PlannerCosts = PlannerCosts {
        cpu_operator: 0.0025,
        cpu_index_tuple: 0.005,
        random_page: 4.0,
        seq_page: 1.0,
        cache_pages: 524_288.0,
    };

    #[test]
    fn upkeep_grows_with_height_and_with_what_the_cache_cannot_hold() {
        let small = entry_upkeep(&DEFAULTS, 100.0, 1);
        assert!(small < entry_upkeep(&DEFAULTS, 100.0, 3));
        assert!(small * 5.0 < entry_upkeep(&DEFAULTS, 524_288.0, 1));
    }

    #[test]
    fn a_million_rows_take_about_a_second() {
        let seconds = build_seconds(100e6, 1e6, 20e6);
        assert!((0.3..3.0).contains(&seconds), "{seconds}");
    }
}
