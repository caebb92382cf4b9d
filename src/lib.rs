//! pgopt: a PostgreSQL that tunes itself.
//!
//! It observes the workload, advises with proof from the server's own planner, applies without
//! blocking anyone, and verifies on the clock. Everything is SQL.
//!
//! # Words
//! | word | meaning |
//! |---|---|
//! | statement | a normalised query (query id, database, role) with its counters and latency histogram |
//! | sample | one execution of a statement kept with what may be kept of its parameters |
//! | workload | the statements advice is computed for, each with a weight |
//! | candidate | an index that could help at least one statement |
//! | hypothetical index | a candidate shown to the planner inside one planning call, and nowhere else |
//! | configuration | a set of indexes, costed together |
//! | recommendation | an index worth making, with the evidence for it |
//! | action | a recommendation being carried out: built, verified, taken back |
//! | job / run | a scheduled command / one execution of it |
//! | planning sandbox | where a statement is planned as the role that ran it, and everything rolled back |
//!
//! # Rooms
//! Imports go down only; a test holds the floors (`floors.rs`).
//! ```text
//! lib
//! worker                      the housekeeper, the launcher, databases' workers, executors of runs
//! hooks                       the server's hooks, doorways only       (and each room's api.rs)
//! actions                     advice carried out: build, verify, take back
//! advisor, status             workload -> candidates -> costs -> selection -> evidence
//! workload                    which statements, with which weights and values; the planning sandbox
//! capture, whatif, jobs       what the hooks saw, counted; hypothetical and hidden indexes; scheduled commands
//! shmem, calendar             structures shared by all processes; when something is due
//! pg, settings, error         the door to the server's C interface; settings; one error type
//! ```

mod actions;
mod advisor;
mod arguments;
mod calendar;
mod capture;
mod error;
mod hooks;
mod jobs;
mod matviews;
mod pg;
mod settings;
mod shmem;
mod status;
mod whatif;
mod worker;
mod workload;

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/bootstrap.sql", bootstrap);
extension_sql_file!("../sql/whatif.sql", name = "whatif");
extension_sql_file!("../sql/advisor.sql", name = "advisor");
extension_sql_file!("../sql/capture.sql", name = "capture");
extension_sql_file!("../sql/jobs.sql", name = "jobs");
extension_sql_file!("../sql/status.sql", name = "status");
extension_sql_file!("../sql/worker.sql", name = "worker");
extension_sql_file!("../sql/actions.sql", name = "actions", requires = ["jobs"]);
extension_sql_file!(
    "../sql/matviews.sql",
    name = "matviews",
    requires = ["jobs"]
);
extension_sql_file!("../sql/grants.sql", finalize);

/// Runs once when the server loads the library, preloaded or by the first call of a function.
#[pg_guard]
extern "C-unwind" fn _PG_init() {
    pg::preload::note();
    pg::version::note();
    settings::define();
    hooks::install();
    worker::start();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod floors;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/actions.rs"]
mod actions_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/actions_failures.rs"]
mod actions_failures_tests;
#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/actions_others.rs"]
mod actions_others_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor.rs"]
mod advisor_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_captured.rs"]
mod advisor_captured_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_choice.rs"]
mod advisor_choice_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_explain.rs"]
mod advisor_explain_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_kinds.rs"]
mod advisor_kinds_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_edges.rs"]
mod advisor_edges_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_methods.rs"]
mod advisor_methods_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_methods_support.rs"]
mod advisor_methods_support;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_migration.rs"]
mod advisor_migration_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_replace.rs"]
mod advisor_replace_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_statistics.rs"]
mod advisor_statistics_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/advisor_trust.rs"]
mod advisor_trust_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/index_definitions.rs"]
mod index_definitions_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/matviews.rs"]
mod matviews_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/matviews_changes.rs"]
mod matviews_changes_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/matviews_schedules.rs"]
mod matviews_schedules_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/matviews_sources.rs"]
mod matviews_sources_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/matviews_support.rs"]
mod matviews_support;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/jobs.rs"]
mod jobs_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/jobs_bad_input.rs"]
mod jobs_bad_input_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/jobs_store.rs"]
mod jobs_store_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/jobs_order.rs"]
mod jobs_order_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/jobs_harm.rs"]
mod jobs_harm_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/jobs_runs.rs"]
mod jobs_runs_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/jobs_support.rs"]
mod jobs_support;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/surface.rs"]
mod surface_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/values.rs"]
mod values_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/whatif.rs"]
mod whatif_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/whatif_methods.rs"]
mod whatif_methods_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/whatif_samples.rs"]
mod whatif_samples_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/whatif_session.rs"]
mod whatif_session_tests;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/support.rs"]
mod test_support;

#[cfg(any(test, feature = "pg_test"))]
#[path = "../pgrx-tests/bad_input.rs"]
mod bad_input_tests;

/// What `#[pg_test]` expects of the crate.
#[cfg(test)]
#[doc(hidden)]
pub mod pg_test {
    /// Nothing to prepare.
    pub fn setup(_: Vec<&str>) {}

    /// Another extension with the same hooks is preloaded beside ours, so that chaining is tested.
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["shared_preload_libraries = 'pg_stat_statements,pgopt'"]
    }
}
