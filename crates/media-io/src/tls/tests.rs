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
