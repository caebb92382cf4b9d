//! The columns of the index: types, collations, operator classes, order.

use pgrx::{PgSqlErrorCode, is_a, pg_sys};

use super::access_method::AccessMethod;
use super::operator_class::OperatorClass;
use super::{expressions, storage, text};
use crate::error::{Error, Result};

/// A column of the index as the checks find it.
pub(super) struct Column {
    /// Attribute number in the table; 0 for an expression, negative for a system column.
    pub(super) attribute: i16,
    /// Type of the column or expression.
    pub(super) column_type: pg_sys::Oid,
    /// Collation, or `InvalidOid`.
    pub(super) collation: pg_sys::Oid,
    /// Operator class; zeros for an `INCLUDE` column.
    pub(super) class: OperatorClass,
    /// `DESC`.
    pub(super) descending: bool,
    /// Whether nulls come first.
    pub(super) nulls_first: bool,
    /// The analysed expression; null for a plain column.
    pub(super) expression: *mut pg_sys::Node,
    /// Options of the operator class as the catalogs store them; a zero datum without any.
    pub(super) class_options: pg_sys::Datum,
}

/// Type and collation of what a column of the index holds.
struct Source {
    attribute: i16,
    column_type: pg_sys::Oid,
    collation: pg_sys::Oid,
    expression: *mut pg_sys::Node,
}

/// The key columns. Follows `ComputeIndexAttrs` (`commands/indexcmds.c`) for them.
pub(super) fn compute_keys(
    table: pg_sys::Oid,
    method: &AccessMethod,
    elements: &[&pg_sys::IndexElem],
) -> Result<Vec<Column>> {
    elements
        .iter()
        .map(|element| compute_key(table, method, element))
        .collect()
}

fn compute_key(
    table: pg_sys::Oid,
    method: &AccessMethod,
    element: &pg_sys::IndexElem,
) -> Result<Column> {
    let source = if element.name.is_null() {
        expression_source(element)?
    } else {
        column_source(table, element)?
    };
    let collation = compute_collation(element, &source)?;
    // SAFETY: the name list comes from the parser (or is NIL), the name is terminated; the
    // function raises an error unless it finds a class that accepts the type.
    let class = unsafe {
        pg_sys::ResolveOpClass(
            element.opclass,
            source.column_type,
            method.c_name.as_ptr(),
            method.oid,
        )
    };
    let (descending, nulls_first) = compute_order(method, element)?;
    Ok(Column {
        attribute: source.attribute,
        column_type: source.column_type,
        collation,
        class: OperatorClass::read(class)?,
        descending,
        nulls_first,
        expression: source.expression,
        class_options: storage::options_array(element.opclassopts),
    })
}

/// A column of the table, found by name.
fn column_source(table: pg_sys::Oid, element: &pg_sys::IndexElem) -> Result<Source> {
    // SAFETY: a lookup by a name that the parser terminated; the row, whose fixed part is always
    // there, is read before it is released.
    unsafe {
        let tuple = pg_sys::SearchSysCacheAttName(table, element.name);
        if tuple.is_null() {
            return Err(Error::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!("column \"{}\" does not exist", text(element.name)),
            ));
        }
        let form = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_attribute>();
        let source = Source {
            attribute: (*form).attnum,
            column_type: (*form).atttypid,
            collation: (*form).attcollation,
            expression: std::ptr::null_mut(),
        };
        pg_sys::ReleaseSysCache(tuple);
        Ok(source)
    }
}

/// An expression; a lone column in parentheses, with or without `COLLATE`, counts as a column.
fn expression_source(element: &pg_sys::IndexElem) -> Result<Source> {
    // SAFETY: an element without a name has an expression, which parse analysis has transformed;
    // each cast follows the node's tag.
    let source = unsafe {
        let mut expression = element.expr;
        let column_type = pg_sys::exprType(expression);
        let collation = pg_sys::exprCollation(expression);
        while is_a(expression, pg_sys::NodeTag::T_CollateExpr) {
            expression = (*expression.cast::<pg_sys::CollateExpr>()).arg.cast();
        }
        let mut attribute = 0;
        if is_a(expression, pg_sys::NodeTag::T_Var) {
            attribute = (*expression.cast::<pg_sys::Var>()).varattno;
        }
        Source {
            attribute,
            column_type,
            collation,
            expression: if attribute == 0 {
                expression
            } else {
                std::ptr::null_mut()
            },
        }
    };
    if !source.expression.is_null() && expressions::is_mutable(source.expression) {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION,
            "functions in index expression must be marked IMMUTABLE",
        ));
    }
    Ok(source)
}

/// The collation of a key: the one given, else the column's; none for types without collation.
fn compute_collation(element: &pg_sys::IndexElem, source: &Source) -> Result<pg_sys::Oid> {
    let collation = if element.collation.is_null() {
        source.collation
    } else {
        // SAFETY: a qualified name from the parser.
        unsafe { pg_sys::get_collation_oid(element.collation, false) }
    };
    // SAFETY: a catalog lookup by OID.
    let collatable = unsafe { pg_sys::type_is_collatable(source.column_type) };
    if collatable && collation == pg_sys::InvalidOid {
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_INDETERMINATE_COLLATION,
            "could not determine which collation to use for index expression",
        )
        .hint("Use the COLLATE clause to set the collation explicitly."));
    }
    if !collatable && collation != pg_sys::InvalidOid {
        // SAFETY: a catalog lookup by OID; the result is a terminated string.
        let type_name = text(unsafe { pg_sys::format_type_be(source.column_type) });
        return Err(Error::new(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("collations are not supported by type {type_name}"),
        ));
    }
    Ok(collation)
}

/// Direction and place of nulls, if the access method knows them.
fn compute_order(method: &AccessMethod, element: &pg_sys::IndexElem) -> Result<(bool, bool)> {
    use pg_sys::SortByDir::{SORTBY_DEFAULT, SORTBY_DESC};
    use pg_sys::SortByNulls::{SORTBY_NULLS_DEFAULT, SORTBY_NULLS_FIRST};
    if method.can_order {
        let descending = element.ordering == SORTBY_DESC;
        let nulls_first = match element.nulls_ordering {
            SORTBY_NULLS_DEFAULT => descending,
            given => given == SORTBY_NULLS_FIRST,
        };
        return Ok((descending, nulls_first));
    }
    if element.ordering != SORTBY_DEFAULT {
        return Err(method.does_not_support("ASC/DESC options"));
    }
    if element.nulls_ordering != SORTBY_NULLS_DEFAULT {
        return Err(method.does_not_support("NULLS FIRST/LAST options"));
    }
    Ok((false, false))
}

/// The `INCLUDE` columns. Follows `ComputeIndexAttrs` (`commands/indexcmds.c`) for them.
pub(super) fn compute_included(
    table: pg_sys::Oid,
    elements: &[&pg_sys::IndexElem],
) -> Result<Vec<Column>> {
    elements
        .iter()
        .map(|element| {
            if element.name.is_null() {
                return Err(Error::unsupported(
                    "expressions are not supported in included columns",
                ));
            }
            let source = column_source(table, element)?;
            check_plain(element)?;
            Ok(Column {
                attribute: source.attribute,
                column_type: source.column_type,
                collation: pg_sys::InvalidOid,
                class: OperatorClass::none(),
                descending: false,
                nulls_first: false,
                expression: std::ptr::null_mut(),
                class_options: pg_sys::Datum::from(0),
            })
        })
        .collect()
}

/// An `INCLUDE` column takes no options.
fn check_plain(element: &pg_sys::IndexElem) -> Result<()> {
    let extra = if !element.collation.is_null() {
        "a collation"
    } else if !element.opclass.is_null() {
        "an operator class"
    } else if element.ordering != pg_sys::SortByDir::SORTBY_DEFAULT {
        "ASC/DESC options"
    } else if element.nulls_ordering != pg_sys::SortByNulls::SORTBY_NULLS_DEFAULT {
        "NULLS FIRST/LAST options"
    } else {
        return Ok(());
    };
    Err(Error::new(
        PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION,
        format!("including column does not support {extra}"),
    ))
}
