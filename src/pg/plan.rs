//! Plans a [`Statement`] and reads from the plan what costing needs.

use pgrx::{PgList, pg_sys};

use super::compat::tag;
use super::memory::OwnedContext;
use super::statement::Statement;
use crate::error::Result;

/// What a plan costs and which indexes it scans.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PlanSummary {
    /// Total cost, in the planner's units.
    pub(crate) cost: f64,
    /// Rows the planner expects.
    pub(crate) rows: f64,
    /// OIDs of the indexes scanned, each once, in plan order; made-up ones included.
    pub(crate) indexes: Vec<pg_sys::Oid>,
    /// What the statement writes.
    pub(crate) writes: Vec<Write>,
}

/// Rows that a statement writes into one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    /// The target table.
    pub(crate) table: pg_sys::Oid,
    /// Rows the planner expects.
    pub(crate) rows: f64,
    /// Which index entries it makes.
    pub(crate) kind: WriteKind,
}

/// Which indexes of the target get new entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteKind {
    /// Every index.
    Insert,
    /// Those that hold one of these attributes (and then all: the update is not heap-only).
    Update(Vec<i16>),
    /// None: entries are removed by vacuum later.
    Delete,
}

/// The planner's cost settings, in its own units and in pages.
pub(crate) struct PlannerCosts {
    /// `cpu_operator_cost`
    pub(crate) cpu_operator: f64,
    /// `cpu_index_tuple_cost`
    pub(crate) cpu_index_tuple: f64,
    /// `random_page_cost`
    pub(crate) random_page: f64,
    /// `seq_page_cost`
    pub(crate) seq_page: f64,
    /// `effective_cache_size`
    pub(crate) cache_pages: f64,
}

/// The session's cost settings.
pub(crate) fn planner_costs() -> PlannerCosts {
    // SAFETY: plain variables of the server, read by the only thread of the backend.
    unsafe {
        PlannerCosts {
            cpu_operator: pg_sys::cpu_operator_cost,
            cpu_index_tuple: pg_sys::cpu_index_tuple_cost,
            random_page: pg_sys::random_page_cost,
            seq_page: pg_sys::seq_page_cost,
            cache_pages: f64::from(pg_sys::effective_cache_size),
        }
    }
}

/// Plans every query the statement rewrites to, with the privileges that running it would need:
/// costs tell of the statistics of its tables. `before_each` runs right before each planner
/// call (it arms the what-if scope).
pub(crate) fn plan(statement: &mut Statement, before_each: impl Fn()) -> Result<PlanSummary> {
    let mut summary = PlanSummary::default();
    for query in statement.queries()? {
        let scratch = OwnedContext::new();
        let text = statement.text();
        let values = statement.bound_values();
        // SAFETY: the query is a live tree with its locks held; the planner gets a copy. The
        // values live as long as the statement has them.
        unsafe {
            if (*query).commandType == pg_sys::CmdType::CMD_UTILITY {
                continue;
            }
            let planned = scratch.enter(|| {
                let copy = pg_sys::copyObjectImpl(query.cast()).cast::<pg_sys::Query>();
                before_each();
                pg_sys::pg_plan_query(
                    copy,
                    text.as_ptr(),
                    pg_sys::CURSOR_OPT_PARALLEL_OK as i32,
                    values,
                )
            });
            super::compat::check_permissions(planned);
            summary.cost += (*(*planned).planTree).total_cost;
            summary.rows += (*(*planned).planTree).plan_rows;
            collect_indexes(planned, &mut summary.indexes);
            summary.writes.extend(write_of(query, planned));
        }
    }
    Ok(summary)
}

/// # Safety
/// `query` and `planned` must be the two sides of one planner call.
unsafe fn write_of(query: *mut pg_sys::Query, planned: *mut pg_sys::PlannedStmt) -> Option<Write> {
    // SAFETY: resultRelation is a 1-based index into the query's own range table; a
    // ModifyTable node has its source as lefttree.
    unsafe {
        let target = usize::try_from((*query).resultRelation)
            .ok()?
            .checked_sub(1)?;
        let entry = PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable).get_ptr(target)?;
        let plan = (*planned).planTree;
        let source = match tag(plan.cast()) {
            pg_sys::NodeTag::T_ModifyTable => (*plan).lefttree,
            _ => plan,
        };
        let kind = match (*query).commandType {
            pg_sys::CmdType::CMD_INSERT => WriteKind::Insert,
            pg_sys::CmdType::CMD_UPDATE => WriteKind::Update(
                PgList::<pg_sys::TargetEntry>::from_pg((*query).targetList)
                    .iter_ptr()
                    .filter(|entry| !(**entry).resjunk)
                    .map(|entry| (*entry).resno)
                    .collect(),
            ),
            pg_sys::CmdType::CMD_MERGE => WriteKind::Insert,
            _ => WriteKind::Delete,
        };
        Some(Write {
            table: (*entry).relid,
            rows: if source.is_null() {
                1.0
            } else {
                (*source).plan_rows
            },
            kind,
        })
    }
}

/// # Safety
/// `planned` must be a complete plan.
unsafe fn collect_indexes(planned: *mut pg_sys::PlannedStmt, found: &mut Vec<pg_sys::Oid>) {
    // SAFETY: the main tree and the subplans are plan nodes or null.
    unsafe {
        each_node(planned, &mut |plan| {
            let index = match tag(plan.cast()) {
                pg_sys::NodeTag::T_IndexScan => (*plan.cast::<pg_sys::IndexScan>()).indexid,
                pg_sys::NodeTag::T_IndexOnlyScan => (*plan.cast::<pg_sys::IndexOnlyScan>()).indexid,
                pg_sys::NodeTag::T_BitmapIndexScan => {
                    (*plan.cast::<pg_sys::BitmapIndexScan>()).indexid
                }
                _ => return,
            };
            if !found.contains(&index) {
                found.push(index);
            }
        });
    }
}

/// Visits every plan node of the main tree and the subplans.
///
/// # Safety
/// `planned` must be a complete plan.
pub(crate) unsafe fn each_node(
    planned: *mut pg_sys::PlannedStmt,
    visit: &mut dyn FnMut(*mut pg_sys::Plan),
) {
    // SAFETY: see above.
    unsafe {
        walk((*planned).planTree, visit);
        walk_list((*planned).subplans, visit);
    }
}

/// # Safety
/// `plan` must be null or a plan node.
unsafe fn walk(plan: *mut pg_sys::Plan, visit: &mut dyn FnMut(*mut pg_sys::Plan)) {
    if plan.is_null() {
        return;
    }
    visit(plan);
    // SAFETY: each node type has its children in the fields named here.
    unsafe {
        walk((*plan).lefttree, visit);
        walk((*plan).righttree, visit);
        match tag(plan.cast()) {
            pg_sys::NodeTag::T_Append => {
                walk_list((*plan.cast::<pg_sys::Append>()).appendplans, visit);
            }
            pg_sys::NodeTag::T_MergeAppend => {
                walk_list((*plan.cast::<pg_sys::MergeAppend>()).mergeplans, visit);
            }
            pg_sys::NodeTag::T_BitmapAnd => {
                walk_list((*plan.cast::<pg_sys::BitmapAnd>()).bitmapplans, visit);
            }
            pg_sys::NodeTag::T_BitmapOr => {
                walk_list((*plan.cast::<pg_sys::BitmapOr>()).bitmapplans, visit);
            }
            pg_sys::NodeTag::T_SubqueryScan => {
                walk((*plan.cast::<pg_sys::SubqueryScan>()).subplan, visit);
            }
            pg_sys::NodeTag::T_CustomScan => {
                walk_list((*plan.cast::<pg_sys::CustomScan>()).custom_plans, visit);
            }
            _ => {}
        }
    }
}

/// # Safety
/// `list` must be a list of plan nodes.
unsafe fn walk_list(list: *mut pg_sys::List, visit: &mut dyn FnMut(*mut pg_sys::Plan)) {
    // SAFETY: see above.
    unsafe {
        for plan in PgList::<pg_sys::Plan>::from_pg(list).iter_ptr() {
            walk(plan, visit);
        }
    }
}
