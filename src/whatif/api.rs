//! The SQL functions of what-if; their declarations are in `sql/whatif.sql`.

#![allow(
    clippy::result_large_err,
    reason = "ErrorReport is what pgrx turns into the server's error"
)]

use std::rc::Rc;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Array, PgSqlErrorCode, pg_sys};

use super::scope::Scope;
use super::{Defined, Hypothetical, explain_under, index_names, plan_under, session};
use crate::arguments::{empty, is_null, null_element, texts};
use crate::error::{Error, Result};
use crate::pg::catalog;
use crate::pg::explain::Format;
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::statement::Statement;
use crate::settings;

#[pg_extern(sql = false)]
fn workload_cost(
    queries: Option<Array<&str>>,
    create_indexes: Option<Array<&str>>,
    hide_indexes: Option<Array<pg_sys::Oid>>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(query, i32),
            name!(cost, f64),
            name!(indexes_used, Vec<String>),
        ),
    >,
    ErrorReport,
> {
    settings::require_enabled()?;
    let queries = texts("queries", queries)?;
    if queries.is_empty() {
        return Err(empty("queries").into());
    }
    let scope = configuration(create_indexes, hide_indexes)?;
    let mut rows = Vec::new();
    for (ordinal, query) in (1..).zip(&queries) {
        check_for_interrupts!();
        let summary = rolled_back(&Surroundings::default(), || {
            plan_under(&mut Statement::analyse(query)?, &scope)
        })
        .map_err(|error| error.in_element("queries", ordinal, query))?;
        let names = index_names(&scope, &summary.indexes);
        rows.push((
            i32::try_from(ordinal).unwrap_or(i32::MAX),
            summary.cost,
            names,
        ));
    }
    Ok(TableIterator::new(rows))
}

#[pg_extern(sql = false)]
fn explain_with(
    query: Option<&str>,
    create_indexes: Option<Array<&str>>,
    hide_indexes: Option<Array<pg_sys::Oid>>,
    format: Option<&str>,
) -> std::result::Result<SetOfIterator<'static, String>, ErrorReport> {
    settings::require_enabled()?;
    let query = query.ok_or_else(|| is_null("query"))?;
    let format = Format::parse(format.ok_or_else(|| is_null("format"))?)?;
    let scope = configuration(create_indexes, hide_indexes)?;
    let lines = rolled_back(&Surroundings::default(), || {
        explain_under(&mut Statement::analyse(query)?, &scope, format)
    })
    .map_err(|error| error.in_argument("query", query))?;
    Ok(SetOfIterator::new(lines))
}

#[pg_extern(sql = false)]
fn hypothetical_create(
    ddl: Option<&str>,
) -> std::result::Result<
    TableIterator<'static, (name!(id, pg_sys::Oid), name!(name, String))>,
    ErrorReport,
> {
    settings::require_enabled()?;
    let ddl = ddl.ok_or_else(|| is_null("ddl"))?;
    let defined = Hypothetical::define(ddl).map_err(|error| error.in_argument("ddl", ddl))?;
    let rows = match defined {
        Defined::Index(index) => {
            let row = (index.oid, index.definition.name.clone());
            session::add(index);
            vec![row]
        }
        Defined::Exists(name) => {
            notice_exists(&name);
            Vec::new()
        }
    };
    Ok(TableIterator::new(rows))
}

#[pg_extern(sql = false)]
fn hypothetical_hide(index: Option<pg_sys::Oid>) -> std::result::Result<bool, ErrorReport> {
    settings::require_enabled()?;
    let index = index.ok_or_else(|| is_null("index"))?;
    require_index(index)?;
    Ok(session::hide(index))
}

#[pg_extern(sql = false)]
fn hypothetical_drop(id: Option<pg_sys::Oid>) -> std::result::Result<bool, ErrorReport> {
    let id = id.ok_or_else(|| is_null("id"))?;
    Ok(session::drop(id))
}

#[pg_extern(sql = false)]
fn hypothetical_reset() {
    session::reset();
}

#[pg_extern(sql = false)]
#[allow(clippy::type_complexity, reason = "the row is the signature")]
fn hypothetical_list() -> TableIterator<
    'static,
    (
        name!(id, pg_sys::Oid),
        name!(state, String),
        name!(name, Option<String>),
        name!(table_name, Option<pg_sys::Oid>),
        name!(access_method, Option<String>),
        name!(size_bytes, Option<i64>),
        name!(definition, Option<String>),
    ),
> {
    let (added, hidden) = session::list();
    let added = added.into_iter().map(|index| {
        let alive = catalog::relation_kind(index.definition.table).is_some();
        (
            index.oid,
            "added".to_owned(),
            Some(index.definition.name.clone()),
            alive.then_some(index.definition.table),
            Some(index.definition.access_method_name.clone()),
            alive.then(|| index.size_bytes()),
            Some(index.definition.ddl.clone()),
        )
    });
    let hidden = hidden.into_iter().map(|oid| {
        (
            oid,
            "hidden".to_owned(),
            catalog::relation_name(oid),
            None,
            None,
            None,
            None,
        )
    });
    TableIterator::new(added.chain(hidden).collect::<Vec<_>>())
}

/// The configuration that two array arguments describe.
fn configuration(
    create_indexes: Option<Array<&str>>,
    hide_indexes: Option<Array<pg_sys::Oid>>,
) -> Result<Rc<Scope>> {
    let mut added = Vec::new();
    for (ordinal, ddl) in (1..).zip(&texts("create_indexes", create_indexes)?) {
        let defined = Hypothetical::define(ddl)
            .map_err(|error| error.in_element("create_indexes", ordinal, ddl))?;
        match defined {
            Defined::Index(index) => added.push(index),
            Defined::Exists(name) => notice_exists(&name),
        }
    }
    let mut hidden = Vec::new();
    for index in hide_indexes.iter().flat_map(Array::iter) {
        let index = index.ok_or_else(|| null_element("hide_indexes"))?;
        require_index(index)?;
        hidden.extend(catalog::with_attached(index));
    }
    Ok(Rc::new(Scope::new(added, hidden)))
}

fn require_index(oid: pg_sys::Oid) -> Result<()> {
    if matches!(catalog::relation_kind(oid), Some(b'i' | b'I')) {
        return Ok(());
    }
    let name = catalog::relation_name(oid).unwrap_or_else(|| oid.to_string());
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
        format!("\"{name}\" is not an index"),
    )
    .hint("Pass an existing index; pgopt.hypothetical_drop() removes a hypothetical one."))
}

fn notice_exists(name: &str) {
    ereport!(
        PgLogLevel::NOTICE,
        PgSqlErrorCode::ERRCODE_DUPLICATE_TABLE,
        format!("relation \"{name}\" already exists, skipping")
    );
}
