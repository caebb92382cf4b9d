//! Materialized views that are kept fresh: what is seen as a change, schedules, order, refusals.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::matviews_support::{
        FRESH, gives, precheck, prepare, raised, run, schedule, sees, tick, value, view,
    };

    /// In a subtransaction: a table that was made in the same one is emptied where it is.
    const TRUNCATE: &str = "DO 'BEGIN TRUNCATE orders; EXCEPTION WHEN division_by_zero THEN END'";

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
