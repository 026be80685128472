//! The configuration of a node, `server.properties`.

use std::fmt::Write;
use std::path::Path;

use crate::builder::{ClusterBuilder, User};
use crate::listener::{Listener, Mechanism};
use crate::zookeeper;

/// The principal under which the nodes talk to each other; it may do everything.
///
/// The nodes log in on listeners of their own, so that the listeners for clients can be of any
/// kind, and `User:ANONYMOUS` need not be a super user.
pub(crate) const NODE_USER: &str = "testbed-node";

/// The listener of the nodes among themselves.
pub(crate) const INTERNAL: &str = "INTERNAL";

/// The ports of a node.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    pub(crate) controller: u16,
    pub(crate) internal: u16,
    pub(crate) clients: Vec<(Listener, u16)>,
}

/// All that a node's configuration is made from.
pub(crate) struct NodeConfiguration<'a> {
    pub(crate) settings: &'a ClusterBuilder,
    pub(crate) node_id: u32,
    /// The ports of every node, in the order of their ids.
    pub(crate) ports: &'a [Ports],
    pub(crate) node_password: &'a str,
    pub(crate) data: &'a Path,
    pub(crate) server_pem: &'a Path,
    pub(crate) authority_pem: &'a Path,
    /// The port of ZooKeeper, for releases that need it.
    pub(crate) zookeeper_port: Option<u16>,
}

impl NodeConfiguration<'_> {
    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let mut properties = Properties::default();
        self.roles(&mut properties);
        self.listeners(&mut properties);
        self.logins(&mut properties);
        self.certificates(&mut properties);
        self.authorizer(&mut properties);
        self.small_cluster(&mut properties);
        for (key, value) in &self.settings.properties {
            properties.set(key, &value.replace("{node}", &self.node_id.to_string()));
        }
        properties.text()
    }

    fn roles(&self, properties: &mut Properties) {
        properties.set("log.dirs", &self.data.display().to_string());
        if let Some(port) = self.zookeeper_port {
            properties.set("broker.id", &self.node_id.to_string());
            properties.set("zookeeper.connect", &format!("127.0.0.1:{port}"));
            let session_ms = zookeeper::SESSION_MS.to_string();
            properties.set("zookeeper.session.timeout.ms", &session_ms);
            properties.set("zookeeper.connection.timeout.ms", "60000");
            // The last node of a cluster has nobody to hand its partitions over to, and tries again.
            properties.set("controlled.shutdown.retry.backoff.ms", "100");
            return;
        }
        properties.set("process.roles", "broker,controller");
        properties.set("node.id", &self.node_id.to_string());
        let voters: Vec<String> = (1..)
            .zip(self.ports)
            .map(|(id, ports): (u32, _)| format!("{id}@127.0.0.1:{}", ports.controller))
            .collect();
        properties.set("controller.quorum.voters", &voters.join(","));
    }

    fn listeners(&self, properties: &mut Properties) {
        let ports = &self.ports[self.node_id as usize - 1];
        let mut bound = vec![format!("{INTERNAL}://127.0.0.1:{}", ports.internal)];
        let mut advertised = bound.clone();
        let mut protocols = vec![format!("{INTERNAL}:SASL_PLAINTEXT")];
        for (listener, port) in &ports.clients {
            let name = listener.name();
            let host = self.settings.advertised_host.as_deref();
            bound.push(format!("{name}://127.0.0.1:{port}"));
            advertised.push(format!("{name}://{}:{port}", host.unwrap_or("127.0.0.1")));
            protocols.push(format!("{name}:{name}"));
        }
        if self.zookeeper_port.is_none() {
            bound.push(format!("CONTROLLER://127.0.0.1:{}", ports.controller));
            protocols.push("CONTROLLER:SASL_PLAINTEXT".to_owned());
            properties.set("controller.listener.names", "CONTROLLER");
        }
        properties.set("listeners", &bound.join(","));
        properties.set("advertised.listeners", &advertised.join(","));
        properties.set("listener.security.protocol.map", &protocols.join(","));
        properties.set("inter.broker.listener.name", INTERNAL);
    }

    /// One line for each listener and mechanism: Kafka does not start when one lacks.
    fn logins(&self, properties: &mut Properties) {
        properties.set("sasl.mechanism.controller.protocol", "PLAIN");
        properties.set("sasl.mechanism.inter.broker.protocol", "PLAIN");
        let node = User {
            name: NODE_USER.to_owned(),
            password: self.node_password.to_owned(),
        };
        let plain = Mechanism::Plain.login_module();
        for listener in ["internal", "controller"] {
            let prefix = format!("listener.name.{listener}");
            properties.set(&format!("{prefix}.sasl.enabled.mechanisms"), "PLAIN");
            properties.set(
                &format!("{prefix}.plain.sasl.jaas.config"),
                &format!(
                    "{plain} required username=\"{NODE_USER}\" password=\"{}\" {};",
                    node.password,
                    node.plain_option()
                ),
            );
        }
        let users: Vec<String> = self.settings.users.iter().map(User::plain_option).collect();
        for listener in &self.settings.listeners {
            if !listener.uses_sasl() {
                continue;
            }
            let prefix = format!("listener.name.{}", listener.name().to_lowercase());
            let scram = Mechanism::ScramSha512.login_module();
            properties.set(
                &format!("{prefix}.sasl.enabled.mechanisms"),
                "SCRAM-SHA-512,PLAIN",
            );
            properties.set(
                &format!("{prefix}.scram-sha-512.sasl.jaas.config"),
                &format!("{scram} required;"),
            );
            properties.set(
                &format!("{prefix}.plain.sasl.jaas.config"),
                &format!("{plain} required {};", users.join(" ")),
            );
        }
    }

    fn certificates(&self, properties: &mut Properties) {
        // Releases that need ZooKeeper open no encrypted listener here.
        if self.zookeeper_port.is_some() {
            return;
        }
        properties.set("ssl.keystore.type", "PEM");
        properties.set(
            "ssl.keystore.location",
            &self.server_pem.display().to_string(),
        );
        properties.set("ssl.truststore.type", "PEM");
        properties.set(
            "ssl.truststore.location",
            &self.authority_pem.display().to_string(),
        );
        properties.set("listener.name.ssl.ssl.client.auth", "required");
        // A certificate's principal is its common name alone, so that a user has the same name on
        // every listener.
        properties.set(
            "ssl.principal.mapping.rules",
            "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
        );
    }

    fn authorizer(&self, properties: &mut Properties) {
        if !self.settings.authorizer {
            return;
        }
        let class = self.settings.version.authorizer();
        properties.set("authorizer.class.name", class);
        let mut principals = vec![format!("User:{NODE_USER}")];
        principals.extend(self.settings.super_principals.iter().cloned());
        properties.set("super.users", &principals.join(";"));
    }

    /// What makes a cluster of few nodes and little memory work, and come up fast.
    fn small_cluster(&self, properties: &mut Properties) {
        let replicas = self.settings.nodes.min(3).to_string();
        let in_sync = self.settings.nodes.div_ceil(2).min(2).to_string();
        properties.set("default.replication.factor", &replicas);
        properties.set("offsets.topic.replication.factor", &replicas);
        properties.set("transaction.state.log.replication.factor", &replicas);
        properties.set("transaction.state.log.min.isr", &in_sync);
        properties.set(
            "share.coordinator.state.topic.replication.factor",
            &replicas,
        );
        properties.set("share.coordinator.state.topic.min.isr", &in_sync);
        // Made at their first use, which a test waits for.
        properties.set("offsets.topic.num.partitions", "5");
        properties.set("transaction.state.log.num.partitions", "5");
        properties.set("share.coordinator.state.topic.num.partitions", "5");
        properties.set("group.initial.rebalance.delay.ms", "0");
        // A killed node may register again only when its old session is over; the default of nine
        // seconds makes a restart take up to fifteen.
        properties.set("broker.session.timeout.ms", "3000");
        properties.set("broker.heartbeat.interval.ms", "500");
        // The default alone would be more than the heap.
        properties.set("log.cleaner.dedupe.buffer.size", "4194304");
    }
}

/// Keys and values in order; a later value replaces an earlier one.
#[derive(Default)]
struct Properties(Vec<(String, String)>);

impl Properties {
    fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.0 {
            escape(&mut text, key, " :=#!");
            text.push('=');
            escape(&mut text, value, "");
            text.push('\n');
        }
        text
    }
}

/// Appends `plain` as Java's `Properties` reads it back: Latin 1 with escapes.
fn escape(text: &mut String, plain: &str, special: &str) {
    for (position, character) in plain.chars().enumerate() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            ' ' if position == 0 => text.push_str("\\ "),
            character if special.contains(character) => {
                text.push('\\');
                text.push(character);
            }
            ' '..='~' => text.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing to a string never fails.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_as_java_reads_them() {
        let mut properties = Properties::default();
        properties.set("a key", " leading, C:\\path, caf\u{e9}, two\nlines");
        assert_eq!(
            properties.text(),
            "a\\ key=\\ leading, C:\\\\path, caf\\u00e9, two\\nlines\n"
        );
    }

    #[test]
    fn a_property_that_is_given_replaces_the_default() {
        let mut properties = Properties::default();
        properties.set("offsets.topic.num.partitions", "5");
        properties.set("offsets.topic.num.partitions", "50");
        assert_eq!(properties.text(), "offsets.topic.num.partitions=50\n");
    }
}
