//! Reads what a materialized view reads, and what the server says of it.

use std::collections::BTreeMap;

use pgrx::pg_sys;

use super::builtin::{FIRST_NOT_BUILT_IN, SETTINGS, makes_text_of_any_type, reads_text_search};
use super::facts::{Facts, Function, Relation};
use super::fingerprint::Counts;
use super::trust;
use crate::error::Result;
use crate::pg::elevated::as_superuser;
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::spi::json_again;
use crate::pg::view_sources::{self, Sources};
use crate::pg::{reader_locks, roles, session};

/// Built-in types whose text depends on nothing: bool, "char", name, int8, int2, int4, text, oid,
/// json, char, varchar, numeric, uuid, jsonb.
const PLAIN_TYPES: [u32; 14] = [
    16, 18, 19, 20, 21, 23, 25, 26, 114, 1042, 1043, 1700, 2950, 3802,
];

/// A look at a view and all that it reads.
pub(super) struct Look {
    /// Its query, by hash.
    pub(super) tree: String,
    /// Why it must be refreshed each time.
    pub(super) always: Option<String>,
    /// What the server says.
    pub(super) facts: Facts,
}

/// Whose settings count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Settings {
    /// Those of this session.
    Own,
    /// Those that a session of this role would start with.
    Of(pg_sys::Oid),
}

/// Whether locks are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// As any command waits.
    Waits,
    /// Not at all.
    None,
}

#[derive(serde::Deserialize)]
struct Relations {
    relations: Vec<Relation>,
    counted: bool,
    epoch: String,
    populated: bool,
    unique_index: Option<String>,
}

#[derive(serde::Deserialize, Default)]
struct Code {
    functions: Vec<Function>,
    enums: BTreeMap<u32, String>,
}

#[derive(serde::Deserialize)]
struct Set {
    settings: BTreeMap<String, Option<String>>,
    defaults: String,
}

/// Looks at `view`; `None` when it is no materialized view (any more), or when a lock is not to be
/// had at once and patience is none. Locks are gone when it returns.
pub(super) fn look(
    view: pg_sys::Oid,
    settings: Settings,
    patience: Patience,
) -> Result<Option<Look>> {
    rolled_back(&counters_of_now(), || {
        if patience == Patience::None && !reader_locks::at_hand(view) {
            return Ok(None);
        }
        let Some(sources) = view_sources::sources(view, makes_text_of_any_type) else {
            return Ok(None);
        };
        let facts = as_superuser(|| facts(view, &sources, settings))?;
        Ok(Some(Look {
            always: trust::reason_to_refresh_always(&sources.constructs, &facts),
            tree: sources.tree,
            facts,
        }))
    })
}

/// The file and the rows of `view` itself, as this session knows them now.
pub(super) fn own(view: pg_sys::Oid) -> Result<Counts> {
    rolled_back(&counters_of_now(), || {
        as_superuser(|| own_counts(view, true))
    })
}

/// Counters as they are now, not as this transaction saw them first.
fn counters_of_now() -> Surroundings {
    Surroundings {
        role: None,
        settings: [
            ("stats_fetch_consistency", "none"),
            // Planning our queries anew takes longer than running them.
            ("plan_cache_mode", "force_generic_plan"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
    }
}

/// `anew`: with what the command under way has done itself, as a command that writes sees it.
fn own_counts(view: pg_sys::Oid, anew: bool) -> Result<Counts> {
    json_again(include_str!("own.sql"), anew, &[view.into()])
}

fn facts(view: pg_sys::Oid, sources: &Sources, settings: Settings) -> Result<Facts> {
    let read: Vec<i64> = (sources.relations.iter())
        .map(|relation| i64::from(relation.oid))
        .collect();
    let relations: Relations = json_again(
        include_str!("relations.sql"),
        false,
        &[
            view.into(),
            read.clone().into(),
            (sources.relations.iter())
                .map(|relation| relation.inherited)
                .collect::<Vec<_>>()
                .into(),
        ],
    )?;
    let code = code(sources)?;
    let set = set(settings)?;
    let types: Vec<i64> = sources.types.iter().map(|&of| i64::from(of)).collect();
    let shapes = json_again(
        include_str!("shapes.sql"),
        false,
        &[read.into(), types.into()],
    )?;
    let text_search = match sources.functions.iter().any(|&f| reads_text_search(f)) {
        true => json_again(include_str!("text_search.sql"), false, &[])?,
        false => String::new(),
    };
    Ok(Facts {
        relations: relations.relations,
        functions: code.functions,
        enums: code.enums,
        counted: relations.counted,
        epoch: relations.epoch,
        settings: set.settings,
        defaults: set.defaults,
        shapes,
        text_search,
        own: own_counts(view, false)?,
        transaction: session::transaction(),
        populated: relations.populated,
        unique_index: relations.unique_index,
    })
}

/// Most queries call nothing but what is built in and immutable, about which nothing has to be
/// asked.
fn code(sources: &Sources) -> Result<Code> {
    let functions: Vec<i64> = (sources.functions.iter())
        .filter(|&&function| {
            function >= FIRST_NOT_BUILT_IN || !view_sources::is_immutable(function)
        })
        .map(|&function| i64::from(function))
        .collect();
    let types: Vec<i64> = (sources.written_types.iter())
        .filter(|of| !PLAIN_TYPES.contains(of))
        .map(|&of| i64::from(of))
        .collect();
    if functions.is_empty() && types.is_empty() {
        return Ok(Code::default());
    }
    json_again(
        include_str!("code.sql"),
        false,
        &[functions.into(), types.into()],
    )
}

fn set(settings: Settings) -> Result<Set> {
    let (role, is_own, value): (_, _, fn(&str) -> Option<String>) = match settings {
        Settings::Own => (roles::session_user(), true, session::setting),
        Settings::Of(role) => (role, false, session::setting_at_start),
    };
    json_again(
        include_str!("settings.sql"),
        false,
        &[
            SETTINGS.map(str::to_owned).to_vec().into(),
            SETTINGS.map(value).to_vec().into(),
            role.into(),
            is_own.into(),
        ],
    )
}
