//! Values taken out of rows.

use pgrx::pg_sys;

/// The first bytes of a value of variable length: more make no difference to a tree over texts.
///
/// # Safety
/// The value must be such a value, neither compressed nor out of line.
pub(super) unsafe fn bytes_of(value: pg_sys::Datum) -> Vec<u8> {
    const LONGEST: usize = 1024;
    // SAFETY: see above.
    unsafe {
        let plain: *const pg_sys::varlena = value.cast_mut_ptr();
        let length = pgrx::varsize_any_exhdr(plain).min(LONGEST);
        std::slice::from_raw_parts(pgrx::vardata_any(plain).cast::<u8>(), length).to_vec()
    }
}

/// A copy of a value in the current memory context, decompressed, and its size.
///
/// # Safety
/// The value must be of a type of that length.
pub(super) unsafe fn copied(
    value: pg_sys::Datum,
    length: i16,
    by_value: bool,
) -> (pg_sys::Datum, usize) {
    if by_value {
        return (value, 8);
    }
    // SAFETY: see above.
    unsafe {
        match length {
            -1 => {
                let copy = pg_sys::pg_detoast_datum_copy(value.cast_mut_ptr());
                (pg_sys::Datum::from(copy), pgrx::varsize_any(copy))
            }
            -2 => {
                let copy = pg_sys::pstrdup(value.cast_mut_ptr());
                (pg_sys::Datum::from(copy), 64)
            }
            length => {
                let size = usize::from(length.unsigned_abs());
                let copy = pg_sys::palloc(size);
                std::ptr::copy_nonoverlapping(value.cast_mut_ptr::<u8>(), copy.cast::<u8>(), size);
                (pg_sys::Datum::from(copy), size)
            }
        }
    }
}
