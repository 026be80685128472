//! Two clusters, the estate in one of them, and the project folder.

use anyhow::{Context as _, Result};
use ferry_estate::{BROKER_PROPERTIES, Estate, EstateOptions, accounts, rights};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::Side;
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// How the stage is set.
#[derive(Debug, Clone)]
pub struct StageOptions {
    /// The name of the clusters' folders.
    pub name: String,
    /// What the source holds.
    pub estate: EstateOptions,
    /// The project folder; made anew.
    pub folder: PathBuf,
    /// Further properties of the brokers of both clusters.
    pub properties: Vec<(String, String)>,
    /// What is added to `copy:` in `migration.yaml`, as `key: value` lines.
    pub copy: Vec<String>,
}

/// The stage. Dropping it stops both clusters.
#[derive(Debug)]
pub struct Stage {
    /// What the source holds. One group of it stays active until [`Stage::stop_applications`].
    pub estate: Option<Estate>,
    /// The source as a principal that may do everything.
    pub source: Client,
    /// The target as a principal that may do everything.
    pub target: Client,
    /// The cluster that is left.
    pub source_cluster: Cluster,
    /// The cluster that is moved to.
    pub target_cluster: Cluster,
}

impl Stage {
    /// Starts both clusters, fills the source, writes the project folder.
    ///
    /// # Errors
    /// Where any of it fails; what was started is stopped then.
    pub async fn set(options: StageOptions, say: impl Fn(&str)) -> Result<Self> {
        if options.folder.exists() {
            std::fs::remove_dir_all(&options.folder)?;
        }
        std::fs::create_dir_all(&options.folder)?;
        say("starting a source (Kafka 3.9) and a target (Kafka 4.3), SASL_SSL and ACLs on both");
        let (source_name, target_name) = (
            format!("{}-source", options.name),
            format!("{}-target", options.name),
        );
        let (source_cluster, target_cluster) = tokio::try_join!(
            start(&source_name, KafkaVersion::V3_9, &options.properties),
            start(&target_name, KafkaVersion::V4_3, &options.properties),
        )?;
        let source = connect(&source_cluster, Side::Source).await?;
        let target = connect(&target_cluster, Side::Target).await?;
        rights::grant(
            &source,
            &rights::source(&accounts::FERRY_SOURCE.principal()),
        )
        .await?;
        rights::grant(
            &target,
            &rights::target(&accounts::FERRY_TARGET.principal()),
        )
        .await?;
        say("filling the source");
        let estate = Estate::build(&source, options.estate.clone()).await?;
        write_project(&options, &source_cluster, &target_cluster)?;
        Ok(Self {
            estate: Some(estate),
            source,
            target,
            source_cluster,
            target_cluster,
        })
    }

    /// Stops the application that the estate keeps running.
    pub fn stop_applications(&mut self) {
        self.estate = None;
    }
}

async fn start(name: &str, version: KafkaVersion, more: &[(String, String)]) -> Result<Cluster> {
    let mut builder = Cluster::builder(version)
        .name(name)
        .listener(Listener::SaslSsl)
        .authorizer(true)
        .heap_mib(512)
        .super_user(accounts::ADMIN.name, accounts::ADMIN.password);
    let others = [accounts::FERRY_SOURCE, accounts::FERRY_TARGET];
    for account in accounts::APPLICATIONS.into_iter().chain(others) {
        builder = builder.user(account.name, account.password);
    }
    for (key, value) in BROKER_PROPERTIES {
        builder = builder.property(key, value);
    }
    for (key, value) in more {
        builder = builder.property(key, value);
    }
    builder.start().await.context("a cluster can't be started")
}

/// A client of `cluster` that may do everything.
async fn connect(cluster: &Cluster, side: Side) -> Result<Client> {
    let properties = cluster.client_properties(Listener::SaslSsl, accounts::ADMIN.name);
    let settings = ClientSettings::from_properties(&properties)?;
    Ok(Client::connect(settings, side).await?)
}

/// Writes `migration.yaml` and what it names. The source is described by the `client.properties`
/// that a company has lying about; the target inline, with the password in a file of its own.
fn write_project(options: &StageOptions, source: &Cluster, target: &Cluster) -> Result<()> {
    let folder: &Path = &options.folder;
    let of = |cluster: &Cluster, user| cluster.client_properties(Listener::SaslSsl, user);
    let source = of(source, accounts::FERRY_SOURCE.name);
    let mut target = of(target, accounts::FERRY_TARGET.name);
    let login = target.remove("sasl.jaas.config").unwrap_or_default();
    std::fs::write(folder.join("source.properties"), properties(&source))?;
    std::fs::write(
        folder.join("target.secret.properties"),
        format!("login={login}\n"),
    )?;
    let bootstrap = &source["bootstrap.servers"];
    let mut inline = String::new();
    for (key, value) in &target {
        writeln!(inline, "  {key}: \"{value}\"")?;
    }
    let secret = folder.join("target.secret.properties");
    let copy: String = options
        .copy
        .iter()
        .map(|line| format!("  {line}\n"))
        .collect();
    let text = format!(
        r#"migration: demo
source:
  bootstrap.servers: "{bootstrap}"
  properties: ./source.properties
target:
{inline}  sasl.jaas.config: "${{file:{secret}:login}}"
plugins:
  topics:
    use: ferry/topic-filter@1
    with: {{ exclude: ["optr*", "tmp-*", "test*", "__amazon*", "__mm2*"], groups: {{ orders: ["ord*", "Ord*"] }} }}
  names:
    use: ferry/naming-remapper@1
  offsets:
    use: ferry/offset-translator@1
  acls:
    use: ferry/acl-generator@1
copy:
  offsets: preserve
{copy}"#,
        secret = secret.display(),
    );
    std::fs::write(folder.join("migration.yaml"), text)?;
    Ok(())
}

fn properties(map: &BTreeMap<String, String>) -> String {
    let line =
        |(key, value): (&String, &String)| format!("{key}={}\n", value.replace('\\', "\\\\"));
    map.iter()
        .filter(|(key, _)| *key != "bootstrap.servers")
        .map(line)
        .collect()
}
