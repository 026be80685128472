//! From a map of properties to [`ClientSettings`].

use super::certificate_store::{self as store, Kind};
use super::{
    Address, ClientSettings, Identity, Mechanism, SaslSettings, Secret, SecurityProtocol,
    SettingsError, TlsSettings, Trust, jaas, vocabulary,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest that a connection may take to come up, so that an answer is there within 10 s.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(9);

/// Reads every setting.
pub(super) fn read(properties: &BTreeMap<String, String>) -> Result<ClientSettings, SettingsError> {
    let notes = check_names(properties)?;
    let reader = Reader { properties };
    let protocol = reader.word("security.protocol", "PLAINTEXT", &SecurityProtocol::ALL)?;
    let sasl = if protocol.sasl() {
        Some(reader.sasl(protocol)?)
    } else {
        None
    };
    let tls = if protocol.tls() {
        Some(reader.tls()?)
    } else {
        None
    };
    let connect = reader.duration("socket.connection.setup.timeout.ms", 9_000)?;
    Ok(ClientSettings {
        bootstrap_servers: reader.servers()?,
        protocol,
        sasl,
        tls,
        client_id: reader.text("client.id").unwrap_or("ferry").to_owned(),
        request_timeout: reader.duration("request.timeout.ms", 30_000)?,
        operation_timeout: reader.duration("default.api.timeout.ms", 60_000)?,
        connect_timeout: connect.min(CONNECT_TIMEOUT_MAX),
        retry_backoff: reader.duration("retry.backoff.ms", 100)?,
        retry_backoff_max: reader.duration("retry.backoff.max.ms", 1_000)?,
        reconnect_backoff: reader.duration("reconnect.backoff.ms", 50)?,
        reconnect_backoff_max: reader.duration("reconnect.backoff.max.ms", 1_000)?,
        notes,
    })
}

/// Refuses names that nobody knows; notes those that Ferry does without.
fn check_names(properties: &BTreeMap<String, String>) -> Result<Vec<String>, SettingsError> {
    let mut notes = Vec::new();
    for (key, value) in properties {
        let key = key.as_str();
        if vocabulary::READ.contains(&key) {
            continue;
        }
        if vocabulary::NOT_SUPPORTED.contains(&key) {
            if value.is_empty() {
                continue;
            }
            return Err(SettingsError::Value {
                key: key.to_owned(),
                value: value.clone(),
                expected: "supported: Ferry logs in and trusts by the other settings only"
                    .to_owned(),
            });
        }
        if vocabulary::IGNORED.contains(&key) {
            notes.push(format!("`{key}` is ignored: Ferry does without it"));
            continue;
        }
        let nearest = vocabulary::nearest(key);
        return Err(SettingsError::Unknown {
            key: key.to_owned(),
            nearest,
        });
    }
    Ok(notes)
}

struct Reader<'a> {
    properties: &'a BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    /// The value; none where it is missing or empty.
    fn text(&self, key: &str) -> Option<&'a str> {
        self.properties
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn secret(&self, key: &str) -> Option<Secret> {
        self.properties
            .get(key)
            .filter(|value| !value.is_empty())
            .map(Secret::new)
    }

    fn word<T: Copy>(
        &self,
        key: &str,
        default: &str,
        words: &[(&str, T)],
    ) -> Result<T, SettingsError> {
        let value = self.text(key).unwrap_or(default);
        let found = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(value));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            SettingsError::Value {
                key: key.to_owned(),
                value: value.to_owned(),
                expected: format!("one of {}", words.join(", ")),
            }
        })
    }

    fn duration(&self, key: &str, default_ms: u64) -> Result<Duration, SettingsError> {
        let Some(value) = self.text(key) else {
            return Ok(Duration::from_millis(default_ms));
        };
        let read = value
            .parse::<u64>()
            .ok()
            .filter(|ms| *ms <= i32::MAX as u64);
        read.map(Duration::from_millis)
            .ok_or_else(|| SettingsError::Value {
                key: key.to_owned(),
                value: value.to_owned(),
                expected: "a number of milliseconds".to_owned(),
            })
    }

    fn servers(&self) -> Result<Vec<Address>, SettingsError> {
        let key = "bootstrap.servers";
        let value = self.text(key).ok_or_else(|| SettingsError::Missing {
            key,
            why: "it says where the cluster is".to_owned(),
        })?;
        let parts = value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let wrong = |part: &str| SettingsError::Value {
            key: key.to_owned(),
            value: part.to_owned(),
            expected: "host:port".to_owned(),
        };
        let servers: Vec<Address> = parts
            .map(|part| Address::parse(part).ok_or_else(|| wrong(part)))
            .collect::<Result<_, _>>()?;
        if servers.is_empty() {
            Err(wrong(value))
        } else {
            Ok(servers)
        }
    }

    fn sasl(&self, protocol: SecurityProtocol) -> Result<SaslSettings, SettingsError> {
        let missing = |key| SettingsError::Missing {
            key,
            why: format!("security.protocol is {protocol}"),
        };
        self.text("sasl.mechanism")
            .ok_or_else(|| missing("sasl.mechanism"))?;
        let mechanism = self.word("sasl.mechanism", "", &Mechanism::ALL)?;
        let text = self
            .text("sasl.jaas.config")
            .ok_or_else(|| missing("sasl.jaas.config"))?;
        jaas::parse(text, mechanism)
    }

    fn tls(&self) -> Result<TlsSettings, SettingsError> {
        let (tls12, tls13) = self.tls_versions()?;
        Ok(TlsSettings {
            trust: self.trust()?,
            identity: self.identity()?,
            verify_host_name: self.verify_host_name()?,
            tls12,
            tls13,
        })
    }

    /// Missing means `https`; present and empty switches the check off, as in Kafka.
    fn verify_host_name(&self) -> Result<bool, SettingsError> {
        let key = "ssl.endpoint.identification.algorithm";
        match self.properties.get(key).map(|value| value.trim()) {
            None => Ok(true),
            Some("") => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("https") => Ok(true),
            Some(value) => Err(SettingsError::Value {
                key: key.to_owned(),
                value: value.to_owned(),
                expected: "https, or empty".to_owned(),
            }),
        }
    }

    fn tls_versions(&self) -> Result<(bool, bool), SettingsError> {
        let key = "ssl.enabled.protocols";
        let Some(value) = self.text(key) else {
            return Ok((true, true));
        };
        let has = |name: &str| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(name))
        };
        let versions = (has("TLSv1.2"), has("TLSv1.3"));
        if versions == (false, false) {
            return Err(SettingsError::Value {
                key: key.to_owned(),
                value: value.to_owned(),
                expected: "a list with TLSv1.2 or TLSv1.3".to_owned(),
            });
        }
        Ok(versions)
    }

    fn trust(&self) -> Result<Trust, SettingsError> {
        let keys = store::TRUST;
        if let Some(text) = self.text("ssl.truststore.certificates") {
            let list = store::trusted_pem("ssl.truststore.certificates", text)?;
            return Ok(Trust::Certificates(list));
        }
        let Some(path) = self.text(keys.location) else {
            return Ok(Trust::System);
        };
        let kind = Kind::parse(keys, self.text(keys.kind))?;
        let bytes = store::read_file(keys, path)?;
        let password = self.secret(keys.password);
        store::trusted(kind, &bytes, password.as_ref()).map(Trust::Certificates)
    }

    fn identity(&self) -> Result<Option<Identity>, SettingsError> {
        let keys = store::IDENTITY;
        let key_password = self.secret("ssl.key.password");
        if let Some(key) = self.text("ssl.keystore.key") {
            let chain = self.text("ssl.keystore.certificate.chain").ok_or_else(|| {
                SettingsError::Missing {
                    key: "ssl.keystore.certificate.chain",
                    why: "ssl.keystore.key is set".to_owned(),
                }
            })?;
            return store::identity_pem("ssl.keystore.key", chain, key, key_password.as_ref())
                .map(Some);
        }
        let Some(path) = self.text(keys.location) else {
            return Ok(None);
        };
        let kind = Kind::parse(keys, self.text(keys.kind))?;
        let bytes = store::read_file(keys, path)?;
        let password = self.secret(keys.password);
        store::identity(kind, &bytes, password.as_ref(), key_password.as_ref()).map(Some)
    }
}
