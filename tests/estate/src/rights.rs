//! What Ferry's own principals need, and no more.

use crate::error::EstateError;
use ferry_kafka::Client;
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};

/// The start of every transactional id that Ferry uses.
pub const TRANSACTIONAL_ID_PREFIX: &str = "ferry-";

/// What `principal` needs to read a source: every topic with its configuration, every group, the
/// brokers' access control lists and sizes on disk. It may change nothing.
#[must_use]
pub fn source(principal: &str) -> Vec<AclBinding> {
    use AclOperation::{Describe, DescribeConfigs, Read};
    let of = Rights { principal };
    [
        of.every(ResourceType::Topic, &[Read, DescribeConfigs]),
        of.every(ResourceType::Group, &[Describe]),
        of.cluster(&[Describe]),
    ]
    .concat()
}

/// What `principal` needs to move into a target, and nothing that another right includes: READ,
/// WRITE, DELETE and ALTER include DESCRIBE, and ALTER_CONFIGS includes DESCRIBE_CONFIGS (Apache
/// Kafka, "Authorization and ACLs"). Brokers before 2.8 want IDEMPOTENT_WRITE on the cluster as well.
///
/// - Topics: CREATE and DELETE (what a rollback takes back, and records that only padded a log),
///   WRITE, READ (verification, and what producers left behind), ALTER (partitions), ALTER_CONFIGS
///   (settings for the copy).
/// - Groups: READ to commit their offsets, DELETE to take them back.
/// - Transactional ids that start with [`TRANSACTIONAL_ID_PREFIX`]: WRITE.
/// - The cluster: ALTER (access control lists), DESCRIBE_CONFIGS (how long the brokers remember
///   producers).
#[must_use]
pub fn target(principal: &str) -> Vec<AclBinding> {
    use AclOperation::{Alter, AlterConfigs, Create, Delete, DescribeConfigs, Read, Write};
    let of = Rights { principal };
    let prefixed = PatternType::Prefixed;
    [
        of.every(
            ResourceType::Topic,
            &[Create, Delete, Write, Read, Alter, AlterConfigs],
        ),
        of.every(ResourceType::Group, &[Read, Delete]),
        of.all(
            ResourceType::TransactionalId,
            TRANSACTIONAL_ID_PREFIX,
            prefixed,
            &[Write],
        ),
        of.cluster(&[Alter, DescribeConfigs]),
    ]
    .concat()
}

/// Gives these rights, as a principal that may.
///
/// # Errors
/// [`EstateError::Kafka`] or [`EstateError::Refused`], naming the right.
pub async fn grant(admin: &Client, rights: &[AclBinding]) -> Result<(), EstateError> {
    let created = admin.admin().create_acls(rights).await;
    let created = created.map_err(EstateError::kafka("access control lists"))?;
    for (binding, result) in created {
        result.map_err(EstateError::refused(binding.to_string()))?;
    }
    Ok(())
}

struct Rights<'a> {
    principal: &'a str,
}

impl Rights<'_> {
    fn all(
        &self,
        resource_type: ResourceType,
        resource_name: &str,
        pattern_type: PatternType,
        operations: &[AclOperation],
    ) -> Vec<AclBinding> {
        let binding = |operation: &AclOperation| AclBinding {
            resource_type,
            resource_name: resource_name.to_owned(),
            pattern_type,
            principal: self.principal.to_owned(),
            host: "*".to_owned(),
            operation: *operation,
            permission: PermissionType::Allow,
        };
        operations.iter().map(binding).collect()
    }

    fn every(&self, resource_type: ResourceType, operations: &[AclOperation]) -> Vec<AclBinding> {
        self.all(resource_type, "*", PatternType::Literal, operations)
    }

    fn cluster(&self, operations: &[AclOperation]) -> Vec<AclBinding> {
        let name = "kafka-cluster";
        self.all(
            ResourceType::Cluster,
            name,
            PatternType::Literal,
            operations,
        )
    }
}
