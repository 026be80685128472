//! A client that can just do what these tests need: connect in every way, create a topic, write a
//! record, ask for the end offset.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use ferry_testbed::probe;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, ListOffsetsRequest, ProduceRequest, RequestHeader, ResponseHeader,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use rsasl::prelude::{Mechname, SASLClient, SASLConfig, State};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A connection, encrypted or not.
pub(crate) trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

/// Connects and logs in as Kafka's client properties say.
pub(crate) fn connect(properties: &BTreeMap<String, String>) -> io::Result<Box<dyn Connection>> {
    let address = properties["bootstrap.servers"].split(',').next().unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let protocol = properties["security.protocol"].as_str();
    let mut connection: Box<dyn Connection> = match protocol {
        "SSL" | "SASL_SSL" => Box::new(encrypt(stream, properties)?),
        _ => Box::new(stream),
    };
    if protocol.starts_with("SASL") {
        log_in(&mut connection, properties)?;
    }
    Ok(connection)
}

fn encrypt(
    mut stream: TcpStream,
    properties: &BTreeMap<String, String>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&properties["ssl.truststore.location"]) {
        roots.add(certificate).unwrap();
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    let config = match properties.get("ssl.keystore.location") {
        Some(keystore) => config
            .with_client_auth_cert(
                certificates(keystore),
                PrivateKeyDer::from_pem_file(keystore).unwrap(),
            )
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    let host = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), host).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(client, stream))
}

fn certificates(file: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Logs in by the mechanism, name and password of the properties.
fn log_in(
    connection: &mut Box<dyn Connection>,
    properties: &BTreeMap<String, String>,
) -> io::Result<()> {
    let jaas = &properties["sasl.jaas.config"];
    let quoted: Vec<&str> = jaas.split('"').collect();
    let (user, password) = (quoted[1], quoted[3]);
    let mechanism = properties["sasl.mechanism"].as_str();
    if mechanism == "PLAIN" {
        return probe::log_in_plain(connection, user, password);
    }
    probe::start_login(connection, mechanism)?;
    let config = SASLConfig::with_credentials(None, user.into(), password.into()).unwrap();
    let mut session = SASLClient::new(config)
        .start_suggested(&[Mechname::parse(mechanism.as_bytes()).unwrap()])
        .unwrap();
    let mut answer: Option<Vec<u8>> = None;
    loop {
        let mut message = Vec::new();
        let state = session
            .step(answer.as_deref(), &mut message)
            .map_err(io::Error::other)?;
        if !message.is_empty() {
            answer = Some(probe::continue_login(connection, &message)?);
        }
        if let State::Finished(_) = state {
            return Ok(());
        }
    }
}

/// Sends a request and returns its answer.
fn call<R: Request>(connection: &mut dyn Connection, version: i16, request: &R) -> R::Response {
    let mut frame = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .encode(&mut frame, R::header_version(version))
        .unwrap();
    request.encode(&mut frame, version).unwrap();
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    connection.write_all(&length).unwrap();
    connection.write_all(&frame).unwrap();
    connection.flush().unwrap();
    let mut length = [0; 4];
    connection.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    connection.read_exact(&mut answer).unwrap();
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, R::Response::header_version(version)).unwrap();
    let response = R::Response::decode(&mut answer, version).unwrap();
    assert!(!answer.has_remaining());
    response
}

fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// Creates a topic of one partition and returns the error code, 0 when it was created.
pub(crate) fn create_topic(connection: &mut dyn Connection, topic: &str) -> i16 {
    let topic = CreatableTopic::default()
        .with_name(topic_name(topic))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(30_000);
    call(connection, 2, &request).topics[0].error_code
}

/// Writes a record to partition 0 of a topic that was just created, and returns its offset. A
/// partition has no leader for its first moments, which the client waits out.
pub(crate) fn write_record(connection: &mut dyn Connection, topic: &str) -> i64 {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: NO_SEQUENCE,
        timestamp: 1_700_000_000_000,
        key: None,
        value: Some(Bytes::from_static(b"a record")),
        headers: Default::default(),
    };
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut batch = BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, [&record], &options).unwrap();
    let partition = PartitionProduceData::default()
        .with_index(0)
        .with_records(Some(batch.freeze()));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![partition]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic]);
    until("the partition takes a record", || {
        let answer = call(connection, 3, &request);
        let partition = &answer.responses[0].partition_responses[0];
        (partition.error_code == 0).then_some(partition.base_offset)
    })
}

/// The end offset of partition 0 of a topic.
pub(crate) fn end_offset(connection: &mut dyn Connection, topic: &str) -> i64 {
    const LATEST: i64 = -1;
    let partition = ListOffsetsPartition::default()
        .with_partition_index(0)
        .with_timestamp(LATEST);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_topics(vec![topic]);
    until("the partition tells its end offset", || {
        let answer = call(connection, 1, &request);
        let partition = &answer.topics[0].partitions[0];
        (partition.error_code == 0).then_some(partition.offset)
    })
}

/// Asks until there is an answer, for a minute at most.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
