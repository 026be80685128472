//! Keystores and truststores in Java's own formats, made by Java.
//!
//! They exist to try what people have in their `client.properties`. Made by the JDK rather than by
//! a library, so that reading them back with a library proves something.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::certificates::Certificates;
use crate::error::CertificateError;
use crate::installation::java;
use crate::log::summary;
use crate::process::ChildProcess;

/// The program that writes them; Java runs a single source file as it is (JEP 330).
const PROGRAM: &str = include_str!("Keystore.java");

/// How long Java may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A file format for keys and certificates of Java.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreFormat {
    /// Java's old format.
    Jks,
    /// The standard format (RFC 7292), Java's default since 9.
    Pkcs12,
}

impl StoreFormat {
    /// The value of `ssl.keystore.type` and `ssl.truststore.type`: `PKCS12`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jks => "JKS",
            Self::Pkcs12 => "PKCS12",
        }
    }
}

impl Certificates {
    /// A truststore with the authority that signed the cluster's certificates. Takes a second.
    ///
    /// # Errors
    /// Java can not be run, or fails.
    pub fn truststore(
        &self,
        format: StoreFormat,
        password: &str,
    ) -> Result<PathBuf, CertificateError> {
        let output = format!("truststore.{}", format.name().to_lowercase());
        self.store(format, password, &self.authority(), &output)
    }

    /// A keystore with the key and certificate of the client `name`, which the servers accept.
    /// Takes a second.
    ///
    /// # Errors
    /// The certificate can not be made; Java can not be run, or fails.
    pub fn keystore(
        &self,
        format: StoreFormat,
        name: &str,
        password: &str,
    ) -> Result<PathBuf, CertificateError> {
        let output = format!("client-{name}.{}", format.name().to_lowercase());
        self.store(format, password, &self.client(name)?, &output)
    }

    fn store(
        &self,
        format: StoreFormat,
        password: &str,
        pem: &Path,
        output: &str,
    ) -> Result<PathBuf, CertificateError> {
        let folder = self.folder();
        let output = folder.join(output);
        let program = folder.join("Keystore.java");
        let log = folder.join("keystore.log");
        fs::write(&program, PROGRAM).map_err(|source| CertificateError::Write {
            path: program.clone(),
            source,
        })?;
        let failed = |reason: String| CertificateError::Store {
            path: output.clone(),
            reason,
        };
        let arguments = [
            program.as_os_str(),
            format.name().as_ref(),
            password.as_ref(),
            pem.as_os_str(),
            output.as_os_str(),
        ];
        let mut java = ChildProcess::start(&java(), arguments, folder, &log)
            .map_err(|error| failed(error.to_string()))?;
        match java.wait_at_most(LIMIT) {
            Ok(Some(status)) if status.success() => Ok(output),
            Ok(Some(status)) => Err(failed(format!("{status}\n{}", summary(&log, 0)))),
            Ok(None) => Err(failed(format!("no end within {} s", LIMIT.as_secs()))),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}
