//! What is due is tried first after a round that failed.

use super::{Due, Found, MOST_LOOKED_AT, Round};
use crate::error::Result;
use crate::jobs::store::sql::{definition, microseconds, moment, owner, shown_command, state};
use crate::jobs::store::{claim, quarantine};
use crate::pg::spi;

/// Reads the jobs in `$1` as a plan does.
const THESE: &str = concat!(
    "SELECT coalesce(jsonb_agg(jsonb_build_object('definition', ",
    definition!(),
    ", 'state', ",
    state!(),
    ", 'run', coalesce(s.requested_run, nextval('pgopt.job_run_ids')),
            'can_log_in', r.rolcanlogin, 'command', ",
    shown_command!(),
    ")), '[]')
       FROM pgopt.job_states AS s JOIN pgopt.job_definitions AS d ON d.id = s.job_id
       LEFT JOIN pg_authid AS r ON r.oid = ",
    owner!("d"),
    " WHERE s.job_id = ANY ($1)"
);

/// After a failure: tries each job that is due, as if there were room for it.
pub(super) fn try_first(
    now: i64,
    since: i64,
    precheck: &mut dyn FnMut(&Due) -> Result<Option<String>>,
) -> Result<()> {
    if !quarantine::is_suspicious() {
        return Ok(());
    }
    let due: Vec<i64> = spi::json_by_index(
        concat!(
            "SELECT coalesce(jsonb_agg(s.job_id ORDER BY s.job_id), '[]') FROM pgopt.job_states AS s
              WHERE s.due <= ",
            moment!("$1")
        ),
        false,
        &[now.into()],
    )?;
    for due in due.chunks(MOST_LOOKED_AT) {
        quarantine::sift(due.to_vec(), &mut |jobs| {
            let found: Vec<Found> = spi::json_by_index(THESE, true, &[jobs.to_vec().into()])?;
            let mut round = Round::default();
            for found in found {
                round.look(found, usize::MAX, now, since, precheck)?;
            }
            round.write()?;
            claim(&round.plan.starts, now)
        })?;
    }
    Ok(())
}
