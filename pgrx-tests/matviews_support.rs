//! Helpers that the tests of materialized views share.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

pub(crate) use crate::test_support::{gives, run, value};

/// Tables to read, a function that tells what a command raises, and a role that owns nothing.
pub(crate) fn prepare() {
    run("
        CREATE SCHEMA mv; SET LOCAL search_path = mv, public;
        CREATE TYPE mood AS ENUM ('glad', 'sad');
        CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, amount numeric, at timestamptz, note text, mood mood, data jsonb);
        INSERT INTO orders SELECT i, i % 10, i, '2024-01-01'::timestamptz + i * interval '1 hour', 'n' || i, 'glad', '{}'
          FROM generate_series(1, 100) AS i;
        CREATE TABLE parts (k int, v int) PARTITION BY RANGE (k);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
        CREATE TABLE parts_2 (k int, v int);
        INSERT INTO parts SELECT i, i FROM generate_series(0, 9) AS i;
        CREATE VIEW recent AS SELECT * FROM orders WHERE id > 50;
        CREATE VIEW recent_big AS SELECT customer, sum(amount) AS total FROM recent GROUP BY customer;
        CREATE SEQUENCE counter;
        CREATE FUNCTION outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE code text; message text; detail text; hint text; BEGIN
            EXECUTE command; RETURN 'accepted|||';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RETURN concat_ws('|', code, message, regexp_replace(detail, '\\s+0: .*', ''), hint);
        END $$");
}

/// Makes a materialized view `name` of `query`.
pub(crate) fn view(name: &str, query: &str) {
    run(&format!("CREATE MATERIALIZED VIEW {name} AS {query}"));
}

/// Schedules a view; the identifier of its schedule.
pub(crate) fn schedule(view: &str) -> String {
    run(&format!("SELECT pgopt.refresh_every('{view}')"));
    value(&format!(
        "SELECT id::text FROM pgopt.matview_schedules WHERE view = '{view}'::regclass"
    ))
}

/// A run of a schedule; what it says.
pub(crate) fn tick(id: &str) -> String {
    value(&format!("SELECT pgopt.refresh_scheduled({id})"))
}

/// What the worker says before it starts a run: why not, or nothing.
pub(crate) fn precheck(id: &str) -> String {
    value(&format!(
        "SELECT tests.matviews_precheck(job_id) FROM pgopt.matview_schedules WHERE id = {id}"
    ))
}

#[pgrx::pg_schema]
mod tests {
    /// In a statement of its own, which sees what the test did before.
    #[pgrx::pg_extern]
    fn matviews_precheck(job: i64) -> String {
        crate::matviews::Looks::default()
            .precheck(job)
            .unwrap_or_default()
    }
}

/// What is said of a view that needs no refresh.
pub(crate) const FRESH: &str = "nothing that it reads has changed";

/// After `change`, the schedule's run refreshes for a reason that says `part`, and the next
/// one finds nothing to do.
#[track_caller]
pub(crate) fn sees(id: &str, change: &str, part: &str) {
    run(change);
    assert_eq!(precheck(id), "", "{change}");
    let said = tick(id);
    assert!(said.contains(part), "{change}: {said}");
    assert!(tick(id).starts_with(FRESH), "{change}: {}", tick(id));
    assert!(
        precheck(id).starts_with(FRESH),
        "{change}: {}",
        precheck(id)
    );
}

/// What a command raises: `SQLSTATE|message|detail|hint`.
pub(crate) fn raised(command: &str) -> String {
    value(&format!("SELECT mv.outcome($outcome${command}$outcome$)"))
}
