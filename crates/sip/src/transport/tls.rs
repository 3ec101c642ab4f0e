//! Certificates, keys and roots, loaded once at the start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::tls_errors::explain;
use crate::error::SipError;

/// Where the files are.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// Our certificate chain.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// CAs to trust besides the system's.
    pub trusted_ca: Option<PathBuf>,
}

/// Makes the TLS side of connections.
#[derive(Debug)]
pub struct Tls {
    server: Option<Arc<ServerConfig>>,
    client: Result<Arc<ClientConfig>, &'static str>,
}

const NO_ROOTS: &str = "no system root certificates were found (install ca-certificates) and sip.trusted_ca is not set";

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
            (Some(certificate), Some(key)) => Some(server_config(certificate, key)?),
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
            for certificate in certificates("trusted_ca", path)? {
                roots
                    .add(certificate)
                    .map_err(|e| tls("trusted_ca", format!("{}: {e}", path.display())))?;
            }
        }
        Ok(Self {
            server,
            client: client_config(roots),
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

    /// For a connection to `name`, which its certificate must carry.
    pub fn connect(&self, name: &str) -> Result<ClientConnection, String> {
        let config = self.client.clone()?;
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

fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, SipError> {
    let chain = certificates("tls_certificate", certificate)?;
    warn_of_what_clients_refuse(&chain, certificate);
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        tls(
            "tls_key",
            format!("{}: {}", key.display(), pem(&error, "private key")),
        )
    })?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| tls("tls_certificate", error.to_string()))?
        .with_no_client_auth()
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

fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, &'static str> {
    if roots.is_empty() {
        log::warn!("sip.no-outgoing-tls reason={NO_ROOTS:?}");
        return Err(NO_ROOTS);
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| "no TLS version in common with the crypto provider")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
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

fn pem(error: &rustls::pki_types::pem::Error, kind: &str) -> String {
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
    let refused = |error: rustls::Error| explain(&error, "");
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
mod tests {
    use super::*;

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/certs")
            .join(name)
    }

    fn load(
        certificate: Option<&str>,
        key: Option<&str>,
        ca: Option<&str>,
    ) -> Result<Tls, SipError> {
        let files = TlsFiles {
            certificate: certificate.map(file),
            key: key.map(file),
            trusted_ca: ca.map(file),
        };
        Tls::with_roots(&files, Vec::new())
    }

    #[test]
    fn a_file_that_will_not_do_is_told_with_its_setting_and_reason() {
        let cases = [
            (
                Some("missing.pem"),
                Some("server.key"),
                None,
                "sip.tls_certificate: ",
                "missing.pem: No such file",
            ),
            (
                Some("server.pem"),
                Some("missing.key"),
                None,
                "sip.tls_key: ",
                "missing.key: No such file",
            ),
            (
                Some("server.key"),
                Some("server.key"),
                None,
                "sip.tls_certificate: ",
                "no PEM certificate in it",
            ),
            (
                Some("server.pem"),
                Some("server.pem"),
                None,
                "sip.tls_key: ",
                "no PEM private key in it",
            ),
            (
                Some("server.pem"),
                Some("expired.key"),
                None,
                "sip.tls_key: ",
                "expired.key is not the key of the certificate",
            ),
            (
                Some("server.pem"),
                None,
                None,
                "sip.tls_key: ",
                "not set, but tls_certificate is",
            ),
            (
                None,
                Some("server.key"),
                None,
                "sip.tls_certificate: ",
                "not set, but tls_key is",
            ),
            (
                None,
                None,
                Some("make.sh"),
                "sip.trusted_ca: ",
                "make.sh: there is no PEM certificate in it",
            ),
        ];
        for (certificate, key, ca, place, reason) in cases {
            let text = load(certificate, key, ca).unwrap_err().to_string();
            assert!(text.starts_with(place) && text.contains(reason), "{text}");
        }
    }

    #[test]
    fn without_any_root_only_outgoing_tls_is_impossible_and_says_why() {
        let tls = load(Some("server.pem"), Some("server.key"), None).unwrap();
        assert!(tls.can_accept() && !tls.can_connect());
        assert!(
            tls.connect("localhost")
                .unwrap_err()
                .contains("no system root certificates were found")
        );
        let tls = load(None, None, Some("ca.pem")).unwrap();
        assert!(!tls.can_accept() && tls.can_connect());
        assert!(tls.connect("localhost").is_ok() && tls.connect("::1").is_ok());
        assert!(
            tls.connect("not a name")
                .unwrap_err()
                .contains("is no host name")
        );
    }

    #[test]
    fn what_clients_will_hold_against_our_certificate_is_known_before() {
        let cases = [
            ("server.pem", None),
            ("self-signed.pem", None),
            ("cn-only.pem", Some("no subjectAltName")),
            (
                "ca-as-server.pem",
                Some("a CA certificate used as a server's"),
            ),
        ];
        for (name, expected) in cases {
            let fault = fault_of_our_own(&certificates("tls_certificate", &file(name)).unwrap());
            assert_eq!(fault.is_some(), expected.is_some(), "{name}: {fault:?}");
            assert!(
                fault
                    .unwrap_or_default()
                    .contains(expected.unwrap_or_default()),
                "{name}"
            );
        }
    }
}
