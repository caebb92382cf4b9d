//! Sizes as people write them. Pure.

#![forbid(unsafe_code)]

use crate::error::{Error, Result};

/// Units as `pg_size_pretty` writes and the configuration file reads them: powers of 1024.
const UNITS: [(&str, f64); 8] = [
    ("bytes", 1.0),
    ("kb", 1024.0),
    ("mb", 1_048_576.0),
    ("gb", 1_073_741_824.0),
    ("tb", 1_099_511_627_776.0),
    ("pb", 1_125_899_906_842_624.0),
    ("b", 1.0),
    ("", 1.0),
];

/// Bytes in a text such as `500 MB`.
pub(crate) fn parse(argument: &str, text: &str) -> Result<f64> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at_checked(end).unwrap_or((trimmed, ""));
    let unit = unit.trim().to_ascii_lowercase();
    let factor = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| factor);
    match (number.parse::<f64>(), factor) {
        (Ok(number), Some(factor)) if number.is_finite() => Ok(number * factor),
        _ => Err(Error::invalid_parameter(format!(
            "invalid value for argument \"{argument}\": \"{text}\""
        ))
        .detail("A size is a number that is not negative and a unit.")
        .hint("Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\" and \"PB\", for example '500 MB'.")),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse("b", "500 MB").ok(), Some(524_288_000.0));
        assert_eq!(parse("b", "1.5GB").ok(), Some(1_610_612_736.0));
        assert_eq!(parse("b", " 8192 ").ok(), Some(8192.0));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["abc", "", "-1 MB", "1 XB", "1 MB MB", ".", "1..2 kB", "∞"] {
            assert!(parse("b", text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            let _ = parse("b", &text);
        }
    }
}
