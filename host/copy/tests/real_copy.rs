//! The copy between two real clusters: every kind of batch, kept and translated offsets.

mod support;

use ferry_copy::batch::codec::Codec;
use ferry_copy::fillers;
use ferry_copy::halt::Halt;
use ferry_copy::job::{OffsetMode, PartitionJob};
use ferry_copy::partition::exact::Budget;
use ferry_copy::worker::closing::{Closed, close};
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_model::name::TopicPartition;
use std::time::{Duration, Instant};
use support::{Bed, Made, Writer, assert_equal, topic};

const CODECS: [Codec; 5] = [
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_partition_arrives_equal() {
    let bed = Bed::start("real-copy").await;
    let large = Made {
        records: 50,
        value_bytes: 2_000,
        ..Made::default()
    };
    // Every codec, large and tiny batches.
    bed.create_pair("orders", 5, &[]).await;
    for (partition, codec) in CODECS.into_iter().enumerate() {
        let mut writer = Writer::new(&bed.source, "orders", partition as i32).await;
        for step in 0..60 {
            let made = if step % 3 == 0 {
                large
            } else {
                Made::default()
            };
            writer.write(Made { codec, ..made }).await;
        }
    }
    // A head that is gone, one of them ending inside a batch, one with nothing left.
    bed.create_pair("expired", 3, &[]).await;
    let mut before = Vec::new();
    for (partition, until) in [(0, 40), (1, 45), (2, 100)] {
        let mut writer = Writer::new(&bed.source, "expired", partition).await;
        for _ in 0..10 {
            writer.write(Made::default()).await;
        }
        before.push((TopicPartition::new(topic("expired"), partition), until));
    }
    for (place, result) in bed.source.admin().delete_records(&before).await {
        result.unwrap_or_else(|error| panic!("{place}: {error}"));
    }
    // Transactions, committed and aborted, with records of others between theirs.
    bed.create_pair("payments", 2, &[]).await;
    for partition in 0..2 {
        let mut plain = Writer::new(&bed.source, "payments", partition).await;
        let payer = format!("payer-{partition}");
        let mut writer = Writer::transactional(&bed.source, "payments", partition, &payer).await;
        for step in 0..12 {
            plain.write(Made::default()).await;
            writer.begin().await;
            writer.write(large).await;
            plain.write(Made::default()).await;
            writer.write(Made::default()).await;
            writer.end(step % 3 != 1).await;
        }
    }
    // Timestamps of the broker.
    bed.create_pair("stamped", 1, &[("message.timestamp.type", "LogAppendTime")])
        .await;
    let mut writer = Writer::new(&bed.source, "stamped", 0).await;
    for _ in 0..5 {
        writer.write(large).await;
    }
    bed.create_pair("empty", 2, &[]).await;

    let mut partitions = Vec::new();
    for (name, count) in [
        ("orders", 5),
        ("expired", 3),
        ("payments", 2),
        ("stamped", 1),
        ("empty", 2),
    ] {
        for partition in 0..count {
            partitions.push(bed.partition(name, partition, OffsetMode::Preserve));
        }
    }
    // One of the two with transactions may not spend any at the target.
    let poor = TopicPartition::new(topic("payments"), 1);
    for partition in partitions.iter_mut().filter(|p| p.source == poor) {
        partition.budget = Budget::NONE;
    }
    let report = bed.copy(bed.job(partitions.clone())).await;
    for outcome in &report.outcomes {
        assert_eq!(outcome.halted, None, "{}", outcome.source);
        let translated = matches!(outcome.mode, OffsetMode::Translate(_));
        assert_eq!(translated, outcome.source == poor, "{outcome:?}");
    }
    assert!(report.progress.voids >= 12, "a marker for each transaction");
    let rich = TopicPartition::new(topic("payments"), 0);
    assert_eq!(
        bed.offset(&bed.target, &rich, OffsetSpec::Latest).await,
        bed.offset(&bed.source, &rich, OffsetSpec::Latest).await,
        "both logs end with a marker"
    );
    for (partition, start) in [(0, 40), (1, 45), (2, 100)] {
        let place = TopicPartition::new(topic("expired"), partition);
        assert_eq!(
            bed.offset(&bed.target, &place, OffsetSpec::Earliest).await,
            start
        );
        assert_eq!(
            bed.offset(&bed.target, &place, OffsetSpec::Latest).await,
            100
        );
    }
    let verdicts = bed.verdicts(&report, false).await;
    assert_equal(&verdicts);

    // A second run finds nothing to do and changes nothing.
    let again = bed.copy(bed.job(partitions)).await;
    assert_eq!(again.progress.records, 0);
    assert_eq!(again.outcomes, report.outcomes);
    assert_equal(&bed.verdicts(&again, false).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compacted_topic_arrives_with_the_exact_map_or_with_its_offsets() {
    let bed = Bed::start("compacted-copy").await;
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    bed.create(&bed.source, "prices", 1, &configs).await;
    bed.create(&bed.target, "prices", 1, &[("cleanup.policy", "compact")])
        .await;
    let mut writer = Writer::new(&bed.source, "prices", 0).await;
    for step in 0..200 {
        let timestamp_ms = support::LONG_AGO_MS + step * 1_000;
        writer
            .write(Made {
                keys: 90,
                timestamp_ms,
                value_bytes: 2_000,
                ..Made::default()
            })
            .await;
    }
    let place = TopicPartition::new(topic("prices"), 0);
    let mode = OffsetMode::Translate("compacted".into());
    let report = bed
        .copy(bed.job(vec![bed.partition("prices", 0, mode)]))
        .await;
    assert_eq!(report.outcomes[0].halted, None);
    assert_eq!(
        report.outcomes[0].copied_to,
        bed.offset(&bed.source, &place, OffsetSpec::Latest).await
    );
    assert_equal(&bed.verdicts(&report, true).await);

    // The same with its offsets kept: fillers stand in the holes until the target's cleaner takes
    // them.
    let cleaning = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    bed.create(&bed.target, "prices-kept", 1, &cleaning).await;
    let kept = TopicPartition::new(topic("prices-kept"), 0);
    let filling = vec![PartitionJob {
        target_topic_id: bed.target.topic_id(&kept.topic),
        target: kept.clone(),
        filler: Some(support::FILLER.into()),
        ..bed.partition("prices", 0, OffsetMode::Preserve)
    }];
    let report = bed.copy(bed.job(filling.clone())).await;
    let outcome = &report.outcomes[0];
    assert_eq!(
        (&outcome.halted, &outcome.mode),
        (&None, &OffsetMode::Preserve)
    );
    assert_eq!(
        bed.offset(&bed.target, &kept, OffsetSpec::Latest).await,
        bed.offset(&bed.source, &place, OffsetSpec::Latest).await
    );
    // Their cleaner takes all but the last of them, once their segment is closed.
    bed.set("prices-kept", "segment.ms", "1").await;
    let closed = close(&bed.job(filling.clone())).await.expect("closes");
    let at = outcome.copied_to;
    assert_eq!(closed, [(kept.clone(), Closed::At(at))]);
    let again = close(&bed.job(filling.clone())).await.expect("closes");
    assert_eq!(again, closed, "once is enough");
    // The second to last filler tells when they are gone.
    let start = bed.offset(&bed.target, &kept, OffsetSpec::Earliest).await;
    let second = fillers::second_to_last(&bed.target, &kept, support::FILLER, start..at)
        .await
        .expect("is read");
    let is_there = async |offset| {
        let there = fillers::is_there(&bed.target, &kept, support::FILLER, offset).await;
        there.expect("is read")
    };
    let limit = Instant::now() + Duration::from_secs(90);
    while match second {
        Some(second) => is_there(second).await,
        None => false,
    } {
        assert!(Instant::now() < limit, "the cleaner does not come");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let verdicts = bed.verdicts(&report, true).await;
    assert_equal(&verdicts);
    let left = verdicts[0].compared.as_ref().ok().map(|c| c.fillers);
    assert_eq!(left, Some(1), "all but the last are gone");
    // A copy that has nothing to do goes on; one that has is told why it can't.
    let quiet = bed.copy(bed.job(filling.clone())).await;
    assert_eq!(quiet.outcomes, report.outcomes);
    writer
        .write(Made {
            keys: 90,
            ..Made::default()
        })
        .await;
    let late = bed.copy(bed.job(filling)).await;
    assert_eq!(late.outcomes[0].halted, Some(Halt::Closed { at }));
}
