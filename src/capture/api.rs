//! The SQL functions of the capture; their declarations are in `sql/capture.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{PgSqlErrorCode, pg_sys};

use super::read::{self, Reader};
use super::{info, latency, rows, transaction};
use crate::error::{Error, Result};
use crate::pg::srf::{Cell, row_function};
use crate::pg::{clock, session as process};
use crate::shmem::entry::Counter;
use crate::shmem::header::Global;
use crate::shmem::{self, Shared};

/// The shared structures, or an error that says how to get them.
fn shared() -> Result<&'static Shared> {
    shmem::get().ok_or_else(|| {
        Error::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "pgopt does not capture the workload",
        )
        .detail("The library was not loaded at server start.")
        .hint("Add pgopt to shared_preload_libraries and restart the server.")
    })
}

row_function!(
    pgopt_statement_list,
    pg_finfo_pgopt_statement_list,
    |call| {
        let with_text = call.boolean(0).unwrap_or(true);
        shared().map(|shared| {
            let reader = Reader::current();
            read::statements(shared, with_text)
                .map(|statement| rows::statement(&statement, &reader))
                .collect()
        })
    }
);

row_function!(pgopt_sample_list, pg_finfo_pgopt_sample_list, |_call| {
    shared().map(|shared| {
        let reader = Reader::current();
        let visible: Vec<read::Statement> = read::statements(shared, false)
            .filter(|statement| reader.may_see(statement.key.role))
            .collect();
        (visible.iter())
            .flat_map(|statement| {
                let samples = read::samples(shared, &statement.key);
                samples
                    .into_iter()
                    .map(|sample| rows::sample(statement, &sample))
            })
            .collect()
    })
});

row_function!(pgopt_latency_list, pg_finfo_pgopt_latency_list, |_call| {
    shared().map(latency::rows)
});

row_function!(
    pgopt_slow_transaction_list,
    pg_finfo_pgopt_slow_transaction_list,
    |_call| { shared().map(|shared| info::slow_transactions(shared, &Reader::current())) }
);

row_function!(
    pgopt_capture_info_row,
    pg_finfo_pgopt_capture_info_row,
    |_call| { shared().map(|shared| vec![info::row(shared)]) }
);

row_function!(
    pgopt_statement_histogram,
    pg_finfo_pgopt_statement_histogram,
    |call| { histogram_rows(call.bigint(0)) }
);

fn histogram_rows(query_id: Option<i64>) -> Result<Vec<Vec<Cell>>> {
    let shared = shared()?;
    let query_id = query_id.ok_or_else(|| {
        Error::new(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            "argument \"queryid\" must not be null",
        )
        .hint("Pass a queryid of view pgopt.statements.")
    })?;
    let reader = Reader::current();
    let found: Vec<read::Statement> = read::statements(shared, false)
        .filter(|statement| statement.key.query_id as i64 == query_id)
        .filter(|statement| reader.may_see(statement.key.role))
        .collect();
    if found.is_empty() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("no statement with query identifier {query_id} is known"),
        )
        .detail("It was never executed, gave its place to others, or is another role's.")
        .hint("See view pgopt.statements for those that are known."));
    }
    Ok(latency::histogram(&found))
}

/// Milliseconds of nanoseconds.
fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn transaction_stats() -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(statements, i64),
            name!(total_time, f64),
            name!(longest_time, f64),
            name!(started, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    shared()?;
    let totals = transaction::totals();
    let started = TimestampWithTimeZone::try_from(clock::transaction_start()).ok();
    Ok(TableIterator::once((
        totals.statements as i64,
        milliseconds(totals.time),
        milliseconds(totals.longest),
        started,
    )))
}

/// Resets the statements of the given database, role and identifier (0 or null: of all).
#[pg_extern(sql = false)]
fn reset_statements(
    database: Option<pg_sys::Oid>,
    role: Option<pg_sys::Oid>,
    query_id: Option<i64>,
) -> std::result::Result<i64, ErrorReport> {
    let shared = shared()?;
    let now = clock::now();
    let session = process::number().unwrap_or(usize::MAX);
    let is_meant = |wanted: Option<u64>, is: u64| wanted.is_none_or(|wanted| wanted == is);
    let (database, role) = (
        database.map(|oid| oid.to_u32()),
        role.map(|oid| oid.to_u32()),
    );
    let mut reset = 0;
    for pinned in (0..shared.capacity()).filter_map(|place| shared.at(session, place)) {
        let key = pinned.entry.key();
        if is_meant(database.map(u64::from), key.database.into())
            && is_meant(role.map(u64::from), key.role.into())
            && is_meant(query_id.map(|id| id as u64), key.query_id)
        {
            let seen = [Counter::Calls, Counter::Errors];
            reset += i64::from(seen.iter().any(|counter| pinned.entry.get(*counter) > 0));
            shared.zero(&pinned, now);
        }
    }
    if database.is_none() && role.is_none() && query_id.is_none() {
        shared.zero_beside();
        let since = shared.header.value(Global::Since);
        since.store(now as u64, std::sync::atomic::Ordering::Relaxed);
    }
    Ok(reset)
}
