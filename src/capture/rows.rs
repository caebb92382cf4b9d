//! The rows of the functions behind the views; their columns are declared in `sql/capture.sql`.

use super::read::{Reader, Sample, Statement};
use super::redact::describe;
use super::sample::{Kept, Parameter, decode};
use super::sampling;
use crate::error::sqlstate_text;
use crate::pg::srf::Cell;
use crate::pg::text::{shown, shown_string};
use crate::pg::values;
use crate::shmem::entry::{Counter, MORE_RELATIONS, TRUNCATED, UTILITY};

/// What others' statements show instead of their text.
const HIDDEN: &[u8] = b"<insufficient privilege>";

/// A row of `pgopt.statement_list`.
pub(super) fn statement(statement: &Statement, reader: &Reader) -> Vec<Cell> {
    let visible = reader.may_see(statement.key.role);
    let mut row = identity(statement, visible);
    row.extend(times(statement));
    row.extend(resources(statement));
    row.extend(failures(statement));
    row.extend([
        moment(statement.get(Counter::FirstSeen)),
        moment(statement.get(Counter::LastSeen)),
        match visible {
            true => Cell::Text(shown(statement.path.clone(), statement.encoding)),
            false => Cell::Null,
        },
        match visible {
            true => Cell::Oids(statement.relations.clone()),
            false => Cell::Null,
        },
        Cell::Bool(statement.flags & MORE_RELATIONS != 0),
    ]);
    row.extend(repeats(statement));
    row
}

fn identity(statement: &Statement, visible: bool) -> Vec<Cell> {
    let key = &statement.key;
    let text = match visible {
        true => Cell::of(statement.text.clone(), |text| {
            Cell::Text(shown(text, statement.encoding))
        }),
        false => Cell::Text(HIDDEN.to_vec()),
    };
    vec![
        match visible {
            true => Cell::Int(key.query_id as i64),
            false => Cell::Null,
        },
        Cell::Oid(key.database),
        Cell::Oid(key.role),
        Cell::Bool(key.top_level),
        text,
        Cell::Bool(statement.flags & TRUNCATED != 0),
        Cell::Bool(statement.flags & UTILITY != 0),
    ]
}

fn times(statement: &Statement) -> Vec<Cell> {
    let mut row = vec![
        count(statement, Counter::Calls),
        count(statement, Counter::Rows),
        time(statement, Counter::TotalTime),
    ];
    row.extend(moments(statement.execution_times()));
    for fraction in [0.5, 0.95, 0.99, 0.999] {
        row.push(Cell::of(statement.percentile(fraction), Cell::Float));
    }
    row.push(count(statement, Counter::Plans));
    row.push(time(statement, Counter::TotalPlanTime));
    row.extend(moments(statement.planning_times()));
    row
}

fn moments(moments: Option<[f64; 4]>) -> impl Iterator<Item = Cell> {
    (0..4).map(move |number| {
        let moment = moments.and_then(|moments| moments.get(number).copied());
        Cell::of(moment, Cell::Float)
    })
}

fn resources(statement: &Statement) -> Vec<Cell> {
    use Counter::{
        JitEmissionTime, JitFunctions, JitGenerationTime, JitInliningTime, JitOptimizationTime,
        LocalDirtied, LocalHit, LocalRead, LocalWritten, ParallelLaunched, ParallelPlanned,
        ReadTime, SharedDirtied, SharedHit, SharedRead, SharedWritten, TempRead, TempReadTime,
        TempWriteTime, TempWritten, WalBytes, WalFpi, WalRecords, WriteTime,
    };
    let counts = |counters: &[Counter]| -> Vec<Cell> {
        (counters.iter().map(|counter| count(statement, *counter))).collect()
    };
    let times = |counters: &[Counter]| -> Vec<Cell> {
        (counters.iter().map(|counter| time(statement, *counter))).collect()
    };
    let mut row = counts(&[
        SharedHit,
        SharedRead,
        SharedDirtied,
        SharedWritten,
        LocalHit,
        LocalRead,
        LocalDirtied,
        LocalWritten,
        TempRead,
        TempWritten,
    ]);
    row.extend(times(&[ReadTime, WriteTime, TempReadTime, TempWriteTime]));
    row.extend(counts(&[WalRecords, WalFpi, WalBytes, JitFunctions]));
    row.extend(times(&[
        JitGenerationTime,
        JitInliningTime,
        JitOptimizationTime,
        JitEmissionTime,
    ]));
    row.extend(counts(&[ParallelPlanned, ParallelLaunched]));
    row
}

fn failures(statement: &Statement) -> Vec<Cell> {
    let failed = statement.get(Counter::Errors) > 0;
    let state = (statement.get(Counter::LastSqlstate) as i32, failed);
    vec![
        count(statement, Counter::Errors),
        count(statement, Counter::Cancelled),
        count(statement, Counter::TimedOut),
        time(statement, Counter::ErrorTime),
        Cell::Json(statement.errors_by_class()),
        moment(statement.get(Counter::LastError)),
        match state {
            (state, true) => Cell::Text(sqlstate_text(state).into_bytes()),
            _ => Cell::Null,
        },
    ]
}

fn repeats(statement: &Statement) -> Vec<Cell> {
    vec![
        count(statement, Counter::RepeatTransactions),
        count(statement, Counter::RepeatCalls),
        count(statement, Counter::WorstRepeat),
        time(statement, Counter::RepeatTime),
    ]
}

fn count(statement: &Statement, counter: Counter) -> Cell {
    Cell::Int(statement.get(counter) as i64)
}

fn time(statement: &Statement, counter: Counter) -> Cell {
    Cell::Float(statement.milliseconds(counter))
}

/// A mark of time; 0 is none.
pub(super) fn moment(microseconds: u64) -> Cell {
    match microseconds {
        0 => Cell::Null,
        moment => Cell::Timestamp(moment as i64),
    }
}

/// A row of `pgopt.sample_list`.
pub(super) fn sample(statement: &Statement, sample: &Sample) -> Vec<Cell> {
    let (parameters, left_out) = decode(&sample.payload).unwrap_or_default();
    let described: Vec<serde_json::Value> = (parameters.iter())
        .map(|parameter| parameter_shown(parameter, statement.encoding))
        .collect();
    let kind = match sample.kind {
        sampling::SLOWEST => "slowest",
        sampling::LATEST => "latest",
        _ => "random",
    };
    vec![
        Cell::Int(statement.key.query_id as i64),
        Cell::Oid(statement.key.database),
        Cell::Oid(statement.key.role),
        Cell::Bool(statement.key.top_level),
        Cell::Text(kind.as_bytes().to_vec()),
        moment(sample.at as u64),
        Cell::Float(sample.duration as f64 / 1e6),
        Cell::Int(sample.rows as i64),
        Cell::Int(sample.plan_rows as i64),
        Cell::Json(described.into()),
        Cell::Bool(left_out),
    ]
}

fn parameter_shown(parameter: &Parameter, encoding: u32) -> serde_json::Value {
    let mut described = describe(parameter);
    let Some(fields) = described.as_object_mut() else {
        return described;
    };
    if let Some(name) = values::type_name(parameter.type_oid) {
        fields.insert("type".to_owned(), name.into());
    }
    fields.remove("type_oid");
    if let Kept::Value(bytes) = &parameter.kept {
        let value = match parameter.type_oid {
            0 => Some(shown_string(bytes.clone(), encoding)),
            type_oid => values::output(type_oid, bytes),
        };
        fields.insert("value".to_owned(), value.into());
    }
    described
}
