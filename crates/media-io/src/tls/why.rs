//! Why a TLS handshake failed, as somebody can act on it (31910).

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error};

/// The error in words that name the remedy; `own_ca`: this server has authorities of its own.
pub(crate) fn explain(error: &Error, own_ca: bool) -> String {
    match error {
        Error::InvalidCertificate(problem) => certificate(problem, own_ca),
        Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port: its answer is no TLS record".to_owned()
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            format!("the server offers no TLS 1.2 or 1.3 that we share: {error}")
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server knows no certificate for this host name (unrecognized_name)".to_owned()
        }
        Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied),
        ) => format!(
            "the server does not accept our certificate, or wants one ({alert:?}): see \
             client_certificate of its [[stream_options]]"
        ),
        Error::AlertReceived(alert) => format!("the server refused the TLS handshake: {alert:?}"),
        other => format!("TLS: {other}"),
    }
}

fn certificate(problem: &CertificateError, own_ca: bool) -> String {
    use CertificateError as P;
    match problem {
        P::ApplicationVerificationFailure => {
            "the certificate is genuine and for this host, but its public key is none of \
             certificate_pins"
                .to_owned()
        }
        P::UnknownIssuer if own_ca => {
            "the certificate's issuer is unknown: it is not in trusted_ca of this server's \
             [[stream_options]], the only authorities trusted there, or the server does not send \
             its intermediate certificates"
                .to_owned()
        }
        P::UnknownIssuer => {
            "the certificate's issuer is unknown: it is neither a system root nor in \
             streams.trusted_ca, or the server does not send its intermediate certificates"
                .to_owned()
        }
        P::ExpiredContext { time, not_after } => {
            format!("the certificate expired {} ago", span(not_after, time))
        }
        P::Expired => "the certificate has expired".to_owned(),
        P::NotValidYetContext { time, not_before } => format!(
            "the certificate is valid only in {} from now: is one of the clocks wrong?",
            span(time, not_before)
        ),
        P::NotValidForNameContext {
            expected,
            presented,
        } => name(expected, presented),
        P::NotValidForName => "the certificate is for another host".to_owned(),
        P::InvalidPurpose | P::InvalidPurposeContext { .. } => {
            "the certificate is not for servers: its extended key usage lacks serverAuth".to_owned()
        }
        P::Revoked => "the certificate has been revoked".to_owned(),
        P::BadSignature => {
            "the certificate is not signed by the issuer it names: does streams.trusted_ca hold \
             an older CA of the same name?"
                .to_owned()
        }
        P::BadEncoding => "the certificate cannot be read (bad DER)".to_owned(),
        P::Other(other) => match format!("{other:?}") {
            text if text.contains("CaUsedAsEndEntity") => {
                "the certificate is a CA certificate used as a server's (self-signed with \
                 CA:TRUE): make a server certificate signed by it, and put only the CA into \
                 streams.trusted_ca"
                    .to_owned()
            }
            text if text.contains("UnsupportedCertVersion") => {
                "the certificate is of X.509 version 1, which cannot carry a subjectAltName: make \
                 one of version 3"
                    .to_owned()
            }
            _ => format!("the certificate is not acceptable: {other}"),
        },
        other => format!("the certificate is not acceptable: {other}"),
    }
}

fn name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let host = expected.to_str();
    if presented.is_empty() {
        return format!(
            "the certificate has no subjectAltName, and a CN alone does not count (RFC 9525): it \
             must name {host} there"
        );
    }
    let names: Vec<String> = presented.iter().take(8).map(|name| plain(name)).collect();
    format!(
        "the certificate is not for {host}, but for {}",
        names.join(", ")
    )
}

/// `DnsName("a.test")` as `a.test`.
fn plain(name: &str) -> String {
    let inner = name
        .split_once('(')
        .map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"').chars().take(100).collect()
}

/// A length of time, roughly: what matters is hours or years.
fn span(from: &UnixTime, to: &UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7199 => format!("{} minutes", seconds / 60),
        7200..=172_799 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
