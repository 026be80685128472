//! Access control lists.

use super::{Admin, PerItem};
use crate::client::answered;
use crate::connection::Connection;
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::request::Request;
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::snapshot::AclFacts;
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::{
    CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest, DescribeAclsResponse,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

/// How many bindings one request changes.
const BINDINGS_PER_REQUEST: usize = 500;

/// The code that matches everything in a filter.
const ANY: i8 = 1;

impl Admin {
    /// Every binding, sorted; or that the brokers have no authorizer, or that the principal may not
    /// describe them.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers, or with something other than those two refusals; and
    /// for a binding in words that this version does not know, because leaving one out could open a
    /// door.
    pub async fn describe_acls(&self) -> Result<AclFacts, KafkaError> {
        let request = DescribeAclsRequest::default()
            .with_resource_type_filter(ANY)
            .with_resource_name_filter(None)
            .with_pattern_type_filter(ANY)
            .with_principal_filter(None)
            .with_host_filter(None)
            .with_operation(ANY)
            .with_permission_type(ANY);
        self.client
            .retrying(DescribeAclsRequest::API, Repeat::Safe, async || {
                let connection = self.client.any_connection().await?;
                let response = connection.call(&request).await?;
                match ErrorCode(response.error_code) {
                    ErrorCode::NONE => bindings(&connection, &response).map(AclFacts::Bindings),
                    ErrorCode::SECURITY_DISABLED => Ok(AclFacts::NoAuthorizer),
                    ErrorCode::CLUSTER_AUTHORIZATION_FAILED => Ok(AclFacts::NotAllowed),
                    code => Err(answered::<DescribeAclsRequest>(
                        connection.peer(),
                        Some(Subject::Cluster),
                        code,
                        response.error_message.as_ref(),
                    )),
                }
            })
            .await
    }

    /// Creates bindings; one that exists already is left as it is.
    ///
    /// # Errors
    /// [`KafkaError`] when a request fails as a whole, as with `SECURITY_DISABLED`; bindings of
    /// earlier requests exist then.
    pub async fn create_acls(
        &self,
        bindings: &[AclBinding],
    ) -> Result<PerItem<AclBinding, ()>, KafkaError> {
        let mut done = BTreeMap::new();
        for chunk in bindings.chunks(BINDINGS_PER_REQUEST) {
            let request =
                CreateAclsRequest::default().with_creations(chunk.iter().map(creation).collect());
            let (connection, response) = self.call_acls(&request).await?;
            let results = response.results.iter().map(|result| {
                let code = ErrorCode(result.error_code);
                (code, result.error_message.as_ref(), ())
            });
            done.extend(pair::<CreateAclsRequest, _>(&connection, chunk, results));
        }
        Ok(done)
    }

    /// Deletes exactly these bindings; the result is whether each was there.
    ///
    /// # Errors
    /// [`KafkaError`] when a request fails as a whole; bindings of earlier requests are gone then.
    pub async fn delete_acls(
        &self,
        bindings: &[AclBinding],
    ) -> Result<PerItem<AclBinding, bool>, KafkaError> {
        let mut done = BTreeMap::new();
        for chunk in bindings.chunks(BINDINGS_PER_REQUEST) {
            let request =
                DeleteAclsRequest::default().with_filters(chunk.iter().map(filter).collect());
            let (connection, response) = self.call_acls(&request).await?;
            let results = response.filter_results.iter().map(|result| {
                let failed = result.matching_acls.iter().find(|acl| acl.error_code != 0);
                let code = failed.map_or(result.error_code, |acl| acl.error_code);
                let message = result.error_message.as_ref();
                (ErrorCode(code), message, !result.matching_acls.is_empty())
            });
            done.extend(pair::<DeleteAclsRequest, _>(&connection, chunk, results));
        }
        Ok(done)
    }

    async fn call_acls<R: Request>(
        &self,
        request: &R,
    ) -> Result<(Connection, R::Response), KafkaError> {
        self.client
            .retrying(R::API, Repeat::Safe, async || {
                let connection = self.client.controller_connection().await?;
                let response = connection.call(request).await?;
                Ok((connection, response))
            })
            .await
    }
}

/// Answers stand in the order of what was asked.
fn pair<'a, R: Request, T>(
    connection: &Connection,
    bindings: &[AclBinding],
    results: impl Iterator<Item = (ErrorCode, Option<&'a StrBytes>, T)>,
) -> PerItem<AclBinding, T> {
    let subject = |binding: &AclBinding| Subject::Other(format!("the ACL {binding}"));
    let mut paired = BTreeMap::new();
    for (binding, (code, message, value)) in bindings.iter().zip(results) {
        let result = match code.ok() {
            true => Ok(value),
            false => {
                let subject = Some(subject(binding));
                Err(answered::<R>(connection.peer(), subject, code, message))
            }
        };
        paired.insert(binding.clone(), result);
    }
    for binding in bindings {
        paired.entry(binding.clone()).or_insert_with(|| {
            let (peer, subject) = (connection.peer().clone(), subject(binding));
            Err(KafkaError::LeftOut {
                peer,
                api: R::API,
                subject,
            })
        });
    }
    paired
}

fn bindings(
    connection: &Connection,
    response: &DescribeAclsResponse,
) -> Result<Vec<AclBinding>, KafkaError> {
    let unknown = |what: &str, code: i8| KafkaError::Decode {
        peer: connection.peer().clone(),
        api: DescribeAclsRequest::API,
        version: connection.version::<DescribeAclsRequest>().unwrap_or(-1),
        detail: format!("an ACL has the {what} {code}, which this version does not know"),
    };
    let mut list = Vec::new();
    for resource in &response.resources {
        let resource_type = ResourceType::from_code(resource.resource_type)
            .ok_or_else(|| unknown("resource type", resource.resource_type))?;
        let pattern_type = PatternType::from_code(resource.pattern_type)
            .ok_or_else(|| unknown("pattern type", resource.pattern_type))?;
        for acl in &resource.acls {
            list.push(AclBinding {
                resource_type,
                resource_name: resource.resource_name.to_string(),
                pattern_type,
                principal: acl.principal.to_string(),
                host: acl.host.to_string(),
                operation: AclOperation::from_code(acl.operation)
                    .ok_or_else(|| unknown("operation", acl.operation))?,
                permission: PermissionType::from_code(acl.permission_type)
                    .ok_or_else(|| unknown("permission", acl.permission_type))?,
            });
        }
    }
    list.sort();
    Ok(list)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn creation(binding: &AclBinding) -> AclCreation {
    AclCreation::default()
        .with_resource_type(binding.resource_type.code())
        .with_resource_name(text(&binding.resource_name))
        .with_resource_pattern_type(binding.pattern_type.code())
        .with_principal(text(&binding.principal))
        .with_host(text(&binding.host))
        .with_operation(binding.operation.code())
        .with_permission_type(binding.permission.code())
}

fn filter(binding: &AclBinding) -> DeleteAclsFilter {
    DeleteAclsFilter::default()
        .with_resource_type_filter(binding.resource_type.code())
        .with_resource_name_filter(Some(text(&binding.resource_name)))
        .with_pattern_type_filter(binding.pattern_type.code())
        .with_principal_filter(Some(text(&binding.principal)))
        .with_host_filter(Some(text(&binding.host)))
        .with_operation(binding.operation.code())
        .with_permission_type(binding.permission.code())
}
