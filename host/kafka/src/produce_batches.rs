//! A produce request for batches whose headers were written anew.
//!
//! Each batch comes in two pieces: its header, which is copied into the request, and its records,
//! which stay where the fetch has put them and are written from there.

use crate::frame::{EncodeError, FrameBuilder};
use crate::produce_frame::{Front, encode_parts};
use crate::request::{Api, Effect, Request};
use bytes::Bytes;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use kafka_protocol::protocol::{HeaderVersion, VersionRange};

/// Bytes of a batch before its records
/// (<https://kafka.apache.org/documentation/#recordbatch>).
pub const BATCH_HEADER_BYTES: usize = 61;

/// A batch in two pieces.
#[derive(Debug, Clone)]
pub struct SplitBatch {
    /// Its header.
    pub header: [u8; BATCH_HEADER_BYTES],
    /// Everything behind the header.
    pub records: Bytes,
}

impl SplitBatch {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.header.len() + self.records.len()
    }

    /// Never: a batch has at least its header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.header.is_empty()
    }
}

/// A produce request, answered as any other ([`ProduceRequest`]).
#[derive(Debug, Clone)]
pub struct ProduceBatches {
    /// The transactional id, inside of a transaction.
    pub transactional_id: Option<String>,
    /// How many replicas have to have it: -1 for all that are in sync. Not 0.
    pub acks: i16,
    /// How long the broker may wait for them, in milliseconds.
    pub timeout_ms: i32,
    /// By topic: partitions with one batch each.
    pub topics: Vec<(String, Vec<(i32, SplitBatch)>)>,
}

impl HeaderVersion for ProduceBatches {
    fn header_version(version: i16) -> i16 {
        <ProduceRequest as HeaderVersion>::header_version(version)
    }
}

impl Request for ProduceBatches {
    type Response = ProduceResponse;
    const API: Api = <ProduceRequest as Request>::API;
    const VERSIONS: VersionRange = <ProduceRequest as Request>::VERSIONS;
    const EFFECT: Effect = <ProduceRequest as Request>::EFFECT;

    fn throttle_time_ms(response: &Self::Response) -> i32 {
        <ProduceRequest as Request>::throttle_time_ms(response)
    }

    fn encode_body(&self, version: i16, frame: &mut FrameBuilder) -> Result<(), EncodeError> {
        let front = Front {
            transactional_id: self.transactional_id.as_ref().map(String::as_bytes),
            acks: self.acks,
            timeout_ms: self.timeout_ms,
        };
        let topics = self.topics.iter().map(|(name, partitions)| {
            let partitions = partitions
                .iter()
                .map(|(index, batch)| (*index, Some((&batch.header[..], &batch.records))));
            (name.as_bytes(), partitions)
        });
        encode_parts(&front, topics, version, frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{TopicName, TransactionalId};
    use kafka_protocol::protocol::StrBytes;

    #[test]
    fn a_batch_in_two_pieces_is_sent_as_one_in_one_piece() {
        let client = StrBytes::from_static_str("ferry");
        for (version, bytes) in [(3, 10), (8, 100_000), (9, 10), (11, 100_000)] {
            let header = [7; BATCH_HEADER_BYTES];
            let records = Bytes::from(vec![9; bytes]);
            let split = ProduceBatches {
                transactional_id: Some("ferry-0".to_owned()),
                acks: -1,
                timeout_ms: 30_000,
                topics: vec![(
                    "orders".to_owned(),
                    vec![(
                        4,
                        SplitBatch {
                            header,
                            records: records.clone(),
                        },
                    )],
                )],
            };
            let whole = Bytes::from([&header[..], &records[..]].concat());
            let partition = PartitionProduceData::default()
                .with_index(4)
                .with_records(Some(whole));
            let topic = TopicProduceData::default()
                .with_name(TopicName(StrBytes::from_static_str("orders")))
                .with_partition_data(vec![partition]);
            let id = TransactionalId(StrBytes::from_static_str("ferry-0"));
            let one = ProduceRequest::default()
                .with_transactional_id(Some(id))
                .with_acks(-1)
                .with_timeout_ms(30_000)
                .with_topic_data(vec![topic]);
            let bytes_of = |frame: Frame| frame.into_segments().flatten().collect::<Vec<u8>>();
            let split = bytes_of(Frame::encode(&split, version, &client).expect("encodes"));
            let one = bytes_of(Frame::encode(&one, version, &client).expect("encodes"));
            assert!(split == one, "version {version} with {bytes} bytes");
        }
    }
}
