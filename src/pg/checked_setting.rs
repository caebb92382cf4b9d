//! Text settings whose values are looked at when they are set.

use std::ffi::{CStr, CString, c_char, c_void};

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, pg_guard, pg_sys};

use super::local::Local;

/// Whether a value is one, and what DETAIL says otherwise.
type Check = (fn(&str) -> bool, &'static CStr);

static CHECK: Local<Option<Check>> = Local::new(None);

/// Defines a text setting that takes only what `check` accepts. There is one such setting.
pub(crate) fn define_checked_text(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    context: GucContext,
    check: fn(&str) -> bool,
    detail: &'static CStr,
) {
    CHECK.set(Some((check, detail)));
    // SAFETY: the hook has the signature that the server calls it with.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            short,
            long,
            setting,
            context,
            GucFlags::default(),
            Some(check_value),
            None,
            None,
        );
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn check_value(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: the server passes the place of a C string, or of a null pointer.
    let value = unsafe { *value };
    let Some((check, detail)) = CHECK.get().filter(|_| !value.is_null()) else {
        return true;
    };
    // SAFETY: see above.
    let accepted = unsafe { CStr::from_ptr(value) }.to_str().is_ok_and(check);
    if !accepted {
        // SAFETY: a constant that the server copies into its message.
        unsafe { pg_sys::GUC_check_errdetail_string = detail.as_ptr().cast_mut() };
    }
    accepted
}
