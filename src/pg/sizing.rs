//! What the sizes of indexes depend on beyond statistics: options, settings, the largest partition.

use pgrx::{FromDatum, pg_sys};

use super::catalog::leaf_relations;

/// Bytes of memory that an index build may use.
pub(crate) fn maintenance_memory() -> f64 {
    // SAFETY: a plain setting of this process, in kilobytes.
    f64::from(unsafe { pg_sys::maintenance_work_mem }) * 1024.0
}

/// Of the relations that hold the rows, the one that had most pages when they were last counted.
pub(crate) fn largest_leaf(table: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // An OID decides between equals, so that it is always the same.
    (leaf_relations(table).into_iter()).max_by_key(|leaf| (pages_counted(*leaf), leaf.to_u32()))
}

/// `relpages` of a relation.
fn pages_counted(relation: pg_sys::Oid) -> i32 {
    // SAFETY: a syscache look-up; the tuple's fixed part is a FormData_pg_class.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::RELOID;
        let tuple = pg_sys::SearchSysCache1(cache as _, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return 0;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
        let pages = (*form).relpages;
        pg_sys::ReleaseSysCache(tuple);
        pages
    }
}

/// The type of the elements of an array type or of a domain over one.
pub(crate) fn element_type(type_oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a catalog look-up by OID.
    let element = unsafe { pg_sys::get_base_element_type(type_oid) };
    (element != pg_sys::InvalidOid).then_some(element)
}

/// The storage parameters of a relation, each as `name=value`.
pub(crate) fn relation_options(relation: pg_sys::Oid) -> Vec<String> {
    // SAFETY: a syscache look-up; the array is copied before the tuple is released.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::RELOID;
        let tuple = pg_sys::SearchSysCache1(cache as _, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return Vec::new();
        }
        let mut null = false;
        let attribute = pg_sys::Anum_pg_class_reloptions as i16;
        let options = pg_sys::SysCacheGetAttr(cache as _, tuple, attribute, &mut null);
        let options = Vec::<String>::from_datum(options, null).unwrap_or_default();
        pg_sys::ReleaseSysCache(tuple);
        options
    }
}
