//! The access control lists of the applications.

use crate::accounts::APPLICATIONS;
use crate::error::EstateError;
use crate::rights;
use ferry_kafka::Client;
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::snapshot::AclFacts;

/// Makes them; returns them sorted, or none where the brokers have no authorizer.
pub(crate) async fn create(client: &Client) -> Result<Vec<AclBinding>, EstateError> {
    let present = client.admin().describe_acls().await;
    let present = present.map_err(EstateError::kafka("the access control lists"))?;
    if present == AclFacts::NoAuthorizer {
        return Ok(Vec::new());
    }
    let bindings = bindings();
    rights::grant(client, &bindings).await?;
    Ok(bindings)
}

/// Principal, operations, permission, resource and host of some bindings.
type Line<'a> = (
    &'a str,
    &'a [AclOperation],
    PermissionType,
    ResourceType,
    &'a str,
    PatternType,
    &'a str,
);

/// One of every kind that there is: literal and prefixed names, every name, allowed and forbidden,
/// from every host and from one, on every type of resource.
fn bindings() -> Vec<AclBinding> {
    use AclOperation::{All, Alter, Describe, IdempotentWrite, Read, Write};
    use PatternType::{Literal, Prefixed};
    use PermissionType::{Allow, Deny};
    use ResourceType::{Cluster, Group, Topic, TransactionalId};
    let [orders, pricing, billing, connect, analytics, legacy] =
        APPLICATIONS.map(|a| a.principal());
    let table: [Line<'_>; 20] = [
        (
            &orders,
            &[Read, Write, Describe],
            Allow,
            Topic,
            "ord.",
            Prefixed,
            "*",
        ),
        (
            &orders,
            &[Read, Write],
            Allow,
            Topic,
            "ord-us-created",
            Literal,
            "*",
        ),
        (&orders, &[Read], Allow, Group, "orders-", Prefixed, "*"),
        (
            &orders,
            &[Write, Describe],
            Allow,
            TransactionalId,
            "orders-tx",
            Literal,
            "*",
        ),
        (
            &pricing,
            &[Read, Write],
            Allow,
            Topic,
            "pricing_table",
            Literal,
            "*",
        ),
        (
            &pricing,
            &[Read],
            Allow,
            Topic,
            "tax_table",
            Literal,
            "10.20.0.15",
        ),
        (
            &pricing,
            &[Read],
            Allow,
            Group,
            "pricing-service",
            Literal,
            "*",
        ),
        (
            &billing,
            &[All],
            Allow,
            Topic,
            "billing-app-",
            Prefixed,
            "*",
        ),
        (
            &billing,
            &[Read],
            Allow,
            Topic,
            "ord-us-created",
            Literal,
            "*",
        ),
        (&billing, &[All], Allow, Group, "billing-app", Literal, "*"),
        (
            &billing,
            &[Write, Describe],
            Allow,
            TransactionalId,
            "billing-app",
            Prefixed,
            "*",
        ),
        (
            &billing,
            &[IdempotentWrite],
            Allow,
            Cluster,
            "kafka-cluster",
            Literal,
            "*",
        ),
        (
            &connect,
            &[Read],
            Allow,
            Topic,
            "ord.eu.created",
            Literal,
            "*",
        ),
        (&connect, &[Read], Allow, Topic, "OrdersEU", Literal, "*"),
        (&connect, &[Read], Allow, Group, "connect-", Prefixed, "*"),
        (&connect, &[All], Allow, Topic, "connect-", Prefixed, "*"),
        (
            &analytics,
            &[Read, Describe],
            Allow,
            Topic,
            "*",
            Literal,
            "*",
        ),
        (&analytics, &[Read], Deny, Topic, "payments.", Prefixed, "*"),
        (
            &legacy,
            &[Read, Write],
            Allow,
            Topic,
            "legacy.import",
            Literal,
            "10.1.2.3",
        ),
        (
            &legacy,
            &[Alter],
            Deny,
            Cluster,
            "kafka-cluster",
            Literal,
            "*",
        ),
    ];
    let mut bindings: Vec<AclBinding> = table
        .into_iter()
        .flat_map(
            |(principal, operations, permission, resource_type, name, pattern_type, host)| {
                operations.iter().map(move |operation| AclBinding {
                    resource_type,
                    resource_name: name.to_owned(),
                    pattern_type,
                    principal: principal.to_owned(),
                    host: host.to_owned(),
                    operation: *operation,
                    permission,
                })
            },
        )
        .collect();
    bindings.sort();
    bindings
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn six_principals_have_bindings_of_every_kind() {
        let bindings = bindings();
        let principals: BTreeSet<_> = bindings.iter().map(|acl| &acl.principal).collect();
        assert_eq!(principals.len(), 6);
        let any = |test: fn(&AclBinding) -> bool| bindings.iter().any(test);
        assert!(any(|acl| acl.permission == PermissionType::Deny));
        assert!(any(|acl| acl.host != "*"));
        assert!(any(|acl| acl.pattern_type == PatternType::Prefixed));
        assert!(any(|acl| acl.resource_name == "*"));
        for resource_type in [
            ResourceType::Topic,
            ResourceType::Group,
            ResourceType::Cluster,
            ResourceType::TransactionalId,
        ] {
            assert!(
                bindings
                    .iter()
                    .any(|acl| acl.resource_type == resource_type)
            );
        }
    }
}
