//! What a pattern that is known begins with. Pure.

#![forbid(unsafe_code)]

/// The language of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// `LIKE`
    Like,
    /// `ILIKE`
    LikeAnyCase,
    /// `~`
    Regex,
    /// `~*`
    RegexAnyCase,
    /// `^@`, `starts_with`
    Start,
}

/// Whether every text that matches begins with the same character, by which an ordered index can
/// look for it.
pub(super) fn begins_literally(language: Language, pattern: &str) -> bool {
    let mut characters = pattern.chars();
    let first = characters.next();
    match language {
        Language::Start => first.is_some(),
        Language::Like => is_literal_in_like(first, characters.next()),
        Language::LikeAnyCase => {
            let has_case = first.is_some_and(char::is_alphabetic);
            !has_case && is_literal_in_like(first, characters.next())
        }
        Language::Regex => first == Some('^') && begins_regex(characters.as_str(), false),
        Language::RegexAnyCase => first == Some('^') && begins_regex(characters.as_str(), true),
    }
}

fn is_literal_in_like(first: Option<char>, second: Option<char>) -> bool {
    match first {
        None | Some('%' | '_') => false,
        Some('\\') => second.is_some(),
        Some(_) => true,
    }
}

/// What follows the anchor: a literal character that is not optional, with no alternative.
fn begins_regex(rest: &str, any_case: bool) -> bool {
    let mut characters = rest.chars();
    let Some(first) = characters.next() else {
        return false;
    };
    let (literal, next) = match first {
        '\\' => {
            let escaped = characters.next();
            let is_character = escaped.is_some_and(|c| !c.is_alphanumeric());
            (is_character, characters.next())
        }
        '(' | '[' | '.' | '*' | '+' | '?' | '{' | '|' | '$' | '^' | ')' => (false, None),
        letter => (!(any_case && letter.is_alphabetic()), characters.next()),
    };
    literal && !matches!(next, Some('*' | '?' | '{' | '|')) && !rest.contains('|')
}

/// The word that a pattern looks for anywhere in the text, if it is just one.
pub(super) fn word(language: Language, pattern: &str) -> Option<&str> {
    let inner = match language {
        Language::Like | Language::LikeAnyCase => {
            pattern.strip_prefix('%')?.strip_suffix('%')?.trim()
        }
        Language::Regex | Language::RegexAnyCase => pattern,
        Language::Start => return None,
    };
    let is_word = inner.chars().count() >= 3 && inner.chars().all(char::is_alphabetic);
    is_word.then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::Language::*;
    use super::*;

    #[test]
    fn a_pattern_that_begins_with_a_character_is_a_prefix() {
        for (language, pattern, expected) in [
            (Like, "abc%", true),
            (Like, "%abc", false),
            (Like, "_bc", false),
            (Like, "\\%abc", true),
            (Like, "\\", false),
            (Like, "", false),
            (LikeAnyCase, "abc%", false),
            (LikeAnyCase, "42%", true),
            (Start, "a", true),
            (Start, "", false),
            (Regex, "^abc", true),
            (Regex, "abc", false),
            (Regex, "^a*bc", false),
            (Regex, "^abc|d", false),
            (Regex, "^\\.x", true),
            (Regex, "^\\dx", false),
            (Regex, "^[ab]", false),
            (RegexAnyCase, "^abc", false),
            (RegexAnyCase, "^4a", true),
            (Regex, "^", false),
        ] {
            assert_eq!(
                begins_literally(language, pattern),
                expected,
                "{language:?} {pattern}"
            );
        }
    }

    #[test]
    fn one_word_is_told_from_other_patterns() {
        assert_eq!(word(LikeAnyCase, "%lamp%"), Some("lamp"));
        assert_eq!(word(RegexAnyCase, "lamp"), Some("lamp"));
        for pattern in ["%ab%", "lamp%", "%la_mp%", "%two words%", "%"] {
            assert_eq!(word(Like, pattern), None, "{pattern}");
        }
    }
}
