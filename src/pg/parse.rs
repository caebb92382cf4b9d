//! What parse analysis tells its hook.

use std::ffi::c_char;

use pgrx::pg_sys;

use super::compat;
use super::execution::Source;
use super::utility;

/// A statement that was just analysed, for the time of the hook's call.
pub(crate) struct Analysed {
    query: *mut pg_sys::Query,
    query_id: u64,
    text: *const c_char,
    place: (i32, i32),
    state: *const pg_sys::JumbleState,
    is_text_alone: bool,
}

impl Analysed {
    /// # Safety
    /// The arguments of the hook, used during its call only.
    pub(crate) unsafe fn new(
        parse: *mut pg_sys::ParseState,
        query: *mut pg_sys::Query,
        state: *const pg_sys::JumbleState,
    ) -> Self {
        // SAFETY: see above.
        unsafe {
            Self {
                query,
                query_id: compat::query_id((*query).queryId),
                text: (*parse).p_sourcetext,
                is_text_alone: (*parse).p_ref_hook_state.is_null(),
                place: ((*query).stmt_location, (*query).stmt_len),
                state,
            }
        }
    }

    /// A query of a utility command at that place of its text, with what computing its identifier
    /// brought.
    ///
    /// # Safety
    /// As for `new`, during the utility hook's call.
    pub(crate) unsafe fn within(
        query: *mut pg_sys::Query,
        query_id: u64,
        text: *const c_char,
        state: *const pg_sys::JumbleState,
        place: (i32, i32),
    ) -> Self {
        Self {
            query,
            query_id,
            text,
            place,
            state,
            is_text_alone: false,
        }
    }

    /// The query identifier; 0 when there is none.
    #[inline]
    pub(crate) fn query_id(&self) -> u64 {
        self.query_id
    }

    /// Whether it is a utility command.
    #[inline]
    pub(crate) fn is_utility(&self) -> bool {
        // SAFETY: see `new`.
        unsafe { !(*self.query).utilityStmt.is_null() }
    }

    /// Its name if it is a utility command that may give values as bare words.
    #[inline]
    pub(crate) fn name_if_bare(&self) -> Option<&'static [u8]> {
        // SAFETY: see `new`.
        unsafe {
            let command = (*self.query).utilityStmt;
            let is_bare = !command.is_null() && utility::has_bare_values(compat::tag(command));
            is_bare.then(|| utility::name(command))
        }
    }

    /// Whether its text is all there was to analyse, as a simple query's is. What may be prepared
    /// for many executions comes with something that knows its parameters.
    #[inline]
    pub(crate) fn is_text_alone(&self) -> bool {
        self.is_text_alone
    }

    /// Says where in the text the query alone is.
    pub(crate) fn set_place(&mut self, start: usize, length: usize) {
        self.place = (
            i32::try_from(start).unwrap_or(-1),
            i32::try_from(length).unwrap_or(0),
        );
    }

    /// Its text.
    #[inline]
    pub(crate) fn source(&self) -> Source {
        // SAFETY: see `new`.
        unsafe { Source::new(self.text, self.place.0, self.place.1) }
    }

    /// Location, length, whether squashed and whether a parameter of its own, of each constant.
    #[inline]
    pub(crate) fn constants(&self) -> impl ExactSizeIterator<Item = (i32, i32, bool, bool)> {
        // SAFETY: the state, when there is one, has that many places.
        let places = unsafe {
            self.state
                .as_ref()
                .map_or(&[] as &[pg_sys::LocationLen], |state| {
                    match state.clocations_count {
                        count if count > 0 => {
                            std::slice::from_raw_parts(state.clocations, count as usize)
                        }
                        _ => &[],
                    }
                })
        };
        places.iter().map(compat::constant_place)
    }

    /// The highest number of a parameter of its own.
    pub(crate) fn highest_parameter(&self) -> i32 {
        // SAFETY: see `constants`.
        unsafe { self.state.as_ref() }.map_or(0, |state| state.highest_extern_param_id)
    }
}
