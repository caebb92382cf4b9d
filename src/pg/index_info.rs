//! Shows hypothetical indexes to the planner, and hides real ones, for one relation at a time.
//!
//! [`PlannerRelation`] wraps what `get_relation_info_hook` is given. An index that no longer
//! fits its table (a column dropped or changed since it was defined) is silently left out.

use std::marker::PhantomData;

use pgrx::{PgList, pg_sys};

use super::index_columns::{ColumnMap, column_references, read_node};
use super::index_definition::{IndexDefinition, IndexKey};
use super::memory::OwnedContext;
use super::{catalog, index_costs, index_twin, operator_class};

/// Size and shape of an index, as the planner's cost functions want to know them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct IndexGeometry {
    /// Size in blocks.
    pub(crate) pages: u32,
    /// Entries.
    pub(crate) tuples: f64,
    /// Level of the root (0 when it is a leaf); -1 for access methods without a tree.
    pub(crate) tree_height: i32,
    /// What cost functions would read from the index itself.
    pub(crate) contents: Contents,
}

/// Numbers that some cost functions want to know beyond the size.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) enum Contents {
    /// None.
    Plain,
    /// Of a BRIN index.
    Ranges {
        /// Pages of the table that each range covers.
        pages_per_range: u32,
    },
    /// Of a GIN index.
    Entries {
        /// Pages of the tree of entries.
        entry_pages: u32,
        /// Pages of the trees of row numbers.
        data_pages: u32,
        /// Entries.
        entries: f64,
    },
}

/// A relation whose `RelOptInfo` the planner is filling in.
pub(crate) struct PlannerRelation<'a> {
    root: *mut pg_sys::PlannerInfo,
    rel: *mut pg_sys::RelOptInfo,
    table: pg_sys::Oid,
    live: PhantomData<&'a ()>,
}

impl PlannerRelation<'_> {
    /// # Safety
    /// The pointers must be the arguments of a running `get_relation_info_hook` call.
    pub(crate) unsafe fn new(
        root: *mut pg_sys::PlannerInfo,
        rel: *mut pg_sys::RelOptInfo,
        table: pg_sys::Oid,
    ) -> Self {
        Self {
            root,
            rel,
            table,
            live: PhantomData,
        }
    }

    /// The relation's OID.
    pub(crate) fn table(&self) -> pg_sys::Oid {
        self.table
    }

    /// Rows in the relation, as the planner estimates them.
    pub(crate) fn tuples(&self) -> f64 {
        // SAFETY: `rel` is live for the duration of the hook call.
        unsafe { (*self.rel).tuples.max(0.0) }
    }

    /// Pages of the relation.
    pub(crate) fn pages(&self) -> f64 {
        // SAFETY: `rel` is live for the duration of the hook call.
        unsafe { f64::from((*self.rel).pages) }
    }

    /// Takes the indexes that `hidden` names out of the planner's sight.
    pub(crate) fn hide_indexes(&self, hidden: impl Fn(pg_sys::Oid) -> bool) {
        // SAFETY: indexlist holds IndexOptInfo nodes; the hook may change the list.
        unsafe {
            let mut kept = PgList::<pg_sys::IndexOptInfo>::new();
            let list = PgList::<pg_sys::IndexOptInfo>::from_pg((*self.rel).indexlist);
            for index in list.iter_ptr().filter(|index| !hidden((**index).indexoid)) {
                kept.push(index);
            }
            (*self.rel).indexlist = kept.into_pg();
        }
    }

    /// Adds `definition` under the made-up OID `oid`, unless it no longer fits the relation.
    /// `geometry` is asked for the attribute numbers as they are in this very relation (a
    /// partition may number its columns otherwise than its parent).
    pub(crate) fn add_index(
        &self,
        definition: &IndexDefinition,
        oid: pg_sys::Oid,
        geometry: impl FnOnce(&dyn Fn(i16) -> i16) -> IndexGeometry,
    ) {
        let Some(columns) = ColumnMap::new(definition, self.table) else {
            return;
        };
        // SAFETY: the hook's pointers are live, and the nodes are built in the planner's context.
        unsafe {
            let info = self.build(definition, oid, &columns);
            if info.is_null() {
                return;
            }
            let mut size = geometry(&|attribute| columns.map(attribute));
            let twin = index_twin::find((*self.rel).indexlist, info, definition);
            if let Some(twin) = twin.as_ref() {
                (size.pages, size.tuples, size.tree_height) =
                    (twin.pages, twin.tuples, twin.tree_height);
            }
            let size = IndexGeometry {
                tuples: size.tuples.min(self.tuples()),
                ..size
            };
            let routine = pg_sys::GetIndexAmRoutineByAmId(definition.access_method, false);
            index_costs::set_geometry(info, routine, &size, twin);
            // At the end of the list: at equal cost the planner keeps the path it saw first.
            let mut list = PgList::<pg_sys::IndexOptInfo>::from_pg((*self.rel).indexlist);
            list.push(info);
            (*self.rel).indexlist = list.into_pg();
        }
    }

    /// # Safety
    /// The hook's pointers must be live.
    unsafe fn build(
        &self,
        definition: &IndexDefinition,
        oid: pg_sys::Oid,
        columns: &ColumnMap,
    ) -> *mut pg_sys::IndexOptInfo {
        // SAFETY: a zeroed node of the right tag; every array is allocated at its full length.
        unsafe {
            let info = index_costs::new_node();
            (*info).indexoid = oid;
            (*info).rel = self.rel;
            (*info).relam = definition.access_method;
            (*info).unique = definition.unique;
            (*info).immediate = true;
            (*info).hypothetical = true;
            let varno = (*self.rel).relid;
            (*info).indexprs = columns.expression_list(definition.expressions.as_deref(), varno);
            (*info).indpred = columns.expression_list(definition.predicate.as_deref(), varno);
            fill_columns(info, definition, columns);
            fill_access_method(info, definition);
            (*info).indextlist = build_index_tlist(self.root, info, self.table);
            if (*info).indextlist.is_null() {
                return std::ptr::null_mut();
            }
            info
        }
    }
}

/// # Safety
/// `info` must be a node being filled for `definition`.
unsafe fn fill_columns(
    info: *mut pg_sys::IndexOptInfo,
    definition: &IndexDefinition,
    columns: &ColumnMap,
) {
    let keys = definition.keys.len();
    let all = keys + definition.included.len();
    let btree = definition.access_method == pg_sys::BTREE_AM_OID;
    let attributes = (definition.keys.iter().map(|key| key.attribute))
        .chain(definition.included.iter().map(|column| column.attribute));
    // SAFETY: the arrays have the lengths the planner reads: `all` for indexkeys and canreturn,
    // `keys` for the others.
    unsafe {
        (*info).ncolumns = all as i32;
        (*info).nkeycolumns = keys as i32;
        (*info).indexkeys = palloc_array(attributes.map(|a| i32::from(columns.map(a))), all);
        let returned = (definition.keys.iter())
            .map(|key| operator_class::can_return(definition.access_method, key))
            .chain(definition.included.iter().map(|_| true));
        (*info).canreturn = palloc_array(returned, all);
        let of = |field: fn(&IndexKey) -> pg_sys::Oid| {
            palloc_array(definition.keys.iter().map(field), keys)
        };
        (*info).indexcollations = of(|key| key.collation);
        (*info).opfamily = of(|key| key.operator_family);
        (*info).opcintype = of(|key| key.input_type);
        if btree {
            (*info).sortopfamily = (*info).opfamily;
            (*info).reverse_sort =
                palloc_array(definition.keys.iter().map(|key| key.descending), keys);
            (*info).nulls_first =
                palloc_array(definition.keys.iter().map(|key| key.nulls_first), keys);
        }
        // The planner reads one entry per key column when the array is there at all.
        let options = (definition.keys.iter())
            .map(|key| operator_class::parsed_options(definition.access_method, key));
        (*info).opclassoptions = palloc_array(options, keys);
    }
}

/// # Safety
/// `info` must be a node being filled for `definition`.
unsafe fn fill_access_method(info: *mut pg_sys::IndexOptInfo, definition: &IndexDefinition) {
    // SAFETY: the access method was looked up when the definition was checked.
    unsafe {
        let routine = pg_sys::GetIndexAmRoutineByAmId(definition.access_method, false);
        (*info).amcanorderbyop = (*routine).amcanorderbyop;
        (*info).amoptionalkey = (*routine).amoptionalkey;
        (*info).amsearcharray = (*routine).amsearcharray;
        (*info).amsearchnulls = (*routine).amsearchnulls;
        (*info).amcanparallel = (*routine).amcanparallel;
        (*info).amhasgettuple = (*routine).amgettuple.is_some();
        (*info).amhasgetbitmap = (*routine).amgetbitmap.is_some();
        (*info).amcanmarkpos = (*routine).ammarkpos.is_some() && (*routine).amrestrpos.is_some();
    }
}

/// Copies `values` into a palloc'd array of `length`, zero-filled at the end.
///
/// # Safety
/// An all-zero `T` must be a valid value.
unsafe fn palloc_array<T>(values: impl Iterator<Item = T>, length: usize) -> *mut T {
    // SAFETY: never writes past `length` elements; palloc0 aligns for any plain type.
    unsafe {
        let array = pg_sys::palloc0(std::mem::size_of::<T>() * length.max(1)).cast::<T>();
        for (position, value) in values.take(length).enumerate() {
            array.add(position).write(value);
        }
        array
    }
}

/// Port of the static `build_index_tlist` of plancat.c. Null when a column is gone.
///
/// # Safety
/// `info` must have its columns, expressions and relation filled in.
unsafe fn build_index_tlist(
    _root: *mut pg_sys::PlannerInfo,
    info: *mut pg_sys::IndexOptInfo,
    table: pg_sys::Oid,
) -> *mut pg_sys::List {
    // SAFETY: indexkeys has ncolumns entries, indexprs one expression per zero among the keys.
    unsafe {
        let varno = (*(*info).rel).relid;
        let expressions = PgList::<pg_sys::Node>::from_pg((*info).indexprs);
        let mut next_expression = 0;
        let mut list = PgList::<pg_sys::TargetEntry>::new();
        for column in 0..(*info).ncolumns {
            let attribute = *(*info).indexkeys.add(column as usize) as i16;
            let node = if attribute == 0 {
                next_expression += 1;
                expressions.get_ptr(next_expression - 1)
            } else {
                catalog::column_type(table, attribute).map(|column| {
                    pg_sys::makeVar(
                        varno as _,
                        attribute,
                        column.oid,
                        column.modifier,
                        column.collation,
                        0,
                    )
                    .cast::<pg_sys::Node>()
                })
            };
            let Some(node) = node else {
                return std::ptr::null_mut();
            };
            list.push(pg_sys::makeTargetEntry(
                node.cast(),
                (column + 1) as i16,
                std::ptr::null_mut(),
                false,
            ));
        }
        list.into_pg()
    }
}

/// For each key of a definition, the column whose statistics describe it best: the column
/// itself, or the only column of its type that an expression (`lower(email)`) is made of.
pub(crate) fn statistics_columns(definition: &IndexDefinition) -> Vec<Option<i16>> {
    let context = OwnedContext::new();
    context.enter(|| {
        // SAFETY: the text was written by nodeToString, as a list of expressions.
        let list = definition
            .expressions
            .as_deref()
            .map_or_else(PgList::new, |text| unsafe {
                PgList::<pg_sys::Node>::from_pg(read_node(text).cast())
            });
        let mut expressions = list.iter_ptr();
        definition
            .keys
            .iter()
            .map(|key| match key.attribute {
                0 => expressions
                    .next()
                    .and_then(|node| only_column_of_type(node, key.column_type)),
                attribute => Some(attribute),
            })
            .collect()
    })
}

/// Every column whose change may change an index entry: keys, included ones, those of
/// expressions and of the predicate.
pub(crate) fn mentioned_columns(definition: &IndexDefinition) -> Vec<i16> {
    let context = OwnedContext::new();
    let mut columns: Vec<i16> = context.enter(|| {
        [&definition.expressions, &definition.predicate]
            .into_iter()
            .flatten()
            // SAFETY: the texts were written by nodeToString.
            .flat_map(|text| column_references(unsafe { read_node(text) }))
            .map(|(attribute, _)| attribute)
            .collect()
    });
    columns.extend(definition.keys.iter().map(|key| key.attribute));
    columns.extend(definition.included.iter().map(|column| column.attribute));
    columns.retain(|attribute| *attribute > 0);
    columns
}

fn only_column_of_type(node: *mut pg_sys::Node, column_type: pg_sys::Oid) -> Option<i16> {
    let columns = column_references(node);
    let (attribute, first_type) = *columns.first()?;
    let same = columns.iter().all(|(other, _)| *other == attribute);
    // SAFETY: a catalog look-up: may one be had for the other without a function?
    let alike =
        first_type == column_type || unsafe { pg_sys::IsBinaryCoercible(first_type, column_type) };
    (same && alike).then_some(attribute)
}

/// The predicate of a partial index as SQL, to be used after `FROM` its table alone.
pub(crate) fn predicate_sql(definition: &IndexDefinition) -> Option<String> {
    let text = definition.predicate.as_deref()?;
    let name = catalog::relation_name(definition.table)?;
    let name = std::ffi::CString::new(name).ok()?;
    let context = OwnedContext::new();
    // SAFETY: the predicate is an implicit-AND list over varno 1, which is all the deparse
    // context knows; the returned C string is copied before the context ends.
    context.enter(|| unsafe {
        let list = read_node(text).cast::<pg_sys::List>();
        let node = pg_sys::make_ands_explicit(list).cast::<pg_sys::Node>();
        let names = pg_sys::deparse_context_for(name.as_ptr(), definition.table);
        let sql = pg_sys::deparse_expression(node, names, false, false);
        Some(std::ffi::CStr::from_ptr(sql).to_string_lossy().into_owned())
    })
}

/// Rows and pages of a relation, as the planner would estimate them from its present size.
pub(crate) fn estimated_size(relation: pg_sys::Oid) -> (f64, f64) {
    // SAFETY: the relation is opened with a lock and closed again; the outputs are plain values.
    unsafe {
        let opened = pg_sys::try_relation_open(relation, pg_sys::AccessShareLock as i32);
        if opened.is_null() {
            return (0.0, 0.0);
        }
        let (mut pages, mut tuples, mut visible) = (0_u32, 0.0_f64, 0.0_f64);
        pg_sys::estimate_rel_size(
            opened,
            std::ptr::null_mut(),
            &mut pages,
            &mut tuples,
            &mut visible,
        );
        pg_sys::relation_close(opened, pg_sys::AccessShareLock as i32);
        (tuples, f64::from(pages))
    }
}

/// The number in `relation` (the definition's table or a partition of it) of an attribute.
pub(crate) fn attribute_in(
    definition: &IndexDefinition,
    relation: pg_sys::Oid,
    attribute: i16,
) -> i16 {
    ColumnMap::new(definition, relation).map_or(attribute, |map| map.map(attribute))
}
