//! RTP, RTCP, codecs, DTMF, timelines, relay and forks. No clock, no sockets, no threads: bytes and the time go in, bytes and events come out.
