//! The statements' places and how to find them.
//!
//! # Locking
//! - **Looking up** takes no lock: a chain of entries is followed from its head. An entry that was
//!   found is *pinned*: its number is published in the session's own place, and then it is looked
//!   at again. A pinned entry may die but is not given to another statement.
//! - **Adding and removing** change a chain under its partition's lock. The lock is tried a few
//!   times and then given up: what could not be counted is counted as dropped. Nothing waits.
//! - **Removing** makes an entry `DYING`, unlinks it, and frees it once nobody has it pinned.
//!
//! Pinning is a store, a full fence and a load on one side, removing a store, a full fence and
//! loads on the other: either the session sees the entry dying, or the remover sees the pin.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;

use super::Shared;
use super::entry::{Counter, DYING, Entry, Key, LIVE};
use super::header::Global;

/// How often a lock is tried: longer than a holder needs who is not interrupted.
const TRIES: u32 = 200;

/// How often a reset tries the lock of an entry's samples.
const RESET_TRIES: u32 = 1_000_000;

/// A session's place: which entry it is working on.
#[repr(C, align(64))]
pub(crate) struct Session {
    pub(super) pinned: AtomicU32,
}

/// Why something was not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// Another process was changing that part of the table.
    Busy,
    /// There is no free place.
    Full,
}

/// An entry that stays what it is until this is dropped.
pub(crate) struct Pinned {
    session: &'static Session,
    pub(crate) entry: &'static Entry,
}

impl Drop for Pinned {
    #[inline]
    fn drop(&mut self) {
        self.session.pinned.store(0, Release);
    }
}

impl Shared {
    /// The entry of `key`, pinned for the session `session`.
    #[inline]
    pub(crate) fn find(&self, session: usize, key: &Key) -> Option<Pinned> {
        let session = self.sessions.get(session)?;
        let hash = key.hash();
        let mut link = self.head(hash)?.load(Acquire);
        // A chain that changes under our feet may lead astray, but not for ever.
        for _ in 0..256 {
            let entry = self.entries.get((link as usize).wrapping_sub(1))?;
            if entry.is(hash, key) {
                return self.pin(session, link, |entry| entry.is(hash, key));
            }
            link = entry.next.load(Acquire);
        }
        None
    }

    /// The same while nobody changes the chain, which may hide an entry from a look-up without a
    /// lock; `None`, too, when the partition is busy.
    pub(crate) fn find_undisturbed(&self, session: usize, key: &Key) -> Option<Pinned> {
        let _lock = self.lock(key.hash())?;
        self.find(session, key)
    }

    #[inline]
    fn pin(
        &self,
        session: &'static Session,
        link: u32,
        is_wanted: impl Fn(&Entry) -> bool,
    ) -> Option<Pinned> {
        let entry = self.entries.get((link as usize).wrapping_sub(1))?;
        session.pinned.store(link, Relaxed);
        fence(SeqCst);
        let pinned = Pinned { session, entry };
        (entry.state.load(Acquire) == LIVE && is_wanted(entry)).then_some(pinned)
    }

    /// The entry in place `place`, whatever statement it is of, pinned.
    pub(crate) fn at(&self, session: usize, place: usize) -> Option<Pinned> {
        let session = self.sessions.get(session)?;
        if self.entries.get(place)?.state.load(Relaxed) != LIVE {
            return None;
        }
        self.pin(session, place as u32 + 1, |_| true)
    }

    /// The entry of `key`, made by `prepare` if there is none; true if it was made now.
    pub(crate) fn find_or_add(
        &self,
        session: usize,
        key: &Key,
        prepare: impl FnOnce(&Entry),
    ) -> Result<(Pinned, bool), Refusal> {
        if let Some(pinned) = self.find(session, key) {
            return Ok((pinned, false));
        }
        let place =
            (self.session_hint(session) * 97 + key.hash() as usize) % self.entries.len().max(1);
        let number = self.take_place(place).ok_or(Refusal::Full)?;
        let hash = key.hash();
        let Some(_lock) = self.lock(hash) else {
            self.give_place_back(number);
            return Err(Refusal::Busy);
        };
        // Somebody may have added it since, or a changing chain may have hidden it.
        if let Some(pinned) = self.find(session, key) {
            self.give_place_back(number);
            return Ok((pinned, false));
        }
        let added = self
            .add(session, number, hash, key, prepare)
            .ok_or(Refusal::Busy);
        if added.is_err() {
            self.give_place_back(number);
        }
        added.map(|pinned| (pinned, true))
    }

    fn take_place(&self, hint: usize) -> Option<usize> {
        let number = self.places.take(hint)?;
        self.header.places_taken.fetch_add(1, Relaxed);
        Some(number)
    }

    pub(super) fn give_place_back(&self, number: usize) {
        self.places.give_back(number);
        self.header.places_taken.fetch_sub(1, Relaxed);
    }

    fn add(
        &self,
        session: usize,
        number: usize,
        hash: u64,
        key: &Key,
        prepare: impl FnOnce(&Entry),
    ) -> Option<Pinned> {
        let session = self.sessions.get(session)?;
        let entry = self.entries.get(number)?;
        let head = self.head(hash)?;
        let link = number as u32 + 1;
        entry.set_key(key);
        entry.hash.store(hash, Relaxed);
        prepare(entry);
        entry.next.store(head.load(Relaxed), Relaxed);
        session.pinned.store(link, Relaxed);
        entry.state.store(LIVE, SeqCst);
        head.store(link, Release);
        Some(Pinned { session, entry })
    }

    /// Makes an entry die; false if it is not alive or its partition is busy.
    pub(crate) fn kill(&self, number: usize) -> bool {
        let Some(entry) = self.entries.get(number) else {
            return false;
        };
        let hash = entry.hash.load(Relaxed);
        let Some(_lock) = self.lock(hash) else {
            return false;
        };
        if entry.hash.load(Relaxed) != hash
            || (entry.state.compare_exchange(LIVE, DYING, SeqCst, Relaxed)).is_err()
        {
            return false;
        }
        self.header.dying.fetch_add(1, Relaxed);
        self.unlink(hash, number as u32 + 1, entry);
        true
    }

    /// Takes an entry out of its chain; its own link stays, for those who stand on it.
    fn unlink(&self, hash: u64, link: u32, entry: &Entry) {
        let Some(mut place) = self.head(hash) else {
            return;
        };
        for _ in 0..self.entries.len() {
            let here = place.load(Relaxed);
            if here == link {
                place.store(entry.next.load(Relaxed), Release);
                return;
            }
            let Some(next) = self.entries.get((here as usize).wrapping_sub(1)) else {
                return;
            };
            place = &next.next;
        }
    }

    /// Every place that has a statement, looked at from outside: it may be another one's by the
    /// time it is read.
    pub(crate) fn live(&self) -> impl Iterator<Item = (usize, &'static Entry)> {
        (self.entries.iter().enumerate()).filter(|(_, entry)| entry.state.load(Relaxed) == LIVE)
    }

    /// Keeps `text` and `path` for a pinned entry that has no text yet. A text that finds no
    /// memory is counted; it may be offered again.
    pub(crate) fn keep_text(&self, session: usize, pinned: &Pinned, text: &[u8], path: &[u8]) {
        let Some(handle) = self.arena.store(&[text, path], self.session_hint(session)) else {
            self.header.add(Global::TextsDropped, 1);
            return;
        };
        let published = self
            .lock(pinned.entry.hash.load(Relaxed))
            .is_some_and(|_lock| pinned.entry.publish_text(handle, text.len() as u32));
        if !published {
            self.arena.free(handle);
        }
    }

    /// Text and `search_path` of a pinned entry.
    pub(crate) fn text(&self, pinned: &Pinned) -> (Option<Vec<u8>>, Vec<u8>) {
        let (handle, text) = pinned.entry.text_handle();
        if handle.first == 0 {
            return (None, Vec::new());
        }
        let mut bytes = self.arena.read(handle);
        let path = bytes.split_off((text as usize).min(bytes.len()));
        (Some(bytes), path)
    }

    /// Sets a pinned entry's counts to zero and forgets its samples; its text stays, since a
    /// session that prepared the statement does not parse it again.
    pub(crate) fn zero(&self, pinned: &Pinned, now: i64) {
        // A session that keeps a sample holds the lock for about a microsecond.
        if let Some(_lock) = pinned.entry.lock_samples(RESET_TRIES) {
            for sample in &pinned.entry.samples {
                self.arena.free(sample.handle());
                sample.clear();
            }
        }
        pinned.entry.zero(|number, value| {
            if number == Counter::Calls as usize {
                self.header.add(Global::ResetCalls, value);
            }
        });
        pinned.entry.mark(Counter::FirstSeen, now as u64);
    }

    #[inline]
    fn head(&self, hash: u64) -> Option<&'static AtomicU32> {
        self.heads
            .get(hash as usize & (self.heads.len().wrapping_sub(1)))
    }

    fn lock(&self, hash: u64) -> Option<Lock> {
        let lock = self
            .locks
            .get(hash as usize & (self.locks.len().wrapping_sub(1)))?;
        Lock::take(lock, TRIES)
    }

    /// Where a session starts to look for free places, so that sessions do not meet.
    fn session_hint(&self, session: usize) -> usize {
        session * 8192
    }
}

/// A lock that is held until this is dropped.
pub(crate) struct Lock(&'static AtomicU32);

impl Lock {
    /// Takes a lock, trying `tries` times.
    pub(crate) fn take(lock: &'static AtomicU32, tries: u32) -> Option<Self> {
        for _ in 0..tries {
            if lock.load(Relaxed) == 0 && lock.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
                return Some(Self(lock));
            }
            std::hint::spin_loop();
        }
        None
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}

impl Entry {
    /// The lock under which samples are exchanged and read.
    pub(crate) fn lock_samples(&'static self, tries: u32) -> Option<Lock> {
        Lock::take(&self.sample_lock, tries)
    }
}
