//! Undoes what `pg_stat_statements` did to typed literals. Pure.
//!
//! It replaces the string of `INTERVAL '7 days'` by a parameter, and `INTERVAL $1` is no longer
//! SQL. The same constant written as a cast takes a parameter: `CAST($1 AS INTERVAL)`. This
//! restores the meaning the statement had; nothing else of a text is ever changed.

#![forbid(unsafe_code)]

/// Types that SQL or PostgreSQL's grammar allows before a string literal and that are met in
/// practice; longer names first.
const TYPES: [&str; 14] = [
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
    "timestamptz",
    "timestamp",
    "interval",
    "timetz",
    "numeric",
    "jsonb",
    "json",
    "date",
    "time",
    "uuid",
];

/// `text` with every `TYPE $n` outside quotes and comments written as `CAST($n AS TYPE)`;
/// `None` when there is none.
pub(crate) fn restore_typed_literals(text: &str) -> Option<String> {
    let mut restored = String::with_capacity(text.len() + 32);
    let mut rest = text;
    let mut word_before = false;
    let mut changed = false;
    while let Some(first) = rest.chars().next() {
        if !word_before && let Some((type_name, parameter, length)) = typed_parameter(rest) {
            restored.push_str(&format!("CAST({parameter} AS {type_name})"));
            rest = rest.get(length..).unwrap_or_default();
            changed = true;
            word_before = true;
            continue;
        }
        let length = skip(rest).max(first.len_utf8());
        let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        word_before = taken.chars().last().is_some_and(is_word);
        restored.push_str(taken);
        rest = left;
    }
    changed.then_some(restored)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || c == '.' || c == '"'
}

/// The type name and parameter at the start of `text`, and how long both are.
fn typed_parameter(text: &str) -> Option<(&str, &str, usize)> {
    TYPES.iter().find_map(|type_name| {
        let name = prefix_ignoring_spacing(text, type_name)?;
        let after = text.get(name..)?;
        let spaces = after.len() - after.trim_start().len();
        let parameter = after.trim_start().strip_prefix('$')?;
        let digits = parameter.bytes().take_while(u8::is_ascii_digit).count();
        if spaces == 0 || digits == 0 {
            return None;
        }
        let start = name + spaces;
        let end = start + 1 + digits;
        Some((text.get(..name)?, text.get(start..end)?, end))
    })
}

/// Length of `words` at the start of `text`, in any case and with any white space between.
fn prefix_ignoring_spacing(text: &str, words: &str) -> Option<usize> {
    let mut position = 0;
    for (number, word) in words.split(' ').enumerate() {
        let rest = text.get(position..)?;
        let spaces = rest.len() - rest.trim_start().len();
        if number > 0 && spaces == 0 {
            return None;
        }
        position += if number > 0 { spaces } else { 0 };
        let found = text.get(position..position + word.len())?;
        if !found.eq_ignore_ascii_case(word) {
            return None;
        }
        position += word.len();
    }
    Some(position)
}

/// How far a quoted string, quoted name, dollar-quoted string or comment at the start reaches;
/// 0 if there is none.
fn skip(text: &str) -> usize {
    let until = |open: usize, close: &str| {
        text.get(open..)
            .and_then(|rest| rest.find(close))
            .map_or(text.len(), |at| open + at + close.len())
    };
    if text.starts_with('\'') {
        until(1, "'")
    } else if text.starts_with('"') {
        until(1, "\"")
    } else if text.starts_with("--") {
        until(2, "\n")
    } else if text.starts_with("/*") {
        until(2, "*/")
    } else {
        dollar_quote(text).map_or(0, |tag| until(tag.len(), tag))
    }
}

fn dollar_quote(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let end = inner.find('$')?;
    let tag = inner.get(..end)?;
    let named = !tag.starts_with(|c: char| c.is_ascii_digit());
    (named && tag.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .then(|| text.get(..end + 2))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::restore_typed_literals as restore;
    use proptest::prelude::*;

    #[test]
    fn an_interval_literal_becomes_a_cast() {
        assert_eq!(
            restore("SELECT now() - INTERVAL $2, a").as_deref(),
            Some("SELECT now() - CAST($2 AS INTERVAL), a")
        );
    }

    #[test]
    fn types_of_several_words_are_known() {
        assert_eq!(
            restore("x > timestamp  with time zone $12").as_deref(),
            Some("x > CAST($12 AS timestamp  with time zone)")
        );
    }

    #[test]
    fn quoted_text_comments_and_column_names_are_left_alone() {
        for text in [
            "SELECT 'interval $1'",
            "SELECT \"date $1\" FROM t",
            "SELECT 1 -- interval $1\n",
            "SELECT /* interval $1 */ 1",
            "SELECT $q$interval $1$q$",
            "SELECT update $1",
            "SELECT t.date$1",
            "SELECT $1 + $2",
            "SELECT 'it''s', interval",
        ] {
            assert_eq!(restore(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            let _ = restore(&text);
        }
    }
}
