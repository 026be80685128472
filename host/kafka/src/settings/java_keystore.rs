//! Reading Java's own key store format, JKS
//! (OpenJDK, `sun.security.provider.JavaKeyStore` and `KeyProtector`).

use super::der;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha1::{Digest as _, Sha1};

/// The first four bytes of a store.
pub(super) const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];

/// What is mixed into the digest of the store.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// The length of a SHA-1 digest, in bytes.
const DIGEST_BYTES: usize = 20;

/// More entries than any real store has.
const ENTRIES_MAX: u32 = 100_000;

/// Why a store can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// It ends too early, or holds something unknown.
    Form,
    /// The password does not fit.
    Password,
}

/// What a store holds.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Trusted certificates.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    /// Private keys, still encrypted, with their chains.
    pub(super) keys: Vec<ProtectedKey>,
}

/// A private key as it stands in the store.
#[derive(Debug)]
pub(super) struct ProtectedKey {
    protected: Vec<u8>,
    /// The certificate and those of its issuers.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

impl Store {
    /// Reads a store. With a password its digest is checked; Java reads trust stores without one.
    pub(super) fn read(bytes: &[u8], password: Option<&str>) -> Result<Self, Broken> {
        let body = bytes.len().checked_sub(DIGEST_BYTES).ok_or(Broken::Form)?;
        let (body, digest) = bytes.split_at(body);
        let mut input = Input { rest: body };
        if input.take(4)? != MAGIC {
            return Err(Broken::Form);
        }
        let version = input.number()?;
        let entries = input.number()?;
        if !(1..=2).contains(&version) || entries > ENTRIES_MAX {
            return Err(Broken::Form);
        }
        if let Some(password) = password {
            let hash = Sha1::new()
                .chain_update(password_bytes(password))
                .chain_update(WHITENER)
                .chain_update(body)
                .finalize();
            if hash[..] != *digest {
                return Err(Broken::Password);
            }
        }
        let mut store = Self::default();
        for _ in 0..entries {
            store.read_entry(&mut input, version)?;
        }
        Ok(store)
    }

    fn read_entry(&mut self, input: &mut Input<'_>, version: u32) -> Result<(), Broken> {
        let tag = input.number()?;
        input.text()?;
        input.take(8)?;
        match tag {
            1 => {
                let protected = input.block()?.to_vec();
                let count = input.number()?;
                let chain = (0..count.min(ENTRIES_MAX))
                    .map(|_| input.certificate(version))
                    .collect::<Result<_, _>>()?;
                self.keys.push(ProtectedKey { protected, chain });
            }
            2 => self.trusted.push(input.certificate(version)?),
            _ => return Err(Broken::Form),
        }
        Ok(())
    }
}

impl ProtectedKey {
    /// Decrypts the key (PKCS#8).
    pub(super) fn open(&self, password: &str) -> Result<PrivateKeyDer<'static>, Broken> {
        let data = der::octets_after_algorithm(&self.protected).ok_or(Broken::Form)?;
        let (salt, data) = data.split_at_checked(DIGEST_BYTES).ok_or(Broken::Form)?;
        let length = data.len().checked_sub(DIGEST_BYTES).ok_or(Broken::Form)?;
        let (encrypted, digest) = data.split_at(length);
        let password = password_bytes(password);
        let mut mask: Vec<u8> = salt.to_vec();
        let mut key = Vec::with_capacity(length);
        for block in encrypted.chunks(DIGEST_BYTES) {
            mask = Sha1::new()
                .chain_update(&password)
                .chain_update(&mask)
                .finalize()
                .to_vec();
            key.extend(block.iter().zip(&mask).map(|(byte, mask)| byte ^ mask));
        }
        let hash = Sha1::new()
            .chain_update(&password)
            .chain_update(&key)
            .finalize();
        if hash[..] != *digest {
            return Err(Broken::Password);
        }
        Ok(PrivatePkcs8KeyDer::from(key).into())
    }
}

/// A password as Java digests it: UTF-16, big endian.
fn password_bytes(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// The fields of the store, in the order of Java's `DataInputStream`.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken::Form)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Broken> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(Broken::Form)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    fn block(&mut self) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(self.number()?).map_err(|_| Broken::Form)?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a [u8], Broken> {
        let (bytes, rest) = self.rest.split_first_chunk::<2>().ok_or(Broken::Form)?;
        self.rest = rest;
        self.take(usize::from(u16::from_be_bytes(*bytes)))
    }

    fn certificate(&mut self, version: u32) -> Result<CertificateDer<'static>, Broken> {
        if version == 2 {
            self.text()?;
        }
        Ok(CertificateDer::from(self.block()?.to_vec()))
    }
}
