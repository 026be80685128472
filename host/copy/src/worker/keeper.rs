//! What the worker remembers: records of the progress topic, where whoever takes its slot over finds
//! them.

use super::CopyError;
use crate::job::CopyJob;
use crate::progress::{
    ProgressError, ProgressRecord, ProgressTable, WorkerRecord, state_key, worker_key,
};
use crate::state::{CopyState, PartitionState};
use ferry_model::name::TopicPartition;
use std::collections::BTreeMap;

/// What is remembered, and what of it is on record.
#[derive(Debug)]
pub(crate) struct Keeper {
    state: CopyState,
    /// The number of this worker's slot.
    number: u32,
    /// The target of each partition of the state.
    targets: BTreeMap<String, TopicPartition>,
    /// What the topic holds, by key.
    saved: BTreeMap<String, String>,
    /// What is being written.
    pending: BTreeMap<String, String>,
}

impl Keeper {
    /// What `table` holds of the partitions of `job`.
    ///
    /// # Errors
    /// [`CopyError::Progress`] where it can't be understood.
    pub(crate) fn read(job: &CopyJob, table: &ProgressTable) -> Result<Self, CopyError> {
        Self::try_read(job, table).map_err(|error| unreadable(job, error))
    }

    fn try_read(job: &CopyJob, table: &ProgressTable) -> Result<Self, ProgressError> {
        let number = job.settings.slot.number;
        let key = worker_key(number, "state");
        let record: WorkerRecord = table.read(&key)?.unwrap_or_default();
        let mut keeper = Self {
            state: CopyState {
                producer: record.producer,
                began: record.began,
                partitions: BTreeMap::new(),
            },
            number,
            targets: BTreeMap::new(),
            saved: BTreeMap::new(),
            pending: BTreeMap::new(),
        };
        for partition in &job.partitions {
            let name = partition.source.to_string();
            let key = state_key(&partition.target);
            if let Some(found) = table.read::<PartitionState>(&key)? {
                // Whoever had the partition before may have been another worker.
                keeper.state.began = true;
                keeper.state.partitions.insert(name.clone(), found);
            }
            keeper.targets.insert(name, partition.target.clone());
        }
        keeper.saved = keeper.values();
        Ok(keeper)
    }

    fn values(&self) -> BTreeMap<String, String> {
        let mut values: BTreeMap<_, _> = self
            .state
            .partitions
            .iter()
            .filter_map(|(name, state)| {
                let target = self.targets.get(name)?;
                Some((state_key(target), serde_json::json!(state).to_string()))
            })
            .collect();
        let record = WorkerRecord {
            producer: self.state.producer.clone(),
            began: self.state.began,
        };
        let key = worker_key(self.number, "state");
        values.insert(key, serde_json::json!(record).to_string());
        values
    }

    /// The records that bring the topic up to date.
    pub(crate) fn news(&mut self) -> Vec<ProgressRecord> {
        let values = self.values();
        let saved = &self.saved;
        let news = values
            .iter()
            .filter(|(key, value)| saved.get(*key) != Some(*value));
        let records = news.map(|(key, value)| ProgressRecord {
            key: key.clone(),
            value: Some(value.clone()),
        });
        let records = records.collect();
        self.pending = values;
        records
    }

    /// What [`Self::news`] gave last is written.
    pub(crate) fn written(&mut self) {
        self.saved = std::mem::take(&mut self.pending);
    }

    /// What is remembered.
    pub(crate) fn state(&self) -> &CopyState {
        &self.state
    }

    /// Changes what is remembered, in memory only.
    pub(crate) fn state_mut(&mut self) -> &mut CopyState {
        &mut self.state
    }

    /// What is remembered of source partition `partition`.
    pub(crate) fn partition(&self, partition: &TopicPartition) -> Option<&PartitionState> {
        self.state.partitions.get(&partition.to_string())
    }

    /// Changes what is remembered of source partition `partition`, in memory only.
    pub(crate) fn partition_mut(&mut self, partition: &TopicPartition) -> &mut PartitionState {
        self.state
            .partitions
            .entry(partition.to_string())
            .or_default()
    }
}

/// The state in the topic can't be understood.
pub(crate) fn unreadable(job: &CopyJob, source: ProgressError) -> CopyError {
    CopyError::Progress {
        topic: job.settings.progress_topic.to_string(),
        source,
    }
}
