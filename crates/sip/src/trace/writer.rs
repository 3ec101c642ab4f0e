//! The thread that writes the file: the SIP thread never waits for a disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use super::pcap;

/// A trace that is being written. Dropping it writes what is queued and ends the file.
#[derive(Debug)]
pub struct Trace {
    queue: Option<SyncSender<Packet>>,
    thread: Option<JoinHandle<()>>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Packet {
    at: SystemTime,
    from: SocketAddr,
    to: SocketAddr,
    message: Vec<u8>,
}

/// When this many wait for the disk, further messages are left out of the trace and counted.
const QUEUE: usize = 4_096;

impl Trace {
    /// Create `path` (an old file is replaced) and start writing.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&pcap::file_header())?;
        file.flush()?;
        let (queue, packets) = sync_channel(QUEUE);
        let shown = path.display().to_string();
        let thread = thread::Builder::new()
            .name("bridgetap-trace".into())
            .spawn(move || {
                if let Err(error) = write_all(file, &packets) {
                    log::error!("sip.trace-stopped file={shown} error={error}");
                }
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            dropped: Arc::default(),
        })
    }

    /// Note one message, whichever way it went.
    pub fn note(&self, from: SocketAddr, to: SocketAddr, message: &[u8]) {
        let Some(queue) = &self.queue else { return };
        let packet = Packet {
            at: SystemTime::now(),
            from,
            to,
            message: message.to_vec(),
        };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(packet) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Messages that found the queue full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Flushed whenever nothing waits: the file can be looked at while calls go on.
fn write_all(mut file: BufWriter<File>, packets: &Receiver<Packet>) -> io::Result<()> {
    while let Ok(first) = packets.recv() {
        let mut next = Some(first);
        while let Some(packet) = next {
            let at = packet.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            file.write_all(&pcap::record(at, packet.from, packet.to, &packet.message))?;
            next = packets.try_recv().ok();
        }
        file.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:a@b>\r\nCall-ID: trace-1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

    fn traced() -> (std::path::PathBuf, Vec<u8>) {
        let name = format!(
            "bridgetap-trace-{}-{:?}.pcap",
            std::process::id(),
            thread::current().id()
        );
        let path = std::env::temp_dir().join(name);
        let trace = Trace::create(&path).unwrap();
        for (from, to) in [
            ("192.0.2.1:5061", "192.0.2.2:50000"),
            ("[2001:db8::1]:5060", "[2001:db8::2]:5060"),
        ] {
            trace.note(from.parse().unwrap(), to.parse().unwrap(), OPTIONS);
        }
        assert_eq!(trace.dropped(), 0);
        drop(trace);
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    }

    #[test]
    fn the_file_holds_each_message_whole() {
        let (path, bytes) = traced();
        std::fs::remove_file(path).unwrap();
        assert_eq!(bytes[..24], pcap::file_header());
        let (mut at, mut found) = (24, 0);
        while at < bytes.len() {
            let len = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
            assert!(bytes[at + 16..at + 16 + len].ends_with(OPTIONS));
            at += 16 + len;
            found += 1;
        }
        assert_eq!((at, found), (bytes.len(), 2));
    }

    #[test]
    fn wireshark_reads_it_as_sip() {
        let Ok(version) = Command::new("tshark").arg("--version").output() else {
            eprintln!("SKIPPED: tshark is not installed (apt-get install tshark)");
            return;
        };
        assert!(version.status.success());
        let (path, _) = traced();
        let mut command = Command::new("tshark");
        command.args([
            "-n",
            "-d",
            "udp.port==50000,sip",
            "-T",
            "fields",
            "-e",
            "sip.Method",
            "-e",
            "sip.Call-ID",
            "-e",
            "udp.dstport",
        ]);
        let output = command
            .args([
                "-o",
                "ip.check_checksum:TRUE",
                "-o",
                "udp.check_checksum:TRUE",
                "-r",
            ])
            .arg(&path)
            .output()
            .unwrap();
        std::fs::remove_file(path).unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            text.trim(),
            "OPTIONS\ttrace-1\t50000\nOPTIONS\ttrace-1\t5060"
        );
    }

    #[test]
    fn a_path_that_cannot_be_written_is_an_error() {
        assert!(Trace::create(Path::new("/nonexistent/x.pcap")).is_err());
    }
}
