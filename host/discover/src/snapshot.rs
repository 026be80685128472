//! Both clusters at once.

use crate::cluster;
use crate::error::DiscoverError;
use crate::options::DiscoverOptions;
use crate::progress::Progress;
use ferry_kafka::Client;
use ferry_model::snapshot::{SNAPSHOT_FORMAT, Snapshot};
use futures_util::future::try_join;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reads both clusters, side by side. `progress` hears of each part as it is read, and of what the
/// snapshot has to do without.
///
/// The facts of one cluster are read one after the other while it lives on: offsets of a partition
/// fit together (log start <= last stable offset <= high watermark), those of different partitions
/// are some milliseconds to seconds apart.
///
/// # Errors
/// [`DiscoverError`] names what could not be read, and the right that is missing.
pub async fn discover<P>(
    source: &Client,
    target: &Client,
    options: &DiscoverOptions,
    progress: P,
) -> Result<Snapshot, DiscoverError>
where
    P: Fn(Progress) + Send + Sync,
{
    let taken_at_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    let (source, target) = try_join(
        Box::pin(cluster::read(source, options.sample.as_ref(), &progress)),
        Box::pin(cluster::read(target, None, &progress)),
    )
    .await?;
    Ok(Snapshot {
        format: SNAPSHOT_FORMAT,
        taken_at_ms,
        source,
        target,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_sent<T: Send>(_: &T) {}

    /// Never run: that it compiles is what counts.
    #[expect(dead_code, reason = "the compiler is the test")]
    fn a_discovery_can_be_spawned(client: &Client, options: &DiscoverOptions) {
        only_sent(&discover(client, client, options, |_| {}));
    }
}
