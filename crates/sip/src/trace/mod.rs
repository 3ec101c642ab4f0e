//! Every SIP message as a pcap file that Wireshark reads.

mod pcap;
mod writer;

pub use pcap::{file_header, record};
pub use writer::Trace;
