//! Consumer groups and what they committed.

use crate::cluster::notice;
use crate::codes;
use crate::error::DiscoverError;
use crate::progress::{Part, Progress};
use ferry_kafka::Client;
use ferry_kafka::admin::groups::{GroupDescription, ListedGroup, Stability};
use ferry_kafka::error::KafkaError;
use ferry_model::group::{GroupFacts, GroupMember, GroupState};
use ferry_model::name::GroupId;
use ferry_model::problem::Problem;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;

/// How many groups are asked about side by side.
const SIDE_BY_SIDE: usize = 16;

/// Every group that commits offsets. Share groups do not (KIP-932): they are noted and skipped.
pub(crate) async fn read<P: Fn(Progress) + Sync>(
    client: &Client,
    progress: &P,
) -> Result<BTreeMap<GroupId, GroupFacts>, DiscoverError> {
    let side = client.side();
    let listed = client.admin().list_groups().await;
    let listed = listed.map_err(|source| DiscoverError::Part {
        side,
        part: Part::Groups,
        source: Box::new(source),
    })?;
    let (share, listed): (Vec<_>, Vec<_>) = listed.into_iter().partition(is_share);
    if !share.is_empty() {
        let ids: Vec<GroupId> = share.into_iter().map(|group| group.id).collect();
        let what = format!("{side}: {} share groups are left out", ids.len());
        let problem = Problem::new(codes::GROUPS_SKIPPED, what)
            .cause("share groups have no committed offsets that could be moved (KIP-932)");
        notice(progress, problem, &ids);
    }
    let ids: Vec<GroupId> = listed.iter().map(|group| group.id.clone()).collect();
    let mut described = client.admin().describe_groups(&ids).await;
    let reads = listed.into_iter().map(|group| {
        let description = described.remove(&group.id);
        read_one(client, group, description)
    });
    let results: Vec<_> = futures_util::stream::iter(reads)
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    let mut groups = BTreeMap::new();
    let mut refused = Vec::new();
    for (id, result) in results {
        match result {
            Ok(Some(facts)) => drop(groups.insert(id, facts)),
            Ok(None) => tracing::info!(%side, group = %id, "deleted while it was read"),
            Err(error) => refused.push((id, error)),
        }
    }
    refused.sort_by(|one, two| one.0.cmp(&two.0));
    if let Some((_, source)) = refused.first().cloned() {
        return Err(DiscoverError::Groups {
            side,
            source: Box::new(source),
            groups: refused.into_iter().map(|(id, _)| id).collect(),
        });
    }
    progress(Progress::Read {
        side,
        part: Part::Groups,
        count: groups.len(),
    });
    Ok(groups)
}

fn is_share(group: &ListedGroup) -> bool {
    let is = |word: Option<&str>| word.is_some_and(|word| word.eq_ignore_ascii_case("share"));
    is(group.kind.as_deref()) || is(Some(&group.protocol_type))
}

async fn read_one(
    client: &Client,
    listed: ListedGroup,
    description: Option<Result<GroupDescription, KafkaError>>,
) -> (GroupId, Result<Option<GroupFacts>, KafkaError>) {
    let id = listed.id.clone();
    let description = match description {
        Some(Ok(description)) => Some(description),
        Some(Err(error)) => return (id, Err(error)),
        None => None,
    };
    let admin = client.admin();
    let offsets = admin.committed_offsets(&id, Stability::Latest).await;
    let facts = offsets.map(|offsets| {
        let facts = facts(listed, description, offsets);
        // Nothing is left of a group that was deleted meanwhile.
        let gone = facts.state == GroupState::Dead && facts.offsets.is_empty();
        (!gone).then_some(facts)
    });
    (id, facts)
}

/// What both answers say together.
fn facts(
    listed: ListedGroup,
    description: Option<GroupDescription>,
    offsets: Vec<ferry_model::group::CommittedOffset>,
) -> GroupFacts {
    let (state, protocol_type, mut members) = match description {
        Some(told) if told.state != GroupState::Dead => {
            let members = told.members.into_iter().map(|member| GroupMember {
                client_id: member.client_id,
                client_host: member.client_host,
            });
            (told.state, told.protocol_type, members.collect())
        }
        // A kind of group that the description does not know, such as that of KIP-1071: the list
        // knows its state.
        _ => (
            listed_state(listed.state.as_deref()),
            String::new(),
            Vec::new(),
        ),
    };
    members.sort_by(|one: &GroupMember, two| {
        (&one.client_id, &one.client_host).cmp(&(&two.client_id, &two.client_host))
    });
    GroupFacts {
        id: listed.id,
        state,
        protocol_type: if protocol_type.is_empty() {
            listed.protocol_type
        } else {
            protocol_type
        },
        members,
        offsets,
    }
}

fn listed_state(word: Option<&str>) -> GroupState {
    match word {
        Some("Empty") => GroupState::Empty,
        Some("Dead") | None => GroupState::Dead,
        Some(other) => GroupState::Active(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_kafka::admin::groups::MemberDescription;

    fn listed(protocol_type: &str, state: Option<&str>, kind: Option<&str>) -> ListedGroup {
        ListedGroup {
            id: GroupId::from("billing"),
            protocol_type: protocol_type.to_owned(),
            state: state.map(ToOwned::to_owned),
            kind: kind.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn share_groups_are_told_by_their_kind_and_by_their_protocol() {
        assert!(is_share(&listed("", None, Some("Share"))));
        assert!(is_share(&listed("share", None, None)));
        assert!(!is_share(&listed("consumer", None, Some("Consumer"))));
        assert!(!is_share(&listed("", None, None)), "one that only commits");
    }

    #[test]
    fn members_come_in_the_same_order_every_time() {
        let member = |client_id: &str, client_host: &str| MemberDescription {
            member_id: String::new(),
            instance_id: None,
            client_id: client_id.to_owned(),
            client_host: client_host.to_owned(),
        };
        let description = GroupDescription {
            state: GroupState::Active("Stable".to_owned()),
            protocol_type: "consumer".to_owned(),
            members: vec![
                member("b", "/10.0.0.1"),
                member("a", "/10.0.0.2"),
                member("a", "/10.0.0.1"),
            ],
        };
        let facts = facts(
            listed("consumer", None, None),
            Some(description),
            Vec::new(),
        );
        let order: Vec<_> = facts
            .members
            .iter()
            .map(|m| (&*m.client_id, &*m.client_host))
            .collect();
        assert_eq!(
            order,
            [("a", "/10.0.0.1"), ("a", "/10.0.0.2"), ("b", "/10.0.0.1")]
        );
    }

    #[test]
    fn a_group_of_a_kind_that_can_not_be_described_keeps_the_state_of_the_list() {
        let unknown = GroupDescription {
            state: GroupState::Dead,
            protocol_type: String::new(),
            members: Vec::new(),
        };
        let facts = facts(
            listed("streams", Some("Stable"), Some("Streams")),
            Some(unknown),
            Vec::new(),
        );
        assert_eq!(facts.state, GroupState::Active("Stable".to_owned()));
        assert_eq!(facts.protocol_type, "streams");
    }
}
