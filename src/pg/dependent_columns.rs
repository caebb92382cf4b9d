//! What `CREATE STATISTICS` knows of the number of distinct combinations of columns.

use pgrx::{PgList, pg_sys};

/// `MVNDistinctItem` of statistics.h, which the bindings of 18 leave out.
#[repr(C)]
struct DistinctItem {
    distinct: f64,
    attribute_count: std::ffi::c_int,
    attributes: *const i16,
}

/// `MVNDistinct` of the same header, followed by its items.
#[repr(C)]
struct DistinctCounts {
    magic: u32,
    kind: u32,
    item_count: u32,
    items: [DistinctItem; 0],
}

unsafe extern "C-unwind" {
    fn statext_is_kind_built(tuple: pg_sys::HeapTuple, kind: std::ffi::c_char) -> bool;
    fn statext_ndistinct_load(object: pg_sys::Oid, inherited: bool) -> *const DistinctCounts;
}

/// Columns whose distinct combinations were counted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CountedColumns {
    /// Attribute numbers.
    pub(crate) attributes: Vec<i16>,
    /// Distinct combinations in the whole table, NULL counting as a value.
    pub(crate) distinct: f64,
}

/// The most columns among `attributes` whose combinations extended statistics have counted.
pub(crate) fn counted_columns(table: pg_sys::Oid, attributes: &[i16]) -> Option<CountedColumns> {
    if attributes.len() < 2 {
        return None;
    }
    // Those of the rows of the relation itself, else of the whole tree.
    [false, true].into_iter().find_map(|inherited| {
        (statistics_objects(table).into_iter())
            .flat_map(|object| counts(object, inherited))
            .filter(|counted| {
                let within = |attribute| attributes.contains(attribute);
                counted.attributes.iter().all(within)
            })
            .max_by_key(|counted| counted.attributes.len())
    })
}

/// The statistics objects of a table that still exists.
fn statistics_objects(table: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    // SAFETY: the relation is opened with a lock and closed again; the list is copied.
    unsafe {
        let relation = pg_sys::try_relation_open(table, pg_sys::AccessShareLock as i32);
        if relation.is_null() {
            return Vec::new();
        }
        let objects = PgList::<pg_sys::Oid>::from_pg(pg_sys::RelationGetStatExtList(relation))
            .iter_oid()
            .collect();
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as i32);
        objects
    }
}

/// The combinations that a statistics object has counted, if `ANALYZE` has filled it.
fn counts(object: pg_sys::Oid, inherited: bool) -> Vec<CountedColumns> {
    /// `STATS_EXT_NDISTINCT` of pg_statistic_ext.h.
    const NDISTINCT: std::ffi::c_char = b'd' as std::ffi::c_char;
    // SAFETY: a syscache look-up, released before returning. The statistics are loaded only when
    // they are there; their arrays have the lengths that they give.
    unsafe {
        let tuple = pg_sys::SearchSysCache2(
            pg_sys::SysCacheIdentifier::STATEXTDATASTXOID as _,
            pg_sys::Datum::from(object),
            pg_sys::Datum::from(inherited),
        );
        if tuple.is_null() {
            return Vec::new();
        }
        let built = pg_sys::ffi::pg_guard_ffi_boundary(|| statext_is_kind_built(tuple, NDISTINCT));
        pg_sys::ReleaseSysCache(tuple);
        if !built {
            return Vec::new();
        }
        let loaded =
            pg_sys::ffi::pg_guard_ffi_boundary(|| statext_ndistinct_load(object, inherited));
        if loaded.is_null() {
            return Vec::new();
        }
        let items = std::slice::from_raw_parts(
            (&raw const (*loaded).items).cast::<DistinctItem>(),
            (*loaded).item_count as usize,
        );
        (items.iter())
            .map(|item| CountedColumns {
                attributes: std::slice::from_raw_parts(
                    item.attributes,
                    usize::try_from(item.attribute_count).unwrap_or(0),
                )
                .to_vec(),
                distinct: item.distinct,
            })
            .collect()
    }
}
