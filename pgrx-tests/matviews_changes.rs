//! Changes that materialized views once did not follow: each is to be seen, and once.

#[allow(clippy::expect_used, clippy::panic)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::matviews_support::{
        FRESH, gives, precheck, prepare, run, schedule, sees, tick, value, view,
    };

    #[pg_test]
    fn a_refresh_by_hand_is_seen() {
        prepare();
        view("m", "SELECT id, date_trunc('day', at) AS day FROM orders");
        run("CREATE UNIQUE INDEX ON m (id)");
        let id = schedule("m");
        tick(&id);
        let by_hand = "refreshed by other means";
        sees(&id, "REFRESH MATERIALIZED VIEW m", by_hand);
        // Without another file: rows that it wrote are what tells.
        sees(
            &id,
            "SET LOCAL TimeZone = 'Asia/Tokyo'; REFRESH MATERIALIZED VIEW CONCURRENTLY m; RESET TimeZone",
            by_hand,
        );
        gives(
            "SELECT count(*)::text FROM m JOIN orders USING (id) WHERE day <> date_trunc('day', at)",
            "0",
        );
        run("SELECT FROM pgopt.refresh_now('m')");
        assert!(tick(&id).starts_with(FRESH), "{}", tick(&id));
    }

    #[pg_test]
    fn columns_of_a_whole_row_are_seen() {
        prepare();
        view("m", "SELECT to_jsonb(o) AS j FROM orders o");
        let id = schedule("m");
        tick(&id);
        for change in [
            "ALTER TABLE orders ADD COLUMN n int DEFAULT 5",
            "ALTER TABLE orders RENAME COLUMN n TO number",
            "ALTER TABLE orders DROP COLUMN number",
        ] {
            sees(&id, change, "the columns of a table");
        }
        gives(
            "SELECT count(*)::text FROM (SELECT j FROM m EXCEPT SELECT to_jsonb(o) FROM orders o) d",
            "0",
        );
    }

    #[pg_test]
    fn parts_of_composite_types_are_seen() {
        prepare();
        run(
            "CREATE TYPE inner_pair AS (x int, y int); CREATE DOMAIN pairs AS inner_pair[];
             CREATE TYPE outer_pair AS (p pairs); CREATE TABLE kept (c outer_pair);
             INSERT INTO kept VALUES (ROW(ARRAY[ROW(1, 2)::inner_pair]))",
        );
        view("m", "SELECT to_jsonb(c) AS j FROM kept");
        view(
            "n",
            "SELECT to_jsonb(NULL::outer_pair) AS j, id FROM orders",
        );
        let (m, n) = (schedule("m"), schedule("n"));
        tick(&m);
        tick(&n);
        sees(
            &m,
            "ALTER TYPE outer_pair ADD ATTRIBUTE z int",
            "the columns of a table, or a type",
        );
        assert!(tick(&n).contains("or a type, changed"));
        sees(
            &m,
            "ALTER TYPE outer_pair RENAME ATTRIBUTE z TO zz",
            "or a type, changed",
        );
        gives(
            "SELECT count(*)::text FROM (SELECT j FROM m EXCEPT SELECT to_jsonb(c) FROM kept) d",
            "0",
        );
    }

    #[pg_test]
    fn no_view_rests_longer_than_the_setting_allows() {
        prepare();
        view("m", "SELECT * FROM recent_big");
        let id = schedule("m");
        tick(&id);
        run("UPDATE pgopt.matview_states SET last_refresh = now() - interval '23 hours'");
        assert!(precheck(&id).starts_with(FRESH) && tick(&id).starts_with(FRESH));
        let older = "UPDATE pgopt.matview_states SET last_refresh = now() - interval '25 hours'";
        sees(&id, older, "\"pgopt.matview_max_skip\"");
        run("SET LOCAL pgopt.matview_max_skip = '2 d'");
        run(older);
        assert!(tick(&id).starts_with(FRESH));
        run("SET LOCAL pgopt.matview_max_skip = 0");
        assert!(tick(&id).contains("max_skip") && tick(&id).contains("max_skip"));
        run("SET LOCAL pgopt.matview_max_skip = -1");
        run("UPDATE pgopt.matview_states SET last_refresh = now() - interval '9 years'");
        assert!(tick(&id).starts_with(FRESH));
    }

    #[pg_test]
    fn settings_of_the_database_are_foretold() {
        prepare();
        view("m", "SELECT date_trunc('day', at) AS day FROM orders");
        let id = schedule("m");
        tick(&id);
        assert!(precheck(&id).starts_with(FRESH));
        run(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = %L', current_database(), 'Asia/Tokyo'); END $$",
        );
        // As a session that begins now would have it: the worker began before.
        assert_eq!(precheck(&id), "");
        run("SET LOCAL TimeZone = 'Asia/Tokyo'");
        assert!(tick(&id).contains("\"TimeZone\""));
        assert!(precheck(&id).starts_with(FRESH), "{}", precheck(&id));
        // Taken back, it may still be in force in the worker.
        run(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET TimeZone', current_database()); END $$",
        );
        assert_eq!(precheck(&id), "");
        run("ALTER ROLE ALL SET TimeZone = 'Asia/Tokyo'");
        assert_eq!(precheck(&id), "");
    }

    #[pg_test]
    fn settings_are_kept_for_immutable_functions_too() {
        prepare();
        view("m", "SELECT (amount / 3)::float8::text AS t FROM orders");
        let id = schedule("m");
        tick(&id);
        run("SET LOCAL extra_float_digits = -5");
        assert!(tick(&id).contains("\"extra_float_digits\""));
        assert!(tick(&id).starts_with(FRESH));
        gives(
            "SELECT count(*)::text FROM (SELECT t FROM m EXCEPT SELECT (amount / 3)::float8::text FROM orders) d",
            "0",
        );
        view(
            "w",
            "SELECT id, count(*) OVER (ORDER BY at RANGE interval '1 day' PRECEDING) AS n FROM orders",
        );
        let id = schedule("w");
        tick(&id);
        run("SET LOCAL TimeZone = 'Europe/Berlin'");
        assert!(tick(&id).contains("\"TimeZone\""));
    }

    #[pg_test]
    fn a_refresh_in_a_transaction_with_changes_of_its_own_holds_in_it_only() {
        prepare();
        view("m", "SELECT id FROM orders");
        let id = schedule("m");
        tick(&id);
        gives(
            "SELECT (fingerprint ->> 'transaction' = pg_current_xact_id()::text)::text FROM pgopt.matview_states",
            "true",
        );
        sees(
            &id,
            "UPDATE pgopt.matview_states SET fingerprint = jsonb_set(fingerprint, '{transaction}', '1')",
            "in a transaction with changes of its own",
        );
    }

    #[pg_test]
    fn configurations_of_text_search_are_seen() {
        prepare();
        run(
            "CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple, STOPWORDS = english);
             CREATE TEXT SEARCH CONFIGURATION words (COPY = english);
             ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH words",
        );
        view(
            "m",
            "SELECT to_tsvector('mv.words', note || ' running of the') AS v FROM orders",
        );
        view("l", "SELECT ts_lexize('mv.words', note) AS v FROM orders");
        let (m, l) = (schedule("m"), schedule("l"));
        tick(&m);
        tick(&l);
        let part = "the configuration of text search";
        sees(
            &m,
            "ALTER TEXT SEARCH DICTIONARY words (STOPWORDS = russian)",
            part,
        );
        assert!(tick(&l).contains(part));
        sees(
            &m,
            "ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH english_stem",
            part,
        );
        gives(
            "SELECT count(*)::text FROM (SELECT v FROM m EXCEPT SELECT to_tsvector('mv.words', note || ' running of the') FROM orders) d",
            "0",
        );
    }

    #[pg_test]
    fn every_function_of_text_search_is_known() {
        prepare();
        let functions = value(
            "SELECT string_agg(p.oid::text, ',') FROM pg_proc p WHERE p.oid < 12000 AND p.prokind = 'f' AND p.prolang = 12
                AND ('regconfig'::regtype = ANY (p.proargtypes) OR 'regdictionary'::regtype = ANY (p.proargtypes)
                     OR p.proname ~ '^(ts_headline|(json|jsonb)_to_tsvector|to_tsvector|(|plainto_|phraseto_|websearch_)to_tsquery)$'
                     OR p.prosrc IN ('ts_match_tt', 'ts_match_tq')) AND p.proname !~ '^reg(config|dictionary)(out|send)$'",
        );
        for function in functions.split(',') {
            let function: u32 = function.parse().expect("a list of numbers");
            assert!(crate::matviews::reads_text_search(function), "{function}");
        }
    }

    #[pg_test]
    fn names_of_enum_values_with_commas_are_told_apart() {
        prepare();
        run(
            "CREATE TYPE odd AS ENUM ('a', 'b,c'); CREATE TABLE odds (o odd); INSERT INTO odds VALUES ('a'), ('b,c')",
        );
        view("m", "SELECT o::text AS o FROM odds");
        let id = schedule("m");
        tick(&id);
        sees(
            &id,
            "ALTER TYPE odd RENAME VALUE 'a' TO 'a,b'; ALTER TYPE odd RENAME VALUE 'b,c' TO 'c'",
            "enum",
        );
        gives("SELECT string_agg(o, ' ' ORDER BY o) FROM m", "a,b c");
    }
}
