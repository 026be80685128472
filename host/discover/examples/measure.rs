//! Builds an estate of the given scale on a real cluster, discovers it, and prints how long both
//! took: `cargo run -p ferry-discover --example measure -- 1.0 [TOPIC]`. With a topic, what was
//! found of it is printed too.

#![expect(clippy::print_stdout, reason = "that is what it is for")]

use ferry_discover::{DiscoverOptions, Progress, discover};
use ferry_estate::{BROKER_PROPERTIES, Estate, EstateOptions, accounts};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::Side;
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let scale = arguments.next().map_or(Ok(1.0), |scale| scale.parse())?;
    let topic = arguments.next();
    let admin = accounts::ADMIN;
    let mut builder = Cluster::builder(KafkaVersion::V3_9)
        .name("measure")
        .listener(Listener::SaslSsl)
        .authorizer(true)
        .heap_mib(512)
        .super_user(admin.name, admin.password);
    for (key, value) in BROKER_PROPERTIES {
        builder = builder.property(key, value);
    }
    let cluster = builder.start().await?;
    let properties = cluster.client_properties(Listener::SaslSsl, admin.name);
    let settings = ClientSettings::from_properties(&properties)?;
    let source = Client::connect(settings.clone(), Side::Source).await?;
    let target = Client::connect(settings, Side::Target).await?;

    let started = Instant::now();
    let options = EstateOptions {
        scale,
        ..EstateOptions::full()
    };
    let estate = Estate::build(&source, options).await?;
    println!("{}", estate.report());
    println!("built in {:.1} s", started.elapsed().as_secs_f64());
    let sizes = source.admin().partition_sizes().await?;
    let bytes: u64 = sizes.values().sum();
    println!("{:.1} MB on disk", bytes as f64 / 1e6);

    let started = Instant::now();
    let note = |event: Progress| println!("{:6.2} s {event:?}", started.elapsed().as_secs_f64());
    let snapshot = discover(&source, &target, &DiscoverOptions::default(), note).await?;
    println!("discovered in {:.2} s", started.elapsed().as_secs_f64());
    if let Some(facts) = topic.and_then(|topic| snapshot.source.topics.get(topic.as_str())) {
        println!("{facts:#?}");
    }
    Ok(())
}
