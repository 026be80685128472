//! A worker of the copy inside of a process, from its first connection to its report.

use crate::network::Pipes;
use crate::process::{self, Process};
use crate::schedule::SETTLING;
use ferry_copy::controls::Controls;
use ferry_copy::job::{CopyJob, CopyProgress, CopyReport, CopySettings, PartitionJob, Until};
use ferry_copy::lease::{Holder, LeaseSettings, Slot};
use ferry_copy::worker::{self, CopyError};
use ferry_kafka::settings::Address;
use ferry_kafka::{Client, ClientSettings, ConnectError};
use ferry_model::identity::Side;
use ferry_model::name::TopicName;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The topic that keeps the progress of translated partitions.
pub(crate) const PROGRESS_TOPIC: &str = "ferry-progress-simulated";

/// How a worker's run ended: its report, or what it says.
pub(crate) type Ended = Result<CopyReport, String>;

/// Everything that a worker is started with.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) source: Pipes,
    pub(crate) target: Pipes,
    pub(crate) partitions: Vec<PartitionJob>,
    /// The rack that the source is read from.
    pub(crate) rack: Option<Arc<str>>,
    /// What an operator sets.
    pub(crate) controls: watch::Sender<Controls>,
}

/// How long a lease lasts.
const LEASE: Duration = Duration::from_secs(2);
/// How long a request may be on its way.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(1_500);

impl Orders {
    /// Starts a worker that copies until the source is quiet.
    pub(crate) fn start(&self) -> Process<Ended> {
        let orders = self.clone();
        let number = process::next_number();
        Process::start(number, async move { orders.run(number).await })
    }

    async fn run(self, number: u32) -> Ended {
        let mut job = self.job().await?;
        job.settings.lease.holder.process_id = number;
        let (progress, _) = watch::channel(CopyProgress::default());
        let (_cancel, cancelled) = watch::channel(false);
        let report = worker::run(job, progress, cancelled).await;
        report.map_err(|error| match &error {
            CopyError::NotDrained { partitions, .. } => {
                format!("{error}: {}", partitions.join(", "))
            }
            _ => chain(&error),
        })
    }

    /// The job with clients of its own.
    pub(crate) async fn job(&self) -> Result<CopyJob, String> {
        let unreachable = |error: ConnectError| error.to_string();
        let source = client(&self.source, Side::Source)
            .await
            .map_err(unreachable)?;
        let target = client(&self.target, Side::Target)
            .await
            .map_err(unreachable)?;
        Ok(CopyJob {
            source,
            target,
            partitions: self.partitions.clone(),
            settings: self.settings(),
            until: Until::Drained {
                quiet: Duration::from_millis(300),
                limit: Duration::from_secs(20),
            },
        })
    }

    fn settings(&self) -> CopySettings {
        CopySettings {
            memory_bytes: 8 << 20,
            controls: self.controls.subscribe(),
            rack: self.rack.clone(),
            settling: SETTLING,
            slot: Slot::ONLY,
            lease: LeaseSettings {
                holder: Holder::default(),
                duration: LEASE,
                request_timeout: REQUEST_TIMEOUT,
                gone: |holder| process::is_gone(holder.process_id),
            },
            transactional_id: "ferry-simulated-0".to_owned(),
            progress_topic: topic(PROGRESS_TOPIC),
        }
    }
}

/// A name that is legal.
pub(crate) fn topic(name: &str) -> TopicName {
    match TopicName::parse(name) {
        Ok(name) => name,
        Err(error) => unreachable!("{name}: {error}"),
    }
}

/// A client over pipes.
pub(crate) async fn client(pipes: &Pipes, side: Side) -> Result<Client, ConnectError> {
    let settings = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let properties: BTreeMap<String, String> = [
        settings("bootstrap.servers", &bootstrap()),
        settings("request.timeout.ms", "1500"),
        settings("default.api.timeout.ms", "4000"),
        settings("retry.backoff.ms", "20"),
        settings("retry.backoff.max.ms", "200"),
        settings("reconnect.backoff.ms", "10"),
        settings("reconnect.backoff.max.ms", "200"),
    ]
    .into();
    let parsed = match ClientSettings::from_properties(&properties) {
        Ok(parsed) => parsed,
        Err(error) => unreachable!("{error}"),
    };
    Client::connect_over(parsed, side, Arc::new(pipes.clone())).await
}

/// The addresses of up to three brokers: those that are not there refuse.
fn bootstrap() -> String {
    let addresses = (1..=3).map(|broker| {
        let address = Address {
            host: "127.0.0.1".to_owned(),
            port: ferry_fake_kafka::FIRST_PORT + broker,
        };
        address.to_string()
    });
    addresses.collect::<Vec<_>>().join(",")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
