//! A materialized view that is open, with the query that makes it.

use pgrx::{PgList, pg_sys};

/// An open materialized view. It is closed when the value is dropped; its lock is kept until the
/// end of the (sub)transaction.
pub(super) struct Opened(pg_sys::Relation);

impl Opened {
    /// Opens `view` as a reader; `None` when it is no materialized view (any more).
    pub(super) fn materialized_view(view: pg_sys::Oid) -> Option<Self> {
        // SAFETY: try_relation_open returns null for what is not there.
        unsafe {
            let relation = pg_sys::try_relation_open(view, pg_sys::AccessShareLock as i32);
            if relation.is_null() {
                return None;
            }
            let opened = Self(relation);
            let is_one = (*(*relation).rd_rel).relkind as u8 == pg_sys::RELKIND_MATVIEW;
            is_one.then_some(opened)
        }
    }

    /// The query as it is kept in the catalogs; to be copied before anything is done with it.
    pub(super) fn query(&self) -> Option<*mut pg_sys::Query> {
        // SAFETY: the relation is open, so its rules are there; a materialized view has one rule
        // with one action.
        unsafe {
            let rules = (*self.0).rd_rules;
            if rules.is_null() || (*rules).numLocks < 1 {
                return None;
            }
            let rule = *(*rules).rules;
            PgList::<pg_sys::Query>::from_pg((*rule).actions).head()
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // An error of the server's on its way: the end of the (sub)transaction closes it.
            return;
        }
        // SAFETY: opened by `materialized_view`; the lock stays.
        unsafe { pg_sys::relation_close(self.0, pg_sys::NoLock as i32) }
    }
}
