//! Why a partition stopped while the others go on.

use crate::batch::error::BatchError;
use ferry_model::name::TopicPartition;
use ferry_model::offset::grouped;
use ferry_model::problem::Problem;
use serde::{Deserialize, Serialize};

/// Why a partition stopped. Everything copied so far is kept; the other partitions go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Halt {
    /// A batch was appended elsewhere than predicted: somebody else writes to the target partition,
    /// or a repeated request slipped in.
    Diverged {
        /// Where the batch should have been appended.
        expected: i64,
        /// Where it was appended.
        got: i64,
    },
    /// The target's log ends where none of our batches ends.
    TargetEndUnexpected {
        /// The target's log end offset.
        log_end: i64,
        /// Everything before this offset was acknowledged.
        acknowledged: i64,
        /// The end of what was sent.
        sent: i64,
    },
    /// The target holds more than the source ever had.
    TargetAhead {
        /// The target's log end offset.
        target_end: i64,
        /// The source's high watermark.
        source_end: i64,
    },
    /// The source has another history than the one that was copied: a leader was elected uncleanly,
    /// or the topic was deleted and created again.
    SourceHistoryChanged {
        /// Where our position is.
        position: i64,
        /// What the source says of it.
        found: String,
    },
    /// The topic has another id than when it was planned: it was deleted and created again.
    TopicRecreated {
        /// `source` or `target`.
        side: String,
    },
    /// The topic is gone.
    TopicGone {
        /// `source` or `target`.
        side: String,
    },
    /// A batch of the source can't be understood.
    BadBatch {
        /// What is wrong with it, with its offset.
        error: String,
    },
    /// One record is larger than the target takes.
    RecordTooLarge {
        /// Its offset at the source.
        offset: i64,
        /// Bytes of a batch with this record alone.
        batch_bytes: usize,
        /// The target's limit (`max.message.bytes`).
        limit_bytes: usize,
    },
    /// The target gives records its own timestamps (`message.timestamp.type=LogAppendTime`).
    TimestampsRewritten {
        /// The offset that was appended with another timestamp.
        offset: i64,
    },
    /// Records came to the source after the last segment at the target was closed, which took the
    /// offset of the first of them.
    Closed {
        /// Where both logs ended when it was closed.
        at: i64,
    },
    /// A cluster refuses for a reason that waiting does not mend.
    Refused {
        /// `source` or `target`.
        side: String,
        /// Kafka's name of the error.
        error: String,
        /// Where the partition was.
        offset: i64,
    },
}

impl Halt {
    /// A batch that can't be understood.
    #[must_use]
    pub fn bad_batch(error: &BatchError) -> Self {
        Self::BadBatch {
            error: error.to_string(),
        }
    }

    /// Whether the contents at the target are wrong, so that only copying the topic again helps.
    #[must_use]
    pub fn diverged(&self) -> bool {
        matches!(
            self,
            Self::Diverged { .. } | Self::TargetEndUnexpected { .. } | Self::TargetAhead { .. }
        )
    }

    /// The number of the problem's code.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Diverged { .. } => 213,
            Self::TargetEndUnexpected { .. } => 214,
            Self::TargetAhead { .. } => 215,
            Self::SourceHistoryChanged { .. } => 216,
            Self::TopicRecreated { .. } => 217,
            Self::TopicGone { .. } => 218,
            Self::BadBatch { .. } => 219,
            Self::RecordTooLarge { .. } => 220,
            Self::TimestampsRewritten { .. } => 221,
            Self::Refused { .. } => 222,
            Self::Closed { .. } => 223,
        }
    }

    /// What the operator is told of `target`, copied from `source`.
    #[must_use]
    pub fn problem(&self, source: &TopicPartition, target: &TopicPartition) -> Problem {
        let recopy = format!("stop that writer, then  ferry copy recopy {}", source.topic);
        let problem = |what: String| {
            Problem::new(self.code(), format!("{target} halted {what}"))
                .at(format!("source {source}, target {target}"))
        };
        let n = grouped;
        match self {
            Self::Diverged { expected, got } => problem(format!(
                "at target offset {}: another writer appended to the target",
                n(*expected)
            ))
            .detail(format!(
                "expected base offset {}, got {}",
                n(*expected),
                n(*got)
            ))
            .cause("a producer was pointed at the target early, or a second Ferry runs?")
            .next(recopy),
            Self::TargetEndUnexpected {
                log_end,
                acknowledged,
                sent,
            } => problem(format!(
                "at target offset {}: the target ends where no batch of ours ends",
                n(*log_end)
            ))
            .detail(format!(
                "acknowledged to {}, sent to {}",
                n(*acknowledged),
                n(*sent)
            ))
            .cause("another writer appended to the target?")
            .next(recopy),
            Self::TargetAhead {
                target_end,
                source_end,
            } => problem(format!(
                "at target offset {}: the target holds more than the source",
                n(*target_end)
            ))
            .detail(format!("the source ends at {}", n(*source_end)))
            .cause("another writer appended to the target, or the source lost its end?")
            .next(recopy),
            Self::SourceHistoryChanged { position, found } => problem(format!(
                "at source offset {}: the source has another history than what was copied",
                n(*position)
            ))
            .detail(found.clone())
            .cause("an unclean leader election at the source?")
            .next(format!("ferry copy recopy {}", source.topic)),
            Self::TopicRecreated { side } => {
                problem(format!(": the {side} topic was deleted and created again"))
                    .next("ferry plan, and review it again")
            }
            Self::TopicGone { side } => problem(format!(": the {side} topic is gone"))
                .next("ferry plan, and review it again"),
            Self::BadBatch { error } => problem(format!(": {error}"))
                .cause("damage on the broker's disk, or on the way?")
                .next("compare with another replica: kafka-dump-log.sh --deep-iteration"),
            Self::RecordTooLarge {
                offset,
                batch_bytes,
                limit_bytes,
            } => problem(format!(
                "at source offset {}: one record needs a batch of {} bytes",
                n(*offset),
                n(*batch_bytes as i64)
            ))
            .detail(format!(
                "max.message.bytes of {} is {}",
                target.topic,
                n(*limit_bytes as i64)
            ))
            .next(format!(
                "raise max.message.bytes of {}, then  ferry apply",
                target.topic
            )),
            Self::TimestampsRewritten { offset } => problem(format!(
                "at target offset {}: the target gave a record its own timestamp",
                n(*offset)
            ))
            .cause("message.timestamp.type was set to LogAppendTime while the copy ran?")
            .next(format!(
                "set message.timestamp.type=CreateTime on {}, then  ferry copy recopy {}",
                target.topic, source.topic
            )),
            Self::Closed { at } => problem(format!(
                "at source offset {}: records came after the partition was closed for its cleaner",
                n(*at)
            ))
            .cause("an application still writes to the source?")
            .next(format!("stop it, then  ferry copy recopy {}", source.topic)),
            Self::Refused {
                side,
                error,
                offset,
            } => problem(format!(
                "at offset {}: the {side} refuses with {error}",
                n(*offset)
            ))
            .cause(refusal_cause(error, side))
            .next("ferry check"),
        }
    }
}

fn refusal_cause(error: &str, side: &str) -> String {
    match error {
        "TOPIC_AUTHORIZATION_FAILED"
        | "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"
        | "CLUSTER_AUTHORIZATION_FAILED" => {
            format!("Ferry's principal lost a right at the {side}?")
        }
        "KAFKA_STORAGE_ERROR" => "a disk of the broker is full or broken?".to_owned(),
        "POLICY_VIOLATION" => "a policy of the cluster forbids it?".to_owned(),
        _ => "see the broker's log at this time".to_owned(),
    }
}
