//! Host and port, as `bootstrap.servers` lists them.

use std::fmt;

/// Where something listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads `host:port`, `[ipv6]:port`, or the same after a listener name and `://`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        (!host.is_empty() && host.chars().all(legal)).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_that_kafka_reads_and_writes_them_back() {
        for (text, written) in [
            ("b-1.example:9092", "b-1.example:9092"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:9092", "[::1]:9092"),
            ("SASL_SSL://b_1:65535", "b_1:65535"),
        ] {
            assert_eq!(Address::parse(text).expect(text).to_string(), written);
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "b-1",
            "b-1:",
            ":9092",
            "b-1:0",
            "b-1:70000",
            "::1:9092",
            "a b:1",
            "[::1:9",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
