//! Which built-in functions may be called by a query that is not run when nothing it reads has
//! changed. Functions are known by OID, which the server never gives to another one.
#![forbid(unsafe_code)]

/// The first OID that is not fixed by the server's own catalogs (`FirstUnpinnedObjectId`).
pub(super) const FIRST_NOT_BUILT_IN: u32 = 12_000;

/// Settings that results may depend on, immutable functions or not: the text of a `float8`, or a
/// function in C that is called immutable.
pub(super) const SETTINGS: [&str; 11] = [
    "bytea_output",
    "DateStyle",
    "default_text_search_config",
    "extra_float_digits",
    "IntervalStyle",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "TimeZone",
    "timezone_abbreviations",
    "xmlbinary",
];

/// Ranges of stable functions that depend on their arguments and on settings only. What reads
/// words such as `now` or `today` (the input functions of dates and times) is not among them.
const ON_SETTINGS: &[(u32, u32)] = &[
    // Comparisons between timestamptz, timestamp and date, casts and arithmetic.
    (2351, 2357),
    (2377, 2383),
    (2520, 2533),
    (1174, 1174),
    (1176, 1176),
    (1178, 1178),
    (1189, 1190),
    (1388, 1388),
    (2019, 2019),
    (2027, 2028),
    (2549, 2549),
    // date_part, date_trunc, extract, generate_series, OVERLAPS, ranges of windows.
    (939, 939),
    (1171, 1171),
    (1217, 1217),
    (1284, 1284),
    (1305, 1307),
    (4135, 4135),
    (6203, 6203),
    // make_timestamptz, to_char, to_date, to_number, to_timestamp.
    (1768, 1768),
    (1770, 1770),
    (1772, 1778),
    (1780, 1780),
    (2049, 2049),
    (3462, 3463),
    // Text of dates, times, intervals, money and enums.
    (886, 887),
    (1085, 1085),
    (1151, 1151),
    (1160, 1161),
    (1313, 1313),
    (3506, 3507),
    (3528, 3531),
    (3811, 3812),
    (3823, 3824),
    // Text search.
    (3749, 3751),
    (3754, 3755),
    (3760, 3761),
    (4203, 4204),
    (4207, 4210),
    (4213, 4213),
    (4215, 4215),
    (5001, 5001),
    (5009, 5009),
    // Encodings, JSON paths with time zones.
    (1177, 1177),
    (1179, 1180),
    (1713, 1714),
    (1717, 1717),
    (1813, 1813),
    (2023, 2023),
    (2030, 2030),
    (3199, 3199),
    (3201, 3201),
    (3272, 3272),
    (3274, 3274),
    (3540, 3540),
];

/// Ranges of functions that make text, or JSON, of arguments of any type: they depend on what the
/// types' own output functions depend on.
const OF_ANY_TYPE: &[(u32, u32)] = &[
    // array_to_string, concat, concat_ws, format, text || any, quote_literal, quote_nullable.
    (384, 384),
    (395, 395),
    (1285, 1285),
    (1290, 1290),
    (2003, 2004),
    (3058, 3059),
    (3539, 3539),
    // array_to_json, row_to_json, to_json, to_jsonb, json_agg, json_build_…, …_object_agg.
    (3153, 3156),
    (3175, 3176),
    (3197, 3198),
    (3200, 3200),
    (3267, 3267),
    (3270, 3271),
    (3273, 3273),
    (3787, 3787),
    // Output of arrays, ranges and multiranges, and values of an enum.
    (751, 751),
    (3506, 3507),
    (3528, 3531),
    (3835, 3835),
    (4232, 4232),
];

/// Ranges of functions that read how text search is configured, immutable ones among them.
const OF_TEXT_SEARCH: &[(u32, u32)] = &[
    // ts_lexize, ts_headline, to_tsvector and the like, text @@ text, of JSON.
    (3723, 3723),
    (3743, 3755),
    (3760, 3761),
    (4201, 4217),
    (5001, 5001),
    (5006, 5010),
];

/// Whether a built-in function reads configurations and dictionaries of text search.
pub(crate) fn reads_text_search(function: u32) -> bool {
    within(OF_TEXT_SEARCH, function)
}

/// Whether a stable built-in function depends on nothing but its arguments and [`SETTINGS`].
pub(super) fn depends_on_settings_only(function: u32) -> bool {
    within(ON_SETTINGS, function) || makes_text_of_any_type(function)
}

/// Whether a built-in function makes text of arguments of any type.
pub(super) fn makes_text_of_any_type(function: u32) -> bool {
    within(OF_ANY_TYPE, function)
}

fn within(ranges: &[(u32, u32)], function: u32) -> bool {
    (ranges.iter()).any(|(first, last)| (*first..=*last).contains(&function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_the_time_depends_on_more_than_settings() {
        // now, transaction_timestamp, statement_timestamp, timestamptz_in, date_in, age(tstz),
        // time -> timetz, timezone(text, timetz), version, current_setting.
        for function in [1299, 2647, 2648, 1150, 1084, 1386, 2047, 2037, 89, 2077] {
            assert!(!depends_on_settings_only(function), "{function}");
        }
    }

    #[test]
    fn date_trunc_and_to_json_may_be_skipped() {
        assert!(depends_on_settings_only(1217) && !makes_text_of_any_type(1217));
        assert!(depends_on_settings_only(3176) && makes_text_of_any_type(3176));
    }
}
