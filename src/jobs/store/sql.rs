//! Pieces of the SQL of this room. A moment travels as microseconds since 2000.

/// A `timestamptz` as microseconds.
macro_rules! microseconds {
    ($column:literal) => {
        concat!(
            "(extract(epoch FROM ",
            $column,
            ") * 1000000 - 946684800000000)::int8"
        )
    };
}

/// Microseconds as a `timestamptz`.
macro_rules! moment {
    ($value:literal) => {
        concat!(
            "(timestamptz '2000-01-01 00:00:00+00' + ",
            $value,
            " * interval '1 microsecond')"
        )
    };
}

/// The state `s` as an object.
macro_rules! state {
    () => {
        concat!(
            "jsonb_build_object('due', ",
            microseconds!("s.due"),
            ", 'slot', ",
            microseconds!("s.slot"),
            ", 'retry_at', ",
            microseconds!("s.retry_at"),
            ", 'not_before', ",
            microseconds!("s.not_before"),
            ", 'attempt', s.attempt, 'failures', s.failures, 'breaker', s.breaker,
              'openings', s.openings, 'open_until', ",
            microseconds!("s.open_until"),
            ", 'requested_run', s.requested_run, 'running_run', s.running_run, 'started', ",
            microseconds!("s.started"),
            ", 'skipped', s.skipped)"
        )
    };
}

/// The owner of a definition, null if there is none.
macro_rules! owner {
    ($definition:literal) => {
        concat!(
            "pgopt.job_owner(",
            $definition,
            ".owner, ",
            $definition,
            ".owner_oid, ",
            $definition,
            ".owner_place)"
        )
    };
}

/// Joins the definition `d` of the state `s`, unless it cannot be worked with.
macro_rules! usable_definition {
    () => {
        "LEFT JOIN pgopt.job_definitions AS d
                ON d.id = s.job_id AND s.quarantined IS DISTINCT FROM d.version"
    };
}

/// What is decided from, of the definition `d`.
macro_rules! definition {
    () => {
        concat!(
            "jsonb_build_object('id', d.id, 'version', d.version, 'name', d.name,
              'owner', coalesce(pgopt.job_owner(d.owner, d.owner_oid, d.owner_place), 0)::int8, 'owner_name', d.owner, 'schedule', d.schedule,
              'every', CASE WHEN d.every IS NOT NULL THEN jsonb_build_array(
                 (extract(year FROM d.every) * 12 + extract(month FROM d.every))::int8,
                 extract(day FROM d.every)::int8,
                 (extract(hour FROM d.every) * 3600000000 + extract(minute FROM d.every) * 60000000
                   + extract(microsecond FROM d.every))::int8) END,
              'time_zone', d.time_zone, 'starts', ",
            microseconds!("d.starts"),
            ", 'enabled', d.enabled, 'statement_timeout', d.statement_timeout,
              'max_attempts', d.max_attempts,
              'backoff', (extract(epoch FROM d.backoff) * 1000000)::int8,
              'backoff_max', (extract(epoch FROM d.backoff_max) * 1000000)::int8,
              'breaker_failures', d.breaker_failures,
              'breaker_cooldown', (extract(epoch FROM d.breaker_cooldown) * 1000000)::int8,
              'overlap', d.overlap, 'catch_up', d.catch_up, 'priority', d.priority,
              'maintenance_window', d.maintenance_window, 'exclusion_key', d.exclusion_key,
              'run_after', to_jsonb(d.run_after), 'once', d.once, 'slow_down', d.slow_down)"
        )
    };
}

/// What the log and the view show of the commands of `d`.
macro_rules! shown_command {
    () => {
        "left(array_to_string(d.commands, '; '), 1000)"
    };
}

/// Sets the columns that a state consists of, from a record `r` of [`state_record`].
macro_rules! set_state {
    () => {
        concat!(
            "due = ",
            moment!("r.due"),
            ", slot = ",
            moment!("r.slot"),
            ", retry_at = ",
            moment!("r.retry_at"),
            ", not_before = ",
            moment!("r.not_before"),
            ", attempt = r.attempt, failures = r.failures, breaker = r.breaker,
              openings = r.openings, open_until = ",
            moment!("r.open_until"),
            ", requested_run = r.requested_run, running_run = r.running_run, started = ",
            moment!("r.started"),
            ", skipped = r.skipped"
        )
    };
}

/// The columns of such records in `$1`, an array of objects.
macro_rules! state_record {
    () => {
        "job_id int8, due int8, slot int8, retry_at int8, not_before int8, attempt int4,
         failures int4, breaker text, openings int4, open_until int8, requested_run int8,
         running_run int8, started int8, skipped int8"
    };
}

pub(super) use {
    definition, microseconds, moment, owner, set_state, shown_command, state, state_record,
    usable_definition,
};
