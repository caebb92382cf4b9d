use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use super::entry::{Counter, Key};
use super::header::Global;
use super::table::Refusal;
use super::*;

/// Shared structures in ordinary memory.
fn shared(statements: usize) -> &'static Shared {
    let sizes = Sizes {
        statements,
        text_bytes: 64 * 1024,
        sessions: 16,
    };
    let words = vec![[0u64; 8]; bytes(&sizes) / 64 + 1].leak();
    let start = words.as_mut_ptr().cast::<u8>();
    let aligned = start.wrapping_add(start.align_offset(64));
    let words_left = bytes(&sizes);
    assert!(aligned as usize + words_left <= start as usize + std::mem::size_of_val(words));
    // SAFETY: zeroed, aligned, large enough, leaked.
    unsafe { attach(aligned, &sizes) }
}

fn key(number: u64) -> Key {
    Key {
        database: 5,
        role: 10,
        query_id: number,
        top_level: true,
    }
}

#[test]
fn a_statement_is_added_once_and_found_again() {
    let shared = shared(100);
    let (pinned, new) = shared.find_or_add(0, &key(7), |_| {}).unwrap();
    pinned.entry.add(Counter::Calls, 1);
    assert!(new);
    drop(pinned);
    let (pinned, new) = shared.find_or_add(1, &key(7), |_| {}).unwrap();
    assert_eq!((new, pinned.entry.get(Counter::Calls)), (false, 1));
    assert!(shared.find(2, &key(8)).is_none());
    let nested = Key {
        top_level: false,
        ..key(7)
    };
    assert!(shared.find(2, &nested).is_none());
}

#[test]
fn what_is_about_to_be_evicted_is_still_counted() {
    let shared = shared(10);
    let (pinned, _) = shared.find_or_add(0, &key(1), |_| {}).unwrap();
    pinned.entry.add(Counter::Calls, 3);
    let place = (0..10).find(|place| shared.kill(*place)).unwrap();
    assert!(!shared.bury(place));
    assert_eq!(shared.calls() + shared.header.get(Global::EvictedCalls), 3);
    drop(pinned);
    assert!(shared.bury(place));
    assert_eq!(shared.calls() + shared.header.get(Global::EvictedCalls), 3);
}

#[test]
fn a_full_table_refuses_until_a_place_is_freed() {
    let shared = shared(10);
    for number in 0..10 {
        shared.find_or_add(0, &key(number), |_| {}).unwrap();
    }
    assert_eq!(
        shared.find_or_add(0, &key(10), |_| {}).err(),
        Some(Refusal::Full)
    );
    let place = (0..10)
        .find(|place| shared.at(0, *place).unwrap().entry.key() == key(3))
        .unwrap();
    assert!(shared.kill(place) && shared.bury(place));
    assert!(shared.find(0, &key(3)).is_none());
    assert!(shared.find_or_add(0, &key(10), |_| {}).unwrap().1);
    for number in [0, 1, 2, 4, 5, 6, 7, 8, 9, 10] {
        assert!(shared.find(0, &key(number)).is_some(), "{number}");
    }
}

#[test]
fn a_pinned_statement_keeps_its_place_and_what_it_counted_is_not_lost() {
    let shared = shared(10);
    let (pinned, _) = shared.find_or_add(0, &key(1), |_| {}).unwrap();
    let place = (0..10).find(|place| shared.is_taken(*place)).unwrap();
    assert!(shared.kill(place));
    assert!(!shared.bury(place));
    pinned.entry.add(Counter::Calls, 3);
    drop(pinned);
    assert!(shared.bury(place));
    assert_eq!(shared.header.get(Global::EvictedCalls), 3);
    assert_eq!(shared.used(), 0);
}

#[test]
fn texts_are_given_back_with_the_place() {
    let shared = shared(10);
    let (pinned, _) = shared.find_or_add(0, &key(1), |_| {}).unwrap();
    shared.keep_text(0, &pinned, &[b'x'; 3000], b"public");
    shared.keep_text(0, &pinned, b"another", b"");
    assert_eq!(
        shared.text(&pinned),
        (Some(vec![b'x'; 3000]), b"public".to_vec())
    );
    drop(pinned);
    let place = (0..10).find(|place| shared.is_taken(*place)).unwrap();
    assert!(shared.kill(place) && shared.bury(place));
    assert_eq!(shared.arena.usage().0, 0);
}

/// Sessions count and add while another process evicts: every count ends up somewhere.
#[test]
fn nothing_is_lost_while_statements_come_and_go() {
    const CALLS: u64 = 40_000;
    let shared: &'static Shared = shared(64);
    let done = Arc::new(AtomicBool::new(false));
    let evictor = {
        let done = done.clone();
        std::thread::spawn(move || {
            let mut place = 0;
            while !done.load(Relaxed) {
                place = (place + 7) % 64;
                shared.kill(place);
                shared.bury(place);
            }
        })
    };
    let sessions: Vec<_> = (0..4)
        .map(|session| {
            std::thread::spawn(move || {
                let mut refused = 0;
                for call in 0..CALLS {
                    let number = (call * 31 + session as u64 * 17) % 100;
                    match shared.find_or_add(session, &key(number), |_| {}) {
                        Ok((pinned, _)) => {
                            assert_eq!(pinned.entry.key(), key(number));
                            pinned.entry.add(Counter::Calls, 1);
                        }
                        Err(_) => refused += 1,
                    }
                }
                refused
            })
        })
        .collect();
    let refused: u64 = sessions
        .into_iter()
        .map(|session| session.join().unwrap())
        .sum();
    done.store(true, Relaxed);
    evictor.join().unwrap();
    let live: u64 = (0..64)
        .filter_map(|place| shared.at(9, place))
        .map(|pinned| pinned.entry.get(Counter::Calls))
        .sum();
    let evicted = || shared.header.get(Global::EvictedCalls);
    let dying = shared.calls() - live;
    assert_eq!(live + dying + evicted() + refused, 4 * CALLS);
    shared.bury_dying();
    assert_eq!(shared.header.dying.load(Relaxed), 0);
    assert_eq!(live + evicted() + refused, 4 * CALLS);
}
