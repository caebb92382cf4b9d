//! What a job must be before it is written down.

use pgrx::{PgSqlErrorCode, pg_sys};

use super::definition::NewJob;
use super::limits;
use super::zone::JobZone;
use crate::calendar::{Clock, Every, Schedule, Text, Window};
use crate::error::{Error, Result, abbreviate};
use crate::pg::command_text::{self, Kind};
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::zone::ServerZone;
use crate::pg::{clock, preload, roles, spi};
use crate::settings;

/// Bytes of a name: no identifier of the server's is longer.
const LONGEST_NAME: usize = 63;
/// Bytes of all commands of a job.
const LONGEST_COMMANDS: usize = 1024 * 1024;
/// Statements of a job: an index on a table of a thousand partitions takes three of each.
const MOST_COMMANDS: usize = 10_000;

/// What the checks found out.
pub(super) struct Checked {
    pub(super) every: Option<Every>,
    pub(super) time_zone: String,
    pub(super) starts: i64,
    pub(super) first_run: Option<i64>,
}

/// An error unless there can be a worker to run anything, and what to run can be written down.
pub(super) fn require_preloaded() -> Result<()> {
    settings::require_enabled()?;
    if roles::in_recovery() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            "jobs cannot be changed during recovery",
        )
        .detail("This server is a standby, which runs no jobs.")
        .hint("Connect to the primary server."));
    }
    if preload::at_server_start() {
        return Ok(());
    }
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "pgopt must be loaded at server start to run jobs",
    )
    .detail("Background workers are started with the server.")
    .hint("Add pgopt to shared_preload_libraries and restart the server."))
}

/// Checks a job, and works out when it runs first.
pub(super) fn check(job: &NewJob) -> Result<Checked> {
    require_preloaded()?;
    name(&job.name)?;
    owner(job.owner)?;
    commands(&job.commands)?;
    numbers(job)?;
    limits::check(job)?;
    let zone = match &job.time_zone {
        Some(name) => ServerZone::find(name).ok_or_else(|| unknown_zone(name))?,
        None => ServerZone::of_session(),
    };
    let now = clock::now();
    let starts = job.starts.unwrap_or(now);
    let schedule = job.schedule.as_deref().map(schedule).transpose()?;
    let first_run = schedule.as_ref().and_then(|schedule| {
        let zone = JobZone(zone);
        let clock = Clock {
            schedule,
            anchor: starts,
            zone: &zone,
        };
        let next = clock.next(now)?;
        let window = settings::maintenance_window().filter(|_| job.maintenance_window);
        Some(window.map_or(next, |window: Window| window.next_open(next, &zone)))
    });
    let every = match &schedule {
        Some(Schedule::Every(every)) => Some(*every),
        _ => None,
    };
    if first_run.is_none() && !matches!(schedule, None | Some(Schedule::Boot)) {
        return Err(bad_schedule(
            job.schedule.as_deref().unwrap_or_default(),
            "It is never due.",
        ));
    }
    Ok(Checked {
        every,
        time_zone: zone.name(),
        starts,
        first_run: first_run.filter(|_| job.enabled),
    })
}

/// Reads a schedule's text.
pub(super) fn schedule(text: &str) -> Result<Schedule> {
    match Schedule::parse(text).map_err(|problem| bad_schedule(text, &problem))? {
        Text::Schedule(schedule) => Ok(schedule),
        Text::Other => interval(text).map(Schedule::Every),
    }
}

/// The server's reading of an interval, in its three parts.
fn interval(text: &str) -> Result<Every> {
    let parts = rolled_back(&Surroundings::default(), || {
        spi::json::<Option<[i64; 3]>>(
            "SELECT CASE WHEN isfinite(i) THEN jsonb_build_array(
                      (extract(year FROM i) * 12 + extract(month FROM i))::int8,
                      extract(day FROM i)::int8,
                      (extract(hour FROM i) * 3600000000 + extract(minute FROM i) * 60000000
                        + extract(microsecond FROM i))::int8)
                    ELSE 'null' END
               FROM (SELECT $1::interval AS i) AS i",
            &[text.into()],
        )
    });
    let parts = parts.map_err(|error| bad_schedule(text, &format!("As an interval: {error}.")))?;
    let [months, days, microseconds] =
        parts.ok_or_else(|| bad_schedule(text, "The interval is infinite."))?;
    let every = Every {
        months,
        days,
        microseconds,
    };
    every
        .checked()
        .map_err(|problem| bad_schedule(text, problem))
}

fn bad_schedule(text: &str, problem: &str) -> Error {
    Error::invalid_parameter(format!("invalid schedule: \"{}\"", abbreviate(text, 100)))
        .detail(problem)
        .hint("Use an interval such as \"15 minutes\", cron text such as \"0 3 * * *\" (with seconds first if there are six fields), or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, @reboot.")
}

fn unknown_zone(name: &str) -> Error {
    Error::invalid_parameter(format!(
        "time zone \"{}\" not recognized",
        abbreviate(name, 100)
    ))
    .detail("The server's time zone database has no zone of that name.")
    .hint("See the view pg_timezone_names.")
}

fn name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(
            Error::new(PgSqlErrorCode::ERRCODE_INVALID_NAME, "job name is empty")
                .hint("Pass a name of 1 to 63 bytes."),
        );
    }
    if name.len() > LONGEST_NAME {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_NAME_TOO_LONG,
            "job name is too long",
        )
        .detail(format!(
            "\"{}\" has {} bytes, and {LONGEST_NAME} are the most.",
            abbreviate(name, 100),
            name.len()
        ))
        .hint("Pass a shorter name."));
    }
    Ok(())
}

fn owner(owner: pg_sys::Oid) -> Result<()> {
    if roles::can_log_in(owner) {
        return Ok(());
    }
    let name = roles::name(owner).unwrap_or_else(|| owner.to_u32().to_string());
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("role \"{name}\" cannot own jobs"),
    )
    .detail("A job runs in a session of its owner, and that role is not permitted to log in.")
    .hint("Schedule the job as a role with LOGIN, or ALTER ROLE ... LOGIN."))
}

fn commands(commands: &[String]) -> Result<()> {
    if commands.is_empty() {
        return Err(Error::invalid_parameter("argument \"commands\" is empty")
            .detail("There is nothing to run.")
            .hint("Pass at least one statement."));
    }
    let bytes: usize = commands.iter().map(String::len).sum();
    if bytes > LONGEST_COMMANDS || commands.len() > MOST_COMMANDS {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            "commands of the job are too long",
        )
        .detail(format!(
            "There are {} of {bytes} bytes, and {MOST_COMMANDS} of {LONGEST_COMMANDS} are the most.",
            commands.len()
        ))
        .hint("Put the work into a procedure, and schedule a CALL of it."));
    }
    for (ordinal, command) in (1..).zip(commands) {
        one_statement(command).map_err(|error| match commands {
            [_] => error.in_argument("command", command),
            _ => error.in_element("commands", ordinal, command),
        })?;
    }
    Ok(())
}

fn one_statement(command: &str) -> Result<()> {
    let kinds = rolled_back(&Surroundings::default(), || {
        command_text::statements(command)
    })
    .map_err(|error| error.hint("Objects need not exist yet, but the syntax must be right."))?;
    match kinds.as_slice() {
        [Kind::Other] => Ok(()),
        [Kind::TransactionControl] => Err(Error::unsupported("transaction control cannot be scheduled")
            .detail("Each command of a job runs in a transaction of its own.")
            .hint("Leave it out, or COMMIT in a procedure or a DO block.")),
        [Kind::ClientCopy] => Err(Error::unsupported("COPY from or to a client cannot be scheduled")
            .detail("A job has no client.")
            .hint("Copy from or to a file or a program of the server.")),
        [] => Err(Error::invalid_parameter("command holds no statement")
            .hint("Pass one statement.")),
        several => Err(Error::new(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "command holds more than one statement")
            .detail(format!("It holds {} statements.", several.len()))
            .hint("Pass commands => ARRAY['first', 'second']: they run one after the other, each in a transaction of its own.")),
    }
}

fn numbers(job: &NewJob) -> Result<()> {
    let at_least = |argument: &str, value: i64, least: i64, says: &str| {
        if value >= least {
            return Ok(());
        }
        Err(
            Error::invalid_parameter(format!("argument \"{argument}\" must {says}"))
                .detail(format!("It is {value}."))
                .hint("Leave it out for the default."),
        )
    };
    at_least("max_attempts", job.max_attempts.into(), 1, "be at least 1")?;
    at_least("backoff", job.backoff, 0, "not be negative")?;
    at_least("backoff_max", job.backoff_max, 0, "not be negative")?;
    at_least(
        "breaker_failures",
        job.breaker_failures.into(),
        0,
        "not be negative",
    )?;
    at_least(
        "breaker_cooldown",
        job.breaker_cooldown,
        1,
        "be greater than zero",
    )?;
    let timeout = |value: Option<i32>| value.unwrap_or(0).into();
    at_least(
        "statement_timeout",
        timeout(job.statement_timeout),
        0,
        "not be negative",
    )?;
    at_least(
        "lock_timeout",
        timeout(job.lock_timeout),
        0,
        "not be negative",
    )
}
