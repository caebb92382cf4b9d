//! The launcher: a process without a database that starts a worker wherever there is work.
//!
//! It looks into each database once, by a worker that goes again when it finds nothing to do, and
//! afterwards only where a worker said it would be needed at some moment, or somebody asked for
//! one. It touches shared memory and shared catalogs only.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::{pg_guard, pg_sys};

use crate::pg::background::{self, Cancel, Worker};
use crate::pg::{clock, databases, log};
use crate::settings;
use crate::shmem::board::{Board, State};
use crate::shmem::{self};

/// How long it sleeps at most; it is woken when there is something to do.
const NAP: i64 = 30_000_000;
/// How long a worker may take to come before another one is asked for, in microseconds.
const COMING: i64 = 5_000_000;
/// How often it asks the server again for a slot that there was none of, in microseconds.
const ASK_AGAIN: i64 = 1_000_000;
/// How long it stays away from what failed, in microseconds.
const PAUSE: i64 = 10_000_000;
/// Seconds after which the postmaster starts it again if it died.
const RESTART_AFTER: Duration = Duration::from_secs(5);

/// Asks the postmaster to run it; only while the library is being preloaded.
pub(super) fn register() {
    BackgroundWorkerBuilder::new("pgopt launcher")
        .set_type("pgopt launcher")
        .set_function("pgopt_launcher")
        .set_library("pgopt")
        .enable_shmem_access(None)
        .enable_spi_access()
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .set_restart_time(Some(RESTART_AFTER))
        .load();
}

/// The process's entry point.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pgopt_launcher(_argument: pg_sys::Datum) {
    background::take_signals(Cancel::Transaction);
    let Some(board) = shmem::get().map(|shared| shared.board) else {
        return;
    };
    background::at_exit(leave);
    board.launcher.begin();
    background::connect_to_shared_catalogs();
    background::set(c"statement_timeout", "60s");
    background::set(c"lock_timeout", "10s");
    background::report_idle();
    board.ask_for_scan();
    let mut launcher = Launcher::new(board);
    loop {
        let until = launcher.round();
        let wait = (until - clock::now()).clamp(1_000, NAP);
        if background::wait(Duration::from_micros(wait.unsigned_abs())) {
            // When jobs are due depends on settings, too.
            board.poke_all();
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn leave(_code: i32, _argument: pg_sys::Datum) {
    if let Some(shared) = shmem::get() {
        shared.board.launcher.end();
    }
}

struct Launcher {
    board: &'static Board,
    /// Databases that a worker has looked into, or is asked to.
    known: HashSet<u32>,
    /// Databases that none has looked into yet.
    unseen: Vec<u32>,
    /// The place of the database that one is looking into.
    visit: Option<usize>,
    /// Not before this moment is anything started: the server had no slot.
    not_before: i64,
    said_no_place: bool,
}

impl Launcher {
    fn new(board: &'static Board) -> Self {
        Self {
            board,
            known: HashSet::new(),
            unseen: Vec::new(),
            visit: None,
            not_before: 0,
            said_no_place: false,
        }
    }

    /// Does what is to be done now, and says when something is to be done again.
    fn round(&mut self) -> i64 {
        let now = clock::now();
        self.board.launcher.beat(now);
        if !settings::enabled() {
            return now + NAP;
        }
        if self.board.take_scan() && !self.scan(now) {
            return now + PAUSE;
        }
        self.clear_slots(now);
        self.clear_places();
        if now < self.not_before {
            return self.not_before;
        }
        self.visit_next();
        self.start_wanted(now);
        self.next_moment(now)
    }

    /// Looks which databases there are; false if that failed.
    fn scan(&mut self, now: i64) -> bool {
        match background::transaction(|| Ok(databases::connectable())) {
            Ok(there) => {
                self.unseen.retain(|database| there.contains(database));
                self.known.retain(|database| there.contains(database));
                for database in &there {
                    if self.known.insert(*database) {
                        self.unseen.push(*database);
                    }
                }
                self.forget_others(&there);
                true
            }
            Err(failure) => {
                self.board.launcher.fail(now, &failure.message);
                self.board.ask_for_scan();
                log::warning(format!(
                    "pgopt launcher could not read the list of databases: {}",
                    failure.message
                ));
                false
            }
        }
    }

    /// Frees what belongs to databases that are gone.
    fn forget_others(&self, there: &[u32]) {
        for place in self.board.places() {
            let oid = place.oid();
            if oid != 0 && !there.contains(&oid) {
                place.poked.store(0, Relaxed);
                self.board.free_place(place);
            }
        }
        for slot in self.board.slots() {
            let database = slot.database();
            if database != 0 && !there.contains(&database) {
                self.board.free(slot, State::Done);
            }
        }
    }

    /// Asks for a worker where a run has ended and nobody has taken note of it, and frees what
    /// nobody came for.
    fn clear_slots(&self, now: i64) {
        for slot in self.board.slots() {
            let database = slot.database();
            match slot.state() {
                State::Done => {
                    let place = self.board.find(database).and_then(|n| self.board.place(n));
                    if !place.is_some_and(|p| p.worker.is_there() || p.poked.load(Relaxed) != 0) {
                        self.board.poke(database);
                    }
                }
                State::Reserved | State::Abandoned
                    if slot.pid.load(Relaxed) == 0
                        && now - slot.reserved.load(Relaxed) > 6 * PAUSE =>
                {
                    let _was_reserved = self.board.free(slot, State::Reserved);
                    let _was_abandoned = self.board.free(slot, State::Abandoned);
                }
                _ => {}
            }
        }
    }

    /// Frees places of databases in which a worker found no pgopt.
    fn clear_places(&mut self) {
        for place in self.board.places() {
            let vacant = place.vacant.load(Relaxed) != 0;
            if place.oid() != 0 && vacant {
                self.board.free_place(place);
                place.vacant.store(0, Relaxed);
            }
        }
    }

    /// Has one database after the other looked into.
    fn visit_next(&mut self) {
        let visited = self.visit.and_then(|number| self.board.place(number));
        // The worker takes note of that first of all; it may find work there and stay.
        if visited.is_some_and(|place| place.poked.load(Relaxed) != 0) {
            return;
        }
        self.visit = None;
        let Some(database) = self.unseen.pop() else {
            return;
        };
        match self.board.claim(database).and_then(|number| {
            self.visit = Some(number);
            self.board.place(number)
        }) {
            Some(place) => place.poked.store(1, Relaxed),
            None => {
                self.unseen.push(database);
                if !std::mem::replace(&mut self.said_no_place, true) {
                    log::warning(format!(
                        "pgopt keeps {} databases in order at most; further ones wait",
                        self.board.places().len()
                    ));
                }
            }
        }
    }

    /// Starts workers where they are wanted, longest first, as many as may be.
    fn start_wanted(&mut self, now: i64) {
        let places = self.board.places().iter().enumerate();
        let mut wanted: Vec<(i64, usize)> = places
            .filter(|(_, place)| now - place.asked_at.load(Relaxed) > COMING)
            .filter_map(|(number, place)| Some((place.wanted_since(now)?, number)))
            .collect();
        wanted.retain(|(_, number)| self.is_known(*number));
        wanted.sort_unstable();
        let coming = (self.board.places().iter())
            .filter(|place| place.oid() != 0 && !place.worker.is_there())
            .filter(|place| now - place.asked_at.load(Relaxed) <= COMING)
            .count();
        let most = (settings::max_workers() / 2).max(1);
        // A worker that finds no slot for a run would get none if another worker took it.
        let starving = (self.board.places().iter()).any(|p| p.starving.load(Relaxed) != 0);
        let alive = self.board.workers() + coming;
        let room = match starving {
            true => 0,
            false => most.saturating_sub(alive),
        };
        for (_, number) in wanted.iter().take(room) {
            if !self.start(*number, now) {
                break;
            }
        }
        let left = wanted.len().saturating_sub(room);
        self.board.waiting.store(left as u32, Relaxed);
        if left > 0 {
            // Whoever has nothing to do right now makes room.
            self.board.wake_workers();
        }
    }

    /// Whether a database may have a worker; one that nobody has seen yet is looked for.
    fn is_known(&self, number: usize) -> bool {
        let known = (self.board.place(number)).is_some_and(|p| self.known.contains(&p.oid()));
        if !known {
            self.board.ask_for_scan();
        }
        known
    }

    fn start(&mut self, number: usize, now: i64) -> bool {
        let Some(place) = self.board.place(number) else {
            return true;
        };
        place.asked_at.store(now, Relaxed);
        let started = background::start(&Worker {
            name: "pgopt worker",
            kind: c"pgopt worker",
            function: c"pgopt_worker",
            argument: number,
        });
        if started {
            self.board.found_slot();
            return true;
        }
        place.asked_at.store(0, Relaxed);
        self.not_before = now + ASK_AGAIN;
        if self.board.found_no_slot(now) {
            log::no_worker_slot();
        }
        false
    }

    /// When something will be to do, if nobody wakes it before.
    fn next_moment(&self, now: i64) -> i64 {
        let mut next = now + NAP;
        let others_wait = self.board.waiting.load(Relaxed) > 0;
        for place in self.board.places().iter().filter(|place| place.oid() != 0) {
            if place.worker.is_there() {
                continue;
            }
            let poked = place.poked.load(Relaxed) != 0;
            let wanted = match poked {
                true => now,
                false => place.wake_at.load(Relaxed),
            };
            let quiet = match place.is_quiet(now) {
                true => place.quiet_until.load(Relaxed).min(now + ASK_AGAIN),
                false => 0,
            };
            let coming = match place.asked_at.load(Relaxed) {
                0 => 0,
                asked => asked + COMING,
            };
            // Woken when a worker comes or goes; this is for those that do neither.
            let floor = now
                + if others_wait {
                    ASK_AGAIN
                } else {
                    ASK_AGAIN / 10
                };
            next = next.min(wanted.max(quiet).max(coming).max(floor));
        }
        match self.unseen.is_empty() {
            true => next,
            false => next.min(now + ASK_AGAIN),
        }
    }
}
