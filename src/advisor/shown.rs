//! The advice that this session was shown last: its ranks are what the user means.

use std::cell::RefCell;
use std::time::Duration;

use pgrx::pg_sys;

use super::Request;
use super::advice::Advice;
use super::applicable::{self, Applicable};
use super::migration::no_such_rank;
use super::recommend::recommend;
use super::selection::Limits;
use crate::error::{Error, Result};
use crate::pg::catalog;
use crate::workload::source;

/// Bytes of advice that a session remembers; longer advice is computed anew when it is wanted.
const MOST_BYTES: usize = 4 << 20;

/// What was asked, and what was answered unless that is too long.
struct Shown {
    request: Request,
    ranks: Option<Vec<Rank>>,
}

/// What has that rank.
#[derive(Clone)]
enum Rank {
    /// Something to do.
    Step(Box<Applicable>),
    /// Something to decide, of that kind.
    Hint(&'static str),
}

thread_local! {
    static SHOWN: RefCell<Option<Shown>> = const { RefCell::new(None) };
}

/// Remembers what the session is being shown.
pub(super) fn remember(request: &Request, advice: &Advice) {
    let ranks = Some(ranks(advice)).filter(|ranks| bytes(ranks) <= MOST_BYTES);
    SHOWN.replace(Some(Shown {
        request: request.clone(),
        ranks,
    }));
}

/// The recommendation of that rank, as this session was shown it last; of one that has asked for
/// none, as it would be shown it now.
pub(crate) fn with_rank(rank: i32) -> Result<Applicable> {
    let remembered = SHOWN.with_borrow(|shown| match shown {
        Some(shown) => (shown.request.clone(), shown.ranks.clone()),
        None => (usual_request(), None),
    });
    let ranks = match remembered {
        (_, Some(ranks)) => ranks,
        (request, None) => {
            let advice = recommend(&source::observed()?, &request, false)?;
            remember(&request, &advice);
            ranks(&advice)
        }
    };
    let place = usize::try_from(rank)
        .ok()
        .and_then(|rank| rank.checked_sub(1));
    match place.and_then(|place| ranks.get(place)) {
        Some(Rank::Step(step)) => Ok((**step).clone()),
        Some(Rank::Hint(kind)) => Err(Error::unsupported(format!(
            "recommendation with rank {rank} is a hint, which cannot be applied"
        ))
        .detail(format!("Its kind is \"{kind}\"."))
        .hint("A person has to decide: see its reason, and evidence -> 'hint' for a command.")),
        None => Err(no_such_rank(rank, ranks.len()).hint(
            "Ranks are those that pgopt.index_recommendations() showed last in this session.",
        )),
    }
}

fn ranks(advice: &Advice) -> Vec<Rank> {
    (advice.recommendations.iter())
        .map(|change| {
            let name = catalog::qualified_name(pg_sys::Oid::from(change.table));
            match applicable::of(change, name.unwrap_or_default()) {
                Some(step) => Rank::Step(Box::new(step)),
                None => Rank::Hint(change.kind),
            }
        })
        .collect()
}

fn bytes(ranks: &[Rank]) -> usize {
    (ranks.iter())
        .map(|rank| match rank {
            Rank::Step(step) => step.bytes(),
            Rank::Hint(_) => 64,
        })
        .sum()
}

/// The defaults of `pgopt.index_recommendations()`.
fn usual_request() -> Request {
    Request {
        limits: Limits {
            budget: None,
            max_indexes: None,
            min_benefit: 0.01,
        },
        schemas: None,
        time_limit: Duration::from_secs(30),
    }
}

/// Forgets it, as a new session would.
#[cfg(any(test, feature = "pg_test"))]
pub(crate) fn forget() {
    SHOWN.replace(None);
}
