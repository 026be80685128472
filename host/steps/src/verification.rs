//! The result of a verification, as it is kept and shown.

use ferry_copy::verify::PartitionVerdict;
use ferry_copy::verify::difference::Difference;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::Path;

/// The result of comparing everything that was copied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// When it ended, in milliseconds since 1970.
    pub ended_at_ms: i64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Every partition.
    pub partitions: Vec<PartitionResult>,
}

/// The result for one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionResult {
    /// The partition at the source, as `topic-partition`.
    pub source: String,
    /// The partition at the target.
    pub target: String,
    /// From and to offset of what was compared at the source.
    pub source_range: (i64, i64),
    /// From and to offset of what was compared at the target.
    pub target_range: (i64, i64),
    /// Records read at the source.
    pub source_records: u64,
    /// Records read at the target.
    pub target_records: u64,
    /// Digest of what was read at the source.
    pub source_digest: String,
    /// Digest of what was read at the target.
    pub target_digest: String,
    /// Offsets of the source beyond what was copied.
    pub lag: i64,
    /// How many differences there are.
    pub differences_total: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Records that only one side's cleaner has taken so far.
    pub explained_by_compaction: u64,
    /// Fillers at the target that its cleaner has not taken yet.
    #[serde(default)]
    pub fillers: u64,
    /// Why it could not be compared, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl PartitionResult {
    /// Whether both sides agree to the end of the source.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.failed.is_none() && self.lag == 0 && self.differences_total == 0
    }
}

impl From<&PartitionVerdict> for PartitionResult {
    fn from(verdict: &PartitionVerdict) -> Self {
        let mut result = Self {
            source: verdict.source.to_string(),
            target: verdict.target.to_string(),
            source_range: verdict.source_range,
            target_range: verdict.target_range,
            source_records: 0,
            target_records: 0,
            source_digest: String::new(),
            target_digest: String::new(),
            lag: verdict.lag,
            differences_total: 0,
            differences: Vec::new(),
            explained_by_compaction: 0,
            fillers: 0,
            failed: None,
        };
        match &verdict.compared {
            Ok(compared) => {
                result.source_records = compared.source_records;
                result.target_records = compared.target_records;
                result.source_digest = compared.source_digest.to_string();
                result.target_digest = compared.target_digest.to_string();
                result.differences_total = compared.differences_total;
                result.differences.clone_from(&compared.differences);
                result.explained_by_compaction = compared.explained_by_compaction;
                result.fillers = compared.fillers;
            }
            Err(reason) => result.failed = Some(reason.clone()),
        }
        result
    }
}

impl Verification {
    /// Whether every partition agrees.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.partitions.iter().all(PartitionResult::agrees)
    }

    /// Differences of all partitions.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.differences_total)
            .sum()
    }

    /// Records compared at the source.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.source_records)
            .sum()
    }

    /// Reads a result that was kept; none where there is none.
    ///
    /// # Errors
    /// What the system says, or that the file is not a result.
    pub fn load(path: &Path) -> std::io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the result: a new file takes the old one's place once it is on disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let fresh = path.with_extension("json.new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        std::fs::rename(fresh, path)
    }
}
