//! What both examples share: an endpoint from the command line, its events, its figures at the end.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bridgetap_sip::endpoint::{EventSink, SipConfig, SipEndpoint};
use bridgetap_sip::types::{SipEvent, TrunkRule};

/// The queue up, as Python's is: bounded, with the age of its oldest entry.
struct Queue {
    events: SyncSender<(Instant, SipEvent)>,
    started: Instant,
    /// When the entry that is being worked on was queued, in ms since `started`; 0 when idle.
    oldest: Arc<AtomicU64>,
}

impl EventSink for Queue {
    fn push(&self, event: SipEvent) {
        let _ = self.events.send((Instant::now(), event));
    }

    fn oldest_ms(&self) -> u64 {
        match self.oldest.load(Ordering::Relaxed) {
            0 => 0,
            queued => ms(self.started).saturating_sub(queued),
        }
    }
}

/// A running endpoint that lets everybody in.
pub struct Running {
    pub endpoint: SipEndpoint,
    events: Receiver<(Instant, SipEvent)>,
    started: Instant,
    oldest: Arc<AtomicU64>,
    pub events_seen: u64,
}

impl Running {
    /// Listen on `listen`; TLS with the files named in TLS_CERTIFICATE, TLS_KEY, TRUSTED_CA.
    pub fn start(listen: Vec<String>) -> Result<Running, Box<dyn std::error::Error>> {
        let started = Instant::now();
        let (sender, events) = sync_channel(65_536);
        let oldest = Arc::new(AtomicU64::new(0));
        let env = |name: &str| std::env::var(name).ok();
        let config = SipConfig {
            listen,
            tls_certificate: env("TLS_CERTIFICATE"),
            tls_key: env("TLS_KEY"),
            trusted_ca: env("TRUSTED_CA"),
            trace: env("TRACE"),
            calls_per_second: 5_000,
            max_dialogs: 50_000,
            ..SipConfig::default()
        };
        let queue = Queue {
            events: sender,
            started,
            oldest: oldest.clone(),
        };
        let endpoint = SipEndpoint::start(config, Box::new(queue))?;
        let everybody = ["0.0.0.0/0", "::/0"];
        let trunks = everybody
            .map(|network| TrunkRule {
                network: network.into(),
                trunk: "all".into(),
            })
            .to_vec();
        endpoint.set_admission(trunks, Vec::new())?;
        println!("listening on {}", endpoint.addresses().join(" "));
        Ok(Running {
            endpoint,
            events,
            started,
            oldest,
            events_seen: 0,
        })
    }

    /// The next event, or `None` once standard input is closed.
    pub fn next(&mut self, stop: &Receiver<()>) -> Option<SipEvent> {
        loop {
            self.oldest.store(0, Ordering::Relaxed);
            match self.events.recv_timeout(Duration::from_millis(200)) {
                Ok((queued, event)) => {
                    let at = queued.saturating_duration_since(self.started).as_millis();
                    self.oldest
                        .store(u64::try_from(at).unwrap_or(1).max(1), Ordering::Relaxed);
                    self.events_seen += 1;
                    return Some(event);
                }
                Err(_) if stop.try_recv().is_ok() => return None,
                Err(_) => {}
            }
        }
    }

    /// Figures of the whole run.
    pub fn finish(&self, calls: u64) {
        self.endpoint.close();
        let figures: Vec<String> = self
            .endpoint
            .stats()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        println!(
            "calls={calls} events={} cpu_ms={} {}",
            self.events_seen,
            cpu_ms(),
            figures.join(" ")
        );
        for line in std::fs::read_to_string("/proc/self/status")
            .unwrap_or_default()
            .lines()
        {
            if line.starts_with("VmRSS") || line.starts_with("VmHWM") {
                println!("{line}");
            }
        }
    }
}

/// Says once when standard input ends.
pub fn stop_on_eof() -> Receiver<()> {
    let (sender, receiver) = sync_channel(1);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    receiver
}

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// User and system time of this process (fields 14 and 15 of /proc/self/stat, 10 ms each).
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}

/// A body that every SIP tester is content with.
pub const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 16384 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
