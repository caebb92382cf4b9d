//! Advice as a migration.

#[allow(clippy::expect_used)] // a test fails by panicking
#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;
    use serde_json::Value;

    use crate::advisor_tests::support::*;

    /// A table, and a workload that only this test's schema has.
    fn prepare(schema: &str) {
        run(&format!(
            "CREATE SCHEMA {schema}; SET LOCAL search_path = public; SET LOCAL max_parallel_workers_per_gather = 0;
             CREATE TABLE {schema}.t (a int, b int, c int);
             INSERT INTO {schema}.t SELECT i, i % 3000, i % 50 FROM generate_series(1, 20000) i;
             CREATE INDEX old ON {schema}.t (c);
             CREATE TABLE {schema}.p (k int, a int) PARTITION BY RANGE (k);
             CREATE TABLE {schema}.p1 PARTITION OF {schema}.p FOR VALUES FROM (0) TO (10);
             CREATE TABLE {schema}.p2 PARTITION OF {schema}.p FOR VALUES FROM (10) TO (20);
             INSERT INTO {schema}.p SELECT i % 20, i FROM generate_series(1, 20000) i;
             ANALYZE {schema}.t, {schema}.p;
             SET LOCAL pgopt.track = 'all';
             DO $$ BEGIN PERFORM * FROM {schema}.t WHERE a = 5; PERFORM * FROM {schema}.t WHERE c = 5 ORDER BY b LIMIT 1;
                         PERFORM * FROM {schema}.p WHERE a = 5; END $$;
             SET LOCAL pgopt.track = 'none'"
        ));
    }

    fn exported(direction: &str, arguments: &str) -> Vec<String> {
        let rows = json(&format!(
            "SELECT coalesce(jsonb_agg(command ORDER BY position), '[]') FROM pgopt.export_migration({arguments}) WHERE direction = '{direction}'"
        ));
        let rows = rows.as_array().cloned().unwrap_or_default();
        rows.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    fn definitions(schema: &str) -> String {
        Spi::get_one::<String>(&format!(
            "SELECT string_agg(pg_get_indexdef(indexrelid) || indisvalid, ';' ORDER BY indexrelid::regclass::text) FROM pg_index
              WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = '{schema}'::regnamespace)"
        ))
        .expect("definitions")
        .unwrap_or_default()
    }

    fn script(arguments: &str) -> String {
        Spi::get_one::<String>(&format!(
            "SELECT pgopt.export_migration_script({arguments})"
        ))
        .expect(arguments)
        .expect(arguments)
    }

    #[pg_test]
    fn both_ways_can_be_run_twice() {
        prepare("mi");
        let arguments = "schemas => ARRAY['mi']";
        let before = definitions("mi");
        let (up, down) = (exported("up", arguments), exported("down", arguments));
        assert!(
            up.iter().any(|step| step.contains("ATTACH PARTITION")),
            "{up:?}"
        );
        assert!(
            up.iter()
                .any(|step| step.contains("DROP INDEX CONCURRENTLY IF EXISTS mi.old")),
            "{up:?}"
        );
        up.iter().for_each(|step| apply(step));
        let after = definitions("mi");
        assert!(all_valid() && after != before);
        up.iter().for_each(|step| apply(step));
        assert_eq!(definitions("mi"), after);
        down.iter().for_each(|step| apply(step));
        assert_eq!(definitions("mi"), before);
        down.iter().for_each(|step| apply(step));
        assert_eq!(definitions("mi"), before);
        // Halfway there, and back.
        for half in 1..up.len() {
            up.iter().take(half).for_each(|step| apply(step));
            down.iter().for_each(|step| apply(step));
            assert_eq!(definitions("mi"), before, "after {half} commands");
        }
    }

    #[pg_test]
    fn a_build_that_was_interrupted_is_done_again() {
        prepare("mi2");
        let arguments = "ARRAY[1], schemas => ARRAY['mi2']";
        let up = exported("up", arguments);
        up.iter().for_each(|step| apply(step));
        let after = definitions("mi2");
        run(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN (SELECT oid FROM pg_class WHERE relkind = 'i' AND NOT relispartition AND relnamespace = 'mi2'::regnamespace AND relname LIKE '%idx')",
        );
        up.iter().for_each(|step| apply(step));
        assert_eq!(definitions("mi2"), after);
    }

    #[pg_test]
    fn the_old_index_stays_when_the_new_one_was_not_built() {
        prepare("mi3");
        let up = exported("up", "schemas => ARRAY['mi3']");
        let builds: Vec<&String> = up.iter().filter(|step| step.contains("(c, b)")).collect();
        assert!(!builds.is_empty(), "{up:?}");
        run("CREATE FUNCTION mi3.failure(command text) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE command; RETURN ''; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$");
        let failures: Vec<String> = (up.iter())
            .filter(|step| !builds.contains(step))
            .map(|step| {
                let step = step.replace("CONCURRENTLY ", "");
                let outcome = format!("SELECT mi3.failure($step${step}$step$)");
                Spi::get_one::<String>(&outcome).expect(&step).expect(&step)
            })
            .collect();
        let first: Vec<&String> = failures
            .iter()
            .filter(|failure| !failure.is_empty())
            .collect();
        assert_eq!(first, ["index mi3.t_c_b_idx was not built"], "{up:?}");
    }

    #[pg_test]
    fn an_index_stays_when_the_one_that_serves_for_it_is_gone() {
        prepare("mi8");
        // In an order that no statement wants.
        run(
            "CREATE INDEX wide ON mi8.t (b DESC NULLS LAST, a); CREATE INDEX narrow ON mi8.t (b DESC NULLS LAST)",
        );
        let up = exported("up", "schemas => ARRAY['mi8']");
        let place = (up
            .iter()
            .position(|step| step.ends_with("IF EXISTS mi8.narrow")))
        .expect("a drop");
        let check = up[place - 1].as_str();
        apply(check);
        run(
            "CREATE FUNCTION mi8.failure(command text) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE command; RETURN ''; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
             DROP INDEX mi8.wide",
        );
        let outcome = format!("SELECT mi8.failure($step${check}$step$)");
        let failure = Spi::get_one::<String>(&outcome).expect(check).expect(check);
        assert_eq!(
            failure,
            "index mi8.wide, which serves for mi8.narrow, is not there"
        );
        // Running the migration again after it was carried out is no failure.
        run("DROP INDEX mi8.narrow");
        apply(check);
    }

    #[pg_test]
    fn ranks_choose_and_keep_their_order() {
        prepare("mi4");
        let all = exported("up", "schemas => ARRAY['mi4']");
        let one = exported("up", "ARRAY[1], schemas => ARRAY['mi4']");
        let two = exported("up", "ARRAY[2], schemas => ARRAY['mi4']");
        assert!(all.starts_with(&one) && all[one.len()..].starts_with(&two));
        assert_eq!(
            exported("up", "ARRAY[2, 1, 2], schemas => ARRAY['mi4']"),
            [one, two].concat()
        );
        assert_eq!(exported("up", "schemas => ARRAY['nothing']").len(), 0);
        let none = script("schemas => ARRAY['nothing']");
        assert!(none.contains("There is nothing to do"), "{none}");
    }

    #[pg_test]
    fn every_line_of_the_script_is_a_comment_or_a_command() {
        prepare("mi5");
        run("SET LOCAL pgopt.track = 'all'");
        let strange = "SELECT * FROM mi5.t\r\n/* -- \u{2028}; DROP TABLE mi5.t; \u{202e} */ WHERE a = 1 -- x\n; ";
        run(&format!(
            "DO $do$ BEGIN EXECUTE $q${strange}$q$; END $do$; SET LOCAL pgopt.track = 'none'"
        ));
        let up = script("schemas => ARRAY['mi5']");
        let down = script("direction => 'DOWN', schemas => ARRAY['mi5']");
        for (text, direction) in [(&up, "up"), (&down, "down")] {
            let commands: String = text
                .split(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}'])
                .filter(|line| !line.starts_with("--") && !line.is_empty())
                .map(|line| format!("{line}\n"))
                .collect();
            let wanted = exported(direction, "schemas => ARRAY['mi5']");
            let wanted: String = wanted
                .iter()
                .map(|command| format!("{command};\n"))
                .collect();
            assert_eq!(commands, wanted);
        }
        // The way down is there as comments.
        let commented: Vec<&str> = up
            .lines()
            .filter_map(|line| line.strip_prefix("-- "))
            .collect();
        for command in exported("down", "schemas => ARRAY['mi5']") {
            assert!(
                commented.join("\n").contains(&format!("{command};")),
                "{command}"
            );
        }
        assert!(up.contains("benefit") && up.contains("helps"), "{up}");
    }
}
