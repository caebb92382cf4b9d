//! Readable index names that fit and do not collide. Pure.

#![forbid(unsafe_code)]

/// Bytes in an identifier (`NAMEDATALEN - 1`).
const MAX_BYTES: usize = 63;

/// `<table>_<column>_<column>_idx`, shortened to fit, numbered until `taken` says it is free.
pub(crate) fn choose(
    table: &str,
    columns: &[String],
    mut taken: impl FnMut(&str) -> bool,
) -> String {
    let base = std::iter::once(table)
        .chain(columns.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join("_");
    (1_u32..)
        .map(|number| match number {
            1 => with_suffix(&base, "_idx"),
            _ => with_suffix(&base, &format!("_idx{number}")),
        })
        .find(|name| !taken(name))
        .unwrap_or_default()
}

/// The words of an expression that tell it from others: `lower_email` for `lower(email)`.
pub(crate) fn words(sql: &str) -> String {
    const MOST: usize = 3;
    let without_casts = sql
        .split("::")
        .enumerate()
        .map(|(number, part)| match number {
            0 => part,
            // A type's name, with what follows it.
            _ => part.trim_start_matches(|c: char| c.is_alphanumeric() || "_ \"".contains(c)),
        });
    let text: String = without_casts.collect();
    let is_word = |word: &&str| word.chars().next().is_some_and(char::is_alphabetic);
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(is_word)
        .take(MOST)
        .map(str::to_lowercase)
        .collect::<Vec<_>>()
        .join("_")
}

/// `base` followed by `suffix`, `base` being cut at a character boundary when both are too long.
pub(crate) fn with_suffix(base: &str, suffix: &str) -> String {
    let room = MAX_BYTES.saturating_sub(suffix.len());
    let mut end = base.len().min(room);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let kept = base.get(..end).unwrap_or_default();
    format!("{}{suffix}", kept.trim_end_matches('_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_says_table_and_columns() {
        assert_eq!(
            choose("orders", &["customer_id".into(), "at".into()], |_| false),
            "orders_customer_id_at_idx"
        );
    }

    #[test]
    fn an_expression_is_named_by_its_words() {
        assert_eq!(words("lower((email)::text)"), "lower_email");
        assert_eq!(words("(data ->> 'user id'::text)"), "data_user_id");
        assert_eq!(words("(1 + 2)"), "");
    }

    #[test]
    fn a_taken_name_is_numbered() {
        assert_eq!(
            choose("t", &["a".into()], |name| name == "t_a_idx"),
            "t_a_idx2"
        );
    }

    proptest! {
        #[test]
        fn any_name_fits_and_is_free(table in "\\PC{1,40}", column in "\\PC{1,40}") {
            let columns = [column];
            let first = choose(&table, &columns, |_| false);
            let second = choose(&table, &columns, |name| name == first);
            prop_assert!(first.len() <= MAX_BYTES && second.len() <= MAX_BYTES);
            prop_assert_ne!(first, second);
        }
    }
}
