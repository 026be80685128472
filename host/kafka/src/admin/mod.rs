//! Operations on the cluster, one file for each noun.
//!
//! Results are per item: one bad topic does not fail the rest. Every operation is retried within
//! `default.api.timeout.ms` where the error says that this helps and repeating it is safe; a write
//! whose outcome is not known comes back as such.

pub mod acls;
pub mod cluster;
pub mod configs;
pub mod groups;
pub mod log_dirs;
pub mod offsets;
pub mod producers;
pub mod records;
pub mod rights;
pub mod topics;
pub mod transactions;

use crate::client::Client;
use crate::error::KafkaError;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;

/// Results by item.
pub type PerItem<K, T> = BTreeMap<K, Result<T, KafkaError>>;

/// How many operations about single items run side by side.
const SIDE_BY_SIDE: usize = 16;

/// The operations of a client on its cluster.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
}

impl Client {
    /// Operations on the cluster.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin {
            client: self.clone(),
        }
    }
}

/// Runs futures side by side, at most [`SIDE_BY_SIDE`] at once.
async fn side_by_side<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    futures_util::stream::iter(futures)
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await
}
