//! The housekeeper: a process without a database that keeps the captured workload in order.
//!
//! It frees places for new statements before they run out and saves what was counted to disk once
//! a minute; what is counted after that is saved by the postmaster at shutdown. It runs on
//! standbys, too, from the start of the server on, and touches shared memory and its file only.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::{pg_guard, pg_sys};

use crate::capture::{keep, sweep};
use crate::pg::{clock, latch, session};
use crate::shmem::header::Global;
use crate::shmem::{self, Shared};

/// How long it sleeps unless somebody wakes it.
const NAP: Duration = Duration::from_secs(1);
/// How often it saves, in microseconds.
const SAVE_EVERY: i64 = 60_000_000;
/// Seconds after which the postmaster starts it again if it died.
const RESTART_AFTER: Duration = Duration::from_secs(5);

/// Asks the postmaster to run it; only while the library is being preloaded.
pub(crate) fn register() {
    BackgroundWorkerBuilder::new("pgopt housekeeper")
        .set_type("pgopt housekeeper")
        .set_function("pgopt_housekeeper")
        .set_library("pgopt")
        .enable_shmem_access(None)
        .set_start_time(BgWorkerStartTime::PostmasterStart)
        .set_restart_time(Some(RESTART_AFTER))
        .load();
}

/// The process's entry point.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pgopt_housekeeper(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    let (Some(shared), Some(session)) = (shmem::get(), session::number()) else {
        return;
    };
    shared.header.latch.store(latch::own(), Relaxed);
    keep_house(shared, session);
    shared.header.latch.store(0, Relaxed);
    shared.header.value(Global::Heartbeat).store(0, Relaxed);
    // With status 0 the postmaster would never start it again; at shutdown it does not anyhow.
    // SAFETY: nothing of ours is left to be dropped.
    unsafe { pg_sys::proc_exit(1) };
}

fn keep_house(shared: &'static Shared, session: usize) {
    let mut saved_at = clock::now();
    let mut saved_state = keep::fingerprint(shared, session);
    loop {
        let now = clock::now();
        shared
            .header
            .value(Global::Heartbeat)
            .store(now as u64, Relaxed);
        sweep::slow_down(shared, now);
        if sweep::is_needed(shared) || shared.header.poked.load(Relaxed) != 0 {
            sweep::sweep(shared);
        } else {
            shared.bury_dying();
        }
        if now.saturating_sub(saved_at) >= SAVE_EVERY {
            saved_at = now;
            let state = keep::fingerprint(shared, session);
            if state != saved_state {
                keep::save(shared, session);
                saved_state = state;
            }
        }
        if BackgroundWorker::sighup_received() {
            // SAFETY: between two rounds, as the server's own workers do it.
            unsafe { pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP) };
        }
        if !BackgroundWorker::wait_latch(Some(NAP)) {
            break;
        }
    }
}
