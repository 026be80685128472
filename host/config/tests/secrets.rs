//! Placeholders are resolved late, and what they resolve to is seen by nobody but the client.

use ferry_config::{ConfigError, Configuration};
use ferry_model::identity::Side;
use ferry_model::problem::Explain;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PASSWORD: &str = "swordfish-4711";

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// A configuration in `folder` whose target has `lines`.
fn configuration(folder: &Path, lines: &str) -> Result<Configuration, ConfigError> {
    let file = folder.join("migration.yaml");
    let text = format!(
        "migration: m\nsource: {{ bootstrap.servers: s }}\ntarget:\n  bootstrap.servers: t\n{lines}"
    );
    fs::write(&file, text).expect("written");
    Configuration::load(&file)
}

#[test]
fn placeholders_are_resolved_from_environment_and_files_and_never_shown() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(
        folder.path().join("t.properties"),
        format!("jaas=Login \\\n  password=\"{PASSWORD}\";\n"),
    )
    .expect("written");
    let configuration = configuration(
        folder.path(),
        "  sasl.jaas.config: ${file:t.properties:jaas}\n  ssl.key.password: x${env:KEY}y\n",
    )
    .expect("right");
    let resolved = configuration
        .properties(Side::Target)
        .resolve(&environment(&[("KEY", PASSWORD)]))
        .expect("resolved");
    let open = resolved.expose();
    assert_eq!(
        open["sasl.jaas.config"],
        format!("Login password=\"{PASSWORD}\";")
    );
    assert_eq!(open["ssl.key.password"], format!("x{PASSWORD}y"));
    for shown in [
        format!("{resolved:?}"),
        format!("{configuration:?}"),
        serde_json::to_string(&configuration.settings).expect("JSON"),
    ] {
        assert!(!shown.contains("swordfish"), "{shown}");
    }
}

#[test]
fn a_value_is_not_resolved_again() {
    let folder = tempfile::tempdir().expect("folder");
    let configuration =
        configuration(folder.path(), "  ssl.key.password: ${env:KEY}\n").expect("right");
    let resolved = configuration
        .properties(Side::Target)
        .resolve(&environment(&[("KEY", "${env:OTHER}")]))
        .expect("resolved");
    assert_eq!(resolved.expose()["ssl.key.password"], "${env:OTHER}");
}

#[test]
fn an_unresolvable_placeholder_is_named_with_its_line_and_no_neighbour() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(
        folder.path().join("t.properties"),
        format!("jaas={PASSWORD}\n"),
    )
    .expect("written");
    for (value, code, what) in [
        (
            "${env:MISSING}",
            "FERRY-E031",
            "the environment has no such variable",
        ),
        (
            "${file:t.properties:other}",
            "FERRY-E032",
            "t.properties has no key `other`",
        ),
        (
            "${file:none.properties:other}",
            "FERRY-E032",
            "can't be read: No such file",
        ),
        (
            "${secret:ns/name:key}",
            "FERRY-E033",
            "needs a Kubernetes cluster",
        ),
    ] {
        let line = format!("  sasl.jaas.config: Login password=\"{PASSWORD}\" {value};\n");
        let configuration = configuration(folder.path(), &line).expect("right");
        let error = configuration
            .properties(Side::Target)
            .resolve(&environment(&[]))
            .expect_err("unresolvable");
        let text = format!("{} {error:?}", error.problem());
        assert!(text.contains(code) && text.contains(what), "{text}");
        assert!(
            text.contains("migration.yaml:5: target.sasl.jaas.config"),
            "{text}"
        );
        assert!(text.contains(value), "{text}");
        assert!(!text.contains("swordfish"), "{text}");
    }
}

#[test]
fn the_configuration_wins_over_the_properties_file_and_that_over_the_profile() {
    let folder = tempfile::tempdir().expect("folder");
    fs::create_dir(folder.path().join("client")).expect("folder");
    fs::write(
        folder.path().join("client/c.properties"),
        "security.protocol=SASL_PLAINTEXT\nclient.id=file\nssl.truststore.location=trust.jks\n\
         acme.tracing=on\n",
    )
    .expect("written");
    let configuration = configuration(
        folder.path(),
        "  properties: client/c.properties\n  profile: confluent-cloud\n  client.id: inline\n  \
         ssl.keystore.location: key.jks\n  ssl.endpoint.identification.algorithm:\n  \
         request.timeout.ms: 30000\n",
    )
    .expect("right");
    let resolved = configuration
        .properties(Side::Target)
        .resolve(&environment(&[]))
        .expect("resolved")
        .expose();
    assert_eq!(resolved["sasl.mechanism"], "PLAIN", "from the profile");
    assert_eq!(
        resolved["security.protocol"], "SASL_PLAINTEXT",
        "from the file"
    );
    assert_eq!(resolved["client.id"], "inline");
    assert_eq!(
        resolved["request.timeout.ms"], "30000",
        "a number is taken as it is written"
    );
    assert_eq!(
        resolved["ssl.endpoint.identification.algorithm"], "",
        "empty is a value"
    );
    assert!(
        !resolved.contains_key("acme.tracing"),
        "clients leave out what they do not know"
    );
    let notes = configuration.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].ends_with("c.properties:4: acme.tracing: left out, no Kafka client knows it"));
    let beside = |path: &str| folder.path().join(path).to_string_lossy().into_owned();
    assert_eq!(resolved["ssl.keystore.location"], beside("key.jks"));
    assert_eq!(
        resolved["ssl.truststore.location"],
        beside("client/trust.jks")
    );
}

#[test]
fn a_fault_in_the_properties_file_is_told_with_that_files_line() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(
        folder.path().join("c.properties"),
        "a=b\nsasl.jaas.config=swordfish\\u12\n",
    )
    .expect("written");
    let error = configuration(folder.path(), "  properties: c.properties\n").expect_err("wrong");
    let text = error.problem().to_string();
    assert!(text.starts_with("error[FERRY-E020]"), "{text}");
    assert!(
        text.contains("c.properties:2: not a Java properties file"),
        "{text}"
    );
    assert!(
        text.contains("cause   `\\u` needs four hexadecimal digits"),
        "{text}"
    );
    assert!(!text.contains("swordfish"), "{text}");
}

#[test]
fn a_secret_in_the_open_is_noted_and_hidden() {
    let folder = tempfile::tempdir().expect("folder");
    let configuration = configuration(
        folder.path(),
        "  ssl.key.password: swordfish\n  sasl.jaas.config: Login password=${env:P};\n",
    )
    .expect("right");
    let notes = configuration.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].contains("migration.yaml:5: target.ssl.key.password: stands here in the open"),
        "{notes:?}"
    );
    assert!(!format!("{configuration:?}{notes:?}").contains("swordfish"));
}

#[test]
fn the_digest_follows_what_is_said_and_not_the_password() {
    let folder = tempfile::tempdir().expect("folder");
    let digest = |lines: &str| {
        configuration(folder.path(), lines)
            .expect("right")
            .digest()
            .expect("digest")
    };
    let first = digest("  ssl.key.password: one\n");
    assert_eq!(first, digest("  ssl.key.password: two\n# a comment\n"));
    assert_ne!(first, digest("  ssl.key.password: ${env:ONE}\n"));
    assert_ne!(digest("  client.id: a\n"), digest("  client.id: b\n"));

    let file = folder.path().join("c.properties");
    fs::write(&file, "client.id=a\nssl.key.password=one\n").expect("written");
    let with_file = digest("  properties: c.properties\n");
    fs::write(&file, "client.id=a\nssl.key.password=two\n").expect("written");
    assert_eq!(with_file, digest("  properties: c.properties\n"));
    fs::write(&file, "client.id=b\nssl.key.password=two\n").expect("written");
    assert_ne!(with_file, digest("  properties: c.properties\n"));

    let lines = "  client.id: a\nplugins: { names: { use: ./n.wasm } }\n";
    fs::write(folder.path().join("n.wasm"), "one").expect("written");
    let one = digest(lines);
    fs::write(folder.path().join("n.wasm"), "two").expect("written");
    assert_ne!(one, digest(lines));
}

#[test]
fn a_misspelt_or_foreign_security_property_of_the_file_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    for (line, hint) in [
        ("sasl.mechanisms=PLAIN", "did you mean `sasl.mechanism`?"),
        ("bootstrap.server=b", "did you mean `bootstrap.servers`?"),
        ("sasl.username=u", "line 2"),
    ] {
        fs::write(
            folder.path().join("c.properties"),
            format!("client.id=a\n{line}\n"),
        )
        .expect("written");
        let error =
            configuration(folder.path(), "  properties: c.properties\n").expect_err("refused");
        let text = error.problem().to_string();
        assert!(
            text.contains("FERRY-E042") && text.contains("c.properties:2:"),
            "{text}"
        );
        assert!(text.contains(hint), "{text}");
    }
}
