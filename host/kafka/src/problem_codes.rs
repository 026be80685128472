//! The numbers of this crate's problems: `FERRY-E100` to `FERRY-E199`. Each has a page in
//! `docs/errors`; a number is never used for anything else again.

macro_rules! codes {
    ($($name:ident = $code:literal, $doc:literal;)+) => {
        $(#[doc = $doc] pub const $name: u16 = $code;)+

        /// Every code with one line about it.
        pub const ALL: &[(u16, &str)] = &[$(($code, $doc),)+];
    };
}

codes! {
    DOES_NOT_RESOLVE = 101, "The name of a broker does not resolve.";
    NOTHING_LISTENS = 102, "Nothing listens at the address.";
    UNREACHABLE = 103, "The address does not answer.";
    PLAIN_TEXT_LISTENER = 104, "TLS was spoken to a listener that speaks plain text.";
    TLS_LISTENER = 105, "Plain text was spoken to a listener that speaks TLS.";
    SASL_EXPECTED = 106, "The listener expects SASL.";
    PASSWORD_REFUSED = 107, "The password was refused.";
    MECHANISM_NOT_ENABLED = 108, "The listener does not offer the SASL mechanism.";
    SASL_NOT_EXPECTED = 109, "SASL was spoken to a listener without it.";
    UNKNOWN_AUTHORITY = 110, "The broker's certificate comes from an unknown authority.";
    HOST_NAME_MISMATCH = 111, "The broker's certificate is for another host name.";
    CERTIFICATE_NOT_VALID_NOW = 112, "The broker's certificate is expired or not valid yet.";
    CLIENT_CERTIFICATE_REFUSED = 113, "The broker demands a client certificate, or refuses the one it got.";
    TLS_FAILED = 114, "TLS failed for another reason.";
    NOT_KAFKA = 115, "What answers there does not speak Kafka's protocol.";
    CLOSED_WHILE_CONNECTING = 116, "The broker closed the connection while it was being made.";
    VERSIONS_REFUSED = 117, "The broker and Ferry have no version of an API in common.";
    BROKER_NOT_PROVEN = 118, "The broker could not prove that it knows the password.";
    NOT_AUTHORIZED = 120, "The principal lacks a right.";
    DISCONNECTED = 121, "The connection ended before the answer.";
    TIMED_OUT = 122, "The broker did not answer in time.";
    ANSWERED = 123, "The broker answered with an error code.";
    UNSUPPORTED = 124, "The broker does not speak what is needed.";
    NO_LEADER = 125, "A partition has no leader.";
    NO_COORDINATOR = 126, "A group or transactional id has no coordinator.";
    TOO_MANY_IN_FLIGHT = 127, "Too many requests wait for their answers.";
    NOT_ENCODED = 128, "A request can't be expressed.";
    NOT_UNDERSTOOD = 129, "An answer can't be understood.";
    NO_AUTHORIZER = 130, "The brokers run without an authorizer.";
    NO_BROKER = 131, "The cluster has no such broker.";
    NO_PARTITION = 132, "There is no such topic or partition.";
    UNKNOWN_SETTING = 150, "A client setting is not known.";
    SETTING_VALUE = 151, "The value of a client setting is not possible.";
    SETTING_MISSING = 152, "A client setting is missing.";
    JAAS = 153, "sasl.jaas.config can't be read.";
    STORE_UNREADABLE = 154, "A key store or trust store can't be read.";
    STORE_PASSWORD = 155, "The password does not open a key store, trust store or key.";
    NO_SYSTEM_ROOTS = 156, "The system has no root certificates.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_code_has_a_page_that_says_what_it_means_why_and_what_to_do() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        for (code, line) in ALL {
            let page = folder.join(format!("FERRY-E{code}.md"));
            let text = std::fs::read_to_string(&page).unwrap_or_default();
            for part in [
                "# FERRY-E",
                "## What it means",
                "## Causes",
                "## What to do",
            ] {
                assert!(
                    text.contains(part),
                    "{} ({line}) lacks `{part}`",
                    page.display()
                );
            }
        }
    }

    #[test]
    fn no_code_is_used_twice() {
        let mut numbers: Vec<u16> = ALL.iter().map(|(code, _)| *code).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), ALL.len());
        assert!(numbers.iter().all(|code| (100..200).contains(code)));
        assert!(numbers.is_sorted());
    }
}
