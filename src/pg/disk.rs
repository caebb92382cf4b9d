//! How much room there is where the server writes.

use std::ffi::{CStr, CString, c_char};
use std::os::unix::fs::MetadataExt;

use pgrx::pg_sys;

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Tells file systems from each other.
    pub(crate) device: u64,
    /// Bytes that the server may still write.
    pub(crate) free: u64,
}

/// Where an index goes that names no tablespace.
pub(crate) fn room_for_indexes() -> Option<Room> {
    // SAFETY: looks up the setting `default_tablespace`, which may warn.
    let tablespace =
        unsafe { pg_sys::GetDefaultTablespace(pg_sys::RELPERSISTENCE_PERMANENT as c_char, false) };
    room(or_of_database(tablespace))
}

/// Where sorts spill, the fullest such place.
pub(crate) fn room_for_sorts() -> Option<Room> {
    const MOST: usize = 64;
    let mut tablespaces = [pg_sys::InvalidOid; MOST];
    // SAFETY: reads the setting `temp_tablespaces`, and writes at most that many OIDs.
    let count = unsafe {
        pg_sys::PrepareTempTablespaces();
        pg_sys::GetTempTablespaces(tablespaces.as_mut_ptr(), MOST as i32)
    };
    let found = (tablespaces.iter())
        .take(usize::try_from(count).unwrap_or(0))
        .map(|&tablespace| or_of_database(tablespace));
    let mut places: Vec<pg_sys::Oid> = found.collect();
    if places.is_empty() {
        places.push(or_of_database(pg_sys::InvalidOid));
    }
    (places.into_iter().filter_map(room)).min_by_key(|room| room.free)
}

fn or_of_database(tablespace: pg_sys::Oid) -> pg_sys::Oid {
    match tablespace == pg_sys::InvalidOid {
        // SAFETY: a plain variable of this process.
        true => unsafe { pg_sys::MyDatabaseTableSpace },
        false => tablespace,
    }
}

/// The room in a tablespace, by its real directory: the paths are relative to the data directory,
/// which is the working directory, and lead through symbolic links.
fn room(tablespace: pg_sys::Oid) -> Option<Room> {
    let of_database = directory_of_database(tablespace)?;
    // A database that has nothing in a tablespace yet has no directory there.
    let path = [of_database, format!("pg_tblspc/{}", tablespace.to_u32())]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())?;
    let device = std::fs::metadata(&path).ok()?.dev();
    Some(Room {
        device,
        free: free_bytes(&path)?,
    })
}

fn directory_of_database(tablespace: pg_sys::Oid) -> Option<String> {
    // SAFETY: returns palloc'd text.
    unsafe {
        let path = pg_sys::GetDatabasePath(pg_sys::MyDatabaseId, tablespace);
        (!path.is_null()).then(|| CStr::from_ptr(path).to_string_lossy().into_owned())
    }
}

/// What somebody who is not root may still write.
fn free_bytes(path: &str) -> Option<u64> {
    let path = CString::new(path).ok()?;
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: fills the structure it is given when it returns 0.
    let answer = unsafe {
        if libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) != 0 {
            return None;
        }
        answer.assume_init()
    };
    Some((answer.f_bavail as u64).saturating_mul(answer.f_frsize as u64))
}
