//! What-if: plans with indexes that do not exist, and without indexes that do.
//!
//! A [`scope::Scope`] holds the configuration. It is shown to the planner only inside the one
//! planning call that was armed for it, at planner depth 1, and is gone when that call ends, by
//! return or by error. Nothing made under it is ever executed.

mod api;
mod btree;
mod hypothetical;
mod methods;
pub(crate) mod scope;
pub(crate) mod session;
mod size;

use std::rc::Rc;

use pgrx::pg_sys;

use crate::error::Result;
use crate::pg::deparse;
use crate::pg::plan::{self, PlanSummary};
use crate::pg::relation_facts::RelationFacts;
use crate::pg::statement::Statement;

pub(crate) use hypothetical::{Defined, Hypothetical};
use scope::Scope;

/// Plans `statement` with the configuration of `scope`.
pub(crate) fn plan_under(statement: &mut Statement, scope: &Rc<Scope>) -> Result<PlanSummary> {
    let guard = Scope::enter(scope.clone());
    plan::plan(statement, || guard.arm())
}

/// Plans `statement` with nothing added or hidden, and tells what the planner knew of each
/// relation.
pub(crate) fn plan_and_observe(
    statement: &mut Statement,
) -> Result<(PlanSummary, Vec<RelationFacts>)> {
    let scope = Rc::new(Scope::observing());
    let summary = plan_under(statement, &scope)?;
    let mut facts = scope.take_facts();
    if facts.iter().any(RelationFacts::has_node_texts) {
        deparse::with_qualified_names(|| {
            let writer = deparse::Writer::default();
            for facts in &mut facts {
                facts.write_sql(&|table, text| writer.sql(table, text));
            }
        })?;
    }
    Ok((summary, facts))
}

/// Explains `statement` with the configuration of `scope`.
pub(crate) fn explain_under(
    statement: &mut Statement,
    scope: &Rc<Scope>,
    format: crate::pg::explain::Format,
) -> Result<Vec<String>> {
    let guard = Scope::enter(scope.clone());
    crate::pg::explain::explain(statement, format, || guard.arm())
}

/// Names for the indexes of a plan: a hypothetical one's own, a real one's qualified if need be.
pub(crate) fn index_names(scope: &Scope, indexes: &[pg_sys::Oid]) -> Vec<String> {
    indexes
        .iter()
        .map(|&oid| {
            (scope.find(oid).map(|index| index.definition.name.clone()))
                .or_else(|| crate::pg::catalog::relation_name(oid))
                .unwrap_or_else(|| oid.to_string())
        })
        .collect()
}
