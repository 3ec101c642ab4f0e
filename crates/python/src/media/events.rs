//! Media events as frozen Python objects.

use bridgetap_media::MediaEvent;
use pyo3::prelude::*;

/// A frozen class whose attributes are its fields.
macro_rules! event {
    ($name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[pyclass(frozen, get_all, module = "bridgetap._engine")]
        pub(crate) struct $name { $($field: $type),+ }
    };
}

event!(DtmfPressed {
    leg: u64,
    digit: char,
    duration_ms: u32,
    inband: bool
});
event!(PlayEnded {
    leg: u64,
    play: u64,
    completed: bool
});
event!(RtpTimedOut {
    leg: u64,
    silent_ms: u64
});
event!(LegClosed { leg: u64, stats: Py<LegStats> });
event!(ForkOpened {
    leg: u64,
    fork: u64,
    connect_ms: f64
});
event!(ForkReconnecting {
    leg: u64,
    fork: u64,
    endpoint: u32,
    wait_ms: u32,
    code: u32,
    detail: String,
    close_code: u16
});
event!(ForkResumed {
    leg: u64,
    fork: u64,
    endpoint: u32,
    down_ms: u64,
    knows: bool,
    frames_replayed: u64,
    gap_ms: u64
});
event!(ForkLagging {
    leg: u64,
    fork: u64,
    lag_ms: u32,
    percent: u32,
    dropped_ms: u64
});
event!(ForkWarned {
    leg: u64,
    fork: u64,
    code: u32,
    detail: String
});
event!(ForkEnded {
    leg: u64,
    fork: u64,
    reason: &'static str,
    code: u32,
    detail: String,
    close_code: u16,
    frames_sent: u64,
    ms_sent: u64,
    ms_dropped: u64,
    ms_repaired: u64,
    lag_max_ms: u32,
    reconnects: u32,
    ms_replayed: u64,
    ms_missing: u64,
    latency_p50_us: u32,
    latency_p99_us: u32,
    ms_played: u64,
});
event!(RecordEnded {
    leg: u64,
    record: u64,
    path: String,
    duration_ms: u64,
    ms_dropped: u64,
    error: String
});
event!(LegStats {
    leg: u64,
    packets_received: u64,
    packets_sent: u64,
    bytes_received: u64,
    lost: u64,
    late: u64,
    duplicated: u64,
    reordered: u64,
    slips: u64,
    filled_ms: u64,
    jitter_ms: f64,
    refused_source: u64,
    malformed: u64,
    remote: String,
    level_in: f64,
    level_out: f64,
});

impl From<bridgetap_media::LegStats> for LegStats {
    fn from(stats: bridgetap_media::LegStats) -> Self {
        Self {
            leg: stats.leg.0,
            packets_received: stats.packets_received,
            packets_sent: stats.packets_sent,
            bytes_received: stats.bytes_received,
            lost: stats.lost,
            late: stats.late,
            duplicated: stats.duplicated,
            reordered: stats.reordered,
            slips: stats.slips,
            filled_ms: stats.filled_ms,
            jitter_ms: stats.jitter_ms,
            refused_source: stats.refused_source,
            malformed: stats.malformed,
            remote: stats
                .remote
                .map_or_else(String::new, |address| address.to_string()),
            level_in: stats.level_in,
            level_out: stats.level_out,
        }
    }
}

/// One event as the object of its class.
pub(crate) fn convert(py: Python<'_>, event: MediaEvent) -> PyResult<Bound<'_, PyAny>> {
    Ok(match event {
        MediaEvent::DtmfPressed {
            leg,
            digit,
            duration_ms,
            inband,
        } => Bound::new(
            py,
            DtmfPressed {
                leg: leg.0,
                digit,
                duration_ms,
                inband,
            },
        )?
        .into_any(),
        MediaEvent::PlayEnded {
            leg,
            play,
            completed,
        } => Bound::new(
            py,
            PlayEnded {
                leg: leg.0,
                play: play.0,
                completed,
            },
        )?
        .into_any(),
        MediaEvent::RtpTimedOut { leg, silent_ms } => Bound::new(
            py,
            RtpTimedOut {
                leg: leg.0,
                silent_ms,
            },
        )?
        .into_any(),
        MediaEvent::LegClosed { stats } => {
            let leg = stats.leg.0;
            Bound::new(
                py,
                LegClosed {
                    leg,
                    stats: Py::new(py, LegStats::from(stats))?,
                },
            )?
            .into_any()
        }
        MediaEvent::ForkOpened {
            leg,
            fork,
            connect_ms,
        } => Bound::new(
            py,
            ForkOpened {
                leg: leg.0,
                fork: fork.0,
                connect_ms,
            },
        )?
        .into_any(),
        MediaEvent::ForkReconnecting {
            leg,
            fork,
            endpoint,
            wait_ms,
            code,
            detail,
            close_code,
        } => Bound::new(
            py,
            ForkReconnecting {
                leg: leg.0,
                fork: fork.0,
                endpoint,
                wait_ms,
                code,
                detail,
                close_code,
            },
        )?
        .into_any(),
        MediaEvent::ForkResumed {
            leg,
            fork,
            endpoint,
            down_ms,
            knows,
            frames_replayed,
            gap_ms,
        } => Bound::new(
            py,
            ForkResumed {
                leg: leg.0,
                fork: fork.0,
                endpoint,
                down_ms,
                knows,
                frames_replayed,
                gap_ms,
            },
        )?
        .into_any(),
        MediaEvent::ForkLagging {
            leg,
            fork,
            lag_ms,
            percent,
            dropped_ms,
        } => Bound::new(
            py,
            ForkLagging {
                leg: leg.0,
                fork: fork.0,
                lag_ms,
                percent,
                dropped_ms,
            },
        )?
        .into_any(),
        MediaEvent::ForkWarned {
            leg,
            fork,
            code,
            detail,
        } => Bound::new(
            py,
            ForkWarned {
                leg: leg.0,
                fork: fork.0,
                code,
                detail,
            },
        )?
        .into_any(),
        MediaEvent::ForkEnded(ended) => {
            let ended = ForkEnded {
                leg: ended.leg.0,
                fork: ended.fork.0,
                reason: ended.reason.name(),
                code: ended.code,
                detail: ended.detail,
                close_code: ended.close_code,
                frames_sent: ended.frames_sent,
                ms_sent: ended.ms_sent,
                ms_dropped: ended.ms_dropped,
                ms_repaired: ended.ms_repaired,
                lag_max_ms: ended.lag_max_ms,
                reconnects: ended.reconnects,
                ms_replayed: ended.ms_replayed,
                ms_missing: ended.ms_missing,
                latency_p50_us: ended.latency_p50_us,
                latency_p99_us: ended.latency_p99_us,
                ms_played: ended.ms_played,
            };
            Bound::new(py, ended)?.into_any()
        }
        MediaEvent::RecordEnded {
            leg,
            record,
            path,
            duration_ms,
            ms_dropped,
            error,
        } => {
            let ended = RecordEnded {
                leg: leg.0,
                record: record.0,
                path,
                duration_ms,
                ms_dropped,
                error,
            };
            Bound::new(py, ended)?.into_any()
        }
    })
}
