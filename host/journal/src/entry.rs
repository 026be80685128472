//! One line of the journal: an event with its place in the chain.

use crate::event::Event;
use ferry_model::canonical;
use ferry_model::digest::Digest;
use serde::{Deserialize, Serialize};

/// What the first entry has for the hash of the entry before it: the digest of this text, which
/// names the format.
pub const GENESIS: &str = "ferry-journal/1";

/// The longest line that is written or read, its end included.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// An event with its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counts from 1, without gaps; equals the line's number.
    pub sequence: u64,
    /// When it was written by the writer's clock, in milliseconds since 1970. Clocks are set back
    /// at times: order is told by `sequence`, never by this.
    pub time_ms: i64,
    /// The hash of the entry before it; of [`GENESIS`] for the first.
    pub previous: Digest,
    /// What happened.
    pub event: Event,
}

/// Why a line is not the entry that it should be.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// The line has another form.
    #[error("it is not an entry and its hash")]
    Frame,
    /// The hash of the line is not the hash of its entry.
    #[error("its hash does not match its content")]
    Hash,
    /// The entry has another predecessor than the one before it in the file.
    #[error("it does not continue the entry before it")]
    Chain,
    /// The entry's number is not the line's number.
    #[error("it has number {found}, not {expected}")]
    Sequence {
        /// The line's number.
        expected: u64,
        /// The entry's number.
        found: u64,
    },
    /// The hash is right, but the event is not one that this version knows.
    #[error("its event is not known to this version of ferry")]
    Unknown(#[source] serde_json::Error),
    /// The line is longer than any that is written.
    #[error("it is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
}

const HEAD: &[u8] = b"{\"entry\":";
const MIDDLE: &[u8] = b",\"hash\":\"";
const FOOT: &[u8] = b"\"}";
const DIGEST_BYTES: usize = "sha256:".len() + 64;

impl Entry {
    /// The line of the entry, with its line end, and the hash that stands in it.
    ///
    /// # Errors
    /// [`canonical::NotJson`] where a value in the event has no JSON form.
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, Digest), canonical::NotJson> {
        let text = canonical::to_string(self)?;
        let hash = Digest::of(text.as_bytes());
        let mut line = Vec::with_capacity(text.len() + 100);
        line.extend_from_slice(HEAD);
        line.extend_from_slice(text.as_bytes());
        line.extend_from_slice(MIDDLE);
        line.extend_from_slice(hash.to_string().as_bytes());
        line.extend_from_slice(FOOT);
        line.push(b'\n');
        Ok((line, hash))
    }

    /// Reads a line without its line end, where entry `sequence` is expected after the entry with
    /// hash `previous`. Every byte of the line is checked: the frame is fixed, the hash covers the
    /// rest. The hash is taken over the bytes as they stand, so that no way of writing numbers
    /// matters.
    pub(crate) fn decode(
        line: &[u8],
        sequence: u64,
        previous: &Digest,
    ) -> Result<(Self, Digest), EntryFault> {
        let (text, hash) = unframe(line).ok_or(EntryFault::Frame)?;
        if Digest::of(text) != hash {
            return Err(EntryFault::Hash);
        }
        let entry: Self = serde_json::from_slice(text).map_err(EntryFault::Unknown)?;
        if entry.sequence != sequence {
            return Err(EntryFault::Sequence {
                expected: sequence,
                found: entry.sequence,
            });
        }
        if entry.previous != *previous {
            return Err(EntryFault::Chain);
        }
        Ok((entry, hash))
    }
}

/// The bytes of the entry and the hash behind them.
fn unframe(line: &[u8]) -> Option<(&[u8], Digest)> {
    let rest = line.strip_prefix(HEAD)?.strip_suffix(FOOT)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(DIGEST_BYTES)?)?;
    let hash = std::str::from_utf8(hash).ok()?.parse().ok()?;
    Some((rest.strip_suffix(MIDDLE)?, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            sequence: 1,
            time_ms: 1_700_000_000_000,
            previous: Digest::of(GENESIS.as_bytes()),
            event: Event::FactRecorded {
                step: None,
                scope: crate::event::FactScope::Migration,
                key: "rate".parse().expect("legal"),
                value: serde_json::json!({"b": 0.1, "a": 2.2250738585072014e-308}),
            },
        }
    }

    #[test]
    fn a_line_is_its_entry_in_canonical_json_and_the_hash_of_it() {
        let (line, hash) = entry().encode().expect("JSON");
        let text = std::str::from_utf8(&line).expect("UTF-8");
        assert!(text.starts_with(
            r#"{"entry":{"event":{"key":"rate","scope":"migration","type":"fact-recorded","value":{"a":"#
        ));
        assert!(text.ends_with(&format!(",\"hash\":\"{hash}\"}}\n")));
    }

    #[test]
    fn a_line_reads_back_and_every_flipped_bit_in_it_is_found() {
        let (line, hash) = entry().encode().expect("JSON");
        let line = &line[..line.len() - 1];
        let genesis = Digest::of(GENESIS.as_bytes());
        let (read, read_hash) = Entry::decode(line, 1, &genesis).expect("whole");
        assert_eq!((read, read_hash), (entry(), hash));
        for position in 0..line.len() {
            for bit in 0..8 {
                let mut flipped = line.to_vec();
                flipped[position] ^= 1 << bit;
                let fault = Entry::decode(&flipped, 1, &genesis).expect_err("flipped");
                assert!(matches!(fault, EntryFault::Frame | EntryFault::Hash));
            }
        }
    }

    #[test]
    fn an_entry_out_of_its_place_is_refused() {
        let (line, _) = entry().encode().expect("JSON");
        let line = &line[..line.len() - 1];
        assert!(matches!(
            Entry::decode(line, 2, &Digest::of(GENESIS.as_bytes())),
            Err(EntryFault::Sequence {
                expected: 2,
                found: 1
            })
        ));
        assert!(matches!(
            Entry::decode(line, 1, &Digest::of(b"another")),
            Err(EntryFault::Chain)
        ));
    }

    #[test]
    fn an_event_of_a_newer_version_is_named_as_such() {
        let text = format!(
            r#"{{"event":{{"type":"teleported"}},"previous":"{}","sequence":1,"time_ms":0}}"#,
            Digest::of(GENESIS.as_bytes())
        );
        let hash = Digest::of(text.as_bytes());
        let line = format!("{{\"entry\":{text},\"hash\":\"{hash}\"}}");
        assert!(matches!(
            Entry::decode(line.as_bytes(), 1, &Digest::of(GENESIS.as_bytes())),
            Err(EntryFault::Unknown(_))
        ));
    }
}
