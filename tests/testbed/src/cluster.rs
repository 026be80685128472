//! A running cluster, and the guard that ends it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::builder::{ClusterBuilder, User};
use crate::certificates::Certificates;
use crate::folder::RunFolder;
use crate::listener::{Listener, Mechanism};
use crate::node::{Node, NodeSlot};
use crate::version::KafkaVersion;
use crate::zookeeper::ZooKeeper;

/// What the cluster and the handles of its nodes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) nodes: Vec<NodeSlot>,
    /// What releases before KRaft keep their metadata in.
    pub(crate) zookeeper: Option<ZooKeeper>,
    pub(crate) cluster_id: String,
    /// The password of the nodes among themselves.
    pub(crate) node_password: String,
    pub(crate) certificates: Certificates,
    pub(crate) ready_limit: Duration,
}

/// A running cluster. When it is dropped, its processes are killed and reaped and its folder is
/// removed; when the thread is panicking, the logs are kept and their path is printed.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    settings: ClusterBuilder,
    /// Removed after the processes are gone: fields are dropped after `Drop::drop`.
    folder: RunFolder,
}

impl Cluster {
    /// Describes a new cluster of this release.
    #[must_use]
    pub fn builder(version: KafkaVersion) -> ClusterBuilder {
        ClusterBuilder::new(version)
    }

    pub(crate) fn new(shared: Shared, folder: RunFolder, settings: ClusterBuilder) -> Self {
        Self {
            shared: Arc::new(shared),
            settings,
            folder,
        }
    }

    /// The release.
    #[must_use]
    pub fn version(&self) -> KafkaVersion {
        self.settings.version
    }

    /// The cluster's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.cluster_id
    }

    /// The addresses of all nodes on this kind of listener, as `bootstrap.servers` takes them.
    ///
    /// # Panics
    /// The cluster was built without such a listener.
    #[must_use]
    #[track_caller]
    pub fn bootstrap(&self, listener: Listener) -> String {
        let addresses: Vec<String> = self
            .nodes()
            .map(|node| match node.port(listener) {
                Some(port) => format!("127.0.0.1:{port}"),
                None => panic!("the cluster was built without a listener {listener}"),
            })
            .collect();
        addresses.join(",")
    }

    /// What a client needs to connect as `user`, in the names of Kafka's client properties:
    /// `bootstrap.servers`, `security.protocol`, and for login SCRAM-SHA-512. On a listener without
    /// login the user is not used.
    ///
    /// # Panics
    /// The cluster was built without such a listener or user.
    #[must_use]
    #[track_caller]
    pub fn client_properties(&self, listener: Listener, user: &str) -> BTreeMap<String, String> {
        self.client_properties_with(listener, Mechanism::ScramSha512, user)
    }

    /// Does what [`client_properties`](Self::client_properties) does, with the mechanism chosen.
    ///
    /// # Panics
    /// The cluster was built without such a listener or user.
    #[must_use]
    #[track_caller]
    pub fn client_properties_with(
        &self,
        listener: Listener,
        mechanism: Mechanism,
        user: &str,
    ) -> BTreeMap<String, String> {
        let mut properties = BTreeMap::new();
        let mut set = |key: &str, value: String| properties.insert(key.to_owned(), value);
        set("bootstrap.servers", self.bootstrap(listener));
        set("security.protocol", listener.name().to_owned());
        let certificates = &self.shared.certificates;
        if listener.uses_tls() {
            let authority = certificates.authority();
            set("ssl.truststore.type", "PEM".to_owned());
            set("ssl.truststore.location", authority.display().to_string());
        }
        if listener.uses_sasl() {
            let User { name, password } = self.user(user);
            set("sasl.mechanism", mechanism.name().to_owned());
            set("sasl.jaas.config", mechanism.client_login(name, password));
        }
        if listener == Listener::Ssl {
            let keystore = certificates.client_path(&self.user(user).name);
            set("ssl.keystore.type", "PEM".to_owned());
            set("ssl.keystore.location", keystore.display().to_string());
        }
        properties
    }

    #[track_caller]
    fn user(&self, name: &str) -> &User {
        let users = &self.settings.users;
        match users.iter().find(|user| user.name == name) {
            Some(user) => user,
            None => panic!("the cluster was built without a user {name}"),
        }
    }

    /// The node with this id, from 1 to the number of nodes.
    ///
    /// # Panics
    /// There is no node with this id.
    #[must_use]
    #[track_caller]
    pub fn node(&self, id: u32) -> Node {
        match self.nodes().find(|node| node.id() == id) {
            Some(node) => node,
            None => panic!("the cluster has no node {id}"),
        }
    }

    /// All nodes, in the order of their ids.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        (0..self.shared.nodes.len()).map(|position| Node::new(Arc::clone(&self.shared), position))
    }

    /// The cluster's certificates, and wrong ones on request.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        &self.shared.certificates
    }

    /// The folder with everything that belongs to the cluster.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the logs when the cluster is dropped, for failures that are not panics.
    pub fn keep_logs(&self) {
        self.folder.keep();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &self.shared.nodes {
            node.close();
        }
        if let Some(zookeeper) = &self.shared.zookeeper {
            zookeeper.close();
        }
    }
}
