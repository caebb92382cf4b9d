//! What an action has made, by OID: it is the action's own under whatever name it has since.

use pgrx::datum::DatumWithOid;
use pgrx::{JsonB, PgSqlErrorCode};
use serde::{Deserialize, Serialize};

use super::checks::Found;
use super::commands::{self, rest_of};
use super::log::Action;
use super::runs::not_ready;
use crate::advisor::applicable::Applicable;
use crate::error::{Error, Result};
use crate::pg::spi;

/// An index that the action made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Own {
    /// The qualified name under which it was made.
    pub(super) name: String,
    pub(super) oid: u32,
    /// Its table: an OID alone may have been given to something else.
    table: u32,
    /// The name that it had when taking it back was asked for, if it was another one.
    #[serde(default)]
    renamed: Option<String>,
}

impl Own {
    /// The name under which the commands of the way back drop it.
    pub(super) fn known_as(&self) -> &str {
        self.renamed.as_deref().unwrap_or(&self.name)
    }
}

/// Those of the plan's indexes that were found.
pub(super) fn of(plan: &Applicable, found: &[Found]) -> Vec<Own> {
    let made = plan.made.iter().enumerate();
    made.filter_map(|(place, made)| {
        let found = (found.iter()).find(|found| found.place == place && found.valid)?;
        Some(Own {
            name: made.name.clone(),
            oid: found.oid,
            table: found.table?,
            renamed: None,
        })
    })
    .collect()
}

/// An index of the action's own that is there.
struct There<'a> {
    own: &'a Own,
    /// Its qualified name now.
    name: String,
    /// Whether it is about to be dropped as the rest of a run that was interrupted.
    set_aside: bool,
}

fn there(action: &Action) -> Result<Vec<There<'_>>> {
    if action.progress.own.is_empty() {
        return Ok(Vec::new());
    }
    let given = serde_json::to_value(&action.progress.own).unwrap_or_default();
    let names: Vec<(u32, String)> = spi::json(
        "SELECT coalesce(jsonb_agg(jsonb_build_array(c.oid::bigint, format('%I.%I', n.nspname, c.relname))), '[]')
           FROM jsonb_to_recordset($1) AS own (oid bigint, \"table\" bigint)
           JOIN pg_index i ON i.indexrelid = own.oid::oid AND i.indrelid = own.\"table\"::oid
           JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace",
        &[DatumWithOid::from(JsonB(given))],
    )?;
    let place_of = |own: &Own| {
        let made = action.plan.made.iter();
        made.enumerate()
            .find(|(_, made)| made.name == own.known_as())
            .map(|(place, _)| place)
    };
    Ok((action.progress.own.iter())
        .filter_map(|own| {
            let (_, name) = names.iter().find(|(oid, _)| *oid == own.oid)?;
            let set_aside =
                place_of(own).is_some_and(|place| *name == rest_of(action.id, place, &own.name));
            Some(There {
                own,
                name: name.clone(),
                set_aside,
            })
        })
        .collect())
}

/// Whether any of them is there.
pub(super) fn any_left(action: &Action) -> Result<bool> {
    Ok(!there(action)?.is_empty())
}

/// Has the plan name them as they are called now, so that its way back drops them; whether that
/// changes anything.
pub(super) fn follow(action: &mut Action) -> Result<bool> {
    let renamed: Vec<(u32, String, String)> = (there(action)?.into_iter())
        .filter(|there| !there.set_aside && there.name != there.own.known_as())
        .map(|there| (there.own.oid, there.own.known_as().to_owned(), there.name))
        .collect();
    for own in &mut action.progress.own {
        if let Some((_, _, now)) = renamed.iter().find(|(oid, _, _)| *oid == own.oid) {
            own.renamed = Some(now.clone());
        }
    }
    let pairs: Vec<(String, String)> = (renamed.into_iter())
        .map(|(_, before, now)| (before, now))
        .collect();
    commands::rename_made(&mut action.plan, &pairs);
    Ok(!pairs.is_empty())
}

/// The names that an action's row has of them, for the plan that it has.
pub(super) fn known_names(action: &mut Action) {
    let pairs: Vec<(String, String)> = (action.progress.own.iter())
        .map(|own| (own.name.clone(), own.known_as().to_owned()))
        .collect();
    commands::rename_made(&mut action.plan, &pairs);
}

/// Before the commands of a run: they name the indexes as they were called when it was queued.
pub(super) fn still_named(action: &Action) -> Result<()> {
    let there = there(action)?;
    let other = (there.iter()).find(|there| !there.set_aside && there.name != there.own.known_as());
    match other {
        Some(other) => Err(called_now(other.own.known_as(), &other.name)),
        None => Ok(()),
    }
}

/// After the way back: whether none is left under any name.
pub(super) fn none_left(action: &Action) -> Result<()> {
    let there = there(action)?;
    let Some(left) = there.first() else {
        return Ok(());
    };
    match left.set_aside {
        // Another job is about to drop it.
        true => Err(Error::new(
            PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            format!("index {} is still there", left.name),
        )),
        false if left.name == left.own.known_as() => {
            Err(not_ready(format!("index {} was not dropped", left.name)))
        }
        false => Err(called_now(left.own.known_as(), &left.name)),
    }
}

fn called_now(before: &str, now: &str) -> Error {
    not_ready(format!("index {before} is called {now} now"))
        .detail(format!("It was renamed to {now} after this was asked for."))
        .hint("Ask for it again: pgopt.undo() drops the index under the name that it has then.")
}

/// The OID of extended statistics.
pub(super) fn statistics(name: &str) -> Result<Option<u32>> {
    spi::json(
        "SELECT coalesce((SELECT to_jsonb(s.oid::bigint) FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
                           WHERE format('%I.%I', n.nspname, s.stxname) = $1), 'null')",
        &[DatumWithOid::from(name)],
    )
}

/// Extended statistics that are called otherwise now are for a person to drop.
pub(super) fn statistics_not_renamed(action: &Action) -> Result<()> {
    let (Some(name), Some(oid)) = (&action.plan.statistics, action.progress.statistics) else {
        return Ok(());
    };
    let now: Option<String> = spi::json(
        "SELECT coalesce((SELECT to_jsonb(format('%I.%I', n.nspname, s.stxname))
                            FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
                           WHERE s.oid = $1::bigint::oid AND s.stxrelid = $2::bigint::oid), 'null')",
        &[
            DatumWithOid::from(i64::from(oid)),
            DatumWithOid::from(i64::from(action.plan.table)),
        ],
    )?;
    match now.filter(|now| now != name) {
        Some(now) => Err(not_ready(format!("statistics {name} are called {now} now"))
            .detail(format!("They were renamed to {now}."))
            .hint("Drop them by hand, if they are of no use: DROP STATISTICS.")),
        None => Ok(()),
    }
}
