//! Whether counters can tell that what a view reads has changed; if not, why.
#![forbid(unsafe_code)]

use super::builtin::{FIRST_NOT_BUILT_IN, depends_on_settings_only};
use super::facts::{Facts, Function, Relation};

/// Why a view must be refreshed each time, or `None` when it may be left out while nothing that
/// it reads has changed.
pub(super) fn reason_to_refresh_always(constructs: &[&str], facts: &Facts) -> Option<String> {
    if let Some(construct) = constructs.first() {
        return Some(format!(
            "it uses {construct}, whose value depends on more than rows"
        ));
    }
    if !facts.counted {
        return Some("\"track_counts\" is off, so changes are not counted".to_owned());
    }
    (facts.relations.iter().find_map(untold_relation))
        .or_else(|| facts.functions.iter().find_map(untold_function))
}

fn untold_relation(relation: &Relation) -> Option<String> {
    let name = &relation.name;
    if relation.built_in {
        return Some(format!(
            "it reads {name}, a system catalog or view, whose changes are not counted"
        ));
    }
    match relation.kind {
        'f' => {
            return Some(format!(
                "it reads {name}, a foreign table, whose changes are not counted here"
            ));
        }
        'S' => {
            return Some(format!(
                "it reads {name}, a sequence, whose changes are not counted"
            ));
        }
        'r' | 'm' | 'p' => {}
        _ => return Some(format!("it reads {name}, whose changes are not counted")),
    }
    if relation.policies {
        return Some(format!(
            "it reads {name}, which has row-level security: what is seen depends on more than rows"
        ));
    }
    (!relation.heap)
        .then(|| format!("it reads {name}, whose table access method may not count its changes"))
}

fn untold_function(function: &Function) -> Option<String> {
    let name = &function.name;
    let built_in = function.oid < FIRST_NOT_BUILT_IN;
    if !built_in && !function.aggregate && !["internal", "c"].contains(&function.language.as_str())
    {
        return Some(format!(
            "it calls {name}, a function in language {}, which may read anything",
            function.language
        ));
    }
    match function.volatility {
        'i' => None,
        's' if built_in && depends_on_settings_only(function.oid) => None,
        's' => Some(format!(
            "it calls {name}, a stable function, whose result may depend on more than rows"
        )),
        _ => Some(format!("it calls {name}, a volatile function")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(oid: u32, volatility: char, language: &str) -> Function {
        Function {
            oid,
            name: "f()".to_owned(),
            volatility,
            language: language.to_owned(),
            aggregate: false,
            version: "1".to_owned(),
        }
    }

    fn table(kind: char) -> Relation {
        Relation {
            oid: 20_000,
            name: "t".to_owned(),
            kind,
            built_in: false,
            policies: false,
            heap: true,
            file: 1,
            inserted: 0,
            updated: 0,
            deleted: 0,
            version: 0,
        }
    }

    fn facts(relations: Vec<Relation>, functions: Vec<Function>) -> Facts {
        Facts {
            relations,
            functions,
            counted: true,
            ..Facts::default()
        }
    }

    #[test]
    fn tables_and_immutable_functions_are_told_by_counters() {
        let known = facts(
            vec![table('r'), table('m'), table('p')],
            vec![
                function(65, 'i', "internal"),
                function(1217, 's', "internal"),
                function(50_000, 'i', "c"),
            ],
        );
        assert_eq!(reason_to_refresh_always(&[], &known), None);
    }

    #[test]
    fn what_is_not_told_by_counters_is_refreshed_always() {
        for function in [
            function(1299, 's', "internal"),
            function(1598, 'v', "internal"),
            function(50_000, 'i', "sql"),
            function(50_000, 's', "c"),
            function(12_500, 's', "sql"),
        ] {
            let known = facts(vec![], vec![function.clone()]);
            assert!(
                reason_to_refresh_always(&[], &known).is_some(),
                "{function:?}"
            );
        }
        let catalog = Relation {
            built_in: true,
            ..table('r')
        };
        let policies = Relation {
            policies: true,
            ..table('r')
        };
        let columnar = Relation {
            heap: false,
            ..table('r')
        };
        for relation in [table('f'), table('S'), catalog, policies, columnar] {
            let known = facts(vec![relation.clone()], vec![]);
            assert!(
                reason_to_refresh_always(&[], &known).is_some(),
                "{relation:?}"
            );
        }
        assert!(reason_to_refresh_always(&["TABLESAMPLE"], &facts(vec![], vec![])).is_some());
        let uncounted = Facts {
            counted: false,
            ..facts(vec![], vec![])
        };
        assert!(reason_to_refresh_always(&[], &uncounted).is_some());
    }
}
