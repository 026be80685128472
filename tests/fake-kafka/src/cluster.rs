//! A cluster of fake brokers, as tests hold it.

use crate::batch::Batch;
use crate::connection;
use crate::core::{Core, Counts, Options, TopicOptions};
use crate::faults::Faults;
use crate::shared::Shared;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What fits into a pipe between client and broker before its writer has to wait.
const PIPE_BYTES: usize = 64 * 1024;

/// A cluster. Its brokers live as long as the value and the connections to it.
#[derive(Debug)]
pub struct FakeKafka {
    shared: Arc<Shared>,
    listening: Vec<JoinHandle<()>>,
}

impl Drop for FakeKafka {
    fn drop(&mut self) {
        self.listening.iter().for_each(JoinHandle::abort);
        let brokers: Vec<i32> = self.shared.lock().brokers().collect();
        brokers
            .into_iter()
            .for_each(|broker| self.shared.cut(broker));
    }
}

/// Where a partition's log starts and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The first offset that can be read.
    pub log_start: i64,
    /// One more than the last offset that consumers may see.
    pub high_watermark: i64,
    /// One more than the last offset that the leader has.
    pub log_end: i64,
    /// Where a reader of committed records stops.
    pub last_stable: i64,
}

/// No topic or partition is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no partition {0}-{1}, or no whole batch was given")]
pub struct NoSuchPartition(pub String, pub i32);

impl FakeKafka {
    /// A cluster that answers on pipes and, after [`FakeKafka::listen`], on TCP. Call it inside of a
    /// runtime.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            shared: Shared::new(Core::new(options)),
            listening: Vec::new(),
        }
    }

    /// Listens on free ports of loopback, one for each broker, and returns what goes into
    /// `bootstrap.servers`.
    ///
    /// # Errors
    /// What the system says.
    pub async fn listen(&mut self) -> io::Result<String> {
        let brokers: Vec<i32> = self.shared.lock().brokers().collect();
        let mut addresses = Vec::new();
        for broker in brokers {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let port = listener.local_addr()?.port();
            self.shared.lock().ports.insert(broker, port);
            addresses.push(format!("127.0.0.1:{port}"));
            let shared = Arc::clone(&self.shared);
            self.listening.push(tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    if !shared.lock().down.contains(&broker) {
                        tokio::spawn(connection::serve(Arc::clone(&shared), broker, stream));
                    }
                }
            }));
        }
        Ok(addresses.join(","))
    }

    /// Serves one connection of `broker` until it ends.
    pub async fn serve<S>(&self, broker: i32, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        connection::serve(Arc::clone(&self.shared), broker, stream).await;
    }

    /// A way to connect that may be kept and passed on.
    #[must_use]
    pub fn door(&self) -> Door {
        Door {
            shared: Arc::clone(&self.shared),
        }
    }

    /// What is done to requests from now on.
    pub fn set_faults(&self, faults: impl Faults + 'static) {
        self.shared.set_faults(Box::new(faults));
    }

    /// Changes how the cluster behaves.
    pub fn set_options(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.shared.lock().options);
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// The brokers' clock, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.shared.lock().clock.now_ms()
    }

    /// Sets the brokers' clock forward, or back with a negative number.
    pub fn set_clock_by(&self, ms: i64) {
        self.shared.lock().clock.set_by(ms);
    }

    /// Makes a topic, also in the place of one that is there.
    pub fn create_topic(&self, name: &str, options: TopicOptions) {
        self.shared.lock().create_topic(name, options);
        self.shared.changed();
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, name: &str) {
        self.shared.lock().topics.remove(name);
        self.shared.changed();
    }

    /// The id of a topic, as 128 bits.
    #[must_use]
    pub fn topic_id(&self, name: &str) -> Option<u128> {
        let core = self.shared.lock();
        core.topics.get(name).map(|topic| topic.id.as_u128())
    }

    /// Appends a batch to the leader's log without any check, at `offset` or at the end, as a
    /// producer that waits for all replicas.
    ///
    /// # Errors
    /// [`NoSuchPartition`], also where there is no leader.
    pub fn append(
        &self,
        topic: &str,
        index: i32,
        mut batch: Bytes,
        offset: Option<i64>,
    ) -> Result<(), NoSuchPartition> {
        let missing = || NoSuchPartition(topic.to_owned(), index);
        let batch = Batch::read(&mut batch).ok_or_else(missing)?;
        let alive = self.shared.lock().alive();
        self.change_led(topic, index, |partition| {
            match offset {
                Some(offset) => partition.append_at(batch, offset),
                None => {
                    partition.append(batch);
                }
            }
            partition.replicate_at_once(&alive);
        })
    }

    /// Ends a producer's transaction in one partition by a marker.
    ///
    /// # Errors
    /// [`NoSuchPartition`], also where there is no leader.
    pub fn append_marker(
        &self,
        topic: &str,
        index: i32,
        producer_id: i64,
        commit: bool,
    ) -> Result<(), NoSuchPartition> {
        let now_ms = self.now_ms();
        let marker = Batch::marker(commit, producer_id, 0, now_ms);
        let alive = self.shared.lock().alive();
        self.change_led(topic, index, |partition| {
            partition.append(marker);
            partition.replicate_at_once(&alive);
        })
    }

    fn change_led(
        &self,
        topic: &str,
        index: i32,
        change: impl FnOnce(&mut crate::partition::Partition),
    ) -> Result<(), NoSuchPartition> {
        if !self.has_leader(topic, index) {
            return Err(NoSuchPartition(topic.to_owned(), index));
        }
        self.change(topic, index, change)
    }

    /// Whether a partition is there and has a leader.
    #[must_use]
    pub fn has_leader(&self, topic: &str, index: i32) -> bool {
        let core = self.shared.lock();
        core.partition(topic, index)
            .is_some_and(|partition| partition.leader.is_some())
    }

    fn change(
        &self,
        topic: &str,
        index: i32,
        change: impl FnOnce(&mut crate::partition::Partition),
    ) -> Result<(), NoSuchPartition> {
        {
            let mut core = self.shared.lock();
            let partition = core
                .partition_mut(topic, index)
                .ok_or_else(|| NoSuchPartition(topic.to_owned(), index))?;
            change(partition);
        }
        self.shared.follow(topic, index);
        self.shared.changed();
        Ok(())
    }

    /// Deletes records below `offset`.
    ///
    /// # Errors
    /// [`NoSuchPartition`].
    pub fn delete_before(
        &self,
        topic: &str,
        index: i32,
        offset: i64,
    ) -> Result<(), NoSuchPartition> {
        self.change(topic, index, |partition| {
            partition.log.delete_before(offset);
        })
    }

    /// Takes batches away and leaves holes: `gone` is asked with the first offset of each and the
    /// one behind it.
    ///
    /// # Errors
    /// [`NoSuchPartition`].
    pub fn clean(
        &self,
        topic: &str,
        index: i32,
        gone: impl FnMut(i64, i64) -> bool,
    ) -> Result<(), NoSuchPartition> {
        self.change(topic, index, |partition| partition.log.clean(gone))
    }

    /// Takes away the end of a log at every replica, from `end` on.
    ///
    /// # Errors
    /// [`NoSuchPartition`].
    pub fn lose_end(&self, topic: &str, index: i32, end: i64) -> Result<(), NoSuchPartition> {
        self.change(topic, index, |partition| partition.lose_end(end))?;
        self.expire_producers();
        Ok(())
    }

    /// Makes `broker` the leader of a partition.
    ///
    /// # Errors
    /// [`NoSuchPartition`].
    pub fn lead(&self, topic: &str, index: i32, broker: i32) -> Result<(), NoSuchPartition> {
        self.shared.lock().counts.elections += 1;
        self.change(topic, index, |partition| partition.lead(broker))?;
        self.expire_producers();
        Ok(())
    }

    /// Makes `broker` the leader of a partition, if it is in sync and up: nothing is lost by it.
    /// Whether it is the leader then.
    #[must_use]
    pub fn hand_over(&self, topic: &str, index: i32, broker: i32) -> bool {
        let mut core = self.shared.lock();
        let up = !core.down.contains(&broker);
        let Some(partition) = core.partition_mut(topic, index) else {
            return false;
        };
        let fits = up && partition.in_sync().any(|other| other == broker);
        if fits && partition.leader != Some(broker) {
            partition.lead(broker);
            core.counts.elections += 1;
        }
        drop(core);
        self.shared.follow(topic, index);
        self.shared.changed();
        fits
    }

    /// Has a follower fall behind, although its broker is up: it is out of sync until it fetches the
    /// next time ([`FakeKafka::catch_up`], or something is appended).
    ///
    /// # Errors
    /// [`NoSuchPartition`].
    pub fn fall_behind(&self, topic: &str, index: i32, broker: i32) -> Result<(), NoSuchPartition> {
        let mut core = self.shared.lock();
        let partition = core
            .partition_mut(topic, index)
            .ok_or_else(|| NoSuchPartition(topic.to_owned(), index))?;
        partition.fall_behind(broker);
        Ok(())
    }

    /// Has every follower fetch.
    pub fn catch_up(&self) {
        self.shared.follow_all();
    }

    /// Stops a broker: its connections end, its partitions get other leaders.
    pub fn stop(&self, broker: i32) {
        self.shared.lock().stop(broker);
        self.shared.cut(broker);
        self.shared.changed();
    }

    /// Starts a broker again.
    pub fn start(&self, broker: i32) {
        self.shared.lock().start(broker);
        self.shared.follow_all();
    }

    /// Makes a broker stand still: it answers nothing and, as a follower, fetches nothing.
    pub fn pause(&self, broker: i32) {
        self.shared.lock().paused.insert(broker);
    }

    /// Lets a broker that stands still go on.
    pub fn resume(&self, broker: i32) {
        self.shared.lock().paused.remove(&broker);
        self.shared.follow_all();
    }

    /// Whether a broker is up.
    #[must_use]
    pub fn is_up(&self, broker: i32) -> bool {
        !self.shared.lock().down.contains(&broker)
    }

    /// Ends every connection of a broker that goes on living.
    pub fn cut(&self, broker: i32) {
        self.shared.cut(broker);
    }

    /// Has all leaders look at once which producers they have to forget.
    pub fn expire_producers(&self) {
        self.shared.lock().expire_producers();
    }

    /// Takes away, or gives back, every right on a topic.
    pub fn deny(&self, topic: &str, denied: bool) {
        let mut core = self.shared.lock();
        if denied {
            core.denied.insert(topic.to_owned());
        } else {
            core.denied.remove(topic);
        }
    }

    /// Fills the disk of a broker, or makes room.
    pub fn fill_disk(&self, broker: i32, full: bool) {
        let mut core = self.shared.lock();
        if full {
            core.full_disks.insert(broker);
        } else {
            core.full_disks.remove(&broker);
        }
    }

    /// From now on what lies before `offset` is in remote storage alone (KIP-405).
    pub fn set_remote_until(&self, topic: &str, index: i32, offset: i64) {
        let mut core = self.shared.lock();
        core.remote.insert((topic.to_owned(), index), offset);
    }

    /// Where a partition starts and ends.
    #[must_use]
    pub fn ends(&self, topic: &str, index: i32) -> Option<Ends> {
        let core = self.shared.lock();
        let partition = core.partition(topic, index)?;
        Some(Ends {
            log_start: partition.log.start,
            high_watermark: partition.high_watermark(),
            log_end: partition.log.end(),
            last_stable: partition.last_stable(core.options.release),
        })
    }

    /// Everything in a partition's log, control batches included.
    #[must_use]
    pub fn contents(&self, topic: &str, index: i32) -> Option<Bytes> {
        self.shared.lock().contents(topic, index)
    }

    /// Producer id and first offset of the aborted transactions whose markers are in a partition.
    #[must_use]
    pub fn aborted(&self, topic: &str, index: i32) -> Vec<(i64, i64)> {
        let core = self.shared.lock();
        let log = core.partition(topic, index).map(|partition| &partition.log);
        log.into_iter()
            .flat_map(|log| log.aborted_in(log.start, i64::MAX))
            .map(|aborted| (aborted.producer_id, aborted.first_offset))
            .collect()
    }
}

/// Makes connections to a cluster.
#[derive(Debug, Clone)]
pub struct Door {
    shared: Arc<Shared>,
}

impl Door {
    /// Connects to a broker by a pipe; none while it is down.
    #[must_use]
    pub fn connect(&self, broker: i32) -> Option<DuplexStream> {
        if self.shared.lock().down.contains(&broker) {
            return None;
        }
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        tokio::spawn(connection::serve(Arc::clone(&self.shared), broker, far));
        Some(near)
    }
}
