//! A real index that a hypothetical one would be a copy of.

use pgrx::{PgList, pg_sys};

use super::index_definition::IndexDefinition;
use super::sizing;

/// An index among `indexes` with the same definition as `info`, or null: a hypothetical twin never
/// looks better than the index that exists (which may be larger than a fresh one).
///
/// # Safety
/// `info` must be a complete `IndexOptInfo` of the relation that the indexes are of.
pub(super) unsafe fn find(
    indexes: *mut pg_sys::List,
    info: *mut pg_sys::IndexOptInfo,
    definition: &IndexDefinition,
) -> *mut pg_sys::IndexOptInfo {
    // Options of other access methods say what is stored, not only how densely.
    let options_matter = definition.access_method != pg_sys::BTREE_AM_OID;
    let same_options = |index: pg_sys::Oid| {
        !options_matter || same_options(&sizing::relation_options(index), definition)
    };
    // SAFETY: the list holds IndexOptInfo nodes.
    unsafe {
        PgList::<pg_sys::IndexOptInfo>::from_pg(indexes)
            .iter_ptr()
            .find(|real| {
                !(**real).hypothetical && same_shape(*real, info) && same_options((**real).indexoid)
            })
            .unwrap_or(std::ptr::null_mut())
    }
}

/// Whether two index nodes of one relation differ in nothing the planner could see but size.
///
/// # Safety
/// Both must be complete nodes of the same relation.
unsafe fn same_shape(a: *mut pg_sys::IndexOptInfo, b: *mut pg_sys::IndexOptInfo) -> bool {
    // SAFETY: the counts are compared before the arrays they bound.
    unsafe {
        let ((keys_a, all_a), (keys_b, all_b)) = (
            ((*a).nkeycolumns, (*a).ncolumns),
            ((*b).nkeycolumns, (*b).ncolumns),
        );
        (*a).relam == (*b).relam
            && (keys_a, all_a) == (keys_b, all_b)
            && same_array((*a).indexkeys, (*b).indexkeys, all_a)
            && same_array((*a).opfamily, (*b).opfamily, keys_a)
            && same_array((*a).indexcollations, (*b).indexcollations, keys_a)
            && same_array((*a).reverse_sort, (*b).reverse_sort, keys_a)
            && same_array((*a).nulls_first, (*b).nulls_first, keys_a)
            && same_class_options((*a).opclassoptions, (*b).opclassoptions, keys_a)
            && pg_sys::equal((*a).indexprs.cast(), (*b).indexprs.cast())
            && pg_sys::equal((*a).indpred.cast(), (*b).indpred.cast())
    }
}

/// Whether the operator classes of two indexes were given the same options.
///
/// # Safety
/// Each pointer must be null or point to `length` entries, each null or a plain varlena.
unsafe fn same_class_options(
    a: *mut *mut pg_sys::bytea,
    b: *mut *mut pg_sys::bytea,
    length: i32,
) -> bool {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: see above; options are made by the server with a four-byte header.
    unsafe {
        let bytes = |array: *mut *mut pg_sys::bytea, position: usize| -> &[u8] {
            let entry = if array.is_null() {
                std::ptr::null_mut()
            } else {
                *array.add(position)
            };
            if entry.is_null() {
                return &[];
            }
            std::slice::from_raw_parts(entry.cast::<u8>(), pgrx::varsize_any(entry))
        };
        (0..length).all(|position| bytes(a, position) == bytes(b, position))
    }
}

/// Whether an index with these storage parameters has those of the definition.
fn same_options(real: &[String], definition: &IndexDefinition) -> bool {
    let wanted = (definition.options.iter()).map(|(name, value)| format!("{name}={value}"));
    real.len() == definition.options.len() && wanted.eq(real.iter().cloned())
}

/// # Safety
/// Each pointer must be null or point to `length` values.
unsafe fn same_array<T: PartialEq>(a: *const T, b: *const T, length: i32) -> bool {
    if a.is_null() || b.is_null() {
        return a.is_null() == b.is_null();
    }
    // SAFETY: see above.
    unsafe {
        let length = usize::try_from(length).unwrap_or(0);
        std::slice::from_raw_parts(a, length) == std::slice::from_raw_parts(b, length)
    }
}
