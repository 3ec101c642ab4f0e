//! Streams: frames out while the socket takes them, control frames in, and every way to end.

use std::time::Instant;

use bridgetap_media::{Failure, ForkFrame, ForkId, RemoteClose};

use super::conn::{Conn, End, Phase};
use super::{MediaThread, Token};
use crate::connector::Outcome;
use crate::poller::Ready;
use crate::ws::{Heard, Opcode, Violation, begin_frame, close_frame, finish_frame};

/// Plain bytes pulled for one fork at a time: they make one TLS record, and a fork that catches up
/// does not keep the others waiting.
const BATCH: usize = 8 * 1024;
const NORMAL: u16 = 1000;
const POLICY: u16 = 1008;
/// What RFC 6455 §7.1.5 calls the code of a close frame without one.
const NO_CODE: u16 = 1005;

impl MediaThread {
    /// The connector is done with a fork.
    pub(super) fn connected(&mut self, fork: ForkId, outcome: Outcome, now: Instant) {
        let Some(io) = self.io.forks.get_mut(&fork) else {
            return; // it ended meanwhile; dropping the socket is all that is left to do
        };
        io.connecting = false;
        let speaks = io.speaks;
        let opened = match outcome {
            Ok(opened) => *opened,
            Err(failure) => {
                return self.shard.fork_failed(now, fork, failure, &mut self.io);
            }
        };
        let kept = opened.kept;
        let (mut conn, early) = Conn::new(fork, speaks, opened, now);
        let read = conn.hear(now, &early, &mut self.heard);
        let Some(key) = self.watch_stream(conn, now) else {
            return self.heard.clear(); // or the next stream would have said it
        };
        self.shard.fork_opened(now, fork, kept, &mut self.io);
        self.io.ready.push(fork);
        let end = read.map_or_else(End::Broke, |()| End::Open);
        self.react(key, end, now);
    }

    /// Let epoll watch a stream's socket.
    pub(super) fn watch_stream(&mut self, mut conn: Conn, now: Instant) -> Option<usize> {
        let fork = conn.fork;
        conn.watched = conn.interest();
        let slot = self.io.conns.vacant_entry();
        let key = slot.key();
        if let Err(error) = self
            .poller
            .add(&conn.socket, Token::Stream(key).pack(), conn.watched)
        {
            let failure = Failure::new(31900, format!("the socket cannot be watched: {error}"));
            self.shard.fork_failed(now, fork, failure, &mut self.io);
            return None;
        }
        slot.insert(conn);
        self.io.conn_keys.insert(fork, key);
        Some(key)
    }

    /// A stream's socket can be served.
    pub(super) fn serve_stream(&mut self, key: usize, ready: Ready, now: Instant) {
        if ready.readable {
            self.read_stream(key, now);
        }
        if ready.writable
            && let Some(conn) = self.io.conns.get_mut(key)
        {
            let fork = conn.fork;
            match conn.flush(&mut self.scratch) {
                Ok(bytes) => {
                    self.io.counts.stream_bytes += bytes as u64;
                    if self.io.conns.get(key).is_some_and(Conn::takes_more) {
                        self.io.ready.push(fork);
                    }
                    self.measure(key, now);
                }
                Err(error) => self.write_failed(key, &error.to_string(), now),
            }
            self.watch_anew(key);
        }
    }

    /// Pull from every fork that has something.
    pub(super) fn pump_ready(&mut self, now: Instant) {
        let mut ready = std::mem::take(&mut self.io.ready);
        for fork in ready.drain(..) {
            if let Some(key) = self.io.conn_keys.get(&fork).copied() {
                self.pump(key, now);
            }
        }
        if self.io.ready.is_empty() {
            self.io.ready = ready; // keep its memory
        }
    }

    fn pump(&mut self, key: usize, now: Instant) {
        let Some(conn) = self.io.conns.get(key) else {
            return;
        };
        let fork = conn.fork;
        if conn.phase != Phase::Open || !conn.takes_more() {
            return; // when the socket takes more, epoll says so
        }
        let mut stopped = false;
        let mut dry = false;
        self.scratch.frames.clear();
        while self.scratch.frames.len() < BATCH && !stopped && !dry {
            let frames = &mut self.scratch.frames;
            let start = begin_frame(frames);
            let Some(frame) = self.shard.fork_next(now, fork, frames, &mut self.io) else {
                frames.truncate(start);
                dry = true;
                continue;
            };
            stopped = frame == ForkFrame::Stop;
            let opcode = match frame {
                ForkFrame::Binary => Opcode::Binary,
                _ => Opcode::Text,
            };
            if let Err(error) = self.finish(start, opcode, stopped) {
                return self.write_failed(key, &error.to_string(), now);
            }
        }
        if !stopped && !dry {
            self.io.ready.push(fork); // in the next round, after the others
        }
        if self.scratch.frames.is_empty() {
            return;
        }
        let Some(conn) = self.io.conns.get_mut(key) else {
            return;
        };
        if stopped {
            conn.phase = Phase::Stopping;
            self.stopping.push(fork);
        }
        match conn.send_frames(&mut self.scratch) {
            Ok(bytes) => {
                self.io.counts.stream_writes += 1;
                self.io.counts.stream_bytes += bytes as u64;
                self.measure(key, now);
            }
            Err(error) => self.write_failed(key, &error.to_string(), now),
        }
        self.watch_anew(key);
    }

    /// Mask the frame begun at `start`; behind the last one comes our close frame.
    fn finish(&mut self, start: usize, opcode: Opcode, last: bool) -> std::io::Result<()> {
        let key = self.scratch.key()?;
        finish_frame(&mut self.scratch.frames, start, opcode, key);
        if last {
            let key = self.scratch.key()?;
            close_frame(&mut self.scratch.frames, Some(NORMAL), key);
        }
        Ok(())
    }

    /// Tell the shard how much has not arrived.
    fn measure(&mut self, key: usize, now: Instant) {
        let Some(conn) = self.io.conns.get(key) else {
            return;
        };
        let fork = conn.fork;
        if !matches!(conn.phase, Phase::Closing { .. })
            && let Some(unsent) = conn.unsent()
        {
            self.shard.fork_written(now, fork, unsent, &mut self.io);
        }
    }

    fn read_stream(&mut self, key: usize, now: Instant) {
        let Some(conn) = self.io.conns.get_mut(key) else {
            return;
        };
        let end = conn.receive(now, &mut self.scratch, &mut self.heard);
        self.react(key, end, now);
    }

    /// Do what was heard and how it ended ask for.
    fn react(&mut self, key: usize, mut end: End, now: Instant) {
        let mut heard = std::mem::take(&mut self.heard);
        for one in heard.drain(..) {
            let Some(conn) = self.io.conns.get_mut(key) else {
                break;
            };
            match one {
                Heard::Ping(payload) => conn.owe_pong(payload),
                Heard::Pong => {}
                Heard::Message { binary, bytes } => {
                    let (fork, speaks) = (conn.fork, conn.noise.is_allowed());
                    self.io.counts.peer_messages += 1;
                    if conn.noise.add(now, binary, bytes) && matches!(end, End::Open) {
                        end = End::Broke(flood(speaks));
                    }
                    if speaks {
                        self.shard
                            .fork_heard_binary(now, fork, bytes as usize, &mut self.io);
                    }
                }
                Heard::Text(text) => {
                    let fork = conn.fork;
                    self.io.counts.peer_messages += 1;
                    if conn.noise.add(now, false, text.len() as u64) && matches!(end, End::Open) {
                        end = End::Broke(flood(true));
                    }
                    self.shard.fork_heard(now, fork, &text, &mut self.io);
                }
                Heard::Close { code, reason } => self.remote_closed(key, code, reason, now),
            }
        }
        self.heard = heard;
        match end {
            End::Open => {}
            End::Gone(how) => self.gone(key, how, now),
            End::Broke(violation) => self.broke(key, &violation, now),
        }
        if let Some(conn) = self.io.conns.get_mut(key)
            && let Err(error) = conn.flush(&mut self.scratch)
        {
            self.gone(
                key,
                format!("the far server broke the connection: {error}"),
                now,
            );
        }
        self.watch_anew(key);
    }

    /// A close frame: answer it with its own code, and say so to the shard.
    fn remote_closed(&mut self, key: usize, code: Option<u16>, reason: String, now: Instant) {
        let Some(conn) = self.io.conns.get_mut(key) else {
            return;
        };
        let fork = conn.fork;
        let was = conn.phase;
        conn.begin_closing(now, code, &mut self.scratch);
        conn.end_our_side(&mut self.scratch);
        if !matches!(was, Phase::Closing { .. }) {
            let close = RemoteClose {
                close_code: Some(code.unwrap_or(NO_CODE)),
                detail: reason,
            };
            self.shard
                .fork_remote_closed(now, fork, close, &mut self.io);
        }
    }

    /// The connection is no more.
    fn gone(&mut self, key: usize, how: String, now: Instant) {
        let Some(conn) = self.io.conns.get(key) else {
            return;
        };
        let (fork, phase) = (conn.fork, conn.phase);
        if !matches!(phase, Phase::Closing { .. }) {
            let close = RemoteClose {
                close_code: None,
                detail: how,
            };
            self.shard
                .fork_remote_closed(now, fork, close, &mut self.io);
        }
        self.drop_stream(key);
    }

    fn broke(&mut self, key: usize, violation: &Violation, now: Instant) {
        let Some(conn) = self.io.conns.get_mut(key) else {
            return;
        };
        let (fork, was) = (conn.fork, conn.phase);
        conn.begin_closing(now, Some(violation.close_code), &mut self.scratch);
        conn.end_our_side(&mut self.scratch);
        if matches!(was, Phase::Closing { .. }) {
            return self.drop_stream(key);
        }
        let detail = format!(
            "the far server broke the WebSocket protocol: {}",
            violation.what
        );
        let failure = Failure::lasting(31924, detail);
        self.shard.fork_failed(now, fork, failure, &mut self.io);
    }

    /// A write failed; the far end's close frame may still be there to be read, and says more.
    fn write_failed(&mut self, key: usize, error: &str, now: Instant) {
        for _ in 0..4 {
            let open = |conn: &Conn| !matches!(conn.phase, Phase::Closing { .. });
            if !self.io.conns.get(key).is_some_and(open) {
                break;
            }
            self.read_stream(key, now);
        }
        self.gone(
            key,
            format!("the far server broke the connection: {error}"),
            now,
        );
    }

    /// The shard has ended a fork: let its stream finish.
    pub(super) fn close_stream(&mut self, fork: ForkId, now: Instant) {
        let Some(key) = self.io.conn_keys.get(&fork).copied() else {
            return;
        };
        if let Some(conn) = self.io.conns.get_mut(key)
            && !matches!(conn.phase, Phase::Closing { .. })
        {
            conn.begin_closing(now, Some(NORMAL), &mut self.scratch);
        }
        self.watch_anew(key);
    }

    /// Once a second: keep idle peers, let go of those that do not finish.
    pub(super) fn sweep_streams(&mut self, now: Instant) {
        let keys: Vec<usize> = self.io.conns.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(conn) = self.io.conns.get_mut(key) else {
                continue;
            };
            match conn.phase {
                Phase::Closing { until } if now >= until => self.drop_stream(key),
                Phase::Closing { .. } => {}
                Phase::Open | Phase::Stopping => {
                    if let Err(error) = conn.ping_if_idle(now, &mut self.scratch) {
                        self.write_failed(key, &error.to_string(), now);
                    }
                    self.measure(key, now);
                }
            }
        }
    }

    /// Ask stopped streams whether all has arrived: nothing else would tell.
    pub(super) fn check_stopping(&mut self, now: Instant) {
        let mut stopping = std::mem::take(&mut self.stopping);
        stopping.retain(|fork| {
            let Some(key) = self.io.conn_keys.get(fork).copied() else {
                return false;
            };
            self.measure(key, now);
            self.io
                .conns
                .get(key)
                .is_some_and(|conn| conn.phase == Phase::Stopping)
        });
        stopping.append(&mut self.stopping);
        self.stopping = stopping;
    }

    fn watch_anew(&mut self, key: usize) {
        let Some(conn) = self.io.conns.get_mut(key) else {
            return;
        };
        let interest = conn.interest();
        if interest != conn.watched {
            conn.watched = interest;
            let _ = self
                .poller
                .change(&conn.socket, Token::Stream(key).pack(), interest);
        }
    }

    fn drop_stream(&mut self, key: usize) {
        if let Some(conn) = self.io.conns.try_remove(key) {
            // A fork that connected again has another by now.
            if self.io.conn_keys.get(&conn.fork) == Some(&key) {
                self.io.conn_keys.remove(&conn.fork);
            }
        }
    }
}

fn flood(speaks: bool) -> Violation {
    Violation {
        close_code: POLICY,
        what: if speaks {
            "floods us with messages: ten minutes of audio in a second are not enough for it"
        } else {
            "floods us with messages, and a one-way stream may send none"
        },
    }
}
