//! Every operation can be awaited in a task that moves between threads. That it compiles is the test:
//! closures with borrowed arguments easily make a future that only looks as if it could.

use ferry_kafka::admin::configs::ConfigResource;
use ferry_kafka::admin::groups::Stability;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::admin::transactions::{Outcome, Producer};
use ferry_kafka::{Client, ClientSettings, CoordinatorKind, Lane};
use ferry_model::acl::AclBinding;
use ferry_model::group::CommittedOffset;
use ferry_model::identity::{BrokerId, Side};
use ferry_model::name::{GroupId, TopicName, TopicPartition};

fn sendable<T: Send>(_: T) {}

#[allow(dead_code, reason = "compiling it is the test")]
#[expect(clippy::too_many_arguments, reason = "one of each kind")]
fn every_operation_is_sendable(
    settings: ClientSettings,
    client: &Client,
    topics: &[TopicName],
    partitions: &[TopicPartition],
    group: &GroupId,
    offsets: &[CommittedOffset],
    new: &[NewTopic],
    bindings: &[AclBinding],
    resources: &[ConfigResource],
    producer: Producer,
) {
    let admin = client.admin();
    sendable(Client::connect(settings, Side::Source));
    sendable(client.refresh(topics));
    sendable(client.refresh_brokers());
    sendable(client.check_brokers());
    sendable(client.connection(BrokerId(1), Lane::Admin));
    sendable(client.coordinator("a", CoordinatorKind::Group));
    sendable(admin.describe_acls());
    sendable(admin.create_acls(bindings));
    sendable(admin.delete_acls(bindings));
    sendable(admin.describe_cluster());
    sendable(admin.broker_versions());
    sendable(admin.kafka_version());
    sendable(admin.describe_configs(resources));
    sendable(admin.list_groups());
    sendable(admin.describe_groups(std::slice::from_ref(group)));
    sendable(admin.committed_offsets(group, Stability::Stable));
    sendable(admin.commit_offsets(group, offsets));
    sendable(admin.delete_offsets(group, partitions));
    sendable(admin.delete_groups(std::slice::from_ref(group)));
    sendable(admin.log_dirs());
    sendable(admin.partition_sizes());
    sendable(admin.list_offsets(partitions, OffsetSpec::Latest));
    sendable(admin.offsets_for_leader_epochs(&[]));
    sendable(admin.describe_producers(partitions));
    sendable(admin.delete_records(&[]));
    sendable(admin.list_topics());
    sendable(admin.describe_topics(topics));
    sendable(admin.create_topics(new, Mode::Apply));
    sendable(admin.delete_topics(topics));
    sendable(admin.create_partitions(&[], Mode::Apply));
    sendable(admin.init_producer_id());
    sendable(admin.init_transactional_id("a", 1));
    sendable(admin.add_partitions_to_transaction("a", producer, partitions));
    sendable(admin.end_transaction("a", producer, Outcome::Commit));
    sendable(admin.list_transactions(&[]));
    sendable(admin.describe_transactions(&[]));
}

#[test]
fn every_operation_can_be_awaited_in_a_task_that_moves_between_threads() {
    // Compiled above.
}
