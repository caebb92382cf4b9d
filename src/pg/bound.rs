//! Values for a statement's parameters, so that it is planned as a custom plan has it.

use std::collections::BTreeMap;
use std::ffi::CString;

use pgrx::pg_sys;

use super::memory::OwnedContext;
use super::values;

/// A value as it was kept of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// Null, of any type.
    Null,
    /// Text for the input function of the parameter's type.
    Text {
        /// What it is given.
        text: String,
        /// For parameters of these types only; of any type if there are none.
        types: &'static [u32],
    },
    /// The content of a datum, see [`values::datum`].
    Datum {
        /// Its built-in type.
        type_oid: u32,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

/// Values by the number of their parameter.
pub(crate) type GivenSet = BTreeMap<u16, Given>;

/// Values in the form the planner takes them, in memory of their own.
///
/// They stay usable when the statement is analysed anew: the planner takes a value only for a
/// parameter of its very type, and none here has a layout that a command could change.
pub(crate) struct Values {
    list: pg_sys::ParamListInfo,
    _context: OwnedContext,
}

impl Values {
    /// Those of `given` that can be values of parameters of these `types` (0: not used), and
    /// which ones these are. Runs input functions, of types of the database's own only with
    /// `own_types`, so the caller sees to whose code may run; raises what they raise.
    pub(super) fn new(
        types: &[pg_sys::Oid],
        given: &GivenSet,
        own_types: bool,
    ) -> (Self, GivenSet) {
        let context = OwnedContext::small();
        let mut kept = GivenSet::new();
        let list = context.enter(|| {
            // SAFETY: room for so many parameters, each of which is filled below.
            let list = unsafe { pg_sys::makeParamList(types.len() as i32) };
            for (position, type_oid) in types.iter().enumerate() {
                let number = u16::try_from(position + 1).unwrap_or(0);
                let found = given.get(&number).and_then(|given| {
                    let value = datum(*type_oid, given, own_types)?;
                    kept.insert(number, given.clone());
                    Some(value)
                });
                let parameter = match found {
                    Some((value, isnull)) => pg_sys::ParamExternData {
                        value,
                        isnull,
                        pflags: pg_sys::PARAM_FLAG_CONST as u16,
                        ptype: *type_oid,
                    },
                    // Without a type it is not known, which `eval_const_expressions` and
                    // `estimate_expression_value` leave as it is.
                    None => pg_sys::ParamExternData {
                        value: pg_sys::Datum::from(0),
                        isnull: true,
                        pflags: 0,
                        ptype: pg_sys::InvalidOid,
                    },
                };
                // SAFETY: the list has a place for each type.
                unsafe { (*list).params.as_mut_ptr().add(position).write(parameter) };
            }
            list
        });
        let values = Self {
            list,
            _context: context,
        };
        (values, kept)
    }

    /// The list; it lives as long as `self`.
    pub(super) fn list(&self) -> pg_sys::ParamListInfo {
        self.list
    }
}

/// The datum for a parameter of a type and whether it is null; `None` if it cannot be one.
fn datum(type_oid: pg_sys::Oid, given: &Given, own_types: bool) -> Option<(pg_sys::Datum, bool)> {
    if !has_values(type_oid, own_types) {
        return None;
    }
    let value = match given {
        Given::Null => return Some((pg_sys::Datum::from(0), true)),
        Given::Text { text, types } => {
            let meant = types.is_empty() || types.contains(&type_oid.to_u32());
            meant.then(|| input(type_oid, text)).flatten()
        }
        Given::Datum {
            type_oid: of,
            bytes,
        } if *of == type_oid.to_u32() => values::datum(*of, bytes),
        // A driver may bind another type than the one that is compared with: varchar for text,
        // int4 for int8. Their texts mean the same.
        Given::Datum {
            type_oid: of,
            bytes,
        } => {
            let alike = values::is_built_in(type_oid.to_u32())
                && values::is_built_in(*of)
                && category(pg_sys::Oid::from(*of)) == category(type_oid);
            let text = alike.then(|| values::output(*of, bytes)).flatten()?;
            input(type_oid, &text)
        }
    };
    Some((value?, false))
}

/// Whether parameters of this type are given values: no row types, whose layout may change while
/// a value is kept, nothing made of them, and of a database's own types only scalar ones.
fn has_values(type_oid: pg_sys::Oid, own_types: bool) -> bool {
    if type_oid == pg_sys::InvalidOid || type_oid == pg_sys::UNKNOWNOID {
        return false;
    }
    // SAFETY: look-ups by OID; 0 for what is not there.
    let (kind, element) = unsafe {
        let base = pg_sys::getBaseType(type_oid);
        (
            pg_sys::get_typtype(base) as u8,
            pg_sys::get_element_type(base),
        )
    };
    match values::is_built_in(type_oid.to_u32()) {
        true => !b"cp".contains(&kind),
        false => own_types && b"be".contains(&kind) && element == pg_sys::InvalidOid,
    }
}

/// The category of a type, such as that of numbers.
fn category(type_oid: pg_sys::Oid) -> std::ffi::c_char {
    let (mut category, mut preferred) = (0, false);
    // SAFETY: a look-up of an existing type.
    unsafe {
        pg_sys::get_type_category_preferred(type_oid, &raw mut category, &raw mut preferred);
    }
    category
}

fn input(type_oid: pg_sys::Oid, text: &str) -> Option<pg_sys::Datum> {
    let text = CString::new(text).ok()?;
    let (mut function, mut io_parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: the type's own input function reads a C string, which it copies; it raises an
    // error for what is no value of the type.
    unsafe {
        pg_sys::getTypeInputInfo(type_oid, &raw mut function, &raw mut io_parameter);
        Some(pg_sys::OidInputFunctionCall(
            function,
            text.as_ptr().cast_mut(),
            io_parameter,
            -1,
        ))
    }
}
