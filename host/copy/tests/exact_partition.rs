//! The machine of a partition whose offsets are kept, without clock and socket: against answers that
//! an operator would call impossible, and against a broker that forgets and a worker that is killed.

use bytes::{Bytes, BytesMut};
use ferry_copy::append::{Offsets, Piece, Preparation, Prepared, Void, prepare};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::BatchBuilder;
use ferry_copy::batch::records::Contents;
use ferry_copy::batch::rewrite::sequence_at;
use ferry_copy::halt::Halt;
use ferry_copy::partition::exact::{
    Budget, ExactPartition, IN_FLIGHT_MAX, Phase, Records, Remembered, Send, TargetEnd,
};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Larger than what is merged, so that each source batch is one append.
const VALUE_BYTES: usize = 20_000;

/// The records of these tests are from 1,000 ms: brokers remember whoever writes them.
const REMEMBERED_SINCE_MS: i64 = 500;

/// Batches of the source from `first` on, of so many records each, as one fetch brings them.
fn fetched(first: i64, batches: &[i64]) -> Bytes {
    let mut out = BytesMut::new();
    let mut base = first;
    for records in batches {
        let mut builder = BatchBuilder::default();
        for record in 0..*records {
            let key = (base + record).to_be_bytes();
            let value = vec![b'v'; VALUE_BYTES];
            let contents = Contents {
                key: Some(&key),
                value: Some(&value),
                headers: Vec::new(),
            };
            builder.push_contents(1_000, &contents);
        }
        let batch = builder.finish(Codec::None).expect("encodes");
        let mut bytes = BytesMut::from(&batch.bytes[..]);
        bytes[0..8].copy_from_slice(&base.to_be_bytes());
        out.extend_from_slice(&bytes);
        base += records;
    }
    out.freeze()
}

fn feed(machine: &mut ExactPartition, first: i64, batches: &[i64]) {
    let how = Preparation {
        from: first,
        offsets: Offsets::PRESERVE,
        batch_bytes_max: 1 << 20,
    };
    let prepared = prepare(fetched(first, batches), [], how);
    assert_eq!(prepared.pieces.len(), batches.len(), "one append each");
    machine.on_fetched(first, prepared);
}

fn end(log_end: i64) -> TargetEnd {
    TargetEnd {
        log_start: 0,
        log_end,
        last_sequence: None,
    }
}

/// A machine that knows nothing yet.
fn unknown() -> ExactPartition {
    ExactPartition::new(Remembered::default(), Budget::UNLIMITED)
}

/// A machine that is copying from `at` on.
fn copying(at: i64) -> ExactPartition {
    let mut machine = unknown();
    machine.on_settled(end(at), 0, 1_000);
    assert_eq!(machine.phase(), &Phase::Copying);
    machine
}

fn base_of(send: Option<Send>) -> Option<i64> {
    send.map(|send| send.base)
}

#[test]
fn nothing_is_fetched_or_sent_before_the_end_is_settled() {
    let mut machine = unknown();
    assert!(machine.wants_settling());
    assert_eq!(machine.wants_fetch(usize::MAX), None);
    assert!(machine.next_send(REMEMBERED_SINCE_MS).is_none());
    machine.on_settled(end(40), 0, 1_000);
    assert_eq!(
        machine.wants_fetch(usize::MAX),
        Some(40),
        "it goes on where the log ends"
    );
}

#[test]
fn one_batch_is_on_its_way_until_the_first_acknowledgement_then_five() {
    let mut machine = copying(0);
    feed(&mut machine, 0, &[1; 8]);
    assert_eq!(base_of(machine.next_send(REMEMBERED_SINCE_MS)), Some(0));
    assert!(
        machine.next_send(REMEMBERED_SINCE_MS).is_none(),
        "the broker's state is not known to be ours"
    );
    machine.on_acknowledged(0);
    for base in 1..=IN_FLIGHT_MAX as i64 {
        assert_eq!(base_of(machine.next_send(REMEMBERED_SINCE_MS)), Some(base));
    }
    assert!(machine.next_send(REMEMBERED_SINCE_MS).is_none());
}

#[test]
fn where_brokers_forget_the_producer_by_the_age_of_its_records_one_batch_is_on_its_way() {
    let mut machine = copying(0);
    feed(&mut machine, 0, &[1; 8]);
    for base in 0..4 {
        assert_eq!(base_of(machine.next_send(1_001)), Some(base));
        assert!(machine.next_send(1_001).is_none(), "behind {base}");
        machine.on_acknowledged(base);
    }
}

#[test]
fn an_append_at_another_place_than_predicted_stops_the_partition() {
    let mut machine = copying(0);
    feed(&mut machine, 0, &[1, 1]);
    machine.next_send(REMEMBERED_SINCE_MS);
    machine.on_acknowledged(1);
    let diverged = Halt::Diverged {
        expected: 0,
        got: 1,
    };
    assert_eq!(machine.phase(), &Phase::Halted(diverged));
    assert!(machine.next_send(REMEMBERED_SINCE_MS).is_none());
    assert!(!machine.wants_settling());
}

#[test]
fn after_an_unknown_outcome_the_end_is_settled_before_anything_is_sent() {
    let mut machine = copying(0);
    feed(&mut machine, 0, &[1; 6]);
    machine.next_send(REMEMBERED_SINCE_MS);
    machine.on_acknowledged(0);
    machine.next_send(REMEMBERED_SINCE_MS);
    machine.next_send(REMEMBERED_SINCE_MS);
    machine.on_unknown();
    assert!(machine.next_send(REMEMBERED_SINCE_MS).is_none());
    assert!(!machine.wants_settling(), "one more is on its way");
    machine.on_unknown();
    assert!(machine.wants_settling());
    machine.on_settled(end(2), 0, 1_000);
    assert_eq!(
        machine.acknowledged(),
        2,
        "the first of the two had arrived"
    );
    assert_eq!(machine.wants_fetch(usize::MAX), Some(2));
}

#[test]
fn a_settled_end_that_no_batch_of_ours_explains_stops_the_partition() {
    let mut machine = copying(0);
    feed(&mut machine, 0, &[4, 4]);
    machine.next_send(REMEMBERED_SINCE_MS);
    machine.on_unknown();
    machine.on_settled(end(3), 0, 1_000);
    assert!(machine.halted(), "somebody else wrote three records");

    let mut machine = unknown();
    machine.on_settled(end(1_001), 0, 1_000);
    assert!(machine.halted(), "the target is ahead of the source");

    let mut machine = unknown();
    let strange = TargetEnd {
        last_sequence: Some(sequence_at(7)),
        ..end(40)
    };
    machine.on_settled(strange, 0, 1_000);
    assert!(
        machine.halted(),
        "the broker's last sequence is that of another offset"
    );
}

#[test]
fn a_target_that_lost_what_it_had_acknowledged_is_copied_to_again() {
    let mut machine = copying(0);
    feed(&mut machine, 0, &[5, 5]);
    machine.next_send(REMEMBERED_SINCE_MS);
    machine.on_acknowledged(0);
    machine.next_send(REMEMBERED_SINCE_MS);
    machine.on_unknown();
    machine.on_settled(end(2), 0, 1_000);
    assert_eq!(machine.truncations(), 1);
    assert_eq!(machine.wants_fetch(usize::MAX), Some(2));
}

#[test]
fn a_source_that_starts_late_is_padded_and_the_padding_deleted() {
    let mut machine = unknown();
    machine.on_settled(end(0), 10, 1_000);
    let padding = machine.next_send(REMEMBERED_SINCE_MS);
    assert!(
        matches!(
            padding,
            Some(Send {
                records: Records::Padding(10),
                base: 0,
                sequence: 0
            })
        ),
        "ten empty records at offset 0"
    );
    assert_eq!(
        machine.wants_deletion(),
        None,
        "not before they are acknowledged"
    );
    machine.on_acknowledged(0);
    assert_eq!(machine.wants_deletion(), Some(10));
    machine.on_padding_deleted();
    assert_eq!(machine.wants_fetch(usize::MAX), Some(10));
    assert_eq!(machine.target_start(), 10);
}

/// Answers a fetch with `pieces`, of which voids are (first, behind, aborted records).
fn feed_void(machine: &mut ExactPartition, first: i64, until: i64) {
    let void = Void {
        first,
        until,
        aborted: Vec::new(),
        source_epoch: 5,
    };
    let prepared = Prepared {
        pieces: vec![Piece::Void(void)],
        source_next: until,
        ..Prepared::default()
    };
    machine.on_fetched(first, prepared);
}

#[test]
fn offsets_are_kept_free_only_behind_what_is_acknowledged_and_have_no_sequence_number() {
    let mut machine = copying(0);
    feed(&mut machine, 0, &[2]);
    feed_void(&mut machine, 2, 4);
    feed(&mut machine, 4, &[1]);
    assert_eq!(base_of(machine.next_send(REMEMBERED_SINCE_MS)), Some(0));
    assert!(machine.next_void().is_none(), "the batch is on its way");
    assert!(machine.next_send(REMEMBERED_SINCE_MS).is_none());
    machine.on_acknowledged(0);
    for (first, until) in [(2, 3), (3, 4)] {
        let write = machine.next_void().expect("an offset to keep free");
        assert_eq!((write.first, write.until), (first, until));
        assert!(machine.next_send(REMEMBERED_SINCE_MS).is_none());
        assert!(machine.next_void().is_none());
        machine.on_void_written();
    }
    assert_eq!(machine.acknowledged(), 4);
    let send = machine.next_send(REMEMBERED_SINCE_MS).expect("a batch");
    assert_eq!((send.base, send.sequence), (4, 2));
}

#[test]
fn after_an_unknown_outcome_a_void_goes_on_where_the_log_ends() {
    for log_end in [2, 3, 5, 6] {
        let mut machine = copying(2);
        feed_void(&mut machine, 2, 6);
        let _ = machine.next_void().expect("an offset to keep free");
        machine.on_void_unknown();
        assert!(machine.wants_settling());
        assert_eq!(machine.wants_fetch(usize::MAX), None);
        machine.on_settled(end(log_end), 0, 1_000);
        if log_end <= 3 {
            assert_eq!(machine.wants_fetch(usize::MAX), Some(log_end));
        } else {
            assert!(machine.halted(), "one transaction takes one offset");
        }
    }
}

#[test]
fn where_the_broker_remembers_the_producer_its_sequence_is_continued_behind_a_void() {
    let remembered = Remembered {
        voids: true,
        ..Remembered::default()
    };
    let mut machine = ExactPartition::new(remembered, Budget::UNLIMITED);
    let known = TargetEnd {
        last_sequence: Some(41),
        ..end(100)
    };
    machine.on_settled(known, 0, 1_000);
    feed(&mut machine, 100, &[3]);
    let send = machine.next_send(REMEMBERED_SINCE_MS).expect("a batch");
    assert_eq!((send.base, send.sequence), (100, 42));
}

#[test]
fn what_goes_beyond_the_budget_is_where_offsets_are_kept_no_more() {
    let budget = Budget {
        transactions: 3,
        fillers: 0,
    };
    let mut machine = ExactPartition::new(Remembered::default(), budget);
    machine.on_settled(end(0), 0, 1_000);
    feed_void(&mut machine, 0, 2);
    feed_void(&mut machine, 2, 4);
    for _ in 0..2 {
        let _ = machine.next_void().expect("an offset to keep free");
        machine.on_void_written();
    }
    assert_eq!(machine.interrupted().map(|i| i.at), Some(2));
}

/// A broker that forgets its producers at once, and so takes whatever comes; only the place of a
/// record tells whether it is right.
#[derive(Debug, Default)]
struct Broker {
    /// The source offsets of its records, at the places of their own offsets.
    log: Vec<i64>,
    /// Requests that have reached it and are not worked on yet: (base at the source, records).
    waiting: VecDeque<(i64, i64)>,
}

impl Broker {
    /// Works on the oldest request; returns the base offset that it was appended at.
    fn work(&mut self) -> Option<i64> {
        let (first, records) = self.waiting.pop_front()?;
        let base = self.log.len() as i64;
        self.log.extend(first..first + records);
        Some(base)
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Move {
    /// So many batches are fetched.
    Fetch(Vec<i64>),
    /// A batch is sent, if one may be.
    Send,
    /// The oldest request is worked on and answered.
    Answer,
    /// The connection breaks after so many requests were worked on; the rest is lost.
    Break(usize),
    /// The worker is killed; so many of its requests are still worked on afterwards, and only then
    /// does the log stand still.
    Kill(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => prop::collection::vec(1_i64..4, 1..4).prop_map(Move::Fetch),
        8 => Just(Move::Send),
        6 => Just(Move::Answer),
        1 => (0_usize..6).prop_map(Move::Break),
        1 => (0_usize..6).prop_map(Move::Kill),
    ];
    prop::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever is lost and whoever is killed: the target's log is the source's, each record once and
    /// at its own offset.
    #[test]
    fn the_targets_log_is_always_a_prefix_of_the_sources(moves in moves()) {
        let mut machine = copying(0);
        let mut broker = Broker::default();
        for next in moves {
            match next {
                Move::Fetch(batches) => {
                    if let Some(from) = machine.wants_fetch(usize::MAX)
                        && from < 900
                    {
                        feed(&mut machine, from, &batches);
                    }
                }
                Move::Send => {
                    if let Some(Send { records: Records::Append(append), base, .. }) =
                        machine.next_send(REMEMBERED_SINCE_MS)
                    {
                        broker.waiting.push_back((base, append.records()));
                    }
                }
                Move::Answer => {
                    if let Some(base) = broker.work() {
                        machine.on_acknowledged(base);
                    }
                }
                Move::Break(worked_on) => {
                    for _ in 0..broker.waiting.len() {
                        machine.on_unknown();
                    }
                    for _ in 0..worked_on {
                        broker.work();
                    }
                    broker.waiting.clear();
                }
                Move::Kill(worked_on) => {
                    for _ in 0..worked_on {
                        broker.work();
                    }
                    broker.waiting.clear();
                    machine = unknown();
                }
            }
            if machine.wants_settling() {
                machine.on_settled(end(broker.log.len() as i64), 0, 1_000);
            }
            prop_assert!(!machine.halted(), "{:?}", machine.phase());
            let right: Vec<i64> = (0..broker.log.len() as i64).collect();
            prop_assert_eq!(&broker.log, &right);
            prop_assert!(machine.acknowledged() <= broker.log.len() as i64);
        }
    }
}
