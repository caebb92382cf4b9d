//! Some rows of a table, read block by block.
//!
//! Blocks are chosen evenly over the table, the same ones each time; in each, rows are taken at
//! regular distances. What is read is bounded by rows, blocks and time. It is a scan by ranges of
//! row numbers under the snapshot in force, as `WHERE ctid BETWEEN …` is.

use std::time::{Duration, Instant};

use pgrx::pg_sys;

use super::roles;

/// Bounds of what is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Rows looked at.
    pub(super) rows: u32,
    /// Blocks read.
    pub(super) blocks: u32,
    /// Time after which no more is read.
    pub(super) time: Duration,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    /// With the next row.
    On,
    /// No further.
    Stop,
}

/// A relation opened for reading; closed when dropped, with its lock kept to the end of the
/// (sub)transaction.
pub(super) struct Opened(pub(super) pg_sys::Relation);

impl Opened {
    /// Opens a table or materialized view whose rows the current user may see all of.
    pub(super) fn readable(relation: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the relation is opened with a lock; it is closed by `drop`.
        let opened = unsafe {
            let opened = pg_sys::try_relation_open(relation, pg_sys::AccessShareLock as i32);
            (!opened.is_null()).then_some(Self(opened))?
        };
        // SAFETY: an open relation has its catalog row and, if it has storage of rows, its access
        // method.
        let heap = unsafe {
            let class = (*opened.0).rd_rel;
            matches!((*class).relkind as u8, b'r' | b'm')
                && (*class).relam == pg_sys::HEAP_TABLE_AM_OID
                && !(*opened.0).rd_tableam.is_null()
        };
        (heap && !has_policies(relation)).then_some(opened)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // An error of the server's on its way: the end of the subtransaction closes it.
            return;
        }
        // SAFETY: opened by `readable`; the lock stays.
        unsafe { pg_sys::relation_close(self.0, pg_sys::NoLock as i32) }
    }
}

/// Whether policies may keep rows of the relation from the current user, or from the session's,
/// who is told what comes of them.
fn has_policies(relation: pg_sys::Oid) -> bool {
    let applies = |user: pg_sys::Oid| {
        // SAFETY: a catalog look-up by OID, for a user that exists.
        let state = unsafe { pg_sys::check_enable_rls(relation, user, true) };
        state == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
    };
    applies(roles::current_user()) || applies(roles::session_user())
}

/// Whether both may see all rows of a table that a query names.
pub(super) fn may_be_told_of(table: pg_sys::Oid) -> bool {
    roles::may_read_table(table) && !has_policies(table)
}

/// Blocks of a table, those to read, and which rows of each.
struct Choice {
    blocks: Vec<u32>,
    stride: u32,
}

impl Choice {
    /// `density` is how many rows a block may have.
    fn new(all: u32, density: f64, limits: Limits) -> Self {
        let wanted = limits.blocks.min(all);
        let mut blocks: Vec<u32> = (0..wanted)
            .map(|part| {
                let width = u64::from(all);
                let from = u64::from(part) * width / u64::from(wanted);
                let to = (u64::from(part) + 1) * width / u64::from(wanted);
                (from + mixed(part) % (to - from).max(1)) as u32
            })
            .collect();
        // In an order that leaves an even choice when time runs out.
        blocks.sort_by_key(|block| mixed(*block ^ 0x5bd1_e995));
        let expected = density * f64::from(wanted);
        let stride = (expected / f64::from(limits.rows.max(1))).floor().max(1.0);
        Self {
            blocks,
            stride: stride as u32,
        }
    }
}

/// A number with its bits mixed (SplitMix64).
fn mixed(number: u32) -> u64 {
    let mut bits = u64::from(number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Hands some rows of `opened` to `visit`, each with its place in the table. Errors leave
/// everything to the end of the (sub)transaction.
pub(super) fn each_row(
    opened: &Opened,
    density: f64,
    limits: Limits,
    mut visit: impl FnMut(*mut pg_sys::TupleTableSlot, u64) -> Go,
) {
    // SAFETY: asks the storage manager for the size of the main fork.
    let all = unsafe {
        if !pg_sys::ActiveSnapshotSet() {
            return;
        }
        pg_sys::RelationGetNumberOfBlocksInFork(opened.0, pg_sys::ForkNumber::MAIN_FORKNUM)
    };
    let choice = Choice::new(all, density, limits);
    let end = Instant::now() + limits.time;
    let Some(mut scan) = Scan::begin(opened) else {
        return;
    };
    let mut rows = 0;
    for block in &choice.blocks {
        pgrx::check_for_interrupts!();
        if Instant::now() >= end || rows >= limits.rows.saturating_mul(2) {
            break;
        }
        scan.set_block(*block);
        let mut number = (mixed(*block) % u64::from(choice.stride)) as u32;
        while scan.next() {
            number += 1;
            if !number.is_multiple_of(choice.stride) {
                continue;
            }
            rows += 1;
            let place = (u64::from(*block) << 16) | u64::from(number & 0xffff);
            if visit(scan.slot, place) == Go::Stop || Instant::now() >= end {
                return;
            }
        }
    }
}

type ScanBegin = unsafe extern "C-unwind" fn(
    pg_sys::Relation,
    pg_sys::Snapshot,
    i32,
    *mut pg_sys::ScanKeyData,
    pg_sys::ParallelTableScanDesc,
    u32,
) -> pg_sys::TableScanDesc;
type ScanEnd = unsafe extern "C-unwind" fn(pg_sys::TableScanDesc);
type Rescan = unsafe extern "C-unwind" fn(
    pg_sys::TableScanDesc,
    *mut pg_sys::ScanKeyData,
    bool,
    bool,
    bool,
    bool,
);
type SetRange =
    unsafe extern "C-unwind" fn(pg_sys::TableScanDesc, pg_sys::ItemPointer, pg_sys::ItemPointer);
type NextInRange = unsafe extern "C-unwind" fn(
    pg_sys::TableScanDesc,
    pg_sys::ScanDirection::Type,
    *mut pg_sys::TupleTableSlot,
) -> bool;

/// A scan of one block at a time.
struct Scan {
    desc: pg_sys::TableScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
    rescan: Rescan,
    set_range: SetRange,
    next_in_range: NextInRange,
    end: ScanEnd,
}

impl Scan {
    fn begin(opened: &Opened) -> Option<Self> {
        // SAFETY: the access method is that of the open relation; its functions are called as the
        // inline functions of tableam.h call them, each inside a guard.
        unsafe {
            let method = &*(*opened.0).rd_tableam;
            let begin: ScanBegin = method.scan_begin?;
            let (rescan, end) = (method.scan_rescan?, method.scan_end?);
            let (set_range, next_in_range) =
                (method.scan_set_tidrange?, method.scan_getnextslot_tidrange?);
            let flags =
                pg_sys::ScanOptions::SO_TYPE_TIDRANGESCAN | pg_sys::ScanOptions::SO_ALLOW_PAGEMODE;
            let snapshot = pg_sys::GetActiveSnapshot();
            let desc = pg_sys::ffi::pg_guard_ffi_boundary(|| {
                begin(
                    opened.0,
                    snapshot,
                    0,
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                    flags,
                )
            });
            let slot = pg_sys::table_slot_create(opened.0, std::ptr::null_mut());
            Some(Self {
                desc,
                slot,
                rescan,
                set_range,
                next_in_range,
                end,
            })
        }
    }

    fn set_block(&mut self, block: u32) {
        let pointer = |offset: u16| pg_sys::ItemPointerData {
            ip_blkid: pg_sys::BlockIdData {
                bi_hi: (block >> 16) as u16,
                bi_lo: (block & 0xffff) as u16,
            },
            ip_posid: offset,
        };
        let (mut first, mut last) = (pointer(1), pointer(u16::MAX >> 4));
        // SAFETY: as `table_rescan_tidrange` does; the row numbers are copied.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                (self.rescan)(self.desc, std::ptr::null_mut(), false, false, false, false);
                (self.set_range)(self.desc, &raw mut first, &raw mut last);
            });
        }
    }

    fn next(&mut self) -> bool {
        // SAFETY: the slot is of the kind the access method wants.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                (self.next_in_range)(
                    self.desc,
                    pg_sys::ScanDirection::ForwardScanDirection,
                    self.slot,
                )
            })
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // An error of the server's on its way: the end of the subtransaction cleans up.
            return;
        }
        // SAFETY: begun by `begin`; the slot's pin goes first.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::ffi::pg_guard_ffi_boundary(|| (self.end)(self.desc));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        rows: 3000,
        blocks: 300,
        time: Duration::from_secs(1),
    };

    #[test]
    fn a_small_table_is_read_whole() {
        let choice = Choice::new(20, 60.0, LIMITS);
        let mut blocks = choice.blocks.clone();
        blocks.sort_unstable();
        assert_eq!(blocks, (0..20).collect::<Vec<_>>());
        assert_eq!(choice.stride, 1);
    }

    #[test]
    fn blocks_of_a_large_table_are_spread_over_it_and_always_the_same() {
        let choice = Choice::new(u32::MAX, 60.0, LIMITS);
        assert_eq!(choice.blocks.len(), 300);
        assert_eq!(choice.stride, 6);
        assert_eq!(choice.blocks, Choice::new(u32::MAX, 60.0, LIMITS).blocks);
        let half = |block: &&u32| **block < u32::MAX / 2;
        assert_eq!(choice.blocks.iter().filter(half).count(), 150);
        let first: Vec<&u32> = choice.blocks.iter().take(100).collect();
        let early = first.iter().filter(|block| half(block)).count();
        assert!((30..70).contains(&early), "{early}");
    }

    #[test]
    fn an_empty_table_has_no_blocks() {
        assert!(Choice::new(0, 0.0, LIMITS).blocks.is_empty());
    }
}
