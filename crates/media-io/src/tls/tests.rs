use std::io::Write;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

use super::*;
use crate::testing::{Certificate, Certificates, endpoint};

/// A handshake in memory; the client's view of its failure.
fn handshake(client: &TlsClient, certificate: &Certificate, host: &str) -> Result<(), String> {
    let mut client = client.connection(&endpoint(host, 443))?;
    let chain = CertificateDer::pem_file_iter(&certificate.chain).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(&certificate.key).unwrap(),
        )
        .unwrap();
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    while client.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client
            .process_new_packets()
            .map_err(|e| explain(&e, false))?;
    }
    Ok(())
}

#[test]
fn each_bad_certificate_has_its_own_words() {
    let made = Certificates::new();
    let client = TlsClient::new(false, Some(&made.ca)).unwrap();
    let good = made.server("good", "localhost");
    assert_eq!(handshake(&client, &good, "localhost"), Ok(()));

    let trusting_leaf = TlsClient::new(false, Some(&made.self_signed_ca().chain)).unwrap();
    let cases = [
        (
            &trusting_leaf,
            made.self_signed_ca(),
            "CA certificate used as a server's",
        ),
        (
            &client,
            made.cn_only(),
            "no subjectAltName, and a CN alone does not count",
        ),
        (&client, made.expired(), "the certificate expired "),
        (
            &client,
            made.server("other", "other.test"),
            "not for localhost, but for other.test",
        ),
        (
            &client,
            made.self_signed_ca(),
            "CA certificate used as a server's",
        ),
        (&client, made.stranger(), "issuer is unknown"),
    ];
    for (client, certificate, expected) in cases {
        let why = handshake(client, &certificate, "localhost").unwrap_err();
        assert!(why.contains(expected), "{expected:?} is not in {why:?}");
    }
}

#[test]
fn without_any_root_every_stream_says_so() {
    let client = TlsClient::new(false, None).unwrap();
    let why = client.connection(&endpoint("localhost", 443)).unwrap_err();
    assert!(why.contains("no certificate can be verified"), "{why}");
    assert!(why.contains("streams.trusted_ca"), "{why}");
}

#[test]
fn a_bad_trusted_ca_is_refused_at_start_and_named() {
    let made = Certificates::new();
    let write = |name: &str, content: &[u8]| {
        let path = made.dir.join(name);
        std::fs::File::create(&path)
            .unwrap()
            .write_all(content)
            .unwrap();
        path.to_str().unwrap().to_owned()
    };
    let broken = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let cases = [
        ("/nonexistent/ca.pem".to_owned(), "cannot be read"),
        (write("empty.pem", b""), "holds no certificate"),
        (write("text.pem", b"hello"), "holds no certificate"),
        (write("broken.pem", broken), "cannot be used"),
    ];
    for (path, expected) in cases {
        let error = TlsClient::new(false, Some(&path))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(&path) && error.contains(expected), "{error}");
    }
}

#[test]
fn something_that_is_no_tls_is_called_so() {
    let made = Certificates::new();
    let mut client = TlsClient::new(false, Some(&made.ca))
        .unwrap()
        .connection(&endpoint("localhost", 443))
        .unwrap();
    client
        .read_tls(&mut b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice())
        .unwrap();
    let why = explain(&client.process_new_packets().unwrap_err(), false);
    assert!(why.contains("does not speak TLS"), "{why}");
}

#[test]
fn a_host_that_no_certificate_can_name_is_refused() {
    let made = Certificates::new();
    let client = TlsClient::new(false, Some(&made.ca)).unwrap();
    assert!(client.connection(&endpoint("exa mple", 443)).is_err());
    assert!(client.connection(&endpoint("[::1]", 443)).is_ok());
}

/// A handshake and what follows it, with a server that asks for a certificate when `clients` may
/// have signed one; the client's view.
fn handshake_with(
    client: &TlsClient,
    tls: EndpointTls,
    certificate: &Certificate,
    clients: Option<&str>,
) -> Result<(), String> {
    let own_ca = tls.trusted_ca.is_some();
    let place = ForkEndpoint {
        tls,
        ..endpoint("localhost", 443)
    };
    let mut client = client.connection(&place)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            add_file(&mut roots, ca).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::pem_file_iter(&certificate.chain).unwrap();
    let config = builder.with_single_cert(
        chain.map(Result::unwrap).collect(),
        PrivateKeyDer::from_pem_file(&certificate.key).unwrap(),
    );
    let mut server = ServerConnection::new(Arc::new(config.unwrap())).unwrap();
    for _ in 0..4 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        let _ = server.process_new_packets(); // an alert goes out
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client
            .process_new_packets()
            .map_err(|e| explain(&e, own_ca))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

/// The SHA-256 of a certificate's public key.
fn pin(certificate: &Certificate) -> [u8; 32] {
    use rustls::server::ParsedCertificate;
    use sha2::{Digest, Sha256};
    let der = CertificateDer::from_pem_file(&certificate.chain).unwrap();
    let key = ParsedCertificate::try_from(&der)
        .unwrap()
        .subject_public_key_info();
    Sha256::digest(key.as_ref()).into()
}

#[test]
fn a_servers_own_authority_is_the_only_one_trusted_there() {
    let made = Certificates::new();
    let (good, strange) = (made.server("good", "localhost"), made.stranger());
    let strange_ca = made.dir.join("strange-ca.pem");
    let own = |path: &str| EndpointTls {
        trusted_ca: Some(path.to_owned()),
        ..EndpointTls::default()
    };
    let client = TlsClient::new(false, Some(&made.ca)).unwrap();
    let none = TlsClient::new(false, None).unwrap();
    assert_eq!(handshake_with(&none, own(&made.ca), &good, None), Ok(()));
    let strange_ca = strange_ca.to_str().unwrap();
    assert_eq!(
        handshake_with(&client, own(strange_ca), &strange, None),
        Ok(())
    );
    let why = handshake_with(&client, own(strange_ca), &good, None).unwrap_err();
    assert!(why.contains("not in trusted_ca of this server's"), "{why}");
    let why = handshake_with(&client, own("/nonexistent/ca.pem"), &good, None).unwrap_err();
    assert!(why.contains("/nonexistent/ca.pem"), "{why}");
}

#[test]
fn a_pinned_key_is_asked_for_besides_chain_and_name() {
    let made = Certificates::new();
    let client = TlsClient::new(false, Some(&made.ca)).unwrap();
    let (good, other) = (
        made.server("good", "localhost"),
        made.server("other", "other.test"),
    );
    let pinned = |pins: &[[u8; 32]]| EndpointTls {
        pins: pins.to_vec(),
        ..EndpointTls::default()
    };
    let both = [pin(&other), pin(&good)];
    assert_eq!(handshake_with(&client, pinned(&both), &good, None), Ok(()));
    let why = handshake_with(&client, pinned(&[pin(&other)]), &good, None).unwrap_err();
    assert!(why.contains("none of certificate_pins"), "{why}");
    // The right key does not make up for a wrong name or an unknown issuer.
    let why = handshake_with(&client, pinned(&[pin(&other)]), &other, None).unwrap_err();
    assert!(why.contains("not for localhost"), "{why}");
    let strange = made.stranger();
    let why = handshake_with(&client, pinned(&[pin(&strange)]), &strange, None).unwrap_err();
    assert!(why.contains("issuer is unknown"), "{why}");
}

#[test]
fn a_server_that_wants_a_certificate_gets_ours() {
    let made = Certificates::new();
    let client = TlsClient::new(false, Some(&made.ca)).unwrap();
    let good = made.server("good", "localhost");
    let us = made.server("us", "us.test");
    let strange = made.stranger();
    let identity = |certificate: &Certificate| EndpointTls {
        identity: Some((certificate.chain.clone(), certificate.key.clone())),
        ..EndpointTls::default()
    };
    let clients = Some(made.ca.as_str());
    assert_eq!(
        handshake_with(&client, identity(&us), &good, clients),
        Ok(())
    );
    for tls in [EndpointTls::default(), identity(&strange)] {
        let why = handshake_with(&client, tls, &good, clients).unwrap_err();
        assert!(why.contains("does not accept our certificate"), "{why}");
    }
    let missing = EndpointTls {
        identity: Some(("/nonexistent/us.pem".into(), us.key.clone())),
        ..EndpointTls::default()
    };
    let why = handshake_with(&client, missing, &good, clients).unwrap_err();
    assert!(why.contains("/nonexistent/us.pem"), "{why}");
}
