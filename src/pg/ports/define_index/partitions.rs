//! What an index on a partitioned table asks of the partition key and the partitions.

use std::ffi::c_int;

use pgrx::{FromDatum, PgList, PgRelation, PgSqlErrorCode, pg_sys};

use super::access_method::AccessMethod;
use super::columns::Column;
use super::expressions::Attributes;
use super::{is_partitioned, table, text};
use crate::error::{Error, Result};

// Exported by the server, but not among pgrx's bindings: every call needs a guard of its own.
unsafe extern "C-unwind" {
    // catalog/pg_inherits.h
    fn find_all_inheritors(
        parentrelId: pg_sys::Oid,
        lockmode: pg_sys::LOCKMODE,
        numparents: *mut *mut pg_sys::List,
    ) -> *mut pg_sys::List;
}

/// Refuses a unique index over partitions that are foreign tables. Follows
/// `ProcessUtilitySlow` (`tcop/utility.c`).
pub(super) fn check_foreign_partitions(
    table: pg_sys::Oid,
    statement: &pg_sys::IndexStmt,
) -> Result<()> {
    if !statement.unique || !recurses(statement) || kind(table) != pg_sys::RELKIND_PARTITIONED_TABLE
    {
        return Ok(());
    }
    let foreign = |&(_, kind): &(_, u8)| kind == pg_sys::RELKIND_FOREIGN_TABLE;
    if !partitions(table).iter().any(foreign) {
        return Ok(());
    }
    // SAFETY: the grammar always fills `relation` and its name.
    let name = text(unsafe { (*statement.relation).relname });
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
        format!("cannot create unique index on partitioned table \"{name}\""),
    )
    .detail(format!(
        "Table \"{name}\" contains partitions that are foreign tables."
    )))
}

/// Checks the indexes that would be made on the partitions: their rows are of other types than
/// the table's, and partitions that are partitioned have keys of their own. Follows the recursion
/// of `DefineIndex` (`commands/indexcmds.c`).
pub(super) fn check_partitions(
    table: &PgRelation,
    statement: &pg_sys::IndexStmt,
    method: &AccessMethod,
    keys: &[Column],
) -> Result<()> {
    if !is_partitioned(table) || !recurses(statement) {
        return Ok(());
    }
    let uses_whole_row = Attributes::of(keys, statement.whereClause)
        .iter()
        .any(|attribute| attribute == 0);
    for (partition, kind) in partitions(table.oid()) {
        if uses_whole_row && kind != pg_sys::RELKIND_FOREIGN_TABLE {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
                "cannot convert whole-row table reference",
            ));
        }
        if statement.unique && kind == pg_sys::RELKIND_PARTITIONED_TABLE {
            check_unique_key_of_partition(table, partition, method, keys)?;
        }
    }
    Ok(())
}

fn check_unique_key_of_partition(
    table: &PgRelation,
    partition: pg_sys::Oid,
    method: &AccessMethod,
    keys: &[Column],
) -> Result<()> {
    let partition = table::open(partition);
    let attribute_of = |key: &Column| {
        if key.attribute == 0 {
            return 0;
        }
        // SAFETY: catalog lookups by OID, number and name; a partition has all of its parent's
        // columns, under the same names.
        unsafe {
            let name = pg_sys::get_attname(table.oid(), key.attribute, false);
            pg_sys::get_attnum(partition.oid(), name)
        }
    };
    let attributes: Vec<i16> = keys.iter().map(attribute_of).collect();
    check_key(&partition, method, keys, &attributes)
}

/// Whether the command says nothing of `ONLY`.
fn recurses(statement: &pg_sys::IndexStmt) -> bool {
    // SAFETY: the grammar always fills `relation`.
    unsafe { (*statement.relation).inh }
}

/// `pg_class.relkind`.
fn kind(relation: pg_sys::Oid) -> u8 {
    // SAFETY: a catalog lookup by OID.
    unsafe { pg_sys::get_rel_relkind(relation) as u8 }
}

/// All partitions at all levels with their kinds; they get locked.
fn partitions(table: pg_sys::Oid) -> Vec<(pg_sys::Oid, u8)> {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    // SAFETY: the table is locked; the result is a list of OIDs with the table itself. The
    // guarded call drops nothing of Rust's when it raises an error.
    let members = unsafe {
        PgList::<pg_sys::Oid>::from_pg(pg_sys::ffi::pg_guard_ffi_boundary(|| {
            find_all_inheritors(table, lock, std::ptr::null_mut())
        }))
    };
    members
        .iter_oid()
        .filter(|&member| member != table)
        .map(|member| (member, kind(member)))
        .collect()
}

/// A column of a partition key, or an expression.
struct PartitionColumn {
    /// Attribute number; 0 for an expression.
    attribute: i16,
    collation: pg_sys::Oid,
    class: pg_sys::Oid,
}

/// The partition key of a table.
struct PartitionKey {
    hash: bool,
    columns: Vec<PartitionColumn>,
}

impl PartitionKey {
    /// Reads `pg_partitioned_table`, whose layout is the same in all supported majors.
    fn read(table: pg_sys::Oid) -> Option<Self> {
        const PARTSTRAT: i16 = 2;
        const PARTATTRS: i16 = 5;
        const PARTCLASS: i16 = 6;
        const PARTCOLLATION: i16 = 7;
        const PARTITION_STRATEGY_HASH: u8 = b'h';
        // SAFETY: a lookup by OID; the columns have these types (int2vector and oidvector are
        // arrays) and are copied before the row is released.
        unsafe {
            let tuple = pg_sys::SearchSysCache1(
                pg_sys::SysCacheIdentifier::PARTRELID as i32,
                pg_sys::Datum::from(table),
            );
            if tuple.is_null() {
                return None;
            }
            let strategy: Option<i8> = column(tuple, PARTSTRAT);
            let attributes: Option<Vec<i16>> = column(tuple, PARTATTRS);
            let classes: Option<Vec<pg_sys::Oid>> = column(tuple, PARTCLASS);
            let collations: Option<Vec<pg_sys::Oid>> = column(tuple, PARTCOLLATION);
            pg_sys::ReleaseSysCache(tuple);
            let columns = attributes?
                .into_iter()
                .zip(classes?)
                .zip(collations?)
                .map(|((attribute, class), collation)| PartitionColumn {
                    attribute,
                    collation,
                    class,
                })
                .collect();
            Some(Self {
                hash: strategy? as u8 == PARTITION_STRATEGY_HASH,
                columns,
            })
        }
    }
}

/// A column of a `pg_partitioned_table` row.
///
/// # Safety
/// `tuple` must be such a row and `T` fit the type of column `number`.
unsafe fn column<T: FromDatum>(tuple: pg_sys::HeapTuple, number: i16) -> Option<T> {
    let mut is_null = false;
    // SAFETY: see above.
    unsafe {
        let datum = pg_sys::SysCacheGetAttr(
            pg_sys::SysCacheIdentifier::PARTRELID as c_int,
            tuple,
            number,
            &mut is_null,
        );
        T::from_datum(datum, is_null)
    }
}

/// Checks that a unique index of a partitioned table has every column of the partition key, with
/// the same notion of equality. Follows `DefineIndex` (`commands/indexcmds.c`).
pub(super) fn check_unique_key(
    table: &PgRelation,
    statement: &pg_sys::IndexStmt,
    method: &AccessMethod,
    keys: &[Column],
) -> Result<()> {
    if !statement.unique || !is_partitioned(table) {
        return Ok(());
    }
    let attributes: Vec<i16> = keys.iter().map(|key| key.attribute).collect();
    check_key(table, method, keys, &attributes)
}

/// [`check_unique_key`] for the table or a partition, in which the keys are `attributes`.
fn check_key(
    table: &PgRelation,
    method: &AccessMethod,
    keys: &[Column],
    attributes: &[i16],
) -> Result<()> {
    let Some(partition_key) = PartitionKey::read(table.oid()) else {
        return Ok(());
    };
    for part in &partition_key.columns {
        let equality = partition_equality(partition_key.hash, part)?;
        if method.oid != pg_sys::BTREE_AM_OID {
            return Err(Error::unsupported(format!(
                "cannot match partition key to an index using access method \"{}\"",
                method.name()
            )));
        }
        if part.attribute == 0 {
            return Err(Error::unsupported(
                "unsupported UNIQUE constraint with partition key definition",
            )
            .detail("UNIQUE constraints cannot be used when partition keys include expressions."));
        }
        let found = keys.iter().zip(attributes).any(|(key, &attribute)| {
            attribute == part.attribute
                && key.collation == part.collation
                && equality_of(key.class.family, key.class.input_type, false) == equality
        });
        if !found {
            return Err(lacks_column(table, part.attribute));
        }
    }
    Ok(())
}

fn lacks_column(table: &PgRelation, attribute: i16) -> Error {
    // SAFETY: a catalog lookup of an attribute that the partition key refers to.
    let column = text(unsafe { pg_sys::get_attname(table.oid(), attribute, true) });
    Error::unsupported("unique constraint on partitioned table must include all partitioning columns")
        .detail(format!(
            "UNIQUE constraint on table \"{}\" lacks column \"{column}\" which is part of the partition key.",
            table::name(table)
        ))
}

/// The equality operator by which rows are assigned to partitions.
fn partition_equality(hash: bool, part: &PartitionColumn) -> Result<pg_sys::Oid> {
    let (mut family, mut input_type) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: a catalog lookup by OID into two variables.
    unsafe {
        pg_sys::get_opclass_opfamily_and_input_type(part.class, &mut family, &mut input_type);
    }
    let operator = equality_of(family, input_type, hash);
    if operator == pg_sys::InvalidOid {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            format!(
                "missing equality operator for type {} in partition opfamily {}",
                input_type.to_u32(),
                family.to_u32()
            ),
        ));
    }
    Ok(operator)
}

/// The equality operator of a B-tree or hash operator family for one input type.
fn equality_of(family: pg_sys::Oid, input_type: pg_sys::Oid, hash: bool) -> pg_sys::Oid {
    let strategy = if hash {
        pg_sys::HTEqualStrategyNumber
    } else {
        pg_sys::BTEqualStrategyNumber
    };
    // SAFETY: a catalog lookup by OIDs.
    unsafe { pg_sys::get_opfamily_member(family, input_type, input_type, strategy as i16) }
}
