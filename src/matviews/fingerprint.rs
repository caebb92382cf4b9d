//! What a materialized view read, as it was before a refresh, and how it differs now.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that would change if the result of the view's query changed; kept as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Fingerprint {
    /// A hash of the rewritten query.
    pub(super) tree: String,
    /// Versions of functions that are not built in, by OID.
    pub(super) functions: BTreeMap<u32, String>,
    /// Versions of the values of enums whose names are used, by the type's OID.
    pub(super) enums: BTreeMap<u32, String>,
    /// Tables, partitions and materialized views, by OID.
    pub(super) relations: BTreeMap<u32, Counts>,
    /// When the server started and its counters began.
    pub(super) epoch: String,
    /// Settings that results may depend on.
    pub(super) settings: BTreeMap<String, String>,
    /// A hash of what `ALTER ROLE` and `ALTER DATABASE` set: what settings will be in another
    /// session is not known if it differs. No change in itself.
    pub(super) defaults: String,
    /// A hash of the columns of the tables and composite types, and of the values of enums.
    pub(super) shapes: String,
    /// A hash of how text search is configured, if it is used.
    pub(super) text_search: String,
    /// The view's own file and rows, as the refresh left them.
    pub(super) own: Counts,
    /// The transaction that the view was refreshed in, if it had changed anything before: a
    /// table that is emptied in the transaction that made its file keeps that file.
    pub(super) transaction: Option<u64>,
}

/// What tells whether a table's rows changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// The file: another one after TRUNCATE, which no counter tells of.
    pub(super) file: u32,
    /// Rows inserted since the counters began.
    pub(super) inserted: i64,
    /// Rows updated.
    pub(super) updated: i64,
    /// Rows deleted.
    pub(super) deleted: i64,
    /// How often a refresh by pgopt changed rows of it: counters come late, this does not.
    pub(super) version: i64,
}

/// How `now` differs from `before`, as a clause; `None` when it does not. `name` names relations
/// and functions.
pub(super) fn difference(
    before: &Fingerprint,
    now: &Fingerprint,
    name: &dyn Fn(u32) -> String,
) -> Option<String> {
    if before.epoch != now.epoch {
        return Some("the server or its counters were restarted".to_owned());
    }
    if before.own != now.own {
        return Some("it was refreshed by other means, or rewritten".to_owned());
    }
    if before.transaction.is_some() && before.transaction != now.transaction {
        return Some("it was refreshed in a transaction with changes of its own".to_owned());
    }
    if before.tree != now.tree {
        return Some("its query changed".to_owned());
    }
    if before.functions != now.functions {
        return Some("a function that it calls changed".to_owned());
    }
    if before.enums != now.enums {
        return Some("the values of an enum type changed".to_owned());
    }
    if before.shapes != now.shapes {
        return Some("the columns of a table, or a type, changed".to_owned());
    }
    if before.text_search != now.text_search {
        return Some("the configuration of text search changed".to_owned());
    }
    if let Some((setting, _)) =
        (now.settings.iter()).find(|(setting, value)| before.settings.get(*setting) != Some(value))
    {
        return Some(format!("the setting \"{setting}\" changed"));
    }
    if before.settings.len() != now.settings.len() {
        return Some("the settings that it depends on changed".to_owned());
    }
    relations(&before.relations, &now.relations, name)
}

fn relations(
    before: &BTreeMap<u32, Counts>,
    now: &BTreeMap<u32, Counts>,
    name: &dyn Fn(u32) -> String,
) -> Option<String> {
    let mut changed = (now.iter())
        .filter_map(|(oid, counts)| match before.get(oid) {
            None => Some(format!("{} came to it", name(*oid))),
            Some(old) => counts
                .difference(old)
                .map(|what| format!("{}: {what}", name(*oid))),
        })
        .chain(
            (before.keys())
                .filter(|oid| !now.contains_key(oid))
                .map(|_| "a table or partition went from it".to_owned()),
        );
    let first = changed.next()?;
    Some(match changed.count() {
        0 => first,
        1 => format!("{first}; and 1 more"),
        more => format!("{first}; and {more} more"),
    })
}

impl Counts {
    fn difference(&self, old: &Counts) -> Option<String> {
        if self.file != old.file {
            return Some("rewritten or truncated".to_owned());
        }
        let changes = [
            (self.inserted, old.inserted, "inserted"),
            (self.updated, old.updated, "updated"),
            (self.deleted, old.deleted, "deleted"),
        ];
        if changes.iter().any(|(now, old, _)| now < old) {
            return Some("its counters were reset".to_owned());
        }
        let counted: Vec<String> = (changes.iter())
            .filter(|(now, old, _)| now > old)
            .map(|(now, old, what)| format!("{} {what}", now.saturating_sub(*old)))
            .collect();
        if !counted.is_empty() {
            return Some(format!("{} rows", counted.join(", ")));
        }
        (self.version != old.version).then(|| "refreshed with other rows".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(counts: Counts) -> Fingerprint {
        Fingerprint {
            relations: BTreeMap::from([(7, counts)]),
            ..Fingerprint::default()
        }
    }

    fn told(before: &Fingerprint, now: &Fingerprint) -> Option<String> {
        difference(before, now, &|oid| format!("t{oid}"))
    }

    const OLD: Counts = Counts {
        file: 1,
        inserted: 10,
        updated: 5,
        deleted: 2,
        version: 3,
    };

    #[test]
    fn the_same_does_not_differ() {
        assert_eq!(told(&one(OLD), &one(OLD)), None);
    }

    #[test]
    fn counters_tell_what_happened() {
        let now = Counts {
            inserted: 15,
            deleted: 3,
            ..OLD
        };
        assert_eq!(
            told(&one(OLD), &one(now)).as_deref(),
            Some("t7: 5 inserted, 1 deleted rows")
        );
    }

    #[test]
    fn a_truncated_table_differs_though_no_counter_does() {
        let now = Counts { file: 2, ..OLD };
        assert_eq!(
            told(&one(OLD), &one(now)).as_deref(),
            Some("t7: rewritten or truncated")
        );
    }

    #[test]
    fn counters_that_go_back_are_a_change() {
        let now = Counts { inserted: 3, ..OLD };
        assert_eq!(
            told(&one(OLD), &one(now)).as_deref(),
            Some("t7: its counters were reset")
        );
    }

    #[test]
    fn rows_that_a_refresh_changed_count_before_the_counters_do() {
        let now = Counts { version: 4, ..OLD };
        assert!(told(&one(OLD), &one(now)).is_some());
    }

    #[test]
    fn a_partition_that_comes_or_goes_is_a_change() {
        let two = Fingerprint {
            relations: BTreeMap::from([(7, OLD), (8, OLD)]),
            ..Fingerprint::default()
        };
        assert_eq!(told(&one(OLD), &two).as_deref(), Some("t8 came to it"));
        assert!(told(&two, &one(OLD)).is_some());
    }

    #[test]
    fn a_setting_that_changed_or_came_is_a_change() {
        let with = |value: &str| Fingerprint {
            settings: BTreeMap::from([("TimeZone".to_owned(), value.to_owned())]),
            ..Fingerprint::default()
        };
        assert!(told(&with("UTC"), &with("Asia/Tokyo")).is_some());
        assert!(told(&Fingerprint::default(), &with("UTC")).is_some());
        assert!(told(&with("UTC"), &Fingerprint::default()).is_some());
        assert_eq!(told(&with("UTC"), &with("UTC")), None);
    }

    #[test]
    fn a_refresh_by_hand_is_a_change() {
        let by_hand = |own: Counts| Fingerprint { own, ..one(OLD) };
        for own in [
            Counts { file: 2, ..OLD },
            Counts { deleted: 3, ..OLD },
            Counts { inserted: 9, ..OLD },
        ] {
            assert!(told(&by_hand(OLD), &by_hand(own)).is_some());
        }
        assert_eq!(told(&by_hand(OLD), &by_hand(OLD)), None);
    }

    #[test]
    fn what_was_seen_in_a_transaction_with_changes_holds_in_it_only() {
        let of = |transaction| Fingerprint {
            transaction,
            ..one(OLD)
        };
        assert!(told(&of(Some(7)), &of(None)).is_some());
        assert!(told(&of(Some(7)), &of(Some(8))).is_some());
        assert_eq!(told(&of(Some(7)), &of(Some(7))), None);
        assert_eq!(told(&of(None), &of(Some(8))), None);
    }

    #[test]
    fn what_a_row_consists_of_and_words_are_changes() {
        let shapes = Fingerprint {
            shapes: "1".to_owned(),
            ..one(OLD)
        };
        let words = Fingerprint {
            text_search: "1".to_owned(),
            ..one(OLD)
        };
        let defaults = Fingerprint {
            defaults: "1".to_owned(),
            ..one(OLD)
        };
        assert!(told(&one(OLD), &shapes).is_some());
        assert!(told(&one(OLD), &words).is_some());
        assert_eq!(told(&one(OLD), &defaults), None);
    }

    #[test]
    fn json_brings_it_back() {
        let value = serde_json::to_value(one(OLD)).unwrap_or_default();
        let back: Option<Fingerprint> = serde_json::from_value(value).ok();
        assert_eq!(back, Some(one(OLD)));
    }
}
