//! Real brokers, shared by all behaviours.

use super::Brokers;
use super::gate::Gate;
use async_trait::async_trait;
use ferry_fake_kafka::Release;
use ferry_kafka::Client;
use ferry_kafka::network::Stream;
use ferry_kafka::settings::ClientSettings;
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::identity::Side;
use ferry_testbed::{Cluster, ClusterBuilder, KafkaVersion, Listener, Node, StartError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;

/// How often brokers look at the age of producers and of transactions, in milliseconds.
const CHECK_MS: &str = "1000";

/// A cluster of Apache Kafka. When it is dropped, its processes are gone.
#[derive(Debug)]
pub struct RealBrokers {
    cluster: Cluster,
    release: Release,
    gate: Gate,
}

impl RealBrokers {
    /// Starts so many brokers of `release`.
    ///
    /// # Errors
    /// Says why they do not start.
    pub fn start_blocking(release: Release, count: i32) -> Result<Self, StartError> {
        Ok(Self {
            cluster: builder(release, count).start_blocking()?,
            release,
            gate: Gate::default(),
        })
    }

    /// Runs `work` beside others; one that `restarts` the brokers may do so.
    pub async fn shared<T>(&self, restarts: bool, work: impl Future<Output = T>) -> T {
        let _inside = self.gate.enter(restarts).await;
        work.await
    }

    /// Runs `work`, which may do anything to the brokers, when nobody else is at them.
    pub async fn alone<T>(&self, work: impl Future<Output = T>) -> T {
        let _alone = self.gate.alone().await;
        work.await
    }

    /// Keeps the logs when the brokers are dropped.
    pub fn keep_logs(&self) {
        self.cluster.keep_logs();
    }

    fn node(&self, broker: i32) -> Node {
        self.cluster.node(broker as u32)
    }
}

fn builder(release: Release, count: i32) -> ClusterBuilder {
    let version = match release {
        Release::V2_8 => KafkaVersion::V2_8,
        Release::V3_9 => KafkaVersion::V3_9,
        Release::V4_3 => KafkaVersion::V4_3,
    };
    Cluster::builder(version)
        .name(format!("behaviours-{}", version.release()))
        .nodes(count as u32)
        .listener(Listener::Plaintext)
        // Everybody may do everything but what is denied.
        .authorizer(true)
        .property("allow.everyone.if.no.acl.found", "true")
        .property("producer.id.expiration.check.interval.ms", CHECK_MS)
        .property(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            CHECK_MS,
        )
        // One that stands still for a moment stays in sync, as far as the controller knows.
        .property("broker.session.timeout.ms", "18000")
}

#[async_trait]
impl Brokers for RealBrokers {
    fn release(&self) -> Release {
        self.release
    }

    fn count(&self) -> i32 {
        self.cluster.nodes().count() as i32
    }

    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_millis() as i64)
    }

    async fn client(&self) -> Client {
        let properties = self.cluster.client_properties(Listener::Plaintext, "");
        let settings = ClientSettings::from_properties(&properties).expect("settings");
        let client = Client::connect(settings, Side::Target).await;
        client.expect("a broker is reached")
    }

    async fn dial(&self, broker: i32) -> Box<dyn Stream> {
        let port = self.node(broker).port(Listener::Plaintext);
        let address = ("127.0.0.1", port.expect("there is such a listener"));
        let stream = TcpStream::connect(address).await;
        Box::new(stream.expect("the broker is reached"))
    }

    async fn restart(&self) {
        let restart = async {
            self.node(1).restart().await.expect("restarts");
        };
        self.gate.restart(restart).await;
    }

    async fn stop(&self, broker: i32) {
        self.node(broker).stop().await.expect("stops");
    }

    async fn start(&self, broker: i32) {
        self.node(broker).restart().await.expect("starts");
    }

    async fn deny(&self, topic: &str, denied: bool) {
        let nothing = binding(ResourceType::Topic, topic, AclOperation::All, DENY);
        let client = self.client().await;
        if denied {
            // Who may act as a broker may ask for epochs, and who may delete the cluster's topics may
            // delete each, whatever the rights on it: see that nobody may.
            let cluster = |operation, permission| {
                binding(
                    ResourceType::Cluster,
                    "kafka-cluster",
                    operation,
                    permission,
                )
            };
            let bindings = [
                cluster(AclOperation::All, ALLOW),
                cluster(AclOperation::ClusterAction, DENY),
                cluster(AclOperation::Delete, DENY),
                nothing,
            ];
            let made = client.admin().create_acls(&bindings).await;
            let mut made = made.expect("is answered").into_values();
            assert!(made.all(|result| result.is_ok()));
        } else {
            let gone = client.admin().delete_acls(&[nothing]).await;
            let mut gone = gone.expect("is answered").into_values();
            assert!(gone.all(|result| result.is_ok_and(|found| found)));
        }
    }

    fn pause(&self, broker: i32) {
        self.node(broker).pause().expect("stands still");
    }

    fn resume(&self, broker: i32) {
        self.node(broker).resume().expect("goes on");
    }
}

const ALLOW: PermissionType = PermissionType::Allow;
const DENY: PermissionType = PermissionType::Deny;

/// A right, or the lack of it, of every client.
fn binding(
    resource_type: ResourceType,
    name: &str,
    operation: AclOperation,
    permission: PermissionType,
) -> AclBinding {
    AclBinding {
        resource_type,
        resource_name: name.to_owned(),
        pattern_type: PatternType::Literal,
        principal: "User:ANONYMOUS".to_owned(),
        host: "*".to_owned(),
        operation,
        permission,
    }
}
