//! How much there is to copy, and how long it may take.

use crate::circumstances::SampledRate;
use crate::modes::ROUND_TRIPS;
use crate::plan::{CopyMode, Estimate, Keeping, PartitionPlan};

/// Empty records that one broker writes and deletes in a second (measured: 3.8 to 4.2 million).
const PADDING_OFFSETS_PER_SECOND: u64 = 4_000_000;

/// Partitions whose offsets one transaction keeps free.
const PARTITIONS_AT_ONCE: u64 = 500;

/// Adds up the partitions of all topics that move.
pub(crate) fn estimate<'p>(
    topics: impl Iterator<Item = &'p [PartitionPlan]>,
    limit_bytes_per_second: Option<u64>,
    sample: Option<SampledRate>,
    round_trip_us: Option<u64>,
) -> Estimate {
    let mut estimate = Estimate {
        limit_bytes_per_second,
        sample,
        ..Estimate::default()
    };
    for partitions in topics {
        estimate.topics += 1;
        estimate.partitions += partitions.len();
        for plan in partitions {
            match plan.size_bytes {
                Some(bytes) => estimate.bytes = estimate.bytes.saturating_add(bytes),
                None => estimate.partitions_without_size += 1,
            }
            let offsets = plan.high_watermark.since(plan.log_start_offset).max(0);
            estimate.offsets = estimate.offsets.saturating_add(offsets);
            if let CopyMode::Preserve { pad } = plan.mode {
                estimate.padding_offsets = estimate.padding_offsets.saturating_add(pad);
            }
            let Keeping {
                transactions,
                fillers,
            } = plan.keeping;
            estimate.transactions = estimate.transactions.saturating_add(transactions);
            estimate.transactions_most = estimate.transactions_most.max(transactions);
            estimate.fillers = estimate.fillers.saturating_add(fillers);
        }
    }
    estimate.transactions_seconds = round_trip_us.map(|round_trip_us| {
        let rounds = estimate.transactions.div_ceil(PARTITIONS_AT_ONCE);
        let rounds = rounds.max(estimate.transactions_most);
        rounds
            .saturating_mul(ROUND_TRIPS * round_trip_us)
            .div_ceil(1_000_000)
    });
    let limited = |rate: u64| {
        limit_bytes_per_second
            .map_or(rate, |limit| rate.min(limit))
            .max(1)
    };
    let padding = estimate
        .padding_offsets
        .unsigned_abs()
        .div_ceil(PADDING_OFFSETS_PER_SECOND);
    let beside = padding.saturating_add(estimate.transactions_seconds.unwrap_or(0));
    let seconds = |rate: u64| {
        estimate
            .bytes
            .div_ceil(limited(rate))
            .saturating_add(beside)
    };
    match sample {
        Some(sample) => {
            estimate.copy_seconds_least = Some(seconds(sample.bytes_per_second_high));
            estimate.copy_seconds_most = Some(seconds(sample.bytes_per_second_low));
        }
        None => estimate.copy_seconds_least = limit_bytes_per_second.map(seconds),
    }
    // A size that is not known may be any.
    if estimate.partitions_without_size > 0 {
        estimate.copy_seconds_most = None;
    }
    estimate
}
