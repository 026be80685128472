//! Topics with something special about them; they are part of every estate.

use super::{Load, OLD_HOURS, Records, TopicSpec};
use crate::content::{Age, Content, Headers, Keys};
use crate::options::EstateOptions;
use crate::report::Trait;
use crate::writer::{Batches, Codec};

/// A year, in hours.
const YEAR_HOURS: i64 = 365 * 24;

/// Five years, in milliseconds.
const FIVE_YEARS_MS: &str = "157680000000";

const PLAIN: Content = Content {
    keys: Keys::Unique,
    headers: Headers::None,
    value_bytes: (180, 260),
    null_every: 0,
};

pub(super) fn topics(options: &EstateOptions) -> Vec<TopicSpec> {
    [
        business(options),
        stored(options),
        odd(options),
        deleted(options),
    ]
    .concat()
}

/// What most of the bytes are in.
fn business(options: &EstateOptions) -> Vec<TopicSpec> {
    let records = |per_partition, codecs, batches, content, from_hours, to_hours| {
        Load::Records(Records {
            per_partition: options.scaled(per_partition, 60),
            codecs,
            batches,
            content,
            age: Age {
                from_hours,
                to_hours,
            },
            one_batch: false,
        })
    };
    let traced = Content {
        headers: Headers::Trace,
        value_bytes: (240, 420),
        ..PLAIN
    };
    let wide = Content {
        value_bytes: (700, 1_300),
        ..PLAIN
    };
    let tiny = Content {
        value_bytes: (50, 90),
        ..PLAIN
    };
    vec![
        TopicSpec::new(
            "ord.eu.created",
            "business",
            6,
            records(20_000, &[Codec::Lz4], Batches::Large, traced, YEAR_HOURS, 0),
        )
        .config("retention.ms", FIVE_YEARS_MS)
        .config("min.insync.replicas", "2")
        .with(&[Trait::LargeBatches, Trait::Old]),
        TopicSpec::new(
            "OrdersEU",
            "business",
            3,
            records(
                10_000,
                &[Codec::Zstd],
                Batches::Medium,
                traced,
                3 * YEAR_HOURS,
                60 * 24,
            ),
        )
        .config("retention.ms", "-1")
        .with(&[Trait::Old]),
        TopicSpec::new(
            "ord-us-created",
            "business",
            4,
            records(8_000, &[Codec::Gzip], Batches::Small, PLAIN, 6 * 24, 0),
        ),
        TopicSpec::new(
            "payments.captured.v2",
            "business",
            6,
            records(16_000, &[Codec::Snappy], Batches::Medium, PLAIN, 90 * 24, 0),
        )
        .config("retention.ms", "31536000000")
        .config("segment.bytes", "16777216")
        .cut(0, 750, Trait::HeadDeleted)
        .cut(3, 333, Trait::HeadDeleted),
        TopicSpec::new(
            "inventory.levels",
            "business",
            3,
            records(12_000, &[Codec::None], Batches::Large, wide, 40 * 24, 0),
        )
        .config("retention.ms", "-1")
        .config("retention.bytes", "1073741824")
        .with(&[Trait::LargeBatches]),
        TopicSpec::new(
            "clicks.raw",
            "business",
            4,
            records(3_000, &[Codec::None], Batches::Single, tiny, 5 * 24, 0),
        )
        .with(&[Trait::SingleRecordBatches]),
    ]
}

/// What is compacted, or belongs to Streams.
fn stored(options: &EstateOptions) -> Vec<TopicSpec> {
    let age = Age {
        from_hours: 45 * 24,
        to_hours: 0,
    };
    let state = |per_partition: u32, keys: u32, null_every| {
        let count = options.scaled(per_partition, 600);
        Load::Records(Records {
            per_partition: count,
            codecs: &[Codec::Lz4],
            batches: Batches::Small,
            content: Content {
                keys: Keys::Rounds(options.scaled(keys, 60).min(count / 4)),
                value_bytes: (90, 150),
                null_every,
                ..PLAIN
            },
            age,
            one_batch: false,
        })
    };
    vec![
        TopicSpec::new("pricing_table", "business", 3, state(12_000, 800, 40))
            .cleaned(age)
            .with(&[Trait::Tombstones]),
        TopicSpec::new(
            "billing-app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog",
            "Streams",
            4,
            state(10_000, 1_000, 60),
        )
        .cleaned(age)
        .config("message.timestamp.type", "CreateTime")
        .with(&[Trait::Tombstones]),
        TopicSpec::new(
            "billing-app-KSTREAM-KEY-SELECT-0000000007-repartition",
            "Streams",
            4,
            Load::Records(Records {
                per_partition: options.scaled(4_000, 100),
                codecs: &[Codec::None],
                batches: Batches::Small,
                content: PLAIN,
                age: Age {
                    from_hours: 30,
                    to_hours: 0,
                },
                one_batch: false,
            }),
        )
        .config("retention.ms", "-1")
        .config("segment.bytes", "52428800")
        .config("cleanup.policy", "delete")
        .cut(0, 980, Trait::HeadDeleted)
        .cut(1, 980, Trait::HeadDeleted)
        .cut(2, 995, Trait::HeadDeleted)
        .cut(3, 1_000, Trait::AllDeleted),
        TopicSpec::new("sessions.windowed", "business", 2, state(4_000, 300, 0))
            .config("cleanup.policy", "compact,delete")
            .config("retention.ms", "31536000000"),
    ]
}

/// What trips those who did not expect it.
fn odd(options: &EstateOptions) -> Vec<TopicSpec> {
    let records = |per_partition, least, codecs, batches, content, from_hours| {
        Load::Records(Records {
            per_partition: options.scaled(per_partition, least),
            codecs,
            batches,
            content,
            age: Age {
                from_hours,
                to_hours: 0,
            },
            one_batch: false,
        })
    };
    let odd = Content {
        keys: Keys::Odd,
        headers: Headers::Odd,
        value_bytes: (40, 200),
        null_every: 9,
    };
    let heavy = Content {
        keys: Keys::Unique,
        headers: Headers::Trace,
        value_bytes: (1_300_000, 3_200_000),
        null_every: 0,
    };
    let every_codec = &[
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];
    vec![
        TopicSpec::new(
            "audit.log",
            "business",
            2,
            records(6_000, 100, &[Codec::Snappy], Batches::Small, PLAIN, 24),
        )
        .config("message.timestamp.type", "LogAppendTime")
        .with(&[Trait::LogAppendTime]),
        TopicSpec::new(
            "customer.events",
            "business",
            3,
            records(
                8_000,
                500,
                every_codec,
                Batches::Medium,
                PLAIN,
                2 * OLD_HOURS,
            ),
        )
        .config("retention.ms", FIVE_YEARS_MS)
        .with(&[Trait::MixedCodecs]),
        TopicSpec::new(
            "legacy.import",
            "business",
            2,
            records(
                3_000,
                90,
                &[Codec::Gzip],
                Batches::Small,
                odd,
                2 * YEAR_HOURS,
            ),
        )
        .config("retention.ms", "-1")
        .with(&[
            Trait::OddHeaders,
            Trait::EmptyKeys,
            Trait::NullKeys,
            Trait::NullValues,
        ]),
        TopicSpec::new(
            "documents.attachments",
            "business",
            1,
            records(8, 2, &[Codec::None], Batches::Huge, heavy, 100),
        )
        .config("max.message.bytes", "4194304")
        .with(&[Trait::LargeRecords]),
        TopicSpec::new(
            "ledger.transfers",
            "business",
            crate::transactions::PARTITIONS,
            Load::Transactions {
                records: options.scaled(100, 10),
            },
        )
        .config("retention.ms", "-1")
        .config("min.insync.replicas", "2"),
        TopicSpec::new("newsletter.optin", "business", 2, Load::Nothing)
            .config("retention.ms", "86400000")
            .with(&[Trait::NeverWritten]),
    ]
}

/// Logs that start far from 0, or in the middle of a batch, or hold nothing any more.
fn deleted(options: &EstateOptions) -> Vec<TopicSpec> {
    let records = |per_partition, one_batch| {
        Load::Records(Records {
            per_partition: options.scaled(per_partition, 200),
            codecs: &[Codec::Zstd],
            batches: Batches::Large,
            content: PLAIN,
            age: Age {
                from_hours: 2 * OLD_HOURS,
                to_hours: OLD_HOURS,
            },
            one_batch,
        })
    };
    vec![
        TopicSpec::new("payments.settlements", "business", 2, records(3_000, true))
            .config("retention.ms", "-1")
            .with(&[Trait::Old])
            .cut(0, 411, Trait::HeadDeletedInsideBatch),
        TopicSpec::new("sessions.expired", "business", 2, records(5_000, false))
            .config("retention.ms", FIVE_YEARS_MS)
            .with(&[Trait::Old])
            .cut(0, 1_000, Trait::AllDeleted)
            .cut(1, 900, Trait::HeadDeleted),
    ]
}
