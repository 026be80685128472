//! Fake brokers.

use super::Brokers;
use async_trait::async_trait;
use ferry_fake_kafka::{Door, FIRST_PORT, FakeKafka, Options, Release};
use ferry_kafka::Client;
use ferry_kafka::network::{Connecting, Network, Stream};
use ferry_kafka::settings::{Address, ClientSettings};
use ferry_model::identity::Side;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How often releases that can be told so look at the age of producers and of transactions.
const CHECK: Duration = Duration::from_secs(1);

/// A cluster of fake brokers in this process.
#[derive(Debug)]
pub struct FakeBrokers {
    kafka: FakeKafka,
    release: Release,
    count: i32,
}

impl FakeBrokers {
    /// So many brokers that imitate `release`. Call it inside of a runtime.
    #[must_use]
    pub fn new(release: Release, count: i32) -> Self {
        let mut options = Options {
            brokers: count as usize,
            release,
            transaction_check: CHECK,
            ..Options::of(release)
        };
        // The older one has no such setting.
        if release > Release::V2_8 {
            options.expiration_check = CHECK;
        }
        Self {
            kafka: FakeKafka::new(options),
            release,
            count,
        }
    }
}

#[async_trait]
impl Brokers for FakeBrokers {
    fn release(&self) -> Release {
        self.release
    }

    fn count(&self) -> i32 {
        self.count
    }

    fn now_ms(&self) -> i64 {
        self.kafka.now_ms()
    }

    async fn client(&self) -> Client {
        let addresses = (1..=self.count).map(|broker| format!("127.0.0.1:{}", port(broker)));
        let bootstrap = addresses.collect::<Vec<_>>().join(",");
        let properties = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap)]);
        let settings = ClientSettings::from_properties(&properties).expect("settings");
        let pipes = Arc::new(Pipes(self.kafka.door()));
        let client = Client::connect_over(settings, Side::Target, pipes).await;
        client.expect("a fake broker is reached")
    }

    async fn dial(&self, broker: i32) -> Box<dyn Stream> {
        let pipe = self.kafka.door().connect(broker);
        Box::new(pipe.expect("the broker is up"))
    }

    async fn restart(&self) {
        self.kafka.stop(1);
        self.kafka.start(1);
    }

    async fn stop(&self, broker: i32) {
        self.kafka.stop(broker);
    }

    async fn start(&self, broker: i32) {
        self.kafka.start(broker);
    }

    async fn deny(&self, topic: &str, denied: bool) {
        self.kafka.deny(topic, denied);
    }

    fn pause(&self, broker: i32) {
        self.kafka.pause(broker);
    }

    fn resume(&self, broker: i32) {
        self.kafka.resume(broker);
    }
}

/// The port that a broker says that it listens on.
fn port(broker: i32) -> i32 {
    i32::from(FIRST_PORT) + broker
}

/// The way to fake brokers. The port says which one is meant.
#[derive(Debug)]
struct Pipes(Door);

impl Network for Pipes {
    fn connect(&self, address: &Address) -> Connecting {
        let broker = i32::from(address.port) - i32::from(FIRST_PORT);
        let pipe = self.0.connect(broker);
        Box::pin(async move {
            let pipe = pipe.ok_or(io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(pipe) as Box<dyn Stream>)
        })
    }
}
