//! A single node: it starts, answers, and is gone when the guard is dropped.

use std::net::TcpStream;
use std::path::Path;

use ferry_testbed::{Cluster, KafkaVersion, Listener, probe};

#[test]
fn a_node_answers_and_is_gone_with_its_folder_when_the_cluster_is_dropped() {
    for version in [KafkaVersion::V4_3, KafkaVersion::V3_9, KafkaVersion::V2_8] {
        let cluster = Cluster::builder(version).start_blocking().unwrap();
        let mut stream = TcpStream::connect(cluster.bootstrap(Listener::Plaintext)).unwrap();
        assert!(probe::api_versions(&mut stream).unwrap() > 40);
        assert_eq!(probe::describe_cluster(&mut stream).unwrap(), [1]);

        let process = format!("/proc/{}", cluster.node(1).process_id().unwrap());
        let folder = cluster.folder().to_owned();
        assert!(Path::new(&process).exists() && folder.exists());
        drop(cluster);
        assert!(!Path::new(&process).exists(), "{version}: {process}");
        assert!(!folder.exists(), "{version}: {}", folder.display());
    }
}
