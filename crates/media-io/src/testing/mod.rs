//! What the tests of this crate share: certificates and targets.

mod certificates;
pub(crate) mod server;

use bridgetap_media::{CaptureFrom, ForkTarget, Track};

pub(crate) use certificates::{Certificate, Certificates};

/// A fork of the inbound track.
pub(crate) fn target(host: &str, port: u16) -> ForkTarget {
    ForkTarget {
        stream_sid: "MZ00000000000000000000000000000001".into(),
        call_sid: "CA00000000000000000000000000000001".into(),
        account_sid: "AC00000000000000000000000000000001".into(),
        host: host.into(),
        port,
        path: "/in".into(),
        tracks: vec![Track::Inbound],
        parameters: vec![],
        headers: vec![("X-Twilio-Signature".into(), "c2ln".into())],
        max_lag_ms: 5000,
        capture_from: CaptureFrom::Open,
    }
}
