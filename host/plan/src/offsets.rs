//! Checks what an offset translator decided. The plan uses it for what can be told before the copy,
//! and whoever commits offsets uses it again with the exact translation.

use crate::deciders::PluginIdentity;
use crate::error::PlanError;
use ferry_model::decision::{OffsetAction, OffsetDecision, OffsetQuestion};

/// Checks one answer per question, and each offset: inside the target's log, and not beyond the
/// exact translation, which would skip records that the group has not read.
///
/// # Errors
/// [`PlanError::AnswersMissing`] and [`PlanError::OffsetOutside`].
pub fn check_offsets(
    questions: &[OffsetQuestion],
    decisions: &[OffsetDecision],
    plugin: &PluginIdentity,
) -> Result<(), PlanError> {
    if questions.len() != decisions.len() {
        return Err(PlanError::AnswersMissing {
            plugin: plugin.to_string(),
            questions: "offsets",
            asked: questions.len(),
            answered: decisions.len(),
        });
    }
    for (question, decision) in questions.iter().zip(decisions) {
        let OffsetAction::CommitAt(given) = decision.action else {
            continue;
        };
        let possible = if given < question.target_start || given > question.target_end {
            format!(
                "the target has {} to {}",
                question.target_start, question.target_end
            )
        } else if question.translated.is_some_and(|exact| given > exact) {
            let exact = question.translated.unwrap_or_default();
            format!("{exact} is exact, and what is further on would be left unread")
        } else {
            continue;
        };
        return Err(PlanError::OffsetOutside {
            plugin: plugin.to_string(),
            group: question.group.to_string(),
            partition: question.partition.to_string(),
            given: given.0,
            possible,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_model::digest::Digest;
    use ferry_model::group::GroupState;
    use ferry_model::name::{GroupId, TopicName, TopicPartition};
    use ferry_model::offset::{SourceOffset, TargetOffset};
    use ferry_model::problem::Explain;

    #[test]
    fn an_offset_outside_of_the_log_or_beyond_the_exact_one_is_refused() {
        let plugin = PluginIdentity {
            name: "acme/offsets".into(),
            version: "1.0.0".into(),
            digest: Digest::of(b"a"),
            config_digest: Digest::of(b"b"),
        };
        let question = OffsetQuestion {
            group: GroupId("g".into()),
            group_state: GroupState::Empty,
            partition: TopicPartition::new(TopicName::parse("orders").expect("legal"), 3),
            committed: SourceOffset(50),
            metadata: String::new(),
            translated: Some(TargetOffset(20)),
            source_start: SourceOffset(40),
            source_end: SourceOffset(60),
            target_start: TargetOffset(10),
            target_end: TargetOffset(30),
            copied_to: SourceOffset(60),
        };
        let check = |action| {
            let decision = OffsetDecision {
                action,
                reason: String::new(),
            };
            check_offsets(std::slice::from_ref(&question), &[decision], &plugin)
        };
        for offset in [10, 15, 20] {
            assert!(
                check(OffsetAction::CommitAt(TargetOffset(offset))).is_ok(),
                "{offset}"
            );
        }
        for offset in [-1, 9, 21, 31] {
            assert!(
                check(OffsetAction::CommitAt(TargetOffset(offset))).is_err(),
                "{offset}"
            );
        }
        for action in [
            OffsetAction::Earliest,
            OffsetAction::Latest,
            OffsetAction::Skip,
        ] {
            assert!(check(action).is_ok());
        }
        let error = check(OffsetAction::CommitAt(TargetOffset(25))).expect_err("beyond");
        let text = error.problem().to_string();
        assert!(
            text.contains("orders-3") && text.contains("it gave 25; 20 is exact"),
            "{text}"
        );
        assert!(matches!(
            check_offsets(&[question], &[], &plugin),
            Err(PlanError::AnswersMissing {
                asked: 1,
                answered: 0,
                ..
            })
        ));
    }
}
