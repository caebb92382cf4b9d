//! How the values of a column are ordered: by their collation, and along the table.

use std::ffi::CStr;

use pgrx::pg_sys;

use super::catalog::{leaf_relations, partition_attributes, relation_kind};
use super::statistic_slots::{Slot, numbers};

/// How far the values of a column follow the order of the rows in the table: 1 when they ascend
/// as the rows do, -1 when they descend, 0 when there is no relation. Of partitions the one that
/// follows least counts.
pub(crate) fn correlation(table: pg_sys::Oid, attribute: i16) -> Option<f64> {
    if relation_kind(table) != Some(b'p') {
        return correlation_in(table, attribute);
    }
    let mut least: Option<f64> = None;
    for leaf in leaf_relations(table) {
        let position = usize::try_from(attribute).ok()?.checked_sub(1)?;
        let attribute = partition_attributes(table, leaf)?.get(position).copied()?;
        // Nothing is known of an empty partition, and nothing need be.
        let Some(found) = correlation_in(leaf, attribute) else {
            continue;
        };
        if least.is_none_or(|least: f64| found.abs() < least.abs()) {
            least = Some(found);
        }
    }
    least
}

fn correlation_in(table: pg_sys::Oid, attribute: i16) -> Option<f64> {
    numbers(table, attribute, Slot::Correlation)
        .first()
        .copied()
}

/// Whether texts under a collation are compared byte by byte, so that those that begin alike are
/// neighbours.
pub(crate) fn compares_bytes(collation: pg_sys::Oid) -> bool {
    use pg_sys::SysCacheIdentifier::{COLLOID, DATABASEOID};
    match collation {
        pg_sys::InvalidOid => false,
        // SAFETY: the caches' own attributes; the tuples' fixed parts are the structs named.
        pg_sys::DEFAULT_COLLATION_OID => unsafe {
            named_c(
                DATABASEOID as _,
                pg_sys::MyDatabaseId,
                pg_sys::Anum_pg_database_datcollate as _,
                |form| (*form.cast::<pg_sys::FormData_pg_database>()).datlocprovider as u8,
            )
        },
        // SAFETY: as above.
        _ => unsafe {
            named_c(
                COLLOID as _,
                collation,
                pg_sys::Anum_pg_collation_collcollate as _,
                |form| (*form.cast::<pg_sys::FormData_pg_collation>()).collprovider as u8,
            )
        },
    }
}

/// Whether the locale of a collation or database is C: the C library's of that name, or one that
/// is built in, of which all compare bytes.
///
/// # Safety
/// `locale` must be a text attribute of the cache's tuples, and `provider` read their fixed part.
unsafe fn named_c(
    cache: i32,
    oid: pg_sys::Oid,
    locale: i16,
    provider: impl Fn(*mut core::ffi::c_char) -> u8,
) -> bool {
    // SAFETY: see above; the text is copied before the tuple is released.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(oid));
        if tuple.is_null() {
            return false;
        }
        let provider = provider(pg_sys::GETSTRUCT(tuple).cast());
        let mut null = false;
        let datum = pg_sys::SysCacheGetAttr(cache, tuple, locale, &mut null);
        let name = match null {
            true => None,
            false => Some(CStr::from_ptr(pg_sys::text_to_cstring(datum.cast_mut_ptr())).to_owned()),
        };
        pg_sys::ReleaseSysCache(tuple);
        provider == b'b'
            || provider == b'c'
                && (name.as_deref() == Some(c"C") || name.as_deref() == Some(c"POSIX"))
    }
}
