//! A connection over a pipe in memory, with the broker's end in the hands of the test.

use super::*;
use crate::error_code::ErrorCode;
use crate::settings::{Mechanism, Secret};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use ferry_model::identity::{BrokerId, Side};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, HeaderVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Long enough for anything that is to happen, in tests whose clock stands still unless all wait.
const SOON: Duration = Duration::from_secs(5);

/// Longer than the life of any session here.
const RECEIVE_LIMIT: Duration = Duration::from_secs(200);

fn connect(buffer: usize) -> (Connection, Broker) {
    let (near, far) = tokio::io::duplex(buffer);
    let (read, write) = tokio::io::split(near);
    let broker = Some(BrokerId(1));
    let peer = Peer {
        side: Side::Source,
        broker,
        address: "in-memory:9092".to_owned(),
    };
    let options = Options {
        client_id: StrBytes::from_static_str("ferry"),
        request_timeout: Duration::from_secs(30),
        buffers: Buffers::default(),
        throttle: ThrottleGauge::default(),
    };
    let connection = Connection::start(read, write, Arc::new(peer), options);
    let key = |key, max| {
        ApiVersion::default()
            .with_api_key(key)
            .with_max_version(max)
    };
    let keys = vec![
        key(0, 11),
        key(1, 12),
        key(3, 12),
        key(16, 4),
        key(17, 1),
        key(36, 2),
    ];
    let versions = ApiVersionsResponse::default().with_api_keys(keys);
    connection.set_versions(BrokerVersions::read(&versions).expect("no error"));
    (connection, Broker { stream: far })
}

/// The other end.
struct Broker {
    stream: DuplexStream,
}

struct Received {
    api: i16,
    id: i32,
    body: Bytes,
}

impl Broker {
    async fn receive(&mut self) -> Received {
        let length = tokio::time::timeout(RECEIVE_LIMIT, self.stream.read_i32()).await;
        let length = length.expect("a request in time").expect("a length");
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body).await.expect("a frame");
        let mut body = Bytes::from(body);
        let (api, _version, id) = (body.get_i16(), body.get_i16(), body.get_i32());
        Received { api, id, body }
    }

    async fn answer<T: Encodable + HeaderVersion>(&mut self, id: i32, version: i16, body: &T) {
        let mut frame = BytesMut::new();
        let header = ResponseHeader::default().with_correlation_id(id);
        header
            .encode(&mut frame, T::header_version(version))
            .expect("encodes");
        body.encode(&mut frame, version).expect("encodes");
        let mut whole = BytesMut::new();
        whole.put_i32(frame.len() as i32);
        whole.extend_from_slice(&frame);
        self.stream.write_all(&whole).await.expect("writes");
    }

    async fn answer_groups(&mut self, id: i32) {
        self.answer(
            id,
            4,
            &ListGroupsResponse::default().with_error_code(id as i16),
        )
        .await;
    }
}

fn produce(bytes: usize) -> ProduceRequest {
    let records = Some(Bytes::from(vec![9; bytes]));
    let partition = PartitionProduceData::default().with_records(records);
    let topic = TopicProduceData::default().with_partition_data(vec![partition]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![topic])
}

#[tokio::test]
async fn requests_leave_in_the_order_of_the_calls_and_answers_find_their_way_back() {
    let (connection, mut broker) = connect(1 << 20);
    let pending: Vec<_> = (0..100)
        .map(|_| {
            connection
                .send(&ListGroupsRequest::default())
                .expect("queued")
        })
        .collect();
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(broker.receive().await.id);
    }
    assert!(ids.is_sorted());
    for id in ids {
        broker.answer_groups(id).await;
    }
    for (index, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.await.expect("an answer").error_code, index as i16);
    }
}

#[tokio::test]
async fn fetched_records_are_slices_of_the_one_frame_that_was_read() {
    use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    let (connection, mut broker) = connect(1 << 20);
    let pending = connection.send(&FetchRequest::default()).expect("queued");
    let id = broker.receive().await.id;
    let data = |index| {
        let records = Some(Bytes::from(vec![index as u8; 100_000]));
        PartitionData::default()
            .with_partition_index(index)
            .with_records(records)
    };
    let topic = FetchableTopicResponse::default().with_partitions(vec![data(0), data(1)]);
    let response = FetchResponse::default().with_responses(vec![topic]);
    broker.answer(id, 12, &response).await;
    let answer = pending.await.expect("an answer");
    let records = |index: usize| {
        answer.responses[0].partitions[index]
            .records
            .clone()
            .expect("some")
    };
    let (first, second) = (records(0), records(1));
    assert!(first.iter().all(|byte| *byte == 0) && second.iter().all(|byte| *byte == 1));
    let distance = second.as_ptr() as usize - first.as_ptr() as usize;
    assert!(
        (100_000..100_200).contains(&distance),
        "one allocation holds both: {distance}"
    );
}

#[tokio::test]
async fn dropping_the_answer_and_the_connection_does_not_cancel_the_write() {
    let (connection, mut broker) = connect(1_000);
    drop(connection.send(&produce(50_000)).expect("queued"));
    drop(connection);
    let received = broker.receive().await;
    assert_eq!(received.api, 0);
    assert!(received.body.len() > 50_000);
    broker
        .answer(received.id, 11, &ProduceResponse::default())
        .await;
    assert_eq!(
        broker.stream.read(&mut [0]).await.expect("the end"),
        0,
        "then it closes"
    );
}

#[tokio::test]
async fn the_end_of_the_connection_fails_everything_that_waits_and_says_what_was_sent() {
    let (connection, mut broker) = connect(100);
    let sent = connection.send(&produce(50)).expect("queued");
    broker.receive().await;
    // The pipe holds 100 bytes: the next one blocks the writer, the last one stays in the queue.
    let stuck = connection.send(&produce(50_000)).expect("queued");
    broker.stream.read_u8().await.expect("the writer has begun");
    let queued = connection.send(&produce(50)).expect("queued");
    drop(broker);
    for (pending, was_sent) in [(sent, true), (stuck, true), (queued, false)] {
        match pending.await.expect_err("no answer") {
            KafkaError::Disconnected { sent, reason, .. } => {
                assert_eq!(sent, was_sent);
                assert!(
                    matches!(reason, CloseReason::Ended | CloseReason::Io { .. }),
                    "{reason}"
                );
            }
            other => panic!("{other}"),
        }
    }
    assert!(!connection.is_alive());
    let refused = connection.send(&produce(1)).expect_err("dead");
    assert!(matches!(
        refused,
        KafkaError::Disconnected { sent: false, .. }
    ));
    assert!(!refused.outcome_unknown());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_answered_in_time_closes_the_connection() {
    let (connection, mut broker) = connect(1 << 20);
    let first = connection
        .send_within(&ListGroupsRequest::default(), Duration::from_secs(2))
        .expect("queued");
    let second = connection.send(&produce(10)).expect("queued");
    broker.receive().await;
    broker.receive().await;
    let first = tokio::time::timeout(Duration::from_secs(60), first)
        .await
        .expect("in time");
    match first.expect_err("late") {
        KafkaError::TimedOut { waited_ms, .. } => assert!((2_000..2_300).contains(&waited_ms)),
        other => panic!("{other}"),
    }
    let second = second.await.expect_err("its answer can't come any more");
    assert!(second.outcome_unknown(), "{second}");
    assert!(!connection.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_throttling_broker_gets_more_time_and_is_reported() {
    let (connection, mut broker) = connect(1 << 20);
    let first = connection
        .send(&ListGroupsRequest::default())
        .expect("queued");
    let second = connection
        .send(&ListGroupsRequest::default())
        .expect("queued");
    let id = broker.receive().await.id;
    let throttled = ListGroupsResponse::default().with_throttle_time_ms(60_000);
    broker.answer(id, 4, &throttled).await;
    first.await.expect("an answer");
    let throttle = connection.throttle();
    assert_eq!((throttle.answers, throttle.total_ms), (1, 60_000));
    assert!(throttle.remaining() > Duration::from_secs(59));
    let id = broker.receive().await.id;
    tokio::time::sleep(Duration::from_secs(45)).await;
    broker.answer_groups(id).await;
    second
        .await
        .expect("later than its own time limit, but announced");
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_ends_the_connection() {
    let (connection, mut broker) = connect(1 << 20);
    let pending = connection
        .send(&ListGroupsRequest::default())
        .expect("queued");
    let id = broker.receive().await.id;
    broker.answer_groups(id + 7).await;
    match pending.await.expect_err("no answer") {
        KafkaError::Disconnected {
            reason: CloseReason::NobodyWaits { correlation_id },
            ..
        } => {
            assert_eq!(correlation_id, id + 7);
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_number_of_waiting_requests_is_bounded_and_places_come_back() {
    let (connection, mut broker) = connect(1 << 20);
    let request = ListGroupsRequest::default();
    let waiting: Vec<_> = (0..IN_FLIGHT_MAX)
        .map(|_| connection.send(&request).expect("a place"))
        .collect();
    let refused = connection.send(&request).expect_err("no place");
    assert!(matches!(
        refused,
        KafkaError::TooManyInFlight {
            limit: IN_FLIGHT_MAX,
            ..
        }
    ));
    let id = broker.receive().await.id;
    broker.answer_groups(id).await;
    let first = waiting.into_iter().next().expect("one");
    first.await.expect("an answer");
    let _place = connection.send(&request).expect("a place came back");
}

#[tokio::test]
async fn an_api_that_the_broker_lacks_is_refused_before_anything_is_sent() {
    let (connection, _broker) = connect(1 << 20);
    let refused = connection
        .send(&DescribeProducersRequest::default())
        .expect_err("no version");
    assert_eq!(
        refused.to_string(),
        "source broker 1 (in-memory:9092) speaks DescribeProducers not at all, this needs 0 to 0"
    );
    assert_eq!(connection.version::<ListGroupsRequest>(), Some(4));
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_an_error_and_no_panic() {
    let (connection, mut broker) = connect(1 << 20);
    let pending = connection
        .send(&ListGroupsRequest::default())
        .expect("queued");
    let id = broker.receive().await.id;
    broker.stream.write_i32(6).await.expect("writes");
    broker.stream.write_i32(id).await.expect("writes");
    broker.stream.write_i16(0).await.expect("writes");
    assert!(matches!(
        pending.await,
        Err(KafkaError::Decode { version: 4, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_before_it_ends_and_nothing_comes_between() {
    let (connection, mut broker) = connect(1 << 20);
    let sasl = SaslSettings {
        mechanism: Mechanism::Plain,
        username: "a".to_owned(),
        password: Secret::new("b"),
    };
    connection.renew_session(sasl, Duration::from_secs(100));
    let started = tokio::time::Instant::now();
    let handshake = broker.receive().await;
    assert_eq!(handshake.api, 17);
    let after = started.elapsed();
    assert!(
        after >= Duration::from_secs(80) && after < Duration::from_secs(100),
        "{after:?}"
    );
    // Sent in the middle of the exchange: it has to wait.
    let request = connection
        .send(&ListGroupsRequest::default())
        .expect("queued");
    broker
        .answer(handshake.id, 1, &SaslHandshakeResponse::default())
        .await;
    let proof = broker.receive().await;
    assert_eq!(proof.api, 36);
    let lives = SaslAuthenticateResponse::default().with_session_lifetime_ms(100_000);
    broker.answer(proof.id, 1, &lives).await;
    let listed = broker.receive().await;
    assert_eq!(listed.api, 16);
    broker.answer_groups(listed.id).await;
    request.await.expect("an answer");
    assert_eq!(broker.receive().await.api, 17, "and again");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_renewed_ends_the_connection_with_the_reason() {
    let (connection, mut broker) = connect(1 << 20);
    let sasl = SaslSettings {
        mechanism: Mechanism::Plain,
        username: "a".to_owned(),
        password: Secret::new("hush"),
    };
    connection.renew_session(sasl, Duration::from_secs(100));
    let handshake = broker.receive().await;
    let request = connection
        .send(&ListGroupsRequest::default())
        .expect("queued");
    broker
        .answer(handshake.id, 1, &SaslHandshakeResponse::default())
        .await;
    let proof = broker.receive().await;
    let refused = SaslAuthenticateResponse::default()
        .with_error_code(ErrorCode::SASL_AUTHENTICATION_FAILED.0);
    broker.answer(proof.id, 1, &refused).await;
    let error = tokio::time::timeout(SOON, request)
        .await
        .expect("soon")
        .expect_err("closed");
    let text = error.to_string();
    assert!(
        text.contains("could not be renewed: the password was refused"),
        "{text}"
    );
    assert!(!text.contains("hush"));
}
