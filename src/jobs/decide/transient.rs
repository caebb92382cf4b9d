//! Which failures can pass by themselves.

/// The server's words for a cancelled statement; the SQLSTATE is the same for a timeout.
const QUERY_CANCELED: &str = "57014";

/// SQLSTATEs after which another attempt may succeed, beside whole classes.
const CODES: [&str; 13] = [
    "40001", // serialization failure
    "40P01", // deadlock detected
    "55P03", // lock not available, lock_timeout
    "55006", // object in use
    "57P01", // admin shutdown
    "57P02", // crash shutdown
    "57P03", // cannot connect now
    "57P05", // idle session timeout
    "58030", // I/O error
    "58000", // system error
    "25P03", // idle-in-transaction timeout
    "25P04", // transaction timeout
    "72000", // snapshot too old
];

/// Out of memory, disk, connections or locks; connection failures to other servers.
const CLASSES: [&str; 2] = ["53", "08"];

/// Whether a failure can pass. `timed_out` tells that the run took as long as its
/// `statement_timeout`, for servers that word their messages in another language.
pub(crate) fn can_pass(sqlstate: &str, message: &str, timed_out: bool) -> bool {
    if sqlstate == QUERY_CANCELED {
        return !is_users_cancel(sqlstate, message, timed_out);
    }
    CODES.contains(&sqlstate) || CLASSES.iter().any(|class| sqlstate.starts_with(class))
}

/// Whether somebody cancelled the run, which is meant and says nothing about the job.
pub(crate) fn is_users_cancel(sqlstate: &str, message: &str, timed_out: bool) -> bool {
    sqlstate == QUERY_CANCELED
        && (message.contains("user request") || !(message.contains("timeout") || timed_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_can_pass_and_a_cancel_is_meant() {
        let timeout = "canceling statement due to statement timeout";
        let cancel = "canceling statement due to user request";
        assert!(can_pass("57014", timeout, false));
        assert!(!can_pass("57014", cancel, true));
        assert!(is_users_cancel("57014", cancel, true));
        // Another language: told by how long it took.
        let other = "storniere Anfrage";
        assert!(can_pass("57014", other, true));
        assert!(is_users_cancel("57014", other, false));
        assert!(!is_users_cancel("40001", "user request", false));
    }

    #[test]
    fn what_can_pass_is_retried_and_what_cannot_is_not() {
        for code in [
            "40001", "40P01", "55P03", "53100", "53200", "53300", "57P01", "08006",
        ] {
            assert!(can_pass(code, "", false), "{code}");
        }
        for code in [
            "42P01", "23505", "22012", "42501", "28000", "P0001", "XX000",
        ] {
            assert!(!can_pass(code, "", false), "{code}");
        }
    }
}
