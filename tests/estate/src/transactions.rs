//! Records in transactions.
//!
//! The offsets must be the same every time, so every step waits until the one before is in the log:
//! records until they are acknowledged, the end of a transaction until its marker is written (the
//! coordinator answers before that, KIP-98).

use crate::content::{Age, Content, Filler, Headers, Keys, Maker};
use crate::error::EstateError;
use crate::options::EstateOptions;
use crate::report::Trait;
use crate::writer::{Writer, Writers};
use ferry_kafka::Client;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_model::name::{TopicName, TopicPartition};
use rdkafka::producer::Producer as _;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// One for each [`Story`].
pub(crate) const PARTITIONS: i32 = STORIES.len() as i32;

/// How many rounds of transactions each partition gets.
const ROUNDS: u32 = 6;

/// How long a request to the coordinator may take.
const COORDINATOR_LIMIT: Duration = Duration::from_secs(30);

/// How long a marker may take.
const MARKER_LIMIT: Duration = Duration::from_secs(30);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(2);

/// What happens in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// Every transaction is committed.
    Committed,
    /// Three producers write at the same time; some of their transactions are aborted.
    Interleaved,
    /// Every transaction is aborted.
    Aborted,
}

const STORIES: [Story; 3] = [Story::Committed, Story::Interleaved, Story::Aborted];

impl Story {
    fn traits(self) -> Vec<Trait> {
        match self {
            Self::Committed => vec![Trait::Committed],
            Self::Interleaved => vec![Trait::Committed, Trait::Aborted, Trait::Interleaved],
            Self::Aborted => vec![Trait::Aborted],
        }
    }
}

/// What transactions left in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionWritten {
    pub(crate) records: i64,
    pub(crate) aborted: i64,
    pub(crate) markers: i64,
    pub(crate) bytes: u64,
    pub(crate) traits: Vec<Trait>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Commit,
    Abort,
}

/// Writes them, each partition on a thread of its own. Blocks; `runtime` is where `client` lives.
pub(crate) fn write(
    topic: &TopicName,
    records: u32,
    options: &EstateOptions,
    writers: &Writers,
    (client, runtime): (&Client, &Handle),
) -> Result<Vec<PartitionWritten>, EstateError> {
    let tell = |(partition, story): (i32, Story)| {
        let mut ledger = Ledger {
            partition: TopicPartition::new(topic.clone(), partition),
            client,
            runtime,
            maker: maker(topic, partition, records, options),
            written: PartitionWritten {
                records: 0,
                aborted: 0,
                markers: 0,
                bytes: 0,
                traits: story.traits(),
            },
        };
        ledger.tell(story, records, writers)?;
        Ok(ledger.written)
    };
    std::thread::scope(|scope| {
        let stories = (0..).zip(STORIES);
        let threads: Vec<_> = stories
            .map(|story| scope.spawn(move || tell(story)))
            .collect();
        let ended = |part: std::thread::Result<_>| part.unwrap_or(Err(EstateError::Ended));
        threads
            .into_iter()
            .map(|thread| ended(thread.join()))
            .collect()
    })
}

fn maker(topic: &TopicName, partition: i32, records: u32, options: &EstateOptions) -> Maker {
    let filler = Filler::new(options.seed);
    let content = Content {
        keys: Keys::Unique,
        headers: Headers::None,
        value_bytes: (120, 240),
        null_every: 0,
    };
    let age = Age {
        from_hours: 50 * 24,
        to_hours: 0,
    };
    let (seed, of) = ((options.seed, &filler), (topic.as_str(), partition));
    Maker::new(seed, of, content, age, records * ROUNDS * 3, options.now_ms)
}

/// One partition while it is written.
struct Ledger<'a> {
    partition: TopicPartition,
    client: &'a Client,
    runtime: &'a Handle,
    maker: Maker,
    written: PartitionWritten,
}

impl Ledger<'_> {
    fn tell(&mut self, story: Story, records: u32, writers: &Writers) -> Result<(), EstateError> {
        match story {
            Story::Committed => self.alone(writers, records, Outcome::Commit),
            Story::Aborted => self.alone(writers, records, Outcome::Abort),
            Story::Interleaved => self.interleaved(writers, records / 2),
        }
    }

    /// One producer, one transaction after the other.
    fn alone(
        &mut self,
        writers: &Writers,
        records: u32,
        outcome: Outcome,
    ) -> Result<(), EstateError> {
        let writer = self.producer(writers, "one")?;
        for _ in 0..ROUNDS {
            self.begin(&writer)?;
            self.send(&writer, records)?;
            self.end(&writer, records, outcome)?;
        }
        Ok(())
    }

    /// A transaction of each of three, with their records in turn, and their ends in another order.
    fn interleaved(&mut self, writers: &Writers, records: u32) -> Result<(), EstateError> {
        let producer = |name| self.producer(writers, name);
        let three = [producer("one")?, producer("two")?, producer("three")?];
        for round in 0..ROUNDS {
            for writer in &three {
                self.begin(writer)?;
            }
            for _ in 0..2 {
                for writer in &three {
                    self.send(writer, records)?;
                }
            }
            let changing = if round.is_multiple_of(2) {
                Outcome::Commit
            } else {
                Outcome::Abort
            };
            self.end(&three[1], 2 * records, Outcome::Abort)?;
            self.end(&three[0], 2 * records, changing)?;
            self.end(&three[2], 2 * records, Outcome::Commit)?;
        }
        Ok(())
    }

    fn producer(&self, writers: &Writers, name: &str) -> Result<Writer, EstateError> {
        let writer = writers.transactional(&format!("{}-{name}", self.partition))?;
        let begun = writer.producer().init_transactions(COORDINATOR_LIMIT);
        begun.map_err(|source| self.failed("begin", source))?;
        Ok(writer)
    }

    fn begin(&self, writer: &Writer) -> Result<(), EstateError> {
        let begun = writer.producer().begin_transaction();
        begun.map_err(|source| self.failed("begin", source))
    }

    fn send(&mut self, writer: &Writer, records: u32) -> Result<(), EstateError> {
        for _ in 0..records {
            let made = self.maker.next();
            let topic = self.partition.topic.as_str();
            writer.send(topic, self.partition.partition, &made)?;
            self.written.records += 1;
            self.written.bytes += made.bytes();
        }
        writer.flush(self.partition.topic.as_str())
    }

    fn end(&mut self, writer: &Writer, records: u32, outcome: Outcome) -> Result<(), EstateError> {
        let producer = writer.producer();
        let (ended, what) = match outcome {
            Outcome::Commit => (producer.commit_transaction(COORDINATOR_LIMIT), "commit"),
            Outcome::Abort => (producer.abort_transaction(COORDINATOR_LIMIT), "abort"),
        };
        ended.map_err(|source| self.failed(what, source))?;
        self.written.markers += 1;
        if outcome == Outcome::Abort {
            self.written.aborted += i64::from(records);
        }
        self.await_end(self.written.records + self.written.markers)
    }

    /// Waits until the log ends at `expected`.
    fn await_end(&self, expected: i64) -> Result<(), EstateError> {
        let started = Instant::now();
        loop {
            let admin = self.client.admin();
            let asked =
                admin.list_offsets(std::slice::from_ref(&self.partition), OffsetSpec::Latest);
            let ends = self.runtime.block_on(asked);
            let end = ends.into_values().next().and_then(Result::ok);
            let end = end.and_then(|end| end.offset).unwrap_or(-1);
            if end == expected {
                return Ok(());
            }
            if end > expected || started.elapsed() > MARKER_LIMIT {
                return Err(EstateError::Unexpected {
                    what: format!("the high watermark of {}", self.partition),
                    expected,
                    found: end,
                });
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn failed(&self, what: &'static str, source: rdkafka::error::KafkaError) -> EstateError {
        EstateError::Transaction {
            topic: self.partition.topic.to_string(),
            what,
            source,
        }
    }
}
