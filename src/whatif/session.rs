//! Hypothetical and hidden indexes of a session, seen by its plain `EXPLAIN`.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::pg_sys;

use super::hypothetical::Hypothetical;
use super::scope::Scope;
use crate::pg::catalog;

#[derive(Default)]
struct Session {
    added: Vec<Rc<Hypothetical>>,
    hidden: Vec<pg_sys::Oid>,
}

thread_local! {
    static SESSION: RefCell<Session> = const {
        RefCell::new(Session { added: Vec::new(), hidden: Vec::new() })
    };
}

/// Whether this session has changed what its `EXPLAIN` should see.
pub(crate) fn is_active() -> bool {
    SESSION.with_borrow(|session| !session.added.is_empty() || !session.hidden.is_empty())
}

/// What this session's `EXPLAIN` should see; `None` when it has changed nothing.
pub(crate) fn scope() -> Option<Rc<Scope>> {
    SESSION.with_borrow(|session| {
        if session.added.is_empty() && session.hidden.is_empty() {
            return None;
        }
        let hidden = (session.hidden.iter()).flat_map(|&index| catalog::with_attached(index));
        Some(Rc::new(Scope::new(session.added.clone(), hidden)))
    })
}

/// Adds an index to the session.
pub(crate) fn add(index: Rc<Hypothetical>) {
    SESSION.with_borrow_mut(|session| session.added.push(index));
}

/// Hides a real index from the session's `EXPLAIN`; false when it was hidden already.
pub(crate) fn hide(index: pg_sys::Oid) -> bool {
    SESSION.with_borrow_mut(|session| {
        let new = !session.hidden.contains(&index);
        if new {
            session.hidden.push(index);
        }
        new
    })
}

/// Forgets a hypothetical index, or shows a hidden one again; false when there is no such one.
pub(crate) fn drop(id: pg_sys::Oid) -> bool {
    SESSION.with_borrow_mut(|session| {
        let before = session.added.len() + session.hidden.len();
        session.added.retain(|index| index.oid != id);
        session.hidden.retain(|&hidden| hidden != id);
        session.added.len() + session.hidden.len() < before
    })
}

/// Forgets everything.
pub(crate) fn reset() {
    SESSION.take();
}

/// The session's hypothetical index of that OID.
pub(crate) fn find(oid: pg_sys::Oid) -> Option<Rc<Hypothetical>> {
    SESSION.with_borrow(|session| session.added.iter().find(|index| index.oid == oid).cloned())
}

/// The session's hypothetical indexes, and the OIDs of the hidden ones.
pub(crate) fn list() -> (Vec<Rc<Hypothetical>>, Vec<pg_sys::Oid>) {
    SESSION.with_borrow(|session| (session.added.clone(), session.hidden.clone()))
}
