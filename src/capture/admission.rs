//! Which new statements get a place while more come than there is room for.
//!
//! Where an application writes values or lists of columns into its statements, most are never seen
//! again, and each would take the place of one that is. So while the housekeeper can hardly keep
//! up, a statement gets a place when it is seen a second time, or when it takes far longer than
//! those that have to go. The only execution of the others is counted like those of evicted
//! statements.

use std::sync::atomic::Ordering::Relaxed;

use super::sweep::LOW;
use super::usefulness::Use;
use crate::pg::local::Local;
use crate::shmem::Shared;
use crate::shmem::entry::Key;

/// How much more useful a new statement has to be than the last one evicted, to get a place.
const MORE_USEFUL: f64 = 10.0;
/// Microseconds without a sweep after which it may be over.
const CALM: i64 = 2_000_000;

/// Whether new statements come so fast that most are never seen again.
#[inline]
pub(super) fn is_overflowing(shared: &Shared) -> bool {
    shared.header.overflowing.load(Relaxed) != 0
}

/// Whether a statement without a place has to wait for its second execution, as far as can be
/// known before the first one.
#[inline]
pub(super) fn has_to_wait(shared: &Shared, key: &Key) -> bool {
    is_overflowing(shared) && !shared.doorkeeper.knows(key.hash())
}

/// Whether the execution of a statement without a place, which took `time`, gets it one.
#[inline]
pub(super) fn admits(shared: &Shared, key: &Key, time: u64) -> bool {
    !is_overflowing(shared) || shared.doorkeeper.sees(key.hash()) || is_useful(shared, time)
}

fn is_useful(shared: &Shared, time: u64) -> bool {
    let cutoff = f32::from_bits(shared.header.cutoff.load(Relaxed));
    Use::once(time).per_second() > f64::from(cutoff) * MORE_USEFUL
}

/// Says how useful the last statement was that had to go.
pub(super) fn set_cutoff(shared: &Shared, usefulness: f64) {
    let bits = (usefulness as f32).to_bits();
    shared.header.cutoff.store(bits, Relaxed);
}

/// Says that new statements come too fast, or no longer do.
pub(super) fn set_overflowing(shared: &Shared, is_overflowing: bool) {
    shared
        .header
        .overflowing
        .store(u32::from(is_overflowing), Relaxed);
}

/// How much the doorkeeper knew when the housekeeper looked last.
static WEIGHT: Local<usize> = Local::new(0);

/// Ends it when few new statements come: none has needed a sweep since `swept_at`, and since the
/// last look fewer were turned away than free places are kept for. Only the housekeeper does this.
pub(super) fn relax(shared: &Shared, now: i64, swept_at: i64) {
    if !is_overflowing(shared) {
        return;
    }
    let weight = shared.doorkeeper.weight();
    let came = weight.saturating_sub(WEIGHT.get()) / 2;
    let is_over = now.saturating_sub(swept_at) > CALM && came <= shared.capacity() / LOW;
    let forgets = is_over || shared.doorkeeper.is_full(weight);
    WEIGHT.set(if forgets { 0 } else { weight });
    if is_over {
        set_overflowing(shared, false);
    }
    if forgets {
        shared.doorkeeper.forget();
    }
}
