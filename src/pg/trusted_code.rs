//! Whether an expression is made of code that may run for everybody who writes to a table: what
//! an index computes, each INSERT computes as the role that runs it.

use pgrx::pg_sys;

use super::code_guard;
use super::compat::tag;

/// Whether an expression reaches no functions, and checks no domains, but those built in or
/// written in C and those of superusers and of `owner`.
///
/// # Safety
/// `node` must be null or a valid expression.
pub(super) unsafe fn is_trusted(node: *mut pg_sys::Node, owner: pg_sys::Oid) -> bool {
    let mut owner = owner;
    // SAFETY: see above; the walker only reads, and the role outlives the walk.
    unsafe { !finds_untrusted(node, (&raw mut owner).cast()) }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn finds_untrusted(
    node: *mut pg_sys::Node,
    owner: *mut core::ffi::c_void,
) -> bool {
    // SAFETY: called by the server's walker with its nodes and the role of `is_trusted`.
    unsafe {
        match tag(node) {
            pg_sys::NodeTag::T_Invalid => false,
            pg_sys::NodeTag::T_CoerceToDomain
                if is_domain_of_another(
                    (*node.cast::<pg_sys::CoerceToDomain>()).resulttype,
                    *owner.cast::<pg_sys::Oid>(),
                ) =>
            {
                true
            }
            _ => {
                pg_sys::check_functions_in_node(node, Some(is_untrusted), owner)
                    || pg_sys::expression_tree_walker(node, Some(finds_untrusted), owner)
            }
        }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn is_untrusted(
    function: pg_sys::Oid,
    owner: *mut core::ffi::c_void,
) -> bool {
    // SAFETY: the context pointer is the role that `finds_untrusted` passed on.
    let owner = unsafe { *owner.cast::<pg_sys::Oid>() };
    !code_guard::is_trusted(function, owner)
}

/// The owner of a relation.
pub(super) fn relation_owner(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a syscache look-up; the tuple's fixed part is a FormData_pg_class.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::RELOID;
        let tuple = pg_sys::SearchSysCache1(cache as _, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relowner;
        pg_sys::ReleaseSysCache(tuple);
        Some(owner)
    }
}

/// Whether the checks of a domain are a third role's to change.
fn is_domain_of_another(domain: pg_sys::Oid, owner: pg_sys::Oid) -> bool {
    // SAFETY: a syscache look-up; the tuple's fixed part is a FormData_pg_type.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::TYPEOID;
        let tuple = pg_sys::SearchSysCache1(cache as _, pg_sys::Datum::from(domain));
        if tuple.is_null() {
            return true;
        }
        let own = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>()).typowner;
        pg_sys::ReleaseSysCache(tuple);
        own != owner && !pg_sys::superuser_arg(own)
    }
}
