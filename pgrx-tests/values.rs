//! Layouts of types, against the catalogs.

#[pgrx::pg_schema]
mod tests {
    use pgrx::prelude::*;

    use crate::advisor_tests::support::json;
    use crate::pg::values::{Layout, layout};

    /// Every built-in type with its length, whether it is passed by value, its kind, and the type
    /// of its elements.
    const TYPES: &str = "SELECT jsonb_agg(jsonb_build_array(oid::bigint, typlen, typbyval, typtype,
               CASE WHEN typcategory = 'A' THEN typelem::bigint ELSE 0 END, typname))
          FROM pg_type WHERE oid < 16384";

    #[pg_test]
    fn layouts_are_those_of_the_catalogs_and_no_record_has_one() {
        let types: Vec<(u32, i16, bool, String, u32, String)> =
            serde_json::from_value(json(TYPES)).unwrap_or_default();
        let mut known = 0;
        for (oid, length, by_value, kind, element, name) in types {
            let Some(found) = layout(oid) else {
                continue;
            };
            known += 1;
            let wanted = match length {
                length if by_value => Layout::Word(length as usize),
                -1 => Layout::Varlena,
                -2 => Layout::Text,
                length => Layout::Fixed(length as usize),
            };
            assert_eq!(found, wanted, "{name}");
            assert!(
                ["b", "r"].contains(&kind.as_str()) || name == "unknown",
                "{name}"
            );
            assert!(element == 0 || layout(element).is_some(), "{name}");
        }
        assert!(known > 80, "{known} types have a layout");
    }
}
