//! What the system catalogs say of columns, types and partitions, through the server's caches.
//! Cheap enough to be asked while the planner runs.

use std::ffi::{CStr, CString};

use pgrx::{PgList, pg_sys};

use super::index_definition::IndexKey;

/// Type, type modifier and collation of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ColumnType {
    /// `pg_type.oid`.
    pub(crate) oid: pg_sys::Oid,
    /// `atttypmod`.
    pub(crate) modifier: i32,
    /// `attcollation`.
    pub(crate) collation: pg_sys::Oid,
}

/// How values of a type are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TypeStorage {
    /// Length in bytes, negative for variable length.
    pub(crate) length: i16,
    /// Alignment in bytes.
    pub(crate) align: usize,
    /// Width to assume without statistics.
    pub(crate) average_width: f64,
}

/// What `pg_statistic` says of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ColumnStatistics {
    /// Average stored width in bytes of a value that is not null.
    pub(crate) width: f64,
    /// Share of nulls, 0 to 1.
    pub(crate) null_fraction: f64,
    /// Distinct values that are not null: a count, or minus a share of the rows
    /// (`stadistinct`); 0 when unknown.
    pub(crate) distinct: f64,
}

impl ColumnStatistics {
    /// Distinct values among `rows` rows, at least 1; all different where nothing is known.
    pub(crate) fn distinct_of(&self, rows: f64) -> f64 {
        let distinct = match self.distinct {
            d if d > 0.0 => d,
            d if d < 0.0 => -d * rows,
            _ => rows,
        };
        distinct.clamp(1.0, rows.max(1.0))
    }
}

/// The type of a column, or `None` when there is no such column (any more).
pub(crate) fn column_type(table: pg_sys::Oid, attribute: i16) -> Option<ColumnType> {
    // SAFETY: a syscache look-up; the tuple is released before returning, and its fixed part
    // is a FormData_pg_attribute.
    unsafe {
        let tuple = pg_sys::SearchSysCache2(
            pg_sys::SysCacheIdentifier::ATTNUM as _,
            pg_sys::Datum::from(table),
            pg_sys::Datum::from(attribute),
        );
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_attribute>();
        let column = (!(*form).attisdropped).then_some(ColumnType {
            oid: (*form).atttypid,
            modifier: (*form).atttypmod,
            collation: (*form).attcollation,
        });
        pg_sys::ReleaseSysCache(tuple);
        column
    }
}

/// Whether the type, operator class and collation of a key still exist.
pub(crate) fn key_dependencies_exist(key: &IndexKey) -> bool {
    use pg_sys::SysCacheIdentifier::{CLAOID, COLLOID, TYPEOID};
    let exists = |cache, oid: pg_sys::Oid| {
        // SAFETY: a syscache look-up by OID, in caches with one key.
        oid == pg_sys::InvalidOid
            || unsafe {
                let none = pg_sys::Datum::from(0);
                pg_sys::SearchSysCacheExists(cache, pg_sys::Datum::from(oid), none, none, none)
            }
    };
    exists(TYPEOID as _, key.column_type)
        && exists(CLAOID as _, key.operator_class)
        && exists(COLLOID as _, key.collation)
}

/// Storage facts of a type; a domain has those of its base type.
pub(crate) fn type_storage(type_oid: pg_sys::Oid, modifier: i32) -> TypeStorage {
    let (mut length, mut by_value, mut align) = (0_i16, false, 0 as std::ffi::c_char);
    // SAFETY: the out-pointers are valid; the type exists as a column or expression has it.
    unsafe {
        pg_sys::get_typlenbyvalalign(type_oid, &mut length, &mut by_value, &mut align);
        TypeStorage {
            length,
            align: match align as u8 {
                b'd' => 8,
                b'i' => 4,
                b's' => 2,
                _ => 1,
            },
            average_width: f64::from(pg_sys::get_typavgwidth(type_oid, modifier)),
        }
    }
}

/// Whether values of a type are passed by value.
pub(crate) fn is_by_value(type_oid: pg_sys::Oid) -> bool {
    // SAFETY: a syscache look-up of a type that exists.
    unsafe { pg_sys::get_typbyval(type_oid) }
}

/// Statistics of a column, if it was ever analysed: its own, or those of the whole tree for a
/// partitioned table, which holds no rows itself.
pub(crate) fn column_statistics(table: pg_sys::Oid, attribute: i16) -> Option<ColumnStatistics> {
    statistics_row(table, attribute, false).or_else(|| statistics_row(table, attribute, true))
}

fn statistics_row(table: pg_sys::Oid, attribute: i16, inherited: bool) -> Option<ColumnStatistics> {
    // SAFETY: a syscache look-up; the tuple's fixed part is a FormData_pg_statistic.
    unsafe {
        let tuple = pg_sys::SearchSysCache3(
            pg_sys::SysCacheIdentifier::STATRELATTINH as _,
            pg_sys::Datum::from(table),
            pg_sys::Datum::from(attribute),
            pg_sys::Datum::from(inherited),
        );
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_statistic>();
        let statistics = ColumnStatistics {
            width: f64::from((*form).stawidth),
            null_fraction: f64::from((*form).stanullfrac),
            distinct: f64::from((*form).stadistinct),
        };
        pg_sys::ReleaseSysCache(tuple);
        Some(statistics)
    }
}

/// Average stored width of a column's values, by statistics or else by type.
pub(crate) fn average_width(table: pg_sys::Oid, attribute: i16) -> f64 {
    (column_statistics(table, attribute).map(|statistics| statistics.width))
        .or_else(|| {
            let column = column_type(table, attribute)?;
            Some(type_storage(column.oid, column.modifier).average_width)
        })
        .unwrap_or_default()
}

/// `BTEQUALIMAGE_PROC` of nbtree.h.
const BTREE_EQUAL_IMAGE_FUNCTION: i16 = 4;

/// Whether equal values of a key always have equal bytes, so that B-trees may deduplicate them:
/// what the operator class' support function 4 says.
pub(crate) fn equal_image(
    family: pg_sys::Oid,
    input_type: pg_sys::Oid,
    collation: pg_sys::Oid,
) -> bool {
    // SAFETY: support function 4 of a B-tree family takes the type's OID and returns bool.
    unsafe {
        let function =
            pg_sys::get_opfamily_proc(family, input_type, input_type, BTREE_EQUAL_IMAGE_FUNCTION);
        function != pg_sys::InvalidOid
            && pg_sys::OidFunctionCall1Coll(function, collation, pg_sys::Datum::from(input_type))
                .value()
                != 0
    }
}

/// The attribute numbers in `partition` of the columns of `ancestor`, by position (0 for
/// dropped ones); `None` when `partition` is no partition of it.
pub(crate) fn partition_attributes(
    ancestor: pg_sys::Oid,
    partition: pg_sys::Oid,
) -> Option<Vec<i16>> {
    if !ancestors(partition).contains(&ancestor) {
        return None;
    }
    // SAFETY: syscache look-ups by OID and by name; get_attname returns a palloc'd C string.
    unsafe {
        let number = |attribute: i32| {
            let name = pg_sys::get_attname(ancestor, attribute as i16, true);
            if name.is_null() || column_type(ancestor, attribute as i16).is_none() {
                return 0;
            }
            pg_sys::get_attnum(partition, name)
        };
        Some((1..=column_count(ancestor)).map(number).collect())
    }
}

/// Columns a relation has ever had (`relnatts`).
fn column_count(relation: pg_sys::Oid) -> i32 {
    // SAFETY: a syscache look-up; the tuple's fixed part is a FormData_pg_class.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::RELOID as _,
            pg_sys::Datum::from(relation),
        );
        if tuple.is_null() {
            return 0;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
        let count = i32::from((*form).relnatts);
        pg_sys::ReleaseSysCache(tuple);
        count
    }
}

/// The partitioned tables above a partition, nearest first; empty for other relations.
pub(crate) fn ancestors(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    unsafe extern "C-unwind" {
        fn get_partition_ancestors(relid: pg_sys::Oid) -> *mut pg_sys::List;
    }
    // SAFETY: the server's function (catalog/partition.h) returns a palloc'd list of OIDs.
    unsafe {
        if !pg_sys::get_rel_relispartition(relation) {
            return Vec::new();
        }
        PgList::<pg_sys::Oid>::from_pg(pg_sys::ffi::pg_guard_ffi_boundary(|| {
            get_partition_ancestors(relation)
        }))
        .iter_oid()
        .collect()
    }
}

/// The relations that hold the rows: the leaf partitions of a partitioned table, else itself.
pub(crate) fn leaf_relations(table: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    with_descendants(table)
        .into_iter()
        .filter(|&relation| matches!(relation_kind(relation), Some(b'r' | b'm')))
        .collect()
}

/// A table and, if it is a partitioned one, every partition below it.
pub(crate) fn with_partitions(table: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    with_descendants(table)
}

/// An index and, if it is a partitioned one, every index attached below it.
pub(crate) fn with_attached(index: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    with_descendants(index)
}

/// A partitioned table or index with everything below it; other relations alone.
fn with_descendants(relation: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    unsafe extern "C-unwind" {
        fn find_all_inheritors(
            parent: pg_sys::Oid,
            lockmode: pg_sys::LOCKMODE,
            parents: *mut *mut pg_sys::List,
        ) -> *mut pg_sys::List;
    }
    if !matches!(relation_kind(relation), Some(b'p' | b'I')) {
        return vec![relation];
    }
    // SAFETY: the server's function (catalog/pg_inherits.h); no list of parents is wanted.
    unsafe {
        let list = pg_sys::ffi::pg_guard_ffi_boundary(|| {
            find_all_inheritors(relation, pg_sys::NoLock as i32, std::ptr::null_mut())
        });
        PgList::<pg_sys::Oid>::from_pg(list).iter_oid().collect()
    }
}

/// The name of a schema.
pub(crate) fn schema_name(schema: pg_sys::Oid) -> Option<String> {
    // SAFETY: a look-up that returns null for what is not there.
    unsafe { owned(pg_sys::get_namespace_name(schema)) }
}

/// The unqualified name of a type.
pub(crate) fn type_name(type_oid: pg_sys::Oid) -> Option<String> {
    // SAFETY: a syscache look-up; the tuple's fixed part is a FormData_pg_type.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::TYPEOID as _,
            pg_sys::Datum::from(type_oid),
        );
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
        let name = CStr::from_ptr((*form).typname.data.as_ptr())
            .to_string_lossy()
            .into_owned();
        pg_sys::ReleaseSysCache(tuple);
        Some(name)
    }
}

/// How long ago the current database was created, restored or copied to this machine, by the
/// file that `CREATE DATABASE` writes and nothing changes afterwards.
pub(crate) fn database_age() -> Option<std::time::Duration> {
    // SAFETY: plain variables of the backend; the path is palloc'd text, relative to the data
    // directory, which is the working directory.
    let directory = unsafe {
        owned(pg_sys::GetDatabasePath(
            pg_sys::MyDatabaseId,
            pg_sys::MyDatabaseTableSpace,
        ))?
    };
    let file = std::fs::metadata(format!("{directory}/PG_VERSION")).ok()?;
    file.modified().ok()?.elapsed().ok()
}

/// The unqualified name of a relation.
pub(crate) fn relation_name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: get_rel_name returns null or a palloc'd C string.
    unsafe { owned(pg_sys::get_rel_name(relation)) }
}

/// The schema of a relation.
pub(crate) fn relation_schema(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: both functions are look-ups that return null or InvalidOid for what is not there.
    unsafe {
        owned(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(
            relation,
        )))
    }
}

/// The relation's `relkind`, or `None` when there is no such relation.
pub(crate) fn relation_kind(relation: pg_sys::Oid) -> Option<u8> {
    // SAFETY: a look-up that returns 0 for what is not there.
    let kind = unsafe { pg_sys::get_rel_relkind(relation) } as u8;
    (kind != 0).then_some(kind)
}

/// Schema and name, quoted as SQL needs it.
pub(crate) fn qualified_name(relation: pg_sys::Oid) -> Option<String> {
    let (schema, name) = (relation_schema(relation)?, relation_name(relation)?);
    Some(format!("{}.{}", quote(&schema), quote(&name)))
}

/// `identifier` in double quotes where SQL needs them.
pub(crate) fn quote(identifier: &str) -> String {
    let Ok(text) = CString::new(identifier) else {
        return String::new();
    };
    // SAFETY: quote_identifier returns its argument or a palloc'd C string.
    unsafe {
        CStr::from_ptr(pg_sys::quote_identifier(text.as_ptr()))
            .to_string_lossy()
            .into_owned()
    }
}

/// # Safety
/// `text` must be null or a C string.
unsafe fn owned(text: *const std::ffi::c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: see above.
    Some(
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned(),
    )
}

/// Whether pgopt is installed in this database. Needs a transaction.
pub(crate) fn has_pgopt() -> bool {
    // SAFETY: a look-up by a constant name.
    unsafe { pg_sys::get_extension_oid(c"pgopt".as_ptr(), true) != pg_sys::InvalidOid }
}
