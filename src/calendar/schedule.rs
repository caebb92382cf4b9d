//! A schedule: cron text, an interval from an anchor, or the start of the server.

use super::cron::Cron;
use super::every::Every;
use super::zone::Zone;

/// When something is due.
#[derive(Debug, Clone)]
pub(crate) enum Schedule {
    /// At the times of a cron text.
    Cron(Box<Cron>),
    /// Every so often.
    Every(Every),
    /// Once after each start of the server.
    Boot,
}

/// What the text of a schedule is.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    /// A schedule.
    Schedule(Schedule),
    /// No cron text; perhaps an interval, which the server reads.
    Other,
}

/// A schedule with what it needs to be computed.
pub(crate) struct Clock<'a> {
    pub(crate) schedule: &'a Schedule,
    /// The moment that intervals are counted from, and before which nothing is due.
    pub(crate) anchor: i64,
    pub(crate) zone: &'a dyn Zone,
}

const NAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl Schedule {
    /// Reads a schedule's text; what is wrong with it otherwise.
    pub(crate) fn parse(text: &str) -> Result<Text, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("@reboot") {
            return Ok(Text::Schedule(Self::Boot));
        }
        // The server writes intervals so, too: `@ 5 minutes`.
        if (text.strip_prefix('@')).is_some_and(|name| name.starts_with(char::is_alphabetic)) {
            let known = NAMES
                .iter()
                .find(|(name, _)| text.eq_ignore_ascii_case(name));
            let (_, cron) = known.ok_or("There is no such name.")?;
            return Self::cron(cron);
        }
        if looks_like_cron(text) {
            return Self::cron(text);
        }
        Ok(Text::Other)
    }

    fn cron(text: &str) -> Result<Text, String> {
        Cron::parse(text).map(|cron| Text::Schedule(Self::Cron(Box::new(cron))))
    }
}

/// Five or six fields of which the first is one of cron's. An interval may have as many words,
/// but names units: `1 hour 5 minutes 10 seconds`.
fn looks_like_cron(text: &str) -> bool {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let plain =
        |field: &&str| (field.bytes()).all(|byte| byte.is_ascii_digit() || b"*/,-".contains(&byte));
    fields.len() >= 5 && fields.iter().take(2).all(plain)
        || fields.first().is_some_and(|first| first.starts_with('*'))
}

impl Clock<'_> {
    /// The first moment after `after` at which it is due; never for what is due when the server
    /// starts.
    pub(crate) fn next(&self, after: i64) -> Option<i64> {
        match self.schedule {
            Schedule::Cron(cron) => cron.next(after.max(self.anchor.saturating_sub(1)), self.zone),
            Schedule::Every(every) => every.next(after, self.anchor, self.zone),
            Schedule::Boot => None,
        }
    }

    /// How many times it is due after `after` up to and with `until`, as far as `most`.
    pub(crate) fn count(&self, after: i64, until: i64, most: u32) -> u32 {
        let mut at = after;
        let mut count = 0;
        while count < most {
            match self.next(at) {
                Some(next) if next <= until => at = next,
                _ => break,
            }
            count += 1;
        }
        count
    }
}
