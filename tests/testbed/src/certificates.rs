//! The certificates of one cluster: an authority, the server's, the clients', and wrong ones.
//!
//! All are PEM files in the form that Kafka takes for `ssl.keystore.type=PEM` (KIP-651): private
//! key in PKCS 8, certificate, and the authority's certificate in one file.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::error::CertificateError;

/// Which certificate the servers present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ServerCertificate {
    /// A good one: signed by the cluster's authority, for `localhost` and the loopback addresses.
    #[default]
    Valid,
    /// One that has expired.
    Expired,
    /// One that is signed by an authority of the same name that no client trusts.
    UnknownAuthority,
    /// One for another host name.
    WrongName,
}

/// The certificates of one cluster, in a folder of their own.
pub struct Certificates {
    folder: PathBuf,
    authority: Authority,
    unknown: Authority,
}

/// Something that signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

/// For what, and for how long, a certificate is made.
struct Subject<'a> {
    /// The common name.
    name: &'a str,
    /// Host names and addresses; none for clients.
    hosts: &'a [&'a str],
    usage: ExtendedKeyUsagePurpose,
    expired: bool,
}

impl Certificates {
    /// Makes the authorities and writes the certificate of the right one.
    pub(crate) fn make(folder: PathBuf) -> Result<Self, CertificateError> {
        fs::create_dir_all(&folder).map_err(|source| CertificateError::Write {
            path: folder.clone(),
            source,
        })?;
        let certificates = Self {
            folder,
            authority: Authority::make()?,
            unknown: Authority::make()?,
        };
        certificates.write("authority.pem", &certificates.authority.certificate_pem)?;
        Ok(certificates)
    }

    /// The PEM file with the authority that signed the cluster's certificates.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// The PEM file of an authority that signed none of the cluster's certificates.
    ///
    /// # Errors
    /// The file can not be written.
    pub fn unknown_authority(&self) -> Result<PathBuf, CertificateError> {
        self.write("unknown-authority.pem", &self.unknown.certificate_pem)
    }

    /// The PEM file with key and certificate of the client `name`, which the servers accept. A
    /// name that was asked for before keeps its certificate.
    ///
    /// # Errors
    /// The certificate can not be made or written.
    pub fn client(&self, name: &str) -> Result<PathBuf, CertificateError> {
        let path = self.client_path(name);
        if path.is_file() {
            return Ok(path);
        }
        let subject = Subject::client(name);
        self.write(
            &format!("client-{name}.pem"),
            &self.authority.sign(&subject)?,
        )
    }

    /// The PEM file with key and certificate of the client `name`, which has expired.
    ///
    /// # Errors
    /// The certificate can not be made or written.
    pub fn expired_client(&self, name: &str) -> Result<PathBuf, CertificateError> {
        let subject = Subject {
            expired: true,
            ..Subject::client(name)
        };
        self.write(
            &format!("expired-client-{name}.pem"),
            &self.authority.sign(&subject)?,
        )
    }

    /// The PEM file with key and certificate of the client `name`, signed by an authority that the
    /// servers do not trust.
    ///
    /// # Errors
    /// The certificate can not be made or written.
    pub fn untrusted_client(&self, name: &str) -> Result<PathBuf, CertificateError> {
        self.write(
            &format!("untrusted-client-{name}.pem"),
            &self.unknown.sign(&Subject::client(name))?,
        )
    }

    /// Where the certificate of the client `name` is, if it was made.
    pub(crate) fn client_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("client-{name}.pem"))
    }

    /// Writes the file with key and certificate that the servers present.
    pub(crate) fn server(&self, kind: ServerCertificate) -> Result<PathBuf, CertificateError> {
        let subject = Subject {
            name: "testbed server",
            hosts: match kind {
                ServerCertificate::WrongName => &["another-host.invalid"],
                _ => &["localhost", "127.0.0.1", "::1"],
            },
            usage: ExtendedKeyUsagePurpose::ServerAuth,
            expired: kind == ServerCertificate::Expired,
        };
        let authority = match kind {
            ServerCertificate::UnknownAuthority => &self.unknown,
            _ => &self.authority,
        };
        self.write("server.pem", &authority.sign(&subject)?)
    }

    /// Where the files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, CertificateError> {
        let path = self.folder.join(name);
        match fs::write(&path, text) {
            Ok(()) => Ok(path),
            Err(source) => Err(CertificateError::Write { path, source }),
        }
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl<'a> Subject<'a> {
    fn client(name: &'a str) -> Self {
        Self {
            name,
            hosts: &[],
            usage: ExtendedKeyUsagePurpose::ClientAuth,
            expired: false,
        }
    }
}

impl Authority {
    /// Makes an authority. Two of them differ in their keys only, so that a client can not tell
    /// the wrong one by its name.
    fn make() -> Result<Self, CertificateError> {
        const NAME: &str = "testbed authority";
        let failed = |source| CertificateError::Make {
            subject: NAME.to_owned(),
            source,
        };
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = common_name(NAME);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2015, 1, 1), date_time_ymd(2100, 1, 1));
        let key = KeyPair::generate().map_err(failed)?;
        let certificate_pem = parameters.self_signed(&key).map_err(failed)?.pem();
        Ok(Self {
            issuer: Issuer::new(parameters, key),
            certificate_pem,
        })
    }

    /// A new key and its certificate, followed by the authority's own.
    fn sign(&self, subject: &Subject<'_>) -> Result<String, CertificateError> {
        let failed = |source| CertificateError::Make {
            subject: subject.name.to_owned(),
            source,
        };
        let hosts: Vec<String> = subject.hosts.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(hosts).map_err(failed)?;
        parameters.distinguished_name = common_name(subject.name);
        parameters.extended_key_usages = vec![subject.usage.clone()];
        parameters.use_authority_key_identifier_extension = true;
        (parameters.not_before, parameters.not_after) = if subject.expired {
            (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1))
        } else {
            (date_time_ymd(2015, 1, 1), date_time_ymd(2100, 1, 1))
        };
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(format!(
            "{}{}{}",
            key.serialize_pem(),
            certificate.pem(),
            self.certificate_pem
        ))
    }
}

/// A name with nothing but a common name, which is what the servers take as the principal.
fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}
