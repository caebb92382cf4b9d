//! Whether an index can be built now. Pure.

#![forbid(unsafe_code)]

use serde::Deserialize;

use crate::pg::disk::Room;

/// Bytes that must stay free beside a tenth of the index: the write-ahead log goes on meanwhile.
const MARGIN: u64 = 64 << 20;

/// Room that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) needed: u64,
    pub(super) free: u64,
    /// Whether it is where sorts spill.
    pub(super) of_sorts: bool,
}

impl Lack {
    /// How much an index of that size needs; how much the disk has is for monitoring roles to know.
    pub(super) fn describe(&self, size: u64, place: &str, tells_free: bool) -> String {
        let free = match tells_free {
            true => format!(", and {} are free", megabytes(self.free)),
            false => ", which is more than is free".to_owned(),
        };
        format!(
            "Its size is estimated at {}; building it, with its sort and a margin, needs {} {place}{free}.",
            megabytes(size),
            megabytes(self.needed),
        )
    }
}

/// Whether an index of about `size` bytes lacks room. Building it sorts its entries, which takes
/// as much again on disk; where that is the same file system, both have to fit.
pub(super) fn lack_of_room(size: u64, indexes: Option<Room>, sorts: Option<Room>) -> Option<Lack> {
    let margin = (size / 10).saturating_add(MARGIN);
    let indexes = indexes?;
    let elsewhere = sorts.filter(|sorts| sorts.device != indexes.device);
    let needed = match elsewhere {
        Some(_) => size.saturating_add(margin),
        None => size.saturating_mul(2).saturating_add(margin),
    };
    if needed > indexes.free {
        return Some(Lack {
            needed,
            free: indexes.free,
            of_sorts: false,
        });
    }
    elsewhere
        .filter(|sorts| size > sorts.free)
        .map(|sorts| Lack {
            needed: size,
            free: sorts.free,
            of_sorts: true,
        })
}

/// A transaction that a build would have to wait for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Old {
    /// The process; of a prepared transaction there is none.
    pub(super) pid: Option<i32>,
    /// Name of a prepared transaction.
    pub(super) gid: Option<String>,
    pub(super) role: String,
    /// Seconds, if the reader may see that.
    pub(super) age: Option<f64>,
}

/// One sentence about each of the first few.
pub(super) fn describe(old: &[Old], limit: i32) -> String {
    const MOST: usize = 5;
    let mut sentences: Vec<String> = old
        .iter()
        .take(MOST)
        .map(|old| sentence(old, limit))
        .collect();
    match old.len().saturating_sub(MOST) {
        0 => {}
        1 => sentences.push("There is 1 more.".to_owned()),
        more => sentences.push(format!("There are {more} more.")),
    }
    sentences.join("\n")
}

fn sentence(old: &Old, limit: i32) -> String {
    let age = match old.age {
        Some(age) => format!("for {}", duration(age)),
        None => format!("for more than {}", duration(f64::from(limit))),
    };
    match (&old.gid, old.pid) {
        (Some(gid), _) => format!(
            "Transaction \"{gid}\" of role {} has been prepared {age}.",
            old.role
        ),
        (None, Some(pid)) => format!(
            "Process {pid} of role {} has been in a transaction {age}.",
            old.role
        ),
        (None, None) => format!("Role {} has been in a transaction {age}.", old.role),
    }
}

/// `2 h 3 min`, `5 min`, `12 s`.
fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A size in whole megabytes, of at least one.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn room(device: u64, megabytes: u64) -> Option<Room> {
        Some(Room {
            device,
            free: megabytes * MB,
        })
    }

    #[test]
    fn an_index_and_its_sort_have_to_fit_with_a_margin() {
        // 200 + 10 + 64
        let lack = lack_of_room(100 * MB, room(1, 273), room(1, 273));
        assert_eq!(
            lack,
            Some(Lack {
                needed: 274 * MB,
                free: 273 * MB,
                of_sorts: false
            })
        );
        assert_eq!(lack_of_room(100 * MB, room(1, 274), room(1, 274)), None);
    }

    #[test]
    fn where_sorts_spill_elsewhere_each_place_has_its_own() {
        assert_eq!(lack_of_room(100 * MB, room(1, 174), room(2, 100)), None);
        let lack = lack_of_room(100 * MB, room(1, 174), room(2, 99));
        assert!(lack.is_some_and(|lack| lack.of_sorts && lack.needed == 100 * MB));
        assert!(lack_of_room(100 * MB, room(1, 173), room(2, 100)).is_some());
    }

    #[test]
    fn free_space_is_not_told_to_everybody() {
        let lack = Lack {
            needed: 274 * MB,
            free: 273 * MB,
            of_sorts: false,
        };
        let told = lack.describe(100 * MB, "in the tablespace", true);
        assert!(told.ends_with("needs 274 MB in the tablespace, and 273 MB are free."));
        let hidden = lack.describe(100 * MB, "in the tablespace", false);
        assert!(!hidden.contains("273") && hidden.contains("needs 274 MB"));
    }

    #[test]
    fn what_is_not_known_is_not_held_against_it() {
        assert_eq!(lack_of_room(u64::MAX, None, room(1, 0)), None);
        assert!(lack_of_room(u64::MAX, room(1, 5), None).is_some());
    }

    #[test]
    fn transactions_are_told_with_what_may_be_seen_of_them() {
        let old = Old {
            pid: Some(42),
            gid: None,
            role: "bob".to_owned(),
            age: Some(723.9),
        };
        let hidden = Old {
            age: None,
            ..old.clone()
        };
        let prepared = Old {
            pid: None,
            gid: Some("x".to_owned()),
            age: Some(7500.0),
            ..old.clone()
        };
        assert_eq!(
            describe(&[old.clone(), hidden, prepared], 300),
            "Process 42 of role bob has been in a transaction for 12 min 3 s.\n\
             Process 42 of role bob has been in a transaction for more than 5 min.\n\
             Transaction \"x\" of role bob has been prepared for 2 h 5 min."
        );
        let many = vec![old; 7];
        assert!(describe(&many, 300).ends_with("\nThere are 2 more."));
    }
}
