//! What makes an identity, and what is no use for one.

use super::*;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certs")
        .join(name)
}

fn files(ca: Option<&str>, certificate: Option<&str>, key: Option<&str>) -> IdentityFiles {
    IdentityFiles {
        trusted_ca: ca.map(file),
        client_certificate: certificate.map(file),
        client_key: key.map(file),
    }
}

fn nobody_is_trusted() -> Identities {
    Identities::new(Arc::new(RootCertStore::empty()))
}

#[test]
fn the_same_content_is_the_same_identity_and_any_other_is_another() {
    let identities = nobody_is_trusted();
    let read = |ca, certificate, key| identities.read(&files(Some(ca), certificate, key)).unwrap();
    let plain = read("ca.pem", None, None);
    let shown = read("ca.pem", Some("server.pem"), Some("server.key"));
    let other = read("ca.pem", Some("self-signed.pem"), Some("self-signed.key"));
    let elsewhere = read("self-signed.pem", None, None);
    let numbers = [plain, shown, other, elsewhere].map(|identity| identity.number);
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!((plain.own_ca, plain.certificate), (true, false));
    assert_eq!((shown.own_ca, shown.certificate), (true, true));
    assert_eq!(read("ca.pem", None, None), plain);
    assert_eq!(identities.of(2), Some(shown));
    assert_eq!(identities.of(5), None);
}

#[test]
fn a_renewed_file_is_another_identity_and_the_old_one_goes_on() {
    let folder = std::env::temp_dir().join(format!("bridgetap-identity-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let ca = folder.join("ca.pem");
    std::fs::copy(file("ca.pem"), &ca).unwrap();
    let identities = nobody_is_trusted();
    let wanted = IdentityFiles {
        trusted_ca: Some(ca.clone()),
        ..IdentityFiles::default()
    };
    let before = identities.read(&wanted).unwrap();
    std::fs::copy(file("self-signed.pem"), &ca).unwrap();
    let after = identities.read(&wanted).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_ne!(before, after);
    assert!(identities.config_of(before).is_ok() && identities.config_of(after).is_ok());
}

#[test]
fn so_many_are_kept_and_the_oldest_gives_way() {
    let identities = nobody_is_trusted();
    let first = identities.read(&files(Some("ca.pem"), None, None)).unwrap();
    let config = identities.config_of(first).unwrap();
    for number in 2..=MAX_KNOWN as u64 {
        identities.lock().entries.push_back(Entry {
            identity: TlsIdentity { number, ..first },
            content: [0; 32],
            config: config.clone(),
        });
    }
    identities.lock().last = MAX_KNOWN as u64;
    let next = identities.read(&files(Some("self-signed.pem"), None, None));
    assert_eq!(next.unwrap().number, MAX_KNOWN as u64 + 1);
    assert_eq!(identities.lock().entries.len(), MAX_KNOWN);
    let why = identities.config_of(first).unwrap_err();
    assert!(why.contains("forgotten"), "{why}");
}

#[test]
fn a_file_that_will_not_do_is_told_with_its_setting_and_reason() {
    let (ca, pem, key) = (Some("ca.pem"), Some("server.pem"), Some("server.key"));
    let cases = [
        (
            Some("none.pem"),
            None,
            None,
            "trusted_ca: ",
            "none.pem: No such file",
        ),
        (
            key,
            None,
            None,
            "trusted_ca: ",
            "there is no PEM certificate in it",
        ),
        (
            ca,
            Some("none.pem"),
            key,
            "client_certificate: ",
            "No such file",
        ),
        (
            ca,
            key,
            key,
            "client_certificate: ",
            "no PEM certificate in it",
        ),
        (
            ca,
            pem,
            Some("none.key"),
            "client_key: ",
            "none.key: No such file",
        ),
        (ca, pem, pem, "client_key: ", "no PEM private key in it"),
        (
            ca,
            pem,
            Some("expired.key"),
            "client_key: ",
            "it is not the key of the certificate in",
        ),
        (ca, pem, None, "client_key: ", "go together"),
        (ca, None, key, "client_certificate: ", "go together"),
        (
            None,
            pem,
            key,
            "trusted_ca: ",
            "no system root certificates",
        ),
    ];
    for (ca, certificate, key, place, reason) in cases {
        let refused = nobody_is_trusted().read(&files(ca, certificate, key));
        let text = refused.unwrap_err().to_string();
        assert!(text.starts_with(place) && text.contains(reason), "{text}");
    }
}
