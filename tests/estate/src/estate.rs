//! Making the estate, step by step.

use crate::catalogue::{self, Load, TopicSpec};
use crate::error::EstateError;
use crate::options::EstateOptions;
use crate::reader::Reader;
use crate::report::{EstateReport, PartitionMade, TopicMade};
use crate::seeding::{self, TopicWritten, Written};
use crate::transactions::{self, PartitionWritten};
use crate::writer::Writers;
use crate::{acls, compaction, cuts, groups, topics};
use ferry_kafka::Client;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Properties that the brokers of a source should have, as name and value: the cleaner looks for
/// work twice a second instead of every 15 s, so that there are holes soon; and nobody makes a topic
/// by a mistyped name.
pub const BROKER_PROPERTIES: [(&str, &str); 2] = [
    ("log.cleaner.backoff.ms", "500"),
    ("auto.create.topics.enable", "false"),
];

/// An estate. One consumer of it runs until this is dropped; what is in the cluster stays.
#[derive(Debug)]
pub struct Estate {
    report: EstateReport,
    _active: Reader,
}

impl Estate {
    /// Fills `source`, as a principal that may do everything there. Returns when every record is
    /// acknowledged, the active consumer has committed, and the logs that shall have holes have
    /// some.
    ///
    /// # Errors
    /// [`EstateError`]; the cluster is not usable then.
    pub async fn build(source: &Client, options: EstateOptions) -> Result<Self, EstateError> {
        let specs = catalogue::topics(&options, source.brokers().len());
        topics::create(source, &specs).await?;
        topics::await_leaders(source, &partitions(&specs)?).await?;
        let specs = Arc::new(specs);
        let (written, transactions) = write(source, &specs, &options).await?;
        let mut made = BTreeMap::new();
        let mut bytes = 0;
        for spec in specs.iter() {
            let name = topics::name(spec)?;
            let (topic, topic_bytes) = match transactions.get(&spec.name) {
                Some(in_transactions) => made_in_transactions(spec, in_transactions),
                None => made_topic(spec, written.get(&spec.name)),
            };
            bytes += topic_bytes;
            made.insert(name, topic);
        }
        check(source, &made, OffsetSpec::Latest).await?;
        let heads = specs.iter().flat_map(|spec| {
            let name = topics::name(spec).ok();
            spec.cuts
                .iter()
                .filter_map(move |cut| Some((name.clone()?, *cut)))
        });
        let heads: Vec<(TopicName, catalogue::Cut)> = heads.collect();
        cuts::make(source, &heads, &mut made).await?;
        check(source, &made, OffsetSpec::Earliest).await?;
        let planned = groups::plan(&options, &made);
        groups::commit(source, &planned).await?;
        let active = Reader::start(source.settings(), groups::ACTIVE, groups::ACTIVE_TOPIC)?;
        let report = EstateReport {
            topics: made,
            groups: planned,
            acls: acls::create(source).await?,
            bytes,
        };
        Reader::ready(source, &GroupId::from(groups::ACTIVE)).await?;
        compaction::wait(source, &report).await?;
        Ok(Self {
            report,
            _active: active,
        })
    }

    /// What was made.
    #[must_use]
    pub fn report(&self) -> &EstateReport {
        &self.report
    }
}

/// Every partition.
fn partitions(specs: &[TopicSpec]) -> Result<Vec<TopicPartition>, EstateError> {
    let mut partitions = Vec::new();
    for spec in specs {
        let name = topics::name(spec)?;
        partitions
            .extend((0..spec.partitions).map(|index| TopicPartition::new(name.clone(), index)));
    }
    Ok(partitions)
}

type Transactions = BTreeMap<String, Vec<PartitionWritten>>;

/// Writes all records, on threads of their own.
async fn write(
    source: &Client,
    specs: &Arc<Vec<TopicSpec>>,
    options: &EstateOptions,
) -> Result<(Written, Transactions), EstateError> {
    let writers = Arc::new(Writers::new(source.settings()));
    let plain = {
        let (specs, options, writers) = (Arc::clone(specs), options.clone(), Arc::clone(&writers));
        tokio::task::spawn_blocking(move || seeding::write(&specs, &options, &writers))
    };
    let in_transactions = {
        let (specs, options, source) = (Arc::clone(specs), options.clone(), source.clone());
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut all = Transactions::new();
            for spec in specs.iter() {
                if let Load::Transactions { records } = spec.load {
                    let name = topics::name(spec)?;
                    let at = (&source, &runtime);
                    let written = transactions::write(&name, records, &options, &writers, at)?;
                    all.insert(spec.name.clone(), written);
                }
            }
            Ok::<_, EstateError>(all)
        })
    };
    let plain = plain.await.map_err(|_| EstateError::Ended)?;
    let in_transactions = in_transactions.await.map_err(|_| EstateError::Ended)?;
    Ok((plain?, in_transactions?))
}

fn made_topic(spec: &TopicSpec, written: Option<&TopicWritten>) -> (TopicMade, u64) {
    let records = |index: usize| {
        let written = written.and_then(|written| written.records.get(index));
        written.copied().unwrap_or(0)
    };
    let partition = |index: usize| PartitionMade {
        records: records(index),
        aborted: 0,
        markers: 0,
        log_start_offset: 0,
        high_watermark: records(index),
        traits: spec.traits.iter().copied().collect(),
    };
    let partitions = (0..spec.partitions as usize).map(partition).collect();
    (
        topic(spec, partitions),
        written.map_or(0, |written| written.bytes),
    )
}

fn made_in_transactions(spec: &TopicSpec, written: &[PartitionWritten]) -> (TopicMade, u64) {
    let partition = |written: &PartitionWritten| PartitionMade {
        records: written.records,
        aborted: written.aborted,
        markers: written.markers,
        log_start_offset: 0,
        high_watermark: written.records + written.markers,
        traits: spec.traits.iter().chain(&written.traits).copied().collect(),
    };
    let bytes = written.iter().map(|written| written.bytes).sum();
    (topic(spec, written.iter().map(partition).collect()), bytes)
}

fn topic(spec: &TopicSpec, partitions: Vec<PartitionMade>) -> TopicMade {
    TopicMade {
        family: spec.family,
        configs: spec.configs.clone(),
        partitions,
    }
}

/// Checks that the logs are as they were to be made.
async fn check(
    source: &Client,
    made: &BTreeMap<TopicName, TopicMade>,
    spec: OffsetSpec,
) -> Result<(), EstateError> {
    let earliest = spec == OffsetSpec::Earliest;
    let expected = made.iter().flat_map(|(name, topic)| {
        topic
            .partitions
            .iter()
            .zip(0..)
            .map(move |(partition, index)| {
                let offset = match earliest {
                    true => partition.log_start_offset,
                    false => partition.high_watermark,
                };
                (TopicPartition::new(name.clone(), index), offset)
            })
    });
    let what = match earliest {
        true => "log start offset",
        false => "high watermark",
    };
    topics::check(source, &expected.collect(), spec, what).await
}
