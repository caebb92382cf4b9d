//! What an operator class says of the index it would be used in, asked without there being one.
//!
//! Support functions belong to operator classes, which only superusers make.

use pgrx::{IntoDatum, pg_sys};

use super::index_definition::IndexKey;

/// `SPGIST_CONFIG_PROC` of spgist.h.
const SPGIST_CONFIG_FUNCTION: u32 = 1;

/// `spgConfigIn` of spgist.h, which the bindings leave out.
#[repr(C)]
struct SpgistConfigIn {
    attribute_type: pg_sys::Oid,
}

/// `spgConfigOut` of the same header.
#[repr(C)]
#[derive(Default)]
struct SpgistConfigOut {
    prefix_type: pg_sys::Oid,
    label_type: pg_sys::Oid,
    leaf_type: pg_sys::Oid,
    can_return_data: bool,
    long_values_ok: bool,
}

/// How an SP-GiST operator class stores its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpgistConfig {
    /// Type of the values in leaves.
    pub(crate) leaf_type: pg_sys::Oid,
    /// Whether inner tuples have a label per node, as the trees over text have.
    pub(crate) labelled: bool,
    /// Whether the indexed value can be had from the index.
    pub(crate) can_return: bool,
}

/// Support function `number` of the class of a key, if it has one.
pub(crate) fn support_function(key: &IndexKey, number: u32) -> Option<pg_sys::Oid> {
    // SAFETY: a catalog look-up by OIDs.
    let function = unsafe {
        pg_sys::get_opfamily_proc(
            key.operator_family,
            key.input_type,
            key.input_type,
            number as i16,
        )
    };
    (function != pg_sys::InvalidOid).then_some(function)
}

/// Whether an index of this access method can return the value of a key column.
pub(crate) fn can_return(access_method: pg_sys::Oid, key: &IndexKey) -> bool {
    match access_method {
        pg_sys::BTREE_AM_OID => true,
        // What is stored as it is, and what the class knows to restore.
        pg_sys::GIST_AM_OID => {
            support_function(key, pg_sys::GIST_FETCH_PROC).is_some()
                || support_function(key, pg_sys::GIST_COMPRESS_PROC).is_none()
        }
        pg_sys::SPGIST_AM_OID => spgist_config(key).is_some_and(|config| config.can_return),
        _ => false,
    }
}

/// What the operator class of an SP-GiST index says of its storage.
pub(crate) fn spgist_config(key: &IndexKey) -> Option<SpgistConfig> {
    let function = support_function(key, SPGIST_CONFIG_FUNCTION)?;
    let mut given = SpgistConfigIn {
        attribute_type: indexed_type(key),
    };
    let mut told = SpgistConfigOut::default();
    // SAFETY: support function 1 of SP-GiST takes these two structs and fills the second.
    unsafe {
        pg_sys::OidFunctionCall2Coll(
            function,
            key.collation,
            pg_sys::Datum::from(&raw mut given),
            pg_sys::Datum::from(&raw mut told),
        );
    }
    let leaf_type = match told.leaf_type {
        pg_sys::InvalidOid => given.attribute_type,
        leaf_type => leaf_type,
    };
    Some(SpgistConfig {
        leaf_type,
        labelled: told.label_type != pg_sys::InvalidOid && told.label_type != pg_sys::VOIDOID,
        can_return: told.can_return_data,
    })
}

/// The type a class is given: its own input type, or that of the column when it takes any.
fn indexed_type(key: &IndexKey) -> pg_sys::Oid {
    // SAFETY: a catalog look-up by OID; a domain has a base type.
    let polymorphic = unsafe { pg_sys::get_typtype(key.input_type) } as u8 == b'p';
    if !polymorphic {
        return key.input_type;
    }
    // SAFETY: as above.
    unsafe { pg_sys::getBaseType(key.column_type) }
}

/// The options of a key's class as its support functions read them; null when the class has none
/// at all. In the current memory context.
pub(crate) fn parsed_options(access_method: pg_sys::Oid, key: &IndexKey) -> *mut pg_sys::bytea {
    // SAFETY: the access method exists; the function fills the struct that it is passed.
    unsafe {
        let number = (*pg_sys::GetIndexAmRoutineByAmId(access_method, false)).amoptsprocnum;
        let function = match number {
            0 => None,
            number => support_function(key, number.into()),
        };
        let Some(function) = function else {
            return std::ptr::null_mut();
        };
        let given = if key.class_options.is_empty() {
            pg_sys::Datum::from(0)
        } else {
            (key.class_options.clone().into_datum()).unwrap_or(pg_sys::Datum::from(0))
        };
        let mut described = pg_sys::local_relopts::default();
        pg_sys::init_local_reloptions(&mut described, 0);
        pg_sys::OidFunctionCall1Coll(
            function,
            pg_sys::InvalidOid,
            pg_sys::Datum::from(&raw mut described),
        );
        pg_sys::build_local_reloptions(&mut described, given, false).cast()
    }
}

/// A support function ready to be called, with the options of its class, which may be null.
///
/// # Safety
/// The options must live as long as the calls.
pub(super) unsafe fn callable(
    function: pg_sys::Oid,
    options: *mut pg_sys::bytea,
) -> pg_sys::FmgrInfo {
    let mut call = pg_sys::FmgrInfo::default();
    // SAFETY: the look-up entry is filled; what it points to lives in the current context.
    unsafe {
        pg_sys::fmgr_info(function, &mut call);
        if !options.is_null() {
            pg_sys::set_fn_opclass_options(&mut call, options);
        }
    }
    call
}

/// The name of an operator class.
pub(crate) fn class_name(class: pg_sys::Oid) -> Option<String> {
    // SAFETY: a catalog look-up by OID; the name is copied before the row is released.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::CLAOID as i32,
            pg_sys::Datum::from(class),
        );
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_opclass>();
        let name = std::ffi::CStr::from_ptr((*form).opcname.data.as_ptr())
            .to_string_lossy()
            .into_owned();
        pg_sys::ReleaseSysCache(tuple);
        Some(name)
    }
}
