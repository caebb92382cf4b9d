//! What the tests of kinds of indexes share.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use pgrx::pg_sys;
use serde_json::Value;

use crate::advisor::hints_for;
use crate::advisor_tests::support::{advice, all_valid, apply, keys, list, run, text};

pub(crate) fn prepare(tables: &str) {
    run(
        "CREATE SCHEMA m; SET LOCAL search_path = m, public; SET LOCAL max_parallel_workers_per_gather = 0",
    );
    run(tables);
    run("ANALYZE");
}

pub(crate) fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| text(row, "kind")).collect()
}

/// The index advised on `query` alone, which must be the only one, of that kind and method;
/// creating it must work and end the advice.
#[track_caller]
pub(crate) fn advised(query: &str, kind: &str, expected: &str) {
    let rows = advice(&[query], "");
    assert_eq!(keys(&rows), [expected], "{query}: {rows:#?}");
    assert_eq!(kinds(&rows), [kind], "{query}");
    let row = rows.first().expect("a row");
    let method = text(row, "access_method");
    assert!(
        text(row, "ddl").contains(&format!(" USING {method} (")),
        "{row:#?}"
    );
    for step in list(row, "steps") {
        apply(step.as_str().expect("text"));
    }
    assert!(all_valid());
    assert_eq!(keys(&advice(&[query], "")), Vec::<String>::new(), "{query}");
    run(&text(row, "undo_ddl").replace("CONCURRENTLY ", ""));
}

#[track_caller]
pub(crate) fn not_advised(query: &str) {
    let rows = advice(&[query], "");
    assert_eq!(keys(&rows), Vec::<String>::new(), "{query}");
}

/// Hints as a function called by a query would give them: it sees what was done before.
pub(crate) fn hints_of(query: &str) -> Vec<crate::advisor::Hint> {
    // SAFETY: the snapshot is taken in a transaction and given back.
    unsafe {
        pg_sys::CommandCounterIncrement();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
    }
    let hints = hints_for(query).expect(query);
    // SAFETY: see above.
    unsafe { pg_sys::PopActiveSnapshot() };
    hints
}

#[track_caller]
pub(crate) fn hinted(query: &str, kind: &str, part: &str) {
    let hints = hints_of(query);
    let found = hints.iter().find(|hint| hint.kind == kind);
    let found = found.unwrap_or_else(|| panic!("no {kind} hint on {query}: {hints:?}"));
    let ddl = found.ddl.as_deref().unwrap_or_default();
    assert!(
        found.text.contains(part) || ddl.contains(part),
        "{query}: {found:?}"
    );
}

#[track_caller]
pub(crate) fn not_hinted(query: &str, kind: &str) {
    let hints = hints_of(query);
    assert!(
        hints.iter().all(|hint| hint.kind != kind),
        "{query}: {hints:?}"
    );
}

pub(crate) const DOCUMENTS: &str = r#"
        CREATE TABLE doc (id int PRIMARY KEY, data jsonb, tags int[], words tsvector, body text, deleted_at timestamptz);
        INSERT INTO doc SELECT i, jsonb_build_object('ref', 'r' || i, 'tags', jsonb_build_array('t' || i % 3000), 'n', i % 10)
                   || CASE WHEN i % 2000 = 0 THEN '{"rare": true}' ELSE '{}'::jsonb END,
               ARRAY[i % 1000, i % 777 + 10000, i % 3 + 20000], to_tsvector('english', 'common word' || i % 2000),
               'some prose about thing' || i % 2000 || ' and other things', CASE WHEN i % 100 > 0 THEN now() END
          FROM generate_series(1, 20000) AS i"#;
