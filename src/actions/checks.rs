//! Whether an action can be done: what the catalogs, the disk and other sessions say.

use pgrx::datum::DatumWithOid;
use pgrx::{PgSqlErrorCode, pg_sys};
use serde::Deserialize;

use super::commands::{makes, names, way_of};
use super::decide::{self, Old};
use super::state::Task;
use crate::advisor::applicable::Applicable;
use crate::error::{Error, Result};
use crate::pg::elevated::as_superuser;
use crate::pg::{catalog, disk, preload, roles, spi};
use crate::settings;

/// An index, or another relation, that has one of the action's names.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Found {
    /// See [`names`].
    pub(super) place: usize,
    pub(super) oid: u32,
    /// Whether queries can use it.
    pub(super) valid: bool,
    /// The table of an index.
    pub(super) table: Option<u32>,
}

/// What has the names now.
pub(super) fn found(names: &[&str]) -> Result<Vec<Found>> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_object(
                  'place', given.place - 1, 'oid', c.oid::bigint, 'table', i.indrelid::bigint,
                  'valid', coalesce(i.indisvalid AND i.indisready AND i.indislive, true)) ORDER BY given.place), '[]')
           FROM unnest($1) WITH ORDINALITY AS given (name, place)
           JOIN pg_class c ON c.oid = to_regclass(given.name)
           LEFT JOIN pg_index i ON i.indexrelid = c.oid",
        &[DatumWithOid::from(names)],
    )
}

/// What has the names of an action's indexes now.
pub(super) fn found_of(plan: &Applicable) -> Result<Vec<Found>> {
    found(&names(plan))
}

/// Whether anything can be queued here at all.
pub(super) fn can_queue() -> Result<()> {
    if !preload::at_server_start() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "nothing can be run in the background",
        )
        .detail("pgopt was not loaded when the server started, so it has no worker.")
        .hint(
            "Add pgopt to shared_preload_libraries and restart the server, or run the steps of \
             pgopt.export_migration() yourself.",
        ));
    }
    if roles::in_recovery() {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            "cannot change anything on a standby",
        )
        .hint("Call it on the primary server."));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Table {
    name: String,
    /// Tables of the tree that the current user does not own.
    foreign: Vec<String>,
    /// Schemas of the tree in which he may not create.
    closed: Vec<String>,
}

/// Whether the table is the one that the advice was for, and the current user may change it.
pub(super) fn table(plan: &Applicable) -> Result<()> {
    let tree = catalog::with_partitions(pg_sys::Oid::from(plan.table));
    let table: Option<Table> = spi::json(
        "SELECT coalesce((SELECT jsonb_build_object('name', format('%I.%I', n.nspname, c.relname),
             'foreign', (SELECT coalesce(jsonb_agg(t.oid::regclass::text ORDER BY t.oid), '[]') FROM pg_class t
                          WHERE t.oid = ANY ($2) AND NOT pg_has_role(t.relowner, 'USAGE')),
             'closed', (SELECT coalesce(jsonb_agg(DISTINCT s.nspname), '[]') FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace
                         WHERE t.oid = ANY ($2) AND NOT has_schema_privilege(s.oid, 'CREATE')))
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1), 'null')",
        &[
            DatumWithOid::from(pg_sys::Oid::from(plan.table)),
            DatumWithOid::from(tree),
        ],
    )?;
    let again = "Call pgopt.index_recommendations() again.";
    let Some(table) = table else {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("table {} does not exist any more", plan.table_name),
        )
        .hint(again));
    };
    if table.name != plan.table_name {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("table {} is called {} now", plan.table_name, table.name),
        )
        .detail("The steps were written for the name that it had.")
        .hint(again));
    }
    if let Some(foreign) = table.foreign.first() {
        return Err(denied(format!("must be owner of table {foreign}")));
    }
    match table.closed.first() {
        Some(schema) => Err(denied(format!("permission denied for schema {schema}"))),
        None => Ok(()),
    }
}

fn denied(message: String) -> Error {
    Error::new(PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE, message)
        .hint("Have the owner of the table call it: what it queues runs as whoever calls it.")
}

/// What is there when an action is asked for.
pub(super) struct Objects {
    /// INVALID rests of interrupted builds that have the names of what it makes.
    pub(super) leftovers: Vec<u32>,
    /// What it drops, by name and OID.
    pub(super) dropped: Vec<(String, u32)>,
}

/// What has to be there for the action: none of what it makes, unless it is such a rest, and what
/// it drops.
pub(super) fn objects(plan: &Applicable) -> Result<Objects> {
    let all = names(plan);
    let found = found_of(plan)?;
    let tree = catalog::with_partitions(pg_sys::Oid::from(plan.table));
    let mut leftovers = Vec::new();
    for found in found.iter().filter(|found| found.place < plan.made.len()) {
        let of_table = found
            .table
            .is_some_and(|table| tree.iter().any(|member| member.to_u32() == table));
        if found.valid || !of_table {
            return Err(taken(all.get(found.place).copied().unwrap_or_default()));
        }
        leftovers.push(found.oid);
    }
    let mut dropped = Vec::new();
    for (place, name) in all.iter().enumerate().skip(plan.made.len()) {
        match found.iter().find(|found| found.place == place) {
            Some(found) => dropped.push(((*name).to_owned(), found.oid)),
            None => {
                return Err(Error::new(
                    PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                    format!("index {name} does not exist any more"),
                )
                .hint("Call pgopt.index_recommendations() again."));
            }
        }
    }
    Ok(Objects { leftovers, dropped })
}

/// The name of an index to be made is not free.
pub(super) fn taken(name: &str) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_DUPLICATE_TABLE,
        format!("relation {name} already exists"),
    )
    .detail("It was made after the advice was given.")
    .hint("Call pgopt.index_recommendations() again.")
}

/// Whether the builds of a task can begin now: there is room, and nothing would hold them up.
pub(super) fn possible_now(plan: &Applicable, task: Task, caller: pg_sys::Oid) -> Result<()> {
    if makes(plan, task).is_empty() {
        return Ok(());
    }
    let size = plan.size.filter(|_| task == Task::Apply).unwrap_or(0);
    room(u64::try_from(size).unwrap_or(0))?;
    match way_of(plan, task).builds.is_empty() {
        true => Ok(()),
        false => no_old_transactions(plan, caller),
    }
}

fn room(size: u64) -> Result<()> {
    let lack = decide::lack_of_room(size, disk::room_for_indexes(), disk::room_for_sorts());
    let Some(lack) = lack else {
        return Ok(());
    };
    let (place, hint) = match lack.of_sorts {
        true => (
            "where sorts spill",
            "Free some space, or set temp_tablespaces to where there is more.",
        ),
        false => (
            "in the tablespace",
            "Free some space, or set default_tablespace to a tablespace that has more, for the role or the database.",
        ),
    };
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_DISK_FULL,
        "not enough disk space to build the index",
    )
    .detail(lack.describe(size, place, roles::may_read_all_statistics()))
    .hint(hint))
}

/// A build waits for every transaction that has a snapshot, and for those that hold locks on its
/// table as writers do. Vacuum and concurrent builds do not count: they end by themselves.
fn no_old_transactions(plan: &Applicable, caller: pg_sys::Oid) -> Result<()> {
    let Some(limit) = settings::apply_max_xact_age() else {
        return Ok(());
    };
    let tree = catalog::with_partitions(pg_sys::Oid::from(plan.table));
    let old: Vec<Old> = as_superuser(|| {
        spi::json(
            OLD_TRANSACTIONS,
            &[
                DatumWithOid::from(limit),
                DatumWithOid::from(tree),
                DatumWithOid::from(caller),
            ],
        )
    })?;
    if old.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
        format!(
            "an old transaction would hold up the build of an index on table {}",
            plan.table_name
        ),
    )
    .detail(decide::describe(&old, limit))
    .hint("Wait for it, end it with pg_terminate_backend() or ROLLBACK PREPARED, or raise pgopt.apply_max_xact_age."))
}

const OLD_TRANSACTIONS: &str = "
  WITH locker AS (
    SELECT l.pid, l.virtualtransaction FROM pg_locks l
     WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY ($2)
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')),
  old AS (
    SELECT a.pid, NULL::text AS gid, a.usename AS role, a.usesysid AS role_id,
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age
      FROM pg_stat_activity a
     WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.leader_pid IS NULL
       AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
       AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
       AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index c WHERE c.pid = a.pid AND c.command LIKE '% CONCURRENTLY')
       AND (a.backend_xmin IS NOT NULL OR EXISTS (SELECT FROM locker l WHERE l.pid = a.pid))
     UNION ALL
    SELECT NULL, p.gid, p.owner, r.oid, extract(epoch FROM clock_timestamp() - p.prepared)::float8
      FROM pg_prepared_xacts p LEFT JOIN pg_roles r ON r.rolname = p.owner
     WHERE p.database = current_database()
       AND EXISTS (SELECT FROM locker l JOIN pg_locks x USING (virtualtransaction)
                    WHERE l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.transactionid = p.transaction))
  SELECT coalesce(jsonb_agg(jsonb_build_object('pid', o.pid, 'gid', o.gid, 'role', coalesce(o.role, '?'),
           'age', CASE WHEN pg_has_role($3, o.role_id, 'USAGE') OR pg_has_role($3, 'pg_read_all_stats', 'USAGE') THEN o.age END)
           ORDER BY o.age DESC), '[]')
    FROM old o WHERE o.age > $1";
