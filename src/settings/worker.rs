//! Settings of the background workers.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

use crate::pg::preload;

/// 4: half of the server's default of `max_worker_processes`, of which two more are taken by the
/// launcher and the housekeeper.
static MAX_WORKERS: GucSetting<i32> = GucSetting::<i32>::new(4);

pub(super) fn define() {
    if !preload::at_server_start() {
        return;
    }
    GucRegistry::define_int_guc(
        c"pgopt.max_workers",
        c"Background workers that pgopt may have at once, beside its launcher and housekeeper.",
        c"One for each database with due jobs, up to half of them, and one for each run. They come out of max_worker_processes.",
        &MAX_WORKERS,
        2,
        crate::settings::MOST_WORKERS,
        GucContext::Sighup,
        GucFlags::default(),
    );
}

/// Workers there may be at once: those of databases and those of runs.
pub(crate) fn max_workers() -> usize {
    usize::try_from(MAX_WORKERS.get()).unwrap_or(2)
}
