//! Definitions and states as they are read, and states as they are written.

use pgrx::{JsonB, pg_sys};
use serde::{Deserialize, Serialize};

use super::sql::{moment, set_state, state_record};
use crate::calendar::{Clock, Every, Schedule, Text};
use crate::error::{Error, Result};
use crate::jobs::RESERVED_KEYS;
use crate::jobs::decide::{Overlap, Policy, State};
use crate::jobs::definition::unreadable;
use crate::jobs::zone::JobZone;
use crate::pg::spi;
use crate::pg::zone::ServerZone;
use crate::settings::{self, History};

/// A definition as far as it is decided from.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Definition {
    pub(super) id: i64,
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) owner: u32,
    pub(super) owner_name: String,
    schedule: Option<String>,
    every: Option<[i64; 3]>,
    time_zone: String,
    starts: i64,
    pub(super) enabled: bool,
    pub(super) statement_timeout: Option<i32>,
    max_attempts: i32,
    backoff: i64,
    backoff_max: i64,
    breaker_failures: i32,
    breaker_cooldown: i64,
    overlap: Overlap,
    catch_up: bool,
    pub(super) priority: i32,
    maintenance_window: bool,
    exclusion_key: Option<String>,
    pub(super) run_after: Vec<i64>,
    pub(super) once: bool,
    slow_down: bool,
}

/// What its schedule is, read.
pub(super) struct Times {
    schedule: Option<Schedule>,
    zone: JobZone,
    /// What of it this server cannot read; such a job runs on demand only.
    pub(super) problem: Option<String>,
}

impl Times {
    /// Whether it is due when the server starts.
    pub(super) fn is_boot(&self) -> bool {
        matches!(self.schedule, Some(Schedule::Boot))
    }
}

impl Definition {
    pub(super) fn owner(&self) -> pg_sys::Oid {
        pg_sys::Oid::from(self.owner)
    }

    /// What no other job that runs may have: a user's key is his own.
    pub(super) fn key(&self) -> Option<String> {
        let key = self.exclusion_key.as_ref()?;
        match key.starts_with(RESERVED_KEYS) {
            true => Some(key.clone()),
            false => Some(format!("{}:{key}", self.owner)),
        }
    }

    /// Its schedule, as far as this server can read it: the definition may come from another one.
    pub(super) fn times(&self) -> Times {
        let found = ServerZone::find(&self.time_zone);
        let zone = JobZone(found.unwrap_or_else(ServerZone::of_session));
        let (schedule, problem) = match (found, self.schedule()) {
            (None, _) => {
                let problem = format!("time zone \"{}\" not recognized", self.time_zone);
                (None, Some(problem))
            }
            (_, Ok(schedule)) => (schedule, None),
            (_, Err(problem)) => (None, Some(format!("invalid schedule: {problem}"))),
        };
        Times {
            schedule,
            zone,
            problem,
        }
    }

    fn schedule(&self) -> std::result::Result<Option<Schedule>, String> {
        if let Some([months, days, microseconds]) = self.every {
            let every = Every {
                months,
                days,
                microseconds,
            };
            return Ok(Some(Schedule::Every(every.checked()?)));
        }
        let Some(text) = &self.schedule else {
            return Ok(None);
        };
        match Schedule::parse(text)? {
            Text::Schedule(schedule) => Ok(Some(schedule)),
            Text::Other => Err("It is neither cron text nor an interval.".to_owned()),
        }
    }

    pub(super) fn policy<'a>(&self, times: &'a Times) -> Policy<'a> {
        Policy {
            clock: times.schedule.as_ref().map(|schedule| Clock {
                schedule,
                anchor: self.starts,
                zone: &times.zone,
            }),
            window: settings::maintenance_window().filter(|_| self.maintenance_window),
            enabled: self.enabled,
            max_attempts: self.max_attempts,
            backoff: self.backoff,
            backoff_max: self.backoff_max,
            breaker_failures: self.breaker_failures,
            breaker_cooldown: self.breaker_cooldown,
            overlap: self.overlap,
            catch_up: self.catch_up,
            slow_down: self.slow_down,
            once: self.once,
        }
    }
}

/// A state of a job, to be written.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    pub(super) job_id: i64,
    #[serde(flatten)]
    pub(super) state: &'a State,
}

/// Writes states.
pub(super) fn write_states(states: &[(i64, State)]) -> Result<()> {
    if states.is_empty() {
        return Ok(());
    }
    let records: Vec<Written> = (states.iter())
        .map(|(job_id, state)| Written {
            job_id: *job_id,
            state,
        })
        .collect();
    write(
        concat!(
            "WITH made AS (UPDATE pgopt.job_states AS s SET ",
            set_state!(),
            " FROM jsonb_to_recordset($1) AS r(",
            state_record!(),
            ") WHERE s.job_id = r.job_id RETURNING 1) SELECT to_jsonb(count(*)) FROM made"
        ),
        &records,
    )
}

/// Runs a statement that writes the records in `$1`.
pub(super) fn write<T: Serialize>(sql: &'static str, records: &[T]) -> Result<()> {
    let records = JsonB(serde_json::to_value(records).map_err(unreadable)?);
    let _count: i64 = spi::json_by_index(sql, true, &[records.into()])?;
    Ok(())
}

/// A row of the log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Logged {
    /// `None` for one that never was a run.
    pub(super) id: Option<i64>,
    pub(super) job_id: i64,
    pub(super) name: String,
    pub(super) owner: u32,
    pub(super) command: String,
    pub(super) status: &'static str,
    pub(super) attempt: i32,
    pub(super) started: Option<i64>,
    pub(super) finished: i64,
    pub(super) rows: Option<u64>,
    pub(super) sqlstate: Option<String>,
    pub(super) message: Option<String>,
    pub(super) next_try: Option<i64>,
}

/// Writes what the setting wants kept.
pub(super) fn write_log(rows: &[Logged]) -> Result<()> {
    let history = settings::job_history();
    let kept: Vec<&Logged> = (rows.iter())
        .filter(|row| match history {
            History::All => true,
            History::Errors => matches!(row.status, "failed" | "lost"),
            History::None => false,
        })
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    write(
        concat!(
            "WITH made AS (INSERT INTO pgopt.job_run_log
               SELECT coalesce(r.id, nextval('pgopt.job_run_ids')), r.job_id, r.name, r.owner::oid,
                      r.command, r.status, r.attempt, ",
            moment!("r.started"),
            ", ",
            moment!("r.finished"),
            ", r.rows, r.sqlstate, r.message, ",
            moment!("r.next_try"),
            " FROM jsonb_to_recordset($1) AS r(id int8, job_id int8, name text, owner int8,
                   command text, status text, attempt int4, started int8, finished int8, rows int8,
                   sqlstate text, message text, next_try int8)
              ON CONFLICT (id) DO NOTHING RETURNING 1)
             SELECT to_jsonb(count(*)) FROM made"
        ),
        &kept,
    )
}

/// Times of the schedule that were left out, for the log.
pub(super) fn times(count: u32) -> String {
    match count {
        1 => "1 time of the schedule was skipped".to_owned(),
        count if count >= crate::jobs::decide::MOST_COUNTED => {
            format!("more than {count} times of the schedule were skipped")
        }
        count => format!("{count} times of the schedule were skipped"),
    }
}

/// The error of a definition that this server cannot read.
pub(super) fn unusable(problem: &str) -> Error {
    Error::invalid_parameter(problem)
}

/// A state with the run that ended last.
#[derive(Serialize)]
pub(super) struct Finished {
    pub(super) job_id: i64,
    #[serde(flatten)]
    pub(super) state: State,
    pub(super) last_run: i64,
    pub(super) last_status: &'static str,
    pub(super) last_started: Option<i64>,
    pub(super) last_finished: i64,
    pub(super) last_rows: Option<u64>,
    pub(super) last_sqlstate: Option<String>,
    pub(super) last_message: Option<String>,
}

/// Writes them.
pub(super) fn write_finished(rows: &[Finished]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    write(
        concat!(
            "WITH made AS (UPDATE pgopt.job_states AS s SET last_run = r.last_run,
               last_status = r.last_status, last_started = ",
            moment!("r.last_started"),
            ", last_finished = ",
            moment!("r.last_finished"),
            ", last_success = CASE WHEN r.last_status = 'succeeded' THEN ",
            moment!("r.last_finished"),
            " ELSE s.last_success END, last_rows = r.last_rows, last_sqlstate = r.last_sqlstate,
               last_message = r.last_message, ",
            set_state!(),
            " FROM jsonb_to_recordset($1) AS r(last_run int8, last_status text, last_started int8,
                last_finished int8, last_rows int8, last_sqlstate text, last_message text, ",
            state_record!(),
            ") WHERE s.job_id = r.job_id RETURNING 1) SELECT to_jsonb(count(*)) FROM made"
        ),
        rows,
    )
}
