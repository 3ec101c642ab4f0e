//! What the tests of this crate share: certificates and targets.

mod certificates;
pub(crate) mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

use bridgetap_media::{
    Codec, Direction, ForkEndpoint, ForkId, ForkTarget, LegId, LegMedia, LegStats, MediaEvent,
    Track,
};

use crate::up::Up;

pub(crate) use certificates::{Certificate, Certificates};

/// A server at that place.
pub(crate) fn endpoint(host: &str, port: u16) -> ForkEndpoint {
    ForkEndpoint {
        host: host.into(),
        port,
        path: "/in".into(),
        headers: vec![("X-Twilio-Signature".into(), "c2ln".into())],
        ..ForkEndpoint::default()
    }
}

/// A fork of the inbound track.
pub(crate) fn target(host: &str, port: u16) -> ForkTarget {
    ForkTarget {
        stream_sid: "MZ00000000000000000000000000000001".into(),
        call_sid: "CA00000000000000000000000000000001".into(),
        account_sid: "AC00000000000000000000000000000001".into(),
        endpoints: vec![endpoint(host, port)],
        tracks: vec![Track::Inbound],
        ..ForkTarget::default()
    }
}

/// PCMU both ways with `remote`, telephone-event as 101.
pub(crate) fn leg_media(remote: SocketAddr) -> LegMedia {
    LegMedia {
        remote,
        remote_rtcp: None,
        codec: Codec::Pcmu,
        payload_type: 0,
        receive: vec![(0, Codec::Pcmu)],
        telephone_event: Some(101),
        receive_telephone_event: Some(101),
        comfort_noise: None,
        direction: Direction::SendRecv,
        ptime_ms: 20,
        symmetric: true,
        inband_dtmf: false,
        cname: "test@localhost".into(),
        srtp: None,
    }
}

/// A new folder; the caller removes it.
pub(crate) fn scratch_dir(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("bt-{name}-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Figures of a leg that never did anything.
pub(crate) fn stats(leg: u64) -> LegStats {
    LegStats {
        leg: LegId(leg),
        packets_received: 0,
        packets_sent: 0,
        bytes_received: 0,
        lost: 0,
        late: 0,
        duplicated: 0,
        reordered: 0,
        slips: 0,
        filled_ms: 0,
        jitter_ms: 0.0,
        refused_source: 0,
        malformed: 0,
        remote: None,
        level_in: -127.0,
        level_out: -127.0,
    }
}

/// Events to a channel, for tests of one thread alone.
impl Up for Mutex<Sender<MediaEvent>> {
    fn open_leg(&self, _: LegId) {}
    fn forget_leg(&self, _: LegId) {}
    fn open_fork(&self, _: ForkId) {}
    fn forget_fork(&self, _: ForkId) {}

    fn push(&self, _: Instant, event: MediaEvent) {
        let _ = self.lock().unwrap().send(event);
    }

    fn try_push(&self, now: Instant, events: &mut Vec<MediaEvent>) -> bool {
        events.drain(..).for_each(|event| self.push(now, event));
        true
    }
}
