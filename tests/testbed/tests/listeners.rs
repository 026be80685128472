//! Every kind of listener takes the clients it should, and refuses the others, on every release.

// Helpers of tests may do what tests may.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::io;
use std::process::Command;

use ferry_testbed::{
    Cluster, KafkaVersion, Listener, Mechanism, ServerCertificate, StoreFormat, probe,
};
use support::{connect, create_topic};

const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// A cluster with all listeners and ACLs, and one user who may do everything.
fn guarded(version: KafkaVersion) -> Cluster {
    Cluster::builder(version)
        .name("guarded")
        .listener(Listener::Plaintext)
        .listener(Listener::SaslPlaintext)
        .listener(Listener::SaslSsl)
        .listener(Listener::Ssl)
        .authorizer(true)
        .super_user("admin", "admin-secret")
        .user("orders", "orders-secret")
        .start_blocking()
        .unwrap()
}

/// Whether the principal may create a topic; a refusal names the missing permission.
fn may_create(connection: &mut dyn support::Connection, topic: &str) -> bool {
    match create_topic(connection, topic) {
        0 => true,
        CLUSTER_AUTHORIZATION_FAILED | TOPIC_AUTHORIZATION_FAILED => false,
        code => panic!("error code {code}"),
    }
}

fn take_the_right_clients_and_refuse_the_others(version: KafkaVersion) {
    let cluster = guarded(version);

    // Login by both mechanisms, with and without encryption; the principal is the user.
    for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
        for mechanism in [Mechanism::ScramSha512, Mechanism::Plain] {
            let case = format!("{listener} {mechanism}");
            let topic = format!("by-{}-{mechanism}", listener.name());
            let admin = cluster.client_properties_with(listener, mechanism, "admin");
            let mut connection = connect(&admin).expect(&case);
            assert!(may_create(&mut connection, &topic), "{case}");

            let orders = cluster.client_properties_with(listener, mechanism, "orders");
            let mut connection = connect(&orders).expect(&case);
            assert!(!may_create(&mut connection, "refused"), "{case}");

            let mut wrong = admin.clone();
            let login = wrong.get_mut("sasl.jaas.config").unwrap();
            *login = login.replace("admin-secret", "another-secret");
            let refusal = connect(&wrong).err().expect(&case);
            assert_eq!(refusal.kind(), io::ErrorKind::PermissionDenied, "{case}");
        }
    }

    // A client certificate; the principal is its common name.
    let admin = cluster.client_properties(Listener::Ssl, "admin");
    assert!(may_create(&mut connect(&admin).unwrap(), "by-certificate"));
    let orders = cluster.client_properties(Listener::Ssl, "orders");
    assert!(!may_create(&mut connect(&orders).unwrap(), "refused"));
    let certificates = cluster.certificates();
    let wrong_keystores = [
        None,
        Some(certificates.expired_client("admin").unwrap()),
        Some(certificates.untrusted_client("admin").unwrap()),
    ];
    for keystore in wrong_keystores {
        let mut wrong = admin.clone();
        wrong.remove("ssl.keystore.location");
        if let Some(keystore) = &keystore {
            let keystore = keystore.display().to_string();
            wrong.insert("ssl.keystore.location".into(), keystore);
        }
        // With TLS 1.3 the refusal may come after the handshake.
        let refused = connect(&wrong).and_then(|mut one| probe::api_versions(&mut one));
        assert!(refused.is_err(), "{keystore:?}");
    }

    // An authority that did not sign the server's certificate.
    let mut distrustful = cluster.client_properties(Listener::SaslSsl, "admin");
    let unknown = certificates.unknown_authority().unwrap();
    let unknown = unknown.display().to_string();
    distrustful.insert("ssl.truststore.location".into(), unknown);
    let refusal = connect(&distrustful).err().unwrap().to_string();
    assert!(refusal.contains("certificate"), "{refusal}");

    // No login: an anonymous client is let in and may do nothing.
    let anonymous = cluster.client_properties(Listener::Plaintext, "nobody");
    assert!(!may_create(&mut connect(&anonymous).unwrap(), "refused"));
}

#[test]
fn listeners_of_4_3_take_the_right_clients_and_refuse_the_others() {
    take_the_right_clients_and_refuse_the_others(KafkaVersion::V4_3);
}

#[test]
fn listeners_of_3_9_take_the_right_clients_and_refuse_the_others() {
    take_the_right_clients_and_refuse_the_others(KafkaVersion::V3_9);
}

#[test]
fn a_server_can_present_wrong_certificates() {
    let cases = [
        (ServerCertificate::Valid, None),
        (ServerCertificate::Expired, Some("expired")),
        (ServerCertificate::WrongName, Some("not valid for name")),
        (ServerCertificate::UnknownAuthority, Some("certificate")),
    ];
    for (certificate, refusal) in cases {
        let cluster = Cluster::builder(KafkaVersion::V4_3)
            .listener(Listener::SaslSsl)
            .user("admin", "secret")
            .server_certificate(certificate)
            .start_blocking()
            .unwrap();
        let result = connect(&cluster.client_properties(Listener::SaslSsl, "admin"));
        match (result, refusal) {
            (Ok(_), None) => {}
            (Ok(_), Some(_)) => panic!("{certificate:?} was accepted"),
            (Err(error), Some(part)) if error.to_string().contains(part) => {}
            (Err(error), _) => panic!("{certificate:?}: {error}"),
        }
    }
}

#[test]
fn javas_own_stores_hold_what_their_names_say() {
    let cluster = Cluster::builder(KafkaVersion::V4_3)
        .user("admin", "secret")
        .start_blocking()
        .unwrap();
    let certificates = cluster.certificates();
    for format in [StoreFormat::Jks, StoreFormat::Pkcs12] {
        let trusted = certificates.truststore(format, "changeit").unwrap();
        let key = certificates.keystore(format, "admin", "changeit").unwrap();
        for (store, entry) in [(trusted, "trustedCertEntry"), (key, "PrivateKeyEntry")] {
            let listed = Command::new("keytool")
                .args([
                    "-list",
                    "-storepass",
                    "changeit",
                    "-storetype",
                    format.name(),
                ])
                .arg("-keystore")
                .arg(&store)
                .output()
                .unwrap();
            let listed = String::from_utf8(listed.stdout).unwrap();
            assert!(listed.contains(entry), "{}: {listed}", store.display());
        }
    }
}
