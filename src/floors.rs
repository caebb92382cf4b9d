//! Holds the floors of the house: imports go down only, and raw pointers stay behind the door.
//! Reads the sources as text, so it needs no server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rooms by floor, the lowest first. A room may use every floor below its own; rooms of one
/// floor do not use each other.
const FLOORS: [&[&str]; 9] = [
    &["error"],
    &["pg", "settings"],
    &["arguments", "calendar", "shmem"],
    &["capture", "jobs", "whatif"],
    &["workload"],
    &["advisor", "matviews", "status"],
    &["actions"],
    &["hooks"],
    &["worker"],
];

/// Uses within one floor, or upwards, that are meant: who, whom, why.
const ALLOWED: [(&str, &str, &str); 2] = [
    (
        "settings",
        "pg",
        "reserving the prefix differs between majors",
    ),
    (
        "settings",
        "calendar",
        "a maintenance window is read when it is set; the calendar uses no other room",
    ),
];

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    found
}

fn room_of(path: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    first
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// Rooms named by `crate::room` in code, comments left aside.
fn rooms_used(text: &str) -> Vec<String> {
    (text.lines())
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    for path in sources() {
        let room = room_of(&path);
        let Some(floor) = floor_of(&room) else {
            assert!(
                ["lib", "floors"].contains(&room.as_str()),
                "room {room} is on no floor"
            );
            continue;
        };
        for used in rooms_used(&std::fs::read_to_string(&path).unwrap()) {
            let Some(below) = floor_of(&used) else {
                continue;
            };
            let meant = ALLOWED
                .iter()
                .any(|(who, whom, _)| *who == room && *whom == used);
            if used != room && below >= floor && !meant {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that do not go down:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn unsafe_code_stays_behind_the_door() {
    let outside: Vec<String> = (sources().into_iter())
        .filter(|path| {
            !["pg", "shmem", "hooks", "worker", "floors"].contains(&room_of(path).as_str())
        })
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines()
                .any(|line| line.contains("unsafe {") || line.contains("unsafe fn"))
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(
        outside.is_empty(),
        "unsafe outside pg/, shmem/, hooks/ and worker/: {outside:?}"
    );
}

#[test]
fn files_stay_small() {
    let mut long: BTreeMap<String, usize> = BTreeMap::new();
    for path in sources() {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        if lines > 500 {
            long.insert(path.display().to_string(), lines);
        }
    }
    assert!(long.is_empty(), "files of more than 500 lines: {long:?}");
}
