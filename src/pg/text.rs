//! Texts that may come from a database of another encoding.

use pgrx::pg_sys;

/// `bytes` of encoding `encoding` as they can be shown in this database: as they are if they are
/// valid in its encoding, else with every byte that is not ASCII as `\xNN`.
pub(crate) fn shown(bytes: Vec<u8>, encoding: u32) -> Vec<u8> {
    let here = super::session::encoding();
    if bytes.is_ascii() || (encoding as i32 == here && is_valid(&bytes, here)) {
        return bytes;
    }
    (bytes.iter())
        .flat_map(|byte| match byte {
            byte if byte.is_ascii() => vec![*byte],
            byte => format!("\\x{byte:02x}").into_bytes(),
        })
        .collect()
}

fn is_valid(bytes: &[u8], encoding: i32) -> bool {
    // SAFETY: looks at that many bytes and, told so, raises no error.
    unsafe { pg_sys::pg_verify_mbstr(encoding, bytes.as_ptr().cast(), bytes.len() as i32, true) }
}

/// The same as a Rust string, for JSON.
pub(crate) fn shown_string(bytes: Vec<u8>, encoding: u32) -> String {
    String::from_utf8_lossy(&shown(bytes, encoding)).into_owned()
}
