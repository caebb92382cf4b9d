//! The values a statement was given for its parameters.

use std::ffi::CStr;

use pgrx::pg_sys;

use super::values::{Layout, layout};

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
    /// Of a type without a [`layout`], compressed, or stored elsewhere: not looked into.
    Opaque,
}

impl Parameters {
    /// # Safety
    /// `list` must be an execution's parameters, used while it is in the executor only.
    pub(crate) unsafe fn new(list: pg_sys::ParamListInfo) -> Self {
        Self(list)
    }

    /// The values there are. Those a procedural language hands out one by one, when asked, are
    /// not asked for: that would run its code.
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
    let (length, content) = match layout(type_oid) {
        _ if parameter.isnull => (0, Content::Null),
        None => (0, Content::Opaque),
        // SAFETY: a value of that type.
        Some(layout) => unsafe { content(parameter, layout) },
    };
    Some(Value {
        number,
        type_oid,
        length,
        content,
    })
}

unsafe fn content<'a>(
    parameter: &'a pg_sys::ParamExternData,
    layout: Layout,
) -> (usize, Content<'a>) {
    let word = parameter.value.value();
    let at = word as *const u8;
    // SAFETY: the datum is laid out like that.
    unsafe {
        match layout {
            Layout::Word(length) => (length, Content::Word((word as u64).to_le_bytes())),
            Layout::Varlena => varlena(at),
            Layout::Text => {
                let text = CStr::from_ptr(at.cast()).to_bytes();
                (text.len(), Content::Bytes(text))
            }
            Layout::Fixed(length) => {
                let bytes = std::slice::from_raw_parts(at, length);
                (length, Content::Bytes(bytes))
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
