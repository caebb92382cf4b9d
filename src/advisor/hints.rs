//! What helps more than an index of the tables as they are, or is in the way of one: for a person
//! to decide.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::{Knowledge, MAX_COLUMNS};
use super::tables::Table;
use crate::error::Result;
use crate::pg::catalog::quote;
use crate::pg::relation_facts::{Clause, ClauseKind, Element, Obstacle, RelationFacts};
use crate::pg::spi;

/// Advice that is no index to be proved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hint {
    /// OID of the table.
    pub(crate) table: u32,
    /// What it is about, in a word: `extension`, `full-text`, `not-immutable`, `rewrite`,
    /// `unique`, `analyze`, `bounded`, `pattern`.
    pub(crate) kind: &'static str,
    /// One or two sentences for a person.
    pub(crate) text: String,
    /// Commands that follow from it, if there are any.
    pub(crate) ddl: Option<String>,
}

/// A table smaller than this is read in no time.
const MIN_PAGES: f64 = 100.0;

/// Average width from which a text is likely to be prose.
const PROSE: f64 = 100.0;

/// What is the same for all tables of the database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
struct Surroundings {
    /// Whether `CREATE EXTENSION pg_trgm` would find it.
    trigrams_available: bool,
    /// `default_text_search_config`
    text_search: String,
}

impl Surroundings {
    /// Those of the current database.
    fn read() -> Result<Self> {
        spi::json(
            "SELECT jsonb_build_object(
               'trigrams_available', EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm'),
               'text_search', regexp_replace(current_setting('default_text_search_config'), '^pg_catalog\\.', ''))",
            &[],
        )
    }
}

/// The hints for a workload, each once, those of the tables themselves first.
pub(crate) fn collect<'a>(
    facts: impl IntoIterator<Item = &'a RelationFacts>,
    tables: &BTreeMap<u32, Table>,
) -> Result<Vec<Hint>> {
    let around = Surroundings::read()?;
    let mut hints: Vec<Hint> = tables.values().filter_map(of_table).collect();
    let of_relations: BTreeSet<Hint> = (facts.into_iter())
        .filter_map(|facts| Some((facts, tables.get(&facts.table)?)))
        .flat_map(|(facts, table)| of_relation(facts, table, &around))
        .collect();
    hints.extend(of_relations);
    Ok(hints)
}

/// Hints that follow from one relation of one statement.
fn of_relation(facts: &RelationFacts, table: &Table, around: &Surroundings) -> BTreeSet<Hint> {
    let writer = Writer { table, around };
    let mut hints = BTreeSet::new();
    if facts.pages >= MIN_PAGES {
        for obstacle in &facts.obstacles {
            hints.extend(writer.obstacle(obstacle));
        }
        for clause in &facts.clauses {
            hints.extend(writer.unique(clause));
        }
    }
    hints.extend(writer.bounded(&facts.clauses));
    hints
}

/// Hints that follow from a table's state.
fn of_table(table: &Table) -> Option<Hint> {
    (!table.is_analysed()).then(|| Hint {
        table: table.oid,
        kind: "analyze",
        text: format!(
            "{} was never analysed: the planner guesses how many rows pass, and so does this advice.",
            table.qualified
        ),
        ddl: Some(format!("ANALYZE {}", table.qualified)),
    })
}

struct Writer<'a> {
    table: &'a Table,
    around: &'a Surroundings,
}

impl Writer<'_> {
    fn obstacle(&self, obstacle: &Obstacle) -> Vec<Hint> {
        match obstacle {
            Obstacle::PatternAnywhere {
                element,
                word,
                by_trigrams,
            } => {
                let extension = (!by_trigrams).then(|| self.trigrams(element));
                let words = (*word).then(|| self.words(element)).flatten();
                extension.into_iter().chain(words).collect()
            }
            Obstacle::UnknownPattern { element } => vec![self.unknown_pattern(element)],
            Obstacle::NoTextSearchConfiguration { columns } => {
                self.configuration(columns).into_iter().collect()
            }
            Obstacle::NotImmutable { columns, function } => {
                vec![self.not_immutable(columns, function)]
            }
            Obstacle::AnyOfColumn { column } => self.any_of(*column).into_iter().collect(),
        }
    }

    fn hint(&self, kind: &'static str, text: String, ddl: Option<String>) -> Hint {
        Hint {
            table: self.table.oid,
            kind,
            text,
            ddl,
        }
    }

    fn column(&self, column: i16) -> Option<&str> {
        (self.table.columns.get(&column)).map(|column| column.quoted.as_str())
    }

    fn element(&self, element: &Element) -> String {
        match element {
            Element::Column(column) => self.column(*column).unwrap_or_default().to_owned(),
            Element::Expression(sql) => format!("({sql})"),
        }
    }

    fn index(&self, definition: &str) -> String {
        let how = match self.table.is_partitioned() || self.table.hypertable {
            true => "",
            false => "CONCURRENTLY ",
        };
        let parameters = match self.table.hypertable {
            true => super::ddl::PER_CHUNK,
            false => "",
        };
        format!(
            "CREATE INDEX {how}ON {} USING {definition}{parameters}",
            self.table.qualified
        )
    }

    fn trigrams(&self, element: &Element) -> Hint {
        let element = self.element(element);
        let first = match self.around.trigrams_available {
            true => "",
            false => {
                " It comes with PostgreSQL's contrib modules, which are not installed on the server."
            }
        };
        self.hint(
            "extension",
            format!(
                "{} is searched for a pattern anywhere in {element}, which reads the whole table. \
                 With the extension pg_trgm an index can do that.{first}",
                self.table.qualified
            ),
            Some(format!(
                "CREATE EXTENSION IF NOT EXISTS pg_trgm;\n{};",
                self.index(&format!("gin ({element} gin_trgm_ops)"))
            )),
        )
    }

    fn unknown_pattern(&self, element: &Element) -> Hint {
        let element = self.element(element);
        self.hint(
            "pattern",
            format!(
                "{element} of {} is compared with a pattern that is not known here. Whether an index can look for it \
                 depends on how it begins, so nothing is advised on it; give the query with its usual pattern.",
                self.table.qualified
            ),
            None,
        )
    }

    /// A word in prose is better found by full-text search.
    fn words(&self, element: &Element) -> Option<Hint> {
        let column = element.attribute()?;
        let quoted = self.column(column)?;
        let own = self.table.columns.get(&column)?;
        if self.table.width(column) < PROSE {
            return None;
        }
        let added = quote(&format!("{}_words", own.name));
        let configuration = literal(&self.around.text_search);
        Some(self.hint(
            "full-text",
            format!(
                "Where {quoted} is searched for words, full-text search finds their other forms too, and by a smaller \
                 index: {added} @@ websearch_to_tsquery({configuration}, 'word'). Adding the column rewrites the table \
                 while nobody can use it."
            ),
            Some(format!(
                "ALTER TABLE {table} ADD COLUMN {added} tsvector GENERATED ALWAYS AS (to_tsvector({configuration}, {quoted})) STORED;\n{index};",
                table = self.table.qualified,
                index = self.index(&format!("gin ({added})"))
            )),
        ))
    }

    fn configuration(&self, columns: &[i16]) -> Option<Hint> {
        let configuration = literal(&self.around.text_search);
        let (ddl, example) = match columns {
            [column] => {
                let quoted = self.column(*column)?;
                let expression = format!("to_tsvector({configuration}, {quoted})");
                (Some(self.index(&format!("gin ({expression})"))), expression)
            }
            _ => (None, format!("to_tsvector({configuration}, ...)")),
        };
        Some(self.hint(
            "full-text",
            format!(
                "to_tsvector with one argument depends on default_text_search_config, so no index can be made on it. \
                 Name the configuration in the query: {example}."
            ),
            ddl,
        ))
    }

    fn not_immutable(&self, columns: &[i16], function: &str) -> Hint {
        let mut names: Vec<&str> = columns
            .iter()
            .filter_map(|column| self.column(*column))
            .collect();
        names.dedup();
        let names = names.join(", ");
        self.hint(
            "not-immutable",
            format!(
                "A condition on {names} of {} goes through function {function}, whose result depends on settings such as \
                 TimeZone, so no index can be made on it. Compare {names} itself, with a range of values.",
                self.table.qualified
            ),
            None,
        )
    }

    fn any_of(&self, column: i16) -> Option<Hint> {
        let quoted = self.column(column)?;
        Some(self.hint(
            "rewrite",
            format!(
                "value = ANY ({quoted}) reads the whole table whatever the indexes; \
                 {quoted} @> ARRAY[value] gives the same rows and can use one."
            ),
            Some(self.index(&format!("gin ({quoted})"))),
        ))
    }

    /// A column that is looked up and has no value twice, as far as is known.
    fn unique(&self, clause: &Clause) -> Option<Hint> {
        let (Element::Column(column), ClauseKind::Equality) = (&clause.element, clause.kind) else {
            return None;
        };
        let declared = self.table.indexes.iter().any(|index| {
            index.unique && index.predicate.is_none() && {
                let keys = index.keys();
                matches!(keys.as_slice(), [only] if only.element == clause.element)
            }
        });
        if declared || self.table.is_partitioned() || !self.table.has_no_value_twice(*column) {
            return None;
        }
        let quoted = self.column(*column)?;
        Some(self.hint(
            "unique",
            format!(
                "{quoted} of {} is looked up and had no value twice when it was last analysed. If that is a rule, \
                 a unique index lets the planner rely on it.",
                self.table.qualified
            ),
            Some(format!(
                "CREATE UNIQUE INDEX {}ON {} ({quoted})",
                if self.table.hypertable { "" } else { "CONCURRENTLY " },
                self.table.qualified
            )),
        ))
    }

    fn bounded(&self, clauses: &[Clause]) -> Option<Hint> {
        use ClauseKind::{Equality, In, Join, Range};
        let most = [Equality, In, Join, Range]
            .into_iter()
            .map(|kind| {
                let of_kind = clauses.iter().filter(|clause| clause.kind == kind);
                of_kind
                    .map(|clause| &clause.element)
                    .collect::<BTreeSet<_>>()
                    .len()
            })
            .max()?;
        (most > MAX_COLUMNS).then(|| {
            self.hint(
                "bounded",
                format!(
                    "A statement compares {most} columns of {} in the same way; only the {MAX_COLUMNS} most selective \
                     were combined to indexes.",
                    self.table.qualified
                ),
                None,
            )
        })
    }
}

/// `text` in single quotes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The hints on one query, for tests.
#[cfg(any(test, feature = "pg_test"))]
pub(crate) fn hints_for(query: &str) -> Result<Vec<Hint>> {
    let request = super::Request {
        limits: super::selection::Limits {
            budget: None,
            max_indexes: None,
            min_benefit: 0.01,
        },
        schemas: None,
        time_limit: std::time::Duration::from_secs(60),
    };
    let workload = crate::workload::source::given(&[query.to_owned()], None)?;
    let advice = super::recommend::recommend(&workload, &request, true)?;
    let hints = (advice.recommendations.into_iter()).filter_map(|row| {
        Some(Hint {
            table: row.table,
            kind: row.kind,
            text: row.reason,
            ddl: row.evidence.hint?.ddl,
        })
    });
    Ok(hints.collect())
}
