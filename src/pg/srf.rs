//! Functions that return many rows of many columns at once.

use pgrx::datum::{IntoDatum, JsonB};
use pgrx::pg_sys;

/// One value of a row.
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// In the database's encoding, checked to be valid in it.
    Text(Vec<u8>),
    Oid(u32),
    Oids(Vec<u32>),
    /// Microseconds since 2000.
    Timestamp(i64),
    Json(serde_json::Value),
}

impl Cell {
    /// A value or null.
    pub(crate) fn of<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
        value.map_or(Cell::Null, cell)
    }

    fn datum(self) -> Option<pg_sys::Datum> {
        match self {
            Cell::Null => None,
            Cell::Bool(value) => value.into_datum(),
            Cell::Int(value) | Cell::Timestamp(value) => value.into_datum(),
            Cell::Float(value) => value.into_datum(),
            Cell::Text(bytes) => Some(text(&bytes)),
            Cell::Oid(oid) => pg_sys::Oid::from(oid).into_datum(),
            Cell::Oids(oids) => {
                let oids: Vec<pg_sys::Oid> = oids.into_iter().map(pg_sys::Oid::from).collect();
                oids.into_datum()
            }
            Cell::Json(value) => JsonB(value).into_datum(),
        }
    }
}

fn text(bytes: &[u8]) -> pg_sys::Datum {
    // SAFETY: copies that many bytes into the current memory context.
    unsafe {
        let text = pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), bytes.len() as i32);
        pg_sys::Datum::from(text)
    }
}

/// Returns `rows` from the set-returning function being called, which declares their columns.
///
/// # Safety
/// `call` must be the call information of a function declared to return a set of rows of the
/// cells' types.
pub(crate) unsafe fn return_rows(
    call: pg_sys::FunctionCallInfo,
    rows: impl IntoIterator<Item = Vec<Cell>>,
) -> pg_sys::Datum {
    // SAFETY: see above; the server made the result's store and its row type.
    unsafe {
        pg_sys::InitMaterializedSRF(call, 0);
        let result = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        for row in rows {
            let cells: Vec<Option<pg_sys::Datum>> = row.into_iter().map(Cell::datum).collect();
            let mut nulls: Vec<bool> = cells.iter().map(Option::is_none).collect();
            let mut values: Vec<pg_sys::Datum> = (cells.into_iter())
                .map(|cell| cell.unwrap_or(pg_sys::Datum::from(0)))
                .collect();
            pg_sys::tuplestore_putvalues(
                (*result).setResult,
                (*result).setDesc,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
    }
    pg_sys::Datum::from(0)
}

/// A call of such a function.
#[derive(Clone, Copy)]
pub(crate) struct Call(pg_sys::FunctionCallInfo);

impl Call {
    /// # Safety
    /// `call` must be what the server passed to the function.
    pub(crate) unsafe fn new(call: pg_sys::FunctionCallInfo) -> Self {
        Self(call)
    }

    /// The argument in place `number`, which must be declared `boolean`, if it is not null.
    pub(crate) fn boolean(self, number: usize) -> Option<bool> {
        // SAFETY: see `new`; any bits make a boolean of the server.
        unsafe { pgrx::fcinfo::pg_getarg(self.0, number) }
    }

    /// The argument in place `number`, which must be declared `bigint`, if it is not null.
    pub(crate) fn bigint(self, number: usize) -> Option<i64> {
        // SAFETY: see `new`; any bits make a bigint.
        unsafe { pgrx::fcinfo::pg_getarg(self.0, number) }
    }
}

/// Defines the C function `$function` of version-1 calling convention that returns the rows that
/// `$rows`, a function of a [`Call`], gives. The bindings' own row functions end at 32 columns.
macro_rules! row_function {
    ($function:ident, $info:ident, $rows:expr) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $info() -> &'static pg_sys::Pg_finfo_record {
            const RECORD: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
            &RECORD
        }

        #[doc(hidden)]
        #[pg_guard]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $function(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
            let rows: fn($crate::pg::srf::Call) -> Result<Vec<Vec<Cell>>> = $rows;
            // SAFETY: the server's own call, of a function whose declaration in SQL has the
            // columns of these rows.
            unsafe {
                match rows($crate::pg::srf::Call::new(call)) {
                    Ok(rows) => $crate::pg::srf::return_rows(call, rows),
                    Err(error) => {
                        ErrorReport::from(error).report(PgLogLevel::ERROR);
                        pg_sys::Datum::from(0)
                    }
                }
            }
        }
    };
}

pub(crate) use row_function;
