//! Settings in the names of Kafka's clients: what is read, what is refused, what is never shown.

// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used)]

mod support;

use ferry_kafka::problem_codes as codes;
use ferry_kafka::settings::{ClientSettings, Mechanism, SecurityProtocol, Trust};
use ferry_model::problem::Explain;
use std::time::Duration;
use support::{Properties, connect, topic};

use ferry_testbed::{Cluster, KafkaVersion, Listener};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use std::path::{Path, PathBuf};
use std::process::Command;

fn properties(lines: &str) -> Properties {
    lines
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    folder.join(name).display().to_string()
}

#[test]
fn everything_has_kafkas_default_where_it_is_not_set() {
    let read = ClientSettings::from_properties(&properties("bootstrap.servers=b-1:9092")).unwrap();
    assert_eq!(read.protocol, SecurityProtocol::Plaintext);
    assert!(read.sasl.is_none() && read.tls.is_none() && read.notes.is_empty());
    assert_eq!(read.client_id, "ferry");
    assert_eq!(read.request_timeout, Duration::from_secs(30));
    assert_eq!(read.operation_timeout, Duration::from_secs(60));
    let tls = "bootstrap.servers=b-1:9092\nsecurity.protocol=SSL";
    let tls = ClientSettings::from_properties(&properties(tls))
        .unwrap()
        .tls
        .unwrap();
    assert!(matches!(tls.trust, Trust::System));
    assert!(tls.identity.is_none() && tls.verify_host_name && tls.tls12 && tls.tls13);
}

#[test]
fn a_properties_file_of_an_application_is_read_as_it_is() {
    let read = ClientSettings::from_properties(&properties(
        "bootstrap.servers= b-1:9092 , b-2:9092,
         security.protocol=sasl_ssl
         sasl.mechanism=SCRAM-SHA-512
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"orders\" password=\"hush\";
         ssl.endpoint.identification.algorithm=
         ssl.enabled.protocols=TLSv1.2
         request.timeout.ms=1500
         key.serializer=org.apache.kafka.common.serialization.StringSerializer
         acks=all
         client.id=orders-1",
    ))
    .unwrap();
    assert_eq!(read.bootstrap_servers.len(), 2);
    assert_eq!(read.protocol, SecurityProtocol::SaslSsl);
    assert_eq!(
        read.sasl.as_ref().unwrap().mechanism,
        Mechanism::ScramSha512
    );
    assert_eq!(read.principal().as_deref(), Some("User:orders"));
    let tls = read.tls.as_ref().unwrap();
    assert!(!tls.verify_host_name && tls.tls12 && !tls.tls13);
    assert_eq!(read.request_timeout, Duration::from_millis(1_500));
    assert_eq!(read.notes.len(), 2, "serializer and acks: {:?}", read.notes);
    assert!(!format!("{read:?}").contains("hush"), "no secret is shown");
    let list: Properties = read.to_librdkafka().into_iter().collect();
    assert_eq!(list["security.protocol"], "SASL_SSL");
    assert_eq!(list["sasl.mechanisms"], "SCRAM-SHA-512");
    assert_eq!(list["sasl.password"], "hush");
    assert_eq!(list["ssl.endpoint.identification.algorithm"], "none");
    assert_eq!(list["ssl.ca.location"], "probe");
}

#[test]
fn what_is_wrong_is_refused_with_the_key_and_never_the_secret() {
    let jaas = "sasl.jaas.config=x.PlainLoginModule required username=\"a\" password=\"hush\"";
    let sasl = "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN";
    let keystore = format!(
        "security.protocol=SSL\nssl.keystore.type=PEM\nssl.keystore.location={}",
        fixture("encrypted-pbes2.pem")
    );
    for (lines, code, words) in [
        (
            "sasl.mechanisms=PLAIN".to_owned(),
            codes::UNKNOWN_SETTING,
            "did you mean `sasl.mechanism`?",
        ),
        (
            "sasl.username=a".to_owned(),
            codes::UNKNOWN_SETTING,
            "unknown client setting `sasl.username`",
        ),
        (
            "security.protocol=TLS".to_owned(),
            codes::SETTING_VALUE,
            "one of PLAINTEXT, SSL",
        ),
        (
            "request.timeout.ms=soon".to_owned(),
            codes::SETTING_VALUE,
            "`soon` is not a number",
        ),
        (
            "bootstrap.servers=b-1".to_owned(),
            codes::SETTING_VALUE,
            "`b-1` is not host:port",
        ),
        (
            "security.protocol=SASL_SSL".to_owned(),
            codes::SETTING_MISSING,
            "sasl.mechanism",
        ),
        (sasl.to_owned(), codes::SETTING_MISSING, "sasl.jaas.config"),
        (format!("{sasl}\n{jaas}"), codes::JAAS, "closing `;`"),
        (
            "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI".to_owned(),
            codes::SETTING_VALUE,
            "one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
        ),
        (
            "security.protocol=SSL\nssl.truststore.location=/nowhere.jks".to_owned(),
            codes::STORE_UNREADABLE,
            "/nowhere.jks can't be read",
        ),
        (
            format!(
                "security.protocol=SSL\nssl.truststore.location={}",
                fixture("plain.pem")
            ),
            codes::STORE_UNREADABLE,
            "neither JKS nor PKCS12",
        ),
        (keystore.clone(), codes::SETTING_MISSING, "ssl.key.password"),
        (
            format!("{keystore}\nssl.key.password=hush-wrong"),
            codes::STORE_PASSWORD,
            "does not open with the password in `ssl.key.password`",
        ),
        (
            "sasl.login.callback.handler.class=software.amazon.msk.auth.iam.X".to_owned(),
            codes::SETTING_VALUE,
            "sasl.login.callback.handler.class",
        ),
    ] {
        let mut all = properties(&lines);
        all.entry("bootstrap.servers".to_owned())
            .or_insert("b-1:9092".to_owned());
        let error = ClientSettings::from_properties(&all).expect_err(&lines);
        let problem = error.problem();
        assert_eq!(problem.code.0, code, "{lines}: {problem}");
        assert!(problem.to_string().contains(words), "{lines}: {problem}");
        assert!(
            !format!("{problem}{error}{error:?}").contains("hush"),
            "{lines}: {problem}"
        );
    }
    let nothing = ClientSettings::from_properties(&Properties::new()).expect_err("no servers");
    assert_eq!(nothing.problem().code.0, codes::SETTING_MISSING);
}

#[test]
fn a_pem_key_is_read_in_every_form() {
    for (name, password) in [
        ("plain.pem", None),
        ("sec1.pem", None),
        ("encrypted-pbes2.pem", Some("fixture-password")),
        ("encrypted-pbe-sha1-3des.pem", Some("fixture-password")),
    ] {
        let mut lines =
            properties("bootstrap.servers=b:1\nsecurity.protocol=SSL\nssl.keystore.type=PEM");
        lines.insert("ssl.keystore.location".to_owned(), fixture(name));
        lines.extend(password.map(|password| ("ssl.key.password".to_owned(), password.to_owned())));
        let read = ClientSettings::from_properties(&lines).expect(name);
        let list: Properties = read.to_librdkafka().into_iter().collect();
        let label = if name == "sec1.pem" {
            "EC PRIVATE KEY"
        } else {
            "PRIVATE KEY"
        };
        assert!(
            list["ssl.key.pem"].starts_with(&format!("-----BEGIN {label}-----\n")),
            "{name}"
        );
        let file = std::fs::read_to_string(fixture(name)).unwrap();
        let certificate = file
            .split_once("-----BEGIN CERTIFICATE-----")
            .unwrap()
            .1
            .trim();
        assert!(
            list["ssl.certificate.pem"].contains(certificate),
            "{name}: the certificate as it was"
        );
        assert!(!format!("{read:?}").contains("PRIVATE"), "{name}");
    }
}

/// Runs Java's own tool for stores.
fn keytool(arguments: &[&str]) {
    let tool = std::env::var_os("JAVA_HOME").map_or(PathBuf::from("keytool"), |home| {
        PathBuf::from(home).join("bin/keytool")
    });
    let done = Command::new(tool)
        .arg("-noprompt")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stdout)
    );
}

/// The sections of a PEM file with this label.
fn sections(path: &Path, label: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let text = std::fs::read_to_string(path).unwrap();
    let begin = format!("-----BEGIN {label}-----");
    let bodies = text
        .split(&begin)
        .skip(1)
        .map(|part| part.split("-----END").next().unwrap());
    bodies
        .map(|body| body.split_whitespace().collect::<String>())
        .map(|body| {
            base64::engine::general_purpose::STANDARD
                .decode(body)
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn stores_of_every_type_open_a_listener_that_demands_a_certificate() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("kafka-stores")
        .listener(Listener::Ssl)
        .user("admin", "admin-secret")
        .start()
        .await
        .unwrap();
    let pem = cluster.client_properties(Listener::Ssl, "admin");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let authority = cluster.certificates().authority().display().to_string();

    // Trust stores by Java's tool.
    for kind in ["JKS", "PKCS12"] {
        let store = path(&format!("trust.{kind}"));
        keytool(&[
            "-importcert",
            "-alias",
            "authority",
            "-file",
            &authority,
            "-keystore",
            &store,
            "-storetype",
            kind,
            "-storepass",
            "trust-password",
        ]);
    }
    // The client's key as PKCS12, then as JKS whose key has a password of its own.
    let source = Path::new(&pem["ssl.keystore.location"]).to_owned();
    let key = PrivateKey::from_der(&sections(&source, "PRIVATE KEY")[0]).unwrap();
    let chain = sections(&source, "CERTIFICATE");
    let chain: Vec<_> = chain
        .iter()
        .map(|der| Certificate::from_der(der).unwrap())
        .collect();
    let mut store = KeyStore::new();
    let entry = PrivateKeyChain::new(vec![1, 2, 3], key, chain);
    store.add_entry("client", KeyStoreEntry::PrivateKeyChain(entry));
    std::fs::write(
        path("key.PKCS12"),
        store.writer("store-password").write().unwrap(),
    )
    .unwrap();
    keytool(&[
        "-importkeystore",
        "-srckeystore",
        &path("key.PKCS12"),
        "-srcstoretype",
        "PKCS12",
        "-srcstorepass",
        "store-password",
        "-srcalias",
        "client",
        "-destkeystore",
        &path("key.JKS"),
        "-deststoretype",
        "JKS",
        "-deststorepass",
        "store-password",
        "-destkeypass",
        "key-password",
    ]);

    for kind in ["JKS", "PKCS12"] {
        let mut mine = Properties::new();
        let mut set = |key: &str, value: &str| mine.insert(key.to_owned(), value.to_owned());
        set("bootstrap.servers", &pem["bootstrap.servers"]);
        set("security.protocol", "SSL");
        set("ssl.truststore.location", &path(&format!("trust.{kind}")));
        set("ssl.truststore.type", kind);
        set("ssl.truststore.password", "trust-password");
        set("ssl.keystore.location", &path(&format!("key.{kind}")));
        // Java reads either of the two under the name of the other, and so must this.
        set("ssl.keystore.type", "JKS");
        set("ssl.keystore.password", "store-password");
        if kind == "JKS" {
            set("ssl.key.password", "key-password");
        }
        let client = connect(&mine)
            .await
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
        client.refresh(&[topic("any")]).await.unwrap();

        for (key, wrong) in [
            ("ssl.truststore.password", "hush"),
            ("ssl.keystore.password", "hush"),
        ] {
            let mut broken = mine.clone();
            broken.insert(key.to_owned(), wrong.to_owned());
            let error = ClientSettings::from_properties(&broken).expect_err("a wrong password");
            let problem = error.problem();
            assert_eq!(problem.code.0, codes::STORE_PASSWORD, "{kind}: {problem}");
            assert!(problem.to_string().contains(key), "{kind}: {problem}");
        }
        if kind == "JKS" {
            // Java reads a trust store of this type without its password.
            mine.remove("ssl.truststore.password");
            connect(&mine).await.expect("no password");
            mine.insert("ssl.key.password".to_owned(), "store-password".to_owned());
            let problem = ClientSettings::from_properties(&mine)
                .expect_err("the key's")
                .problem();
            assert!(
                problem.to_string().contains("ssl.key.password"),
                "{problem}"
            );
        }
    }
}
