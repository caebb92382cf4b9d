use proptest::prelude::*;

use super::*;
use crate::advisor::advice::{Action, Plan};
use crate::advisor::evidence::Evidence;

fn change(reason: &str, plan: Plan) -> Recommendation {
    Recommendation {
        action: Action::Create,
        table: 1,
        plan,
        access_method: Some("btree".to_owned()),
        kind: "single-column",
        size: Some(16384),
        build_seconds: Some(0.5),
        benefit: Some(0.5),
        write_penalty: Some(0.0),
        cost_before: Some(10.0),
        cost_after: Some(5.0),
        seconds_saved: None,
        statements: 1,
        reason: reason.to_owned(),
        evidence: Evidence::default(),
    }
}

fn build(name: &str) -> Plan {
    let create = format!("CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON s.t (a)");
    let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS s.{name}");
    Plan {
        ddl: create.clone(),
        undo: drop.clone(),
        steps: vec![drop.clone(), create],
        undo_steps: vec![drop],
        built: vec![format!("s.{name}")],
        rebuilt: Vec::new(),
        has_expression: false,
        served: None,
    }
}

fn migration(changes: Vec<Recommendation>) -> Migration {
    Migration {
        changes: (1..).zip(changes).collect(),
        source: "given queries",
        statements_planned: 1,
    }
}

#[test]
fn a_finished_index_is_not_dropped_when_the_way_up_runs_again() {
    let migration = migration(vec![change("", build("i"))]);
    let up = migration.commands(Direction::Up);
    assert_eq!(up.len(), 2, "{up:?}");
    assert!(up[0].contains("NOT indisvalid") && up[1].starts_with("CREATE INDEX"));
    assert_eq!(migration.commands(Direction::Down), build("i").undo_steps);
}

#[test]
fn the_way_back_begins_with_the_last_change() {
    let migration = migration(vec![change("", build("i")), change("", build("j"))]);
    let down = migration.commands(Direction::Down);
    assert!(
        down[0].ends_with("s.j") && down[1].ends_with("s.i"),
        "{down:?}"
    );
}

#[test]
fn a_rank_that_is_not_there_is_refused() {
    assert_eq!(chosen(&[2, 1, 2], 2).ok(), Some(BTreeSet::from([1, 2])));
    for rank in [0, -1, 3, i32::MIN, i32::MAX] {
        assert!(chosen(&[rank], 2).is_err(), "{rank}");
    }
}

#[test]
fn a_name_cannot_leave_its_quotes() {
    assert_eq!(dollar_tag("a$pgopt$b"), "$pgopt1$");
    assert_eq!(dollar_tag("a$pgopt1$pgopt"), "$pgopt2$");
    assert_eq!(literal(r"a'b\c"), r"E'a''b\\c'");
}

/// Lines as the server, or any tool, may see them.
fn lines(script: &str) -> Vec<&str> {
    script
        .split([
            '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
        ])
        .collect()
}

proptest! {
    #[test]
    fn no_text_breaks_out_of_a_comment(text in "[\\s\\PC;'\n\r\u{85}\u{2028}\u{2029}\u{202e}]*") {
        let mut plan = build("i");
        plan.steps.clear();
        plan.undo_steps = vec![format!("DROP INDEX \"{text}\"")];
        plan.built.clear();
        let script = migration(vec![change(&text, plan)]).script(Direction::Up);
        for line in lines(&script) {
            prop_assert!(line.is_empty() || line.starts_with("--"), "{line:?}");
        }
    }
}
