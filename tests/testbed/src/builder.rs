//! What a cluster shall be like, and its start.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::certificates::{Certificates, ServerCertificate};
use crate::class_archive::ClassArchive;
use crate::cluster::{Cluster, Shared};
use crate::error::{ReadinessError, StartError};
use crate::folder::RunFolder;
use crate::format::{Format, prepare};
use crate::installation::Installation;
use crate::listener::Listener;
use crate::node::NodeSlot;
use crate::port::PortLease;
use crate::properties::{NodeConfiguration, Ports};
use crate::readiness;
use crate::version::KafkaVersion;
use crate::zookeeper::{self, ZooKeeper};

/// The most nodes of one cluster: a development machine has no room for more.
const NODES_MAX: u32 = 5;

/// How often a start is tried when another program takes one of the ports.
const ATTEMPTS: u32 = 3;

/// How long a cluster may take to become ready. It takes seconds; the rest is for machines whose
/// processors are all busy.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// A name and password that the servers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl User {
    /// The storage tool's argument that adds the user.
    pub(crate) fn scram_argument(&self) -> String {
        format!(
            "SCRAM-SHA-512=[name={},password={}]",
            self.name, self.password
        )
    }

    /// The option of the login module PLAIN that adds the user.
    pub(crate) fn plain_option(&self) -> String {
        format!("user_{}=\"{}\"", self.name, self.password)
    }
}

/// How the Java virtual machine of a node is tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tuning {
    /// Little memory, and up in two seconds.
    #[default]
    FastStart,
    /// Full compilation and the concurrent collector, as in production.
    Throughput,
}

/// What a cluster shall be like; [`start`](Self::start) makes it so.
///
/// Without further calls: one node, one listener without encryption or login, no authorizer.
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    pub(crate) version: KafkaVersion,
    pub(crate) name: String,
    pub(crate) nodes: u32,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) advertised_host: Option<String>,
    pub(crate) authorizer: bool,
    pub(crate) users: Vec<User>,
    pub(crate) super_principals: Vec<String>,
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) server_certificate: ServerCertificate,
    pub(crate) heap_mib: u32,
    pub(crate) tuning: Tuning,
    pub(crate) class_archive: ClassArchive,
}

impl ClusterBuilder {
    /// A cluster with the defaults.
    pub(crate) fn new(version: KafkaVersion) -> Self {
        Self {
            version,
            name: "cluster".to_owned(),
            nodes: 1,
            listeners: Vec::new(),
            advertised_host: None,
            authorizer: false,
            users: Vec::new(),
            super_principals: Vec::new(),
            properties: Vec::new(),
            server_certificate: ServerCertificate::Valid,
            heap_mib: 256,
            tuning: Tuning::FastStart,
            class_archive: ClassArchive::Find,
        }
    }

    /// Names the cluster's folder, so that kept logs can be told apart: `source`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many nodes, 1 to 5; each is broker and controller. The internal topics are replicated
    /// on up to three of them.
    #[must_use]
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes;
        self
    }

    /// Opens a listener of this kind on every node; may be called once for each kind.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        if !self.listeners.contains(&listener) {
            self.listeners.push(listener);
        }
        self
    }

    /// Advertises `host` instead of `127.0.0.1` on the listeners for clients: a name that does not
    /// resolve shows what a client says about it.
    #[must_use]
    pub fn advertised_host(mut self, host: impl Into<String>) -> Self {
        self.advertised_host = Some(host.into());
        self
    }

    /// Whether ACLs decide what a principal may do (`StandardAuthorizer`; `AclAuthorizer` with
    /// ZooKeeper); then nobody may do anything except super users, until an ACL allows it.
    #[must_use]
    pub fn authorizer(mut self, authorizer: bool) -> Self {
        self.authorizer = authorizer;
        self
    }

    /// Adds a user, who can log in by SCRAM-SHA-512, by PLAIN, and by a client certificate with
    /// this common name.
    ///
    /// Letters, digits, `.`, `_` and `-` are allowed in the name; in the password also
    /// `!`, `@`, `%`, `+`, `:` and `/`.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push(User {
            name: name.into(),
            password: password.into(),
        });
        self
    }

    /// Adds a user whom no ACL binds.
    #[must_use]
    pub fn super_user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        let name = name.into();
        self.super_principal(format!("User:{name}"))
            .user(name, password)
    }

    /// Adds a principal whom no ACL binds; `User:ANONYMOUS` for every client of a listener without
    /// login.
    #[must_use]
    pub fn super_principal(mut self, principal: impl Into<String>) -> Self {
        self.super_principals.push(principal.into());
        self
    }

    /// Sets a property of every node, over what the test bed would set. `{node}` in the value stands
    /// for the node's number.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((key.into(), value.into()));
        self
    }

    /// Which certificate the servers present.
    #[must_use]
    pub fn server_certificate(mut self, certificate: ServerCertificate) -> Self {
        self.server_certificate = certificate;
        self
    }

    /// The largest heap of each node in MiB; 256 unless told. 160 is enough for one node with a
    /// few topics.
    #[must_use]
    pub fn heap_mib(mut self, heap_mib: u32) -> Self {
        self.heap_mib = heap_mib;
        self
    }

    /// Tunes the nodes for throughput instead of a fast start, as benchmarks want: all compilers
    /// and the G1 collector.
    #[must_use]
    pub fn throughput(mut self) -> Self {
        self.tuning = Tuning::Throughput;
        self
    }

    /// Starts the cluster and waits until every node knows every node.
    ///
    /// # Errors
    /// Says why it did not start, with the end of the log where there is one. Nothing stays behind
    /// but the logs.
    pub async fn start(self) -> Result<Cluster, StartError> {
        tokio::task::spawn_blocking(move || self.start_blocking())
            .await
            .unwrap_or(Err(StartError::Cancelled))
    }

    /// Does what [`start`](Self::start) does, for callers that are not asynchronous.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_blocking(mut self) -> Result<Cluster, StartError> {
        if self.listeners.is_empty() {
            self.listeners.push(Listener::Plaintext);
        }
        self.check()?;
        let installation = Installation::find(self.version)?;
        if self.class_archive == ClassArchive::Find && self.tuning == Tuning::FastStart {
            self.class_archive = ClassArchive::for_installation(&installation);
        }
        for _ in 1..ATTEMPTS {
            match self.start_once(&installation) {
                Err(StartError::Readiness(ReadinessError::Died {
                    address_in_use: true,
                    ..
                })) => {}
                result => return result,
            }
        }
        self.start_once(&installation)
    }

    /// Refuses what can not work.
    fn check(&self) -> Result<(), StartError> {
        let invalid = |setting, reason: &str| {
            Err(StartError::InvalidSetting {
                setting,
                reason: reason.to_owned(),
            })
        };
        if !(1..=NODES_MAX).contains(&self.nodes) {
            return invalid("nodes", "from 1 to 5 nodes are possible");
        }
        if !only(&self.name, "._-") {
            return invalid("name", "letters, digits, '.', '_' and '-' are possible");
        }
        if self.version.needs_zookeeper() && self.listeners != [Listener::Plaintext] {
            return invalid(
                "listener",
                "2.8 has PLAINTEXT only here: take a later release",
            );
        }
        if self.users.is_empty() && self.listeners.iter().any(|one| one.uses_sasl()) {
            return invalid("user", "a listener with login needs a user");
        }
        for (position, user) in self.users.iter().enumerate() {
            if !only(&user.name, "._-") || !only(&user.password, "._-!@%+:/") {
                return invalid(
                    "user",
                    "a character that is not possible, or nothing at all",
                );
            }
            if self.users[..position]
                .iter()
                .any(|one| one.name == user.name)
            {
                return invalid("user", "the same name twice");
            }
        }
        Ok(())
    }

    fn start_once(&self, installation: &Installation) -> Result<Cluster, StartError> {
        let folder = RunFolder::create(&self.name)?;
        let result = self.start_in(installation, &folder);
        if result.is_err() {
            folder.keep();
        }
        let shared = result?;
        Ok(Cluster::new(shared, folder, self.clone()))
    }

    /// Prepares and starts all nodes, and waits until they are ready.
    fn start_in(
        &self,
        installation: &Installation,
        folder: &RunFolder,
    ) -> Result<Shared, StartError> {
        let certificates = Certificates::make(folder.path().join("certificates"))?;
        let server_pem = certificates.server(self.server_certificate)?;
        for user in &self.users {
            certificates.client(&user.name)?;
        }
        let mut leases = Vec::new();
        let mut ports = Vec::new();
        for _ in 0..self.nodes {
            let mut of_node = Vec::new();
            for _ in 0..self.listeners.len() + 2 {
                of_node.push(PortLease::take()?);
            }
            ports.push(self.assign(&of_node));
            leases.push(of_node);
        }
        let zookeeper = self.zookeeper(installation, folder)?;
        let node_password = random_id()?;
        let mut cluster_id = random_id()?;
        let configurations: Vec<String> = (1..=self.nodes)
            .map(|node_id| {
                let data = folder.path().join(format!("node-{node_id}/data"));
                NodeConfiguration {
                    settings: self,
                    node_id,
                    ports: &ports,
                    node_password: &node_password,
                    data: &data,
                    server_pem: &server_pem,
                    authority_pem: &certificates.authority(),
                    zookeeper_port: zookeeper.as_ref().map(ZooKeeper::port),
                }
                .text()
            })
            .collect();
        let checkpoint = match zookeeper {
            Some(_) => None,
            None => Some(
                Format {
                    installation,
                    users: &self.users,
                    configuration: &configurations[0],
                    significant: &format!("{:?}", self.properties),
                    scratch: folder.path(),
                }
                .checkpoint()?,
            ),
        };
        let mut nodes = Vec::new();
        for ((node_id, configuration), (leases, ports)) in (1..)
            .zip(&configurations)
            .zip(leases.into_iter().zip(ports))
        {
            let home = folder.path().join(format!("node-{node_id}"));
            let checkpoint = checkpoint.as_deref();
            self.prepare_node(&home, configuration, checkpoint, &cluster_id, node_id)?;
            let arguments = self.java_arguments(installation, &home);
            nodes.push(NodeSlot::new(node_id, home, arguments, ports, leases));
        }
        let mut shared = Shared {
            nodes,
            zookeeper,
            cluster_id: String::new(),
            node_password,
            certificates,
            ready_limit: READY_LIMIT,
        };
        for node in &shared.nodes {
            node.launch().map_err(|source| StartError::Spawn {
                program: "java".to_owned(),
                source,
            })?;
        }
        readiness::wait(&shared)?;
        if shared.zookeeper.is_some() {
            cluster_id = zookeeper::cluster_id(&folder.path().join("node-1/data"))?;
        }
        shared.cluster_id = cluster_id;
        Ok(shared)
    }

    /// Starts the ZooKeeper of releases that need one.
    fn zookeeper(
        &self,
        installation: &Installation,
        folder: &RunFolder,
    ) -> Result<Option<ZooKeeper>, StartError> {
        if !self.version.needs_zookeeper() {
            return Ok(None);
        }
        let home = folder.path().join("zookeeper");
        ZooKeeper::start(installation, &home, PortLease::take()?).map(Some)
    }

    /// Gives every listener one of the leased ports.
    fn assign(&self, leases: &[PortLease]) -> Ports {
        let clients = self
            .listeners
            .iter()
            .copied()
            .zip(leases[2..].iter().map(PortLease::port));
        Ports {
            controller: leases[0].port(),
            internal: leases[1].port(),
            clients: clients.collect(),
        }
    }

    /// Writes all files that a node starts from. Without a checkpoint the node formats its data folder
    /// by itself.
    fn prepare_node(
        &self,
        home: &Path,
        configuration: &str,
        checkpoint: Option<&Path>,
        cluster_id: &str,
        node_id: u32,
    ) -> Result<(), StartError> {
        let directory_id = random_id()?;
        let data = home.join("data");
        match checkpoint {
            Some(checkpoint) => prepare(&data, checkpoint, cluster_id, node_id, &directory_id),
            None => std::fs::create_dir_all(&data),
        }
        .and_then(|()| std::fs::write(home.join("server.properties"), configuration))
        .and_then(|()| {
            let logging = self.version.logging_configuration();
            std::fs::write(home.join("logging.properties"), logging)
        })
        .map_err(|source| StartError::Folder {
            path: home.to_owned(),
            source,
        })
    }

    /// The arguments with which Java runs a node.
    fn java_arguments(&self, installation: &Installation, home: &Path) -> Vec<std::ffi::OsString> {
        let mut arguments: Vec<std::ffi::OsString> = vec![
            format!("-Xmx{}m", self.heap_mib).into(),
            "-XX:+ExitOnOutOfMemoryError".into(),
            "-Xshare:auto".into(),
            "-Djava.awt.headless=true".into(),
        ];
        let tuning: &[&str] = match self.tuning {
            Tuning::FastStart => &["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
            Tuning::Throughput => &["-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"],
        };
        arguments.extend(tuning.iter().map(Into::into));
        arguments.extend(self.class_archive.option().map(Into::into));
        let logging = home.join("logging.properties");
        arguments.push(self.version.logging_option(&logging).into());
        arguments.extend(installation.class_path());
        arguments.push("kafka.Kafka".into());
        arguments.push(home.join("server.properties").into());
        arguments
    }
}

/// Whether `text` has letters, digits and the `allowed` signs only, and at least one.
fn only(text: &str, allowed: &str) -> bool {
    let possible =
        |character: char| character.is_ascii_alphanumeric() || allowed.contains(character);
    !text.is_empty() && text.chars().all(possible)
}

/// A random identifier as Kafka writes them: 16 bytes in URL-safe Base64 without padding.
fn random_id() -> Result<String, StartError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(StartError::Random)?;
    // Kafka's own begin with no '-', which command lines would take for an option.
    bytes[0] &= 0x7f;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
