//! What the statements that an index was advised for cost, and which indexes they use, now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::applicable::Wanted;
use super::evidence::text_hash;
use super::observe;
use crate::error::Result;
use crate::pg::roles;
use crate::workload::{Workload, WorkloadStatement, source};

/// How long planning them may take: as long as advice does by default.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How statements of one text are planned now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlannedNow {
    pub(crate) hash: String,
    /// Mean cost of one execution, in the planner's units.
    pub(crate) cost: f64,
    /// OIDs of the indexes their plans use.
    pub(crate) indexes: BTreeSet<u32>,
}

/// Plans what is `wanted` as things are: as the workload has it, with the values of its samples,
/// or else, when the workload has it no more, its text alone. What cannot be planned is left out.
pub(crate) fn planned_now(wanted: &[Wanted]) -> Result<Vec<PlannedNow>> {
    let deadline = Instant::now() + TIME_LIMIT;
    let hashes: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.hash.as_str()).collect();
    // A workload that cannot be read, as after a restart, is an empty one.
    let mut workload = source::observed().unwrap_or_default();
    (workload.statements).retain(|known| hashes.contains(text_hash(&known.text).as_str()));
    workload.statements.extend(missing(wanted, &workload));
    let observation = observe::observe(&workload, false, deadline)?;
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for observed in &observation.observed {
        let statement = &observed.statement;
        let sum = sums.entry(text_hash(&statement.source.text)).or_default();
        let (weight, cost) = (
            statement.weight().max(f64::MIN_POSITIVE),
            statement.base.cost,
        );
        sum.weight += weight;
        sum.cost += weight * cost;
        sum.indexes
            .extend(statement.base.indexes.iter().map(|index| index.to_u32()));
    }
    Ok((sums.into_iter())
        .map(|(hash, sum)| PlannedNow {
            hash,
            cost: sum.cost / sum.weight,
            indexes: sum.indexes,
        })
        .collect())
}

#[derive(Default)]
struct Sum {
    weight: f64,
    cost: f64,
    indexes: BTreeSet<u32>,
}

/// What the workload does not have, or not any more: what foreign keys make the server run, and
/// statements that were forgotten. Planned as the current user, in the sandbox, for any values.
fn missing(wanted: &[Wanted], workload: &Workload) -> Vec<WorkloadStatement> {
    let known: BTreeSet<String> = (workload.statements.iter())
        .map(|known| text_hash(&known.text))
        .collect();
    (wanted.iter())
        // Of a long text evidence has the beginning only.
        .filter(|wanted| !known.contains(&wanted.hash) && text_hash(&wanted.query) == wanted.hash)
        .map(|wanted| WorkloadStatement {
            text: wanted.query.clone(),
            role: Some(roles::current_user()),
            weight: wanted.weight,
            mean_time: None,
            rows_per_call: None,
            search_path: None,
            samples: Vec::new(),
        })
        .collect()
}
