//! Partitions whose beginning lies in remote storage (KIP-405) are fetched one by one there.
//!
//! A broker reads remote storage for one partition of a fetch only, whatever else it names, and lets
//! the whole answer wait for it (`ReplicaManager.fetchMessages`, `remote.fetch.max.wait.ms`). In one
//! request with others all of them would wait, and all remote ones but the first get nothing.

use super::event::{Event, Index};
use super::{Worker, cluster};
use ferry_kafka::task;
use std::time::Duration;
use tokio::time::Instant;

/// How often it is asked where the local parts of logs begin: they move on all the time.
const ASK_EVERY: Duration = Duration::from_secs(60);

impl Worker {
    /// Asks where the local parts of tiered partitions begin, at the beginning and now and then.
    pub(super) fn serve_tiers(&mut self, now: Instant) {
        if self.asking_tiers || self.ask_tiers_after.is_some_and(|after| now < after) {
            return;
        }
        let tiered: Vec<_> = self
            .partitions
            .iter()
            .filter(|tracked| tracked.job.tiered && tracked.halted().is_none())
            .map(|tracked| (tracked.index, tracked.job.source.clone()))
            .collect();
        if tiered.is_empty() {
            return;
        }
        self.asking_tiers = true;
        let (source, events) = (self.job.source.clone(), self.events.clone());
        task::spawn(async move {
            let starts = cluster::local_starts(&source, tiered).await;
            let _ = events.send(Event::LocalStarts { starts });
        });
    }

    pub(super) fn on_local_starts(&mut self, starts: Vec<(Index, i64)>) {
        self.asking_tiers = false;
        self.ask_tiers_after = Some(Instant::now() + ASK_EVERY);
        for (index, start) in starts {
            self.partitions[index].local_start = Some(start);
        }
    }
}
