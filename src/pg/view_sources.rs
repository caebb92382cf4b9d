//! What the query of a materialized view reads: tables, functions, and values that no table holds.
//!
//! It is read from the rewritten query tree, in which plain views are expanded, as a refresh
//! reads it. The dependencies in the catalogs would not do: they leave out everything that is
//! built in, so a view over `pg_stat_activity` would look as if it read nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use pgrx::{PgList, pg_sys};

use super::compat::{self, tag};
use super::opened_view::Opened;

/// What a materialized view reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    /// A hash of the tree: it changes with every view in between.
    pub(crate) tree: String,
    /// Tables and materialized views, each once.
    pub(crate) relations: Vec<Relation>,
    /// Functions, also those behind operators, casts, aggregates, sorting and grouping.
    pub(crate) functions: Vec<u32>,
    /// Types whose values are made into text, or made from it.
    pub(crate) written_types: Vec<u32>,
    /// Types that are not built in, of any value in it.
    pub(crate) types: Vec<u32>,
    /// Parts of the query whose value depends on more than rows.
    pub(crate) constructs: Vec<&'static str>,
}

/// A table or a materialized view that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Relation {
    /// `pg_class.oid`.
    pub(crate) oid: u32,
    /// With its partitions and children, not `ONLY`.
    pub(crate) inherited: bool,
}

struct Walk {
    found: Sources,
    writes_any: fn(u32) -> bool,
}

/// The first OID that is not fixed by the server's own catalogs (`FirstUnpinnedObjectId`).
const FIRST_NOT_BUILT_IN: u32 = 12_000;

/// What `view` reads, or `None` when it is no materialized view (any more). `writes_any` tells the
/// functions that make text of arguments of any type.
///
/// Takes the locks of a reader on everything below the view.
pub(crate) fn sources(view: pg_sys::Oid, writes_any: fn(u32) -> bool) -> Option<Sources> {
    let opened = Opened::materialized_view(view)?;
    let mut walk = Walk {
        found: Sources::default(),
        writes_any,
    };
    // SAFETY: the copy of the rule's query is ours; rewriting it is what a refresh does with it.
    unsafe {
        let query = pg_sys::copyObjectImpl(opened.query()?.cast()).cast::<pg_sys::Query>();
        pg_sys::AcquireRewriteLocks(query, true, false);
        for query in PgList::<pg_sys::Query>::from_pg(pg_sys::QueryRewrite(query)).iter_ptr() {
            walk.found.tree = hash_of(query.cast());
            visit(query.cast(), (&raw mut walk).cast());
        }
    }
    let mut found = walk.found;
    found
        .relations
        .retain(|relation| relation.oid != view.to_u32());
    found.relations.sort_unstable();
    found.relations.dedup();
    found.functions.sort_unstable();
    found.functions.dedup();
    found.written_types.sort_unstable();
    found.written_types.dedup();
    found.types.sort_unstable();
    found.types.dedup();
    found.constructs.sort_unstable();
    found.constructs.dedup();
    Some(found)
}

/// # Safety
/// `node` must be a valid node.
unsafe fn hash_of(node: *mut core::ffi::c_void) -> String {
    // SAFETY: nodeToString returns a palloc'd C string.
    let text = unsafe { std::ffi::CStr::from_ptr(pg_sys::nodeToString(node)) };
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn visit(
    node: *mut pg_sys::Node,
    context: *mut core::ffi::c_void,
) -> bool {
    // SAFETY: called by the server's walkers with its nodes and our own `Walk`.
    unsafe {
        let walk = &mut *context.cast::<Walk>();
        let tag = tag(node);
        if tag == pg_sys::NodeTag::T_Invalid {
            return false;
        }
        if tag == pg_sys::NodeTag::T_Query {
            let query = node.cast::<pg_sys::Query>();
            for entry in PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable).iter_ptr() {
                note_entry(walk, &*entry);
            }
            let flags = pg_sys::QTW_EXAMINE_SORTGROUP as i32;
            return pg_sys::query_tree_walker(query, Some(visit), context, flags);
        }
        note_construct(walk, node);
        note_written(walk, node);
        note_sorting(walk, node);
        note_type(walk, node);
        if tag == pg_sys::NodeTag::T_SetOperationStmt {
            // The walker leaves these out.
            let operation = node.cast::<pg_sys::SetOperationStmt>();
            for clause in PgList::<pg_sys::Node>::from_pg((*operation).groupClauses).iter_ptr() {
                visit(clause, context);
            }
        }
        pg_sys::check_functions_in_node(node, Some(note_function), context);
        pg_sys::expression_tree_walker(node, Some(visit), context)
    }
}

fn note_entry(walk: &mut Walk, entry: &pg_sys::RangeTblEntry) {
    // Up to 15 a view's own query lists the view itself, and reads nothing from it.
    if entry.rtekind == pg_sys::RTEKind::RTE_RELATION && entry.relkind as u8 != pg_sys::RELKIND_VIEW
    {
        walk.found.relations.push(Relation {
            oid: entry.relid.to_u32(),
            inherited: entry.inh,
        });
        if !entry.tablesample.is_null() {
            walk.found.constructs.push("TABLESAMPLE");
        }
    }
}

/// # Safety
/// `node` must be a valid node.
unsafe fn note_construct(walk: &mut Walk, node: *mut pg_sys::Node) {
    // SAFETY: see above.
    let name = match unsafe { tag(node) } {
        pg_sys::NodeTag::T_SQLValueFunction => "CURRENT_DATE, CURRENT_USER or the like",
        pg_sys::NodeTag::T_NextValueExpr => "nextval",
        pg_sys::NodeTag::T_XmlExpr => "an XML function",
        pg_sys::NodeTag::T_TableFunc => "XMLTABLE or JSON_TABLE",
        other if compat::is_json_construct(other) => "an SQL/JSON function",
        _ => return,
    };
    walk.found.constructs.push(name);
}

/// Notes types of values that become text by functions that take any type: each type's own output
/// function decides then.
///
/// # Safety
/// `node` must be a valid node.
unsafe fn note_written(walk: &mut Walk, node: *mut pg_sys::Node) {
    // SAFETY: the tag tells the node's type.
    unsafe {
        match tag(node) {
            pg_sys::NodeTag::T_FuncExpr => {
                let call = &*node.cast::<pg_sys::FuncExpr>();
                note_arguments(walk, call.funcid, call.args);
            }
            pg_sys::NodeTag::T_OpExpr => {
                let call = &*node.cast::<pg_sys::OpExpr>();
                note_arguments(walk, pg_sys::get_opcode(call.opno), call.args);
            }
            pg_sys::NodeTag::T_Aggref => {
                let call = &*node.cast::<pg_sys::Aggref>();
                note_arguments(walk, call.aggfnoid, call.args);
            }
            pg_sys::NodeTag::T_WindowFunc => {
                let call = &*node.cast::<pg_sys::WindowFunc>();
                note_arguments(walk, call.winfnoid, call.args);
            }
            pg_sys::NodeTag::T_CoerceViaIO => {
                let cast = &*node.cast::<pg_sys::CoerceViaIO>();
                walk.found.written_types.push(cast.resulttype.to_u32());
                let from = pg_sys::exprType(cast.arg.cast());
                walk.found.written_types.push(from.to_u32());
            }
            _ => {}
        }
    }
}

/// # Safety
/// `arguments` must be a list of expressions or target entries.
unsafe fn note_arguments(walk: &mut Walk, function: pg_sys::Oid, arguments: *mut pg_sys::List) {
    if !(walk.writes_any)(function.to_u32()) {
        return;
    }
    // SAFETY: see above; exprType takes every expression.
    unsafe {
        for argument in PgList::<pg_sys::Node>::from_pg(arguments).iter_ptr() {
            let value = match tag(argument) {
                pg_sys::NodeTag::T_TargetEntry => {
                    (*argument.cast::<pg_sys::TargetEntry>()).expr.cast()
                }
                _ => argument,
            };
            walk.found
                .written_types
                .push(pg_sys::exprType(value).to_u32());
        }
    }
}

/// Notes the functions that compare values where no operator is written.
///
/// # Safety
/// `node` must be a valid node.
unsafe fn note_sorting(walk: &mut Walk, node: *mut pg_sys::Node) {
    // SAFETY: the tag tells the node's type; look-ups of operators and types that exist.
    unsafe {
        match tag(node) {
            pg_sys::NodeTag::T_SortGroupClause => {
                let clause = &*node.cast::<pg_sys::SortGroupClause>();
                for operator in [clause.eqop, clause.sortop] {
                    if operator != pg_sys::InvalidOid {
                        let function = pg_sys::get_opcode(operator);
                        walk.found.functions.push(function.to_u32());
                    }
                }
            }
            pg_sys::NodeTag::T_WindowClause => {
                let clause = &*node.cast::<pg_sys::WindowClause>();
                for function in [clause.startInRangeFunc, clause.endInRangeFunc] {
                    if function != pg_sys::InvalidOid {
                        walk.found.functions.push(function.to_u32());
                    }
                }
            }
            pg_sys::NodeTag::T_MinMaxExpr => {
                let of = (*node.cast::<pg_sys::MinMaxExpr>()).minmaxtype;
                let entry = pg_sys::lookup_type_cache(of, pg_sys::TYPECACHE_CMP_PROC as i32);
                walk.found.functions.push((*entry).cmp_proc.to_u32());
            }
            _ => {}
        }
    }
}

/// Notes types whose values have parts or names that may change: none of them is built in.
///
/// # Safety
/// `node` must be a valid node.
unsafe fn note_type(walk: &mut Walk, node: *mut pg_sys::Node) {
    use pg_sys::NodeTag::*;
    // SAFETY: exprType knows all of these.
    let of = unsafe {
        match tag(node) {
            T_Var | T_Const | T_Param | T_FuncExpr | T_OpExpr | T_Aggref | T_WindowFunc
            | T_RowExpr | T_CoerceViaIO | T_RelabelType | T_ArrayExpr | T_ArrayCoerceExpr
            | T_ConvertRowtypeExpr | T_FieldSelect | T_FieldStore | T_CaseExpr | T_CoalesceExpr
            | T_SubscriptingRef | T_CoerceToDomain => pg_sys::exprType(node).to_u32(),
            _ => return,
        }
    };
    if of >= FIRST_NOT_BUILT_IN {
        walk.found.types.push(of);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn note_function(
    function: pg_sys::Oid,
    context: *mut core::ffi::c_void,
) -> bool {
    // SAFETY: the context pointer is the `Walk` that `visit` passed on.
    let walk = unsafe { &mut *context.cast::<Walk>() };
    walk.found.functions.push(function.to_u32());
    false
}

/// Whether a function's result depends on its arguments alone.
pub(crate) fn is_immutable(function: u32) -> bool {
    // SAFETY: a look-up of a function that a stored query calls, so it exists.
    let volatility = unsafe { pg_sys::func_volatile(pg_sys::Oid::from(function)) };
    volatility as u8 == pg_sys::PROVOLATILE_IMMUTABLE
}
