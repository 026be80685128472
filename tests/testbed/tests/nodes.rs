//! Nodes can be stopped, killed, paused and restarted one by one, and keep their data.

// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ferry_testbed::{Cluster, KafkaVersion, Listener, NodeError, probe};
use support::{connect, create_topic, end_offset, until, write_record};

#[test]
fn a_killed_node_has_its_records_and_ports_after_a_restart() {
    for version in [KafkaVersion::V4_3, KafkaVersion::V3_9, KafkaVersion::V2_8] {
        let cluster = Cluster::builder(version).start_blocking().unwrap();
        let client = cluster.client_properties(Listener::Plaintext, "anonymous");
        let mut connection = connect(&client).unwrap();
        assert_eq!(create_topic(&mut connection, "kept"), 0);
        assert_eq!(write_record(&mut connection, "kept"), 0);

        let node = cluster.node(1);
        let first = node.process_id();
        node.kill().unwrap();
        assert!(connect(&client).is_err());
        assert!(matches!(
            node.kill(),
            Err(NodeError::NotRunning { node: 1 })
        ));
        let began = Instant::now();
        node.restart_blocking().unwrap();
        println!("{version}: restarted {:?} after a kill", began.elapsed());
        assert_ne!(node.process_id(), first);

        let mut connection = connect(&client).unwrap();
        assert_eq!(end_offset(&mut connection, "kept"), 1);
        assert_eq!(write_record(&mut connection, "kept"), 1);

        // A restart of a running node stops it in order first.
        let began = Instant::now();
        node.restart_blocking().unwrap();
        println!("{version}: restarted {:?} after a stop", began.elapsed());
        assert_eq!(end_offset(&mut connect(&client).unwrap(), "kept"), 2);
    }
}

/// Which brokers a node knows.
fn known_by(cluster: &Cluster, node: u32) -> io::Result<Vec<i32>> {
    let port = cluster.node(node).port(Listener::Plaintext).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    probe::describe_cluster(&mut stream)
}

#[tokio::test]
async fn three_nodes_lose_and_regain_one_in_every_way() {
    let began = Instant::now();
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .nodes(3)
        .start()
        .await
        .unwrap();
    println!("three nodes started in {:?}", began.elapsed());
    for node in cluster.nodes() {
        assert_eq!(known_by(&cluster, node.id()).unwrap(), [1, 2, 3]);
    }

    // Stopped in order: the others know at once.
    cluster.node(2).stop().await.unwrap();
    assert_eq!(cluster.node(2).process_id(), None);
    until("node 1 knows that node 2 stopped", || {
        (known_by(&cluster, 1).unwrap() == [1, 3]).then_some(())
    });
    cluster.node(2).restart().await.unwrap();
    assert_eq!(known_by(&cluster, 1).unwrap(), [1, 2, 3]);

    // Killed: the others miss it after a while.
    cluster.node(3).kill().unwrap();
    until("node 1 misses node 3", || {
        (known_by(&cluster, 1).unwrap() == [1, 2]).then_some(())
    });
    let began = Instant::now();
    cluster.node(3).restart().await.unwrap();
    println!("restarted in {:?} after it was missed", began.elapsed());
    cluster.node(3).kill().unwrap();
    let began = Instant::now();
    cluster.node(3).restart().await.unwrap();
    println!("restarted in {:?} at once after a kill", began.elapsed());
    assert_eq!(known_by(&cluster, 1).unwrap(), [1, 2, 3]);

    // Paused: it takes connections and answers nothing; then it goes on.
    cluster.node(1).pause().unwrap();
    let silence = known_by(&cluster, 1).unwrap_err();
    assert!(
        matches!(
            silence.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
        "{silence}"
    );
    cluster.node(1).resume().unwrap();
    until("node 1 answers again", || known_by(&cluster, 1).ok());
}

#[test]
fn a_node_does_nothing_after_its_cluster_was_dropped() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .start_blocking()
        .unwrap();
    let node = cluster.node(1);
    drop(cluster);
    assert_eq!(node.process_id(), None);
    for result in [
        node.restart_blocking(),
        node.stop_blocking(),
        node.kill(),
        node.pause(),
    ] {
        assert!(matches!(result, Err(NodeError::ClusterGone { node: 1 })));
    }
}
