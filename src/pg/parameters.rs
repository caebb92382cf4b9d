//! The values a statement was given for its parameters.

use std::ffi::CStr;

use pgrx::pg_sys;

/// Types from here on are a database's own.
const FIRST_OWN_OID: u32 = pg_sys::FirstNormalObjectId;

/// The parameters of an execution, for as long as it is in the executor.
#[derive(Clone, Copy)]
pub(crate) struct Parameters(pg_sys::ParamListInfo);

/// One of them.
pub(crate) struct Value<'a> {
    /// n of `$n`.
    pub(crate) number: u16,
    pub(crate) type_oid: u32,
    /// Length of the value in bytes; 0 for null.
    pub(crate) length: usize,
    pub(crate) content: Content<'a>,
}

/// What it is.
pub(crate) enum Content<'a> {
    Null,
    /// Passed by value.
    Word([u8; 8]),
    /// Passed by reference, without header.
    Bytes(&'a [u8]),
    /// Of a type of the database's own, compressed, or stored elsewhere: not looked into.
    Opaque,
}

impl Parameters {
    /// # Safety
    /// `list` must be an execution's parameters, used while it is in the executor only.
    pub(crate) unsafe fn new(list: pg_sys::ParamListInfo) -> Self {
        Self(list)
    }

    /// The values there are. Those a procedural language hands out one by one, when asked, are
    /// not asked for: that would run its code. The catalogs are looked at, so this must not be
    /// called with anything of ours held.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'_>> {
        // SAFETY: see `new`.
        let list = unsafe { self.0.as_ref() }.filter(|list| list.paramFetch.is_none());
        let count = list.map_or(0, |list| list.numParams.max(0) as usize);
        (0..count).filter_map(move |position| {
            // SAFETY: the list has `numParams` elements behind its head.
            let parameter = unsafe { &*list?.params.as_ptr().add(position) };
            // SAFETY: the element is a parameter's value of that type.
            unsafe { value(position as u16 + 1, parameter) }
        })
    }
}

unsafe fn value<'a>(number: u16, parameter: &'a pg_sys::ParamExternData) -> Option<Value<'a>> {
    let type_oid = parameter.ptype.to_u32();
    if type_oid == 0 {
        return None;
    }
    let (length, content) = match () {
        () if parameter.isnull => (0, Content::Null),
        () if type_oid >= FIRST_OWN_OID => (0, Content::Opaque),
        // SAFETY: a value of a built-in type.
        () => unsafe { content(parameter) },
    };
    Some(Value {
        number,
        type_oid,
        length,
        content,
    })
}

unsafe fn content<'a>(parameter: &'a pg_sys::ParamExternData) -> (usize, Content<'a>) {
    unsafe extern "C-unwind" {
        // Without the frame that the bindings put around it: a built-in type is always found.
        fn get_typlenbyval(type_oid: pg_sys::Oid, length: *mut i16, by_value: *mut bool);
    }
    let (mut length, mut by_value) = (0i16, false);
    let word = parameter.value.value();
    // SAFETY: the datum is of that type, so it is laid out as the catalogs say.
    unsafe {
        get_typlenbyval(parameter.ptype, &raw mut length, &raw mut by_value);
        let at = word as *const u8;
        match length {
            _ if by_value => (
                length.max(0) as usize,
                Content::Word((word as u64).to_le_bytes()),
            ),
            -1 => varlena(at),
            -2 => {
                let text = CStr::from_ptr(at.cast()).to_bytes();
                (text.len(), Content::Bytes(text))
            }
            _ => {
                let length = length.max(0) as usize;
                (
                    length,
                    Content::Bytes(std::slice::from_raw_parts(at, length)),
                )
            }
        }
    }
}

/// The payload of a value of variable length that is there and plain.
unsafe fn varlena<'a>(at: *const u8) -> (usize, Content<'a>) {
    // SAFETY: the header says how long the value is; little-endian layout.
    unsafe {
        match *at {
            1 => (0, Content::Opaque),
            first if first & 1 == 1 => {
                let length = usize::from(first >> 1).saturating_sub(1);
                (
                    length,
                    Content::Bytes(std::slice::from_raw_parts(at.add(1), length)),
                )
            }
            first => {
                let length = (at.cast::<u32>().read_unaligned() >> 2) as usize - 4;
                if first & 3 == 2 {
                    return (length, Content::Opaque);
                }
                (
                    length,
                    Content::Bytes(std::slice::from_raw_parts(at.add(4), length)),
                )
            }
        }
    }
}
