//! A dry run of `CREATE INDEX`: every check the command makes, none of its effects.
//!
//! The text goes through the server's own parser and parse analysis; the checks that the server
//! keeps in static functions (`DefineIndex` and its helpers in `commands/indexcmds.c`,
//! `index_create` in `catalog/index.c`) are followed here in the same order, with the same
//! SQLSTATEs and messages. What is different on purpose:
//!
//! * `SELECT` on the table is required instead of ownership and `CREATE` on its schema;
//! * the table is locked in `AccessShareLock` mode, so the dry run works on hot standbys and in
//!   read-only transactions, and it does not matter whether the session is using the table;
//! * functions that the planner folds run as the caller, not as the table's owner: the text comes
//!   from the caller, who need not be trusted by the owner;
//! * the table's rows are not read, so errors that depend on them do not appear;
//! * `CONCURRENTLY` is accepted inside a transaction block.
//!
//! Parse trees, lists and strings are allocated in the current memory context and left to it.

mod access_method;
mod columns;
mod expressions;
mod names;
mod operator_class;
mod partitions;
mod storage;
mod table;

use std::ffi::{CStr, CString, c_char};

use pgrx::{PgList, PgRelation, PgSqlErrorCode, is_a, pg_sys};

use self::access_method::AccessMethod;
use self::columns::Column;
use crate::error::{Error, Result, abbreviate};
use crate::pg::index_definition::{IncludedColumn, IndexDefinition, IndexKey};

/// What the text of a `CREATE INDEX` comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DryRun {
    /// The command would create this index.
    Definition(IndexDefinition),
    /// The command says `IF NOT EXISTS` and a relation of this name exists: it would do nothing.
    AlreadyExists(String),
}

/// Parses and checks `ddl`, which must be one `CREATE INDEX` command.
///
/// An error that the server itself notices is raised as a PostgreSQL error; those noticed by the
/// checks followed here are returned. Both carry the SQLSTATE and message of the real command.
pub(crate) fn dry_run_create_index(ddl: &str) -> Result<DryRun> {
    let text = CString::new(ddl).map_err(|_| {
        Error::new(
            PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
            "CREATE INDEX command contains a zero byte",
        )
    })?;
    let statement = parse(&text, ddl)?;
    let table = table::resolve(statement);
    partitions::check_foreign_partitions(table, statement)?;
    let statement = transform_index_stmt(table, statement, &text);
    check(table, statement, ddl)
}

/// The only statement of `text`, which must be a `CREATE INDEX`.
fn parse<'a>(text: &CStr, ddl: &str) -> Result<&'a mut pg_sys::IndexStmt> {
    // SAFETY: `text` is a valid C string; the result is a list of RawStmt nodes.
    let statements =
        unsafe { PgList::<pg_sys::RawStmt>::from_pg(pg_sys::pg_parse_query(text.as_ptr())) };
    if statements.len() > 1 {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
            "cannot use more than one command as a hypothetical index",
        )
        .detail(format!(
            "The text has {} commands: {}",
            statements.len(),
            abbreviate(ddl, 200)
        ))
        .hint("Pass each CREATE INDEX command as an element of its own."));
    }
    let Some(raw) = statements.head() else {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
            "hypothetical index is empty",
        )
        .hint("Pass a CREATE INDEX command."));
    };
    // SAFETY: the parser fills `stmt` of every RawStmt with a node; the cast follows its tag, and
    // the tree is referred to by nobody else.
    unsafe {
        let node = (*raw).stmt;
        if is_a(node, pg_sys::NodeTag::T_IndexStmt) {
            return Ok(&mut *node.cast::<pg_sys::IndexStmt>());
        }
    }
    Err(
        Error::unsupported("only CREATE INDEX commands can be used as hypothetical indexes")
            .detail(format!("The command is: {}", abbreviate(ddl, 200)))
            .hint("Write a primary key or unique constraint as CREATE UNIQUE INDEX."),
    )
}

// Exported by the server, but not among pgrx's bindings: every call needs a guard of its own.
unsafe extern "C-unwind" {
    // parser/parse_utilcmd.h
    fn transformIndexStmt(
        relid: pg_sys::Oid,
        stmt: *mut pg_sys::IndexStmt,
        queryString: *const c_char,
    ) -> *mut pg_sys::IndexStmt;
}

/// Parse analysis of the expressions and the predicate.
fn transform_index_stmt<'a>(
    table: pg_sys::Oid,
    statement: &'a mut pg_sys::IndexStmt,
    text: &CStr,
) -> &'a pg_sys::IndexStmt {
    // SAFETY: the statement comes from the parser, the table is locked, the text is a C string
    // that the analysis only refers to while it runs; the result is the statement itself. The
    // guarded call drops nothing of Rust's when it raises an error.
    unsafe {
        let analysed = pg_sys::ffi::pg_guard_ffi_boundary(|| {
            transformIndexStmt(table, statement, text.as_ptr())
        });
        &*analysed
    }
}

/// Everything that is checked once the table is known. Follows `DefineIndex` and the parts of
/// `index_create` that can fail, in their order.
fn check(table: pg_sys::Oid, statement: &pg_sys::IndexStmt, ddl: &str) -> Result<DryRun> {
    let keys = elements(statement.indexParams);
    let included = elements(statement.indexIncludingParams);
    check_column_count(&keys, &included)?;
    let table = table::open(table);
    table::check_kind(&table, statement)?;
    storage::check_tablespace(&table, statement)?;
    let column_names = names::choose_index_column_names(&keys, &included);
    let name = names::choose_index_name(&table, statement, &column_names);
    let method = AccessMethod::look_up(statement.accessMethod)?;
    method.check_features(statement, keys.len())?;
    expressions::check_predicate(statement.whereClause)?;
    let options = storage::check_options(statement, &method)?;
    let keys = columns::compute_keys(table.oid(), &method, &keys)?;
    let included = columns::compute_included(table.oid(), &included)?;
    partitions::check_unique_key(&table, statement, &method, &keys)?;
    expressions::check_columns(&table, &keys, &included, statement.whereClause)?;
    table::check_catalog_rules(&table, statement)?;
    operator_class::check_pattern_classes(&keys)?;
    if table::name_is_taken(&table, &name) {
        return existing(statement, text(name.as_ptr()));
    }
    let stored_types = operator_class::compute_stored_types(&method, &keys, &column_names)?;
    expressions::check_constants(&keys, statement.whereClause)?;
    operator_class::check_class_options(&method, &keys)?;
    partitions::check_partitions(&table, statement, &method, &keys)?;
    Ok(DryRun::Definition(IndexDefinition {
        name: text(name.as_ptr()),
        table: table.oid(),
        access_method: method.oid,
        access_method_name: method.name(),
        unique: statement.unique,
        nulls_not_distinct: statement.nulls_not_distinct,
        expressions: expressions::expressions_text(&keys),
        predicate: expressions::predicate_text(statement.whereClause),
        keys: index_keys(&keys, &stored_types),
        included: included_columns(&included),
        options,
        ddl: ddl.to_owned(),
    }))
}

fn check_column_count(keys: &[&pg_sys::IndexElem], included: &[&pg_sys::IndexElem]) -> Result<()> {
    if keys.is_empty() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION,
            "must specify at least one column",
        ));
    }
    if keys.len() + included.len() > pg_sys::INDEX_MAX_KEYS as usize {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_TOO_MANY_COLUMNS,
            format!(
                "cannot use more than {} columns in an index",
                pg_sys::INDEX_MAX_KEYS
            ),
        ));
    }
    Ok(())
}

/// The outcome when the name is taken.
fn existing(statement: &pg_sys::IndexStmt, name: String) -> Result<DryRun> {
    if statement.if_not_exists {
        return Ok(DryRun::AlreadyExists(name));
    }
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_DUPLICATE_TABLE,
        format!("relation \"{name}\" already exists"),
    ))
}

fn index_keys(keys: &[Column], stored_types: &[pg_sys::Oid]) -> Vec<IndexKey> {
    keys.iter()
        .zip(stored_types)
        .map(|(key, &stored_type)| IndexKey {
            attribute: key.attribute,
            column_type: key.column_type,
            operator_class: key.class.oid,
            operator_family: key.class.family,
            input_type: key.class.input_type,
            stored_type,
            collation: key.collation,
            descending: key.descending,
            nulls_first: key.nulls_first,
            class_options: operator_class::options_given(key),
        })
        .collect()
}

fn included_columns(included: &[Column]) -> Vec<IncludedColumn> {
    included
        .iter()
        .map(|column| IncludedColumn {
            attribute: column.attribute,
            column_type: column.column_type,
        })
        .collect()
}

/// The elements of a list of index columns that the parser made.
fn elements<'a>(list: *mut pg_sys::List) -> Vec<&'a pg_sys::IndexElem> {
    // SAFETY: the parser fills `indexParams` and `indexIncludingParams` with IndexElem nodes,
    // which live as long as the statement.
    unsafe {
        PgList::<pg_sys::IndexElem>::from_pg(list)
            .iter_ptr()
            .map(|element| &*element)
            .collect()
    }
}

/// A string of the server's as Rust text; empty for a null pointer.
fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the callers pass strings that the server (or a CString) terminates.
    unsafe { CStr::from_ptr(string) }
        .to_string_lossy()
        .into_owned()
}

/// Whether the index would stand for one on each partition.
fn is_partitioned(table: &PgRelation) -> bool {
    table.is_partitioned_table()
}
