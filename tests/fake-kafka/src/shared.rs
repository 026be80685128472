//! What all connections of a cluster share, and what goes on behind them.

use crate::answers::produce::Appended;
use crate::core::{Core, MarkerState};
use crate::faults::{Faults, NoFaults, Seen, Treatment};
use crate::transactions::Markers;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a follower that could not fetch waits.
const AGAIN_AFTER: Duration = Duration::from_millis(2);

pub(crate) struct Shared {
    core: Mutex<Core>,
    faults: Mutex<Box<dyn Faults>>,
    /// Wakes up requests that wait.
    changes: Arc<Notify>,
    /// Wakes up when a broker's connections end.
    lives: Mutex<BTreeMap<i32, Arc<Notify>>>,
    this: Weak<Self>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a cluster of fake brokers")
    }
}

impl Shared {
    pub(crate) fn new(core: Core) -> Arc<Self> {
        let lives = core.brokers().map(|broker| (broker, Arc::default()));
        let lives = Mutex::new(lives.collect());
        let shared = Arc::new_cyclic(|this| Self {
            core: Mutex::new(core),
            faults: Mutex::new(Box::new(NoFaults)),
            changes: Arc::default(),
            lives,
            this: this.clone(),
        });
        tokio::spawn(forget_producers(Arc::downgrade(&shared)));
        tokio::spawn(abort_transactions(Arc::downgrade(&shared)));
        shared
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Box<dyn Faults>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Box<dyn Faults>) {
        *self.faults() = faults;
    }

    pub(crate) fn treat(&self, seen: Seen) -> Treatment {
        self.faults().treat(seen)
    }

    pub(crate) fn works_on(&self) -> bool {
        self.lock().options.works_on
    }

    /// Wakes up those who wait for something to change.
    pub(crate) fn changes(&self) -> Arc<Notify> {
        Arc::clone(&self.changes)
    }

    pub(crate) fn changed(&self) {
        self.changes.notify_waiters();
    }

    /// Wakes up the connections of `broker` when they are to end.
    pub(crate) fn lives(&self, broker: i32) -> Arc<Notify> {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lives.entry(broker).or_default())
    }

    /// Waits as long as `broker` stands still.
    pub(crate) async fn moves(&self, broker: i32) {
        loop {
            let changed = self.changes.notified();
            if !self.lock().paused.contains(&broker) {
                return;
            }
            changed.await;
        }
    }

    /// Ends every connection of `broker`.
    pub(crate) fn cut(&self, broker: i32) {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(life) = lives.get(&broker) {
            life.notify_waiters();
        }
    }

    /// Has followers fetch what was appended.
    pub(crate) fn replicate(&self, appended: &[Appended]) {
        let followed = appended.iter().filter(|one| one.result.is_ok());
        for one in followed {
            self.follow(one.topic.0.as_str(), one.index);
        }
        self.changed();
    }

    /// Has the followers of one partition fetch, each after a while.
    pub(crate) fn follow(&self, topic: &str, index: i32) {
        let (followers, default) = {
            let core = self.lock();
            let Some(partition) = core.partition(topic, index) else {
                return;
            };
            let followers: Vec<i32> = partition
                .replicas()
                .filter(|broker| Some(*broker) != partition.leader && !core.down.contains(broker))
                .collect();
            (followers, core.options.replication)
        };
        for follower in followers {
            let wait = self.faults().replication().unwrap_or(default);
            let (this, topic) = (self.this.clone(), topic.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let Some(shared) = this.upgrade() else { return };
                shared.fetch_as(follower, &topic, index);
            });
        }
    }

    fn fetch_as(&self, follower: i32, topic: &str, index: i32) {
        let mut core = self.lock();
        if core.down.contains(&follower) || core.paused.contains(&follower) {
            return;
        }
        if let Some(partition) = core.partition_mut(topic, index) {
            let (end, epoch) = (partition.log.end(), partition.epoch);
            partition.replicated(follower, end, epoch);
        }
        drop(core);
        self.changed();
    }

    /// Has every follower of every partition fetch.
    pub(crate) fn follow_all(&self) {
        let places: Vec<(String, i32)> = {
            let core = self.lock();
            let places = core.topics.iter().flat_map(|(name, topic)| {
                (0..topic.partitions.len()).map(move |index| (name.clone(), index as i32))
            });
            places.collect()
        };
        for (topic, index) in places {
            self.follow(&topic, index);
        }
        self.changed();
    }

    /// Writes markers after a while, each as soon as its partition has a leader.
    pub(crate) fn write_markers(&self, markers: Option<Markers>) {
        let Some(markers) = markers else { return };
        let default = self.lock().options.markers;
        let waits: Vec<Duration> = markers
            .partitions
            .iter()
            .map(|_| self.faults().marker().unwrap_or(default))
            .collect();
        let this = self.this.clone();
        tokio::spawn(async move {
            for (place, wait) in markers.partitions.iter().zip(waits) {
                tokio::time::sleep(wait).await;
                let mut at = None;
                loop {
                    let Some(shared) = this.upgrade() else { return };
                    let state = shared.lock().write_marker(&markers, place, &mut at);
                    match state {
                        MarkerState::Replicated => break,
                        MarkerState::Written => {
                            shared.follow(&place.0, place.1);
                            shared.changed();
                        }
                        MarkerState::Waits => {
                            drop(shared);
                            tokio::time::sleep(AGAIN_AFTER).await;
                        }
                    }
                }
            }
            let Some(shared) = this.upgrade() else { return };
            shared.lock().coordinator.written(&markers.id);
        });
    }
}

/// Forgets old producers, as long as the cluster is there.
async fn forget_producers(this: Weak<Shared>) {
    loop {
        let Some(shared) = this.upgrade() else { return };
        let every = shared.lock().options.expiration_check;
        drop(shared);
        tokio::time::sleep(every).await;
        let Some(shared) = this.upgrade() else { return };
        shared.lock().expire_producers();
    }
}

/// Aborts transactions that have been open for too long, as long as the cluster is there.
async fn abort_transactions(this: Weak<Shared>) {
    loop {
        let Some(shared) = this.upgrade() else { return };
        let every = shared.lock().options.transaction_check;
        drop(shared);
        tokio::time::sleep(every).await;
        let Some(shared) = this.upgrade() else { return };
        let late = {
            let mut core = shared.lock();
            let now_ms = core.clock.now_ms();
            core.coordinator.expire(now_ms)
        };
        for markers in late {
            shared.write_markers(Some(markers));
        }
    }
}
