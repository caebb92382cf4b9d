//! Where statements come from: the caller's arguments, what pgopt captured, or
//! `pg_stat_statements`.

use pgrx::pg_sys;
use serde::Deserialize;

use super::{Workload, WorkloadStatement, captured};
use crate::error::{Error, Result};
use crate::pg::{catalog, preload, spi};

/// The statements of an argument, each with a weight (1 by default).
pub(crate) fn given(queries: &[String], weights: Option<&[f64]>) -> Result<Workload> {
    if let Some(weights) = weights {
        check_weights(queries, weights)?;
    }
    let statements = (queries.iter().enumerate())
        .map(|(position, text)| WorkloadStatement {
            text: text.clone(),
            role: None,
            weight: weights
                .and_then(|weights| weights.get(position).copied())
                .unwrap_or(1.0),
            mean_time: None,
            rows_per_call: None,
            search_path: None,
            samples: Vec::new(),
        })
        .collect();
    Ok(Workload {
        statements,
        hours: None,
        source: "given queries",
        ..Workload::default()
    })
}

fn check_weights(queries: &[String], weights: &[f64]) -> Result<()> {
    if weights.len() != queries.len() {
        return Err(Error::invalid_parameter(
            "arguments \"queries\" and \"weights\" must have the same number of elements",
        )
        .detail(format!(
            "There are {} queries and {} weights.",
            queries.len(),
            weights.len()
        ))
        .hint("Pass one weight, such as the number of executions, for each query."));
    }
    for (ordinal, weight) in (1..).zip(weights) {
        if !weight.is_finite() || *weight < 0.0 {
            return Err(Error::invalid_parameter(format!(
                "weight must not be negative, infinite or NaN: {weight}"
            ))
            .detail(format!("It is element {ordinal} of \"weights\"."))
            .hint("Pass weights of zero or more, such as numbers of executions."));
        }
    }
    Ok(())
}

/// What was run in the current database, as far as the caller may see it: pgopt's own capture,
/// which knows values and each session's `search_path`, or else `pg_stat_statements`.
pub(crate) fn observed() -> Result<Workload> {
    captured::workload().map_or_else(pg_stat_statements, Ok)
}

fn pg_stat_statements() -> Result<Workload> {
    let schema: Option<String> = spi::json(
        "SELECT to_jsonb((SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                           WHERE e.extname = 'pg_stat_statements'))",
        &[],
    )
    .unwrap_or_default();
    let Some(schema) = schema else {
        return Err(no_source());
    };
    let read: PgStatStatements = spi::json(&query_of_statements(&catalog::quote(&schema)), &[])?;
    Ok(Workload {
        statements: read
            .statements
            .into_iter()
            .map(WorkloadStatement::from)
            .collect(),
        hours: read.hours.filter(|hours| *hours > 0.0),
        source: "pg_stat_statements",
        ..Workload::default()
    })
}

fn no_source() -> Error {
    let (captured, hint) = match preload::at_server_start() {
        true => (
            "pgopt has captured no statement of this database that you may see",
            "Run the workload with setting pgopt.track at \"top\" or \"all\" (pgopt.status() says \
             what is off), or run CREATE EXTENSION pg_stat_statements, or pass queries to \
             pgopt.recommend_for().",
        ),
        false => (
            "pgopt captures nothing in this database, as it was not loaded at server start",
            "Set shared_preload_libraries = 'pgopt', restart the server and run the workload; or \
             add pg_stat_statements there and run CREATE EXTENSION pg_stat_statements; or pass \
             queries to pgopt.recommend_for().",
        ),
    };
    Error::new(
        pgrx::PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "there is no workload to advise on",
    )
    .detail(format!(
        "{captured}, and extension \"pg_stat_statements\" is not installed."
    ))
    .hint(hint)
}

/// Statements of this database that the caller may see, the most expensive first, each with the
/// `search_path` its role gets when it connects: its own setting or the built-in one. The reset
/// value of this session is the caller's, who must not choose what others' names mean.
fn query_of_statements(schema: &str) -> String {
    format!(
        "WITH me AS (
           SELECT d.oid AS database, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS all_stats
             FROM pg_database d WHERE d.datname = current_database()),
         seen AS (
           SELECT s.*, (SELECT substr(setting, 13)
                          FROM pg_db_role_setting r, unnest(r.setconfig) AS setting
                         WHERE setting LIKE 'search\\_path=%'
                           AND r.setdatabase IN (0, me.database) AND r.setrole IN (0, s.userid)
                         ORDER BY r.setrole <> 0 DESC, r.setdatabase <> 0 DESC LIMIT 1) AS path
             FROM {schema}.pg_stat_statements s, me
            WHERE s.dbid = me.database AND s.calls > 0
              AND (me.all_stats OR s.userid = (SELECT u.oid FROM pg_roles u WHERE u.rolname = current_user)))
         SELECT jsonb_build_object(
           'hours', (SELECT extract(epoch FROM clock_timestamp() - i.stats_reset) / 3600
                       FROM {schema}.pg_stat_statements_info i),
           'statements', coalesce((SELECT jsonb_agg(jsonb_build_object(
               'text', s.query, 'role', s.userid::bigint, 'calls', s.calls,
               'mean_time', s.mean_exec_time, 'rows', s.rows,
               'path', coalesce(s.path, built_in.path))
             ORDER BY s.total_exec_time DESC)
             FROM seen s), '[]'))
           FROM (SELECT boot_val AS path FROM pg_settings WHERE name = 'search_path') AS built_in"
    )
}

#[derive(Deserialize)]
struct PgStatStatements {
    hours: Option<f64>,
    statements: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    text: String,
    role: u32,
    calls: f64,
    mean_time: f64,
    rows: f64,
    path: Option<String>,
}

impl From<Entry> for WorkloadStatement {
    fn from(entry: Entry) -> Self {
        Self {
            text: entry.text,
            role: Some(pg_sys::Oid::from(entry.role)),
            weight: entry.calls,
            mean_time: Some(entry.mean_time),
            rows_per_call: Some(entry.rows / entry.calls.max(1.0)),
            search_path: entry.path,
            samples: Vec::new(),
        }
    }
}
