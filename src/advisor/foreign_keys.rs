//! What foreign keys make the server run: deleting a row, or changing its key, looks for the rows
//! that refer to it. Those queries are in nobody's text, so they are added to the workload, and
//! the planner shows what an index does for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use serde::Deserialize;

use super::observe::{self, Observation, Observed};
use crate::error::Result;
use crate::pg::catalog;
use crate::pg::deparse;
use crate::pg::plan::WriteKind;
use crate::pg::spi;
use crate::workload::WorkloadStatement;

/// Cascades are followed this far.
const MAX_DEPTH: usize = 8;

/// Queries added to a workload.
const MAX_QUERIES: usize = 200;

/// A foreign key of whose columns no index leads with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ForeignKey {
    /// `pg_constraint.oid`
    pub(crate) oid: u32,
    /// The table referred to.
    pub(crate) parent: u32,
    /// The referring table, quoted, with `ONLY` where the server says so.
    child: String,
    /// Owner of the referring table, as whom the server runs the queries.
    owner: u32,
    /// `confdeltype`, `confupdtype`: `a`, `r`, `c`, `n` or `d`.
    on_delete: char,
    on_update: char,
    /// Its columns.
    columns: Vec<KeyColumn>,
}

/// A column of a foreign key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct KeyColumn {
    /// Attribute number in the table referred to.
    parent: i16,
    /// Its type there.
    parent_type: String,
    /// Name in the referring table, quoted.
    child: String,
    /// The operator, qualified.
    operator: String,
    /// Whether `ON DELETE SET NULL` and the like set it.
    set_on_delete: bool,
}

/// What happens to a row that is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Delete,
    Update,
}

/// Adds what the foreign keys make the server run to the statements planned so far, and what the
/// cascades among that do, each weighing as much as there are rows deleted or changed.
pub(super) fn follow(observation: &mut Observation, deadline: Instant) -> Result<()> {
    let mut done = BTreeSet::new();
    let mut from = 0;
    let mut ordinal = (observation.observed.iter())
        .map(|observed| observed.statement.ordinal)
        .max()
        .unwrap_or(0);
    for _ in 0..MAX_DEPTH {
        let new = observation.observed.get(from..).unwrap_or_default();
        from = observation.observed.len();
        let queries = queries(new, &mut done)?;
        if queries.is_empty() {
            break;
        }
        for query in queries {
            pgrx::check_for_interrupts!();
            if Instant::now() >= deadline {
                observation.complete = false;
                return Ok(());
            }
            ordinal += 1;
            match observe::plan_as_is(ordinal, &query) {
                Ok(observed) => observation.observed.extend(observed),
                Err(error) => observation.leave_out(&query, &error),
            }
        }
    }
    Ok(())
}

/// The queries for what `observed` writes; `done` says which were made before.
fn queries(
    observed: &[Observed],
    done: &mut BTreeSet<(u32, Event)>,
) -> Result<Vec<WorkloadStatement>> {
    let written = written(observed);
    if written.is_empty() {
        return Ok(Vec::new());
    }
    let parents: Vec<u32> = written.iter().map(|written| written.table).collect();
    let mut queries = Vec::new();
    for key in without_index(&parents)? {
        for (event, rows) in weights(&key, &written) {
            if done.len() < MAX_QUERIES && done.insert((key.oid, event)) {
                queries.push(statement(&key, event, rows));
            }
        }
    }
    Ok(queries)
}

/// Rows of a table that are deleted, or changed in some columns.
#[derive(Debug, PartialEq)]
struct Written {
    table: u32,
    rows: f64,
    /// `None` for rows deleted.
    changed: Option<Vec<i16>>,
}

/// What statements delete and update, under the table's name and those of the partitioned tables
/// above it.
fn written(observed: &[Observed]) -> Vec<Written> {
    let mut found = Vec::new();
    for observed in observed {
        let statement = &observed.statement;
        for write in &statement.base.writes {
            let changed = match &write.kind {
                WriteKind::Insert => continue,
                WriteKind::Update(columns) => Some(columns.clone()),
                WriteKind::Delete => None,
            };
            let rows = statement.source.rows_per_call.unwrap_or(write.rows);
            let tables = [write.table]
                .into_iter()
                .chain(catalog::ancestors(write.table));
            found.extend(tables.map(|table| Written {
                table: table.to_u32(),
                rows: statement.weight() * rows,
                changed: changed.clone(),
            }));
        }
    }
    found
}

/// How many rows each event of a key is about.
fn weights(key: &ForeignKey, written: &[Written]) -> BTreeMap<Event, f64> {
    let mut weights = BTreeMap::new();
    for written in written.iter().filter(|written| written.table == key.parent) {
        let event = match &written.changed {
            None => Event::Delete,
            Some(changed) => {
                let is_key = |column: &KeyColumn| changed.contains(&column.parent);
                if !key.columns.iter().any(is_key) {
                    continue;
                }
                Event::Update
            }
        };
        *weights.entry(event).or_insert(0.0) += written.rows;
    }
    weights
}

fn statement(key: &ForeignKey, event: Event, rows: f64) -> WorkloadStatement {
    WorkloadStatement {
        text: key.query(event),
        role: Some(pg_sys::Oid::from(key.owner)),
        weight: rows,
        mean_time: None,
        rows_per_call: None,
        search_path: Some("pg_catalog".to_owned()),
        samples: Vec::new(),
    }
}

impl ForeignKey {
    /// The query that the server runs for one row.
    fn query(&self, event: Event) -> String {
        let child = &self.child;
        let found: Vec<String> = (1..)
            .zip(&self.columns)
            .map(|(number, column)| {
                format!(
                    "${number}::{} OPERATOR({}) {}",
                    column.parent_type, column.operator, column.child
                )
            })
            .collect();
        let found = found.join(" AND ");
        let action = match event {
            Event::Delete => self.on_delete,
            Event::Update => self.on_update,
        };
        match (action, event) {
            ('c', Event::Delete) => format!("DELETE FROM {child} WHERE {found}"),
            ('c' | 'n' | 'd', _) => {
                format!(
                    "UPDATE {child} SET {} WHERE {found}",
                    self.set(action, event)
                )
            }
            _ => format!("SELECT 1 FROM {child} x WHERE {found} FOR KEY SHARE OF x"),
        }
    }

    fn set(&self, action: char, event: Event) -> String {
        let first_new = self.columns.len() + 1;
        let set: Vec<String> = (first_new..)
            .zip(&self.columns)
            .filter(|(_, column)| event == Event::Update || column.set_on_delete)
            .map(|(number, column)| match action {
                'c' => format!("{} = ${number}", column.child),
                'd' => format!("{} = DEFAULT", column.child),
                _ => format!("{} = NULL", column.child),
            })
            .collect();
        set.join(", ")
    }
}

/// The foreign keys that refer to one of `parents` and have no index that begins with their
/// columns.
pub(crate) fn without_index(parents: &[u32]) -> Result<Vec<ForeignKey>> {
    let parents: Vec<pg_sys::Oid> = parents.iter().copied().map(pg_sys::Oid::from).collect();
    let arguments = [DatumWithOid::from(parents)];
    deparse::with_qualified_names(|| spi::json(KEYS, &arguments))?
}

const KEYS: &str = "
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', k.oid::bigint, 'parent', k.confrelid::bigint, 'owner', c.relowner::bigint,
    'child', CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || format('%I.%I', n.nspname, c.relname),
    'on_delete', k.confdeltype, 'on_update', k.confupdtype,
    'columns', (SELECT jsonb_agg(jsonb_build_object(
        'parent', k.confkey[i], 'child', quote_ident(a.attname),
        'parent_type', format_type(p.atttypid, NULL),
        'operator', format('%I.%s', o_n.nspname, o.oprname),
        'set_on_delete', coalesce(k.conkey[i] = ANY (k.confdelsetcols), true)) ORDER BY i)
        FROM generate_subscripts(k.conkey, 1) AS i
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[i]
        JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = k.confkey[i]
        JOIN pg_operator o ON o.oid = k.conpfeqop[i]
        JOIN pg_namespace o_n ON o_n.oid = o.oprnamespace)) ORDER BY k.oid), '[]')
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = ANY ($1)
     AND to_jsonb(k) ->> 'conenforced' IS DISTINCT FROM 'false'
     AND to_jsonb(k) ->> 'conperiod' IS DISTINCT FROM 'true'
     AND (c.relpersistence <> 't' OR c.relnamespace = pg_my_temp_schema())
     AND NOT EXISTS (
           SELECT FROM pg_index i
            WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
              AND i.indnkeyatts >= cardinality(k.conkey)
              AND k.conkey @> ARRAY(SELECT key FROM unnest(i.indkey) WITH ORDINALITY AS u(key, place)
                                     WHERE place <= cardinality(k.conkey))
              AND k.conkey <@ ARRAY(SELECT key FROM unnest(i.indkey) WITH ORDINALITY AS u(key, place)
                                     WHERE place <= cardinality(k.conkey)))";

#[cfg(test)]
mod tests {
    use super::*;

    fn key(on_delete: char, on_update: char) -> ForeignKey {
        let column = |parent, child: &str| KeyColumn {
            parent,
            parent_type: "bigint".to_owned(),
            child: child.to_owned(),
            operator: "pg_catalog.=".to_owned(),
            set_on_delete: parent == 1,
        };
        ForeignKey {
            oid: 1,
            parent: 10,
            child: "ONLY s.\"Child\"".to_owned(),
            owner: 10,
            on_delete,
            on_update,
            columns: vec![column(1, "a"), column(2, "\"B\"")],
        }
    }

    const FOUND: &str =
        "$1::bigint OPERATOR(pg_catalog.=) a AND $2::bigint OPERATOR(pg_catalog.=) \"B\"";

    #[test]
    fn each_action_has_its_query() {
        for (key, event, before, after) in [
            (
                key('a', 'a'),
                Event::Delete,
                "SELECT 1 FROM ONLY s.\"Child\" x WHERE ",
                " FOR KEY SHARE OF x",
            ),
            (
                key('c', 'a'),
                Event::Delete,
                "DELETE FROM ONLY s.\"Child\" WHERE ",
                "",
            ),
            (
                key('n', 'a'),
                Event::Delete,
                "UPDATE ONLY s.\"Child\" SET a = NULL WHERE ",
                "",
            ),
            (
                key('a', 'd'),
                Event::Update,
                "UPDATE ONLY s.\"Child\" SET a = DEFAULT, \"B\" = DEFAULT WHERE ",
                "",
            ),
            (
                key('a', 'c'),
                Event::Update,
                "UPDATE ONLY s.\"Child\" SET a = $3, \"B\" = $4 WHERE ",
                "",
            ),
        ] {
            assert_eq!(key.query(event), format!("{before}{FOUND}{after}"));
        }
    }

    #[test]
    fn only_rows_deleted_or_changed_in_the_key_weigh() {
        let written = |table, rows, changed: Option<&[i16]>| Written {
            table,
            rows,
            changed: changed.map(<[i16]>::to_vec),
        };
        let all = [
            written(10, 3.0, None),
            written(10, 4.0, None),
            written(11, 100.0, None),
            written(10, 5.0, Some(&[2, 7])),
            written(10, 50.0, Some(&[7])),
        ];
        let expected = BTreeMap::from([(Event::Delete, 7.0), (Event::Update, 5.0)]);
        assert_eq!(weights(&key('a', 'a'), &all), expected);
    }
}
