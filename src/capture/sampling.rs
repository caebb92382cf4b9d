//! Which executions are kept as samples, and with what of their parameters.
//!
//! Of each statement four: the slowest, the latest (looked at once a second at most), and a
//! reservoir of two in which every execution has had the same chance.

use std::sync::atomic::Ordering::Relaxed;

use super::admission::is_overflowing;
use super::parsing;
use super::record::Finished;
use super::redact;
use super::sample::{Kept, Parameter, encode};
use crate::pg::execution::Execution;
use crate::pg::parameters::{Content, Value};
use crate::pg::{clock, session as process};
use crate::settings::{self, Keep};
use crate::shmem::Shared;
use crate::shmem::entry::{Counter, Entry, Key, SAMPLES};
use crate::shmem::header::Global;

/// What the places are for, by number; the rest is the reservoir.
pub(crate) const SLOWEST: usize = 0;
/// See [`SLOWEST`].
pub(crate) const LATEST: usize = 1;
const RESERVOIR: usize = 2;

/// Microseconds the latest sample stays at least.
const LATEST_AGE: u64 = 1_000_000;
/// Bytes kept of one value; longer ones are left out.
const LONGEST_VALUE: usize = 256;
/// Bytes of the longest value whose shape is looked at.
const LONGEST_LOOKED_AT: usize = 4096;
/// Bytes kept of all values of a sample.
const LONGEST_SAMPLE: usize = 2048;
/// How often the lock of an entry's samples is tried.
const TRIES: u32 = 16;

/// The places (as bits) that want the execution that took `time`.
#[inline]
pub(super) fn wanted(shared: &Shared, entry: &Entry, time: u64) -> u32 {
    if settings::sample_parameters() == Keep::None {
        return 0;
    }
    let [slowest, latest, ..] = &entry.samples;
    let now = clock::command_start() as u64;
    let calls = entry.get(Counter::Calls).max(1);
    let mut wanted = u32::from(time > slowest.duration.load(Relaxed)) << SLOWEST;
    // Many statements have one execution only, and need it in no other place; and in none while
    // they come and go fast.
    if calls == 1 {
        return if is_overflowing(shared) { 0 } else { wanted };
    }
    wanted |= u32::from(now.saturating_sub(latest.at.load(Relaxed)) >= LATEST_AGE) << LATEST;
    let drawn = drawn(now ^ time, calls);
    if drawn < (SAMPLES - RESERVOIR) as u64 {
        wanted |= 1 << (RESERVOIR as u64 + drawn);
    }
    wanted
}

/// A number below `calls`: the first executions in order, later ones by lot.
#[inline]
fn drawn(seed: u64, calls: u64) -> u64 {
    if calls <= (SAMPLES - RESERVOIR) as u64 {
        return calls - 1;
    }
    let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((u128::from(mixed) * u128::from(calls)) >> 64) as u64
}

/// Keeps an execution in the places `wanted`.
#[cold]
pub(super) fn take(
    shared: &'static Shared,
    key: &Key,
    execution: Execution,
    wanted: u32,
    finished: &Finished,
) {
    let parameters = parameters(execution, key.query_id);
    let payload = encode(&parameters, LONGEST_SAMPLE);
    let Some(session) = process::number() else {
        return;
    };
    let Some(pinned) = shared.find(session, key) else {
        return;
    };
    let Some(_lock) = pinned.entry.lock_samples(TRIES) else {
        return;
    };
    for (number, place) in pinned.entry.samples.iter().enumerate() {
        if wanted & (1 << number) == 0 {
            continue;
        }
        let Some(handle) = shared.arena.store(&[&payload], session * 8192) else {
            shared.header.add(Global::TextsDropped, 1);
            return;
        };
        match pinned.entry.samples.get(RESERVOIR) {
            // The first execution is the slowest until another one is: then it is one of many.
            Some(first) if number == SLOWEST && first.handle().first == 0 => first.take_over(place),
            _ => shared.arena.free(place.handle()),
        }
        place.set_handle(handle);
        place.duration.store(finished.time, Relaxed);
        place.rows.store(finished.rows, Relaxed);
        place
            .plan_rows
            .store(execution.planned_rows() as u64, Relaxed);
        place.at.store(clock::command_start() as u64, Relaxed);
    }
}

fn parameters(execution: Execution, query_id: u64) -> Vec<Parameter> {
    let raw = settings::sample_parameters() == Keep::Raw;
    let now = clock::now();
    let given = execution.parameters();
    let mut all: Vec<Parameter> = given
        .values()
        .map(|value| bound(&value, raw, now))
        .collect();
    parsing::each_literal(query_id, &execution.source(), |number, token| {
        all.extend(literal(number, token, raw, now));
    });
    all
}

fn bound(value: &Value, raw: bool, now: i64) -> Parameter {
    let keep = |bytes: &[u8]| match raw {
        true if bytes.len() <= LONGEST_VALUE => Kept::Value(bytes.to_vec()),
        true => Kept::Omitted,
        false if bytes.len() > LONGEST_LOOKED_AT => Kept::Omitted,
        false => Kept::Shape(redact::value(value.type_oid, bytes, now)),
    };
    Parameter {
        number: value.number,
        type_oid: value.type_oid,
        length: value.length as u32,
        kept: match &value.content {
            Content::Null => Kept::Null,
            Content::Opaque => Kept::Omitted,
            Content::Word(word) => keep(word),
            Content::Bytes(bytes) => keep(bytes),
        },
    }
}

fn literal(number: u32, token: &[u8], raw: bool, now: i64) -> Option<Parameter> {
    Some(Parameter {
        number: u16::try_from(number).ok()?,
        type_oid: 0,
        length: token.len() as u32,
        kept: match raw {
            true if token.len() <= LONGEST_VALUE => Kept::Value(token.to_vec()),
            true => Kept::Omitted,
            false if token.len() > LONGEST_LOOKED_AT => Kept::Omitted,
            false => redact::literal(token, now),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn the_first_fill_the_reservoir_and_later_ones_have_equal_chances() {
        assert_eq!((drawn(9, 1), drawn(9, 2)), (0, 1));
        let hits = (0..100_000u64)
            .filter(|seed| drawn(*seed, 1000) < 2)
            .count();
        assert!((150..=250).contains(&hits), "{hits} of 100000 at 2 in 1000");
    }
}
