//! Settings of the workload capture.
//!
//! Only a superuser changes them: whoever could switch the capture off could hide what he does,
//! and whoever could keep raw values could read others' data.

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};

use crate::pg::preload;

/// Which statements are counted.
#[derive(PostgresGucEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Track {
    /// None.
    #[name = c"none"]
    None,
    /// Those that clients send.
    #[name = c"top"]
    Top,
    /// Those that functions and triggers run, too.
    #[name = c"all"]
    All,
}

/// What samples keep of parameters.
#[derive(PostgresGucEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// No samples are taken.
    #[name = c"none"]
    None,
    /// Types, lengths and shapes, no values.
    #[name = c"redacted"]
    Redacted,
    /// Values.
    #[name = c"raw"]
    Raw,
}

/// Top: what a function runs is part of what it costs.
static TRACK: GucSetting<Track> = GucSetting::<Track>::new(Track::Top);
static TRACK_UTILITY: GucSetting<bool> = GucSetting::<bool>::new(true);
/// Redacted: no value a client sent is kept unless somebody decided so.
static SAMPLE_PARAMETERS: GucSetting<Keep> = GucSetting::<Keep>::new(Keep::Redacted);
/// 5000, as `pg_stat_statements` has it: more than most applications have statements.
static MAX_STATEMENTS: GucSetting<i32> = GucSetting::<i32>::new(5000);
/// 16 MB: 5000 statements of 1.5 kB with their samples.
static QUERY_TEXT_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024);
/// 16 kB: longer statements are generated, and seldom twice the same.
static MAX_QUERY_LENGTH: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024);
/// 10: fewer repeats in one transaction are ordinary.
static N_PLUS_ONE_THRESHOLD: GucSetting<i32> = GucSetting::<i32>::new(10);
static SLOW_TRANSACTION_WARNING: GucSetting<i32> = GucSetting::<i32>::new(200);
static SLOW_TRANSACTION_ERROR: GucSetting<i32> = GucSetting::<i32>::new(1000);

/// Defines them. Those that size shared memory exist only when the library is preloaded.
pub(super) fn define() {
    define_switches();
    define_transactions();
    if preload::at_server_start() {
        define_sizes();
    }
}

fn define_switches() {
    GucRegistry::define_enum_guc(
        c"pgopt.track",
        c"Which statements are counted.",
        c"top: those that clients send; all: those that functions run, too; none: none.",
        &TRACK,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"pgopt.track_utility",
        c"Whether utility commands are counted.",
        c"Their text is kept without any literal.",
        &TRACK_UTILITY,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"pgopt.sample_parameters",
        c"What samples of statements keep of their parameters.",
        c"redacted: types, lengths and shapes; raw: values; none: no samples are taken.",
        &SAMPLE_PARAMETERS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgopt.max_query_length",
        c"Longest normalised statement text that is kept whole.",
        c"Longer ones are counted and marked; only their beginning is kept.",
        &MAX_QUERY_LENGTH,
        1024,
        1024 * 1024,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
}

fn define_transactions() {
    GucRegistry::define_int_guc(
        c"pgopt.n_plus_one_threshold",
        c"How often a statement must run in one transaction to be listed in pgopt.n_plus_one.",
        c"Counts executions of the same normalised statement sent by the client.",
        &N_PLUS_ONE_THRESHOLD,
        2,
        1_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgopt.slow_transaction_warning",
        c"Transactions that take this long are counted as warnings.",
        c"-1 counts none.",
        &SLOW_TRANSACTION_WARNING,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"pgopt.slow_transaction_error",
        c"Transactions that take this long are counted as errors.",
        c"-1 counts none.",
        &SLOW_TRANSACTION_ERROR,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
}

fn define_sizes() {
    GucRegistry::define_int_guc(
        c"pgopt.max_statements",
        c"Statements there is room for in shared memory.",
        c"About 2 kB each, and texts beside them.",
        &MAX_STATEMENTS,
        100,
        1_000_000,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgopt.query_text_memory",
        c"Shared memory for statement texts and samples.",
        c"When it is full, new texts are not kept and counted.",
        &QUERY_TEXT_MEMORY,
        1024,
        4 * 1024 * 1024,
        GucContext::Postmaster,
        GucFlags::UNIT_KB,
    );
}

/// Which statements are counted.
#[inline]
pub(crate) fn track() -> Track {
    TRACK.get()
}

/// Whether utility commands are counted.
#[inline]
pub(crate) fn track_utility() -> bool {
    TRACK_UTILITY.get()
}

/// What samples keep.
#[inline]
pub(crate) fn sample_parameters() -> Keep {
    SAMPLE_PARAMETERS.get()
}

/// Bytes of the longest text kept whole.
pub(crate) fn max_query_length() -> usize {
    MAX_QUERY_LENGTH.get().max(0) as usize
}

/// Room for statements.
pub(crate) fn max_statements() -> usize {
    MAX_STATEMENTS.get().max(1) as usize
}

/// Bytes for texts and samples.
pub(crate) fn query_text_memory() -> usize {
    QUERY_TEXT_MEMORY.get().max(0) as usize * 1024
}

/// Executions in one transaction from which on a statement counts as repeated.
#[inline]
pub(crate) fn n_plus_one_threshold() -> u64 {
    N_PLUS_ONE_THRESHOLD.get().max(2) as u64
}

/// From how many microseconds on a transaction is slow (warning), and very slow (error).
#[inline]
pub(crate) fn slow_transaction() -> (Option<u64>, Option<u64>) {
    let microseconds = |setting: i32| u64::try_from(setting).ok().map(|ms| ms * 1000);
    (
        microseconds(SLOW_TRANSACTION_WARNING.get()),
        microseconds(SLOW_TRANSACTION_ERROR.get()),
    )
}
