//! What must hold once everything has come to rest.

use crate::contents::{Seen, committed, markers};
use crate::history::History;
use crate::run::Keeping;
use crate::schedule::{Happening, Schedule, TopicPlan};
use ferry_copy::halt::Halt;
use ferry_copy::job::OffsetMode;
use ferry_fake_kafka::FakeKafka;
use std::collections::BTreeMap;

/// Why a partition is not as it should be.
pub(crate) type Wrong = String;

/// What is at the target and what should be.
pub(crate) struct Place<'a> {
    pub(crate) source: &'a FakeKafka,
    pub(crate) target: &'a FakeKafka,
    pub(crate) plan: &'a TopicPlan,
    pub(crate) partition: i32,
    pub(crate) history: &'a History,
    pub(crate) mode: &'a OffsetMode,
}

impl Place<'_> {
    /// Whether the target holds what it must hold, and nothing else.
    pub(crate) fn complete(&self) -> Result<(), Wrong> {
        let seen = self.seen();
        self.in_place(&seen)?;
        let mut there = seen.iter().filter_map(|record| record.id);
        for (offset, id) in self.history.required() {
            if !there.any(|other| other == id) {
                return Err(format!("record {id} of source offset {offset} is missing"));
            }
        }
        if *self.mode == OffsetMode::Preserve {
            let ends = |cluster: &FakeKafka, name: &str| cluster.ends(name, self.partition);
            let source = ends(self.source, &self.plan.name).map(|ends| ends.high_watermark);
            let target = ends(self.target, &self.plan.target()).map(|ends| ends.log_end);
            if source != target {
                return Err(format!(
                    "the source ends at {source:?}, the target at {target:?}"
                ));
            }
        }
        Ok(())
    }

    /// Whether everything that is at the target is from the source, in order, once, and at its place
    /// where offsets are kept.
    fn in_place(&self, seen: &[Seen]) -> Result<(), Wrong> {
        let offsets: BTreeMap<u64, i64> = self
            .history
            .all()
            .iter()
            .map(|(offset, id)| (*id, *offset))
            .collect();
        let mut last = -1;
        for record in seen {
            let at = record.offset;
            if record.filler && self.plan.filler {
                continue;
            }
            let Some(source) = record.id.and_then(|id| offsets.get(&id)).copied() else {
                return Err(format!(
                    "target offset {at} holds what the source does not: {record:?}"
                ));
            };
            if source <= last {
                return Err(format!(
                    "target offset {at} holds source offset {source} behind source offset {last}"
                ));
            }
            last = source;
            if *self.mode == OffsetMode::Preserve && source != at {
                return Err(format!("target offset {at} holds source offset {source}"));
            }
        }
        Ok(())
    }

    /// What it took to keep offsets.
    pub(crate) fn keeping(&self) -> Keeping {
        if *self.mode != OffsetMode::Preserve {
            return Keeping::default();
        }
        let name = self.plan.target();
        let log = self.target.contents(&name, self.partition);
        let voids = log.map_or(0, |log| markers(&log));
        let fillers = self.seen().iter().filter(|record| record.filler).count() as u64;
        Keeping {
            partitions: 1,
            with_voids: u64::from(voids > 0),
            voids,
            with_fillers: u64::from(fillers > 0),
            fillers,
        }
    }

    /// What is at both sides, for people.
    pub(crate) fn both_sides(&self) -> String {
        let side = |cluster: &FakeKafka, name: &str| {
            let log = cluster.contents(name, self.partition).unwrap_or_default();
            let ends = cluster.ends(name, self.partition);
            let aborted = cluster.aborted(name, self.partition);
            let start = ends.map_or(0, |ends| ends.log_start);
            let records = committed(&log, start, &aborted);
            format!("{ends:?}, aborted {aborted:?}, {records:?}")
        };
        let (source, target) = (&self.plan.name, self.plan.target());
        format!(
            "source {}\ntarget {}\nexpected from {}: {:?}",
            side(self.source, source),
            side(self.target, &target),
            self.history.start,
            self.history.all()
        )
    }

    fn seen(&self) -> Vec<Seen> {
        let name = self.plan.target();
        let log = self
            .target
            .contents(&name, self.partition)
            .unwrap_or_default();
        let start = self
            .target
            .ends(&name, self.partition)
            .map_or(0, |ends| ends.log_start);
        committed(&log, start, &self.target.aborted(&name, self.partition))
    }
}

/// Whether `halt` can be true: what it speaks of has happened to this partition.
pub(crate) fn has_cause(
    halt: &Halt,
    schedule: &Schedule,
    topic: usize,
    partition: i32,
) -> Result<(), Wrong> {
    let happened =
        |check: &dyn Fn(&Happening) -> bool| schedule.events.iter().any(|event| check(&event.what));
    let here = |t: usize, p: i32| t == topic && p == partition;
    let truncated = happened(
        &|what| matches!(what, Happening::SourceTruncated { topic, partition, .. } if here(*topic, *partition)),
    );
    let recreated =
        happened(&|what| matches!(what, Happening::SourceRecreated { topic: t } if *t == topic));
    let meddled = happened(&|what| match what {
        Happening::OtherWriter { topic, partition }
        | Happening::StrayMarker { topic, partition }
        | Happening::TargetTruncated {
            topic, partition, ..
        } => here(*topic, *partition),
        _ => false,
    });
    let lingered = schedule.unprotected();
    let holds = match halt {
        Halt::Diverged { .. } | Halt::TargetEndUnexpected { .. } => {
            meddled || lingered || truncated || recreated
        }
        Halt::TargetAhead { .. } => meddled || lingered || truncated || recreated,
        Halt::SourceHistoryChanged { .. } => truncated || recreated,
        Halt::TopicRecreated { side } => recreated && side == "source",
        _ => false,
    };
    match holds {
        true => Ok(()),
        false => Err(format!(
            "halted with {halt:?}, which nothing in the schedule explains"
        )),
    }
}
