//! How much is read, and for how long.

use std::time::Duration;

/// How a discovery is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverOptions {
    /// How the logs of the source are sampled, which they are unless told; none for not at all.
    /// Without a sample no partition's shape is known before it is copied, and the topics of
    /// Connect are told by their names alone.
    pub sample: Option<SampleOptions>,
}

impl Default for DiscoverOptions {
    fn default() -> Self {
        Self {
            sample: Some(SampleOptions::default()),
        }
    }
}

/// Limits of the samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleOptions {
    /// Bytes that are read of one partition; 256 KiB unless told. A batch that is larger than this
    /// is still read whole, one per stretch.
    pub partition_bytes: u64,
    /// Bytes that are read of all partitions together; 512 MiB unless told. With many partitions
    /// each gets its share of it.
    pub total_bytes: u64,
    /// Bytes that one answer of a broker may have; 4 MiB unless told. One answer per broker is
    /// held at a time.
    pub response_bytes: u64,
    /// How long sampling may take in all; 30 s unless told.
    pub time_limit: Duration,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self {
            partition_bytes: 256 * 1024,
            total_bytes: 512 * 1024 * 1024,
            response_bytes: 4 * 1024 * 1024,
            time_limit: Duration::from_secs(30),
        }
    }
}
