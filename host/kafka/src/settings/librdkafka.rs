//! The same security for librdkafka, which reads PEM text and has names of its own
//! (librdkafka, `CONFIGURATION.md`).

use super::{ClientSettings, Trust, pem};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The settings in librdkafka's names. Holds secrets.
pub(super) fn convert(settings: &ClientSettings) -> Vec<(String, String)> {
    let servers: Vec<String> = settings
        .bootstrap_servers
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut list = vec![
        ("bootstrap.servers", servers.join(",")),
        ("client.id", settings.client_id.clone()),
        ("security.protocol", settings.protocol.to_string()),
    ];
    if let Some(sasl) = &settings.sasl {
        list.push(("sasl.mechanisms", sasl.mechanism.to_string()));
        list.push(("sasl.username", sasl.username.clone()));
        list.push(("sasl.password", sasl.password.reveal().to_owned()));
    }
    if let Some(tls) = &settings.tls {
        match &tls.trust {
            Trust::System => list.push(("ssl.ca.location", "probe".to_owned())),
            Trust::Certificates(trusted) => list.push(("ssl.ca.pem", certificates(trusted))),
        }
        if let Some(identity) = &tls.identity {
            list.push(("ssl.certificate.pem", certificates(&identity.chain)));
            list.push(("ssl.key.pem", private_key(&identity.key)));
        }
        let algorithm = if tls.verify_host_name {
            "https"
        } else {
            "none"
        };
        list.push((
            "ssl.endpoint.identification.algorithm",
            algorithm.to_owned(),
        ));
    }
    list.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn certificates(list: &[CertificateDer<'static>]) -> String {
    list.iter()
        .map(|certificate| pem::write("CERTIFICATE", certificate))
        .collect()
}

fn private_key(key: &PrivateKeyDer<'static>) -> String {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    pem::write(label, key.secret_der())
}
