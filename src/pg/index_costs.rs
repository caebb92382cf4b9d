//! Cost functions of hypothetical indexes whose access method would look into the index.
//!
//! The estimators of GIN and BRIN read numbers from the index's own pages. For a hypothetical
//! index they take constants instead. The functions here have the server's estimator do its work
//! on figures from which those constants come to the numbers that the model has.

use pgrx::pg_sys;

use super::gin_searches::{self, Searches};
use super::index_info::{Contents, IndexGeometry};

/// An index as the planner sees it, with what only its cost function knows. The planner never
/// copies such nodes.
#[repr(C)]
pub(super) struct HypotheticalNode {
    info: pg_sys::IndexOptInfo,
    estimator: pg_sys::amcostestimate_function,
    contents: Contents,
    /// A real index with the same definition; may be null.
    twin: *mut pg_sys::IndexOptInfo,
}

/// `BRIN_DEFAULT_PAGES_PER_RANGE` of brin.h.
const DEFAULT_PAGES_PER_RANGE: u32 = 128;

/// A zeroed node in the current memory context.
///
/// # Safety
/// Must run inside a planner hook.
pub(super) unsafe fn new_node() -> *mut pg_sys::IndexOptInfo {
    // SAFETY: a zeroed node; all zeros are valid values of the fields after it.
    unsafe {
        super::compat::make_node::<HypotheticalNode>(pg_sys::NodeTag::T_IndexOptInfo)
            .cast::<pg_sys::IndexOptInfo>()
    }
}

/// Gives an index its size, and the cost function that goes with it. `twin` is a real index with
/// the same definition, or null: it has the same cost.
///
/// # Safety
/// `info` must come from [`new_node`]; `routine` must be its access method's; `twin` must live as
/// long as `info`.
pub(super) unsafe fn set_geometry(
    info: *mut pg_sys::IndexOptInfo,
    routine: *const pg_sys::IndexAmRoutine,
    geometry: &IndexGeometry,
    twin: *mut pg_sys::IndexOptInfo,
) {
    // SAFETY: see above.
    unsafe {
        (*info).pages = geometry.pages;
        (*info).tuples = geometry.tuples;
        (*info).tree_height = geometry.tree_height;
        let node = info.cast::<HypotheticalNode>();
        (*node).estimator = (*routine).amcostestimate;
        (*node).contents = geometry.contents;
        (*node).twin = twin;
        let estimator: pg_sys::amcostestimate_function = match geometry.contents {
            Contents::Plain => (*routine).amcostestimate,
            Contents::Ranges { .. } => Some(brin_cost),
            Contents::Entries { .. } => Some(gin_cost),
        };
        super::compat::set_cost_estimator(info, estimator);
    }
}

/// What the planner passes to a cost function, and what it gets back.
struct Call {
    root: *mut pg_sys::PlannerInfo,
    path: *mut pg_sys::IndexPath,
    loop_count: f64,
    startup: *mut pg_sys::Cost,
    total: *mut pg_sys::Cost,
    selectivity: *mut pg_sys::Selectivity,
    correlation: *mut f64,
    pages: *mut f64,
}

impl Call {
    /// The access method's own estimate.
    ///
    /// # Safety
    /// The index of the path must be a [`HypotheticalNode`].
    unsafe fn estimate(&self) {
        // SAFETY: the arguments are those that the planner passed.
        unsafe {
            let ours = (*self.path).indexinfo;
            let node = ours.cast::<HypotheticalNode>();
            let Some(estimator) = (*node).estimator else {
                return;
            };
            if !(*node).twin.is_null() {
                (*self.path).indexinfo = (*node).twin;
            }
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                estimator(
                    self.root,
                    self.path,
                    self.loop_count,
                    self.startup,
                    self.total,
                    self.selectivity,
                    self.correlation,
                    self.pages,
                );
            });
            (*self.path).indexinfo = ours;
        }
    }
}

/// The server assumes that a range of a hypothetical BRIN index has 128 pages: it is shown a
/// table with as many such ranges as there will be of the wanted ones.
#[expect(clippy::too_many_arguments, reason = "the server's signature")]
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn brin_cost(
    root: *mut pg_sys::PlannerInfo,
    path: *mut pg_sys::IndexPath,
    loop_count: f64,
    startup: *mut pg_sys::Cost,
    total: *mut pg_sys::Cost,
    selectivity: *mut pg_sys::Selectivity,
    correlation: *mut f64,
    pages: *mut f64,
) {
    let call = Call {
        root,
        path,
        loop_count,
        startup,
        total,
        selectivity,
        correlation,
        pages,
    };
    // SAFETY: the planner's arguments; this function is only given to nodes of ours. An error in
    // between ends the planning that the relation belongs to.
    unsafe {
        let index = (*path).indexinfo;
        let node = index.cast::<HypotheticalNode>();
        let Contents::Ranges { pages_per_range } = (*node).contents else {
            return call.estimate();
        };
        if !(*node).twin.is_null() {
            return call.estimate();
        }
        let relation = (*index).rel;
        let table_pages = (*relation).pages;
        let wanted = pages_per_range.clamp(1, table_pages.max(1));
        let ranges = table_pages.div_ceil(wanted).max(1);
        let shown = (u64::from(ranges) * u64::from(DEFAULT_PAGES_PER_RANGE)).min(u32::MAX.into());
        (*relation).pages = shown as u32;
        call.estimate();
        (*relation).pages = table_pages;
        // The charge per page of the ranges that match.
        let matching = *selectivity * f64::from(ranges);
        let difference = f64::from(wanted) - f64::from(DEFAULT_PAGES_PER_RANGE.min(shown as u32));
        *total += 0.1 * pg_sys::cpu_operator_cost * matching * difference;
        // The server counts one page of the range map less in an index than it assumes here.
        let (mut random, mut sequential) = (0.0, 0.0);
        pg_sys::get_tablespace_page_costs((*index).reltablespace, &mut random, &mut sequential);
        *startup -= sequential * loop_count;
        *total += (random - sequential) * loop_count;
    }
}

/// The server assumes that nine tenths of the pages of a hypothetical GIN index are of the entry
/// tree, with a hundred entries each: what that comes to is replaced by what the model says.
#[expect(clippy::too_many_arguments, reason = "the server's signature")]
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn gin_cost(
    root: *mut pg_sys::PlannerInfo,
    path: *mut pg_sys::IndexPath,
    loop_count: f64,
    startup: *mut pg_sys::Cost,
    total: *mut pg_sys::Cost,
    selectivity: *mut pg_sys::Selectivity,
    correlation: *mut f64,
    pages: *mut f64,
) {
    let call = Call {
        root,
        path,
        loop_count,
        startup,
        total,
        selectivity,
        correlation,
        pages,
    };
    // SAFETY: as above.
    unsafe {
        let index = (*path).indexinfo;
        let node = index.cast::<HypotheticalNode>();
        let Contents::Entries {
            entry_pages,
            data_pages,
            entries,
        } = (*node).contents
        else {
            return call.estimate();
        };
        if !(*node).twin.is_null() {
            return call.estimate();
        }
        let size = (*index).pages;
        let shown = (f64::from(entry_pages) / 0.9).ceil().max(10.0);
        (*index).pages = shown as u32;
        call.estimate();
        (*index).pages = size;
        // Repeated scans share pages: there the server's numbers stay.
        if loop_count > 1.0 {
            return;
        }
        let Some(searches) = gin_searches::of_path(root, path) else {
            return;
        };
        let told = Parts::assumed(shown);
        let known = Parts {
            entry_pages: f64::from(entry_pages),
            data_pages: f64::from(data_pages),
            entries: entries.max(1.0),
        };
        let rows = *selectivity * (*index).tuples;
        let (first, all) = known.pages_read(searches, rows);
        let (told_first, told_all) = told.pages_read(searches, rows);
        let (mut random, mut sequential) = (0.0, 0.0);
        pg_sys::get_tablespace_page_costs((*index).reltablespace, &mut random, &mut sequential);
        *startup += random * (first - told_first);
        *total += random * (all - told_all);
    }
}

/// The parts of a GIN index.
#[derive(Debug, Clone, Copy)]
struct Parts {
    entry_pages: f64,
    data_pages: f64,
    entries: f64,
}

impl Parts {
    /// What the server takes those of a hypothetical index of so many pages to be.
    fn assumed(pages: f64) -> Self {
        let entry_pages = (pages * 0.9).floor();
        Self {
            entry_pages,
            data_pages: pages - entry_pages,
            entries: entry_pages * 100.0,
        }
    }

    /// Pages read before the first row, and in all, as `gincostestimate` of selfuncs.c has it.
    fn pages_read(&self, searches: Searches, rows: f64) -> (f64, f64) {
        const BYTES_PER_ROW: f64 = 3.0;
        let searched = searches.exact + searches.partial / 100.0;
        let share = (searches.partial / self.entries).min(1.0);
        let descents = (searched * self.entry_pages.powf(0.15).round_ties_even()).ceil();
        let first = descents + (self.entry_pages * share).ceil() + (self.data_pages * share).ceil();
        let by_entries = (self.data_pages * searches.exact / self.entries).ceil();
        let by_rows = (rows / (f64::from(pg_sys::BLCKSZ) / BYTES_PER_ROW).floor()).ceil();
        (first, first + by_entries.max(by_rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_entries_are_read_from_their_trees() {
        let parts = Parts {
            entry_pages: 100.0,
            data_pages: 4096.0,
            entries: 4600.0,
        };
        let searches = Searches {
            exact: 9.0,
            partial: 0.0,
        };
        // Two pages per descent, and nine trees.
        assert_eq!(parts.pages_read(searches, 10.0), (18.0, 27.0));
        // Rows that match have to be read whatever the entries.
        assert_eq!(parts.pages_read(searches, 273_000.0), (18.0, 118.0));
    }

    #[test]
    fn beginnings_of_entries_are_searched_among_neighbours() {
        let searches = Searches {
            exact: 0.0,
            partial: 100.0,
        };
        let told = Parts::assumed(100.0);
        assert_eq!(told.pages_read(searches, 0.0), (2.0 + 1.0 + 1.0, 4.0));
    }
}
