//! TLS toward stream servers: whom we trust, and why a handshake failed, in words.

mod pinned;
mod why;

use std::sync::Arc;

use bridgetap_media::{EndpointTls, ForkEndpoint};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::error::MediaError;

use pinned::Pinned;
pub(crate) use why::explain;

/// Makes client connections that verify the server's certificate.
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
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
        let roots = Arc::new(roots);
        let config = client_config(roots.clone(), &EndpointTls::default())
            .map_err(|why| setting("tls", "", why))?;
        Ok(Self {
            config: Arc::new(config),
            roots,
            without_roots,
        })
    }

    /// A connection that has sent nothing yet.
    ///
    /// # Errors
    /// Why there can be none, in words (31910).
    pub(crate) fn connection(&self, endpoint: &ForkEndpoint) -> Result<ClientConnection, String> {
        let tls = &endpoint.tls;
        if let Some(reason) = self
            .without_roots
            .as_ref()
            .filter(|_| tls.trusted_ca.is_none())
        {
            return Err(format!(
                "no certificate can be verified: {reason}, and streams.trusted_ca is not set"
            ));
        }
        let host = endpoint.host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host:?} is no name that a certificate can carry"))?;
        // Files are read anew each time: a certificate that was renewed counts with the next stream.
        let config = if *tls == EndpointTls::default() {
            self.config.clone()
        } else {
            Arc::new(self.config_for(tls)?)
        };
        let mut connection =
            ClientConnection::new(config, name).map_err(|e| format!("TLS cannot start: {e}"))?;
        // What is waiting to be sent is bounded by whoever writes.
        connection.set_buffer_limit(None);
        Ok(connection)
    }

    fn config_for(&self, tls: &EndpointTls) -> Result<ClientConfig, String> {
        let roots = match &tls.trusted_ca {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                add_file(&mut roots, path).map_err(|e| e.to_string())?;
                Arc::new(roots)
            }
            None => self.roots.clone(),
        };
        client_config(roots, tls)
    }
}

fn client_config(roots: Arc<RootCertStore>, tls: &EndpointTls) -> Result<ClientConfig, String> {
    // The provider is named, not installed: two libraries that each install one would clash.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = if tls.pins.is_empty() {
        builder.with_root_certificates(roots)
    } else {
        let pinned = Pinned::new(roots, provider, tls.pins.clone())?;
        builder
            .dangerous() // it asks the ordinary verifier first
            .with_custom_certificate_verifier(Arc::new(pinned))
    };
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let unusable = |path: &str, e: &dyn std::fmt::Display| {
                format!("our certificate for this server cannot be used: {path}: {e}")
            };
            let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
                .map_err(|e| unusable(certificate, &e))?
                .collect();
            let chain = chain.map_err(|e| unusable(certificate, &e))?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(key, &e))?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|e| unusable(certificate, &e))?
        }
    };
    // Each stream verifies anew, and media threads share no session store.
    config.resumption = Resumption::disabled();
    Ok(config)
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
