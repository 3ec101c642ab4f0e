//! What is loaded, and what will not do.

use super::*;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certs")
        .join(name)
}

fn load(certificate: Option<&str>, key: Option<&str>, ca: Option<&str>) -> Result<Tls, SipError> {
    let files = TlsFiles {
        certificate: certificate.map(file),
        key: key.map(file),
        trusted_ca: ca.map(file),
        client_ca: None,
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
        tls.connect("localhost", None)
            .unwrap_err()
            .contains("no system root certificates were found")
    );
    let tls = load(None, None, Some("ca.pem")).unwrap();
    assert!(!tls.can_accept() && tls.can_connect());
    assert!(tls.connect("localhost", None).is_ok() && tls.connect("::1", None).is_ok());
    assert!(
        tls.connect("not a name", None)
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
