//! One round of a database's worker: takes note of runs that ended, and starts those that are due.
//!
//! Both happen in one transaction. Executors are asked for before it commits, so that they connect
//! meanwhile, and are told to begin after it: what runs is always written down.

use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;

use pgrx::PgSqlErrorCode;

use super::executor;
use crate::error::{Result, sqlstate_text};
use crate::jobs::store::{self, Ended, Outcome, Start};
use crate::pg::background::{self, Failure, Worker};
use crate::pg::{catalog, log};
use crate::settings;
use crate::shmem::board::{Board, Ending, NEVER, Slot, State as At};
use crate::{actions, matviews};

/// How long a process may take to come, in microseconds.
const COMING: i64 = 60_000_000;
/// How often it asks the server again for a slot that there was none of, in microseconds.
const ASK_AGAIN: i64 = 1_000_000;
/// How often old history is deleted, in microseconds.
const TRIM_EVERY: i64 = 60_000_000;

/// What came of a round.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// pgopt is not installed in this database.
    NoExtension,
    /// Something will be to do at that moment.
    Next(i64),
}

/// What is known from one round to the next.
pub(super) struct Round {
    board: &'static Board,
    database: u32,
    is_first: bool,
    next: i64,
    waiting: usize,
    starving: bool,
    trimmed_at: i64,
}

/// A run whose executor has been asked for, and its slot.
struct Launched {
    slot: usize,
    start: Start,
}

impl Round {
    pub(super) fn new(board: &'static Board, database: u32) -> Self {
        Self {
            board,
            database,
            is_first: true,
            next: 0,
            waiting: 0,
            starving: false,
            trimmed_at: 0,
        }
    }

    /// Runs that are due and wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether the server has no slot for a run.
    pub(super) fn is_starving(&self) -> bool {
        self.starving
    }

    /// Runs of this database that are under way.
    pub(super) fn running(&self) -> usize {
        self.slots().count()
    }

    fn slots(&self) -> impl Iterator<Item = &'static Slot> + use<> {
        let database = self.database;
        (self.board.slots().iter()).filter(move |slot| slot.database() == database)
    }

    /// Every job is to be looked at anew in the next round.
    pub(super) fn look_again(&mut self) {
        store::look_again();
        self.next = 0;
    }

    /// Does what is to be done at `now`.
    pub(super) fn run(&mut self, now: i64, poked: bool) -> std::result::Result<State, Failure> {
        if self.is_first {
            self.abandon_strangers();
        }
        self.bury_missing(now);
        let ended: Vec<&Slot> = self
            .slots()
            .filter(|slot| slot.state() == At::Done)
            .collect();
        if !self.is_first && !poked && ended.is_empty() && now < self.next {
            return Ok(State::Next(self.next));
        }
        let launched = RefCell::new(Vec::new());
        let outcome = background::transaction(|| self.transact(now, poked, &ended, &launched));
        let launched = launched.into_inner();
        let plan = match outcome {
            Ok(plan) => plan,
            Err(failure) => {
                self.take_back(&launched);
                store::has_failed();
                // It may have been committed all the same.
                self.is_first = true;
                return Err(failure);
            }
        };
        let Some(plan) = plan else {
            return Ok(State::NoExtension);
        };
        for slot in ended {
            self.board.free(slot, At::Done);
        }
        self.begin(&launched);
        self.is_first = false;
        self.waiting = plan.waiting + self.count_missing(&plan.starts, &launched);
        self.next = self.next_moment(now, plan.wake_at);
        self.trim(now);
        Ok(State::Next(self.next))
    }

    /// Executors that an earlier worker asked for and did not tell to begin.
    fn abandon_strangers(&self) {
        for slot in self.slots() {
            if slot.step(At::Reserved, At::Abandoned) {
                slot.wake();
            }
        }
    }

    /// Runs whose process never came, or is gone without a word.
    fn bury_missing(&self, now: i64) {
        for slot in self.slots() {
            let pid = slot.pid.load(Relaxed);
            let waited = now - slot.reserved.load(Relaxed);
            if pid == 0 && slot.state() == At::Go && waited > COMING {
                let sqlstate = PgSqlErrorCode::ERRCODE_INSUFFICIENT_RESOURCES as i32;
                let message = "the process of the run could not be started";
                slot.bury(At::Go, Ending::Failed, sqlstate, message);
            } else if slot.state() == At::Running && pid != 0 && !background::is_alive(pid) {
                slot.bury(At::Running, Ending::Lost, 0, "");
            }
        }
    }

    fn transact(
        &mut self,
        now: i64,
        poked: bool,
        ended: &[&Slot],
        launched: &RefCell<Vec<Launched>>,
    ) -> Result<Option<store::Plan>> {
        if !catalog::has_pgopt() {
            return Ok(None);
        }
        if self.is_first || poked || self.next == 0 {
            store::adopt(now)?;
        }
        let mut over = Vec::new();
        if self.is_first {
            let known: Vec<i64> = (self.slots())
                .filter(|slot| slot.state() != At::Abandoned)
                .map(|slot| slot.run.load(Relaxed))
                .collect();
            over.extend(store::recover(&known, now)?);
        }
        let outcomes: Vec<Outcome> = ended.iter().map(|slot| outcome(slot)).collect();
        over.extend(store::finish(&outcomes, now)?);
        let mut looks = matviews::Looks::default();
        let plan = store::plan(now, self.room(now), &mut |due| Ok(looks.precheck(due.job)))?;
        over.extend(plan.ended.iter().cloned());
        follow_up(&over)?;
        if self.is_first {
            actions::recover()?;
        }
        self.starving = false;
        for start in &plan.starts {
            match self.launch(start, now) {
                Some(slot) => launched.borrow_mut().push(Launched {
                    slot,
                    start: start.clone(),
                }),
                None => break,
            }
        }
        let starts: Vec<Start> = (launched.borrow().iter())
            .map(|l| l.start.clone())
            .collect();
        store::claim(&starts, now)?;
        Ok(Some(plan))
    }

    /// How many more runs may be started. Where other databases have runs that wait, each has its
    /// share, and they take turns when there are fewer places than databases.
    fn room(&self, now: i64) -> usize {
        let all = settings::max_workers()
            .saturating_sub(self.board.workers().max(1))
            .max(1);
        let free = all.saturating_sub(self.board.slots_taken());
        let others = (self.board.places().iter())
            .filter(|place| place.oid() != self.database && place.queue.load(Relaxed) > 0)
            .count();
        match others {
            0 => free,
            _ if free <= others && self.board.was_last(self.database, now) => 0,
            _ => free.min((all / (others + 1)).max(1).saturating_sub(self.running())),
        }
    }

    /// Asks for the executor of a run; `None` when there is no room for it.
    fn launch(&mut self, start: &Start, now: i64) -> Option<usize> {
        let most = self.board.slots_taken() + self.room(now);
        let number = self.board.reserve(most, self.database)?;
        let slot = self.board.slot(number)?;
        slot.owner.store(start.owner.to_u32(), Relaxed);
        slot.job.store(start.job, Relaxed);
        slot.run.store(start.run, Relaxed);
        slot.name.set(&start.name);
        let name = match start.attempt {
            1 => format!("pgopt job: {}", start.name),
            attempt => format!("pgopt job, attempt {attempt}: {}", start.name),
        };
        let started = background::start(&Worker {
            name: &name,
            kind: c"pgopt executor",
            function: c"pgopt_executor",
            argument: executor::argument(number, slot.generation()),
        });
        if started {
            self.board.found_slot();
            self.board.note_last(self.database, now);
            return Some(number);
        }
        self.board.free(slot, At::Reserved);
        self.starving = true;
        if self.board.found_no_slot(now) {
            log::no_worker_slot();
        }
        None
    }

    /// The runs are written down: they may begin.
    fn begin(&self, launched: &[Launched]) {
        for slot in launched.iter().filter_map(|l| self.board.slot(l.slot)) {
            slot.step(At::Reserved, At::Go);
            slot.wake();
        }
    }

    /// The runs were not written down: they must not begin.
    fn take_back(&self, launched: &[Launched]) {
        for slot in launched.iter().filter_map(|l| self.board.slot(l.slot)) {
            if slot.step(At::Reserved, At::Abandoned) {
                slot.wake();
            } else {
                self.board.free(slot, At::Done);
            }
        }
    }

    fn count_missing(&self, starts: &[Start], launched: &[Launched]) -> usize {
        starts.len().saturating_sub(launched.len())
    }

    fn next_moment(&self, now: i64, wake_at: Option<i64>) -> i64 {
        let wake_at = wake_at.unwrap_or(NEVER);
        match self.waiting > 0 {
            true => wake_at.min(now + ASK_AGAIN),
            false => wake_at,
        }
    }

    /// Deletes old history now and then; that it fails is no reason not to go on.
    fn trim(&mut self, now: i64) {
        if now - self.trimmed_at < TRIM_EVERY {
            return;
        }
        self.trimmed_at = now;
        if let Err(failure) = background::transaction(|| store::trim_history(now)) {
            log::warning(format!(
                "pgopt could not delete old runs: {}",
                failure.message
            ));
        }
    }

    /// pgopt is not installed here: nobody is going to ask what became of runs.
    pub(super) fn give_up(&self) {
        for slot in self.slots() {
            self.board.free(slot, At::Done);
        }
    }
}

/// Tells the rooms that registered jobs how their runs ended.
fn follow_up(ended: &[Ended]) -> Result<()> {
    for run in ended {
        actions::run_ended(run.job, run.succeeded, run.will_retry)?;
    }
    Ok(())
}

/// What a slot says of a run that has ended.
fn outcome(slot: &Slot) -> Outcome {
    let message = slot.message.get();
    let remark = (!message.is_empty()).then(|| message.clone());
    let ending = match slot.ending() {
        Ending::Succeeded => store::Ending::Succeeded { remark },
        Ending::Skipped => store::Ending::Skipped { reason: message },
        Ending::TimedOut => store::Ending::TimedOut { message },
        Ending::Lost => store::Ending::Lost,
        Ending::Failed => store::Ending::Failed {
            sqlstate: sqlstate_text(slot.sqlstate.load(Relaxed)),
            message,
        },
    };
    let finished = slot.finished.load(Relaxed);
    Outcome {
        run: slot.run.load(Relaxed),
        job: slot.job.load(Relaxed),
        ending,
        started: match slot.started.load(Relaxed) {
            0 => finished,
            started => started,
        },
        finished,
        rows: u64::try_from(slot.rows.load(Relaxed)).ok(),
    }
}
