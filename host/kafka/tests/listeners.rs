//! Every kind of listener takes the right client, and every wrong client is told precisely why.
//!
//! The brokers are real; each case asserts the problem's code and words as an operator reads them.

// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used, clippy::cloned_ref_to_slice_refs)]

mod support;

use ferry_kafka::problem_codes as codes;
use ferry_kafka::{Client, Lane};
use ferry_model::identity::Side;
use ferry_model::problem::{Explain, Problem};
use ferry_testbed::{Cluster, KafkaVersion, Listener, Mechanism, ServerCertificate};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use support::{Properties, connect, settings};

/// What an operator is promised: an answer within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

fn guarded(version: KafkaVersion) -> Cluster {
    let builder = Cluster::builder(version)
        .name("kafka-listeners")
        .authorizer(true);
    [
        Listener::Plaintext,
        Listener::SaslPlaintext,
        Listener::SaslSsl,
        Listener::Ssl,
    ]
    .into_iter()
    .fold(builder, |builder, listener| builder.listener(listener))
    .super_user("admin", "admin-secret")
    .user("orders", "orders-secret")
    .start_blocking()
    .expect("starts")
}

/// The problem of settings that must fail, in time and without the password.
async fn refusal(properties: &Properties) -> Problem {
    let started = Instant::now();
    let error = connect(properties).await.expect_err("must not connect");
    assert!(started.elapsed() < ANSWER_WITHIN, "{:?}", started.elapsed());
    let problem = error.problem();
    for text in [problem.to_string(), error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("-secret"), "{text}");
    }
    problem
}

fn with(mut properties: Properties, changes: &[(&str, &str)]) -> Properties {
    for (key, value) in changes {
        properties.insert((*key).to_owned(), (*value).to_owned());
    }
    properties
}

async fn every_listener_takes_its_client(version: KafkaVersion) {
    let cluster = guarded(version);
    let mut cases = vec![(Listener::Ssl, Mechanism::Plain)];
    for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
        cases.extend([
            (listener, Mechanism::Plain),
            (listener, Mechanism::ScramSha512),
        ]);
    }
    for (listener, mechanism) in cases {
        let case = format!("{listener:?} {mechanism:?}");
        let properties = cluster.client_properties_with(listener, mechanism, "admin");
        let client = connect(&properties)
            .await
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(
            client.cluster_id().expect("an id").0,
            cluster.id(),
            "{case}"
        );
        for (_, dialled) in client.check_brokers().await {
            dialled.unwrap_or_else(|error| panic!("{case}: {error}"));
        }
        // Only the super user may do this: the principal is the intended one.
        client.admin().describe_acls().await.expect(&case);
        client.admin().list_transactions(&[]).await.expect(&case);
    }
}

#[tokio::test]
async fn every_listener_of_the_newest_release_takes_its_client() {
    every_listener_takes_its_client(KafkaVersion::V4_3).await;
}

#[tokio::test]
async fn every_listener_of_an_older_release_takes_its_client() {
    every_listener_takes_its_client(KafkaVersion::V3_9).await;
}

#[tokio::test]
async fn every_wrong_client_is_told_why_in_time() {
    let cluster = guarded(KafkaVersion::V4_3);
    let plain = cluster.client_properties(Listener::Plaintext, "admin");
    let sasl = cluster.client_properties(Listener::SaslPlaintext, "admin");
    let sasl_ssl = cluster.client_properties(Listener::SaslSsl, "admin");
    let ssl = cluster.client_properties(Listener::Ssl, "admin");
    let servers = |properties: &Properties| properties["bootstrap.servers"].clone();

    // TLS to a listener of plain text.
    for to in [&plain, &sasl] {
        for from in [&sasl_ssl, &ssl] {
            let problem =
                refusal(&with(from.clone(), &[("bootstrap.servers", &servers(to))])).await;
            assert_eq!(problem.code.0, codes::PLAIN_TEXT_LISTENER, "{problem}");
        }
    }
    // Plain text to a listener of TLS.
    for to in [&sasl_ssl, &ssl] {
        for from in [&plain, &sasl] {
            let problem =
                refusal(&with(from.clone(), &[("bootstrap.servers", &servers(to))])).await;
            assert_eq!(problem.code.0, codes::TLS_LISTENER, "{problem}");
        }
    }
    // No SASL to a listener that expects it, without and with TLS.
    let problem = refusal(&with(
        plain.clone(),
        &[("bootstrap.servers", &servers(&sasl))],
    ))
    .await;
    assert_eq!(problem.code.0, codes::SASL_EXPECTED, "{problem}");
    let problem = refusal(&with(sasl_ssl.clone(), &[("security.protocol", "SSL")])).await;
    assert_eq!(problem.code.0, codes::SASL_EXPECTED, "{problem}");
    // SASL to a listener without it.
    let problem = refusal(&with(
        sasl.clone(),
        &[("bootstrap.servers", &servers(&plain))],
    ))
    .await;
    assert_eq!(problem.code.0, codes::SASL_NOT_EXPECTED, "{problem}");
    // A wrong password, by both mechanisms, and an unknown user.
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha512] {
        let mut wrong = cluster.client_properties_with(Listener::SaslSsl, mechanism, "admin");
        let login = wrong.get_mut("sasl.jaas.config").expect("a login");
        *login = login.replace("admin-secret", "another-secret");
        let problem = refusal(&wrong).await;
        assert_eq!(problem.code.0, codes::PASSWORD_REFUSED, "{problem}");
        let name = wrong["sasl.mechanism"].as_str();
        let what = format!("source refused the password for User:admin (SASL/{name})");
        assert_eq!(problem.what, what);
    }
    // A mechanism that is not enabled: the answer lists those that are.
    let problem = refusal(&with(sasl.clone(), &[("sasl.mechanism", "SCRAM-SHA-256")])).await;
    assert_eq!(problem.code.0, codes::MECHANISM_NOT_ENABLED, "{problem}");
    assert!(
        problem.what.contains("PLAIN") && problem.what.contains("SCRAM-SHA-512"),
        "{problem}"
    );
    // An authority that is not trusted: the system's, and another of the same name.
    let unknown = cluster
        .certificates()
        .unknown_authority()
        .expect("made")
        .display()
        .to_string();
    let problem = refusal(&with(
        sasl_ssl.clone(),
        &[("ssl.truststore.location", &unknown)],
    ))
    .await;
    assert_eq!(problem.code.0, codes::UNKNOWN_AUTHORITY, "{problem}");
    // A client certificate that is missing, of an unknown authority, expired.
    let mut none = ssl.clone();
    none.retain(|key, _| !key.starts_with("ssl.keystore"));
    let untrusted = cluster
        .certificates()
        .untrusted_client("admin")
        .expect("made");
    let expired = cluster
        .certificates()
        .expired_client("admin")
        .expect("made");
    let keystore = |path: std::path::PathBuf| {
        with(
            ssl.clone(),
            &[("ssl.keystore.location", &path.display().to_string())],
        )
    };
    for (case, properties) in [
        ("none", none),
        ("untrusted", keystore(untrusted)),
        ("expired", keystore(expired)),
    ] {
        let problem = refusal(&properties).await;
        assert_eq!(
            problem.code.0,
            codes::CLIENT_CERTIFICATE_REFUSED,
            "{case}: {problem}"
        );
    }
}

#[tokio::test]
async fn a_broker_with_a_wrong_certificate_is_told_from_one_with_a_right_one() {
    for (certificate, code) in [
        (ServerCertificate::Expired, codes::CERTIFICATE_NOT_VALID_NOW),
        (ServerCertificate::WrongName, codes::HOST_NAME_MISMATCH),
        (
            ServerCertificate::UnknownAuthority,
            codes::UNKNOWN_AUTHORITY,
        ),
    ] {
        let cluster = Cluster::builder(KafkaVersion::V4_3)
            .name("kafka-certificate")
            .listener(Listener::SaslSsl)
            .user("admin", "admin-secret")
            .server_certificate(certificate)
            .start()
            .await
            .expect("starts");
        let properties = cluster.client_properties(Listener::SaslSsl, "admin");
        let problem = refusal(&properties).await;
        assert_eq!(problem.code.0, code, "{problem}");
        if certificate == ServerCertificate::WrongName {
            let unchecked = with(properties, &[("ssl.endpoint.identification.algorithm", "")]);
            connect(&unchecked)
                .await
                .expect("the name is not checked then");
        }
    }
}

#[tokio::test]
async fn addresses_where_no_broker_is_are_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").expect("binds");
    let closed = free.local_addr().expect("an address").to_string();
    drop(free);
    let problem = refusal(&with(Properties::new(), &[("bootstrap.servers", &closed)])).await;
    assert_eq!(problem.code.0, codes::NOTHING_LISTENS, "{problem}");

    // A server of another protocol, and one that never says a word.
    let http = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = http.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = http.accept().expect("a client");
        let _ = stream.read(&mut [0; 1024]);
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .expect("writes");
    });
    let problem = refusal(&with(Properties::new(), &[("bootstrap.servers", &address)])).await;
    assert_eq!(problem.code.0, codes::NOT_KAFKA, "{problem}");
    assert!(problem.what.contains("HTTP"), "{problem}");
    server.join().expect("ends");

    let silent = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = silent.local_addr().expect("an address").to_string();
    let limits = [
        ("bootstrap.servers", address.as_str()),
        ("socket.connection.setup.timeout.ms", "500"),
    ];
    let sasl_ssl = [("security.protocol", "SSL")];
    let problem = refusal(&with(with(Properties::new(), &limits), &sasl_ssl)).await;
    assert_eq!(problem.code.0, codes::UNREACHABLE, "{problem}");

    let unknown = "no-such-broker.invalid:9092";
    let problem = refusal(&with(Properties::new(), &[("bootstrap.servers", unknown)])).await;
    assert_eq!(problem.code.0, codes::DOES_NOT_RESOLVE, "{problem}");
    assert!(problem.what.contains(unknown), "{problem}");
}

#[tokio::test]
async fn one_good_address_among_bad_ones_is_enough() {
    let (cluster, _client) = support::plain(KafkaVersion::V4_3).await;
    let good = cluster.bootstrap(Listener::Plaintext);
    let servers = format!("no-such-broker.invalid:9092,127.0.0.1:1,{good}");
    connect(&with(Properties::new(), &[("bootstrap.servers", &servers)]))
        .await
        .expect("connects");
    let servers = "no-such-broker.invalid:9092,127.0.0.1:1";
    let problem = refusal(&with(Properties::new(), &[("bootstrap.servers", servers)])).await;
    assert_eq!(
        problem.details.len(),
        1,
        "the other address has its line: {problem}"
    );
}

#[tokio::test]
async fn an_advertised_name_that_does_not_resolve_is_named_with_its_broker() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("kafka-advertised")
        .advertised_host("broker.internal.invalid")
        .start()
        .await
        .expect("starts");
    let properties = cluster.client_properties(Listener::Plaintext, "");
    let client = Client::connect(settings(&properties), Side::Target)
        .await
        .expect("connects");
    let (broker, dialled) = client.check_brokers().await.remove(0);
    let problem = dialled.expect_err("does not resolve").problem();
    assert_eq!(problem.code.0, codes::DOES_NOT_RESOLVE, "{problem}");
    assert!(
        problem
            .what
            .contains("target broker 1 (broker.internal.invalid:"),
        "{problem}"
    );
    assert!(client.connection(broker.id, Lane::Admin).await.is_err());
}
