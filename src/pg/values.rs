//! Values of built-in types, taken from an execution and shown or used later.

use std::ffi::CStr;

use pgrx::pg_sys;

/// How values of a type are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layout {
    /// Passed by value, with this many bytes.
    Word(usize),
    /// Passed by reference, with this many bytes.
    Fixed(usize),
    /// Behind a header with its length.
    Varlena,
    /// Ended by a zero byte.
    Text,
}

/// The layout of a type whose values are kept: built in, and whole in themselves. A record is
/// not: what its bytes mean, the session knows that made it. Nor is `anyarray`, whose elements
/// may be records. A table and no look at the catalogs, as that could wait and fail.
pub(crate) fn layout(type_oid: u32) -> Option<Layout> {
    Some(match type_oid {
        // bool, "char"
        16 | 18 => Layout::Word(1),
        // int2
        21 => Layout::Word(2),
        // int4, oid, xid, cid, float4, date, and the oid aliases
        23 | 24 | 26 | 28 | 29 | 700 | 1082 | 2202..=2206 | 3734 | 3769 | 4089 | 4096 | 4191 => {
            Layout::Word(4)
        }
        // int8, float8, money, time, timestamp, timestamptz, pg_lsn, xid8
        20 | 701 | 790 | 1083 | 1114 | 1184 | 3220 | 5069 => Layout::Word(8),
        // macaddr, macaddr8, timetz, point, interval, uuid, name
        829 => Layout::Fixed(6),
        774 => Layout::Fixed(8),
        1266 => Layout::Fixed(12),
        600 | 1186 | 2950 => Layout::Fixed(16),
        19 => Layout::Fixed(64),
        // bytea, text, json, xml, cidr, inet, bpchar, varchar, bit, varbit, numeric, tsvector,
        // tsquery, jsonb, jsonpath
        17 | 25 | 114 | 142 | 650 | 869 | 1042 | 1043 | 1560 | 1562 | 1700 | 3614 | 3615 | 3802
        | 4072 => Layout::Varlena,
        // the ranges
        3904 | 3906 | 3908 | 3910 | 3912 | 3926 => Layout::Varlena,
        // arrays of most of these
        199
        | 651
        | 1000..=1003
        | 1005
        | 1007
        | 1009
        | 1014..=1016
        | 1021
        | 1022
        | 1028
        | 1041
        | 1115
        | 1182
        | 1183
        | 1185
        | 1187
        | 1231
        | 1270
        | 2951
        | 3807 => Layout::Varlena,
        // unknown
        705 => Layout::Text,
        _ => return None,
    })
}

/// Types from here on are a database's own, and may be something else by now.
const FIRST_OWN_OID: u32 = pg_sys::FirstNormalObjectId;

/// Whether a type is built in.
pub(crate) fn is_built_in(type_oid: u32) -> bool {
    type_oid != 0 && type_oid < FIRST_OWN_OID
}

/// The name of a built-in type.
pub(crate) fn type_name(type_oid: u32) -> Option<String> {
    if !is_built_in(type_oid) {
        return None;
    }
    // SAFETY: returns a name for any OID, `???` if there is no such type.
    let name = unsafe { CStr::from_ptr(pg_sys::format_type_be(pg_sys::Oid::from(type_oid))) };
    name.to_str().ok().map(str::to_owned)
}

/// The text of a value of a type with a [`layout`], given as [`super::parameters::Content`] gives it.
pub(crate) fn output(type_oid: u32, bytes: &[u8]) -> Option<String> {
    let value = datum(type_oid, bytes)?;
    let (mut function, mut is_varlena) = (pg_sys::InvalidOid, false);
    // SAFETY: the type's output function reads its own type's value, which is whole in itself.
    unsafe {
        pg_sys::getTypeOutputInfo(
            pg_sys::Oid::from(type_oid),
            &raw mut function,
            &raw mut is_varlena,
        );
        let text = CStr::from_ptr(pg_sys::OidOutputFunctionCall(function, value));
        text.to_str().ok().map(str::to_owned)
    }
}

/// The datum of such a value, in the current memory context.
pub(crate) fn datum(type_oid: u32, bytes: &[u8]) -> Option<pg_sys::Datum> {
    match layout(type_oid)? {
        Layout::Word(_) => {
            let word: [u8; 8] = bytes.try_into().ok()?;
            Some(pg_sys::Datum::from(u64::from_le_bytes(word)))
        }
        Layout::Varlena => Some(varlena(bytes)),
        Layout::Text => Some(copy(&[bytes, &[0]].concat())),
        Layout::Fixed(length) => (bytes.len() == length).then(|| copy(bytes)),
    }
}

fn varlena(bytes: &[u8]) -> pg_sys::Datum {
    let header = ((bytes.len() as u32 + 4) << 2).to_le_bytes();
    copy(&[&header, bytes].concat())
}

fn copy(bytes: &[u8]) -> pg_sys::Datum {
    // SAFETY: palloc gives that many bytes, aligned for any type.
    unsafe {
        let place = pg_sys::palloc(bytes.len().max(1)).cast::<u8>();
        place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        pg_sys::Datum::from(place)
    }
}
