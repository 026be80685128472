//! Whether the principals may do what a migration does.

use super::{Outcome, ok, warning};
use ferry_kafka::{Client, problem_codes as codes};
use ferry_model::acl::AclOperation;
use ferry_model::identity::Side;
use ferry_model::name::{GroupId, TopicName};
use ferry_model::problem::{Explain as _, Problem};
use ferry_model::snapshot::AclFacts;

/// What copying asks of every topic of the source.
const READING: [AclOperation; 3] = [
    AclOperation::Describe,
    AclOperation::DescribeConfigs,
    AclOperation::Read,
];
/// Topics that are named one by one.
const NAMED_MAX: usize = 3;

/// The topics that the principal sees and, at the source, whether it may read them.
pub(super) async fn topics(client: &Client, side: Side) -> Result<Outcome, Problem> {
    let rights = client.admin().topic_rights().await;
    let rights = rights.map_err(|error| error.problem())?;
    let visible = format!("{} visible", rights.len());
    if side == Side::Target {
        return ok(visible);
    }
    if rights.is_empty() {
        return Err(Problem::new(
            codes::NOT_AUTHORIZED,
            format!("{side}: no topic is visible to the principal"),
        )
        .cause("it lacks READ on TOPIC, or the cluster is empty?")
        .next("grant READ and DESCRIBE_CONFIGS on TOPIC, then  ferry check  again"));
    }
    let told = rights.values().flatten().count();
    if told == 0 {
        return ok(format!("{visible}; these brokers do not tell rights"));
    }
    for operation in READING {
        let lacking: Vec<_> = rights
            .iter()
            .filter(|(_, rights)| rights.is_some_and(|rights| !rights.allow(operation)))
            .map(|(name, _)| name)
            .collect();
        if !lacking.is_empty() {
            return Err(lacks(side, operation, &topics_named(&lacking)));
        }
    }
    ok(format!("{visible}, all may be read"))
}

fn topics_named(names: &[&TopicName]) -> String {
    let shown: Vec<_> = names.iter().take(NAMED_MAX).map(|n| n.as_str()).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => format!("TOPIC {shown}"),
        more => format!("TOPIC {shown} and {more} more"),
    }
}

fn lacks(side: Side, operation: AclOperation, what: &str) -> Problem {
    Problem::new(
        codes::NOT_AUTHORIZED,
        format!("{side}: the principal lacks {operation} on {what}"),
    )
    .next("grant it, then  ferry check  again")
}

/// The groups that the principal sees, and whether it may describe them.
pub(super) async fn groups(client: &Client) -> Result<Outcome, Problem> {
    let admin = client.admin();
    let listed = admin.list_groups().await.map_err(|error| error.problem())?;
    let ids: Vec<GroupId> = listed.into_iter().map(|group| group.id).collect();
    for described in admin.describe_groups(&ids).await.into_values() {
        described.map_err(|error| error.problem())?;
    }
    ok(format!("{} visible", ids.len()))
}

/// Whether access control lists can be read and, at the target, created.
pub(super) async fn acls(client: &Client, side: Side) -> Result<Outcome, Problem> {
    let admin = client.admin();
    let facts = admin.describe_acls().await;
    let bindings = match facts.map_err(|error| error.problem())? {
        AclFacts::Bindings(bindings) => bindings.len(),
        AclFacts::NoAuthorizer => return ok("the brokers run without an authorizer"),
        AclFacts::NotAllowed => {
            return warning(format!(
                "can't be read: grant DESCRIBE on CLUSTER at the {side}, or do without them"
            ));
        }
    };
    if side == Side::Target {
        let rights = admin.cluster_rights().await;
        let rights = rights.map_err(|error| error.problem())?;
        if rights.is_some_and(|rights| !rights.allow(AclOperation::Alter)) {
            return Err(lacks(side, AclOperation::Alter, "CLUSTER kafka-cluster"));
        }
    }
    ok(format!("{bindings} bindings"))
}
