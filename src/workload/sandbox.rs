//! The planning sandbox.
//!
//! Planning evaluates functions, so planning a stranger's statement may run a stranger's code.
//! A captured statement is analysed and planned as the role that ran it, in a
//! security-restricted operation, inside a subtransaction that is always rolled back, with a
//! short `lock_timeout`. A statement that reaches a function which is neither built in nor
//! written in C, and whose owner is neither a superuser nor that role, is not planned at all:
//! its owner could have replaced it since.

use std::rc::Rc;

use pgrx::datum::DatumWithOid;
use pgrx::{PgSqlErrorCode, pg_sys};
use serde::Deserialize;

use super::WorkloadStatement;
use super::pgss_text::restore_typed_literals;
use crate::error::{Error, Result};
use crate::pg::bound::{GivenSet, Values};
use crate::pg::reach::{Reach, reach};
use crate::pg::rollback::{SessionLocks, Surroundings, rolled_back};
use crate::pg::statement::Statement;
use crate::pg::{roles, spi};
use crate::settings;

/// A statement that may be planned, with the surroundings in which it is.
pub(crate) struct Sandboxed {
    statement: Statement,
    surroundings: Surroundings,
    /// Whether this session holds advisory locks of its own, so that not all may be released.
    keeps_locks: bool,
}

impl Sandboxed {
    /// Analyses a statement and decides whether it may be planned.
    pub(crate) fn open(source: &WorkloadStatement) -> Result<Self> {
        let Some(role) = source.role else {
            let surroundings = Surroundings::default();
            let statement = analyse(&surroundings, &source.text)?;
            return Ok(Self {
                statement,
                surroundings,
                keeps_locks: true,
            });
        };
        if !roles::exists(role) {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                "role that ran the statement does not exist any more",
            ));
        }
        // What code takes or releases of these locks outlives a rollback. Analysis may run some,
        // too: the check of a domain in an array literal.
        let locks_held = holds_advisory_locks()?;
        let _locks = (!locks_held).then(SessionLocks::none_held);
        let (mut statement, surroundings) = analyse_as(role, source)?;
        let reached = rolled_back(&surroundings, || reach(&mut statement))?;
        let code = user_code(&reached, role)?;
        if let Some(function) = code.of_others.first() {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("statement may run untrusted function {function} while it is planned"),
            ));
        }
        if code.any && locks_held {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "statement may run functions while it is planned and this session holds advisory locks",
            ));
        }
        Ok(Self {
            statement,
            surroundings,
            keeps_locks: locks_held,
        })
    }

    /// Those of `given` that can be values of the statement's parameters; `None` if none can.
    ///
    /// Input functions run in the sandbox; a value that one of them refuses, or that would need
    /// the code of a third role, is left out. Those of the database's own types may check a
    /// domain, so they are not run where code could release the session's advisory locks.
    pub(crate) fn bind(&mut self, given: &GivenSet) -> Option<(GivenSet, Values)> {
        let own_types = !self.keeps_locks;
        let mut bind = |given: &GivenSet| {
            self.run(|statement| statement.bind(given, own_types))
                .ok()
                .map(|(values, kept)| (kept, values))
        };
        let (kept, values) = match bind(given) {
            Some(bound) => bound,
            None => {
                let accepted = (given.iter())
                    .map(|(number, given)| (*number, given.clone()))
                    .filter(|one| bind(&GivenSet::from([one.clone()])).is_some())
                    .collect();
                bind(&accepted)?
            }
        };
        (!kept.is_empty()).then_some((kept, values))
    }

    /// Runs `work`, such as planning, in the sandbox, with these values for the parameters.
    pub(crate) fn run_with<T>(
        &mut self,
        values: Option<Rc<Values>>,
        work: impl FnOnce(&mut Statement) -> Result<T>,
    ) -> Result<T> {
        self.statement.plan_with(values);
        self.run(work)
    }

    fn run<T>(&mut self, work: impl FnOnce(&mut Statement) -> Result<T>) -> Result<T> {
        let _locks = (!self.keeps_locks).then(SessionLocks::none_held);
        rolled_back(&self.surroundings, || work(&mut self.statement))
    }
}

/// Analyses `source` as `role`, under the role's own search path or else, for a caller who may do
/// anything as that role anyhow, the caller's.
fn analyse_as(role: pg_sys::Oid, source: &WorkloadStatement) -> Result<(Statement, Surroundings)> {
    let mut surroundings = Surroundings {
        role: Some(role),
        settings: vec![("lock_timeout".to_owned(), settings::sandbox_lock_timeout())],
    };
    let callers = surroundings.clone();
    if let Some(path) = &source.search_path {
        surroundings
            .settings
            .push(("search_path".to_owned(), path.clone()));
    }
    let text = restore_typed_literals(&source.text);
    let text = text.as_deref().unwrap_or(&source.text);
    match analyse(&surroundings, text) {
        Err(error) if may_choose_path(role) && is_unresolved_name(error.sqlstate()) => {
            let statement = analyse(&callers, text).map_err(|_| error)?;
            Ok((statement, callers))
        }
        outcome => Ok((outcome?, surroundings)),
    }
}

fn may_choose_path(role: pg_sys::Oid) -> bool {
    roles::is_superuser() || roles::current_user() == role
}

fn analyse(surroundings: &Surroundings, text: &str) -> Result<Statement> {
    rolled_back(surroundings, || Statement::analyse(text))
}

fn is_unresolved_name(sqlstate: PgSqlErrorCode) -> bool {
    matches!(
        sqlstate,
        PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE
            | PgSqlErrorCode::ERRCODE_UNDEFINED_FUNCTION
            | PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT
            | PgSqlErrorCode::ERRCODE_INVALID_SCHEMA_NAME
    )
}

/// Functions that planning may run and that somebody wrote in SQL or a procedural language.
#[derive(Deserialize)]
struct UserCode {
    /// Whether there is any.
    any: bool,
    /// Those whose owner is neither a superuser nor the role that ran the statement.
    of_others: Vec<String>,
}

/// Looks at the functions in the query trees and at those in indexes, constraints, statistics
/// and defaults of the tables, which the planner folds too.
fn user_code(reached: &Reach, role: pg_sys::Oid) -> Result<UserCode> {
    spi::json(
        "WITH RECURSIVE relation (oid) AS (
           SELECT unnest($1)
            UNION
           SELECT i.inhrelid FROM pg_inherits i JOIN relation r ON i.inhparent = r.oid),
         object (classid, objid) AS (
           SELECT 'pg_class'::regclass::oid, oid FROM relation
            UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN relation r ON i.indrelid = r.oid
            UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c JOIN relation r ON c.conrelid = r.oid
            UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid FROM pg_statistic_ext s JOIN relation r ON s.stxrelid = r.oid
            UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d JOIN relation r ON d.adrelid = r.oid),
         dependency AS (
           SELECT d.refclassid, d.refobjid FROM pg_depend d JOIN object o ON d.classid = o.classid AND d.objid = o.objid),
         function (oid) AS (
           SELECT unnest($2)
            UNION SELECT refobjid FROM dependency WHERE refclassid = 'pg_proc'::regclass
            UNION SELECT o.oprcode FROM pg_operator o JOIN dependency d ON d.refobjid = o.oid AND d.refclassid = 'pg_operator'::regclass),
         written AS (
           SELECT p.oid, p.proowner = $3 OR u.rolsuper AS trusted
             FROM function f JOIN pg_proc p ON p.oid = f.oid
             JOIN pg_language l ON l.oid = p.prolang JOIN pg_roles u ON u.oid = p.proowner
            WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal')
            UNION ALL
           -- Built in and stable, but they run the query of any view they are given.
           SELECT p.oid, false FROM function f JOIN pg_proc p ON p.oid = f.oid
            WHERE p.oid < 16384 AND p.proname ~ '^(table|schema|database)_to_xml')
         SELECT jsonb_build_object(
           'any', EXISTS (SELECT FROM written),
           'of_others', to_jsonb(ARRAY(SELECT oid::regprocedure::text FROM written WHERE NOT trusted ORDER BY 1)))",
        &[
            DatumWithOid::from(reached.tables.clone()),
            DatumWithOid::from(reached.functions.clone()),
            DatumWithOid::from(role),
        ],
    )
}

/// Whether this session holds advisory locks, of its own or its transaction's.
fn holds_advisory_locks() -> Result<bool> {
    spi::json(
        "SELECT to_jsonb(EXISTS (SELECT FROM pg_locks
                                  WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted))",
        &[],
    )
}
