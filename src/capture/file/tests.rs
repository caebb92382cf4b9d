//! What was written comes back, or it is said why not; nothing else ever comes back.

use super::*;
use proptest::prelude::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

const OURS: Identity = Identity {
    server: 1500,
    catalog: 202_209_061,
    layout: 1,
};

/// A directory that is gone when its test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pgopt-file-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("workload")
    }

    /// A file of these bytes.
    fn holding(&self, bytes: &[u8]) -> PathBuf {
        fs::write(self.file(), bytes).unwrap();
        self.file()
    }

    /// A file with any body, and a header that is right for it.
    fn holding_body(&self, body: &[u8]) -> PathBuf {
        let header = Header::of(OURS, body).to_bytes();
        self.holding(&[&header, body].concat())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = (fs::read_dir(&self.0).unwrap())
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn small() -> Saved {
    Saved {
        since: -5,
        globals: vec![1, u64::MAX],
        statements: vec![SavedStatement {
            database: 5,
            role: 10,
            query_id: i64::MIN,
            top_level: true,
            flags: 3,
            encoding: 6,
            counters: vec![0, 300, u64::MAX],
            relations: vec![1259, u32::MAX],
            histogram: vec![(0, 1), (u16::MAX, u32::MAX)],
            text: Some(b"SELECT \xff$1".to_vec()),
            search_path: None,
            samples: vec![SavedSample {
                kind: 2,
                numbers: vec![7],
                payload: vec![0, 255],
            }],
        }],
        transactions: vec![SavedTransactions {
            database: 5,
            role: 10,
            application: b"psql".to_vec(),
            counters: vec![1, 2],
        }],
        rests: vec![SavedRest {
            database: 5,
            calls: 300,
            total_time: u64::MAX,
            histogram: vec![(255, 1)],
        }],
    }
}

fn small_bytes() -> Vec<u8> {
    let folder = Folder::new();
    save(&folder.file(), OURS, &small()).unwrap();
    fs::read(folder.file()).unwrap()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 0..20)
}

fn samples() -> impl Strategy<Value = Vec<SavedSample>> {
    let sample =
        (any::<u8>(), numbers(), bytes()).prop_map(|(kind, numbers, payload)| SavedSample {
            kind,
            numbers,
            payload,
        });
    prop::collection::vec(sample, 0..4)
}

fn statement() -> impl Strategy<Value = SavedStatement> {
    let key = any::<(u32, u32, i64, bool, u32, u8)>();
    let relations = prop::collection::vec(any::<u32>(), 0..5);
    let histogram = prop::collection::vec(any::<(u16, u32)>(), 0..9);
    let texts = (prop::option::of(bytes()), prop::option::of(bytes()));
    (key, numbers(), relations, histogram, texts, samples()).prop_map(
        |(key, counters, relations, histogram, (text, search_path), samples)| SavedStatement {
            database: key.0,
            role: key.1,
            query_id: key.2,
            top_level: key.3,
            flags: key.4,
            encoding: key.5,
            counters,
            relations,
            histogram,
            text,
            search_path,
            samples,
        },
    )
}

fn transactions() -> impl Strategy<Value = SavedTransactions> {
    (any::<(u32, u32)>(), bytes(), numbers()).prop_map(
        |((database, role), application, counters)| SavedTransactions {
            database,
            role,
            application,
            counters,
        },
    )
}

fn rest() -> impl Strategy<Value = SavedRest> {
    let histogram = prop::collection::vec(any::<(u16, u64)>(), 0..8);
    (any::<(u32, u64, u64)>(), histogram).prop_map(|((database, calls, total_time), histogram)| {
        SavedRest {
            database,
            calls,
            total_time,
            histogram,
        }
    })
}

fn saved() -> impl Strategy<Value = Saved> {
    let statements = prop::collection::vec(statement(), 0..8);
    let transactions = prop::collection::vec(transactions(), 0..8);
    let rests = prop::collection::vec(rest(), 0..4);
    (any::<i64>(), numbers(), statements, transactions, rests).prop_map(
        |(since, globals, statements, transactions, rests)| Saved {
            since,
            globals,
            statements,
            transactions,
            rests,
        },
    )
}

proptest! {
    #[test]
    fn what_was_saved_is_loaded(saved in saved(), before in saved()) {
        let folder = Folder::new();
        save(&folder.file(), OURS, &before).unwrap();
        let written = save(&folder.file(), OURS, &saved).unwrap();
        prop_assert_eq!(written, fs::metadata(folder.file()).unwrap().len());
        prop_assert_eq!(load(&folder.file(), OURS).unwrap(), saved);
        prop_assert_eq!(folder.names(), ["workload"]);
    }

    #[test]
    fn any_file_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = Folder::new();
        prop_assert!(load(&folder.holding(&bytes), OURS).is_err());
    }

    /// As a layout that changed without its number would have it.
    #[test]
    fn any_body_is_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = Folder::new();
        let _ = load(&folder.holding_body(&body), OURS);
    }

    #[test]
    fn any_change_of_a_body_is_survived(saved in saved(), at in any::<prop::sample::Index>(), to: u8) {
        let mut body = encode(&saved, MAX_BODY_BYTES).unwrap();
        let at = at.index(body.len());
        body[at] = to;
        let _ = decode(&body);
    }
}

#[test]
fn every_truncation_is_noticed() {
    let folder = Folder::new();
    let whole = small_bytes();
    for length in 0..whole.len() {
        let result = load(&folder.holding(&whole[..length]), OURS);
        assert!(matches!(result, Err(Unusable::Damaged(_))), "{length}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let folder = Folder::new();
    let whole = small_bytes();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let result = load(&folder.holding(&flipped), OURS);
        let in_identity = (64..160).contains(&bit);
        match result {
            Err(Unusable::OtherVersion { found }) => assert!(in_identity && found != OURS),
            Err(Unusable::Damaged(_)) => assert!(!in_identity, "{bit}"),
            other => panic!("bit {bit}: {other:?}"),
        }
    }
}

#[test]
fn bytes_after_the_end_are_noticed() {
    let folder = Folder::new();
    let longer = [small_bytes(), vec![0]].concat();
    let result = load(&folder.holding(&longer), OURS);
    assert!(matches!(result, Err(Unusable::Damaged(_))));
    let body = [encode(&small(), MAX_BODY_BYTES).unwrap(), vec![0]].concat();
    let result = load(&folder.holding_body(&body), OURS);
    assert!(matches!(result, Err(Unusable::Damaged(_))));
}

#[test]
fn other_versions_are_named() {
    let folder = Folder::new();
    let (mut server, mut catalog, mut layout) = (OURS, OURS, OURS);
    server.server += 1;
    catalog.catalog -= 1;
    layout.layout += 1;
    for other in [server, catalog, layout] {
        save(&folder.file(), other, &small()).unwrap();
        match load(&folder.file(), OURS) {
            Err(Unusable::OtherVersion { found }) => assert_eq!(found, other),
            result => panic!("{result:?}"),
        }
    }
}

#[test]
fn another_version_does_not_become_ours_by_a_flipped_bit() {
    let folder = Folder::new();
    let mut bytes = Header::of(Identity { layout: 3, ..OURS }, b"").to_bytes();
    bytes[16] ^= 2;
    let result = load(&folder.holding(&bytes), OURS);
    assert!(
        matches!(result, Err(Unusable::Damaged("its checksum is wrong"))),
        "{result:?}"
    );
}

#[test]
fn a_missing_file_is_missing() {
    let folder = Folder::new();
    let result = load(&folder.file(), OURS);
    assert!(matches!(result, Err(Unusable::Missing)), "{result:?}");
}

#[test]
fn what_is_no_file_is_not_opened() {
    let folder = Folder::new();
    let result = load(&folder.0, OURS);
    assert!(matches!(result, Err(Unusable::Unreadable(_))), "{result:?}");
    let made = Command::new("mkfifo").arg(folder.file()).status();
    if made.is_ok_and(|status| status.success()) {
        let result = load(&folder.file(), OURS);
        assert!(matches!(result, Err(Unusable::Unreadable(_))), "{result:?}");
    }
}

#[test]
fn a_length_is_not_believed() {
    let folder = Folder::new();
    for length in [0, 1 << 29, MAX_BODY_BYTES, MAX_BODY_BYTES + 1, u64::MAX] {
        let mut header = Header::of(OURS, b"");
        header.length = length;
        header.checksum = header.checksum_with(b"x");
        let bytes = [&header.to_bytes()[..], b"x"].concat();
        let result = load(&folder.holding(&bytes), OURS);
        assert!(matches!(result, Err(Unusable::Damaged(_))), "{length}");
    }
}

#[test]
fn a_file_that_really_is_too_long_is_not_read() {
    let folder = Folder::new();
    let mut header = Header::of(OURS, b"");
    header.length = MAX_BODY_BYTES + 1;
    let path = folder.holding(&header.to_bytes());
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(HEADER_BYTES as u64 + header.length).unwrap();
    let result = load(&path, OURS);
    assert!(
        matches!(result, Err(Unusable::Damaged("it is longer than 1 GB"))),
        "{result:?}"
    );
}

#[test]
fn a_count_in_the_body_is_not_believed() {
    let folder = Folder::new();
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let empty_globals = [&[0, 0][..], &huge].concat();
    let text = [&[0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1][..], &huge].concat();
    for body in [[&[0][..], &huge].concat(), empty_globals, text] {
        let result = load(&folder.holding_body(&body), OURS);
        assert!(matches!(result, Err(Unusable::Damaged(_))), "{body:?}");
    }
}

#[test]
fn what_could_not_be_loaded_is_not_saved() {
    let length = encode(&small(), MAX_BODY_BYTES).unwrap().len() as u64;
    assert!(encode(&small(), length).is_ok());
    let error = encode(&small(), length - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
}

#[test]
fn only_the_owner_may_read_even_if_a_crash_left_a_file() {
    let folder = Folder::new();
    let left = sibling(&folder.file(), "tmp");
    let elsewhere = folder.0.join("elsewhere");
    fs::write(&elsewhere, "kept").unwrap();
    for is_link in [false, true] {
        match is_link {
            true => symlink(&elsewhere, &left).unwrap(),
            false => fs::write(&left, vec![1; 5000]).unwrap(),
        }
        save(&folder.file(), OURS, &small()).unwrap();
        assert_eq!(load(&folder.file(), OURS).unwrap(), small());
        let mode = fs::metadata(folder.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(folder.names(), ["elsewhere", "workload"]);
    }
    assert_eq!(fs::read(&elsewhere).unwrap(), b"kept");
}

#[test]
fn a_failed_rename_leaves_no_temporary_file() {
    let folder = Folder::new();
    fs::create_dir(folder.file()).unwrap();
    assert!(save(&folder.file(), OURS, &small()).is_err());
    assert_eq!(folder.names(), ["workload"]);
}

#[test]
fn a_directory_that_may_not_be_written_is_an_error() {
    let folder = Folder::new();
    save(&folder.file(), OURS, &small()).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.0.join("probe"), "").is_ok() {
        eprintln!("skipped: root may write everywhere");
        return;
    }
    let error = save(&folder.file(), OURS, &small()).unwrap_err();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(folder.names(), ["workload"]);
    assert_eq!(load(&folder.file(), OURS).unwrap(), small());
}

#[test]
fn a_full_disk_leaves_the_old_file_and_no_other() {
    let folder = Folder::new();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let done = command.args(arguments).arg(&folder.0).output();
        done.is_ok_and(|output| output.status.success())
    };
    if !run("mount", &["-t", "tmpfs", "-o", "size=64k", "none"]) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let mut large = small();
    large.globals = vec![u64::MAX; 50_000];
    let before = save(&folder.file(), OURS, &small());
    let full = save(&folder.file(), OURS, &large);
    let (names, loaded) = (folder.names(), load(&folder.file(), OURS));
    assert!(run("umount", &[]));
    assert!(before.is_ok());
    assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(names, ["workload"]);
    assert_eq!(loaded.unwrap(), small());
}

#[test]
fn a_damaged_file_is_set_aside_over_an_older_one() {
    let folder = Folder::new();
    for content in ["first", "second"] {
        let path = folder.holding(content.as_bytes());
        let aside = set_aside(&path, "damaged").unwrap();
        assert_eq!(fs::read(aside).unwrap(), content.as_bytes());
        assert_eq!(folder.names(), ["workload.damaged"]);
    }
    let error = set_aside(&folder.file(), "damaged").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_path_without_directory_is_saved() {
    assert!(sync_directory_of(Path::new("workload")).is_ok());
}

/// Numbers of all magnitudes, as counters are.
fn number(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> (*state % 64)
}

fn large_statement(state: &mut u64) -> SavedStatement {
    SavedStatement {
        counters: (0..60).map(|_| number(state)).collect(),
        relations: (0..4).map(|_| number(state) as u32).collect(),
        histogram: (100..140)
            .map(|bucket| (bucket, number(state) as u32))
            .collect(),
        text: Some(vec![b'x'; 600]),
        search_path: Some(b"\"$user\", public".to_vec()),
        samples: (0..4)
            .map(|kind| SavedSample {
                kind,
                numbers: (0..6).map(|_| number(state)).collect(),
                payload: vec![b'y'; 200],
            })
            .collect(),
        query_id: number(state) as i64,
        ..small().statements.remove(0)
    }
}

fn timed<T>(step: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    print!("{step} {:.1} ms  ", start.elapsed().as_secs_f64() * 1e3);
    result
}

#[test]
#[ignore = "prints figures: cargo test --release -- --ignored --nocapture figures"]
fn figures() {
    let mut state = 88_172_645_463_325_252;
    let mut saved = small();
    saved.statements = (0..5000).map(|_| large_statement(&mut state)).collect();
    let folder = Folder::new();
    for _ in 0..5 {
        let body = timed("encode", || encode(&saved, MAX_BODY_BYTES)).unwrap();
        let header = timed("checksum", || Header::of(OURS, &body));
        let decoded = timed("decode", || decode(&body)).unwrap();
        let written = timed("save", || save(&folder.file(), OURS, &saved)).unwrap();
        let loaded = timed("load", || load(&folder.file(), OURS)).unwrap();
        assert!(decoded == saved && loaded == saved);
        assert_eq!(written, HEADER_BYTES as u64 + header.length);
        println!("{written} bytes, {} a statement", written / 5000);
    }
}
