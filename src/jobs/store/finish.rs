//! Runs that end.

use serde::Deserialize;

use super::claim::CHANGED;
use super::rows::{Definition, Finished, Logged, times, write_finished, write_log};
use super::sql::{definition, microseconds, shown_command, state, usable_definition};
use super::{Ended, Ending, Outcome, quarantine};
use crate::error::Result;
use crate::jobs::decide::{self, End, Kind, State};
use crate::pg::spi;

/// Runs found lost at once.
const BATCH: usize = 500;

#[derive(Deserialize)]
struct Found {
    job: i64,
    state: State,
    /// `None` when the job was removed since.
    definition: Option<Definition>,
    run_name: Option<String>,
    run_owner: Option<i64>,
    run_version: Option<i64>,
    run_command: Option<String>,
    is_put_aside: bool,
    random: f64,
}

/// Writes down how runs ended, and what follows. Outcomes of runs that are not under way (any
/// more) are left alone.
pub(crate) fn finish(outcomes: &[Outcome], now: i64) -> Result<Vec<Ended>> {
    if outcomes.is_empty() {
        return Ok(Vec::new());
    }
    let jobs: Vec<i64> = outcomes.iter().map(|outcome| outcome.job).collect();
    // Those put aside are read without their definitions, so their runs end all the same.
    quarantine::sift(jobs.clone(), &mut |jobs| {
        finish_these(jobs, outcomes, now).map(|_| ())
    })?;
    finish_these(&jobs, outcomes, now)
}

fn finish_these(jobs: &[i64], outcomes: &[Outcome], now: i64) -> Result<Vec<Ended>> {
    let found: Vec<Found> = spi::json_by_index(
        concat!(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('job', s.job_id, 'state', ",
            state!(),
            ", 'definition', CASE WHEN d.id IS NOT NULL THEN ",
            definition!(),
            " END, 'run_name', s.run_name, 'run_owner', s.run_owner::int8,
              'run_version', s.run_version,
              'is_put_aside', s.quarantined IS NOT NULL, 'run_command', coalesce(s.run_command, ",
            shown_command!(),
            "), 'random', random())), '[]')
               FROM pgopt.job_states AS s ",
            usable_definition!(),
            " WHERE s.job_id = ANY ($1) AND s.running_run IS NOT NULL"
        ),
        quarantine::is_suspicious(),
        &[jobs.to_vec().into()],
    )?;
    let mut finished = Vec::new();
    let mut log = Vec::new();
    let mut over = Vec::new();
    let mut ended = Vec::new();
    for found in found {
        let running = found.state.running_run;
        let outcome = outcomes
            .iter()
            .find(|outcome| outcome.job == found.job && Some(outcome.run) == running);
        let Some(outcome) = outcome else {
            continue;
        };
        let result = found.end(outcome, now, &mut log);
        ended.push(Ended {
            job: found.job,
            run: outcome.run,
            succeeded: matches!(
                outcome.ending,
                Ending::Succeeded { .. } | Ending::Skipped { .. }
            ),
            will_retry: result.will_retry,
        });
        if result.is_over {
            over.push(found.job);
        }
        finished.push(result.row);
    }
    write_finished(&finished)?;
    write_log(&log)?;
    remove(over)?;
    Ok(ended)
}

/// Runs under way that have no executor (any more) are lost: not in `alive`.
pub(crate) fn recover(alive: &[i64], now: i64) -> Result<Vec<Ended>> {
    #[derive(Deserialize)]
    struct Running {
        job: i64,
        run: i64,
        started: Option<i64>,
    }
    let running: Vec<Running> = spi::json_by_index(
        concat!(
            "SELECT coalesce(jsonb_agg(jsonb_build_object('job', s.job_id, 'run', s.running_run,
               'started', ",
            microseconds!("s.started"),
            ")), '[]') FROM pgopt.job_states AS s
              WHERE s.running_run IS NOT NULL AND s.running_run <> ALL ($1)"
        ),
        false,
        &[alive.to_vec().into()],
    )?;
    let lost: Vec<Outcome> = (running.into_iter())
        .map(|running| Outcome {
            run: running.run,
            job: running.job,
            ending: Ending::Lost,
            started: running.started.unwrap_or(now),
            finished: now,
            rows: None,
        })
        .collect();
    let mut ended = Vec::new();
    for lost in lost.chunks(BATCH) {
        ended.extend(finish(lost, now)?);
    }
    Ok(ended)
}

struct Followed {
    row: Finished,
    will_retry: bool,
    is_over: bool,
}

impl Found {
    fn end(&self, outcome: &Outcome, now: i64, log: &mut Vec<Logged>) -> Followed {
        let (status, sqlstate, message) = described(&outcome.ending);
        let mut row = self.logged(outcome, status, sqlstate.clone(), message.clone());
        let mut is_over = !self.is_put_aside;
        let mut state = State {
            running_run: None,
            due: None,
            attempt: 0,
            ..self.state.clone()
        };
        if let Some(definition) = &self.definition {
            let times_of = definition.times();
            let policy = definition.policy(&times_of);
            let end = End {
                kind: self.kind(outcome, definition),
                started: outcome.started,
                finished: outcome.finished,
            };
            let after = decide::ended(&policy, &self.state, &end, now, self.random);
            if end.kind == Kind::Changed {
                row.status = "skipped";
            }
            if after.slowed_until.is_some() {
                let seconds = outcome.finished.saturating_sub(outcome.started) / 1_000_000;
                let remark =
                    format!("took {seconds} s, longer than its interval: it runs less often");
                row.message = Some(match row.message.take() {
                    Some(message) => format!("{message}; {remark}"),
                    None => remark,
                });
            }
            row.next_try = after.next_try;
            if after.overlapped > 0 {
                let message = format!(
                    "{} because run {} was under way",
                    times(after.overlapped),
                    outcome.run
                );
                let mut skipped = self.logged(outcome, "skipped", None, Some(message));
                (skipped.id, skipped.attempt, skipped.started) = (None, 0, None);
                (skipped.finished, skipped.rows) = (now, None);
                log.push(skipped);
            }
            is_over = after.for_good;
            state = after.state;
        }
        let will_retry = row.next_try.is_some();
        let (row_status, last_message) = (row.status, row.message.clone());
        log.push(row);
        Followed {
            row: Finished {
                job_id: self.job,
                state,
                last_run: outcome.run,
                last_status: row_status,
                last_started: Some(outcome.started),
                last_finished: outcome.finished,
                last_rows: outcome.rows,
                last_sqlstate: sqlstate,
                last_message,
            },
            will_retry,
            is_over,
        }
    }

    fn kind(&self, outcome: &Outcome, definition: &Definition) -> Kind {
        match &outcome.ending {
            Ending::Succeeded { .. } => Kind::Succeeded,
            Ending::Skipped { .. } => Kind::Skipped,
            Ending::Lost => Kind::Lost,
            Ending::TimedOut { .. } => Kind::Failed {
                can_pass: true,
                cancelled: false,
            },
            // Said by `claim::task`, which looks at the same versions.
            Ending::Failed { sqlstate, message }
                if (sqlstate.as_str(), message.as_str()) == CHANGED
                    && self.run_version != Some(definition.version) =>
            {
                Kind::Changed
            }
            Ending::Failed { sqlstate, message } => {
                let took = outcome.finished.saturating_sub(outcome.started) / 1000;
                let timeout = definition.statement_timeout.filter(|timeout| *timeout > 0);
                let timed_out = timeout.is_some_and(|timeout| took >= i64::from(timeout));
                Kind::Failed {
                    can_pass: decide::can_pass(sqlstate, message, timed_out),
                    cancelled: decide::is_users_cancel(sqlstate, message, timed_out),
                }
            }
        }
    }

    fn logged(
        &self,
        outcome: &Outcome,
        status: &'static str,
        sqlstate: Option<String>,
        message: Option<String>,
    ) -> Logged {
        Logged {
            id: Some(outcome.run),
            job_id: self.job,
            name: self.run_name.clone().unwrap_or_default(),
            owner: self
                .run_owner
                .and_then(|owner| u32::try_from(owner).ok())
                .unwrap_or(0),
            command: self.run_command.clone().unwrap_or_default(),
            status,
            attempt: self.state.attempt,
            started: Some(outcome.started),
            finished: outcome.finished,
            rows: outcome.rows,
            sqlstate,
            message,
            next_try: None,
        }
    }
}

/// Status, SQLSTATE and message.
fn described(ending: &Ending) -> (&'static str, Option<String>, Option<String>) {
    match ending {
        Ending::Succeeded { remark } => ("succeeded", None, remark.clone()),
        Ending::Skipped { reason } => ("skipped", None, Some(reason.clone())),
        Ending::Failed { sqlstate, message } => {
            ("failed", Some(sqlstate.clone()), Some(message.clone()))
        }
        Ending::TimedOut { message } => ("failed", Some("57014".to_owned()), Some(message.clone())),
        Ending::Lost => {
            let message = "its process ended without a word, perhaps with the server";
            ("lost", None, Some(message.to_owned()))
        }
    }
}

/// Removes jobs that ran their once, and what is left of those removed before. Somebody who holds
/// a definition is not waited for: it goes when he has let go.
pub(super) fn remove(jobs: Vec<i64>) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let _gone: i64 = spi::json_by_index(
        "WITH free AS (SELECT id FROM pgopt.job_definitions WHERE id = ANY ($1) AND once FOR UPDATE SKIP LOCKED),
         done AS (DELETE FROM pgopt.job_definitions AS d USING free WHERE d.id = free.id RETURNING d.id),
         kept AS (SELECT d.id FROM pgopt.job_definitions AS d
                   WHERE d.id = ANY ($1) AND d.id NOT IN (SELECT id FROM done)),
         held AS (UPDATE pgopt.job_states AS s SET over = true FROM kept WHERE s.job_id = kept.id),
         gone AS (DELETE FROM pgopt.job_states AS s
            WHERE s.job_id = ANY ($1) AND s.job_id NOT IN (SELECT id FROM kept) RETURNING 1)
         SELECT to_jsonb(count(*)) FROM gone",
        true,
        &[jobs.into()],
    )?;
    Ok(())
}
