//! What people read about a recommendation or a candidate that is none. Pure.

#![forbid(unsafe_code)]

use super::selection::Rejection;
use crate::error::abbreviate;

/// Why a candidate was not chosen.
pub(super) fn rejection(rejection: Rejection) -> String {
    match rejection {
        Rejection::NoGain => {
            "the planner's costs do not fall with it, given the chosen indexes".to_owned()
        }
        Rejection::BelowMinimum(share) => format!(
            "it saves {} of the workload's cost, less than min_benefit",
            percent(share)
        ),
        Rejection::Upkeep => "keeping it up to date costs more than it saves".to_owned(),
        Rejection::Budget => "it does not fit into storage_budget".to_owned(),
        Rejection::Count => "max_indexes are recommended already".to_owned(),
    }
}

/// A statement's text and its cost before and after.
pub(super) struct Best<'a> {
    pub(super) text: &'a str,
    pub(super) before: f64,
    pub(super) after: f64,
}

/// One sentence: what an index does for the statement it helps most, of `count`.
pub(super) fn reason(count: usize, best: &Best<'_>) -> String {
    let helps = match count {
        1 => "helps 1 statement".to_owned(),
        count => format!("helps {count} statements"),
    };
    format!(
        "{helps}; cost {:.0} -> {:.0} ({:.0}x) of: {}",
        best.before,
        best.after,
        best.before / best.after.max(0.01),
        abbreviate(best.text, 120)
    )
}

/// A share as people read it: enough digits to tell it from nothing, and no more.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        large if large >= 10.0 => format!("{percent:.0} %"),
        medium if medium >= 1.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.2} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_share_has_the_digits_it_needs() {
        assert_eq!(percent(0.5), "50 %");
        assert_eq!(percent(0.0213), "2.1 %");
        assert_eq!(percent(0.0004), "0.04 %");
    }
}
