//! Materialized views that are kept fresh: what is seen as a change, schedules, order, refusals.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::matviews_support::{
        gives, precheck, prepare, raised, run, schedule, tick, value, view,
    };

    const FRESH: &str = "nothing that it reads has changed";

    /// In a subtransaction: a table that was made in the same one is emptied where it is.
    const TRUNCATE: &str = "DO 'BEGIN TRUNCATE orders; EXCEPTION WHEN division_by_zero THEN END'";

    /// After `change`, the schedule's run refreshes for a reason that says `part`, and the next
    /// one finds nothing to do.
    #[track_caller]
    fn sees(id: &str, change: &str, part: &str) {
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

    #[pg_test]
    fn nothing_is_done_while_nothing_has_changed() {
        prepare();
        view("m", "SELECT * FROM recent_big");
        let id = schedule("m");
        assert_eq!(precheck(&id), "");
        let said = tick(&id);
        assert!(said.contains("it is not known what it read"), "{said}");
        assert!(tick(&id).starts_with(FRESH));
        assert!(precheck(&id).starts_with(FRESH));
        gives(
            "SELECT skipped::text FROM pgopt.matview_status WHERE view = 'm'::regclass",
            "2",
        );
        run("SELECT pgopt.refresh_every('m', skip_unchanged => false)");
        assert_eq!(precheck(&id), "");
        assert!(tick(&id).starts_with("as asked for"));
    }

    #[pg_test]
    fn a_truncated_table_is_seen_though_no_counter_changes() {
        prepare();
        view("m", "SELECT * FROM recent_big");
        let id = schedule("m");
        tick(&id);
        sees(&id, TRUNCATE, "mv.orders: rewritten or truncated");
        gives("SELECT count(*)::text FROM m", "0");
    }

    #[pg_test]
    fn partitions_that_come_and_go_are_seen() {
        prepare();
        view("m", "SELECT sum(v) FROM parts");
        let id = schedule("m");
        tick(&id);
        sees(
            &id,
            "ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (100) TO (200)",
            "mv.parts_2 came to it",
        );
        sees(
            &id,
            &TRUNCATE.replace("orders", "parts_2"),
            "mv.parts_2: rewritten",
        );
        sees(
            &id,
            "ALTER TABLE parts DETACH PARTITION parts_1",
            "went from it",
        );
        run("CREATE TABLE heir () INHERITS (orders)");
        view("h", "SELECT id FROM orders");
        view("o", "SELECT id FROM ONLY orders");
        let (h, o) = (schedule("h"), schedule("o"));
        tick(&h);
        tick(&o);
        sees(&h, "ALTER TABLE heir NO INHERIT orders", "went from it");
        assert!(tick(&o).starts_with(FRESH));
    }

    #[pg_test]
    fn another_query_underneath_is_seen() {
        prepare();
        view("m", "SELECT * FROM recent_big");
        let id = schedule("m");
        tick(&id);
        sees(
            &id,
            "CREATE OR REPLACE VIEW recent AS SELECT * FROM orders WHERE id > 90",
            "its query changed",
        );
        gives("SELECT sum(total)::text FROM m", "955");
        sees(
            &id,
            "ALTER TABLE orders RENAME TO purchases; REFRESH MATERIALIZED VIEW m WITH NO DATA",
            "not populated",
        );
    }

    #[pg_test]
    fn settings_and_names_of_enum_values_are_seen() {
        prepare();
        view(
            "m",
            "SELECT mood::text AS mood, date_trunc('day', at) AS day FROM orders",
        );
        let id = schedule("m");
        tick(&id);
        sees(
            &id,
            "ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'",
            "enum",
        );
        // Of a setting that only this session has, the worker cannot know.
        run("SET LOCAL TimeZone = 'Asia/Tokyo'");
        assert!(precheck(&id).starts_with(FRESH));
        assert!(tick(&id).contains("\"TimeZone\""), "{}", tick(&id));
        assert!(tick(&id).starts_with(FRESH));
        assert_eq!(precheck(&id), "");
        gives(
            "SELECT (stale_since IS NULL)::text FROM pgopt.matview_status WHERE view = 'm'::regclass",
            "true",
        );
        // Nor what the owner's own setting will be.
        run("RESET TimeZone");
        assert!(tick(&id).contains("\"TimeZone\""));
        run("ALTER ROLE current_user SET TimeZone = 'UTC'");
        assert_eq!(precheck(&id), "");
        assert!(tick(&id).starts_with(FRESH));
    }

    #[pg_test]
    fn a_refresh_upstream_is_seen_if_it_changed_rows() {
        prepare();
        view(
            "up",
            "SELECT customer, sum(amount) AS total FROM orders GROUP BY customer",
        );
        run("CREATE UNIQUE INDEX ON up (customer); CREATE VIEW between_them AS SELECT * FROM up");
        view("down", "SELECT sum(total) FROM between_them");
        let id = schedule("down");
        tick(&id);
        sees(&id, "REFRESH MATERIALIZED VIEW up", "mv.up: rewritten");
        run("SELECT FROM pgopt.refresh_now('up', 'on')");
        assert!(tick(&id).starts_with(FRESH), "{}", tick(&id));
        run("UPDATE orders SET amount = amount + 1 WHERE id = 7");
        // The counters of this transaction are not there yet; the refresh by pgopt says it itself.
        gives("SELECT rows::text FROM pgopt.refresh_now('up', 'on')", "2");
        assert!(precheck(&id).is_empty());
        gives(
            "SELECT stale_reason FROM pgopt.matview_states WHERE view = 'down'::regclass",
            "mv.up: refreshed with other rows",
        );
        let said = tick(&id);
        assert!(said.contains("mv.up: refreshed with other rows"), "{said}");
        assert!(tick(&id).starts_with(FRESH));
    }

    #[pg_test]
    fn a_plain_refresh_tells_how_many_rows_it_wrote() {
        prepare();
        view("m", "SELECT id, note FROM orders");
        for _ in 0..2 {
            gives(
                "SELECT concat_ws(' ', action, rows, duration > '0') FROM pgopt.refresh_now('m')",
                "refreshed 100 t",
            );
        }
        run("CREATE UNIQUE INDEX ON m (id)");
        gives(
            "SELECT concat_ws(' ', action, rows) FROM pgopt.refresh_now('m')",
            "refreshed concurrently 0",
        );
        gives(
            "SELECT concat_ws(' ', action, rows, reason) FROM pgopt.refresh_now('m', 'off')",
            "refreshed 100 as asked for; not concurrently, as asked for",
        );
        gives("SELECT concat_ws(' ', state, method, last_method, last_rows, size_bytes > 8192, coalesce(unique_index_advice, 'none'))
                 FROM pgopt.matview_status WHERE view = 'm'::regclass", "refreshed concurrently plain 100 t none");
    }

    #[pg_test]
    fn only_a_usable_unique_index_serves() {
        prepare();
        view("m", "SELECT id, note, customer FROM orders");
        run(
            "CREATE UNIQUE INDEX ON m (id) WHERE id > 5; CREATE UNIQUE INDEX ON m ((id + 1)); CREATE INDEX ON m (id)",
        );
        gives("SELECT action FROM pgopt.refresh_now('m')", "refreshed");
        let refusal = raised("SELECT * FROM pgopt.refresh_now('mv.m', 'on')");
        assert!(
            refusal.starts_with("55000|cannot refresh materialized view mv.m concurrently|"),
            "{refusal}"
        );
        assert!(
            refusal.ends_with("|Create one: CREATE UNIQUE INDEX ON mv.m (id)"),
            "{refusal}"
        );
        let refusal = raised("SELECT * FROM pgopt.refresh_every('mv.m', concurrently => 'on')");
        assert!(
            refusal.starts_with("55000|") && refusal.ends_with("mv.m (id)"),
            "{refusal}"
        );
        run("CREATE UNIQUE INDEX usable ON m (id) INCLUDE (note)");
        gives(
            "SELECT action FROM pgopt.refresh_now('m', 'on')",
            "refreshed concurrently",
        );
        run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'usable'::regclass");
        gives("SELECT action FROM pgopt.refresh_now('m')", "refreshed");
    }

    #[pg_test]
    fn a_view_without_rows_is_filled_plainly() {
        prepare();
        run(
            "CREATE MATERIALIZED VIEW m AS SELECT id FROM orders WITH NO DATA; CREATE UNIQUE INDEX ON m (id)",
        );
        gives(
            "SELECT state FROM pgopt.matview_status WHERE view = 'm'::regclass",
            "not populated",
        );
        gives(
            "SELECT concat_ws(' ', action, reason) FROM pgopt.refresh_now('m', 'on')",
            "refreshed it was not populated; not concurrently, as it was not populated",
        );
        gives(
            "SELECT action FROM pgopt.refresh_now('m', 'on')",
            "refreshed concurrently",
        );
    }

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
        // Another view of that name is another view.
        view("m", "SELECT id FROM orders");
        gives(
            "SELECT concat_ws(' ', state, coalesce(schedule, 'none')) FROM pgopt.matview_status WHERE view = 'm'::regclass",
            "unknown none",
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
    fn nothing_is_kept_to_compare_with_when_the_snapshot_is_older_than_the_counters() {
        prepare();
        view("m", "SELECT id FROM orders");
        let id = schedule("m");
        // SAFETY: a plain variable, put back at once; SQL can set it before any query only.
        let level = unsafe { pgrx::pg_sys::XactIsoLevel };
        // SAFETY: see above.
        unsafe { pgrx::pg_sys::XactIsoLevel = 2 };
        tick(&id);
        // SAFETY: see above.
        unsafe { pgrx::pg_sys::XactIsoLevel = level };
        assert!(tick(&id).contains("it is not known"));
        assert!(tick(&id).starts_with(FRESH));
    }

    #[pg_test]
    fn the_view_is_only_told_once_when_it_was_seen_stale() {
        prepare();
        view("m", "SELECT id FROM orders");
        let id = schedule("m");
        tick(&id);
        run(TRUNCATE);
        assert_eq!(precheck(&id), "");
        let since = "SELECT concat_ws(' ', state, stale_since, stale_reason) FROM pgopt.matview_status WHERE view = 'm'::regclass";
        let first = value(since);
        assert!(
            first.starts_with("stale 2") && first.ends_with("mv.orders: rewritten or truncated"),
            "{first}"
        );
        assert_eq!(precheck(&id), "");
        gives(since, &first);
        tick(&id);
        gives(since, "refreshed");
    }
}
