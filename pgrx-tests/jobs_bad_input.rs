//! What the functions of jobs say to input that cannot be used; nothing of it is left behind.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::test_support::{gives, run, value};

    const OUTCOME: &str =
        "CREATE FUNCTION outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE code text; message text; detail text; hint text; BEGIN
            EXECUTE command; RETURN 'accepted';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RETURN concat_ws('|', code, message, regexp_replace(detail, '\\s+0: .*', ''), hint);
        END $$";

    /// Runs what follows `SELECT pgopt.` in each case; the SQLSTATE comes first, the parts after
    /// it must appear.
    fn check(cases: &str) {
        let mut wrong = Vec::new();
        for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (call, expected) = case.split_once(" ==> ").expect(case);
            let call = format!("SELECT pgopt.{call}");
            let outcome = value(&format!("SELECT outcome($outcome${call}$outcome$)"));
            let mut parts = expected.split('|');
            let fits = outcome.starts_with(parts.next().unwrap_or_default())
                && parts.all(|part| outcome.contains(part));
            let jobs = value("SELECT count(*)::text FROM pgopt.jobs WHERE name <> 'there'");
            if !fits || (!expected.starts_with("accepted") && jobs != "0") {
                wrong.push(format!(
                    "{call}\n  expected {expected}\n  got      {outcome} ({jobs} jobs)"
                ));
            }
            run("DELETE FROM pgopt.job_definitions WHERE name <> 'there'");
        }
        assert!(
            wrong.is_empty(),
            "{} wrong:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    fn prepare() {
        run(OUTCOME);
        run("SELECT pgopt.schedule('there', '1 hour', 'SELECT 1')");
    }

    #[pg_test]
    fn schedules_that_are_none() {
        prepare();
        check(
            "schedule('x', 'nonsense', 'SELECT 1') ==> 22023|invalid schedule: \"nonsense\"|invalid input syntax for type interval|Use an interval
             schedule('x', '', 'SELECT 1') ==> 22023|invalid schedule: \"\"
             schedule('x', '   ', 'SELECT 1') ==> 22023|invalid schedule
             schedule('x', '0', 'SELECT 1') ==> 22023|The interval is zero.
             schedule('x', '0 minutes', 'SELECT 1') ==> 22023|The interval is zero.
             schedule('x', '-5 minutes', 'SELECT 1') ==> 22023|negative
             schedule('x', '1 month -1 day', 'SELECT 1') ==> 22023|negative
             schedule('x', '999 ms', 'SELECT 1') ==> 22023|shorter than a second
             schedule('x', '1 us', 'SELECT 1') ==> 22023|shorter than a second
             schedule('x', '101 years', 'SELECT 1') ==> 22023|longer than a hundred years
             schedule('x', '178000000 years', 'SELECT 1') ==> 22023|longer than a hundred years
             schedule('x', '99999999999999 years', 'SELECT 1') ==> 22023|out of range
             schedule('x', 'infinity', 'SELECT 1') ==> 22023|invalid schedule
             schedule('x', '@never', 'SELECT 1') ==> 22023|There is no such name.
             schedule('x', '@every 5m', 'SELECT 1') ==> 22023|There is no such name.
             schedule('x', '60 * * * *', 'SELECT 1') ==> 22023|60 * * * *
             schedule('x', '* 24 * * *', 'SELECT 1') ==> 22023
             schedule('x', '* * 32 * *', 'SELECT 1') ==> 22023
             schedule('x', '* * 0 * *', 'SELECT 1') ==> 22023
             schedule('x', '* * * 13 *', 'SELECT 1') ==> 22023
             schedule('x', '* * * * 8', 'SELECT 1') ==> 22023
             schedule('x', '*/0 * * * *', 'SELECT 1') ==> 22023
             schedule('x', '5-1 * * * *', 'SELECT 1') ==> 22023
             schedule('x', '* * * *', 'SELECT 1') ==> 22023
             schedule('x', '* * * * * * *', 'SELECT 1') ==> 22023
             schedule('x', '0 0 0 1 1 * 2030', 'SELECT 1') ==> 22023
             schedule('x', '0 0 30 2 *', 'SELECT 1') ==> 22023|No date of the calendar
             schedule('x', '0 0 31 4,6,9,11 *', 'SELECT 1') ==> 22023|No date of the calendar
             schedule('x', '* * * * FOO', 'SELECT 1') ==> 22023
             schedule('x', '* * * * ; DROP', 'SELECT 1') ==> 22023
             schedule('x', '0 0 29 2 *', 'SELECT 1') ==> accepted
             schedule('x', '0 0 L * *', 'SELECT 1') ==> accepted
             schedule('x', '*/7 8-18/2 1,15 JAN-JUN MON-FRI', 'SELECT 1') ==> accepted
             schedule('x', '1 s', 'SELECT 1') ==> accepted
             schedule('x', '100 years', 'SELECT 1') ==> accepted
             schedule('x', NULL, 'SELECT 1') ==> accepted
             alter_job('there', schedule => 'nonsense') ==> 22023|invalid schedule",
        );
        gives(
            "SELECT schedule FROM pgopt.jobs WHERE name = 'there'",
            "1 hour",
        );
    }

    #[pg_test]
    fn time_zones_and_times_that_are_none() {
        prepare();
        check(
            "schedule('x', '1 hour', 'SELECT 1', time_zone => 'Mars/Olympus') ==> 22023|time zone \"Mars/Olympus\" not recognized|pg_timezone_names
             schedule('x', '1 hour', 'SELECT 1', time_zone => '') ==> 22023|not recognized
             schedule('x', '1 hour', 'SELECT 1', time_zone => '../../etc/passwd') ==> 22023|not recognized
             schedule('x', '1 hour', 'SELECT 1', time_zone => repeat('x', 10000)) ==> 22023|not recognized
             schedule('x', '1 hour', 'SELECT 1', time_zone => 'europe/berlin') ==> accepted
             schedule('x', '1 hour', 'SELECT 1', starts => 'infinity') ==> 22023|must be finite
             schedule('x', '1 hour', 'SELECT 1', starts => '-infinity') ==> 22023|must be finite
             schedule('x', '1 mon', 'SELECT 1', starts => '1001-01-01') ==> accepted
             schedule('x', '1 s', 'SELECT 1', starts => '1001-01-01') ==> accepted
             schedule('x', '1 mon', 'SELECT 1', starts => '3999-01-01') ==> accepted
             schedule('x', '0 3 * * *', 'SELECT 1', starts => '3999-01-01') ==> accepted",
        );
    }

    #[pg_test]
    fn commands_that_cannot_be_run() {
        prepare();
        check(
            "schedule('x', '1 hour', 'SELECT 1; SELECT 2') ==> 42601|command holds more than one statement|It holds 2 statements.|commands => ARRAY
             schedule('x', '1 hour', ARRAY['SELECT 1', 'SELECT 2; SELECT 3']) ==> 42601|Element 2 of \"commands\"
             schedule('x', '1 hour', 'SELEC 1') ==> 42601|syntax error at or near \"SELEC\"
             schedule('x', '1 hour', ARRAY['SELECT 1', 'SELECT (']) ==> 42601|syntax error|Element 2 of \"commands\"
             schedule('x', '1 hour', '') ==> 22023|command holds no statement
             schedule('x', '1 hour', ' ; -- nothing') ==> 22023|command holds no statement
             schedule('x', '1 hour', '{}'::text[]) ==> 22023|argument \"commands\" is empty
             schedule('x', '1 hour', ARRAY['SELECT 1', NULL]) ==> 22004|must not contain null
             schedule('x', '1 hour', NULL::text) ==> 22004|argument \"command\" must not be null
             schedule('x', '1 hour', NULL::text[]) ==> 22004|argument \"commands\" must not be null
             schedule('x', '1 hour', 'BEGIN') ==> 0A000|transaction control
             schedule('x', '1 hour', 'COMMIT') ==> 0A000|transaction control
             schedule('x', '1 hour', 'ROLLBACK PREPARED ''x''') ==> 0A000|transaction control
             schedule('x', '1 hour', 'SAVEPOINT s') ==> 0A000|transaction control
             schedule('x', '1 hour', ARRAY['BEGIN', 'SELECT 1', 'COMMIT']) ==> 0A000|Element 1 of \"commands\"
             schedule('x', '1 hour', 'COPY t FROM STDIN') ==> 0A000|COPY from or to a client
             schedule('x', '1 hour', 'COPY t TO STDOUT') ==> 0A000|COPY from or to a client
             schedule('x', '1 hour', 'COPY (SELECT 1) TO STDOUT') ==> 0A000|COPY from or to a client
             schedule('x', '1 hour', 'COPY t TO ''/tmp/f''') ==> accepted
             schedule('x', '1 hour', 'COPY t FROM PROGRAM ''cat''') ==> accepted
             schedule('x', '1 hour', 'SELECT * FROM nowhere;') ==> accepted
             schedule('x', '1 hour', 'VACUUM') ==> accepted
             schedule('x', '1 hour', 'CREATE INDEX CONCURRENTLY ON nowhere (a)') ==> accepted
             schedule('x', '1 hour', 'CALL p()') ==> accepted
             schedule('x', '1 hour', 'SELECT ''' || repeat('x', 1024 * 1024) || '''') ==> 54000|too long|CALL
             schedule('x', '1 hour', 'SELECT ''' || repeat('x', 1024 * 1024 - 9) || '''') ==> accepted
             schedule('x', '1 hour', array_fill('SELECT 1'::text, ARRAY[10001])) ==> 54000|too long
             schedule('x', '1 hour', array_fill(repeat(' ', 600000) || 'SELECT 1', ARRAY[2])) ==> 54000|too long
             alter_job('there', command => 'SELECT 1; SELECT 2') ==> 42601
             alter_job('there', command => 'SELECT 1', commands => ARRAY['SELECT 2']) ==> 22023|exclude each other",
        );
        gives(
            "SELECT command FROM pgopt.jobs WHERE name = 'there'",
            "SELECT 1",
        );
    }

    #[pg_test]
    fn names_that_are_none_and_names_that_are() {
        prepare();
        check(
            "schedule('', '1 hour', 'SELECT 1') ==> 42602|job name is empty
             schedule(NULL, '1 hour', 'SELECT 1') ==> 22004|argument \"name\" must not be null
             schedule(repeat('x', 64), '1 hour', 'SELECT 1') ==> 42622|job name is too long|64 bytes
             schedule(repeat('ö', 32), '1 hour', 'SELECT 1') ==> 42622|64 bytes
             schedule('there', '1 hour', 'SELECT 1') ==> 42710|job \"there\" already exists|replace => true
             schedule('x', '1 hour', 'SELECT 1', starts => '294276-12-31') ==> 22008|argument \"starts\" is out of range
             schedule('x', '1 hour', 'SELECT 1', starts => '4713-01-01 BC') ==> 22008
             schedule('x', '1 hour', 'SELECT 1', starts => 'infinity') ==> 22023
             schedule('x', '1 hour', 'SELECT 1', exclusion_key => repeat('k', 257)) ==> 54000|257 bytes
             schedule('x', repeat(' ', 1024) || '1 hour', 'SELECT 1') ==> 54000|\"schedule\"
             schedule('x', '1 hour', 'SELECT 1', priority => -101) ==> 22023
             schedule('x', '1 hour', 'SELECT 1', statement_timeout => '25 days') ==> 22023|24.8 days
             schedule('x', '1 hour', 'SELECT 1', lock_timeout => '300 days') ==> 22023|\"lock_timeout\"
             alter_job('nowhere') ==> 42704|job \"nowhere\" does not exist
             alter_job(NULL) ==> 22004
             alter_job('there', new_name => '') ==> 42602
             run_now('nowhere') ==> 42704
             run_now(NULL) ==> 22004
             pause('nowhere') ==> 42704
             pause(NULL) ==> 22004
             resume('THERE') ==> 42704|case-sensitive
             reset_breaker('nowhere') ==> 42704
             unschedule(NULL) ==> 22004
             unschedule('nowhere') ==> accepted",
        );
        for name in [
            "it''s",
            "\"quoted\"",
            "UPPER lower",
            "🐘 elephant 🐘",
            "a\nb\tc",
            "'' OR true; --",
            &"x".repeat(63),
            &"ö".repeat(31),
            "\\",
            "%s %I $1",
        ] {
            let call = |what: &str| {
                format!(
                    "SELECT pgopt.{}::text",
                    what.replace("$n", &format!("'{name}'"))
                )
            };
            value(&call("schedule($n, '1 hour', 'SELECT 1')"));
            value(&call("alter_job($n, priority => 1)"));
            value(&call("run_now($n)"));
            value(&call("pause($n)"));
            value(&call("resume($n)"));
            value(&call("reset_breaker($n)"));
            gives(
                &format!(
                    "SELECT count(*)::text FROM pgopt.jobs WHERE name = '{name}' AND priority = 1"
                ),
                "1",
            );
            assert_eq!(value(&call("unschedule($n)")), "true", "{name}");
        }
    }

    #[pg_test]
    fn a_name_that_another_job_has_is_not_given() {
        prepare();
        run("SELECT pgopt.schedule('second', '1 hour', 'SELECT 1')");
        gives(
            "SELECT outcome('SELECT pgopt.alter_job(''second'', new_name => ''there'')') ~ '^42710' || ''",
            "true",
        );
        gives(
            "SELECT count(*)::text FROM pgopt.jobs WHERE name = 'second'",
            "1",
        );
    }

    #[pg_test]
    fn numbers_that_make_no_sense() {
        prepare();
        check(
            "schedule('x', '1 hour', 'SELECT 1', max_attempts => 0) ==> 22023|\"max_attempts\" must be at least 1
             schedule('x', '1 hour', 'SELECT 1', backoff => '-1 s') ==> 22023|\"backoff\"
             schedule('x', '1 hour', 'SELECT 1', backoff_max => '-1 s') ==> 22023|\"backoff_max\"
             schedule('x', '1 hour', 'SELECT 1', breaker_failures => -1) ==> 22023|\"breaker_failures\"
             schedule('x', '1 hour', 'SELECT 1', breaker_cooldown => '0') ==> 22023|\"breaker_cooldown\"
             schedule('x', '1 hour', 'SELECT 1', backoff => '2 years') ==> 22023|too long
             schedule('x', '1 hour', 'SELECT 1', statement_timeout => '2 years') ==> 22023|too long
             schedule('x', '1 hour', 'SELECT 1', overlap => 'pile up') ==> 22023|\"overlap\"|\"skip\" or \"queue\"
             schedule('x', '1 hour', 'SELECT 1', run_after => '{nowhere}') ==> 42704|\"nowhere\"
             schedule('x', '1 hour', 'SELECT 1', run_after => '{NULL}') ==> 22004
             alter_job('there', run_after => '{there}') ==> 22023|cannot wait for itself
             schedule('x', '1 hour', 'SELECT 1', max_attempts => NULL, backoff => NULL, overlap => NULL, catch_up => NULL, replace => NULL) ==> accepted
             schedule('x', '1 hour', 'SELECT 1', priority => -2147483648) ==> 22023|between -100 and 100|It is -2147483648.
             schedule('x', '1 hour', 'SELECT 1', priority => -100) ==> accepted",
        );
    }

    #[pg_test]
    fn a_role_that_cannot_log_in_owns_no_job() {
        prepare();
        run(
            "CREATE ROLE job_nologin; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgopt TO job_nologin; GRANT USAGE ON SCHEMA public TO job_nologin",
        );
        run("SET ROLE job_nologin");
        check_one(
            "schedule('x', '1 hour', 'SELECT 1')",
            "42501|role \"job_nologin\" cannot own jobs",
        );
        run("RESET ROLE");
        // One that could when the job was scheduled fails when it is due, and the job can be paused.
        run("ALTER ROLE job_nologin LOGIN; SET ROLE job_nologin");
        run("SELECT pgopt.schedule('late', '1 hour', 'SELECT 1')");
        run("RESET ROLE; ALTER ROLE job_nologin NOLOGIN");
        let now = crate::jobs_support::begin();
        crate::jobs_support::adopt(now);
        run("SELECT pgopt.unschedule('there')");
        let plan = crate::jobs_support::plan(now + crate::jobs_support::DAY, 5);
        let names: Vec<String> = plan.starts.iter().map(|start| start.name.clone()).collect();
        assert_eq!(names, Vec::<String>::new());
        gives(
            "SELECT sqlstate || ' ' || message FROM pgopt.job_runs WHERE name = 'late'",
            "28000 role \"job_nologin\" is not permitted to log in",
        );
        run("SELECT pgopt.pause('late')");
        check_one("resume('late')", "42501|cannot own jobs");
    }

    fn check_one(call: &str, expected: &str) {
        let outcome = value(&format!(
            "SELECT outcome($outcome$SELECT pgopt.{call}$outcome$)"
        ));
        for part in expected.split('|') {
            assert!(outcome.contains(part), "{call}: {outcome}");
        }
    }

    #[pg_test]
    fn a_window_that_is_none_is_refused() {
        run(OUTCOME);
        for text in [
            "nonsense",
            "01:00",
            "25:00-26:00",
            "01:00-01:00",
            "1-2",
            "01:60-02:00",
            "-",
            "01:00-02:00-03:00",
            "24:00-01:00",
        ] {
            let outcome = value(&format!(
                "SELECT outcome($o$SET pgopt.maintenance_window = '{text}'$o$)"
            ));
            assert!(
                outcome.starts_with("22023") && outcome.contains("01:00-05:00"),
                "{text}: {outcome}"
            );
        }
        for text in [
            "",
            "01:00-05:00",
            "23:30-04:00",
            "0:00-24:00",
            " 1:00 - 5:00 ",
        ] {
            let outcome = value(&format!(
                "SELECT outcome($o$SET pgopt.maintenance_window = '{text}'$o$)"
            ));
            assert_eq!(outcome, "accepted", "{text}");
        }
    }

    #[pg_test]
    fn nothing_is_scheduled_while_pgopt_is_off() {
        run(OUTCOME);
        run("SET pgopt.enabled = off");
        check_one(
            "schedule('x', '1 hour', 'SELECT 1')",
            "55000|pgopt is switched off|pgopt.enabled",
        );
    }
}
