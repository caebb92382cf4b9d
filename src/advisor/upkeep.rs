//! What writes cost once there is one more index. Pure.
//!
//! Writes are those of the workload's statements; what the server counted beyond them (by COPY,
//! by functions, by statements that were not captured) is added, brought to the length of the
//! observed window. Rows that are in the table now may have been loaded before: of the counted
//! inserts only those beyond the rows alive are added.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::counters::{Counted, Counters};
use super::estimates::entry_upkeep;
use crate::pg::plan::{PlannerCosts, WriteKind};

/// Writes to one table in the observed window.
#[derive(Debug, Default)]
struct TableWrites {
    inserted: f64,
    /// Rows updated, by the columns that are set.
    updated: Vec<(Vec<i16>, f64)>,
    /// Rows updated of which nobody knows which columns were set.
    updated_unknown: f64,
    counters: Counters,
}

/// Writes to all tables.
#[derive(Debug, Default)]
pub(super) struct Writes {
    tables: BTreeMap<u32, TableWrites>,
}

/// What upkeep depends on of an index to be.
pub(super) struct Kept<'a> {
    pub(super) table: u32,
    /// Columns whose change makes a new entry.
    pub(super) columns: &'a [i16],
    /// Share of the rows that it holds.
    pub(super) share: f64,
    /// Entries of a row.
    pub(super) entries: f64,
    pub(super) pages: f64,
}

impl Writes {
    /// Adds rows that statements of the workload write.
    pub(super) fn add(&mut self, table: u32, kind: &WriteKind, rows: f64) {
        let writes = self.tables.entry(table).or_default();
        match kind {
            WriteKind::Insert => writes.inserted += rows,
            WriteKind::Update(columns) => {
                match (writes.updated.iter_mut()).find(|(known, _)| known == columns) {
                    Some((_, total)) => *total += rows,
                    None => writes.updated.push((columns.clone(), rows)),
                }
            }
            // Vacuum removes the entries later, many at once.
            WriteKind::Delete => {}
        }
    }

    /// Adds what the server counted beyond that in a window of `hours`.
    pub(super) fn add_counted(&mut self, counted: &Counted, hours: Option<f64>) {
        for (table, counters) in &counted.tables {
            let writes = self.tables.entry(*table).or_default();
            writes.counters = *counters;
            let (Some(window), Some(counting)) = (hours, counted.hours) else {
                continue;
            };
            let part = (window / counting).min(1.0);
            let inserted = (counters.inserted - counters.live).max(0.0) * part;
            writes.inserted = writes.inserted.max(inserted);
            let updated: f64 = writes.updated.iter().map(|(_, rows)| rows).sum();
            writes.updated_unknown = (counters.updated * part - updated).max(0.0);
        }
    }

    /// Weighted cost of the entries made in an index that there is: what could be heap-only
    /// without it is not counted.
    pub(super) fn upkeep_of_existing(&self, index: &Kept<'_>, costs: &PlannerCosts) -> f64 {
        let Some(writes) = self.tables.get(&index.table) else {
            return 0.0;
        };
        let height = (index.pages.max(1.0).log2() / 8.0).ceil() as i32;
        let rows = writes.inserted + writes.updated_in(index.columns);
        rows * index.share * index.entries.max(1.0) * entry_upkeep(costs, index.pages, height)
    }

    /// Weighted cost of keeping an index up to date.
    pub(super) fn upkeep(&self, index: &Kept<'_>, costs: &PlannerCosts) -> f64 {
        let Some(writes) = self.tables.get(&index.table) else {
            return 0.0;
        };
        let height = (index.pages.max(1.0).log2() / 8.0).ceil() as i32;
        let per_entry = entry_upkeep(costs, index.pages, height);
        let updated = writes.updated_in(index.columns);
        let entries = (writes.inserted + updated) * index.share * index.entries.max(1.0);
        // An update that sets a column of the index can be heap-only no more, and makes an entry
        // in each of the other indexes.
        let no_more_hot = updated * writes.hot_share() * writes.counters.indexes;
        (entries + no_more_hot) * per_entry
    }
}

impl TableWrites {
    /// Rows of which a column among `columns` is updated.
    fn updated_in(&self, columns: &[i16]) -> f64 {
        let touches = |set: &Vec<i16>| set.iter().any(|column| columns.contains(column));
        let known: f64 = self.updated.iter().map(|(_, rows)| rows).sum();
        let touching: f64 = (self.updated.iter())
            .filter(|(set, _)| touches(set))
            .map(|(_, rows)| rows)
            .sum();
        let share = match known > 0.0 {
            true => touching / known,
            // Those that were not heap-only are known to set some indexed column.
            false => 1.0 - self.hot_share(),
        };
        touching + self.updated_unknown * share
    }

    fn hot_share(&self) -> f64 {
        if self.counters.updated > 0.0 {
            (self.counters.hot_updated / self.counters.updated).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: PlannerCosts = PlannerCosts {
        cpu_operator: 0.0025,
        cpu_index_tuple: 0.005,
        random_page: 4.0,
        seq_page: 1.0,
        cache_pages: 524_288.0,
    };

    fn index(columns: &[i16]) -> Kept<'_> {
        Kept {
            table: 1,
            columns,
            share: 1.0,
            entries: 1.0,
            pages: 100.0,
        }
    }

    fn counted(counters: Counters, hours: f64) -> Counted {
        Counted {
            tables: BTreeMap::from([(1, counters)]),
            hours: Some(hours),
        }
    }

    #[test]
    fn an_update_costs_the_indexes_on_what_it_sets() {
        let mut writes = Writes::default();
        writes.add(1, &WriteKind::Update(vec![2, 3]), 1000.0);
        assert_eq!(writes.upkeep(&index(&[4]), &COSTS), 0.0);
        assert!(writes.upkeep(&index(&[3]), &COSTS) > 0.0);
    }

    #[test]
    fn an_index_on_what_heap_only_updates_set_costs_an_entry_in_all_the_others() {
        let mut writes = Writes::default();
        writes.add(1, &WriteKind::Update(vec![2]), 1000.0);
        let alone = writes.upkeep(&index(&[2]), &COSTS);
        let counters = Counters {
            updated: 10.0,
            hot_updated: 10.0,
            indexes: 3.0,
            ..Counters::default()
        };
        writes.add_counted(&counted(counters, 1.0), None);
        assert!((writes.upkeep(&index(&[2]), &COSTS) - 4.0 * alone).abs() < 1e-9);
    }

    #[test]
    fn what_is_in_the_table_may_have_been_loaded_before() {
        let mut writes = Writes::default();
        let loaded = Counters {
            inserted: 1e6,
            live: 1e6,
            ..Counters::default()
        };
        writes.add_counted(&counted(loaded, 1.0), Some(1.0));
        assert_eq!(writes.upkeep(&index(&[1]), &COSTS), 0.0);
    }

    #[test]
    fn a_queue_that_is_filled_by_others_costs_by_the_hour() {
        let mut writes = Writes::default();
        let queue = Counters {
            inserted: 1e6,
            live: 0.0,
            ..Counters::default()
        };
        writes.add_counted(&counted(queue, 10.0), Some(1.0));
        let an_hour = writes.upkeep(&index(&[1]), &COSTS);
        let mut own = Writes::default();
        own.add(1, &WriteKind::Insert, 1e5);
        assert!((an_hour - own.upkeep(&index(&[1]), &COSTS)).abs() < 1e-6);
    }

    #[test]
    fn writes_that_statements_account_for_count_once() {
        let mut writes = Writes::default();
        writes.add(1, &WriteKind::Update(vec![2]), 1000.0);
        let before = writes.upkeep(&index(&[2]), &COSTS);
        let counters = Counters {
            updated: 1000.0,
            ..Counters::default()
        };
        writes.add_counted(&counted(counters, 1.0), Some(1.0));
        assert!((writes.upkeep(&index(&[2]), &COSTS) - before).abs() < 1e-9);
    }
}
