//! A run's place on the board, through which its database's worker and its executor talk.
//!
//! # Locking
//! The state says who may write: while it is `Reserved` the worker, which sets it to `Go` when the
//! run is written down and that has committed, or to `Abandoned`; from `Running` on the executor,
//! until it has set it to `Done`; then the worker again, which frees it.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicUsize};

use crate::pg::{clock, latch, session};
use crate::shmem::text::SharedText;

/// Where a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum State {
    /// Nobody's.
    Free = 0,
    /// An executor is being started.
    Reserved = 1,
    /// It may begin.
    Go = 2,
    /// It must not begin.
    Abandoned = 3,
    /// It is at work.
    Running = 4,
    /// It is over; how it ended is in the slot.
    Done = 5,
    /// The worker is changing it.
    Held = 6,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Ending {
    Succeeded = 1,
    Skipped = 2,
    Failed = 3,
    /// Ended by `statement_timeout`, which has the same SQLSTATE as a user's cancel.
    TimedOut = 4,
    /// Its process was gone without a word.
    Lost = 5,
}

/// See the head of this file.
#[repr(C)]
pub(crate) struct Slot {
    state: AtomicU32,
    /// Counts the runs it has held, so that a process that comes late knows that its run is over.
    generation: AtomicU32,
    database: AtomicU32,
    pub(crate) owner: AtomicU32,
    pub(crate) job: AtomicI64,
    pub(crate) run: AtomicI64,
    pub(crate) name: SharedText<8>,
    /// The executor's; 0 until it is there and when it has gone.
    pub(crate) pid: AtomicI32,
    latch: AtomicUsize,
    /// µs since 2000.
    pub(crate) reserved: AtomicI64,
    pub(crate) started: AtomicI64,
    pub(crate) finished: AtomicI64,
    /// -1: not counted.
    pub(crate) rows: AtomicI64,
    ending: AtomicU32,
    pub(crate) sqlstate: AtomicI32,
    pub(crate) message: SharedText<128>,
}

impl Slot {
    /// Where the run is.
    pub(crate) fn state(&self) -> State {
        match self.state.load(Acquire) {
            1 => State::Reserved,
            2 => State::Go,
            3 => State::Abandoned,
            4 => State::Running,
            5 => State::Done,
            6 => State::Held,
            _ => State::Free,
        }
    }

    /// One step; false if it was not in that state.
    pub(crate) fn step(&self, from: State, to: State) -> bool {
        (self
            .state
            .compare_exchange(from as u32, to as u32, AcqRel, Acquire))
        .is_ok()
    }

    /// Whose it is.
    pub(crate) fn database(&self) -> u32 {
        match self.state() {
            State::Free | State::Held => 0,
            _ => self.database.load(Relaxed),
        }
    }

    pub(super) fn reserve(&self, database: u32) -> bool {
        let held = self.step(State::Free, State::Held);
        if held {
            self.generation.fetch_add(1, Relaxed);
            self.database.store(database, Relaxed);
            self.pid.store(0, Relaxed);
            self.latch.store(0, Relaxed);
            self.reserved.store(clock::now(), Relaxed);
            for value in [&self.started, &self.finished] {
                value.store(0, Relaxed);
            }
            self.rows.store(-1, Relaxed);
            self.sqlstate.store(0, Relaxed);
            self.ending.store(Ending::Failed as u32, Relaxed);
            self.message.set("");
            self.step(State::Held, State::Reserved);
        }
        held
    }

    pub(super) fn leave(&self, state: State) -> bool {
        self.step(state, State::Free)
    }

    /// Which of its runs it holds.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    /// The executor of that run is there; false if the run is over, or another one is there.
    pub(crate) fn attach(&self, generation: u32) -> bool {
        let waits = matches!(self.state(), State::Reserved | State::Go | State::Abandoned);
        if !waits || self.generation() != generation {
            return false;
        }
        let alone = self
            .pid
            .compare_exchange(0, session::pid(), AcqRel, Acquire);
        if alone.is_err() {
            return false;
        }
        self.latch.store(latch::own(), Relaxed);
        // It may have been buried in between.
        let is_same = self.generation() == generation;
        if !is_same {
            self.detach();
        }
        is_same
    }

    /// Whether it is this process's.
    pub(crate) fn is_own(&self) -> bool {
        self.pid.load(Relaxed) == session::pid()
    }

    /// The executor is going.
    pub(crate) fn detach(&self) {
        if self.is_own() {
            self.latch.store(0, Relaxed);
            self.pid.store(0, Relaxed);
        }
    }

    /// Wakes the executor.
    pub(crate) fn wake(&self) {
        latch::set(self.latch.load(Relaxed));
    }

    /// The worker notes that a run ended without its executor saying so; false if it has said
    /// something since.
    pub(crate) fn bury(&self, from: State, ending: Ending, sqlstate: i32, message: &str) -> bool {
        let held = self.step(from, State::Held);
        if held {
            self.finish(ending, sqlstate, message, -1);
            self.step(State::Held, State::Done);
        }
        held
    }

    /// How the run ended.
    pub(crate) fn ending(&self) -> Ending {
        match self.ending.load(Relaxed) {
            1 => Ending::Succeeded,
            2 => Ending::Skipped,
            4 => Ending::TimedOut,
            5 => Ending::Lost,
            _ => Ending::Failed,
        }
    }

    /// Writes down how the run ended.
    pub(crate) fn finish(&self, ending: Ending, sqlstate: i32, message: &str, rows: i64) {
        self.ending.store(ending as u32, Relaxed);
        self.sqlstate.store(sqlstate, Relaxed);
        self.message.set(message);
        self.rows.store(rows, Relaxed);
        self.finished.store(clock::now(), Relaxed);
    }
}
