//! One connection: versions, order, and what becomes of requests whose client is gone.

use crate::cluster::Cluster;
use crate::wire::raw;
use bytes::{Buf, Bytes};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ProduceRequest,
};
use kafka_protocol::protocol::Decodable;
use std::io;
use tokio::io::AsyncWriteExt;

pub(crate) async fn releases_speak_the_versions_that_they_are_known_for(cluster: &Cluster) {
    let mut stream = cluster.brokers().dial(1).await;
    let request = raw::frame(ApiKey::ApiVersions, 0, 1, &ApiVersionsRequest::default());
    let mut answer = raw::ask(&mut stream, &request).await.expect("is answered");
    assert_eq!(answer.get_i32(), 1, "the correlation id");
    let answer = ApiVersionsResponse::decode(&mut answer, 0).expect("is decoded");
    for (api, least, greatest) in cluster.release().apis() {
        let told = answer.api_keys.iter().find(|told| told.api_key == api);
        let told = told.map(|told| (told.min_version, told.max_version));
        assert_eq!(told, Some((least, greatest)), "{:?}", ApiKey::try_from(api));
    }
}

pub(crate) async fn an_unknown_version_of_the_first_question_is_answered_in_version_zero(
    cluster: &Cluster,
) {
    let mut stream = cluster.brokers().dial(1).await;
    let request = raw::frame_of(ApiKey::ApiVersions, 99, 7, &[]);
    let mut answer = raw::ask(&mut stream, &request).await.expect("is answered");
    assert_eq!(answer.get_i32(), 7, "the correlation id");
    let answer = ApiVersionsResponse::decode(&mut answer, 0).expect("is decoded");
    assert_eq!(answer.error_code, 35);
    let told = answer.api_keys.iter().find(|told| told.api_key == 18);
    assert!(told.is_some_and(|told| told.max_version >= 3));
}

pub(crate) async fn who_speaks_another_version_is_hung_up_on(cluster: &Cluster) {
    let mut stream = cluster.brokers().dial(1).await;
    let request = raw::frame_of(ApiKey::Metadata, 99, 1, &[0; 20]);
    let answered = raw::ask(&mut stream, &request).await;
    let kind = answered.expect_err("nothing to answer").kind();
    assert!(
        matches!(
            kind,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        ),
        "{kind}"
    );
}

pub(crate) async fn requests_of_one_connection_are_answered_in_their_order(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let fetch = log.fetching(0).wait(400, 1);
    let first = fetch.queue(9).await.expect("is sent");
    let leader = log.leader().await.broker;
    let connection = cluster
        .connection(leader, ferry_kafka::Lane::Fetch(9))
        .await;
    let second = connection
        .send(&MetadataRequest::default())
        .expect("is sent");
    tokio::pin!(first);
    tokio::pin!(second);
    tokio::select! {
        biased;
        first = &mut first => assert!(first.is_ok()),
        _ = &mut second => panic!("the second answer came before the first"),
    }
    assert!(second.await.is_ok());
}

/// A produce request as bytes.
fn produce_frame(topic: &str, batch: Bytes) -> Bytes {
    let data = PartitionProduceData::default()
        .with_index(0)
        .with_records(Some(batch));
    let topic = TopicProduceData::default()
        .with_name(crate::wire::text(topic).into())
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic]);
    raw::frame(ApiKey::Produce, 7, 1, &request)
}

pub(crate) async fn what_has_arrived_is_done_though_its_client_has_hung_up(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let mut stream = cluster.brokers().dial(1).await;
    let frame = produce_frame(log.place.topic.as_str(), cluster.records(3).batch());
    stream.write_all(&frame).await.expect("is sent");
    stream.flush().await.expect("is sent");
    drop(stream);
    cluster.ends_at(&log, 3).await;
}

pub(crate) async fn what_has_not_arrived_whole_is_not_done(cluster: &Cluster) {
    let log = cluster.log(&[]).await;
    let mut stream = cluster.brokers().dial(1).await;
    let frame = produce_frame(log.place.topic.as_str(), cluster.records(3).batch());
    stream
        .write_all(&frame[..frame.len() - 1])
        .await
        .expect("is sent");
    stream.flush().await.expect("is sent");
    drop(stream);
    assert_eq!(log.produce(cluster.records(2).batch()).await.place(), Ok(0));
    assert_eq!(log.end().await, 2);
}
