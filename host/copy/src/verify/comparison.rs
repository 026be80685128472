//! Comparing what both clusters hold of one partition, record by record, without a socket.
//!
//! Batches that are the same to the last bit are compared without being opened. Where batches were
//! merged, split or encoded anew, their records are compared one by one: offset, timestamp, key,
//! value and headers.

use super::difference::{Difference, Kind};
use crate::batch::encode::filler_body;
use crate::batch::error::BatchError;
use crate::batch::header::{Batch, CODEC_MASK, LOG_APPEND_TIME};
use crate::batch::records::Records;
use crate::map::{OffsetMap, Run};
use ferry_model::digest::Digest;
use ferry_model::offset::{SourceOffset, TargetOffset};
use sha2::Digest as _;
use std::collections::{HashMap, VecDeque};

/// Differences that are kept one by one; further ones are only counted.
pub const DIFFERENCES_KEPT_MAX: usize = 1_000;
/// Differences of a compacted partition that are kept until its end shows which of them the
/// cleaners explain.
const UNEXPLAINED_MAX: usize = 1_000_000;

/// Where records of the source are expected at the target.
#[derive(Debug, Clone)]
pub enum Mapping {
    /// At the same offset.
    Same,
    /// Where the map says.
    Map(OffsetMap),
}

impl Mapping {
    /// Where the record at `source` was put; none if it was not copied.
    fn place(&self, source: i64) -> Option<i64> {
        match self {
            Self::Same => Some(source),
            Self::Map(map) => {
                let target = map.translate(SourceOffset(source))?;
                (map.origin(target) == Some(SourceOffset(source))).then_some(target.0)
            }
        }
    }

    /// Where a comparison that begins at `source` begins at the target: with a map at its log start,
    /// since everything that is there has to be on the map.
    #[must_use]
    pub fn start(&self, source: i64) -> i64 {
        match self {
            Self::Same => source,
            Self::Map(_) => 0,
        }
    }

    /// The first source offset whose record is at `target` or behind it; none where there is none.
    #[must_use]
    pub fn kept_from(&self, target: i64) -> Option<i64> {
        match self {
            Self::Same => Some(target),
            Self::Map(map) => {
                let behind = |run: &&Run| run.target.0 + run.records > target;
                let run = map.runs().iter().find(behind)?;
                Some(run.source.0 + (target - run.target.0).max(0))
            }
        }
    }

    /// Where the target's log ends at the earliest once everything before the source offset
    /// `copied_to` has been copied.
    #[must_use]
    pub fn end(&self, copied_to: i64) -> i64 {
        match self {
            Self::Same => copied_to,
            Self::Map(map) => {
                let last = map.runs().last();
                last.map_or(0, |run| run.target.0 + run.records)
            }
        }
    }

    /// Where the record at `target` came from; none if it was not copied.
    fn origin(&self, target: i64) -> Option<i64> {
        match self {
            Self::Same => Some(target),
            Self::Map(map) => map.origin(TargetOffset(target)).map(|source| source.0),
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Records read at the source.
    pub source_records: u64,
    /// Records read at the target.
    pub target_records: u64,
    /// Digest of what was read at the source: equal to the target's if all agrees.
    pub source_digest: Digest,
    /// Digest of what was read at the target.
    pub target_digest: Digest,
    /// The first differences, by offset.
    pub differences: Vec<Difference>,
    /// How many differences there are in all.
    pub differences_total: u64,
    /// Records of a compacted partition that one side's cleaner has taken and the other's not yet,
    /// with a later record of the same key on both sides or a tombstone: no difference.
    pub explained_by_compaction: u64,
    /// Fillers at the target that its cleaner has not taken yet, which stand where the source has no
    /// record: no difference.
    pub fillers: u64,
    /// Batches that were the same to the last bit.
    pub identical_batches: u64,
}

/// A record kept while its partner is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    offset: i64,
    timestamp_ms: i64,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Lane {
    batches: VecDeque<Batch>,
    /// Records of the opened batch at the front.
    opened: VecDeque<Kept>,
    ended: bool,
    records: u64,
    digest: sha2::Sha256,
    /// The body of records that do not take part.
    filler: Option<Vec<u8>>,
    fillers: u64,
    /// For compacted partitions: the last offset of each key, by the key's digest.
    last_of_key: HashMap<[u8; 16], i64>,
}

impl Lane {
    fn open_front(&mut self, from: i64) -> Result<(), BatchError> {
        while self.opened.is_empty()
            && let Some(batch) = self.batches.pop_front()
        {
            let records = Records::of(&batch)?;
            for record in records.iter() {
                let record = record?;
                if self.filler.as_deref() == Some(record.body) {
                    self.fillers += 1;
                } else if record.offset >= from {
                    self.opened.push_back(Kept {
                        offset: record.offset,
                        timestamp_ms: record.timestamp_ms,
                        body: record.body.to_vec(),
                    });
                }
            }
        }
        Ok(())
    }

    fn absorb(&mut self, unit: &[u8; 32], records: u64) {
        self.digest.update(unit);
        self.records += records;
    }

    fn absorb_record(&mut self, record: &Kept) {
        let mut hasher = sha2::Sha256::new();
        hasher.update(record.timestamp_ms.to_be_bytes());
        hasher.update(&record.body);
        let unit: [u8; 32] = hasher.finalize().into();
        self.absorb(&unit, 1);
    }

    fn exhausted(&self) -> bool {
        self.ended && self.batches.is_empty() && self.opened.is_empty()
    }
}

/// Compares one partition.
#[derive(Debug)]
pub struct Comparison {
    mapping: Mapping,
    compacted: bool,
    source: Lane,
    target: Lane,
    /// Records before these offsets do not take part: a batch may begin before the range.
    source_from: i64,
    target_from: i64,
    differences: Vec<(Difference, Option<[u8; 16]>)>,
    total: u64,
    identical: u64,
    /// Told only where nothing else shows it.
    lost_end: Option<Difference>,
}

impl Comparison {
    /// A comparison from the given offsets on. In a `compacted` partition records may be missing on
    /// one side that a later record of the same key makes superfluous.
    #[must_use]
    pub fn new(mapping: Mapping, compacted: bool, source_from: i64, target_from: i64) -> Self {
        Self {
            mapping,
            compacted,
            source: Lane::default(),
            target: Lane::default(),
            source_from,
            target_from,
            differences: Vec::new(),
            total: 0,
            identical: 0,
            lost_end: None,
        }
    }

    /// Leaves tombstones with this key at the target out of account: they stand where the source has
    /// no record.
    #[must_use]
    pub fn with_fillers(mut self, key: Option<&[u8]>) -> Self {
        self.target.filler = key.map(filler_body);
        self
    }

    /// The target's log ends at `target_end`, and what was copied ends at `copied_to` there. Where
    /// the records in between are no longer at the source, nothing but this shows that they are gone.
    #[must_use]
    pub fn with_end(mut self, target_end: i64, copied_to: i64) -> Self {
        self.lost_end = (target_end < copied_to).then_some(Difference {
            source: None,
            target: Some(target_end),
            kind: Kind::Ends { copied_to },
        });
        self
    }

    /// Adds a batch of data of the source; batches must be given in order.
    pub fn push_source(&mut self, batch: Batch) {
        self.source.batches.push_back(batch);
    }

    /// Adds a batch of data of the target; batches must be given in order.
    pub fn push_target(&mut self, batch: Batch) {
        self.target.batches.push_back(batch);
    }

    /// There is nothing more at the source.
    pub fn end_source(&mut self) {
        self.source.ended = true;
    }

    /// There is nothing more at the target.
    pub fn end_target(&mut self) {
        self.target.ended = true;
    }

    /// Whether the source, and whether the target, has to be read further before the comparison
    /// can go on.
    #[must_use]
    pub fn wants(&self) -> (bool, bool) {
        let wants = |lane: &Lane| !lane.ended && lane.batches.is_empty() && lane.opened.is_empty();
        (wants(&self.source), wants(&self.target))
    }

    /// Compares as far as both sides have been read.
    ///
    /// # Errors
    /// [`BatchError`] when a batch can't be opened.
    pub fn advance(&mut self) -> Result<(), BatchError> {
        loop {
            if self.identical_front() {
                continue;
            }
            self.source.open_front(self.source_from)?;
            self.target.open_front(self.target_from)?;
            let ready = |lane: &Lane| !lane.opened.is_empty() || lane.exhausted();
            if !ready(&self.source) || !ready(&self.target) {
                return Ok(());
            }
            if self.source.exhausted() && self.target.exhausted() {
                return Ok(());
            }
            self.compare_fronts();
        }
    }

    /// Takes the batches at the front of both sides if they are the same to the last bit and lie
    /// where they should.
    fn identical_front(&mut self) -> bool {
        if self.compacted || !self.source.opened.is_empty() || !self.target.opened.is_empty() {
            return false;
        }
        let (Some(source), Some(target)) =
            (self.source.batches.front(), self.target.batches.front())
        else {
            return false;
        };
        let (s, t) = (&source.header, &target.header);
        let comparable = s.base_offset >= self.source_from
            && t.base_offset >= self.target_from
            && !s.has_gaps()
            && !t.has_gaps()
            && !s.has(LOG_APPEND_TIME)
            && !t.has(LOG_APPEND_TIME);
        let same = s.attributes & CODEC_MASK == t.attributes & CODEC_MASK
            && s.base_timestamp == t.base_timestamp
            && s.last_offset_delta == t.last_offset_delta
            && self.mapping.place(s.base_offset) == Some(t.base_offset)
            && self.mapping.place(s.last_offset()) == Some(t.last_offset())
            && source.payload() == target.payload();
        if !comparable || !same {
            return false;
        }
        let mut hasher = sha2::Sha256::new();
        hasher.update((s.attributes & CODEC_MASK).to_be_bytes());
        hasher.update(s.base_timestamp.to_be_bytes());
        hasher.update(source.payload());
        let unit: [u8; 32] = hasher.finalize().into();
        let records = s.records_count as u64;
        self.source.absorb(&unit, records);
        self.target.absorb(&unit, records);
        self.source.batches.pop_front();
        self.target.batches.pop_front();
        self.identical += 1;
        true
    }

    fn compare_fronts(&mut self) {
        let source = self.source.opened.front().map(|record| record.offset);
        let target = self.target.opened.front().map(|record| record.offset);
        match (source, target) {
            (Some(source), Some(target)) => match self.mapping.place(source) {
                Some(place) if place == target => self.compare_pair(),
                Some(place) if place > target => self.extra(),
                _ => self.missing(),
            },
            (Some(_), None) => self.missing(),
            (None, Some(_)) => self.extra(),
            (None, None) => {}
        }
    }

    fn compare_pair(&mut self) {
        let (Some(source), Some(target)) = (
            self.source.opened.pop_front(),
            self.target.opened.pop_front(),
        ) else {
            return;
        };
        self.source.absorb_record(&source);
        self.target.absorb_record(&target);
        self.note_keys(Some(&source), Some(&target));
        let kind = match (
            source.timestamp_ms == target.timestamp_ms,
            source.body == target.body,
        ) {
            (true, true) => return,
            (false, true) => Kind::Timestamp {
                source_ms: source.timestamp_ms,
                target_ms: target.timestamp_ms,
            },
            (_, false) => Kind::contents(&source.body, &target.body),
        };
        let difference = Difference {
            source: Some(source.offset),
            target: Some(target.offset),
            kind,
        };
        self.differ(difference, None);
    }

    fn missing(&mut self) {
        let Some(source) = self.source.opened.pop_front() else {
            return;
        };
        self.source.absorb_record(&source);
        let key = self.note_keys(Some(&source), None);
        let kind = Kind::Missing {
            tombstone: tombstone(&source.body),
        };
        let target = self.mapping.place(source.offset);
        self.differ(
            Difference {
                source: Some(source.offset),
                target,
                kind,
            },
            key,
        );
    }

    fn extra(&mut self) {
        let Some(target) = self.target.opened.pop_front() else {
            return;
        };
        let origin = self.mapping.origin(target.offset);
        if origin.is_some_and(|source| source < self.source_from) {
            // Copied, and deleted at the source since.
            return;
        }
        self.target.absorb_record(&target);
        let key = self.note_keys(None, Some(&target));
        let kind = Kind::Extra {
            tombstone: tombstone(&target.body),
        };
        let source = self.mapping.origin(target.offset);
        self.differ(
            Difference {
                source,
                target: Some(target.offset),
                kind,
            },
            key,
        );
    }

    /// Remembers the last offset of each key, where cleaners may have been at work. Offsets of the
    /// target are remembered as they are there.
    fn note_keys(&mut self, source: Option<&Kept>, target: Option<&Kept>) -> Option<[u8; 16]> {
        if !self.compacted {
            return None;
        }
        let mut noted = None;
        for (lane, record) in [(&mut self.source, source), (&mut self.target, target)] {
            let Some(record) = record else { continue };
            let Some(key) = key_digest(&record.body) else {
                continue;
            };
            lane.last_of_key.insert(key, record.offset);
            noted = Some(key);
        }
        noted
    }

    fn differ(&mut self, difference: Difference, key: Option<[u8; 16]>) {
        self.total += 1;
        let kept_max = if self.compacted {
            UNEXPLAINED_MAX
        } else {
            DIFFERENCES_KEPT_MAX
        };
        if self.differences.len() < kept_max {
            self.differences.push((difference, key));
        }
    }

    /// What was found, once both sides have ended.
    #[must_use]
    pub fn finish(self) -> Compared {
        let kept = self.differences.len() as u64;
        let mut explained = 0;
        let mut differences = Vec::new();
        for (difference, key) in &self.differences {
            if self.explained(difference, *key) {
                explained += 1;
            } else if differences.len() < DIFFERENCES_KEPT_MAX {
                differences.push(difference.clone());
            }
        }
        debug_assert!(kept <= self.total);
        let mut differences_total = self.total - explained;
        if differences_total == 0
            && let Some(lost) = self.lost_end
        {
            differences.push(lost);
            differences_total = 1;
        }
        let finished = |lane: Lane| Digest::of(&lane.digest.finalize());
        Compared {
            source_records: self.source.records,
            target_records: self.target.records,
            differences,
            differences_total,
            explained_by_compaction: explained,
            fillers: self.target.fillers,
            identical_batches: self.identical,
            source_digest: finished(self.source),
            target_digest: finished(self.target),
        }
    }

    /// Whether the cleaner explains a record that one side lacks: a later record of its key stands
    /// on the side that lacks it, or it is a tombstone that has done its work.
    fn explained(&self, difference: &Difference, key: Option<[u8; 16]>) -> bool {
        let (lane, place, tombstone) = match &difference.kind {
            Kind::Missing { tombstone } => (&self.target, difference.target, *tombstone),
            Kind::Extra { tombstone } => (&self.source, difference.source, *tombstone),
            _ => return false,
        };
        let Some(key) = key else { return false };
        let later = lane.last_of_key.get(&key);
        later.is_some_and(|later| place.is_none_or(|place| *later > place))
            || (tombstone && later.is_none())
    }
}

fn tombstone(body: &[u8]) -> bool {
    let record = crate::batch::records::Record {
        offset: 0,
        timestamp_ms: 0,
        body,
    };
    record
        .contents()
        .is_ok_and(|contents| contents.value.is_none())
}

fn key_digest(body: &[u8]) -> Option<[u8; 16]> {
    let record = crate::batch::records::Record {
        offset: 0,
        timestamp_ms: 0,
        body,
    };
    let key = record.contents().ok()?.key?;
    let digest = Digest::of(key);
    digest.as_bytes().first_chunk::<16>().copied()
}
