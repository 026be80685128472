//! All behaviours, by name.

use crate::behaviours as all;
use crate::cluster::{Brokers, Cluster};
use ferry_fake_kafka::Release;
use std::pin::Pin;
use std::sync::Arc;

/// What a behaviour does with a cluster.
type Work = Pin<Box<dyn Future<Output = ()>>>;

/// What a behaviour needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// A broker whose restart begins a new leader epoch.
    LeaderEpochs,
    /// One broker that is restarted.
    Restart,
    /// One broker.
    OneBroker,
    /// Three brokers, which it has alone.
    ThreeBrokers,
}

impl Needs {
    /// How many brokers it takes.
    #[must_use]
    pub fn brokers(self, release: Release) -> i32 {
        match (self, release) {
            // With ZooKeeper the last broker takes its offices with it and has them when it is back.
            (Self::LeaderEpochs, Release::V2_8) | (Self::ThreeBrokers, _) => 3,
            (Self::LeaderEpochs | Self::Restart | Self::OneBroker, _) => 1,
        }
    }

    /// Whether it restarts brokers.
    #[must_use]
    pub fn restarts(self) -> bool {
        matches!(self, Self::LeaderEpochs | Self::Restart)
    }

    /// Whether nobody else may be at the brokers.
    #[must_use]
    pub fn alone(self) -> bool {
        self == Self::ThreeBrokers
    }
}

/// Something that brokers do.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// The sentence, behind the name of its group: `idempotence::the_same_batch_again_...`.
    pub name: &'static str,
    /// On what it is tried.
    pub needs: Needs,
    work: fn(Arc<dyn Brokers>) -> Work,
}

impl Behaviour {
    /// Tries it; panics where the brokers do something else.
    pub async fn holds(&self, brokers: Arc<dyn Brokers>) {
        (self.work)(brokers).await;
    }
}

macro_rules! behaviours {
    ($($needs:ident $group:ident: $($sentence:ident)+;)+) => {
        /// All behaviours.
        #[must_use]
        pub fn behaviours() -> Vec<Behaviour> {
            vec![$($(Behaviour {
                name: concat!(stringify!($group), "::", stringify!($sentence)),
                needs: Needs::$needs,
                work: |brokers| Box::pin(async move {
                    let cluster = Cluster::connect(brokers).await;
                    all::$group::$sentence(&cluster).await;
                }),
            }),+),+]
        }
    };
}

behaviours! {
    LeaderEpochs epochs:
        an_epoch_ends_where_the_next_one_begins
        an_epoch_of_the_future_has_no_end
        an_epoch_without_records_is_forgotten_when_the_next_begins
        epochs_go_with_the_records_that_are_deleted
        who_knows_another_epoch_is_told_so
        a_log_that_went_another_way_is_told_where
        an_asker_from_the_future_is_out_of_range
        an_asker_from_before_the_start_is_out_of_range
        that_it_is_before_the_start_is_said_before_that_it_went_another_way
        ends_of_a_log_have_the_epochs_of_their_records
        ;
    Restart forgetting:
        the_last_batch_decides_by_its_largest_timestamp
        a_restart_lets_producers_of_old_records_be_forgotten
        producers_of_fresh_records_outlive_a_restart
        deleting_all_records_and_a_restart_let_producers_be_forgotten
        one_record_that_is_left_lets_its_producer_be_remembered
        a_producer_whose_records_are_deleted_is_remembered_beside_others
        a_marker_is_as_old_as_it_is_whatever_the_age_of_the_records
        ;
    Restart timestamps:
        the_brokers_time_lets_a_producer_of_old_records_be_remembered
        ;
    Restart isolation:
        an_open_transaction_outlives_a_restart
        ;
    Restart deletion:
        the_start_outlives_a_restart
        ;
    Restart topics:
        the_only_broker_loses_its_offices_by_a_restart_but_with_zookeeper
        ;
    OneBroker epochs:
        what_is_not_there_is_unknown
        ;
    OneBroker forgetting:
        a_producer_that_is_not_known_begins_with_any_sequence
        old_records_let_a_producer_be_forgotten_while_brokers_run
        fresh_records_let_no_producer_be_forgotten
        deleting_records_lets_nobody_be_forgotten_at_once
        an_open_transaction_lets_its_producer_be_remembered
        ;
    OneBroker timestamps:
        records_keep_their_own_time
        with_log_append_time_brokers_give_their_own
        a_batch_that_claims_the_brokers_time_loses_the_claim_or_is_refused
        the_largest_timestamp_is_counted_anew
        records_of_the_future_are_refused_where_a_limit_is_set
        a_batch_that_was_there_before_tells_its_timestamp
        ;
    OneBroker isolation:
        committed_readers_stop_at_the_first_open_transaction
        aborted_transactions_are_named_and_their_records_delivered
        aborted_transactions_come_in_the_order_of_their_markers
        an_aborted_transaction_without_records_is_not_named
        markers_are_control_batches_of_one_record
        a_committed_reader_waits_for_the_end_of_a_transaction
        ;
    OneBroker deletion:
        deleting_moves_the_start_and_nothing_else
        a_start_inside_of_a_batch_leaves_the_batch_whole
        minus_one_deletes_everything
        nothing_is_deleted_beyond_the_end
        compacted_topics_have_no_records_deleted
        open_transactions_do_not_stand_in_the_way
        what_is_not_there_is_unknown
        ;
    OneBroker topics:
        a_topic_that_is_not_there_is_unknown
        a_new_topic_is_led_in_epoch_zero
        a_topic_is_made_once
        topics_that_can_not_be_are_not_made
        a_deleted_topic_is_unknown_and_its_next_one_another
        places_may_be_left_to_the_brokers
        who_names_no_topics_hears_of_all_or_none
        ;
    OneBroker offsets:
        an_empty_log_begins_and_ends_at_zero
        the_ends_move_with_the_log
        ends_come_without_a_time_and_with_their_epoch
        a_time_finds_the_first_record_that_is_not_older
        a_time_finds_nothing_that_is_deleted
        the_largest_time_is_found_where_brokers_can
        an_open_transaction_is_the_end_of_what_is_committed
        what_is_not_there_is_unknown
        ;
    OneBroker idempotence:
        the_next_sequence_is_appended_at_the_next_offset
        the_same_batch_again_is_answered_with_its_first_place
        what_is_in_a_batch_does_not_make_it_another_one
        five_batches_are_remembered_and_an_older_one_is_refused
        other_boundaries_gaps_and_overlaps_are_refused
        sequences_go_on_at_zero_behind_the_largest
        a_producer_goes_on_on_another_connection
        every_partition_has_sequences_of_its_own
        a_new_epoch_begins_at_sequence_zero_and_ends_the_old_one
        ids_of_producers_differ
        without_a_producer_everything_is_appended
        a_producer_without_a_sequence_is_refused
        an_epoch_is_not_asked_of_a_producer_that_is_not_known
        ;
    OneBroker refusals:
        a_count_that_does_not_fit_the_offsets_is_refused
        records_that_are_not_there_are_missed
        a_gap_between_records_that_are_not_compressed_is_not_seen
        markers_are_refused
        a_checksum_that_does_not_fit_is_refused
        a_batch_that_is_too_large_is_refused
        a_request_has_one_batch_for_a_partition
        messages_of_old_formats_are_refused
        a_batch_begins_at_offset_zero
        the_bit_of_the_delete_horizon_is_taken_as_it_comes
        compressed_batches_pass_untouched
        offset_and_leader_epoch_are_the_brokers
        what_is_not_there_is_unknown
        a_refused_batch_changes_nothing_for_its_producer
        compacted_topics_want_keys
        fewer_replicas_than_a_topic_demands
        ;
    OneBroker fetching:
        a_fetch_brings_the_whole_batches_from_the_one_that_holds_its_offset
        an_answer_tells_where_the_log_begins_and_ends
        outside_of_the_log_there_is_nothing
        at_the_end_a_fetch_waits_until_something_comes
        a_fetch_that_nothing_comes_for_is_answered_empty
        a_fetch_waits_until_there_is_as_much_as_it_wants
        who_wants_nothing_does_not_wait
        an_error_is_not_waited_with
        the_first_batch_comes_whole_however_little_is_wanted
        an_answer_ends_where_its_bytes_do_in_the_middle_of_a_batch
        what_one_partition_takes_the_next_lacks
        what_is_not_there_is_unknown
        a_session_that_nobody_has_begun_is_not_found
        ;
    OneBroker transactions:
        every_transaction_ends_with_one_marker
        an_empty_transaction_takes_one_offset_of_every_partition
        behind_a_marker_alone_sequences_begin_at_zero
        without_a_marker_a_transaction_begins_with_any_sequence
        the_next_transaction_waits_for_the_last_one
        a_transaction_is_ended_twice_but_not_in_two_ways
        where_nothing_is_open_nothing_ends
        another_id_or_epoch_is_no_part_of_it
        unknown_partitions_are_not_added
        later_releases_want_a_partition_added_before_its_records
        a_batch_of_a_transaction_needs_a_request_that_names_it
        a_batch_beside_the_open_transaction_of_its_producer_is_refused
        the_end_of_a_transaction_is_answered_before_its_marker_is_written
        behind_its_marker_a_transaction_is_over
        the_time_limit_of_transactions_is_limited
        a_transactional_id_is_not_empty
        the_end_of_a_transaction_of_a_deleted_topic_is_no_error
        ;
    OneBroker fencing:
        a_new_worker_has_the_next_epoch_of_the_same_id
        a_take_over_aborts_what_is_open_with_one_marker_of_the_next_epoch
        a_take_over_without_markers_is_noticed_by_later_releases
        a_take_over_behind_a_commit_keeps_what_is_committed
        a_transaction_that_is_open_for_too_long_is_aborted
        a_transaction_is_as_old_as_its_first_partition
        ;
    OneBroker producers:
        a_leader_tells_the_last_sequence_and_time_of_each_producer
        a_leader_tells_where_an_open_transaction_began
        behind_a_marker_of_a_new_epoch_no_sequence_is_told
        what_is_not_there_is_unknown
        ;
    OneBroker connections:
        releases_speak_the_versions_that_they_are_known_for
        an_unknown_version_of_the_first_question_is_answered_in_version_zero
        who_speaks_another_version_is_hung_up_on
        requests_of_one_connection_are_answered_in_their_order
        what_has_arrived_is_done_though_its_client_has_hung_up
        what_has_not_arrived_whole_is_not_done
        ;
    OneBroker rights:
        every_question_about_a_denied_topic_is_refused
        who_may_see_nothing_is_told_so_before_what_is_wrong
        denied_partitions_are_part_of_no_transaction
        a_transaction_ends_in_partitions_that_were_denied_meanwhile
        ;
    ThreeBrokers leaders:
        who_does_not_lead_says_so
        followers_tell_the_producers_that_they_know
        followers_serve_what_is_replicated
        a_leader_that_stops_is_followed_by_one_that_is_in_sync
        what_a_follower_lacks_is_not_seen
        a_batch_again_is_as_little_acknowledged_as_it_was_replicated
        a_transaction_is_over_when_all_replicas_have_its_marker
        fewer_in_sync_than_a_topic_demands_are_too_few
        who_is_no_coordinator_says_so
        without_its_only_replica_a_partition_has_no_leader
        a_transaction_goes_on_at_the_next_coordinator
        ;
}
