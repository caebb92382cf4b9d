//! The board on which the launcher, the databases' workers and the executors find each other.
//!
//! # Locking
//! Relaxed atomics, and for each piece one process that may write it: a process its own entry, the
//! launcher the freeing of databases, a slot whoever its state says (`slot.rs`). Which database has
//! which place is changed under a spin lock, held for a look through the places; nothing in it can
//! fail or wait. Waiting is done on latches.

mod database;
mod slot;

use std::ffi::CStr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicUsize};

pub(crate) use database::{Database, NEVER};
pub(crate) use slot::{Ending, Slot, State};

use super::text::SharedText;
use crate::pg::local::Local;
use crate::pg::{clock, latch, session};

/// Databases that can have work at the same time.
const DATABASES: usize = 256;
/// Runs there can be at once; the setting `pgopt.max_workers` is lower.
pub(crate) const SLOTS: usize = 64;

/// How long the server must have had no slot for that to be said, in microseconds: slots of
/// processes that have ended are free again only when the postmaster has taken note.
const LASTING: i64 = 3_000_000;

/// How long others are waited for to take their turn, in microseconds.
const TURN: i64 = 2_000_000;

/// A process that others look for.
#[repr(C)]
pub(crate) struct Process {
    /// 0: there is none.
    pub(crate) pid: AtomicI32,
    /// Its latch, as an address valid in every process.
    latch: AtomicUsize,
    /// When it began, and when it was last seen at work, µs since 2000.
    pub(crate) started: AtomicI64,
    pub(crate) heartbeat: AtomicI64,
    /// Its last error, and when that was.
    pub(crate) error: SharedText<32>,
    pub(crate) error_at: AtomicI64,
}

impl Process {
    /// Makes this process the one; false if there is another.
    pub(crate) fn begin(&self) -> bool {
        let free = self
            .pid
            .compare_exchange(0, session::pid(), AcqRel, Acquire);
        if free.is_err() {
            return false;
        }
        self.latch.store(latch::own(), Relaxed);
        let now = clock::now();
        self.started.store(now, Relaxed);
        self.heartbeat.store(now, Relaxed);
        true
    }

    /// This process is going.
    pub(crate) fn end(&self) {
        if self.pid.load(Relaxed) == session::pid() {
            self.latch.store(0, Relaxed);
            self.pid.store(0, Relaxed);
        }
    }

    /// Whether there is one.
    pub(crate) fn is_there(&self) -> bool {
        self.pid.load(Relaxed) != 0
    }

    /// Wakes it.
    pub(crate) fn wake(&self) {
        latch::set(self.latch.load(Relaxed));
    }

    /// It is at work.
    pub(crate) fn beat(&self, now: i64) {
        self.heartbeat.store(now, Relaxed);
    }

    /// It met an error.
    pub(crate) fn fail(&self, now: i64, message: &str) {
        self.error.set(message);
        self.error_at.store(now, Relaxed);
    }
}

/// See the head of this file.
#[repr(C)]
pub(crate) struct Board {
    pub(crate) launcher: Process,
    /// Held while places are claimed and freed.
    lock: AtomicU32,
    /// Set when databases were made or dropped.
    rescan: AtomicU32,
    /// Since when the server has had no slot for a worker of ours; 0 while it has.
    no_slot_since: AtomicI64,
    /// Whether the log says so.
    no_slot_said: AtomicU32,
    /// Databases that wait for a worker because as many run as may.
    pub(crate) waiting: AtomicU32,
    /// The database that started a run last, and when.
    last: AtomicU32,
    last_at: AtomicI64,
    /// Slots that are not free.
    slots_taken: AtomicU32,
    databases: [Database; DATABASES],
    slots: [Slot; SLOTS],
}

impl Board {
    /// The places of databases.
    pub(crate) fn places(&self) -> &[Database] {
        &self.databases
    }

    /// A database's place by its number.
    pub(crate) fn place(&self, number: usize) -> Option<&Database> {
        self.databases.get(number)
    }

    /// The number of a database's place, if it has one.
    pub(crate) fn find(&self, database: u32) -> Option<usize> {
        self.databases.iter().position(|place| place.is(database))
    }

    /// The number of a database's place, claimed if it has none; `None` when all are taken.
    pub(crate) fn claim(&self, database: u32) -> Option<usize> {
        self.locked(|| self.find_or_claim(database))
    }

    fn find_or_claim(&self, database: u32) -> Option<usize> {
        self.find(database)
            .or_else(|| self.databases.iter().position(|p| p.claim(database)))
    }

    /// Frees a place, unless somebody has asked for its worker meanwhile.
    pub(crate) fn free_place(&self, place: &Database) {
        self.locked(|| {
            if place.poked.load(Relaxed) == 0 && !place.worker.is_there() {
                place.free();
            }
        });
    }

    fn locked<T>(&self, work: impl FnOnce() -> T) -> T {
        while (self.lock.compare_exchange(0, 1, Acquire, Relaxed)).is_err() {
            std::hint::spin_loop();
        }
        let value = work();
        self.lock.store(0, Release);
        value
    }

    /// Asks for the worker of a database.
    pub(crate) fn poke(&self, database: u32) {
        let number = self.locked(|| {
            let number = self.find_or_claim(database)?;
            self.place(number)?.poked.store(1, Relaxed);
            Some(number)
        });
        match number.and_then(|number| self.place(number)) {
            Some(place) if place.worker.is_there() => place.worker.wake(),
            Some(_) => self.launcher.wake(),
            None => self.ask_for_scan(),
        }
    }

    /// Asks for the workers of all databases that are known to have pgopt.
    pub(crate) fn poke_all(&self) {
        for place in self.databases.iter().filter(|place| place.oid() != 0) {
            place.poked.store(1, Relaxed);
            place.worker.wake();
        }
    }

    /// Asks the launcher to look which databases there are.
    pub(crate) fn ask_for_scan(&self) {
        self.rescan.store(1, Relaxed);
        self.launcher.wake();
    }

    /// Whether it was asked.
    pub(crate) fn take_scan(&self) -> bool {
        self.rescan.swap(0, Relaxed) != 0
    }

    /// Databases' workers that are alive.
    pub(crate) fn workers(&self) -> usize {
        let alive = |place: &&Database| place.worker.is_there();
        self.databases.iter().filter(alive).count()
    }

    /// Whether the server has no slot for a worker of ours.
    pub(crate) fn has_no_slot(&self) -> bool {
        self.no_slot_since.load(Relaxed) != 0
    }

    /// The server had a slot.
    pub(crate) fn found_slot(&self) {
        self.no_slot_since.store(0, Relaxed);
        self.no_slot_said.store(0, Relaxed);
    }

    /// The server had none; whether that has lasted, and is to be said.
    pub(crate) fn found_no_slot(&self, now: i64) -> bool {
        let since = match (self.no_slot_since).compare_exchange(0, now, Relaxed, Relaxed) {
            Ok(_) => now,
            Err(since) => since,
        };
        now - since >= LASTING && super::Shared::raise(&self.no_slot_said)
    }

    /// Wakes the databases' workers.
    pub(crate) fn wake_workers(&self) {
        for place in &self.databases {
            place.worker.wake();
        }
    }

    /// A run of that database is being started.
    pub(crate) fn note_last(&self, database: u32, now: i64) {
        self.last.store(database, Relaxed);
        self.last_at.store(now, Relaxed);
    }

    /// Whether the last run that was started, a moment ago, was of that database.
    pub(crate) fn was_last(&self, database: u32, now: i64) -> bool {
        self.last.load(Relaxed) == database && now - self.last_at.load(Relaxed) < TURN
    }

    /// The slots of runs.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// A slot by its number.
    pub(crate) fn slot(&self, number: usize) -> Option<&Slot> {
        self.slots.get(number)
    }

    /// Slots that are not free.
    pub(crate) fn slots_taken(&self) -> usize {
        self.slots_taken.load(Relaxed) as usize
    }

    /// Takes a free slot for a run of `database`, if fewer than `most` are taken.
    pub(crate) fn reserve(&self, most: usize, database: u32) -> Option<usize> {
        let counted = self.slots_taken.fetch_update(AcqRel, Acquire, |taken| {
            ((taken as usize) < most.min(SLOTS)).then_some(taken + 1)
        });
        counted.ok()?;
        let number = self.slots.iter().position(|slot| slot.reserve(database));
        if number.is_none() {
            self.slots_taken.fetch_sub(1, AcqRel);
        }
        number
    }

    /// Gives back a slot in `state`; false if it is in another one.
    pub(crate) fn free(&self, slot: &Slot, state: State) -> bool {
        let was = slot.leave(state);
        if was {
            self.slots_taken.fetch_sub(1, AcqRel);
        }
        was
    }

    /// Processes of ours that are connected to `database`.
    fn pids(&self, database: u32) -> Vec<i32> {
        let workers = (self.databases.iter())
            .filter(|place| place.is(database))
            .map(|place| place.worker.pid.load(Relaxed));
        let executors = (self.slots.iter())
            .filter(|slot| slot.database() == database)
            .map(|slot| slot.pid.load(Relaxed));
        workers.chain(executors).filter(|pid| *pid != 0).collect()
    }

    /// Keeps workers out of a database for a while, and tells those in it to go; whether any was
    /// there.
    pub(crate) fn empty(&self, database: u32, until: i64) -> bool {
        if let Some(place) = self.claim(database).and_then(|n| self.place(n)) {
            place.quiet_by.store(session::pid(), Relaxed);
            place.quiet_until.store(until, Relaxed);
        }
        let pids = self.pids(database);
        for pid in &pids {
            crate::pg::background::terminate(*pid);
        }
        !pids.is_empty()
    }

    /// Whether no process of ours is connected to `database`.
    pub(crate) fn is_empty(&self, database: u32) -> bool {
        self.pids(database).is_empty()
    }

    /// Lets workers into a database again from that moment on.
    pub(crate) fn reopen(&self, database: u32, from: i64) {
        if let Some(place) = self.find(database).and_then(|n| self.place(n)) {
            place.quiet_until.store(from, Relaxed);
            place.quiet_by.store(0, Relaxed);
            place.poked.store(1, Relaxed);
            self.launcher.wake();
        }
    }
}

/// What a transaction of this process has asked for, to be told when it has committed.
#[derive(Clone, Copy, Default)]
struct Asked {
    worker: bool,
    /// Only if the database is known to have pgopt.
    if_known: bool,
    scan: bool,
}

static ASKED: Local<Asked> = Local::new(Asked {
    worker: false,
    if_known: false,
    scan: false,
});

/// Asks for this database's worker once the transaction has committed.
pub(crate) fn poke_at_commit() {
    ASKED.with(|asked| asked.worker = true);
}

/// The same, if the database is known to have pgopt.
pub(crate) fn poke_known_at_commit() {
    ASKED.with(|asked| asked.if_known = true);
}

/// Asks the launcher to look at the databases once the transaction has committed.
pub(crate) fn scan_at_commit() {
    ASKED.with(|asked| asked.scan = true);
}

/// The transaction has ended; called at the end of every transaction.
#[inline]
pub(crate) fn transaction_ended(committed: bool) {
    let asked = ASKED.get();
    if !asked.worker && !asked.if_known && !asked.scan {
        return;
    }
    ASKED.set(Asked::default());
    let Some(shared) = super::get().filter(|_| committed) else {
        return;
    };
    if asked.scan {
        shared.board.ask_for_scan();
    }
    let database = session::database();
    if asked.worker || asked.if_known && shared.board.find(database).is_some() {
        shared.board.poke(database);
    }
}

/// The slot of the run that this process executes.
static OWN_SLOT: Local<Option<usize>> = Local::new(None);

/// This process executes the run of that slot.
pub(crate) fn own(slot: usize) {
    OWN_SLOT.set(Some(slot));
}

/// The slot of the run that this process executes, as long as it is this process's.
pub(crate) fn own_slot() -> Option<&'static Slot> {
    (super::get()?.board.slot(OWN_SLOT.get()?)).filter(|slot| slot.is_own())
}

/// This process ends with this error, while it may be executing a run.
pub(crate) fn last_words(sqlstate: i32, message: &CStr) {
    if let Some(slot) = own_slot() {
        slot.finish(Ending::Failed, sqlstate, &message.to_string_lossy(), -1);
    }
}
