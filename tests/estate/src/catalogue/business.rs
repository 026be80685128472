//! The many topics that are like others: the naming styles of several teams over several years.

use super::{Load, OLD_HOURS, Records, TopicSpec};
use crate::content::{Age, Content, Headers, Keys};
use crate::options::EstateOptions;
use crate::report::Trait;
use crate::writer::{Batches, Codec};

/// Records of a partition of a usual topic, on average.
const PER_PARTITION: u32 = 2_000;

/// One in so many topics holds nothing.
const EMPTY_EVERY: usize = 13;

/// How a family of topics is named and kept.
struct Family {
    names: Vec<String>,
    family: &'static str,
    partitions: i32,
    configs: &'static [(&'static str, &'static str)],
    codec: Codec,
    batches: Batches,
    from_hours: i64,
}

/// Every pair of both lists, as `pattern` with `{}` replaced in order.
fn names(pattern: &str, firsts: &[&str], seconds: &[&str]) -> Vec<String> {
    let pairs = firsts
        .iter()
        .flat_map(|first| seconds.iter().map(move |second| (first, second)));
    pairs
        .map(|(first, second)| pattern.replacen("{}", first, 1).replacen("{}", second, 1))
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn families() -> Vec<Family> {
    let orders = [
        "updated",
        "cancelled",
        "shipped",
        "returned",
        "invoiced",
        "refunded",
    ];
    let payments = ["authorised", "captured", "disputed", "refunded", "settled"];
    let stock = ["stock", "reservation", "location", "supplier", "movement"];
    vec![
        Family {
            names: names("ord.{}.{}", &["eu", "us", "apac", "uk", "latam"], &orders),
            family: "business",
            partitions: 6,
            configs: &[("retention.ms", "31536000000")],
            codec: Codec::Lz4,
            batches: Batches::Large,
            from_hours: 300 * 24,
        },
        Family {
            names: names(
                "{}{}",
                &["Orders", "Customers", "Invoices", "Shipments"],
                &["US", "UK", "APAC", "LATAM"],
            ),
            family: "business",
            partitions: 3,
            configs: &[("retention.ms", "-1"), ("min.insync.replicas", "2")],
            codec: Codec::Zstd,
            batches: Batches::Medium,
            from_hours: 3 * 365 * 24,
        },
        Family {
            names: names(
                "ord-{}-{}",
                &["us", "ca", "mx"],
                &["updated", "cancelled", "shipped", "returned", "backordered"],
            ),
            family: "business",
            partitions: 4,
            configs: &[],
            codec: Codec::Gzip,
            batches: Batches::Small,
            from_hours: 6 * 24,
        },
        Family {
            names: names(
                "{}_{}",
                &[
                    "tax",
                    "discount",
                    "currency",
                    "catalogue",
                    "store",
                    "region",
                ],
                &["table"],
            ),
            family: "business",
            partitions: 3,
            configs: &[("cleanup.policy", "compact")],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 20 * 24,
        },
        Family {
            names: names("inventory.{}.{}", &stock, &["v1", "v2", "v3"]),
            family: "business",
            partitions: 4,
            configs: &[
                ("retention.ms", "7776000000"),
                ("segment.bytes", "33554432"),
            ],
            codec: Codec::Snappy,
            batches: Batches::Medium,
            from_hours: 2 * OLD_HOURS,
        },
        Family {
            names: names("payments.{}.v{}", &payments, &["1", "3"]),
            family: "business",
            partitions: 6,
            configs: &[("retention.ms", "31536000000")],
            codec: Codec::Lz4,
            batches: Batches::Large,
            from_hours: 200 * 24,
        },
        Family {
            names: names(
                "{}-KSTREAM-AGGREGATE-STATE-STORE-000000000{}-changelog",
                &["billing-app", "loyalty-app", "fraud-app", "stock-app"],
                &["5", "9"],
            ),
            family: "Streams",
            partitions: 4,
            configs: &[("cleanup.policy", "compact")],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 10 * 24,
        },
        Family {
            names: names(
                "{}-KSTREAM-{}-repartition",
                &["loyalty-app", "fraud-app", "stock-app"],
                &["KEY-SELECT-0000000002"],
            ),
            family: "Streams",
            partitions: 4,
            configs: &[("retention.ms", "-1"), ("segment.bytes", "52428800")],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 24,
        },
        Family {
            names: names(
                "telemetry.{}.{}",
                &["web", "app", "pos", "kiosk"],
                &["raw", "clean"],
            ),
            family: "business",
            partitions: 6,
            configs: &[],
            codec: Codec::Lz4,
            batches: Batches::Medium,
            from_hours: 5 * 24,
        },
        Family {
            names: names(
                "crm_{}{}",
                &["lead", "account", "contact", "case", "campaign", "quote"],
                &["", "_history"],
            ),
            family: "business",
            partitions: 2,
            configs: &[("compression.type", "zstd"), ("retention.ms", "-1")],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 500 * 24,
        },
        Family {
            names: names(
                "dwh.export.{}.{}",
                &["finance", "sales", "logistics", "people"],
                &["daily", "hourly", "corrections"],
            ),
            family: "business",
            partitions: 1,
            configs: &[
                ("retention.ms", "2592000000"),
                ("max.message.bytes", "2097152"),
            ],
            codec: Codec::Gzip,
            batches: Batches::Large,
            from_hours: 20 * 24,
        },
        Family {
            names: names(
                "optr{}{}",
                &[".", "-"],
                &["audit", "state", "leader", "metrics", "jobs"],
            ),
            family: "operator",
            partitions: 2,
            configs: &[],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 4 * 24,
        },
        Family {
            names: names(
                "{}{}",
                &["tmp-load-"],
                &["2", "3", "4", "5", "6", "7", "8", "9"],
            ),
            family: "garbage",
            partitions: 1,
            configs: &[],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 6 * 24,
        },
        Family {
            names: names("{}{}", &["test", "foo-", "my-topic-"], &["1", "2-final"]),
            family: "garbage",
            partitions: 1,
            configs: &[],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 24,
        },
        Family {
            names: names("__amazon_msk_canary{}{}", &["_"], &["state", "probe"]),
            family: "Amazon MSK",
            partitions: 1,
            configs: &[],
            codec: Codec::None,
            batches: Batches::Small,
            from_hours: 24,
        },
    ]
}

pub(super) fn topics(options: &EstateOptions) -> Vec<TopicSpec> {
    let mut topics = Vec::new();
    for family in families() {
        for name in &family.names {
            let number = topics.len();
            topics.push(topic(options, &family, name, number));
        }
    }
    topics
}

fn topic(options: &EstateOptions, family: &Family, name: &str, number: usize) -> TopicSpec {
    let compacted = family.configs.contains(&("cleanup.policy", "compact"));
    let empty = number % EMPTY_EVERY == EMPTY_EVERY - 1;
    // Between a half and three halves of the usual, so that no two are of one size.
    let per_partition = PER_PARTITION / 2 + (number as u32 * 397) % PER_PARTITION;
    let load = Load::Records(Records {
        per_partition: options.scaled(per_partition, 50),
        codecs: match family.codec {
            Codec::None => &[Codec::None],
            Codec::Gzip => &[Codec::Gzip],
            Codec::Snappy => &[Codec::Snappy],
            Codec::Lz4 => &[Codec::Lz4],
            Codec::Zstd => &[Codec::Zstd],
        },
        batches: family.batches,
        content: Content {
            keys: if compacted {
                Keys::Rounds(options.scaled(per_partition, 50) / 3)
            } else {
                Keys::Unique
            },
            headers: if number.is_multiple_of(4) {
                Headers::Trace
            } else {
                Headers::None
            },
            value_bytes: (110, 210),
            null_every: 0,
        },
        age: Age {
            from_hours: family.from_hours,
            to_hours: 0,
        },
        one_batch: false,
    });
    let load = if empty { Load::Nothing } else { load };
    let mut topic = TopicSpec::new(name, family.family, family.partitions, load);
    for (key, value) in family.configs {
        topic = topic.config(key, value);
    }
    if empty {
        topic.with(&[Trait::NeverWritten])
    } else if family.from_hours > 2 * OLD_HOURS {
        topic.with(&[Trait::Old])
    } else {
        topic
    }
}
