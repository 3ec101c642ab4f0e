//! What went wrong in a handshake, in words that say what to do.

use rustls::{AlertDescription, CertificateError, Error};

use crate::types::TlsIdentity;

/// For the operator; `name` is whom we wanted to reach, empty for a peer that came to us, and
/// `identity` who we were there, where that was not the endpoint's own.
pub fn explain(error: &Error, name: &str, identity: Option<TlsIdentity>) -> String {
    match error {
        Error::InvalidCertificate(fault) => {
            let whose = if name.is_empty() {
                String::new()
            } else {
                format!(" of {name}")
            };
            format!(
                "certificate{whose} refused: {}",
                certificate(fault, identity)
            )
        }
        Error::AlertReceived(alert) => format!(
            "the peer refused: alert {alert:?}{}",
            hint(*alert, name, identity)
        ),
        Error::InvalidMessage(_) => "the peer does not speak TLS on this port".to_owned(),
        Error::PeerIncompatible(what) => format!("no TLS version or cipher in common ({what:?})"),
        other => other.to_string(),
    }
}

fn certificate(fault: &CertificateError, identity: Option<TlsIdentity>) -> String {
    match fault {
        CertificateError::UnknownIssuer if identity.is_some_and(|own| own.own_ca) => {
            "its issuer is not in the trusted_ca that is set for this peer, the only authorities trusted there".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its issuer is not trusted (add the CA that signed it to sip.trusted_ca)".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet (is the clock right?)".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it has no subjectAltName; a common name (CN) alone no longer counts (RFC 5922)"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("it is made out to {} only", presented.join(", "))
        }
        CertificateError::NotValidForName => "it is made out to another name".to_owned(),
        CertificateError::Revoked => "it was revoked".to_owned(),
        // The verifier's own errors come wrapped; this one is worth its own words.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "it is a CA certificate used as a server's (sign a certificate for the server with it)"
                .to_owned()
        }
        other => format!("{other:?}"),
    }
}

fn hint(alert: AlertDescription, name: &str, identity: Option<TlsIdentity>) -> &'static str {
    let shown = name.is_empty() || identity.is_some_and(|own| own.certificate);
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure if !shown => {
            " (does it want a client certificate? we have none for it)"
        }
        AlertDescription::UnknownCA => " (it does not trust the issuer of our certificate)",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            " (it does not accept our certificate)"
        }
        AlertDescription::ProtocolVersion => {
            " (it wants another TLS version; we speak 1.2 and 1.3)"
        }
        _ => "",
    }
}
