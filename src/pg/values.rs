//! Values of built-in types, taken from an execution and shown or used later.

use std::ffi::CStr;

use pgrx::pg_sys;

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

/// The text of a value of a built-in type, given as [`super::parameters::Content`] gives it.
pub(crate) fn output(type_oid: u32, bytes: &[u8]) -> Option<String> {
    let value = datum(type_oid, bytes)?;
    let (mut function, mut is_varlena) = (pg_sys::InvalidOid, false);
    // SAFETY: a built-in type's output function reads its own type's value; jsonb and the like
    // were taken from values of that type and are whole.
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
    if !is_built_in(type_oid) {
        return None;
    }
    let (mut length, mut by_value) = (0i16, false);
    // SAFETY: a built-in type is always found.
    unsafe {
        pg_sys::get_typlenbyval(
            pg_sys::Oid::from(type_oid),
            &raw mut length,
            &raw mut by_value,
        );
    }
    match length {
        _ if by_value => {
            let word: [u8; 8] = bytes.try_into().ok()?;
            Some(pg_sys::Datum::from(u64::from_le_bytes(word)))
        }
        -1 => Some(varlena(bytes)),
        -2 => Some(copy(&[bytes, &[0]].concat())),
        length => (bytes.len() == length as usize).then(|| copy(bytes)),
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
