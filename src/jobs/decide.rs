//! What becomes of a job: when it is due, whether it starts, what follows a run.
//!
//! Pure: the moment, the randomness and the time zone are arguments.

#![forbid(unsafe_code)]

mod ended;
mod transient;

use serde::{Deserialize, Serialize};

use crate::calendar::{Clock, DAY, SECOND, Window};

pub(crate) use ended::{After, End, Kind, ended};
pub(crate) use transient::{can_pass, is_users_cancel};

/// A run that starts later than this after it was due was missed.
pub(super) const GRACE: i64 = 60 * SECOND;
/// Clocks that are set back by less are taken as running on.
pub(super) const TOLERANCE: i64 = 10 * SECOND;
/// No breaker stays open for longer, unless its first cooldown is longer.
pub(super) const LONGEST_COOLDOWN: i64 = DAY;
/// Missed times are counted up to here.
pub(super) const MOST_COUNTED: u32 = 1000;

/// What to do when a job is due while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Overlap {
    /// Leave that time out.
    Skip,
    /// Run once more right after.
    Queue,
}

/// Whether a job's failures keep it from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Breaker {
    /// They do not.
    #[default]
    Closed,
    /// They do, until a moment.
    Open,
    /// One run shows whether they still should.
    HalfOpen,
}

/// What a job's definition asks for.
pub(crate) struct Policy<'a> {
    /// `None` for a job that runs on demand.
    pub(crate) clock: Option<Clock<'a>>,
    /// The window it waits for, if it does and there is one.
    pub(crate) window: Option<Window>,
    pub(crate) enabled: bool,
    pub(crate) max_attempts: i32,
    pub(crate) backoff: i64,
    pub(crate) backoff_max: i64,
    pub(crate) breaker_failures: i32,
    pub(crate) breaker_cooldown: i64,
    pub(crate) overlap: Overlap,
    pub(crate) catch_up: bool,
    pub(crate) slow_down: bool,
    pub(crate) once: bool,
}

/// Where a job stands. Times are microseconds since 2000.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// Next moment at which something is to happen; follows from all else.
    pub(crate) due: Option<i64>,
    /// Next time of the schedule for which no run began.
    pub(crate) slot: Option<i64>,
    /// When the next attempt is made.
    pub(crate) retry_at: Option<i64>,
    /// No time of the schedule before it counts.
    pub(crate) not_before: Option<i64>,
    /// Attempts begun since the last end for good.
    pub(crate) attempt: i32,
    /// Failures in a row.
    pub(crate) failures: i32,
    pub(crate) breaker: Breaker,
    /// How often in a row the breaker opened.
    pub(crate) openings: i32,
    pub(crate) open_until: Option<i64>,
    pub(crate) requested_run: Option<i64>,
    pub(crate) running_run: Option<i64>,
    pub(crate) started: Option<i64>,
    /// Times of the schedule that no run was made for.
    pub(crate) skipped: i64,
}

/// What a look at a job that is due comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is to be run.
    Start,
    /// Nothing is to be done now.
    Rest(State),
    /// Its time passed while nobody looked, and it is not made up for.
    Missed {
        state: State,
        /// The time it was due.
        due: i64,
        /// How many times that were.
        times: u32,
    },
}

impl Policy<'_> {
    /// The first time of the schedule after a moment.
    fn next(&self, after: i64) -> Option<i64> {
        self.clock.as_ref()?.next(after)
    }

    /// A moment, or when the maintenance window opens after it.
    fn in_window(&self, moment: i64) -> i64 {
        match (&self.window, &self.clock) {
            (Some(window), Some(clock)) => window.next_open(moment, clock.zone),
            _ => moment,
        }
    }

    /// The state with what follows from it worked out.
    fn settled(&self, mut state: State, now: i64) -> State {
        state.due = self.due(&state, now);
        state
    }

    fn due(&self, state: &State, now: i64) -> Option<i64> {
        if state.running_run.is_some() {
            // What comes due in the meantime is seen to when the run ends.
            return None;
        }
        if state.requested_run.is_some() {
            return Some(now);
        }
        if !self.enabled {
            return None;
        }
        let next = match state.breaker {
            Breaker::Open => state.open_until.unwrap_or(now),
            _ => [state.retry_at, state.slot].into_iter().flatten().min()?,
        };
        let open = self.in_window(next);
        // A window that has closed again since then is waited for once more.
        Some(if open > now {
            open
        } else {
            open.max(self.closed_until(now))
        })
    }

    /// When the window opens next, if it is closed.
    fn closed_until(&self, now: i64) -> i64 {
        match self.in_window(now) {
            open if open > now => open,
            _ => i64::MIN,
        }
    }

    /// The longest that the breaker may be open after it opened `openings` times in a row.
    fn cooldown(&self, openings: i32) -> i64 {
        let doublings = u32::try_from(openings.saturating_sub(1))
            .unwrap_or(0)
            .min(40);
        (self.breaker_cooldown.saturating_mul(1 << doublings))
            .min(LONGEST_COOLDOWN.max(self.breaker_cooldown))
    }
}

/// The state of a job that has none, or whose definition has changed, or that is looked at for
/// the first time since this process began or the clock was set back.
/// `changed` tells of a definition that has.
pub(crate) fn adopt(policy: &Policy, before: Option<&State>, changed: bool, now: i64) -> State {
    let Some(before) = before else {
        let state = State {
            slot: policy.next(now),
            ..State::default()
        };
        return policy.settled(state, now);
    };
    let mut state = before.clone();
    correct(policy, &mut state, now);
    if !policy.enabled && state.running_run.is_none() {
        // A paused job starts anew when it is resumed.
        (state.slot, state.retry_at, state.not_before) = (None, None, None);
        state.attempt = 0;
    } else if policy.clock.is_none() {
        state.slot = None;
    } else if state.slot.is_none_or(|slot| slot > now) {
        // What has come due keeps its time; what is to come follows the schedule as it is, but
        // not back to a time that a run was made for a moment ago.
        let expected = policy.next(now.max(state.not_before.unwrap_or(now)));
        let handled = state.slot.is_some_and(|slot| {
            let near =
                |expected: i64| expected < slot && slot <= expected.saturating_add(TOLERANCE);
            expected.is_some_and(near)
        });
        if changed || !handled {
            state.slot = expected;
        }
    }
    policy.settled(state, now)
}

/// Brings back what a clock that was ahead has put too far into the future.
fn correct(policy: &Policy, state: &mut State, now: i64) {
    let ahead =
        |moment: Option<i64>, most: i64| moment.map(|moment| moment.min(now.saturating_add(most)));
    state.retry_at = ahead(state.retry_at, policy.backoff_max.max(GRACE));
    state.open_until = ahead(state.open_until, policy.cooldown(state.openings));
    if let (Some(not_before), Some(started)) = (state.not_before, state.started) {
        // It was set to the run's end and its duration again.
        let duration = not_before.saturating_sub(started) / 2;
        if not_before > now.saturating_add(duration.max(GRACE)) {
            state.not_before = None;
        }
    }
}

/// What to do with a job that is due. `seen` tells that it was looked at in time, and could not
/// start then.
pub(crate) fn look(policy: &Policy, state: &State, now: i64, seen: bool) -> Look {
    let is_due = policy.due(state, now).is_some_and(|due| due <= now);
    if state.running_run.is_some() || !is_due {
        return Look::Rest(policy.settled(state.clone(), now));
    }
    let on_time = seen || state.due.is_none_or(|due| now.saturating_sub(due) <= GRACE);
    let by_schedule = state.requested_run.is_none()
        && state.retry_at.is_none()
        && state.breaker == Breaker::Closed;
    if policy.catch_up || on_time || !by_schedule {
        return Look::Start;
    }
    let due = state.slot.unwrap_or(now);
    let times = later_times(policy, due, now).saturating_add(1);
    let mut state = state.clone();
    state.slot = policy.next(now);
    state.skipped += i64::from(times);
    Look::Missed {
        state: policy.settled(state, now),
        due,
        times,
    }
}

fn later_times(policy: &Policy, after: i64, until: i64) -> u32 {
    (policy.clock.as_ref()).map_or(0, |clock| clock.count(after, until, MOST_COUNTED))
}

/// The state of a job whose run begins.
pub(crate) fn started(policy: &Policy, state: &State, run: i64, now: i64) -> State {
    let mut state = state.clone();
    state.running_run = Some(run);
    state.started = Some(now);
    state.attempt = state.attempt.saturating_add(1);
    state.retry_at = None;
    if state.requested_run == Some(run) {
        state.requested_run = None;
    }
    if state.breaker == Breaker::Open {
        state.breaker = Breaker::HalfOpen;
        state.open_until = None;
    }
    if state.slot.is_some_and(|slot| slot <= now) {
        state.slot = policy.next(now);
    }
    policy.settled(state, now)
}

/// The state after somebody reset the breaker by hand.
pub(crate) fn reset(policy: &Policy, state: &State, now: i64) -> State {
    let mut state = state.clone();
    state.breaker = Breaker::Closed;
    (state.failures, state.openings, state.open_until) = (0, 0, None);
    if state.running_run.is_none() && state.slot.is_some_and(|slot| slot <= now) {
        // Times that passed while it was open are not made up for.
        state.slot = policy.next(now);
    }
    policy.settled(state, now)
}

/// The state after somebody asked for a run, or the server started and the job waits for that.
pub(crate) fn requested(policy: &Policy, state: &State, run: i64, now: i64) -> State {
    let mut state = state.clone();
    state.requested_run = Some(run);
    policy.settled(state, now)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests;
