//! Tables and helpers that the tests of what-if share.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use pgrx::prelude::*;

/// Dropped columns and partitions with columns in another order make attribute numbers
/// differ; `note` has a collation under which `LIKE` needs a pattern operator class.
pub(crate) const OBJECTS: &str = "
    CREATE SCHEMA wi; SET LOCAL search_path = wi, public;
    CREATE TABLE orders (gone int, id int PRIMARY KEY, customer int, amount int, status text,
        email text, note text COLLATE \"und-x-icu\", created_at timestamptz, a int, b int);
    ALTER TABLE orders DROP COLUMN gone;
    INSERT INTO orders SELECT i, i % 1000, i, CASE WHEN i % 100 = 0 THEN 'failed' ELSE 'done' END,
        'User' || i || '@X.org', md5(i::text), '2024-01-01'::timestamptz + i * interval '1 min',
        nullif(i % 5000, 0), i % 7 FROM generate_series(1, 20000) AS i;
    CREATE TABLE customers (code int NOT NULL, name text);
    INSERT INTO customers SELECT i, 'n' || i FROM generate_series(0, 9999) AS i;
    CREATE MATERIALIZED VIEW totals AS SELECT i AS id, i % 1000 AS who FROM generate_series(1, 20000) AS i;
    CREATE TABLE parts (gone int, k int, v int, txt text) PARTITION BY RANGE (k);
    ALTER TABLE parts DROP COLUMN gone;
    CREATE TABLE parts_1 (txt text, dead1 int, v int, dead2 text, k int);
    ALTER TABLE parts_1 DROP COLUMN dead1, DROP COLUMN dead2;
    ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (10000);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10000) TO (20000);
    CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (20000) TO (40000) PARTITION BY RANGE (k);
    CREATE TABLE parts_3a PARTITION OF parts_3 FOR VALUES FROM (20000) TO (40000);
    INSERT INTO parts SELECT i, i % 5000, 'T' || i FROM generate_series(0, 29999) AS i;
    ANALYZE orders, customers, totals, parts;
    CREATE FUNCTION bloat(tab regclass) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE format('CREATE TEMP TABLE copy AS SELECT * FROM %1$s; DELETE FROM %1$s;
            INSERT INTO %1$s SELECT * FROM copy; DELETE FROM %1$s; INSERT INTO %1$s SELECT * FROM copy;
            DROP TABLE copy', tab); END $$";

/// Nothing vacuums inside a transaction, and making an index counts the visible pages anew.
pub(crate) const ALL_VISIBLE: &str = "UPDATE pg_class SET relallvisible = relpages
    WHERE relnamespace = 'wi'::regnamespace AND relkind IN ('r', 'm')";

pub(crate) const ON_CUSTOMER: &str = "CREATE INDEX h ON orders (customer)";
pub(crate) const BY_CUSTOMER: &str = "SELECT * FROM orders WHERE customer = 5";
pub(crate) const BY_ID: &str = "SELECT * FROM orders WHERE id = 5";
pub(crate) const BY_V: &str = "SELECT * FROM parts WHERE v = 5";
pub(crate) const HYPOTHETICAL: &str = "<hypothetical>";

pub(crate) fn run(sql: &str) {
    Spi::run(sql).expect(sql);
}

/// A value computed by SQL as text; nulls are empty.
pub(crate) fn value(sql: &str) -> String {
    (Spi::get_one::<String>(sql).expect(sql)).unwrap_or_default()
}

#[track_caller]
pub(crate) fn gives(sql: &str, expected: &str) {
    assert_eq!(value(sql), expected, "{sql}");
}

/// Adds an index to the session; its id, if one was made.
pub(crate) fn add(ddl: &str) -> String {
    value(&format!(
        "SELECT max(id::int8)::text FROM pgopt.hypothetical_create('{ddl}')"
    ))
}

pub(crate) fn explain_with(query: &str, create: &[&str], hide: &[&str]) -> String {
    Spi::get_one_with_args::<String>(
        "SELECT string_agg(line, e'\\n') FROM pgopt.explain_with($1, $2, $3::text[]::regclass[]) AS line",
        &[query.into(), create.to_vec().into(), hide.to_vec().into()],
    )
    .expect(query)
    .unwrap_or_default()
}

pub(crate) fn cost(query: &str, create: &[&str], hide: &[&str]) -> f64 {
    Spi::get_one_with_args::<f64>(
        "SELECT cost FROM pgopt.workload_cost(ARRAY[$1], $2, $3::text[]::regclass[])",
        &[query.into(), create.to_vec().into(), hide.to_vec().into()],
    )
    .expect(query)
    .unwrap_or_default()
}

/// The lines of any command with output, such as `EXPLAIN`.
pub(crate) fn lines(command: &str) -> String {
    Spi::connect_mut(|client| {
        let rows = client.update(command, None, &[]).expect(command);
        rows.map(|row| row.get::<String>(1).expect(command).unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n")
    })
}

pub(crate) fn explain(query: &str) -> String {
    lines(&format!("EXPLAIN {query}"))
}

/// A plan without its costs and the names of its indexes.
pub(crate) fn shape(plan: &str) -> String {
    let nameless = |line: &str| {
        let line = line.split("  (cost=").next().unwrap_or_default();
        if let Some((scan, rest)) = line.split_once(" using ") {
            let table = rest.rsplit_once(" on ").map_or("", |(_, table)| table);
            return format!("{scan} on {table}");
        }
        match line.split_once("Bitmap Index Scan on ") {
            Some((indent, _)) => format!("{indent}Bitmap Index Scan"),
            None => line.to_owned(),
        }
    };
    plan.lines().map(nameless).collect::<Vec<_>>().join("\n")
}

#[track_caller]
pub(crate) fn shows(plan: &str, part: &str) {
    assert!(plan.contains(part), "no {part} in\n{plan}");
}

#[track_caller]
pub(crate) fn lacks(plan: &str, part: &str) {
    assert!(!plan.contains(part), "{part} in\n{plan}");
}

/// The total cost that the first line of a plan shows.
pub(crate) fn shown_cost(plan: &str) -> f64 {
    (plan
        .split_once("..")
        .and_then(|(_, rest)| rest.split_once(' ')))
    .and_then(|(cost, _)| cost.parse().ok())
    .expect(plan)
}
