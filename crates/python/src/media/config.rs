//! `MediaConfig`, `LegMedia`, `ForkTarget` and its endpoints: checked here once, values of the core from then on.

use std::net::SocketAddr;
use std::time::Duration;

use bridgetap_media::{
    Asides, CaptureFrom, Channels, Codec, Direction, EndpointTls, Format, Framing, Overflow,
    Resume, Shape, SrtpKey, SrtpKeys, Track,
};
use pyo3::prelude::*;

use crate::error::refused;
use crate::word;

const CODECS: [(&str, Codec); 3] = [
    ("PCMU", Codec::Pcmu),
    ("PCMA", Codec::Pcma),
    ("G722", Codec::G722),
];
const DIRECTIONS: [(&str, Direction); 4] = [
    ("sendrecv", Direction::SendRecv),
    ("sendonly", Direction::SendOnly),
    ("recvonly", Direction::RecvOnly),
    ("inactive", Direction::Inactive),
];
const CAPTURES: [(&str, CaptureFrom); 2] =
    [("open", CaptureFrom::Open), ("create", CaptureFrom::Create)];
const OVERFLOWS: [(&str, Overflow); 3] = [
    ("skip-to-live", Overflow::SkipToLive),
    ("drop-oldest", Overflow::DropOldest),
    ("close", Overflow::Close),
];
const FORMATS: [(&str, Format); 5] = [
    ("mulaw", Format::Mulaw),
    ("alaw", Format::Alaw),
    ("l16-8000", Format::L16Narrow),
    ("l16-16000", Format::L16Wide),
    ("l16-24000", Format::L16Wider),
];
const CHANNELS: [(&str, Channels); 3] = [
    ("separate", Channels::Separate),
    ("stereo", Channels::Stereo),
    ("mixed", Channels::Mixed),
];
const FRAMINGS: [(&str, Framing); 2] = [("json", Framing::Json), ("binary", Framing::Binary)];
const EVENTS: [(&str, Event); 3] = [
    ("dtmf", Event::Dtmf),
    ("hold", Event::Hold),
    ("participant", Event::Participant),
];
const TRACKS: [(&str, Track); 2] = [("inbound", Track::Inbound), ("outbound", Track::Outbound)];

/// What a stream can be told between the audio.
#[derive(Clone, Copy)]
enum Event {
    Dtmf,
    Hold,
    Participant,
}

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct MediaConfig {
    pub(crate) inner: bridgetap_media_io::MediaConfig,
}

#[pymethods]
impl MediaConfig {
    #[new]
    #[pyo3(signature = (
        *, ports = (16384, 32767), threads = 0, trusted_ca = None, system_roots = true, reorder_ms = 40, tolerance_ms = 20,
        rtp_timeout_ms = 0, user_agent = "Bridgetap", connect_timeout_ms = 5000,
        handshakes_per_second = 200, close_drain_ms = 5000, coalesce_ms = 0, allow_networks = Vec::new(), deny_networks = Vec::new()
    ))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of the contract
    fn new(
        ports: (u16, u16),
        threads: usize,
        trusted_ca: Option<String>,
        system_roots: bool,
        reorder_ms: u64,
        tolerance_ms: u64,
        rtp_timeout_ms: u64,
        user_agent: &str,
        connect_timeout_ms: u64,
        handshakes_per_second: u32,
        close_drain_ms: u64,
        coalesce_ms: u64,
        allow_networks: Vec<String>,
        deny_networks: Vec<String>,
    ) -> Self {
        Self {
            inner: bridgetap_media_io::MediaConfig {
                ports,
                threads,
                trusted_ca,
                system_roots,
                reorder: Duration::from_millis(reorder_ms),
                tolerance: Duration::from_millis(tolerance_ms),
                rtp_timeout: Duration::from_millis(rtp_timeout_ms),
                user_agent: user_agent.to_owned(),
                connect_timeout: Duration::from_millis(connect_timeout_ms),
                handshakes_per_second,
                close_drain: Duration::from_millis(close_drain_ms),
                coalesce: Duration::from_millis(coalesce_ms),
                allow_networks,
                deny_networks,
            },
        }
    }
}

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct LegMedia {
    pub(crate) inner: bridgetap_media::LegMedia,
}

#[pymethods]
impl LegMedia {
    #[new]
    #[pyo3(signature = (
        *, remote, remote_rtcp = "", codec, payload_type, receive = Vec::new(), telephone_event = None,
        receive_telephone_event = None, comfort_noise = None, direction = "sendrecv", ptime_ms = 20, symmetric = true,
        inband_dtmf = false, cname = "", srtp_key = None, srtp_peer_key = None
    ))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of the contract
    fn new(
        remote: &str,
        remote_rtcp: &str,
        codec: &str,
        payload_type: u8,
        receive: Vec<(u8, String)>,
        telephone_event: Option<u8>,
        receive_telephone_event: Option<u8>,
        comfort_noise: Option<u8>,
        direction: &str,
        ptime_ms: u32,
        symmetric: bool,
        inband_dtmf: bool,
        cname: &str,
        srtp_key: Option<Vec<u8>>,
        srtp_peer_key: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let srtp = match (master(srtp_key)?, master(srtp_peer_key)?) {
            (Some(ours), theirs) => Some(SrtpKeys { ours, theirs }),
            (None, None) => None,
            (None, Some(_)) => return Err(refused("srtp_peer_key needs srtp_key")),
        };
        let receive: PyResult<Vec<_>> = receive
            .iter()
            .map(|(number, name)| Ok((*number, word("receive", name, &CODECS)?)))
            .collect();
        Ok(Self {
            inner: bridgetap_media::LegMedia {
                remote: address("remote", remote)?,
                remote_rtcp: (!remote_rtcp.is_empty())
                    .then(|| address("remote_rtcp", remote_rtcp))
                    .transpose()?,
                codec: word("codec", codec, &CODECS)?,
                payload_type,
                receive: receive?,
                telephone_event,
                receive_telephone_event,
                comfort_noise,
                direction: word("direction", direction, &DIRECTIONS)?,
                ptime_ms,
                symmetric,
                inband_dtmf,
                cname: cname.to_owned(),
                srtp,
            },
        })
    }
}

fn master(key: Option<Vec<u8>>) -> PyResult<Option<SrtpKey>> {
    key.map(|bytes| bytes.try_into().map(SrtpKey::new))
        .transpose()
        .map_err(|_| refused("an SRTP master key must be 30 bytes, with its salt"))
}

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct ForkEndpoint {
    inner: bridgetap_media::ForkEndpoint,
}

#[pymethods]
impl ForkEndpoint {
    #[new]
    #[pyo3(signature = (
        *, host, port, path, headers = Vec::new(), trusted_ca = None, client_certificate = None, client_key = None,
        pins = Vec::new()
    ))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of the contract
    fn new(
        host: String,
        port: u16,
        path: String,
        headers: Vec<(String, String)>,
        trusted_ca: Option<String>,
        client_certificate: Option<String>,
        client_key: Option<String>,
        pins: Vec<Vec<u8>>,
    ) -> PyResult<Self> {
        if client_certificate.is_some() != client_key.is_some() {
            return Err(refused("client_certificate and client_key go together"));
        }
        let pins: Result<Vec<[u8; 32]>, _> = pins.into_iter().map(TryInto::try_into).collect();
        Ok(Self {
            inner: bridgetap_media::ForkEndpoint {
                host,
                port,
                path,
                headers,
                tls: EndpointTls {
                    trusted_ca,
                    identity: client_certificate.zip(client_key),
                    pins: pins.map_err(|_| refused("pins: must be SHA-256 digests of 32 bytes"))?,
                },
            },
        })
    }
}

#[pyclass(frozen, module = "bridgetap._engine")]
pub(crate) struct ForkTarget {
    pub(crate) inner: bridgetap_media::ForkTarget,
}

#[pymethods]
impl ForkTarget {
    #[new]
    #[pyo3(signature = (
        *, stream_sid, call_sid, account_sid, endpoints, tracks, parameters = Vec::new(), max_lag_ms = 5000,
        overflow = "skip-to-live", capture_from = "open", bidirectional = false, strict_messages = false,
        events = Vec::new(), format = "mulaw", channels = "separate", framing = "json", frame_ms = 20,
        wall_clock = false, resume = false, resume_overlap_ms = 2000, ring_ms = 30000
    ))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of the contract
    fn new(
        stream_sid: String,
        call_sid: String,
        account_sid: String,
        endpoints: Vec<PyRef<'_, ForkEndpoint>>,
        tracks: Vec<String>,
        parameters: Vec<(String, String)>,
        max_lag_ms: u32,
        overflow: &str,
        capture_from: &str,
        bidirectional: bool,
        strict_messages: bool,
        events: Vec<String>,
        format: &str,
        channels: &str,
        framing: &str,
        frame_ms: u32,
        wall_clock: bool,
        resume: bool,
        resume_overlap_ms: u32,
        ring_ms: u32,
    ) -> PyResult<Self> {
        Ok(Self {
            inner: bridgetap_media::ForkTarget {
                stream_sid,
                call_sid,
                account_sid,
                endpoints: endpoints.iter().map(|one| one.inner.clone()).collect(),
                tracks: self::tracks(&tracks)?,
                parameters,
                max_lag_ms,
                bidirectional,
                strict_messages,
                shape: Shape {
                    format: word("format", format, &FORMATS)?,
                    channels: word("channels", channels, &CHANNELS)?,
                    framing: word("framing", framing, &FRAMINGS)?,
                    frame_ms,
                    wall_clock: wall_clock.then(bridgetap_media_io::wall_clock),
                    asides: asides(&events)?,
                },
                overflow: word("overflow", overflow, &OVERFLOWS)?,
                capture_from: word("capture_from", capture_from, &CAPTURES)?,
                resume: resume.then_some(Resume {
                    overlap_ms: resume_overlap_ms,
                    ring_ms,
                }),
                seed: 0,
            },
        })
    }
}

/// Names of events as those that are told.
fn asides(names: &[String]) -> PyResult<Asides> {
    let mut asides = Asides::default();
    for name in names {
        match word("events", name, &EVENTS)? {
            Event::Dtmf => asides.dtmf = true,
            Event::Hold => asides.hold = true,
            Event::Participant => asides.participant = true,
        }
    }
    Ok(asides)
}

/// Track names as tracks.
pub(crate) fn tracks(names: &[String]) -> PyResult<Vec<Track>> {
    names
        .iter()
        .map(|name| word("tracks", name, &TRACKS))
        .collect()
}

fn address(place: &str, text: &str) -> PyResult<SocketAddr> {
    text.parse().map_err(|_| {
        refused(format!(
            "{place}: {text:?}: must be an IP address and a port"
        ))
    })
}
