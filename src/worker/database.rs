//! A database's worker: which jobs are due there, and what became of their runs.
//!
//! It is connected as the server itself, runs pgopt's own statements only, and goes when nothing is
//! to be done for a while; runs that are under way then go on, and are taken note of by the next one.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use pgrx::{pg_guard, pg_sys};

use super::runs::{self, Round};
use crate::pg::background::{self, Cancel};
use crate::pg::local::Local;
use crate::pg::{clock, log};
use crate::settings;
use crate::shmem;
use crate::shmem::board::{Board, Database, NEVER};

/// How long it stays when there is nothing to do, in microseconds.
const LINGER: i64 = 10_000_000;
/// How long it works at most while other databases wait, in microseconds.
const TURN: i64 = 30_000_000;
/// How often it looks for runs that ended without a word, in microseconds.
const LOOK: i64 = 1_000_000;
/// How long the database is left alone after its worker was ended, in microseconds.
const PAUSE: i64 = 5_000_000;
/// No moment yet.
const UNKNOWN: i64 = i64::MIN;
/// The pause after a first error, in microseconds.
const ASK_AGAIN: i64 = 1_000_000;
/// The longest pause after errors, in microseconds.
const LONGEST_PAUSE: i64 = 60_000_000;

static PLACE: Local<Option<usize>> = Local::new(None);

/// The process's entry point; the argument is the number of its place on the board.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pgopt_worker(argument: pg_sys::Datum) {
    background::take_signals(Cancel::Transaction);
    let Some(board) = shmem::get().map(|shared| shared.board) else {
        return;
    };
    let Some(place) = board.place(argument.value()) else {
        return;
    };
    // Two may be asked for when the first was slow to come.
    if place.oid() == 0 || place.is_quiet(clock::now()) || !place.worker.begin() {
        return;
    }
    PLACE.set(Some(argument.value()));
    background::at_exit(leave);
    place.asked_at.store(0, Relaxed);
    place.wake_at.store(UNKNOWN, Relaxed);
    background::connect(place.oid(), None);
    prepare();
    work(board, place);
    background::exit(0);
}

#[pg_guard]
unsafe extern "C-unwind" fn leave(_code: i32, _argument: pg_sys::Datum) {
    let Some(board) = shmem::get().map(|shared| shared.board) else {
        return;
    };
    if let Some(place) = PLACE.get().and_then(|number| board.place(number)) {
        place.starving.store(0, Relaxed);
        if place.wake_at.load(Relaxed) == UNKNOWN {
            // Something ended it: another one shall go on.
            place.wake_at.store(clock::now() + PAUSE, Relaxed);
        }
        place.worker.end();
        board.launcher.wake();
    }
}

/// Settings under which it works, whatever the server's are.
fn prepare() {
    for (name, value) in [
        (c"application_name", "pgopt worker"),
        (c"search_path", "pg_catalog, pg_temp"),
        // The schedule must not wait for a standby.
        (c"synchronous_commit", "local"),
        (c"statement_timeout", "60s"),
        (c"lock_timeout", "5s"),
        (c"idle_in_transaction_session_timeout", "0"),
        (c"default_transaction_read_only", "off"),
        (c"default_transaction_isolation", "read committed"),
        (c"row_security", "off"),
        (c"jit", "off"),
        (c"max_parallel_workers_per_gather", "0"),
        (c"TimeZone", "UTC"),
        (c"DateStyle", "ISO"),
        (c"IntervalStyle", "postgres"),
    ] {
        background::set(name, value);
    }
    background::keep_quiet();
    background::report_idle();
}

fn work(board: &'static Board, place: &'static Database) {
    let began = clock::now();
    let mut round = Round::new(board, place.oid());
    let mut failures = 0u32;
    let mut busy_at = began;
    loop {
        let now = clock::now();
        place.worker.beat(now);
        if !settings::enabled() {
            place.wake_at.store(now + LINGER, Relaxed);
            return;
        }
        let poked = place.poked.swap(0, Relaxed) != 0;
        let next = match round.run(now, poked) {
            Ok(runs::State::NoExtension) => {
                round.give_up();
                place.wake_at.store(NEVER, Relaxed);
                place.vacant.store(1, Relaxed);
                return;
            }
            Ok(runs::State::Next(next)) => {
                failures = 0;
                next
            }
            Err(failure) => {
                if failures == 0 {
                    log::warning(format!("pgopt worker: {}", failure.message));
                }
                place.worker.fail(now, &failure.message);
                failures += 1;
                now + (ASK_AGAIN << failures.min(6)).min(LONGEST_PAUSE)
            }
        };
        place.queue.store(round.waiting() as u32, Relaxed);
        place
            .starving
            .store(u32::from(round.is_starving()), Relaxed);
        let running = round.running();
        if running > 0 || next <= now + LOOK {
            busy_at = now;
        }
        let others = board.waiting.load(Relaxed) > 0;
        let idle = running == 0 && next > now + LINGER && now - busy_at >= LINGER;
        let yields = others && (now - began > TURN || (running == 0 && next > now + LOOK));
        let stuck = failures >= 3 && others;
        let starves = round.is_starving() && another_starves_before(board, place);
        if idle || yields || stuck || starves {
            place.wake_at.store(next, Relaxed);
            // Asked for something while it made up its mind.
            if place.poked.load(Relaxed) == 0 {
                return;
            }
        }
        let until = match (running, failures) {
            (0, _) | (_, 1..) => next,
            _ => next.min(now + LOOK),
        };
        let wait = (until - clock::now()).clamp(1_000, LINGER);
        background::report_idle();
        if background::wait(Duration::from_micros(wait.unsigned_abs())) {
            // When jobs are due depends on settings, too.
            round.look_again();
        }
    }
}

/// Whether a worker on an earlier place finds no slot for its runs either: this one makes room.
fn another_starves_before(board: &Board, place: &Database) -> bool {
    (board.places().iter())
        .take_while(|other| !std::ptr::eq(*other, place))
        .any(|other| other.starving.load(Relaxed) != 0 && other.worker.is_there())
}
