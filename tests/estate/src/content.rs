//! What records hold.

use crate::random::Random;
use rdkafka::message::{Header, OwnedHeaders};
use std::io::Write as _;
use std::sync::Arc;

/// Bytes of text that values are cut from.
const FILLER_BYTES: usize = 1 << 20;

/// One text of 64 letters, so that a random byte gives a letter by its last six bits.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What keys are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Every record its own.
    Unique,
    /// So many in turn, with some that occur once in between: compaction leaves the last round and
    /// those.
    Rounds(u32),
    /// None, empty and text in turn.
    Odd,
    /// None.
    Null,
}

/// What headers are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Headers {
    /// None.
    None,
    /// The trace that a framework adds.
    Trace,
    /// Null values, empty values, keys that repeat.
    Odd,
}

/// What the records of a topic are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) keys: Keys,
    pub(crate) headers: Headers,
    /// The least and the greatest size of a value, in bytes.
    pub(crate) value_bytes: (usize, usize),
    /// One of so many values is null; 0 for none.
    pub(crate) null_every: u32,
}

/// When records are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age {
    /// The age of the first record, in hours.
    pub(crate) from_hours: i64,
    /// The age of the last, in hours.
    pub(crate) to_hours: i64,
}

/// The text that all values of an estate are cut from.
#[derive(Debug, Clone)]
pub(crate) struct Filler(Arc<[u8]>);

impl Filler {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, "filler", 0);
        let mut text = Vec::with_capacity(FILLER_BYTES);
        while text.len() < FILLER_BYTES {
            let bytes = random.next().to_le_bytes();
            text.extend(bytes.map(|byte| LETTERS[usize::from(byte & 63)]));
        }
        Self(text.into())
    }
}

/// Makes the records of one partition, one after the other.
pub(crate) struct Maker {
    content: Content,
    age: Age,
    now_ms: i64,
    count: u32,
    partition: i32,
    random: Random,
    filler: Filler,
    next: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// One record, borrowed from its maker.
pub(crate) struct Made<'a> {
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: Option<OwnedHeaders>,
}

impl Made<'_> {
    /// Bytes of key and value.
    pub(crate) fn bytes(&self) -> u64 {
        (self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)) as u64
    }
}

impl Maker {
    pub(crate) fn new(
        (seed, filler): (u64, &Filler),
        (topic, partition): (&str, i32),
        content: Content,
        age: Age,
        count: u32,
        now_ms: i64,
    ) -> Self {
        Self {
            content,
            age,
            now_ms,
            count,
            partition,
            random: Random::new(seed, topic, partition as u64),
            filler: filler.clone(),
            next: 0,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The next record; any number of them may be asked for.
    pub(crate) fn next(&mut self) -> Made<'_> {
        let number = self.next;
        self.next += 1;
        let timestamp_ms = self.timestamp_ms(number);
        let has_key = self.make_key(number);
        let null = self.content.null_every > 0
            && number % self.content.null_every == self.content.null_every / 2;
        if !null {
            self.make_value(number, timestamp_ms);
        }
        Made {
            timestamp_ms,
            key: has_key.then_some(self.key.as_slice()),
            value: (!null).then_some(self.value.as_slice()),
            headers: headers(self.content.headers, number),
        }
    }

    /// Evenly from the first age to the last.
    fn timestamp_ms(&self, number: u32) -> i64 {
        let hour = 3_600_000;
        let span = (self.age.from_hours - self.age.to_hours) * hour;
        let passed = span * i64::from(number.min(self.count)) / i64::from(self.count.max(1));
        self.now_ms - self.age.from_hours * hour + passed
    }

    /// Whether there is a key.
    fn make_key(&mut self, number: u32) -> bool {
        self.key.clear();
        let partition = self.partition;
        // Writing to memory does not fail.
        let _ = match self.content.keys {
            Keys::Null => return false,
            Keys::Unique => write!(self.key, "{:016x}", self.random.next()),
            Keys::Rounds(keys) if number > keys && number % 17 == 3 => {
                write!(self.key, "once-{partition}-{number}")
            }
            Keys::Rounds(keys) => write!(self.key, "{partition}-{:06}", number % keys.max(1)),
            Keys::Odd => match number % 3 {
                0 => return false,
                1 => Ok(()),
                _ => write!(self.key, "key {number} with a \u{e4} and a \0"),
            },
        };
        true
    }

    fn make_value(&mut self, number: u32, timestamp_ms: i64) {
        let (least, most) = self.content.value_bytes;
        let wanted = least + self.random.below((most - least + 1) as u64) as usize;
        self.value.clear();
        // Writing to memory does not fail.
        let _ = write!(
            self.value,
            r#"{{"n":{number},"p":{},"at":{timestamp_ms},"note":""#,
            self.partition
        );
        let filler = &self.filler.0;
        while self.value.len() + 2 < wanted {
            let missing = wanted - 2 - self.value.len();
            let from = self.random.below((filler.len() / 2) as u64) as usize;
            let end = (from + missing).min(filler.len());
            self.value.extend_from_slice(&filler[from..end]);
        }
        self.value.extend_from_slice(b"\"}");
    }
}

fn headers(kind: Headers, number: u32) -> Option<OwnedHeaders> {
    match kind {
        Headers::None => None,
        Headers::Trace => {
            let trace = format!("00-{number:032x}-{number:016x}-01");
            let headers = OwnedHeaders::new_with_capacity(2)
                .insert(header("traceparent", Some(&*trace)))
                .insert(header("content-type", Some("application/json")));
            Some(headers)
        }
        Headers::Odd => {
            let attempt = number.to_string();
            let headers = OwnedHeaders::new_with_capacity(4)
                .insert(header("attempt", Some(&*attempt)))
                .insert(header("attempt", Some("again")))
                .insert(header("nothing", None))
                .insert(header("empty", Some("")));
            Some(headers)
        }
    }
}

fn header<'a>(key: &'a str, value: Option<&'a str>) -> Header<'a, &'a str> {
    Header { key, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Age = Age {
        from_hours: 100,
        to_hours: 0,
    };

    fn maker(content: Content) -> Maker {
        let filler = Filler::new(7);
        Maker::new((7, &filler), ("orders", 2), content, AGE, 10, 1_000_000_000)
    }

    fn content(keys: Keys, null_every: u32) -> Content {
        Content {
            keys,
            headers: Headers::None,
            value_bytes: (80, 120),
            null_every,
        }
    }

    #[test]
    fn the_same_partition_gets_the_same_records_every_time() {
        let mut one = maker(content(Keys::Unique, 0));
        let mut two = maker(content(Keys::Unique, 0));
        for _ in 0..50 {
            let (one, two) = (one.next(), two.next());
            assert_eq!((one.key, one.value), (two.key, two.value));
            let bytes = one.value.map_or(0, <[u8]>::len);
            assert!((80..=120).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn timestamps_go_from_the_first_age_to_the_last() {
        let mut maker = maker(content(Keys::Null, 0));
        let times: Vec<i64> = (0..10).map(|_| maker.next().timestamp_ms).collect();
        assert_eq!(times[0], 1_000_000_000 - 360_000_000);
        assert_eq!(times[9], 1_000_000_000 - 36_000_000);
        assert!(times.is_sorted());
    }

    #[test]
    fn rounds_of_keys_come_again_with_some_that_do_not() {
        let mut maker = maker(content(Keys::Rounds(5), 0));
        let keys: Vec<Vec<u8>> = (0..40)
            .map(|_| maker.next().key.unwrap_or_default().to_vec())
            .collect();
        assert_eq!(keys[0], keys[5]);
        assert_eq!(keys[20], b"once-2-20");
        assert_eq!(keys.iter().filter(|key| **key == keys[20]).count(), 1);
    }

    #[test]
    fn odd_keys_are_none_empty_and_text() {
        let mut maker = maker(content(Keys::Odd, 4));
        assert!(maker.next().key.is_none());
        assert_eq!(maker.next().key, Some(&b""[..]));
        let third = maker.next();
        assert!(third.key.is_some_and(|key| key.len() > 4));
        assert!(third.value.is_none(), "the third of four is null");
    }
}
