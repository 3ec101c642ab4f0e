//! TLS toward stream servers: whom we trust, and why a handshake failed, in words.

mod why;

use std::sync::Arc;

use bridgetap_media::ForkEndpoint;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::error::MediaError;

pub(crate) use why::explain;

/// Makes client connections that verify the server's certificate.
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    /// Why nothing can be verified at all.
    without_roots: Option<String>,
}

impl TlsClient {
    /// The system's roots, and those in the PEM file `trusted_ca`.
    ///
    /// # Errors
    /// When that file cannot be read or holds no certificate. Missing system roots are no error
    /// here: they matter only to those who use streams, and then every stream says so.
    pub(crate) fn new(system_roots: bool, trusted_ca: Option<&str>) -> Result<Self, MediaError> {
        let mut roots = RootCertStore::empty();
        let mut without_roots = "system_roots is off".to_owned();
        if system_roots {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                log::warn!("system roots: {error}");
            }
            without_roots =
                "no system root certificates were found (Debian: ca-certificates)".into();
            roots.add_parsable_certificates(found.certs);
        }
        if let Some(path) = trusted_ca {
            add_file(&mut roots, path)?;
        }
        let without_roots = roots.is_empty().then_some(without_roots);
        // The provider is named, not installed: two libraries that each install one would clash.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| setting("tls", "", e.to_string()))?
            .with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        // Each stream verifies anew, and media threads share no session store.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            without_roots,
        })
    }

    /// A connection that has sent nothing yet.
    ///
    /// # Errors
    /// Why there can be none, in words (31910).
    pub(crate) fn connection(&self, endpoint: &ForkEndpoint) -> Result<ClientConnection, String> {
        if let Some(reason) = &self.without_roots {
            return Err(format!(
                "no certificate can be verified: {reason}, and streams.trusted_ca is not set"
            ));
        }
        let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host:?} is no name that a certificate can carry"))?;
        let mut connection = ClientConnection::new(self.config.clone(), name)
            .map_err(|e| format!("TLS cannot start: {e}"))?;
        // What is waiting to be sent is bounded by whoever writes.
        connection.set_buffer_limit(None);
        Ok(connection)
    }
}

fn add_file(roots: &mut RootCertStore, path: &str) -> Result<(), MediaError> {
    let bad = |rule: String| setting("trusted_ca", path, rule);
    let pem = std::fs::read(path).map_err(|e| bad(format!("cannot be read: {e}")))?;
    let mut added = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| bad(format!("is not PEM: {e}")))?;
        roots
            .add(certificate)
            .map_err(|e| bad(format!("certificate {} cannot be used: {e}", added + 1)))?;
        added += 1;
    }
    if added == 0 {
        return Err(bad("holds no certificate".to_owned()));
    }
    Ok(())
}

fn setting(setting: &'static str, value: &str, rule: String) -> MediaError {
    MediaError::Setting {
        setting,
        value: value.to_owned(),
        rule,
    }
}

#[cfg(test)]
mod tests;
