//! What a running statement is and uses, read from the executor's own structures.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

use super::compat;

/// A statement in the executor, for the time of one hook's call.
#[derive(Clone, Copy)]
pub(crate) struct Execution(*mut pg_sys::QueryDesc);

/// Where a statement's text is: one of several, perhaps, in a source text.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    text: *const c_char,
    pub(crate) location: i32,
    pub(crate) length: i32,
}

impl Source {
    /// A statement of `text`.
    ///
    /// # Safety
    /// `text` must be null or a C string that stays as long as this value is used.
    pub(crate) unsafe fn new(text: *const c_char, location: i32, length: i32) -> Self {
        Self {
            text,
            location,
            length,
        }
    }

    /// The whole source text, in the database's encoding.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.text.is_null() {
            return &[];
        }
        // SAFETY: see `new`.
        unsafe { CStr::from_ptr(self.text) }.to_bytes()
    }

    /// Whether a client sent it, if it is not nested in another statement.
    #[inline]
    pub(crate) fn is_clients(&self) -> bool {
        super::session::serves_client(self.text)
    }

    /// Whether it is a piece of the same text in memory.
    pub(crate) fn is_of_same_text(&self, other: &Source) -> bool {
        std::ptr::eq(self.text, other.text)
    }

    /// Whether it is the same piece of the same text in memory.
    pub(crate) fn is_same(&self, other: &Source) -> bool {
        std::ptr::eq(self.text, other.text) && self.location == other.location
    }
}

/// Just-in-time compilation: functions, and nanoseconds of generation, inlining, optimization
/// and emission.
pub(crate) type Jit = [u64; 5];

impl Execution {
    /// The statement of an executor hook's argument.
    ///
    /// # Safety
    /// `desc` must be the hook's argument, and the value used during its call only.
    #[inline]
    pub(crate) unsafe fn new(desc: *mut pg_sys::QueryDesc) -> Self {
        Self(desc)
    }

    /// Tells executions apart that are open at the same time.
    #[inline]
    pub(crate) fn id(&self) -> usize {
        self.0 as usize
    }

    /// The query identifier; 0 when there is none.
    #[inline]
    pub(crate) fn query_id(&self) -> u64 {
        // SAFETY: see `new`; a query description always has its plan.
        unsafe { compat::query_id((*(*self.0).plannedstmt).queryId) }
    }

    /// Rows processed by the run that just ended.
    #[inline]
    pub(crate) fn rows(&self) -> u64 {
        // SAFETY: see `new`; the executor was started.
        unsafe { (*self.0).estate.as_ref() }.map_or(0, |state| state.es_processed)
    }

    /// Whether finishing it can run nothing: neither triggers nor data-modifying parts.
    #[inline]
    pub(crate) fn has_nothing_to_finish(&self) -> bool {
        // SAFETY: see `new`.
        unsafe {
            let skips = (*self.0).estate.as_ref().is_some_and(|state| {
                state.es_top_eflags & pg_sys::EXEC_FLAG_SKIP_TRIGGERS as i32 != 0
            });
            skips && !(*(*self.0).plannedstmt).hasModifyingCTE
        }
    }

    /// Its text.
    pub(crate) fn source(&self) -> Source {
        // SAFETY: see `new`.
        unsafe {
            let planned = (*self.0).plannedstmt;
            Source::new(
                (*self.0).sourceText,
                (*planned).stmt_location,
                (*planned).stmt_len,
            )
        }
    }

    /// What just-in-time compilation it took.
    #[inline]
    pub(crate) fn jit(&self) -> Option<Jit> {
        // SAFETY: see `new`; the context lives as long as the executor's state.
        unsafe {
            let context = (*self.0).estate.as_ref()?.es_jit.as_ref()?;
            let counts = &context.instr;
            Some([
                counts.created_functions as u64,
                compat::nanoseconds(counts.generation_counter),
                compat::nanoseconds(counts.inlining_counter),
                compat::nanoseconds(counts.optimization_counter),
                compat::nanoseconds(counts.emission_counter),
            ])
        }
    }

    /// Parallel workers planned and launched.
    #[inline]
    pub(crate) fn parallel_workers(&self) -> (u64, u64) {
        // SAFETY: see `new`; the plan's state is complete before the executor ends.
        unsafe {
            if !(*(*self.0).plannedstmt).parallelModeNeeded {
                return (0, 0);
            }
            compat::parallel_workers(self.0)
        }
    }

    /// OIDs of the relations it touches, views and partitions included.
    pub(crate) fn relations(&self) -> impl Iterator<Item = u32> {
        // SAFETY: see `new`; a list of OIDs.
        let list = unsafe { (*(*self.0).plannedstmt).relationOids.as_ref() };
        let (elements, length) = list.map_or((std::ptr::null_mut(), 0), |list| {
            (list.elements, list.length)
        });
        (0..length.max(0) as usize).map(move |position| {
            // SAFETY: within the list.
            unsafe { (*elements.add(position)).oid_value.to_u32() }
        })
    }

    /// The planner's estimate of its rows.
    pub(crate) fn planned_rows(&self) -> f64 {
        // SAFETY: see `new`.
        unsafe { (*(*self.0).plannedstmt).planTree.as_ref() }.map_or(0.0, |plan| plan.plan_rows)
    }

    /// The parameters it was given.
    pub(crate) fn parameters(&self) -> super::parameters::Parameters {
        // SAFETY: see `new`.
        unsafe { super::parameters::Parameters::new((*self.0).params) }
    }
}

/// How many numbers [`Usage::add_since`] gives.
pub(crate) const USAGE: usize = 17;

/// The resources this process has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    buffers: pg_sys::BufferUsage,
    wal: pg_sys::WalUsage,
}

impl Usage {
    /// What has been used up to now.
    #[inline]
    pub(crate) fn now() -> Self {
        // SAFETY: plain counters of this process.
        unsafe {
            Self {
                buffers: pg_sys::pgBufferUsage,
                wal: pg_sys::pgWalUsage,
            }
        }
    }

    /// Adds what has been used since `self` was taken to `sums`: blocks (shared hit, read,
    /// dirtied, written; local likewise; temporary read, written), nanoseconds (reading, writing,
    /// temporary reading and writing), WAL (records, full page images, bytes).
    #[inline]
    pub(crate) fn add_since(&self, sums: &mut [u64; USAGE]) {
        let Self { buffers, wal } = Self::now();
        let now = &buffers;
        let then = &self.buffers;
        let blocks = |now: i64, then: i64| (now - then) as u64;
        sums[0] += blocks(now.shared_blks_hit, then.shared_blks_hit);
        sums[1] += blocks(now.shared_blks_read, then.shared_blks_read);
        sums[2] += blocks(now.shared_blks_dirtied, then.shared_blks_dirtied);
        sums[3] += blocks(now.shared_blks_written, then.shared_blks_written);
        sums[4] += blocks(now.local_blks_hit, then.local_blks_hit);
        sums[5] += blocks(now.local_blks_read, then.local_blks_read);
        sums[6] += blocks(now.local_blks_dirtied, then.local_blks_dirtied);
        sums[7] += blocks(now.local_blks_written, then.local_blks_written);
        sums[8] += blocks(now.temp_blks_read, then.temp_blks_read);
        sums[9] += blocks(now.temp_blks_written, then.temp_blks_written);
        let times = compat::block_times(now);
        for (sum, (now, then)) in sums[10..14]
            .iter_mut()
            .zip(times.iter().zip(compat::block_times(then)))
        {
            *sum += now.wrapping_sub(then);
        }
        sums[14] += blocks(wal.wal_records, self.wal.wal_records);
        sums[15] += blocks(wal.wal_fpi, self.wal.wal_fpi);
        sums[16] += wal.wal_bytes.wrapping_sub(self.wal.wal_bytes);
    }
}
