//! What the copy remembers between runs on this host, in one file.
//!
//! The target's log says how far a partition with kept offsets has come, and the progress topic how
//! far a translated one; here stands what neither can tell: the producer, paddings that were begun,
//! partitions that are translated though they were to be kept, and checkpoints to prove at the next
//! start that the source still has the history that was copied.

use ferry_model::identity::{ClusterId, TopicId};
use ferry_model::name::TopicPartition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::halt::Halt;

/// The version of the file's format.
pub const STATE_FORMAT: u32 = 1;

/// What the copy remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyState {
    /// [`STATE_FORMAT`] of the writer.
    pub format: u32,
    /// The producer that everything with kept offsets is written with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<ProducerState>,
    /// Per partition of the source, as `topic-partition`.
    pub partitions: BTreeMap<String, PartitionState>,
    /// Whether a copy has ever begun, so that something may still be on its way to the target.
    #[serde(default)]
    pub began: bool,
}

/// The producer of one migration at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerState {
    /// The cluster that gave the id.
    pub cluster_id: ClusterId,
    /// The producer's id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
}

/// What is remembered of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// The id of the source topic when the copy began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_topic_id: Option<TopicId>,
    /// The id of the target topic when the copy began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_topic_id: Option<TopicId>,
    /// Where a padding ends that has been begun and is not deleted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding_to: Option<i64>,
    /// Why the offsets are translated from some point on though they were to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated_because: Option<String>,
    /// Everything before this source offset was acknowledged at the last checkpoint.
    #[serde(default)]
    pub acknowledged: i64,
    /// The source's leader epoch of the last batch before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_epoch: Option<i32>,
    /// Why the partition stopped, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
}

/// The state file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Reading or writing failed.
    #[error("{} can't be {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: `read` or `written`.
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file holds something else than a state.
    #[error("{} is not a copy state: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The state in memory with the file behind it.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    state: CopyState,
}

impl StateFile {
    /// Opens the state at `path`; a file that is not there is an empty state.
    ///
    /// # Errors
    /// [`StateError`] when the file can't be read or understood.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let path = path.into();
        let state = match std::fs::read(&path) {
            Ok(bytes) => parse(&path, &bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => CopyState {
                format: STATE_FORMAT,
                ..CopyState::default()
            },
            Err(source) => {
                return Err(StateError::Io {
                    path,
                    action: "read",
                    source,
                });
            }
        };
        Ok(Self { path, state })
    }

    /// What is remembered.
    #[must_use]
    pub fn state(&self) -> &CopyState {
        &self.state
    }

    /// What is remembered of source partition `partition`.
    #[must_use]
    pub fn partition(&self, partition: &TopicPartition) -> Option<&PartitionState> {
        self.state.partitions.get(&partition.to_string())
    }

    /// Changes what is remembered of source partition `partition`, in memory only.
    pub fn partition_mut(&mut self, partition: &TopicPartition) -> &mut PartitionState {
        self.state
            .partitions
            .entry(partition.to_string())
            .or_default()
    }

    /// Forgets source partition `partition`, in memory only.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.state.partitions.remove(&partition.to_string());
    }

    /// Changes what is remembered, in memory only.
    pub fn state_mut(&mut self) -> &mut CopyState {
        &mut self.state
    }

    /// Writes the state: a new file takes the old one's place once it is on disk.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn save(&self) -> Result<(), StateError> {
        let failed = |source| StateError::Io {
            path: self.path.clone(),
            action: "written",
            source,
        };
        let bytes = serde_json::to_vec(&self.state).map_err(|e| failed(e.into()))?;
        write_whole(&self.path, &bytes).map_err(failed)
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<CopyState, StateError> {
    let malformed = |reason| StateError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let state: CopyState =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if state.format == STATE_FORMAT {
        Ok(state)
    } else {
        Err(malformed(format!(
            "format {}; this version reads {STATE_FORMAT}",
            state.format
        )))
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fresh = path.with_extension("json.new");
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    std::fs::File::open(folder)?.sync_all()
}
