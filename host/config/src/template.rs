//! The text that `ferry init` writes.

use crate::migration::MigrationName;

/// A commented `migration.yaml` for migration `name`: right as it stands but for the two
/// addresses.
#[must_use]
pub fn migration_yaml(name: &MigrationName) -> String {
    format!(
        r#"# A migration from one Kafka cluster to another. Every key is explained in
# docs/configuration.md. Next: ferry discover, ferry plan.
migration: {name}

# The cluster that is left. Client properties by their usual names; an existing client.properties
# can be named with `properties:`, and what is written here wins over it.
source:
  bootstrap.servers: source-1.example:9092
  # properties: ./source.client.properties
  # security.protocol: SASL_SSL
  # sasl.mechanism: SCRAM-SHA-512
  # sasl.jaas.config: ${{file:/secrets/source.properties:jaas}}     # or ${{env:NAME}}; never printed

# The cluster that is moved to.
target:
  bootstrap.servers: target-1.example:9092
  # profile: confluent-cloud      # SASL_SSL and PLAIN, replication factor 3, its topic settings

# Who decides. Roles that are left out get these stock plugins. `with` is the plugin's own
# configuration; `ferry plugin inspect` shows what it may hold. A client's own: use: ./names.wasm
plugins:
  topics:
    use: ferry/topic-filter@1
    # with: {{ exclude: ["tmp-*"], groups: {{ orders: ["ord-*"] }} }}
  names:
    use: ferry/naming-remapper@1
  offsets:
    use: ferry/offset-translator@1
  acls:
    use: ferry/acl-generator@1

copy:
  offsets: preserve               # or translate
  # bandwidth: 200 MiB/s          # over all topics; without it only quotas limit the copy
  # hours: {{ "08:00-18:00": {{ bandwidth: 50 MiB/s }} }}      # what is different when
  # time-zone: "+01:00"           # the clock that hours go by
  # guard: off                    # source brokers in trouble are read more slowly unless told
  # rack: eu-central-1a           # read from replicas in this rack, where brokers allow it
  # brokers: {{ each: {{ bandwidth: 60 MiB/s }} }}             # of the source
  memory: 256 MiB
  # padding-budget: 2000000000    # offsets; partitions whose start lies higher get new offsets
  # transaction-budget: 100000    # per partition; those with more markers of transactions get new offsets
  # workers: 1                    # processes that copy: ferry apply, and ferry copy --worker 2/N ...
  # filler-key: ferry-filler      # compacted topics keep their offsets: see docs/operations.md first
  # groups:                       # per topic group, as the topic filter formed them
  #   orders: {{ offsets: translate, bandwidth: 50 MiB/s }}

# Answers to open decisions, as `ferry plan --show decisions` asks them.
# decisions:
#   acl-3f0c92d1: accept
"#
    )
}
