//! Certificates, keys and roots, loaded once at the start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, ServerConfig, ServerConnection,
    WantsVerifier,
};

use super::identity::Identities;
use super::tls_errors::explain;
use crate::error::SipError;
use crate::types::TlsIdentity;

/// Where the files are.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// Our certificate chain.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// CAs to trust besides the system's.
    pub trusted_ca: Option<PathBuf>,
    /// CAs one of which must have signed the certificate of whoever connects to us. Absent:
    /// nobody is asked for one.
    pub client_ca: Option<PathBuf>,
}

/// Makes the TLS side of connections.
#[derive(Debug)]
pub struct Tls {
    server: Option<Arc<ServerConfig>>,
    client: Result<Arc<ClientConfig>, &'static str>,
    identities: Identities,
}

pub(super) const NO_ROOTS: &str = "no system root certificates were found (install ca-certificates) and sip.trusted_ca is not set";

impl Tls {
    /// Load everything. What only weakens something is a warning in the log.
    pub fn load(files: &TlsFiles) -> Result<Self, SipError> {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            log::debug!("sip.system-roots error={error}");
        }
        Self::with_roots(files, system.certs)
    }

    /// As [`Self::load`], with `system` for the system's roots.
    pub fn with_roots(
        files: &TlsFiles,
        system: Vec<CertificateDer<'static>>,
    ) -> Result<Self, SipError> {
        let server = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                Some(server_config(certificate, key, files.client_ca.as_deref())?)
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(tls("tls_key", "not set, but tls_certificate is".to_owned()));
            }
            (None, Some(_)) => {
                return Err(tls("tls_certificate", "not set, but tls_key is".to_owned()));
            }
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(system);
        if let Some(path) = &files.trusted_ca {
            roots.roots.extend(authorities("trusted_ca", path)?.roots);
        }
        let roots = Arc::new(roots);
        Ok(Self {
            server,
            client: client_config(roots.clone()),
            identities: Identities::new(roots),
        })
    }

    /// Whether outgoing TLS is possible.
    pub fn can_connect(&self) -> bool {
        self.client.is_ok()
    }

    /// For an accepted connection; `None` without a certificate.
    pub fn accept(&self) -> Option<Result<ServerConnection, rustls::Error>> {
        self.server.clone().map(ServerConnection::new)
    }

    /// Those of peers that have TLS files of their own.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// For a connection to `name`, which its certificate must carry; as `identity`, or as the
    /// endpoint itself.
    pub fn connect(
        &self,
        name: &str,
        identity: Option<TlsIdentity>,
    ) -> Result<ClientConnection, String> {
        let config = match identity {
            Some(identity) => self.identities.config_of(identity)?,
            None => self.client.clone()?,
        };
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("{name:?} is no host name"))?;
        ClientConnection::new(config, name).map_err(|error| error.to_string())
    }

    /// Whether TLS can be listened for.
    pub fn can_accept(&self) -> bool {
        self.server.is_some()
    }
}

fn tls(setting: &'static str, reason: String) -> SipError {
    SipError::Tls { setting, reason }
}

/// Named here and not installed for the process: another part may have its own.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn server_config(
    certificate: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, SipError> {
    let chain = certificates("tls_certificate", certificate)?;
    warn_of_what_clients_refuse(&chain, certificate);
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        tls(
            "tls_key",
            format!("{}: {}", key.display(), pem(&error, "private key")),
        )
    })?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| tls("tls_certificate", error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(authorities("client_ca", path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| tls("client_ca", format!("{}: {error}", path.display())))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder
        .with_single_cert(chain, secret)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => tls(
                "tls_key",
                format!(
                    "{} is not the key of the certificate in {}",
                    key.display(),
                    certificate.display()
                ),
            ),
            error => tls(
                "tls_certificate",
                format!("{}: {error}", certificate.display()),
            ),
        })?;
    Ok(Arc::new(config))
}

/// The beginning of every client's configuration.
pub(super) fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, &'static str> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| "no TLS version in common with the crypto provider")
}

fn client_config(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, &'static str> {
    if roots.is_empty() {
        log::warn!("sip.no-outgoing-tls reason={NO_ROOTS:?}");
        return Err(NO_ROOTS);
    }
    let config = builder()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn authorities(setting: &'static str, path: &Path) -> Result<RootCertStore, SipError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(setting, path)? {
        roots
            .add(certificate)
            .map_err(|error| tls(setting, format!("{}: {error}", path.display())))?;
    }
    Ok(roots)
}

fn certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, SipError> {
    let bad = |error: &rustls::pki_types::pem::Error| {
        tls(
            setting,
            format!("{}: {}", path.display(), pem(error, "certificate")),
        )
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|e| bad(&e))?
        .collect();
    let found = found.map_err(|e| bad(&e))?;
    if found.is_empty() {
        return Err(tls(
            setting,
            format!("{}: there is no PEM certificate in it", path.display()),
        ));
    }
    Ok(found)
}

pub(super) fn pem(error: &rustls::pki_types::pem::Error, kind: &str) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        rustls::pki_types::pem::Error::NoItemsFound => format!("there is no PEM {kind} in it"),
        other => format!("it is no PEM file: {other:?}"),
    }
}

/// Some phones take any certificate, so these faults are no reason not to start.
fn warn_of_what_clients_refuse(chain: &[CertificateDer<'static>], path: &Path) {
    if let Some(fault) = fault_of_our_own(chain) {
        log::warn!(
            "sip.tls-certificate-weak file={} fault={fault:?}",
            path.display()
        );
    }
}

/// What a careful client will hold against our own certificate, its issuer apart.
pub(super) fn fault_of_our_own(chain: &[CertificateDer<'static>]) -> Option<String> {
    let (leaf, rest) = chain.split_first()?;
    let parsed = ParsedCertificate::try_from(leaf).ok()?;
    let mut roots = RootCertStore::empty();
    roots.add(rest.last().unwrap_or(leaf).clone()).ok()?;
    let algorithms = provider().signature_verification_algorithms.all;
    let signed = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &roots,
        rest,
        UnixTime::now(),
        algorithms,
    );
    let refused = |error: rustls::Error| explain(&error, "", None);
    match signed {
        Err(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
        | Ok(()) => {}
        Err(error) => return Some(refused(error)),
    }
    // Any name will do to find out whether it has names at all.
    let nobody = ServerName::try_from("nobody.invalid").ok()?;
    match rustls::client::verify_server_name(&parsed, &nobody) {
        Err(
            error @ rustls::Error::InvalidCertificate(
                rustls::CertificateError::NotValidForNameContext { .. },
            ),
        ) => {
            let text = refused(error);
            text.contains("subjectAltName").then_some(text)
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
