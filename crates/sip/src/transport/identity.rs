//! Who we are, and whom we trust, toward peers that have TLS files of their own.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

use super::tls::{NO_ROOTS, builder, pem};
use crate::error::SipError;
use crate::types::TlsIdentity;

/// PEM files; the certificate and its key go together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The only authorities trusted there. Absent: those of the endpoint.
    pub trusted_ca: Option<PathBuf>,
    /// The chain that we show.
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
}

/// Those that were read, by the number of each. Shared between whoever calls and the SIP thread.
#[derive(Clone, Debug)]
pub struct Identities {
    roots: Arc<RootCertStore>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    /// The oldest first.
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    identity: TlsIdentity,
    content: [u8; 32],
    config: Arc<ClientConfig>,
}

/// More than there are connectors, renewals of years included; then the oldest is forgotten.
const MAX_KNOWN: usize = 1_024;

impl Identities {
    /// None yet. `roots` are trusted by those without authorities of their own.
    pub fn new(roots: Arc<RootCertStore>) -> Self {
        Self {
            roots,
            known: Arc::default(),
        }
    }

    /// Read the files. They are read anew each time, so that a renewed certificate counts at once;
    /// what has not changed is the identity that it was, with its connections.
    pub fn read(&self, files: &IdentityFiles) -> Result<TlsIdentity, SipError> {
        let ca = read("trusted_ca", &files.trusted_ca)?;
        let certificate = read("client_certificate", &files.client_certificate)?;
        let key = read("client_key", &files.client_key)?;
        let content = digest([&ca, &certificate, &key]);
        if let Some(entry) = self.lock().entries.iter().find(|e| e.content == content) {
            return Ok(entry.identity);
        }
        let config = self.config(ca.as_ref(), certificate.as_ref(), key.as_ref())?;
        let mut known = self.lock();
        known.last += 1;
        let identity = TlsIdentity {
            number: known.last,
            own_ca: ca.is_some(),
            certificate: certificate.is_some(),
        };
        if known.entries.len() >= MAX_KNOWN {
            known.entries.pop_front();
        }
        known.entries.push_back(Entry {
            identity,
            content,
            config: Arc::new(config),
        });
        Ok(identity)
    }

    /// The one of that number.
    pub fn of(&self, number: u64) -> Option<TlsIdentity> {
        let known = self.lock();
        let mut entries = known.entries.iter();
        entries
            .find(|e| e.identity.number == number)
            .map(|e| e.identity)
    }

    /// What its connections are made with.
    pub(super) fn config_of(&self, identity: TlsIdentity) -> Result<Arc<ClientConfig>, String> {
        let known = self.lock();
        let mut entries = known.entries.iter();
        entries
            .find(|e| e.identity == identity)
            .map(|e| e.config.clone())
            .ok_or_else(|| "its TLS files were forgotten: too many were read since".to_owned())
    }

    fn config(
        &self,
        ca: Option<&File<'_>>,
        certificate: Option<&File<'_>>,
        key: Option<&File<'_>>,
    ) -> Result<ClientConfig, SipError> {
        let roots = match ca {
            Some(file) => Arc::new(authorities(file)?),
            None => self.roots.clone(),
        };
        if roots.is_empty() {
            return Err(SipError::Identity {
                setting: "trusted_ca",
                reason: NO_ROOTS.to_owned(),
            });
        }
        let builder = builder()
            .map_err(|reason| SipError::Identity {
                setting: "trusted_ca",
                reason: reason.to_owned(),
            })?
            .with_root_certificates(roots);
        match (certificate, key) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(certificate), Some(key)) => {
                let (setting, path, bytes) = key;
                let secret = PrivateKeyDer::from_pem_slice(bytes)
                    .map_err(|error| unusable(setting, path, &pem(&error, "private key")))?;
                builder
                    .with_client_auth_cert(chain(certificate)?, secret)
                    .map_err(|error| match error {
                        rustls::Error::InconsistentKeys(_) => unusable(
                            setting,
                            path,
                            &format!(
                                "it is not the key of the certificate in {}",
                                certificate.1.display()
                            ),
                        ),
                        error => unusable(certificate.0, certificate.1, &error.to_string()),
                    })
            }
            (given, _) => Err(SipError::Identity {
                setting: if given.is_some() {
                    "client_key"
                } else {
                    "client_certificate"
                },
                reason: "client_certificate and client_key go together".to_owned(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The setting that names it, where it is, what is in it.
type File<'a> = (&'static str, &'a Path, Vec<u8>);

fn read<'a>(
    setting: &'static str,
    path: &'a Option<PathBuf>,
) -> Result<Option<File<'a>>, SipError> {
    let Some(path) = path else { return Ok(None) };
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some((setting, path.as_path(), bytes))),
        Err(error) => Err(unusable(setting, path, &error.to_string())),
    }
}

fn authorities(file: &File<'_>) -> Result<RootCertStore, SipError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(file)? {
        roots
            .add(certificate)
            .map_err(|error| unusable(file.0, file.1, &error.to_string()))?;
    }
    Ok(roots)
}

fn chain((setting, path, bytes): &File<'_>) -> Result<Vec<CertificateDer<'static>>, SipError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(unusable(setting, path, "there is no PEM certificate in it"))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(setting, path, &pem(&error, "certificate"))),
    }
}

/// Of all contents, each told from the next and an absent file from an empty one.
fn digest(files: [&Option<File<'_>>; 3]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in files {
        match file {
            Some((_, _, bytes)) => {
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
            None => hash.update(u64::MAX.to_be_bytes()),
        }
    }
    hash.finalize().into()
}

fn unusable(setting: &'static str, path: &Path, why: &str) -> SipError {
    SipError::Identity {
        setting,
        reason: format!("{}: {why}", path.display()),
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
