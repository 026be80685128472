//! The body of a produce request without copying the records.
//!
//! `kafka-protocol` would copy every batch into one buffer. At the rates of a cluster migration that
//! copy is a good part of the processor time, so the few fields of this one message are written
//! here, and the records stay where they are. A test compares with `kafka-protocol` byte by byte.

use crate::frame::{EncodeError, FrameBuilder};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ProduceRequest;

/// From this version on the message uses compact encodings and tagged fields (KIP-482).
const FLEXIBLE_FROM: i16 = 9;

/// From this version on topics are named by id; not in the table of versions.
const TOPIC_IDS_FROM: i16 = 13;

/// The fields before the topics.
pub(crate) struct Front<'a> {
    pub(crate) transactional_id: Option<&'a [u8]>,
    pub(crate) acks: i16,
    pub(crate) timeout_ms: i32,
}

/// The records of one partition: a few bytes that are copied, and the rest, which is not.
pub(crate) type Records<'a> = Option<(&'a [u8], &'a Bytes)>;

/// Writes `request` in `version`.
///
/// # Errors
/// [`EncodeError`] for `acks=0`, which brokers never answer, for a version outside 3 to 12, and for
/// lengths that the encoding can't hold.
pub(crate) fn encode(
    request: &ProduceRequest,
    version: i16,
    frame: &mut FrameBuilder,
) -> Result<(), EncodeError> {
    let front = Front {
        transactional_id: request.transactional_id.as_ref().map(|id| id.0.as_bytes()),
        acks: request.acks,
        timeout_ms: request.timeout_ms,
    };
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            let records = partition.records.as_ref().map(|records| (&[][..], records));
            (partition.index, records)
        });
        (topic.name.0.as_bytes(), partitions)
    });
    encode_parts(&front, topics, version, frame)
}

/// Writes a request that is given in its parts: topics with their partitions.
///
/// # Errors
/// Those of [`encode`].
pub(crate) fn encode_parts<'a, T, P>(
    front: &Front<'_>,
    topics: T,
    version: i16,
    frame: &mut FrameBuilder,
) -> Result<(), EncodeError>
where
    T: ExactSizeIterator<Item = (&'a [u8], P)>,
    P: ExactSizeIterator<Item = (i32, Records<'a>)>,
{
    if front.acks == 0 {
        return Err(EncodeError::Field(
            "acks=0: brokers never answer such a request".to_owned(),
        ));
    }
    if !(3..TOPIC_IDS_FROM).contains(&version) {
        return Err(EncodeError::Field(format!(
            "version {version} of Produce is not spoken"
        )));
    }
    let flexible = version >= FLEXIBLE_FROM;
    let buffer = frame.buffer(64);
    put_nullable_string(buffer, front.transactional_id, flexible)?;
    buffer.put_i16(front.acks);
    buffer.put_i32(front.timeout_ms);
    put_count(buffer, topics.len(), flexible)?;
    for (name, partitions) in topics {
        let buffer = frame.buffer(name.len() + 16);
        put_nullable_string(buffer, Some(name), flexible)?;
        put_count(buffer, partitions.len(), flexible)?;
        for (index, records) in partitions {
            put_partition(index, records, flexible, frame)?;
        }
        put_no_tags(frame.buffer(1), flexible);
    }
    put_no_tags(frame.buffer(1), flexible);
    Ok(())
}

fn put_partition(
    index: i32,
    records: Records<'_>,
    flexible: bool,
    frame: &mut FrameBuilder,
) -> Result<(), EncodeError> {
    let buffer = frame.buffer(16);
    buffer.put_i32(index);
    match (records, flexible) {
        (None, true) => put_varint(buffer, 0),
        (None, false) => buffer.put_i32(-1),
        (Some((front, rest)), _) => {
            put_count(buffer, front.len() + rest.len(), flexible)?;
            buffer.extend_from_slice(front);
            frame.append(rest);
        }
    }
    put_no_tags(frame.buffer(1), flexible);
    Ok(())
}

/// A length: plus one as a variable number in flexible versions, else 32 bits.
fn put_count(buffer: &mut BytesMut, count: usize, flexible: bool) -> Result<(), EncodeError> {
    let too_long = || EncodeError::Field(format!("a length of {count} does not fit"));
    if flexible {
        let count = u32::try_from(count)
            .ok()
            .and_then(|count| count.checked_add(1));
        put_varint(buffer, count.ok_or_else(too_long)?);
    } else {
        buffer.put_i32(i32::try_from(count).map_err(|_| too_long())?);
    }
    Ok(())
}

fn put_nullable_string(
    buffer: &mut BytesMut,
    text: Option<&[u8]>,
    flexible: bool,
) -> Result<(), EncodeError> {
    match (text, flexible) {
        (None, true) => put_varint(buffer, 0),
        (None, false) => buffer.put_i16(-1),
        (Some(text), true) => {
            put_count(buffer, text.len(), true)?;
            buffer.extend_from_slice(text);
        }
        (Some(text), false) => {
            let length = i16::try_from(text.len())
                .map_err(|_| EncodeError::Field(format!("{} bytes of text", text.len())))?;
            buffer.put_i16(length);
            buffer.extend_from_slice(text);
        }
    }
    Ok(())
}

fn put_no_tags(buffer: &mut BytesMut, flexible: bool) {
    if flexible {
        buffer.put_u8(0);
    }
}

fn put_varint(buffer: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        buffer.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    buffer.put_u8(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, SHARED_BYTES_MIN};
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{RequestHeader, TopicName, TransactionalId};
    use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};

    fn request(sizes: &[Option<usize>], transactional: bool) -> ProduceRequest {
        let partition = |(index, size): (usize, &Option<usize>)| {
            let records = size.map(|size| Bytes::from(vec![b'a' + (index % 26) as u8; size]));
            PartitionProduceData::default()
                .with_index(index as i32)
                .with_records(records)
        };
        let topic = |name: &str| {
            TopicProduceData::default()
                .with_name(TopicName(StrBytes::from_string(name.to_owned())))
                .with_partition_data(sizes.iter().enumerate().map(partition).collect())
        };
        let id = transactional.then(|| TransactionalId(StrBytes::from_static_str("ferry-0")));
        ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_transactional_id(id)
            .with_topic_data(vec![topic("orders"), topic(&"x".repeat(249))])
    }

    #[test]
    fn every_version_equals_what_kafka_protocol_writes() {
        let sizes = [
            Some(10),
            Some(SHARED_BYTES_MIN),
            None,
            Some(300_000),
            Some(0),
            Some(5_000),
        ];
        for version in 3..=12 {
            for transactional in [false, true] {
                let request = request(&sizes, transactional);
                let client = StrBytes::from_static_str("ferry");
                let mut expected = BytesMut::new();
                RequestHeader::default()
                    .with_request_api_version(version)
                    .with_client_id(Some(client.clone()))
                    .encode(&mut expected, ProduceRequest::header_version(version))
                    .expect("encodes");
                request.encode(&mut expected, version).expect("encodes");
                let frame = Frame::encode(&request, version, &client).expect("encodes");
                let written: Vec<u8> = frame.into_segments().flatten().collect();
                assert!(written[4..] == expected[..], "version {version} differs");
            }
        }
    }

    #[test]
    fn large_records_are_not_copied() {
        let request = request(&[Some(100_000)], false);
        let records = request.topic_data[0].partition_data[0]
            .records
            .clone()
            .expect("records");
        let frame = Frame::encode(&request, 11, &StrBytes::new()).expect("encodes");
        assert!(
            frame
                .into_segments()
                .any(|segment| segment.as_ptr() == records.as_ptr()),
            "the caller's own memory is a segment of the frame"
        );
    }

    #[test]
    fn a_request_that_would_never_be_answered_is_refused() {
        let request = request(&[Some(1)], false).with_acks(0);
        assert!(Frame::encode(&request, 9, &StrBytes::new()).is_err());
    }
}
