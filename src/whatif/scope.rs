//! The configuration shown to the planner, and the guard that bounds for how long.
//!
//! # States
//! ```text
//! Idle --arm()--> Armed --planner starts--> Planning --planner starts again--> Nested
//! ```
//! Only in `Planning` are indexes injected and facts collected. Arming is consumed by the first
//! planner call, so a planner call nested in it (a function folded to a constant that runs a
//! query) or after it (start-up pruning while the plan is printed) sees the real indexes only.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use pgrx::pg_sys;

use super::hypothetical::Hypothetical;
use crate::pg::hints::HintsOff;
use crate::pg::index_info::PlannerRelation;
use crate::pg::relation_facts::RelationFacts;

/// Indexes added and hidden together.
#[derive(Default)]
pub(crate) struct Scope {
    added: Vec<Rc<Hypothetical>>,
    hidden: HashSet<pg_sys::Oid>,
    facts: Option<RefCell<Vec<RelationFacts>>>,
}

impl Scope {
    /// A configuration that adds `added` and hides `hidden` (with the indexes attached to them).
    pub(crate) fn new(
        added: Vec<Rc<Hypothetical>>,
        hidden: impl IntoIterator<Item = pg_sys::Oid>,
    ) -> Self {
        Self {
            added,
            hidden: hidden.into_iter().collect(),
            facts: None,
        }
    }

    /// A configuration that changes nothing and collects what the planner knows.
    pub(crate) fn observing() -> Self {
        Self {
            facts: Some(RefCell::default()),
            ..Self::default()
        }
    }

    /// The hypothetical index of that made-up OID.
    pub(crate) fn find(&self, oid: pg_sys::Oid) -> Option<&Rc<Hypothetical>> {
        self.added.iter().find(|index| index.oid == oid)
    }

    /// The facts collected so far.
    pub(crate) fn take_facts(&self) -> Vec<RelationFacts> {
        (self.facts.as_ref()).map_or_else(Vec::new, |facts| facts.take())
    }

    /// Makes this the current scope until the guard is dropped.
    pub(crate) fn enter(scope: Rc<Self>) -> Guard {
        Guard {
            scope: CURRENT.replace(Some(scope)),
            state: STATE.replace(State::Idle),
            _hints: HintsOff::begin(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Armed,
    Planning,
    Nested,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Scope>>> = const { RefCell::new(None) };
    static STATE: Cell<State> = const { Cell::new(State::Idle) };
}

/// Restores the scope that was current before; none, unless a function called while planning
/// asked for a plan of its own.
pub(crate) struct Guard {
    scope: Option<Rc<Scope>>,
    state: State,
    _hints: HintsOff,
}

impl Guard {
    /// Lets the next planner call see the scope.
    pub(crate) fn arm(&self) {
        STATE.set(State::Armed);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        CURRENT.replace(self.scope.take());
        STATE.set(self.state);
    }
}

/// One planner call, from the planner hook's entry to its exit.
pub(crate) struct PlannerCall(State);

impl PlannerCall {
    /// `None` when no scope is in force and the hook has nothing to do.
    pub(crate) fn begin() -> Option<Self> {
        let (next, after) = match STATE.get() {
            State::Idle => return None,
            State::Armed => (State::Planning, State::Idle),
            inner => (State::Nested, inner),
        };
        STATE.set(next);
        Some(Self(after))
    }
}

impl Drop for PlannerCall {
    fn drop(&mut self) {
        STATE.set(self.0);
    }
}

/// Whether no planning call of ours is under way, so that a hook has nothing to do.
pub(crate) fn is_idle() -> bool {
    STATE.get() == State::Idle
}

/// Whether this is the planning call that a scope was armed for.
pub(crate) fn is_planning() -> bool {
    STATE.get() == State::Planning
}

/// Whether a scope is in force, planning or not.
pub(crate) fn is_entered() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// Adds and hides indexes of `relation`. The parent of partitions has no index scans; since 16
/// its indexes prove uniqueness, so they are hidden there too.
pub(crate) fn show_to_planner(relation: &PlannerRelation<'_>, is_parent: bool) {
    let Some(scope) = CURRENT.with_borrow(Clone::clone) else {
        return;
    };
    if !is_parent {
        for index in &scope.added {
            index.show(relation);
        }
    }
    // After adding: a hidden twin still lends its size to a hypothetical copy of it.
    if !scope.hidden.is_empty() {
        relation.hide_indexes(|oid| scope.hidden.contains(&oid));
    }
}

/// Whether this planning call wants the facts of its relations.
pub(crate) fn is_observing() -> bool {
    STATE.get() == State::Planning
        && CURRENT.with_borrow(|scope| scope.as_ref().is_some_and(|scope| scope.facts.is_some()))
}

/// Keeps the facts of one relation.
pub(crate) fn observe(facts: RelationFacts) {
    CURRENT.with_borrow(|scope| {
        if let Some(sink) = scope.as_ref().and_then(|scope| scope.facts.as_ref()) {
            sink.borrow_mut().push(facts);
        }
    });
}

/// The name under which `EXPLAIN` prints a hypothetical index of the current scope.
pub(crate) fn display_name(oid: pg_sys::Oid) -> Option<String> {
    CURRENT.with_borrow(|scope| {
        let index = scope.as_ref()?.find(oid)?;
        Some(format!("<hypothetical> {}", index.definition.name))
    })
}

/// Statistics of column `column` (from 1) of a hypothetical index of the current scope, as the
/// planner's look-up would return them. Those of a partial index say nothing of the whole table:
/// they are for the cost of that index alone.
pub(crate) fn statistics(
    oid: pg_sys::Oid,
    column: i16,
    of_table: bool,
) -> Option<pg_sys::HeapTuple> {
    let position = usize::try_from(column).ok()?.checked_sub(1)?;
    CURRENT.with_borrow(|scope| {
        let index = scope.as_ref()?.find(oid)?;
        if of_table && index.definition.predicate.is_some() {
            return None;
        }
        let key = index.sampled(position).filter(|key| key.for_planner)?;
        Some(key.statistics.as_ref()?.tuple())
    })
}
