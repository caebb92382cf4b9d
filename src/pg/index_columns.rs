//! The columns of an index definition, found again in the relation being planned.
//!
//! A partition may number its columns otherwise than its parent, and a table may have changed
//! since the definition was checked.

use pgrx::pg_sys;

use super::index_definition::IndexDefinition;
use super::memory::OwnedContext;
use super::{catalog, compat};

/// From the attribute numbers of a definition to those of the relation being planned.
pub(super) struct ColumnMap {
    /// `None` when both are the same relation.
    partition: Option<(Vec<i16>, pg_sys::Oid)>,
}

impl ColumnMap {
    /// `None` when a column the definition uses is gone or has another type in `table`.
    pub(super) fn new(definition: &IndexDefinition, table: pg_sys::Oid) -> Option<Self> {
        let partition = if definition.table == table {
            None
        } else {
            Some((
                catalog::partition_attributes(definition.table, table)?,
                table,
            ))
        };
        let map = Self { partition };
        let keys = (definition.keys.iter())
            .filter(|key| key.attribute != 0)
            .map(|key| (key.attribute, key.column_type));
        let included = (definition.included.iter()).map(|c| (c.attribute, c.column_type));
        let fits = keys.chain(included).all(|(attribute, column_type)| {
            catalog::column_type(table, map.map(attribute))
                .is_some_and(|column| column.oid == column_type)
        });
        let alive = definition.keys.iter().all(catalog::key_dependencies_exist);
        (fits && alive && map.expressions_fit(definition, table)).then_some(map)
    }

    pub(super) fn map(&self, attribute: i16) -> i16 {
        match &self.partition {
            Some((attributes, _)) if attribute > 0 => attributes
                .get(attribute as usize - 1)
                .copied()
                .unwrap_or_default(),
            _ => attribute,
        }
    }

    /// Whether every column in expressions and predicate still has its type.
    fn expressions_fit(&self, definition: &IndexDefinition, table: pg_sys::Oid) -> bool {
        let texts = [&definition.expressions, &definition.predicate];
        let context = OwnedContext::new();
        context.enter(|| {
            texts.into_iter().flatten().all(|text| {
                // SAFETY: the text was written by nodeToString.
                let node = unsafe { read_node(text) };
                column_references(node)
                    .into_iter()
                    .all(|(attribute, column_type)| {
                        catalog::column_type(table, self.map(attribute))
                            .is_some_and(|column| column.oid == column_type)
                    })
            })
        })
    }

    /// Reads a stored list of expressions for the relation at `varno` of the range table.
    ///
    /// # Safety
    /// Must run in the planner's memory context.
    pub(super) unsafe fn expression_list(
        &self,
        text: Option<&str>,
        varno: pg_sys::Index,
    ) -> *mut pg_sys::List {
        let Some(text) = text else {
            return std::ptr::null_mut();
        };
        // SAFETY: the text was written by nodeToString; the attribute map covers the parent's
        // columns and lives through the call.
        unsafe {
            let mut node = read_node(text);
            if let Some((attributes, table)) = &self.partition {
                let mut map = attributes.clone();
                let mut attr_map = pg_sys::AttrMap {
                    attnums: map.as_mut_ptr(),
                    maplen: map.len() as i32,
                };
                let mut whole_row = false;
                node = pg_sys::map_variable_attnos(
                    node,
                    1,
                    0,
                    &raw mut attr_map,
                    pg_sys::get_rel_type_id(*table),
                    &mut whole_row,
                );
            }
            if varno != 1 {
                pg_sys::ChangeVarNodes(node, 1, varno as i32, 0);
            }
            node.cast()
        }
    }
}

/// # Safety
/// `text` must have been written by `nodeToString` of this major.
pub(super) unsafe fn read_node(text: &str) -> *mut pg_sys::Node {
    let Ok(text) = std::ffi::CString::new(text) else {
        return std::ptr::null_mut();
    };
    // SAFETY: see above; the result is allocated in the current context.
    unsafe { pg_sys::stringToNode(text.as_ptr()).cast() }
}

/// Attribute numbers and types of the columns of varno 1 that an expression refers to.
pub(super) fn column_references(node: *mut pg_sys::Node) -> Vec<(i16, pg_sys::Oid)> {
    #[pgrx::pg_guard]
    unsafe extern "C-unwind" fn visit(
        node: *mut pg_sys::Node,
        found: *mut core::ffi::c_void,
    ) -> bool {
        // SAFETY: called by the server's walker with its nodes and our own vector.
        unsafe {
            match compat::tag(node) {
                pg_sys::NodeTag::T_Invalid => false,
                pg_sys::NodeTag::T_Var => {
                    let var = node.cast::<pg_sys::Var>();
                    if (*var).varattno > 0 {
                        (*found.cast::<Vec<(i16, pg_sys::Oid)>>())
                            .push(((*var).varattno, (*var).vartype));
                    }
                    false
                }
                _ => pg_sys::expression_tree_walker(node, Some(visit), found),
            }
        }
    }
    let mut found: Vec<(i16, pg_sys::Oid)> = Vec::new();
    // SAFETY: the walker hands every node to `visit` with our vector, which outlives the walk.
    unsafe { visit(node, (&raw mut found).cast()) };
    found
}
