//! What the capture itself does and costs, and the slow transactions it saw.

use std::sync::atomic::Ordering::Relaxed;

use super::admission;
use super::read::Reader;
use super::rows::moment;
use super::sweep;
use crate::pg::clock;
use crate::pg::session::has_query_ids;
use crate::pg::srf::Cell;
use crate::pg::text::shown;
use crate::shmem::Shared;
use crate::shmem::header::Global;

/// The row of `pgopt.capture_info_row`.
pub(super) fn row(shared: &'static Shared) -> Vec<Cell> {
    let get = |global: Global| shared.header.get(global);
    let count = |global: Global| Cell::Int(get(global) as i64);
    let (texts, text_memory) = shared.arena.usage();
    let dropped = [
        Global::DroppedBusy,
        Global::DroppedFull,
        Global::DroppedOpen,
    ];
    let samples = get(Global::HookSamples);
    vec![
        moment(get(Global::Since)),
        Cell::Int(shared.used() as i64),
        Cell::Int(shared.capacity() as i64),
        Cell::Int((shared.calls() + get(Global::EvictedCalls) + get(Global::ResetCalls)) as i64),
        Cell::Int(dropped.iter().map(|global| get(*global)).sum::<u64>() as i64),
        count(Global::DroppedBusy),
        count(Global::DroppedFull),
        count(Global::DroppedOpen),
        count(Global::Evicted),
        count(Global::EvictedCalls),
        count(Global::ResetCalls),
        count(Global::TextsDropped),
        Cell::Int(texts as i64),
        Cell::Int(text_memory as i64),
        Cell::Int(shared.bytes() as i64),
        match samples {
            0 => Cell::Null,
            samples => Cell::Float(get(Global::HookTime) as f64 / samples as f64 / 1e3),
        },
        Cell::Int(samples as i64),
        count(Global::Saves),
        count(Global::SaveFailures),
        count(Global::BytesWritten),
        moment(get(Global::LastSaved)),
        Cell::Bool(sweep::has_housekeeper(shared, clock::now())),
        count(Global::FallbackEvictions),
        Cell::Bool(has_query_ids()),
        Cell::Bool(admission::is_overflowing(shared)),
    ]
}

/// The rows of `pgopt.slow_transaction_list`; other roles' applications are named to those only
/// who may read all statistics.
pub(super) fn slow_transactions(shared: &'static Shared, reader: &Reader) -> Vec<Vec<Cell>> {
    (shared.applications.iter())
        .filter(|place| place.is_ready() && place.has_counts())
        .map(|place| {
            let role = place.role.load(Relaxed);
            let encoding = crate::pg::session::encoding() as u32;
            vec![
                Cell::Oid(place.database.load(Relaxed)),
                Cell::Oid(role),
                match reader.may_see(role) {
                    true => Cell::Text(shown(place.name(), encoding)),
                    false => Cell::Null,
                },
                Cell::Int(place.warnings.load(Relaxed) as i64),
                Cell::Int(place.errors.load(Relaxed) as i64),
                Cell::Float(place.total_time.load(Relaxed) as f64 / 1e3),
                Cell::Float(place.longest.load(Relaxed) as f64 / 1e3),
                moment(place.last.load(Relaxed)),
            ]
        })
        .collect()
}
