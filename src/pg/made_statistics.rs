//! Statistics of an expression, as `ANALYZE` would gather them for an index on it, from values
//! that were sampled; kept as a row of `pg_statistic` and shown to the planner as one.

use pgrx::pg_sys;

use super::catalog::ColumnStatistics;
use super::code_guard;

/// A row of `pg_statistic` that is in no table.
#[derive(Debug, Clone)]
pub(crate) struct MadeStatistics {
    /// The tuple, header and all.
    bytes: Vec<u8>,
    /// What sizes are estimated from.
    pub(crate) summary: ColumnStatistics,
    /// How far the rows come in the order of the values, -1 to 1.
    pub(crate) correlation: f64,
}

/// Type, collation and values of an expression, in the order of the rows.
pub(super) struct Values {
    pub(super) type_oid: pg_sys::Oid,
    pub(super) modifier: i32,
    pub(super) collation: pg_sys::Oid,
    pub(super) values: Vec<pg_sys::Datum>,
    pub(super) nulls: Vec<bool>,
    /// Rows of the table that these stand for.
    pub(super) table_rows: f64,
}

/// More values of one kind than this are not asked for.
const MAX_TARGET: i32 = 100;

/// How the server's functions are handed the values.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn fetch(
    stats: pg_sys::VacAttrStatsP,
    row: i32,
    is_null: *mut bool,
) -> pg_sys::Datum {
    // SAFETY: the server asks for rows below the number it was given; the arrays are that long.
    unsafe {
        let row = row as usize;
        *is_null = *(*stats).exprnulls.add(row);
        *(*stats).exprvals.add(row)
    }
}

/// Statistics of some values, gathered by the functions that `ANALYZE` calls for their type.
/// Works in the current memory context. `None` when the type has no statistics.
pub(super) fn gather(given: &mut Values) -> Option<MadeStatistics> {
    let rows = i32::try_from(given.values.len())
        .ok()
        .filter(|rows| *rows > 0)?;
    // SAFETY: follows `examine_expression` and `compute_expr_stats` of extended_stats.c; the
    // arrays live until the functions return. A type's `typanalyze` function is made by
    // superusers only; one of ranges calls a function that is not.
    unsafe {
        code_guard::check(difference_function(given.type_oid));
        let tuple = pg_sys::SearchSysCacheCopy(
            pg_sys::SysCacheIdentifier::TYPEOID as i32,
            pg_sys::Datum::from(given.type_oid),
            pg_sys::Datum::from(0),
            pg_sys::Datum::from(0),
            pg_sys::Datum::from(0),
        );
        if tuple.is_null() {
            return None;
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
        let mut stats = pg_sys::VacAttrStats::default();
        let mut attribute = pg_sys::FormData_pg_attribute::default();
        set_target(&mut stats, &mut attribute);
        stats.attrtypid = given.type_oid;
        stats.attrtypmod = given.modifier;
        stats.attrtype = form;
        stats.attrcollid = given.collation;
        stats.anl_context = pg_sys::CurrentMemoryContext;
        for slot in 0..pg_sys::STATISTIC_NUM_SLOTS as usize {
            stats.statypid[slot] = given.type_oid;
            stats.statyplen[slot] = (*form).typlen;
            stats.statypbyval[slot] = (*form).typbyval;
            stats.statypalign[slot] = (*form).typalign;
        }
        let wanted = if (*form).typanalyze == pg_sys::InvalidOid {
            pg_sys::std_typanalyze(&mut stats)
        } else {
            let datum = pg_sys::Datum::from(&raw mut stats);
            let function = (*form).typanalyze;
            pg_sys::OidFunctionCall1Coll(function, pg_sys::InvalidOid, datum).value() != 0
        };
        let compute = stats.compute_stats.filter(|_| wanted)?;
        stats.exprvals = given.values.as_mut_ptr();
        stats.exprnulls = given.nulls.as_mut_ptr();
        stats.rowstride = 1;
        let table_rows = given.table_rows.max(f64::from(rows));
        pg_sys::ffi::pg_guard_ffi_boundary(|| {
            compute(&raw mut stats, Some(fetch), rows, table_rows);
        });
        stats
            .stats_valid
            .then(|| MadeStatistics::from_stats(&mut stats))
    }
}

/// The function by which statistics of a range type tell how far its bounds are apart, which
/// whoever made the type has chosen; none for other types. The server keeps it ready to be called,
/// and does not ask again who may.
fn difference_function(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: catalog look-ups of a type that exists; entries of the type cache are never freed.
    unsafe {
        let base = pg_sys::getBaseType(type_oid);
        let range = match pg_sys::get_typtype(base) as u8 {
            b'r' => base,
            b'm' => pg_sys::get_multirange_range(base),
            _ => return pg_sys::InvalidOid,
        };
        let known = pg_sys::lookup_type_cache(range, pg_sys::TYPECACHE_RANGE_INFO as i32);
        (*known).rng_subdiff_finfo.fn_oid
    }
}

/// Asks for as many values as a plain `ANALYZE` would.
fn set_target(stats: &mut pg_sys::VacAttrStats, attribute: &mut pg_sys::FormData_pg_attribute) {
    // SAFETY: a plain setting of this process.
    let target = unsafe { pg_sys::default_statistics_target }.min(MAX_TARGET);
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    {
        // Of another width in 15 than in 16.
        attribute.attstattarget = target as _;
        stats.attr = attribute;
    }
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    {
        let _unused = attribute;
        stats.attstattarget = target;
    }
}

impl MadeStatistics {
    /// # Safety
    /// The statistics must be valid.
    unsafe fn from_stats(stats: &mut pg_sys::VacAttrStats) -> Self {
        // SAFETY: a catalog relation, opened for its description alone; the tuple is copied.
        unsafe {
            let lock = pg_sys::AccessShareLock as i32;
            let catalog = pg_sys::relation_open(pg_sys::StatisticRelationId, lock);
            let (mut values, mut nulls) = columns(stats);
            let tuple =
                pg_sys::heap_form_tuple((*catalog).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::relation_close(catalog, lock);
            let length = (*tuple).t_len as usize;
            let bytes = std::slice::from_raw_parts((*tuple).t_data.cast::<u8>(), length);
            Self {
                bytes: bytes.to_vec(),
                summary: ColumnStatistics {
                    width: f64::from(stats.stawidth),
                    null_fraction: f64::from(stats.stanullfrac),
                    distinct: f64::from(stats.stadistinct),
                },
                correlation: correlation(stats),
            }
        }
    }

    /// The row as the planner's statistics look-up returns one, in the current memory context;
    /// freed by `pfree`.
    pub(crate) fn tuple(&self) -> pg_sys::HeapTuple {
        // SAFETY: one allocation holds the tuple's head and, aligned, its data.
        unsafe {
            let head = std::mem::size_of::<pg_sys::HeapTupleData>().next_multiple_of(8);
            let tuple = pg_sys::palloc0(head + self.bytes.len()).cast::<pg_sys::HeapTupleData>();
            let data = tuple.cast::<u8>().add(head);
            std::ptr::copy_nonoverlapping(self.bytes.as_ptr(), data, self.bytes.len());
            (*tuple).t_len = self.bytes.len() as u32;
            (*tuple).t_data = data.cast();
            tuple
        }
    }
}

fn correlation(stats: &pg_sys::VacAttrStats) -> f64 {
    (stats
        .stakind
        .iter()
        .zip(&stats.stanumbers)
        .zip(&stats.numnumbers))
    .find(|((kind, _), count)| **kind == pg_sys::STATISTIC_KIND_CORRELATION as i16 && **count > 0)
    // SAFETY: the slot has at least one number.
    .map_or(0.0, |((_, numbers), _)| f64::from(unsafe { **numbers }))
}

/// The columns of `pg_statistic`, as `update_attstats` of analyze.c fills them.
///
/// # Safety
/// The statistics must be valid.
unsafe fn columns(stats: &mut pg_sys::VacAttrStats) -> (Vec<pg_sys::Datum>, Vec<bool>) {
    let mut row: Vec<Option<pg_sys::Datum>> = vec![
        Some(pg_sys::Datum::from(0)),
        Some(pg_sys::Datum::from(0)),
        Some(pg_sys::Datum::from(false)),
        float(stats.stanullfrac),
        Some(pg_sys::Datum::from(stats.stawidth)),
        float(stats.stadistinct),
    ];
    row.extend(
        stats
            .stakind
            .iter()
            .map(|kind| Some(pg_sys::Datum::from(*kind))),
    );
    row.extend(
        stats
            .staop
            .iter()
            .map(|oid| Some(pg_sys::Datum::from(*oid))),
    );
    row.extend(
        stats
            .stacoll
            .iter()
            .map(|oid| Some(pg_sys::Datum::from(*oid))),
    );
    for slot in 0..pg_sys::STATISTIC_NUM_SLOTS as usize {
        // SAFETY: the slot has as many numbers as it says.
        row.push(unsafe { numbers(stats.stanumbers[slot], stats.numnumbers[slot]) });
    }
    for slot in 0..pg_sys::STATISTIC_NUM_SLOTS as usize {
        let count = stats.numvalues[slot];
        row.push((count > 0).then(|| {
            // SAFETY: the slot has as many values of its type as it says.
            pg_sys::Datum::from(unsafe {
                pg_sys::construct_array(
                    stats.stavalues[slot],
                    count,
                    stats.statypid[slot],
                    stats.statyplen[slot].into(),
                    stats.statypbyval[slot],
                    stats.statypalign[slot],
                )
            })
        }));
    }
    let nulls = row.iter().map(Option::is_none).collect();
    let values = row
        .into_iter()
        .map(|value| value.unwrap_or(pg_sys::Datum::from(0)))
        .collect();
    (values, nulls)
}

fn float(number: f32) -> Option<pg_sys::Datum> {
    pgrx::IntoDatum::into_datum(number)
}

/// # Safety
/// There must be `count` numbers.
unsafe fn numbers(first: *const f32, count: i32) -> Option<pg_sys::Datum> {
    let length = usize::try_from(count).ok().filter(|length| *length > 0)?;
    // SAFETY: see above; a number is passed by value.
    unsafe {
        let mut values: Vec<pg_sys::Datum> = std::slice::from_raw_parts(first, length)
            .iter()
            .filter_map(|number| float(*number))
            .collect();
        let array = pg_sys::construct_array(
            values.as_mut_ptr(),
            count,
            pg_sys::FLOAT4OID,
            4,
            true,
            b'i' as std::ffi::c_char,
        );
        Some(pg_sys::Datum::from(array))
    }
}
