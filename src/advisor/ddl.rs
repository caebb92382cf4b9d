//! The commands of a recommendation: to create it, to undo it, and the way step by step that
//! blocks nobody.

use super::candidates::{Candidate, Key};
use super::naming;
use super::tables::{self, Partition, Table};
use crate::error::Result;
use crate::pg::catalog::quote;
use crate::pg::relation_facts::Element;

/// TimescaleDB's way of locking one chunk at a time: it knows no other that lets writes go on.
pub(super) const PER_CHUNK: &str = " WITH (timescaledb.transaction_per_chunk)";

/// The commands of one recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commands {
    /// One command that creates the index.
    pub(crate) ddl: String,
    /// One command that removes it.
    pub(crate) undo: String,
    /// The concurrent way, one command per element.
    pub(crate) steps: Vec<String>,
    /// The way back from whatever part of the steps was done, one command per element.
    pub(crate) undo_steps: Vec<String>,
    /// Qualified names of the indexes that the steps build concurrently.
    pub(crate) built: Vec<String>,
    /// Whether a key is an expression.
    pub(crate) has_expression: bool,
}

/// `btree (a, lower(b) DESC) INCLUDE (c) WHERE (d IS NULL)`
fn definition(candidate: &Candidate, table: &Table, parameters: &str) -> String {
    let name = |attribute: i16| {
        table
            .columns
            .get(&attribute)
            .map_or_else(String::new, |column| column.quoted.clone())
    };
    let element = |element: &Element| match element {
        Element::Column(attribute) => name(*attribute),
        Element::Expression(sql) => format!("({sql})"),
    };
    let keys: Vec<String> = (candidate.keys.iter())
        .map(|key| {
            let class = key.class.as_ref();
            let class = class.map_or_else(String::new, |class| format!(" {class}"));
            format!("{}{class}{}", element(&key.element), direction(key))
        })
        .collect();
    let included: Vec<String> = candidate
        .included
        .iter()
        .map(|&column| name(column))
        .collect();
    let mut list = format!("{} ({})", candidate.method.name(), keys.join(", "));
    if !included.is_empty() {
        list.push_str(&format!(" INCLUDE ({})", included.join(", ")));
    }
    list.push_str(parameters);
    if let Some(predicate) = &candidate.predicate {
        list.push_str(&format!(" WHERE {predicate}"));
    }
    list
}

/// What an index name says of the keys and the predicate.
fn key_names(candidate: &Candidate, table: &Table) -> Vec<String> {
    let of_key = |key: &Key| match &key.element {
        Element::Column(attribute) => {
            let column = table.columns.get(attribute)?;
            Some(column.name.clone())
        }
        Element::Expression(sql) => Some(naming::words(sql)),
    };
    (candidate.keys.iter().filter_map(of_key))
        .chain(candidate.predicate.as_ref().map(|_| "partial".to_owned()))
        .collect()
}

/// The direction where it is not the default; `NULLS` only where it is not the direction's own.
fn direction(key: &Key) -> &'static str {
    match (key.descending, key.nulls_first) {
        (false, false) => "",
        (false, true) => " NULLS FIRST",
        (true, true) => " DESC",
        (true, false) => " DESC NULLS LAST",
    }
}

/// A plain `CREATE INDEX` for the planner to be shown.
pub(crate) fn for_planner(candidate: &Candidate, table: &Table) -> String {
    format!(
        "CREATE INDEX ON {} USING {}",
        table.qualified,
        definition(candidate, table, "")
    )
}

/// The commands that make `candidate` for real; `chosen` are the qualified names already given
/// in this request.
pub(crate) fn commands(
    candidate: &Candidate,
    table: &Table,
    chosen: &mut Vec<(String, String)>,
) -> Result<Commands> {
    let columns = key_names(candidate, table);
    let name = free_name(&table.schema, &table.name, &columns, &table.invalid, chosen)?;
    let parameters = match table.hypertable {
        true => PER_CHUNK,
        false => "",
    };
    let list = definition(candidate, table, parameters);
    let place = (table.schema.as_str(), name.as_str());
    if table.is_partitioned() {
        return partitioned(candidate, table, &name, &list, chosen);
    }
    // TimescaleDB refuses to build or drop the index of a hypertable concurrently.
    let how = if table.hypertable {
        ""
    } else {
        "CONCURRENTLY "
    };
    let ddl = create(
        &format!("{how}IF NOT EXISTS "),
        &name,
        &table.qualified,
        &list,
    );
    let undo = drop_index(how, place);
    let mut steps = Vec::new();
    if table.invalid.contains(&name) {
        steps.push(undo.clone());
    }
    steps.push(ddl.clone());
    Ok(Commands {
        ddl,
        undo_steps: vec![undo.clone()],
        undo,
        steps,
        built: match table.hypertable {
            true => Vec::new(),
            false => vec![qualified(place)],
        },
        has_expression: candidate.has_expression(),
    })
}

fn qualified((schema, name): (&str, &str)) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

fn create(how: &str, name: &str, table: &str, definition: &str) -> String {
    format!(
        "CREATE INDEX {how}{} ON {table} USING {definition}",
        quote(name)
    )
}

fn drop_index(how: &str, place: (&str, &str)) -> String {
    format!("DROP INDEX {how}IF EXISTS {}", qualified(place))
}

/// Parent first with `ON ONLY`, which is instant; each leaf concurrently; then each is attached
/// to its parent's index, from the bottom up. The last attachment makes the top index valid.
fn partitioned(
    candidate: &Candidate,
    table: &Table,
    name: &str,
    list: &str,
    chosen: &mut Vec<(String, String)>,
) -> Result<Commands> {
    let columns = key_names(candidate, table);
    let top = qualified((&table.schema, name));
    let mut names = std::collections::BTreeMap::from([(table.oid, top)]);
    let mut steps = vec![create(
        "IF NOT EXISTS ",
        name,
        &format!("ONLY {}", table.qualified),
        list,
    )];
    let mut attach = Vec::new();
    let ddl = create("IF NOT EXISTS ", name, &table.qualified, list);
    let undo = drop_index("", (&table.schema, name));
    let partitions = tables::partitions(table.oid)?;
    if partitions.iter().any(|partition| partition.kind == "f") {
        // A foreign partition gets no index, so attaching never makes the parent's index valid.
        return Ok(Commands {
            steps: vec![ddl.clone()],
            undo_steps: vec![undo.clone()],
            ddl,
            undo,
            built: Vec::new(),
            has_expression: candidate.has_expression(),
        });
    }
    // Those attached go with the index above them; one that is not goes by itself.
    let mut undo_steps = vec![undo.clone()];
    let mut built = Vec::new();
    for partition in partitions {
        let Partition {
            schema,
            qualified,
            parent,
            kind,
            ..
        } = &partition;
        let name = free_name(schema, &partition.name, &columns, &[], chosen)?;
        let place = (schema.as_str(), name.as_str());
        let index = self::qualified(place);
        if kind == "p" {
            steps.push(create(
                "IF NOT EXISTS ",
                &name,
                &format!("ONLY {qualified}"),
                list,
            ));
            undo_steps.push(drop_index("", place));
        } else {
            steps.push(create(
                "CONCURRENTLY IF NOT EXISTS ",
                &name,
                qualified,
                list,
            ));
            undo_steps.push(drop_index("CONCURRENTLY ", place));
            built.push(index.clone());
        }
        if let Some(above) = names.get(parent) {
            attach.push(format!("ALTER INDEX {above} ATTACH PARTITION {index}"));
        }
        names.insert(partition.oid, index);
    }
    steps.extend(attach.into_iter().rev());
    Ok(Commands {
        ddl,
        undo,
        steps,
        undo_steps,
        built,
        has_expression: candidate.has_expression(),
    })
}

/// A name free in the schema and in this request; that of an INVALID index left by a failed
/// build of the same kind may be used, as the steps drop it first.
fn free_name(
    schema: &str,
    table: &str,
    columns: &[String],
    invalid: &[String],
    chosen: &mut Vec<(String, String)>,
) -> Result<String> {
    let mut failure = None;
    let name = naming::choose(table, columns, |name| {
        let place = (schema.to_owned(), name.to_owned());
        if chosen.contains(&place) {
            return true;
        }
        if invalid.iter().any(|known| known == name) {
            return false;
        }
        tables::relation_exists(schema, name).unwrap_or_else(|error| {
            failure = Some(error);
            false
        })
    });
    match failure {
        Some(error) => Err(error),
        None => {
            chosen.push((schema.to_owned(), name.clone()));
            Ok(name)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::advisor::candidates::Aim;
    use crate::pg::operator_classes::{IndexMethod, Subject};

    fn table() -> Table {
        let column =
            |name: &str| serde_json::json!({"name": name, "quoted": name, "most_bytes": 4});
        serde_json::from_value(serde_json::json!({
            "oid": 1, "schema": "s", "name": "t", "qualified": "s.t", "owner": 10, "kind": "r",
            "bytes": 1e6, "tuples": 1e6, "counted": true, "indexes": [], "invalid": [],
            "columns": {"1": column("a"), "2": column("\"B\""), "3": column("c")},
        }))
        .unwrap()
    }

    #[test]
    fn a_definition_has_its_parts_in_the_order_of_the_grammar() {
        let candidate = Candidate {
            table: 1,
            method: IndexMethod::Gist,
            keys: vec![
                Key::with_class(Element::Column(2), Some("x.gist_trgm_ops".into())),
                Key::ascending(Element::Expression("lower(c)".into())),
            ],
            included: vec![3],
            predicate: Some("(a IS NULL)".into()),
            aim: Aim::Of(Subject::Trigram),
        };
        assert_eq!(
            definition(&candidate, &table(), PER_CHUNK),
            "gist (\"B\" x.gist_trgm_ops, (lower(c))) INCLUDE (c) \
             WITH (timescaledb.transaction_per_chunk) WHERE (a IS NULL)"
        );
        assert_eq!(
            for_planner(&candidate, &table()),
            "CREATE INDEX ON s.t USING gist (\"B\" x.gist_trgm_ops, (lower(c))) INCLUDE (c) WHERE (a IS NULL)"
        );
    }
}
