//! Advice as a migration: commands for a tool or a file. Pure.
//!
//! Every command can be run again. What `IF NOT EXISTS` takes for a finished index may be the
//! INVALID rest of a build that was interrupted, so that is dropped before each build.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::advice::{Advice, Recommendation};
use super::wording::percent;
use crate::error::{Error, Result};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// As the `direction` column has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// The direction of that name, in any case.
    pub(super) fn parse(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            _ => Err(Error::invalid_parameter(format!(
                "unrecognized value for argument \"direction\": \"{name}\""
            ))
            .hint("Use \"up\" or \"down\".")),
        }
    }
}

/// Recommendations to carry out, in the order of their ranks.
pub(super) struct Migration {
    changes: Vec<(usize, Recommendation)>,
    source: &'static str,
    statements_planned: usize,
}

/// The recommendations with these ranks, or all.
pub(super) fn of(advice: Advice, ranks: Option<&[i32]>) -> Result<Migration> {
    let wanted = ranks
        .map(|ranks| chosen(ranks, advice.recommendations.len()))
        .transpose()?;
    let changes = (1..)
        .zip(advice.recommendations)
        .filter(|(rank, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(rank)))
        .collect();
    Ok(Migration {
        changes,
        source: advice.source,
        statements_planned: advice.statements_planned,
    })
}

/// The ranks asked for, each once, all of which there must be.
fn chosen(ranks: &[i32], count: usize) -> Result<BTreeSet<usize>> {
    (ranks.iter())
        .map(|&rank| {
            usize::try_from(rank)
                .ok()
                .filter(|number| (1..=count).contains(number))
                .ok_or_else(|| {
                    no_such_rank(rank, count).hint(
                        "Ranks are those of pgopt.index_recommendations() with the same \
                         arguments; they change as the workload does.",
                    )
                })
        })
        .collect()
}

/// A rank beyond the `count` there are.
pub(super) fn no_such_rank(rank: i32, count: usize) -> Error {
    Error::invalid_parameter(format!("there is no recommendation with rank {rank}")).detail(
        match count {
            0 => "There is nothing to recommend now.".to_owned(),
            1 => "There is 1 recommendation now.".to_owned(),
            count => format!("There are {count} recommendations now."),
        },
    )
}

impl Migration {
    /// The commands of all changes, in order; the way back begins with the last change.
    pub(super) fn commands(&self, direction: Direction) -> Vec<String> {
        match direction {
            Direction::Up => (self.changes.iter())
                .flat_map(|(_, change)| up(change))
                .collect(),
            Direction::Down => (self.changes.iter().rev())
                .flat_map(|(_, change)| down(change))
                .collect(),
        }
    }

    /// Plain SQL for a file. With the way up comes the way down, as comments.
    pub(super) fn script(&self, direction: Direction) -> String {
        let mut script = Script::default();
        self.head(&mut script, direction);
        match direction {
            Direction::Up => {
                for (rank, change) in &self.changes {
                    script.facts(*rank, change);
                    script.commands(&up(change));
                }
                script.note("down: these commands take it all back");
                for (_, change) in self.changes.iter().rev() {
                    script.commented(&down(change));
                }
            }
            Direction::Down => {
                for (rank, change) in self.changes.iter().rev() {
                    if change.plan.undo_steps.is_empty() {
                        continue;
                    }
                    script.comment(&format!("takes back {rank}: {}", change.action.name()));
                    script.commands(&down(change));
                }
            }
        }
        script.0
    }

    fn head(&self, script: &mut Script, direction: Direction) {
        script.comment(&format!(
            "Made by pgopt {} from {} ({} statements planned).",
            env!("CARGO_PKG_VERSION"),
            self.source,
            self.statements_planned,
        ));
        script.comment("Run it outside a transaction block, one command at a time: psql -v ON_ERROR_STOP=1 -f FILE");
        script.comment(
            "After an interruption it may be run again. Sizes, times and shares are estimates.",
        );
        if self.changes.is_empty() {
            script.comment("There is nothing to do.");
        }
        script.blank();
        script.comment(direction.name());
    }
}

fn up(change: &Recommendation) -> Vec<String> {
    let plan = &change.plan;
    // A rest that was there when the advice was given is dropped by `drop_leftover` as well.
    let is_drop = |step: &&String| !plan.built.is_empty() && **step == plan.undo;
    let steps: Vec<&String> = plan.steps.iter().filter(|step| !is_drop(step)).collect();
    let serves = plan.served.iter().map(check_served);
    serves.chain(careful(&steps, &plan.built)).collect()
}

fn down(change: &Recommendation) -> Vec<String> {
    let plan = &change.plan;
    let steps: Vec<&String> = plan.undo_steps.iter().collect();
    careful(&steps, &plan.rebuilt)
}

/// The steps, with what makes them safe to run again, and a check before the first that drops
/// something in favour of what they have built.
fn careful(steps: &[&String], built: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = built.iter().map(|index| drop_leftover(index)).collect();
    let mut unchecked = !built.is_empty();
    for step in steps {
        if unchecked && step.starts_with("DROP INDEX") {
            commands.extend(built.iter().map(|index| check_valid(index)));
            unchecked = false;
        }
        commands.push((*step).clone());
    }
    commands
}

/// A command that fails unless the index is there and can be used.
fn check_valid(index: &str) -> String {
    let tag = dollar_tag(index);
    format!(
        "DO {tag} BEGIN\n  \
           IF NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass({0}) AND indisvalid) THEN\n    \
             RAISE EXCEPTION USING MESSAGE = 'index ' || {0} || ' was not built';\n  \
           END IF;\nEND {tag}",
        literal(index)
    )
}

/// A command that fails when an index is there, but not the one that serves for it.
fn check_served((dropped, kept): &(String, String)) -> String {
    let tag = dollar_tag(&format!("{dropped} {kept}"));
    format!(
        "DO {tag} BEGIN\n  \
           IF pg_catalog.to_regclass({0}) IS NOT NULL\n    \
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass({1}) AND indisvalid) THEN\n    \
             RAISE EXCEPTION USING MESSAGE = 'index ' || {1} || ', which serves for ' || {0} || ', is not there';\n  \
           END IF;\nEND {tag}",
        literal(dropped),
        literal(kept)
    )
}

/// A command that drops the index if it is INVALID. One under construction is invalid as well,
/// but its table is locked, so that the command fails instead of waiting for long.
fn drop_leftover(index: &str) -> String {
    let tag = dollar_tag(index);
    format!(
        "DO {tag} BEGIN\n  \
           IF EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass({}) AND NOT indisvalid AND NOT indisunique) THEN\n    \
             PERFORM pg_catalog.set_config('lock_timeout', '1s', true);\n    \
             DROP INDEX {index};\n  \
           END IF;\nEND {tag}",
        literal(index)
    )
}

/// A dollar quote that does not end in the midst of `text`.
fn dollar_tag(text: &str) -> String {
    (0_u32..)
        .map(|number| match number {
            0 => "$pgopt$".to_owned(),
            number => format!("$pgopt{number}$"),
        })
        .find(|tag| !text.contains(tag.trim_end_matches('$')))
        .unwrap_or_default()
}

/// `text` as a string literal, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// SQL text as it grows.
#[derive(Default)]
struct Script(String);

impl Script {
    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn comment(&mut self, text: &str) {
        self.0.push_str("-- ");
        self.0.push_str(&one_line(text));
        self.0.push('\n');
    }

    fn note(&mut self, text: &str) {
        self.blank();
        self.comment(text);
    }

    fn facts(&mut self, rank: usize, change: &Recommendation) {
        self.note(&format!(
            "{rank}: {} ({})",
            change.action.name(),
            change.kind
        ));
        let facts = [
            change
                .size
                .map(|size| format!("size {}", pretty_size(size))),
            (change.build_seconds).map(|seconds| format!("build time {seconds:.1} s")),
            (change.benefit).map(|share| format!("benefit {}", percent(share))),
            (change.write_penalty).map(|share| format!("upkeep {}", percent(share))),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if !facts.is_empty() {
            self.comment(&facts.join(", "));
        }
        self.comment(&change.reason);
        let hinted = change.evidence.hint.as_ref();
        for line in hinted
            .iter()
            .filter_map(|hint| hint.ddl.as_deref())
            .flat_map(str::lines)
        {
            self.comment(&format!("    {line}"));
        }
    }

    fn commands(&mut self, commands: &[String]) {
        for command in commands {
            self.0.push_str(command);
            self.0.push_str(";\n");
        }
    }

    /// Commands that run when the `-- ` in front of their lines is taken away.
    fn commented(&mut self, commands: &[String]) {
        for command in commands {
            if command.split('\n').any(|line| one_line(line) != line) {
                self.comment(
                    "a name holds characters that no comment can: see pgopt.export_migration()",
                );
                continue;
            }
            for line in format!("{command};").split('\n') {
                self.0.push_str("-- ");
                self.0.push_str(line);
                self.0.push('\n');
            }
        }
    }
}

/// `text` without what ends a line anywhere, or turns the order of what is shown.
fn one_line(text: &str) -> String {
    let breaks = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
            )
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    text.replace(breaks, " ")
}

/// A size as `pg_size_pretty` writes it, roughly.
fn pretty_size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 10_240.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.0} {}", UNITS.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests;
