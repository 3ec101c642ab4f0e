//! Figures a thread publishes for `Media.stats`; one writer, any reader, no lock.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($name:ident: $doc:literal),+ $(,)?) => {
        /// The thread's own copy, counted in plain numbers.
        #[derive(Debug, Default, Clone, Copy)]
        pub(crate) struct Counts { $(#[doc = $doc] pub(crate) $name: u64,)+ }

        /// What others can read.
        #[derive(Debug, Default)]
        pub(crate) struct Published { $($name: AtomicU64,)+ }

        impl Published {
            /// Show the numbers as they are now.
            pub(crate) fn publish(&self, counts: &Counts) {
                $(self.$name.store(counts.$name, Ordering::Relaxed);)+
            }

            /// Live legs of the thread.
            pub(crate) fn legs(&self) -> u64 {
                self.legs.load(Ordering::Relaxed)
            }

            /// All of them, by name.
            pub(crate) fn read(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)+]
            }
        }
    };
}

counters! {
    datagrams_received: "RTP and RTCP datagrams read from sockets.",
    datagrams_sent: "Datagrams the kernel took.",
    datagrams_refused: "Datagrams the kernel did not take; never repeated.",
    datagrams_oversize: "Longer than any RTP packet: dropped unread.",
    packets_late: "Of `LegStats`, summed.",
    packets_duplicated: "Of `LegStats`, summed.",
    packets_lost: "Of `LegStats`, summed.",
    packets_malformed: "Of `LegStats`, summed.",
    packets_refused_source: "Of `LegStats`, summed.",
    legs: "Live legs.",
    forks: "Forks that have not ended.",
    streams: "Open connections to stream servers, closing ones included.",
    stream_writes: "Writes to stream sockets.",
    stream_bytes: "Bytes handed to stream sockets, TLS included.",
    peer_messages: "Messages from stream servers; a one-way stream may send none.",
    rounds: "Wake-ups.",
    faults: "Faults of ours that ended the calls of a thread.",
    cpu_us: "Processor time of the media threads.",
}

/// Processor time of the calling thread.
#[allow(unsafe_code)]
pub(crate) fn thread_cpu_us() -> u64 {
    // SAFETY: zeroed is a valid rusage, and getrusage only writes into it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage
    };
    let us = |t: libc::timeval| u64::try_from(t.tv_sec * 1_000_000 + t.tv_usec).unwrap_or(0);
    us(usage.ru_utime) + us(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_can_be_read_by_name() {
        let published = Published::default();
        let counts = Counts {
            datagrams_sent: 3,
            ..Counts::default()
        };
        published.publish(&counts);
        let read = published.read();
        assert!(read.contains(&("datagrams_sent", 3)) && read.contains(&("legs", 0)));
    }

    #[test]
    fn work_takes_processor_time() {
        let before = thread_cpu_us();
        let mut n = 0u64;
        while thread_cpu_us() == before {
            n = std::hint::black_box(n + 1);
        }
        assert!(thread_cpu_us() > before);
    }
}
