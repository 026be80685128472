//! Consumer groups: what there is, what they committed, changing both.

use super::{Admin, PerItem, side_by_side};
use crate::client::{answered, wire};
use crate::connection::Connection;
use crate::coordinator::CoordinatorKind;
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::pool::Lane;
use crate::request::Request;
use ferry_model::group::{CommittedOffset, GroupState};
use ferry_model::name::{GroupId, PartitionIndex, TopicName, TopicPartition};
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    self, ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, OffsetFetchResponse,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

/// From this version on committed offsets are asked for group by group (KIP-709).
const FETCH_BY_GROUP_FROM: i16 = 8;

/// From this version on only offsets outside of open transactions can be asked for (KIP-447).
const REQUIRE_STABLE_FROM: i16 = 7;

/// A group as brokers list it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedGroup {
    /// Its id.
    pub id: GroupId,
    /// `consumer`, `connect`, ...; empty for groups that only commit.
    pub protocol_type: String,
    /// Its state, where brokers tell it (KIP-518): `Stable`, `Empty` ...
    pub state: Option<String>,
    /// `classic`, `consumer`, `share` ..., where brokers tell it (KIP-848).
    pub kind: Option<String>,
}

/// A group as its coordinator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its state.
    pub state: GroupState,
    /// `consumer`, `connect`, ...
    pub protocol_type: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// `group.instance.id`, for static members.
    pub instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The address that it came from.
    pub client_host: String,
}

/// Which committed offsets are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// The latest ones, even where an open transaction is about to change them.
    Latest,
    /// Only once no open transaction holds any of them back: waits within the time limit.
    Stable,
}

impl Admin {
    /// Every group of every broker, by id.
    ///
    /// # Errors
    /// [`KafkaError`] when any broker does not answer: the list would lack groups.
    pub async fn list_groups(&self) -> Result<Vec<ListedGroup>, KafkaError> {
        self.client.refresh_brokers().await?;
        let lists = self.client.brokers().into_iter().map(async |broker| {
            self.client
                .retrying(ListGroupsRequest::API, Repeat::Safe, async || {
                    let connection = self.client.connection(broker.id, Lane::Admin).await?;
                    list(&connection).await
                })
                .await
        });
        let mut groups = Vec::new();
        for list in side_by_side(lists.collect()).await {
            groups.extend(list?);
        }
        groups.sort();
        groups.dedup_by(|one, two| one.id == two.id);
        Ok(groups)
    }

    /// Describes groups of the classic and of the consumer protocol. One that does not exist is
    /// [`Dead`](GroupState::Dead), and so is one of another protocol: see [`ListedGroup::kind`].
    pub async fn describe_groups(&self, groups: &[GroupId]) -> PerItem<GroupId, GroupDescription> {
        let described = groups.iter().map(async |group| {
            let classic = self
                .on_group_coordinator(
                    DescribeGroupsRequest::API,
                    Repeat::Safe,
                    group,
                    async |connection| describe_classic(&connection, group).await,
                )
                .await;
            // A group of the new protocol is unknown to the old question.
            let result = match classic {
                Ok(GroupDescription {
                    state: GroupState::Dead,
                    ..
                }) => self.describe_modern(group).await,
                other => other,
            };
            (group.clone(), result)
        });
        side_by_side(described.collect())
            .await
            .into_iter()
            .collect()
    }

    async fn describe_modern(&self, group: &GroupId) -> Result<GroupDescription, KafkaError> {
        let api = ConsumerGroupDescribeRequest::API;
        self.on_group_coordinator(api, Repeat::Safe, group, async |connection| {
            if connection
                .version::<ConsumerGroupDescribeRequest>()
                .is_none()
            {
                return Ok(dead());
            }
            describe_consumer(&connection, group).await
        })
        .await
    }

    /// Everything that a group has committed, with metadata, by partition. A group without commits
    /// gives an empty list.
    ///
    /// # Errors
    /// [`KafkaError`]: the principal lacks DESCRIBE, or no coordinator answers in time.
    pub async fn committed_offsets(
        &self,
        group: &GroupId,
        stability: Stability,
    ) -> Result<Vec<CommittedOffset>, KafkaError> {
        let api = OffsetFetchRequest::API;
        self.on_group_coordinator(api, Repeat::Safe, group, async |connection| {
            fetch_committed(&connection, group, stability).await
        })
        .await
    }

    /// Commits offsets as a simple consumer, which the coordinator allows while the group has no
    /// members. With members the result of each partition is `UNKNOWN_MEMBER_ID`.
    ///
    /// # Errors
    /// [`KafkaError`] when the request fails as a whole.
    pub async fn commit_offsets(
        &self,
        group: &GroupId,
        offsets: &[CommittedOffset],
    ) -> Result<PerItem<TopicPartition, ()>, KafkaError> {
        let request = commit_request(group, offsets);
        let api = OffsetCommitRequest::API;
        self.on_group_coordinator(api, Repeat::Safe, group, async |connection| {
            let response = connection.call(&request).await?;
            let told = response.topics.iter().flat_map(|topic| {
                let told = |p: &messages::offset_commit_response::OffsetCommitResponsePartition| {
                    (p.partition_index, p.error_code)
                };
                topic
                    .partitions
                    .iter()
                    .map(move |p| (topic.name.to_string(), told(p)))
            });
            let asked = offsets.iter().map(|offset| &offset.partition);
            by_partition::<OffsetCommitRequest>(&connection, group, asked, told)
        })
        .await
    }

    /// Deletes committed offsets of partitions that the group does not consume (KIP-496).
    ///
    /// # Errors
    /// [`KafkaError`] when the request fails as a whole, as with `NON_EMPTY_GROUP`.
    pub async fn delete_offsets(
        &self,
        group: &GroupId,
        partitions: &[TopicPartition],
    ) -> Result<PerItem<TopicPartition, ()>, KafkaError> {
        let topics = by_topic(partitions.iter().map(|p| (p, p.partition)));
        let topics = topics.into_iter().map(|(name, partitions)| {
            let partition =
                |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
            OffsetDeleteRequestTopic::default()
                .with_name(wire(name))
                .with_partitions(partitions.into_iter().map(partition).collect())
        });
        let request = OffsetDeleteRequest::default()
            .with_group_id(wire_group(group))
            .with_topics(topics.collect());
        let api = OffsetDeleteRequest::API;
        self.on_group_coordinator(api, Repeat::Safe, group, async |connection| {
            let response = connection.call(&request).await?;
            fail::<OffsetDeleteRequest>(&connection, group, response.error_code)?;
            let told = response.topics.iter().flat_map(|topic| {
                let told = |p: &messages::offset_delete_response::OffsetDeleteResponsePartition| {
                    (p.partition_index, p.error_code)
                };
                topic
                    .partitions
                    .iter()
                    .map(move |p| (topic.name.to_string(), told(p)))
            });
            by_partition::<OffsetDeleteRequest>(&connection, group, partitions.iter(), told)
        })
        .await
    }

    /// Deletes groups, with all that they committed. They must have no members.
    pub async fn delete_groups(&self, groups: &[GroupId]) -> PerItem<GroupId, ()> {
        let deleted = groups.iter().map(async |group| {
            let request = DeleteGroupsRequest::default().with_groups_names(vec![wire_group(group)]);
            let api = DeleteGroupsRequest::API;
            let result = self
                .on_group_coordinator(api, Repeat::Unsafe, group, async |connection| {
                    let response = connection.call(&request).await?;
                    let told = response.results.first();
                    let told =
                        told.ok_or_else(|| left_out::<DeleteGroupsRequest>(&connection, group))?;
                    fail::<DeleteGroupsRequest>(&connection, group, told.error_code)
                })
                .await;
            (group.clone(), result)
        });
        side_by_side(deleted.collect()).await.into_iter().collect()
    }

    /// Takes members out of a group of the classic protocol (KIP-571), such as those that a Streams
    /// application leaves behind.
    ///
    /// # Errors
    /// [`KafkaError`] of the request, or of the first member that could not be taken out.
    pub async fn remove_members(
        &self,
        group: &GroupId,
        members: &[MemberDescription],
    ) -> Result<(), KafkaError> {
        let member = |member: &MemberDescription| {
            let instance = member.instance_id.clone().map(StrBytes::from_string);
            // A static member is named by its instance id alone, or it may have come back meanwhile
            // under another member id.
            let id = if instance.is_some() {
                String::new()
            } else {
                member.member_id.clone()
            };
            MemberIdentity::default()
                .with_member_id(StrBytes::from_string(id))
                .with_group_instance_id(instance)
        };
        let request = LeaveGroupRequest::default()
            .with_group_id(wire_group(group))
            .with_members(members.iter().map(member).collect());
        let api = LeaveGroupRequest::API;
        self.on_group_coordinator(api, Repeat::Unsafe, group, async |connection| {
            let response = connection.call(&request).await?;
            fail::<LeaveGroupRequest>(&connection, group, response.error_code)?;
            let failed = response
                .members
                .iter()
                .find(|member| member.error_code != 0);
            failed.map_or(Ok(()), |member| {
                fail::<LeaveGroupRequest>(&connection, group, member.error_code)
            })
        })
        .await
    }

    async fn on_group_coordinator<T, Attempt: Future<Output = Result<T, KafkaError>>>(
        &self,
        api: crate::request::Api,
        repeat: Repeat,
        group: &GroupId,
        attempt: impl Fn(Connection) -> Attempt,
    ) -> Result<T, KafkaError> {
        self.client
            .with_coordinator(api, repeat, &group.0, CoordinatorKind::Group, attempt)
            .await
    }
}

async fn list(connection: &Connection) -> Result<Vec<ListedGroup>, KafkaError> {
    let response = connection.call(&ListGroupsRequest::default()).await?;
    if response.error_code != 0 {
        let (subject, code) = (Some(Subject::Cluster), ErrorCode(response.error_code));
        return Err(answered::<ListGroupsRequest>(
            connection.peer(),
            subject,
            code,
            None,
        ));
    }
    let known = |text: &StrBytes| (!text.is_empty()).then(|| text.to_string());
    let group = |group: &messages::list_groups_response::ListedGroup| ListedGroup {
        id: GroupId(group.group_id.to_string()),
        protocol_type: group.protocol_type.to_string(),
        state: known(&group.group_state),
        kind: known(&group.group_type),
    };
    Ok(response.groups.iter().map(group).collect())
}

async fn describe_classic(
    connection: &Connection,
    group: &GroupId,
) -> Result<GroupDescription, KafkaError> {
    let request = DescribeGroupsRequest::default().with_groups(vec![wire_group(group)]);
    let response = connection.call(&request).await?;
    let Some(told) = response.groups.first() else {
        return Err(left_out::<DescribeGroupsRequest>(connection, group));
    };
    if ErrorCode(told.error_code) == ErrorCode::GROUP_ID_NOT_FOUND {
        return Ok(dead());
    }
    fail::<DescribeGroupsRequest>(connection, group, told.error_code)?;
    let member =
        |member: &messages::describe_groups_response::DescribedGroupMember| MemberDescription {
            member_id: member.member_id.to_string(),
            instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
        };
    Ok(GroupDescription {
        state: state(&told.group_state),
        protocol_type: told.protocol_type.to_string(),
        members: told.members.iter().map(member).collect(),
    })
}

async fn describe_consumer(
    connection: &Connection,
    group: &GroupId,
) -> Result<GroupDescription, KafkaError> {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![wire_group(group)]);
    let response = connection.call(&request).await?;
    let Some(told) = response.groups.first() else {
        return Err(left_out::<ConsumerGroupDescribeRequest>(connection, group));
    };
    // Also the answer about a group of another protocol, and of a broker without this one.
    if matches!(
        ErrorCode(told.error_code),
        ErrorCode::GROUP_ID_NOT_FOUND | ErrorCode::UNSUPPORTED_VERSION
    ) {
        return Ok(dead());
    }
    fail::<ConsumerGroupDescribeRequest>(connection, group, told.error_code)?;
    let member = |member: &messages::consumer_group_describe_response::Member| MemberDescription {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
    };
    Ok(GroupDescription {
        state: state(&told.group_state),
        protocol_type: "consumer".to_owned(),
        members: told.members.iter().map(member).collect(),
    })
}

fn dead() -> GroupDescription {
    let (protocol_type, members) = (String::new(), Vec::new());
    GroupDescription {
        state: GroupState::Dead,
        protocol_type,
        members,
    }
}

fn state(word: &str) -> GroupState {
    match word {
        "Empty" => GroupState::Empty,
        "Dead" => GroupState::Dead,
        other => GroupState::Active(other.to_owned()),
    }
}

async fn fetch_committed(
    connection: &Connection,
    group: &GroupId,
    stability: Stability,
) -> Result<Vec<CommittedOffset>, KafkaError> {
    let version = connection.negotiated::<OffsetFetchRequest>()?;
    let stable = stability == Stability::Stable && version >= REQUIRE_STABLE_FROM;
    let request = OffsetFetchRequest::default().with_require_stable(stable);
    let request = if version >= FETCH_BY_GROUP_FROM {
        let whole = OffsetFetchRequestGroup::default()
            .with_group_id(wire_group(group))
            .with_member_epoch(-1)
            .with_topics(None);
        request.with_groups(vec![whole])
    } else {
        request.with_group_id(wire_group(group)).with_topics(None)
    };
    let response = connection.call(&request).await?;
    let (code, told) = flatten(&response);
    fail::<OffsetFetchRequest>(connection, group, code)?;
    let mut offsets = Vec::with_capacity(told.len());
    for (topic, partition, offset, metadata, code) in told {
        fail::<OffsetFetchRequest>(connection, group, code)?;
        let topic = TopicName::parse(topic).map_err(|error| KafkaError::Decode {
            peer: connection.peer().clone(),
            api: OffsetFetchRequest::API,
            version,
            detail: error.to_string(),
        })?;
        if offset >= 0 {
            let partition = TopicPartition::new(topic, partition);
            let metadata = metadata.map(ToString::to_string).unwrap_or_default();
            offsets.push(CommittedOffset {
                partition,
                offset,
                metadata,
            });
        }
    }
    offsets.sort_by(|one, two| one.partition.cmp(&two.partition));
    Ok(offsets)
}

/// Topic, partition, offset, metadata and error code of one committed offset.
type Committed<'a> = (String, PartitionIndex, i64, Option<&'a StrBytes>, i16);

/// The two forms of the answer as one: the group's error code, and what was committed.
fn flatten(response: &OffsetFetchResponse) -> (i16, Vec<Committed<'_>>) {
    if let Some(group) = response.groups.first() {
        let offsets = group.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|p| {
                let metadata = p.metadata.as_ref();
                let name = topic.name.to_string();
                (
                    name,
                    p.partition_index,
                    p.committed_offset,
                    metadata,
                    p.error_code,
                )
            })
        });
        return (group.error_code, offsets.collect());
    }
    let offsets = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| {
            let metadata = p.metadata.as_ref();
            (
                topic.name.to_string(),
                p.partition_index,
                p.committed_offset,
                metadata,
                p.error_code,
            )
        })
    });
    (response.error_code, offsets.collect())
}

/// A commit of nobody in particular: no member, no generation.
fn commit_request(group: &GroupId, offsets: &[CommittedOffset]) -> OffsetCommitRequest {
    let topics = by_topic(offsets.iter().map(|offset| (&offset.partition, offset)));
    let topics = topics.into_iter().map(|(name, offsets)| {
        let partition = |offset: &CommittedOffset| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(offset.partition.partition)
                .with_committed_offset(offset.offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(StrBytes::from_string(offset.metadata.clone())))
        };
        OffsetCommitRequestTopic::default()
            .with_name(wire(name))
            .with_partitions(offsets.into_iter().map(partition).collect())
    });
    OffsetCommitRequest::default()
        .with_group_id(wire_group(group))
        .with_generation_id_or_member_epoch(-1)
        .with_retention_time_ms(-1)
        .with_topics(topics.collect())
}

fn by_topic<'a, T>(
    items: impl Iterator<Item = (&'a TopicPartition, T)>,
) -> BTreeMap<&'a TopicName, Vec<T>> {
    let mut topics: BTreeMap<&TopicName, Vec<T>> = BTreeMap::new();
    for (partition, item) in items {
        topics.entry(&partition.topic).or_default().push(item);
    }
    topics
}

/// Results by partition. An error that says that the coordinator has moved fails the whole, so that
/// it is found again.
fn by_partition<'a, R: Request>(
    connection: &Connection,
    group: &GroupId,
    asked: impl Iterator<Item = &'a TopicPartition>,
    told: impl Iterator<Item = (String, (PartitionIndex, i16))>,
) -> Result<PerItem<TopicPartition, ()>, KafkaError> {
    let told: BTreeMap<(String, PartitionIndex), i16> = told
        .map(|(topic, (partition, code))| ((topic, partition), code))
        .collect();
    let mut results = BTreeMap::new();
    for partition in asked {
        let key = (partition.topic.to_string(), partition.partition);
        let result = match told.get(&key) {
            None => Err(KafkaError::LeftOut {
                peer: connection.peer().clone(),
                api: R::API,
                subject: Subject::Partition(partition.clone()),
            }),
            Some(0) => Ok(()),
            Some(code) => {
                let code = ErrorCode(*code);
                let subject = match code {
                    ErrorCode::GROUP_AUTHORIZATION_FAILED => Subject::Group(group.clone()),
                    _ => Subject::Partition(partition.clone()),
                };
                let error = answered::<R>(connection.peer(), Some(subject), code, None);
                if error.retry().worth_it() && code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                    return Err(error);
                }
                Err(error)
            }
        };
        results.insert(partition.clone(), result);
    }
    Ok(results)
}

fn fail<R: Request>(connection: &Connection, group: &GroupId, code: i16) -> Result<(), KafkaError> {
    match code {
        0 => Ok(()),
        code => {
            let subject = Some(Subject::Group(group.clone()));
            Err(answered::<R>(
                connection.peer(),
                subject,
                ErrorCode(code),
                None,
            ))
        }
    }
}

fn left_out<R: Request>(connection: &Connection, group: &GroupId) -> KafkaError {
    let (peer, subject) = (connection.peer().clone(), Subject::Group(group.clone()));
    KafkaError::LeftOut {
        peer,
        api: R::API,
        subject,
    }
}

fn wire_group(group: &GroupId) -> messages::GroupId {
    messages::GroupId(StrBytes::from_string(group.0.clone()))
}
