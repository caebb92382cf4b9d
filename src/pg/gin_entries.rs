//! The entries that a GIN operator class takes out of sampled values.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use pgrx::pg_sys;

use super::index_definition::IndexKey;
use super::memory::OwnedContext;
use super::{catalog, operator_class};

/// Entries beyond which no more values are looked at.
const MAX_ITEMS: u32 = 400_000;

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CountedEntries {
    /// Values that were looked at, NULLs left aside.
    pub(crate) values: u32,
    /// Those without any entry, which get a placeholder.
    pub(crate) empty: u32,
    /// The entries that were found: in how many of the values, the size as stored, and how many
    /// entries that is true of.
    pub(crate) entries: Vec<(u32, u32, u32)>,
}

/// Counts the entries of `values`; those that time does not allow are left out.
pub(super) fn count(
    access_method: pg_sys::Oid,
    key: &IndexKey,
    values: impl Iterator<Item = pg_sys::Datum>,
    end: Instant,
) -> Option<CountedEntries> {
    let function = operator_class::support_function(key, pg_sys::GIN_EXTRACTVALUE_PROC)?;
    let stored = match key.stored_type {
        pg_sys::InvalidOid => key.column_type,
        stored => stored,
    };
    let kind = catalog::type_storage(stored, -1);
    let by_value = catalog::is_by_value(stored);
    let collation = match key.collation {
        pg_sys::InvalidOid => pg_sys::DEFAULT_COLLATION_OID,
        collation => collation,
    };
    let options = operator_class::parsed_options(access_method, key);
    // SAFETY: the options live in the current context.
    let mut call = unsafe { operator_class::callable(function, options) };
    let mut counted = CountedEntries::default();
    let mut found: HashMap<u64, (u32, u32)> = HashMap::new();
    let mut items = 0_u32;
    for value in values {
        pgrx::check_for_interrupts!();
        if items >= MAX_ITEMS || Instant::now() >= end {
            break;
        }
        let context = OwnedContext::small();
        // SAFETY: support function 2 of a GIN class takes a value of its input type.
        let mut entries = context.enter(|| unsafe {
            extract(&mut call, collation, value)
                .into_iter()
                .map(|entry| image(entry, kind.length, by_value))
                .collect::<Vec<_>>()
        });
        entries.sort_unstable();
        entries.dedup_by_key(|(hash, _)| *hash);
        counted.values += 1;
        counted.empty += u32::from(entries.is_empty());
        for (hash, size) in entries {
            items = items.saturating_add(1);
            found.entry(hash).or_insert((0, size)).0 += 1;
        }
    }
    // Most are alike: this is kept as long as the index.
    let mut alike: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for entry in found.into_values() {
        *alike.entry(entry).or_default() += 1;
    }
    counted.entries = (alike.into_iter())
        .map(|((count, size), entries)| (count, size, entries))
        .collect();
    Some(counted)
}

/// # Safety
/// `call` must be the `extractValue` function of a GIN operator class, `value` of its input type.
unsafe fn extract(
    call: &mut pg_sys::FmgrInfo,
    collation: pg_sys::Oid,
    value: pg_sys::Datum,
) -> Vec<Option<pg_sys::Datum>> {
    let (mut count, mut nulls) = (0_i32, std::ptr::null_mut::<bool>());
    // SAFETY: see above; the result has `count` entries, and so has `nulls` unless it is null.
    unsafe {
        let result = pg_sys::FunctionCall3Coll(
            call,
            collation,
            value,
            pg_sys::Datum::from(&raw mut count),
            pg_sys::Datum::from(&raw mut nulls),
        );
        let entries = result.cast_mut_ptr::<pg_sys::Datum>();
        if entries.is_null() {
            return Vec::new();
        }
        (0..usize::try_from(count).unwrap_or(0))
            .map(|number| {
                let null = !nulls.is_null() && *nulls.add(number);
                (!null).then(|| *entries.add(number))
            })
            .collect()
    }
}

/// A hash of an entry's bytes, and its size as stored. Entries that are equal without being the
/// same bytes are rare enough.
///
/// # Safety
/// The entry must be of a type of that length.
unsafe fn image(entry: Option<pg_sys::Datum>, length: i16, by_value: bool) -> (u64, u32) {
    let mut hasher = DefaultHasher::new();
    let Some(entry) = entry else {
        u64::MAX.hash(&mut hasher);
        return (hasher.finish(), 0);
    };
    if by_value {
        entry.value().hash(&mut hasher);
        return (hasher.finish(), u32::from(length.unsigned_abs()));
    }
    // SAFETY: see above; a varlena is taken out of line or decompressed if need be.
    unsafe {
        let (bytes, header) = match length {
            -1 => {
                let plain = pg_sys::pg_detoast_datum_packed(entry.cast_mut_ptr());
                let size = pgrx::varsize_any_exhdr(plain);
                let header = if size < 127 { 1 } else { 4 };
                (
                    std::slice::from_raw_parts(pgrx::vardata_any(plain).cast::<u8>(), size),
                    header,
                )
            }
            -2 => {
                let text = std::ffi::CStr::from_ptr(entry.cast_mut_ptr());
                (text.to_bytes_with_nul(), 0)
            }
            length => {
                let size = usize::from(length.unsigned_abs());
                (
                    std::slice::from_raw_parts(entry.cast_mut_ptr::<u8>().cast_const(), size),
                    0,
                )
            }
        };
        bytes.hash(&mut hasher);
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        (hasher.finish(), size.saturating_add(header))
    }
}
