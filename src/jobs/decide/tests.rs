//! Decisions without a server: what follows what, and what never happens.

use proptest::prelude::*;

use super::ended::backoff;
use super::*;
use crate::calendar::{Every, HOUR, MINUTE, Schedule, Table};

fn hourly() -> Schedule {
    Schedule::Every(Every {
        months: 0,
        days: 0,
        microseconds: HOUR,
    })
}

static UTC: Table = Table(0, Vec::new());

fn policy(schedule: Option<&Schedule>) -> Policy<'_> {
    Policy {
        clock: schedule.map(|schedule| Clock {
            schedule,
            anchor: 0,
            zone: &UTC,
        }),
        window: None,
        enabled: true,
        max_attempts: 3,
        backoff: 10 * SECOND,
        backoff_max: 5 * MINUTE,
        breaker_failures: 5,
        breaker_cooldown: 10 * MINUTE,
        overlap: Overlap::Skip,
        catch_up: true,
        slow_down: false,
        once: false,
    }
}

fn at(finished: i64, kind: Kind) -> End {
    End {
        kind,
        started: finished - SECOND,
        finished,
    }
}

const CAN_PASS: Kind = Kind::Failed {
    can_pass: true,
    cancelled: false,
};
const CANNOT_PASS: Kind = Kind::Failed {
    can_pass: false,
    cancelled: false,
};

#[test]
fn a_run_of_a_changed_job_is_made_anew_and_was_no_attempt() {
    let mut policy = policy(None);
    (policy.once, policy.max_attempts) = (true, 1);
    let state = started(&policy, &State::default(), 7, 0);
    let after = ended(&policy, &state, &at(SECOND, Kind::Changed), SECOND, 0.5);
    assert!(!after.for_good && !after.opened);
    assert_eq!((after.state.attempt, after.state.failures), (0, 0));
    assert_eq!(after.state.due, Some(SECOND));
    // While it is paused it is not, but stays.
    policy.enabled = false;
    let after = ended(&policy, &state, &at(SECOND, Kind::Changed), SECOND, 0.5);
    assert_eq!((after.for_good, after.state.due), (false, None));
    // The probe of a breaker is the probe again.
    policy.enabled = true;
    let open = State {
        breaker: Breaker::Open,
        open_until: Some(0),
        failures: 5,
        ..State::default()
    };
    let state = started(&policy, &open, 8, 0);
    let after = ended(&policy, &state, &at(SECOND, Kind::Changed), SECOND, 0.5);
    assert_eq!(
        (after.state.breaker, after.state.due),
        (Breaker::Open, Some(SECOND))
    );
}

#[test]
fn a_new_job_is_due_at_the_next_time_of_its_schedule() {
    let schedule = hourly();
    let state = adopt(&policy(Some(&schedule)), None, true, 5 * HOUR + 1);
    assert_eq!((state.due, state.slot), (Some(6 * HOUR), Some(6 * HOUR)));
    let on_demand = adopt(&policy(None), None, true, 0);
    assert_eq!((on_demand.due, on_demand.slot), (None, None));
    let paused = Policy {
        enabled: false,
        ..policy(Some(&schedule))
    };
    assert_eq!(adopt(&paused, None, true, 0).due, None);
}

#[test]
fn the_wait_before_another_attempt_doubles_up_to_its_bound_with_full_jitter() {
    let policy = policy(None);
    let longest: Vec<i64> = (1..8)
        .map(|attempt| backoff(&policy, attempt, 1.0) / SECOND)
        .collect();
    assert_eq!(longest, [10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(backoff(&policy, 3, 0.0), 0);
    assert_eq!(backoff(&policy, 3, 0.5), 20 * SECOND);
    assert_eq!(backoff(&policy, i32::MAX, 1.0), 5 * MINUTE);
    assert_eq!(backoff(&policy, -7, 1.0), 10 * SECOND);
}

#[test]
fn an_attempt_that_would_come_after_the_next_time_is_that_time() {
    let schedule = hourly();
    let policy = policy(Some(&schedule));
    let now = 2 * HOUR - SECOND;
    let running = started(&policy, &adopt(&policy, None, true, HOUR), 1, HOUR);
    let after = ended(&policy, &running, &at(now, CAN_PASS), now, 0.99);
    assert_eq!(after.next_try, Some(2 * HOUR));
    assert_eq!(
        (after.state.retry_at, after.state.due),
        (None, Some(2 * HOUR))
    );
    let soon = ended(&policy, &running, &at(now, CAN_PASS), now, 0.01);
    assert_eq!(soon.next_try, Some(now + SECOND / 10));
}

#[test]
fn a_clock_that_was_ahead_leaves_nothing_far_away() {
    let schedule = hourly();
    let policy = policy(Some(&schedule));
    let now = 10 * HOUR + MINUTE;
    let far = 1_000_000 * HOUR;
    let ahead = State {
        slot: Some(far),
        retry_at: Some(far),
        open_until: Some(far),
        not_before: Some(far + HOUR),
        started: Some(far - HOUR),
        breaker: Breaker::Open,
        openings: 2,
        attempt: 1,
        ..State::default()
    };
    let state = adopt(&policy, Some(&ahead), false, now);
    assert_eq!(state.slot, Some(11 * HOUR));
    assert_eq!(state.open_until, Some(now + 20 * MINUTE));
    assert_eq!(state.retry_at, Some(now + 5 * MINUTE));
    assert_eq!(state.not_before, None);
    assert_eq!(state.due, Some(now + 20 * MINUTE));
}

#[test]
fn what_has_come_due_stays_due_when_a_definition_changes() {
    let schedule = hourly();
    let policy = policy(Some(&schedule));
    let state = adopt(&policy, None, true, 0);
    let later = adopt(&policy, Some(&state), true, HOUR + MINUTE);
    assert_eq!(later.due, Some(HOUR));
    assert_eq!(look(&policy, &later, HOUR + MINUTE, true), Look::Start);
}

#[test]
fn a_success_forgets_what_went_wrong_and_a_skip_does_not() {
    let schedule = hourly();
    let policy = policy(Some(&schedule));
    let bad = State {
        failures: 4,
        attempt: 2,
        ..adopt(&policy, None, true, 0)
    };
    let running = started(&policy, &bad, 9, HOUR);
    let now = HOUR + SECOND;
    let good = ended(&policy, &running, &at(now, Kind::Succeeded), now, 0.5).state;
    assert_eq!((good.failures, good.attempt), (0, 0));
    let skipped = ended(&policy, &running, &at(now, Kind::Skipped), now, 0.5).state;
    assert_eq!((skipped.failures, skipped.attempt), (4, 0));
    let failed = ended(&policy, &running, &at(now, CANNOT_PASS), now, 0.5);
    assert!(failed.opened && failed.state.breaker == Breaker::Open);
}

#[test]
fn a_probe_that_had_nothing_to_do_proves_nothing() {
    let schedule = hourly();
    let policy = policy(Some(&schedule));
    let open = State {
        breaker: Breaker::Open,
        openings: 1,
        failures: 5,
        open_until: Some(HOUR),
        ..adopt(&policy, None, true, 0)
    };
    let probe = started(&policy, &open, 9, HOUR);
    assert_eq!(probe.breaker, Breaker::HalfOpen);
    let now = HOUR + SECOND;
    let after = ended(&policy, &probe, &at(now, Kind::Skipped), now, 0.5).state;
    assert_eq!(
        (after.breaker, after.due),
        (Breaker::Open, Some(now + 10 * MINUTE))
    );
}

#[test]
fn a_job_for_once_is_over_when_nothing_follows() {
    let policy = Policy {
        once: true,
        ..policy(None)
    };
    let asked = requested(&policy, &adopt(&policy, None, true, 0), 7, 0);
    let running = started(&policy, &asked, 7, 0);
    assert!(ended(&policy, &running, &at(SECOND, Kind::Succeeded), SECOND, 0.5).for_good);
    assert!(ended(&policy, &running, &at(SECOND, CANNOT_PASS), SECOND, 0.5).for_good);
    assert!(!ended(&policy, &running, &at(SECOND, CAN_PASS), SECOND, 0.5).for_good);
    let again = requested(&policy, &running, 8, 0);
    assert!(!ended(&policy, &again, &at(SECOND, Kind::Succeeded), SECOND, 0.5).for_good);
}

#[derive(Debug, Clone)]
enum Event {
    /// The clock moves, perhaps back.
    Pass(i64),
    Look,
    End(u8, f64),
    Adopt(bool),
    Request,
    Reset,
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0i64..3 * HOUR).prop_map(Event::Pass),
        1 => (-50 * HOUR..500 * HOUR).prop_map(Event::Pass),
        6 => Just(Event::Look),
        4 => (0u8..6, 0.0f64..1.0).prop_map(|(kind, random)| Event::End(kind, random)),
        1 => any::<bool>().prop_map(Event::Adopt),
        1 => Just(Event::Request),
        1 => Just(Event::Reset),
    ]
}

fn kind(number: u8) -> Kind {
    match number {
        0 => Kind::Succeeded,
        1 => CAN_PASS,
        2 => CANNOT_PASS,
        3 => Kind::Lost,
        4 => Kind::Changed,
        _ => Kind::Skipped,
    }
}

proptest! {
    #[test]
    fn whatever_happens_a_job_comes_due_again_and_never_runs_twice_at_once(
        events in proptest::collection::vec(events(), 1..120),
        catch_up in any::<bool>(), queue in any::<bool>(), slow_down in any::<bool>(),
        breaker_failures in 0i32..4, minutes in 1i64..300,
    ) {
        let schedule = Schedule::Every(Every { months: 0, days: 0, microseconds: minutes * MINUTE });
        let overlap = if queue { Overlap::Queue } else { Overlap::Skip };
        let policy = Policy { catch_up, slow_down, overlap, breaker_failures, ..policy(Some(&schedule)) };
        let mut now = 1000 * HOUR;
        let mut state = adopt(&policy, None, true, now);
        let mut run = 0;
        let mut latest = now;
        let mut longest = 1200 * HOUR;
        for event in events {
            match event {
                Event::Pass(time) => {
                    now += time;
                    if now < latest - TOLERANCE {
                        state = adopt(&policy, Some(&state), false, now);
                        latest = now;
                    }
                    latest = latest.max(now);
                }
                Event::Look if state.due.is_some_and(|due| due <= now) => {
                    match look(&policy, &state, now, false) {
                        Look::Start => {
                            prop_assert!(state.running_run.is_none());
                            run += 1;
                            let run = state.requested_run.unwrap_or(run);
                            state = started(&policy, &state, run, now);
                            prop_assert_eq!(state.running_run, Some(run));
                            prop_assert!(state.attempt >= 1 && state.attempt <= policy.max_attempts);
                        }
                        Look::Rest(rest) => {
                            // Or it would be looked at for ever.
                            prop_assert!(rest.due.is_none_or(|due| due > now));
                            state = rest;
                        }
                        Look::Missed { state: missed, times, .. } => {
                            prop_assert!(!catch_up && times >= 1);
                            prop_assert!(missed.due.is_some_and(|due| due > now));
                            state = missed;
                        }
                    }
                }
                Event::End(number, random) if state.running_run.is_some() => {
                    let started = state.started.unwrap_or(now).min(now);
                    longest = longest.max(now - started);
                    let end = End { kind: kind(number), started, finished: now };
                    let after = ended(&policy, &state, &end, now, random);
                    prop_assert!(after.state.running_run.is_none());
                    if number == 3 && after.state.requested_run.is_none() {
                        prop_assert!(after.state.due >= Some(now + GRACE), "lost and at once again");
                    }
                    prop_assert_eq!(after.next_try.is_some() && after.opened, false);
                    state = after.state;
                }
                Event::Adopt(changed) => state = adopt(&policy, Some(&state), changed, now),
                Event::Request => {
                    let asked = state.requested_run.unwrap_or(-1);
                    state = requested(&policy, &state, asked, now);
                }
                Event::Reset => state = reset(&policy, &state, now),
                _ => {}
            }
            if state.running_run.is_some() {
                prop_assert_eq!(state.due, None);
            } else {
                let due = state.due.unwrap();
                // No further away than the schedule, the breaker and twice the longest run allow.
                let most = minutes * MINUTE + LONGEST_COOLDOWN + longest;
                prop_assert!(due - now <= most, "due in {} h", (due - now) / HOUR);
            }
        }
    }
}
