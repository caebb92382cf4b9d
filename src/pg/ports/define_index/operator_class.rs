//! Operator classes of the keys: what they store, and what they accept.

use std::ffi::CString;

use pgrx::{FromDatum, PgSqlErrorCode, pg_sys};

use super::access_method::AccessMethod;
use super::columns::Column;
use super::text;
use crate::error::{Error, Result};

/// What the checks need of a `pg_opclass` row.
pub(super) struct OperatorClass {
    pub(super) oid: pg_sys::Oid,
    pub(super) family: pg_sys::Oid,
    pub(super) input_type: pg_sys::Oid,
    key_type: pg_sys::Oid,
    name: String,
}

impl OperatorClass {
    /// The class of an `INCLUDE` column.
    pub(super) const fn none() -> Self {
        Self {
            oid: pg_sys::InvalidOid,
            family: pg_sys::InvalidOid,
            input_type: pg_sys::InvalidOid,
            key_type: pg_sys::InvalidOid,
            name: String::new(),
        }
    }

    pub(super) fn read(oid: pg_sys::Oid) -> Result<Self> {
        // SAFETY: a lookup by OID; the row is read before it is released.
        unsafe {
            let tuple = pg_sys::SearchSysCache1(
                pg_sys::SysCacheIdentifier::CLAOID as i32,
                pg_sys::Datum::from(oid),
            );
            if tuple.is_null() {
                return Err(lookup_failed("opclass", oid));
            }
            let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_opclass>();
            let class = Self {
                oid,
                family: (*form).opcfamily,
                input_type: (*form).opcintype,
                key_type: (*form).opckeytype,
                name: text((*form).opcname.data.as_ptr()),
            };
            pg_sys::ReleaseSysCache(tuple);
            Ok(class)
        }
    }
}

fn lookup_failed(what: &str, oid: pg_sys::Oid) -> Error {
    Error::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        format!("cache lookup failed for {what} {}", oid.to_u32()),
    )
}

/// `text_pattern_ops` and its kin compare for equality with operators that a nondeterministic
/// collation changes. Follows `index_create` (`catalog/index.c`).
pub(super) fn check_pattern_classes(keys: &[Column]) -> Result<()> {
    let pattern_classes = [
        pg_sys::TEXT_BTREE_PATTERN_OPS_OID,
        pg_sys::VARCHAR_BTREE_PATTERN_OPS_OID,
        pg_sys::BPCHAR_BTREE_PATTERN_OPS_OID,
    ];
    for key in keys {
        if key.collation == pg_sys::InvalidOid || !pattern_classes.contains(&key.class.oid) {
            continue;
        }
        // SAFETY: a catalog lookup by OID.
        if !unsafe { pg_sys::get_collation_isdeterministic(key.collation) } {
            return Err(Error::unsupported(format!(
                "nondeterministic collations are not supported for operator class \"{}\"",
                key.class.name
            )));
        }
    }
    Ok(())
}

/// The type stored for each key where it is not the column's, else `InvalidOid`. Follows
/// `ConstructTupleDescriptor` (`catalog/index.c`), with its check of expression types.
pub(super) fn compute_stored_types(
    method: &AccessMethod,
    keys: &[Column],
    names: &[CString],
) -> Result<Vec<pg_sys::Oid>> {
    keys.iter()
        .zip(names)
        .map(|(key, name)| {
            if !key.expression.is_null() {
                // SAFETY: the name is terminated; no row type contains the index's column.
                unsafe {
                    pg_sys::CheckAttributeType(
                        name.as_ptr(),
                        key.column_type,
                        key.collation,
                        std::ptr::null_mut(),
                        0,
                    );
                }
            }
            stored_type(method, key)
        })
        .collect()
}

fn stored_type(method: &AccessMethod, key: &Column) -> Result<pg_sys::Oid> {
    let mut stored = method.key_type;
    if key.class.key_type != pg_sys::InvalidOid {
        stored = key.class.key_type;
    }
    if stored == pg_sys::ANYELEMENTOID && key.class.input_type == pg_sys::ANYARRAYOID {
        // SAFETY: a catalog lookup by OID.
        stored = unsafe { pg_sys::get_base_element_type(key.column_type) };
        if stored == pg_sys::InvalidOid {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
                format!(
                    "could not get element type of array type {}",
                    key.column_type.to_u32()
                ),
            ));
        }
    }
    if stored == key.column_type {
        stored = pg_sys::InvalidOid;
    }
    Ok(stored)
}

/// Checks the options given to operator classes, if there are any. Follows `index_create`
/// (`catalog/index.c`) and `index_opclass_options` (`access/index/indexam.c`), which reads what
/// is known here from the index that the dry run does not make.
pub(super) fn check_class_options(method: &AccessMethod, keys: &[Column]) -> Result<()> {
    if keys.iter().all(|key| key.class_options.is_null()) {
        return Ok(());
    }
    for key in keys {
        index_opclass_options(method, key)?;
    }
    Ok(())
}

fn index_opclass_options(method: &AccessMethod, key: &Column) -> Result<()> {
    let mut describe = pg_sys::InvalidOid;
    if method.class_options_function != 0 {
        // SAFETY: a catalog lookup by OIDs.
        describe = unsafe {
            pg_sys::get_opfamily_proc(
                key.class.family,
                key.class.input_type,
                key.class.input_type,
                method.class_options_function as i16,
            )
        };
    }
    if describe == pg_sys::InvalidOid {
        if key.class_options.is_null() {
            return Ok(());
        }
        // SAFETY: a catalog lookup by OID; the result is a terminated string.
        let name = text(unsafe { pg_sys::generate_opclass_name(key.class.oid) });
        return Err(Error::invalid_parameter(format!(
            "operator class {name} has no options"
        )));
    }
    let mut described = pg_sys::local_relopts::default();
    // SAFETY: the support function fills the struct it is passed, which outlives all three calls.
    unsafe {
        pg_sys::init_local_reloptions(&mut described, 0);
        pg_sys::OidFunctionCall1Coll(
            describe,
            pg_sys::InvalidOid,
            pg_sys::Datum::from(&raw mut described),
        );
        pg_sys::build_local_reloptions(&mut described, key.class_options, true);
    }
    Ok(())
}

/// The options given to the operator class of a key, each as `name=value`.
pub(super) fn options_given(key: &Column) -> Vec<String> {
    // SAFETY: a zero datum (none given), or the text array that transformRelOptions made.
    unsafe { Vec::<String>::from_datum(key.class_options, key.class_options.is_null()) }
        .unwrap_or_default()
}
