//! A consumer that runs: the group that is still active.

use crate::error::EstateError;
use crate::writer::config;
use ferry_kafka::{Client, ClientSettings};
use ferry_model::group::GroupState;
use ferry_model::name::GroupId;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the group may take to be joined.
const LIMIT: Duration = Duration::from_secs(30);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long one poll waits for a record, and how fast the reader stops therefore.
const POLL: Duration = Duration::from_millis(50);

/// A consumer that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts to read `topic` as a member of `group`.
    pub(crate) fn start(
        settings: &ClientSettings,
        group: &str,
        topic: &str,
    ) -> Result<Self, EstateError> {
        let client = |source| EstateError::Client {
            what: format!("group {group}"),
            source,
        };
        let consumer: BaseConsumer = config(settings)
            .set("client.id", format!("{group}-1"))
            .set("group.id", group)
            .set("auto.offset.reset", "earliest")
            .set("auto.commit.interval.ms", "200")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "1000")
            .create()
            .map_err(client)?;
        consumer.subscribe(&[topic]).map_err(client)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // Errors are those of a cluster that goes away; the reader ends with the estate.
                drop(consumer.poll(POLL));
            }
        });
        Ok(Self {
            stopped,
            thread: Some(thread),
        })
    }

    /// Waits until the group is stable and has committed something.
    pub(crate) async fn ready(client: &Client, group: &GroupId) -> Result<(), EstateError> {
        let started = Instant::now();
        let admin = client.admin();
        loop {
            let described = admin.describe_groups(std::slice::from_ref(group)).await;
            let state = described
                .into_values()
                .next()
                .and_then(Result::ok)
                .map(|d| d.state);
            if state == Some(GroupState::Active("Stable".to_owned())) {
                let stability = ferry_kafka::admin::groups::Stability::Latest;
                let committed = admin.committed_offsets(group, stability).await;
                if committed.is_ok_and(|offsets| !offsets.is_empty()) {
                    return Ok(());
                }
            }
            if started.elapsed() > LIMIT {
                return Err(EstateError::TooSlow {
                    what: format!("the first commit of group {group}"),
                    limit_ms: LIMIT.as_millis() as u64,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there has said what it had to say.
            drop(thread.join());
        }
    }
}
