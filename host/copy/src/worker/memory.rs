//! For how long the target's brokers remember a producer.

use ferry_kafka::admin::configs::ConfigResource;
use ferry_kafka::client::Client;
use ferry_kafka::task::now_ms;

/// `producer.id.expiration.ms` of Apache Kafka since 3.5. Older brokers remember for longer.
const EXPIRATION_MS_DEFAULT: i64 = 86_400_000;

/// For how long the target's brokers remember a producer, by the age of its records.
#[derive(Debug, Clone, Copy)]
pub(super) struct BrokerMemory {
    certain_ms: i64,
}

impl BrokerMemory {
    /// Asks a broker; where it does not tell, the default of Apache Kafka holds.
    pub(super) async fn of(target: &Client) -> Self {
        let expiration_ms = match expiration_ms(target).await {
            Some(ms) => ms,
            None => {
                tracing::debug!("the target does not tell its producer.id.expiration.ms");
                EXPIRATION_MS_DEFAULT
            }
        };
        // Half of it is left for clocks that differ and for batches that wait.
        Self {
            certain_ms: expiration_ms / 2,
        }
    }

    /// Brokers are certain to remember a producer whose last records are not older than this, in
    /// milliseconds since 1970.
    pub(super) fn since_ms(self) -> i64 {
        now_ms().saturating_sub(self.certain_ms)
    }
}

async fn expiration_ms(target: &Client) -> Option<i64> {
    let broker = ConfigResource::Broker(target.brokers().first()?.id);
    let described = target
        .admin()
        .describe_configs(std::slice::from_ref(&broker))
        .await;
    let (_, entries) = described.into_iter().next()?;
    let entry = entries
        .ok()?
        .into_iter()
        .find(|entry| entry.name == "producer.id.expiration.ms")?;
    entry.value?.parse().ok()
}
