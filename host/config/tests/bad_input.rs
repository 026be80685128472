//! Every kind of wrong `migration.yaml`, with the exact lines that an operator reads.
//!
//! Method: a right file is broken at one place, and the whole text of the problem is compared.

use ferry_config::{ConfigError, Configuration, GuardChoice};
use ferry_model::problem::Explain;
use std::path::Path;

const RIGHT: &str = "\
migration: retail-emea
source:
  bootstrap.servers: b-1.msk.example:9094
target:
  bootstrap.servers: pkc-1.example:9092
";

fn read(bytes: &[u8]) -> Result<Configuration, ConfigError> {
    Configuration::parse(bytes, Path::new("migration.yaml"))
}

fn problem(bytes: &[u8]) -> String {
    read(bytes)
        .expect_err("the file is wrong")
        .problem()
        .to_string()
}

fn with(more: &str) -> String {
    problem(format!("{RIGHT}{more}").as_bytes())
}

#[test]
fn the_right_file_is_right() {
    let configuration = read(RIGHT.as_bytes()).expect("right");
    assert_eq!(configuration.settings.name.as_str(), "retail-emea");
    assert_eq!(
        configuration.state_directory(),
        Path::new(".ferry/retail-emea")
    );
    assert_eq!(
        configuration.settings.plugins.topics.reference.to_string(),
        "ferry/topic-filter@1"
    );
}

#[test]
fn an_unknown_key_is_named_with_its_path_line_and_nearest_valid_key() {
    assert_eq!(
        with("plugins:\n  topic: { use: ferry/topic-filter@1 }\n"),
        "error[FERRY-E042]: migration.yaml:7: plugins.topic: unknown key\n  \
         did you mean `topics`?\n  \
         where   line 7, column 3"
    );
}

#[test]
fn an_unknown_key_without_a_near_one_lists_the_valid_keys() {
    assert_eq!(
        with("copy:\n  threads: 4\n"),
        "error[FERRY-E042]: migration.yaml:7: copy.threads: unknown key\n  \
         valid here: offsets, bandwidth, records, hours, time-zone, brokers, guard, rack, memory, \
         padding-budget, transaction-budget, filler-key, filler-budget, replication-factor, workers, lease-seconds, \
         groups\n  \
         where   line 7, column 3"
    );
}

#[test]
fn steps_are_not_accepted_yet() {
    assert!(
        with("steps: [copy]\n")
            .starts_with("error[FERRY-E042]: migration.yaml:6: steps: unknown key")
    );
}

#[test]
fn a_misspelt_client_property_is_found_on_its_line() {
    let text = RIGHT.replace("target:", "target:\n  sasl.mechanisms: PLAIN");
    assert_eq!(
        problem(text.as_bytes()),
        "error[FERRY-E042]: migration.yaml:5: target.sasl.mechanisms: unknown key\n  \
         did you mean `sasl.mechanism`?\n  \
         where   line 5, column 3"
    );
}

#[test]
fn a_wrong_type_tells_types_and_never_the_value() {
    assert_eq!(
        with("copy:\n  groups: swordfish\n"),
        "error[FERRY-E007]: migration.yaml:7: copy.groups: expected a mapping, found text\n  \
         where   line 7, column 11"
    );
    assert_eq!(
        with("copy:\n  padding-budget: -5\n"),
        "error[FERRY-E007]: migration.yaml:7: copy.padding-budget: expected a whole number, 0 or \
         more, found a number\n  where   line 7, column 19"
    );
    assert!(
        with("plugins:\n  topics: { use: [a] }\n")
            .contains("plugins.topics.use: expected text, found a list")
    );
    assert!(with("plugins: [topics]\n").contains("plugins: expected a mapping, found a list"));
    assert!(problem(b"just text").contains("migration.yaml:1: expected a mapping, found text"));
    let text = RIGHT.replace("b-1.msk.example:9094", "[a, b]");
    assert!(
        problem(text.as_bytes()).contains("source.bootstrap.servers: expected text, found a list")
    );
}

#[test]
fn a_missing_key_is_named_with_the_mapping_that_lacks_it() {
    assert_eq!(
        problem(b"migration: a\nsource: { bootstrap.servers: b }\n"),
        "error[FERRY-E008]: migration.yaml:1: target: missing\n  where   line 1, column 1"
    );
    assert!(
        with("plugins:\n  names:\n    with: {}\n")
            .contains("migration.yaml:8: plugins.names.use: missing")
    );
}

#[test]
fn bootstrap_servers_must_come_from_somewhere() {
    let text = RIGHT.replace(
        "  bootstrap.servers: pkc-1.example:9092",
        "  client.id: ferry",
    );
    assert_eq!(
        problem(text.as_bytes()),
        "error[FERRY-E008]: migration.yaml:5: target.bootstrap.servers: missing\n  \
         where   line 5, column 3"
    );
}

#[test]
fn a_doubled_key_is_refused_with_both_lines() {
    assert_eq!(
        with("copy: {}\ncopy: {}\n"),
        "error[FERRY-E006]: migration.yaml:7: copy: stands twice\n  first on line 6\n  \
         where   line 7, column 1"
    );
    assert!(
        with("plugins:\n  topics:\n    use: a/b\n    with:\n      x: { k: 1, k: 2 }\n")
            .contains("migration.yaml:10: plugins.topics.with.x.k: stands twice")
    );
}

#[test]
fn a_tab_is_called_a_tab() {
    assert_eq!(
        with("copy:\n\toffsets: preserve\n"),
        "error[FERRY-E005]: migration.yaml:7: indented with a tab\n  where   line 7, column 1\n  \
         next    indent with spaces"
    );
}

#[test]
fn an_empty_file_points_to_ferry_init() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "~"] {
        assert_eq!(
            problem(text.as_bytes()),
            "error[FERRY-E004]: migration.yaml is empty\n  \
             next    ferry init writes a commented migration.yaml",
            "{text:?}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_found() {
    assert_eq!(
        problem(b"migration: a\n# \xc3\xa9 caf\xe9\n"),
        "error[FERRY-E002]: migration.yaml:2: not UTF-8\n  where   line 2, column 8"
    );
}

#[test]
fn broken_yaml_tells_where_reading_stopped() {
    let text = problem(b"migration: a\nsource: { bootstrap.servers: b\n");
    assert!(
        text.starts_with("error[FERRY-E003]: migration.yaml:"),
        "{text}"
    );
    assert!(text.contains("where   line 3, column 1"), "{text}");
}

#[test]
fn illegal_values_say_what_is_legal() {
    assert_eq!(
        problem(RIGHT.replace("retail-emea", "Retail EMEA").as_bytes()),
        "error[FERRY-E009]: migration.yaml:1: migration: must be 1 to 63 characters of a to z, 0 \
         to 9 and `-`\n  where   line 1, column 12"
    );
    assert_eq!(
        with("copy:\n  offsets: presrve\n"),
        "error[FERRY-E009]: migration.yaml:7: copy.offsets: must be `preserve` or `translate`\n  \
         did you mean `preserve`?\n  where   line 7, column 12"
    );
    assert!(
        with("copy: { bandwidth: fast }\n")
            .contains("copy.bandwidth: must be a whole number with a unit, as `200 MiB/s`")
    );
    assert!(
        with("plugins: { topics: { use: filter } }\n")
            .contains("plugins.topics.use: must be a plugin as `owner/name@version`, or a path")
    );
    let text = RIGHT.replace("target:", "target:\n  profile: confluent");
    assert!(
        problem(text.as_bytes())
            .contains("migration.yaml:5: target.profile: must be `apache-kafka` or")
    );
}

#[test]
fn limits_by_the_hour_and_by_the_broker_are_checked_where_they_stand() {
    let right = "copy:\n  time-zone: \"+01:00\"\n  hours:\n    08:00-18:00: { bandwidth: 50 MiB/s }\n    \
                 18:00-08:00: { bandwidth: none, records: 9/s }\n  \
                 brokers: { each: { bandwidth: 9 MiB/s }, 3: { bandwidth: none } }\n";
    let read = read(format!("{RIGHT}{right}").as_bytes()).expect("right");
    assert_eq!(read.settings.copy.hours.len(), 2);
    assert_eq!(read.settings.copy.brokers.len(), 2);
    assert_eq!(
        with("copy:\n  time-zone: UTC\n  hours:\n    08:00-18:00: {}\n    17:00-19:00: {}\n"),
        "error[FERRY-E009]: migration.yaml:10: copy.hours.17:00-19:00: overlaps 08:00-18:00\n  \
         where   line 10, column 18"
    );
    assert!(
        with("copy:\n  groups:\n    a:\n      hours: { 08:00-18:00: { records: 1/s } }\n")
            .contains("migration.yaml:9: copy.groups.a.hours: by which clock? copy.time-zone is")
    );
    for (line, complaint) in [
        (
            "hours: { 8-18: {} }",
            "copy.hours.8-18: must be two different times of day",
        ),
        (
            "time-zone: CET",
            "copy.time-zone: must be the distance from UTC, as `+01:00`",
        ),
        (
            "brokers: { all: {} }",
            "copy.brokers.all: must be the id of a broker, or `each`",
        ),
        (
            "brokers: { each: { bandwith: none } }",
            "copy.brokers.each.bandwith: unknown key",
        ),
        (
            "brokers: { each: { bandwidth: no } }",
            "copy.brokers.each.bandwidth: must be a whole number with a unit",
        ),
        (
            "records: 1000",
            "copy.records: expected text, found a number",
        ),
        (
            "records: 1000 MiB/s",
            "copy.records: must be a whole number with a unit, as `10000/s`",
        ),
    ] {
        let text = with(&format!("copy:\n  {line}\n"));
        assert!(text.contains("migration.yaml:7: "), "{text}");
        assert!(text.contains(complaint), "{text}");
    }
}

#[test]
fn the_guard_is_off_or_says_what_it_bears() {
    let guard = |text: &str| {
        let text = format!("{RIGHT}copy:\n  guard: {text}\n");
        read(text.as_bytes()).map(|read| read.settings.copy.guard)
    };
    assert_eq!(guard("off").expect("right"), GuardChoice::Off);
    assert_eq!(guard("on").expect("right"), GuardChoice::default());
    let some = guard("{ canary-latency: 50 ms, in-sync-replicas: pause }").expect("right");
    let GuardChoice::On(settings) = some else {
        panic!("{some:?}")
    };
    assert_eq!(settings.canary_latency.to_string(), "50 ms");
    assert_eq!(settings.throttle.to_string(), "50 %", "as it is otherwise");
    for (text, complaint) in [
        (
            "of",
            "copy.guard: must be `on` or `off`\n  did you mean `off`?",
        ),
        (
            "[a]",
            "copy.guard: expected a mapping, or `off`, found a list",
        ),
        ("{ latency: 3x }", "copy.guard.latency: unknown key"),
        (
            "{ canary-latency: 3 s }",
            "copy.guard.canary-latency: must be a time as `50 ms`",
        ),
        (
            "{ throttle: 5 }",
            "copy.guard.throttle: expected text, found a number",
        ),
        (
            "{ in-sync-replicas: stop }",
            "copy.guard.in-sync-replicas: must be `pause`, `slow` or `ignore`",
        ),
        (
            "{ floor: 1 MB }",
            "copy.guard.floor: must be a whole number with a unit",
        ),
    ] {
        let text = with(&format!("copy:\n  guard: {text}\n"));
        assert!(text.contains("migration.yaml:7: "), "{text}");
        assert!(text.contains(complaint), "{text}");
    }
}

#[test]
fn anchors_aliases_tags_and_second_documents_are_refused() {
    for (more, what) in [
        ("copy: &c {}\n", "an anchor"),
        ("copy: !!map {}\n", "a tag"),
        ("---\na: b\n", "a second document"),
        (
            "decisions: { [a]: b }\n",
            "a key that is a mapping or a list",
        ),
    ] {
        let text = with(more);
        assert!(text.starts_with("error[FERRY-E011]"), "{text}");
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn a_file_nested_or_grown_beyond_reason_is_refused() {
    for depth in [70, 3_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = with(&format!(
            "plugins: {{ topics: {{ use: a/b, with: {{ x: {deep} }} }} }}\n"
        ));
        assert!(text.starts_with("error[FERRY-E010]"), "{depth}: {text}");
    }
    let large = format!("{RIGHT}# {}\n", "x".repeat(1024 * 1024));
    assert!(problem(large.as_bytes()).contains("larger than 1048576 bytes"));
}

#[test]
fn a_placeholder_outside_of_client_properties_is_refused() {
    assert_eq!(
        with(
            "plugins:\n  topics:\n    use: a/b\n    with: { exclude: [\"x\", \"${env:HOME}\"] }\n"
        ),
        "error[FERRY-E034]: migration.yaml:9: plugins.topics.with.exclude[1]: a placeholder can't \
         stand here\n  where   line 9, column 28\n  next    placeholders may stand in the client \
         properties of source and target only"
    );
    assert!(
        with("plugins: { topics: { use: a/b, with: { \"${env:X}\": 1 } } }\n")
            .contains("FERRY-E034")
    );
    assert!(with("state: ${env:HOME}/state\n").contains("FERRY-E034"));
    let names =
        format!("{RIGHT}plugins: {{ names: {{ use: a/b, with: {{ to: \"x.${{1}}\" }} }} }}\n");
    assert!(
        read(names.as_bytes()).is_ok(),
        "a template of the plugin is no placeholder"
    );
}

#[test]
fn a_malformed_placeholder_is_refused_without_its_neighbours() {
    let text = RIGHT.replace(
        "target:",
        "target:\n  sasl.jaas.config: Login password=\"swordfish\" x=${vault:a:b};",
    );
    let text = problem(text.as_bytes());
    assert_eq!(
        text,
        "error[FERRY-E030]: migration.yaml:5: target.sasl.jaas.config: not a placeholder that can \
         be resolved\n  where   line 5, column 21\n  cause   no provider is named `vault`; there \
         are env, file and secret"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Configuration::load(Path::new("/nowhere/migration.yaml")).expect_err("missing");
    let text = error.problem().to_string();
    assert!(
        text.starts_with("error[FERRY-E001]: /nowhere/migration.yaml can't be read\n"),
        "{text}"
    );
    assert!(text.contains("cause   No such file"), "{text}");
    let text = RIGHT.replace("target:", "target:\n  properties: ./no.properties");
    let text = problem(text.as_bytes());
    assert!(
        text.contains("where   named at migration.yaml:5: target.properties"),
        "{text}"
    );
}

#[test]
fn terminal_codes_in_a_key_are_escaped() {
    let text = with("\"co\\e[2Jpy\": {}\n");
    assert!(text.contains("co\\u{1b}[2Jpy: unknown key"), "{text:?}");
}
