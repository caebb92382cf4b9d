//! Schedules of materialized views: names, order, who may have them, and what becomes of them.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::matviews_support::{
        FRESH, gives, precheck, prepare, raised, run, schedule, tick, value, view,
    };

    #[pg_test]
    fn odd_names_are_refreshed_and_renames_change_nothing() {
        prepare();
        let name = format!("\"Wé \"\"'{}\"", "\u{1f600}".repeat(13));
        view(&name, "SELECT id FROM orders");
        let id = value(&format!(
            "SELECT pgopt.refresh_every($q$mv.{name}$q$)::text"
        ));
        gives(
            &format!(
                "SELECT (octet_length(name) <= 63 AND name LIKE 'refresh mv.%')::text FROM pgopt.job_definitions WHERE id = {id}"
            ),
            "true",
        );
        let schedule = value(&format!(
            "SELECT id::text FROM pgopt.matview_schedules WHERE job_id = {id}"
        ));
        assert!(tick(&schedule).contains("not known"));
        run(&format!("ALTER MATERIALIZED VIEW {name} RENAME TO plain"));
        assert!(tick(&schedule).starts_with(FRESH));
        // The name is free for another view, whose job needs one of its own.
        view(&name, "SELECT id FROM orders");
        run(&format!("SELECT pgopt.refresh_every($q$mv.{name}$q$)"));
        gives(
            &format!("SELECT view_name FROM pgopt.matview_schedules WHERE id = {schedule}"),
            "mv.plain",
        );
        gives(
            "SELECT count(DISTINCT name)::text FROM pgopt.job_definitions WHERE name LIKE 'refresh mv.%'",
            "2",
        );
    }

    #[pg_test]
    fn jobs_wait_for_the_views_above_in_whatever_order_they_are_made() {
        prepare();
        view("a", "SELECT * FROM orders");
        view("b", "SELECT * FROM a");
        run("CREATE VIEW over_b AS SELECT * FROM b");
        view("c", "SELECT * FROM over_b");
        view("d", "SELECT * FROM orders");
        for name in ["c", "a", "d"] {
            run(&format!("SELECT pgopt.refresh_every('{name}')"));
        }
        let after = "SELECT coalesce(string_agg(above.name, ',' ORDER BY above.name), '') FROM pgopt.job_definitions j
            LEFT JOIN pgopt.job_definitions above ON above.id = ANY (j.run_after) WHERE j.name = 'refresh mv.";
        gives(&format!("{after}c'"), "refresh mv.a");
        gives(&format!("{after}a'"), "");
        run("SELECT pgopt.refresh_every('b', '@daily')");
        gives(&format!("{after}c'"), "refresh mv.a,refresh mv.b");
        gives(&format!("{after}b'"), "refresh mv.a");
        gives(&format!("{after}d'"), "");
        gives(
            "SELECT concat_ws(' ', schedule, method, enabled) FROM pgopt.matview_status WHERE view = 'b'::regclass",
            "@daily plain t",
        );
        // Another query underneath: found by the next refresh.
        run("CREATE OR REPLACE VIEW over_b AS SELECT * FROM d");
        tick(&value(
            "SELECT id::text FROM pgopt.matview_schedules WHERE view = 'c'::regclass",
        ));
        gives(&format!("{after}c'"), "refresh mv.d");
    }

    #[pg_test]
    fn refresh_all_asks_for_every_view_in_order() {
        prepare();
        view("a", "SELECT * FROM orders");
        view("b", "SELECT * FROM a");
        view("c", "SELECT b.id FROM b JOIN a USING (id)");
        view("d", "SELECT * FROM orders");
        run(
            "SELECT pgopt.refresh_every('b'); CREATE TEMP TABLE asked AS SELECT * FROM pgopt.refresh_all()",
        );
        gives(
            "SELECT string_agg(view || ' ' || position, ', ' ORDER BY position, view::text) FROM asked",
            "a 1, d 1, b 2, c 3",
        );
        gives(
            "SELECT count(DISTINCT run)::text FROM asked WHERE run IS NOT NULL",
            "4",
        );
        gives("SELECT string_agg(schedule IS NULL AND once || '', ' ' ORDER BY name) FROM pgopt.job_definitions WHERE name LIKE 'refresh mv.%'".replace("schedule IS NULL AND once || ''", "(schedule IS NULL AND once)::text").as_str(),
            "true false true true");
        gives("SELECT count(*)::text FROM pgopt.job_definitions j JOIN pgopt.job_definitions above ON above.id = ANY (j.run_after)
                WHERE j.name = 'refresh mv.c'", "2");
        // Asked for again, it is the same runs; a schedule takes the place of a single run.
        gives(
            "SELECT count(*)::text FROM pgopt.refresh_all() JOIN asked USING (view, run)",
            "4",
        );
        run("SELECT pgopt.refresh_every('d', '1 hour')");
        gives(
            "SELECT concat_ws(' ', schedule, once) FROM pgopt.job_definitions WHERE name = 'refresh mv.d'",
            "1 hour f",
        );
    }

    #[pg_test]
    fn a_dropped_view_takes_its_schedule_with_it() {
        prepare();
        view("m", "SELECT id FROM orders");
        let id = schedule("m");
        tick(&id);
        run("DROP MATERIALIZED VIEW m");
        assert_eq!(precheck(&id), "");
        let said = tick(&id);
        assert!(
            said.contains("was dropped; its schedule is removed"),
            "{said}"
        );
        gives("SELECT concat_ws(' ', (SELECT count(*) FROM pgopt.job_definitions), (SELECT count(*) FROM pgopt.matview_schedules),
                 (SELECT count(*) FROM pgopt.matview_states))", "0 0 0");
        let refusal = raised(&format!("SELECT pgopt.refresh_scheduled({id})"));
        assert!(
            refusal.starts_with(&format!("42704|refresh schedule {id} does not exist|")),
            "{refusal}"
        );
    }

    #[pg_test]
    fn a_schedule_is_changed_and_stopped() {
        prepare();
        view("m", "SELECT id FROM orders");
        let job = value("SELECT pgopt.refresh_every('m')::text");
        gives("SELECT pgopt.refresh_every('m', '0 5 * * *', 'off', time_zone => 'Europe/Berlin', statement_timeout => '1 min',
                 maintenance_window => true, priority => 3)::text", &job);
        gives(&format!("SELECT concat_ws('/', schedule, time_zone, statement_timeout, lock_timeout, maintenance_window, priority, slow_down, once)
                 FROM pgopt.job_definitions WHERE id = {job}"), "0 5 * * */Europe/Berlin/60000/5000/t/3/t/f");
        gives(
            "SELECT m.concurrently FROM pgopt.matview_schedules AS m",
            "off",
        );
        gives("SELECT pgopt.refresh_stop('m')::text", "true");
        gives("SELECT pgopt.refresh_stop('m')::text", "false");
        gives(
            "SELECT (SELECT count(*) FROM pgopt.matview_schedules)::text || (SELECT count(*) FROM pgopt.job_definitions)",
            "00",
        );
    }

    #[pg_test]
    fn what_cannot_be_refreshed_is_refused() {
        prepare();
        view("m", "SELECT id FROM orders");
        run("CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA mv TO stranger; GRANT EXECUTE ON FUNCTION
             pgopt.refresh_every(regclass, text, text, boolean, text, interval, interval, boolean, int) TO stranger");
        let id = schedule("m");
        for (command, expected) in [
            (
                "SELECT pgopt.refresh_every('mv.nothing')",
                "42P01|relation \"mv.nothing\" does not exist",
            ),
            (
                "SELECT pgopt.refresh_every(1234567890::oid::regclass)",
                "42P01|materialized view with OID 1234567890 does not exist",
            ),
            (
                "SELECT pgopt.refresh_every('mv.orders')",
                "42809|mv.orders is not a materialized view",
            ),
            (
                "SELECT pgopt.refresh_every('mv.recent')",
                "42809|mv.recent is not a materialized view",
            ),
            (
                "SELECT pgopt.refresh_every('mv.orders_pkey')",
                "42809|mv.orders_pkey is not a materialized view",
            ),
            ("SELECT pgopt.refresh_stop('mv.orders')", "42809|"),
            ("SELECT * FROM pgopt.refresh_now('mv.orders')", "42809|"),
            (
                "SELECT pgopt.refresh_every('mv.m', concurrently => 'yes')",
                "22023|invalid value for argument \"concurrently\": \"yes\"",
            ),
            ("SELECT * FROM pgopt.refresh_now('mv.m', '')", "22023|"),
            ("SELECT * FROM pgopt.refresh_now('mv.m', NULL)", "22004|"),
            (
                "SELECT pgopt.refresh_every(NULL)",
                "22004|argument \"view\" must not be null",
            ),
            (
                "SELECT pgopt.refresh_every('mv.m', NULL)",
                "22004|argument \"schedule\" must not be null",
            ),
            ("SELECT pgopt.refresh_every('mv.m', 'now and then')", "22"),
            ("SELECT pgopt.refresh_every('mv.m', '-1 hour')", "22"),
            (
                "SELECT pgopt.refresh_every('mv.m', time_zone => 'Mars/Base')",
                "22023|",
            ),
            (
                "SELECT pgopt.refresh_every('mv.m', statement_timeout => '-1 s')",
                "22023|argument \"statement_timeout\"",
            ),
            (
                "SELECT pgopt.refresh_every('mv.m', lock_timeout => '1000 years')",
                "22023|argument \"lock_timeout\"",
            ),
            (
                "SET LOCAL ROLE stranger; SELECT pgopt.refresh_every('mv.m')",
                "42501|must be owner of materialized view mv.m",
            ),
            (
                "SET LOCAL ROLE stranger; SELECT * FROM pgopt.refresh_now('mv.m')",
                "42501|must be owner",
            ),
            (
                "SET LOCAL ROLE stranger; SELECT pgopt.refresh_stop('mv.m')",
                "42501|must be owner",
            ),
            (
                "SET LOCAL ROLE stranger; SELECT * FROM pgopt.refresh_all()",
                "42501|permission denied for function refresh_all",
            ),
            (
                "SET LOCAL ROLE stranger; SELECT * FROM pgopt.matview_schedules",
                "42501|",
            ),
            (
                "SET LOCAL ROLE stranger; SELECT * FROM pgopt.matview_states",
                "42501|",
            ),
        ] {
            let refusal = raised(command);
            assert!(refusal.starts_with(expected), "{command}: {refusal}");
        }
        let refusal = raised(&format!(
            "SET LOCAL ROLE stranger; SELECT pgopt.refresh_scheduled({id})"
        ));
        assert!(refusal.starts_with("42501|must be owner"), "{refusal}");
        run("SET LOCAL ROLE stranger");
        gives(
            "SELECT count(*)::text FROM pgopt.matview_status WHERE view::text LIKE '%m'",
            "0",
        );
    }

    #[pg_test]
    fn an_owner_who_is_no_superuser_refreshes_and_schedules() {
        prepare();
        run("CREATE ROLE clerk LOGIN; GRANT USAGE, CREATE ON SCHEMA mv TO clerk; GRANT SELECT ON ALL TABLES IN SCHEMA mv TO clerk;
             GRANT EXECUTE ON FUNCTION pgopt.refresh_every(regclass, text, text, boolean, text, interval, interval, boolean, int) TO clerk;
             SET LOCAL ROLE clerk; CREATE MATERIALIZED VIEW m AS SELECT * FROM recent_big");
        run("SELECT FROM pgopt.refresh_every('m')");
        gives("SELECT action FROM pgopt.refresh_now('m')", "refreshed");
        run("RESET ROLE");
        let id = value("SELECT id::text FROM pgopt.matview_schedules");
        run("SET LOCAL ROLE clerk");
        assert!(tick(&id).starts_with(FRESH), "{}", tick(&id));
        gives("SELECT current_user::text", "clerk");
        gives(
            "SELECT concat_ws(' ', state, last_rows, skipped > 0) FROM pgopt.matview_status",
            "refreshed 10 t",
        );
        run("RESET ROLE");
        gives("SELECT owner::text FROM pgopt.job_definitions", "clerk");
        assert!(precheck(&id).starts_with(FRESH));
    }

    #[pg_test]
    fn a_view_made_anew_under_its_name_is_refreshed_on() {
        prepare();
        view("m", "SELECT id FROM orders");
        let id = schedule("m");
        tick(&id);
        run("DROP MATERIALIZED VIEW m");
        view("m", "SELECT id, note FROM orders");
        gives(
            "SELECT concat_ws(' ', state, schedule) FROM pgopt.matview_status WHERE view = 'm'::regclass",
            "unknown 15 minutes",
        );
        assert!(tick(&id).contains("it is not known"), "{}", tick(&id));
        assert!(precheck(&id).starts_with(FRESH));
        // As dbt does it: another one is renamed.
        view("m_new", "SELECT note FROM orders");
        run(
            "ALTER MATERIALIZED VIEW m RENAME TO m_old; ALTER MATERIALIZED VIEW m_new RENAME TO m; DROP MATERIALIZED VIEW m_old",
        );
        let job = value(&format!(
            "SELECT job_id::text FROM pgopt.matview_schedules WHERE id = {id}"
        ));
        gives("SELECT pgopt.refresh_every('m', '1 hour')::text", &job);
        assert!(tick(&id).contains("it is not known"));
        gives(
            "SELECT concat_ws(' ', state, schedule) FROM pgopt.matview_status WHERE view = 'm'::regclass",
            "refreshed 1 hour",
        );
    }

    #[pg_test]
    fn a_view_made_anew_by_another_role_is_refused_and_the_schedule_stays() {
        prepare();
        run("CREATE ROLE clerk LOGIN; CREATE ROLE other LOGIN; GRANT USAGE, CREATE ON SCHEMA mv TO clerk, other;
             GRANT SELECT ON ALL TABLES IN SCHEMA mv TO clerk, other;
             GRANT EXECUTE ON FUNCTION pgopt.refresh_every(regclass, text, text, boolean, text, interval, interval, boolean, int) TO clerk;
             SET LOCAL ROLE clerk; CREATE MATERIALIZED VIEW m AS SELECT id FROM orders; SELECT pgopt.refresh_every('m');
             DROP MATERIALIZED VIEW m; SET LOCAL ROLE other; CREATE MATERIALIZED VIEW m AS SELECT id FROM orders; RESET ROLE");
        let id = value("SELECT id::text FROM pgopt.matview_schedules");
        let refusal = raised(&format!(
            "SET LOCAL ROLE clerk; SELECT pgopt.refresh_scheduled({id})"
        ));
        assert!(
            refusal.starts_with("42501|materialized view mv.m was made anew by another role|"),
            "{refusal}"
        );
        gives("SELECT count(*)::text FROM pgopt.matview_schedules", "1");
    }

    #[pg_test]
    fn strangers_do_not_end_schedules_of_dropped_views() {
        prepare();
        view("m", "SELECT id FROM orders");
        let id = schedule("m");
        run(
            "CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA mv TO stranger; DROP MATERIALIZED VIEW m",
        );
        let refusal = raised(&format!(
            "SET LOCAL ROLE stranger; SELECT pgopt.refresh_scheduled({id})"
        ));
        assert!(
            refusal
                .starts_with("42501|must be a member of the role that scheduled refreshes of mv.m"),
            "{refusal}"
        );
        gives("SELECT count(*)::text FROM pgopt.matview_schedules", "1");
    }

    #[pg_test]
    fn what_a_user_lets_a_job_wait_for_stays() {
        prepare();
        view("a", "SELECT * FROM orders");
        view("b", "SELECT * FROM a");
        run("SELECT pgopt.schedule('load', '1 hour', 'SELECT 1'); SELECT pgopt.refresh_every('b')");
        run("SELECT pgopt.alter_job('refresh mv.b', run_after => '{load}')");
        run("SELECT pgopt.refresh_every('a')");
        let after = "SELECT coalesce(string_agg(above.name, ',' ORDER BY above.name), '') FROM pgopt.job_definitions j
            LEFT JOIN pgopt.job_definitions above ON above.id = ANY (j.run_after) WHERE j.name = 'refresh mv.b'";
        gives(after, "load,refresh mv.a");
        tick(&value(
            "SELECT id::text FROM pgopt.matview_schedules WHERE view = 'b'::regclass",
        ));
        gives(after, "load,refresh mv.a");
        run("SELECT pgopt.refresh_stop('a')");
        tick(&value(
            "SELECT id::text FROM pgopt.matview_schedules WHERE view = 'b'::regclass",
        ));
        gives(
            after,
            "load,refresh mv.a".replace(",refresh mv.a", "").as_str(),
        );
    }
}
