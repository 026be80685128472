//! The offset translator of 0.1.0.

use super::Exports;
use super::bindings::exports::ferry::role::offset_translator::{
    Action, Decision, GroupState as WireState, Guest, Question,
};
use crate::containment::Containment;
use crate::role::{Answer, DecidingRole, OffsetTranslator, accept_reason};
use ferry_model::decision::{OffsetAction, OffsetDecision, OffsetQuestion, Role};
use ferry_model::group::GroupState;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::offset::{SourceOffset, TargetOffset};
use wasmtime::Store;
use wasmtime::component::Instance;

/// Bytes of the fixed part of a question.
const FIXED_BYTES: usize = 136;

impl DecidingRole for OffsetTranslator {
    type Question = OffsetQuestion;
    type Decision = OffsetDecision;
    const ROLE: Role = Role::OffsetTranslator;
    type Guest = Guest;
    type Raw = Decision;
    type Context = ();

    fn subject(question: &OffsetQuestion) -> String {
        format!("group {} on {}", question.group, question.partition)
    }

    fn sample(number: usize) -> OffsetQuestion {
        let offset = number as i64;
        let topic = TopicName::parse(format!("orders.{:06}", number / 12))
            .unwrap_or_else(|_| unreachable!("letters, digits and a dot"));
        OffsetQuestion {
            group: GroupId(format!("billing-{:04}", number / 100)),
            group_state: GroupState::Empty,
            partition: TopicPartition::new(topic, (number % 12) as i32),
            committed: SourceOffset(offset + 10),
            metadata: String::new(),
            translated: (!number.is_multiple_of(10)).then_some(TargetOffset(offset + 10)),
            source_start: SourceOffset(offset),
            source_end: SourceOffset(offset + 20),
            target_start: TargetOffset(offset),
            target_end: TargetOffset(offset + 20),
            copied_to: SourceOffset(offset + 20),
        }
    }

    fn guest(
        exports: &Exports,
        store: &mut Store<Containment>,
        instance: &Instance,
    ) -> Option<wasmtime::Result<Guest>> {
        match exports {
            Exports::OffsetTranslator(indices) => Some(indices.load(store, instance)),
            _ => None,
        }
    }

    fn configure(guest: &Guest, store: &mut Store<Containment>, config: &str) -> Answer<()> {
        guest.call_configure(store, config)
    }

    fn context(_questions: &[OffsetQuestion]) {}

    fn decide(
        guest: &Guest,
        store: &mut Store<Containment>,
        questions: &[&OffsetQuestion],
        _context: &(),
    ) -> Answer<Vec<Decision>> {
        let asked: Vec<_> = questions.iter().map(|q| on_the_wire(q)).collect();
        guest.call_decide(store, &asked)
    }

    fn weight_bytes(question: &OffsetQuestion) -> usize {
        FIXED_BYTES
            + question.group.0.len()
            + question.partition.topic.as_str().len()
            + question.metadata.len()
    }

    fn accept(_question: &OffsetQuestion, raw: Decision) -> Result<OffsetDecision, String> {
        let action = match raw.action {
            Action::CommitAt(offset) if offset < 0 => {
                return Err(format!("it commits at {offset}; offsets start at 0"));
            }
            Action::CommitAt(offset) => OffsetAction::CommitAt(TargetOffset(offset)),
            Action::Earliest => OffsetAction::Earliest,
            Action::Latest => OffsetAction::Latest,
            Action::Skip => OffsetAction::Skip,
        };
        Ok(OffsetDecision {
            action,
            reason: accept_reason(raw.reason)?,
        })
    }
}

fn on_the_wire(question: &OffsetQuestion) -> Question<'_> {
    Question {
        group: &question.group.0,
        group_state: match &question.group_state {
            GroupState::Empty => WireState::Empty,
            GroupState::Dead => WireState::Dead,
            GroupState::Active(word) => WireState::Active(word),
        },
        topic: question.partition.topic.as_str(),
        partition: u32::try_from(question.partition.partition).unwrap_or(0),
        committed: question.committed.0,
        metadata: &question.metadata,
        translated: question.translated.map(|offset| offset.0),
        source_start: question.source_start.0,
        source_end: question.source_end.0,
        target_start: question.target_start.0,
        target_end: question.target_end.0,
        copied_to: question.copied_to.0,
        attributes: &[],
    }
}
