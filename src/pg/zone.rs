//! The server's time zones.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;

/// A time zone of the server's database; it stays in the process's cache for ever.
#[derive(Clone, Copy)]
pub(crate) struct ServerZone(*mut pg_sys::pg_tz);

/// Seconds from the epoch of the operating system to that of the server.
const EPOCH: i64 = 946_684_800;
const SECOND: i64 = 1_000_000;

impl ServerZone {
    /// The zone of that name (or abbreviation rule), as `SET TimeZone` takes it.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: looks the name up; null for what is no zone. Zones that count leap seconds are
        // refused by the server, too.
        unsafe {
            let zone = pg_sys::pg_tzset(name.as_ptr());
            (!zone.is_null() && pg_sys::pg_tz_acceptable(zone)).then_some(Self(zone))
        }
    }

    /// Its name as the server spells it.
    pub(crate) fn name(self) -> String {
        // SAFETY: a zone of the cache has a name.
        let name = unsafe { CStr::from_ptr(pg_sys::pg_get_timezone_name(self.0)) };
        name.to_string_lossy().into_owned()
    }

    /// The session's zone.
    pub(crate) fn of_session() -> Self {
        // SAFETY: always set while there is a session.
        Self(unsafe { pg_sys::session_timezone })
    }
}

impl ServerZone {
    /// Seconds ahead of UTC at a moment in the server's microseconds.
    pub(crate) fn offset(self, instant_us: i64) -> i32 {
        let time: pg_sys::pg_time_t = instant_us.div_euclid(SECOND).saturating_add(EPOCH);
        // SAFETY: returns a static structure, or null beyond what can be counted.
        let local = unsafe { pg_sys::pg_localtime(&raw const time, self.0).as_ref() };
        local.map_or(0, |local| local.tm_gmtoff as i32)
    }

    /// The next change of its clocks after a moment.
    pub(crate) fn change_after(self, after_us: i64) -> Option<i64> {
        let time: pg_sys::pg_time_t = after_us.div_euclid(SECOND).saturating_add(EPOCH);
        let (mut before, mut after) = (0, 0);
        let (mut before_dst, mut after_dst) = (0, 0);
        let mut boundary: pg_sys::pg_time_t = 0;
        // SAFETY: fills the five variables; 1 when there is a change.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &raw const time,
                &raw mut before,
                &raw mut before_dst,
                &raw mut boundary,
                &raw mut after,
                &raw mut after_dst,
                self.0,
            )
        };
        (found == 1).then(|| boundary.saturating_sub(EPOCH).saturating_mul(SECOND))
    }
}
