//! What follows the end of a run.

use super::{Breaker, GRACE, Overlap, Policy, State, later_times};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Succeeded,
    /// There was nothing to do.
    Skipped,
    /// It raised an error; `can_pass` if another attempt may succeed, `cancelled` if somebody
    /// cancelled it.
    Failed {
        can_pass: bool,
        cancelled: bool,
    },
    /// Its process was gone.
    Lost,
    /// It did not begin, because the job was changed after it was claimed.
    Changed,
}

/// The end of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) kind: Kind,
    pub(crate) started: i64,
    pub(crate) finished: i64,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) state: State,
    /// When the next attempt is made, if one is.
    pub(crate) next_try: Option<i64>,
    /// Times of the schedule that passed while it ran, and are left out.
    pub(crate) overlapped: u32,
    /// The first moment at which it may be due again, because it took longer than its interval.
    pub(crate) slowed_until: Option<i64>,
    /// Whether the breaker opened.
    pub(crate) opened: bool,
    /// Whether a job that runs once has done so.
    pub(crate) for_good: bool,
}

/// What follows the end of the run under way; `random` is from 0 to 1, without 1.
pub(crate) fn ended(policy: &Policy, state: &State, end: &End, now: i64, random: f64) -> After {
    let mut after = After {
        state: state.clone(),
        next_try: None,
        overlapped: 0,
        slowed_until: None,
        opened: false,
        for_good: false,
    };
    after.state.running_run = None;
    after.state.retry_at = None;
    if end.kind != Kind::Changed {
        slow_down(policy, &mut after, end);
    }
    pass_over(policy, &mut after, now);
    match end.kind {
        Kind::Succeeded => succeed(&mut after.state),
        Kind::Skipped
        | Kind::Failed {
            cancelled: true, ..
        } => leave(policy, &mut after.state, now),
        Kind::Failed { can_pass, .. } => fail(policy, &mut after, can_pass, 0, now, random),
        Kind::Changed => again(policy, &mut after, now),
        Kind::Lost => fail(policy, &mut after, true, GRACE, now, random),
    }
    after.for_good = policy.once
        && after.next_try.is_none()
        && !after.opened
        && end.kind != Kind::Changed
        && after.state.requested_run.is_none();
    after.state = policy.settled(after.state, now);
    after
}

fn succeed(state: &mut State) {
    state.breaker = Breaker::Closed;
    (state.attempt, state.failures, state.openings) = (0, 0, 0);
    state.open_until = None;
}

/// It showed neither that the job works nor that it does not.
fn leave(policy: &Policy, state: &mut State, now: i64) {
    state.attempt = 0;
    if state.breaker == Breaker::HalfOpen {
        state.breaker = Breaker::Open;
        state.open_until = Some(now.saturating_add(policy.breaker_cooldown));
    }
}

/// It is run anew, as it is now; that was no attempt.
fn again(policy: &Policy, after: &mut After, now: i64) {
    let state = &mut after.state;
    state.attempt = state.attempt.saturating_sub(1);
    if state.breaker == Breaker::HalfOpen {
        state.breaker = Breaker::Open;
        state.open_until = Some(now);
    }
    if policy.enabled {
        state.retry_at = Some(now);
        after.next_try = Some(policy.in_window(now));
    }
}

fn fail(policy: &Policy, after: &mut After, can_pass: bool, wait: i64, now: i64, random: f64) {
    let state = &mut after.state;
    state.failures = state.failures.saturating_add(1);
    if wait > 0 {
        // What was lost may have taken the server with it: not at once again.
        let earliest = now.saturating_add(wait);
        state.not_before = Some(
            state
                .not_before
                .map_or(earliest, |moment| moment.max(earliest)),
        );
        state.slot = state.slot.map(|slot| slot.max(earliest));
    }
    let probe = state.breaker == Breaker::HalfOpen;
    if policy.breaker_failures > 0 && (probe || state.failures >= policy.breaker_failures) {
        state.breaker = Breaker::Open;
        state.openings = state.openings.saturating_add(1);
        state.open_until = Some(now.saturating_add(policy.cooldown(state.openings)));
        state.attempt = 0;
        after.opened = true;
        return;
    }
    if state.breaker == Breaker::HalfOpen {
        state.breaker = Breaker::Closed;
    }
    if !can_pass || state.attempt >= policy.max_attempts || !policy.enabled {
        state.attempt = 0;
        return;
    }
    let delay = backoff(policy, state.attempt, random).max(wait);
    let at = now.saturating_add(delay);
    match state.slot {
        // The next time of the schedule is the next attempt.
        Some(slot) if slot <= at => after.next_try = Some(policy.in_window(slot)),
        _ => {
            state.retry_at = Some(at);
            after.next_try = Some(policy.in_window(at));
        }
    }
}

/// Full jitter: anything from nothing to the doubled wait, so that jobs that failed together do
/// not come back together.
pub(super) fn backoff(policy: &Policy, attempt: i32, random: f64) -> i64 {
    let doublings = u32::try_from(attempt.saturating_sub(1))
        .unwrap_or(0)
        .min(40);
    let longest = (policy.backoff.saturating_mul(1 << doublings)).min(policy.backoff_max);
    ((longest.max(0) as f64) * random.clamp(0.0, 1.0)) as i64
}

/// A run that took longer than its interval pushes the next one away by as long as it took.
fn slow_down(policy: &Policy, after: &mut After, end: &End) {
    let duration = end.finished.saturating_sub(end.started);
    let overran = (policy.next(end.started)).is_some_and(|next| next <= end.finished);
    if policy.slow_down && overran && duration > 0 {
        let until = end.finished.saturating_add(duration);
        after.state.not_before = Some(until);
        after.state.started = Some(end.started);
        after.slowed_until = Some(until);
    } else {
        after.state.not_before = None;
    }
}

/// Leaves out the times that passed while it ran, or all but one.
fn pass_over(policy: &Policy, after: &mut After, now: i64) {
    let state = &mut after.state;
    let from = now.max(state.not_before.unwrap_or(now));
    if !policy.enabled {
        state.slot = None;
        return;
    }
    let Some(slot) = state.slot else {
        state.slot = policy.next(from);
        return;
    };
    if slot > from {
        return;
    }
    let passed = if slot > now {
        0
    } else {
        later_times(policy, slot, now).saturating_add(1)
    };
    if policy.overlap == Overlap::Queue && passed > 0 && state.not_before.is_none() {
        after.overlapped = passed - 1;
    } else {
        after.overlapped = passed;
        state.slot = policy.next(from);
    }
    state.skipped += i64::from(after.overlapped);
}
