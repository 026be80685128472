//! What undoes the effects of the steps.

use crate::acls::DELETE_ACL;
use crate::codes;
use crate::groups::{OffsetsBefore, RESTORE_OFFSETS, commit};
use crate::topics::{DELETE_TOPIC, RESTORE_CONFIGS, alter, existing};
use ferry_engine::{InverseHandler, Inverses, Undo, UndoOutcome, async_trait};
use ferry_kafka::admin::configs::ConfigChange;
use ferry_kafka::{Client, ErrorCode};
use ferry_model::acl::AclBinding;
use ferry_model::identity::TopicId;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::problem::{Explain, Problem};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long committed offsets may outlive the topic that they are for.
const GONE_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked whether they are gone.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The handlers for everything that the stock steps do at `target`. `ours` are the ids of all topics
/// that this migration ever created.
#[must_use]
pub fn stock_inverses(target: &Client, ours: BTreeSet<TopicId>) -> Inverses {
    Inverses::new()
        .with(Arc::new(DeleteTopic {
            target: target.clone(),
            ours,
        }))
        .with(Arc::new(RestoreConfigs {
            target: target.clone(),
        }))
        .with(Arc::new(DeleteAcl {
            target: target.clone(),
        }))
        .with(Arc::new(RestoreOffsets {
            target: target.clone(),
        }))
}

fn read<T: for<'de> Deserialize<'de>>(undo: &Undo) -> Result<T, Problem> {
    serde_json::from_value(undo.value.clone()).map_err(|error| {
        Problem::new(
            codes::NOT_UNDONE,
            format!("the inverse of {} can't be read: {error}", undo.effect),
        )
        .cause("was it journaled by another version of ferry?")
    })
}

#[derive(Deserialize)]
struct TopicInverse {
    topic: TopicName,
}

struct DeleteTopic {
    target: Client,
    ours: BTreeSet<TopicId>,
}

#[async_trait]
impl InverseHandler for DeleteTopic {
    fn kind(&self) -> &str {
        DELETE_TOPIC
    }

    fn by_hand(&self, undo: &Undo) -> String {
        let topic = undo.value["topic"].as_str().unwrap_or("TOPIC");
        format!("kafka-topics.sh --bootstrap-server TARGET --delete --topic {topic}")
    }

    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        let TopicInverse { topic } = read(undo)?;
        let found = existing(&self.target, std::slice::from_ref(&topic)).await?;
        let Some(found) = found.get(&topic) else {
            return Ok(UndoOutcome::AlreadyGone);
        };
        let made = undo
            .result
            .as_ref()
            .and_then(|result| serde_json::from_value::<TopicId>(result["id"].clone()).ok());
        // With an intention alone the reply was lost, and the topic was not there before.
        let ours = match (found.id, made) {
            (Some(id), Some(made)) => id == made || self.ours.contains(&id),
            (Some(_) | None, None) | (None, Some(_)) => true,
        };
        if !ours {
            return Err(Problem::new(
                codes::NOT_OURS,
                format!("topic {topic} of the target is not the one that this migration created"),
            )
            .cause("it was deleted and created again by somebody else?")
            .next("delete it by hand if it is not needed, then  ferry rollback  again"));
        }
        let deleted = self
            .target
            .admin()
            .delete_topics(std::slice::from_ref(&topic))
            .await;
        let deleted = deleted.map_err(|error| error.problem())?;
        match deleted.into_values().next() {
            Some(Err(error)) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
                Ok(UndoOutcome::AlreadyGone)
            }
            Some(Err(error)) => Err(error.problem()),
            _ => Ok(UndoOutcome::Undone),
        }
    }
}

#[derive(Deserialize)]
struct ConfigsInverse {
    topic: TopicName,
    before: BTreeMap<String, Option<String>>,
}

struct RestoreConfigs {
    target: Client,
}

#[async_trait]
impl InverseHandler for RestoreConfigs {
    fn kind(&self) -> &str {
        RESTORE_CONFIGS
    }

    fn by_hand(&self, undo: &Undo) -> String {
        let topic = undo.value["topic"].as_str().unwrap_or("TOPIC");
        format!(
            "kafka-configs.sh --bootstrap-server TARGET --alter --topic {topic}  \
             (before: {})",
            undo.value["before"]
        )
    }

    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        let ConfigsInverse { topic, before } = read(undo)?;
        if !existing(&self.target, std::slice::from_ref(&topic))
            .await?
            .contains_key(&topic)
        {
            return Ok(UndoOutcome::AlreadyGone);
        }
        let changes = before
            .into_iter()
            .map(|(name, value)| match value {
                Some(value) => ConfigChange::Set { name, value },
                None => ConfigChange::Delete { name },
            })
            .collect();
        alter(&self.target, &topic, changes).await?;
        Ok(UndoOutcome::Undone)
    }
}

#[derive(Deserialize)]
struct AclInverse {
    binding: AclBinding,
}

struct DeleteAcl {
    target: Client,
}

#[async_trait]
impl InverseHandler for DeleteAcl {
    fn kind(&self) -> &str {
        DELETE_ACL
    }

    fn by_hand(&self, undo: &Undo) -> String {
        format!(
            "kafka-acls.sh --bootstrap-server TARGET --remove  ({})",
            undo.description
        )
    }

    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        let AclInverse { binding } = read(undo)?;
        let deleted = self
            .target
            .admin()
            .delete_acls(std::slice::from_ref(&binding))
            .await;
        match deleted.map_err(|error| error.problem())?.remove(&binding) {
            Some(Ok(true)) => Ok(UndoOutcome::Undone),
            Some(Err(error)) => Err(error.problem()),
            Some(Ok(false)) | None => Ok(UndoOutcome::AlreadyGone),
        }
    }
}

struct RestoreOffsets {
    target: Client,
}

impl RestoreOffsets {
    /// Deletes a group that this migration made, unless somebody has committed for other partitions
    /// than `ours` since.
    async fn forget(&self, group: &GroupId, ours: &[TopicPartition]) -> Result<(), Problem> {
        let began = Instant::now();
        loop {
            let left = crate::groups::facts(&self.target, group).await?.offsets;
            if left.is_empty() {
                break;
            }
            // Offsets of a topic that is deleted go a moment after it.
            let going = left.iter().all(|offset| ours.contains(&offset.partition));
            if !going || began.elapsed() > GONE_LIMIT {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let deleted = self
            .target
            .admin()
            .delete_groups(std::slice::from_ref(group))
            .await;
        match deleted.into_values().next() {
            Some(Err(error)) if error.code() != Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
                Err(error.problem())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl InverseHandler for RestoreOffsets {
    fn kind(&self) -> &str {
        RESTORE_OFFSETS
    }

    fn by_hand(&self, undo: &Undo) -> String {
        let group = undo.value["group"].as_str().unwrap_or("GROUP");
        format!("kafka-consumer-groups.sh --bootstrap-server TARGET --delete --group '{group}'")
    }

    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem> {
        let OffsetsBefore {
            group,
            known,
            offsets,
        } = read(undo)?;
        let now = crate::groups::facts(&self.target, &group).await?;
        if now.state.active() {
            let shown = ferry_plan::text::escaped(&group.0);
            return Err(Problem::new(
                codes::NOT_UNDONE,
                format!("group {shown} is active at the target: its offsets can't be put back"),
            )
            .cause("an application was started against the target?")
            .next("stop it, then  ferry rollback  again"));
        }
        if now.offsets.is_empty() {
            return Ok(UndoOutcome::AlreadyGone);
        }
        let before: Vec<_> = offsets
            .iter()
            .filter_map(|(_, before)| before.clone())
            .collect();
        let fresh: Vec<_> = offsets
            .into_iter()
            .filter(|(_, before)| before.is_none())
            .map(|(partition, _)| partition)
            .collect();
        if !before.is_empty() {
            commit(&self.target, &group, &before).await?;
        }
        if !fresh.is_empty() {
            let deleted = self.target.admin().delete_offsets(&group, &fresh).await;
            for (_, result) in deleted.map_err(|error| error.problem())? {
                match result {
                    // A topic takes the offsets that were committed for it along.
                    Err(error)
                        if matches!(
                            error.code(),
                            Some(
                                ErrorCode::GROUP_ID_NOT_FOUND
                                    | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                            )
                        ) => {}
                    Err(error) => return Err(error.problem()),
                    Ok(()) => {}
                }
            }
        }
        if !known {
            self.forget(&group, &fresh).await?;
        }
        Ok(UndoOutcome::Undone)
    }
}
