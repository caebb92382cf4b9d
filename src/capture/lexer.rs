//! Where SQL tokens end. Pure.
//!
//! Follows PostgreSQL's scanner: the union of what 15 to 18 read, since what a major cannot read
//! (`0x1F` and `1_000` before 16) never gets past its parser, and so never gets here. Texts are
//! bytes in any server encoding; in all of them a byte below 128 is an ASCII character.

#![forbid(unsafe_code)]

/// How string literals are read: the setting `standard_conforming_strings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) standard_conforming_strings: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Space,
    Comment,
    /// A string literal of any kind, its continuations on further lines included.
    String,
    /// Never has a sign: that is an operator of its own.
    Number,
    /// A name or key word; a quoted name too.
    Word,
    /// `$1`
    Parameter,
    /// One character or more that are none of the above.
    Operator,
    /// The rest of the text, which cannot be read: something is unterminated or not SQL.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    /// The token's part of the text it was read from.
    pub(crate) fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The tokens of `text`, without gaps from its start to its end. A token that is `Broken` comes
/// last.
pub(crate) fn tokens(text: &[u8], dialect: Dialect) -> Tokens<'_> {
    Tokens {
        text,
        at: 0,
        dialect,
    }
}

pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let rest = after(self.text, self.at);
        if rest.is_empty() {
            return None;
        }
        let (kind, length) = measure(rest, self.dialect).unwrap_or((Kind::Broken, rest.len()));
        let start = self.at;
        self.at += length;
        Some(Token {
            kind,
            start,
            end: self.at,
        })
    }
}

/// Length of the constant that starts at `at`, as `pg_stat_statements` takes it: one token,
/// whatever it is; after a minus sign also the next one, with all that lies between. `None` when
/// there is no such token, or it has no end.
pub(crate) fn constant_length(text: &[u8], at: usize, dialect: Dialect) -> Option<usize> {
    let negative = text.get(at) == Some(&b'-');
    let mut end = end_of_token(text, at, dialect)?;
    if negative {
        end = end_of_token(text, end, dialect)?;
    }
    Some(end - at)
}

/// Where the first token at or after `at` ends, spaces and comments skipped.
fn end_of_token(text: &[u8], at: usize, dialect: Dialect) -> Option<usize> {
    let mut end = at;
    loop {
        let (kind, length) = measure(text.get(end..)?, dialect)?;
        end += length;
        if !matches!(kind, Kind::Space | Kind::Comment) {
            return Some(end);
        }
    }
}

/// White space to the scanner; the vertical tab only since 16, before it is an error anywhere.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 128
}

/// Whether `byte` can stand in a name after its first character.
pub(crate) fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_operator(byte: u8) -> bool {
    is_operator_beyond_sql(byte) || matches!(byte, b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=')
}

/// Of the characters of operators, those that no operator of the SQL standard has.
fn is_operator_beyond_sql(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%'
    )
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn after(text: &[u8], at: usize) -> &[u8] {
    text.get(at..).unwrap_or_default()
}

/// How many bytes from `at` on are `wanted`.
fn run(text: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = after(text, at);
    (rest.iter())
        .position(|&byte| !wanted(byte))
        .unwrap_or(rest.len())
}

/// Kind and length of the token that starts `text`.
fn measure(text: &[u8], dialect: Dialect) -> Option<(Kind, usize)> {
    let standard = dialect.standard_conforming_strings;
    let plain = if standard {
        Quoting::Plain
    } else {
        Quoting::Escapes
    };
    let string = |length: Option<usize>| Some((Kind::String, length?));
    match text {
        [b'\'', ..] => string(quoted(text, 1, plain)),
        // The server reads N and the string as two tokens, and locates the constant at the string;
        // as one token nothing of it can be taken for a name.
        [b'n' | b'N', b'\'', ..] => string(quoted(text, 2, plain)),
        [b'e' | b'E', b'\'', ..] => string(quoted(text, 2, Quoting::Escapes)),
        [b'b' | b'B' | b'x' | b'X', b'\'', ..] => string(quoted(text, 2, Quoting::Bits)),
        [b'u' | b'U', b'&', b'\'', ..] if standard => string(quoted(text, 3, Quoting::Plain)),
        [b'u' | b'U', b'&', b'\'', ..] => None,
        [b'u' | b'U', b'&', b'"', ..] => Some((Kind::Word, quoted_name(text, 3)?)),
        [b'"', ..] => Some((Kind::Word, quoted_name(text, 1)?)),
        [b'$', b'0'..=b'9', ..] => Some((Kind::Parameter, parameter(text)?)),
        [b'$', ..] => string(dollar_quoted(text)),
        [b'.', b'.', ..] => Some((Kind::Operator, 2)),
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => Some((Kind::Number, number(text)?)),
        [b'-', b'-', ..] => Some((Kind::Comment, run(text, 0, |byte| !is_newline(byte)))),
        [b'/', b'*', ..] => Some((Kind::Comment, block_comment(text)?)),
        [b',' | b'(' | b')' | b'[' | b']' | b'.' | b';' | b':', ..] => Some((Kind::Operator, 1)),
        [byte, ..] if is_word_start(*byte) => Some((Kind::Word, run(text, 0, is_word))),
        [byte, ..] if is_space(*byte) => Some((Kind::Space, run(text, 0, is_space))),
        [byte, ..] if is_operator(*byte) => Some((Kind::Operator, operator(text))),
        _ => None,
    }
}

/// What ends a string between single quotes.
#[derive(Clone, Copy, PartialEq)]
enum Quoting {
    /// A quote, unless another follows it.
    Plain,
    /// The same, but a backslash takes the next character along.
    Escapes,
    /// Any quote.
    Bits,
}

/// Length of a string whose opening quote is the last of its first `open` bytes.
fn quoted(text: &[u8], open: usize, quoting: Quoting) -> Option<usize> {
    let ends = |byte: &u8| *byte == b'\'' || (*byte == b'\\' && quoting == Quoting::Escapes);
    let mut at = open;
    loop {
        at += text.get(at..)?.iter().position(ends)?;
        if text.get(at) == Some(&b'\\') {
            at += 2;
            continue;
        }
        at += 1;
        if quoting != Quoting::Bits && text.get(at) == Some(&b'\'') {
            at += 1;
            continue;
        }
        match continuation(after(text, at)) {
            Some(length) => at += length,
            None => return Some(at),
        }
    }
}

/// A string goes on where only spaces and `--` comments, with a line break among them, separate it
/// from the next quote: the length up to and including that quote.
fn continuation(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut line_broken = false;
    loop {
        match after(text, at) {
            [b'\'', ..] if line_broken => return Some(at + 1),
            [b'-', b'-', ..] => at += run(text, at, |byte| !is_newline(byte)),
            [byte, ..] if is_space(*byte) => {
                line_broken |= is_newline(*byte);
                at += 1;
            }
            _ => return None,
        }
    }
}

/// Length of a name in double quotes, which end it unless doubled.
fn quoted_name(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open;
    loop {
        at += text.get(at..)?.iter().position(|&byte| byte == b'"')? + 1;
        if text.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

fn dollar_quoted(text: &[u8]) -> Option<usize> {
    let tag = match text.get(1) {
        Some(&byte) if is_word_start(byte) => run(text, 1, |byte| byte != b'$' && is_word(byte)),
        _ => 0,
    };
    let open = tag + 2;
    let delimiter = text.get(..open).filter(|found| found.ends_with(b"$"))?;
    let mut at = open;
    loop {
        at += text.get(at..)?.iter().position(|&byte| byte == b'$')?;
        if after(text, at).starts_with(delimiter) {
            return Some(at + open);
        }
        at += 1;
    }
}

/// Block comments nest.
fn block_comment(text: &[u8]) -> Option<usize> {
    let mut depth = 1_usize;
    let mut at = 2;
    while depth > 0 {
        at += (text.get(at..)?.iter()).position(|&byte| byte == b'/' || byte == b'*')?;
        match after(text, at) {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    Some(at)
}

/// A letter straight after a number or parameter is an error to the server.
fn unless_junk_follows(text: &[u8], length: usize) -> Option<usize> {
    let junk = (text.get(length)).is_some_and(|&byte| is_word_start(byte));
    (!junk).then_some(length)
}

fn parameter(text: &[u8]) -> Option<usize> {
    let digits = run(text, 1, |byte| byte.is_ascii_digit());
    unless_junk_follows(text, digits + 1)
}

fn number(text: &[u8]) -> Option<usize> {
    let based = match text {
        [b'0', b'x' | b'X', ..] => digits(text, 2, true, |byte| byte.is_ascii_hexdigit()),
        [b'0', b'o' | b'O', ..] => digits(text, 2, true, |byte| matches!(byte, b'0'..=b'7')),
        [b'0', b'b' | b'B', ..] => digits(text, 2, true, |byte| matches!(byte, b'0' | b'1')),
        _ => 0,
    };
    if based > 0 {
        let whole = !text.get(2 + based).is_some_and(|&byte| is_word(byte));
        return whole.then_some(2 + based);
    }
    let mut end = decimals(text, 0);
    // `1..10` is a range between two whole numbers.
    if text.get(end) == Some(&b'.') && (end == 0 || text.get(end + 1) != Some(&b'.')) {
        end += 1 + decimals(text, end + 1);
    }
    end += exponent(after(text, end));
    unless_junk_follows(text, end)
}

fn decimals(text: &[u8], at: usize) -> usize {
    digits(text, at, false, |byte| byte.is_ascii_digit())
}

/// Length of the digits at `at`, single underscores between them included; before the first of
/// them only if `leading`.
fn digits(text: &[u8], at: usize, leading: bool, digit: impl Fn(u8) -> bool) -> usize {
    let mut length = 0;
    loop {
        length += match after(text, at + length) {
            [first, ..] if digit(*first) => 1,
            [b'_', next, ..] if (leading || length > 0) && digit(*next) => 2,
            _ => return length,
        }
    }
}

fn exponent(text: &[u8]) -> usize {
    let sign = match text {
        [b'e' | b'E', b'+' | b'-', ..] => 1,
        [b'e' | b'E', ..] => 0,
        _ => return 0,
    };
    match decimals(text, 1 + sign) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// An operator ends before a comment, and with `+` or `-` only if it also has a character that
/// no operator of the SQL standard has: so `=-1` is a comparison with -1.
fn operator(text: &[u8]) -> usize {
    let run = text.get(..run(text, 0, is_operator)).unwrap_or_default();
    let comment = (run.windows(2)).position(|pair| pair == b"--" || pair == b"/*");
    let run = run.get(..comment.unwrap_or(run.len())).unwrap_or_default();
    if run.iter().any(|&byte| is_operator_beyond_sql(byte)) {
        return run.len();
    }
    (run.iter())
        .rposition(|byte| !matches!(byte, b'+' | b'-'))
        .map_or(1, |last| last + 1)
}

#[cfg(test)]
mod tests;
