//! Reads what a materialized view reads, and what the server says of it.

use std::collections::BTreeMap;

use pgrx::pg_sys;

use super::builtin::{FIRST_NOT_BUILT_IN, SETTINGS, makes_text_of_any_type};
use super::facts::{Facts, Function, Relation};
use super::trust;
use crate::error::Result;
use crate::pg::elevated::as_superuser;
use crate::pg::rollback::{Surroundings, rolled_back};
use crate::pg::session;
use crate::pg::spi::json_again;
use crate::pg::view_sources::{self, Sources};

/// Built-in types whose text depends on nothing: bool, bytea, "char", name, int8, int2, int4, text,
/// oid, json, float4, float8, char, varchar, numeric, uuid, jsonb.
const PLAIN_TYPES: [u32; 17] = [
    16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 1042, 1043, 1700, 2950, 3802,
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
    settings: BTreeMap<String, Option<String>>,
}

/// Looks at `view`; `None` when it is no materialized view (any more). Locks are waited for no
/// longer than `lock_timeout` (milliseconds), and are gone when it returns; counters are read as
/// they are now, not as this transaction saw them first.
pub(super) fn look(
    view: pg_sys::Oid,
    settings: Settings,
    lock_timeout: Option<i32>,
) -> Result<Option<Look>> {
    let mut surroundings = Surroundings {
        role: None,
        settings: vec![
            ("stats_fetch_consistency".to_owned(), "none".to_owned()),
            // Planning our queries anew takes longer than running them.
            (
                "plan_cache_mode".to_owned(),
                "force_generic_plan".to_owned(),
            ),
        ],
    };
    if let Some(milliseconds) = lock_timeout {
        let setting = ("lock_timeout".to_owned(), milliseconds.to_string());
        surroundings.settings.push(setting);
    }
    rolled_back(&surroundings, || {
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

fn facts(view: pg_sys::Oid, sources: &Sources, settings: Settings) -> Result<Facts> {
    let relations: Relations = json_again(
        include_str!("relations.sql"),
        false,
        &[
            view.into(),
            (sources.relations.iter())
                .map(|relation| i64::from(relation.oid))
                .collect::<Vec<_>>()
                .into(),
            (sources.relations.iter())
                .map(|relation| relation.inherited)
                .collect::<Vec<_>>()
                .into(),
        ],
    )?;
    let code = code(sources, settings)?;
    Ok(Facts {
        relations: relations.relations,
        functions: code.functions,
        enums: code.enums,
        counted: relations.counted,
        epoch: relations.epoch,
        settings: code.settings,
        populated: relations.populated,
        unique_index: relations.unique_index,
    })
}

/// Most queries call nothing but what is built in and immutable, about which nothing has to be
/// asked.
fn code(sources: &Sources, settings: Settings) -> Result<Code> {
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
    let (role, value): (_, fn(&str) -> Option<String>) = match settings {
        Settings::Own => (None, session::setting),
        Settings::Of(role) => (Some(role), session::setting_at_start),
    };
    json_again(
        include_str!("code.sql"),
        false,
        &[
            functions.into(),
            types.into(),
            SETTINGS.map(str::to_owned).to_vec().into(),
            SETTINGS.map(value).to_vec().into(),
            role.into(),
        ],
    )
}
