//! Names the server gives to indexes and their columns.

use std::ffi::{CStr, CString, c_char};

use pgrx::{PgRelation, pg_sys};

use super::table;

const LONGEST_NAME: usize = pg_sys::NAMEDATALEN as usize - 1;

/// Unique names for the index's columns. Follows `ChooseIndexColumnNames`
/// (`commands/indexcmds.c`).
pub(super) fn choose_index_column_names(
    keys: &[&pg_sys::IndexElem],
    included: &[&pg_sys::IndexElem],
) -> Vec<CString> {
    let mut chosen: Vec<CString> = Vec::with_capacity(keys.len() + included.len());
    for element in keys.iter().chain(included) {
        let wanted = preliminary_name(element);
        let mut name = wanted.to_owned();
        let mut number = 1;
        while chosen.contains(&name) {
            name = with_number(wanted, number);
            number += 1;
        }
        chosen.push(name);
    }
    chosen
}

/// The name that a column would have if it were alone.
fn preliminary_name<'a>(element: &'a pg_sys::IndexElem) -> &'a CStr {
    let name = [element.indexcolname, element.name]
        .into_iter()
        .find(|name| !name.is_null());
    match name {
        // SAFETY: not null; the parser terminates its strings, which live as long as the element.
        Some(name) => unsafe { CStr::from_ptr::<'a>(name) },
        None => c"expr",
    }
}

/// `name` followed by `number`, cut on a character boundary so as to be a valid identifier.
fn with_number(name: &CStr, number: usize) -> CString {
    let digits = number.to_string();
    let mut bytes = clip(name.to_bytes(), LONGEST_NAME.saturating_sub(digits.len())).to_vec();
    bytes.extend_from_slice(digits.as_bytes());
    terminated(bytes)
}

/// At most `limit` bytes of `bytes`, without cutting a character of the database encoding.
fn clip(bytes: &[u8], limit: usize) -> &[u8] {
    // SAFETY: the pointer and length are those of a live slice.
    let length = unsafe {
        pg_sys::pg_mbcliplen(
            bytes.as_ptr().cast::<c_char>(),
            bytes.len() as i32,
            limit as i32,
        )
    };
    bytes.get(..length as usize).unwrap_or(bytes)
}

/// The name given in the command, or the one that the server would choose now. Follows
/// `ChooseIndexName` for indexes that are not constraints (`commands/indexcmds.c`).
pub(super) fn choose_index_name(
    table: &PgRelation,
    statement: &pg_sys::IndexStmt,
    column_names: &[CString],
) -> CString {
    if !statement.idxname.is_null() {
        // SAFETY: not null, and terminated by the parser.
        return unsafe { CStr::from_ptr(statement.idxname) }.to_owned();
    }
    let columns = choose_index_name_addition(column_names);
    // SAFETY: all three names are terminated; the result is a terminated palloc'd string.
    unsafe {
        CStr::from_ptr(pg_sys::ChooseRelationName(
            table::class(table).relname.data.as_ptr(),
            columns.as_ptr(),
            c"idx".as_ptr(),
            table.namespace_oid(),
            false,
        ))
    }
    .to_owned()
}

/// The middle part of a chosen index name: the column names up to the length of an identifier.
/// Follows `ChooseIndexNameAddition` (`commands/indexcmds.c`).
fn choose_index_name_addition(column_names: &[CString]) -> CString {
    let mut joined: Vec<u8> = Vec::new();
    for name in column_names {
        if !joined.is_empty() {
            joined.push(b'_');
        }
        joined.extend(name.to_bytes().iter().take(LONGEST_NAME));
        if joined.len() > LONGEST_NAME {
            break;
        }
    }
    terminated(joined)
}

/// `bytes`, which come from C strings and have no zero byte, as a C string.
fn terminated(bytes: Vec<u8>) -> CString {
    CString::new(bytes).unwrap_or_default()
}
