//! What is to be done now: only jobs that are due are looked at, through the index on `due`.

mod trial;

use std::cell::Cell;

use serde::Deserialize;

use super::rows::{Definition, Finished, Logged, times, write_finished, write_log, write_states};
use super::sql::{definition, microseconds, moment, owner, shown_command, state};
use super::{Due, Ended, Plan, Start, adopt, quarantine};
use crate::error::Result;
use crate::jobs::decide::{self, End, GRACE, Kind, Look, State, TOLERANCE};
use crate::pg::spi;

/// Jobs looked at in one call, so that the worker's heart beats on.
const MOST_LOOKED_AT: usize = 400;
/// Jobs read at once beyond those there is room for: some of them will not start.
const SPARE: usize = 16;

thread_local! {
    /// Since when this process has looked in time at whatever came due; when it looked last; when
    /// it was to look next.
    static ATTENTION: Cell<Option<(i64, i64, Option<i64>)>> = const { Cell::new(None) };
}

/// Notes that it looks now; since when it has looked in time.
fn attentive_since(now: i64) -> i64 {
    match ATTENTION.get() {
        Some((since, last, next))
            if now >= last && next.is_none_or(|next| now.saturating_sub(next) <= GRACE) =>
        {
            since
        }
        _ => now,
    }
}

#[derive(Deserialize)]
struct Overview {
    /// Jobs that are due and were not looked at yet.
    waiting: usize,
    /// When the next one comes due.
    next: Option<i64>,
    requests: bool,
    /// Whether any run is under way.
    busy: bool,
    jobs: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    definition: Definition,
    state: State,
    run: i64,
    can_log_in: Option<bool>,
    command: String,
}

/// Reads jobs that are due, are not in `$3`, and are not blocked by others, the most urgent first.
/// Blocked is what waits for a job that is due or runs, or for one with the same key that runs;
/// with `$4` nothing is: jobs that wait for each other would wait for ever.
const DUE: &str = concat!(
    "WITH due AS MATERIALIZED (
       SELECT s.job_id, s.due, s.priority, s.requested_run, s.exclusion_key, s.run_after
         FROM pgopt.job_states AS s
        WHERE s.due <= ",
    moment!("$1"),
    " AND s.job_id <> ALL ($3)),
     busy AS MATERIALIZED (
       SELECT s.job_id, s.exclusion_key FROM pgopt.job_states AS s WHERE s.running_run IS NOT NULL),
     first AS MATERIALIZED (
       SELECT d.* FROM due AS d
        WHERE $4 OR ((d.exclusion_key IS NULL
                      OR d.exclusion_key NOT IN (SELECT b.exclusion_key FROM busy AS b
                                                  WHERE b.exclusion_key IS NOT NULL
                                                    AND b.job_id <> d.job_id))
                     AND (d.run_after = '{}' OR NOT EXISTS (
                          SELECT FROM pgopt.job_states AS u
                           WHERE u.job_id = ANY (d.run_after) AND u.job_id <> d.job_id
                             AND (u.running_run IS NOT NULL OR u.due <= ",
    moment!("$1"),
    "))))
        ORDER BY d.requested_run NULLS LAST, d.priority DESC, d.due, d.job_id LIMIT $2)
     SELECT jsonb_build_object(
       'waiting', (SELECT count(*) FROM due),
       'next', (SELECT ",
    microseconds!("min(s.due)"),
    " FROM pgopt.job_states AS s WHERE s.due > ",
    moment!("$1"),
    "),
       'requests', EXISTS (SELECT FROM pgopt.job_requests),
       'busy', EXISTS (SELECT FROM busy),
       'jobs', (
         SELECT coalesce(jsonb_agg(jsonb_build_object('definition', ",
    definition!(),
    ", 'state', ",
    state!(),
    ", 'run', coalesce(s.requested_run, nextval('pgopt.job_run_ids')),
            'can_log_in', r.rolcanlogin, 'command', ",
    shown_command!(),
    ") ORDER BY f.requested_run NULLS LAST, f.priority DESC, f.due, f.job_id), '[]')
           FROM first AS f JOIN pgopt.job_states AS s ON s.job_id = f.job_id
           JOIN pgopt.job_definitions AS d ON d.id = f.job_id
           LEFT JOIN pg_authid AS r ON r.oid = ",
    owner!("d"),
    "))"
);

/// What one call gathers before it writes.
#[derive(Default)]
struct Round {
    plan: Plan,
    seen: Vec<i64>,
    blocked: usize,
    states: Vec<(i64, State)>,
    /// States after runs that ended without beginning.
    finished: Vec<Finished>,
    /// Jobs that ran their once.
    over: Vec<i64>,
    log: Vec<Logged>,
    keys: Vec<String>,
    /// Whether more was asked for than was taken up.
    more_requests: bool,
}

/// What is to be done now, with room for `room` runs more. `precheck` says why a run would have
/// nothing to do; then it is recorded as skipped.
pub(crate) fn plan(
    now: i64,
    room: usize,
    precheck: &mut dyn FnMut(&Due) -> Result<Option<String>>,
) -> Result<Plan> {
    if let Some((_, last, _)) = ATTENTION.get()
        && now < last.saturating_sub(TOLERANCE)
    {
        adopt::look_again();
    }
    if adopt::must_look() {
        adopt::adopt(now)?;
    }
    let since = attentive_since(now);
    trial::try_first(now, since, precheck)?;
    let mut round = Round::default();
    let mut overview = read(now, room, &round, false)?;
    if overview.requests {
        adopt::take_requests(now)?;
        overview = read(now, room, &round, false)?;
        round.more_requests = overview.requests;
    }
    let next = loop {
        let fetched = overview.jobs.len();
        let waiting = overview.waiting;
        let batch = wanted(room, &round);
        let is_stuck = fetched == 0
            && waiting > 0
            && !overview.busy
            && room > 0
            && round.plan.starts.is_empty()
            && round.blocked == 0;
        let next = overview.next;
        for found in overview.jobs {
            round.look(found, room, now, since, precheck)?;
        }
        round.plan.waiting = waiting.saturating_sub(fetched) + round.blocked;
        let is_done = fetched < batch
            || round.seen.len() >= MOST_LOOKED_AT
            || round.plan.starts.len() >= room;
        if is_stuck {
            overview = read(now, room, &round, true)?;
            overview.jobs.truncate(1);
            if overview.jobs.is_empty() {
                break next;
            }
        } else if is_done {
            break next;
        } else {
            overview = read(now, room, &round, false)?;
        }
    };
    let plan = round.finish(next, now, since)?;
    quarantine::trust();
    Ok(plan)
}

fn wanted(room: usize, round: &Round) -> usize {
    match room.saturating_sub(round.plan.starts.len()) {
        0 => 0,
        room => room + SPARE,
    }
}

fn read(now: i64, room: usize, round: &Round, all: bool) -> Result<Overview> {
    let limit = i64::try_from(wanted(room, round)).unwrap_or(i64::MAX);
    spi::json_by_index(
        DUE,
        false,
        &[
            now.into(),
            limit.into(),
            round.seen.clone().into(),
            all.into(),
        ],
    )
}

impl Round {
    fn look(
        &mut self,
        found: Found,
        room: usize,
        now: i64,
        since: i64,
        precheck: &mut dyn FnMut(&Due) -> Result<Option<String>>,
    ) -> Result<()> {
        let job = found.definition.id;
        self.seen.push(job);
        let times_of = found.definition.times();
        let policy = found.definition.policy(&times_of);
        let in_time = found.state.due.is_none_or(|due| due >= since);
        match decide::look(&policy, &found.state, now, in_time) {
            Look::Rest(state) => self.states.push((job, state)),
            Look::Missed {
                state,
                due,
                times: count,
            } => {
                let late = now.saturating_sub(due) / 1_000_000;
                let message = format!(
                    "{}: due {late} s ago, and missed runs are not made up for",
                    times(count)
                );
                self.log.push(found.logged("skipped", now, Some(message)));
                self.states.push((job, state));
            }
            Look::Start => {
                let key = found.definition.key();
                let excluded = key.as_ref().is_some_and(|key| self.keys.contains(key));
                if excluded || self.plan.starts.len() >= room {
                    self.blocked += 1;
                    return Ok(());
                }
                let claimed = decide::started(&policy, &found.state, found.run, now);
                if found.can_log_in != Some(true) {
                    let after = end(
                        &policy,
                        &claimed,
                        now,
                        Kind::Failed {
                            can_pass: false,
                            cancelled: false,
                        },
                    );
                    self.fail_owner(&found, after, now);
                    return Ok(());
                }
                let due = found.due();
                let reason = match due.requested {
                    true => None,
                    false => precheck(&due)?,
                };
                match reason {
                    Some(reason) => {
                        let after = end(&policy, &claimed, now, Kind::Skipped);
                        self.end(found.logged("skipped", now, Some(reason)), after);
                    }
                    None => {
                        self.keys.extend(key);
                        self.plan.starts.push(found.start(claimed));
                    }
                }
            }
        }
        Ok(())
    }

    /// A run whose owner is gone or may not log in fails without an executor.
    fn fail_owner(&mut self, found: &Found, after: decide::After, now: i64) {
        let role = crate::pg::roles::name(found.definition.owner());
        let message = match role {
            Some(role) => format!("role \"{role}\" is not permitted to log in"),
            None => format!("role \"{}\" does not exist", found.definition.owner_name),
        };
        let mut row = found.logged("failed", now, Some(message));
        row.attempt = found.state.attempt.saturating_add(1);
        row.sqlstate = Some("28000".to_owned());
        self.end(row, after);
        self.plan.ended.push(Ended {
            job: found.definition.id,
            run: found.run,
            succeeded: false,
            will_retry: false,
        });
    }

    /// A run that ended without beginning.
    fn end(&mut self, row: Logged, after: decide::After) {
        if after.for_good {
            self.over.push(row.job_id);
        }
        self.finished.push(Finished {
            job_id: row.job_id,
            state: after.state,
            last_run: row.id.unwrap_or_default(),
            last_status: row.status,
            last_started: None,
            last_finished: row.finished,
            last_rows: None,
            last_sqlstate: row.sqlstate.clone(),
            last_message: row.message.clone(),
        });
        self.log.push(row);
    }

    fn write(&mut self) -> Result<()> {
        write_states(&self.states)?;
        write_finished(&self.finished)?;
        write_log(&self.log)?;
        super::finish::remove(std::mem::take(&mut self.over))
    }

    fn finish(mut self, next: Option<i64>, now: i64, since: i64) -> Result<Plan> {
        self.write()?;
        let ended = self.finished.iter().map(|finished| &finished.state);
        let rested = self.states.iter().map(|(_, state)| state);
        let dues = ended.chain(rested).filter_map(|state| state.due);
        let mut wake_at = dues.chain(next).min();
        if self.seen.len() >= MOST_LOOKED_AT || self.more_requests {
            wake_at = Some(now);
        }
        self.plan.wake_at = wake_at;
        ATTENTION.set(Some((since, now, wake_at)));
        Ok(self.plan)
    }
}

fn end(policy: &decide::Policy, claimed: &State, now: i64, kind: Kind) -> decide::After {
    let end = End {
        kind,
        started: now,
        finished: now,
    };
    decide::ended(policy, claimed, &end, now, 0.0)
}

impl Found {
    fn due(&self) -> Due {
        Due {
            job: self.definition.id,
            requested: self.state.requested_run.is_some(),
        }
    }

    fn start(self, claimed: State) -> Start {
        Start {
            job: self.definition.id,
            run: self.run,
            owner: self.definition.owner(),
            name: self.definition.name,
            attempt: claimed.attempt,
            version: self.definition.version,
            claimed,
            command: self.command,
        }
    }

    fn logged(&self, status: &'static str, now: i64, message: Option<String>) -> Logged {
        Logged {
            id: Some(self.run),
            job_id: self.definition.id,
            name: self.definition.name.clone(),
            owner: self.definition.owner,
            command: self.command.clone(),
            status,
            attempt: 0,
            started: None,
            finished: now,
            rows: None,
            sqlstate: None,
            message,
            next_try: None,
        }
    }
}
