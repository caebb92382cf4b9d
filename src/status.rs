//! `pgopt.status()`: what is on, what is off, and how to turn it on.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde::Deserialize;

use crate::error::Result;
use crate::pg::{preload, roles, session, spi};
use crate::settings::{self, Keep, Track};
use crate::shmem;
use crate::workload::captured;

/// One row.
struct Feature {
    name: &'static str,
    on: bool,
    detail: String,
    hint: Option<&'static str>,
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn status() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(feature, &'static str),
            name!(state, &'static str),
            name!(detail, String),
            name!(hint, Option<&'static str>),
        ),
    >,
    ErrorReport,
> {
    let rows = features()?.into_iter().map(|feature| {
        let hint = (!feature.on).then_some(feature.hint).flatten();
        (
            feature.name,
            if feature.on { "on" } else { "off" },
            feature.detail,
            hint,
        )
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}

#[derive(Deserialize)]
struct Catalogs {
    installed_version: String,
    statements_installed: bool,
    statements_loaded: bool,
}

fn features() -> Result<Vec<Feature>> {
    let catalogs: Catalogs = spi::json(
        "SELECT jsonb_build_object(
           'installed_version', (SELECT extversion FROM pg_extension WHERE extname = 'pgopt'),
           'statements_installed', EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'),
           'statements_loaded', EXISTS (SELECT FROM pg_settings WHERE name = 'pg_stat_statements.max'))",
        &[],
    )?;
    Ok(vec![
        enabled(),
        library(&catalogs),
        capture(),
        jobs(),
        workload(&catalogs),
        visibility(),
        what_if(),
    ])
}

fn enabled() -> Feature {
    Feature {
        name: "pgopt",
        on: settings::enabled(),
        detail: format!("setting pgopt.enabled is {}", on_off(settings::enabled())),
        hint: Some("Set pgopt.enabled to on."),
    }
}

fn library(catalogs: &Catalogs) -> Feature {
    let loaded = env!("CARGO_PKG_VERSION");
    let same = catalogs.installed_version == loaded;
    Feature {
        name: "library",
        on: same,
        detail: format!(
            "version {loaded}, {}; SQL objects of version {}",
            if preload::at_server_start() {
                "loaded at server start"
            } else {
                "loaded by this session"
            },
            catalogs.installed_version
        ),
        hint: Some(
            "Run ALTER EXTENSION pgopt UPDATE, or restart the server with the library of that version.",
        ),
    }
}

fn jobs() -> Feature {
    let board = shmem::get().map(|shared| shared.board);
    let runs = board.is_some_and(|board| board.launcher.is_there());
    let (detail, hint) = match board {
        None => (
            "the library was not loaded at server start".to_owned(),
            PRELOAD,
        ),
        Some(_) if roles::in_recovery() => (
            "this server is a standby: jobs are run where they were scheduled".to_owned(),
            "They are run here once the standby is promoted.",
        ),
        Some(board) => (
            format!(
                "{} of at most {} background workers are at work",
                board.workers() + board.slots_taken(),
                settings::max_workers()
            ),
            "Wait some seconds, and look for \"pgopt launcher\" in the server's log.",
        ),
    };
    Feature {
        name: "jobs",
        on: runs && settings::enabled(),
        detail,
        hint: Some(hint),
    }
}

fn workload(catalogs: &Catalogs) -> Feature {
    let captured = captured::count();
    let (on, detail) = match (catalogs.statements_installed, catalogs.statements_loaded) {
        _ if captured > 0 => (
            true,
            format!(
                "statements come from the captured workload, which has {captured} of this database"
            ),
        ),
        (true, true) => (true, "statements come from pg_stat_statements".to_owned()),
        (true, false) => (
            false,
            "nothing is captured, and pg_stat_statements is installed but not loaded".to_owned(),
        ),
        (false, _) => (
            false,
            "nothing is captured, and pg_stat_statements is not installed in this database"
                .to_owned(),
        ),
    };
    Feature {
        name: "observed workload",
        on,
        detail,
        hint: Some(match preload::at_server_start() {
            true => "Run the workload while the workload capture is on.",
            false => PRELOAD,
        }),
    }
}

const PRELOAD: &str = "Set shared_preload_libraries = 'pgopt' and restart the server.";

fn capture() -> Feature {
    let off = |detail: &str, hint| (false, detail.to_owned(), hint);
    let (on, detail, hint) = match settings::track() {
        _ if !preload::at_server_start() => off("not loaded at server start", PRELOAD),
        _ if !settings::enabled() => {
            off("setting pgopt.enabled is off", "Set pgopt.enabled to on.")
        }
        Track::None => off(
            "setting pgopt.track is none",
            "Set pgopt.track to top or all.",
        ),
        _ if !session::has_query_ids() => off(
            "the server computes no query identifiers",
            "Set compute_query_id to auto or on.",
        ),
        track => (
            true,
            format!(
                "statements {}; samples keep {}",
                match track {
                    Track::All => "of clients and of functions",
                    _ => "of clients",
                },
                match settings::sample_parameters() {
                    Keep::None => "no parameters",
                    Keep::Redacted => "shapes of parameters",
                    Keep::Raw => "values of parameters",
                }
            ),
            "",
        ),
    };
    Feature {
        name: "workload capture",
        on,
        detail,
        hint: Some(hint),
    }
}

fn visibility() -> Feature {
    let all = roles::may_read_all_statistics();
    Feature {
        name: "everybody's statements",
        on: all,
        detail: match all {
            true => "advice covers the statements of all roles".to_owned(),
            false => "advice covers your own statements only".to_owned(),
        },
        hint: Some("Ask for membership in pg_read_all_stats or pg_monitor."),
    }
}

fn what_if() -> Feature {
    let standby = if roles::in_recovery() {
        "; this server is a standby"
    } else {
        ""
    };
    Feature {
        name: "what-if",
        on: settings::enabled(),
        detail: format!("hypothetical B-tree indexes in this session's EXPLAIN{standby}"),
        hint: Some("Set pgopt.enabled to on."),
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
