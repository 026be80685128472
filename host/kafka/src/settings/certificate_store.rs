//! Trust stores and key stores of every type that Kafka's clients read: PEM, PKCS12 and JKS.
//!
//! Java reads a PKCS12 file under the type JKS and the other way round
//! (`keystore.type.compat`), so the file's own first bytes decide between those two.

use super::java_keystore::{self, Broken};
use super::{Identity, Secret, SettingsError, der, pem};
use p12_keystore::{Certificate, Pkcs12Archive};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use std::fs;

/// The keys of the settings that speak of one store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// `ssl.truststore.location`.
    pub(super) location: &'static str,
    /// `ssl.truststore.type`.
    pub(super) kind: &'static str,
    /// `ssl.truststore.password`.
    pub(super) password: &'static str,
}

/// The keys of the trust store.
pub(super) const TRUST: Keys = Keys {
    location: "ssl.truststore.location",
    kind: "ssl.truststore.type",
    password: "ssl.truststore.password",
};

/// The keys of the key store.
pub(super) const IDENTITY: Keys = Keys {
    location: "ssl.keystore.location",
    kind: "ssl.keystore.type",
    password: "ssl.keystore.password",
};

/// The key of the private key's password.
const KEY_PASSWORD: &str = "ssl.key.password";

/// The type of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// PEM text.
    Pem,
    /// PKCS12 or JKS.
    Java,
}

impl Kind {
    /// Reads the type; Java's default is JKS.
    pub(super) fn parse(keys: Keys, value: Option<&str>) -> Result<Self, SettingsError> {
        match value.unwrap_or("JKS").to_ascii_uppercase().as_str() {
            "PEM" => Ok(Self::Pem),
            "JKS" | "PKCS12" => Ok(Self::Java),
            _ => Err(SettingsError::Value {
                key: keys.kind.to_owned(),
                value: value.unwrap_or_default().to_owned(),
                expected: "one of PEM, PKCS12, JKS".to_owned(),
            }),
        }
    }
}

/// Reads a store's file.
pub(super) fn read_file(keys: Keys, path: &str) -> Result<Vec<u8>, SettingsError> {
    fs::read(path).map_err(|source| SettingsError::File {
        key: keys.location,
        path: path.to_owned(),
        source,
    })
}

/// The certificates of a trust store of `kind`.
pub(super) fn trusted(
    kind: Kind,
    bytes: &[u8],
    password: Option<&Secret>,
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let certificates = match kind {
        Kind::Pem => return trusted_pem(TRUST.location, &text(TRUST.location, bytes)?),
        Kind::Java if bytes.starts_with(&java_keystore::MAGIC) => {
            let store = java_keystore::Store::read(bytes, password.map(Secret::reveal))
                .map_err(|broken| explain(TRUST.location, TRUST.password, broken))?;
            store.trusted
        }
        Kind::Java => {
            let archive = open_pkcs12(TRUST, bytes, password)?;
            archive.certs.iter().map(|bag| der_of(&bag.cert)).collect()
        }
    };
    none_is_wrong(TRUST.location, certificates)
}

/// The certificates of PEM text.
pub(super) fn trusted_pem(
    key: &'static str,
    text: &str,
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    none_is_wrong(key, certificates(&sections(key, text)?))
}

/// The identity of a key store of `kind`. The key's own password falls back to the store's.
pub(super) fn identity(
    kind: Kind,
    bytes: &[u8],
    password: Option<&Secret>,
    key_password: Option<&Secret>,
) -> Result<Identity, SettingsError> {
    let location = IDENTITY.location;
    match kind {
        Kind::Pem => {
            let text = text(location, bytes)?;
            identity_pem(location, &text, &text, key_password)
        }
        Kind::Java if bytes.starts_with(&java_keystore::MAGIC) => {
            let store = java_keystore::Store::read(bytes, password.map(Secret::reveal))
                .map_err(|broken| explain(location, IDENTITY.password, broken))?;
            let entry = store
                .keys
                .into_iter()
                .next()
                .ok_or_else(|| no_key(location))?;
            let used = if key_password.is_some() {
                KEY_PASSWORD
            } else {
                IDENTITY.password
            };
            let secret = key_password
                .or(password)
                .map(Secret::reveal)
                .unwrap_or_default();
            let key = entry
                .open(secret)
                .map_err(|broken| explain(location, used, broken))?;
            Ok(Identity {
                chain: entry.chain,
                key,
            })
        }
        Kind::Java => {
            let archive = open_pkcs12(IDENTITY, bytes, password)?;
            pick(archive).ok_or_else(|| no_key(location))
        }
    }
}

/// The identity in PEM text: a chain and a key, which may be encrypted.
pub(super) fn identity_pem(
    key: &'static str,
    chain_text: &str,
    key_text: &str,
    password: Option<&Secret>,
) -> Result<Identity, SettingsError> {
    let chain = none_is_wrong(key, certificates(&sections(key, chain_text)?))?;
    let sections = sections(key, key_text)?;
    let found = sections
        .into_iter()
        .find(|section| section.label.ends_with("PRIVATE KEY"));
    let section = found.ok_or_else(|| no_key(key))?;
    let der = section.der;
    let private = match section.label.as_str() {
        "PRIVATE KEY" => PrivatePkcs8KeyDer::from(der).into(),
        "RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(der).into(),
        "EC PRIVATE KEY" => PrivateSec1KeyDer::from(der).into(),
        "ENCRYPTED PRIVATE KEY" => decrypt(key, &der, password)?,
        label => {
            let what = format!("a section {label} is not supported");
            return Err(SettingsError::Store { key, what });
        }
    };
    Ok(Identity {
        chain,
        key: private,
    })
}

fn decrypt(
    key: &'static str,
    encrypted: &[u8],
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, SettingsError> {
    let password = password.ok_or_else(|| SettingsError::Missing {
        key: KEY_PASSWORD,
        why: format!("the private key in `{key}` is encrypted"),
    })?;
    let archive = der::archive_of_encrypted_key(encrypted);
    let archive = Pkcs12Archive::from_pkcs12(&archive, password.reveal()).map_err(|_| {
        SettingsError::StorePassword {
            key,
            password_key: KEY_PASSWORD,
        }
    })?;
    let bag = archive.keys.into_iter().next().ok_or_else(|| no_key(key))?;
    Ok(PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()).into())
}

fn open_pkcs12(
    keys: Keys,
    bytes: &[u8],
    password: Option<&Secret>,
) -> Result<Pkcs12Archive, SettingsError> {
    use p12_keystore::error::Error;
    let secret = password.map(Secret::reveal).unwrap_or_default();
    Pkcs12Archive::from_pkcs12(bytes, secret).map_err(|error| match error {
        Error::MacError(_) | Error::Pkcs5Error(_) => SettingsError::StorePassword {
            key: keys.location,
            password_key: keys.password,
        },
        other => SettingsError::Store {
            key: keys.location,
            what: format!("it is neither JKS nor PKCS12 ({other})"),
        },
    })
}

/// The first key of an archive with its chain: the certificate of the same id, then issuer after
/// issuer.
fn pick(archive: Pkcs12Archive) -> Option<Identity> {
    let key = archive.keys.into_iter().next()?;
    let id = key.local_key_id.as_ref().map(AsRef::as_ref);
    let same_id = |bag: &&p12_keystore::CertificateBag| bag.local_key_id.as_deref() == id;
    let leaf = archive
        .certs
        .iter()
        .find(same_id)
        .or(archive.certs.first())?;
    let mut chain = vec![&leaf.cert];
    while let Some(last) = chain.last() {
        let next = archive.certs.iter().map(|bag| &bag.cert).find(|cert| {
            cert.subject() == last.issuer() && !chain.iter().any(|known| known == cert)
        });
        match next {
            Some(cert) => chain.push(cert),
            None => break,
        }
    }
    let chain = chain.into_iter().map(der_of).collect();
    let key = PrivatePkcs8KeyDer::from(key.key.as_der().to_vec()).into();
    Some(Identity { chain, key })
}

fn der_of(certificate: &Certificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.as_der().to_vec())
}

fn certificates(sections: &[pem::Section]) -> Vec<CertificateDer<'static>> {
    sections
        .iter()
        .filter(|section| matches!(section.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE"))
        .map(|section| CertificateDer::from(section.der.clone()))
        .collect()
}

fn sections(key: &'static str, text: &str) -> Result<Vec<pem::Section>, SettingsError> {
    pem::sections(text).map_err(|what| SettingsError::Store { key, what })
}

fn text(key: &'static str, bytes: &[u8]) -> Result<String, SettingsError> {
    let what = || "it is not PEM text; is its type PKCS12 or JKS?".to_owned();
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(SettingsError::Store { key, what: what() }),
    }
}

fn none_is_wrong(
    key: &'static str,
    certificates: Vec<CertificateDer<'static>>,
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    if certificates.is_empty() {
        let what = "it holds no certificate".to_owned();
        return Err(SettingsError::Store { key, what });
    }
    Ok(certificates)
}

fn no_key(key: &'static str) -> SettingsError {
    SettingsError::Store {
        key,
        what: "it holds no private key".to_owned(),
    }
}

fn explain(key: &'static str, password_key: &'static str, broken: Broken) -> SettingsError {
    match broken {
        Broken::Password => SettingsError::StorePassword { key, password_key },
        Broken::Form => SettingsError::Store {
            key,
            what: "it is cut short, or no JKS store".to_owned(),
        },
    }
}
