//! Which right of the principal an answer points to.

use crate::error::Subject;
use crate::error_code::ErrorCode;
use crate::request::Api;

/// The right that the principal lacks, as `WRITE on TOPIC orders`; none where `code` does not speak
/// of rights (Apache Kafka, "Authorization and ACLs", table of operations per API).
pub(crate) fn missing_right(
    api: Api,
    code: ErrorCode,
    subject: Option<&Subject>,
) -> Option<String> {
    let (operation, resource) = match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => (topic_operation(api), "TOPIC"),
        ErrorCode::GROUP_AUTHORIZATION_FAILED => (group_operation(api), "GROUP"),
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => (cluster_operation(api), "CLUSTER"),
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => {
            (transactional_operation(api), "TRANSACTIONAL_ID")
        }
        _ => return None,
    };
    let name = match (resource, subject) {
        ("CLUSTER", _) => "kafka-cluster".to_owned(),
        (_, Some(Subject::Topic(topic))) => topic.to_string(),
        (_, Some(Subject::Partition(partition))) => partition.topic.to_string(),
        (_, Some(Subject::Group(group))) => group.to_string(),
        (_, Some(Subject::TransactionalId(id))) => id.clone(),
        _ => "(not named)".to_owned(),
    };
    Some(format!("{operation} on {resource} {name}"))
}

fn topic_operation(api: Api) -> &'static str {
    match api.name {
        "Produce" | "AddPartitionsToTxn" => "WRITE",
        "Fetch" | "DescribeProducers" | "OffsetCommit" | "TxnOffsetCommit" | "OffsetDelete" => {
            "READ"
        }
        "CreateTopics" => "CREATE",
        "DeleteTopics" | "DeleteRecords" => "DELETE",
        "CreatePartitions" => "ALTER",
        "DescribeConfigs" => "DESCRIBE_CONFIGS",
        "IncrementalAlterConfigs" => "ALTER_CONFIGS",
        _ => "DESCRIBE",
    }
}

fn group_operation(api: Api) -> &'static str {
    match api.name {
        "OffsetCommit" | "TxnOffsetCommit" | "LeaveGroup" => "READ",
        "OffsetDelete" | "DeleteGroups" => "DELETE",
        _ => "DESCRIBE",
    }
}

fn cluster_operation(api: Api) -> &'static str {
    match api.name {
        "CreateTopics" => "CREATE",
        "InitProducerId" | "Produce" => "IDEMPOTENT_WRITE",
        "CreateAcls" | "DeleteAcls" => "ALTER",
        "DescribeConfigs" => "DESCRIBE_CONFIGS",
        "IncrementalAlterConfigs" => "ALTER_CONFIGS",
        _ => "DESCRIBE",
    }
}

fn transactional_operation(api: Api) -> &'static str {
    match api.name {
        "DescribeTransactions" | "ListTransactions" | "FindCoordinator" => "DESCRIBE",
        _ => "WRITE",
    }
}
