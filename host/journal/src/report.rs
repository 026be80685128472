//! The data of `ferry report`, from the journal alone. Nothing is rendered here.

use crate::name::{EffectId, FactKey, StepName};
use crate::reader::{Recorded, Tail};
use crate::status::EffectState;
use crate::summary::Summary;
use crate::timeline::{TimelineEntry, timeline};
use ferry_model::digest::Digest;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything that a report tells of a migration's course. It names the journal that it was made
/// from by its head, so that it can be proved against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// How many entries the journal had.
    pub entries: u64,
    /// The hash of the last of them.
    pub head: Digest,
    /// Whether the journal's end was torn when it was read.
    pub torn: bool,
    /// The migration in short.
    pub summary: Summary,
    /// Every write to the world, in the order of intention.
    pub effects: Vec<ReportedEffect>,
    /// Every fact that holds.
    pub facts: BTreeMap<FactKey, Value>,
    /// Every entry as a sentence.
    pub timeline: Vec<TimelineEntry>,
}

/// One write to the world.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportedEffect {
    /// The step that made it.
    pub step: StepName,
    /// Its id.
    pub effect: EffectId,
    /// What it does.
    pub description: String,
    /// What it came to.
    #[serde(flatten)]
    pub state: EffectState,
    /// The kind of its inverse; none where nothing needs to be undone.
    pub inverse: Option<String>,
}

impl Report {
    /// The report of a journal.
    #[must_use]
    pub fn of(recorded: &Recorded) -> Self {
        let status = &recorded.status;
        let mut effects: Vec<_> = status
            .steps()
            .iter()
            .flat_map(|(step, record)| record.effects.iter().map(move |effect| (step, effect)))
            .collect();
        effects.sort_by_key(|(_, (_, record))| record.order);
        Self {
            entries: recorded.entries.len() as u64,
            head: recorded.head,
            torn: matches!(recorded.tail, Tail::Torn { .. }),
            summary: Summary::of(recorded),
            effects: effects
                .into_iter()
                .map(|(step, (effect, record))| ReportedEffect {
                    step: step.clone(),
                    effect: effect.clone(),
                    description: record.description.clone(),
                    state: record.state.clone(),
                    inverse: record.inverse.as_ref().map(|inverse| inverse.kind.clone()),
                })
                .collect(),
            facts: status
                .facts()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            timeline: timeline(&recorded.entries),
        }
    }
}
