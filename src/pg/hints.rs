//! Keeps `pg_hint_plan` from hinting while indexes are added or hidden.
//!
//! It looks up the names of a relation's indexes in the catalogs and uses them unseen, which
//! crashes the server for an index that is not there; and a hint that forbids a scan adds a cost
//! that no index can save.

use pgrx::pg_sys;

use super::rollback::set_for_level;

const SETTING: &std::ffi::CStr = c"pg_hint_plan.enable_hint";

/// While it lives, hints are off; `None` where there is nothing to switch off.
pub(crate) struct HintsOff(Option<i32>);

impl HintsOff {
    /// Switches hints off.
    pub(crate) fn begin() -> Self {
        // SAFETY: a look-up that returns null for an unknown setting; the level is closed on drop.
        let level = unsafe {
            if pg_sys::GetConfigOption(SETTING.as_ptr(), true, false).is_null() {
                return Self(None);
            }
            pg_sys::NewGUCNestLevel()
        };
        // The names hold no zero byte, the one error there is; the server raises its own.
        let _ = set_for_level(&SETTING.to_string_lossy(), "off");
        Self(Some(level))
    }
}

impl Drop for HintsOff {
    fn drop(&mut self) {
        // After an error the abort of the (sub)transaction closes the level.
        if let Some(level) = self.0
            && !std::thread::panicking()
        {
            // SAFETY: closes the level that `begin` opened.
            unsafe { pg_sys::AtEOXact_GUC(true, level) }
        }
    }
}
