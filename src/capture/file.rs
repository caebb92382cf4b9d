//! The captured workload on disk: written whole, read whole, never half.
//!
//! ```text
//! magic (8) | server, catalog, layout (4 each) | body length (8) | checksum (4) | body
//! ```
//! Numbers of the header are little-endian; the body is [`Saved`] in postcard's encoding. The
//! checksum covers all that follows the magic, so that a damaged header of another version cannot
//! pass for one of ours. Fields have no names in the body: whoever changes a structure, or the
//! meaning of a number in it, changes `layout`.
//!
//! One process writes at a time. The postmaster reads, so nothing here may panic, wait, or believe
//! a length it has not compared with the file's.

#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use postcard::ser_flavors::Size;
use postcard::{serialize_with_flavor, take_from_bytes, to_extend};
use serde::{Deserialize, Serialize};

const MAGIC: [u8; 8] = *b"PGOPTCAP";
const HEADER_BYTES: usize = 32;

/// More than any workload needs; a longer file is not ours to read into the postmaster.
const MAX_BODY_BYTES: u64 = 1 << 30;

/// Everything that is kept. Fixed-size parts are plain vectors so that the writer need not know
/// their meaning.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct Saved {
    /// Since when it was captured, in microseconds since 2000 UTC.
    pub(crate) since: i64,
    pub(crate) globals: Vec<u64>,
    pub(crate) statements: Vec<SavedStatement>,
    pub(crate) transactions: Vec<SavedTransactions>,
    pub(crate) rests: Vec<SavedRest>,
}

/// What evicted statements left to the latency of a database.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct SavedRest {
    pub(crate) database: u32,
    pub(crate) calls: u64,
    pub(crate) total_time: u64,
    /// Bucket and count; only those that are not 0.
    pub(crate) histogram: Vec<(u16, u64)>,
}

/// One statement with its counters. Texts are bytes, as databases differ in encoding.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct SavedStatement {
    pub(crate) database: u32,
    pub(crate) role: u32,
    pub(crate) query_id: i64,
    pub(crate) top_level: bool,
    pub(crate) flags: u32,
    pub(crate) encoding: u8,
    pub(crate) counters: Vec<u64>,
    pub(crate) relations: Vec<u32>,
    /// Buckets that are not empty: which, and how many.
    pub(crate) histogram: Vec<(u16, u32)>,
    #[serde(with = "serde_bytes")]
    pub(crate) text: Option<Vec<u8>>,
    #[serde(with = "serde_bytes")]
    pub(crate) search_path: Option<Vec<u8>>,
    pub(crate) samples: Vec<SavedSample>,
}

/// One execution that was kept.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct SavedSample {
    pub(crate) kind: u8,
    pub(crate) numbers: Vec<u64>,
    #[serde(with = "serde_bytes")]
    pub(crate) payload: Vec<u8>,
}

/// The transactions of one application.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct SavedTransactions {
    pub(crate) database: u32,
    pub(crate) role: u32,
    #[serde(with = "serde_bytes")]
    pub(crate) application: Vec<u8>,
    pub(crate) counters: Vec<u64>,
}

/// Who can read a file. Object and query ids mean something else to any other server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// `PG_VERSION_NUM / 100`.
    pub(crate) server: u32,
    /// Version of the system catalogs.
    pub(crate) catalog: u32,
    /// Version of this file's layout.
    pub(crate) layout: u32,
}

/// Why there is nothing to load.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// There is no file.
    Missing,
    /// Another server, or another version of pgopt, wrote it; whether it is whole was not checked.
    OtherVersion { found: Identity },
    /// Its contents are not what was written, with the reason as a clause for a log line.
    Damaged(&'static str),
    /// The operating system refused.
    Unreadable(io::Error),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Unreadable(error),
        }
    }
}

/// Replaces the file at `path` by one with `saved`, durably; returns how many bytes it has.
/// On an error the old file is still there, unless it was the very last step that failed: making
/// the directory durable.
pub(crate) fn save(path: &Path, identity: Identity, saved: &Saved) -> io::Result<u64> {
    let body = encode(saved, MAX_BODY_BYTES)?;
    let header = Header::of(identity, &body);
    let temporary = sibling(path, "tmp");
    let placed = write_new(&temporary, &[&header.to_bytes(), &body])
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = placed {
        // What went wrong first is what the administrator has to know.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_directory_of(path)?;
    Ok(HEADER_BYTES as u64 + header.length)
}

/// What [`save`] wrote to `path` under the same `identity`.
pub(crate) fn load(path: &Path, identity: Identity) -> Result<Saved, Unusable> {
    let (mut file, size) = open(path)?;
    let header = Header::read(&mut file)?;
    if header.identity != identity {
        return Err(Unusable::OtherVersion {
            found: header.identity,
        });
    }
    if header.length > MAX_BODY_BYTES {
        return Err(Unusable::Damaged("it is longer than 1 GB"));
    }
    if size.checked_sub(HEADER_BYTES as u64) != Some(header.length) {
        return Err(Unusable::Damaged("its length is not the one in its header"));
    }
    let body = read_body(&mut file, header.length)?;
    if header.checksum_with(&body) != header.checksum {
        return Err(Unusable::Damaged("its checksum is wrong"));
    }
    decode(&body)
}

/// Renames the file at `path` to `<name>.<suffix>`, over an older one of that name, and returns
/// the new path.
pub(crate) fn set_aside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let aside = sibling(path, suffix);
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

struct Header {
    identity: Identity,
    length: u64,
    checksum: u32,
}

impl Header {
    fn of(identity: Identity, body: &[u8]) -> Self {
        let mut header = Self {
            identity,
            length: body.len() as u64,
            checksum: 0,
        };
        header.checksum = header.checksum_with(body);
        header
    }

    fn read(file: &mut File) -> Result<Self, Unusable> {
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact(&mut bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => Unusable::Damaged("it is shorter than its header"),
                _ => Unusable::Unreadable(error),
            })?;
        Self::parse(&bytes).ok_or(Unusable::Damaged("it does not start as ours do"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&MAGIC)?;
        Some(Self {
            identity: Identity {
                server: u32::from_le_bytes(take(&mut rest)?),
                catalog: u32::from_le_bytes(take(&mut rest)?),
                layout: u32::from_le_bytes(take(&mut rest)?),
            },
            length: u64::from_le_bytes(take(&mut rest)?),
            checksum: u32::from_le_bytes(take(&mut rest)?),
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        [
            &MAGIC[..],
            &self.checked_bytes(),
            &self.checksum.to_le_bytes(),
        ]
        .concat()
    }

    /// The part that the checksum covers.
    fn checked_bytes(&self) -> Vec<u8> {
        [
            &self.identity.server.to_le_bytes()[..],
            &self.identity.catalog.to_le_bytes(),
            &self.identity.layout.to_le_bytes(),
            &self.length.to_le_bytes(),
        ]
        .concat()
    }

    fn checksum_with(&self, body: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.checked_bytes());
        hasher.update(body);
        hasher.finalize()
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

/// A vector of `length` bytes to come. Rust aborts the process when it runs out of memory, and
/// an aborted worker takes all sessions of the server with it, so memory is asked for here.
fn room_for(length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length)?;
    Ok(bytes)
}

fn encode(saved: &Saved, limit: u64) -> io::Result<Vec<u8>> {
    let length = serialize_with_flavor(saved, Size::default()).map_err(io::Error::other)?;
    // `load` would refuse it, and the workload would be gone at the next start.
    if length as u64 > limit {
        return Err(ErrorKind::FileTooLarge.into());
    }
    to_extend(saved, room_for(length)?).map_err(io::Error::other)
}

fn decode(body: &[u8]) -> Result<Saved, Unusable> {
    match take_from_bytes(body) {
        Ok((saved, [])) => Ok(saved),
        Ok(_) => Err(Unusable::Damaged("its body has more than belongs there")),
        Err(_) => Err(Unusable::Damaged("its body has another form")),
    }
}

fn open(path: &Path) -> Result<(File, u64), Unusable> {
    // Opening a pipe would wait for its other end, and the server's start with it.
    if !fs::metadata(path)?.is_file() {
        let error = io::Error::new(ErrorKind::InvalidInput, "not a regular file");
        return Err(Unusable::Unreadable(error));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

fn read_body(file: &mut File, length: u64) -> Result<Vec<u8>, Unusable> {
    let mut body = room_for(usize::try_from(length).unwrap_or(usize::MAX))?;
    file.take(length).read_to_end(&mut body)?;
    Ok(body)
}

/// Writes `parts` to a file that only the server's user may read: texts can hold secrets.
fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    remove_left_over(path)?;
    let mut file = (OpenOptions::new().write(true).create_new(true))
        .mode(0o600)
        .open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Removes what a crash left, rather than writing into it, so that neither its mode nor where
/// a link points matters.
fn remove_left_over(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Without this a rename can be undone by a power failure.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod tests;
