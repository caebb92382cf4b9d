use super::*;
use crate::advisor::applicable::Made;

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn replacing() -> Applicable {
    Applicable {
        action: "replace".to_owned(),
        table: 1,
        table_name: "s.t".to_owned(),
        ddl: "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t USING btree (a, b)".to_owned(),
        up: Way {
            steps: strings(&[
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t USING btree (a, b)",
                "DROP INDEX CONCURRENTLY IF EXISTS s.old",
            ]),
            builds: strings(&["s.i"]),
            drops: strings(&["s.old"]),
            kept: None,
        },
        down: Way {
            steps: strings(&[
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS old ON s.t USING btree (a)",
                "DROP INDEX CONCURRENTLY IF EXISTS s.i",
            ]),
            builds: strings(&["s.old"]),
            drops: strings(&["s.i"]),
            kept: None,
        },
        made: vec![Made {
            name: "s.i".to_owned(),
            concurrently: true,
        }],
        statistics: None,
        needs_analyze: false,
        size: None,
        build_seconds: None,
        statements: Vec::new(),
    }
}

#[test]
fn what_is_dropped_goes_after_what_takes_its_place_was_found_built() {
    assert_eq!(
        apply(7, &replacing()),
        [
            "SET lock_timeout = 0",
            "SELECT pgopt.action_check(7, 'apply')",
            "DROP INDEX CONCURRENTLY IF EXISTS s.pgopt_rest_7_0",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t USING btree (a, b)",
            "SELECT pgopt.action_built(7, 'apply')",
            "DROP INDEX CONCURRENTLY IF EXISTS s.old",
            "SELECT pgopt.action_verify(7, 'apply')",
        ]
    );
    assert_eq!(
        undo(7, &replacing()),
        [
            "SET lock_timeout = 0",
            "SELECT pgopt.action_check(7, 'undo')",
            "DROP INDEX CONCURRENTLY IF EXISTS s.pgopt_rest_7_1",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS old ON s.t USING btree (a)",
            "SELECT pgopt.action_built(7, 'undo')",
            "DROP INDEX CONCURRENTLY IF EXISTS s.i",
            "SELECT pgopt.action_verify(7, 'undo')",
        ]
    );
}

#[test]
fn an_index_on_an_expression_is_analysed_before_it_is_looked_at() {
    let plan = Applicable {
        needs_analyze: true,
        ..replacing()
    };
    let commands = apply(7, &plan);
    assert_eq!(
        commands.get(commands.len() - 2..),
        Some(&strings(&["ANALYZE s.t", "SELECT pgopt.action_verify(7, 'apply')"])[..])
    );
}

#[test]
fn locks_that_others_would_queue_behind_are_waited_for_briefly() {
    let made = |name: &str, concurrently| Made {
        name: name.to_owned(),
        concurrently,
    };
    let plan = Applicable {
        up: Way {
            steps: strings(&[
                "CREATE INDEX IF NOT EXISTS p_i ON ONLY s.p USING btree (a)",
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS p1_i ON s.p1 USING btree (a)",
                "ALTER INDEX s.p_i ATTACH PARTITION s.p1_i",
                "ALTER INDEX s.p_i ATTACH PARTITION s.p2_i",
            ]),
            builds: strings(&["s.p1_i"]),
            ..Way::default()
        },
        made: vec![made("s.p_i", false), made("s.p1_i", true)],
        down: Way::default(),
        ..replacing()
    };
    assert_eq!(
        apply(8, &plan),
        [
            "SET lock_timeout = 0",
            "SELECT pgopt.action_check(8, 'apply')",
            "DROP INDEX CONCURRENTLY IF EXISTS s.pgopt_rest_8_1",
            "SET lock_timeout = '3s'",
            "CREATE INDEX IF NOT EXISTS p_i ON ONLY s.p USING btree (a)",
            "SET lock_timeout = 0",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS p1_i ON s.p1 USING btree (a)",
            "SET lock_timeout = '3s'",
            "ALTER INDEX s.p_i ATTACH PARTITION s.p1_i",
            "ALTER INDEX s.p_i ATTACH PARTITION s.p2_i",
            "SET lock_timeout = 0",
            "SELECT pgopt.action_built(8, 'apply')",
            "SELECT pgopt.action_verify(8, 'apply')",
        ]
    );
    assert_eq!(
        clean_up(8, &plan),
        [
            "SET lock_timeout = 0",
            "SELECT pgopt.action_check(8, 'clean up')",
            "SET lock_timeout = '3s'",
            "DROP INDEX IF EXISTS s.pgopt_rest_8_0",
            "SET lock_timeout = 0",
            "DROP INDEX CONCURRENTLY IF EXISTS s.pgopt_rest_8_1",
            "SELECT pgopt.action_verify(8, 'clean up')",
        ]
    );
}

#[test]
fn a_build_that_blocks_writers_is_told_from_one_that_does_not() {
    let blocks = |step: &str| blocks_writers(&strings(&[step]));
    assert!(blocks(
        "CREATE INDEX IF NOT EXISTS i ON s.t USING btree (a)"
    ));
    assert!(!blocks(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t USING btree (a)"
    ));
    assert!(!blocks(
        "CREATE INDEX IF NOT EXISTS i ON ONLY s.t USING btree (a)"
    ));
    assert!(!blocks(
        "CREATE INDEX IF NOT EXISTS i ON s.t USING btree (a) WITH (timescaledb.transaction_per_chunk)"
    ));
}

#[test]
fn the_rest_gets_a_name_in_the_schema_of_the_index() {
    assert_eq!(
        rest_of(3, 0, "\"a.\"\"b\".\"c.d\""),
        "\"a.\"\"b\".pgopt_rest_3_0"
    );
    assert_eq!(rest_of(3, 12, "s.i"), "s.pgopt_rest_3_12");
}
