//! Freeing the places of statements that died, and what these leave behind.
//!
//! # Locking
//! None. A dying entry is nobody's to find any more; whoever sees it unpinned after a full fence
//! and exchanges its state owns it, and makes it free (see `table.rs`).

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;

use super::Shared;
use super::entry::{Counter, DYING, Entry, FREE, Key, LIVE, UTILITY};
use super::header::{Global, Rest};
use super::table::Session;

/// Being freed by one process.
const BURYING: u32 = 3;

impl Shared {
    /// Frees a dying entry unless somebody has it pinned. What it counted is added to what evicted
    /// statements leave behind.
    pub(crate) fn bury(&self, number: usize) -> bool {
        let Some(entry) = self.claim(number) else {
            return false;
        };
        fence(SeqCst);
        let link = number as u32 + 1;
        let is_pinned = |session: &Session| session.pinned.load(Acquire) == link;
        if self.sessions.iter().any(is_pinned) {
            entry.state.store(DYING, Release);
            return false;
        }
        self.free_claimed(number, entry);
        true
    }

    /// The same for many that the caller made die, looking at every session once. Only the
    /// housekeeper does this: while it is at work nobody else frees these, so none is given to
    /// another statement meanwhile.
    pub(crate) fn bury_all(&self, numbers: &[usize]) {
        fence(SeqCst);
        let pinned: Vec<u32> = (self.sessions.iter())
            .map(|session| session.pinned.load(Acquire))
            .filter(|link| *link != 0)
            .collect();
        let unpinned = (numbers.iter()).filter(|number| !pinned.contains(&(**number as u32 + 1)));
        for number in unpinned {
            if let Some(entry) = self.claim(*number) {
                self.free_claimed(*number, entry);
            }
        }
    }

    /// A dying entry, which nobody else will free now.
    fn claim(&self, number: usize) -> Option<&'static Entry> {
        let entry = self.entries.get(number)?;
        let claimed = (entry.state).compare_exchange(DYING, BURYING, AcqRel, Relaxed);
        claimed.is_ok().then_some(entry)
    }

    fn free_claimed(&self, number: usize, entry: &Entry) {
        self.header.dying.fetch_sub(1, Relaxed);
        self.fold(entry);
        self.arena.free(entry.text_handle().0);
        for sample in &entry.samples {
            self.arena.free(sample.handle());
        }
        entry.wipe();
        entry.state.store(FREE, Release);
        self.give_place_back(number);
        self.header.add(Global::Evicted, 1);
    }

    fn fold(&self, entry: &Entry) {
        let buckets = (entry.buckets()).map(|(number, bucket)| (number, bucket.load(Relaxed)));
        let flags = entry.flags.load(Relaxed);
        let time = entry.get(Counter::TotalTime);
        self.leave_behind(
            &entry.key(),
            flags,
            entry.get(Counter::Calls),
            time,
            buckets,
        );
    }

    /// Adds what a statement without a place has counted to what evicted ones leave behind; of
    /// the times only those that count for a database's latency: queries that clients sent.
    pub(crate) fn leave_behind(
        &self,
        key: &Key,
        flags: u32,
        calls: u64,
        time: u64,
        buckets: impl Iterator<Item = (usize, u32)>,
    ) {
        self.header.add(Global::EvictedCalls, calls);
        if calls == 0 || !key.top_level || flags & UTILITY != 0 {
            return;
        }
        let Some(rest) = Rest::of(self.rests, key.database) else {
            return;
        };
        rest.calls.fetch_add(calls, Relaxed);
        rest.total_time.fetch_add(time, Relaxed);
        for (bucket, count) in buckets {
            if let Some(sum) = rest.histogram.get(bucket) {
                sum.fetch_add(u64::from(count), Relaxed);
            }
        }
    }

    /// Executions counted in all places, of statements that are about to lose theirs, too: these
    /// are not yet among what evicted ones leave behind.
    pub(crate) fn calls(&self) -> u64 {
        (self.entries.iter())
            .filter(|entry| matches!(entry.state.load(Relaxed), LIVE | DYING))
            .map(|entry| entry.get(Counter::Calls))
            .sum()
    }

    /// Frees what was pinned when it was made to die.
    pub(crate) fn bury_dying(&self) {
        if self.header.dying.load(Relaxed) == 0 {
            return;
        }
        for (number, entry) in self.entries.iter().enumerate() {
            if entry.state.load(Relaxed) == DYING {
                self.bury(number);
            }
        }
    }
}
